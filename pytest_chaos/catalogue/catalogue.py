"""Looking up what is known: by library, by module, by injection point."""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import replace
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable

from pytest_chaos.catalogue.boundary import Boundary, Library
from pytest_chaos.catalogue.reader import read_index, read_library
from pytest_chaos.catalogue.releases import holds_for, installed_release
from pytest_chaos.errors import SpecificationError


class Catalogue:
    """The libraries that are known, made once for a session.

    Nothing is read before somebody asks, and then only the files of the libraries that are asked for; each once.
    So what is asked of a call is a look into a dictionary.

    Args:
        folder: Where ``libraries.toml`` and the folder ``libraries`` stand; by default those that come with us.
    """

    def __init__(self, folder: Traversable | None = None) -> None:
        self._folder = folder or resources.files(__package__)
        self._read: dict[str, Library] = {}
        self._by_target: dict[str, Boundary] = {}
        self._by_name: dict[str, Boundary] = {}
        self._makers: dict[str, Boundary | None] = {}

    @property
    def libraries(self) -> tuple[str, ...]:
        """What users call the libraries, in the order in which they are swept."""
        return tuple(self._modules)

    def library(self, name: str) -> Library:
        """Return what is known of a library, as far as it holds for the installed release.

        Args:
            name: One of :attr:`libraries`.

        Raises:
            SpecificationError: Its file is missing or wrong.
        """
        found = self._read.get(name)
        if found is None:
            found = self._read[name] = self._read_library(name)
        return found

    def imported(self, libraries: Collection[str] | None = None) -> list[Boundary]:
        """Return the boundaries whose module is imported: nothing else can be called.

        Args:
            libraries: Only those of these libraries.

        Raises:
            SpecificationError: The file of one of them is missing or wrong.
        """
        return [
            boundary
            for name, modules in self._modules.items()
            if libraries is None or name in libraries
            if any(module in sys.modules for module in modules)
            for boundary in self.library(name).boundaries
            if boundary.module in sys.modules
        ]

    def beneath(self, name: str) -> frozenset[str]:
        """Return the libraries that a library is built on, and those that these are built on, and so on.

        Where a call of this one leads to calls of those, it is the outermost, and fails as a whole.

        Args:
            name: One of :attr:`libraries`.

        Raises:
            SpecificationError: The file of one of them is missing or wrong.
        """
        found: set[str] = set()
        new = {name}
        while new:
            new = {other for one in new for other in self.library(one).beneath} - found
            found |= new
        return frozenset(found)

    def at(self, point: str) -> Boundary | None:
        """Return the boundary of an injection point, or ``None``."""
        self._read_for(point)
        return self._by_target.get(point)

    def maker(self, point: str) -> Boundary | None:
        """Return the boundary of an injection point, or ``None`` where no others go through what it returns.

        Args:
            point: The injection point, such as ``sqlite3:connect``.
        """
        if point not in self._makers:
            boundary = self.at(point)
            others = () if boundary is None else self.library(boundary.library).boundaries
            self._makers[point] = boundary if any(other.dependency.maker for other in others) else None
        return self._makers[point]

    def name_of(self, point: str, dependency: str) -> str:
        """Return how people call what fails at an injection point: the library, and what is called by it.

        Args:
            point: The injection point.
            dependency: What is called; empty where nothing tells.
        """
        boundary = self.at(point)
        return " ".join(filter(None, (point if boundary is None else boundary.library, dependency)))

    def called(self, name: str) -> Boundary | None:
        """Return the boundary that is called under a name, ``module:Qual.name``, its own or an alias; or ``None``."""
        self._read_for(name)
        return self._by_name.get(name)

    @cached_property
    def _modules(self) -> dict[str, tuple[str, ...]]:
        return read_index(*self._text("libraries.toml"))

    @cached_property
    def _of_module(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for library, modules in self._modules.items():
            for module in modules:
                found.setdefault(module, []).append(library)
        return found

    def _read_for(self, name: str) -> None:
        for library in self._of_module.get(name.partition(":")[0], ()):
            self.library(library)

    def _read_library(self, name: str) -> Library:
        text, place = self._text("libraries", f"{name}.toml")
        whole = read_library(name, text, place, self._modules[name], self._modules)
        ranged = any(boundary.releases for boundary in whole.boundaries)
        release = installed_release(whole.distribution) if ranged else None
        found = tuple(boundary for boundary in whole.boundaries if holds_for(boundary.releases, release))
        for boundary in found:
            for called in (boundary.target, *boundary.aliases):
                if called in self._by_name:
                    raise SpecificationError(f"{called!r} is told twice for one release", place=place)
                self._by_name[called] = boundary
            self._by_target[boundary.target] = boundary
        return replace(whole, boundaries=found)

    def _text(self, *path: str) -> tuple[str, str]:
        """Return the text of a file, and how errors name it."""
        place = "/".join(("catalogue", *path))
        try:
            return self._folder.joinpath(*path).read_text(encoding="utf-8"), place
        except (OSError, UnicodeDecodeError) as error:
            raise SpecificationError(f"cannot read the file: {error}", place=place) from None
