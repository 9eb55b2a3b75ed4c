import asyncio

import system


def test_the_balance_is_shown_if_it_is_known():
    assert asyncio.run(system.balance()) in (100, "not known")
