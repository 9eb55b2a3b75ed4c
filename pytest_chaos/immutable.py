"""Immutable C types: which of them have an adapter, and what to write instead where there is none.

A fault is put in place by replacing an attribute, and these types let nobody replace theirs. An adapter hands out
objects whose calls can be reached all the same.
"""

from __future__ import annotations

import importlib
import threading
from typing import Any

from pytest_chaos.errors import TargetError

_IMMUTABLE_TYPE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE, Include/object.h

_ADAPTERS = {
    "sqlite3.Connection": "sqlite3",
    "sqlite3.Cursor": "sqlite3",
    "_io.FileIO": "files",
    "_io.BufferedReader": "files",
    "_io.BufferedWriter": "files",
    "_io.BufferedRandom": "files",
    "_io.TextIOWrapper": "files",
    "psycopg2.extensions.connection": "psycopg2",
    "psycopg2.extensions.cursor": "psycopg2",
}

# The Python subclass through which all code uses a C type: a fault is put there.
_STAND_INS = {"_socket.socket": ("socket", "socket")}

_REMEDIES = {
    "_queue.SimpleQueue": "Use a queue.Queue there, whose methods 'queue:Queue.get' and 'queue:Queue.put' can be "
    "replaced, or put the fault on your own function that asks the queue.",
    "_thread.lock": "Put the fault on your own function that takes the lock; a lock that is never free is Hang() "
    "there.",
    "_thread.RLock": "Put the fault on your own function that takes the lock; a lock that is never free is Hang() "
    "there.",
    "datetime.datetime": "Put the fault on your own function that asks for the time, or name 'time:time' if the code "
    "calls that.",
    "datetime.date": "Put the fault on your own function that asks for the day.",
    "_io.BytesIO": "It is made by calling the class and not by open(): put the fault on your own function that reads "
    "or writes it.",
    "_io.StringIO": "It is made by calling the class and not by open(): put the fault on your own function that reads "
    "or writes it.",
    "sqlite3.Blob": "Name what Connection.blobopen returned: 'sqlite3:Connection.blobopen.read'.",
}
_CONSTRUCTORS = {"files": "builtins:open", "psycopg2": "psycopg2:connect"}
_ITERATION = {"sqlite3": "sqlite3:Cursor.fetchone", "files": "io:TextIOWrapper.readline"}


def is_immutable(cls: type) -> bool:
    """Tell whether the attributes of a type cannot be replaced."""
    return bool(cls.__flags__ & _IMMUTABLE_TYPE)


def adapter_of(cls: type) -> str:
    """Return the name of the adapter for a type, or an empty text."""
    return _ADAPTERS.get(_name(cls), "") if is_immutable(cls) else ""


def stand_in_of(cls: type) -> type:
    """Return the Python subclass through which a C type is used, or the type itself."""
    wrapped = vars(cls).get("__wrapped__")
    if isinstance(wrapped, type) and is_immutable(wrapped):
        return wrapped  # a tap of ours stands for it
    known = _STAND_INS.get(_name(cls))
    return getattr(importlib.import_module(known[0]), known[1]) if known else cls


def is_stand_in(cls: type) -> bool:
    """Tell whether a class is the one through which its C base is used."""
    return (cls.__module__, cls.__qualname__) in _STAND_INS.values()


def refusal(text: str, cls: type) -> TargetError:
    """Return the error for a target on a type that has no adapter."""
    return TargetError(
        f"target {text}: {_name(cls)} is an immutable C type, its methods cannot be replaced",
        remedy=_REMEDIES.get(_name(cls), "Put the fault on your own function that makes this call."),
    )


def answer_of(function: Any) -> type | None:
    """Return the immutable type that a function is known to make and no proxy can stand for, or ``None``."""
    return type(threading.Lock()) if function is threading.Lock else None  # a function before Python 3.13


def dunder_refusal(text: str, cls: type, name: str) -> TargetError:
    """Return the error for a constructor or another dunder of a type that has an adapter."""
    adapter = adapter_of(cls)
    if name == "__init__":
        return TargetError(
            f"target {text}: {_name(cls)} is an immutable C type, its constructor cannot be replaced",
            remedy=f"Put the fault on the function that hands the object out: '{_CONSTRUCTORS[adapter]}'.",
        )
    if name in ("__next__", "__iter__") and adapter in _ITERATION:
        return TargetError(
            f"target {text}: the adapter does not reach {name}",
            remedy=f"Each step of an iteration counts as a call of '{_ITERATION[adapter]}'.",
        )
    return TargetError(
        f"target {text}: the adapter does not reach {name}",
        remedy="Name an ordinary method; leaving a 'with' counts as the call it stands for, such as commit or close.",
    )


def bound_refusal(text: str, cls: type, name: str) -> TargetError:
    """Return the error for a bound method of one object whose type is immutable."""
    if not adapter_of(cls):
        return refusal(text, cls)
    return TargetError(
        f"target {text}: {_name(cls)} is an immutable C type, the methods of one object cannot be replaced",
        remedy=f"Name the method of all of them: '{_PUBLIC.get(cls.__module__, cls.__module__)}:{cls.__qualname__}"
        f".{name}'.",
    )


_PUBLIC = {"_io": "io"}


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
