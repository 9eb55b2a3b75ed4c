"""What the shop makes of a database, a price list or a delivery note that lets it down."""

import pytest
from pytest_chaos import Null, Raise
from sqlalchemy.exc import OperationalError


def code(answer):
    """Return status and code of an error answer that has the documented shape, and only that."""
    assert answer.headers["content-type"] == "application/json", answer.text
    body = answer.json()
    assert body.keys() == {"code", "message", "timestamp"}
    return answer.status_code, body["code"]


@pytest.mark.chaos("shop.stock:Stock.quantity", Raise(OperationalError, "SELECT", {}, "disk I/O error"))
@pytest.mark.chaos_contract(status=[200, 404, 503])
def test_a_broken_database_is_a_service_unavailable(client):
    """The customer gets the one error body; the database's own words stay inside."""
    answer = client.get("/stock/mug")

    assert code(answer) == (503, "stock_unavailable")
    assert "disk" not in answer.text


@pytest.mark.chaos("shop.stock:Stock.quantity", Null)
@pytest.mark.chaos_contract(status=[200, 404, 503])
def test_an_article_that_is_gone_is_not_found(client):
    """A row deleted under our feet is a 404."""
    assert code(client.get("/stock/mug")) == (404, "unknown_sku")


@pytest.mark.chaos("shop.prices:PriceList.find", Null)
@pytest.mark.chaos_contract(status=[201, 400, 402, 404, 409, 502, 503, 504])
def test_an_article_without_a_price_is_not_for_sale(buy):
    """No price is no sale, and not a sale for nothing."""
    assert code(buy()) == (409, "not_for_sale")


@pytest.mark.chaos("shop.deliveries:parse_line", Raise(ValueError, "not a delivery line"), nth=2)
@pytest.mark.chaos_contract(status=[200, 201, 400, 404, 503])
def test_a_torn_delivery_note_is_refused_as_a_whole(client):
    """The second line cannot be read: 400, and the first line's mugs are not on the shelf."""
    answer = client.post("/deliveries", json=["mug,20", "mug,30", "mug,40"])

    assert code(answer) == (400, "bad_request")
    assert client.get("/stock/mug").json()["quantity"] == 100
