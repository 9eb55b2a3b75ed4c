"""Proxies around what a call returned: a connection, a response, a file.

A proxy is what it stands for, to ``isinstance``, to ``with`` and to iteration; only the calls that somebody watches go
through that watch. Proxies outlive the rule they were made for, and then change nothing.
"""

from __future__ import annotations

import copy
import functools
import inspect
import io
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import wrapt

from pytest_chaos.faults.base import Kind
from pytest_chaos.injector.attribute import Wrapper
from pytest_chaos.injector.iteration import steps_of
from pytest_chaos.target import kind_of

RealCall = tuple[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]]
"""What wrapt hands a wrapper: the callable, its instance, and the arguments."""

_STEPS = ("readline", "fetchone")  # the calls that a step of an iteration stands for


class Watch(Protocol):
    """Who watches calls on values of one origin."""

    def watches(self, value: Any, name: str) -> bool:
        """Tell whether an attribute of a value is one that is watched, now or later."""

    def acts_on(self, name: str) -> bool:
        """Tell whether calls of that attribute have to come by now."""

    def call(self, name: str, kind: Kind, call: RealCall) -> Any:
        """Make a call of that attribute, or read it where its kind is ``property``."""

    def entered(self, value: Any) -> Any:
        """Return what the caller shall get for what the value was awaited or entered to."""


class Proxy(wrapt.ObjectProxy[Any]):
    """Stands for a value that a call returned.

    Args:
        wrapped: The value.
        watches: Who watches it.
    """

    def __init__(self, wrapped: Any, watches: list[Watch]) -> None:
        super().__init__(wrapped)
        self._self_watches = watches

    def __getattr__(self, name: str) -> Any:
        # wrapt asks here for what the proxy's own type does not have.
        __tracebackhide__ = True
        wrapped = self.__wrapped__
        watches = [watch for watch in self._self_watches if watch.watches(wrapped, name)]
        if not watches:
            return getattr(wrapped, name)
        if _runs_code(wrapped, name):
            return self._pass(watches, name, "property", functools.partial(getattr, wrapped, name))
        found = getattr(wrapped, name)
        if not callable(found):
            return self._pass(watches, name, "property", lambda: found)

        def call(real: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            __tracebackhide__ = True
            for watch in watches:
                if watch.acts_on(name):
                    return self._pass(watches, name, kind_of(found) or "function", real, args, kwargs)
            return self._mine(real(*args, **kwargs))

        return Wrapper(found, call)

    def _pass(
        self,
        watches: list[Watch],
        name: str,
        kind: Kind,
        real: Callable[..., Any],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        __tracebackhide__ = True
        call = real
        for watch in watches:
            call = functools.partial(_watched, watch, name, kind, call, self.__wrapped__)
        return self._mine(call(*args, **(kwargs or {})))

    def _mine(self, answer: Any) -> Any:
        """Return the proxy for the value itself: ``value.begin().execute()`` must not lose it on the way."""
        return self if answer is self.__wrapped__ else answer

    def _entered(self, answer: Any) -> Any:
        if answer is self.__wrapped__:
            return self
        for watch in self._self_watches:
            answer = watch.entered(answer)
        return answer

    def __enter__(self) -> Any:
        __tracebackhide__ = True
        return self._entered(self.__wrapped__.__enter__())

    def __exit__(self, *error: Any) -> Any:
        __tracebackhide__ = True
        if isinstance(self.__wrapped__, io.IOBase):
            return self.close()  # all that a file does there
        return self.__wrapped__.__exit__(*error)

    async def __aenter__(self) -> Any:
        __tracebackhide__ = True
        return self._entered(await self.__wrapped__.__aenter__())

    def __iter__(self) -> Any:
        __tracebackhide__ = True
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


def proxied(value: Any, watch: Watch) -> Any:
    """Return a value in a proxy, or the proxy that it is already, with one watch more."""
    if issubclass(type(value), Proxy):
        if watch not in value._self_watches:
            value._self_watches = [*value._self_watches, watch]
        return value
    kind = type(value)
    cls = _CLASSES.get(kind)
    if cls is None:
        cls = _CLASSES[kind] = _proxy_class(tuple(name for name in _SPECIAL if has_special(value, name)))
    return cls(value, [watch])


def has_special(value: Any, name: str) -> bool:
    """Tell whether a value's type has a special method; not by ``hasattr``, for every class has a ``__call__``."""
    return any(name in vars(base) for base in type(value).__mro__)


def _watched(watch: Watch, name: str, kind: Kind, real: Any, instance: Any, /, *args: Any, **kwargs: Any) -> Any:
    __tracebackhide__ = True
    return watch.call(name, kind, (real, instance, args, kwargs))


def _runs_code(value: Any, name: str) -> bool:
    """Tell whether reading an attribute runs code: then the reading is the call."""
    kind = type(value)
    known = _READS.get(kind)
    if known is None:
        known = _READS[kind] = {}
    answer = known.get(name)
    if answer is None:
        found = inspect.getattr_static(kind, name, None)
        answer = known[name] = isinstance(found, property | functools.cached_property)
    return answer


_CLASSES: WeakKeyDictionary[type, type[Proxy]] = WeakKeyDictionary()
_READS: WeakKeyDictionary[type, dict[str, bool]] = WeakKeyDictionary()


@functools.cache
def _proxy_class(names: tuple[str, ...]) -> type[Proxy]:
    """Return the proxy for values with these special methods; with one that they lack it would be what they are not."""
    return type(Proxy.__name__, (Proxy,), {name: _SPECIAL[name] for name in names})


def _call(self: Proxy, *args: Any, **kwargs: Any) -> Any:
    __tracebackhide__ = True
    return self._mine(self.__wrapped__(*args, **kwargs))


def _next(self: Proxy) -> Any:
    __tracebackhide__ = True
    wrapped = self.__wrapped__
    for name in _STEPS:
        watches = [watch for watch in self._self_watches if watch.watches(wrapped, name)]
        if watches and has_special(wrapped, name):
            passing = functools.partial(_pass_step, self, watches, name)
            return steps_of(passing)(wrapped.__next__, wrapped, (), {})
    return next(wrapped)


def _pass_step(
    self: Proxy,
    watches: list[Watch],
    name: str,
    real: Any,
    instance: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    __tracebackhide__ = True
    return self._pass(watches, name, "function", real, args, kwargs)


def _await(self: Proxy) -> Any:
    __tracebackhide__ = True
    return self._entered((yield from self.__wrapped__.__await__()))


def _aiter(self: Proxy) -> Any:
    __tracebackhide__ = True
    return self._mine(self.__wrapped__.__aiter__())


def _anext(self: Proxy) -> Any:
    __tracebackhide__ = True
    return self.__wrapped__.__anext__()


_SPECIAL: dict[str, Callable[..., Any]] = {
    "__call__": _call,
    "__next__": _next,
    "__await__": _await,
    "__aiter__": _aiter,
    "__anext__": _anext,
}
