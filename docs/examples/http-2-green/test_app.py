import app
import httpx
import pytest
from pytest_chaos import HttpAnswer

STOCK = httpx.MockTransport(lambda request: httpx.Response(200, json={"pieces": 3}))


@pytest.mark.chaos("httpx:Client.send", HttpAnswer(502, "<html>"))
def test_window_is_empty_when_a_gateway_answers():
    with httpx.Client(transport=STOCK) as client:
        assert app.window(client) == []


def test_window_shows_what_is_there(chaos):
    with httpx.Client(transport=STOCK) as client:
        with chaos.inject("httpx:Client.send", HttpAnswer(429, headers={"Retry-After": "1"}), nth=2):
            assert app.window(client) == ["mug"]
        assert app.window(client) == ["mug", "tea"]
