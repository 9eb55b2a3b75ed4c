import threading
from concurrent.futures import ThreadPoolExecutor

POOL = ThreadPoolExecutor(1)
READY = threading.Event()


def fetch():
    return 1


def answer():
    READY.clear()
    POOL.submit(READY.wait)
    try:
        value = fetch()
    except ConnectionError:
        return 0
    READY.set()
    return value
