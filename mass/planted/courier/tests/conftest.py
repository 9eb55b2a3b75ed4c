import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from courier.hooks import Hooks
from courier.jobs import Jobs
from courier.worker import Worker


class Hook(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, {"token": "t", "left": 3})

    def do_POST(self):
        self.server.texts.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.answer(202, {})

    def answer(self, status, what):
        body = json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Statistics(socketserver.StreamRequestHandler):
    def handle(self):
        if self.rfile.readline():
            self.wfile.write(b"1")


def serve(server):
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def hook():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.texts = []
    yield from serve(server)


@pytest.fixture
def statistics():
    yield from serve(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Statistics))


@pytest.fixture
def url(hook):
    return f"http://127.0.0.1:{hook.server_port}"


@pytest.fixture
def hooks(url):
    return Hooks(f"{url}/token")


@pytest.fixture
def jobs(tmp_path):
    jobs = Jobs(str(tmp_path / "jobs.db"))
    yield jobs
    jobs.close()


@pytest.fixture
def worker(jobs, hooks):
    worker = Worker(jobs, hooks)
    yield worker
    worker.stop()
