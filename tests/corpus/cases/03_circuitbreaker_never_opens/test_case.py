import asyncio

import app


def test_a_dead_price_service_is_left_alone():
    prices = app.Prices()
    assert set(asyncio.run(app.serve(prices, customers=10))) <= {250, None}
    assert prices.failed <= 3
