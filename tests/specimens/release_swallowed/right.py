import threading


def fetch():
    return 1


def answer():
    found = []
    worker = threading.Thread(target=lambda: found.append(fetch()), daemon=True)
    worker.start()
    worker.join(0.05)
    return found[0] if found else 0
