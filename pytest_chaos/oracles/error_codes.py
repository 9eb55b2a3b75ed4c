"""Error codes: answers that the test received must keep the contract's status codes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_chaos.observation import Answer, Observation
from pytest_chaos.oracles.base import failing
from pytest_chaos.oracles.ending import CameOut, unhandled_in
from pytest_chaos.verdict import Evidence, Finding, Verdict


@dataclass(frozen=True)
class Disallowed:
    """An answer that the contract does not allow.

    Attributes:
        answer: The answer.
        allowed: The status codes that the contract allows, and classes of them, such as ``4xx``.
        unhandled: The error for which a framework's last resort gave this answer; ``None`` if the project gave it.
    """

    answer: Answer
    allowed: tuple[int | str, ...]
    unhandled: CameOut | None = None


def judge_error_codes(seen: Observation) -> Iterator[Finding]:
    """Find answers to the test's own calls whose status the contract does not allow."""
    if seen.contract.status is None:
        return
    unhandled = unhandled_in(seen)
    for answer in seen.answers:
        if answer.is_to_driver and answer.kind == "http" and not seen.contract.allows(answer.status):
            by = next((one for one in unhandled if one.status == answer.status), None)
            about = Disallowed(answer, seen.contract.status, by)
            yield failing(Verdict.WRONG_ERROR, Evidence("error codes", "status", about=about))
