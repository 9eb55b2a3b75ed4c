import threading

LOCK = threading.Lock()


def fetch():
    return 1


def answer():
    LOCK.acquire()
    try:
        return fetch()
    except ConnectionError:
        return 0
    finally:
        LOCK.release()
