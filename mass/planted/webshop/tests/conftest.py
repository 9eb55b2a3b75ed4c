import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from webshop.app import create_app


class Bank(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, {"rate": 110})

    def do_POST(self):
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if wanted["card"] == "stolen":
            self.answer(402, {"error": "stolen card"})
        else:
            self.answer(200, {"receipt": f"r-{wanted['cents']}"})

    def answer(self, status, what):
        body = json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Mailbox(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 mail\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                text = b""
                while not text.endswith(b"\r\n.\r\n"):
                    text += self.rfile.readline()
                self.server.mails.append(text)
            elif word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 ok\r\n")


def serve(server):
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def bank():
    yield from serve(ThreadingHTTPServer(("127.0.0.1", 0), Bank))


@pytest.fixture
def mailbox():
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailbox)
    server.daemon_threads = True
    server.mails = []
    yield from serve(server)


@pytest.fixture
def app(tmp_path, bank, mailbox):
    app = create_app(str(tmp_path / "shop.db"), f"http://127.0.0.1:{bank.server_port}", mailbox.server_address)
    app.store.put("tea", 5, 350)
    app.store.put("cup", 1, 900)
    return app


@pytest.fixture
def client(app):
    return app.test_client()
