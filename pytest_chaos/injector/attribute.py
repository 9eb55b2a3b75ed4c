"""The attribute mechanism: put a wrapper where a name leads, and put back exactly what stood there.

What stood there is taken raw from ``__dict__`` and restored only where our own object still stands; an inherited name
is deleted again. Should somebody else hold on to a wrapper, it passes calls through once its site is idle.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import types
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, NamedTuple

import wrapt

from pytest_chaos.injector.aliases import AliasIndex, holders_of
from pytest_chaos.injector.closures import StandIn, StandIns, is_c_function, is_stand_in
from pytest_chaos.injector.gate import Entries
from pytest_chaos.injector.passage import Passage
from pytest_chaos.target import Point, is_plain_callable, namespace_of


class _BoundWrapper(wrapt.BoundFunctionWrapper[..., Any]):
    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __reduce_ex__(self, protocol: Any) -> Any:
        holder = self._self_owner if self._self_instance is None else self._self_instance
        return getattr, (holder, self.__name__)


class Wrapper(wrapt.FunctionWrapper[..., Any]):
    """A wrapt wrapper that pickles by name, as functions do: process pools are given patched functions too.

    It shows itself as what it stands for, because pytest prints it where it explains a failed assertion.
    """

    __bound_function_wrapper__ = _BoundWrapper

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __reduce_ex__(self, protocol: Any) -> Any:
        name = getattr(self.__wrapped__, "__qualname__", None)
        return name if isinstance(name, str) else self.__wrapped__.__reduce_ex__(protocol)  # a partial has no name


class _Replaced(NamedTuple):
    owner: Any
    name: str
    raw: Any
    inherited: bool
    replacement: Any


Covered = dict[tuple[int, str], _Replaced]
"""The places where replacements stand now, by owner's identity and name."""


class Left(NamedTuple):
    """A place in which somebody may yet put a replacement of ours back, which they found there.

    A mock that was started while it stood there does so when it is stopped, be it at the end of the session.
    """

    place: _Replaced
    stand_in: StandIn | None

    def put_back(self) -> bool:
        """Put back what stood there, if our replacement stands there now; tell whether that is done."""
        if self.stand_in is not None and self.stand_in.passage is not None:
            return False  # the stand-in of a C function is one and the same each time: now it stands there for a rule
        return _restored(self.place)


def _restored(done: _Replaced) -> bool:
    if namespace_of(done.owner).get(done.name) is not done.replacement:
        return False
    if done.inherited:
        delattr(done.owner, done.name)
    else:
        setattr(done.owner, done.name, done.raw)
    return True


def is_ours(raw: object) -> bool:
    """Tell whether something that stands in a name is a replacement of ours."""
    if isinstance(raw, property):
        raw = raw.fget
    elif isinstance(raw, functools.cached_property):
        raw = raw.func
    elif type(raw) is staticmethod:
        raw = raw.__func__
    return issubclass(type(raw), Wrapper) or is_stand_in(raw)


def uncovered(point: Point, covered: Covered) -> Point:
    """Return a point as it is without the replacement that may stand there: a second rule joins the same site."""
    known = covered.get((id(point.owner), point.name))
    if known is None or point.raw is not known.replacement:
        return point  # nobody's, or somebody put something of theirs over ours: that is what stands there
    return replace(point, raw=known.raw, inherited=known.inherited)


class AttributeMechanism:
    """Replaces one injection point, and the aliases of what stands there.

    Args:
        point: What to replace.
        aliases: The session's alias index.
        stand_ins: What stands in for C functions.
        covered: Where replacements stand; kept up to date by all mechanisms that share it.

    Attributes:
        stand_in: What stands in for a C function, or ``None`` where a wrapper stands.
    """

    is_by_function = False

    def __init__(self, point: Point, aliases: AliasIndex, stand_ins: StandIns, covered: Covered) -> None:
        self._point = point
        self._aliases = aliases
        self.stand_in: StandIn | None = stand_ins.for_function(point.raw) if _is_module_c_function(point) else None
        self._covered = covered
        self._replaced: list[_Replaced] = []
        self._shadowed: list[_Replaced] = []
        self._modules: list[str] = []
        self._names: set[str] = set()  # in which something was ever replaced

    @property
    def installed(self) -> bool:
        """Whether the wrapper is in place."""
        return bool(self._replaced)

    @property
    def is_shadowed(self) -> bool:
        """Whether somebody replaced a replacement of ours, and may yet put ours back."""
        return bool(self._shadowed)

    def stands_in(self, names: Collection[str]) -> bool:
        """Tell whether something is replaced that has one of these names, or was so before a double stood there."""
        return not self._names.isdisjoint(names)

    @property
    def entries(self) -> Entries | None:
        """Where each thread and task finds the entry that it asks; wrappers ask over every call."""
        return None if self.stand_in is None else self.stand_in.entries

    def install(self, passage: Passage) -> None:
        """Put the wrapper in place, everywhere or, if that fails, nowhere."""
        point = self._point
        stand_in = self.stand_in
        try:
            if stand_in is not None:
                stand_in.attach(passage)
                replacement: Any = stand_in.closure
            else:
                replacement = _replacement(point, passage)
            self._modules = list(sys.modules) if self._may_be_copied else []
            self._replace(point.owner, point.name, point.raw, point.inherited, replacement)
            if not point.inherited and is_plain_callable(point.raw):
                for place in self._aliases.places(point.raw):
                    if (place.owner, place.name) != (point.owner, point.name):
                        # A C function binds to nothing where it is an attribute of a class; what stands in would.
                        is_static = type(place.raw) is staticmethod or (stand_in and isinstance(place.owner, type))
                        inner = staticmethod(replacement) if is_static else replacement
                        # An alias that cannot be replaced, as in a class that forbids it, is one that is not reached.
                        with contextlib.suppress(TypeError, AttributeError):
                            self._replace(place.owner, place.name, place.raw, False, inner)
        except BaseException:
            self.remove()
            raise

    def remove(self) -> None:
        """Put back what stood there, in reverse. Harmless when done twice.

        Where somebody put something over ours, such as ``monkeypatch`` in the body, it is theirs to undo; what they
        then put back is ours, so a later call looks again.
        """
        replacement = self._replaced[0].replacement if self._replaced else None
        if self.stand_in is not None:
            self.stand_in.ask_each()
            self.stand_in.attach(None)
        ours = [*self._shadowed, *self._replaced]
        self._replaced.clear()
        self._shadowed.clear()
        for done in reversed(ours):
            key = id(done.owner), done.name
            if key in self._covered and self._covered[key] is done:
                del self._covered[key]
            if not _restored(done):
                self._shadowed.insert(0, done)
        if replacement is not None and self._may_be_copied and list(sys.modules) != self._modules:
            # A module imported meanwhile may have taken the wrapper for the function.
            for place in list(holders_of(replacement)):
                setattr(place.owner, place.name, self._point.raw)

    @property
    def _may_be_copied(self) -> bool:
        """Whether ``from x import y`` takes the replacement; from a class it takes something that is bound."""
        return not issubclass(type(self._point.owner), type)

    def left_behind(self) -> list[Left]:
        """Return the places where somebody may yet put our replacement back, and look after them no more."""
        shadowed, self._shadowed = self._shadowed, []
        # An instance is not kept alive for that.
        return [Left(one, self.stand_in) for one in shadowed if isinstance(one.owner, type | types.ModuleType)]

    def _replace(self, owner: Any, name: str, raw: Any, inherited: bool, replacement: Any) -> None:
        setattr(owner, name, replacement)
        done = _Replaced(owner, name, raw, inherited, replacement)
        self._replaced.append(done)
        self._names.add(name)
        self._covered[id(owner), name] = done


def _is_module_c_function(point: Point) -> bool:
    return isinstance(point.owner, types.ModuleType) and not point.inherited and is_c_function(point.raw)


def _replacement(point: Point, passage: Passage) -> Any:
    raw = point.raw
    if isinstance(raw, property):
        getter: Any = raw.fget
        # Not by the constructor: a subclass may have one of its own.
        double = type(raw).__new__(type(raw))
        if hasattr(raw, "__dict__"):
            vars(double).update(vars(raw))
        property.__init__(double, Wrapper(getter, passage), raw.fset, raw.fdel, raw.__doc__)
        return double
    if isinstance(raw, functools.cached_property):
        twin = functools.cached_property(Wrapper(raw.func, passage))
        twin.__set_name__(point.owner, point.name)
        return twin
    if point.inherited and isinstance(point.owner, type) and isinstance(raw, types.WrapperDescriptorType):
        return Wrapper(_inherited(point.owner, point.name), passage)
    return Wrapper(raw, passage)


def _inherited(owner: type, name: str) -> Callable[..., Any]:
    """Stand in for a method of C that a class inherits: for each receiver, for a child may have other bases too."""

    def inherited(self: object, *args: object, **kwargs: object) -> Any:
        __tracebackhide__ = True
        method = getattr(super(owner, self), name)
        if getattr(method, "__objclass__", None) is object and name == "__init__":
            # It refuses arguments as soon as the class has an ``__init__`` of its own.
            if (args or kwargs) and type(self).__new__ is object.__new__:
                raise TypeError(f"{type(self).__name__}() takes no arguments")
            return None
        return method(*args, **kwargs)

    return inherited
