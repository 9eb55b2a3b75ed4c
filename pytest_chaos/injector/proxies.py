"""Proxies around what a call returned: a connection, a response, a file.

A proxy is what it stands for, to ``isinstance``, to ``with`` and to iteration; only the calls that a rule names go
through that rule's passage. Proxies outlive the rule, and then change nothing.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import io
import types
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import wrapt

from pytest_chaos.errors import near_misses
from pytest_chaos.faults.base import Kind
from pytest_chaos.injector.aliases import AliasIndex
from pytest_chaos.injector.attribute import Covered, Wrapper
from pytest_chaos.injector.iteration import steps_of
from pytest_chaos.injector.passage import Passage, PassThrough
from pytest_chaos.injector.sources import Source, source_at
from pytest_chaos.injector.strike import Strike
from pytest_chaos.target import Point, kind_of

# C code asks for these very types and reads their memory: a proxy would be no number, no text and no list to it.
_PLAIN = (
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    bytearray,
    memoryview,
    tuple,
    list,
    dict,
    set,
    frozenset,
    type,
    types.ModuleType,
    types.GeneratorType,
    types.AsyncGeneratorType,
    BaseException,
)
_STEPS = ("readline", "fetchone")  # the calls that a step of an iteration stands for
_MISSING = object()
_HEARERS: list[Callable[[str], None]] = []


@contextlib.contextmanager
def problems_told_to(hearer: Callable[[str], None]) -> Iterator[None]:
    """Tell somebody of answers that cannot be watched; the innermost one hears."""
    _HEARERS.append(hearer)
    try:
        yield
    finally:
        _HEARERS.remove(hearer)


class Way(Protocol):
    """Leads on from a value to the calls that are watched."""

    def watches(self, value: Any, name: str) -> bool:
        """Tell whether an attribute of the value is one that may be watched, now or later."""

    def call(self, name: str, kind: Kind, call: RealStep) -> Any:
        """Make a call of that attribute, or read it where its kind is ``property``."""

    def entered(self, value: Any) -> Any:
        """Return what the caller shall get for what the value was awaited or entered to."""


RealStep = tuple[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]]
"""What wrapt hands a wrapper: the callable, its instance, and the arguments."""


class Proxy(wrapt.ObjectProxy[Any]):
    """Stands for a value that a call returned.

    Args:
        wrapped: The value.
        ways: What is watched of it.
    """

    def __init__(self, wrapped: Any, ways: list[Way]) -> None:
        super().__init__(wrapped)
        self._self_ways = ways

    def __getattr__(self, name: str) -> Any:
        # wrapt asks here for what the proxy's own type does not have.
        __tracebackhide__ = True
        wrapped = self.__wrapped__
        ways = [way for way in self._self_ways if way.watches(wrapped, name)]
        if not ways:
            return getattr(wrapped, name)
        if _is_read(wrapped, name):

            def read() -> Any:
                __tracebackhide__ = True
                return getattr(wrapped, name)

            return self._through(ways, name, "property", read, ())
        found = getattr(wrapped, name)
        if not callable(found):
            return self._through(ways, name, "property", lambda: found, ())
        kind = kind_of(found) or "function"

        def call(real: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            __tracebackhide__ = True
            return self._through(ways, name, kind, real, args, kwargs)

        return Wrapper(found, call)

    def _through(
        self, ways: list[Way], name: str, kind: Kind, real: Any, args: Any, kwargs: dict[str, Any] | None = None
    ) -> Any:
        __tracebackhide__ = True
        call = real
        for way in ways:
            call = functools.partial(_call, way, name, kind, call, self.__wrapped__)
        return self._mine(call(*args, **(kwargs or {})))

    def _mine(self, answer: Any) -> Any:
        """Return the proxy for the value itself: ``with value as same`` must not lose it."""
        return self if answer is self.__wrapped__ else answer

    def _entered(self, answer: Any) -> Any:
        if answer is self.__wrapped__:
            return self
        for way in self._self_ways:
            answer = way.entered(answer)
        return answer

    def __enter__(self) -> Any:
        __tracebackhide__ = True
        return self._entered(self.__wrapped__.__enter__())

    async def __aenter__(self) -> Any:
        __tracebackhide__ = True
        return self._entered(await self.__wrapped__.__aenter__())

    def __exit__(self, *error: Any) -> Any:
        __tracebackhide__ = True
        if isinstance(self.__wrapped__, io.IOBase):
            return self.close()  # all that a file does there
        return self.__wrapped__.__exit__(*error)

    def __iter__(self) -> Any:
        return self._mine(iter(self.__wrapped__))

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __reduce__(self) -> Any:
        return self.__wrapped__.__reduce__()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__wrapped__.__reduce_ex__(protocol)

    def __copy__(self) -> Any:
        return copy.copy(self.__wrapped__)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return copy.deepcopy(self.__wrapped__, memo)


def _call(way: Way, name: str, kind: Kind, real: Any, instance: Any, /, *args: Any, **kwargs: Any) -> Any:
    __tracebackhide__ = True
    return way.call(name, kind, (real, instance, args, kwargs))


def _is_read(value: Any, name: str) -> bool:
    """Tell whether reading an attribute runs code: then the reading is the call."""
    found = inspect.getattr_static(value, name, None)
    return isinstance(found, property | functools.cached_property)


def proxied(value: Any, way: Way) -> Any:
    """Return a value in a proxy, or the proxy that it is already, watched in one way more."""
    if issubclass(type(value), Proxy):
        if way not in value._self_ways:
            value._self_ways = [*value._self_ways, way]
        return value
    kind = type(value)
    return _proxy_class(tuple(name for name in _SPECIAL if hasattr(kind, name)))(value, [way])


@functools.cache
def _proxy_class(names: tuple[str, ...]) -> type[Proxy]:
    """Return the proxy for values with these special methods; having one they lack would make it what they are not."""
    return type(Proxy.__name__, (Proxy,), {name: _SPECIAL[name] for name in names})


def _proxy_call(self: Proxy, *args: Any, **kwargs: Any) -> Any:
    __tracebackhide__ = True
    return self._mine(self.__wrapped__(*args, **kwargs))


def _proxy_next(self: Proxy) -> Any:
    __tracebackhide__ = True
    wrapped = self.__wrapped__
    for name in _STEPS:
        ways = [way for way in self._self_ways if hasattr(type(wrapped), name) and way.watches(wrapped, name)]
        if ways:

            def step(real: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
                __tracebackhide__ = True
                return self._through(ways, name, "function", real, args, kwargs)

            return steps_of(step)(wrapped.__next__, wrapped, (), {})
    return next(wrapped)


def _proxy_await(self: Proxy) -> Any:
    __tracebackhide__ = True
    return self._entered((yield from self.__wrapped__.__await__()))


def _proxy_aiter(self: Proxy) -> Any:
    return self._mine(self.__wrapped__.__aiter__())


def _proxy_anext(self: Proxy) -> Any:
    __tracebackhide__ = True
    return self.__wrapped__.__anext__()


_SPECIAL: dict[str, Callable[..., Any]] = {
    "__call__": _proxy_call,
    "__next__": _proxy_next,
    "__await__": _proxy_await,
    "__aiter__": _proxy_aiter,
    "__anext__": _proxy_anext,
}


class ReturnedWay:
    """From what a function returned, by the names of a rule, to the call a fault sits on.

    Attributes:
        passage: Where that call passes, or ``None`` once the rule is lifted.

    Args:
        point: The point; its ``through`` are the names.
    """

    def __init__(self, point: Point) -> None:
        self.point = point
        self.passage: PassThrough | None = None
        self.legs = [_Leg(self, depth) for depth in range(len(point.through))]

    def watched(self, value: Any) -> Any:
        """Return what the caller of the function shall get for what it returned."""
        return self.legs[0].entered(value)


class _Leg:
    """One name of the way."""

    def __init__(self, way: ReturnedWay, depth: int) -> None:
        self._way = way
        self._depth = depth
        self._name = way.point.through[depth]

    def watches(self, value: Any, name: str) -> bool:
        return name == self._name

    def call(self, name: str, kind: Kind, call: RealStep) -> Any:
        __tracebackhide__ = True
        wrapped, instance, args, kwargs = call
        passage = self._way.passage
        if passage is None:
            return wrapped(*args, **kwargs)
        if self._depth + 1 < len(self._way.legs):
            return self._way.legs[self._depth + 1].entered(wrapped(*args, **kwargs))
        return with_kind(passage, kind)(wrapped, instance, args, kwargs)

    def entered(self, value: Any) -> Any:
        if value is None or self._way.passage is None:
            return value
        if isinstance(value, types.CoroutineType):
            return _awaited(value, self)
        if issubclass(type(value), _PLAIN):
            self._complain(f"a {type(value).__qualname__}, on which no fault can be put")
            return value
        if not _has(value, self._name):
            if not _leads_on(value):
                missed = near_misses(self._name, dir(value))
                self._complain(f"a {type(value).__qualname__}, which has no {self._name!r}{missed and '. ' + missed}")
                return value
        return proxied(value, self)

    def _complain(self, what: str) -> None:
        point = self._way.point
        full = point.text.split(".")
        before = ".".join(full[: len(full) - len(self._way.legs) + self._depth])
        if _HEARERS:
            _HEARERS[-1](f"target {point.text}: {before} returned {what}")


def _awaited(coroutine: types.CoroutineType[Any, Any, Any], leg: _Leg) -> Any:
    async def awaited() -> Any:
        __tracebackhide__ = True
        return leg.entered(await coroutine)

    made = awaited()
    made.__name__, made.__qualname__ = coroutine.__name__, coroutine.__qualname__
    return made


def _has(value: Any, name: str) -> bool:
    """Tell whether a value has an attribute, without reading it where that may run code."""
    return inspect.getattr_static(value, name, _MISSING) is not _MISSING or hasattr(type(value), "__getattr__")


def _leads_on(value: Any) -> bool:
    """Tell whether a value is awaited or entered for the one that is meant."""
    return any(hasattr(type(value), name) for name in ("__await__", "__enter__", "__aenter__"))


def with_kind(passage: PassThrough, kind: Kind) -> PassThrough:
    """Return a passage for calls of another kind than its point was thought to have.

    What a call returns is known only when it has returned, and so is whether its methods are coroutines.
    """
    if not isinstance(passage, Passage) or kind == "function":
        return passage
    decide = passage._decide

    def decide_as(*call: Any) -> Strike | None:
        strike = decide(*call)
        if strike is not None:
            strike.kind = kind
        return strike

    return Passage(kind, decide_as)


class ReturnedMechanism:
    """Puts a passage in the way of a call on what a function returned.

    Args:
        point: The function, and the names that lead on from what it returned.
        aliases: The session's alias index.
        covered: Where replacements stand.
    """

    def __init__(self, point: Point, aliases: AliasIndex, covered: Covered) -> None:
        self._point = point
        self._aliases = aliases
        self._covered = covered
        self._source: Source | None = None
        self._way = ReturnedWay(point)

    @property
    def installed(self) -> bool:
        """Whether what the function returns is watched."""
        return self._way.passage is not None

    @property
    def is_shadowed(self) -> bool:
        """Whether somebody replaced the replacement of the function, and may yet put it back."""
        return self._source is not None and self._source.is_shadowed

    def install(self, passage: PassThrough) -> None:
        """Watch what the function returns from now on."""
        self._source = source_at(self._point, self._aliases, self._covered)
        self._source.join(self._take)
        self._way.passage = passage

    def remove(self) -> None:
        """Let what was returned go its own way, and put the function back. Harmless when done twice."""
        self._way.passage = None
        if self._source is not None:
            self._source.leave(self._take)

    def _take(self, wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        return self._way.watched(wrapped(*args, **kwargs))
