"""Hang: the call does not come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pytest_chaos.faults.base import Fault, FaultyCall, checked_seconds, shown_seconds


@dataclass(frozen=True)
class Hang(Fault):
    """Keep the caller waiting; the call itself is never made.

    Without ``seconds`` the call is parked until it is cancelled, until the system gives it up, or until the hang
    budget is over: then it is released and judged. With ``seconds`` it is parked for so long and then raises
    ``TimeoutError``, and is not judged against the budget.

    Args:
        seconds: How long to wait, or ``None`` for ever.
    """

    seconds: float | None = None

    word: ClassVar[str] = "hang"

    def __post_init__(self) -> None:
        if self.seconds is not None:
            object.__setattr__(self, "seconds", checked_seconds(self.seconds, "seconds", "Hang"))

    def act(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        call.park(self.seconds)
        if self.seconds is None:  # released again and again, and each time swallowed
            return call.proceed()
        raise call.injected(self._timeout(call))

    async def act_async(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        await call.park_async(self.seconds)
        if self.seconds is None:  # as above
            return await call.proceed_async()
        raise call.injected(self._timeout(call))

    def _timeout(self, call: FaultyCall) -> TimeoutError:
        return TimeoutError(f"chaos: no answer within {self.seconds:g} s at {call.label}")

    def text_arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (() if self.seconds is None else (shown_seconds(self.seconds),)), {}
