"""Either: one of several faults, drawn anew for each activation."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any, ClassVar

from pytest_chaos.errors import SpecificationError
from pytest_chaos.faults.base import Fault, FaultyCall, Kind, as_fault


@dataclass(frozen=True, init=False)
class Either(Fault):
    """Let one of several faults act; each activation draws which, from the seed.

    Args:
        *faults: At least two faults or bare fault classes, such as ``Null``.
        weights: One positive number for each fault; the larger, the more often it is drawn. By default all are equal.

    Raises:
        SpecificationError: There are too few faults, one of them is none, or the weights do not fit.
    """

    faults: tuple[Fault, ...]
    weights: tuple[float, ...]

    word: ClassVar[str] = "either"

    def __init__(self, *faults: Fault | type[Fault], weights: tuple[float, ...] | list[float] | None = None) -> None:
        object.__setattr__(self, "faults", tuple(as_fault(fault) for fault in faults))
        object.__setattr__(self, "weights", _checked_weights(weights, len(faults)))
        if len(faults) < 2:
            raise SpecificationError(
                f"Either needs at least two faults, got {len(faults)}",
                remedy="Write, for example, Either(Raise(TimeoutError), Null).",
            )

    def act(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        return self._drawn(call).act(call)

    async def act_async(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        return await self._drawn(call).act_async(call)

    def _drawn(self, call: FaultyCall) -> Fault:
        with call.unseen():
            place = call.uniform() * sum(self.weights)
            ends = accumulate(self.weights)
            # Rounding may put the place at the very end, behind all of them.
            drawn = next((fault for fault, end in zip(self.faults, ends, strict=True) if place < end), self.faults[-1])
            call.chosen(drawn)
        return drawn

    @property
    def needs_answers(self) -> bool:
        return any(fault.needs_answers for fault in self.faults)

    def refusal(self, kind: Kind) -> str:
        for fault in self.faults:
            reason = fault.refusal(kind)
            if reason:
                return f"{fault.word}: {reason}"
        return ""

    def text_arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return self.faults, {} if len(set(self.weights)) == 1 else {"weights": self.weights}


def _checked_weights(weights: Any, count: int) -> tuple[float, ...]:
    if weights is None:
        return (1,) * count
    if not isinstance(weights, list | tuple) or len(weights) != count:
        raise SpecificationError(
            f"Either: weights must be {count} numbers, one for each fault, got {weights!r}",
            remedy="Write, for example, Either(Raise(TimeoutError), Null, weights=(3, 1)).",
        )
    for weight in weights:
        is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not is_number or not 0 < weight < _HEAVIEST:  # NaN fails here too
            raise SpecificationError(
                f"Either: a weight must be a positive number below {_HEAVIEST:g}, got {weight!r}",
                remedy="Leave out a fault that should never act.",
            )
    return tuple(weights)


_HEAVIEST = 1e9  # far beyond any meaning, and sums of them stay finite
