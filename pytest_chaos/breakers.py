"""Breakers of pybreaker and circuitbreaker: between two runs their open time is let pass.

A breaker that an outage has opened lets nothing through for a minute or so, and what is run in that minute says nothing
of the system. So the time is moved and not the state: when the breaker opened is moved back by as long as it stays
open. Its next call is a trial then, as it would be after that time, and whether it closes is its own affair.
"""

from __future__ import annotations

import contextlib
import datetime
import weakref
from typing import Any

from pytest_chaos.resources.holders import live

_OPEN = "open"  # in both libraries
_PYBREAKER = "pybreaker:CircuitBreaker"
_CIRCUITBREAKER = "circuitbreaker:CircuitBreaker"


class Breakers:
    """The breakers that are there when they are first asked for, which is after a fault has acted.

    Looking for them takes tens of milliseconds where one of the libraries is imported, so it is done once; neither of
    them has a list of all of its own.
    """

    def __init__(self) -> None:
        self._known: list[weakref.ref[Any]] | None = None

    def let_open_time_pass(self) -> bool:
        """Move back when each breaker opened that is open, by as long as it stays so; tell whether there was one."""
        if self._known is None:
            self._known = [weakref.ref(one) for one in live(_PYBREAKER, _CIRCUITBREAKER)]
        breakers = [one for known in self._known if (one := known()) is not None]
        were_open = [let_open_time_pass(one) for one in breakers]
        return any(were_open)


def let_open_time_pass(breaker: Any) -> bool:
    """Move back when a breaker opened, if it is open, by as long as it stays so; tell whether that was done.

    One that keeps its state elsewhere, as in Redis, is left alone: it may be open for others, too.

    Args:
        breaker: A breaker of one of the two libraries, of any release since 2018.
    """
    # Such objects are strangers: a class of the user's may have made anything of them.
    with contextlib.suppress(AttributeError, TypeError, ValueError, OverflowError):
        storage = vars(breaker).get("_state_storage")
        if storage is None:
            return _circuitbreaker_passed(breaker)
        return any(one.__name__ == "CircuitMemoryStorage" for one in type(storage).__mro__) and _pybreaker_passed(
            breaker, storage
        )
    return False


def _pybreaker_passed(breaker: Any, storage: Any) -> bool:
    opened = storage.opened_at
    if storage.state != _OPEN or opened is None:
        return False
    storage.opened_at = opened - datetime.timedelta(seconds=breaker.reset_timeout)
    return True


def _circuitbreaker_passed(breaker: Any) -> bool:
    if breaker._state != _OPEN:
        return False
    seconds = breaker._recovery_timeout
    # Until release 1.3 a time of day, since then one of the monotonic clock.
    is_of_day = isinstance(breaker._opened, datetime.datetime)
    breaker._opened -= datetime.timedelta(seconds=seconds) if is_of_day else seconds
    return True
