import asyncio

import system


def test_the_report_lists_every_article_once():
    assert asyncio.run(system.report()) == ["mug", "kettle", "lamp"]
