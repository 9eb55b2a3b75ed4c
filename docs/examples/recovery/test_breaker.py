import breaker
import pytest
from pytest_chaos import Raise


@pytest.fixture(params=[breaker.Breaker, breaker.StuckBreaker])
def relay(request):
    return request.param()


def test_mail_goes_out_again_after_an_outage(relay, chaos):
    with chaos.inject("breaker:send", Raise(ConnectionError)) as outage:
        assert not relay.send("hello")
        assert not relay.send("hello again")
        assert outage.fired == 1, "the second message must be refused by the breaker"

    chaos.recovers(lambda: relay.send("hello at last"), within=0.5)
