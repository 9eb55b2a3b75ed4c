import catalogue
import pytest
import warehouse
from pytest_chaos import Null, Raise


@pytest.fixture(autouse=True)
def empty_memory():
    catalogue.forget()


# [one]
def test_the_last_price_is_shown_during_an_outage(chaos):
    assert catalogue.price("mug") == 450

    with chaos.inject("warehouse:fetch_price", Raise(ConnectionError)) as outage:
        assert catalogue.price("mug") == 450

    assert outage.fired == 1


# [one]


# [trigger]
def test_only_the_second_call_fails(chaos):
    outage = chaos.inject(warehouse.fetch_price, Raise(ConnectionError), nth=2)

    assert [catalogue.price("mug") for _ in range(3)] == [450, 450, 450]
    assert (outage.calls, outage.fired) == (3, 1)
    assert outage.activations[0].number == 2


# [trigger]


# [nested]
def test_the_inner_fault_wins(chaos):
    with chaos.inject("warehouse:fetch_price", Raise(ConnectionError)) as outer:
        with chaos.inject("warehouse:fetch_price", Null) as inner:
            assert catalogue.price("mug") is None
        assert catalogue.price("lamp") is None

    assert (outer.calls, outer.fired) == (2, 1)
    assert (inner.calls, inner.fired) == (1, 1)


# [nested]


# [text]
def test_a_rule_can_be_one_text(chaos):
    chaos.inject("warehouse:fetch_price = 2*raise(ConnectionError)")

    assert [catalogue.price("mug") for _ in range(3)] == [None, None, 450]


# [text]


# [fixture]
@pytest.fixture
def warehouse_away(chaos):
    with chaos.inject("warehouse:fetch_price", Raise(ConnectionError)) as outage:
        yield outage


def test_an_unknown_price_is_no_price(warehouse_away):
    assert catalogue.price("mug") is None
    assert warehouse_away.fired == 1


# [fixture]


# [count]
def test_an_outage_is_asked_once_per_look(chaos):
    chaos.inject("warehouse:fetch_price", Raise(ConnectionError))

    catalogue.price("mug")

    assert chaos.calls("warehouse:fetch_price") == 1


# [count]
