import pytest
import system

from pytest_chaos import Raise


@pytest.fixture(scope="session", autouse=True)
def let_the_worker_go():
    yield
    system.READY.set()  # or the interpreter would wait for it at its end


@pytest.mark.chaos("system:fetch", Raise(ConnectionError))
def test_system():
    assert system.answer() == 0
