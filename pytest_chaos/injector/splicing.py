"""The splice mechanism: the function stays the same object, and its code gets a prologue while a fault stands there.

So every reference to the function is reached, wherever it is kept. A function's spliced code is made once per session;
after that, putting it in place and taking it away is one assignment.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import CodeType, FunctionType, MethodType
from typing import Any
from weakref import WeakKeyDictionary

from pytest_chaos.injector.bytecode import CannotSplice, spliced
from pytest_chaos.injector.gate import Entries
from pytest_chaos.injector.hook import Hook, take
from pytest_chaos.injector.passage import Passage
from pytest_chaos.injector.trial import why_not_here, why_not_now
from pytest_chaos.target import Point


class Twin(Hook):
    """A function's spliced code, and the code it stands for.

    Args:
        function: The function; it is not kept alive while no fault stands there.

    Raises:
        CannotSplice: Its code cannot be given a prologue.
    """

    __slots__ = ("code", "original")

    def __init__(self, function: FunctionType) -> None:
        self.original = function.__code__
        super().__init__(self.original)
        self.code = spliced(self.original, self.entries.get, self.fire, take)

    @property
    def is_installed(self) -> bool:
        """Whether the function has its spliced code."""
        return self.held is not None

    def install(self, function: FunctionType, passage: Passage) -> None:
        """Give the function its spliced code."""
        self.passage = passage
        self.held = function
        function.__code__ = self.code

    def remove(self) -> None:
        """Give the function its own code again, unless somebody else has given it another meanwhile."""
        function = self.held
        self.passage = self.held = None
        if function is not None and function.__code__ is self.code:
            function.__code__ = self.original

    def real(self, held: FunctionType) -> Callable[..., Any]:
        return _copy_of(held, self.original)


def _copy_of(function: FunctionType, code: CodeType) -> FunctionType:
    copy = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__annotations__ = function.__annotations__
    copy.__dict__.update(function.__dict__)
    copy.__qualname__ = function.__qualname__
    copy.__module__ = function.__module__
    return copy


class Twins:
    """The twins of a session's functions."""

    def __init__(self) -> None:
        self._twins: WeakKeyDictionary[FunctionType, Twin | None] = WeakKeyDictionary()

    def twin_of(self, function: FunctionType) -> Twin | None:
        """Return the twin of a function, or ``None`` if it cannot have one."""
        if why_not_now():
            return None
        twin = self._twins.get(function)
        if twin is not None and (twin.is_installed or twin.original is function.__code__):
            return twin
        if why_not_here():
            return None
        try:
            twin = Twin(function)
        except CannotSplice:
            twin = None
        self._twins[function] = twin
        return twin


class SpliceMechanism:
    """Replaces the code of the function behind a point.

    Args:
        function: The function.
        twin: Its twin.
        has_receiver: Whether its first parameter is ``self`` or ``cls``.
    """

    __slots__ = ("_function", "_has_receiver", "_twin")

    is_by_function = True
    is_shadowed = False  # what mock and monkeypatch move are names: nobody puts a prologue back behind our back

    def __init__(self, function: FunctionType, twin: Twin, has_receiver: bool) -> None:
        self._function = function
        self._has_receiver = has_receiver
        self._twin = twin

    @property
    def installed(self) -> bool:
        """Whether the prologue is in place."""
        return self._twin.is_installed

    @property
    def entries(self) -> Entries:
        """Where each thread and task finds the entry that it asks."""
        return self._twin.entries

    def install(self, passage: Passage) -> None:
        """Put the prologue in place."""
        self._twin.has_receiver = self._has_receiver
        self._twin.install(self._function, passage)

    def remove(self) -> None:
        """Take the prologue away. Harmless when done twice."""
        self._twin.remove()


def function_behind(point: Point) -> FunctionType | None:
    """Return the Python function whose code runs when the point is called, or ``None`` if there is none of its own."""
    raw: Any = point.raw
    if type(raw) in (staticmethod, classmethod, MethodType):
        raw = raw.__func__
    elif isinstance(raw, property):
        raw = raw.fget
    elif isinstance(raw, functools.cached_property):
        raw = raw.func
    return raw if type(raw) is FunctionType else None


def receiver_test(point: Point) -> Callable[[Any], bool] | None:
    """Return a predicate for the receivers that a point means, or ``None`` if it means every call of the function.

    The function is shared by all who inherit it, so a fault on one child's method looks who is called.
    """
    owner = point.owner
    if type(point.raw) is MethodType:
        receiver = point.raw.__self__
        return lambda candidate: candidate is receiver
    if not point.inherited or not isinstance(owner, type):
        return None
    if type(point.raw) is classmethod or point.name == "__new__":
        return lambda candidate: _isinstance(candidate, type) and _issubclass(candidate, owner)
    return lambda candidate: _isinstance(candidate, owner)


# As they are before anything is armed: asked from a prologue, they must not meet a fault.
_isinstance, _issubclass = isinstance, issubclass


def has_receiver(point: Point) -> bool:
    """Tell whether the first parameter of the function behind a point is ``self`` or ``cls``."""
    kind = type(point.raw)
    return kind is MethodType or (isinstance(point.owner, type) and kind is not staticmethod)
