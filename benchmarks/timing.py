"""Timing loops in one process: every variant in a loop function of its own, rounds interleaved, the empty loop off.

Each variant's loop is compiled from source of its own, so that what the interpreter learns at one call site is not
shared with another. In each round every variant runs once, in turning order; a ratio is the median over the rounds, of
two variants that ran within the same few milliseconds. So a busy machine slows both sides alike.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import repeat
from time import thread_time_ns
from typing import Any

# Kept from before anything is armed: the clock must not go through a stand-in.
_CLOCK = thread_time_ns
_ROUND_NS = 1_500_000
_FEWEST, _MOST = 20, 100_000


@dataclass(frozen=True)
class Variant:
    """One way to do a job.

    Attributes:
        body: Source of one call, such as ``f(1, 2)``.
        names: What its names stand for.
        is_async: Whether the body awaits.
        once: How many calls a round makes, or 0 to find that out.
    """

    body: str
    names: Mapping[str, Any]
    is_async: bool = False
    once: int = 0


@dataclass(frozen=True)
class Timed:
    """What one variant took in each round, in nanoseconds a call, the empty loop subtracted."""

    rounds: tuple[float, ...]

    @property
    def ns(self) -> float:
        """The median."""
        return statistics.median(self.rounds)

    def over(self, other: Timed) -> float:
        """Return how many times the other's cost this is: the median over the rounds."""
        return statistics.median(a / max(b, 0.1) for a, b in zip(self.rounds, other.rounds, strict=True))


Loop = Callable[[int], int]


def loop_of(variant: Variant, filename: str) -> Loop:
    """Return a function that makes so many calls and returns the nanoseconds they took.

    Args:
        variant: What to call.
        filename: Whose code the loop pretends to be: the engine looks at callers.
    """
    names = ", ".join(variant.names)
    word = "async def" if variant.is_async else "def"
    lines = "\n".join(f"        {line}" for line in variant.body.splitlines())
    source = (
        f"{word} loop(times, repeat, clock, {names}):\n"
        "    began = clock()\n"
        "    for _ in repeat(None, times):\n"
        f"{lines}\n"
        "    return clock() - began\n"
    )
    namespace: dict[str, Any] = {"__name__": "loop"}
    exec(compile(source, filename, "exec"), namespace)
    loop = namespace["loop"]
    given = tuple(variant.names.values())

    def run(times: int) -> int:
        made = loop(times, repeat, _CLOCK, *given)
        if not variant.is_async:
            return int(made)
        try:
            made.send(None)
        except StopIteration as end:
            return int(end.value)
        raise RuntimeError("a job of a benchmark waits for nothing")

    return run


def timed(variants: Mapping[str, Variant], rounds: int, filename: str) -> dict[str, Timed]:
    """Time all variants of one job against each other."""
    loops = {name: loop_of(variant, filename) for name, variant in variants.items()}
    empty = {flag: loop_of(Variant("pass", {}, flag), filename) for flag in {v.is_async for v in variants.values()}}
    times = {name: variant.once or _times(loops[name]) for name, variant in variants.items()}
    taken: dict[str, list[float]] = {name: [] for name in variants}
    order = list(variants)
    gc.collect()
    for number in range(rounds):
        nothing = {flag: loop(20_000) / 20_000 for flag, loop in empty.items()}
        turn = number % len(order)
        for name in order[turn:] + order[:turn]:
            taken[name].append(loops[name](times[name]) / times[name] - nothing[variants[name].is_async])
    return {name: Timed(tuple(values)) for name, values in taken.items()}


def _times(loop: Loop) -> int:
    loop(_FEWEST)
    loop(_FEWEST)
    per_call = max(1, loop(200) / 200)  # and warms the loop up, so that its call site is specialised
    return int(min(_MOST, max(_FEWEST, _ROUND_NS / per_call)))
