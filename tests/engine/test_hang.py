"""Parked calls: who is judged, who is spared, and that everybody goes on in the end.

Budgets are small because these tests wait for them; nothing here measures time.
"""

from __future__ import annotations

import _thread as _thread_module
import asyncio
import concurrent.futures
import contextlib
import faulthandler
import importlib.util
import multiprocessing
import multiprocessing.resource_tracker
import os
import select
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from signal import set_wakeup_fd
from types import ModuleType
from typing import Any

import pytest

from pytest_chaos import compat
from pytest_chaos.hang import HangReleased, released_threads_end_quietly
from pytest_chaos.injector.remembering import NO_ACTIVATION
from pytest_chaos.observation import Steady
from pytest_chaos.oracles.leaks import judge_leaks
from pytest_chaos.provenance import frames_from
from pytest_chaos.resources import taps


def _neighbour(name: str) -> ModuleType:
    """Import a module of the folder above, which is no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


scenarios = _neighbour("hang_scenarios")

BUDGET_S = 0.06
LONG_S = 60.0  # a budget that never comes into play

SHOP = """
import asyncio, concurrent.futures, contextlib, queue, threading

def pay(): return "paid"
async def pay_later(): return "paid"
def bills(): yield 1
async def bills_later(): yield 1
@contextlib.contextmanager
def account(): yield 1

class Shop:
    def __init__(self): self.open = True
    @property
    def balance(self): return 5

def plain():
    return pay()

def swallows_everything():
    try:
        pay()
    except:
        return "swallowed"

def swallows_and_calls_again(calls):
    for _ in range(calls):
        try:
            pay()
        except BaseException:
            pass
    return "gave up"

def retries_errors():
    for _ in range(5):
        try:
            return pay()
        except Exception:
            pass

def waits_without_a_timeout():
    done = threading.Event()
    threading.Thread(target=lambda: (pay(), done.set())).start()
    done.wait(20)

def gives_up_on_a_thread(seconds):
    answers = queue.Queue()
    thread = threading.Thread(target=lambda: answers.put(pay()))
    thread.start()
    try:
        return answers.get(timeout=seconds)
    except queue.Empty:
        return "gave up"

async def gives_up(seconds):
    try:
        async with asyncio.timeout(seconds):
            return await pay_later()
    except TimeoutError:
        return "gave up"

async def gives_up_on_a_worker(seconds):
    try:
        return await asyncio.wait_for(asyncio.to_thread(pay), seconds)
    except TimeoutError:
        return "gave up"

async def never_gives_up():
    return await pay_later()

async def blocks_the_loop():
    return pay()
"""


WAITING = """
import os, queue, subprocess, sys, threading, time

class Waits:
    def sleep(self): time.sleep(3600)
    def lock(self): self.held().acquire()
    def lock_with_a_timeout(self): self.held().acquire(timeout=3600)
    def event(self): threading.Event().wait()
    def queue(self): queue.Queue().get()
    def simple_queue(self): queue.SimpleQueue().get()
    def condition(self):
        condition = threading.Condition()
        with condition:
            condition.wait()
    def thread(self):
        lock = self.held()
        thread = threading.Thread(target=lock.acquire)
        thread.start()
        try:
            thread.join()
        finally:
            lock.release()
    def child(self): subprocess.run(["sleep", "3600"])
    def pipe(self):
        here, there = os.pipe()
        try:
            os.read(here, 1)
        finally:
            os.close(here)
            os.close(there)
    def held(self):
        lock = threading.Lock()
        lock.acquire()
        return lock

def waits_on(name):
    threading.Thread(target=pay).start()
    getattr(Waits(), name)()

def waits_twice():
    threading.Thread(target=pay).start()
    ends = []
    for _ in range(2):
        try:
            Waits().lock()
        except:
            ends.append("interrupted")
    return ends
"""
WAITS = (
    "sleep",
    "lock",
    "lock_with_a_timeout",
    "event",
    "queue",
    "simple_queue",
    "condition",
    "thread",
    "child",
    "pipe",
)
ENDING = ("sleep", "lock_with_a_timeout")  # they might have ended the hang, an hour later


@pytest.fixture
def shop(lab: Any) -> Any:
    return lab.module("shop", SHOP + WAITING)


def outcomes(seen: Any) -> list[str]:
    return [parked.outcome for parked in seen.observation.parked]


CALLS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "function": ("shop:pay", lambda s: s.plain()),
    "coroutine": ("shop:pay_later", lambda s: asyncio.run(s.never_gives_up())),
    "generator": ("shop:bills", lambda s: list(s.bills())),
    "async generator": ("shop:bills_later", lambda s: asyncio.run(_first(s))),
    "context manager": ("shop:account", lambda s: s.account().__enter__()),
    "property": ("shop:Shop.balance", lambda s: s.Shop().balance),
    "constructor": ("shop:Shop", lambda s: s.Shop()),
    "C function": ("time:sleep", lambda s: time.sleep(0)),  # the target, not a wait
}


async def _first(shop: Any) -> Any:
    return await anext(shop.bills_later())


# --- judged


@pytest.mark.parametrize("name", list(CALLS))
def test_endless_hang_is_released_at_the_budget_and_hung(
    shop: Any, lab: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compat, "CAN_PROVE_HANGS", False)
    target, call = CALLS[name]
    seen = lab.run(lambda: call(shop), f"{target} = hang", budget_s=BUDGET_S)

    assert ("hung", True, ["hung"]) == (seen.verdict, seen.fails, outcomes(seen))
    assert seen.failure.startswith("HangReleased")
    assert f"nothing ended it within the hang budget of {BUDGET_S:g} s" in seen.texts[0]


def test_verdict_is_hung_even_if_the_release_is_swallowed(shop: Any, lab: Any) -> None:
    answers: list[Any] = []
    seen = lab.run(lambda: answers.append(shop.swallows_everything()), "shop:pay = hang", budget_s=BUDGET_S)

    assert (["swallowed"], "hung", True) == (answers, seen.verdict, seen.fails)


def test_retry_loop_does_not_swallow_the_release(shop: Any, lab: Any) -> None:
    seen = lab.run(lambda: shop.retries_errors(), "shop:pay = hang", budget_s=BUDGET_S)

    assert ("hung", [1]) == (seen.verdict, seen.calls)


def test_nobody_parks_again_after_a_release(shop: Any, lab: Any) -> None:
    """Each further budget would be waited for in full."""
    seen = lab.run(lambda: shop.swallows_and_calls_again(20), "shop:pay = hang", budget_s=BUDGET_S)

    assert ("hung", [20], ["hung"]) == (seen.verdict, seen.calls, outcomes(seen))


def test_loop_that_swallows_every_release_is_let_through_in_the_end(shop: Any, lab: Any) -> None:
    def until_paid() -> None:
        while True:
            with contextlib.suppress(BaseException):
                if shop.pay() == "paid":
                    return

    seen = lab.run(until_paid, "shop:pay = hang", budget_s=BUDGET_S)

    assert "hung" == seen.verdict


def test_wait_for_a_hung_thread_is_hung(shop: Any, lab: Any) -> None:
    def body() -> None:
        thread = threading.Thread(target=shop.swallows_everything)
        thread.start()
        thread.join()

    seen = lab.run(body, "shop:pay = hang", budget_s=BUDGET_S)

    assert ("hung", ["hung"]) == (seen.verdict, outcomes(seen))


def test_hung_run_says_who_waited_where(shop: Any, lab: Any) -> None:
    seen = lab.run(lambda: shop.plain(), "shop:pay = hang", budget_s=BUDGET_S)

    assert "shop:pay, call 1 [" in seen.texts[0]
    assert "waiting: MainThread at shop.py:" in seen.texts[0]
    assert "in plain" in seen.texts[0]


def test_task_that_hangs_is_told_by_name(shop: Any, lab: Any) -> None:
    async def main() -> None:
        await asyncio.create_task(shop.never_gives_up(), name="payer")

    seen = lab.run(lambda: asyncio.run(main()), "shop:pay_later = hang", budget_s=BUDGET_S)

    assert "waiting: payer at shop.py:" in seen.texts[0]


def test_hang_that_a_timed_wait_of_the_project_may_end_is_inconclusive(shop: Any, lab: Any) -> None:
    seen = lab.run(
        lambda: shop.waits_without_a_timeout(), "shop:pay = hang", budget_s=BUDGET_S, longest_wait_s=2 * BUDGET_S
    )

    assert ("inconclusive", False, ["inconclusive"]) == (seen.verdict, seen.fails, outcomes(seen))
    assert "a timed wait at shop.py:" in seen.texts[0]
    assert "in waits_without_a_timeout might still have ended it; raise the budget" in seen.texts[0]


def test_async_hang_under_a_longer_timeout_is_inconclusive(shop: Any, lab: Any) -> None:
    seen = lab.run(
        lambda: asyncio.run(shop.gives_up(20)), "shop:pay_later = hang", budget_s=BUDGET_S, longest_wait_s=BUDGET_S
    )

    assert ("inconclusive", False, ["inconclusive"]) == (seen.verdict, seen.fails, outcomes(seen))
    assert "shop.py:" in seen.texts[0] and "in gives_up" in seen.texts[0]


@pytest.mark.parametrize("kind", ["fault", "asked"])
def test_timed_wait_that_may_end_a_hang_is_sat_through_and_said(lab: Any, kind: str) -> None:
    queues, said, answers = lab.module("queues", QUEUES), [], []
    lab.laboratory = replace(lab.laboratory, say=said.append)
    options = {"kind": "explored", "is_asked": True} if kind == "asked" else {}

    seen = lab.run(lambda: answers.append(queues.gives_up(0.05)), "queues:pay = hang", budget_s=0.01, **options)

    assert (["later"], ["abandoned"], "resilient") == (answers, outcomes(seen), seen.verdict)
    assert ["chaos: waiting up to 30 s for a timed wait at queues.py:9 in gives_up"] == said


def test_hang_that_a_sweep_offers_is_not_sat_through(lab: Any) -> None:
    queues = lab.module("queues", QUEUES)

    seen = lab.run(lambda: queues.gives_up(LONG_S), "queues:pay = hang", budget_s=0.01, kind="explored")

    assert ("inconclusive", False) == (seen.verdict, seen.fails)


def test_hang_that_no_timed_wait_has_ended_is_hung_by_what_comes_after(lab: Any) -> None:
    queues = lab.module("queues", QUEUES)

    seen = lab.run(lambda: queues.gives_up_in_vain(0.05), "queues:pay = hang", budget_s=0.01)

    assert ("hung", True, ["hung"]) == (seen.verdict, seen.fails, outcomes(seen))


def test_limit_of_a_call_that_is_sat_through_is_said(lab: Any) -> None:
    queues, said = lab.module("queues", QUEUES), []
    lab.laboratory = replace(lab.laboratory, say=said.append)

    seen = lab.run(lambda: queues.asks(timeout=0.05), "queues:asks = hang", budget_s=0.01)

    assert "escaped" == seen.verdict
    assert ["chaos: waiting up to 0.05 s for the timeout of queues:asks"] == said


def test_sync_hang_on_the_thread_of_a_loop_blocks_it(shop: Any, lab: Any) -> None:
    seen = lab.run(lambda: asyncio.run(shop.blocks_the_loop()), "shop:pay = hang", budget_s=BUDGET_S)

    assert ("hung", ["hang", "loop-blocked"]) == (seen.verdict, seen.kinds)


def test_timer_of_a_blocked_loop_is_no_excuse(shop: Any, lab: Any) -> None:
    """A timeout cannot fire on a loop whose thread is parked."""

    async def main() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(20):
                await shop.blocks_the_loop()

    seen = lab.run(lambda: asyncio.run(main()), "shop:pay = hang", budget_s=BUDGET_S)

    assert "hung" == seen.verdict


# --- proved

ONLY_WHERE_PROVED = pytest.mark.skipif(not compat.CAN_PROVE_HANGS, reason="hangs are proved on Linux only")


@ONLY_WHERE_PROVED
@pytest.mark.parametrize("name", [name for name in CALLS if "corout" not in name and "async" not in name])
def test_hang_of_sync_code_is_proved_long_before_the_budget_is_over(shop: Any, lab: Any, name: str) -> None:
    target, call = CALLS[name]
    seen = lab.run(lambda: call(shop), f"{target} = hang", budget_s=LONG_S)

    assert ("hung", True, ["hung"]) == (seen.verdict, seen.fails, outcomes(seen))
    assert ": proved: nothing else runs that could end it" in seen.texts[0]


@ONLY_WHERE_PROVED
@pytest.mark.parametrize("scenario", [*scenarios.EIGHT, *scenarios.RESCUED], ids=lambda scenario: scenario.name)
def test_scenario_gets_its_verdict_without_the_budget(lab: Any, scenario: Any) -> None:
    """A budget so long that the test would fail by its timeout if it were needed."""
    system = lab.module("system", scenarios.SOURCE)
    answers: list[Any] = []
    seen = lab.run(scenario.body(system, answers), "system:pay = hang", budget_s=LONG_S)

    assert (scenario.verdict, [scenario.outcome]) == (seen.verdict, outcomes(seen))
    assert list(scenario.kinds) == seen.kinds
    assert ([] if scenario.answer is None else [scenario.answer]) == answers
    assert scenario.is_proved == bool(seen.observation.parked[0].meaning)


@contextlib.contextmanager
def _wakeup_fd() -> Any:
    here, there = socket.socketpair()
    there.setblocking(False)
    with here, there:
        before = signal.set_wakeup_fd(there.fileno())
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)


@contextlib.contextmanager
def _wakeup_fd_by_another_name() -> Any:
    here, there = socket.socketpair()
    there.setblocking(False)
    with here, there:
        before = set_wakeup_fd(there.fileno())
        try:
            yield
        finally:
            assert there.fileno() == set_wakeup_fd(before), "it was left as it was"


@contextlib.contextmanager
def _timer(which: int) -> Any:
    before = signal.signal(signal.SIGALRM, lambda number, frame: None)
    signal.setitimer(which, 3600)
    try:
        yield
    finally:
        signal.setitimer(which, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def _child() -> Any:
    with subprocess.Popen(["sleep", "3600"]) as child:
        try:
            yield
        finally:
            child.kill()


@contextlib.contextmanager
def _dead_child() -> Any:
    """Nobody has asked how it ended, so the signal of its end may still be waited for."""
    with subprocess.Popen(["true"], stdout=subprocess.PIPE) as child:
        child.stdout.read()
        yield


@contextlib.contextmanager
def _thread_of_c() -> Any:
    with open(os.devnull, "w") as nowhere:
        faulthandler.dump_traceback_later(3600, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


@contextlib.contextmanager
def _thread(work: Callable[[], Any], end: Callable[[], Any]) -> Any:
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        end()
        thread.join()


def _reader_of_a_socket() -> Any:
    here, there = socket.socketpair()
    return _thread(lambda: (here.recv(1), here.close()), there.close)


def _reader_of_a_pipe() -> Any:
    here, there = os.pipe()
    return _thread(lambda: (os.read(here, 1), os.close(here)), lambda: os.close(there))


def _poller() -> Any:
    here, there = socket.socketpair()
    return _thread(lambda: (select.select([here], [], []), here.close()), there.close)


def _event_loop(prepare: Callable[[asyncio.AbstractEventLoop], Any] = lambda loop: None) -> Any:
    loop = asyncio.new_event_loop()
    prepare(loop)
    return _thread(lambda: (loop.run_forever(), loop.close()), lambda: loop.call_soon_threadsafe(loop.stop))


@contextlib.contextmanager
def _event_loop_with_a_reader() -> Any:
    here, there = socket.socketpair()
    with here, there, _event_loop(lambda loop: loop.add_reader(here, lambda: None)):
        yield


@contextlib.contextmanager
def _server() -> Any:
    server = socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler)
    with server, _thread(lambda: server.serve_forever(poll_interval=0.005), server.shutdown):
        yield


@contextlib.contextmanager
def _event_loop_that_serves() -> Any:
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0))
    try:
        with _thread(loop.run_forever, lambda: loop.call_soon_threadsafe(loop.stop)):
            yield
    finally:
        server.close()
        loop.run_until_complete(server.wait_closed())
        loop.close()


def _sleeper() -> Any:
    done = threading.Event()
    return _thread(lambda: done.wait(3600), done.set)


def _worker() -> Any:
    done: list[bool] = []

    def work() -> None:
        while not done:
            pass

    return _thread(work, lambda: done.append(True))


def _semaphore_shared_with_other_processes() -> Any:
    shared = multiprocessing.get_context("fork").Semaphore(0)  # the other kinds start a process that stays
    return _thread(shared.acquire, shared.release)


SPOILERS: dict[str, Callable[[], Any]] = {
    "a wake-up fd for signals": _wakeup_fd,
    "a wake-up fd set by a name that was imported before": _wakeup_fd_by_another_name,
    "a timer": lambda: _timer(signal.ITIMER_REAL),
    "a timer of processor time": lambda: _timer(signal.ITIMER_PROF),
    "a child": _child,
    "a child that ended": _dead_child,
    "a thread that is not Python's": _thread_of_c,
    "a thread that reads from a socket": _reader_of_a_socket,
    "a thread that reads from a pipe": _reader_of_a_pipe,
    "a thread that polls": _poller,
    "an event loop with a timer": lambda: _event_loop(lambda loop: loop.call_later(3600, print)),
    "an event loop that waits for a socket": _event_loop_with_a_reader,
    "a thread that sleeps": _sleeper,
    "a thread that works": _worker,
    "a thread that waits for another process": _semaphore_shared_with_other_processes,
}


@ONLY_WHERE_PROVED
@pytest.mark.parametrize("name", list(SPOILERS))
def test_hang_is_not_proved_beside(shop: Any, lab: Any, name: str) -> None:
    """Each might end the hang; so the budget is waited for."""

    def body() -> None:
        with SPOILERS[name]():
            shop.plain()

    seen = lab.run(body, "shop:pay = hang", budget_s=10 * BUDGET_S)

    assert ("hung", ["hung"]) == (seen.verdict, outcomes(seen))
    assert "nothing ended it within the hang budget" in seen.texts[0]


@ONLY_WHERE_PROVED
def test_idle_threads_do_not_spoil_the_proof(shop: Any, lab: Any) -> None:
    """A pool that waits for work waits for the one who hangs."""

    def body() -> None:
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            list(pool.map(str, range(3)))
            shop.plain()

    seen = lab.run(body, "shop:pay = hang", budget_s=LONG_S)

    assert ": proved" in seen.texts[0]


SERVANTS: dict[str, Callable[[], Any]] = {
    "an idle event loop": _event_loop,
    "an event loop that waits for clients": _event_loop_that_serves,
    "a server that looks for clients again and again": _server,
}


@ONLY_WHERE_PROVED
@pytest.mark.parametrize("name", list(SERVANTS))
def test_what_merely_serves_does_not_spoil_the_proof(shop: Any, lab: Any, name: str) -> None:
    def body() -> None:
        with SERVANTS[name]():
            shop.plain()

    seen = lab.run(body, "shop:pay = hang", budget_s=LONG_S)

    assert ": proved: every thread" in seen.texts[0]


@ONLY_WHERE_PROVED
def test_process_that_tracks_resources_does_not_spoil_the_proof(shop: Any, lab: Any) -> None:
    multiprocessing.resource_tracker.ensure_running()

    seen = lab.run(shop.plain, "shop:pay = hang", budget_s=LONG_S)

    assert ": proved" in seen.texts[0]


@ONLY_WHERE_PROVED
def test_raw_threads_do_not_spoil_the_proof(shop: Any, lab: Any) -> None:
    lock, ended = threading.Lock(), threading.Lock()
    lock.acquire()
    ended.acquire()

    def body() -> None:
        _thread_module.start_new_thread(lambda: (lock.acquire(), ended.release()), ())
        try:
            shop.plain()
        finally:
            lock.release()
            ended.acquire()

    seen = lab.run(body, "shop:pay = hang", budget_s=LONG_S)

    assert ": proved" in seen.texts[0]
    assert "waiting: a raw thread at " in seen.texts[0]


@ONLY_WHERE_PROVED
def test_call_that_the_test_went_on_from_is_not_blamed_for_a_later_hang(shop: Any, lab: Any) -> None:
    def body() -> None:
        shop.gives_up_on_a_thread(0.1)
        shop.plain()

    seen = lab.run(body, "shop:pay = hang", budget_s=LONG_S)

    assert ("hung", ["abandoned", "hung"]) == (seen.verdict, outcomes(seen))


@ONLY_WHERE_PROVED
def test_sleep_is_another_one_once_the_thread_was_woken() -> None:
    """Two samples of a thread that wakes and sleeps again in between must differ, or they prove nothing."""
    waits, sleeps = [threading.Lock() for _ in range(50)], []
    for lock in waits:
        lock.acquire()
    thread = threading.Thread(target=lambda: [lock.acquire() for lock in waits])
    thread.start()
    for lock in waits:
        sleep = None
        # Until it sleeps for good: a thread that hands the interpreter on waits for a moment too, without a timeout.
        while (
            not (sleep and sleep.waiting == "lock")
            or sleep in sleeps[-1:]
            or sleep != compat.sleep_of(thread.native_id)
        ):
            sleep = compat.sleep_of(thread.native_id)
        sleeps.append(sleep)
        lock.release()
    thread.join()

    assert sorted(set(sleeps)) == sleeps
    assert compat.sleep_of(thread.native_id) is None, "it is gone"


def test_wakeup_fd_is_followed_and_left_alone() -> None:
    original = signal.set_wakeup_fd
    with taps.watched_wakeups() as is_set:
        assert not is_set()
        with _wakeup_fd():
            assert is_set()
        assert not is_set()
        with _wakeup_fd_by_another_name():
            assert is_set()
    assert signal.set_wakeup_fd is original


# --- spared


def test_cancelled_hang_is_a_recovery(shop: Any, lab: Any) -> None:
    answers: list[Any] = []
    seen = lab.run(lambda: answers.append(asyncio.run(shop.gives_up(0.01))), "shop:pay_later = hang", budget_s=LONG_S)

    assert (["gave up"], "resilient", []) == (answers, seen.verdict, seen.kinds)
    assert ["left"] == outcomes(seen)
    assert "CancelledError" == seen.observation.parked[0].ended_by


QUEUES = """
import queue, threading

def pay(): return "paid"
def gives_up(seconds):
    answers = queue.Queue()
    threading.Thread(target=lambda: answers.put(pay()), daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except queue.Empty:
        return "later"

def gives_up_in_vain(seconds):
    answers = queue.Queue()
    worker = threading.Thread(target=lambda: answers.put(pay()), daemon=True)
    worker.start()
    try:
        return answers.get(timeout=seconds)
    except queue.Empty:
        worker.join()

def asks(timeout): return "paid"
"""
CACHE = """
import asyncio

def spare(): pass
async def fetch(): return "news"

async def asks(gives_up):
    task = asyncio.ensure_future(fetch())
    try:
        return await asyncio.wait_for(asyncio.shield(task), 0.01)
    except TimeoutError:
        if gives_up:
            task.cancel()
        return "no news"

async def polls():
    poller = asyncio.create_task(poll())
    await asyncio.sleep(0.01)  # until it has polled
    return "no news"

async def poll():
    while True:
        await fetch()
        await asyncio.sleep(0.001)  # as pollers do

def answer(ask, *args): return asyncio.run(ask(*args))
"""


@pytest.mark.parametrize(
    ("gives_up", "verdict", "kinds"),
    [(False, ("leaked", True), ["task"]), (True, ("resilient", False), [])],
    ids=["nobody gives it up", "it is given up"],
)
def test_task_that_hangs_until_its_loop_is_closed_is_leaked(
    lab: Any, gives_up: bool, verdict: tuple[str, bool], kinds: list[str]
) -> None:
    cache, answers = lab.module("cache", CACHE), []

    seen = lab.run(lambda: answers.append(cache.answer(cache.asks, gives_up)), "cache:fetch = hang", budget_s=LONG_S)

    assert ["no news"] == answers
    assert (verdict, kinds) == ((seen.verdict, seen.fails), seen.kinds)
    assert [text.endswith("only the closing of its event loop ended the injected hang") for text in seen.texts] == [
        True for _ in kinds
    ]


def test_task_that_the_plain_run_leaves_to_its_loop_may_hang_until_then(lab: Any) -> None:
    """A poller that is never cancelled hangs no longer than it polls."""
    cache = lab.module("cache", CACHE)
    plain = lab.run(lambda: cache.answer(cache.polls), "cache:spare = null").observation
    steady = Steady(leftovers=plain.leftovers)

    seen = lab.run(lambda: cache.answer(cache.polls), "cache:fetch = hang", budget_s=LONG_S).observation

    assert ["task"] == [one.kind for one in plain.leftovers] == [one.kind for one in seen.leftovers]
    assert [True] == [found.fails for found in judge_leaks(seen)]
    assert [False] == [found.fails for found in judge_leaks(replace(seen, steady=steady))]


def test_hang_with_seconds_is_a_timeout_and_not_judged(shop: Any, lab: Any) -> None:
    def body() -> None:
        with pytest.raises(TimeoutError, match=r"no answer within 0\.05 s"):
            shop.pay()

    seen = lab.run(body, "shop:pay = hang(0.05)", budget_s=0.01)

    assert ("resilient", []) == (seen.verdict, outcomes(seen))


def test_timeout_of_a_hang_with_seconds_is_an_injected_error(shop: Any, lab: Any) -> None:
    assert "escaped" == lab.run(lambda: shop.pay(), "shop:pay = hang(0.01)").verdict


def test_hang_that_the_system_gave_up_is_a_note(shop: Any, lab: Any) -> None:
    answers: list[Any] = []
    seen = lab.run(lambda: answers.append(shop.gives_up_on_a_thread(0.01)), "shop:pay = hang", budget_s=LONG_S)

    assert (["gave up"], "resilient", False) == (answers, seen.verdict, seen.fails)
    assert (["abandoned"], ["abandoned"]) == (seen.kinds, outcomes(seen))


def test_thread_released_at_the_end_is_no_leak_and_dies_quietly(shop: Any, lab: Any, capfd: Any) -> None:
    """pytest would turn an error that dies in a thread into a warning, and this suite turns those into failures."""
    seen = lab.run(lambda: shop.gives_up_on_a_thread(0.01), "shop:pay = hang", budget_s=LONG_S)

    assert [] == list(seen.observation.leftovers)
    assert "" == capfd.readouterr().err


def test_worker_of_a_closing_loop_is_released(shop: Any, lab: Any) -> None:
    """``asyncio.run`` joins its default executor, whose thread would never come back."""
    answers: list[Any] = []
    seen = lab.run(
        lambda: answers.append(asyncio.run(shop.gives_up_on_a_worker(0.01))), "shop:pay = hang", budget_s=LONG_S
    )

    assert (["gave up"], "resilient", ["abandoned"]) == (answers, seen.verdict, outcomes(seen))


def test_worker_that_parks_when_its_loop_is_already_closing_is_released(
    shop: Any, lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine the timeout may be over before the worker has begun."""
    may_pay, answers = threading.Event(), []

    async def main() -> None:
        def late() -> None:
            may_pay.wait()
            shop.pay()

        asyncio.get_running_loop().run_in_executor(None, late)

    def body() -> None:
        original = experiment.ward.release_workers_of

        def closing(loop: Any) -> None:
            original(loop)
            may_pay.set()

        monkeypatch.setattr(experiment.ward, "release_workers_of", closing)
        asyncio.run(main())
        answers.append("ended")

    experiment = lab.experiment("shop:pay = hang", budget_s=LONG_S)
    with experiment.body():
        body()
    experiment.close()

    assert (["ended"], ["abandoned"]) == (answers, [one.outcome for one in experiment.ward.records])


def test_lifting_releases_what_is_parked(shop: Any, lab: Any) -> None:
    parked = threading.Event()
    experiment = lab.experiment("shop:pay = hang", budget_s=LONG_S)
    thread = threading.Thread(target=lambda: (parked.set(), shop.swallows_everything()))
    with experiment.body():
        from pytest_chaos.control import Chaos

        thread.start()
        parked.wait()
        while not experiment.ward.records:
            pass
        Chaos(experiment).lift()
        thread.join()
    experiment.close()

    assert ["abandoned"] == [record.outcome for record in experiment.ward.records]


def test_end_of_the_window_ends_a_delay(shop: Any, lab: Any) -> None:
    experiment = lab.experiment("shop:pay = delay(1000)")
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(shop.pay()))
    with experiment.body():
        thread.start()
        while not experiment.journal.activations:
            pass
    thread.join()
    experiment.close()

    assert ["paid"] == answers


def test_slow_test_without_a_parked_call_is_not_judged(shop: Any, lab: Any) -> None:
    waiting = threading.Event()
    seen = lab.run(lambda: (waiting.wait(0.1), shop.plain()), "shop:pay = null", budget_s=0.01)

    assert "resilient" == seen.verdict


def test_pool_that_waits_for_a_hung_worker_ends(shop: Any, lab: Any) -> None:
    def body() -> None:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(shop.pay)

    assert "hung" == lab.run(body, "shop:pay = hang", budget_s=BUDGET_S).verdict


@pytest.mark.parametrize("name", list(WAITS))
def test_test_that_waits_on_after_the_release_is_interrupted_and_named(shop: Any, lab: Any, name: str) -> None:
    """Its own wait has no end either, and is in C: a lock, a sleep, a pipe, a child."""
    seen = lab.run(lambda: shop.waits_on(name), "shop:pay = hang", budget_s=BUDGET_S, longest_wait_s=BUDGET_S)

    assert seen.fails is (name not in ENDING)
    assert ("inconclusive" if name in ENDING else "hung", 1) == (seen.verdict, len(outcomes(seen)))
    assert "; after its release the test still waited and was interrupted, at shop.py:" in seen.texts[0]
    assert f"in Waits.{name} <" in seen.texts[0]
    assert seen.failure.startswith("HangReleased: chaos: after an injected hang was released, the test still waited at")


def test_interrupt_is_repeated_if_it_is_swallowed(shop: Any, lab: Any) -> None:
    answers: list[Any] = []
    seen = lab.run(lambda: answers.append(shop.waits_twice()), "shop:pay = hang", budget_s=BUDGET_S)

    assert (["interrupted", "interrupted"], "hung") == (answers[0], seen.verdict)


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL, lambda number, frame: None])
def test_interrupt_does_not_need_the_signal_of_the_keyboard(shop: Any, lab: Any, handler: Any) -> None:
    """It is ignored in jobs that a shell starts in the background, and servers only note it."""
    before = signal.signal(signal.SIGINT, handler)
    try:
        seen = lab.run(lambda: shop.waits_on("lock"), "shop:pay = hang", budget_s=BUDGET_S)
    finally:
        signal.signal(signal.SIGINT, before)

    assert "hung" == seen.verdict


def test_slow_test_whose_hang_was_given_up_is_not_interrupted(shop: Any, lab: Any) -> None:
    answers: list[Any] = []
    waiting = threading.Event()

    def body() -> None:
        answers.append(shop.gives_up_on_a_thread(0.01))
        waiting.wait(20 * BUDGET_S)
        answers.append("waited")

    seen = lab.run(body, "shop:pay = hang", budget_s=BUDGET_S)

    assert (["gave up", "waited"], "resilient", ["abandoned"]) == (answers, seen.verdict, outcomes(seen))


def test_signal_of_ours_is_put_back(shop: Any, lab: Any) -> None:
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    with lab.window("shop:pay = null"):
        during = {number: signal.getsignal(number) for number in signal.valid_signals()}

    assert 1 == len({number for number in before if before[number] != during[number]})
    assert before == {number: signal.getsignal(number) for number in signal.valid_signals()}


def test_keyboard_interrupt_in_a_hang_ends_the_run_even_if_it_is_swallowed(shop: Any, lab: Any) -> None:
    main = threading.get_ident()
    experiment = lab.experiment("shop:pay = hang", budget_s=LONG_S)

    def is_parked() -> bool:
        names = [frame.f_code.co_name for frame in frames_from(sys._current_frames()[main])]
        if "park" not in names or "_enter" in names or names[0] != "wait":
            return False
        # A signal that comes just before the wait is only looked at after it.
        sleep = compat.sleep_of(threading.main_thread().native_id or 0)
        return not compat.CAN_PROVE_HANGS or (sleep is not None and sleep.waiting == "lock")

    def press() -> None:
        while not is_parked():
            time.sleep(0)  # lets the main thread come to its park
        signal.pthread_kill(main, signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    with experiment.body():
        assert "swallowed" == shop.swallows_everything()
    presser.join()
    experiment.close()

    assert (True, ["interrupted"]) == (experiment.ward.interrupted, [one.outcome for one in experiment.ward.records])


def test_trio_hang_is_released_at_the_budget(shop: Any, lab: Any) -> None:
    import trio

    seen = lab.run(lambda: trio.run(shop.never_gives_up), "shop:pay_later = hang", budget_s=BUDGET_S)

    assert ("hung", True) == (seen.verdict, seen.observation.failure.is_release)


def test_watchdog_lives_only_while_something_is_parked(shop: Any, lab: Any) -> None:
    def watchdogs() -> list[str]:
        return [thread.name for thread in threading.enumerate() if "watchdog" in thread.name]

    with lab.window("shop:pay = delay(0.001)"):
        shop.pay()
        assert [] == watchdogs()
    lab.run(lambda: shop.plain(), "shop:pay = hang", budget_s=BUDGET_S)

    assert [] == watchdogs()


def test_window_that_closed_parks_nobody(shop: Any, lab: Any) -> None:
    experiment = lab.experiment("shop:pay = hang", budget_s=LONG_S)
    experiment.ward.close()
    with pytest.raises(HangReleased):
        experiment.ward.park(NO_ACTIVATION, None)
    experiment.ward.close()
    experiment.close()


def test_release_is_neither_an_error_nor_a_cancellation() -> None:
    assert not issubclass(HangReleased, (Exception, KeyboardInterrupt, SystemExit, asyncio.CancelledError))


def test_hook_for_dying_threads_is_put_back() -> None:
    before = threading.excepthook
    with released_threads_end_quietly():
        assert threading.excepthook is not before
    assert threading.excepthook is before


def test_hook_of_somebody_who_came_later_stays() -> None:
    before = threading.excepthook
    try:
        with released_threads_end_quietly():
            later = threading.excepthook = lambda args: None
        assert threading.excepthook is later
    finally:
        threading.excepthook = before


def test_other_errors_of_threads_are_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[type[BaseException]] = []

    def dies(error: type[BaseException]) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(threading, "excepthook", lambda args: seen.append(args.exc_type))
        with released_threads_end_quietly():
            for error in (HangReleased, KeyError):
                thread = threading.Thread(target=dies, args=(error,))
                thread.start()
                thread.join()

    assert [KeyError] == seen
