import threading
from concurrent.futures import ThreadPoolExecutor

READY = threading.Event()


def fetch():
    return 1


def answer():
    READY.clear()
    ThreadPoolExecutor(1).submit(READY.wait)
    try:
        return fetch()
    except ConnectionError:
        return 0
    finally:
        READY.set()
