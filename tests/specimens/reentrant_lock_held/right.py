import threading

LOCK = threading.RLock()


def fetch():
    return 1


def answer():
    with LOCK:
        try:
            return fetch()
        except ConnectionError:
            return 0
