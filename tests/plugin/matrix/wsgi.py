"""What the applications of WSGI share: a real server, and a body that breaks off."""

import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server


class Quiet(WSGIRequestHandler):
    def log_message(self, *args): ...


def broken_off():
    """Yield half an answer."""
    yield b"half"
    raise OSError("the rest is missing")


class Served:
    """A real server."""

    def __init__(self, app):
        self.app = app

    def __enter__(self):
        self.server = make_server("127.0.0.1", 0, self.app, handler_class=Quiet)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *error):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
