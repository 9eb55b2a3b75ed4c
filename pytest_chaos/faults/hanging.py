"""Hang: the call does not come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pytest_chaos.faults.base import Fault, FaultyCall, checked_seconds, shown_seconds
from pytest_chaos.faults.timeouts import answer_after, limit_of


@dataclass(frozen=True)
class Hang(Fault):
    """Keep the caller waiting; the call itself is never made.

    Without ``seconds`` the call is parked until it is cancelled, until the system gives it up, or until it is proved
    that nothing will end it, or the hang budget is over: then it is released and judged. With ``seconds`` it is parked
    for so long and then ends as a call that timed out, and is not judged against the budget. So does a call that was
    given a timeout, after that.

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
        with call.unseen():
            limit = limit_of(call)
        waited = call.park(self.seconds, limit)
        if waited is None:  # released again and again, and each time swallowed
            return call.proceed()
        return self._timed_out(call, waited)

    async def act_async(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        with call.unseen():
            limit = limit_of(call)
        waited = await call.park_async(self.seconds, limit)
        if waited is None:  # as above
            return await call.proceed_async()
        return self._timed_out(call, waited)

    def _timed_out(self, call: FaultyCall, seconds: float) -> Any:
        __tracebackhide__ = True
        with call.unseen():
            answer = answer_after(call, seconds)
        if answer.error is not None:
            raise call.injected(answer.error)
        return answer.value

    def text_arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (() if self.seconds is None else (shown_seconds(self.seconds),)), {}
