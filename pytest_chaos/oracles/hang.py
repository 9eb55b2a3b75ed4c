"""Hang: an injected hang that the system did not leave by itself."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_chaos.observation import Observation, ParkedSeen
from pytest_chaos.oracles.base import failing, note, reported
from pytest_chaos.verdict import Evidence, Finding, Verdict


def judge_hang(seen: Observation) -> Iterator[Finding]:
    """Find parts of a run that did not end, hangs that nothing ended or that could not be judged, and blocked loops."""
    was_judged = any(parked.was_released for parked in seen.parked)
    for standstill in seen.standstills:
        evidence = Evidence("hang", "standstill", about=standstill, place=standstill.place)
        # What still waits after the release of a hang waits for what the hang has kept from it; and a recovery run is
        # judged by what it does not do any more, see judge_recovery.
        is_told = was_judged or seen.kind == "recovery"
        yield note(evidence) if is_told else failing(Verdict.HUNG, evidence)
    is_explained = was_judged or bool(seen.standstills) or seen.kind == "recovery"
    if seen.failure is not None and seen.failure.is_release and not is_explained:
        yield failing(Verdict.HUNG, Evidence("hang", "hang", about=seen.failure, place=seen.failure.place))
    for parked in seen.parked:
        if parked.outcome == "hung":
            yield failing(Verdict.HUNG, _evidence("hang", parked))
        elif parked.outcome == "inconclusive":
            # It may have an end: whoever has the patience can find out, and nobody is blamed before.
            yield reported(Verdict.INCONCLUSIVE, _evidence("timed-wait", parked))
        elif parked.outcome == "abandoned":
            yield note(_evidence("abandoned", parked))
        if parked.blocks_loop:
            yield note(_evidence("loop-blocked", parked))


def _evidence(kind: str, parked: ParkedSeen) -> Evidence:
    call = parked.activation
    return Evidence("hang", kind, about=parked, place=parked.without, point=call.point, call=call.number)
