import threading

GO_ON = threading.Event()


def fetch():
    return 1


def serve():
    threading.Thread(target=GO_ON.wait, name="connection").start()


def answer():
    GO_ON.clear()
    server = threading.Thread(target=serve)
    server.start()
    server.join()
    try:
        return fetch()
    except ConnectionError:
        return 0
    finally:
        GO_ON.set()
