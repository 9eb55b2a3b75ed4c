import asyncio

import pytest
import system

from pytest_chaos import Raise


@pytest.fixture(scope="session", autouse=True)
def end_the_loop():
    yield
    for task in asyncio.all_tasks(system.LOOP):
        task.cancel()
    system.LOOP.run_until_complete(asyncio.sleep(0))
    system.LOOP.close()


@pytest.mark.chaos("system:fetch", Raise(ConnectionError))
def test_system():
    assert system.answer() == 0
