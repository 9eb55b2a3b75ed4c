import socket

LINES = []


def fetch():
    return 1


def answer():
    line = socket.socket()
    LINES.append(line)
    try:
        return fetch()
    except ConnectionError:
        return 0
    finally:
        LINES.remove(line)
        line.close()
