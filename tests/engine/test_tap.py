"""A tap passes on what it is handed, and what goes wrong while we listen stays ours."""

from __future__ import annotations

import _thread
import concurrent.futures
import copy
import inspect
import logging
import math
import pickle
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

import pytest

from pytest_chaos.by_identity import ByIdentity
from pytest_chaos.experiment import _loud_logs
from pytest_chaos.resources import tap


def double(number: int, /, *, times: int = 2) -> int:
    """Return a number doubled."""
    return number * times


@pytest.fixture
def owner() -> Any:
    return types.SimpleNamespace(double=double, floor=math.floor)


def fails(*args: Any, **named: Any) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("place", [tap.before, tap.after])
def test_listener_that_raises_is_not_noticed(owner: Any, place: Callable[..., Any]) -> None:
    place(owner, "double", fails)

    assert 6 == owner.double(3)
    assert 9 == owner.double(3, times=3)


@pytest.mark.parametrize("place", [tap.before, tap.after])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_is_no_error_goes_on(owner: Any, place: Callable[..., Any], error: type[BaseException]) -> None:
    def interrupts(*args: Any) -> None:
        raise error

    place(owner, "double", interrupts)

    with pytest.raises(error):
        owner.double(3)


def test_listener_hears_what_came_and_what_went(owner: Any) -> None:
    heard: list[Any] = []
    tap.before(owner, "double", lambda *args, **named: heard.append((args, named)))
    tap.after(owner, "double", lambda result, *args, **named: heard.append((result, args, named)))

    owner.double(3, times=3)

    assert [((3,), {"times": 3}), (9, (3,), {"times": 3})] == heard


@pytest.mark.parametrize("place", [tap.before, tap.after])
def test_error_of_the_function_is_its_own(owner: Any, place: Callable[..., Any]) -> None:
    place(owner, "double", fails)

    with pytest.raises(TypeError, match=r"^double\(\) missing 1 required positional argument: 'number'$") as info:
        owner.double()
    assert info.value.__context__ is None


def test_tap_that_was_copied_passes_on_and_tells_nobody(owner: Any) -> None:
    heard: list[Any] = []
    undo = tap.before(owner, "double", heard.append)
    copied = owner.double
    undo()

    assert owner.double is double
    assert 6 == copied(3)
    assert [] == heard


def test_tap_of_an_inherited_function_is_taken_out_of_the_class() -> None:
    class Base:
        def name(self) -> str:
            return "base"

    class Child(Base): ...

    undo = tap.before(Child, "name", fails)
    assert "name" in vars(Child)
    assert "base" == Child().name()
    undo()
    assert "name" not in vars(Child)


def test_builtin_function_stays_one(owner: Any) -> None:
    tap.after(owner, "floor", fails)
    holder = type("Holder", (), {"floor": owner.floor})()

    assert 2 == holder.floor(2.5), "it is no method"
    assert owner.floor == math.floor
    assert owner.floor in {math.floor}
    assert repr(math.floor) == repr(owner.floor)
    assert inspect.signature(math.floor) == inspect.signature(owner.floor)
    assert pickle.loads(pickle.dumps(owner.floor)) is math.floor
    assert copy.copy(owner.floor) is math.floor


def test_builtin_function_is_pickled_by_its_name_while_a_tap_stands_there(lab: Any) -> None:
    assert tap.is_tap(_thread.start_new_thread)
    assert pickle.loads(pickle.dumps(_thread.start_new_thread)) is _thread.start_new_thread


def test_function_that_keeps_no_ear_is_no_tap(owner: Any) -> None:
    def empty() -> Callable[[], Any]:
        def inner() -> Any:
            return later

        if owner is None:
            later = 1
        return inner

    assert not any(map(tap.is_tap, [double, math.floor, empty(), None, lambda: owner]))


# --- what the taps are handed


def test_future_takes_anything_as_its_error(lab: Any) -> None:
    future: concurrent.futures.Future[Any] = concurrent.futures.Future()
    future.set_exception(42)  # type: ignore[arg-type]  # CPython does not look at it

    error: Any = future.exception()
    assert 42 == error


class Odd(threading.Thread):
    """A thread that is equal to every other one, and has no name."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1

    @property
    def name(self) -> str:
        raise ZeroDivisionError

    @name.setter
    def name(self, name: str) -> None: ...


def test_thread_that_raises_where_it_is_asked_runs(lab: Any) -> None:
    ran: list[int] = []
    thread = Odd(target=lambda: ran.append(1))
    thread.start()
    thread.join()

    assert [1] == ran


@pytest.mark.parametrize("is_older", [False, True])
def test_thread_that_cannot_be_judged_is_a_note_and_hides_nothing_else(lab: Any, is_older: bool) -> None:
    shop = lab.module("shop", "import threading\nkept = []\ndef pay(): return 1\ndef lock(): return threading.Lock()")
    for kind in lab.laboratory.census.kinds:
        kind.grace_s = 0.06
    done = threading.Event()
    thread = Odd(target=done.wait)

    def body() -> None:
        if not is_older:
            thread.start()
        shop.kept.append(shop.lock())
        shop.kept[0].acquire()
        shop.pay()

    if is_older:
        thread.start()
    try:
        seen = lab.run(body, "shop:pay = null")
    finally:
        done.set()
        thread.join()

    found = [(one.kind, one.is_note) for one in seen.observation.leftovers]
    assert ("lock", False) in found
    assert is_older or ("thread", True) in found
    assert is_older or "threads were not checked: looking at one raised ZeroDivisionError" in seen.texts


def test_things_that_say_they_are_equal_are_told_apart() -> None:
    table: ByIdentity[str] = ByIdentity()
    first, second = Odd(), Odd()
    table[first] = "first"
    table[second] = "second"

    assert ("first", "second") == (table.get(first), table.get(second))
    del first
    assert 1 == len(table)
    assert "second" == table.setdefault(second, "third")


def test_what_a_log_record_is_nobody_asks(lab: Any) -> None:
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(lambda *args, **named: object())  # type: ignore[arg-type]  # as someone may
    heard: list[int] = []
    try:
        with _loud_logs(lambda record: heard.append(record.levelno)):
            assert type(logging.getLogRecordFactory()()) is object
    finally:
        logging.setLogRecordFactory(before)
    assert [] == heard


class OddGroup(ExceptionGroup[Exception]):
    """A group that does not say what it holds."""

    @property
    def exceptions(self) -> Any:
        raise ZeroDivisionError

    @property
    def __class__(self) -> Any:
        raise ZeroDivisionError

    @__class__.setter
    def __class__(self, cls: Any) -> None: ...


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with 3.12")
def test_odd_group_is_handled_while_errors_are_watched(lab: Any) -> None:
    shop = lab.module("shop", "def pay(): return 'paid'")
    caught: list[type] = []

    def body() -> None:
        with pytest.raises(OSError):
            shop.pay()
        try:
            try:
                raise OddGroup("odd", [ValueError()])
            except BaseException:
                raise
        except BaseException as error:
            caught.append(type(error))

    lab.run(body, "shop:pay = raise(OSError)")
    assert [OddGroup] == caught
