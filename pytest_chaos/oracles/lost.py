"""Lost: errors that died unseen in a thread, a task or a future."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_chaos.observation import Observation
from pytest_chaos.oracles.base import failing, note
from pytest_chaos.verdict import Finding, Verdict

KINDS = frozenset({"task-error", "thread-error"})
"""Kinds of leftovers that are lost errors, and no leaks."""


def judge_lost(seen: Observation) -> Iterator[Finding]:
    """Find errors that nobody saw; what came after a release is an answer to that and only noted."""
    if seen.contract.leaks == "off":
        return
    is_aftermath = any(parked.was_released for parked in seen.parked)
    for leftover in seen.leftovers:
        if leftover.kind not in KINDS:
            continue
        if is_aftermath or (leftover.is_note and seen.contract.leaks != "strict"):
            yield note("lost", leftover.kind, leftover.text)
        else:
            yield failing(Verdict.LOST, "lost", leftover.kind, leftover.text)
