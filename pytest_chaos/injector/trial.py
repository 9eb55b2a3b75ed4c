"""Whether the splice works on this interpreter: a small trial at first use, in a child process where it is unproved."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import platform
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from types import FrameType, FunctionType
from typing import Any

from pytest_chaos.injector.bytecode import entry_over, spliced

# The newest version on which the standard library's own tests were run with all of its functions spliced.
_PROVED = (3, 13)
_SHOWS_C_CALLS = not hasattr(sys, "monitoring")


@functools.cache
def why_not_here() -> str:
    """Return why no function can be spliced on this interpreter, or an empty text if that works."""
    if platform.python_implementation() != "CPython":
        return f"{platform.python_implementation()} is not CPython"
    if hasattr(sys, "gettotalrefcount"):
        return "a debug build of CPython checks that nothing stands before a function's own code"
    if sys.version_info[:2] > _PROVED:
        # A wrong byte may crash the interpreter: let it crash somewhere else.
        command = [sys.executable, "-c", f"from {__name__} import traced, trial; raise SystemExit(trial() or traced())"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode != 0:
            return f"the trial in a child process ended with {done.stderr.strip() or done.returncode}"
    return trial()


def why_not_now() -> str:
    """Return why no function shall be spliced for the moment, or an empty text.

    Before 3.12 a profiler is told of the C call that every prologue makes, in a frame that has no line yet.
    """
    if _SHOWS_C_CALLS and (sys.getprofile() is not None or threading.getprofile() is not None):
        return "a profiler is on"
    return ""


def trial() -> str:
    """Splice one function of each kind, let calls pass and be answered, and return what went wrong, or nothing."""
    for sample, passed in _SAMPLES:
        try:
            complaint = _try(sample, passed) or _try_error(sample)
        except Exception as error:  # noqa: BLE001  # whatever goes wrong here, the other mechanism takes over
            complaint = repr(error)
        if complaint:
            return f"a spliced {sample.__name__} went wrong: {complaint}"
    return ""


def _try(sample: FunctionType, passed: Callable[[Any], Any]) -> str:
    seen: list[tuple[Any, ...]] = []
    verdicts = iter((0, 1, 1, 0))
    answer = object()

    def fire(*slots: Any) -> bool:
        seen.append(slots)
        return len(seen) == 1

    original = sample.__code__
    bare = passed(sample(1, 2, b=3, d=4))
    sample.__code__ = spliced(original, lambda: entry_over(verdicts), fire, lambda: answer)
    try:
        got = [
            passed(sample(1, 2, b=3, d=4)),
            sample(1, 2, b=3, d=4),
            passed(sample(1)),
            passed(sample(1, 2, b=3, d=4)),
        ]
    finally:
        sample.__code__ = original
    if got[1] is not answer or seen != [(1, 3, (2,), {"d": 4}), (1, 0, (), {})]:
        return f"the prologue saw {seen!r}"
    if [got[0], got[3], passed(sample(1, 2, b=3, d=4))] != [bare] * 3 or got[2] != passed(sample(1)):
        return f"calls that passed gave {got!r}"
    return ""


def _try_error(sample: FunctionType) -> str:
    with _answered_by_error(sample):
        try:
            sample(1, 2)
        except LookupError as error:
            inner = None if error.__traceback__ is None else error.__traceback__.tb_next
            code = sample.__code__
            if inner is None or inner.tb_frame.f_code is not code or inner.tb_lineno != code.co_firstlineno:
                return "an error came from somewhere else"
            # Where cells are missing, this is a crash.
            if inner.tb_frame.f_locals.get("a") != 1:
                return "its frame lost a variable"
    return ""


def traced() -> str:
    """Let faults answer while a tracer is on, and return what it was told wrongly, or nothing.

    Not for a process that measures or debugs: its own tracer pauses meanwhile.
    """
    for sample, _ in _SAMPLES:
        events: list[str] = []

        def trace(frame: FrameType, event: str, _: Any, told: list[str] = events, name: str = sample.__name__) -> Any:
            if frame.f_code.co_name == name and event != "line":
                told.append(event)
            return trace

        before = sys.gettrace()
        with _answered_by_error(sample):
            sys.settrace(trace)
            try:
                sample(1, 2)
            except LookupError:
                pass
            finally:
                sys.settrace(before)
        if events != ["call", "exception", "return"]:
            return f"of an answered {sample.__name__} a tracer is told {events!r}"
    return ""


@contextlib.contextmanager
def _answered_by_error(sample: FunctionType) -> Iterator[None]:
    def take() -> Any:
        raise LookupError

    original = sample.__code__
    sample.__code__ = spliced(original, lambda: entry_over(itertools.repeat(1)), lambda *slots: True, take)
    try:
        yield
    finally:
        sample.__code__ = original


def _samples() -> Iterator[tuple[FunctionType, Callable[[Any], Any]]]:
    cell = itertools.count().__next__() + 5

    def function(a: int, *rest: int, b: int = 0, **named: int) -> Any:
        def inner() -> tuple[int, int]:
            return a, cell

        try:
            raise KeyError(a)
        except KeyError as error:
            return error.args, inner(), rest, b, named, [x + a for x in rest]

    def generator(a: int, *rest: int, b: int = 0, **named: int) -> Iterator[Any]:
        with contextlib.suppress(ValueError):
            yield a, cell
            raise ValueError
        yield from (rest, b, named)

    async def coroutine(a: int, *rest: int, b: int = 0, **named: int) -> Any:
        await asyncio.sleep(0)  # a turn of the loop, not a wait
        return a, cell, rest, b, named

    async def async_generator(a: int, *rest: int, b: int = 0, **named: int) -> AsyncIterator[Any]:
        yield a, cell
        yield rest, b, named

    async def drained(items: Any) -> list[Any]:
        return [item async for item in items]

    yield function, lambda value: value  # type: ignore[misc]  # a def is a FunctionType
    yield generator, list  # type: ignore[misc]  # as above
    yield coroutine, _driven  # type: ignore[misc]  # as above
    yield async_generator, lambda items: _driven(drained(items))  # type: ignore[misc]  # as above


def _driven(coroutine: Any) -> Any:
    """Run a coroutine that waits for nothing, without an event loop: one may be running here already."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration as end:
        return end.value


_SAMPLES = tuple(_samples())
