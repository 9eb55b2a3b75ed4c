import asyncio

import system


def test_the_price_of_a_mug():
    assert asyncio.run(system.price("mug")) == 250
