"""What one run of one test is to be: decided before it begins, and never changed."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pytest_chaos.contract import Contract, LeakLevel
from pytest_chaos.guard import Limits
from pytest_chaos.hang import BUDGET_S, LONGEST_WAIT_S
from pytest_chaos.injector.injector import Observer, Patience
from pytest_chaos.observation import Observation, RunKind, Steady
from pytest_chaos.oracles.insides import without_needless_body
from pytest_chaos.reach import FunctionKey, Reach
from pytest_chaos.scenario import Rule
from pytest_chaos.target import Point, Target
from pytest_chaos.trace import Sites, Trace

Watched = Sequence[tuple[Target, list[Point]]]
"""Targets whose calls are traced, with the injection points that are known already."""


class Observed(NamedTuple):
    """Calls that somebody is told of, beside the trace.

    Attributes:
        target: Whose calls.
        points: Its injection points.
        observer: Who is told.
    """

    target: Target
    points: list[Point]
    observer: Observer


class Reaching(NamedTuple):
    """What is found out of how the points are reached that may fail.

    Attributes:
        points: The points that are looked at, by their texts.
        outer: The injection points of functions of libraries, by their code: what they call is a part of their call.
        exact: Those of the points that the user has named exactly.
        beneath: Calls that only the reach is told of, in plain runs, for what they say of others.
    """

    points: Container[str]
    outer: Mapping[FunctionKey, str]
    beneath: Watched = ()
    exact: frozenset[str] = frozenset()


class PlannedRule(NamedTuple):
    """A rule of a run, armed once the fixtures are set up.

    Attributes:
        rule: What goes wrong.
        below: Whether what was armed by hand before wins over it.
        spares_driver: Whether the test's own calls are counted and left alone.
        patience: How long it may go on; without it as long as the body.
    """

    rule: Rule
    below: bool = False
    spares_driver: bool = False
    patience: Patience | None = None


@dataclass(frozen=True)
class Plain:
    """The plain run of an explored test.

    Attributes:
        steady: What oracles compare with.
        trace: Who called what.
        reach: By which ways; ``None`` of a run of another process.
        sites: The places that made the calls.
    """

    steady: Steady
    trace: Trace
    reach: Reach | None
    sites: Sites

    @classmethod
    def of(cls, seen: Observation, trace: Trace, reach: Reach, sites: Sites) -> Plain:
        """Return the plain run for what was seen of it."""
        return cls(
            Steady(
                trace.counts(),
                seen.leftovers,
                tuple(map(without_needless_body, seen.answers)),
                seen.duration_s,
                seen.ends,
                seen.files,
                frozenset((one.error, one.place) for one in seen.logged if one.place is not None),
                frozenset((one.failure.error, one.gap.place) for one in seen.unhandled),
            ),
            trace,
            reach,
            sites,
        )


@dataclass(frozen=True)
class RunPlan:
    """One chaos run, or one plain run of an explored test.

    Attributes:
        test: Plain id of the test.
        seed: The seed.
        kind: What sort of run it is.
        rules: What goes wrong.
        watched: What is traced; ``None`` traces nothing.
        reaching: What is found out of how points are reached; ``None`` finds out nothing.
        observed: Asked at the end of the set-up which other calls somebody wants to be told of.
        contract: What the system promises.
        budget_s: The hang budget, in seconds.
        is_asked: Whether the user asked for its hang by name, as a fault test does.
        longest_wait_s: How long a wait that ends by itself is sat through in such a run, in seconds.
        plain: The plain run of an explored test, with which this run is compared.
        plain_leaks: How strictly leaks are judged if nothing is injected after all.
        limits: When parts of it are ended that stand still; without them nobody looks.
        recovers: Probes that must come true after the body, each with its ``within`` in seconds.
    """

    test: str
    seed: int = 0
    kind: RunKind = "fault"
    rules: tuple[PlannedRule, ...] = ()
    watched: Watched | None = None
    reaching: Reaching | None = None
    observed: Callable[[], Iterable[Observed]] = tuple
    contract: Contract = field(default_factory=Contract)
    budget_s: float = BUDGET_S
    is_asked: bool = False
    longest_wait_s: float = LONGEST_WAIT_S
    plain: Plain | None = None
    plain_leaks: LeakLevel = "off"
    limits: Limits | None = None
    recovers: tuple[tuple[Callable[[], Any], float], ...] = ()

    @property
    def is_transient(self) -> bool:
        """Whether each of its faults is meant to fire once, so that a retry must give the plain answer."""
        return bool(self.rules) and all(one.rule.is_transient for one in self.rules)

    @property
    def looks_at_leaks(self) -> bool:
        """Whether it may come to be asked what the run left."""
        return (self.contract.leaks, self.plain_leaks) != ("off", "off")
