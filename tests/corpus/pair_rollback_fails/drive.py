import asyncio

import system


def test_a_page_can_be_edited():
    assert asyncio.run(system.handle("start", "welcome")) in ("saved", "restored", "broken")
