import threading


def fetch():
    return 1


def answer():
    stop = threading.Event()
    progress = threading.Thread(target=stop.wait, name="progress", daemon=True)
    progress.start()
    try:
        return fetch()
    except ConnectionError:
        return 0
    finally:
        stop.set()
        progress.join()
