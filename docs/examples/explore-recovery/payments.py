"""Payments behind a breaker, which all requests share."""

import bank

FAILURES_TO_OPEN = 2

_failures = 0


def pay(amount: int) -> str:
    """Pay, unless the bank has failed too often."""
    global _failures
    if _failures >= FAILURES_TO_OPEN:
        return "paused"  # and no trial call ever closes it again
    try:
        receipt = bank.charge(amount)
    except OSError:
        _failures += 1
        return "try again"
    _failures = 0
    return receipt
