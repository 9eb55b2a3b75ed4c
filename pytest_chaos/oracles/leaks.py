"""Leaks: what the run left behind; errors that died unseen are judged by :mod:`pytest_chaos.oracles.lost`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import get_args

from pytest_chaos.faults.filling import DiskFull
from pytest_chaos.observation import Observation
from pytest_chaos.oracles.base import failing, note, reported
from pytest_chaos.oracles.ending import breaks_over_torn_file
from pytest_chaos.oracles.lost import KINDS as LOST_KINDS
from pytest_chaos.oracles.torn import TornFile, torn, written_anew
from pytest_chaos.resources.births import Entry
from pytest_chaos.resources.files import FileSeen
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


def judge_files(seen: Observation) -> Iterator[Finding]:
    """Find files that an injected error left half written, or that it kept from being removed.

    Where nothing was before, a full disk destroys nothing: that is reported, unless the system breaks over the rest.
    """
    if seen.contract.leaks == "off" or seen.steady is None:
        return
    is_full = any(isinstance(activation.fault, DiskFull) for activation in seen.activations)
    breaks = breaks_over_torn_file(seen)
    for file, plain in written_anew(seen):
        found = torn(file, plain)
        if found is not None:
            tell = reported if is_full and file.before is None and not breaks else failing
            yield tell(Verdict.LEAKED, _file_evidence("torn-file", found))
        elif file.before is None and plain and all(one.before is None and one.after is None for one in plain):
            say = note if _was_skipped(file.entry, seen) else partial(reported, Verdict.LEAKED)
            yield say(_file_evidence("file-left", file))


def judge_dropped(seen: Observation, dropped: Iterable[Leftover]) -> Iterator[Finding]:
    """Find what an error path dropped without closing it, where the plain run closes the same thing by a call.

    Its place is the line of a function that opened it, or had it opened, and that the error left or ended in: nobody
    else had it. What a thread or a child that is left behind keeps is told with that.

    Args:
        seen: What was seen of the run.
        dropped: What was dropped in it.
    """
    left = {one.place for one in seen.leftovers if not one.is_note and one.kind != "dropped-open"}
    met = {name for way in seen.absorptions for name in way.met}
    for one in dropped:
        if seen.steady is None or one.is_tests or one.place in left or not one.is_closed_plainly:
            continue
        place = next((place for place in one.opened_at if _short(place.function) in met), None)
        if place is not None:
            evidence = Evidence("leaks", one.kind, about=one, place=place, fingerprint=one.fingerprint)
            yield reported(Verdict.LEAKED, evidence)


def _short(function: str) -> str:
    """Return the name of a function as the ways of errors tell it."""
    return function.rpartition("<locals>.")[2]


def _file_evidence(kind: str, about: FileSeen | TornFile) -> Evidence:
    file = about.file if isinstance(about, TornFile) else about
    return Evidence("leaks", kind, about=about, place=file.place, fingerprint=f"{kind} {file.name} {file.place.told}")


def judge_leaks(seen: Observation) -> Iterator[Finding]:
    """Find leftovers that the plain run does not leave; notes fail only where the contract is strict.

    What the project's own loop cancels when it is closed is a note, but for a task in an injected hang: nobody had
    given it up, and in a loop that goes on it would be there for ever. What the test itself ends in the plain run, and
    did not come to end because it failed before, is the test's. What a thread that is left holds open goes with it.
    """
    if seen.contract.leaks == "off":
        return
    caused, pre_existing = seen.blamed
    # A body that stood still was ended by us, wherever it was, and nothing that it does at its end was done.
    is_cut = seen.is_compared and any(one.phase == "body" for one in seen.standstills)
    if not is_cut:
        yield from judge_dropped(seen, [one for one in caused if one.kind == "dropped-open"])
    caused = tuple(one for one in caused if one.kind != "dropped-open")
    pre_existing = tuple(one for one in pre_existing if one.kind != "dropped-open")
    has_thread = any(one.kind == "thread" and not one.is_note for one in caused)
    for leftover in caused:
        if leftover.kind in LOST_KINDS or (leftover.is_gone and not (seen.is_compared and leftover.taken_at)):
            continue
        if is_cut or _is_foreign(leftover, seen) or (has_thread and leftover.kind == "file-descriptor"):
            yield note(_evidence(leftover, leftover))
        elif leftover.is_tests:
            yield note(_evidence(leftover, NotCleanedUp(leftover)))
        elif leftover.is_note and leftover.kind == "task" and leftover.is_in_hang:
            yield failing(Verdict.LEAKED, _evidence(leftover, CutOff(leftover)))
        elif leftover.is_note and seen.contract.leaks != "strict":
            yield note(_evidence(leftover, leftover))
        elif leftover.may_be_tests and _was_skipped(leftover.entry, seen):
            yield reported(Verdict.LEAKED, _evidence(leftover, leftover))
        else:
            yield failing(Verdict.LEAKED, _evidence(leftover, leftover))
    yield from judge_files(seen)
    for leftover in pre_existing:
        if leftover.is_gone:
            continue
        yield note(_evidence(leftover, PreExisting(leftover)))


def _was_skipped(made: Entry | None, seen: Observation) -> bool:
    """Tell whether a call of the test came to its end, and an error that nobody took on its way ended a later one.

    Then what the first has made is as the system wants it, and who ends it may be a call that was not made any more.
    """
    failed = None if seen.failure is None else seen.failure.entry
    is_let_through = all(way.end == "escaped" for way in seen.absorptions)
    return seen.is_compared and None not in (made, failed) and made != failed and is_let_through


def _is_foreign(leftover: Leftover, seen: Observation) -> bool:
    """Tell whether a library made something for itself, or the test did: no line of the system is to be looked at."""
    return seen.is_compared and leftover.is_foreign and leftover.kind in _MADE_BY_CALLS


_MADE_BY_CALLS: frozenset[LeftKind] = frozenset({"thread", "task", "timer", "executor"})
"""Kinds of which it is always known who made them."""


def _evidence(leftover: Leftover, about: Leftover | PreExisting | CutOff | NotCleanedUp) -> Evidence:
    place = leftover.taken_at or leftover.place
    return Evidence("leaks", leftover.kind, about=about, place=place, fingerprint=leftover.fingerprint)
