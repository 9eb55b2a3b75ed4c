import asyncio

import pytest
import system


@pytest.mark.filterwarnings("ignore:coroutine 'notify' was never awaited")
def test_system():
    assert asyncio.run(system.answer()) in (0, 1)
