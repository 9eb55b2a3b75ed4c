import asyncio

import system


async def two_customers(desk):
    return [await desk.change(100, "EUR"), await desk.change(200, "EUR")]


def test_two_customers_get_the_same_rate():
    assert asyncio.run(two_customers(system.Desk())) == [110, 220]
