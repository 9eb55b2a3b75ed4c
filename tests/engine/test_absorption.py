"""Who absorbed an injected error: by the traceback on every interpreter, by exception events on 3.12 and newer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import textwrap
import threading
from typing import Any

import pytest

from pytest_chaos import compat
from pytest_chaos.absorption import Absorption
from pytest_chaos.clauses import Sources
from pytest_chaos.provenance import Place
from pytest_chaos.report.sentences import told_way

SHOP = """
import asyncio, concurrent.futures, contextlib, threading
from contextlib import suppress

def pay(): return "paid"

RETRYABLE = (OSError, KeyError)

class Swallow:
    def __enter__(self): return self
    def __exit__(self, *args): return True

class Log:
    def __enter__(self): return self
    def __exit__(self, kind, error, trace):
        self.last = error

class Perhaps:
    def __init__(self, expected): self.expected = expected
    def __enter__(self): return self
    def __exit__(self, kind, error, trace):
        return kind is self.expected

class Gateway:
    def charge(self): return pay()

def direct():
    try: pay()
    except KeyError: pass  # here

def through_frames():
    try: Gateway().charge()
    except KeyError: return 1  # here

def second_clause():
    try: pay()
    except ValueError: pass
    except KeyError: pass  # here

def third_clause():
    try: pay()
    except ValueError: pass
    except OSError: pass
    except Exception: pass  # here

def bare_clause():
    try: pay()
    except ValueError: pass
    except: pass  # here

def in_a_tuple():
    try: pay()
    except (OSError, LookupError): pass  # here

def tuple_in_a_variable():
    try: pay()
    except RETRYABLE: pass  # here

def tuple_in_a_local():
    errors = (OSError, KeyError)
    try: pay()
    except ValueError: pass
    except errors: pass  # here

def inner_try_does_not_match():
    try:
        try: pay()
        except OSError: pass
    except LookupError: pass  # here

def lambda_in_sorted():
    try: sorted([1], key=lambda item: pay())
    except KeyError: pass  # here

def another_from_it():
    try:
        try: pay()
        except KeyError as error: raise OSError from error  # here
    except OSError: pass

def another_from_none():
    try:
        try: pay()
        except KeyError: raise OSError from None  # here
    except OSError: pass

def another_by_the_way():
    try:
        try: pay()
        except KeyError: {}[0]  # here
    except LookupError: pass

def suppressed():
    with suppress(KeyError):  # here
        pay()

def suppressed_by_module():
    with contextlib.suppress(OSError, LookupError):  # here
        pay()

def swallowed_by_with():
    with Swallow():  # here
        pay()

def suppress_does_not_match():
    try:
        with suppress(OSError): pay()
    except KeyError: pass  # here

def with_that_never_swallows():
    try:
        with Log(), open(__file__): pay()
    except KeyError: pass  # here

def finally_only():
    try:
        try: pay()
        finally: done = True
    except KeyError: pass  # here

def finally_returns():
    try: pay()
    finally:
        return 1  # here

def raised_again_to_the_caller():
    try: raises_again()
    except KeyError: pass  # here

def raises_again():
    try: pay()
    except KeyError: raise

def raised_again_in_the_function():
    try:
        try: pay()
        except KeyError: raise
    except LookupError: pass  # here

def raised_by_name():
    try:
        try: pay()
        except KeyError as error: raise error
    except LookupError: pass  # here

def raise_not_taken(taken=False):
    try: pay()
    except KeyError:  # here
        if taken: raise

def raise_taken(taken=True):
    try:
        try: pay()  # came in
        except KeyError:  # first
            if taken:
                raise  # again
    except LookupError: pass  # here

def generate():
    yield 1
    yield pay()

def generator():
    try: list(generate())
    except KeyError: pass  # here

@contextlib.contextmanager
def forgiving():
    try: yield
    except KeyError: pass  # here

def forgiven():
    with forgiving():
        pay()

@contextlib.contextmanager
def strict():
    try: yield
    finally: pass

def not_forgiven():
    try:
        with strict(): pay()
    except KeyError: pass  # here

def retried():
    for _ in range(3):
        try: return pay()
        except KeyError: pass  # here

def star_on_a_naked_error():
    try: pay()
    except* ValueError: pass
    except* KeyError: pass  # here

def gathered():
    async def main():
        await asyncio.gather(worker(), return_exceptions=True)
    asyncio.run(main())

async def worker():
    pay()  # here: worker

def waited_for():
    async def main():
        try: await asyncio.wait_for(worker(), 5)
        except KeyError: pass  # here
    asyncio.run(main())

def gathered_and_awaited():
    async def main():
        try: await asyncio.gather(worker())
        except KeyError: pass  # here
    asyncio.run(main())

def called_soon():
    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        asyncio.get_running_loop().call_soon(callback)
        await asyncio.sleep(0.01)  # until the other task waits
    asyncio.run(main())

def callback():
    pay()  # here

def task_group():
    async def main():
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(worker())
        except* KeyError: pass  # here
    asyncio.run(main())

def result_of_a_pool():
    with concurrent.futures.ThreadPoolExecutor() as pool:
        future = pool.submit(call)
        try: future.result()
        except KeyError: pass  # here

def ignored_future():
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pool.submit(call)

def uncaught_in_a_thread():
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()

def call():
    pay()  # here

def escaped():
    Gateway().charge()

class Config:
    @property
    def timeout(self):
        pay()  # here

def swallowed_by_c():
    getattr(Config(), "timeout", None)

def with_in_doubt(maker=lambda: Perhaps(OSError)):
    try:
        with maker():  # first
            pay()  # came in
    except KeyError: pass  # here

def only_one_with_can_have(maker=lambda: Swallow()):
    with maker():  # here
        pay()

def perhaps():
    try:
        with Perhaps(KeyError):  # here
            pay()  # came in
    except KeyError: pass  # other

def clause_in_doubt():
    try: pay()  # came in
    except tuple([OSError]): pass  # first
    except Exception: pass  # here

def nested_function():
    def inner():
        try: pay()
        except KeyError: pass  # here
    inner()

def decorated(function):
    return function

@decorated
@decorated
def with_decorators():
    try: pay()
    except KeyError: pass  # here

def several_lines():
    try:
        Gateway(
        ).charge(
        )
    except (  # here
        OSError,
        KeyError,
    ):
        pass

async def coroutine_that_leaves(taken=True):
    try: pay()  # came in
    except KeyError:  # first
        if taken:
            raise  # again

def coroutine_in_doubt():
    async def main():
        await asyncio.gather(coroutine_that_leaves(), return_exceptions=True)
    asyncio.run(main())

async def swallowing_aexit():
    class Manager:
        async def __aenter__(self): pass
        async def __aexit__(self, *args): return True
    async with Manager():  # here
        await worker()

def async_with():
    asyncio.run(swallowing_aexit())

def in_to_thread():
    async def main():
        try: await asyncio.to_thread(call)
        except KeyError: pass  # here
    asyncio.run(main())
"""

# Name of the case -> what is said of it. {here} is the line of the function that is marked so.
CASES = {
    "direct": "caught in shop.py:{here} direct (except KeyError)",
    "through_frames": "passed Gateway.charge → caught in shop.py:{here} through_frames (except KeyError)",
    "second_clause": "caught in shop.py:{here} second_clause (except KeyError)",
    "third_clause": "caught in shop.py:{here} third_clause (except Exception)",
    "bare_clause": "caught in shop.py:{here} bare_clause (except)",
    "in_a_tuple": "caught in shop.py:{here} in_a_tuple (except (OSError, LookupError))",
    "tuple_in_a_variable": "caught in shop.py:{here} tuple_in_a_variable (except RETRYABLE)",
    "tuple_in_a_local": "caught in shop.py:{here} tuple_in_a_local (except errors)",
    "inner_try_does_not_match": "caught in shop.py:{here} inner_try_does_not_match (except LookupError)",
    "lambda_in_sorted": "passed <lambda> → caught in shop.py:{here} lambda_in_sorted (except KeyError)",
    "another_from_it": "caught in shop.py:{here} another_from_it (except KeyError)",
    "another_from_none": "caught in shop.py:{here} another_from_none (except KeyError)",
    "another_by_the_way": "caught in shop.py:{here} another_by_the_way (except KeyError)",
    "suppressed": "caught in shop.py:{here} suppressed (with suppress(KeyError))",
    "suppressed_by_module": (
        "caught in shop.py:{here} suppressed_by_module (with contextlib.suppress(OSError, LookupError))"
    ),
    "swallowed_by_with": "caught in shop.py:{here} swallowed_by_with (with Swallow())",
    "suppress_does_not_match": "caught in shop.py:{here} suppress_does_not_match (except KeyError)",
    "with_that_never_swallows": "caught in shop.py:{here} with_that_never_swallows (except KeyError)",
    "finally_only": "caught in shop.py:{here} finally_only (except KeyError)",
    "finally_returns": "caught in shop.py:{here} finally_returns (finally)",
    "raised_again_to_the_caller": (
        "passed raises_again → caught in shop.py:{here} raised_again_to_the_caller (except KeyError)"
    ),
    "raised_again_in_the_function": "caught in shop.py:{here} raised_again_in_the_function (except LookupError)",
    "raised_by_name": "caught in shop.py:{here} raised_by_name (except LookupError)",
    "raise_not_taken": "caught in shop.py:{here} raise_not_taken (except KeyError)",
    "raise_taken": "caught in shop.py:{here} raise_taken (except LookupError)",
    "generator": "passed generate → caught in shop.py:{here} generator (except KeyError)",
    "forgiven": "passed forgiven → caught in shop.py:{here} forgiving (except KeyError)",
    "not_forgiven": "caught in shop.py:{here} not_forgiven (except KeyError)",
    "retried": "caught in shop.py:{here} retried (except KeyError)",
    "star_on_a_naked_error": "caught in shop.py:{here} star_on_a_naked_error (except* KeyError)",
    "gathered": "stored in task (shop.py:{worker} worker)",
    "waited_for": "passed worker → caught in shop.py:{here} waited_for.<locals>.main (except KeyError)",
    "gathered_and_awaited": (
        "passed worker → caught in shop.py:{here} gathered_and_awaited.<locals>.main (except KeyError)"
    ),
    "called_soon": "left to the event loop's exception handler (shop.py:{here} callback)",
    "task_group": "passed worker → caught in shop.py:{here} task_group.<locals>.main (except* KeyError)",
    "result_of_a_pool": "passed call → caught in shop.py:{here} result_of_a_pool (except KeyError)",
    "ignored_future": "stored in future (shop.py:{here} call)",
    "uncaught_in_a_thread": "uncaught in thread (shop.py:{here} call)",
    "escaped": "passed Gateway.charge, escaped → escaped to the test",
    "swallowed_by_c": "swallowed by C code above shop.py:{here} Config.timeout",
    # --- beyond the table of the research
    "with_in_doubt": "caught in shop.py:{here} with_in_doubt (except KeyError)",
    "only_one_with_can_have": "caught in shop.py:{here} only_one_with_can_have (with maker())",
    "perhaps": "caught in shop.py:{here} perhaps (with Perhaps(KeyError))",
    "nested_function": "caught in shop.py:{here} nested_function.<locals>.inner (except KeyError)",
    "with_decorators": "caught in shop.py:{here} with_decorators (except KeyError)",
    "several_lines": "passed Gateway.charge → caught in shop.py:{here} several_lines (except (OSError, KeyError))",
    "coroutine_in_doubt": "stored in task (shop.py:{came in} coroutine_that_leaves)",
    "async_with": "passed worker → caught in shop.py:{here} swallowing_aexit (with Manager())",
    "in_to_thread": "passed call → caught in shop.py:{here} in_to_thread.<locals>.main (except KeyError)",
}

# What the events cannot tell either: a clause whose expression would have to be run.
IN_DOUBT = {
    "clause_in_doubt": (
        "caught in shop.py:{came in} clause_in_doubt "
        "(except tuple([OSError]) at L{first}: may match, or except Exception at L{here})"
    ),
}
# What a traceback cannot tell: said to be in doubt, or as far as it goes.
BY_TRACEBACK = {
    # The same function raised it again: the traceback has one entry for both.
    "raise_taken": (
        "caught in shop.py:{came in} raise_taken "
        "(except KeyError at L{first}: handled or re-raised at L{again}, or except LookupError at L{here})"
    ),
    "coroutine_in_doubt": (
        "caught in shop.py:{came in} coroutine_that_leaves "
        "(except KeyError at L{first}: handled or re-raised at L{again}, or stored in task)"
    ),
    # The group that carried it on has a traceback of its own, and the error does not know the group.
    "task_group": "stored in task (shop.py:{worker} worker)",
    # Nobody knows what __exit__ answered.
    "with_in_doubt": (
        "caught in shop.py:{came in} with_in_doubt "
        "(with maker() at L{first}: may swallow it, or except KeyError at L{here})"
    ),
    "perhaps": (
        "caught in shop.py:{came in} perhaps "
        "(with Perhaps(KeyError) at L{here}: may swallow it, or except KeyError at L{other})"
    ),
}
if sys.version_info < (3, 12):
    # C code drops an error there before its traceback has grown.
    BY_TRACEBACK["swallowed_by_c"] = "swallowed by C code"

# Cases whose marks stand in another function.
MARKS = {
    "forgiven": "forgiving",
    "called_soon": "callback",
    "ignored_future": "call",
    "uncaught_in_a_thread": "call",
    "swallowed_by_c": "timeout",
    "coroutine_in_doubt": "coroutine_that_leaves",
    "async_with": "swallowing_aexit",
}
METHODS = [
    "by traceback",
    pytest.param("by events", marks=pytest.mark.skipif(compat.MONITORING is None, reason="needs exception events")),
]


def marked(name: str) -> dict[str, int]:
    """Return the lines that a case marks, and those marked for all cases, by mark."""
    found: dict[str, int] = {}
    function = ""
    for number, line in enumerate(SHOP.splitlines(), start=1):
        defined = line.partition("def ")[2].partition("(")[0]
        if defined and defined not in ("main", "inner") and not defined.startswith("__"):
            function = defined
        _, _, mark = line.partition("  # ")
        here, _, everywhere = mark.partition(": ")
        if everywhere:
            found[everywhere] = number
        elif mark and function == name:
            found[here] = number
    return found


@pytest.fixture
def shop(lab: Any) -> Any:
    return lab.module("shop", SHOP)


def ways(seen: Any) -> list[str]:
    return [told_way(way) for way in seen.observation.absorptions]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", [*CASES, *IN_DOUBT])
def test_way_of_an_error_is_told(shop: Any, lab: Any, name: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {**CASES, **IN_DOUBT}[name]
    if method == "by traceback":
        monkeypatch.setattr(compat, "MONITORING", None)
        expected = BY_TRACEBACK.get(name, expected)
    fault = "raise(AttributeError)" if name == "swallowed_by_c" else "raise(KeyError)"

    seen = lab.run(lambda: getattr(shop, name)(), f"shop:pay = {fault}")

    ended = expected.format(**marked(MARKS.get(name, name)))
    assert [f"raised in shop:pay → {ended}"] == ways(seen)


# --- the target's own frame, from which spliced code is answered

ZOO = """
class Base:
    def go(self): return 1
    @property
    def name(self): return "it"
class Child(Base): ...
def direct():
    try: Child().go()
    except KeyError: pass
def asked():
    return getattr(Child(), "name", None)
def outer():
    return Child().go()
"""


def test_frame_of_the_target_is_no_step_of_the_way(lab: Any) -> None:
    zoo = lab.module("zoo", ZOO)

    seen = lab.run(zoo.direct, "zoo:Child.go = raise(KeyError)")

    assert ["raised in zoo:Child.go → caught in zoo.py:9 direct (except KeyError)"] == ways(seen)


@pytest.mark.parametrize("method", METHODS)
def test_frame_of_the_target_did_not_take_what_c_code_swallowed(
    lab: Any, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if method == "by traceback":
        monkeypatch.setattr(compat, "MONITORING", None)
    zoo = lab.module("zoo", ZOO)

    seen = lab.run(zoo.asked, "zoo:Base.name = raise(AttributeError)")

    assert ["swallowed by C code"] == [way.rpartition(" → ")[2] for way in ways(seen)]


def test_an_escaped_error_was_met_where_the_call_stands(lab: Any) -> None:
    zoo = lab.module("zoo", ZOO)

    seen = lab.run(zoo.outer, "zoo:Child.go = raise(KeyError)")

    assert seen.observation.failure.place == Place("zoo.py", 13, "outer")
    assert ["raised in zoo:Child.go → passed outer → escaped to the test"] == ways(seen)


def test_an_injected_assertion_is_the_callers(lab: Any) -> None:
    zoo = lab.module("zoo", ZOO)

    seen = lab.run(lambda: zoo.Child().go(), "zoo:Child.go = raise(AssertionError)")

    assert seen.observation.failure.is_assertion


@pytest.mark.parametrize("switch", [sys.settrace, threading.settrace])
@pytest.mark.parametrize("name", ["direct", "through_frames", "generator", "ignored_future", "gathered", "escaped"])
def test_way_is_the_same_while_a_tracer_is_on(shop: Any, lab: Any, name: str, switch: Any) -> None:
    def ignore(*event: Any) -> Any:
        return ignore

    before = sys.gettrace()
    switch(ignore)
    try:
        seen = lab.run(lambda: getattr(shop, name)(), "shop:pay = raise(KeyError)")
    finally:
        switch(None)
        sys.settrace(before)

    expected = {**CASES, **IN_DOUBT}[name].format(**marked(MARKS.get(name, name)))
    assert [f"raised in shop:pay → {expected}"] == ways(seen)


# --- the same ways, another run


@pytest.mark.parametrize("name", ["forgiven", "not_forgiven", "generator", "waited_for", "gathered_and_awaited"])
def test_events_are_not_fooled_by_code_they_have_seen_before(shop: Any, lab: Any, name: str) -> None:
    """A generator that is suspended when the events are switched on has not heard of it."""
    first, second, third = (
        ways(lab.run(lambda: getattr(shop, name)(), "shop:pay = raise(KeyError)")) for _ in range(3)
    )

    assert first == second == third


def test_errors_that_went_the_same_way_are_counted(shop: Any, lab: Any) -> None:
    def body() -> None:
        shop.retried()
        shop.direct()
        shop.retried()

    seen = lab.run(body, "shop:pay = raise(KeyError)")

    assert [6, 1] == [way.times for way in seen.observation.absorptions]
    here = [marked(name)["here"] for name in ("retried", "direct")]
    places = (Place("shop.py", here[0], "retried"), Place("shop.py", here[1], "direct"))
    assert (places, places) == (seen.observation.caught, seen.observation.handlers)
    assert [f"shop.py:{here[0]} retried", f"shop.py:{here[1]} direct"] == seen.record["caught"]
    assert {"text": ways(seen)[0], "end": "except", "errors": 6} == seen.record["ways"][0]


@pytest.mark.parametrize("name", ["escaped", "uncaught_in_a_thread", "called_soon"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_nobody_absorbed_is_not_caught(shop: Any, lab: Any, name: str) -> None:
    assert () == lab.run(lambda: getattr(shop, name)(), "shop:pay = raise(KeyError)").observation.caught


@pytest.mark.parametrize("name", ["ignored_future", "gathered", "swallowed_by_c"])
def test_what_is_no_handler_is_not_listed_as_one(shop: Any, lab: Any, name: str) -> None:
    fault = "raise(AttributeError)" if name == "swallowed_by_c" else "raise(KeyError)"
    seen = lab.run(lambda: getattr(shop, name)(), f"shop:pay = {fault}").observation

    assert () == seen.handlers
    assert seen.caught or name == "swallowed_by_c"


@pytest.mark.parametrize("method", METHODS)
def test_handler_in_doubt_is_not_listed(shop: Any, lab: Any, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if method == "by traceback":
        monkeypatch.setattr(compat, "MONITORING", None)
    seen = lab.run(shop.raise_taken, "shop:pay = raise(KeyError)").observation

    line = marked("raise_taken")
    if method == "by traceback":
        assert ((Place("shop.py", line["came in"], "raise_taken"),), ()) == (seen.caught, seen.handlers)
    else:
        assert (Place("shop.py", line["here"], "raise_taken"),) == seen.handlers


# --- what the clause does, and whose it is

TAKERS = """
import asyncio, contextlib, logging, library
def pay(): return "paid"
def passes():
    try: pay()
    except Exception: pass
def bare():
    try: pay()
    except: ...
def continues():
    for _ in range(1):
        try: pay()
        except BaseException:
            continue
def returns():
    try: return pay()
    except (ValueError, Exception): return
def returns_none():
    try:
        return pay()
    except Exception as error:
        "Nothing to be done."
        return None
def names():
    try: return pay()
    except LookupError: pass
def several():
    try: return pay()
    except (KeyError, OSError): return None
def answers():
    try: return pay()
    except Exception: return 0
def breaks():
    while True:
        try: pay()
        except Exception: break
def logs():
    try: return pay()
    except Exception: logging.getLogger("shop").info("no bank")
def raises():
    try: return pay()
    except Exception as error:
        if error: raise ValueError from error
def leaves():
    total = 0
    try: total += pay()
    finally:
        return total
def suppresses():
    with contextlib.suppress(Exception):
        pay()
def suppresses_by_name():
    with contextlib.suppress(KeyError): pay()
def asks_for_a_file():
    try: pay()
    except (KeyError, FileNotFoundError): return 0
async def charge():
    try: pay()
    except Exception: pass
def in_time():
    async def main():
        try:
            async with asyncio.timeout(5): pay()
        except Exception: pass
    asyncio.run(main())
def awaits(): asyncio.run(charge())
def by_a_library(): library.swallow(lambda: pay())
def directly(): pay()
"""
_BROAD, _NAMED = (True, "nothing"), (False, "nothing")
TAKEN = {
    "passes": ("project", *_BROAD, 3),
    "bare": ("project", *_BROAD, 3),
    "continues": ("project", *_BROAD, 5),
    "returns": ("project", *_BROAD, 3),
    "returns_none": ("project", *_BROAD, 6),
    "names": ("project", *_NAMED, 3),
    "several": ("project", *_NAMED, 3),
    "answers": ("project", True, "answers", 3),
    "breaks": ("project", True, "answers", 4),
    "logs": ("project", True, "answers", 3),
    "raises": ("project", True, "raises", 4),
    "leaves": ("project", *_BROAD, 5),
    "suppresses": ("project", *_BROAD, 3),
    "suppresses_by_name": ("project", *_NAMED, 2),
    "awaits": ("project", *_BROAD, 3),
    "in_time": ("project", *_BROAD, 5),
}


@pytest.fixture
def takers(lab: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of the project, and an installed library that swallows everything."""
    lab.write("site-packages.library", "def swallow(work):\n    try: work()\n    except Exception: pass\n")
    lab.written.add("library")
    monkeypatch.syspath_prepend(str(lab.root / "site-packages"))
    return lab.module("takers", TAKERS)


def taken(lab: Any, body: Any, method: str, monkeypatch: pytest.MonkeyPatch) -> Absorption:
    """Return what became of the only error of a run."""
    if method == "by traceback":
        monkeypatch.setattr(compat, "MONITORING", None)
    (way,) = lab.run(body, "takers:pay = raise(KeyError)").observation.absorptions
    return way


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", TAKEN)
def test_what_a_clause_does_is_known(
    takers: Any, lab: Any, name: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose it is, whether it takes every error, what it does, and the last line of its statement in the function."""

    def body() -> None:
        with contextlib.suppress(ValueError):
            getattr(takers, name)()

    way = taken(lab, body, method, monkeypatch)

    function = getattr(takers, "charge" if name == "awaits" else name)
    taker, is_broad, does, last = TAKEN[name]
    assert (way.taker, way.is_broad, way.does) == (taker, is_broad, does)
    assert way.span[1] - function.__code__.co_firstlineno + 1 == last


@pytest.mark.parametrize("method", METHODS)
def test_error_that_no_function_of_the_project_took_is_told(
    takers: Any, lab: Any, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the test or by what it called, or by a library that the project called."""
    library = sys.modules["library"]

    def itself() -> None:
        with contextlib.suppress(KeyError):
            takers.directly()

    async def in_a_task() -> None:
        library.swallow(takers.directly)

    bodies = {
        "library": [takers.by_a_library],
        "outside": [itself, lambda: library.swallow(takers.directly), lambda: asyncio.run(in_a_task())],
    }
    for expected, some in bodies.items():
        for body in some:
            assert taken(lab, body, method, monkeypatch).taker == expected


# --- the test's own clauses


@pytest.mark.parametrize("method", METHODS)
def test_expectation_of_the_test_is_where_it_was_caught(
    shop: Any, lab: Any, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if method == "by traceback":
        monkeypatch.setattr(compat, "MONITORING", None)

    def body() -> None:
        with pytest.raises(KeyError):
            shop.Gateway().charge()

    async def coroutine() -> None:
        with pytest.raises(OSError):
            with pytest.raises(KeyError, match="chaos"):
                shop.Gateway().charge()

    for one in (body, lambda: asyncio.run(coroutine())):
        (way,) = lab.run(one, "shop:pay = raise(KeyError)").observation.absorptions
        assert "(with pytest.raises(KeyError" in told_way(way)
        assert told_way(way).startswith("raised in shop:pay → passed Gateway.charge → caught in ")
        assert way.place.path.endswith("test_absorption.py")
        assert way.is_sure


def test_part_of_a_group_that_ended_the_body_has_escaped(shop: Any, lab: Any) -> None:
    def body() -> None:
        try:
            shop.pay()
        except KeyError as error:
            raise ExceptionGroup("g", [ExceptionGroup("h", [error]), OSError()]) from None

    assert ["raised in shop:pay → escaped to the test"] == ways(lab.run(body, "shop:pay = raise(KeyError)"))


def test_probe_that_meets_an_old_error_took_it(shop: Any, lab: Any) -> None:
    with lab.window("shop:pay = raise(KeyError)") as chaos:
        kept: list[BaseException] = []
        with contextlib.suppress(KeyError):
            try:
                shop.pay()
            except KeyError as error:
                kept.append(error)
                raise

        def probe() -> bool:
            raise kept.pop()

        with pytest.raises(Exception, match="the probe was not true"):
            chaos.recovers(probe, within=0.0)
        chaos.journal.custody.settle()
        chaos.journal.forget_errors()
        (way,) = chaos.journal.absorptions

    assert "probe" == way.end
    assert told_way(way).endswith("probe → seen by chaos.recovers as not recovered yet")


# --- the text


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ((), ""),
        (("a",), "passed a → "),
        (tuple("abcdef"), "passed a, b, c, d, e, f → "),
        (tuple("abcdefgh"), "passed a, b, c, 3 more, g, h → "),
    ],
)
def test_long_way_is_cut_in_the_middle(names: tuple[str, ...], shown: str) -> None:
    way = Absorption("m:f", names, "except", Place("m.py", 3, "g"), "except OSError")

    assert f"raised in m:f → {shown}caught in m.py:3 g (except OSError)" == told_way(way)


def test_long_clause_is_cut(lab: Any) -> None:
    names = ", ".join(f"Error{number}" for number in range(20))
    shop = lab.module(
        "long",
        f"""
        {names} = [KeyError] * 20
        def pay(): ...
        def call():
            try: pay()
            except ({names}): pass
        """,
    )

    (way,) = lab.run(shop.call, "long:pay = raise(KeyError)").observation.absorptions

    assert 60 == len(way.clause)
    assert way.clause.endswith("...")


def test_source_that_cannot_be_read_leaves_the_function(lab: Any) -> None:
    source = "def call():\n    try: pay()\n    except KeyError: pass\n"
    shop = lab.module("made", f"def pay(): ...\nexec(compile({source!r}, '<made>', 'exec'))")

    (way,) = lab.run(lambda: shop.call(), "made:pay = raise(KeyError)").observation.absorptions

    assert ("unread", Place("<made>", 2, "call")) == (way.end, way.place)


def test_source_that_changed_meanwhile_is_not_believed(shop: Any, lab: Any) -> None:
    (lab.root / "shop.py").write_text("def pay(: nothing that parses")

    (way,) = lab.run(shop.direct, "shop:pay = raise(KeyError)").observation.absorptions

    assert "unread" == way.end
    assert way.place.function == "direct"


def test_nothing_is_called_to_find_the_clause(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "MONITORING", None)
    shop = lab.module(
        "shy",
        """
        calls = []
        class Meta(type):
            def __subclasscheck__(cls, other): calls.append("subclass"); return False
            def __instancecheck__(cls, other): calls.append("instance"); return False
        class Odd(Exception, metaclass=Meta): ...
        class Errors:
            def __getattr__(self, name): calls.append("getattr"); raise AttributeError
            @property
            def odd(self): calls.append("property"); return Odd
            plain = Odd
        errors = Errors()
        def pay(): ...
        def call():
            try: pay()
            except errors.plain: pass
            except KeyError: pass
        def with_a_property():
            try: pay()
            except errors.odd: pass
            except KeyError: pass
        """,
    )
    seen = lab.run(lambda: (shop.call(), shop.calls.clear()), "shy:pay = raise(KeyError)")

    assert [] == shop.calls
    assert told_way(seen.observation.absorptions[0]).endswith("call (except KeyError)")
    experiment = lab.experiment("shy:pay = raise(KeyError)")
    with experiment.body():
        shop.with_a_property()
        assert ["property"] == shop.calls  # the interpreter itself asked
    assert ["property"] == shop.calls
    experiment.conclude()
    (way,) = experiment.journal.absorptions
    assert "(except errors.odd at L" in told_way(way) and not way.is_sure


# --- the events live with others


needs_events = pytest.mark.skipif(compat.MONITORING is None, reason="needs exception events")


def tools() -> list[str | None]:
    return [compat.MONITORING.get_tool(number) for number in range(6)]


@needs_events
def test_events_are_on_from_the_first_error_to_the_end_of_the_body(shop: Any, lab: Any) -> None:
    before = tools()
    experiment = lab.experiment("shop:pay = 1*null -> raise(KeyError)")
    with experiment.body():
        shop.direct()
        assert before == tools()  # a null raises nothing
        shop.direct()
        assert "pytest-chaos" in tools()
        shop.direct()
    assert before == tools()
    experiment.close()
    assert before == tools()


@needs_events
def test_events_are_off_after_a_body_that_failed(shop: Any, lab: Any) -> None:
    before = tools()
    lab.run(shop.escaped, "shop:pay = raise(KeyError)")

    assert before == tools()


@needs_events
def test_events_that_others_hold_are_left_to_them(shop: Any, lab: Any) -> None:
    taken = [number for number in range(6) if compat.MONITORING.get_tool(number) is None]
    for number in taken:
        compat.MONITORING.use_tool_id(number, f"other {number}")
    try:
        before = tools()
        seen = lab.run(shop.raise_taken, "shop:pay = raise(KeyError)")
        assert before == tools()
    finally:
        for number in taken:
            compat.MONITORING.free_tool_id(number)

    assert "handled or re-raised" in ways(seen)[0]


@needs_events
def test_experiments_inside_one_another_have_events_of_their_own(shop: Any, lab: Any) -> None:
    inner: list[Any] = []

    def body() -> None:
        shop.direct()
        inner.append(lab.run(shop.through_frames, "shop:Gateway.charge = raise(KeyError)"))
        shop.raise_taken()

    seen = lab.run(body, "shop:pay = raise(KeyError)")

    assert ways(inner[0])[0].endswith("through_frames (except KeyError)")
    assert ways(seen)[-1].endswith("raise_taken (except LookupError)")


def test_telling_that_fails_leaves_the_run_alone(shop: Any, lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def odd(*args: Any) -> None:
        raise RecursionError

    monkeypatch.setattr(Sources, "tree", odd)
    seen = lab.run(shop.direct, "shop:pay = raise(KeyError)")

    assert ("resilient", ["raised in shop:pay → gone without a trace"]) == (seen.verdict, ways(seen))


@pytest.mark.parametrize("core", ["ctrace", pytest.param("sysmon", marks=needs_events)])
def test_coverage_measures_beside_it(lab: Any, core: str) -> None:
    """Coverage sees every line, and the way of the error is the same."""
    lab.write("shop", SHOP)
    (lab.root / "test_it.py").write_text(
        textwrap.dedent(
            """
            import pytest, shop
            from pytest_chaos import Raise

            kept = [shop.pay]

            @pytest.mark.chaos("shop:pay", Raise(KeyError))
            @pytest.mark.parametrize("turn", [1, 2])
            def test_it(turn):
                shop.raise_taken()
                shop.forgiven()
                with pytest.raises(KeyError):
                    kept[0]()
            """
        )
    )
    arguments = ["-m", "coverage", "run", "-m", "pytest", "-q", "-p", "chaos", "--chaos"]
    done = subprocess.run(
        [sys.executable, *arguments, "--chaos-report=chaos.json", "test_it.py"],
        cwd=lab.root,
        env={**os.environ, "COVERAGE_CORE": core, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    results = json.loads((lab.root / "chaos.json").read_text())["results"]
    taken, forgiven = marked("raise_taken"), marked("forgiving")
    for result in results:
        assert f"shop.py:{forgiven['here']} forgiving" == result["caught"][1]
        if compat.MONITORING is not None:  # a traceback alone leaves a conditional raise in doubt
            assert f"shop.py:{taken['here']} raise_taken" == result["caught"][0]
    import coverage

    data = coverage.CoverageData(str(lab.root / ".coverage"))
    data.read()
    assert {taken["again"], taken["here"], forgiven["here"]} <= set(data.lines(str(lab.root / "shop.py")) or ())


def test_same_way_with_other_names_is_told_anew(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a clause stands for may differ from call to call."""
    monkeypatch.setattr(compat, "MONITORING", None)
    shop = lab.module(
        "shop",
        """
        def pay(): ...
        def call(errors):
            try:
                try: pay()
                except errors: pass
            except LookupError: pass
        """,
    )
    seen = lab.run(lambda: (shop.call(KeyError), shop.call(OSError)), "shop:pay = raise(KeyError)")

    assert ["except errors", "except LookupError"] == [way.clause for way in seen.observation.absorptions]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("name", "error", "expected"),
    [
        ("asks_for_a_file", "FileNotFoundError", True),
        ("asks_for_a_file", "KeyError", False),
        ("passes", "FileNotFoundError", False),
    ],
)
def test_clause_that_is_for_files_that_are_not_there_is_known(
    takers: Any, lab: Any, name: str, error: str, expected: bool, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if method == "by traceback":
        monkeypatch.setattr(compat, "MONITORING", None)

    (way,) = lab.run(getattr(takers, name), f"takers:pay = raise({error})").observation.absorptions

    assert expected is way.is_for_absence
