import threading


def fetch():
    return 1


def answer():
    stop = threading.Event()
    progress = threading.Thread(target=stop.wait, name="progress", daemon=True)
    progress.start()
    try:
        value = fetch()
    except ConnectionError:
        return 0
    stop.set()
    progress.join()
    return value
