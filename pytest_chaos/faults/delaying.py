"""Delay: the call is made, late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pytest_chaos.errors import SpecificationError
from pytest_chaos.faults.base import Fault, FaultyCall, checked_seconds, shown_seconds


@dataclass(frozen=True)
class Delay(Fault):
    """Wait, then make the real call and hand on its answer.

    Args:
        seconds: How long to wait, in seconds.
        jitter: Up to this many seconds more or less, drawn evenly from the seed; not more than ``seconds``.
    """

    seconds: float
    jitter: float = 0.0

    word: ClassVar[str] = "delay"

    def __post_init__(self) -> None:
        object.__setattr__(self, "seconds", checked_seconds(self.seconds, "seconds", "Delay"))
        jitter = checked_seconds(self.jitter, "jitter", "Delay", zero_allowed=True)
        object.__setattr__(self, "jitter", jitter)
        if jitter > self.seconds:
            raise SpecificationError(
                f"Delay: jitter must not exceed seconds, got {jitter:g} with {self.seconds:g}",
                remedy="A delay cannot be negative.",
            )

    def act(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        call.pause(self._drawn(call))
        return call.proceed()

    async def act_async(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        await call.pause_async(self._drawn(call))
        return await call.proceed_async()

    def _drawn(self, call: FaultyCall) -> float:
        return self.seconds + self.jitter * (2 * call.uniform() - 1)

    def text_arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        shown = [shown_seconds(value) for value in (self.seconds, self.jitter)]
        return tuple(shown if self.jitter else shown[:1]), {}
