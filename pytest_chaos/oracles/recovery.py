"""Recovery: once the faults are lifted, the probe must come true again."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_chaos.observation import Observation
from pytest_chaos.oracles.base import failing
from pytest_chaos.verdict import Finding, Verdict


def judge_recovery(seen: Observation) -> Iterator[Finding]:
    """Find a probe that stayed false."""
    if seen.recovery:
        yield failing(Verdict.NOT_RECOVERED, "recovery", "probe", seen.recovery)
