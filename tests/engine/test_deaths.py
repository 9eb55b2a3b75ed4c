"""Errors that nobody saw: in tasks, threads, callbacks and workers' futures; and those that somebody did see."""

from __future__ import annotations

import ast
import asyncio
import gc
import inspect
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_chaos.contract import Contract
from pytest_chaos.observation import Observation, ParkedSeen
from pytest_chaos.oracles.leaks import judge_leaks
from pytest_chaos.oracles.lost import judge_lost
from pytest_chaos.provenance import Provenance
from pytest_chaos.resources.births import Owner
from pytest_chaos.resources.census import Census
from pytest_chaos.resources.leftovers import Leftover

SHOP = """
import asyncio, concurrent.futures, contextlib, logging, threading

kept = []

def pay(): raise OSError("the bank is closed")
async def pay_async(): raise OSError("the bank is closed")

async def forgets_it():
    asyncio.create_task(pay_async(), name="payer")
    await asyncio.sleep(0)

async def keeps_it():
    kept.append(asyncio.create_task(pay_async(), name="payer"))
    await asyncio.sleep(0)

async def keeps_it_in_a_cycle():
    task = asyncio.create_task(pay_async(), name="payer")
    task.add_done_callback(lambda done, me=task: None)
    ring = [task]
    ring.append(ring)
    await asyncio.sleep(0)

async def discards_it():
    tasks = set()
    task = asyncio.create_task(pay_async(), name="payer")
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    del task
    await asyncio.sleep(0)
    await asyncio.sleep(0)

async def throws_it_away():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    async def waits(): await future
    task = asyncio.create_task(waits(), name="payer")
    await asyncio.sleep(0)

async def breaks_in_a_callback():
    asyncio.get_running_loop().call_soon(pay)
    await asyncio.sleep(0)

async def awaits_it():
    task = asyncio.create_task(pay_async())
    with contextlib.suppress(OSError):
        await task

async def gathers_it():
    await asyncio.gather(pay_async(), pay_async(), return_exceptions=True)

async def logs_it():
    def look(task):
        logging.getLogger("shop").warning("not paid: %r", task.exception())
    asyncio.create_task(pay_async()).add_done_callback(look)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

async def groups_it():
    with contextlib.suppress(BaseExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(pay_async())

async def times_out():
    async def slow():
        await asyncio.sleep(0.005)
        raise OSError
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(slow(), 0.001)
    await asyncio.sleep(0.01)

async def cancels_it():
    task = asyncio.create_task(asyncio.sleep(10))
    await asyncio.sleep(0)
    task.cancel()

async def has_a_handler():
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: kept.append(context["message"]))
    asyncio.create_task(pay_async())
    await asyncio.sleep(0)

async def pays_in_a_thread():
    with contextlib.suppress(OSError):
        await asyncio.to_thread(pay)

def dies_in_a_thread():
    thread = threading.Thread(target=pay, name="payer")
    thread.start()
    thread.join()

def catches_in_a_thread():
    def work():
        with contextlib.suppress(OSError): pay()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

def ends_a_thread():
    def work(): raise SystemExit
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

def forgets_a_job():
    with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="payer") as pool:
        pool.submit(pay)

def keeps_a_job():
    with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="payer") as pool:
        kept.append(pool.submit(pay))

def waits_and_does_not_ask():
    with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="payer") as pool:
        concurrent.futures.wait([pool.submit(pay)])

def forgets_two_jobs():
    with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="payer") as pool:
        pool.submit(pay)
        pool.submit(pay)

def hands_it_to_a_loop():
    async def main():
        future = asyncio.run_coroutine_threadsafe(pay_async(), asyncio.get_running_loop())
        while not future.done(): await asyncio.sleep(0)
        kept.append(future)
    asyncio.run(main())

def asks_for_the_result():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with contextlib.suppress(OSError): pool.submit(pay).result()

def asks_for_the_error():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        job = pool.submit(pay)
    return job.exception()

def maps():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with contextlib.suppress(OSError): list(pool.map(lambda _: pay(), [1]))

def is_called_back():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(pay).add_done_callback(lambda job: kept.append(str(job.exception())))

def asks_as_completed():
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(pay), pool.submit(pay)]
        for job in concurrent.futures.as_completed(jobs):
            assert job.exception() is not None
"""


@pytest.fixture
def shop(lab: Any) -> Iterator[Any]:
    shop = lab.module("shop", SHOP)
    for kind in lab.laboratory.census.kinds:
        kind.grace_s = 0.02
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "excepthook", threading.__excepthook__)  # pytest's own would warn of each death
        yield shop
    for one in shop.kept:
        if isinstance(one, asyncio.Future):
            one.exception()  # asked for at last, or asyncio would complain of it
    shop.kept.clear()


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    """What asyncio and threads print of the dead is expected here."""


def left(lab: Any, body: Callable[[], Any], **options: Any) -> list[tuple[str, str]]:
    """Return kind and text of what a run leaves, in which no fault matters."""
    lab.module("calm", "def call(): pass")
    seen = lab.run(body, "calm:call = null", **options)
    return [(leftover.kind, leftover.text) for leftover in seen.observation.leftovers]


def run_of(make: Callable[[], Any]) -> Callable[[], None]:
    return lambda: asyncio.run(make())


# --- lost


@pytest.mark.parametrize("name", ["forgets_it", "keeps_it", "keeps_it_in_a_cycle", "discards_it"])
def test_error_of_a_task_that_nobody_asks_for_is_lost(shop: Any, lab: Any, name: str) -> None:
    ((kind, text),) = left(lab, run_of(getattr(shop, name)))
    gc.collect()

    assert "task-error" == kind
    assert "task 'payer' (pay_async) died unseen of OSError: the bank is closed at shop.py:7 in pay_async; " in text
    assert f" in {name}, by the test" in text


def test_lost_error_is_a_verdict_that_fails(shop: Any, lab: Any) -> None:
    seen = lab.run(run_of(shop.forgets_it), "shop:pay_async = raise(ConnectionError)")

    assert ("lost", True, ["task-error"]) == (seen.verdict, seen.fails, seen.kinds)


@pytest.mark.no_leaks("off")  # what the inner census must find is there for an outer one too
@pytest.mark.parametrize(
    ("first", "expected"),
    [("task", ("task-error", " was thrown away before its end; created at")), ("loop", ("task", " created at"))],
)
def test_task_that_is_thrown_away_before_its_end_is_told_once(
    shop: Any, lab: Any, monkeypatch: pytest.MonkeyPatch, first: str, expected: tuple[str, str]
) -> None:
    """As lost, or as left on a loop that was closed before."""
    monkeypatch.setattr(logging.getLogger("asyncio"), "disabled", True)  # it would rightly complain

    def body() -> None:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(shop.throws_it_away())
        if first == "task":
            gc.collect()
        loop.close()
        del loop
        gc.collect()

    ((kind, text),) = left(lab, body)

    assert expected[0] == kind
    assert f"task 'payer' (throws_it_away.<locals>.waits){expected[1]}" in text


def test_error_of_a_callback_is_lost(shop: Any, lab: Any) -> None:
    ((kind, text),) = left(lab, run_of(shop.breaks_in_a_callback))

    assert ("task-error", "callback pay died unseen of OSError: the bank is closed at shop.py:6 in pay") == (kind, text)


def test_error_of_a_thread_is_lost(shop: Any, lab: Any) -> None:
    ((kind, text),) = left(lab, lambda: shop.dies_in_a_thread())

    assert "thread-error" == kind
    assert text.startswith("thread 'payer' died unseen of OSError: the bank is closed at shop.py:6 in pay; started at ")
    assert text.endswith("in dies_in_a_thread, by the test")


@pytest.mark.parametrize(
    ("name", "times"),
    [("forgets_a_job", 1), ("keeps_a_job", 1), ("waits_and_does_not_ask", 1), ("forgets_two_jobs", 2)],
)
def test_error_of_a_workers_job_that_nobody_asks_for_is_lost(shop: Any, lab: Any, name: str, times: int) -> None:
    found = left(lab, lambda: getattr(shop, name)())

    assert ["task-error"] * times == [kind for kind, _ in found]
    assert "job pay of thread 'payer_0' died unseen of OSError: the bank is closed at shop.py:6 in pay" in found[0][1]


def test_error_of_a_coroutine_handed_to_a_loop_is_lost_if_nobody_asks(shop: Any, lab: Any) -> None:
    ((kind, text),) = left(lab, lambda: shop.hands_it_to_a_loop())

    assert "task-error" == kind
    assert "died unseen of OSError: the bank is closed at shop.py:7 in pay_async" in text


# --- seen


@pytest.mark.parametrize(
    "name",
    [
        "awaits_it",
        "gathers_it",
        "logs_it",
        "groups_it",
        "times_out",
        "cancels_it",
        "has_a_handler",
        "pays_in_a_thread",
    ],
)
def test_error_that_somebody_saw_is_not_lost(shop: Any, lab: Any, name: str) -> None:
    assert [] == left(lab, run_of(getattr(shop, name)))


@pytest.mark.parametrize(
    "name",
    [
        "catches_in_a_thread",
        "ends_a_thread",
        "asks_for_the_result",
        "asks_for_the_error",
        "maps",
        "is_called_back",
        "asks_as_completed",
    ],
)
def test_error_that_somebody_asked_for_in_time_is_not_lost(shop: Any, lab: Any, name: str) -> None:
    assert [] == left(lab, lambda: getattr(shop, name)())


def test_task_that_the_test_asks_at_last_is_not_lost(shop: Any, lab: Any) -> None:
    def body() -> None:
        asyncio.run(shop.keeps_it())
        assert "the bank is closed" == str(shop.kept[0].exception())

    assert [] == left(lab, body)


def test_hook_of_the_project_sees_the_errors_of_threads(shop: Any, lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def body() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(threading, "excepthook", lambda args: seen.append(str(args.exc_value)))
            shop.dies_in_a_thread()

    assert [] == left(lab, body)
    assert ["the bank is closed"] == seen


def test_hooks_are_called_as_before(shop: Any, lab: Any) -> None:
    """Nothing is kept from pytest's hook, or from anybody's."""
    seen: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "excepthook", lambda args: seen.append(args.exc_type.__name__))
        left(lab, lambda: shop.dies_in_a_thread())

    assert ["OSError"] == seen


def test_thread_that_ends_with_its_released_hang_is_not_lost(shop: Any, lab: Any) -> None:
    def body() -> None:
        thread = threading.Thread(target=shop.pay)
        thread.start()
        thread.join()

    seen = lab.run(body, "shop:pay = hang", budget_s=0.05)

    assert ("hung", ["hang"]) == (seen.verdict, seen.kinds)


def test_task_that_ends_with_its_released_hang_is_not_lost(shop: Any, lab: Any) -> None:
    async def main() -> None:
        shop.kept.append(asyncio.create_task(shop.pay_async()))
        await asyncio.wait(shop.kept)

    seen = lab.run(run_of(main), "shop:pay_async = hang", budget_s=0.05)

    assert ("hung", ["hang"]) == (seen.verdict, seen.kinds)


@pytest.mark.no_leaks("off")  # what the inner census must find is there for an outer one too
@pytest.mark.parametrize("text", ["shop:pay_async = hang", "shop:pay_async = raise(OSError)"])
def test_only_of_a_released_hang_no_loop_tells_anybody(
    shop: Any, lab: Any, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    async def main() -> None:
        shop.kept.append(asyncio.create_task(shop.pay_async()))
        await asyncio.wait(shop.kept)
        shop.kept.clear()

    with caplog.at_level(logging.ERROR, logger="asyncio"):
        lab.run(run_of(main), text, budget_s=0.05)
        gc.collect()

    assert ("hang" not in text) == ("Task exception was never retrieved" in caplog.text)


@pytest.mark.no_leaks("off")  # what the inner census must find is there for an outer one too
def test_error_that_is_dropped_while_source_is_parsed_is_told(tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    """To tell of it is to parse source, which CPython 3.11 cannot do twice at once."""
    census = Census(Provenance(tmp_path))
    source = inspect.getsource(asyncio.base_events) * 2

    async def fails() -> None:
        raise OSError("the bank is closed")

    async def drops_it() -> None:
        task = asyncio.create_task(fails())
        ring: list[Any] = [task]
        ring.append(ring)
        task.add_done_callback(lambda done, ring=ring: None)
        await asyncio.sleep(0)

    census.open()
    thresholds = gc.get_threshold()
    try:
        with caplog.at_level(logging.ERROR, logger="asyncio"):
            gc.disable()
            asyncio.run(drops_it())
            gc.enable()
            gc.set_threshold(50, 1, 1)
            ast.parse(source)
    finally:
        gc.set_threshold(*thresholds)
        census.close()

    assert "Task exception was never retrieved" in caplog.text
    assert "the bank is closed" in caplog.text


def test_threads_parse_source_one_after_the_other(tmp_path: Any) -> None:
    """A thread that prints an error, and pytest that shows one, do not get in each other's way."""
    census = Census(Provenance(tmp_path))
    source = inspect.getsource(ast)
    failed: list[BaseException] = []

    class Switches:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            sum(number for number in range(50))  # the garbage collector lets another thread run

    def parses() -> None:
        for _ in range(25):
            Switches()
            try:
                ast.parse(source)
            except SystemError as error:
                failed.append(error)

    census.open()
    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(100, 1, 1)
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=parses) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*thresholds)
        census.close()

    assert [] == failed


# --- whose


def test_death_is_told_once(shop: Any, lab: Any) -> None:
    assert ["task-error"] == [kind for kind, _ in left(lab, run_of(shop.keeps_it))]
    task = shop.kept.pop()

    def body() -> None:
        nonlocal task
        task = None
        gc.collect()

    assert [] == left(lab, body)


@pytest.mark.no_leaks("off")  # what the inner census must find is there for an outer one too
def test_thread_that_another_test_left_dies_for_nobody(shop: Any, lab: Any) -> None:
    go_on = threading.Event()

    def work() -> None:
        go_on.wait()
        shop.pay()

    thread = threading.Thread(target=work)
    thread.start()

    def body() -> None:
        go_on.set()
        thread.join()

    assert [] == left(lab, body)


@pytest.mark.no_leaks("off")  # what the inner census must find is there for an outer one too
def test_thread_of_a_wider_fixture_that_dies_in_the_test_is_lost_in_it(shop: Any, lab: Any) -> None:
    """It serves the test, and what kills it is most likely the fault."""
    go_on = threading.Event()
    census = lab.laboratory.census

    def work() -> None:
        go_on.wait()
        shop.pay()

    before = census.work_for(Owner("the session fixture 'server'", "session"))
    thread = threading.Thread(target=work, name="server")
    thread.start()
    census.work_for(before)

    def body() -> None:
        go_on.set()
        thread.join()

    ((kind, text),) = left(lab, body)

    assert "thread-error" == kind
    assert text.endswith("by the session fixture 'server'")


def test_librarys_own_task_is_not_judged(shop: Any, lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    provenance = lab.laboratory.provenance
    source = "import asyncio\nasync def dies(): raise OSError\nasync def spawns(): asyncio.create_task(dies())"
    library: dict[str, Any] = {}
    exec(compile(source, "/opt/site-packages/library.py", "exec"), library)  # a library's file need not be there
    assert "installed" == provenance.of_file("/opt/site-packages/library.py")

    assert [] == left(lab, run_of(library["spawns"]))


LIBRARY = """
import threading

def calls_back(callback):
    def work():
        if callback() is None:
            raise RuntimeError("no answer")
    thread = threading.Thread(target=work, name="ticker")
    thread.start()
    thread.join()
"""


@pytest.fixture
def calls_back() -> Any:
    """A library's function, in whose thread a callback is called that must give an answer."""
    library: dict[str, Any] = {}
    exec(compile(LIBRARY, "/opt/site-packages/ticker.py", "exec"), library)
    return library["calls_back"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [("raise(OSError)", "OSError: chaos: "), ("null", "RuntimeError: no answer")],
    ids=["of the injected error", "of what it makes of the fault"],
)
def test_librarys_thread_that_a_fault_ends_is_lost(
    shop: Any, lab: Any, calls_back: Any, fault: str, error: str
) -> None:
    lab.module("clock", "def read(): return 21")
    clock = lab.module("tick", "import clock\n\ndef watch(calls_back):\n    calls_back(lambda: clock.read())\n")

    seen = lab.run(lambda: clock.watch(calls_back), f"clock:read = {fault}")

    assert ("lost", True, ["thread-error"]) == (seen.verdict, seen.fails, seen.kinds)
    assert seen.texts[0].startswith(f"thread 'ticker' died unseen of {error}")
    assert "started at tick.py:4 in watch" in seen.texts[0]


@pytest.mark.parametrize(("rule", "expected"), [("clock:read = null", ["thread-error"]), ("calm:call = null", [])])
def test_librarys_thread_that_a_fault_ends_after_the_body_is_lost(
    shop: Any, lab: Any, rule: str, expected: list[str]
) -> None:
    """While fixtures are torn down; one that dies there of itself is not judged."""
    lab.module("calm", "def call(): pass")
    lab.module("clock", "def read(): return 21")
    library: dict[str, Any] = {}
    exec(compile(LIBRARY.replace("    thread.join()", "    return thread"), "/opt/site-packages/t.py", "exec"), library)
    tick = lab.module(
        "tick",
        """
        import calm, clock, threading
        may_end = threading.Event()
        has_read = threading.Event()
        def read():
            value = clock.read()
            has_read.set()
            may_end.wait()
            return value if value is None or value > 20 and calm.call() else None
        def watch(starts):
            calm.call()
            thread = starts(read)
            has_read.wait()
            return thread
        """,
    )
    experiment = lab.experiment(rule)
    with experiment.body():
        thread = tick.watch(library["calls_back"])
    tick.may_end.set()
    thread.join()
    judgement = experiment.conclude()[1]

    assert expected == [one.evidence.kind for one in judgement.findings if one.fails]


WORKER = """
import threading
import bank

class Worker(threading.Thread):
    error = None
    def run(self):
        try:
            bank.pay()
        except Exception as error:
            self.error = error
            raise
    def answer(self):
        self.join()
        if self.error is not None:
            raise {raised}
"""


@pytest.mark.no_leaks("off")  # what the inner census must find is there for an outer one too
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    ("raised", "is_lost"),
    [("self.error", False), ("LookupError from self.error", False), ("LookupError", True)],
    ids=["itself", "as the cause", "another one"],
)
def test_error_of_a_thread_that_the_test_gets_to_see_is_not_lost(lab: Any, raised: str, is_lost: bool) -> None:
    """Whoever has started it asks for its answer, and raises what ended it."""
    lab.module("bank", "def pay(): return 21")
    shop = lab.module("shop", WORKER.format(raised=raised))

    def body() -> None:
        worker = shop.Worker()
        worker.start()
        worker.answer()

    seen = lab.run(body, "bank:pay = raise(OSError)")

    assert "thread-error" in seen.kinds
    assert ("lost" == seen.verdict) is is_lost


def test_librarys_thread_that_dies_of_itself_is_not_judged(shop: Any, lab: Any, calls_back: Any) -> None:
    """A fault that acts elsewhere has not ended it."""
    lab.module("clock", "def read(): return 21")
    lab.module("calm", "def call(): pass")
    tick = lab.module("tick", "import calm\n\ndef watch(calls_back):\n    calm.call()\n    calls_back(print)\n")

    seen = lab.run(lambda: tick.watch(calls_back), "calm:call = null")

    assert ("resilient", []) == (seen.verdict, seen.kinds)


def test_lost_errors_are_not_looked_for_where_the_contract_says_so(shop: Any, lab: Any) -> None:
    assert [] == left(lab, run_of(shop.forgets_it), contract=Contract(leaks="off"))


# --- the oracle

DEAD, NOTE = Leftover("task-error", "task 'x'", "f"), Leftover("thread-error", "thread 'y'", "g", is_note=True)


@pytest.mark.parametrize(
    ("level", "parked", "expected"),
    [
        ("on", (), [("lost", "task-error", True), ("resilient", "thread-error", False)]),
        ("strict", (), [("lost", "task-error", True), ("lost", "thread-error", True)]),
        ("off", (), []),
        # What comes after a release is an answer to that.
        ("on", ("hung",), [("resilient", "task-error", False), ("resilient", "thread-error", False)]),
        ("on", ("left",), [("lost", "task-error", True), ("resilient", "thread-error", False)]),
    ],
)
def test_deaths_are_judged_as_lost_and_not_as_leaks(level: Any, parked: tuple[str, ...], expected: list[Any]) -> None:
    seen = Observation(
        test="t",
        kind="fault",
        seed=0,
        scenario="",
        contract=Contract(leaks=level),
        parked=tuple(ParkedSeen("x", "main", outcome, "", (), False) for outcome in parked),
        leftovers=(DEAD, NOTE),
    )

    assert expected == [(one.verdict.value, one.evidence.kind, one.fails) for one in judge_lost(seen)]
    assert [] == list(judge_leaks(seen))


# --- taps


def test_taps_are_taken_out(tmp_path: Any) -> None:
    from concurrent.futures import Future

    def taps() -> list[Any]:
        return [
            vars(asyncio.base_events.BaseEventLoop)["call_exception_handler"],
            *(vars(Future)[name] for name in ("result", "exception", "set_exception")),
            threading.excepthook,
        ]

    before = taps()
    census = Census(Provenance(tmp_path))
    census.open()
    assert before != taps()
    census.close()

    assert before == taps()
