"""Lost: errors that died unseen in a thread, a task or a future, or that were swallowed without a word."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_chaos.observation import Answer, Observation
from pytest_chaos.oracles.base import failing, note, reported
from pytest_chaos.oracles.ending import has_allowed_error
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
        if is_aftermath or (leftover.is_note and seen.contract.leaks != "strict"):
            yield note(evidence)
        else:
            yield failing(Verdict.LOST, evidence)


def judge_swallowed(seen: Observation) -> Iterator[Finding]:
    """Find an injected error that was caught, not tried again, not told of, and that changed what came out."""
    if seen.steady is None or seen.kind == "recovery" or not seen.injected_errors or seen.loud_logs:
        return
    caught = [way for way in seen.absorptions if way.caught]
    if not caught or len(caught) < len(seen.absorptions):
        return  # somebody else has been told of it, or it cannot be told
    if seen.failure is not None and not (seen.failure.is_assertion or seen.failure.is_in_test):
        return  # an error came out: nothing was hidden
    points = {activation.point for activation in seen.activations}
    was_made_again = any(spot.more for spot in seen.spots if spot.point in points)
    if not was_made_again and differs(seen) and not has_allowed_error(seen):
        way = caught[0]
        yield reported(Verdict.LOST, Evidence("lost", "swallowed", about=way, place=way.place, point=way.point))


def differs(seen: Observation) -> bool:
    """Tell whether what came out of a run is not what the plain run gives: outcome, answers, or calls to others."""
    assert seen.steady is not None, "it is compared"
    if seen.failure is not None:
        return True
    points = {activation.point for activation in seen.activations}
    others = {spot.point: 0 for spot in seen.spots if spot.point not in points}
    for spot in seen.spots:
        if spot.point in others:
            others[spot.point] += spot.calls
    plain = {point: calls for point, calls in seen.steady.calls.items() if point not in points}
    has_other_calls = {point: calls for point, calls in others.items() if calls} != plain
    return has_other_calls or received(seen.answers) != received(seen.steady.answers)


def received(answers: tuple[Answer, ...]) -> list[tuple[str, int]]:
    """Return what the test received, in a form that can be compared from run to run.

    Bodies and addresses are not: they hold ids and times that differ without any fault.
    """
    return [(answer.method, answer.status) for answer in answers if answer.is_to_driver]
