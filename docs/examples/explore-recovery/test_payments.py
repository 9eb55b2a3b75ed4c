import payments


def test_every_payment_gets_a_receipt():
    receipts = [payments.pay(amount) for amount in (1, 2)]

    assert receipts == ["receipt for 1", "receipt for 2"]
