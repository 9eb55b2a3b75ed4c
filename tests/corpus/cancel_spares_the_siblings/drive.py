import asyncio

import system


def test_a_mug_is_shown():
    assert asyncio.run(system.show()).startswith("mug")
