"""Parked calls: who is judged, who is spared, and that everybody goes on in the end.

Budgets are small because these tests wait for them; nothing here measures time.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from pytest_chaos.hang import HangReleased, released_threads_end_quietly
from pytest_chaos.provenance import frames_from

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


@pytest.fixture
def shop(lab: Any) -> Any:
    return lab.module("shop", SHOP)


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
def test_endless_hang_is_released_at_the_budget_and_hung(shop: Any, lab: Any, name: str) -> None:
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
    seen = lab.run(lambda: shop.waits_without_a_timeout(), "shop:pay = hang", budget_s=BUDGET_S)

    assert ("inconclusive", True, ["inconclusive"]) == (seen.verdict, seen.fails, outcomes(seen))
    assert "a timed wait at shop.py:" in seen.texts[0]
    assert "in waits_without_a_timeout may have ended it; raise the budget" in seen.texts[0]


def test_async_hang_under_a_longer_timeout_is_inconclusive(shop: Any, lab: Any) -> None:
    seen = lab.run(lambda: asyncio.run(shop.gives_up(20)), "shop:pay_later = hang", budget_s=BUDGET_S)

    assert ("inconclusive", ["inconclusive"]) == (seen.verdict, outcomes(seen))
    assert "shop.py:" in seen.texts[0] and "in gives_up" in seen.texts[0]


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


# --- spared


def test_cancelled_hang_is_a_recovery(shop: Any, lab: Any) -> None:
    answers: list[Any] = []
    seen = lab.run(lambda: answers.append(asyncio.run(shop.gives_up(0.01))), "shop:pay_later = hang", budget_s=LONG_S)

    assert (["gave up"], "resilient", []) == (answers, seen.verdict, seen.kinds)
    assert ["left"] == outcomes(seen)
    assert "ended by CancelledError" == seen.observation.parked[0].reason


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


def test_keyboard_interrupt_in_a_hang_ends_the_run_even_if_it_is_swallowed(shop: Any, lab: Any) -> None:
    main = threading.get_ident()
    experiment = lab.experiment("shop:pay = hang", budget_s=LONG_S)

    def is_parked() -> bool:
        names = [frame.f_code.co_name for frame in frames_from(sys._current_frames()[main])]
        return "park" in names and "_enter" not in names and names[0] == "wait"

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
        experiment.ward.park("label", None)
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
