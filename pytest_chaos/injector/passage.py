"""What stands in a call's way: it asks whether a fault acts, and gives the fault the shape of the call.

A coroutine function stays one: its fault acts at ``await``. A generator's acts at the first ``next``, a context
manager's on entering. Frames of this module are looked through by provenance and hidden from tracebacks.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

from pytest_chaos.faults.base import Kind
from pytest_chaos.injector.call import AnyCall, RealCall
from pytest_chaos.injector.gate import Entries
from pytest_chaos.injector.strike import Strike

Decision = Strike | BaseException | None
"""The strike that hits a call, or the error that is all that a strike would do, or ``None`` to let the call pass."""

Decide = Callable[[Any, Callable[..., AnyCall], tuple[Any, ...], Entries | None], Decision]
"""Decides over a call at a place, which is made of its parts where somebody asks for it.

Gives an error only to those that hand over entries, which are spliced.
"""


class Passage:
    """Where calls to one injection point pass.

    Called as wrapt's wrappers are, it makes the call or lets the fault act.

    Args:
        kind: What sort of callable stands there.
        decide: Decides over each call.
        place: What is told to ``decide``.
        receivers: If only calls on certain receivers are meant: one predicate for each rule, any of which may hold.
    """

    __slots__ = ("_shape", "decide", "place", "receivers")

    def __init__(
        self, kind: Kind, decide: Decide, place: Any, receivers: tuple[Callable[[Any], bool], ...] = ()
    ) -> None:
        self.receivers = receivers
        self._shape = _SHAPES.get(kind, _call)
        self.decide = decide
        self.place = place

    def __call__(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        __tracebackhide__ = True
        strike = self.decide(self.place, RealCall, (wrapped, args, kwargs, instance), None)
        if type(strike) is not Strike:  # and not by isinstance, on which a fault may stand
            return wrapped(*args, **kwargs)
        return self._shape(strike)

    def set_receivers(self, receivers: tuple[Callable[[Any], bool], ...]) -> None:
        """Decide over calls on these receivers only, from now on; over all if there are none."""
        self.receivers = receivers

    def handed_to(self, decide: Decide) -> None:
        """Let somebody else decide from now on: another run has begun."""
        self.decide = decide

    def means(self, receiver: object) -> bool:
        """Tell whether a call on this receiver is to be decided at all; most others are let go here."""
        for is_meant in self.receivers:  # noqa: SIM110  # nothing is called that a fault may stand on
            if is_meant(receiver):
                return True
        return False

    def act_of(self, strike: Strike) -> Callable[[], Any]:
        """Return what a fault does to a call that it hits."""
        return strike.act if self._shape is _call else functools.partial(self._shape, strike)


def _call(strike: Strike) -> Any:
    __tracebackhide__ = True
    return strike.act()


def _coroutine(strike: Strike) -> Any:
    async def coroutine() -> Any:
        __tracebackhide__ = True
        return await strike.act_async()

    return _named(coroutine(), strike)


def _generator(strike: Strike) -> Any:
    def generator() -> Generator[Any, Any, Any]:
        __tracebackhide__ = True
        return (yield from strike.act())

    return _named(generator(), strike)


def _async_generator(strike: Strike) -> Any:
    async def generator() -> AsyncIterator[Any]:
        __tracebackhide__ = True
        source = await strike.act_async()
        if not strike.proceeded:
            for item in source:
                yield item
            return
        # There is no "yield from" for async generators: what the caller sends, throws or closes is handed on.
        try:
            item = await anext(source)
            while True:
                try:
                    sent = yield item
                except GeneratorExit:
                    await source.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001  # handed on to whom it was thrown at
                    item = await source.athrow(error)
                else:
                    item = await source.asend(sent)
        except StopAsyncIteration:
            return

    return _named(generator(), strike)


def _context_manager(strike: Strike) -> Any:
    @contextlib.contextmanager
    def manager() -> Iterator[Any]:
        __tracebackhide__ = True
        result = strike.act()
        if strike.proceeded:
            with result as value:
                yield value
        else:
            yield result

    return manager()


def _async_context_manager(strike: Strike) -> Any:
    @contextlib.asynccontextmanager
    async def manager() -> AsyncIterator[Any]:
        __tracebackhide__ = True
        result = await strike.act_async()
        if strike.proceeded:
            async with result as value:
                yield value
        else:
            yield result

    return manager()


def _named(made: Any, strike: Strike) -> Any:
    """Give a coroutine or generator of ours the name of the one it stands for."""
    for attribute in ("__name__", "__qualname__"):
        name = getattr(strike.function, attribute, None)
        if type(name) is str:  # a mock with a spec has mocks there
            setattr(made, attribute, name)
    return made


_SHAPES: dict[Kind, Callable[[Strike], Any]] = {
    "coroutine": _coroutine,
    "generator": _generator,
    "async generator": _async_generator,
    "context manager": _context_manager,
    "async context manager": _async_context_manager,
}

PLAIN: frozenset[Kind] = frozenset({"function", "property", "constructor"})
"""Kinds whose calls go wrong when they are made, and not when what they returned is awaited, iterated or entered."""
