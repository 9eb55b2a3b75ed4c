"""Whatever is armed, lifted, patched, set and raised in whatever order: everything is as it was."""

from __future__ import annotations

import contextlib
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_chaos import Raise, Return
from pytest_chaos.injector.mechanisms import Armory


@pytest.fixture(scope="module", params=[True, False], ids=["spliced", "replaced"])
def armory(request: pytest.FixtureRequest) -> Armory:
    """Every test of this file, with Python functions spliced and with their names replaced."""
    return Armory(can_splice=request.param)


SHOP = """
def pay(): return "paid"
async def pay_later(): return "later"
class Base:
    def charge(self): return "charged"
    @classmethod
    def make(cls): return "made"
    @staticmethod
    def check(): return "checked"
    @property
    def balance(self): return "balance"
class Child(Base): ...
class Plain: ...
copy = pay
"""
TARGETS = ["pay", "copy", "pay_later", "Base", "Base.charge", "Child.charge", "Base.make", "Child.make", "Base.check"]
TARGETS += ["Base.balance", "Child.balance", "Plain", "Child"]
PATCHED = ["pay", "copy", "Base.charge", "Child.charge", "Base.check", "Base.make"]


@pytest.fixture
def shop(lab: Any) -> Any:
    return lab.module("shop", SHOP)


def stock(shop: Any) -> list[list[tuple[str, int, int]]]:
    """What stands where, and with which code."""
    owners = [shop, shop.Base, shop.Child, shop.Plain]
    return [
        [
            (name, id(value), id(getattr(getattr(value, "__func__", value), "__code__", None)))
            for name, value in vars(owner).items()
        ]
        for owner in owners
    ]


steps = st.one_of(
    st.tuples(st.just("arm"), st.sampled_from(TARGETS)),
    st.tuples(st.just("lift"), st.integers(0, 20)),
    st.tuples(st.just("call"), st.sampled_from(TARGETS)),
    st.tuples(st.just("lift all"), st.none()),
)
patching = steps | st.tuples(st.sampled_from(["patch", "set"]), st.sampled_from(PATCHED))
endings = st.sampled_from([None, ValueError, KeyboardInterrupt, SystemExit])


def call(shop: Any, name: str) -> None:
    owner, _, attribute = name.rpartition(".")
    with contextlib.suppress(OSError):
        found = getattr(getattr(shop, owner)() if owner else shop, attribute)
        made = found() if callable(found) else found
        if hasattr(made, "close"):
            made.close()


@given(st.lists(steps, max_size=14), endings)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_of_arming_and_lifting_leaves_everything_as_it_was(
    shop: Any, lab: Any, story: list[tuple[str, Any]], ending: type[BaseException] | None
) -> None:
    before = stock(shop)
    with contextlib.suppress(ValueError, KeyboardInterrupt, SystemExit), lab.window() as chaos:
        injections = []
        for verb, what in story:
            if verb == "arm":
                injections.append(chaos.inject(f"shop:{what}", Raise(OSError)))
            elif verb == "lift" and injections:
                injections[what % len(injections)].lift()
            elif verb == "lift all":
                chaos.lift()
            elif verb == "call":
                call(shop, what)
        if ending is not None:
            raise ending

    assert before == stock(shop)


@given(st.lists(patching, max_size=14), endings)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_patches_of_others_that_end_inside_the_window_may_interleave_at_will(
    shop: Any, lab: Any, story: list[tuple[str, Any]], ending: type[BaseException] | None
) -> None:
    """Patches that end inside the window end before ours, which are put back last."""
    before = stock(shop)
    with contextlib.suppress(ValueError, KeyboardInterrupt, SystemExit), lab.window() as chaos:
        with contextlib.ExitStack() as patches:
            injections = []
            for verb, what in story:
                if verb == "arm":
                    with contextlib.suppress(Exception):  # what a patch put there may refuse a fault
                        injections.append(chaos.inject(f"shop:{what}", Raise(OSError)))
                elif verb == "lift" and injections:
                    injections[what % len(injections)].lift()
                elif verb == "lift all":
                    chaos.lift()
                elif verb == "call":
                    with contextlib.suppress(AttributeError):
                        call(shop, what)
                elif verb in ("patch", "set"):
                    patches.enter_context(mock.patch(f"shop.{what}", return_value="mocked"))
            if ending is not None:
                raise ending

    assert before == stock(shop)
    # What a patch saved while our wrapper stood there it has put back: such a wrapper passes every call.
    assert ["paid", "paid", "charged", "charged", "made", "checked", "balance"] == [
        shop.pay(),
        shop.copy(),
        shop.Base().charge(),
        shop.Child().charge(),
        shop.Base.make(),
        shop.Base.check(),
        shop.Base().balance,
    ]


@given(st.lists(patching, max_size=14), endings, st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_monkeypatch_and_mock_do_and_whenever_they_undo_it(
    shop: Any, lab: Any, story: list[tuple[str, Any]], ending: type[BaseException] | None, undo_late: bool
) -> None:
    """Where functions are spliced no name is replaced, so nobody can put anything of ours back, however late."""
    before = stock(shop)
    with contextlib.ExitStack() as late:
        with contextlib.suppress(ValueError, KeyboardInterrupt, SystemExit), lab.window() as chaos:
            injections = []
            with contextlib.ExitStack() as early:
                patches = late if undo_late else early
                for verb, what in story:
                    if verb == "arm":
                        with contextlib.suppress(Exception):  # what a patch put there may refuse a fault
                            injections.append(chaos.inject(f"shop:{what}", Raise(OSError)))
                    elif verb == "lift" and injections:
                        injections[what % len(injections)].lift()
                    elif verb == "lift all":
                        chaos.lift()
                    elif verb == "call":
                        with contextlib.suppress(AttributeError):
                            call(shop, what)
                    elif verb == "set":
                        patch = pytest.MonkeyPatch()
                        patches.callback(patch.undo)
                        patch.setattr(f"shop.{what}", lambda *args: "set")
                    elif verb == "patch":
                        patches.enter_context(mock.patch(f"shop.{what}", return_value="mocked"))
                if ending is not None:
                    raise ending

    if lab.splices or not undo_late:
        assert before == stock(shop)
    assert ["paid", "paid", "charged", "charged", "made", "checked", "balance"] == [
        shop.pay(),
        shop.copy(),
        shop.Base().charge(),
        shop.Child().charge(),
        shop.Base.make(),
        shop.Base.check(),
        shop.Base().balance,
    ]


@given(st.lists(st.sampled_from(["pay", "copy", "Child.charge", "Base.make", "Base.balance"]), min_size=1, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_last_armed_acts_and_all_count_whatever_the_names(shop: Any, lab: Any, names: list[str]) -> None:
    with lab.window() as chaos:
        injections = [chaos.inject(f"shop:{name}", Return(index)) for index, name in enumerate(names)]
        for name in {"pay", "Child.charge", "Base.make", "Base.balance"}:
            same = ["pay", "copy"] if name == "pay" else [name]
            armed = [index for index, other in enumerate(names) if other in same]
            if armed:
                owner, _, attribute = name.rpartition(".")
                found = getattr(getattr(shop, owner)() if owner else shop, attribute)
                assert armed[-1] == (found() if callable(found) else found)
        assert all(injection.calls == 1 for injection in injections)
        assert {injection.fired for injection in injections} <= {0, 1}
