"""Who keeps an object alive: looked for only where something was left, because it takes milliseconds."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable
from types import BuiltinFunctionType, CellType, FrameType, FunctionType, ModuleType
from typing import Any

from pytest_chaos import compat
from pytest_chaos.provenance import Provenance

_DEEPEST = 6  # holders of holders: a socket in a client's attribute in what a fixture returned is the fourth
_MOST_AT_ONCE = 20  # holders of one depth; the collector compares each object with each of them
_DEEPEST_SINGLETON = 10  # a task in a coroutine in a task in a list of a pool in a cache's dictionary
_MACHINERY = frozenset({"asyncio", "concurrent", "logging", "multiprocessing"})


_CACHED_FUNCTION = type(functools.cache(lambda: None))
_MANY = (list, set, deque)
_WORKERS = (threading.Thread, asyncio.Task)
_NO_KEEPERS = (BuiltinFunctionType, CellType, FrameType, FunctionType, ModuleType, type, tuple, frozenset)


def live(*classes: type | str) -> list[Any]:
    """Return the objects of some classes that are alive, as far as the collector knows them.

    Args:
        classes: Classes, or texts ``module:name`` for those of modules that need not be imported.
    """
    wanted = []
    for one in classes:
        if isinstance(one, str):
            module, _, name = one.partition(":")
            one = getattr(sys.modules.get(module), name, "")
        if isinstance(one, type):
            wanted.append(one)
    known = tuple(wanted)
    if not known:
        return []
    # The type itself is asked: what an object says of its class may be a lie, and runs its code.
    return [one for one in gc.get_objects() if issubclass(type(one), known)]


class Holders:
    """Tells whether a thing is kept by somebody who is not judged now.

    Args:
        provenance: Tells whose code a class is.
    """

    def __init__(self, provenance: Provenance) -> None:
        self._provenance = provenance

    def is_kept_elsewhere(self, thing: object, *, is_made_by_own: bool = False) -> bool:
        """Tell whether machinery keeps a thing, or a fixture that lives on.

        Args:
            thing: What is kept.
            is_made_by_own: Whether the project or the test is known to have made it: then a library may keep it, too.
        """
        seen = {id(thing), id(compat.get_frame(0))}
        layer: list[Any] = [thing]
        for _ in range(_DEEPEST):
            seen.add(id(layer))
            holders = gc.get_referrers(*layer)
            seen.add(id(holders))
            following: list[Any] = []
            seen.add(id(following))
            for holder in holders:
                if id(holder) in seen:
                    continue
                seen.add(id(holder))
                if isinstance(holder, FrameType | ModuleType | type) or _is_of_module(holder):
                    continue  # everything else is reached from there
                if self._is_elsewhere(holder, is_made_by_own):
                    return True
                if self._origin(type(holder)) != "pytest":
                    following.append(holder)
            if not following or len(following) > _MOST_AT_ONCE:
                return False
            layer = following
        return False

    def singleton_of(self, thing: object, given: Iterable[object] = ()) -> str:
        """Return the variable of a module, or the cached function, whose value keeps a thing; or an empty text.

        A value that is made once and kept is reached through attributes and dictionaries. What lies in a list is one of
        many: no list is passed but the one in which a library keeps its own threads or tasks.

        Args:
            thing: A thread or task.
            given: What it works with; looked at are a library's objects, for others may be anybody's.
        """
        layer = [thing, *(one for one in given if self._origin(type(one)) == "installed")]
        seen = {id(one) for one in layer} | {id(compat.get_frame(0)), id(layer)}
        for _ in range(_DEEPEST_SINGLETON):
            holders = gc.get_referrers(*layer)
            following: list[Any] = []
            values = {id(one) for one in layer}
            seen |= {id(holders), id(following)}
            for holder in holders:
                if id(holder) in seen:
                    continue
                seen.add(id(holder))
                if _is_of_module(holder):
                    name = self._variable(holder, values)
                    if name:
                        return name
                elif isinstance(holder, _CACHED_FUNCTION):
                    return f"{holder.__module__}.{holder.__qualname__}"
                elif isinstance(holder, _MANY):
                    if any(isinstance(one, _WORKERS) and id(one) in values for one in list(holder)):
                        following.append(holder)
                elif not isinstance(holder, _NO_KEEPERS):
                    following.append(holder)
            if not following or len(following) > _MOST_AT_ONCE:
                return ""
            layer = following
            seen.add(id(layer))
        return ""

    def _variable(self, names: dict[str, Any], values: set[int]) -> str:
        """Return the variable of a module of the project or the test that holds one of some values."""
        file = names.get("__file__")
        if not isinstance(file, str) or self._provenance.of_file(file) not in ("project", "test"):
            return ""
        for name, value in list(names.items()):
            if id(value) in values and not isinstance(value, _MANY):
                return f"{names.get('__name__')}.{name}"
        return ""

    def _is_elsewhere(self, holder: object, is_made_by_own: bool) -> bool:
        kind = type(holder)
        module: str = kind.__module__
        if isinstance(holder, logging.Handler) or module.partition(".")[0] in _MACHINERY:
            return True
        if isinstance(holder, subprocess.Popen):
            return holder.returncode is None  # its process is still there, and is told
        origin = self._origin(kind)
        if origin == "pytest":
            if kind.__name__ == "FixtureDef":
                return getattr(holder, "scope", "function") != "function"
            return not module.startswith("_pytest.") or module.startswith(("_pytest.capture", "_pytest.logging"))
        return origin == "installed" and not is_made_by_own

    def _origin(self, kind: type) -> str:
        """Return whose code a class is; nothing for what is built in."""
        module = sys.modules.get(kind.__module__)
        file = getattr(module, "__file__", None)
        return self._provenance.of_file(file) if isinstance(file, str) else ""


def _is_of_module(holder: object) -> bool:
    """Tell whether something is the variables of a module, or the table of modules."""
    return isinstance(holder, dict) and (holder is sys.modules or "__spec__" in holder)
