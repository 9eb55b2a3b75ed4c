import asyncio

import checkout
import pytest
from pytest_chaos import Hang, Raise


def test_a_payment_is_answered_with_a_receipt():
    assert asyncio.run(checkout.pay(450)) == (200, "receipt for 450")


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param("away", marks=pytest.mark.chaos("bank:charge", Raise(ConnectionError))),
        pytest.param("silent", marks=pytest.mark.chaos("bank:charge", Hang())),
    ],
)
def test_a_bank_in_trouble_costs_a_polite_refusal(fault):
    status, _ = asyncio.run(checkout.pay(450))

    assert status == 503
