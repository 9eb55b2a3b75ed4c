import pytest
import system

from pytest_chaos import Raise


@pytest.mark.chaos_contract(leaks="strict")  # nobody can join such a thread, so it is only worth a note
@pytest.mark.chaos("system:fetch", Raise(ConnectionError))
def test_system():
    assert system.answer() == 0
