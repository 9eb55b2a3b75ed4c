"""Whatever stands in for a function, and whenever it is put there: it is what is called, and the function never is."""

from __future__ import annotations

import functools
import os
import types
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
import wrapt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_chaos import parse
from pytest_chaos.injector.attribute import is_ours
from pytest_chaos.injector.mechanisms import Armory
from pytest_chaos.injector.patching import BY_MOCK
from pytest_chaos.notation import parse_target
from pytest_chaos.plugin.compat import BY_MONKEYPATCH
from pytest_chaos.target import resolve


@pytest.fixture(scope="module", params=[True, False], ids=["spliced", "replaced"])
def armory(request: pytest.FixtureRequest) -> Armory:
    """Every test of this file, with Python functions spliced and with their names replaced."""
    return Armory(can_splice=request.param, patching=(*BY_MOCK, *BY_MONKEYPATCH))


SHOP = """
import os
made = []

def pay(*args): made.append("pay"); return "real"

class Base:
    def charge(self, *args): made.append("charge"); return "real"
    @classmethod
    def make(cls, *args): made.append("make"); return "real"
    @staticmethod
    def check(*args): made.append("check"); return "real"

class Child(Base): ...
"""


@pytest.fixture
def shop(lab: Any) -> Any:
    return lab.module("shop", SHOP)


TARGETS = {
    "pay": "shop:pay",
    "charge": "shop:Base.charge",
    "inherited": "shop:Child.charge",
    "make": "shop:Base.make",
    "check": "shop:Base.check",
    "C": "os:unlink",
}
PATH = "no such file"


class Stub:
    """A stub that is an object, and binds to nothing."""

    def __call__(self, *args: Any) -> str:
        return "double"


def place_of(shop: types.ModuleType, target: str) -> tuple[Any, str]:
    module, _, name = target.partition(":")
    owner = os if module == "os" else shop
    *classes, name = name.split(".")
    return (getattr(owner, classes[0]) if classes else owner), name


def call(shop: types.ModuleType, target: str) -> Any:
    owner, name = place_of(shop, target)
    receiver = owner() if isinstance(owner, type) and name == "charge" else owner
    return getattr(receiver, name)(PATH)


# How a double is put in a place: each returns what takes it away again.


def by_mock(owner: Any, name: str, **options: Any) -> Callable[[], None]:
    patch = mock.patch.object(owner, name, **options)
    patch.start().return_value = "double"
    return lambda: patch.stop()  # not the result: whether it was there


def by_text(owner: Any, name: str) -> Callable[[], None]:
    path = owner.__name__ if isinstance(owner, types.ModuleType) else f"shop.{owner.__name__}"
    patch = mock.patch(f"{path}.{name}", new_callable=mock.MagicMock, return_value="double")
    patch.start()
    return lambda: patch.stop()


def by_monkeypatch(owner: Any, name: str, value: Any) -> Callable[[], None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(owner, name, value)
    return patch.undo


def by_assignment(owner: Any, name: str, value: Any) -> Callable[[], None]:
    missing = object()
    before = vars(owner).get(name, missing)
    setattr(owner, name, value)

    def undo() -> None:
        if before is missing:
            delattr(owner, name)
        else:
            setattr(owner, name, before)

    return undo


def wrapper_of(owner: Any, name: str) -> Any:
    @functools.wraps(getattr(owner, name))
    def wrapper(*args: Any) -> str:
        return "double"

    return staticmethod(wrapper) if isinstance(owner, type) else wrapper


def wrapt_of(owner: Any, name: str) -> Any:
    def answer(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> str:
        return "double"

    return wrapt.FunctionWrapper(vars(owner).get(name, getattr(owner, name)), answer)


HOW: dict[str, Callable[[Any, str], Callable[[], None]]] = {
    "mock.patch.object": by_mock,
    "mock.patch": by_text,
    "autospec": lambda owner, name: by_mock(owner, name, autospec=True),
    "create_autospec": lambda owner, name: by_assignment(
        owner, name, mock.create_autospec(getattr(owner, name), return_value="double")
    ),
    "monkeypatch, function": lambda owner, name: by_monkeypatch(owner, name, lambda *args: "double"),
    "monkeypatch, object": lambda owner, name: by_monkeypatch(owner, name, Stub()),
    "assignment, mock": lambda owner, name: by_assignment(owner, name, mock.Mock(return_value="double")),
    "wraps": lambda owner, name: by_assignment(owner, name, wrapper_of(owner, name)),
    "wrapt": lambda owner, name: by_assignment(owner, name, wrapt_of(owner, name)),
}


@given(
    st.sampled_from(sorted(TARGETS)),
    st.sampled_from(sorted(HOW)),
    st.sampled_from(["before arming", "after arming"]),
    st.sampled_from(["in the body", "after the body", "after all"]),
    st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
def test_a_double_is_called_and_the_function_behind_it_never(
    shop: Any, lab: Any, which: str, how: str, when: str, ends: str, is_watched: bool
) -> None:
    """A rule raises in front of it, and the next call is the double's; once it is gone the function is there again."""
    target = TARGETS[which]
    owner, name = place_of(shop, target)
    before = dict(vars(owner))
    shop.made.clear()
    noted: list[str] = []
    points = resolve(parse_target(target))  # as a session does after collection
    experiment = lab.experiment()
    if when == "before arming":
        takes_away = HOW[how](owner, name)
    if is_watched:
        experiment.injector.watch(parse_target(target), lambda point, *rest: noted.append(point), points)
    injection = experiment.arm(parse(f"{target} = #1 raise(OSError)")[0])
    if when == "after arming":
        takes_away = HOW[how](owner, name)
    with experiment.body():
        with pytest.raises(OSError, match="injected"):
            call(shop, target)
        assert call(shop, target) == "double"
        assert shop.made == []
        if ends == "in the body":
            takes_away()
    assert (injection.calls, injection.fired) == (2, 1)
    assert noted == ([target, target] if is_watched else [])
    if ends == "after the body":
        takes_away()
    experiment.close()
    if ends == "after all":
        assert not is_ours(vars(owner).get(name))
        takes_away()

    assert {key: value for key, value in vars(owner).items() if before.get(key) is not value} == {}
    assert before.keys() == vars(owner).keys()


@given(st.sampled_from(sorted(TARGETS)), st.sampled_from(sorted(HOW)), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_double_that_is_put_there_in_the_body_is_called(
    shop: Any, lab: Any, which: str, how: str, outlives: bool
) -> None:
    """A fault acts in front of it where somebody tells of it, and what stood there before is put back.

    Where nobody tells, as of an assignment, what is put back may be ours: the next body finds the function again.
    """
    is_told = how.startswith(("mock.patch", "autospec", "monkeypatch"))
    target = TARGETS[which]
    owner, name = place_of(shop, target)
    before = dict(vars(owner))
    shop.made.clear()
    with lab.window(f"{target} = #2..3 raise(OSError)") as chaos:
        takes_away = HOW[how](owner, name)
        assert call(shop, target) == "double"
        assert shop.made == []
        if is_told:
            with pytest.raises(OSError, match="injected"):
                call(shop, target)
        if not outlives:
            takes_away()
            if is_told:
                with pytest.raises(OSError, match="injected"):
                    call(shop, target)
        assert not is_told or chaos.calls(target) == 3 - outlives
    if outlives:
        assert call(shop, target) == "double"
        takes_away()
    if not is_told:
        with lab.window("shop:pay = raise(OSError)"):
            pass

    assert {key: value for key, value in vars(owner).items() if before.get(key) is not value} == {}
    assert before.keys() == vars(owner).keys()
