"""Who ends what: which call of the test makes a thing, which one ends it, and whether a failure comes before that."""

from __future__ import annotations

import ast
import threading
from typing import Any

import pytest

from pytest_chaos.resources.births import Births, Entry
from pytest_chaos.resources.ends import End, Ends

SHOP = """
import threading

def opens():
    return threading.Thread(target=print)

def closes(end):
    end()
"""
TEST = """
import shop

def plain(births, ends):                                  # 4
    thing = shop.opens()                                  # 5
    birth = births.note(thing)
    shop.closes(lambda: ends.ended("thread", birth))      # 7

def in_one_call(births, ends):                            # 9
    shop.closes(lambda: ends.ended("thread", births.note(shop.opens())))

def guarded(births, ends):                                # 12
    birth = births.note(shop.opens())
    try:
        shop.opens()                                      # 15
    except OSError:
        shop.opens()                                      # 17
    finally:
        shop.closes(lambda: ends.ended("thread", birth))  # 19
    shop.opens()                                          # 20
"""


@pytest.fixture
def noted(lab: Any) -> Any:
    """Return what runs a function of a test plainly, and returns how the thing ended that it made."""
    lab.module("shop", SHOP)
    module = lab.module("test_shop", TEST)
    lab.laboratory.provenance.learn(test_files=[module.__file__])
    births = Births(lab.laboratory.provenance)
    births.tell_entries(tells=True)
    ends = Ends(births)

    def run(name: str) -> End:
        ends.begin()
        # In a thread of its own, on whose stack no other test stands.
        thread = threading.Thread(target=getattr(module, name), args=(births, ends))
        thread.start()
        thread.join()
        found = ends.take(lambda code: ast.parse(TEST))
        ends.stop()
        ((end,),) = found.values()
        return end

    return run


def failed_at(end: End, line: int, function: str = "") -> Entry:
    return Entry(end.ended.file, function or end.ended.function, line, "pays")


def test_calls_of_the_test_that_make_and_end_a_thing_are_told(noted: Any) -> None:
    end = noted("plain")

    assert ("plain", 7, "closes") == (end.ended.function, end.ended.line, end.ended.called)
    assert end.born == (end.ended.file, "plain", 6, "")


def test_what_the_call_that_made_it_ends_is_one_call(noted: Any) -> None:
    end = noted("in_one_call")

    assert end.born == end.ended


def test_failure_before_the_end_misses_it(noted: Any) -> None:
    end = noted("plain")

    assert end.is_missed_by(failed_at(end, 6))


def test_failure_of_the_call_that_ends_it_does_not_miss_it(noted: Any) -> None:
    end = noted("plain")

    assert not end.is_missed_by(failed_at(end, 7))


def test_end_in_a_fixture_is_not_missed(noted: Any) -> None:
    end = noted("plain")

    assert not end.is_missed_by(failed_at(end, 5, "test_another"))


@pytest.mark.parametrize(("line", "is_missed"), [(13, True), (15, False), (17, False), (20, True)])
def test_finally_is_missed_only_by_what_it_does_not_guard(noted: Any, line: int, is_missed: bool) -> None:
    end = noted("guarded")

    assert end.is_missed_by(failed_at(end, line)) is is_missed


def test_nothing_is_noted_between_runs(lab: Any) -> None:
    births = Births(lab.laboratory.provenance)
    births.tell_entries(tells=True)
    ends = Ends(births)

    ends.ended("thread", births.here())

    assert {} == ends.take(lambda code: ast.parse(TEST))
