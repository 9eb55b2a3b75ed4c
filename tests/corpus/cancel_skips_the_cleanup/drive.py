import asyncio

import system


def test_there_is_a_report_or_a_word():
    assert asyncio.run(system.report()) in ("report", "no report")
