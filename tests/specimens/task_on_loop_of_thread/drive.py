import asyncio

import pytest
import system

from pytest_chaos import Raise


@pytest.fixture(scope="session", autouse=True)
def end_the_loop():
    async def end():
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        system.LOOP.stop()

    yield
    asyncio.run_coroutine_threadsafe(end(), system.LOOP)
    system.THREAD.join()
    system.LOOP.close()


@pytest.mark.chaos("system:fetch", Raise(ConnectionError))
def test_system():
    assert system.answer() == 0
