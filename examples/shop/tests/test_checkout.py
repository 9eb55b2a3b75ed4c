"""What the shop does on a good day, and what it refuses on any day. Both variants pass."""

from datetime import datetime

import pytest


def test_a_sale_is_paid_booked_and_taken_from_the_shelf(client, buy):
    """201, an order that can be looked up, and two mugs less."""
    answer = buy(quantity=2)

    assert answer.status_code == 201
    order = client.get(f"/orders/{answer.json()['order_id']}").json()
    assert (order["sku"], order["quantity"], order["amount"]) == ("mug", 2, 900)
    assert client.get("/stock/mug").json() == {"sku": "mug", "quantity": 98}


@pytest.mark.parametrize(
    ("order", "status", "code"),
    [
        ({"quantity": 0}, 400, "bad_request"),
        ({"quantity": "two"}, 400, "bad_request"),
        ({"card": "card-declined"}, 402, "payment_declined"),
        ({"sku": "unicorn"}, 404, "unknown_sku"),
        ({"sku": "lamp", "quantity": 2}, 409, "sold_out"),
    ],
    ids=["no-pieces", "not-a-number", "declined", "unknown", "sold-out"],
)
def test_a_refusal_has_its_own_status_and_the_one_error_body(buy, order, status, code):
    """Every reason not to sell is told apart by status and code."""
    answer = buy(**order)

    assert answer.status_code == status
    body = answer.json()
    assert body.keys() == {"code", "message", "timestamp"}
    assert body["code"] == code
    assert datetime.fromisoformat(body["timestamp"]).tzinfo is not None


def test_a_body_that_is_not_json_is_a_bad_request(client):
    """400, not a parser's traceback."""
    answer = client.post("/checkout", content=b"{")

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


def test_the_last_piece_is_sold_once(buy):
    """Of two customers for one lamp, the second is told."""
    assert [buy("lamp").status_code, buy("lamp").status_code] == [201, 409]


def test_the_breaker_is_closed_on_a_good_day(client, buy):
    """Health shows how the gateway sees the payment service."""
    buy()

    assert client.get("/health").json() == {"payments": "closed"}


def test_unknown_addresses_get_the_one_error_body(client):
    """Also where no route of ours answers."""
    answer = client.get("/cellar")

    assert answer.status_code == 404
    assert answer.json().keys() == {"code", "message", "timestamp"}


@pytest.mark.parametrize("address", ["/stock/unicorn", "/orders/nobody"])
def test_what_is_not_there_is_404(client, address):
    """Reading something unknown is not an error of ours."""
    assert client.get(address).status_code == 404
