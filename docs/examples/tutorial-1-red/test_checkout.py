import asyncio

import checkout
import pytest
from pytest_chaos import Raise


def test_a_payment_is_answered_with_a_receipt():
    assert asyncio.run(checkout.pay(450)) == (200, "receipt for 450")


@pytest.mark.chaos("bank:charge", Raise(ConnectionError))
def test_a_bank_that_is_away_costs_a_polite_refusal():
    status, _ = asyncio.run(checkout.pay(450))

    assert status == 503
