"""A checkout that knows that banks can be away."""

import bank


async def pay(amount: int) -> tuple[int, str]:
    """Return a status code and a text for the customer."""
    try:
        receipt = await bank.charge(amount)
    except OSError:  # ConnectionError and TimeoutError are kinds of it
        return 503, "The bank is away, please try again."
    return 200, receipt
