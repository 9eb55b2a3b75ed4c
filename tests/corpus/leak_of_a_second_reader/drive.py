import asyncio

import system


def test_pages_come_in_order_as_far_as_they_come():
    found = asyncio.run(system.rows(4))
    assert found == [0, 1, 2, 3][: len(found)]
