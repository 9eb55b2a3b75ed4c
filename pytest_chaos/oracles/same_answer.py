"""Same answer: where a call that failed once was made again, what came out must be what the plain run gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_chaos.observation import Observation
from pytest_chaos.oracles.base import call_of, point_of, reported
from pytest_chaos.oracles.lost import received
from pytest_chaos.verdict import Evidence, Finding, Verdict


@dataclass(frozen=True)
class OtherAnswers:
    """Answers that a test received, and that are not those of the plain run.

    Attributes:
        received: Method and status of each.
        plain: The same of the plain run.
    """

    received: tuple[tuple[str, int], ...]
    plain: tuple[tuple[str, int], ...]


def judge_same_answer(seen: Observation) -> Iterator[Finding]:
    """Find a retry that succeeded, after which the test received something else and did not notice."""
    if not (seen.is_transient and seen.fired and seen.steady is not None and seen.failure is None):
        return
    points = {activation.point for activation in seen.activations}
    was_made_again = any(spot.more for spot in seen.spots if spot.point in points)
    mine, plain = received(seen.answers), received(seen.steady.answers)
    if was_made_again and mine != plain:
        about = OtherAnswers(tuple(mine), tuple(plain))
        evidence = Evidence("same answer", "other-answer", about=about, point=point_of(seen), call=call_of(seen))
        yield reported(Verdict.CHANGED, evidence)
