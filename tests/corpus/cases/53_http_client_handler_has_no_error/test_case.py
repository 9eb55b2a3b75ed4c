import http.server
import threading

import app
import pytest


class Service(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status, body = app.answer(self.path)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def address():
    with http.server.HTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_the_service_knows_somebody_or_nobody(address):
    assert app.ask(address) in ({"name": "anna"}, None)
