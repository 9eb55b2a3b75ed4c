"""Cancel: the task is cancelled while it waits for the answer."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, ClassVar

from pytest_chaos import compat
from pytest_chaos.faults.base import ASYNC_KINDS, Fault, FaultyCall, Kind, give_up


@dataclass(frozen=True)
class Cancel(Fault):
    """Cancel the asyncio task that makes the call, as when a client disconnects; the call itself is never made.

    It is a real cancellation: ``task.cancel()``, after which the event loop throws ``CancelledError`` into the task at
    this ``await`` and ``task.cancelling()`` counts it. Where somebody takes it back with ``task.uncancel()`` before it
    arrives, and outside asyncio, the call passes, and it is no activation.
    """

    word: ClassVar[str] = "cancel"

    def act(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        give_up(call, "cancel: sync code cannot be cancelled")  # only for those who asked no refusal
        return call.proceed()

    async def act_async(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        if not _cancel_task(call):
            give_up(call, "cancel: no asyncio task runs here, and none but these can be cancelled (trio's cannot)")
            return await call.proceed_async()
        try:
            await _turn()  # only at a wait of its own does a task learn that it is cancelled
        except asyncio.CancelledError as error:
            call.injected(error)
            raise
        call.withdraw()
        return await call.proceed_async()

    def refusal(self, kind: Kind) -> str:
        return "" if kind in ASYNC_KINDS else "only async code can be cancelled; Raise gives sync code an error"


def _cancel_task(call: FaultyCall) -> bool:
    """Cancel the task that runs this code, if it is one of asyncio."""
    with call.unseen():
        task = asyncio.current_task() if compat.running_loop() is not None else None
        return task is not None and task.cancel(f"chaos: injected at {call.label}")


@types.coroutine
def _turn() -> Generator[None]:
    """Give the event loop a turn, as ``asyncio.sleep(0)`` does, which may itself stand under a fault."""
    yield
