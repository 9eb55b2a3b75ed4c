"""Nobody who calls a function that is tapped can tell, whatever the function is handed.

Which functions are tapped is read from the process: what stands in other people's modules and classes while a body runs
under chaos, and did not before. So a new tap is held to this without being named here.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import gc
import inspect
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, ModuleType
from typing import Any, NamedTuple
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_chaos.answers.all_clients import watched_answers

ERRORS = (ValueError, AttributeError, TypeError, RecursionError, ZeroDivisionError)
ASKED = ("__getattr__", "__eq__", "__hash__", "__bool__", "__repr__", "__str__", "__class__", "__len__", "__iter__")
ASKED += ("__index__", "__int__", "__float__", "__fspath__", "__await__", "__instancecheck__", "__contains__")
WATCHED = ("httpx", "httpx2")


class Tap(NamedTuple):
    """A function that is tapped: who holds it, what it was, and what stands there now."""

    owner: Any
    name: str
    original: Any
    replacement: Any


def _held() -> dict[tuple[int, str], tuple[Any, str, Any]]:
    """What the standard library and the watched clients hold, by place."""
    found: dict[tuple[int, str], tuple[Any, str, Any]] = {}
    for module_name, module in list(sys.modules.items()):
        root = module_name.partition(".")[0]
        if type(module) is not ModuleType or (root not in sys.stdlib_module_names and root not in WATCHED):
            continue
        for name, value in list(vars(module).items()):
            found[id(module), name] = (module, name, value)
            if isinstance(value, type) and value.__module__.partition(".")[0] == root:
                for attribute, raw in list(vars(value).items()):
                    found[id(value), attribute] = (value, attribute, raw)
    return found


@pytest.fixture
def taps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[list[Tap]]:
    """All taps that are in place in a body that runs under chaos."""
    import httpx  # noqa: F401  # what is not imported is not watched

    monkeypatch.chdir(tmp_path)
    # Pytest's own hooks keep what they are told, and ask an odd thing what it is called.
    with (
        mock.patch.object(threading, "excepthook", threading.__excepthook__),
        mock.patch.object(sys, "unraisablehook", lambda unraisable: None),
    ):
        before = _held()
        lab = request.getfixturevalue("lab")
        with lab.window(), watched_answers(lab.laboratory.provenance, lambda answer: None):
            now = _held()
            yield [
                Tap(owner, name, before[key][2], value)
                for key, (owner, name, value) in now.items()
                if key in before and value is not before[key][2] and callable(value) and callable(before[key][2])
            ]
            gc.collect()  # what is dropped later is told to them again


# --- odd things


def _raiser(error: type[Exception]) -> Callable[..., Any]:
    def raising(*args: Any, **named: Any) -> Any:
        raise error("asked")

    return raising


def _space(asked: frozenset[str], error: type[Exception]) -> dict[str, Any]:
    """The body of a class that raises where one of some things is asked of it."""
    raising = _raiser(error)
    is_method = {name: name.startswith("__") and name != "__class__" for name in asked}
    space = {name: raising if is_method[name] else property(raising, lambda *_: None) for name in asked}
    return {"__hash__": object.__hash__, **space}  # else whoever is asked for equality has none


oddities = st.builds(_space, st.frozensets(st.sampled_from(ASKED), max_size=4), st.sampled_from(ERRORS))
odd_objects = oddities.map(lambda space: type("Odd", (), space)())
odd_errors = st.builds(lambda base, space: type("Odd", (base,), space)("odd"), st.sampled_from(ERRORS), oddities)
plain = st.sampled_from([None, 42, -1, "", "text", b"x", 2.5, float("nan"), (), ("text",), {}, {"exception": 42}, [1]])
values = plain | odd_objects | odd_errors | st.builds(lambda: {"exception": object(), "task": 3})


class Handed(NamedTuple):
    """What a function is called with, made anew for each call."""

    receiver: Callable[[Any], list[Any]]
    args: list[Any]
    named: dict[str, Any]


ENDLESS = {"daemon"}  # a thread that raises where it is asked for this never begins, and who starts it waits for ever


def _instance(cls: Any, *, is_made: bool) -> Any:
    if is_made:
        with contextlib.suppress(Exception):
            made = cls()
            if issubclass(cls, concurrent.futures.Future):
                made.set_result(1)  # whoever asks a pending one waits for ever
            return made
    return cls.__new__(cls)


@st.composite
def calls(draw: st.DrawFn) -> Handed:
    """A receiver where the function belongs to a class, and arguments: odd, wrong, missing, too many or by name."""
    kind = draw(st.sampled_from(["made", "half made", "odd", "none"]))
    odd, space = draw(values), draw(oddities)
    attribute, error = draw(st.integers(0, 200)), draw(st.sampled_from(ERRORS))

    def receiver(owner: Any) -> list[Any]:
        if not isinstance(owner, type) or kind == "none":
            return []
        if kind == "odd":
            return [odd]
        public = sorted(name for name in dir(owner) if not name.startswith("_") and name not in ENDLESS)
        mean = _space(frozenset(public[attribute : attribute + 1]), error)
        return [_instance(type(owner)("Odd", (owner,), {**space, **mean}), is_made=kind == "made")]

    args = draw(st.lists(values, max_size=3))
    names = st.sampled_from(["self", "timeout", "exception", "context", "value", "fileno", "fd", "bogus"])
    return Handed(receiver, args, draw(st.dictionaries(names, values, max_size=1)))


# --- what comes of a call


def _comes_of(function: Any, owner: Any, handed: Handed) -> tuple[object, ...]:
    receiver = handed.receiver(owner)
    try:
        try:
            result = function(*receiver, *handed.args, **handed.named)
            if inspect.iscoroutine(result):
                result = _driven(result)
        except Exception as error:  # it is what is compared
            reasons = (type(error.__cause__).__name__, type(error.__context__).__name__)
            return "raised", type(error).__name__, _without_numbers(error), reasons
        what = result if result is None or type(result) in (bool, int, str) else type(result).__name__
        # A socket that is closed has no descriptor to hand out.
        if type(result) is int and result >= 0 and (owner.__name__ in ("os", "posix") or function.__name__ == "detach"):
            os.close(result)
            what = "a descriptor"
        return "returned", what, sys.exception()
    finally:
        for one in receiver:
            _clear_away(one)


def _driven(coroutine: Any) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    return "waits"


def _without_numbers(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception as asked:  # an odd one
        return type(asked).__name__
    return re.sub(r"0x[0-9a-f]+|\d+", "#", text)


def _clear_away(one: Any) -> None:
    # By the class itself: what it has become may raise here too.
    for cls, name, *args in ((threading.Thread, "join", 5), (subprocess.Popen, "wait", 5), (socket.socket, "close")):
        if issubclass(type(one), cls):
            with contextlib.suppress(Exception):
                getattr(cls, name)(one, *args)
    if issubclass(type(one), asyncio.BaseEventLoop):
        with contextlib.suppress(Exception):
            type(one).__mro__[1].close(one)  # type: ignore[attr-defined]  # it is a class of loops


# An odd thing also raises where it is dropped, with a tap and without one.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@given(calls())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_call_gives_what_it_gives_without_the_tap(taps: list[Tap], handed: Handed) -> None:
    for owner, name, original, replacement in taps:
        untapped = _comes_of(original, owner, handed)
        assert (owner, name, untapped) == (owner, name, _comes_of(replacement, owner, handed))


def test_every_tap_is_found(taps: list[Tap]) -> None:
    """The test above tries what is there: some of which everybody knows must be among it."""
    found = {f"{tap.owner.__name__}.{tap.name}" for tap in taps}
    assert {"Thread.start", "Future.set_exception", "socket.__init__", "threading.Lock", "os.open"} <= found
    assert {"Client.send", "AsyncClient.send", "runners._cancel_all_tasks".rpartition(".")[2]} <= {
        one.rpartition(".")[2] if one.endswith("_cancel_all_tasks") else one for one in found
    }
    assert len(found) >= 25


def test_tap_has_the_name_and_the_signature_of_what_it_stands_for(taps: list[Tap]) -> None:
    def told(function: Any) -> tuple[object, ...]:
        try:
            signature = str(inspect.signature(function))
        except ValueError:
            signature = "?"
        return signature, *(
            getattr(function, one, None) for one in ("__name__", "__qualname__", "__module__", "__doc__")
        )

    def places(side: str) -> dict[tuple[Any, str], tuple[object, ...]]:
        return {(tap.owner, tap.name): told(getattr(tap, side)) for tap in taps}

    assert len(places("original")) == len(taps)  # many are called "__init__"
    assert places("original") == places("replacement")


def test_tap_of_a_builtin_function_stays_no_method(taps: list[Tap]) -> None:
    for tap in taps:
        if type(tap.original) is BuiltinFunctionType:
            holder = type("Holder", (), {"function": tap.replacement})()
            assert holder.function is tap.replacement
