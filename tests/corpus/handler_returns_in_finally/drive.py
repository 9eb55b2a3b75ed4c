import asyncio

import system


def test_the_weight_of_two_mugs():
    assert asyncio.run(system.weight(["mug", "mug"])) == 700
