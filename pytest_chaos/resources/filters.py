"""Filters: leftovers that the user knows, told by the functions in which they stand or that made them."""

from __future__ import annotations

import os
import re
import sys
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from pytest_chaos.errors import NotationError
from pytest_chaos.notation import parse_target
from pytest_chaos.provenance import Provenance
from pytest_chaos.resources.leftovers import Leftover
from pytest_chaos.target import module_matcher

FilterKey = Literal["ignore_top", "ignore_any", "ignore_created_by"]
KEYS: tuple[FilterKey, ...] = get_args(FilterKey)

# What stands between a wait and the code that wants it.
_BELOW = frozenset({"stdlib", "import", "generated", "passage"})

ModulesOf = Callable[[str], Iterable[str]]


@dataclass(frozen=True)
class Filter:
    """One filter: which functions it looks at, and the glob they are held against.

    Attributes:
        key: ``ignore_top``: where the leftover stands; ``ignore_any``: all functions around that; and
            ``ignore_created_by``: the functions that made it.
        module: Module path or glob.
        name: ``Qual.name`` inside the module, or a glob.
    """

    key: FilterKey
    module: str
    name: str

    @property
    def text(self) -> str:
        """The filter as it is reported."""
        return f"{self.key} {self.module}:{self.name}"

    def fits(self, leftover: Leftover, provenance: Provenance, modules_of: ModulesOf) -> bool:
        """Tell whether a leftover is one that the filter means."""
        return any(self._names(code, modules_of) for code in self._looked_at(leftover, provenance))

    def _looked_at(self, leftover: Leftover, provenance: Provenance) -> tuple[types.CodeType, ...]:
        if self.key == "ignore_created_by":
            return leftover.made_in
        if self.key == "ignore_any":
            return leftover.stack
        # A wait is a function of the standard library; what reports show, and a user would name, is who waits there.
        above = [code for code in leftover.stack if provenance.of_file(code.co_filename) not in _BELOW]
        return (*leftover.stack[:1], *above[:1])

    def _names(self, code: types.CodeType, modules_of: ModulesOf) -> bool:
        if not _fits(self.name, code.co_qualname):
            return False
        matches = module_matcher(self.module)
        return any(matches(module) for module in modules_of(code.co_filename))


def _fits(pattern: str, name: str) -> bool:
    """Tell whether a name fits a glob; unlike a target's, ``*`` stands for private names too."""
    expression = "".join(".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    return re.fullmatch(expression, name) is not None


def read_filter(key: FilterKey, text: str) -> Filter:
    """Return the filter that a text stands for: ``module:function``, both globs as in a target.

    Raises:
        NotationError: The text is no target, or names no function; it holds the column.
    """
    target = parse_target(text)
    if not target.name:
        module, _, name = target.module.rpartition(".")
        raise NotationError(
            "expected ':' and a function",
            text=text,
            column=len(text.rstrip()) + 1,
            remedy=f"Did you mean {f'{module}:{name}'!r}?" if module else f"Write '{target.module}:*'.",
        )
    if target.separator != ":":
        raise NotationError(
            "'/' stands only in catalogue names, and a filter names a function",
            text=text,
            column=text.index("/") + 1,
            remedy=f"Did you mean {f'{target.module}:{target.name}'!r}?",
        )
    return Filter(key, target.module, target.name)


class Filters:
    """All filters of a session.

    Args:
        filters: The filters.
        modules_of: Returns the names of the modules that a file holds; by default those that are loaded.
    """

    def __init__(self, filters: Iterable[Filter] = (), modules_of: ModulesOf | None = None) -> None:
        self.filters = tuple(filters)
        self._modules_of = modules_of or LoadedModules()

    def sift(self, leftovers: Iterable[Leftover], provenance: Provenance) -> tuple[list[Leftover], list[str]]:
        """Return the leftovers that no filter means, and the texts of the filters that mean one of the others."""
        kept: list[Leftover] = []
        used: dict[str, None] = {}
        for leftover in leftovers:
            # All of them are asked: one that stands behind another still matches something.
            meant = [one.text for one in self.filters if one.fits(leftover, provenance, self._modules_of)]
            used.update(dict.fromkeys(meant))
            if not meant:
                kept.append(leftover)
        return kept, list(used)

    def unused(self, used: Iterable[str]) -> list[str]:
        """Return the texts of the filters that matched nothing, in the order in which they were written."""
        matched = set(used)
        return [text for text in dict.fromkeys(one.text for one in self.filters) if text not in matched]


class LoadedModules:
    """Tells which loaded modules a source file holds: one, or also ``__main__``."""

    def __init__(self) -> None:
        self._by_file: dict[str, set[str]] = {}
        self._seen = 0

    def __call__(self, filename: str) -> Iterable[str]:
        """Return the names of the modules of a file."""
        if len(sys.modules) != self._seen:
            self._read()
        return self._by_file.get(os.path.realpath(filename), ())

    def _read(self) -> None:
        self._seen = len(sys.modules)
        for name, module in list(sys.modules.items()):
            file = module.__dict__.get("__file__") if isinstance(module, types.ModuleType) else None
            if isinstance(file, str):
                self._by_file.setdefault(os.path.realpath(file), set()).add(name)
