"""The injected errors that are kept, to recognise them and to tell what became of them, and when they are let go.

An error keeps its frames alive, and they keep what their names stand for: files, sockets, locks. So one that nobody
else refers to is let go at the next injection of its thread, and at the end of the window: it can never turn up again,
so there is nothing to recognise. One that somebody else refers to is kept alive by them, and costs nothing to keep.
The error itself, its traceback too, is never touched: the system may still raise, print or compare it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from pytest_chaos.absorption import Absorption
from pytest_chaos.compat import ErrorHold
from pytest_chaos.exception_events import ExceptionEvents, Flight

# Errors that refer to themselves, by way of a variable of a frame they passed, would else pile up.
MOST_HELD = 32  # of one thread
MOST_WAYS = 100

Tell = Callable[[BaseException, str, Flight | None, bool], Absorption]
"""From an error, its point, what events told of it, and whether it ended the body."""


class _Held(ErrorHold):
    """An injected error, and what is known of it."""

    __slots__ = ("absorption", "flight", "has_escaped", "number", "point", "thread")

    def __init__(self, error: BaseException, point: str, number: int, flight: Flight | None) -> None:
        super().__init__(error)
        self.point = point
        self.number = number
        self.flight = flight
        self.thread = threading.get_ident()
        self.absorption: Absorption | None = None
        self.has_escaped = False


class Custody:
    """Holds injected errors as long as somebody may ask for them, and keeps what became of them.

    Args:
        tell: Tells what became of an error; without it nothing is told.
        events: The interpreter's exception events, switched on by the first error.
    """

    def __init__(self, tell: Tell | None = None, events: ExceptionEvents | None = None) -> None:
        self._tell = tell
        self._events = events
        self._held: list[_Held] = []
        self._taken = 0
        self._ways: dict[Absorption, tuple[int, int]] = {}  # the way -> number of its first error, how many
        self._lock = threading.Lock()

    def take(self, error: BaseException, point: str) -> None:
        """Hold an error that is about to be raised at a point, and let go of those whose story is over."""
        thread = threading.get_ident()
        self._let_go_lone([held for held in list(self._held) if held.thread == thread])
        with self._lock:
            if self._events is not None:
                self._events.start()
            flight = self._events.watch(error) if self._events is not None else None
            self._held.append(_Held(error, point, self._taken, flight))
            self._taken += 1
            mine = [held for held in self._held if held.thread == thread]
        if len(mine) > MOST_HELD:
            self._let_go(mine[0])

    def holds(self, error: BaseException | None) -> bool:
        """Tell whether an error is one of those held, by identity."""
        return error is not None and any(held.error is error for held in list(self._held))

    @property
    def count(self) -> int:
        """How many errors are held."""
        return len(self._held)

    def escaped(self, error: BaseException) -> None:
        """Note that an error ended the body."""
        for held in list(self._held):
            if held.error is error:
                held.has_escaped, held.absorption = True, None

    def settle(self) -> None:
        """At the end of the window: tell what became of each error, and let go of those nobody else refers to."""
        if self._events is not None:
            self._events.stop()
        for held in list(self._held):
            held.absorption = self._told(held)
        self._let_go_lone(list(self._held))

    def release(self) -> None:
        """Let go of all."""
        if self._events is not None:
            self._events.stop()
        for held in list(self._held):
            self._let_go(held)

    @property
    def absorptions(self) -> tuple[Absorption, ...]:
        """What became of the errors that were let go, in the order of injection; equal ways are counted."""
        ways = sorted(self._ways.items(), key=lambda way: way[1][0])
        return tuple(replace(absorption, times=times) for absorption, (_, times) in ways)

    def _let_go_lone(self, some: list[_Held]) -> None:
        while some:
            held = some.pop()  # the youngest first: it may be all that refers to an older one, as its context
            if held.is_alone():
                self._let_go(held)

    def _let_go(self, held: _Held) -> None:
        told = self._told(held)
        with self._lock:
            if held not in self._held:
                return
            self._held.remove(held)
            if told is not None and (told in self._ways or len(self._ways) < MOST_WAYS):
                first, times = self._ways.get(told, (held.number, 0))
                self._ways[told] = min(first, held.number), times + 1
        if self._events is not None and held.error is not None:
            self._events.forget(held.error)
        held.error = None  # outside the lock: what dies with its frames may run any code

    def _told(self, held: _Held) -> Absorption | None:
        if self._tell is None or held.error is None:
            return None
        if held.absorption is not None:
            return held.absorption
        try:
            return self._tell(held.error, held.point, held.flight, held.has_escaped)
        except Exception:  # noqa: BLE001  # it reads the user's source: whatever is odd there must not end the test
            return Absorption(held.point, (), "unseen")
