"""WHEN a fault fires: which of the matching calls, how often, and for which callers.

Calls are counted from 1, per rule, over all actors of one body run; only a rate draws per actor.
"""

from __future__ import annotations

import bisect
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_chaos.errors import SpecificationError, near_misses
from pytest_chaos.faults.base import LONGEST_S

NEVER_ENDING = math.inf


@dataclass(frozen=True)
class Call:
    """One call at an injection point, as a ``when`` predicate sees it.

    Attributes:
        target: The injection point, ``package.module:Qual.name``.
        args: Values of the positional parameters, without ``self``, defaults included.
        kwargs: All arguments by name. A C function's arguments are as they were passed, in both.
        caller: Module name of the calling frame, or an empty text where there is none.
        actor: The thread or task that calls, such as ``main`` or ``main/2``.
        number: The number this call has if it matches, counted from 1.
    """

    target: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    caller: str
    actor: str
    number: int


@dataclass(frozen=True)
class Hits:
    """Which call numbers may fire: a list of numbers, or every ``step``-th from ``first`` to ``last``.

    Attributes:
        first: The first number, from 1.
        last: The last number, or ``None`` for no end.
        step: Distance between numbers.
        numbers: An explicit list, sorted and without doubles; the other fields are then not used.
    """

    first: int = 1
    last: int | None = None
    step: int = 1
    numbers: tuple[int, ...] = ()

    def match(self, number: int) -> bool:
        """Tell whether the call with this number may fire."""
        if self.numbers:
            return number in self.numbers
        if number < self.first or (self.last is not None and number > self.last):
            return False
        return (number - self.first) % self.step == 0

    def between(self, before: int, last: int, *, at_most: int) -> Sequence[int]:
        """Return the first numbers in ``before + 1 .. last`` that may fire, and ``end`` if it lies there."""
        if self.numbers:
            left = bisect.bisect_right(self.numbers, before)
            return self.numbers[left : bisect.bisect_right(self.numbers, last)][:at_most]
        first = max(self.first, before + 1)
        first += (self.first - first) % self.step
        found = range(first, int(min(last, self.end)) + 1, self.step)[:at_most]
        if before < self.end <= last and len(found) < at_most and self.end not in found:
            return [*found, int(self.end)]
        return found

    def count_between(self, before: int, last: int) -> int:
        """Return how many numbers in ``before + 1 .. last`` may fire, ``end`` counted as one."""
        return len(self.between(before, last, at_most=sys.maxsize))

    @property
    def end(self) -> float:
        """The last number that may fire; infinite where there is none."""
        if self.numbers:
            return self.numbers[-1]
        return NEVER_ENDING if self.last is None else self.last

    @classmethod
    def listed(cls, numbers: Iterable[int]) -> Hits:
        """Return the hits of an explicit list."""
        return cls(numbers=tuple(sorted(set(numbers))))


ALL_CALLS = Hits()


@dataclass(frozen=True)
class Trigger:
    """The condition under which a fault fires, applied in this order: filters, hits, rate, times.

    Attributes:
        rate: Share of the hits that fire, in [0, 1], drawn per actor from the seed.
        hits: Which call numbers may fire.
        times: At most so many firings, or ``None``.
        for_s: Only so many seconds from body start, or ``None``.
        when: A predicate over :class:`Call`; calls it refuses are not counted.
        caller: A glob over the module name of the calling frame; other calls are not counted.
        args: Parameter name or position (from 0, without ``self``) to the value it must have, else it is not counted.
    """

    rate: float = 1.0
    hits: Hits = ALL_CALLS
    times: int | None = None
    for_s: float | None = None
    when: Callable[[Call], object] | None = None
    caller: str | None = None
    args: tuple[tuple[str | int, Any], ...] = ()

    @property
    def has_filter(self) -> bool:
        """Whether a call must match something before it counts."""
        return self.when is not None or self.caller is not None or bool(self.args)

    @property
    def is_sure(self) -> bool:
        """Whether the fault must fire once enough calls are made, whatever the seed and the clock say."""
        return self.rate >= 1 and self.for_s is None and not self.has_filter

    @property
    def is_finite(self) -> bool:
        """Whether the firings come to an end by count."""
        return self.times is not None or self.hits.end != NEVER_ENDING

    @property
    def has_text(self) -> bool:
        """Whether the rule text can express it."""
        return self.for_s is None and not self.has_filter


ALWAYS = Trigger()

KEYWORDS = ("rate", "nth", "every", "after", "times", "for_s", "when", "caller", "args")


def trigger_from(**keywords: Any) -> Trigger:
    """Return the trigger for the keywords of a marker or of ``inject``.

    Args:
        **keywords: Any of ``KEYWORDS``.

    Raises:
        SpecificationError: An unknown keyword, a value out of range, or keywords that contradict each other.
    """
    for name in keywords:
        if name not in KEYWORDS:
            raise SpecificationError(
                f"unknown trigger {name}={keywords[name]!r}",
                remedy=near_misses(name, KEYWORDS) or f"Triggers are {', '.join(KEYWORDS)}.",
            )
    given = {name: value for name, value in keywords.items() if value is not None}
    return Trigger(
        rate=checked_rate(given.get("rate", 1.0)),
        hits=_hits(given),
        times=_count("times", given["times"], least=1) if "times" in given else None,
        for_s=_window(given["for_s"]) if "for_s" in given else None,
        when=_predicate(given["when"]) if "when" in given else None,
        caller=_caller(given["caller"]) if "caller" in given else None,
        args=_arguments(given["args"]) if "args" in given else (),
    )


def checked_rate(rate: object) -> float:
    """Return a share of calls.

    Raises:
        SpecificationError: It is not a number in [0, 1].
    """
    if isinstance(rate, bool) or not isinstance(rate, int | float):
        raise SpecificationError(
            f"rate must be a number in [0, 1], got {rate!r}",
            remedy="It is the share of calls that fail: 0.2 is one in five.",
        )
    if not 0 <= rate <= 1:  # NaN fails here too
        hint = f"Did you mean {rate / 100:g}?" if 0 < rate <= 100 else "It is the share of calls that fail."
        raise SpecificationError(f"rate must lie in [0, 1], got {rate!r}", remedy=hint)
    return abs(float(rate))  # -0.0 is 0.0


def _hits(given: Mapping[str, Any]) -> Hits:
    if "nth" in given and "every" in given:
        raise SpecificationError(
            f"nth={given['nth']!r} and every={given['every']!r} contradict each other",
            remedy="Use one of them: nth picks call numbers, every picks each n-th call.",
        )
    after = _count("after", given["after"], least=0) if "after" in given else 0
    if "nth" in given:
        nth = given["nth"]
        if isinstance(nth, str) or (isinstance(nth, Iterable) and not list(nth)):
            raise SpecificationError(
                f"nth must be a call number or a list of them, got {nth!r}",
                remedy="Calls are counted from 1: nth=3 or nth=[1, 3].",
            )
        numbers = [_count("nth", number, least=1) for number in (nth if isinstance(nth, Iterable) else [nth])]
        left = [number for number in numbers if number > after]
        if not left:
            raise SpecificationError(
                f"nth={nth!r} with after={after} never fires",
                remedy=f"after={after} lets the calls 1 to {after} pass; both count from the first call.",
            )
        return Hits.listed(left)
    if "every" in given:
        every = _count("every", given["every"], least=1)
        return Hits(first=every * (after // every + 1), step=every)
    return Hits(first=after + 1)


def _count(name: str, value: object, *, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SpecificationError(
            f"{name} must be a whole number, got {value!r}", remedy=f"Write, for example, {name}=3."
        )
    if value < least:
        hint = "Calls are counted from 1." if name in ("nth", "every") else ""
        raise SpecificationError(f"{name} must be at least {least}, got {value!r}", remedy=hint)
    return value


def _window(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST_S:
        raise SpecificationError(
            f"for_s must be a positive number of seconds, got {value!r}",
            remedy="It counts from the start of the test's body.",
        )
    return float(value)


def _predicate(value: object) -> Callable[[Call], object]:
    if not callable(value):
        raise SpecificationError(
            f"when must be a predicate over the call, got {value!r}",
            remedy="Write, for example, when=lambda call: call.args[0] == 'EUR'.",
        )
    return value


def _caller(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise SpecificationError(
            f"caller must be a glob over module names, got {value!r}",
            remedy="Write, for example, caller='shop.api*'.",
        )
    return value


def _arguments(value: object) -> tuple[tuple[str | int, Any], ...]:
    if isinstance(value, tuple):
        value = dict(enumerate(value))
    if not isinstance(value, Mapping) or not value:
        raise SpecificationError(
            f"args must map parameter names or positions to values, got {value!r}",
            remedy="Write, for example, args={'currency': 'EUR'} or args={0: 'EUR'}.",
        )
    for name in value:
        if isinstance(name, bool) or not isinstance(name, str | int):
            raise SpecificationError(f"args: {name!r} is neither a parameter name nor a position")
    return tuple(value.items())
