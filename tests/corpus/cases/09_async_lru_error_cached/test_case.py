import asyncio

import app


def test_an_order_of_two_lines_is_added_up():
    assert asyncio.run(app.total([100, 200], "EUR")) == 330
