import asyncio

import system


async def two_visitors(catalogue):
    return [await catalogue.describe("mug"), await catalogue.describe("mug")]


def test_every_visitor_reads_of_a_mug():
    assert all(text.startswith("Mug") for text in asyncio.run(two_visitors(system.Catalogue())))
