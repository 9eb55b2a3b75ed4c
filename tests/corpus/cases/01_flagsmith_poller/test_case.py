import http.server
import json
import threading
import time

import app
import pytest


class FlagService(http.server.ThreadingHTTPServer):
    daemon_threads = True
    is_on = False

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_address[1]}/api/v1/"


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        document = environment(self.server.is_on)
        body = json.dumps(document["feature_states"] if self.path.endswith("/flags/") else document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def environment(is_on):
    organisation = {
        "id": 1,
        "name": "shop",
        "feature_analytics": False,
        "stop_serving_flags": False,
        "persist_trait_data": True,
    }
    gift_wrap = {
        "id": 1,
        "featurestate_uuid": "8c0a5fd6-4f0b-4f5e-9f7c-0f3bb0f9b3a1",
        "feature": {"id": 1, "name": "gift-wrap", "type": "STANDARD"},
        "enabled": is_on,
        "feature_state_value": None,
        "multivariate_feature_state_values": [],
        "segment_id": None,
    }
    return {
        "id": 1,
        "api_key": "ser.shop",
        "name": "production",
        "project": {
            "id": 1,
            "name": "shop",
            "hide_disabled_flags": False,
            "segments": [],
            "organisation": organisation,
        },
        "segment_overrides": [],
        "feature_states": [gift_wrap],
    }


@pytest.fixture
def service():
    with FlagService(("127.0.0.1", 0), Answers) as service:
        thread = threading.Thread(target=service.serve_forever, args=(0.01,))
        thread.start()
        yield service
        service.shutdown()
        thread.join()


def test_a_feature_is_switched_on_while_the_shop_is_open(service):
    features = app.Features(service.address)
    try:
        features.wait(patience_s=0.5)
        assert not features.is_on("gift-wrap")
        service.is_on = True
        end = time.monotonic() + 1
        while not features.is_on("gift-wrap"):
            assert time.monotonic() < end, "the shop never heard of it"
            time.sleep(0.01)  # asks again, as an operator would
    finally:
        features.close()
