"""Storm: far more calls under the fault than without it, or retries that never stop or never wait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_chaos.clocks import UNCAPPED
from pytest_chaos.observation import Observation, SpotSeen
from pytest_chaos.oracles.base import failing, note, point_of, reported
from pytest_chaos.verdict import Evidence, Finding, Verdict

_HASTY = 5  # retries without a pause; three quick attempts are a policy, six are a loop
_NO_PAUSE_S = 0.001


@dataclass(frozen=True)
class Amplified:
    """A point that was called more often than the contract allows.

    Attributes:
        point: The injection point.
        calls: How often it was called.
        plain: How often the plain run called it.
        budget: How many times as often it may be.
    """

    point: str
    calls: int
    plain: int
    budget: float


def judge_storm(seen: Observation) -> Iterator[Finding]:
    """Compare the calls of each point with those of the plain run, and look at the lines that call again."""
    if seen.steady is None or seen.kind == "recovery" or not seen.fired:
        return
    budget = seen.contract.amplification
    if budget is not None:
        yield from _over_budget(seen, budget)
    if seen.let_through:
        yield note(Evidence("storm", "let-through", about=seen.let_through, point=point_of(seen)))
    acted = {activation.point for activation in seen.activations}
    # What polls without a fault polls more often in a run that takes longer, and tries nothing again. And who computes
    # something else instead asks nobody again, however often it calls itself for that.
    spots = [spot for spot in seen.spots if spot.point in acted or not (spot.plain_calls >= UNCAPPED or spot.is_inner)]
    loops = [spot for spot in spots if spot.more >= UNCAPPED and spot.loop is not None]
    for spot in spots:
        if loops and spot not in loops and spot.more >= UNCAPPED:
            yield note(Evidence("storm", "no-cap", about=spot, place=spot.place, point=spot.point))  # of the same loop
        elif spot.more >= UNCAPPED and spot.loop is not None and spot.loop.is_timed and not _is_hasty(spot):
            # It waits in between and looks at the time: a policy.
            yield note(Evidence("storm", "no-cap", about=spot, place=spot.loop.place, point=spot.point))
        elif spot.more >= UNCAPPED:
            yield _report(budget, "no-cap", spot)
        elif spot.more >= _HASTY and _is_hasty(spot) and not (spot.is_local or _is_at_its_end(spot)):
            yield _report(budget, "no-back-off", spot)


def _is_at_its_end(spot: SpotSeen) -> bool:
    """Tell whether an object calls that is dropped: each does so once, and how many there are is no retry."""
    return spot.place.function.endswith("__del__")


def _is_hasty(spot: SpotSeen) -> bool:
    return spot.gap_s is not None and spot.gap_s < _NO_PAUSE_S


def _over_budget(seen: Observation, budget: float) -> Iterator[Finding]:
    assert seen.steady is not None, "it is compared"
    for point, calls in _calls(seen).items():
        plain = seen.steady.calls.get(point, 0)
        if plain and calls / plain > budget:
            about = Amplified(point, calls, plain, budget)
            yield failing(Verdict.STORM, Evidence("storm", "amplification", about=about, point=point))


def _calls(seen: Observation) -> dict[str, int]:
    calls: dict[str, int] = {}
    for spot in seen.spots:
        calls[spot.point] = calls.get(spot.point, 0) + spot.calls
    return calls


def _report(budget: float | None, kind: str, spot: SpotSeen) -> Finding:
    place = spot.place if spot.loop is None else spot.loop.place
    evidence = Evidence("storm", kind, about=spot, place=place, point=spot.point)
    if budget is not None:
        return note(evidence)  # with a declared budget the budget decides; what it allows is only told
    # A clock may end it, after a while; else nothing does.
    is_endless = kind == "no-cap" and spot.loop is not None and spot.loop.is_endless
    return failing(Verdict.STORM, evidence) if is_endless else reported(Verdict.STORM, evidence)
