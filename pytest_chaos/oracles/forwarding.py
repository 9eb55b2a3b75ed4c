"""Forwarding: what a dependency has answered is no answer to who has asked the system."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_chaos.faults.answering import HttpAnswer
from pytest_chaos.observation import Answer, Observation
from pytest_chaos.oracles.base import call_of, point_of, reported
from pytest_chaos.verdict import Evidence, Finding, Verdict


@dataclass(frozen=True)
class Forwarded:
    """An answer that the test received as a dependency gave it.

    Attributes:
        answer: The answer.
        point: The injection point at which the dependency was asked; empty if there are several.
    """

    answer: Answer
    point: str


def judge_forwarded(seen: Observation) -> Iterator[Finding]:
    """Find answers to the test that are, status and body, the injected ones; a gateway may forward them on purpose."""
    given = {
        (activation.fault.status, activation.fault.content)
        for activation in seen.activations
        if isinstance(activation.fault, HttpAnswer) and activation.fault.content.strip()
    }
    for answer in seen.answers if given else ():
        if answer.kind == "http" and answer.is_to_driver and (answer.status, answer.body) in given:
            place = next((way.reached for way in seen.absorptions if way.reached is not None), None)
            about = Forwarded(answer, point_of(seen))
            evidence = Evidence(
                "forwarding", "forwarded", about=about, place=place, point=about.point, call=call_of(seen)
            )
            yield reported(Verdict.ESCAPED, evidence)
            return
