"""Leaks: what the run left behind; errors that died unseen are judged by :mod:`pytest_chaos.oracles.lost`."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_chaos.observation import Observation
from pytest_chaos.oracles.base import failing, note
from pytest_chaos.oracles.lost import KINDS as LOST_KINDS
from pytest_chaos.verdict import Finding, Verdict


def judge_leaks(seen: Observation) -> Iterator[Finding]:
    """Find leftovers that the plain run does not leave; notes fail only where the contract is strict."""
    if seen.contract.leaks == "off":
        return
    caused, pre_existing = seen.blamed
    for leftover in caused:
        if leftover.kind in LOST_KINDS:
            continue
        if leftover.is_note and seen.contract.leaks != "strict":
            yield note("leaks", leftover.kind, leftover.text)
        else:
            yield failing(Verdict.LEAKED, "leaks", leftover.kind, leftover.text)
    for leftover in pre_existing:
        yield note("leaks", leftover.kind, f"pre-existing: {leftover.text}")
