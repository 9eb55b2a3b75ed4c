import orders


def test_an_order_is_paid_and_announced():
    placed = orders.order(20)

    assert placed == {"receipt": "receipt for 20.00", "announced": True}


def test_dollars_are_worth_half():
    assert orders.order(20, "USD")["receipt"] == "receipt for 10.00"
