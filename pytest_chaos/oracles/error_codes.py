"""Error codes: answers that the test received must keep the contract's status codes."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_chaos.observation import Observation
from pytest_chaos.oracles.base import failing
from pytest_chaos.verdict import Finding, Verdict


def judge_error_codes(seen: Observation) -> Iterator[Finding]:
    """Find answers to the test's own calls whose status the contract does not allow."""
    if seen.contract.status is None:
        return
    allowed = ", ".join(map(str, seen.contract.status))
    for answer in seen.answers:
        if answer.is_to_driver and not seen.contract.allows(answer.status):
            yield failing(
                Verdict.WRONG_ERROR,
                "error codes",
                "status",
                f"{answer.request} was answered {answer.status}; the contract allows {allowed}",
            )
