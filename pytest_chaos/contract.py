"""What the system promises while faults act: which answers and errors are right, and how strictly leaks are judged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from pytest_chaos.errors import SpecificationError, near_misses
from pytest_chaos.grammar import import_exception

LeakLevel = Literal["on", "strict", "off"]

KEYS = ("status", "errors", "leaks", "amplification")
LATER_KEYS = frozenset({"table", "body", "deadline_s", "effects", "core", "optional"})
"""Keys of the design that this version does not judge; they are refused, for silence would read as consent."""

_CLASS_OF_CODES = re.compile(r"[1-5]xx", re.IGNORECASE)


@dataclass(frozen=True)
class Contract:
    """What is promised.

    Attributes:
        status: All status codes allowed in answers the test receives, as ints or ``"4xx"``; ``None`` judges no answer.
        errors: Names (``module:Name``) or classes of declared domain errors.
        leaks: ``on``, ``strict`` (notes fail too) or ``off``.
        amplification: Calls to a target under a fault over calls of the plain run, at most; ``None`` sets no budget.
    """

    status: tuple[int | str, ...] | None = None
    errors: tuple[str | type[BaseException], ...] = ()
    leaks: LeakLevel = "on"
    amplification: float | None = None

    def allows(self, status: int) -> bool:
        """Tell whether an answer with this status code keeps the contract."""
        if self.status is None:
            return True
        return any(
            status == allowed if isinstance(allowed, int) else str(status)[0] == allowed[0] for allowed in self.status
        )

    @property
    def judges_answers(self) -> bool:
        """Whether it says anything of answers."""
        return self.status is not None

    @property
    def judges_bodies(self) -> bool:
        """Whether it says what an error answer looks like."""
        return False

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
            if key in LATER_KEYS:
                raise SpecificationError(
                    f"contract key {key!r} is not supported in this version yet",
                    remedy=f"This version supports {', '.join(KEYS)}.",
                )
            if key not in KEYS:
                raise SpecificationError(
                    f"unknown contract key {key!r}", remedy=near_misses(key, KEYS) or f"Keys are {', '.join(KEYS)}."
                )
            changes[key] = _CHECKS[key](value)
        return replace(self, **changes)


def _error_class(name: str) -> type[BaseException]:
    try:
        return import_exception(name)
    except SpecificationError as error:
        raise SpecificationError(f"contract errors: {error.what}", remedy=error.remedy) from None
    except Exception as error:
        raise SpecificationError(f"contract errors: importing {name!r} raised {error!r}") from error


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


_CHECKS = {"status": _status, "errors": _errors, "leaks": _leaks, "amplification": _amplification}
