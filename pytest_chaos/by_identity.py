"""What is known of things that are not kept alive, by which they are."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class ByIdentity(Generic[Value]):
    """A table whose entries go with their keys.

    Unlike a ``WeakKeyDictionary`` it never asks a thing whether it equals another one, or for its hash: a class of the
    user's may say of all its threads that they are the same, or raise.
    """

    def __init__(self) -> None:
        entries: dict[int, tuple[weakref.ref[Any], Value]] = {}

        def forget(reference: weakref.KeyedRef[int, Any]) -> None:
            entry = entries.get(reference.key)
            if entry is not None and entry[0] is reference:
                del entries[reference.key]

        self._entries = entries
        self._forget: Callable[[weakref.KeyedRef[int, Any]], None] = forget

    def __setitem__(self, thing: Any, value: Value) -> None:
        key = id(thing)
        self._entries[key] = weakref.KeyedRef(thing, self._forget, key), value

    def get(self, thing: Any) -> Value | None:
        """Return what is known of a thing, or ``None``."""
        entry = self._entries.get(id(thing))
        return entry[1] if entry is not None and entry[0]() is thing else None

    def setdefault(self, thing: Any, value: Value) -> Value:
        """Return what is known of a thing; if nothing is, that becomes ``value``."""
        known = self.get(thing)
        if known is not None:
            return known
        self[thing] = value
        return value

    def __len__(self) -> int:
        return len(self._entries)
