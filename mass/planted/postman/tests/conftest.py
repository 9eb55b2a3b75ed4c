import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from postman.mailer import Mailer


class Feed(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"title": "Daily"} if self.path.endswith("/title") else ["rain", "sun"]).encode()
        self.send_response(200)
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
                while line and not text.endswith(b"\r\n.\r\n"):
                    line = self.rfile.readline()
                    text += line
                self.server.mails.append(text.decode())
            elif word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 ok\r\n")


def serve(server):
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def feed():
    for server in serve(ThreadingHTTPServer(("127.0.0.1", 0), Feed)):
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def mailbox():
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailbox)
    server.mails = []
    yield from serve(server)


@pytest.fixture
def mailer(mailbox):
    return Mailer(*mailbox.server_address)
