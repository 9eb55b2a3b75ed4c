"""Error codes: answers that the test received must keep the contract's codes, and its table of errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pytest_chaos.observation import Answer, Observation
from pytest_chaos.oracles.base import failing
from pytest_chaos.oracles.ending import CameOut, unhandled_in
from pytest_chaos.oracles.table import in_table, is_off_table
from pytest_chaos.verdict import Evidence, Finding, Verdict

_KINDS = {"http": "status", "exit": "exit-code", "grpc": "grpc-code"}


@dataclass(frozen=True)
class Disallowed:
    """An answer that the contract does not allow.

    Attributes:
        answer: The answer.
        allowed: The codes that the contract allows, and classes of them, such as ``4xx``.
        unhandled: The error for which a framework's last resort gave it, if that was seen.
        errors: Names of the injected errors, if it is the contract's table that wants another status for them.
    """

    answer: Answer
    allowed: tuple[int | str, ...]
    unhandled: CameOut | None = None
    errors: tuple[str, ...] = field(default=(), kw_only=True)


def judge_error_codes(seen: Observation) -> Iterator[Finding]:
    """Find answers to the test's own calls whose code the contract does not allow, or its table not for this error."""
    contract = seen.contract
    unhandled: dict[int | None, CameOut] = {}
    if contract.status is not None or contract.table:
        unhandled = {one.status: one for one in reversed(unhandled_in(seen))}
    wanted = in_table(seen)
    for answer in seen.answers:
        if not answer.is_to_driver:
            continue
        by = unhandled.get(answer.status) if answer.kind == "http" else None
        if not contract.allows(answer.status, answer.kind):
            about = Disallowed(answer, contract.allowed(answer.kind) or (), by)
            yield _say(_KINDS[answer.kind], about)
        if answer.kind == "http" and is_off_table(wanted, answer.method, answer.status, seen):
            statuses, errors = tuple(dict.fromkeys(wanted.values())), tuple(wanted)
            yield _say("table", Disallowed(answer, statuses, by, errors=errors))


def _say(kind: str, about: Disallowed) -> Finding:
    return failing(Verdict.WRONG_ERROR, Evidence("error codes", kind, about=about))
