"""Functions given as objects: no name has to lead to them, for the fault stands in their own code."""

from __future__ import annotations

import asyncio
import types
from typing import Any

import pytest

from pytest_chaos import Null, Raise, TargetError
from pytest_chaos.injector.mechanisms import Armory
from pytest_chaos.notation import rule_from
from pytest_chaos.target import Target, resolve

pytestmark = pytest.mark.usefixtures("nothing_survives")

HANDLERS = """
import functools

def traced(f):
    @functools.wraps(f)
    def wrapper(*args): return ("traced", f(*args))
    return wrapper

def pay(amount): return ("pay", amount)

def adder(number):
    def add(amount): return number + amount
    return add

def made():
    class Local:
        def method(self, amount): return ("method", amount)
        @classmethod
        def make(cls, amount): return ("make", amount)
        @staticmethod
        def check(amount): return ("check", amount)
        @property
        def limit(self): return 10
    return Local

class Till: ...

till, other = Till(), Till()
Local = made()
HANDLERS = {
    "lambda": lambda amount: ("lambda", amount),
    "closure": adder(1),
    "decorated": traced(pay),
    "method": Local().method,
    "make": Local.make,
    "check": Local.check,
}
del Local

def handle(kind, *args):
    return HANDLERS[kind](*args)
"""


@pytest.fixture
def handlers(lab: Any) -> types.ModuleType:
    return lab.module("handlers", HANDLERS)


@pytest.mark.parametrize("kind", ["lambda", "closure", "decorated", "method", "make", "check"])
def test_a_function_that_no_name_leads_to_meets_the_fault(lab: Any, handlers: types.ModuleType, kind: str) -> None:
    passes = handlers.handle(kind, 3)
    with lab.window() as chaos:
        injection = chaos.inject(handlers.HANDLERS[kind], Raise(TimeoutError), nth=2)
        assert handlers.handle(kind, 3) == passes
        with pytest.raises(TimeoutError, match="injected"):
            handlers.handle(kind, 3)
        assert handlers.handle(kind, 3) == passes
        assert (injection.calls, injection.fired) == (3, 1)
    assert handlers.handle(kind, 3) == passes


def test_functions_of_the_same_code_are_told_apart(lab: Any, handlers: types.ModuleType) -> None:
    one, two = handlers.adder(1), handlers.adder(2)
    with lab.window() as chaos:
        chaos.inject(one, Raise(TimeoutError))
        assert two(3) == 5
        with pytest.raises(TimeoutError, match="injected"):
            one(3)


def test_a_bound_method_without_a_name_means_its_receiver(lab: Any, handlers: types.ModuleType) -> None:
    """``types.MethodType`` makes one that no attribute leads to."""

    def charge(self: Any) -> str:
        return "charged"

    first, second = types.MethodType(charge, handlers.till), types.MethodType(charge, handlers.other)
    with lab.window() as chaos:
        chaos.inject(first, Raise(TimeoutError))
        assert second() == "charged"
        with pytest.raises(TimeoutError, match="injected"):
            first()


def test_a_bound_class_method_of_a_local_class_is_put_back_as_it_was(lab: Any, handlers: types.ModuleType) -> None:
    local = handlers.made()
    raw = vars(local)["make"]
    with lab.window() as chaos:
        chaos.inject(local.make, Raise(TimeoutError))
        with pytest.raises(TimeoutError, match="injected"):
            local.make(1)
    assert vars(local)["make"] is raw


def test_a_coroutine_function_without_a_name_fails_when_it_is_awaited(lab: Any) -> None:
    async def look() -> str:
        return "seen"

    with lab.window() as chaos:
        chaos.inject(look, Null, nth=1)
        assert [asyncio.run(look()), asyncio.run(look())] == [None, "seen"]


def test_it_may_be_given_twice_and_its_calls_asked_for(lab: Any, handlers: types.ModuleType) -> None:
    function = handlers.HANDLERS["lambda"]
    with lab.window() as chaos:
        chaos.inject(function, Raise(TimeoutError), nth=1)
        chaos.inject(function, Raise(KeyError), nth=2)
        for error in (TimeoutError, KeyError):
            with pytest.raises(error, match="injected"):
                handlers.handle("lambda", 1)
        assert chaos.calls(function) == 2


@pytest.mark.parametrize("armory", [Armory(can_splice=False)], ids=["replaced"])
def test_where_functions_are_replaced_by_name_it_is_refused(lab: Any, handlers: types.ModuleType) -> None:
    with pytest.raises(TargetError, match=r"(?s)cannot be spliced here.*Give it a name in a module"):
        lab.experiment(rule_from(handlers.HANDLERS["lambda"], Raise(OSError)))


def test_point_of_an_object_says_whether_its_text_leads_to_it(lab: Any, handlers: types.ModuleType) -> None:
    def pay() -> None: ...

    (nameless,) = resolve(Target(obj=pay))
    (named,) = resolve(Target(obj=resolve))

    assert (True, False) == (nameless.is_described, named.is_described)
    assert ("‹", "pytest_chaos") == (nameless.text[0], named.text[:12])
