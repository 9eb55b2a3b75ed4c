import asyncio

import system


def test_system():
    assert asyncio.run(system.answer()) in (0, 1)
