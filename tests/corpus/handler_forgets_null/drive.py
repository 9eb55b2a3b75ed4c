import asyncio

import system


def test_a_customer_is_greeted():
    assert asyncio.run(system.greet(7)).startswith("Hello")
