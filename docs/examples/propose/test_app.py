import app
import httpx
import pytest


@pytest.fixture
def shop():
    with httpx.Client(transport=httpx.WSGITransport(app.application), base_url="http://shop") as client:
        yield client


def test_prices(shop):
    assert shop.get("/price/mug").json() == {"price": 250}
    assert shop.get("/price/tea").status_code == 404
