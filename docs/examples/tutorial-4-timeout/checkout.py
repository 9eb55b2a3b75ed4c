"""A checkout that does not wait for ever."""

import asyncio

import bank

TIMEOUT_S = 0.2


async def pay(amount: int) -> tuple[int, str]:
    """Return a status code and a text for the customer."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            receipt = await bank.charge(amount)
    except OSError:  # ConnectionError and TimeoutError are kinds of it
        return 503, "The bank is away, please try again."
    return 200, receipt
