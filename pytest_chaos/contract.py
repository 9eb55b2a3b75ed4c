"""What the system promises while faults act: which answers and errors are right, and how strictly leaks are judged."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from pytest_chaos.catalogue.catalogue import Catalogue
from pytest_chaos.errors import SpecificationError, near_misses
from pytest_chaos.grammar import import_exception
from pytest_chaos.notation import parse_target
from pytest_chaos.shapes import Shape, shape_of
from pytest_chaos.target import Target, check_name, may_name

LeakLevel = Literal["on", "strict", "off"]
ErrorName = str | type[BaseException]

KEYS = (
    *("status", "errors", "leaks", "amplification", "table", "body", "deadline_s", "exit_codes", "grpc_codes"),
    *("effects", "core", "optional"),
)

_CLASS_OF_CODES = re.compile(r"[1-5]xx", re.IGNORECASE)
_CAPITALS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_FAULT_NAME = re.compile(r"(\w+):([a-z0-9]+(?:-[a-z0-9]+)*)")
_RAISED = re.compile(r"raise\(([\w.:]+)")
_LONGEST_S = 1e9
GRPC_CODES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)
"""The names of gRPC's codes, by their numbers."""


@dataclass(frozen=True)
class Contract:
    """What is promised.

    Attributes:
        status: All status codes allowed in answers the test receives, as ints or ``"4xx"``; ``None`` judges no answer.
        errors: Names (``module:Name``) or classes of declared domain errors.
        leaks: ``on``, ``strict`` (notes fail too) or ``off``.
        amplification: Calls to a target under a fault over calls of the plain run, at most; ``None`` sets no budget.
        table: Of injected errors, by names or classes, the status that the test must receive.
        body: What the bodies of error answers look like; ``None`` judges none.
        deadline_s: How many seconds an answer may take, or the body of a test that sees none; ``None`` sets no limit.
        exit_codes: Exit codes that commands may end with; ``None`` judges none.
        grpc_codes: Names of the codes that remote calls may end with; ``None`` judges none.
        effects: What must not be done twice because of a fault.
        core: What must be called as ever while only :attr:`optional` fails.
        optional: What may fail without the test's receiving another answer.
        is_proposed: Whether one is being proposed, so that answers are watched as if they were judged; no key says so.
    """

    status: tuple[int | str, ...] | None = None
    errors: tuple[str | type[BaseException], ...] = ()
    leaks: LeakLevel = "on"
    amplification: float | None = None
    table: tuple[tuple[ErrorName, int], ...] = ()
    body: Shape | None = None
    deadline_s: float | None = None
    exit_codes: tuple[int, ...] | None = None
    grpc_codes: tuple[str, ...] | None = None
    effects: tuple[Target, ...] = ()
    core: tuple[Target, ...] = ()
    optional: tuple[Target, ...] = ()
    is_proposed: bool = False

    def allows(self, status: int, kind: str = "http") -> bool:
        """Tell whether an answer with this status code, exit code or number of a gRPC code keeps the contract."""
        allowed = self.allowed(kind)
        if allowed is None:
            return True
        if kind == "grpc":
            return 0 <= status < len(GRPC_CODES) and GRPC_CODES[status] in allowed
        return any(status == one if isinstance(one, int) else str(status)[0] == one[0] for one in allowed)

    def allowed(self, kind: str) -> tuple[int | str, ...] | None:
        """Return what answers of a kind may be; ``None`` if that is not said."""
        return {"http": self.status, "exit": self.exit_codes, "grpc": self.grpc_codes}[kind]

    @property
    def judges_answers(self) -> bool:
        """Whether answers have to be watched to judge it."""
        return self.needs_answers or self.deadline_s is not None or bool(self.optional) or self.is_proposed

    @property
    def needs_answers(self) -> bool:
        """Whether it has judged nothing where no answer was seen."""
        told = (self.status, self.body, self.exit_codes, self.grpc_codes)
        return bool(self.table) or any(one is not None for one in told)

    @property
    def judges_bodies(self) -> bool:
        """Whether it says what an error answer looks like."""
        return self.body is not None

    def check(self) -> None:
        """Look at what is known only once the project can be imported, and at keys that contradict each other.

        Raises:
            SpecificationError: A name stands for no exception class, ``core`` stands without ``optional``, or both name
                the same.
        """
        self.error_classes()
        self.table_classes()
        if self.core and not self.optional:
            raise SpecificationError(
                "contract core: without optional it is never judged",
                remedy="Name in optional what may fail without harm to the core.",
            )
        catalogue = Catalogue()
        for key, targets in (("effects", self.effects), ("core", self.core), ("optional", self.optional)):
            for one in targets:
                if one.name and not one.is_glob and catalogue.at(one.text) is None:
                    check_name(one.module, one.name, f"contract {key}: target {one.text!r}")
        both = {one.text for one in self.core} & {one.text for one in self.optional}
        if both:
            raise SpecificationError(f"contract: {min(both)} is both core and optional")

    def check_table(self) -> None:
        """Look whether ``status`` allows what ``table`` wants.

        Raises:
            SpecificationError: It does not.
        """
        for name, status in self.table:
            if not self.allows(status):
                raise SpecificationError(
                    f"contract table: {_shown(name)} is to be answered {status}, which status does not allow",
                    remedy=f"Add {status} to status, or correct the table.",
                )

    def table_classes(self) -> Mapping[type[BaseException], int]:
        """Return the table by classes, importing those given by name.

        Raises:
            SpecificationError: A name stands for no exception class, or two names for the same one.
        """
        found: dict[type[BaseException], int] = {}
        for name, status in self.table:
            error = _class_in_table(name) if isinstance(name, str) else name
            if found.setdefault(error, status) != status:
                raise SpecificationError(
                    f"contract table: {_shown(name)} is in it twice, as {found[error]} and {status}"
                )
        return found

    def error_classes(self) -> tuple[type[BaseException], ...]:
        """Return the classes of the declared domain errors, importing those given by name.

        Raises:
            SpecificationError: A name stands for no exception class.
        """
        return tuple(_error_class(error) if isinstance(error, str) else error for error in self.errors)

    def with_keys(self, keys: Mapping[str, Any]) -> Contract:
        """Return this contract with some keys replaced.

        Raises:
            SpecificationError: An unknown key, or a value of the wrong form.
        """
        changes: dict[str, Any] = {}
        for key, value in keys.items():
            if key not in KEYS:
                raise SpecificationError(
                    f"unknown contract key {key!r}", remedy=near_misses(key, KEYS) or f"Keys are {', '.join(KEYS)}."
                )
            changes[key] = _CHECKS[key](value)
        changed = replace(self, **changes)
        if "table" in changes:  # a marker may allow less than the table of the whole project wants
            changed.check_table()
        return changed


def names(targets: Iterable[Target], point: str) -> bool:
    """Tell whether one of these targets means an injection point, under whatever name it is written."""
    return any(may_name(one, point) or one.text == point.replace(":", ".") for one in targets)


def _error_class(name: str, key: str = "errors") -> type[BaseException]:
    try:
        return import_exception(name)
    except SpecificationError as error:
        raise SpecificationError(f"contract {key}: {error.what}", remedy=error.remedy) from None
    except Exception as error:
        raise SpecificationError(f"contract {key}: importing {name!r} raised {error!r}") from error


def _class_in_table(name: str) -> type[BaseException]:
    """Return the class of an error that is named as in a rule, or as a fault of the catalogue."""
    catalogue = Catalogue()
    found = _FAULT_NAME.fullmatch(name)
    if found is None or found[1] not in catalogue.libraries:
        return _error_class(name, "table")
    known = {
        _CAPITALS.sub("-", raised[1].rpartition(":")[2]).lower(): raised[1]
        for boundary in catalogue.library(found[1]).boundaries
        for text in (*boundary.faults, *boundary.late, *boundary.creating, *boundary.refusals)
        if (raised := _RAISED.match(text))
    }
    if found[2] not in known:
        raise SpecificationError(
            f"contract table: {found[1]} has no fault {found[2]!r}",
            remedy=near_misses(found[2], known) or f"It has {', '.join(known)}.",
        )
    return _error_class(known[found[2]], "table")


def _shown(name: ErrorName) -> str:
    return name if isinstance(name, str) else f"{name.__module__}:{name.__qualname__}"


def _status(value: Any) -> tuple[int | str, ...]:
    codes: list[Any] = (
        [value] if isinstance(value, int | str) else list(value) if isinstance(value, Iterable) else [None]
    )
    for code in codes:
        is_code = isinstance(code, int) and not isinstance(code, bool) and 100 <= code <= 599
        if not is_code and not (isinstance(code, str) and _CLASS_OF_CODES.fullmatch(code)):
            raise SpecificationError(
                f"contract status: {code!r} is not a status code",
                remedy="Write ints from 100 to 599, or a class such as '4xx'.",
            )
    if not codes:
        raise SpecificationError("contract status: an empty list would allow no answer at all")
    return tuple(code.lower() if isinstance(code, str) else code for code in codes)


def _errors(value: Any) -> tuple[str | type[BaseException], ...]:
    names = [value] if isinstance(value, str | type) else list(value) if isinstance(value, Iterable) else [None]
    for name in names:
        is_class = isinstance(name, type) and issubclass(name, BaseException)
        if not is_class and not (isinstance(name, str) and re.fullmatch(r"[\w.]+(:[\w.]+)?", name)):
            raise SpecificationError(
                f"contract errors: {name!r} is not the name of an exception", remedy="Write 'module:Name'."
            )
    return tuple(names)


def _leaks(value: Any) -> LeakLevel:
    if value not in ("on", "strict", "off"):
        raise SpecificationError(f"contract leaks must be 'on', 'strict' or 'off', got {value!r}")
    return value  # type: ignore[no-any-return]  # checked just above


def _amplification(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value < 1e9:
        raise SpecificationError(
            f"contract amplification must be a number of at least 1, got {value!r}",
            remedy="It is calls under the fault over calls without it: 3 allows two retries of each call.",
        )
    return float(value)


def _table(value: Any) -> tuple[tuple[ErrorName, int], ...]:
    if not isinstance(value, Mapping) or not value:
        raise SpecificationError(
            f"contract table: it maps errors to status codes, got {value!r}",
            remedy="Write {'builtins:TimeoutError' = 504} in TOML, {TimeoutError: 504} in Python.",
        )
    for name, status in value.items():
        is_named = isinstance(name, str) and re.fullmatch(r"[\w.]+(:[\w.-]+)?", name)
        if not is_named and not (isinstance(name, type) and issubclass(name, BaseException)):
            raise SpecificationError(
                f"contract table: {name!r} is not the name of an exception",
                remedy="Write 'module:Name', a builtin, or a fault such as 'httpx:read-timeout'.",
            )
        if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 599:
            raise SpecificationError(
                f"contract table: {_shown(name)}: {status!r} is not a status code",
                remedy="Write an int from 100 to 599.",
            )
    return tuple(value.items())


def _deadline(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _LONGEST_S:
        raise SpecificationError(f"contract deadline_s must be a number of seconds greater than 0, got {value!r}")
    return float(value)


def _exit_codes(value: Any) -> tuple[int, ...]:
    codes = [value] if isinstance(value, int) else list(value) if _is_list(value) else [None]
    for code in codes:
        if isinstance(code, bool) or not isinstance(code, int) or not 0 <= code <= 255:
            raise SpecificationError(
                f"contract exit_codes: {code!r} is not an exit code", remedy="Write ints from 0 to 255."
            )
    return tuple(_filled(codes, "exit_codes"))


def _grpc_codes(value: Any) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else list(value) if _is_list(value) else [None]
    for name in names:
        if name not in GRPC_CODES:
            remedy = near_misses(name, GRPC_CODES) if isinstance(name, str) else ""
            raise SpecificationError(
                f"contract grpc_codes: {name!r} is not the name of a gRPC code",
                remedy=remedy or "Write names such as 'UNAVAILABLE'.",
            )
    return tuple(_filled(names, "grpc_codes"))


def _targets(key: str, value: Any) -> tuple[Target, ...]:
    texts = [value] if isinstance(value, str) else list(value) if _is_list(value) else [None]
    catalogue = Catalogue()
    found: list[Target] = []
    for text in texts:
        if not isinstance(text, str):
            raise SpecificationError(f"contract {key}: {text!r} is no target", remedy="Write 'module:function'.")
        library = catalogue.library(text).boundaries if text in catalogue.libraries else ()
        try:
            found += [parse_target(one) for one in ([boundary.target for boundary in library] or [text])]
        except SpecificationError as error:
            raise SpecificationError(f"contract {key}: {error.what}", remedy=error.remedy) from None
    return tuple(_filled(found, key))


def _is_list(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes)


def _filled(values: list[Any], key: str) -> list[Any]:
    if not values:
        raise SpecificationError(f"contract {key}: the list is empty, so nothing would be right, or nothing judged")
    return values


_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "status": _status,
    "errors": _errors,
    "leaks": _leaks,
    "amplification": _amplification,
    "table": _table,
    "body": shape_of,
    "deadline_s": _deadline,
    "exit_codes": _exit_codes,
    "grpc_codes": _grpc_codes,
    "effects": functools.partial(_targets, "effects"),
    "core": functools.partial(_targets, "core"),
    "optional": functools.partial(_targets, "optional"),
}
