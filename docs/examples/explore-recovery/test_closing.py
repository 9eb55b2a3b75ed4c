import closing
import pytest


@pytest.mark.chaos_explore("bank:charge", faults="raise(ConnectionError)", recovery_within=2)
def test_a_payment_gets_a_receipt():
    assert closing.pay(1) == "receipt for 1"
