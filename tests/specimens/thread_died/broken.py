import threading


def fetch():
    return 1


def answer():
    worker = threading.Thread(target=fetch)
    worker.start()
    worker.join()
    return 0
