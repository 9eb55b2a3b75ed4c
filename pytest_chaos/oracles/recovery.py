"""Recovery: once the faults are lifted the system works again, and at the cost it had before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pytest_chaos.observation import Failure, Fresh, Observation, SpotSeen
from pytest_chaos.oracles.base import failing, note, reported
from pytest_chaos.resources.standstill import StandstillSeen
from pytest_chaos.verdict import Evidence, Finding, Verdict

TroubleKind = Literal["hangs", "fails", "teardown", "costs-more", "costs-less"]
COSTS: frozenset[TroubleKind] = frozenset({"costs-more", "costs-less"})
"""Kinds of trouble that are about numbers of calls alone."""


class Trouble(NamedTuple):
    """In which way a run with all faults lifted is not what the plain run was.

    Attributes:
        kind: In which way.
        about: The part that did not end, how the body or the teardown ended, or the line whose calls are others.
    """

    kind: TroubleKind
    about: StandstillSeen | Failure | SpotSeen | str


@dataclass(frozen=True)
class NotAsBefore:
    """A recovery run that is not what the plain run was, and whether the faults are to blame.

    Attributes:
        trouble: In which way it is not.
        fresh: What a process in which no fault ever acted says of the plain test.
        polluter: The scenario after which the plain test fails there; empty if none was found.
    """

    trouble: Trouble
    fresh: Fresh
    polluter: str = ""

    @property
    def is_by_chance(self) -> bool:
        """Whether other numbers of calls did not come again where the same scenarios ran one after the other."""
        return self.fresh == "passes" and self.trouble.kind in COSTS and not self.polluter


@dataclass(frozen=True)
class Polluted:
    """A process that was not what it was any more.

    Attributes:
        polluter: The earlier scenario that made it so; empty where it is named beside this.
    """

    polluter: str = ""


def judge_recovery(seen: Observation) -> Iterator[Finding]:
    """Find a probe that stayed false, and a recovery run that fails or costs more than the plain run."""
    if seen.recovery:
        yield failing(Verdict.NOT_RECOVERED, Evidence("recovery", "probe", about=seen.recovery))
    if seen.kind != "recovery" or seen.steady is None:
        return
    trouble = recovery_trouble(seen)
    if not trouble:
        return
    about = NotAsBefore(trouble, seen.fresh, seen.polluter)
    if about.is_by_chance:
        yield reported(Verdict.INCONCLUSIVE, _evidence("unstable", about))
    elif seen.fresh in ("passes", "before"):
        yield failing(Verdict.NOT_RECOVERED, _evidence(trouble.kind, about))
        if seen.polluter and seen.fresh == "passes":
            yield note(Evidence("recovery", "polluted", about=Polluted()))
    elif seen.fresh == "varies" and trouble.kind == "costs-less":
        yield note(_evidence("remembers", about))
    elif seen.fresh in ("unsteady", "fails", "varies"):
        yield reported(Verdict.INCONCLUSIVE, _evidence("unstable", about))
    else:
        yield reported(Verdict.INCONCLUSIVE, _evidence(trouble.kind, about))


def _evidence(kind: str, about: NotAsBefore) -> Evidence:
    cause = about.trouble.about
    place = None if isinstance(cause, str) else cause.place
    return Evidence(
        "recovery", kind, about=about, place=place, point=cause.point if isinstance(cause, SpotSeen) else ""
    )


def recovery_trouble(seen: Observation) -> Trouble | None:
    """Return in which way a run with all faults lifted is not what the plain run was, or ``None``."""
    if seen.standstills:
        return Trouble("hangs", seen.standstills[0])
    if seen.failure is not None:
        return Trouble("fails", seen.failure)
    if seen.teardown_error:
        return Trouble("teardown", seen.teardown_error)
    # In how many pieces the bytes of a stream arrive tells nothing of the system; that none are asked for does.
    now = {spot.point for spot in seen.spots if spot.in_pieces and spot.calls}
    before = {spot.point for spot in seen.spots if spot.in_pieces and spot.plain_calls}
    steady = [spot for spot in seen.spots if spot.point not in now & before]
    more = next((spot for spot in steady if spot.more), None)
    if more is not None:
        return Trouble("costs-more", more)
    less = next((spot for spot in steady if spot.calls < spot.plain_calls), None)
    return None if less is None else Trouble("costs-less", less)
