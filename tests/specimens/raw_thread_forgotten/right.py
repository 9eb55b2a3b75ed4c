import _thread
import threading


def fetch():
    return 1


def answer():
    stop = threading.Event()
    _thread.start_new_thread(stop.wait, ())
    try:
        return fetch()
    except ConnectionError:
        return 0
    finally:
        stop.set()
