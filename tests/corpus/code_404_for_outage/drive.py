import system
from starlette.testclient import TestClient


def test_the_price_is_shown():
    with TestClient(system.app, raise_server_exceptions=False) as client:
        assert client.get("/price/mug").json() == {"price": 250}
