import asyncio

import system


def test_the_label_names_the_article():
    assert asyncio.run(system.label("mug")).startswith("mug")
