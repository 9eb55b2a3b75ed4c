"""What can be wrong with a specification, and what our own objects raise.

Every message has up to four short parts: what was wrong with which value, where the value came from,
what was seen, and what to do about it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Self


class ChaosError(Exception):
    """The root of everything pytest-chaos raises on its own behalf."""


class SpecificationError(ChaosError):
    """A rule, marker, option or table says something that cannot be done.

    Args:
        what: What is wrong with which value, one sentence.
        remedy: What to write instead.
        place: Where the value came from, such as ``marker at tests/test_pay.py:14``.
    """

    def __init__(self, what: str, *, remedy: str = "", place: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.place = place

    def at(self, place: str) -> Self:
        """Return this error with its place filled in, unless a nearer place is known already."""
        self.place = self.place or place
        return self

    def details(self) -> list[str]:
        """Return the lines between the sentence and the remedy."""
        return []

    def __str__(self) -> str:
        head = f"{self.place}: {self.what}" if self.place else self.what
        lines = [head, *self.details()]
        if self.remedy:
            lines.append(f"  {self.remedy}")
        return "\n".join(lines)


class NotationError(SpecificationError):
    """A rule text cannot be read.

    Args:
        what: What was expected or refused.
        text: The whole text.
        column: The offending column, counted from 1.
        remedy: What to write instead.
    """

    def __init__(self, what: str, *, text: str, column: int, remedy: str = "") -> None:
        super().__init__(f"cannot read the rule text at column {column}: {what}", remedy=remedy)
        self.complaint = what
        self.text = text
        self.column = column

    def details(self) -> list[str]:
        # A tab or newline in the text would move the caret away from its column.
        shown = "".join(char if char.isprintable() else " " for char in self.text)
        return [f"  {shown}", "  " + " " * (self.column - 1) + "^"]


class TargetError(SpecificationError):
    """A target names nothing that a fault could be put on."""


class MisuseError(ChaosError):
    """The ``chaos`` fixture was asked for something it cannot do here."""


class NotRecoveredError(ChaosError, AssertionError):
    """The probe of ``chaos.recovers`` stayed false until its time was over."""


def near_misses(wrong: str, known: Iterable[str]) -> str:
    """Return ``Did you mean 'x' or 'y'?`` for the names closest to a wrong one, or an empty text."""
    close = difflib.get_close_matches(wrong, sorted(set(known)), n=3, cutoff=0.6)
    if not close:
        lowered = {name.lower(): name for name in known}
        if wrong.lower() in lowered:
            close = [lowered[wrong.lower()]]
    if not close:
        return ""
    return "Did you mean " + " or ".join(repr(name) for name in close) + "?"
