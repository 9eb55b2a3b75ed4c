import asyncio

import app


def test_a_hundred_cents_are_changed():
    assert asyncio.run(app.Desk().change(100, "EUR")) == 110
