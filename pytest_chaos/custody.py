"""The injected errors that are kept, to recognise them and to tell what became of them, and when they are let go.

An error keeps its frames alive, and they keep what their names stand for: files, sockets, locks. So one that nobody
else refers to is let go at the next injection of its thread, and at the end of the window: it can never turn up again,
so there is nothing to recognise. One that somebody else refers to is kept alive by them, and costs nothing to keep.
The error itself, its traceback too, is never touched: the system may still raise, print or compare it.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import replace
from operator import length_hint

from pytest_chaos import compat
from pytest_chaos.absorption import Absorption
from pytest_chaos.exception_events import ExceptionEvents, Flight

# Errors that refer to themselves, by way of a variable of a frame they passed, would else pile up.
MOST_HELD = 32  # of one thread
MOST_WAYS = 100
_UNCOUNTABLE = 2**62
_this_thread = threading.get_ident

Tell = Callable[[BaseException, str, Flight | None, bool], Absorption]
"""From an error, its point, what events told of it, and whether it ended the body."""


class _Held(Flight):
    """An injected error, and what is known of it."""

    __slots__ = ("absorption", "has_escaped", "is_watched", "number", "point")

    def __init__(self, error: BaseException, point: str, number: int) -> None:
        self.error = error
        self.code = None  # where it was handled, and so nobody asks for more of a flight yet
        self.point = point
        self.number = number
        self.is_watched = False
        self.absorption: Absorption | None = None
        self.has_escaped = False


class _Way:
    """A way that errors went, the number of the first of them, and how many there were."""

    __slots__ = ("_left", "absorption", "count", "first")

    def __init__(self, absorption: Absorption, first: int) -> None:
        self.absorption = absorption
        self.first = first
        self._left = itertools.repeat(None, _UNCOUNTABLE)
        self.count = self._left.__next__  # one call of C: threads need no lock to count together

    @property
    def times(self) -> int:
        return _UNCOUNTABLE - length_hint(self._left)


class Custody:
    """Holds injected errors as long as somebody may ask for them, and keeps what became of them.

    Args:
        tell: Tells what became of an error; without it nothing is told.
        events: The interpreter's exception events, switched on by the first error.
    """

    def __init__(self, tell: Tell | None = None, events: ExceptionEvents | None = None) -> None:
        self._tell = tell
        self._events = events if events is not None and events.exist else None
        self._flights: dict[int, Flight] = {} if events is None else events.flights
        self._held: dict[int, list[_Held]] = {}  # thread -> the errors injected there, the oldest first
        self._numbers = itertools.count()
        self._ways: dict[Absorption, _Way] = {}
        self._ways_by_id: dict[int, _Way] = {}  # the same: comparing ways costs more than all the rest
        self._lock = compat.new_lock()

    def take(self, error: BaseException, point: str) -> None:
        """Hold an error that is about to be raised at a point, and let go of those whose story is over."""
        thread = _this_thread()
        mine = self._held.get(thread)
        if mine is None:
            mine = self._held.setdefault(thread, [])
        elif len(mine) == 1:  # nearly always
            if mine[0].is_alone():
                self._let_go(mine[0], mine)
        elif mine:
            self._let_go_lone(mine)
            if len(mine) >= MOST_HELD:
                self._let_go(mine[0], mine)
        held = _Held(error, point, next(self._numbers))
        if self._events is not None and (self._events.are_on or self._events.start()):
            held.is_watched = True
            self._flights[id(error)] = held
        mine.append(held)

    def holds(self, error: BaseException | None) -> bool:
        """Tell whether an error is one of those held, by identity."""
        return error is not None and any(held.error is error for held in self._all())

    @property
    def count(self) -> int:
        """How many errors are held."""
        return len(self._all())

    def escaped(self, error: BaseException) -> None:
        """Note that an error ended the body."""
        for held in self._all():
            if held.error is error:
                held.has_escaped, held.absorption = True, None

    def settle(self) -> None:
        """At the end of the window: tell what became of each error, and let go of those nobody else refers to."""
        if self._events is not None:
            self._events.stop()
        for held in self._all():
            held.absorption = self._told(held)
        for some in list(self._held.values()):
            self._let_go_lone(some)

    def release(self) -> None:
        """Let go of all."""
        if self._events is not None:
            self._events.stop()
        for some in list(self._held.values()):
            for held in list(some):
                self._let_go(held, some)

    @property
    def absorptions(self) -> tuple[Absorption, ...]:
        """What became of the errors that were let go, in the order of injection; equal ways are counted."""
        ways = sorted(self._ways.values(), key=lambda way: way.first)
        return tuple(replace(way.absorption, times=way.times) for way in ways)

    def _all(self) -> list[_Held]:
        return [held for some in list(self._held.values()) for held in list(some)]

    def _let_go_lone(self, some: list[_Held]) -> None:
        for held in some[::-1]:  # the youngest first: it may be all that refers to an older one, as its context
            if held.is_alone():
                self._let_go(held, some)

    def _let_go(self, held: _Held, some: list[_Held]) -> None:
        told = held.absorption
        if told is None:
            told = self._told(held)
        try:
            some.remove(held)
        except ValueError:
            return  # another thread was quicker
        if told is not None:
            way = self._ways_by_id.get(id(told))
            if way is None or way.absorption is not told:
                way = self._way_of(told, held.number)
            if way is not None:
                way.count()
                if held.number < way.first:
                    way.first = held.number
        if held.is_watched:
            self._flights.pop(id(held.error), None)
        held.error = None  # outside the lock: what dies with its frames may run any code

    def _way_of(self, told: Absorption, number: int) -> _Way | None:
        with self._lock:
            way = self._ways.get(told)
            if way is None and len(self._ways) < MOST_WAYS:
                way = self._ways[told] = self._ways_by_id[id(told)] = _Way(told, number)
            return way

    def _told(self, held: _Held) -> Absorption | None:
        if held.absorption is not None or self._tell is None or held.error is None:
            return held.absorption
        try:
            return self._tell(held.error, held.point, held if held.is_watched else None, held.has_escaped)
        except Exception:  # noqa: BLE001  # it reads the user's source: whatever is odd there must not end the test
            return Absorption(held.point, (), "unseen")
