"""Permits of semaphores that are not given back."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_chaos.resources.births import Owner, is_of

SHOP = """
import asyncio, threading

SLOTS = threading.BoundedSemaphore(3)
POLITE = asyncio.Semaphore(2)
NEWS = threading.Semaphore(0)
threads, kept = [], []
go_on, taken = threading.Event(), threading.Event()

def pay(): return "paid"

def loses_one():
    SLOTS.acquire()
    pay()

def loses_one_on_error():
    SLOTS.acquire()
    try:
        pay()
    except OSError:
        return
    SLOTS.release()

def uses_one():
    with SLOTS:
        pay()

async def loses_a_polite_one():
    await POLITE.acquire()
    pay()

async def uses_a_polite_one():
    async with POLITE:
        pay()

def makes_one_and_loses_it():
    kept.append(threading.Semaphore(2))
    kept[-1].acquire()
    pay()

class Mine(threading.Semaphore):
    def __eq__(self, other): raise AssertionError
    __hash__ = None

def makes_its_own_and_loses_it():
    kept.append(Mine(2))
    kept[-1].acquire()
    pay()

def signals():
    NEWS.release(2)

def hears_one():
    NEWS.acquire()
    pay()

def start(target):
    threads.append(threading.Thread(target=target))
    threads[-1].start()

def gives_back_soon():
    SLOTS.acquire()
    start(give_back_soon)
    pay()

def give_back_soon():
    go_on.wait(0.02)
    SLOTS.release()

def works_with_one():
    with SLOTS:
        taken.set()
        go_on.wait()
"""


@pytest.fixture
def shop(lab: Any) -> Iterator[Any]:
    shop = lab.module("shop", SHOP)
    for kind in lab.laboratory.census.kinds:
        kind.grace_s = 0.06
    yield shop
    shop.go_on.set()
    for thread in shop.threads:
        thread.join()


def left(lab: Any, body: Callable[[], Any], fault: str = "null") -> list[tuple[str, str]]:
    """Return kind and text of what a chaos run leaves, but for threads."""
    seen = lab.run(body, f"shop:pay = {fault}")
    return [(one.kind, one.text) for one in seen.observation.leftovers if one.kind != "thread"]


def as_fixture(lab: Any, make: Callable[[], Any]) -> Owner:
    """Let something be made for a session fixture that is set up now."""
    census, owner = lab.laboratory.census, Owner("the session fixture 'pool'", "session")
    before = census.work_for(owner)
    make()
    census.work_for(before)
    return owner


def test_lost_permit_is_found_with_who_made_the_semaphore(shop: Any, lab: Any) -> None:
    words = "1 permit not given back (2 of 3 free), of the semaphore made at shop.py:4 in <module>, by the test"

    assert [("permit", words)] == left(lab, shop.loses_one)


def test_lost_permits_are_counted(shop: Any, lab: Any) -> None:
    ((_, text),) = left(lab, lambda: [shop.loses_one(), shop.loses_one()])

    assert text.startswith("2 permits not given back (1 of 3 free)")


def test_lost_permit_of_asyncio_is_found_after_its_loop_closed(shop: Any, lab: Any) -> None:
    ((_, text),) = left(lab, lambda: asyncio.run(shop.loses_a_polite_one()))

    assert text.startswith("1 permit not given back (1 of 2 free), of the asyncio semaphore made at shop.py:5")


@pytest.mark.parametrize("name", ["makes_one_and_loses_it", "makes_its_own_and_loses_it"])
def test_permit_of_a_new_semaphore_is_compared_with_its_first_value(shop: Any, lab: Any, name: str) -> None:
    assert ["permit"] == [kind for kind, _ in left(lab, getattr(shop, name))]


def test_permit_lost_only_on_the_error_path_is_found_only_there(shop: Any, lab: Any) -> None:
    assert [] == left(lab, shop.loses_one_on_error)
    assert ["permit"] == [kind for kind, _ in left(lab, shop.loses_one_on_error, "raise(OSError)")]


def test_permit_is_told_once_and_not_blamed_on_the_next_test(shop: Any, lab: Any) -> None:
    assert ["permit"] == [kind for kind, _ in left(lab, shop.loses_one)]
    assert [] == left(lab, shop.uses_one)
    ((_, text),) = left(lab, shop.loses_one)
    assert text.startswith("1 permit not given back (1 of 3 free)")


def test_permit_of_a_semaphore_older_than_the_taps_is_found(lab: Any) -> None:
    census = lab.laboratory.census
    census.close()
    try:
        shop = lab.module("shop", SHOP)
    finally:
        census.open()
    for kind in census.kinds:
        kind.grace_s = 0.06

    assert [("permit", "1 permit not given back (2 of 3 free), of the semaphore shop.SLOTS")] == left(
        lab, shop.loses_one
    )


# --- not lost


@pytest.mark.parametrize("name", ["uses_one", "gives_back_soon"])
def test_right_twin_loses_nothing(shop: Any, lab: Any, name: str) -> None:
    assert [] == left(lab, getattr(shop, name))


def test_right_twin_of_asyncio_loses_nothing(shop: Any, lab: Any) -> None:
    assert [] == left(lab, lambda: asyncio.run(shop.uses_a_polite_one()))


def test_semaphore_that_begins_empty_is_a_signal(shop: Any, lab: Any) -> None:
    shop.signals()

    assert [] == left(lab, shop.hears_one)


def test_what_was_released_beyond_the_first_value_is_not_lost(shop: Any, lab: Any) -> None:
    shop.POLITE.release()

    assert [] == left(lab, lambda: asyncio.run(shop.loses_a_polite_one()))


def test_permit_that_a_live_thread_works_with_is_not_lost(shop: Any, lab: Any) -> None:
    def body() -> None:
        shop.start(shop.works_with_one)
        shop.taken.wait()
        shop.pay()

    assert [] == left(lab, body)


def test_semaphore_of_a_pool_that_tests_share_is_not_lost(shop: Any, lab: Any) -> None:
    """Its fixture keeps a connection for itself."""
    census = lab.laboratory.census
    before = census.baseline()
    owners: list[Owner] = []

    def first() -> None:
        owners.append(as_fixture(lab, shop.SLOTS.acquire))
        shop.uses_one()

    assert [] == left(lab, first)
    assert [] == left(lab, shop.uses_one)
    assert ["permit"] == [kind for kind, _ in left(lab, shop.loses_one)]
    shop.SLOTS.release()  # what the fixture took

    assert [] == census.leftovers(before, is_of(owners[0]))


def test_permit_that_a_session_fixture_keeps_is_told_when_it_ends(shop: Any, lab: Any) -> None:
    census = lab.laboratory.census
    before = census.baseline()
    owner = as_fixture(lab, shop.SLOTS.acquire)

    assert ["permit"] == [one.kind for one in census.leftovers(before, is_of(owner))]


def test_semaphores_of_an_executor_are_its_own(shop: Any, lab: Any) -> None:
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        assert [] == left(lab, lambda: pool.submit(shop.pay).result())
