"""Differences that must be: the few tests that a prologue cannot but disturb, each with its reason."""

from __future__ import annotations

import re
from typing import NamedTuple


class Known(NamedTuple):
    """One entry of the table.

    Attributes:
        test: A pattern for the whole id.
        versions: The Pythons on which it comes out differently.
        reason: Why it does.
    """

    test: str
    versions: tuple[tuple[int, int], ...]
    reason: str


KNOWN = (
    Known(
        r"test\.test_tomllib\..*\.test_inline_table_recursion_limit",
        ((3, 11),),
        "it sets the lowest limit that is enough; 3.11 counts calls of C functions, and the prologue makes one",
    ),
    Known(
        r"jinja2: tests/test_debug\.py::TestDebug::test_runtime_error",
        ((3, 11), (3, 12), (3, 13)),
        "Jinja2 keeps the code of its own functions in a set, and looks for that of running frames there: while a "
        "fault stands in a function it runs other code",
    ),
)


def reason_for(test: str, version: tuple[int, int]) -> str | None:
    """Return why a test is expected to come out differently, or ``None`` if it is not."""
    return next(
        (known.reason for known in KNOWN if version in known.versions and re.fullmatch(known.test, test)),
        None,
    )
