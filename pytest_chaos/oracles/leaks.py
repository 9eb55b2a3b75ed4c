"""Leaks: what the run left behind; errors that died unseen are judged by :mod:`pytest_chaos.oracles.lost`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from pytest_chaos.observation import Observation
from pytest_chaos.oracles.base import failing, note
from pytest_chaos.oracles.lost import KINDS as LOST_KINDS
from pytest_chaos.resources.leftovers import LeftKind, Leftover
from pytest_chaos.verdict import Evidence, Finding, Verdict

KINDS = frozenset[LeftKind](get_args(LeftKind)) - LOST_KINDS
"""Kinds of leftovers that are leaks."""


@dataclass(frozen=True)
class PreExisting:
    """Something that the plain run leaves too.

    Attributes:
        leftover: What the run under the fault left of it.
    """

    leftover: Leftover


@dataclass(frozen=True)
class CutOff:
    """A task that hung until its event loop was closed over it.

    Attributes:
        leftover: The task.
    """

    leftover: Leftover


@dataclass(frozen=True)
class NotCleanedUp:
    """Something that the test's own clean-up would have ended, had the body not failed before.

    Attributes:
        leftover: What is left.
    """

    leftover: Leftover


def judge_leaks(seen: Observation) -> Iterator[Finding]:
    """Find leftovers that the plain run does not leave; notes fail only where the contract is strict.

    What the project's own loop cancels when it is closed is a note, but for a task in an injected hang: nobody had
    given it up, and in a loop that goes on it would be there for ever. What the test itself ends in the plain run, and
    did not come to end because it failed before, is the test's.
    """
    if seen.contract.leaks == "off":
        return
    caused, pre_existing = seen.blamed
    for leftover in caused:
        if leftover.kind in LOST_KINDS:
            continue
        if leftover.is_tests:
            yield note(_evidence(leftover, NotCleanedUp(leftover)))
        elif leftover.is_note and leftover.kind == "task" and leftover.is_in_hang:
            yield failing(Verdict.LEAKED, _evidence(leftover, CutOff(leftover)))
        elif leftover.is_note and seen.contract.leaks != "strict":
            yield note(_evidence(leftover, leftover))
        else:
            yield failing(Verdict.LEAKED, _evidence(leftover, leftover))
    for leftover in pre_existing:
        yield note(_evidence(leftover, PreExisting(leftover)))


def _evidence(leftover: Leftover, about: Leftover | PreExisting | CutOff | NotCleanedUp) -> Evidence:
    return Evidence("leaks", leftover.kind, about=about, place=leftover.place, fingerprint=leftover.fingerprint)
