"""Counting in words."""

from __future__ import annotations


def many(count: int, what: str) -> str:
    """Return a number of things: ``1 run``, ``2 keys``, ``3 entries``, ``4 processes``."""
    if count == 1:
        return f"1 {what}"
    if what.endswith("s"):
        return f"{count} {what}es"
    is_changed = what.endswith("y") and what[-2:-1] not in "aeiou"
    return f"{count} {what[:-1]}ies" if is_changed else f"{count} {what}s"
