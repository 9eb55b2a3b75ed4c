import pytest

from webshop.payments import PaymentError


def order(client, **changes):
    wanted = {"item": "tea", "amount": 2, "card": "4711", "mail": "ann@example.org"}
    return client.post("/orders", json=wanted | changes)


def test_an_item_is_shown(client):
    answer = client.get("/items/tea")
    assert answer.status_code == 200
    assert answer.json == {"item": "tea", "amount": 5, "price": 350}


def test_an_unknown_item_is_not_found(client):
    assert client.get("/items/moon").status_code == 404


def test_a_price_is_shown_in_foreign_money(client):
    assert client.get("/items/tea?currency=USD").json["foreign"] == 3.18


def test_an_order_is_booked(client):
    answer = order(client)
    assert answer.status_code == 201
    booked = client.get(f"/orders/{answer.json['number']}").json
    assert booked["paid"] == 1
    assert booked["receipt"] == "r-700"


def test_an_order_takes_from_the_shelf(client, app):
    order(client)
    assert app.store.find("tea")["amount"] == 3


def test_an_order_is_confirmed_by_mail(client, mailbox):
    order(client)
    assert b"Your order 1" in mailbox.mails[0]


def test_a_sold_out_item_is_refused(client):
    assert order(client, item="cup", amount=2).status_code == 409


def test_a_stolen_card_is_refused(client):
    assert order(client, card="stolen").status_code == 402


def test_the_payment_service_refuses(app):
    with pytest.raises(PaymentError):
        app.payments.charge("stolen", 100)


def test_an_unknown_order_is_not_found(client):
    assert client.get("/orders/7").status_code == 404
