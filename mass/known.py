"""Differences that must be: the few tests that look at a function's bytecode or constants, each with its reason."""

from __future__ import annotations

import re

# A pattern for the whole id of a test, and why its outcome changes when functions of the package are spliced.
KNOWN: dict[str, str] = {}


def reason_for(test: str) -> str | None:
    """Return why a test is expected to come out differently, or ``None`` if it is not."""
    return next((reason for pattern, reason in KNOWN.items() if re.fullmatch(pattern, test)), None)
