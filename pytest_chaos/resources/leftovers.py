"""Something that a run left behind, and the patience with what is still ending."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, Literal, TypeVar

from pytest_chaos.provenance import Place
from pytest_chaos.resources.births import Birth, Births, Entry

GRACE_S = 0.5  # with four CPU burners on two cores, 100 ms had no false alarm in 60 runs; only real leaks wait so long
_FIRST_WAIT_S = 0.0002
_LONGEST_WAIT_S = 0.05

LeftKind = Literal[
    "thread",
    "executor",
    "timer",
    "task",
    "task-error",
    "thread-error",
    "coroutine",
    "async-generator",
    "child-process",
    "file-descriptor",
    "lock",
    "permit",
    "transport",
    "dropped-open",
]
"""What sort of thing was left, or how an error died that nobody saw."""

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Leftover:
    """Something that a run left behind.

    Attributes:
        kind: Evidence kind.
        text: What it is, who made it where, and where it stands.
        fingerprint: Kind and first project frame of the creation site, equal from run to run.
        is_note: Whether it is only worth a note.
        stack: Where it stands, innermost first; empty for what runs no code.
        made_in: The frames that made it, innermost first.
        place: Where it was made, or ``None`` if nobody knows.
        is_in_hang: Whether it stood in an injected hang.
        entry: The test's call in which it was made, where that is known.
        may_be_tests: Whether the test may have ended it later, had its body not failed, where nobody sees who ends it.
        is_foreign: Whether it is known that no line of the project made it: a library did for itself, or the test.
        is_made_by_test: Whether the test made it itself, with no project and no library between.
        error: Number by which the error that ended it is known while it lives; 0 where none did.
        is_told: Whether the test's body was ended by that error, so that it is not unseen.
        is_tests: Whether the test's own clean-up would have ended it, which the body's failure kept from being done.
        opened_at: Of what was dropped without being closed: the lines of the project that led to its opening, innermost
            first.
        is_closed_plainly: Whether a call closes such a thing in the plain run.
        variable: Of a lock: the variable that holds it, as far as it is known.
        taken_at: Of a lock: the line that took it, in a function that an injected error left or ended in.
        is_gone: Of a lock: whether it was held when the body ended, and is gone since, with the object that it was in.
    """

    kind: LeftKind
    text: str
    fingerprint: str
    is_note: bool = False
    stack: tuple[CodeType, ...] = ()
    made_in: tuple[CodeType, ...] = ()
    place: Place | None = None
    is_in_hang: bool = False
    entry: Entry | None = None
    is_tests: bool = False
    may_be_tests: bool = False
    is_foreign: bool = False
    is_made_by_test: bool = False
    error: int = field(default=0, compare=False)
    is_told: bool = False
    opened_at: tuple[Place, ...] = ()
    is_closed_plainly: bool = False
    variable: str = ""
    taken_at: Place | None = None
    is_gone: bool = False


def leftover(
    births: Births,
    kind: LeftKind,
    what: str,
    birth: Birth | None,
    *,
    verb: str = "made",
    where: str = "",
    is_note: bool = False,
    stack: Iterable[CodeType] = (),
) -> Leftover:
    """Describe something that was left.

    Args:
        births: Tells the creation site.
        kind: Evidence kind.
        what: What it is, such as ``lock``, with the name it has, if any.
        birth: How it came to be.
        verb: What its maker did, such as ``started``.
        where: Where it stands, if it runs code.
        is_note: Whether it is only worth a note.
        stack: The code of the frames where it stands, innermost first.
    """
    place = births.place(birth)
    maker = made_by(births, birth, verb)
    text = what + maker
    if where:
        text += f"{';' if maker else ''} now at {where}"
    made_in = () if birth is None else tuple(code for code, _ in birth.site)
    fingerprint = f"{kind} {what if place is None else place.told}"
    entry = None if birth is None else birth.entry
    is_foreign = birth is not None and not any(births.is_projects(code) for code in made_in)
    return Leftover(
        kind,
        text,
        fingerprint,
        is_note,
        tuple(stack),
        made_in,
        place,
        entry=entry,
        is_foreign=is_foreign,
        is_made_by_test=is_foreign and births.is_tests_own(made_in),
    )


def made_by(births: Births, birth: Birth | None, verb: str) -> str:
    """Return where something was made, and for whom, as the end of a sentence; nothing where that is not known."""
    place = births.place(birth)
    if birth is not None and place is not None:
        return f" {verb} at {place.told}, by {birth.owner.name}"
    # Its thread runs nothing but the standard library.
    return f" {verb} by {birth.owner.name}" if birth is not None and birth.site else ""


def poll(left: list[Thing], still: Callable[[Thing], bool], grace_s: float) -> list[Thing]:
    """Look at what is left until nothing is, waiting twice as long each time; return what stays."""
    left = [one for one in left if still(one)]
    if not left:
        return left
    wait_s, deadline = _FIRST_WAIT_S, time.monotonic() + grace_s
    while left and time.monotonic() < deadline:
        first: Any = left[0]
        if isinstance(first, threading.Thread):
            first.join(wait_s)
        else:
            time.sleep(wait_s)  # polls, and only while something is left
        wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
        left = [one for one in left if still(one)]
    return left
