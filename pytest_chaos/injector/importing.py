"""Modules that are imported while a glob is armed: who listens is told when one has been loaded.

wrapt's post-import hooks can be registered for names only, and never unregistered. So the names that a glob may still
meet are read from the packages' folders, nothing is imported for that, and a hook whose listeners left stays idle.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import wrapt

from pytest_chaos.target import Target, module_matcher

Listener = Callable[[str], None]


class Imports:
    """The hooks of a session."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Listener]] = {}
        self._hooked: set[str] = set()

    def listen(self, names: list[str], listener: Listener) -> None:
        """Call a listener with the name of each of these modules once it is loaded."""
        for name in names:
            self._listeners.setdefault(name, []).append(listener)
            if name not in self._hooked:
                self._hooked.add(name)
                wrapt.register_post_import_hook(functools.partial(self._loaded, name), name)

    def forget(self, listener: Listener) -> None:
        """Call a listener no more. Harmless when done twice."""
        for listeners in self._listeners.values():
            listeners[:] = [other for other in listeners if other != listener]

    @contextlib.contextmanager
    def as_loaded(self, names: Iterable[str], listener: Listener) -> Iterator[None]:
        """Call a listener with each of these modules that is loaded, and with the others once they are.

        The listener must not raise: it is called in the middle of the import.
        """
        later = []
        for name in names:
            if name in sys.modules:
                listener(name)
            else:
                later.append(name)
        self.listen(later, listener)
        try:
            yield
        finally:
            for name in later:  # for a glob there may be hundreds of others
                self._listeners[name].remove(listener)

    def _loaded(self, name: str, module: Any) -> None:
        self._hooked.discard(name)  # wrapt calls a hook once
        for listener in list(self._listeners[name]):
            listener(name)


def not_yet_imported(target: Target) -> list[str]:
    """Return the names of modules that a glob matches and that lie in its package, but are not loaded."""
    literal = target.module.split("*")[0].split("?")[0].rpartition(".")[0]
    package = sys.modules.get(literal)
    if not isinstance(package, ModuleType):
        return []
    matches = module_matcher(target.module)
    names = _below(literal, [str(path) for path in getattr(package, "__path__", ())])
    return [name for name in names if name not in sys.modules and matches(name)]


def _below(package: str, folders: list[str]) -> Iterator[str]:
    for below, is_package in _listed(tuple(folders), tuple(map(_changed_at, folders))):
        name = f"{package}.{below}"
        yield name
        if is_package:
            yield from _below(name, [str(Path(folder, below)) for folder in folders])


@functools.lru_cache(maxsize=1_024)
def _listed(folders: tuple[str, ...], changed_at: tuple[tuple[int, ...], ...]) -> list[tuple[str, bool]]:
    """Return the modules in some folders and whether they are packages, listed anew when a folder was changed."""
    return [(info.name, info.ispkg) for info in pkgutil.iter_modules(folders)]


def _changed_at(folder: str) -> tuple[int, ...]:
    """Return when something was last put into a folder or one right below it, or taken out, in nanoseconds.

    A folder below becomes a package by a file in it.
    """
    try:
        with os.scandir(folder) as entries:
            below = [entry.stat().st_mtime_ns for entry in entries if entry.is_dir()]
        return os.stat(folder).st_mtime_ns, *below  # noqa: PTH116  # pathlib would double what each run pays
    except OSError:
        return ()
