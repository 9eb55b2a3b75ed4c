"""Return and Null: the call answers at once, with a value of ours or with nothing."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from pytest_chaos.faults.base import Fault, FaultyCall, Kind

_COPIED = (
    list,
    dict,
    set,
    bytearray,
)  # each activation its own, or one answer would show what another caller did to it


@dataclass(frozen=True)
class Return(Fault):
    """Answer with a value; the call itself is never made.

    A coroutine awaits to the value, a generator yields its items, a context manager enters to it. Lists, dicts and
    sets are copied for each activation; any other object is handed out as it is.

    Args:
        value: What the caller gets.
    """

    value: Any

    word: ClassVar[str] = "return"

    def act(self, call: FaultyCall) -> Any:
        return copy.deepcopy(self.value) if type(self.value) in _COPIED else self.value

    def refusal(self, kind: Kind) -> str:
        if kind == "constructor":
            return "a constructor cannot return something else; put the fault on the function that calls it"
        if kind in ("generator", "async generator") and not isinstance(self.value, Iterable):
            return f"a {kind} yields items, and {self.value!r} has none; give a list"
        return ""

    def text_arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.value,), {}


@dataclass(frozen=True)
class Null(Fault):
    """Answer with the null of the call's kind: ``None``, or nothing at all from a generator."""

    word: ClassVar[str] = "null"

    def act(self, call: FaultyCall) -> Any:
        return () if call.kind in ("generator", "async generator") else None

    def refusal(self, kind: Kind) -> str:
        if kind == "constructor":
            return "a constructor has no null; put the fault on the function that calls it"
        if kind in ("context manager", "async context manager"):
            return f"a {kind} has no null; Return(None) makes it enter to None"
        return ""
