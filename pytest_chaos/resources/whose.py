"""Whose something is that a loop keeps: the project's and the test's are judged, a library's own machinery is not."""

from __future__ import annotations

import functools
from types import CodeType
from typing import Any

from pytest_chaos import compat
from pytest_chaos.provenance import Origin, Provenance
from pytest_chaos.resources.births import Birth

_OWN: tuple[Origin, ...] = ("project", "test")
_LOOK_PAST: tuple[Origin, ...] = ("stdlib", "generated", "passage", "chaos")


def code_of(callback: Any) -> CodeType | None:
    """Return the code that is run when something is called, where that is Python."""
    while isinstance(callback, functools.partial):
        callback = callback.func
    if isinstance(callback, type):
        callback = next((one for one in vars(callback).values() if hasattr(one, "__code__")), None)
    callback = getattr(callback, "__func__", callback)
    code = getattr(callback, "__code__", None)
    if code is None and callable(callback):
        code = getattr(type(callback).__call__, "__code__", None)
    return code if isinstance(code, CodeType) else None


def is_own(code: CodeType | None, provenance: Provenance) -> bool:
    """Tell whether code is the project's or the test's."""
    return code is not None and provenance.of_file(code.co_filename) in _OWN


def is_made_by_own(birth: Birth | None, provenance: Provenance) -> bool:
    """Tell whether the project or the test made something itself, and not a library that it called."""
    for code, _ in birth.site if birth is not None else ():
        if code is compat.LOOP_CALLS:
            return False  # further out stands who runs the loop
        origin = provenance.of_file(code.co_filename)
        if origin not in _LOOK_PAST:
            return origin in _OWN
    return False


class Seen:
    """Which things were there at some moment: by identity, and without keeping them alive."""

    def __init__(self, references: dict[int, Any]) -> None:
        self._references = references

    def __contains__(self, thing: object) -> bool:
        reference = self._references.get(id(thing))
        return reference is not None and reference() is thing
