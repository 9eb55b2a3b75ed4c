import _thread
import threading


def fetch():
    return 1


def answer():
    stop = threading.Event()
    _thread.start_new_thread(stop.wait, ())
    try:
        value = fetch()
    except ConnectionError:
        return 0
    stop.set()
    return value
