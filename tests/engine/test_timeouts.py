"""Calls that take a timeout: a hang ends then, in the callee's own way; without one, the verdict says where.

Timeouts are short because these tests wait for them; nothing here measures time.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from pytest_chaos.faults.timeouts import limit_in
from pytest_chaos.injector.mechanisms import Armory

LONG_S = 60.0  # a budget that never comes into play
BUDGET_S = 0.06

BANK = """
import asyncio, queue, subprocess, threading
import httpx

class BankTimeout(Exception): pass
class Down(Exception): pass
class Particular(TimeoutError):
    def __init__(self, where, when): super().__init__(where)

def plain(timeout=None): return "paid"
def by_default(amount, timeout=0.01): return "paid"
def by_keyword(**options): return "paid"
def in_milliseconds(timeout_ms): return "paid"
def reads(connect_timeout=0.001, read_timeout=None): return "paid"
def connect(connect_timeout=None): return "paid"
def of_something(timeout): return "paid"
async def soon(timeout=None): return "paid"
def many(timeout=None): yield 1
def non_blocking(block=False): return "paid"

def many_or_none(timeout):
    try:
        yield plain(timeout=timeout)
    except TimeoutError:
        return ()

def raises_its_own(timeout):
    if timeout < 0: raise ValueError(timeout)
    raise BankTimeout("late")

def translates(timeout):
    try:
        return plain(timeout=timeout)
    except (KeyError, TimeoutError) as error:
        raise Down("late") from error

def raises_again(timeout):
    try:
        return plain(timeout=timeout)
    except BankTimeout:
        raise

def falls_back(timeout):
    try:
        return plain(timeout=timeout)
    except TimeoutError:
        return {"paid": False}

def falls_back_somehow(timeout):
    try:
        return plain(timeout=timeout)
    except TimeoutError:
        if timeout: return 1

def runs(timeout):
    try:
        return subprocess.run(["true"], timeout=timeout)
    except subprocess.TimeoutExpired:
        raise

def wants_more(timeout):
    raise Particular("here", "now")

def hands_on(timeout):
    return httpx.get("http://localhost:1", timeout=timeout)

class Client:
    def get(self, path, timeout=None): return path
    async def get_soon(self, path, *, timeout=None): return path

def order(timeout=None):
    return plain(timeout=timeout)

def order_of_client():
    return Client().get("/")
"""


@pytest.fixture
def bank(lab: Any) -> Any:
    return lab.module("bank", BANK)


def ended(lab: Any, target: str, call: Any) -> Any:
    """Return what a call that hangs raises or returns, and see that nobody is judged."""
    answers: list[Any] = []

    def body() -> None:
        try:
            answers.append(call())
        except Exception as error:
            answers.append(error)

    seen = lab.run(body, f"{target} = hang", budget_s=LONG_S)
    assert [] == list(seen.observation.parked)
    (answer,) = answers
    return answer


PASSED: dict[str, tuple[str, Any]] = {
    "by name": ("plain", lambda bank: bank.plain(timeout=0.01)),
    "by position": ("plain", lambda bank: bank.plain(0.01)),
    "by default": ("by_default", lambda bank: bank.by_default(5)),
    "among other options": ("by_keyword", lambda bank: bank.by_keyword(timeout=0.01)),
    "in milliseconds": ("in_milliseconds", lambda bank: bank.in_milliseconds(10)),
    "for the reading": ("reads", lambda bank: bank.reads(read_timeout=0.01)),
    "for the connecting of what connects": ("connect", lambda bank: bank.connect(connect_timeout=0.01)),
    "zero": ("plain", lambda bank: bank.plain(timeout=0)),
    "as a pair": ("of_something", lambda bank: bank.of_something((None, 0.01))),
    "as an object": ("of_something", lambda bank: bank.of_something(httpx.Timeout(0.01))),
    "to a method": ("Client.get", lambda bank: bank.Client().get("/", 0.01)),
    "to a coroutine": ("soon", lambda bank: asyncio.run(bank.soon(timeout=0.01))),
    "to a method that is a coroutine": (
        "Client.get_soon",
        lambda bank: asyncio.run(bank.Client().get_soon("/", timeout=0.01)),
    ),
    "to a generator": ("many", lambda bank: list(bank.many(0.01))),
}


@pytest.mark.parametrize("how", list(PASSED))
def test_hang_ends_with_the_timeout_that_was_passed(bank: Any, lab: Any, how: str) -> None:
    name, call = PASSED[how]
    answer = ended(lab, f"bank:{name}", lambda: call(bank))

    assert TimeoutError is type(answer)
    assert f"bank:{name}, call 1 [" in str(answer)


def test_timeout_ends_a_hang_with_seconds_if_it_is_shorter(bank: Any, lab: Any) -> None:
    answer = ended(lab, "bank:plain", lambda: bank.plain(timeout=0.01))
    assert "chaos: no answer within 0.01 s" in str(answer)

    with lab.window("bank:plain = hang(3600)"), pytest.raises(TimeoutError, match=r"within 0\.01 s"):
        bank.plain(timeout=0.01)
    with lab.window("bank:plain = hang(0.01)"), pytest.raises(TimeoutError, match=r"within 0\.01 s"):
        bank.plain(timeout=3600)


@pytest.mark.parametrize(
    "value", [None, float("inf"), -1, float("nan"), True, object(), "1 s"], ids=lambda value: type(value).__name__
)
def test_what_is_no_end_does_not_end_a_hang(bank: Any, lab: Any, value: Any) -> None:
    seen = lab.run(lambda: bank.plain(timeout=value), "bank:plain = hang", budget_s=BUDGET_S)

    assert "hung" == seen.verdict


def test_timeout_of_the_connecting_does_not_end_a_hang_that_may_come_later(bank: Any, lab: Any) -> None:
    assert "hung" == lab.run(lambda: bank.reads(0.001), "bank:reads = hang", budget_s=BUDGET_S).verdict


# --- the callee's own answer

OWN: dict[str, str] = {
    "raises_its_own": "BankTimeout",
    "translates": "Down",
    "raises_again": "BankTimeout",
    "falls_back_somehow": "TimeoutError",
    "wants_more": "TimeoutError",
    "hands_on": "ReadTimeout",
}


@pytest.mark.parametrize("name", list(OWN))
def test_hang_ends_with_the_error_that_the_source_tells(bank: Any, lab: Any, name: str) -> None:
    answer = ended(lab, f"bank:{name}", lambda: getattr(bank, name)(0.01))

    assert OWN[name] == type(answer).__name__
    assert f"chaos: no answer within 0.01 s at bank:{name}, call 1 [" in str(answer)


def test_hang_ends_with_the_value_that_the_source_tells(bank: Any, lab: Any) -> None:
    assert {"paid": False} == ended(lab, "bank:falls_back", lambda: bank.falls_back(0.01))


def test_generator_whose_source_tells_only_how_it_ends_raises(bank: Any, lab: Any) -> None:
    answer = ended(lab, "bank:many_or_none", lambda: list(bank.many_or_none(0.01)))

    assert TimeoutError is type(answer)


def test_switch_that_stands_beside_no_timeout_is_something_else(bank: Any, lab: Any) -> None:
    assert "hung" == lab.run(lambda: bank.non_blocking(), "bank:non_blocking = hang", budget_s=BUDGET_S).verdict


def test_hang_with_seconds_ends_with_the_callees_own_error(bank: Any, lab: Any) -> None:
    with lab.window("bank:raises_its_own = hang(0.01)"), pytest.raises(bank.BankTimeout):
        bank.raises_its_own(3600)


LIBRARY: dict[str, tuple[str, Any, Any]] = {
    "get of a queue": ("queue:Queue.get", lambda: queue.Queue().get(timeout=0.01), queue.Empty),
    "get that does not wait": ("queue:Queue.get", lambda: queue.Queue().get(block=False), queue.Empty),
    "put into a queue": ("queue:Queue.put", lambda: queue.Queue().put(1, timeout=0.01), queue.Full),
    "wait for an event": ("threading:Event.wait", lambda: threading.Event().wait(0.01), False),
    "child": ("subprocess:run", lambda: subprocess.run(["true"], timeout=0.01), subprocess.TimeoutExpired),
    "database": ("sqlite3:connect", lambda: sqlite3.connect(":memory:", timeout=0.01), sqlite3.OperationalError),
    "client": ("httpx:get", lambda: httpx.get("http://localhost:1", timeout=0.01), httpx.ReadTimeout),
}


@pytest.mark.parametrize("name", list(LIBRARY))
def test_hang_ends_as_a_call_of_the_library_does(lab: Any, name: str) -> None:
    target, call, expected = LIBRARY[name]
    lab.module("caller", "def through(call): return call()")
    answer = ended(lab, target, call)

    assert answer is expected or type(answer) is expected


def test_child_that_timed_out_is_named(lab: Any) -> None:
    answer = ended(lab, "subprocess:run", lambda: subprocess.run(["true"], timeout=0.01))

    assert (["true"], 0.01) == (answer.cmd, answer.timeout)


@pytest.mark.parametrize("armory", [Armory(can_splice=True), Armory(can_splice=False)], ids=["spliced", "replaced"])
@pytest.mark.parametrize("name", ["wait", "communicate"])
def test_child_that_was_started_and_timed_out_is_named(lab: Any, name: str, armory: Armory) -> None:
    command = [sys.executable, "-c", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        answer = ended(lab, f"subprocess:Popen.{name}", lambda: getattr(child, name)(timeout=0.01))

    assert (command, 0.01) == (answer.cmd, answer.timeout)


def test_command_that_was_given_by_name_is_named(lab: Any) -> None:
    answer = ended(lab, "subprocess:run", lambda: subprocess.run(args="true", timeout=0.01))

    assert ("true", 0.01) == (answer.cmd, answer.timeout)


def test_error_for_a_child_in_the_source_gets_what_it_needs(bank: Any, lab: Any) -> None:
    answer = ended(lab, "bank:runs", lambda: bank.runs(0.01))

    assert (subprocess.TimeoutExpired, 0.01) == (type(answer), answer.timeout)


@pytest.mark.parametrize(
    ("target", "call"),
    [
        ("httpx:get", lambda: httpx.get("http://localhost:1/x", timeout=0.01)),
        ("httpx:Client.request", lambda: httpx.Client().request("GET", "http://localhost:1/x", timeout=0.01)),
    ],
)
def test_request_that_timed_out_is_known_to_the_error(lab: Any, target: str, call: Any) -> None:
    lab.module("caller", "def through(call): return call()")
    answer = ended(lab, target, call)

    assert ("GET", "http://localhost:1/x") == (answer.request.method, str(answer.request.url))


@pytest.mark.parametrize("way", ["get", "send", "no address"])
def test_request_of_requests_that_timed_out_is_known_to_the_error(lab: Any, way: str) -> None:
    requests = pytest.importorskip("requests")
    lab.module("caller", "def through(call): return call()")
    address = way if way == "no address" else "http://localhost:1/x"

    def send() -> Any:
        return requests.Session().send(requests.Request("GET", address).prepare(), timeout=0.01)

    def get() -> Any:
        return requests.get(address, timeout=0.01)

    answer = ended(lab, *(("requests.sessions:Session.send", send) if way == "send" else ("requests.api:get", get)))

    assert requests.exceptions.ReadTimeout is type(answer)
    if way == "no address":
        assert answer.request is None, "the library would have refused it"
    else:
        assert ("GET", address) == (answer.request.method, answer.request.url)


def test_error_of_the_callee_is_known_as_injected(bank: Any, lab: Any) -> None:
    seen = lab.run(lambda: bank.raises_its_own(0.01), "bank:raises_its_own = hang", budget_s=LONG_S)

    assert ("escaped", True) == (seen.verdict, seen.observation.failure.is_injected)


# --- judged


def test_timeout_far_beyond_the_budget_is_inconclusive(bank: Any, lab: Any) -> None:
    seen = lab.run(lambda: bank.plain(timeout=3600), "bank:plain = hang", budget_s=BUDGET_S)

    assert "inconclusive" == seen.verdict
    assert "its own timeout of 3600 s might still have ended it; raise the budget" in seen.texts[0]


@pytest.mark.parametrize("name", ["plain", "soon"])
def test_hang_without_a_timeout_says_where_it_was_called(bank: Any, lab: Any, name: str) -> None:
    def body() -> None:
        asyncio.run(bank.soon()) if name == "soon" else bank.order()

    seen = lab.run(body, f"bank:{name} = hang", budget_s=BUDGET_S)

    place = "test_timeouts.py" if name == "soon" else "bank.py"
    function = "body" if name == "soon" else "order"
    assert "hung" == seen.verdict
    assert "; called without a timeout at " in seen.texts[0]
    told = seen.texts[0].partition("called without a timeout at ")[2].splitlines()[0]
    assert f"{place}:" in told and told.endswith(function)


def test_method_without_a_timeout_says_where_it_was_called(bank: Any, lab: Any) -> None:
    seen = lab.run(bank.order_of_client, "bank:Client.get = hang", budget_s=BUDGET_S)

    assert "; called without a timeout at bank.py:" in seen.texts[0]
    assert "in order_of_client" in seen.texts[0]


def test_call_that_takes_no_timeout_is_said_to_have_no_limit(bank: Any, lab: Any) -> None:
    seen = lab.run(lambda: bank.by_keyword(), "bank:by_keyword = hang", budget_s=BUDGET_S)

    assert "; called without a limit at " in seen.texts[0]


def test_hang_with_an_end_that_blocks_a_loop_is_said(bank: Any, lab: Any) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            bank.plain(timeout=0.01)

    seen = lab.run(lambda: asyncio.run(main()), "bank:plain = hang", budget_s=LONG_S)

    assert ("resilient", ["loop-blocked"]) == (seen.verdict, seen.kinds)


def test_a_call_without_a_timeout_is_not_asked_for_its_function() -> None:
    asked: list[str] = []

    class Call:
        @property
        def function(self) -> Callable[..., Any]:  # of a spliced function it is made anew each time
            asked.append("function")
            return len

    assert limit_in(Call(), {"amount": 1, "connect": 2}) is None
    assert asked == []
    limit = limit_in(Call(), {"amount": 1, "read_timeout": 2})
    assert limit is not None
    assert (limit.parameter, limit.seconds, asked) == ("read_timeout", 2, ["function"])
