"""Lost: errors that died unseen in a thread, a task or a future, or that were swallowed without a word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from pytest_chaos.absorption import Absorption, End
from pytest_chaos.observation import Answer, Observation, SpotSeen
from pytest_chaos.oracles.base import failing, note, reported
from pytest_chaos.oracles.ending import has_allowed_error
from pytest_chaos.provenance import Place
from pytest_chaos.resources.leftovers import LeftKind
from pytest_chaos.verdict import Evidence, Finding, Verdict

KINDS: frozenset[LeftKind] = frozenset({"task-error", "thread-error"})
"""Kinds of leftovers that are lost errors, and no leaks."""


def judge_lost(seen: Observation) -> Iterator[Finding]:
    """Find errors that nobody saw; what came after a release is an answer to that and only noted."""
    if seen.contract.leaks == "off":
        return
    is_aftermath = any(parked.was_released for parked in seen.parked)
    for leftover in seen.blamed.caused:
        if leftover.kind not in KINDS:
            continue
        evidence = Evidence(
            "lost", leftover.kind, about=leftover, place=leftover.place, fingerprint=leftover.fingerprint
        )
        is_of_thread = leftover.kind == "thread-error"
        # A thread of the test's own dies of what the system passes on to it, as the test would. Whoever started one may
        # keep its error, and raise that where the next answer is asked for; what runs tasks may do so for the test.
        is_seen = is_of_thread and (leftover.is_told or (seen.is_compared and leftover.is_made_by_test))
        if is_aftermath or is_seen or (leftover.is_note and seen.contract.leaks != "strict"):
            yield note(evidence)
        else:
            yield failing(Verdict.LOST, evidence)


_KEPT: frozenset[End] = frozenset({"task", "future"})  # such as for who gathers with return_exceptions=True
_ENDS_OF_WORKERS: frozenset[End] = _KEPT | {"thread", "event loop"}


@dataclass(frozen=True)
class Swallowed:
    """An injected error of which nobody was told.

    Attributes:
        way: What became of it.
        missing: Calls of the plain run that were not made after it was absorbed.
    """

    way: Absorption
    missing: tuple[SpotSeen, ...] = ()


def judge_swallowed(seen: Observation) -> Iterator[Finding]:
    """Find injected errors that the project took, did not try again and told nobody of, and that changed what came out.

    It fails where the clause takes every error and does nothing about it. One that names the error is what its author
    decided, and an answer of another kind is a fallback: an unlogged one is told where the clause takes every error.
    Each clause is told for itself. What ended a thread, a task or a job that is told of is told with that.
    """
    if seen.steady is None or seen.kind == "recovery" or not seen.injected_errors or seen.loud_logs:
        return
    has_died = any(finding.verdict is Verdict.LOST for finding in judge_lost(seen))
    ways = [way for way in seen.absorptions if not (has_died and way.end in _ENDS_OF_WORKERS)]
    if not ways or not all(map(_is_told, ways)):
        return  # somebody else has been told of it, or it cannot be told
    if seen.failure is not None and not (seen.failure.is_assertion or seen.failure.is_in_test):
        return  # an error came out: nothing was hidden
    if _was_made_again(seen) or has_allowed_error(seen):
        return
    missing = tuple(_missing(seen))
    if seen.failure is None and not missing and received(seen.answers) == received(seen.steady.answers):
        return
    # Which of them makes the difference is not known, so one that fails alone only does so beside its like.
    is_certain = len(ways) == len(seen.absorptions) and all(way.is_broad and way.does == "nothing" for way in ways)
    has_fallback = any(spot.more for spot in seen.spots if not spot.in_pieces)
    is_idle = not has_fallback and all(way.does == "nothing" or way.end in _KEPT for way in ways)
    clauses: dict[Place | None, Absorption] = {}
    for way in ways:
        clauses.setdefault(way.reached or way.place, way)
    for way in clauses.values():
        evidence = Evidence("lost", "swallowed", about=Swallowed(way, missing), place=way.place, point=way.point)
        if way.end in _KEPT:
            yield reported(Verdict.LOST, evidence)  # whether anybody looked at what was kept there is not known
        elif is_idle:
            yield (failing if is_certain else reported)(Verdict.LOST, evidence)
        elif way.is_broad and way.does != "raises":
            yield reported(Verdict.LOST, replace(evidence, kind="quiet-fallback"))


def _is_told(way: Absorption) -> bool:
    return way.end in _KEPT or (way.taker == "project" and way.does != "")


def _was_made_again(seen: Observation) -> bool:
    points = {activation.point for activation in seen.activations}
    return any(spot.more for spot in seen.spots if spot.point in points)


def _missing(seen: Observation) -> Iterator[SpotSeen]:
    """Yield the calls of the plain run that are missing, and would have been made after the guarded statement.

    What another thread or task did, or what is not known to have been outside of the statement, may be a part of it.
    """
    actors = {activation.actor for activation in seen.activations}
    for spot in seen.spots:
        is_missing = spot.calls < spot.plain_calls and not spot.in_pieces
        if is_missing and spot.above and spot.actor in actors and not _is_guarded(spot, seen.absorptions):
            yield spot


def _is_guarded(spot: SpotSeen, ways: Iterable[Absorption]) -> bool:
    guards = [(way.place.path, way.place.function, *way.span) for way in ways if way.place is not None]
    return any(
        (place.path, place.function) == (path, function) and first <= place.line <= last
        for place in spot.above
        for path, function, first, last in guards
    )


def received(answers: tuple[Answer, ...]) -> list[tuple[str, int]]:
    """Return what the test received, in a form that can be compared from run to run.

    Bodies and addresses are not: they hold ids and times that differ without any fault.
    """
    return [(answer.method, answer.status) for answer in answers if answer.is_to_driver]
