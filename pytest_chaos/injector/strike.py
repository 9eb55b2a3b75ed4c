"""One fault acting on one call: the bridge between a fault's value and the call it spoils."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any

from pytest_chaos.faults.base import Fault, Kind
from pytest_chaos.hang import Ward
from pytest_chaos.journal import Journal

RealCall = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
"""What is really called, and with which arguments."""


class _Guard(threading.local):
    """Whether this thread is inside a decision or an act of ours: what is called then is not the system's."""

    inside = False


GUARD = _Guard()


class Strike:
    """A fault with the call it acts on; see :class:`pytest_chaos.faults.base.FaultyCall`.

    Args:
        fault: What goes wrong.
        kind: What sort of callable is called.
        label: Where and which call.
        token: Token that marks what this strike injects.
        call: The real callable, and the arguments it was given.
        ward: Where calls are parked.
        journal: Where injected errors are registered.
        draw: Returns this activation's draw in [0, 1).
    """

    def __init__(
        self,
        fault: Fault,
        kind: Kind,
        label: str,
        token: str,
        call: RealCall,
        ward: Ward,
        journal: Journal,
        draw: Callable[[], float],
    ) -> None:
        self.fault = fault
        self.kind = kind
        self.label = f"{label} [{token}]"
        self.wrapped, self._args, self._kwargs = call
        self.proceeded = False
        self._draw = draw
        self._token = token
        self._ward = ward
        self._journal = journal

    def act(self) -> Any:
        """Let the fault act, in sync code."""
        __tracebackhide__ = True
        GUARD.inside = True
        try:
            return self.fault.act(self)
        finally:
            GUARD.inside = False

    async def act_async(self) -> Any:
        """Let the fault act, in async code. No guard here: other tasks run on this thread meanwhile."""
        __tracebackhide__ = True
        return await self.fault.act_async(self)

    def proceed(self) -> Any:
        """Make the real call."""
        __tracebackhide__ = True
        self.proceeded = True
        before, GUARD.inside = GUARD.inside, False
        try:
            return self.wrapped(*self._args, **self._kwargs)
        finally:
            GUARD.inside = before

    async def proceed_async(self) -> Any:
        """Make the real call, and await it where it is a coroutine."""
        __tracebackhide__ = True
        result = self.proceed()
        return await result if self.kind == "coroutine" and inspect.isawaitable(result) else result

    def park(self, seconds: float | None) -> None:
        """Block in the ward."""
        __tracebackhide__ = True
        self._ward.park(self.label, seconds)

    async def park_async(self, seconds: float | None) -> None:
        """Wait in the ward."""
        __tracebackhide__ = True
        await self._ward.park_async(self.label, seconds)

    def pause(self, seconds: float) -> None:
        """Block for a while, or until the window closes."""
        self._ward.pause(seconds)

    async def pause_async(self, seconds: float) -> None:
        """Wait for a while, or until the window closes."""
        await self._ward.pause_async(seconds)

    def uniform(self) -> float:
        """Draw."""
        before, GUARD.inside = GUARD.inside, True
        try:
            return self._draw()
        finally:
            GUARD.inside = before

    def injected(self, error: BaseException) -> BaseException:
        """Register an error as ours and mark it, so that it can be recognised wherever it turns up."""
        if not any(self._token in str(argument) for argument in error.args):
            error.add_note(f"chaos: injected at {self.label}")
        self._journal.injected(error)
        return error
