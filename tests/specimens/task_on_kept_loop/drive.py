import asyncio

import pytest
import system

from pytest_chaos import Raise


def end_the_loop():
    for task in asyncio.all_tasks(system.LOOP):
        task.cancel()
    system.LOOP.run_until_complete(asyncio.sleep(0))
    system.LOOP.close()


@pytest.fixture(scope="session", autouse=True)
def the_loop_ends(request):
    # Behind everything: a session fixture may end with this very test, before it is known what is left.
    request.config.add_cleanup(end_the_loop)


@pytest.mark.chaos("system:fetch", Raise(ConnectionError))
def test_system():
    assert system.answer() == 0
