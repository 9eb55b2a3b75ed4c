"""Timers of event loops that were left pending: of ``call_later`` and ``call_at``."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import NamedTuple

from pytest_chaos import compat
from pytest_chaos.resources import taps
from pytest_chaos.resources.births import Birth, Births, Mine, is_tests
from pytest_chaos.resources.leftovers import GRACE_S, Leftover, leftover, poll
from pytest_chaos.resources.loops import Loops, turn
from pytest_chaos.resources.whose import Seen, code_of, is_made_by_own, is_own


class Before(NamedTuple):
    """The timers that were pending, and how many had been found on closing loops."""

    timers: Seen
    found: int


class LoopTimers:
    """Pending timers of the project and the test; those of a sleep or a timeout belong to the task that waits.

    Args:
        births: Who set which.
        loops: The loops in use.
        grace_s: How long they may take to end, in seconds.
    """

    def __init__(self, births: Births, loops: Loops, grace_s: float = GRACE_S) -> None:
        self._births = births
        self._loops = loops
        self.grace_s = grace_s
        self._found: list[tuple[Birth | None, Leftover]] = []
        self._known = Seen({})
        # By id: timers are equal by what they do, not by which they are.
        self._births_of: dict[int, tuple[weakref.ref[asyncio.TimerHandle], Birth]] = {}
        self._undo: Callable[[], None] | None = None

    def open(self) -> None:
        """Note who sets one."""
        self._undo = taps.hear_of_timers(self.timer_set)

    def close(self) -> None:
        """Take the tap out, and forget what was found."""
        if self._undo is not None:
            self._undo()
            self._undo = None
        self._found.clear()
        self._births_of.clear()

    def timer_set(self, timer: asyncio.TimerHandle) -> None:
        """Note who sets a timer."""
        if not compat.is_own_timer(timer):
            key = id(timer)
            self._births_of[key] = weakref.ref(timer), self._births.here(above=2)

    def snapshot(self) -> Before:
        """Return the timers that are pending."""
        if self._births_of:
            for key, (reference, _) in list(self._births_of.items()):
                if reference() is None:
                    self._births_of.pop(key, None)
        # Not what a wider fixture made: it is looked at for the last time where its loop closes.
        timers = [one for loop in self._loops.open() for one in compat.scheduled(loop) if is_tests(self._birth(one))]
        self._known = Seen({id(one): weakref.ref(one) for one in timers})
        return Before(self._known, len(self._found))

    def left(self, before: Before, mine: Mine) -> list[Leftover]:
        """Return what was left."""
        left = [found for birth, found in self._found[before.found :] if mine(birth)]
        for loop in self._loops.open():
            timers = [one for one in self._new(loop, before.timers) if mine(self._birth(one))]
            left.extend(map(self._leftover, self._still(loop, timers)))
        return left

    def loop_closes(self, loop: asyncio.AbstractEventLoop, *, is_projects: bool, by_hand: bool) -> None:
        """Look at a loop's timers before it drops them without a word."""
        timers = self._new(loop, self._known)
        if timers and not is_projects:
            timers = self._still(loop, timers)
        for one in timers:
            self._found.append((self._birth(one), self._leftover(one, is_note=is_projects)))

    def _still(self, loop: asyncio.AbstractEventLoop, timers: list[asyncio.TimerHandle]) -> list[asyncio.TimerHandle]:
        def pending() -> list[asyncio.TimerHandle]:
            now = {id(one) for one in compat.scheduled(loop)}
            return [one for one in timers if id(one) in now]

        if timers and loop.is_running():
            poll([loop], lambda _: bool(pending()), self.grace_s)
        elif timers:
            turn(loop, lambda: bool(pending()), self.grace_s)
        return pending() if timers else []

    def _new(self, loop: asyncio.AbstractEventLoop, before: Seen) -> list[asyncio.TimerHandle]:
        return [
            one
            for one in compat.scheduled(loop)
            if one not in before and not compat.is_own_timer(one) and self._is_systems(one)
        ]

    def _birth(self, timer: asyncio.TimerHandle) -> Birth | None:
        reference, birth = self._births_of.get(id(timer), (None, None))
        return birth if reference is not None and reference() is timer else None

    def _is_systems(self, timer: asyncio.TimerHandle) -> bool:
        provenance = self._births.provenance
        return is_own(code_of(compat.handle_callback(timer)), provenance) or is_made_by_own(
            self._birth(timer), provenance
        )

    def _leftover(self, timer: asyncio.TimerHandle, *, is_note: bool = False) -> Leftover:
        callback = compat.handle_callback(timer)
        code = code_of(callback)
        name = code.co_qualname if code is not None else getattr(callback, "__qualname__", repr(callback))
        what = f"timer of an event loop, for {name}"
        if is_note:
            what += ", dropped with the project's own event loop"
        return leftover(self._births, "timer", what, self._birth(timer), verb="set", is_note=is_note)
