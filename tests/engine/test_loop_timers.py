"""Timers of event loops that nobody cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from pytest_chaos.provenance import Provenance
from pytest_chaos.resources.births import Owner
from pytest_chaos.resources.census import Census

SHOP = """
import asyncio, contextlib, functools

async def pay(): return "paid"

def refresh(*args): pass

async def forgets_it():
    asyncio.get_running_loop().call_later(1000, refresh)
    await pay()

async def forgets_a_partial():
    loop = asyncio.get_running_loop()
    loop.call_at(loop.time() + 1000, functools.partial(refresh, 1))

async def forgets_a_builtin():
    asyncio.get_running_loop().call_later(1000, [].append, 1)

async def cancels_it():
    timer = asyncio.get_running_loop().call_later(1000, refresh)
    try:
        await pay()
    finally:
        timer.cancel()

async def has_one_that_rings_soon():
    asyncio.get_running_loop().call_later(0.005, refresh)

async def waits():
    async with asyncio.timeout(1000):
        await asyncio.sleep(0.001)
    await asyncio.wait_for(asyncio.sleep(0.001), 1000)
    await asyncio.wait([asyncio.create_task(pay())], timeout=1000)

def runs_a_loop_of_its_own():
    asyncio.run(forgets_it())
"""


@pytest.fixture
def shop(lab: Any) -> Any:
    shop = lab.module("shop", SHOP)
    for kind in lab.laboratory.census.kinds:
        kind.grace_s = 0.02
    return shop


def left(lab: Any, body: Callable[[], Any], fault: str = "null") -> list[tuple[str, str]]:
    """Return kind and text of what a chaos run leaves."""
    seen = lab.run(body, f"shop:pay = {fault}")
    return [(leftover.kind, leftover.text) for leftover in seen.observation.leftovers]


def on_a_kept_loop(lab: Any, make: Callable[[], Any]) -> list[tuple[str, str]]:
    """Run a coroutine on a loop that is closed after the run was judged."""
    loop = asyncio.new_event_loop()
    try:
        return left(lab, lambda: loop.run_until_complete(make()))
    finally:
        loop.close()


def run_of(make: Callable[[], Any]) -> Callable[[], None]:
    return lambda: asyncio.run(make())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("forgets_it", "timer of an event loop, for refresh set at shop.py:9 in forgets_it, by the test"),
        ("forgets_a_partial", "timer of an event loop, for refresh set at shop.py:14 in forgets_a_partial"),
        ("forgets_a_builtin", "timer of an event loop, for list.append set at shop.py:17 in forgets_a_builtin"),
    ],
)
def test_pending_timer_is_found_with_who_set_it(shop: Any, lab: Any, name: str, words: str) -> None:
    for found in (left(lab, run_of(getattr(shop, name))), on_a_kept_loop(lab, getattr(shop, name))):
        ((kind, text),) = found
        assert "timer" == kind
        assert text.startswith(words)


@pytest.mark.parametrize("name", ["cancels_it", "has_one_that_rings_soon", "waits"])
def test_right_twin_leaves_none(shop: Any, lab: Any, name: str) -> None:
    for kind in lab.laboratory.census.kinds:
        kind.grace_s = 0.5

    assert [] == left(lab, run_of(getattr(shop, name)))
    assert [] == on_a_kept_loop(lab, getattr(shop, name))


@pytest.mark.no_leaks("off")  # what the inner census must find is there for an outer one too
def test_sleep_of_a_forgotten_task_is_told_as_the_task_alone(shop: Any, lab: Any) -> None:
    async def main() -> None:
        asyncio.get_running_loop().kept = asyncio.create_task(asyncio.sleep(1000))  # type: ignore[attr-defined]  # keeps it
        await asyncio.sleep(0)

    assert ["task"] == [kind for kind, _ in left(lab, run_of(main))]


def test_timer_that_the_projects_own_asyncio_run_drops_is_a_note(shop: Any, lab: Any) -> None:
    seen = lab.run(lambda: shop.runs_a_loop_of_its_own(), "shop:pay = null")

    assert ("resilient", ["timer"]) == (seen.verdict, seen.kinds)
    assert "dropped with the project's own event loop" in seen.texts[0]


def test_timer_on_a_loop_of_another_thread_is_found(shop: Any, lab: Any) -> None:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        found = left(lab, lambda: asyncio.run_coroutine_threadsafe(shop.forgets_it(), loop).result())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    assert ["timer"] == [kind for kind, _ in found]


def test_timer_of_a_wider_fixture_or_from_before_is_not_the_tests(shop: Any, lab: Any) -> None:
    census = lab.laboratory.census
    loop = asyncio.new_event_loop()
    loop.run_until_complete(shop.forgets_it())

    async def main() -> None:
        before = census.work_for(Owner("the session fixture 'clock'", "session"))
        await shop.forgets_it()
        census.work_for(before)

    try:
        assert [] == left(lab, lambda: loop.run_until_complete(main()))
    finally:
        loop.close()


@pytest.mark.no_leaks("off")  # what the inner census must find is there for an outer one too
def test_two_equal_timers_are_two(shop: Any, lab: Any) -> None:
    """Timers compare equal that do the same at the same time; what counts is which they are."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        when = loop.time() + 1000
        loop.call_at(when, shop.refresh)
        loop.call_at(when, shop.refresh)

    assert ["timer", "timer"] == [kind for kind, _ in left(lab, run_of(main))]


def test_tap_is_taken_out(tmp_path: Any) -> None:
    before = vars(asyncio.BaseEventLoop)["call_at"]
    census = Census(Provenance(tmp_path))
    census.open()
    assert before is not vars(asyncio.BaseEventLoop)["call_at"]
    census.close()

    assert before is vars(asyncio.BaseEventLoop)["call_at"]
