"""What is left of a run: for each kind a broken specimen and its right twin, and what must stay silent."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_chaos import compat
from pytest_chaos.contract import Contract
from pytest_chaos.provenance import Provenance
from pytest_chaos.resources.births import NOBODY, Owner
from pytest_chaos.resources.census import Census
from pytest_chaos.resources.threads import is_background_noise

SHOP = """
import asyncio, concurrent.futures, threading

go_on = threading.Event()
pools = []
loops = []

def pay(): return "paid"

def forgets_a_thread():
    threading.Thread(target=go_on.wait, name="notifier").start()
    pay()

def forgets_a_daemon():
    threading.Thread(target=go_on.wait, name="notifier", daemon=True).start()
    pay()

def forgets_a_thread_on_error():
    thread = threading.Thread(target=go_on.wait, name="notifier")
    thread.start()
    pay()
    go_on.set()
    thread.join()

def joins_its_thread_on_error():
    thread = threading.Thread(target=go_on.wait, name="notifier")
    thread.start()
    try:
        pay()
    finally:
        go_on.set()
        thread.join()

def forgets_a_timer():
    timer = threading.Timer(1000, pay)
    timer.start()
    pools.append(timer)
    pay()

def cancels_its_timer():
    timer = threading.Timer(1000, pay)
    timer.start()
    try:
        pay()
    finally:
        timer.cancel()

def keeps_a_worker_busy():
    pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="mailer")
    pools.append(pool)
    pool.submit(go_on.wait)
    pay()

def keeps_an_idle_pool():
    pool = concurrent.futures.ThreadPoolExecutor(1)
    pools.append(pool)
    pool.submit(pay).result()

def loses_an_idle_pool():
    concurrent.futures.ThreadPoolExecutor(1).submit(pay).result()

def ends_a_little_later():
    done = threading.Event()
    threading.Thread(target=done.wait, args=(0.02,)).start()
    pay()

def starts_one_that_starts_one():
    def parent():
        threading.Thread(target=go_on.wait, name="grandchild").start()
    thread = threading.Thread(target=parent)
    thread.start()
    thread.join()
    pay()

async def forever():
    await asyncio.Event().wait()

async def forgets_a_task():
    asyncio.get_running_loop().kept = asyncio.create_task(forever(), name="poller")
    pay()

async def awaits_its_task():
    task = asyncio.create_task(forever(), name="poller")
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    pay()

async def has_a_task_that_ends_soon():
    asyncio.get_running_loop().kept = asyncio.create_task(asyncio.sleep(0.01))
    pay()

async def uses_the_default_executor():
    await asyncio.to_thread(pay)

def runs_a_loop_of_its_own():
    asyncio.run(forgets_a_task())

def closes_its_loop(make):
    loop = asyncio.new_event_loop()
    loops.append(loop)
    try:
        loop.run_until_complete(make())
    finally:
        loop.close()

async def cancels_and_does_not_wait():
    task = asyncio.create_task(forever(), name="poller")
    loops.append(task)
    await asyncio.sleep(0)
    task.cancel()
    pay()
"""


@pytest.fixture
def shop(lab: Any) -> Iterator[Any]:
    shop = lab.module("shop", SHOP)
    for kind in lab.laboratory.census.kinds:
        kind.grace_s = 0.06
    yield shop
    shop.go_on.set()
    for pool in shop.pools:
        if isinstance(pool, threading.Timer):
            pool.cancel()
            pool.join()
        else:
            pool.shutdown()


def left(lab: Any, body: Callable[[], Any], fault: str = "null", **options: Any) -> list[tuple[str, str]]:
    """Return kind and text of what a chaos run leaves."""
    seen = lab.run(body, f"shop:pay = {fault}", **options)
    return [(leftover.kind, leftover.text) for leftover in seen.observation.leftovers]


def on_a_test_loop(lab: Any, make: Callable[[], Any]) -> list[tuple[str, str, bool]]:
    """Run a coroutine on a loop of the test framework's, which is closed after the run was judged."""
    loop = asyncio.new_event_loop()
    try:
        seen = lab.run(lambda: loop.run_until_complete(make()), "shop:pay = null")
        return [(one.kind, one.text, one.is_note) for one in seen.observation.leftovers]
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


# --- broken specimen and right twin


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        (
            "forgets_a_thread",
            "thread",
            "thread 'notifier' started at shop.py:11 in forgets_a_thread, by the test; now at",
        ),
        ("forgets_a_daemon", "thread", "daemon thread 'notifier' started at shop.py:15 in forgets_a_daemon"),
        ("forgets_a_timer", "timer", "started at shop.py:36 in forgets_a_timer"),
        ("keeps_a_worker_busy", "executor", "busy executor worker 'mailer_0' started at shop.py:"),
        ("starts_one_that_starts_one", "thread", "thread 'grandchild' started at shop.py:"),
    ],
)
def test_forgotten_thing_is_found_with_who_made_it(shop: Any, lab: Any, name: str, kind: str, words: str) -> None:
    found = left(lab, lambda: getattr(shop, name)())

    assert [kind] == [kind for kind, _ in found]
    assert words in found[0][1]


@pytest.mark.parametrize(
    "name",
    [
        "joins_its_thread_on_error",
        "cancels_its_timer",
        "keeps_an_idle_pool",
        "loses_an_idle_pool",
        "ends_a_little_later",
    ],
)
@pytest.mark.parametrize("fault", ["null", "raise(OSError)"])
def test_right_twin_leaves_nothing(shop: Any, lab: Any, name: str, fault: str) -> None:
    def body() -> None:
        with contextlib.suppress(OSError):
            getattr(shop, name)()

    assert [] == left(lab, body, fault)


def test_thread_forgotten_only_on_the_error_path_is_found_only_there(shop: Any, lab: Any) -> None:
    def body() -> None:
        with contextlib.suppress(OSError):
            shop.forgets_a_thread_on_error()

    assert [] == left(lab, body, "null")
    shop.go_on.clear()
    assert ["thread"] == [kind for kind, _ in left(lab, body, "raise(OSError)")]


def test_leak_is_a_verdict_that_fails_and_says_how_to_find_it(shop: Any, lab: Any) -> None:
    seen = lab.run(lambda: shop.forgets_a_thread(), "shop:pay = null")

    assert ("leaked", True, ["thread"]) == (seen.verdict, seen.fails, seen.kinds)


def test_leaks_are_not_looked_for_where_the_contract_says_so(shop: Any, lab: Any) -> None:
    assert [] == left(lab, lambda: shop.forgets_a_thread(), contract=Contract(leaks="off"))


# --- tasks


def test_forgotten_task_is_found_with_who_made_it(shop: Any, lab: Any) -> None:
    ((kind, text, is_note),) = on_a_test_loop(lab, shop.forgets_a_task)

    assert ("task", False) == (kind, is_note)
    assert "task 'poller' (forever) created at shop.py:" in text
    assert text.endswith("in forever")


@pytest.mark.parametrize("name", ["awaits_its_task", "has_a_task_that_ends_soon", "uses_the_default_executor"])
def test_right_twin_leaves_no_task(shop: Any, lab: Any, name: str) -> None:
    assert [] == on_a_test_loop(lab, getattr(shop, name))


@pytest.mark.no_leaks("off")  # what the inner census must find is there for an outer one too
def test_task_that_asyncio_run_of_the_test_cancels_is_found(shop: Any, lab: Any) -> None:
    """``asyncio.run`` cancels what is left without a word."""
    assert ["task"] == [kind for kind, _ in left(lab, lambda: asyncio.run(shop.forgets_a_task()))]


@pytest.mark.no_leaks("off")  # what the inner census must find is there for an outer one too
def test_task_that_the_projects_own_asyncio_run_cancels_is_a_note(shop: Any, lab: Any) -> None:
    seen = lab.run(lambda: shop.runs_a_loop_of_its_own(), "shop:pay = null")

    assert ("resilient", False, ["task"]) == (seen.verdict, seen.fails, seen.kinds)
    assert "cancelled by the project's own asyncio.run" in seen.texts[0]


@pytest.mark.no_leaks("off")  # what the inner census must find is there for an outer one too
def test_note_fails_under_a_strict_contract(shop: Any, lab: Any) -> None:
    seen = lab.run(lambda: shop.runs_a_loop_of_its_own(), "shop:pay = null", contract=Contract(leaks="strict"))

    assert ("leaked", True) == (seen.verdict, seen.fails)


@pytest.mark.no_leaks("off")  # what the inner census must find is there for an outer one too
@pytest.mark.parametrize("where", ["in the project", "in the test"])
def test_task_over_which_a_loop_is_closed_is_found(shop: Any, lab: Any, where: str) -> None:
    """Nobody cancels it, so it is a leak also where the project closes the loop."""

    def in_the_test() -> None:
        loop = asyncio.new_event_loop()
        shop.loops.append(loop)
        loop.run_until_complete(shop.forgets_a_task())
        loop.close()

    is_tests = where == "in the test"
    found = left(lab, in_the_test if is_tests else lambda: shop.closes_its_loop(shop.forgets_a_task))

    shop.loops.pop().kept._log_destroy_pending = False  # nothing can end its task now but to be thrown away
    gc.collect()
    ((kind, text),) = found
    assert ("task", True) == (kind, text.startswith("task 'poller' (forever) created at shop.py:")), text
    assert "asyncio.run" not in text


@pytest.mark.parametrize("name", ["awaits_its_task", "uses_the_default_executor"])
def test_loop_that_is_closed_with_nothing_on_it_leaves_nothing(shop: Any, lab: Any, name: str) -> None:
    assert [] == left(lab, lambda: shop.closes_its_loop(getattr(shop, name)))


def test_task_that_is_just_ending_when_the_test_closes_its_loop_is_given_a_turn(shop: Any, lab: Any) -> None:
    def body() -> None:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(shop.cancels_and_does_not_wait())
        loop.close()

    assert [] == left(lab, body)


def test_loop_is_closed_as_ever(shop: Any, lab: Any) -> None:
    """Twice does no harm, and a running one refuses."""
    said: list[str] = []

    async def main() -> None:
        try:
            asyncio.get_running_loop().close()
        except RuntimeError as error:
            said.append(str(error))

    def body() -> None:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        loop.close()
        loop.close()
        shop.pay()

    assert [] == left(lab, body)
    assert ["Cannot close a running event loop"] == said


def test_default_executor_that_asyncio_run_ends_is_no_leak(shop: Any, lab: Any) -> None:
    assert [] == left(lab, lambda: asyncio.run(shop.uses_the_default_executor()))


def test_a_task_is_known_to_be_there_from_its_making_to_its_end() -> None:
    """Whether there is any is asked before loops are looked through."""

    async def main() -> bool:
        return compat.may_have_tasks()

    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(main())
    task = loop.create_task(asyncio.sleep(0))
    assert compat.may_have_tasks()
    loop.run_until_complete(task)
    loop.close()
    if sys.version_info >= (3, 12):
        with asyncio.Runner() as runner:
            runner.get_loop().set_task_factory(asyncio.eager_task_factory)
            assert runner.run(main())


# --- owners


def test_thread_of_a_wider_owner_and_its_grandchild_are_not_the_tests(shop: Any, lab: Any) -> None:
    census = lab.laboratory.census

    def body() -> None:
        before = census.work_for(Owner("the session fixture 'server'", "session"))
        server = threading.Thread(target=serve, name="server")
        server.start()
        census.work_for(before)
        started.wait()
        shop.pay()

    def serve() -> None:
        threading.Thread(target=shop.go_on.wait, name="handler").start()
        started.set()
        shop.go_on.wait()

    started = threading.Event()

    assert [] == left(lab, body)


@pytest.mark.parametrize(
    ("owner", "expected"),
    [(NOBODY, ["of the test", "of its task"]), (Owner("the session fixture 'loop'", "session"), [])],
    ids=["nobody", "a fixture"],
)
def test_task_on_the_loop_of_a_thread_is_the_tests_that_asked_unless_a_fixture_runs_it(
    shop: Any, lab: Any, owner: Owner, expected: list[str]
) -> None:
    census = lab.laboratory.census
    before = census.work_for(owner)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def forget(name: str) -> None:
        shop.loops.append(asyncio.create_task(shop.forever(), name=name))

    # What the loop does of itself is nobody's.
    loop.call_soon_threadsafe(loop.call_later, 0.001, lambda: loop.create_task(forget("of the loop")))
    census.work_for(before)

    async def ask() -> None:
        await forget("of the test")
        await asyncio.create_task(forget("of its task"))
        while len(shop.loops) < 3:
            await asyncio.sleep(0.001)

    def body() -> None:
        shop.pay()
        asyncio.run_coroutine_threadsafe(ask(), loop).result()

    try:
        found = left(lab, body)
    finally:
        for task in shop.loops:
            loop.call_soon_threadsafe(task.cancel)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(asyncio.gather(*shop.loops, return_exceptions=True))
        loop.close()

    assert set(expected) == {text.split("'")[1] for _, text in found}


def test_thread_that_was_there_before_is_not_the_tests(shop: Any, lab: Any) -> None:
    thread = threading.Thread(target=shop.go_on.wait)
    thread.start()

    assert [] == left(lab, lambda: shop.pay())


def test_thread_that_ends_hides_none_that_stays(shop: Any, lab: Any) -> None:
    """Identity counts, not number or name."""
    early = threading.Event()
    thread = threading.Thread(target=early.wait, name="notifier")
    thread.start()

    def body() -> None:
        early.set()
        thread.join()
        shop.forgets_a_thread()

    assert ["thread"] == [kind for kind, _ in left(lab, body)]


@pytest.mark.parametrize(
    ("scope", "expected"), [("test", False), ("function", False), ("class", True), ("session", True)]
)
def test_wider_owners_outlive_the_test(scope: Any, expected: bool) -> None:
    assert expected == Owner("x", scope).outlives_test


@pytest.mark.parametrize(
    ("name", "module", "expected"),
    [
        ("QueueFeederThread", "multiprocessing.queues", True),
        ("worker", "pytest_timeout", True),
        ("worker", "_pytest.runner", True),
        ("worker", "execnet.gateway", True),
        ("worker", "shop", False),
    ],
)
def test_threads_that_serve_the_process_are_noise(name: str, module: str, expected: bool) -> None:
    def target() -> None: ...

    target.__module__ = module

    assert expected == is_background_noise(threading.Thread(target=target, name=name))


# --- taps


def test_taps_are_put_in_once_and_taken_out(tmp_path: Any) -> None:
    before = (threading.Thread.start, asyncio.base_events.BaseEventLoop.create_task)
    census = Census(Provenance(tmp_path))
    census.open()
    census.open()
    assert before != (threading.Thread.start, asyncio.base_events.BaseEventLoop.create_task)
    assert "start" == threading.Thread.start.__name__
    census.close()
    census.close()

    assert before == (threading.Thread.start, asyncio.base_events.BaseEventLoop.create_task)


def test_tap_below_somebody_elses_stays_out_of_their_way(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    original = threading.Thread.start
    census = Census(Provenance(tmp_path))
    census.open()
    ours = threading.Thread.start
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", lambda self: ours(self))
        census.close()
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
    monkeypatch.setattr(threading.Thread, "start", original)
    threading.Thread.start = original  # type: ignore[method-assign]  # what the patch put back was ours  # put back by hand
    monkeypatch.undo()
    threading.Thread.start = original  # type: ignore[method-assign]  # put back by hand


def test_clean_run_waits_for_nothing(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    census = Census(Provenance(tmp_path))
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("slept"))

    assert [] == census.leftovers(census.baseline())


def test_pool_of_anyio_is_no_leak(shop: Any, lab: Any) -> None:
    """It keeps idle threads for its next job for a while."""
    import anyio

    async def main() -> None:
        await anyio.to_thread.run_sync(shop.pay)

    assert [] == left(lab, lambda: anyio.run(main))


def test_executor_in_a_with_block_leaves_nothing(shop: Any, lab: Any) -> None:
    def body() -> None:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: shop.pay(), range(4)))

    assert [] == left(lab, body)
