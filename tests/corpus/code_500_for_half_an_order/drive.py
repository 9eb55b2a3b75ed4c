import system
from starlette.testclient import TestClient


def test_two_articles_are_reserved():
    with TestClient(system.app, raise_server_exceptions=False) as client:
        answer = client.post("/orders", json=["mug", "kettle"])
    assert answer.status_code == 200
    assert answer.json() == {"reserved": ["mug-1", "kettle-1"]}
