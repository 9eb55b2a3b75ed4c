import asyncio

import system


def test_the_bank_has_an_address():
    assert asyncio.run(system.address_of("bank")) == "10.0.0.7"
