"""Coroutines that were called and never awaited."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import unittest.mock
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from pytest_chaos.provenance import Provenance
from pytest_chaos.resources.births import Owner
from pytest_chaos.resources.census import Census

# The warning itself is the interpreter's, and goes its own way.
pytestmark = pytest.mark.filterwarnings("ignore:coroutine '.*' was never awaited")

SHOP = """
import asyncio, functools

kept = []

def pay(): return "paid"

async def notify(): return 1

def forgets_it():
    notify()
    pay()

def forgets_a_librarys():
    asyncio.sleep(1)
    pay()

def forgets_it_in_a_cycle():
    ring = [notify()]
    ring.append(ring)
    pay()

def closes_it():
    notify().close()
    pay()

def keeps_it():
    kept.append(notify())
    pay()

async def awaits_it():
    await notify()
    pay()

def throws_into_it():
    try:
        notify().throw(ValueError)
    except ValueError:
        pay()
"""
LIBRARY = """
async def beat(): return 1

def forgets_it(): beat()

def forgets(make): make()
"""


@pytest.fixture
def shop(lab: Any) -> Any:
    return lab.module("shop", SHOP)


@pytest.fixture
def library(lab: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of an installed package."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "heart.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(str(folder))
    lab.written.add("heart")
    import heart  # type: ignore[import-not-found]  # written above

    return heart


def left(lab: Any, body: Callable[[], Any]) -> list[tuple[str, str, bool]]:
    """Return kind, text and level of what a chaos run leaves."""
    seen = lab.run(body, "shop:pay = null")
    return [(one.kind, one.text, one.is_note) for one in seen.observation.leftovers]


def test_coroutine_never_awaited_is_found_with_who_called_it(shop: Any, lab: Any) -> None:
    words = "coroutine notify never awaited, called at shop.py:11 in forgets_it, by the test"

    assert [("coroutine", words, False)] == left(lab, shop.forgets_it)


def test_it_fails_the_run_as_leaked(shop: Any, lab: Any) -> None:
    seen = lab.run(shop.forgets_it, "shop:pay = null")

    assert ("leaked", True, ["coroutine"]) == (seen.verdict, seen.fails, seen.kinds)


def test_coroutine_of_a_library_that_the_project_called_is_the_projects(shop: Any, lab: Any) -> None:
    ((_, text, _),) = left(lab, shop.forgets_a_librarys)

    assert "coroutine sleep never awaited, called at shop.py:15 in forgets_a_librarys, by the test" == text


def test_each_one_is_found_whatever_the_filters_say(shop: Any, lab: Any) -> None:
    def body() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(3):
                shop.forgets_it()

    assert 3 == len(left(lab, body))


def test_one_dropped_in_another_thread_is_found_where_it_was_dropped(shop: Any, lab: Any) -> None:
    """Only the thread in which chaos was switched on lets coroutines remember who called them."""

    def body() -> None:
        thread = threading.Thread(target=shop.forgets_it)
        thread.start()
        thread.join()

    ((_, text, _),) = left(lab, body)

    assert "coroutine notify never awaited, dropped at shop.py:11 in forgets_it, by the test" == text


def test_one_in_a_reference_cycle_is_a_note_that_says_so(shop: Any, lab: Any) -> None:
    def body() -> None:
        shop.forgets_it_in_a_cycle()
        gc.collect()

    ((_, text, is_note),) = left(lab, body)

    assert is_note
    assert text == (
        "coroutine notify never awaited, called at shop.py:19 in forgets_it_in_a_cycle; it was in a reference cycle,"
        " so an earlier test may have called it"
    )


def test_it_is_told_once(shop: Any, lab: Any) -> None:
    assert 1 == len(left(lab, shop.forgets_it))
    assert [] == left(lab, lambda: shop.pay())


@pytest.mark.no_leaks("off")  # what the inner census must find is there for an outer one too
def test_one_that_a_wider_fixture_forgets_is_not_the_tests(shop: Any, lab: Any) -> None:
    census = lab.laboratory.census

    def body() -> None:
        before = census.work_for(Owner("the session fixture 'server'", "session"))
        shop.notify()
        census.work_for(before)
        shop.pay()

    assert [] == left(lab, body)


def test_project_coroutine_that_a_library_forgets_is_the_projects(shop: Any, lab: Any, library: Any) -> None:
    """It was handed to a library that does not await."""
    assert ["coroutine"] == [kind for kind, _, _ in left(lab, lambda: [library.forgets(shop.notify), shop.pay()])]


# --- silent


@pytest.mark.parametrize("name", ["closes_it", "keeps_it", "throws_into_it"])
def test_right_twin_is_silent(shop: Any, lab: Any, name: str) -> None:
    assert [] == left(lab, getattr(shop, name))
    for coroutine in shop.kept:
        coroutine.close()


def test_awaited_one_is_silent(shop: Any, lab: Any) -> None:
    assert [] == left(lab, lambda: asyncio.run(shop.awaits_it()))


def test_librarys_own_is_silent(shop: Any, lab: Any, library: Any) -> None:
    assert [] == left(lab, lambda: [library.forgets_it(), shop.pay()])


@pytest.mark.parametrize("make", [unittest.mock.AsyncMock, lambda: unittest.mock.create_autospec(asyncio.sleep)])
def test_one_of_a_mock_is_silent(shop: Any, lab: Any, make: Callable[[], Any]) -> None:
    def body() -> None:
        make()(1)
        shop.pay()

    assert [] == left(lab, body)


# --- the warning goes its own way


def warned(body: Callable[[], Any]) -> list[tuple[str, str, int]]:
    """Return text, file and line of the warnings that a body gives."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        body()
    return [(str(one.message), one.filename, one.lineno) for one in caught]


@pytest.mark.parametrize("depth", [0, 1, 10])
def test_warning_says_what_it_would_say_without_chaos(tmp_path: Any, shop: Any, lab: Any, depth: int) -> None:
    lab.laboratory.census.close()
    outer = sys.get_coroutine_origin_tracking_depth()
    sys.set_coroutine_origin_tracking_depth(depth)
    census = Census(Provenance(tmp_path))
    try:
        plain = warned(shop.forgets_it)
        census.open()
        during = warned(shop.forgets_it)
        census.close()
        assert depth == sys.get_coroutine_origin_tracking_depth()
    finally:
        sys.set_coroutine_origin_tracking_depth(outer)
    lines = [[line.strip() for line in text.splitlines() if "test_coroutines" not in line] for text, _, _ in plain]

    assert [(shop.__file__, 11)] == [place[1:] for place in during] == [place[1:] for place in plain]
    assert lines[0][0] == "coroutine 'notify' was never awaited"
    assert len(plain[0][0].splitlines()) == len(during[0][0].splitlines())


def test_warning_in_debug_mode_keeps_its_origin(shop: Any, lab: Any) -> None:
    async def main() -> None:
        shop.forgets_it()

    ((text, _, _),) = warned(lambda: asyncio.run(main(), debug=True))

    assert "Coroutine created at" in text


def test_depth_that_somebody_else_set_meanwhile_stays(tmp_path: Any, lab: Any) -> None:
    lab.laboratory.census.close()
    outer = sys.get_coroutine_origin_tracking_depth()
    census = Census(Provenance(tmp_path))
    census.open()
    sys.set_coroutine_origin_tracking_depth(7)
    census.close()
    seen = sys.get_coroutine_origin_tracking_depth()
    sys.set_coroutine_origin_tracking_depth(outer)

    assert 7 == seen


def test_tap_is_taken_out(tmp_path: Any, lab: Any) -> None:
    lab.laboratory.census.close()
    name = "_warn_unawaited_coroutine"
    before = (getattr(warnings, name), sys.get_coroutine_origin_tracking_depth(), list(gc.callbacks))
    census = Census(Provenance(tmp_path))
    census.open()
    assert getattr(warnings, name) is not before[0]
    census.close()

    assert before == (getattr(warnings, name), sys.get_coroutine_origin_tracking_depth(), gc.callbacks)
