"""Turns: what a loop does between two calls that it makes, and which frame the loop is.

A loop that tries again without a cap may still come to an end by a clock. Its code alone does not tell: a function may
read one in a branch that is not taken. So one turn of it is listened to.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from threading import get_ident
from types import FrameType
from typing import Any

from pytest_chaos.clocks import READING


class Turn:
    """One turn, from one call to the next one that the same thread makes.

    Nobody is listened to where a profiler is at work.

    Args:
        stack: The frames behind the first call, innermost first.
        counts: Whether a function that reads a clock does so for the system, given its frame.

    Attributes:
        is_heard: Whether it was listened to.
        reads_clock: Whether a clock was read meanwhile.
    """

    def __init__(self, stack: Sequence[FrameType], counts: Callable[[FrameType], bool]) -> None:
        self._stack = tuple(stack)
        self._counts = counts
        self._thread = get_ident()
        self._is_over = False
        self.reads_clock = False
        self.is_heard = sys.getprofile() is None
        if self.is_heard:
            sys.setprofile(self._hear)

    def _hear(self, frame: FrameType, event: str, what: Any) -> None:
        if self._is_over:  # another thread ended it
            self._leave()
        elif event == "c_call" and getattr(what, "__name__", "") in READING and self._counts(frame):
            self.reads_clock = True

    def loop(self, stack: Sequence[FrameType]) -> FrameType | None:
        """End the turn, and return the innermost frame that made both calls; ``None`` if it was not one turn.

        Args:
            stack: The frames behind the second call, innermost first.
        """
        mine = self._stack
        is_same = self._thread == get_ident()
        self.end()
        if not is_same:
            return None
        return next((frame for frame in stack if any(frame is one for one in mine)), None)

    def end(self) -> None:
        """Listen no more, and let go of the frames; twice does no harm."""
        self._is_over, self._stack = True, ()
        if self._thread == get_ident():
            self._leave()

    def _leave(self) -> None:
        if self.is_heard and sys.getprofile() == self._hear:
            sys.setprofile(None)
