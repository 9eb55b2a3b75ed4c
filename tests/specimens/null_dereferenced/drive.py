import pytest
import system

from pytest_chaos import Null


@pytest.mark.chaos("system:fetch", Null)
def test_system():
    assert system.answer() == 0
