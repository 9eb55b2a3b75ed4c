"""Asynchronous generators that are begun, and neither ended nor closed."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_chaos.provenance import Provenance
from pytest_chaos.resources.births import Owner
from pytest_chaos.resources.census import Census

SHOP = """
import asyncio, contextlib

kept = []

async def pay(): return "paid"

async def rows():
    try:
        yield 1
        yield 2
    finally:
        await asyncio.sleep(0)

async def keeps_one():
    found = rows()
    kept.append(found)
    await anext(found)
    await pay()

async def closes_it():
    found = rows()
    kept.append(found)
    await anext(found)
    await found.aclose()

async def ends_it():
    found = rows()
    kept.append(found)
    async for row in found: pass

async def drops_it():
    async for row in rows():
        break

async def closes_it_whatever_happens():
    async with contextlib.aclosing(rows()) as found:
        async for row in found:
            await pay()

async def drops_it_on_error():
    found = rows()
    async for row in found:
        await pay()

async def never_begins():
    kept.append(rows())

@contextlib.asynccontextmanager
async def session():
    yield 1

async def uses_a_context():
    async with session():
        await pay()

def runs_a_loop_of_its_own():
    asyncio.run(keeps_one())

def closes_its_loop():
    loop = asyncio.new_event_loop()
    loop.run_until_complete(keeps_one())
    loop.close()
"""


@pytest.fixture
def shop(lab: Any) -> Iterator[Any]:
    shop = lab.module("shop", SHOP)
    for kind in lab.laboratory.census.kinds:
        kind.grace_s = 0.02
    yield shop
    shop.kept.clear()


def left(lab: Any, body: Callable[[], Any], fault: str = "null") -> list[tuple[str, str]]:
    """Return kind and text of what a chaos run leaves."""
    seen = lab.run(body, f"shop:pay = {fault}")
    return [(leftover.kind, leftover.text) for leftover in seen.observation.leftovers]


def run_of(make: Callable[[], Any]) -> Callable[[], None]:
    return lambda: asyncio.run(make())


def on_a_kept_loop(lab: Any, make: Callable[[], Any]) -> list[tuple[str, str]]:
    """Run a coroutine on a loop that is closed after the run was judged."""
    loop = asyncio.new_event_loop()
    try:
        return left(lab, lambda: loop.run_until_complete(make()))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@pytest.mark.parametrize("run", ["on a loop that closes", "on a kept loop"])
def test_open_generator_that_somebody_holds_is_found(shop: Any, lab: Any, run: str) -> None:
    is_kept = run == "on a kept loop"

    ((kind, text),) = on_a_kept_loop(lab, shop.keeps_one) if is_kept else left(lab, run_of(shop.keeps_one))

    assert "async-generator" == kind
    assert text.startswith(
        "asynchronous generator rows begun at shop.py:18 in keeps_one, by the test; now at shop.py:10"
    )


RIGHT = [
    "closes_it",
    "ends_it",
    "drops_it",
    "closes_it_whatever_happens",
    "never_begins",
    "uses_a_context",
]


@pytest.mark.parametrize("name", RIGHT)
def test_right_twin_leaves_none(shop: Any, lab: Any, name: str) -> None:
    assert [] == left(lab, run_of(getattr(shop, name)))
    assert [] == on_a_kept_loop(lab, getattr(shop, name))


@pytest.mark.parametrize("name", ["closes_it_whatever_happens", "drops_it_on_error"])
def test_what_only_an_injected_error_keeps_is_not_left(shop: Any, lab: Any, name: str) -> None:
    """We keep the error, and with it the variables of the functions that it passed."""

    async def main() -> None:
        with contextlib.suppress(OSError):
            await getattr(shop, name)()

    assert [] == left(lab, run_of(main), "raise(OSError)")


def test_generator_that_the_projects_own_asyncio_run_closes_is_a_note(shop: Any, lab: Any) -> None:
    seen = lab.run(lambda: shop.runs_a_loop_of_its_own(), "shop:pay = null")

    assert ("resilient", ["async-generator"]) == (seen.verdict, seen.kinds)
    assert "closed by the project's own asyncio.run" in seen.texts[0]


def test_generator_over_which_the_project_closes_its_loop_is_a_leak(shop: Any, lab: Any) -> None:
    """Nobody closes it."""
    seen = lab.run(lambda: shop.closes_its_loop(), "shop:pay = null")

    assert ("leaked", ["async-generator"]) == (seen.verdict, seen.kinds)
    assert "asyncio.run" not in seen.texts[0]


def test_generator_on_a_loop_of_another_thread_is_found(shop: Any, lab: Any) -> None:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        found = left(lab, lambda: asyncio.run_coroutine_threadsafe(shop.keeps_one(), loop).result())
    finally:
        asyncio.run_coroutine_threadsafe(loop.shutdown_asyncgens(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    assert ["async-generator"] == [kind for kind, _ in found]


def test_generator_of_a_wider_fixture_is_not_the_tests(shop: Any, lab: Any) -> None:
    census = lab.laboratory.census

    async def main() -> None:
        before = census.work_for(Owner("the session fixture 'feed'", "session"))
        await shop.keeps_one()
        census.work_for(before)

    assert [] == on_a_kept_loop(lab, main)


def test_generator_that_was_open_before_is_not_the_tests(shop: Any, lab: Any) -> None:
    loop = asyncio.new_event_loop()
    loop.run_until_complete(shop.keeps_one())
    try:
        assert [] == left(lab, lambda: loop.run_until_complete(shop.pay()))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def test_tap_is_taken_out(tmp_path: Any) -> None:
    before = vars(asyncio.BaseEventLoop)["_asyncgen_firstiter_hook"]
    census = Census(Provenance(tmp_path))
    census.open()
    assert before is not vars(asyncio.BaseEventLoop)["_asyncgen_firstiter_hook"]
    census.close()

    assert before is vars(asyncio.BaseEventLoop)["_asyncgen_firstiter_hook"]
