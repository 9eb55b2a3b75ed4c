"""Handling: what stands around the lines of a way, and who would take an error there."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import pytest

from pytest_chaos.clauses import Sources
from pytest_chaos.handling import Handling
from pytest_chaos.reach import Step

SHOP = """
    import contextlib

    class BankDown(Exception): pass
    ERRORS = (BankDown, KeyError)

    def bare():
        charge()  # call

    def handled():
        try:
            charge()  # call
        except ERRORS:
            return None

    def named_twice():
        try:
            try:
                charge()  # call
            except BankDown:
                raise
        except (OSError, ValueError):
            pass

    def in_the_handler():
        try:
            return 1
        except KeyError:
            charge()  # call

    def in_the_else():
        try:
            pass
        except KeyError:
            pass
        else:
            charge()  # call

    def in_the_finally():
        try:
            pass
        finally:
            charge()  # call

    def in_a_handler_before_a_finally():
        try:
            pass
        except KeyError:
            charge()  # call
        finally:
            pass

    def with_finally():
        try:
            charge()  # call
        finally:
            pass

    def with_with():
        with open("file"):
            charge()  # call

    async def with_async_with():
        async with open("file"):
            charge()  # call

    def made_by_with():
        with charge():  # call
            pass

    def in_a_loop():
        for _ in range(3):
            charge()  # call

    def broad():
        try:
            charge()  # call
        except Exception:
            pass

    def computed(kind):
        try:
            charge()  # call
        except kind.errors:
            pass

    def inside():
        try:
            def inner():
                charge()  # call
            return inner
        except KeyError:
            pass
"""


@pytest.fixture
def shop(lab: Any) -> Any:
    return lab.module("shop", SHOP)


def step(function: Any) -> Step:
    """The line of a function that is marked as the call."""
    lines, first = inspect.getsourcelines(function)
    line = next(first + number for number, text in enumerate(lines) if "# call" in text)
    return Step(f"shop:{function.__qualname__}", line, function.__code__, function.__globals__)


def names(errors: Iterable[type[BaseException]]) -> list[str]:
    return [error.__name__ for error in errors]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bare", False),
        ("handled", True),
        ("named_twice", True),
        ("in_the_handler", False),
        ("in_the_else", False),
        ("in_the_finally", False),
        ("in_a_handler_before_a_finally", True),
        ("with_finally", True),
        ("with_with", True),
        ("with_async_with", True),
        ("made_by_with", False),
        ("in_a_loop", False),
        ("broad", True),
    ],
)
def test_line_is_guarded_where_something_could_be_done_about_an_error(shop: Any, name: str, expected: bool) -> None:
    handling = Handling(Sources())

    assert [handling.is_guarded(step(getattr(shop, name))) for _ in range(2)] == [expected, expected]


def test_what_stands_around_a_definition_does_not_stand_around_its_calls(shop: Any) -> None:
    inner = shop.inside()
    line = Step("shop:inside.<locals>.inner", step(shop.inside).line, inner.__code__, inner.__globals__)

    assert not Handling(Sources()).is_guarded(line)


def test_line_without_a_source_is_not_guarded() -> None:
    made = eval(compile("lambda: charge()", "<nowhere>", "eval"))

    assert not Handling(Sources()).is_guarded(Step("shop:<lambda>", 1, made.__code__, {}))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bare", []),
        ("handled", ["BankDown", "KeyError"]),
        ("named_twice", ["BankDown", "OSError", "ValueError"]),
        ("in_the_handler", []),
        ("broad", ["Exception"]),
        ("computed", []),
    ],
)
def test_errors_that_are_caught_by_name_innermost_first(shop: Any, name: str, expected: list[str]) -> None:
    assert names(Handling(Sources()).caught([step(getattr(shop, name))])) == expected


def test_errors_that_are_caught_on_a_way_are_those_of_its_lines(shop: Any) -> None:
    lines = [step(shop.handled), step(shop.bare), step(shop.named_twice)]

    assert names(Handling(Sources()).caught(lines)) == ["BankDown", "KeyError", "BankDown", "OSError", "ValueError"]


def test_two_errors_are_told_apart_by_who_takes_them(shop: Any) -> None:
    """What one clause takes comes to the same."""
    handling, lines = Handling(Sources()), [step(shop.handled), step(shop.named_twice)]
    bank, key, value, other = (
        handling.taken(lines, error) for error in (shop.BankDown, KeyError, ValueError, RuntimeError)
    )

    assert bank == key != value != other
    assert bank[0][0][0] == 0 and value[0][0][0] == 1
    assert (bank[1], value[1], other) == (True, True, ((), False))


def test_clause_that_may_take_an_error_leaves_it_open_whether_it_comes_out(shop: Any) -> None:
    """What it names is not known before it runs."""
    found, is_taken = Handling(Sources()).taken([step(shop.computed)], OSError)

    assert len(found) == 1
    assert not is_taken
