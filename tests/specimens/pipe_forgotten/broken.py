import os


def fetch():
    return 1


def answer():
    reader, writer = os.pipe()
    try:
        value = fetch()
    except ConnectionError:
        return 0
    os.close(reader)
    os.close(writer)
    return value
