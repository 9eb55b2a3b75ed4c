import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from ledger.bank import Bank


@pytest.fixture
def bank(tmp_path):
    bank = Bank(f"sqlite:///{tmp_path}/ledger.db")
    bank.open_account("ann", "eur")
    bank.open_account("bob", "usd")
    bank.pay_in("ann", 100)
    yield bank
    bank.close()


class Authority(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"number": 7}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def authority():
    server = HTTPServer(("127.0.0.1", 0), Authority)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server.server_address
    server.shutdown()
    server.server_close()
    thread.join()
