import asyncio

import system


def test_eight_visitors_see_the_same_price():
    assert asyncio.run(system.visitors(8)) == [250] * 8
