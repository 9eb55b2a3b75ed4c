import orders
import pytest
from pytest_chaos import Null, Raise


# [together]
@pytest.mark.chaos("orders:charge", Raise(ConnectionError), times=2)
@pytest.mark.chaos("orders:announce", Raise(TimeoutError))
def test_a_bad_day_for_both():
    assert orders.place(450) == "placed quietly"


# [together]


# [alternatives]
@pytest.mark.parametrize(
    "expected",
    [
        pytest.param("refused", marks=pytest.mark.chaos("orders:charge", Raise(ConnectionError)), id="bank away"),
        pytest.param("placed quietly", marks=pytest.mark.chaos("orders:announce", Raise(OSError)), id="mail away"),
    ],
)
def test_one_outage_at_a_time(expected):
    assert orders.place(450) == expected


# [alternatives]


# [faults]
@pytest.mark.parametrize(
    "fault", [Raise(ConnectionResetError), Raise(TimeoutError), Null], ids=["reset", "timeout", "null"]
)
def test_no_trouble_with_mail_costs_an_order(chaos, fault):
    chaos.inject("orders:announce", fault)

    assert orders.place(450).startswith("placed")


# [faults]


# [chain]
@pytest.mark.chaos("orders:charge = 2*raise(ConnectionError) -> return('late receipt')")
def test_the_third_attempt_is_answered():
    assert orders.place(450) == "placed"


# [chain]
