import asyncio

import system


def test_the_display_shows_degrees():
    assert asyncio.run(system.show()).endswith("°C")
