"""Same answer: where a call that failed once was made again, what came out must be what the plain run gives."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_chaos.observation import Observation
from pytest_chaos.oracles.base import reported
from pytest_chaos.oracles.lost import received
from pytest_chaos.verdict import Finding, Verdict


def judge_same_answer(seen: Observation) -> Iterator[Finding]:
    """Find a retry that succeeded, after which the test received something else and did not notice."""
    if not (seen.is_transient and seen.fired and seen.steady is not None and seen.failure is None):
        return
    points = {activation.point for activation in seen.activations}
    was_made_again = any(spot.more for spot in seen.spots if spot.point in points)
    mine, plain = received(seen.answers), received(seen.steady.answers)
    if was_made_again and mine != plain:
        first = next((pair for pair in zip(mine, plain, strict=False) if pair[0] != pair[1]), None)
        told = f"{len(mine)} answers instead of {len(plain)}"
        if first is not None:
            told = " instead of ".join(f"{method} {status}" for method, status in first)
        yield reported(
            Verdict.CHANGED,
            "same answer",
            "other-answer",
            f"the call was made again and succeeded, yet the test received another answer than plainly: {told}",
        )
