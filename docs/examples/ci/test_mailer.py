import mailer
import pytest
from pytest_chaos import Raise


@pytest.mark.chaos("mailer:deliver", Raise(ConnectionError), times=2)
def test_two_lost_connections_are_survived():
    assert mailer.send("hello")


@pytest.mark.chaos("mailer:deliver", Raise(ConnectionAbortedError), times=3)
def test_three_lost_connections_are_survived():
    assert mailer.send("hello")
