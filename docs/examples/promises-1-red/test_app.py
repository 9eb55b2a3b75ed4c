import app
import httpx


def test_a_sale():
    with httpx.Client(transport=httpx.WSGITransport(app.application), base_url="http://shop") as client:
        assert client.post("/sales").json()["receipt"] == "receipt for card-1"
