"""What can happen to an answer on its way: it is lost, it comes to a second call, or it is an old one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from pytest_chaos.faults.base import Fault, FaultyCall, Kind, give_up
from pytest_chaos.faults.instances import RaisingFault

_STREAMS: frozenset[Kind] = frozenset({"generator", "async generator"})
_MANAGERS: frozenset[Kind] = frozenset({"context manager", "async context manager"})


def answer_of(call: FaultyCall) -> Any:
    """Make the real call and return its answer; where it raises, that error stands and this is no activation."""
    __tracebackhide__ = True
    try:
        return call.proceed()
    except BaseException:
        call.withdraw()
        raise


async def answer_of_async(call: FaultyCall) -> Any:
    """Make the real call as :func:`answer_of` does, and await it where it is a coroutine."""
    __tracebackhide__ = True
    try:
        return await call.proceed_async()
    except BaseException:
        call.withdraw()
        raise


@dataclass(frozen=True, init=False)
class LoseReply(RaisingFault):
    """Make the real call, lose its answer, and raise an error, as when a connection breaks after the work was done.

    Where the call itself raises, that error stands, and it is no activation.

    Args:
        exc: An exception class, an instance (copied for each activation), or a factory called with ``args``.
        *args: Arguments of the class or factory, as for ``Raise``.
        **kwargs: Keyword arguments of the class or factory.

    Raises:
        SpecificationError: ``exc`` is nothing that can be raised, or cannot be built from these arguments.
    """

    word: ClassVar[str] = "lose-reply"

    def act(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        return self._lost(call, answer_of(call))

    async def act_async(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        return self._lost(call, await answer_of_async(call))

    def _lost(self, call: FaultyCall, answer: Any) -> Any:
        """Raise the error, or return the answer where the fault had to be given up."""
        __tracebackhide__ = True
        if shape := _unfinished(answer):
            give_up(call, f"lose-reply: the answer is a {shape}, which has not run yet")
            return answer
        error = self.error_for(call)
        if error is None:
            return answer
        try:
            raise call.injected(error)
        finally:
            del error  # as in Raise

    def refusal(self, kind: Kind) -> str:
        if kind in _STREAMS:
            return f"the answer of {_a(kind)} comes item by item; put the fault on the function that uses it"
        if kind in _MANAGERS:
            return f"{_a(kind)} that was entered and then lost is never left; put the fault on what it calls"
        return ""


@dataclass(frozen=True)
class Duplicate(Fault):
    """Make the real call twice with the same arguments, and hand on the second answer.

    Where the first call raises, that error stands, there is no second call, and it is no activation. What the second
    call raises is the answer.
    """

    word: ClassVar[str] = "duplicate"

    def act(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        first = answer_of(call)
        return first if _cannot_repeat(call, first) else call.proceed()

    async def act_async(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        first = await answer_of_async(call)
        return first if _cannot_repeat(call, first) else await call.proceed_async()

    def refusal(self, kind: Kind) -> str:
        if kind in _STREAMS or kind in _MANAGERS:
            return f"calling {_a(kind)} does nothing yet; put the fault on the function that uses it"
        if kind == "property":
            return "a property is read, and reading twice is no harm; put the fault on what it calls"
        if kind == "constructor":
            return "it would initialise one object twice; put the fault on the function that calls it"
        return ""


@dataclass(frozen=True)
class Stale(Fault):
    """Answer as the last call at this point did, whoever made it; the call itself is not made.

    The very object is handed out, so what an earlier caller did to it shows. Before there is any answer the call
    passes, and it is no activation.
    """

    word: ClassVar[str] = "stale"
    why_it_passes: ClassVar[str] = "had no earlier answer to give"

    @property
    def needs_answers(self) -> bool:
        return True

    def act(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        found = _usable(call)
        return found[0] if found else call.proceed()

    async def act_async(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        found = _usable(call)
        return found[0] if found else await call.proceed_async()

    def refusal(self, kind: Kind) -> str:
        if kind in _STREAMS:
            return f"an earlier {kind} has no items left; put the fault on the function that uses it"
        if kind in _MANAGERS:
            return f"an earlier {kind} was left already; put the fault on what it calls"
        if kind == "constructor":
            return "a constructor always makes a new object; put the fault on the function that calls it"
        return ""


def _cannot_repeat(call: FaultyCall, first: Any) -> bool:
    if shape := _unfinished(first):
        give_up(call, f"duplicate: the answer is a {shape}, which has not run yet")
    return bool(shape)


def _usable(call: FaultyCall) -> tuple[Any, ...]:
    """Return the previous answer, or nothing after the activation was withdrawn."""
    found = call.previous()
    if not found:
        call.withdraw()
    elif shape := _unfinished(found[0]):
        give_up(call, f"stale: the answer is a {shape}, which can be used only once")
        return ()
    return found


_UNFINISHED: tuple[tuple[Callable[[object], bool], str], ...] = (
    (inspect.iscoroutine, "coroutine"),
    (inspect.isgenerator, "generator"),
    (inspect.isasyncgen, "async generator"),
)


def _unfinished(answer: object) -> str:
    """Name the shape of an answer that is work yet to be done, which only a plain function gives; else nothing."""
    return next((name for test, name in _UNFINISHED if test(answer)), "")


def _a(kind: Kind) -> str:
    return f"{'an' if kind.startswith('a') else 'a'} {kind}"
