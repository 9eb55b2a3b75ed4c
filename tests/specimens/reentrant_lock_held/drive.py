import pytest
import system

from pytest_chaos import Raise


@pytest.mark.chaos("system:fetch", Raise(ConnectionError))
def test_system():
    assert system.answer() == 0
