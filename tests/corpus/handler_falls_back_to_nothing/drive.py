import asyncio

import system


def test_the_page_of_a_mug_is_shown():
    assert asyncio.run(system.page("mug")).startswith("mug: ")
