"""Threads that ``threading`` does not know: a note, and none for those of C libraries."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_chaos import compat
from pytest_chaos.contract import Contract
from pytest_chaos.resources.births import Owner

SHOP = """
import _thread, threading

go_on = threading.Event()
lock = threading.Lock()
ended = []

def pay(): return "paid"

def wait():
    go_on.wait()
    ended.append(1)

def forgets_a_thread():
    _thread.start_new_thread(wait, ())
    pay()

def forgets_one_without_python():
    lock.acquire()
    _thread.start_new_thread(lock.acquire, ())
    pay()

def waits_for_its_thread():
    done = threading.Event()
    _thread.start_new_thread(done.set, ())
    done.wait()
    pay()

def asks_who_it_is():
    told = threading.Event()
    _thread.start_new_thread(lambda: (threading.current_thread(), told.set()), ())
    told.wait()
    pay()
"""


@pytest.fixture
def shop(lab: Any) -> Iterator[Any]:
    shop = lab.module("shop", SHOP)
    others = max(compat.raw_thread_count(), 0)  # a worker of xdist runs the tests beside one of its own
    for kind in lab.laboratory.census.kinds:
        kind.grace_s = 0.06
    yield shop
    shop.go_on.set()
    if shop.lock.locked():
        shop.lock.release()
    turns = threading.Event()
    for _ in range(1000):
        if compat.raw_thread_count() <= others:
            break
        turns.wait(0.005)  # nobody can join them
    for thread in threading.enumerate():
        if compat.is_dummy(thread):
            # Before 3.13 it stays for ever, though the thread that it stands for has ended.
            threading._active.pop(thread.ident)  # type: ignore[attr-defined]  # no other way


def left(lab: Any, body: Any, **options: Any) -> list[tuple[str, str, bool]]:
    seen = lab.run(body, "shop:pay = null", **options)
    return [(one.kind, one.text, one.is_note) for one in seen.observation.leftovers]


def test_raw_thread_is_a_note_that_tells_who_started_it_and_where_it_stands(shop: Any, lab: Any) -> None:
    ((kind, text, is_note),) = left(lab, lambda: shop.forgets_a_thread())

    assert ("thread", True) == (kind, is_note)
    assert text.startswith(
        "raw thread started at shop.py:15 in forgets_a_thread, by the test; now at shop.py:11 in wait"
    )


def test_one_that_runs_no_python_is_seen_too(shop: Any, lab: Any) -> None:
    (text,) = [text for kind, text, _ in left(lab, lambda: shop.forgets_one_without_python()) if kind == "thread"]

    assert "in forgets_one_without_python, by the test; now at no Python frame" in text


def test_strict_contract_makes_it_a_leak(shop: Any, lab: Any) -> None:
    seen = lab.run(lambda: shop.forgets_a_thread(), "shop:pay = null", contract=Contract(leaks="strict"))

    assert ("leaked", ["thread"]) == (seen.verdict, seen.kinds)


@pytest.mark.parametrize("name", ["waits_for_its_thread", "asks_who_it_is", "pay"])
def test_nothing_is_said_where_nothing_is_left(shop: Any, lab: Any, name: str) -> None:
    assert [] == left(lab, lambda: getattr(shop, name)() and shop.pay())


def test_it_is_told_once(shop: Any, lab: Any) -> None:
    assert 1 == len(left(lab, lambda: shop.forgets_a_thread()))
    assert [] == left(lab, lambda: shop.pay())


def test_one_that_ends_hides_none_that_begins(shop: Any, lab: Any) -> None:
    early = threading.Event()
    _thread.start_new_thread(early.wait, ())

    def body() -> None:
        early.set()
        shop.forgets_a_thread()

    assert 1 == len(left(lab, body))


def test_one_of_a_wider_fixture_is_not_the_tests(shop: Any, lab: Any) -> None:
    census = lab.laboratory.census

    def body() -> None:
        before = census.work_for(Owner("the session fixture 'server'", "session"))
        _thread.start_new_thread(shop.wait, ())
        census.work_for(before)
        shop.pay()

    assert [] == left(lab, body)


def test_thread_of_threading_is_none(shop: Any, lab: Any) -> None:
    def body() -> None:
        threading.Thread(target=shop.wait).start()
        shop.pay()

    assert [("thread", False)] == [(kind, is_note) for kind, _, is_note in left(lab, body)]


def test_tap_is_taken_out(lab: Any) -> None:
    tapped = _thread.start_new_thread
    lab.laboratory.census.close()

    assert tapped is not _thread.start_new_thread
    assert tapped.__wrapped__ is _thread.start_new_thread
