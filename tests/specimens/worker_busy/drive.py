import pytest
import system

from pytest_chaos import Raise


def let_the_worker_go():
    system.READY.set()  # or the interpreter would wait for it at its end
    system.POOL.shutdown()


@pytest.fixture(scope="session", autouse=True)
def the_worker_goes_on(request):
    # Behind everything: a session fixture may end with this very test, before it is known what is left.
    request.config.add_cleanup(let_the_worker_go)


@pytest.mark.chaos("system:fetch", Raise(ConnectionError))
def test_system():
    assert system.answer() == 0
