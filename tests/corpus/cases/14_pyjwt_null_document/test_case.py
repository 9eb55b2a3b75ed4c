import http.server
import json
import threading

import app
import jwt
import pytest

SECRET = "0123456789abcdef0123456789abcdef"
KEY = {"kty": "oct", "kid": "front-door", "use": "sig", "alg": "HS256", "k": "MDEyMzQ1Njc4OWFiY2RlZg"}


class KeyServer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"keys": [KEY]}).encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def address():
    with http.server.HTTPServer(("127.0.0.1", 0), KeyServer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/keys"
        server.shutdown()
        thread.join()


def test_a_token_of_the_provider_is_checked(address):
    token = jwt.encode({"sub": "ann"}, SECRET, headers={"kid": "front-door"})
    assert app.Gate(address).is_known(token) in (True, False)
