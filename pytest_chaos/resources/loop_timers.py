"""Timers of event loops that were left pending: of ``call_later`` and ``call_at``."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable

from pytest_chaos import compat
from pytest_chaos.resources import taps
from pytest_chaos.resources.births import Birth, Births
from pytest_chaos.resources.leftovers import GRACE_S, Leftover, leftover
from pytest_chaos.resources.loops import Loops
from pytest_chaos.resources.on_loops import Before, OnLoops
from pytest_chaos.resources.whose import Seen, code_of, is_made_by_own, is_own


class LoopTimers(OnLoops[asyncio.TimerHandle]):
    """Pending timers of the project and the test; those of a sleep or a timeout belong to the task that waits."""

    def __init__(self, births: Births, loops: Loops, grace_s: float = GRACE_S) -> None:
        super().__init__(births, loops, grace_s)
        # By id: timers are equal by what they do, not by which they are.
        self._births_of: dict[int, tuple[weakref.ref[asyncio.TimerHandle], Birth]] = {}

    def _taps(self) -> list[Callable[[], None]]:
        return [taps.hear_of_timers(self.timer_set)]

    def close(self) -> None:
        """Take the tap out, and forget what was found."""
        super().close()
        self._births_of.clear()

    def timer_set(self, timer: asyncio.TimerHandle) -> None:
        """Note who sets a timer."""
        if not compat.is_own_timer(timer):
            key = id(timer)
            self._births_of[key] = weakref.ref(timer), self._births.here()

    def snapshot(self) -> Before:
        """Return the timers that are pending."""
        if self._births_of:
            for key, (reference, _) in list(self._births_of.items()):
                if reference() is None:
                    self._births_of.pop(key, None)
        return super().snapshot()

    def _things(self, loop: asyncio.AbstractEventLoop) -> list[asyncio.TimerHandle]:
        return [one for one in compat.scheduled(loop) if not compat.is_own_timer(one)]

    def _still(self, loop: asyncio.AbstractEventLoop, before: Seen) -> list[asyncio.TimerHandle]:
        # A timer that sets the next one when it is due has ended.
        waiting = {id(one): one for one in self._new(loop, before)}

        def pending() -> list[asyncio.TimerHandle]:
            return [one for one in compat.scheduled(loop) if id(one) in waiting]

        self._wait(loop, lambda: bool(pending()))
        return pending()

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
