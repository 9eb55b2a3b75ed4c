"""Payments behind a breaker that lets a trial call through after a while."""

import time

import bank

OPEN_S = 0.05

_opened = -OPEN_S


def pay(amount: int) -> str:
    """Pay, unless the bank has failed a moment ago."""
    global _opened
    if time.monotonic() - _opened < OPEN_S:
        return "paused"
    try:
        return bank.charge(amount)
    except OSError:
        _opened = time.monotonic()
        return "try again"
