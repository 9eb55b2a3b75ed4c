"""Exercised: a fault that never fired proves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pytest_chaos.observation import Observation, RuleSeen
from pytest_chaos.oracles.base import failing, note, reported
from pytest_chaos.verdict import Evidence, Finding, Verdict

Reason = Literal[
    "matched nothing",  # its target has no points
    "shadowed",  # another rule acted where its trigger picked a call
    "not picked",  # its trigger picked none of its calls
    "passed",  # its fault let all pass that its trigger picked
    "refused",  # its filters refused all calls
    "in a child",  # not called here, and there were child processes
    "not again",  # called by the plain run, and not by this one
    "out of reach",  # called by references that are not replaced, maybe
    "not called",
]
_IN_COUNTS: frozenset[Reason] = frozenset({"not picked", "refused", "not called"})


@dataclass(frozen=True)
class NeverFired:
    """A rule that never fired in a run, and why.

    Attributes:
        rule: What it did instead.
        reason: Why.
        children: Process ids of children in which its target may have been called.
    """

    rule: RuleSeen
    reason: Reason
    children: tuple[int, ...] = ()

    @property
    def is_in_counts(self) -> bool:
        """Whether this says no more of the rule than the counts of its calls, and of what its filters refused, do."""
        return self.reason in _IN_COUNTS


@dataclass(frozen=True)
class Unstable:
    """What was found under a fault, and is not the fault's, as far as can be told.

    Attributes:
        verdict: What did not occur again when the same faults were injected a second time; ``None`` if the test fails
            without any fault too, in a fresh process.
    """

    verdict: Verdict | None = None


@dataclass(frozen=True)
class Unconfirmed:
    """What was found under a fault, and was not looked at once more, for the budget was used up.

    Attributes:
        verdict: What was found.
    """

    verdict: Verdict


@dataclass(frozen=True)
class Cold:
    """A scenario that met its fault in a fresh process, before any plain run.

    Attributes:
        points: The injection points that only the first run in a process calls.
    """

    points: tuple[str, ...]


def judge_exercised(seen: Observation) -> Iterator[Finding]:
    """Find rules that never fired; one that had to fire fails the test."""
    for problem in seen.problems:
        yield failing(Verdict.INCONCLUSIVE, Evidence("exercised", "specification", about=problem))
    for rule in seen.rules:
        if rule.fired:
            continue
        point = rule.points[0] if len(rule.points) == 1 else ""
        about = NeverFired(rule, _reason(rule, seen), seen.children)
        evidence = Evidence("exercised", "never-fired", about=about, point=point)
        if rule.is_sure and not seen.is_compared:
            yield failing(Verdict.INCONCLUSIVE, evidence)
        elif seen.fired:
            yield note(evidence)  # another rule of the scenario did act
        else:
            yield reported(Verdict.INCONCLUSIVE, evidence)


def _reason(rule: RuleSeen, seen: Observation) -> Reason:
    if not rule.points:
        return "matched nothing"
    if rule.calls:
        return "shadowed" if rule.shadowed else "passed" if rule.why_passed else "not picked"
    if rule.filtered:
        return "refused"
    if seen.children:
        return "in a child"
    if seen.is_compared:
        return "not again"
    return "out of reach" if rule.unreached else "not called"
