"""Deadline: answers must come in the time that the contract gives them, with the waits that were spared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_chaos.observation import Answer, Observation
from pytest_chaos.oracles.base import call_of, failing, point_of
from pytest_chaos.verdict import Evidence, Finding, Verdict


@dataclass(frozen=True)
class Late:
    """An answer, or the body of a test without one, that took too long.

    Attributes:
        answer: The answer; ``None`` for the body of the test.
        took_s: Seconds that it took.
        spared_s: Seconds that calls would have waited whose timeout was raised at once; they are not in ``took_s``.
        deadline_s: Seconds that the contract gives it.
    """

    answer: Answer | None
    took_s: float
    spared_s: float
    deadline_s: float


def judge_deadline(seen: Observation) -> Iterator[Finding]:
    """Find the slowest answer to the test that came after the contract's deadline.

    Waits that were spared are added only where one answer was seen: else it is not known to which they belong.
    """
    deadline_s = seen.contract.deadline_s
    if deadline_s is None or not seen.fired or seen.kind == "recovery":
        return
    if any(parked.was_released for parked in seen.parked):
        return  # that it did not end is told
    answers = [one for one in seen.answers if one.is_to_driver]
    timed = [(one.took_s, one) for one in answers if one.took_s is not None]
    answer: Answer | None = None
    took_s = seen.duration_s
    if answers and not timed:
        return  # it is not known how long they took
    if timed:
        took_s, answer = max(timed, key=lambda one: one[0])
    spared_s = seen.spared_s if len(answers) <= 1 else 0.0
    if took_s + spared_s > deadline_s:
        place = next((way.reached for way in seen.absorptions if way.reached is not None), None)
        about = Late(answer, took_s, spared_s, deadline_s)
        evidence = Evidence("deadline", "late", about=about, place=place, point=point_of(seen), call=call_of(seen))
        yield failing(Verdict.WRONG_ERROR, evidence)
