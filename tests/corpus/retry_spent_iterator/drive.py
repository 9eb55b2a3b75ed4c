import asyncio

import system


def test_a_table_is_stored_or_kept():
    assert asyncio.run(system.upload("sku,price\nmug,250")) in ("stored", "kept for later")
