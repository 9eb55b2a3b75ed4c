"""Threads that were started through ``_thread``, and of which ``threading`` does not know."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from types import FrameType
from typing import NamedTuple

from pytest_chaos import compat
from pytest_chaos.provenance import frames_from
from pytest_chaos.resources import stacks, taps
from pytest_chaos.resources.births import Birth, Births, Mine
from pytest_chaos.resources.leftovers import GRACE_S, Leftover, leftover, poll

_BEGIN_S = 0.05  # a started thread begins within a millisecond, and under load within some


class Before(NamedTuple):
    """How many raw threads there were at most, and the native ids of all threads if there was any."""

    raw: int
    ids: frozenset[str]
    births: frozenset[Birth]


class RawThreads:
    """Threads that were started through ``_thread``: worth a note, as nobody can join them.

    The interpreter counts the threads that it started itself, so the pools of C libraries never come in. Only where
    more of them run than ``threading`` knows are the threads of the process looked at, by their native ids: one that
    ended meanwhile hides none that began.

    Args:
        births: Who made what.
        grace_s: How long threads may take to end, in seconds.
    """

    def __init__(self, births: Births, grace_s: float = GRACE_S) -> None:
        self._births = births
        self.grace_s = grace_s
        self._born: dict[int, Birth] = {}
        self._is_fresh = False
        self._undo: Callable[[], None] = lambda: None

    def open(self) -> None:
        """Begin to see them start."""
        self._undo = taps.hear_of_raw_threads(self._started)

    def close(self) -> None:
        """Stop."""
        self._undo()
        self._undo = lambda: None
        self._born.clear()

    def snapshot(self) -> Before:
        """Return what is there now."""
        self._let_begin()
        count = compat.raw_thread_count()
        if count <= 0:
            self._born.clear()
            return Before(0, frozenset(), frozenset())
        return Before(count, _native_ids(), frozenset(self._born.values()))

    def left(self, before: Before, mine: Mine) -> list[Leftover]:
        """Return what was left."""
        self._let_begin()
        if compat.raw_thread_count() <= 0:
            return []
        births = {ident: birth for ident, birth in self._born.items() if birth not in before.births}
        others = sum(not self._is_judged(birth, mine) for birth in births.values())
        if not poll([before], lambda before: self._new(before) > others, self.grace_s):
            return []
        births = {ident: birth for ident, birth in births.items() if self._is_judged(birth, mine)}
        frames = compat.current_frames()
        for thread in threading.enumerate():
            if not compat.is_dummy(thread):
                frames.pop(thread.ident or 0, None)  # the number of an ended one, given out again
        standing = [ident for ident in births if ident in frames]
        found = [self._leftover(births[ident], frames[ident]) for ident in standing]
        # Those that run no Python, or were started under another name of the function: they are there, and no more.
        unseen = [birth for ident, birth in births.items() if ident not in frames]
        for _ in range(self._new(before) - others - len(standing)):
            birth = unseen.pop() if unseen else None
            if mine(birth):
                found.append(self._leftover(birth, None))
        return found

    def _is_judged(self, birth: Birth, mine: Mine) -> bool:
        """Tell whether the project or the test had a hand in it, and it is to be judged now."""
        of_file = self._births.provenance.of_file
        return mine(birth) and any(of_file(code.co_filename) in ("project", "test") for code, _ in birth.site)

    def _started(self, ident: int) -> None:
        self._is_fresh = True
        self._born[ident] = self._births.here()

    def _let_begin(self) -> None:
        """Let threads that were just started begin: only then does the interpreter count them."""
        if not self._is_fresh:
            return
        self._is_fresh = False
        # With the threads of C libraries there are always more than are counted: that is why the wait is short.
        poll([self], lambda _: len(_native_ids() - _known()) > compat.raw_thread_count(), _BEGIN_S)

    def _new(self, before: Before) -> int:
        """Return how many began since; never too many."""
        count = compat.raw_thread_count()
        if not before.ids:
            return count - before.raw
        still = (before.ids & _native_ids()) - _known()
        return count - min(before.raw, len(still))

    def _leftover(self, birth: Birth | None, frame: FrameType | None) -> Leftover:
        return leftover(
            self._births,
            "thread",
            "raw thread",
            birth,
            verb="started",
            where=stacks.place_of(frame, self._births.provenance),
            is_note=True,
            stack=[outer.f_code for outer in frames_from(frame)],
        )


def _known() -> set[str]:
    """Return the native ids of the threads that ``threading`` started."""
    return {str(thread.native_id) for thread in threading.enumerate() if not compat.is_dummy(thread)}


def _native_ids() -> frozenset[str]:
    try:
        return frozenset(os.listdir("/proc/self/task"))  # noqa: PTH208  # no pathlib here: it imports
    except OSError:
        return frozenset()
