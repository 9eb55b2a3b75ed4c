"""Bodies: an error answer must look as the contract says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_chaos.observation import LONGEST_BODY, Answer, Observation
from pytest_chaos.oracles.base import call_of, failing, point_of
from pytest_chaos.shapes import Shape
from pytest_chaos.verdict import Evidence, Finding, Verdict

_EXCERPT = 80  # bytes


@dataclass(frozen=True)
class WrongBody:
    """An error answer whose body is not what the contract says.

    Attributes:
        answer: The answer.
        why: What is wrong with its body.
        excerpt: How the body begins.
    """

    answer: Answer
    why: str
    excerpt: str


def judge_bodies(seen: Observation) -> Iterator[Finding]:
    """Find error answers to the test's own calls whose body has not the contract's shape."""
    shape = seen.contract.body
    if shape is None or not seen.fired:
        return
    for answer in seen.answers:
        is_error = answer.kind == "http" and answer.status >= 400 and not answer.is_raised
        if answer.is_to_driver and is_error and answer.method != "HEAD" and answer.body is not None:
            why = _wrong(answer.body, shape)
            if why:
                excerpt = " ".join(answer.body[:_EXCERPT].decode(errors="replace").split())
                place = next((way.reached for way in seen.absorptions if way.reached is not None), None)
                about = WrongBody(answer, why, excerpt)
                evidence = Evidence(
                    "bodies", "body", about=about, place=place, point=point_of(seen), call=call_of(seen)
                )
                yield failing(Verdict.WRONG_ERROR, evidence)


def _wrong(body: bytes, shape: Shape) -> str:
    if len(body) >= LONGEST_BODY:
        return ""  # it is not known whole
    try:
        return shape.wrong(json.loads(body))
    except UnicodeDecodeError:
        return ""  # as it came, compressed
    except ValueError:
        return "it is no JSON" if body else "it is empty"
