import breaker
import pytest
from pytest_chaos import Raise

relay = breaker.Breaker()


def mail_goes_out() -> bool:
    return relay.send("hello at last")


@pytest.mark.chaos("breaker:send", Raise(ConnectionError), recovers=mail_goes_out, within=2.0)
def test_an_outage_is_noticed():
    assert not relay.send("hello")
