import asyncio

import pytest
import system

from pytest_chaos import Raise


async def end():
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    system.LOOP.stop()


def end_the_loop():
    asyncio.run_coroutine_threadsafe(end(), system.LOOP)
    system.THREAD.join()
    system.LOOP.close()


@pytest.fixture(scope="session", autouse=True)
def the_loop_ends(request):
    # Behind everything: a session fixture may end with this very test, before it is known what is left.
    request.config.add_cleanup(end_the_loop)


@pytest.mark.chaos("system:fetch", Raise(ConnectionError))
def test_system():
    assert system.answer() == 0
