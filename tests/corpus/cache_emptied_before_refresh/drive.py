import asyncio

import system


async def price_on_the_second_day(prices):
    for _ in range(2):
        await prices.refresh()
    return prices.price("mug")


def test_a_price_is_there_on_the_second_day():
    assert asyncio.run(price_on_the_second_day(system.PriceList())) in (250, "on request")
