"""Hang: an injected hang that the system did not leave by itself."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_chaos.observation import Observation
from pytest_chaos.oracles.base import failing, note, reported
from pytest_chaos.verdict import Finding, Verdict


def judge_hang(seen: Observation) -> Iterator[Finding]:
    """Find parts of a run that did not end, hangs that nothing ended or that could not be judged, and blocked loops."""
    was_judged = any(parked.was_released for parked in seen.parked)
    for standstill in seen.standstills:
        text = "\n  ".join((standstill.text, *standstill.lines))
        # What still waits after the release of a hang waits for what the hang has kept from it; and a recovery run is
        # judged by what it does not do any more, see judge_recovery.
        is_told = was_judged or seen.kind == "recovery"
        yield note("hang", "standstill", text) if is_told else failing(Verdict.HUNG, "hang", "standstill", text)
    is_explained = was_judged or bool(seen.standstills) or seen.kind == "recovery"
    if seen.failure is not None and seen.failure.is_release and not is_explained:
        yield failing(Verdict.HUNG, "hang", "hang", f"the test itself was waiting when released: {seen.failure.text}")
    for parked in seen.parked:
        where = f"{parked.label} in thread {parked.thread!r}: {parked.reason}"
        waiting = "".join(f"\n  waiting: {line}" for line in parked.stacks)
        if parked.outcome == "hung":
            yield failing(Verdict.HUNG, "hang", "hang", where + waiting)
        elif parked.outcome == "inconclusive":
            say = failing if seen.is_sure and not seen.is_compared else reported
            yield say(Verdict.INCONCLUSIVE, "hang", "timed-wait", where + waiting)
        elif parked.outcome == "abandoned":
            yield note("hang", "abandoned", where)
        if parked.blocks_loop:
            yield note("hang", "loop-blocked", f"{parked.label} blocked the event loop of thread {parked.thread!r}")
