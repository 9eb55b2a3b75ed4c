"""Adds up orders in foreign money, at one rate for all lines of an order."""

from async_lru import alru_cache


async def fetch_rate(currency):
    return 1.1


@alru_cache(maxsize=8)
async def rate(currency):
    return await fetch_rate(currency)


async def total(lines, currency):
    amount = sum([round(cents * await rate(currency)) for cents in lines])
    rate.cache_clear()  # the next order gets the rate of its own moment
    return amount
