import asyncio

import system


def test_it_is_warm():
    assert asyncio.run(system.temperature()) == 21
