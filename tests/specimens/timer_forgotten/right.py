import threading


def fetch():
    return 1


def answer():
    watchdog = threading.Timer(3600, print)
    watchdog.daemon = True
    watchdog.start()
    try:
        return fetch()
    except ConnectionError:
        return 0
    finally:
        watchdog.cancel()
