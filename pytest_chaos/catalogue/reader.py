"""From the text of a file to what is known of a library; what cannot be right is refused, with its file and key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any, NoReturn

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from pytest_chaos.catalogue.boundary import Boundary, Dependency, Library
from pytest_chaos.errors import SpecificationError, near_misses
from pytest_chaos.grammar import import_exception
from pytest_chaos.notation import parse, parse_target
from pytest_chaos.triggers import ALWAYS

_LIBRARY_KEYS = ("distribution", "beneath", "boundary")
_BOUNDARY_KEYS = tuple(field.name for field in fields(Boundary) if field.name != "library")
_PARTS = tuple(field.name for field in fields(Dependency))
_PORTS = range(1, 1 << 16)
_NAME = r"[A-Za-z_]\w*"
_PATH = re.compile(rf"(?:\d+|(?:{_NAME}(?:\.{_NAME})*:)?{_NAME}(?:\(\))?)(?:\.(?:\d+|{_NAME}(?:\(\))?))*")
_LONGEST_S = 1e9


def read_index(text: str, place: str) -> dict[str, tuple[str, ...]]:
    """Return the modules of each library.

    Args:
        text: The text of the list of libraries.
        place: Its file, for errors.

    Raises:
        SpecificationError: It is not TOML, or not lists of modules.
    """
    listed = _Table(_document(text, place), place)
    return {library: listed.texts(library, wanted=True) for library in listed.keys}


def read_library(name: str, text: str, place: str, modules: Collection[str], libraries: Collection[str]) -> Library:
    """Return what the file of a library says.

    Args:
        name: What a user calls the library.
        text: The text of the file.
        place: The file, for errors.
        modules: The modules that the list of libraries names for it.
        libraries: All libraries of the list.

    Raises:
        SpecificationError: Something there cannot be right; the error names file, entry and key.
    """
    table = _Table(_document(text, place), place)
    table.refuse_unknown(_LIBRARY_KEYS)
    beneath = table.texts("beneath")
    for other in beneath:
        if other not in libraries or other == name:
            table.refuse("beneath", f"{other!r} is not another library of the list", near_misses(other, libraries))
    return Library(
        name,
        tuple(_boundary(name, entry, modules) for entry in table.tables("boundary")),
        table.text("distribution"),
        beneath,
    )


def _document(text: str, place: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecificationError(f"cannot read the file: {error}", place=place) from None


class _Table:
    """A table of a file, with its place: each value is asked for by its key and its type.

    Args:
        values: The table.
        place: The file, and the entry in it.
    """

    def __init__(self, values: Mapping[str, Any], place: str) -> None:
        self._values = values
        self.place = place

    @property
    def keys(self) -> list[str]:
        """Its keys."""
        return list(self._values)

    def refuse(self, key: str, what: str, remedy: str = "") -> NoReturn:
        """Refuse the value of a key.

        Raises:
            SpecificationError: Always.
        """
        raise SpecificationError(what, place=f"{self.place}, {key}", remedy=remedy)

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Refuse a key that is not known.

        Raises:
            SpecificationError: There is one.
        """
        for key in self._values:
            if key not in known:
                self.refuse(key, f"unknown key {key!r}", near_misses(key, known) or f"Keys are {', '.join(known)}.")

    def text(self, key: str, *, wanted: bool = False) -> str:
        """Return a text; an empty one where the key is missing."""
        value = self._get(key, wanted, "a text", str)
        return value if value is not None else ""

    def texts(self, key: str, *, wanted: bool = False) -> tuple[str, ...]:
        """Return texts; none where the key is missing."""
        value = self._get(key, wanted, "a list of strings", list)
        if value is not None and not (value and all(isinstance(text, str) and text for text in value)):
            self.refuse(key, f"expected a list of strings, got {value!r}")
        return tuple(value or ())

    def paths(self, key: str) -> tuple[str, ...]:
        """Return paths; none where the key is missing."""
        paths = self.texts(key)
        for path in paths:
            self.check_path(key, path)
        return paths

    def check_path(self, key: str, path: str) -> None:
        """Refuse what is no path.

        Raises:
            SpecificationError: It is none.
        """
        if not _PATH.fullmatch(path):
            remedy = "Write, for example, 'timeout', '0', 'self.client.timeout' or 'socket:getdefaulttimeout()'."
            self.refuse(key, f"{path!r} is not a path to a value", remedy)

    def truth(self, key: str, *, wanted: bool = False) -> bool:
        """Return whether a key says yes; a missing one does not."""
        return bool(self._get(key, wanted, "true or false", bool))

    def seconds(self, key: str) -> float | None:
        """Return a duration, or ``None`` where the key is missing."""
        value = self._get(key, False, "a number of seconds", int, float)
        if value is not None and (isinstance(value, bool) or not 0 < value < _LONGEST_S):
            self.refuse(key, f"expected a number of seconds, got {value!r}")
        return None if value is None else float(value)

    def port(self, key: str) -> int | None:
        """Return the number of a port, or ``None`` where the key is missing."""
        value: int | None = self._get(key, False, "a port", int)
        if value is not None and value not in _PORTS:
            self.refuse(key, f"expected a port, got {value!r}")
        return value

    def tables(self, key: str) -> list[_Table]:
        """Return tables, at least one."""
        values = self._get(key, True, "a list of tables", list)
        if not values or not all(isinstance(value, dict) for value in values):
            self.refuse(key, f"expected a list of tables, got {values!r}", f"Write [[{key}]] above each.")
        return [
            _Table(value, f"{self.place}, {key} {value.get('target') or f'number {number}'}")
            for number, value in enumerate(values, start=1)
        ]

    def table(self, key: str) -> _Table:
        """Return a table; an empty one where the key is missing."""
        return _Table(self._get(key, False, "a table", dict) or {}, f"{self.place}, {key}")

    def _get(self, key: str, wanted: bool, what: str, *types: type) -> Any:
        value = self._values.get(key)
        if key not in self._values:
            if wanted:
                self.refuse(key, f"the key {key!r} is missing")
        elif not isinstance(value, types):
            self.refuse(key, f"expected {what}, got {value!r}")
        return value


def _boundary(library: str, entry: _Table, modules: Collection[str]) -> Boundary:
    entry.refuse_unknown(_BOUNDARY_KEYS)
    target = entry.text("target", wanted=True)
    _check_name(entry, "target", target, modules)
    aliases = entry.texts("aliases")
    for alias in aliases:
        _check_name(entry, "aliases", alias, modules)
    faults, late, creating = entry.texts("faults"), entry.texts("late"), entry.texts("creating")
    mode = entry.paths("mode")
    if bool(mode) != bool(creating):
        entry.refuse("mode" if mode else "creating", "the keys 'mode' and 'creating' say nothing without one another")
    checks, refusals = entry.paths("checks"), entry.texts("refusals")
    if bool(checks) != bool(refusals):
        entry.refuse(
            "checks" if checks else "refusals", "the keys 'checks' and 'refusals' say nothing without one another"
        )
    for key, texts in (("faults", faults), ("late", late), ("creating", creating), ("refusals", refusals)):
        for text in texts:
            _check_fault(entry, key, target, text)
    waits, limit, own_limit_s = entry.truth("waits", wanted=True), entry.paths("limit"), entry.seconds("own_limit_s")
    if not faults and not waits:
        entry.refuse("faults", "what meets no errors and cannot wait for ever is no boundary")
    if limit and not waits:
        entry.refuse("limit", "what cannot wait for ever needs no limit")
    local = _local(entry.table("local"))
    if local and not waits:
        entry.refuse("local", "nothing of this waits for ever")
    if not limit:
        for key, value in (("late", late), ("own_limit_s", own_limit_s)):
            if value:
                entry.refuse(key, "it says nothing without the key 'limit', by which users set one")
    return Boundary(
        library,
        target,
        faults,
        waits,
        late,
        local,
        aliases,
        limit,
        own_limit_s,
        _dependency(entry.table("dependency")),
        _releases(entry),
        entry.truth("in_pieces"),
        mode,
        creating,
        checks,
        refusals,
        entry.truth("speaks_http"),
    )


def _check_name(entry: _Table, key: str, name: str, modules: Collection[str]) -> None:
    """Refuse what is not written as ``module:Qual.name`` in one of the modules of the library."""
    try:
        target = parse_target(name)
    except SpecificationError as error:
        entry.refuse(key, str(error))
    if not target.name or target.is_glob or target.text != name:
        entry.refuse(key, f"expected one exact target, got {name!r}", "Write 'package.module:Qual.name'.")
    if target.module not in modules:
        entry.refuse(
            key,
            f"{target.module!r} is not a module of this library in the list of libraries",
            near_misses(target.module, modules) or f"Modules are {', '.join(modules)}.",
        )


def _check_fault(entry: _Table, key: str, target: str, text: str) -> None:
    """Refuse what is not the text of one fault; of errors only builtins are looked up, for nothing is imported here."""

    def importer(name: str) -> type[BaseException]:
        return Exception if ":" in name else import_exception(name)

    try:
        rules = parse(f"{target} = {text}", importer=importer)
    except SpecificationError as error:
        entry.refuse(key, str(error))
    if len(rules) != 1 or len(rules[0].chain) != 1 or rules[0].chain[0].trigger is not ALWAYS:
        entry.refuse(key, f"expected a single fault, got {text!r}", "Write, for example, 'raise(TimeoutError)'.")


def _local(names: _Table) -> tuple[tuple[str, tuple[str, ...]], ...]:
    for path in names.keys:
        names.check_path(path, path)
    return tuple((path, names.texts(path)) for path in names.keys)


def _dependency(parts: _Table) -> Dependency:
    parts.refuse_unknown(_PARTS)
    found = {part: parts.paths(part) for part in parts.keys if part != "own_port"}
    for key in ("port", "own_port"):
        if key in parts.keys and "host" not in found:
            parts.refuse(key, "a port says nothing without the key 'host'")
    return Dependency(**found, own_port=parts.port("own_port"))


def _releases(entry: _Table) -> str:
    text = entry.text("releases")
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        entry.refuse("releases", f"{text!r} is not a range of releases", "Write, for example, '>=3' or '>=3,<5'.")
    return text
