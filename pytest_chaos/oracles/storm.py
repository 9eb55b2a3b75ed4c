"""Storm: far more calls under the fault than without it, or retries that never stop or never wait."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_chaos.observation import Observation, SpotSeen
from pytest_chaos.oracles.base import failing, note, reported, told_times
from pytest_chaos.verdict import Finding, Verdict

UNCAPPED = 50  # calls more than the plain run made from one line: no sensible cap is that high
_HASTY = 5  # retries without a pause; three quick attempts are a policy, six are a loop
_NO_PAUSE_S = 0.001


def judge_storm(seen: Observation) -> Iterator[Finding]:
    """Compare the calls of each point with those of the plain run, and look at the lines that call again."""
    if seen.steady is None or seen.kind == "recovery" or not seen.fired:
        return
    budget = seen.contract.amplification
    if budget is not None:
        yield from _over_budget(seen, budget)
    if seen.let_through:
        yield note("storm", "let-through", seen.let_through)
    for spot in seen.spots:
        if spot.more >= UNCAPPED:
            yield _report(budget, "no-cap", f"{_told(spot)}: it tries again without a cap")
        elif spot.more >= _HASTY and spot.gap_s is not None and spot.gap_s < _NO_PAUSE_S:
            yield _report(budget, "no-back-off", f"{_told(spot)}: it tries again without waiting in between")


def _over_budget(seen: Observation, budget: float) -> Iterator[Finding]:
    assert seen.steady is not None, "it is compared"
    for point, calls in _calls(seen).items():
        plain = seen.steady.calls.get(point, 0)
        if plain and calls / plain > budget:
            yield failing(
                Verdict.STORM,
                "storm",
                "amplification",
                f"{point} was called {calls} times, {calls / plain:g} times as often as in the plain run; "
                f"the contract allows {budget:g}",
            )


def _calls(seen: Observation) -> dict[str, int]:
    calls: dict[str, int] = {}
    for spot in seen.spots:
        calls[spot.point] = calls.get(spot.point, 0) + spot.calls
    return calls


def _report(budget: float | None, kind: str, text: str) -> Finding:
    # With a declared budget the budget decides; what it allows is only told.
    return note("storm", kind, text) if budget is not None else reported(Verdict.STORM, "storm", kind, text)


def _told(spot: SpotSeen) -> str:
    plain = told_times(spot.plain_calls)
    return f"{spot.place} called {spot.point} {told_times(spot.calls)}, and {plain} in the plain run"
