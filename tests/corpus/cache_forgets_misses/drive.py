import asyncio

import system


def test_a_page_has_a_line_for_each_article():
    lines = asyncio.run(system.page(["mug"] * 6))
    assert [line.split()[0] for line in lines] == ["mug"] * 6
