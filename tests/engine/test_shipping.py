"""A function that is shipped elsewhere by value, as joblib, dask and Spark do, is the function alone."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import marshal
import os
import pickle
import subprocess
import sys
import types
from contextvars import ContextVar
from typing import Any

import cloudpickle
import dill
import pytest

from pytest_chaos import Raise

pytestmark = pytest.mark.usefixtures("nothing_survives")

JOBS = """
def made(number):
    def plain(a, *rest, b=1, **named):
        return number + a + b + sum(rest) + sum(named.values())

    def generator(a):
        yield a
        yield number + a

    async def awaited(a):
        return number + a

    async def async_generator(a):
        yield number + a

    class Worker:
        def method(self, a):
            return number + a

    def no_cells(a):
        return 2 * a

    return {"plain": plain, "generator": generator, "awaited": awaited, "async generator": async_generator,
            "method": Worker.method, "lambda": lambda a: number + a, "no cells": no_cells}
"""
# In a process of its own, to which nothing of ours can be imported.
THERE = """
import asyncio, inspect, pickle, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("pytest_chaos", "wrapt", "pytest"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Blocked())
found = pickle.load(sys.stdin.buffer)

async def drained(items):
    return [item async for item in items]

def answer(function):
    arguments = [5] if len(inspect.signature(function).parameters) != 2 else [None, 5]
    made = function(*arguments)
    if inspect.isasyncgen(made):
        return asyncio.run(drained(made))
    return asyncio.run(made) if inspect.iscoroutine(made) else list(made) if inspect.isgenerator(made) else made

print({kind: [answer(function), answer(function)] for kind, function in found.items()})
assert not any("chaos" in name for name in sys.modules)
"""
ANSWERS = {
    "plain": [13, 13],
    "generator": [[5, 12], [5, 12]],
    "awaited": [12, 12],
    "async generator": [[12], [12]],
    "method": [12, 12],
    "lambda": [12, 12],
    "no cells": [10, 10],
}


@pytest.fixture
def jobs(lab: Any) -> dict[str, types.FunctionType]:
    functions: dict[str, types.FunctionType] = lab.module("jobs", JOBS).made(7)
    return functions


def there(pickled: bytes) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", THERE], input=pickled, capture_output=True, env=environment, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


@pytest.mark.parametrize(
    "dumps", [cloudpickle.dumps, functools.partial(dill.dumps, recurse=True)], ids=["cloudpickle", "dill"]
)
@pytest.mark.parametrize("passed", [0, 1], ids=["fresh", "called"])
def test_an_armed_function_is_shipped_alone(lab: Any, jobs: Any, dumps: Any, passed: int) -> None:
    """No fault travels along unsaid, and nothing of ours has to be installed where it arrives."""
    with lab.window() as chaos:
        injections = [chaos.inject(function, Raise(OSError), after=passed) for function in jobs.values()]
        if passed:
            assert jobs["plain"](5) == 13  # its verdicts are planned ahead from now on
        pickled = dumps(jobs)
        here = pickle.loads(pickled)
        assert here["plain"](5) == 13
        assert [injection.fired for injection in injections] == [0] * len(jobs)
        with pytest.raises(OSError, match="injected"):
            jobs["plain"](5)

    assert b"chaos" not in pickled.replace(b"pytest-chaos", b"")
    assert there(pickled) == repr(ANSWERS)


def test_a_function_of_a_module_is_shipped_by_value(lab: Any) -> None:
    work = lab.module("work", "import time\n\ndef job(number):\n    return 2 * number\n")
    cloudpickle.register_pickle_by_value(work)
    try:
        with lab.window("work:job = raise(OSError)"):
            shipped = cloudpickle.dumps({"job": work.job})
            with pytest.raises(OSError, match="injected"):
                work.job(1)
    finally:
        cloudpickle.unregister_pickle_by_value(work)
    assert there(shipped) == "{'job': [10, 10]}"


def test_what_cannot_be_spliced_is_shipped_alone_too(lab: Any) -> None:
    work = lab.module("work", "import functools\n\njob = functools.partial(int, base=16)\n")
    with lab.window("work:job = raise(OSError)"):
        assert pickle.loads(pickle.dumps(work.job))("ff") == 255


def test_context_variables_of_others_are_pickled_as_ever() -> None:
    variable: ContextVar[int] = ContextVar("pytest")
    for copied in (pickle.dumps, cloudpickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=r"cannot pickle '.*ContextVar' object"):
            copied(variable)


def test_a_clone_of_a_function_is_that_function_until_the_fault_is_lifted(lab: Any, jobs: Any) -> None:
    """It was made of the code as it stood, so its calls are calls of the function; afterwards it is inert."""
    function = jobs["no cells"]
    with lab.window() as chaos:
        injection = chaos.inject(function, Raise(OSError), nth=2)
        clone = types.FunctionType(function.__code__, function.__globals__)
        other = types.FunctionType(function.__code__.replace(co_name="other"), function.__globals__)
        assert clone(1) == 2
        with pytest.raises(OSError, match="injected"):
            other(1)
        assert (function(1), injection.calls) == (2, 3)
    assert (clone(1), other(1), injection.calls) == (2, 2, 3)
    assert clone.__code__ != function.__code__


def test_copies_and_sources_are_what_they_are(lab: Any, jobs: Any) -> None:
    for function in jobs.values():
        source = inspect.getsource(function)
        with lab.window() as chaos:
            chaos.inject(function, Raise(OSError))
            assert copy.copy(function) is copy.deepcopy(function) is function
            assert inspect.getsource(function) == source


def test_code_is_marshalled_once_the_fault_is_lifted(lab: Any, jobs: Any) -> None:
    """marshal takes values of its own types only, and asks nobody: see the limits."""
    function = jobs["no cells"]
    with lab.window() as chaos:
        chaos.inject(function, Raise(OSError))
        with pytest.raises(ValueError, match="unmarshallable"):
            marshal.dumps(function.__code__)
    assert types.FunctionType(marshal.loads(marshal.dumps(function.__code__)), {})(2) == 4


def test_equal_codes_differ_while_a_fault_stands_in_one(lab: Any) -> None:
    jobs = lab.module("jobs", JOBS)
    one, two = jobs.made(1)["no cells"], jobs.made(1)["no cells"]
    assert one.__code__ == two.__code__
    with lab.window() as chaos:
        chaos.inject(one, Raise(OSError))
        assert one.__code__ != two.__code__
        assert two(1) == 2
    assert one.__code__ == two.__code__
    assert asyncio.run(jobs.made(1)["awaited"](1)) == 2
