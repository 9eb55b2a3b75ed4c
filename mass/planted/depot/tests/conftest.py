import socketserver
import threading

import pytest


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "depot"
    folder.mkdir()
    return folder


@pytest.fixture
def source(tmp_path):
    source = tmp_path / "letters"
    source.mkdir()
    (source / "one.txt").write_text("one\n" * 3000)
    (source / "two.txt").write_text("two\n")
    return source


class Mirror(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"%d" % len(self.rfile.read()))


@pytest.fixture
def mirror():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mirror) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_address
        server.shutdown()
        thread.join()
