"""Recovery: once the faults are lifted the system works again, and at the cost it had before."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_chaos.observation import Observation
from pytest_chaos.oracles.base import failing, note, reported, told_times
from pytest_chaos.verdict import Finding, Verdict

COSTS = frozenset({"costs-more", "costs-less"})
"""Kinds of trouble that are about numbers of calls alone."""


def judge_recovery(seen: Observation) -> Iterator[Finding]:
    """Find a probe that stayed false, and a recovery run that fails or costs more than the plain run."""
    if seen.recovery:
        yield failing(Verdict.NOT_RECOVERED, "recovery", "probe", seen.recovery)
    if seen.kind != "recovery" or seen.steady is None:
        return
    trouble = recovery_trouble(seen)
    if not trouble:
        return
    kind, text = trouble
    if seen.fresh == "passes":
        after = f" after {seen.polluter}" if seen.polluter else " after the scenarios of this test"
        yield failing(
            Verdict.NOT_RECOVERED,
            "recovery",
            kind,
            f"with all faults lifted,{after} {text}; in a fresh process it does not",
        )
        if seen.polluter:
            yield note(
                "recovery", "polluted", "what was said of scenarios after that one was said of a polluted process"
            )
    elif seen.fresh == "varies" and kind == "costs-less":
        yield note("recovery", "remembers", f"{text}; it does so without any fault too, from its second run on")
    elif seen.fresh == "unsteady":
        text = f"unstable: {text}, and not so when it was run once more"
        yield reported(Verdict.INCONCLUSIVE, "recovery", "unstable", text)
    elif seen.fresh in ("fails", "varies"):
        run = "run" if seen.fresh == "fails" else "second run"
        yield reported(
            Verdict.INCONCLUSIVE,
            "recovery",
            "unstable",
            f"unstable: {text}, and so it does in a fresh process, where no fault ever acted, in its {run}",
        )
    else:
        yield reported(
            Verdict.INCONCLUSIVE,
            "recovery",
            kind,
            f"{text}; whether the faults are to blame was not found out: no fresh process could be asked",
        )


def recovery_trouble(seen: Observation) -> tuple[str, str] | None:
    """Return in which way a run with all faults lifted is not what the plain run was, or ``None``."""
    if seen.standstills:
        return "hangs", seen.standstills[0].text
    if seen.failure is not None:
        where = f" at {seen.failure.place.told}" if seen.failure.place else ""
        return "fails", f"the test fails with {seen.failure.text}{where}"
    if seen.teardown_error:
        return "teardown", f"the teardown fails with {seen.teardown_error}"
    for kind, spots in (
        ("costs-more", [spot for spot in seen.spots if spot.more]),
        ("costs-less", [spot for spot in seen.spots if spot.calls < spot.plain_calls]),
    ):
        for spot in spots:
            return kind, f"{spot.place} calls {spot.point} {told_times(spot.calls)} instead of {spot.plain_calls}"
    return None
