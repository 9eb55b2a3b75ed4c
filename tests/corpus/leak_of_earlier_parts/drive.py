import asyncio

import system


def test_two_parts_are_downloaded(tmp_path):
    assert asyncio.run(system.download(tmp_path, 2)) in ("complete", "in part")
