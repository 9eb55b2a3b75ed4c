import pytest
import system

from pytest_chaos import Raise


@pytest.mark.chaos("system:fetch", Raise(ConnectionError), recovers=lambda: system.answer() == 1, within=0.1)
def test_system():
    assert system.answer() is None
