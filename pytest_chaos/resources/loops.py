"""The event loops that are in use, and turning one that is idle."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Callable, Iterable
from typing import Any

_FIRST_NAP_S = 0.0005
_LONGEST_NAP_S = 0.05


class Loops:
    """The event loops made while births are followed."""

    def __init__(self) -> None:
        self._loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    def made(self, loop: asyncio.AbstractEventLoop) -> None:
        """Note a new loop."""
        self._loops = [known for known in self._loops if known() is not None]
        self._loops.append(weakref.ref(loop))

    def open(self) -> list[asyncio.AbstractEventLoop]:
        """Return those that are open."""
        return [loop for known in self._loops if (loop := known()) is not None and not loop.is_closed()]


def settle(loop: asyncio.AbstractEventLoop, tasks: Iterable[asyncio.Task[Any]], grace_s: float) -> None:
    """Turn an idle loop until tasks are done or the grace is over.

    Where another loop runs in this thread nothing is turned: what is pending is reported as it stands.
    """

    async def wait() -> None:
        await asyncio.wait(tasks, timeout=grace_s)

    waiting = wait()
    try:
        loop.run_until_complete(waiting)
    except RuntimeError:
        waiting.close()


def turn(loop: asyncio.AbstractEventLoop, is_left: Callable[[], bool], grace_s: float) -> None:
    """Turn an idle loop, twice and then with longer and longer waits, until nothing is left or the grace is over."""

    async def wait() -> None:
        nap_s, deadline = 0.0, time.monotonic() + grace_s
        for _ in range(2):
            await asyncio.sleep(0)
        while is_left() and time.monotonic() < deadline:
            nap_s = min(nap_s * 2 or _FIRST_NAP_S, _LONGEST_NAP_S)
            await asyncio.sleep(nap_s)

    waiting = wait()
    try:
        loop.run_until_complete(waiting)
    except RuntimeError:
        waiting.close()
