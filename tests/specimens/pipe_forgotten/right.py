import os


def fetch():
    return 1


def answer():
    reader, writer = os.pipe()
    try:
        return fetch()
    except ConnectionError:
        return 0
    finally:
        os.close(reader)
        os.close(writer)
