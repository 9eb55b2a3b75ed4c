import asyncio

import system


def test_system():
    assert asyncio.run(system.answer()) == 0
