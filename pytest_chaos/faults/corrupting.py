"""Corrupt: the call is made, and its answer is spoilt."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from pytest_chaos.faults.annotations import answer_hint
from pytest_chaos.faults.base import Fault, FaultyCall, Kind, give_up
from pytest_chaos.faults.garbage import Garbage
from pytest_chaos.faults.replying import answer_of, answer_of_async


@dataclass(frozen=True)
class Corrupt(Fault):
    """Make the real call, and put lifelike garbage of the same type in the place of its answer.

    The answer keeps its type and shape: a dict its keys, a list its length, a text its flavour. The return annotation
    tells what could stand in the place of ``None`` or of something empty. The garbage comes from the seed, is never
    equal to the answer, and the answer itself is never mutated.

    Where the call itself raises, that error stands; that and an answer that has no other value, such as ``None``
    without an annotation, are no activation.
    """

    word: ClassVar[str] = "corrupt"

    def act(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        answer = answer_of(call)
        spoiling = _Spoiling(call)
        if call.kind == "generator":
            return _spoilt_items(answer, spoiling)
        if call.kind == "context manager":
            return _spoilt_manager(answer, spoiling)
        with spoiling:
            return spoiling.spoilt(answer)

    async def act_async(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        answer = await answer_of_async(call)
        spoiling = _Spoiling(call)
        if call.kind == "async generator":
            return _spoilt_items_async(answer, spoiling)
        if call.kind == "async context manager":
            return _spoilt_manager_async(answer, spoiling)
        with spoiling:
            return spoiling.spoilt(answer)

    def refusal(self, kind: Kind) -> str:
        if kind == "constructor":
            return "a constructor cannot return something else; put the fault on the function that calls it"
        return ""


class _Spoiling:
    """Spoils what one call answers. As a context manager: at the end it is judged whether anything was spoilt."""

    def __init__(self, call: FaultyCall) -> None:
        self._call = call
        self._is_spoilt = False
        self._failure = ""
        with call.unseen():
            self._garbage = Garbage(call.uniform())
            self._hint = answer_hint(call.function, call.kind)

    def spoilt(self, answer: Any) -> Any:
        """Return garbage, or the answer itself where none can be made."""
        with self._call.unseen():
            try:
                made = self._garbage.like(answer, self._hint)
            except Exception as error:  # noqa: BLE001  # the code of the answer's class runs here
                self._failure = f"corrupt: making another {type(answer).__name__} raised {error!r}"
                return answer
        self._is_spoilt = self._is_spoilt or made is not answer
        return made

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        if self._is_spoilt:
            return
        if self._garbage.unknown:
            names = ", ".join(sorted(self._garbage.unknown))
            self._failure = f"corrupt: nothing tells how to make another {names}; Return(value) gives one of yours"
        if self._failure:
            give_up(self._call, self._failure)
        else:
            self._call.withdraw()


# What the caller sends, throws or closes is handed on to the real generator.


def _spoilt_items(source: Any, spoiling: _Spoiling) -> Generator[Any, Any, Any]:
    __tracebackhide__ = True
    resume: Callable[[], Any] = partial(next, source)
    with spoiling:
        while True:
            try:
                item = resume()
            except StopIteration as end:
                return end.value
            try:
                sent = yield spoiling.spoilt(item)
            except GeneratorExit:
                source.close()
                raise
            except BaseException as error:  # noqa: BLE001  # handed on to whom it was thrown at
                resume = partial(source.throw, error)
            else:
                resume = partial(source.send, sent)


async def _spoilt_items_async(source: Any, spoiling: _Spoiling) -> AsyncGenerator[Any, Any]:
    __tracebackhide__ = True
    resume: Callable[[], Any] = partial(anext, source)
    with spoiling:
        while True:
            try:
                item = await resume()
            except StopAsyncIteration:
                return
            try:
                sent = yield spoiling.spoilt(item)
            except GeneratorExit:
                await source.aclose()
                raise
            except BaseException as error:  # noqa: BLE001  # handed on to whom it was thrown at
                resume = partial(source.athrow, error)
            else:
                resume = partial(source.asend, sent)


# Judged when entered: whether anything is spoilt does not depend on how the body ends.


@contextlib.contextmanager
def _spoilt_manager(manager: Any, spoiling: _Spoiling) -> Iterator[Any]:
    __tracebackhide__ = True
    with contextlib.ExitStack() as stack:
        with spoiling:
            value = spoiling.spoilt(stack.enter_context(manager))
        yield value


@contextlib.asynccontextmanager
async def _spoilt_manager_async(manager: Any, spoiling: _Spoiling) -> AsyncIterator[Any]:
    __tracebackhide__ = True
    async with contextlib.AsyncExitStack() as stack:
        with spoiling:
            value = spoiling.spoilt(await stack.enter_async_context(manager))
        yield value
