import system
from starlette.testclient import TestClient


def test_an_answer_without_a_price_is_no_success():
    with TestClient(system.app, raise_server_exceptions=False) as client:
        answer = client.get("/price")
    if answer.status_code == 200:
        assert answer.json().get("price") == 250
    else:
        assert answer.json()["error"]
