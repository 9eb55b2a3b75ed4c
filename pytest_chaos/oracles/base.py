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


def failing(verdict: Verdict, oracle: str, kind: str, text: str) -> Finding:
    """Return a finding that fails the test."""
    return Finding(verdict, Evidence(oracle, kind, text), fails=True)


def reported(verdict: Verdict, oracle: str, kind: str, text: str) -> Finding:
    """Return a finding that is printed and leaves the outcome alone."""
    return Finding(verdict, Evidence(oracle, kind, text), fails=False)


def note(oracle: str, kind: str, text: str) -> Finding:
    """Return a remark that does not worsen the verdict."""
    return reported(Verdict.RESILIENT, oracle, kind, text)


def told_times(count: int) -> str:
    """Return how often, in words."""
    return "once" if count == 1 else f"{count} times"
