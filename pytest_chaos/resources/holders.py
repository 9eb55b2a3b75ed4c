"""Who keeps an object alive: looked for only where something was left, because it takes milliseconds."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
from types import FrameType, ModuleType
from typing import Any

from pytest_chaos import compat
from pytest_chaos.provenance import Provenance

_DEEPEST = 6  # holders of holders: a socket in a client's attribute in what a fixture returned is the fourth
_MOST_AT_ONCE = 20  # holders of one depth; the collector compares each object with each of them
_MACHINERY = frozenset({"asyncio", "concurrent", "logging", "multiprocessing"})


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
