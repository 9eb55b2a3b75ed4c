"""Garbage of the right type: another value of the type and shape of a real one, or of an annotated type."""

from __future__ import annotations

import collections.abc
import copy
import dataclasses
import datetime
import decimal
import enum
import math
import pathlib
import random
import typing
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from pytest_chaos.faults.annotations import arm_for, arms_of, field_hints
from pytest_chaos.faults.texts import Texts

_TRIES = 20  # a class may refuse what was drawn for its fields, and a small type may draw the same value again
_DEEPEST = 40  # levels of nested values; what lies deeper stays as it is
_MOST_VALUES = 2000  # in one answer; what comes after that stays as it is, so that a huge answer costs no seconds
_DEEPEST_NEW = 4  # levels of a new value, whose type may contain itself


class UnknownTypeError(Exception):
    """Nothing tells how a value of this type is made."""


class Garbage:
    """Makes garbage; equal seeds make equal garbage in equal order.

    A value that cannot be changed is handed back itself, so ``is`` tells whether it was. Real values are never
    mutated.

    Args:
        seed: Any number.

    Attributes:
        unknown: Names of the classes of values that nothing is known about.
    """

    def __init__(self, seed: float) -> None:
        self._random = random.Random(seed)
        self._texts = Texts(self._random.getrandbits(64))
        self._left = _MOST_VALUES
        self.unknown: set[str] = set()
        self._scalars: tuple[tuple[type, Callable[[Any], Any]], ...] = (
            (bool, lambda value: not value),
            (enum.Enum, lambda value: self._other(type(value).__members__.values(), value)),
            (int, self._int),
            (float, self._float),
            (complex, lambda value: complex(self._float(value.real), value.imag)),
            (decimal.Decimal, self._decimal),
            (str, self._texts.like),
            (bytes, self._bytes),
            (bytearray, self._bytes),
            (datetime.date, self._date),  # also datetime
            (datetime.time, self._time),
            (datetime.timedelta, lambda value: datetime.timedelta(seconds=self._float(value.total_seconds()))),
            (uuid.UUID, self._uuid),
            (pathlib.PurePath, self._path),
        )
        self._shapes: tuple[tuple[type | tuple[type, ...], Callable[[Any, Any, int], Any]], ...] = (
            (dict, self._dict),
            (list, self._list),
            ((set, frozenset), self._set),
            (tuple, self._tuple),
        )

    # --- from a real value

    def like(self, value: Any, hint: Any = Any, depth: int = 0) -> Any:
        """Return another value of the same type and shape, or this very value where none can be made.

        Args:
            value: The real value.
            hint: Its annotated type. It tells which values a literal may have and, where the whole answer is ``None``
                or empty, what could stand in its place. Where value and type differ, the value is right.
            depth: How deep the value lies in another.
        """
        self._left -= 1
        if self._left < 0 or depth > _DEEPEST:
            return value
        arm = arm_for(value, hint)
        if value is None:
            return self._new_or(value, [arm for arm in arms_of(hint) if arm is not type(None)], depth)
        if typing.get_origin(arm) is typing.Literal:
            literals = [one for one in arms_of(hint) if typing.get_origin(one) is typing.Literal]
            every = [arg for one in literals for arg in typing.get_args(one)]
            return self._other(every, value)
        for kind, make in self._scalars:
            if isinstance(value, kind):
                return self._changed(value, make)
        if field_hints(type(value)) is not None:
            return self._record(value, depth)
        for kinds, shape in self._shapes:
            if isinstance(value, kinds):
                return shape(value, arm, depth) if value else self._new_or(value, [arm], depth)
        self.unknown.add(type(value).__name__)
        return value

    def _new_or(self, value: Any, arms: list[Any], depth: int) -> Any:
        """Return a new value of one of these types in the place of an answer that is nothing, or else the value."""
        for arm in arms if depth == 0 else ():
            try:
                made = self.of(arm, depth)
            except Exception:  # noqa: BLE001  # of an unknown type, or refused by the code of its class
                continue
            if type(made) is type(value) or value is None:
                return made
        return value

    def _changed(self, value: Any, make: Callable[[Any], Any]) -> Any:
        """Return a value of the same type that differs, or the same value after some tries."""
        kind = type(value)
        for _ in range(_TRIES):
            try:
                made = make(value)
                made = made if type(made) is kind else kind(made)
                if type(made) is kind and made != value:
                    return made
            except Exception:  # noqa: BLE001  # out of range, or refused by the code of a class
                continue
        return value

    def _other(self, every: Iterable[Any], value: Any) -> Any:
        others = [other for other in every if other != value or type(other) is not type(value)]
        return self._random.choice(others) if others else value

    # --- scalars

    def _int(self, value: int) -> int:
        """Up to ten times as large, and now and then of the other sign."""
        made = self._random.randrange(10 * max(abs(value), 10))
        return self._sign() * (-made if value < 0 else made)

    def _float(self, value: float) -> float:
        """Another magnitude, and as many decimals as before."""
        reach = 10 * abs(value) if value and math.isfinite(10 * value) else 1000.0
        _, _, decimals = repr(value).partition(".")
        made = self._sign() * self._random.uniform(0, -reach if value < 0 else reach)
        return round(made, len(decimals)) if decimals.isdigit() else made

    def _decimal(self, value: decimal.Decimal) -> decimal.Decimal:
        sign, digits, exponent = value.as_tuple()
        if not isinstance(exponent, int):  # NaN and infinity
            return decimal.Decimal(self._int(0))
        whole = abs(self._int(int("".join(map(str, digits)))))
        return decimal.Decimal((sign, tuple(map(int, str(whole))), exponent))

    def _sign(self) -> int:
        return -1 if self._random.random() < 0.25 else 1

    def _bytes(self, value: bytes | bytearray) -> bytes:
        return self._random.randbytes(len(value) or 8)

    def _date(self, value: datetime.date) -> datetime.date:
        """Up to ten years earlier or later, at another time of the day."""
        seconds = self._random.randrange(86400) if isinstance(value, datetime.datetime) else 0
        return value + self._sign() * datetime.timedelta(self._random.randrange(1, 3653), seconds)

    def _time(self, value: datetime.time) -> datetime.time:
        return value.replace(hour=self._random.randrange(24), minute=self._random.randrange(60))

    def _uuid(self, value: uuid.UUID) -> uuid.UUID:
        version = value.version if value.version in range(1, 6) else None  # what every supported Python can make
        return uuid.UUID(int=self._random.getrandbits(128), version=version)

    def _path(self, value: pathlib.PurePath) -> pathlib.PurePath:
        name = self._texts.word()
        return value.with_name(name + value.suffix) if value.name else value / name

    # --- shapes

    def _list(self, value: list[Any], arm: Any, depth: int) -> Any:
        hint = (*typing.get_args(arm), Any)[0]
        made = [self.like(item, hint, depth + 1) for item in value]
        if _same(made, value):
            return value
        if type(value) is list:
            return made
        twin = copy.copy(value)
        twin[:] = made
        return twin

    def _tuple(self, value: tuple[Any, ...], arm: Any, depth: int) -> Any:
        hints = typing.get_args(arm)
        if len(hints) != len(value) or Ellipsis in hints:
            hints = (hints[0] if Ellipsis in hints else Any,) * len(value)
        made = [self.like(item, hint, depth + 1) for item, hint in zip(value, hints, strict=True)]
        return value if _same(made, value) else self._changed(value, lambda value: tuple(made))

    def _set(self, value: set[Any] | frozenset[Any], arm: Any, depth: int) -> Any:
        hint = (*typing.get_args(arm), Any)[0]
        # The order of a set differs between processes; equal seeds shall make equal garbage in all of them.
        return self._changed(
            value, lambda value: {self.like(item, hint, depth + 1) for item in sorted(value, key=repr)}
        )

    def _dict(self, value: dict[Any, Any], arm: Any, depth: int) -> Any:
        """The same keys, and other values."""
        if typing.is_typeddict(arm):
            hints = typing.get_type_hints(arm)
        else:
            args = typing.get_args(arm)
            hints = dict.fromkeys(value, args[-1]) if len(args) == 2 else {}
        made = {key: self.like(item, hints.get(key, Any), depth + 1) for key, item in value.items()}
        if _same(made.values(), value.values()):
            return value
        if type(value) is dict:
            return made
        twin = copy.copy(value)
        for key, item in made.items():
            twin[key] = item
        return twin

    def _record(self, value: Any, depth: int) -> Any:
        hints = field_hints(type(value)) or {}
        changes: dict[str, Any] = {}

        def make(value: Any) -> Any:
            for name, hint in hints.items():
                old = getattr(value, name)
                new = self.like(old, hint, depth + 1)
                if new is not old:
                    changes[name] = new
            return _with_changes(value, changes) if changes else value

        made = self._changed(value, make)
        if made is value and changes:  # its class refused all that was drawn
            self.unknown.add(type(value).__name__)
        return made

    # --- from a type alone

    def of(self, hint: Any, depth: int = 0) -> Any:
        """Return a new value of an annotated type.

        Raises:
            UnknownTypeError: Nothing tells how such a value is made.
            Exception: Whatever the code of the type's class raises.
        """
        self._left -= 1
        if self._left < 0 or depth > _DEEPEST:
            raise UnknownTypeError(hint)
        arms = arms_of(hint)
        if type(None) in arms and (depth >= _DEEPEST_NEW or len(arms) == 1):
            return None
        for arm in arms:
            if arm is not type(None):
                return self._of_arm(arm, depth)
        raise UnknownTypeError(hint)

    def _of_arm(self, arm: Any, depth: int) -> Any:
        args = typing.get_args(arm)
        origin = typing.get_origin(arm) or arm
        if origin is typing.Literal:
            return self._random.choice(args)
        if typing.is_typeddict(origin):
            return {key: self.of(hint, depth + 1) for key, hint in typing.get_type_hints(origin).items()}
        if not isinstance(origin, type):
            raise UnknownTypeError(arm)
        if issubclass(origin, enum.Enum):
            return self._random.choice(list(origin))
        if origin in _SAMPLES:
            return self.like(_SAMPLES[origin], Any, depth)
        hints = field_hints(origin)
        if hints is not None:
            return origin(**{name: self.of(hint, depth + 1) for name, hint in hints.items()})
        if origin is tuple and args and args[-1] is not Ellipsis:
            return tuple(self.of(hint, depth + 1) for hint in args)
        shape = next((shape for kinds, shape in _NEW_SHAPES if origin in kinds), None)
        if shape is None or not args:
            raise UnknownTypeError(arm)
        count = self._random.randint(1, 3) if depth < _DEEPEST_NEW else 0
        if shape is dict:
            return {self.of(args[0], depth + 1): self.of(args[1], depth + 1) for _ in range(count)}
        return shape(self.of(args[0], depth + 1) for _ in range(count))


_SAMPLES: dict[type, Any] = {
    bool: False,
    int: 100,
    float: 9.99,
    complex: 1j,
    decimal.Decimal: decimal.Decimal("9.99"),
    str: "word",
    bytes: b"8 bytes.",
    bytearray: bytearray(b"8 bytes."),
    datetime.datetime: datetime.datetime(2020, 1, 1),
    datetime.date: datetime.date(2020, 1, 1),
    datetime.time: datetime.time(12),
    datetime.timedelta: datetime.timedelta(hours=1),
    uuid.UUID: uuid.UUID(int=0, version=4),
    pathlib.Path: pathlib.Path("file.txt"),
    pathlib.PurePath: pathlib.PurePath("file.txt"),
}
_NEW_SHAPES: tuple[tuple[tuple[Any, ...], Callable[..., Any]], ...] = (
    ((dict, collections.abc.Mapping, collections.abc.MutableMapping), dict),
    (
        (
            list,
            collections.abc.Sequence,
            collections.abc.MutableSequence,
            collections.abc.Collection,
            collections.abc.Iterable,
        ),
        list,
    ),
    ((set, collections.abc.Set, collections.abc.MutableSet), set),
    ((frozenset,), frozenset),
    ((tuple,), tuple),
)


def _same(made: Iterable[Any], real: Iterable[Any]) -> bool:
    return all(new is old for new, old in zip(made, real, strict=True))


def _with_changes(value: Any, changes: dict[str, Any]) -> Any:
    """Return a copy of a record with some fields changed."""
    if dataclasses.is_dataclass(value):
        return dataclasses.replace(value, **changes)  # type: ignore[type-var]  # an instance, not a class
    if isinstance(value, tuple):
        return value._replace(**changes)  # type: ignore[attr-defined]  # a named tuple
    if hasattr(value, "model_copy"):
        return value.model_copy(update=changes)
    twin = copy.copy(value)
    for name, new in changes.items():
        object.__setattr__(twin, name, new)  # also where the class is frozen
    return twin
