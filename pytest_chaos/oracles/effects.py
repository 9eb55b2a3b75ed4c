"""Effects: what must be done once is not done twice because a reply was lost, or a call was tried again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_chaos.contract import names
from pytest_chaos.faults.answering import HttpAnswer
from pytest_chaos.faults.cancelling import Cancel
from pytest_chaos.faults.hanging import Hang
from pytest_chaos.faults.raising import Raise
from pytest_chaos.faults.replying import Stale
from pytest_chaos.faults.returning import Null, Return
from pytest_chaos.observation import Observation
from pytest_chaos.oracles.base import failing
from pytest_chaos.verdict import Evidence, Finding, Verdict

_REFUSING = (Raise, Hang, HttpAnswer, Null, Return, Cancel, Stale)
"""Faults with which the call itself is not made; after the others it has happened."""


@dataclass(frozen=True)
class Doubled:
    """An effect that happened more often than in the plain run.

    Attributes:
        point: The injection point.
        happened: How many calls were really made.
        plain: How many the plain run made.
    """

    point: str
    happened: int
    plain: int


def judge_effects(seen: Observation) -> Iterator[Finding]:
    """Compare the calls of the contract's effects with those of the plain run.

    One call of what the plain run does not call is none too many: it may make up for what failed.
    """
    if not seen.contract.effects or seen.steady is None or seen.kind == "recovery" or not seen.fired:
        return
    for point in dict.fromkeys(spot.point for spot in seen.spots if names(seen.contract.effects, spot.point)):
        spots = [spot for spot in seen.spots if spot.point == point]
        refused = sum(one.point == point and isinstance(one.fault, _REFUSING) for one in seen.activations)
        about = Doubled(point, sum(spot.calls for spot in spots) - refused, seen.steady.calls.get(point, 0))
        if about.happened > max(about.plain, 1):
            place = max(spots, key=lambda spot: spot.more).place
            yield failing(Verdict.STORM, Evidence("effects", "doubled", about=about, place=place, point=point))
