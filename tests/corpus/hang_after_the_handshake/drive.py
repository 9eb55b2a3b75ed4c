import asyncio

import system


def test_articles_come_in_order_as_far_as_they_come():
    found = asyncio.run(system.articles())
    assert found == ["mug", "kettle"][: len(found)]
