import asyncio

import system


def test_twelve_mugs_are_in_stock():
    assert asyncio.run(system.in_stock("mug")) in (12, "ask in the shop")
