"""Hang: an injected hang that the system did not leave by itself."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_chaos.observation import Observation
from pytest_chaos.oracles.base import failing, note, reported
from pytest_chaos.verdict import Finding, Verdict


def judge_hang(seen: Observation) -> Iterator[Finding]:
    """Find hangs that nothing ended, hangs that could not be judged, and event loops that a hang blocked."""
    was_judged = any(parked.was_released for parked in seen.parked)
    # A recovery run is judged by what it does not do any more, see judge_recovery.
    if seen.failure is not None and seen.failure.is_release and not was_judged and seen.kind != "recovery":
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
