import socket

LINES = []


def fetch():
    return 1


def answer():
    line = socket.socket()
    LINES.append(line)
    try:
        value = fetch()
    except ConnectionError:
        return 0
    LINES.remove(line)
    line.close()
    return value
