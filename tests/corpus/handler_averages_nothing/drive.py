import asyncio

import system


def test_chunks_come_in_order_as_far_as_they_come():
    chunks = asyncio.run(system.download(4))
    assert chunks == [0, 10, 20, 30][: len(chunks)]
