"""The splice mechanism: the function stays the same object, and its code gets a prologue while a fault stands there.

So every reference to the function is reached, wherever it is kept. A function's spliced code is made once per session;
after that, putting it in place and taking it away is one assignment.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from types import CodeType, FunctionType, MethodType
from typing import Any
from weakref import ref

from pytest_chaos.injector.attribute import Left
from pytest_chaos.injector.bytecode import CannotSplice, spliced
from pytest_chaos.injector.gate import Entries
from pytest_chaos.injector.hook import TAKE, Called, Hook
from pytest_chaos.injector.passage import Passage
from pytest_chaos.injector.trial import why_not_here, why_not_now
from pytest_chaos.target import Point


class Twin(Hook):
    """A function's spliced code, and the code it stands for.

    Where an experiment runs inside another one's window, the inner one's passage takes over until it leaves.

    Args:
        function: The function; it is not kept alive while no fault stands there.

    Raises:
        CannotSplice: Its code cannot be given a prologue.
    """

    __slots__ = ("_function", "_outer", "code", "original")

    def __init__(self, function: FunctionType) -> None:
        self.original = original = function.__code__
        Hook.__init__(self)
        self.code = spliced(original, self.entries.get, Called(self.fire), TAKE)
        self._function = ref(function)
        self._outer: tuple[tuple[Passage, bool], ...] = ()

    def fits(self, function: FunctionType) -> bool:
        """Tell whether this is the twin of a function as it is now, spliced or not."""
        code = function.__code__
        return self._function() is function and (code is self.original or (self.held is not None and code is self.code))

    @property
    def called_by(self) -> CodeType:
        return self.original

    @property
    def is_dead(self) -> bool:
        """Whether the function is gone."""
        return self._function() is None

    def install(self, function: FunctionType, passage: Passage, has_receiver: bool) -> None:
        """Give the function its spliced code."""
        outer = self.passage
        if outer is not None:
            self._outer += ((outer, self.has_receiver),)
        self.has_receiver = has_receiver
        self.passage = passage
        self.held = function
        if outer is None:
            function.__code__ = self.code

    def remove(self, passage: Passage) -> None:
        """Give the function its own code again, unless somebody else has given it another meanwhile."""
        if passage is not self.passage:
            self._outer = tuple(one for one in self._outer if one[0] is not passage)
            return
        if self._outer:
            *outer, (self.passage, self.has_receiver) = self._outer
            self._outer = tuple(outer)
            return
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
        # By identity, and each twin tells whose it is: weak keys cost a tenth of arming.
        self._twins: dict[int, Twin] = {}
        self._sweep_at = _FEW

    def twin_of(self, function: FunctionType) -> Twin | None:
        """Return the twin of a function, or ``None`` if it cannot have one."""
        if why_not_now():
            return None
        twin = self._twins.get(id(function))
        if twin is not None and twin.fits(function):
            return twin
        if why_not_here():
            return None
        try:
            twin = self._twins[id(function)] = Twin(function)
        except CannotSplice:
            return None
        if len(self._twins) > self._sweep_at:
            self._twins = {key: known for key, known in self._twins.items() if not known.is_dead}
            self._sweep_at = 2 * len(self._twins) + _FEW
        return twin


_FEW = 1000  # twins of dead functions are not worth looking for


class SpliceMechanism:
    """Replaces the code of the function behind a point.

    Args:
        function: The function.
        twin: Its twin.
        has_receiver: Whether its first parameter is ``self`` or ``cls``.
    """

    __slots__ = ("_function", "_has_receiver", "_passage", "_twin", "entries")

    is_by_function = True
    stand_in = None
    is_shadowed = False  # what mock and monkeypatch move are names: nobody puts a prologue back behind our back

    def __init__(self, function: FunctionType, twin: Twin, has_receiver: bool) -> None:
        self._function = function
        self._has_receiver = has_receiver
        self._passage: Passage | None = None
        self._twin = twin
        self.entries: Entries = twin.entries

    @property
    def installed(self) -> bool:
        """Whether the prologue is in place."""
        return self._passage is not None

    def stands_in(self, names: Collection[str]) -> bool:
        """Tell that no name is replaced."""
        return False

    def install(self, passage: Passage) -> None:
        """Put the prologue in place."""
        self._passage = passage
        self._twin.install(self._function, passage, self._has_receiver)

    def remove(self) -> None:
        """Take the prologue away. Harmless when done twice."""
        passage, self._passage = self._passage, None
        if passage is not None:
            self._twin.remove(passage)

    def left_behind(self) -> list[Left]:
        """Return nothing: no name is replaced."""
        return []

    def fits(self) -> bool:
        """Tell whether the function still is what it was."""
        return self._passage is None and self._twin.fits(self._function)


def receiver_test(point: Point) -> Callable[[Any], bool] | None:
    """Return a predicate for the receivers that a point means, or ``None`` if it means every call of the function.

    The function is shared by all who inherit it, so a fault on one child's method looks who is called.
    """
    if type(point.raw) is MethodType:
        receiver = point.raw.__self__
        return lambda candidate: candidate is receiver
    owner = point.owner
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
