"""The splice with all gates open: whatever looks at a function, its calls or its code sees what it saw before."""

from __future__ import annotations

import contextlib
import dis
import importlib
import inspect
import itertools
import json
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from pytest_chaos.injector.bytecode import Entry, entry_over, spliced

MODULES = (
    "argparse",
    "ast",
    "asyncio.tasks",
    "contextlib",
    "dataclasses",
    "inspect",
    "json.decoder",
    "tarfile",
    "typing",
)
UNIT = 2  # bytes of a code unit
KEPT = (
    *("argcount", "posonlyargcount", "kwonlyargcount", "nlocals", "varnames", "names", "freevars", "cellvars"),
    *("flags", "name", "qualname", "filename", "firstlineno"),
)
ROOT = Path(__file__).parents[2]

_NEVER_ASKS = entry_over(itertools.repeat(0))
_PASSES: ContextVar[Entry] = ContextVar("passes", default=_NEVER_ASKS)


def prologued(code: CodeType) -> CodeType:
    """Return the code with a prologue that lets every call pass."""
    return spliced(code, _PASSES.get, _never, _never)


def _never(*slots: Any) -> Any:
    raise AssertionError("a call that passes was asked about")


@contextlib.contextmanager
def in_place(*functions: Any) -> Iterator[None]:
    """Give functions their spliced code for a while."""
    originals = [function.__code__ for function in functions]
    for function in functions:
        function.__code__ = prologued(function.__code__)
    try:
        yield
    finally:
        for function, code in zip(functions, originals, strict=True):
            function.__code__ = code


def codes_of(module: str) -> list[CodeType]:
    """Return the code of every function of a module, nested ones included."""
    found = []
    waiting = [compile(inspect.getsource(importlib.import_module(module)), module, "exec")]
    while waiting:
        code = waiting.pop()
        waiting += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        if code.co_flags & inspect.CO_NEWLOCALS and code.co_flags & inspect.CO_OPTIMIZED:
            found.append(code)
    return found


# --- what the samples are


def plain(a: int, /, b: int = 2, *rest: int, c: int = 3, **named: int) -> Any:
    """Say what it got."""
    total = a + b
    for one in rest:
        if one > 1:
            total += one
        else:
            continue
    try:
        return total // c, sorted(named)
    except ZeroDivisionError:
        return None
    finally:
        total = 0


def generator(a: int, b: int = 2, *rest: int, c: int = 3, **named: int) -> Iterator[int]:
    """Yield what it got."""
    yield a
    with contextlib.suppress(KeyError):
        yield from rest
        raise KeyError(b)
    yield c


async def coroutine(a: int, b: int = 2, *rest: int, c: int = 3, **named: int) -> Any:
    """Return what it got."""
    inner = [one + a for one in rest]
    return inner, b, c, named


async def async_generator(a: int, b: int = 2, *rest: int, c: int = 3, **named: int) -> AsyncIterator[int]:
    """Yield what it got."""
    for one in (a, b, *rest):
        yield one


def closing(a: int, b: int = 2, *rest: int, c: int = 3, **named: int) -> Any:
    """Keep what it got in cells."""
    return (lambda: (a, b, rest, c, named))()


SAMPLES: tuple[Any, ...] = (plain, generator, coroutine, async_generator, closing)


async def _drained(items: AsyncIterator[int]) -> list[int]:
    return [item async for item in items]


def result(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a sample, run what it returns to its end, and return what came out."""
    value: Any = function(*args, **kwargs)
    if isinstance(value, AsyncIterator):
        value = _drained(value)
    if inspect.isgenerator(value):
        return list(value)
    if inspect.iscoroutine(value):
        try:
            value.send(None)
        except StopIteration as end:
            return end.value
        raise AssertionError("the samples wait for nothing")
    return value


def exercise() -> None:
    """Call every sample in several ways; the calls stand on the same lines each time."""
    for sample in SAMPLES:
        result(sample, 1)
        result(sample, 1, 2, 3, 1, c=1, d=5)
        with contextlib.suppress(TypeError):
            result(sample, "x", 2, 3)


# --- the tests


@pytest.mark.parametrize("module", MODULES)
def test_the_body_its_lines_and_its_handlers_are_only_moved(module: str) -> None:
    codes = codes_of(module)
    for code in codes:
        new = prologued(code)
        extra = new.co_code.index(code.co_code)
        before, end = extra // UNIT, (extra + len(code.co_code)) // UNIT
        positions = list(new.co_positions())
        assert positions[:before] == [(None, None, None, None)] * before
        assert positions[before:end] == list(code.co_positions())
        assert lines_of(new)[:end] == [None] * before + lines_of(code)
        behind = [key for key, _ in itertools.groupby(positions[end:])]
        assert behind == [(None, None, None, None), (code.co_firstlineno, code.co_firstlineno, None, None)]
        moved = [
            entry._replace(start=entry.start + extra, end=entry.end + extra, target=entry.target + extra)
            for entry in handlers(code)
        ]
        assert handlers(new) == moved
        assert [getattr(new, f"co_{name}") for name in KEPT] == [getattr(code, f"co_{name}") for name in KEPT]
    assert len(codes) > 5


def lines_of(code: CodeType) -> list[int | None]:
    """Return the line of each code unit."""
    return [line for start, end, line in code.co_lines() for _ in range(start, end, UNIT)]


def handlers(code: CodeType) -> Any:
    """Return the entries of a code's exception table, read by ``dis``."""
    return dis.Bytecode(code).exception_entries  # type: ignore[attr-defined]  # typeshed does not know it


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.__name__)
def test_inspect_and_pickle_see_the_same(sample: FunctionType) -> None:
    before = looks_of(sample)
    with in_place(sample):
        assert looks_of(sample) == before
        assert pickle.loads(pickle.dumps(sample)) is sample


def looks_of(function: FunctionType) -> dict[str, Any]:
    """Return everything that ``inspect`` tells about a function, and what its calls give."""
    return {
        "signature": inspect.signature(function),
        "argspec": inspect.getfullargspec(function),
        "source": inspect.getsource(function),
        "doc": inspect.getdoc(function),
        "closure": inspect.getclosurevars(function),
        "kinds": [
            kind(function)
            for kind in (
                inspect.iscoroutinefunction,
                inspect.isgeneratorfunction,
                inspect.isasyncgenfunction,
                inspect.isfunction,
                inspect.isroutine,
            )
        ],
        "attributes": (function.__name__, function.__qualname__, function.__module__, dict(vars(function))),
        "defaults": (function.__defaults__, function.__kwdefaults__, function.__annotations__),
        "calls": [result(function, 1), result(function, 1, 2, 3, 1, c=1, d=5)],
    }


def test_a_tracer_sees_the_same_events() -> None:
    before = events()
    with in_place(*SAMPLES):
        assert events() == before
    assert {event for _, event, _ in before} == {"call", "line", "return", "exception"}


def events() -> list[tuple[str, str, int]]:
    """Return the events of ``sys.settrace`` in this file while the samples run."""
    seen: list[tuple[str, str, int]] = []

    def trace(frame: Any, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename == exercise.__code__.co_filename:
            seen.append((frame.f_code.co_qualname, event, frame.f_lineno))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        exercise()
    finally:
        sys.settrace(before)
    return seen


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with 3.12")
def test_monitoring_sees_the_same_events_and_one_start_for_each_call() -> None:
    before = monitored()
    with in_place(*SAMPLES):
        assert monitored() == before
    started = [name for event, name, *_ in before if event == "PY_START"]
    assert started.count("plain") == 3


def monitored(body: Callable[[], Any] = exercise) -> list[tuple[Any, ...]]:
    """Return the events of ``sys.monitoring`` while the samples run: starts, lines and ends."""
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]  # from 3.12 on
    names = ("PY_START", "PY_RETURN", "PY_YIELD", "PY_RESUME", "PY_UNWIND", "LINE")
    seen: list[tuple[Any, ...]] = []

    def listener(name: str) -> Any:
        def listen(code: CodeType, position: int, *rest: Any) -> None:
            if code.co_filename == exercise.__code__.co_filename:
                seen.append((name, code.co_qualname, position if name == "LINE" else None))

        return listen

    tool = next(number for number in range(5, -1, -1) if monitoring.get_tool(number) is None)
    monitoring.use_tool_id(tool, "fidelity")
    wanted = 0
    for name in names:
        event = getattr(monitoring.events, name)
        wanted |= event
        monitoring.register_callback(tool, event, listener(name))
    monitoring.set_events(tool, wanted)
    try:
        body()
    finally:
        monitoring.set_events(tool, 0)
        for name in names:
            monitoring.register_callback(tool, getattr(monitoring.events, name), None)
        monitoring.free_tool_id(tool)
    return [event for event in seen if event[1] != "monitored"]


def test_a_traceback_shows_the_same_lines_and_columns() -> None:
    before = [shown(sample) for sample in SAMPLES[:3]]
    with in_place(*SAMPLES):
        assert [shown(sample) for sample in SAMPLES[:3]] == before
    assert all("Error" in text for text in before[:1])


def shown(sample: Any) -> str:
    """Return the traceback of a call that goes wrong inside the sample."""
    try:
        result(sample, "x", 2, object(), c="y")
    except TypeError:
        return traceback.format_exc()
    return ""


# --- calls that a fault answers

ENDS = {"return": "return", "raise": "exception"}
ANSWERED = [pytest.param(sample, end, id=f"{sample.__name__}-{end}") for sample in SAMPLES for end in ENDS]


@contextlib.contextmanager
def answered(function: Any, end: str) -> Iterator[None]:
    """Let a fault answer the calls of a function, with a value or an error."""
    original = function.__code__
    asked = entry_over(itertools.repeat(1))
    function.__code__ = spliced(original, lambda: asked, lambda *slots: True, _ANSWERS[end])
    try:
        yield
    finally:
        function.__code__ = original


def _value() -> Any:
    return "fault"


def _error() -> Any:
    raise ConnectionError


_ANSWERS: dict[str, Any] = {"return": _value, "raise": _error}


def shop(call: Any) -> Any:
    """Call, and take what a fault may raise."""
    try:
        got = call(1, 2)
    except ConnectionError:
        got = "error"
    return got


def told(switch: Any, call: Any, where: Any = None) -> list[tuple[str, str, int | None]]:
    """Return what a tracer or profiler is told of the shop and of what it calls in this file."""
    seen: list[tuple[str, str, int | None]] = []

    def listen(frame: Any, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename == __file__ and frame.f_code.co_name not in ("told", "<lambda>"):
            seen.append((frame.f_code.co_name, event, frame.f_lineno))
        return listen

    before = sys.gettrace(), sys.getprofile()
    switch(listen)
    try:
        (where or (lambda body: body()))(lambda: shop(call))
    finally:
        switch(None)
        sys.settrace(before[0])
        sys.setprofile(before[1])
    return seen


def in_a_thread(body: Callable[[], Any]) -> None:
    """Run a body in a thread of its own."""
    thread = threading.Thread(target=body)
    thread.start()
    thread.join()


@pytest.mark.parametrize("switch", [sys.settrace, threading.settrace, sys.setprofile, threading.setprofile])
@pytest.mark.parametrize(("sample", "end"), ANSWERED)
def test_an_answered_call_begins_and_ends_for_whoever_traces(sample: Any, end: str, switch: Any) -> None:
    where = None if switch in (sys.settrace, sys.setprofile) else in_a_thread
    with answered(sample, end):
        seen = told(switch, sample, where)

    def direct(a: int, b: int) -> Any:
        return _ANSWERS[end]()

    assert renamed(told(switch, direct, where), "direct") == renamed(seen, sample.__name__)
    own = [event for event in seen if event[0] == sample.__name__]
    assert {line for _, _, line in own} == {sample.__code__.co_firstlineno}
    assert sum(event == "call" for _, event, _ in own) == 1


def renamed(seen: list[tuple[str, str, int | None]], name: str) -> list[tuple[str, str]]:
    """Return who began and ended, and the caller's lines, with one name for what was called."""
    return [
        ("called" if who == name else who, event)
        for who, event, _ in seen
        if event != "line" or who in (shop.__name__, *(answer.__name__ for answer in _ANSWERS.values()))
    ]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with 3.12")
@pytest.mark.parametrize(("sample", "end"), ANSWERED)
def test_monitoring_sees_an_answered_call_begin_and_end(sample: Any, end: str) -> None:
    with answered(sample, end):
        seen = [event[0] for event in monitored(lambda: shop(sample)) if event[1] == sample.__name__]
    assert [event for event in seen if event != "LINE"] == [
        "PY_START",
        "PY_UNWIND" if end == "raise" else "PY_RETURN",
    ]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.__name__)
def test_an_answered_call_has_a_frame_with_its_variables_on_the_line_of_its_definition(sample: Any) -> None:
    with answered(sample, "raise"), pytest.raises(ConnectionError) as caught:
        sample(1, 2, 3, c=4, d=5)
    (frame,) = frames_of(caught.value, sample.__name__)
    assert (sample.__name__, sample.__code__.co_firstlineno) == (frame.f_code.co_name, frame.f_lineno)
    assert {"a": 1, "b": 2, "rest": (3,), "c": 4, "named": {"d": 5}} == dict(frame.f_locals)


def test_the_frame_of_an_answered_call_shows_what_a_closure_holds() -> None:
    held = object()

    def closed(a: int) -> Any:
        return (lambda: (a, held))()

    with answered(closed, "raise"), pytest.raises(ConnectionError) as caught:
        closed(1)
    (frame,) = frames_of(caught.value, "closed")
    assert {"a": 1, "held": held} == dict(frame.f_locals)


def frames_of(error: BaseException, name: str) -> list[Any]:
    """Return the frames of a function in an error's traceback."""
    return [frame for frame, _ in traceback.walk_tb(error.__traceback__) if frame.f_code.co_name == name]


@pytest.mark.parametrize("sample", [generator, coroutine, async_generator], ids=lambda sample: sample.__name__)
def test_a_profiler_holds_no_frame_that_moved(sample: Any) -> None:
    """Before 3.12 a frame that was looked at before it moved into its generator would point to nothing."""
    frames: list[Any] = []
    with in_place(sample):
        sys.setprofile(lambda frame, event, argument: frames.append((frame, event)))
        try:
            for _ in range(20):
                result(sample, 1)
        finally:
            sys.setprofile(None)
    own = [(frame.f_code.co_name, event) for frame, event in frames if frame.f_code.co_name == sample.__name__]
    assert {event for _, event in own} == {"call", "return"}
    assert all(frame.f_code is not None for frame, _ in frames)


def test_a_debugger_may_jump_in_spliced_code() -> None:
    def jumps(frame: Any, event: str, argument: Any) -> Any:
        if frame.f_code.co_name == "stepped" and event == "line" and frame.f_lineno == first + 2:
            frame.f_lineno = first + 3
        return jumps

    def stepped() -> list[int]:
        seen = [1]
        seen.append(2)
        seen.append(3)
        return seen

    first = stepped.__code__.co_firstlineno
    before = sys.gettrace()
    with in_place(stepped):
        sys.settrace(jumps)
        try:
            got = stepped()
        finally:
            sys.settrace(before)
    assert [1, 3] == got


# --- coverage.py

SAMPLE = """
def branches(n):
    if n > 2:
        kind = "big"
    elif n < 0:
        kind = "never"
    else:
        kind = "small"
    while n:
        n -= 1
        if n == 7:
            break
    else:
        kind += "!"
    try:
        return [x for x in range(3) if x != 1], kind, 1 // n
    except ZeroDivisionError:
        return None
    finally:
        n = 0

def numbers(n):
    for one in range(n):
        yield one
        if one > 100:
            return
    yield from (8, 9)

async def waits(n):
    with open(__file__) as it:
        if n == 5: return it.readline()
    return n

class Shop:
    @property
    def price(self):
        return self._price() if self else None

    @staticmethod
    def unused(): return 1

    def _price(self): return (lambda: 3)()

def flaky(n):
    return n + 1

def flaky_numbers(n):
    yield n

def closing():
    held = 3
    def flaky_too(n):
        return lambda: n + held
    return flaky_too

flaky_too = closing()

def meets(call, n):
    try:
        got = call(n)
    except ConnectionError:
        got = None
        n = 3
    if n > 2:
        return got
    return n

def program():
    for call in (flaky, flaky_numbers, flaky_too):
        for n in (1, 7):
            meets(call, n)
            print(n)
    branches(1); branches(9); list(numbers(2)); Shop().price
    for n in (4, 5):
        try: waits(n).send(None)
        except StopIteration: pass
"""
PROGRAM = """
import itertools, sys
from contextvars import ContextVar
import sample
from pytest_chaos.injector.bytecode import entry_over, spliced

sample.branches(1)  # known to coverage before it gets its prologue
def fail():
    raise ConnectionError
faulty = [function for name, function in vars(sample).items() if name.startswith("flaky")]
if sys.argv[1] == "spliced":
    for function in faulty:
        asked = entry_over(itertools.repeat(1))
        function.__code__ = spliced(function.__code__, lambda asked=asked: asked, lambda n: True, fail)
else:
    for function in faulty:
        setattr(sample, function.__name__, lambda n: fail())
if sys.argv[1] == "spliced":
    get = ContextVar("passes", default=entry_over(itertools.repeat(0))).get
    for function in (*vars(sample).values(), *vars(sample.Shop).values()):
        function = getattr(function, "fget", None) or getattr(function, "__func__", function)
        if hasattr(function, "__code__") and function not in faulty:
            function.__code__ = spliced(function.__code__, get, print, print)
sample.program()
"""


@pytest.mark.parametrize(
    ("core", "option"),
    [
        ("ctrace", "--branch"),
        ("pytrace", "--branch"),
        pytest.param(
            "sysmon",
            "--branch" if sys.version_info >= (3, 14) else "--timid",
            marks=pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with 3.12"),
        ),
    ],
)
def test_coverage_reports_the_same(tmp_path: Path, core: str, option: str) -> None:
    pytest.importorskip("coverage")
    (tmp_path / "sample.py").write_text(SAMPLE, encoding="utf-8")
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM), encoding="utf-8")
    reports = [covered(tmp_path, core, option, mode) for mode in ("plain", "spliced")]
    assert reports[0] == reports[1]
    (file,) = reports[0]["files"].values()
    assert file["executed_lines"]
    assert file["missing_lines"]


def covered(folder: Path, core: str, option: str, mode: str) -> Any:
    """Return what coverage.py reports over a run of the program."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST"))}
    environment = {**kept, "COVERAGE_CORE": core, "PYTHONPATH": str(ROOT)}
    data = f"--data-file={mode}.data"
    options = [option] if option == "--branch" else []
    for words in (
        ["run", data, *options, "--include=*sample.py", "program.py", mode],
        ["json", data, "-o", f"{mode}.json"],
    ):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "coverage", *words],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        assert "Warning" not in done.stderr
    report = json.loads((folder / f"{mode}.json").read_text(encoding="utf-8"))
    report.pop("meta")
    return report
