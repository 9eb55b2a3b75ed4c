import system
from starlette.testclient import TestClient


def test_the_price_is_shown():
    with TestClient(system.app, raise_server_exceptions=False) as client:
        answer = client.get("/price")
    assert (answer.status_code, answer.json()) == (200, {"price": 250})
