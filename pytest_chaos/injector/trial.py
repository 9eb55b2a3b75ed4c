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
from types import FunctionType
from typing import Any

from pytest_chaos.injector.bytecode import spliced

# The newest version on which the standard library's own tests were run with all of its functions spliced.
_PROVED = (3, 13)


@functools.cache
def why_not_here() -> str:
    """Return why no function can be spliced on this interpreter, or an empty text if that works."""
    if platform.python_implementation() != "CPython":
        return f"{platform.python_implementation()} is not CPython"
    if hasattr(sys, "gettotalrefcount"):
        return "a debug build of CPython checks that nothing stands before a function's own code"
    if sys.version_info[:2] > _PROVED:
        # A wrong byte may crash the interpreter: let it crash somewhere else.
        command = [sys.executable, "-c", f"from {__name__} import trial; raise SystemExit(trial())"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode != 0:
            return f"the trial in a child process ended with {done.stderr.strip() or done.returncode}"
    return trial()


def why_not_now() -> str:
    """Return why no function shall be spliced for the moment, or an empty text.

    A fault raises out of a frame that is not complete yet, and a tracer is then told that the caller has ended: the C
    tracer of coverage would lose the rest of it.
    """
    tools = (sys.gettrace, threading.gettrace, sys.getprofile, threading.getprofile)
    return "a tracer or profiler is on" if any(tool() is not None for tool in tools) else ""


def trial() -> str:
    """Splice one function of each kind, let calls pass and be answered, and return what went wrong, or nothing."""
    for sample, passed in _SAMPLES:
        try:
            complaint = _try(sample, passed)
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
    sample.__code__ = spliced(original, lambda: verdicts.__next__, fire, lambda: answer)
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
