"""What an oracle is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from pytest_chaos.observation import Observation
from pytest_chaos.verdict import Evidence, Finding, Verdict


class Oracle(Protocol):
    """Judges one run from what was seen of it; pure, so that a table of observations tests it."""

    def __call__(self, seen: Observation) -> Iterable[Finding]:
        """Return what there is to say; nothing where all is well."""


def failing(verdict: Verdict, evidence: Evidence) -> Finding:
    """Return a finding that fails the test."""
    return Finding(verdict, evidence, fails=True)


def reported(verdict: Verdict, evidence: Evidence) -> Finding:
    """Return a finding that is printed and leaves the outcome alone."""
    return Finding(verdict, evidence, fails=False)


def note(evidence: Evidence) -> Finding:
    """Return a remark that does not worsen the verdict."""
    return reported(Verdict.RESILIENT, evidence)


def point_of(seen: Observation) -> str:
    """Return the injection point on whose calls faults acted; an empty text if there are several, or none."""
    points = {activation.point for activation in seen.activations}
    return points.pop() if len(points) == 1 else ""


def call_of(seen: Observation) -> int:
    """Return the number of the call on which a fault acted; 0 if there are several, or none."""
    return seen.activations[0].number if len(seen.activations) == 1 else 0
