import asyncio

import system


def test_no_money_is_lost_on_the_way():
    asyncio.run(system.transfer(10, "ann", "ben"))
    assert sum(system.BALANCES.values()) == 200
