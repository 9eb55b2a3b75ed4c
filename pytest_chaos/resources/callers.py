"""Callers: which line answers for a call, and whether the system makes it or the test itself.

A call that starts a thread or task of its own has no caller on its stack; then who made the thread or task answers.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from types import CodeType, FrameType

from pytest_chaos import compat
from pytest_chaos.provenance import Provenance, frames_from
from pytest_chaos.resources.births import Birth, Births

_ASYNCIO_EVENTS = os.path.join("asyncio", "events.py")


class Callers:
    """Tells the system's calls from the test's.

    Args:
        provenance: Whose code a frame belongs to.
        births: Who made threads and tasks.
    """

    def __init__(self, provenance: Provenance, births: Births) -> None:
        self._provenance = provenance
        self._births = births

    def caller_of(self, frame: FrameType | None) -> tuple[FrameType | None, bool]:
        """Return the frame that answers for a call, and whether the system makes the call.

        The innermost frame of the project answers, or the test's own where there is none in between. Else it is the
        innermost frame that is no passage of ours, and the system makes the call if it made the thread or task.

        Args:
            frame: The calling frame.
        """
        if frame is not None:
            origin = self._provenance.of_frame(frame)  # of most, and there is nothing to walk
            if origin in ("project", "test"):
                return frame, origin == "project"
        nearest: FrameType | None = None
        for outer in frames_from(frame):
            origin = self._provenance.of_frame(outer)
            if origin in ("project", "test"):
                return outer, origin == "project"
            if nearest is None and origin not in ("passage", "chaos"):
                nearest = outer
            code = outer.f_code
            if code.co_name == "_run" and code.co_filename.endswith(_ASYNCIO_EVENTS):
                # What is further out runs the loop, and has nothing to do with this.
                return nearest, self._is_of_system(self._birth_of_task())
        return nearest, self._is_of_system(self._births.of(threading.current_thread()))

    def starter(self) -> CodeType | None:
        """Return the function of the project that made the running task, or else the running thread; or ``None``."""
        birth = self._birth_of_task() or self._births.of(threading.current_thread())
        for code, _ in () if birth is None else birth.site:
            origin = self._provenance.of_file(code.co_filename)
            if origin in ("project", "test"):
                return code if origin == "project" else None
        return None

    def makers_of_task(self) -> Iterator[CodeType]:
        """Yield the functions in which the running task was made, innermost first, up to one of the project."""
        birth = self._birth_of_task()
        for code, _ in () if birth is None else birth.site:
            yield code

    def _birth_of_task(self) -> Birth | None:
        loop = compat.running_loop()
        task = asyncio.current_task(loop) if loop is not None else None
        return None if task is None else self._births.of(task)

    def _is_of_system(self, birth: Birth | None) -> bool:
        for code, _ in () if birth is None else birth.site:
            origin = self._provenance.of_file(code.co_filename)
            if origin in ("project", "test"):
                return origin == "project"
        return False
