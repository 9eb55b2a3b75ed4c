"""Locks that are still held: whose, since when, and when somebody may still release them."""

from __future__ import annotations

import asyncio
import copy
import copyreg
import gc
import inspect
import pickle
import queue
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_chaos import compat
from pytest_chaos.provenance import Provenance
from pytest_chaos.resources import taps
from pytest_chaos.resources.births import Owner
from pytest_chaos.resources.census import Census

SHOP = """
import asyncio, contextlib, dataclasses, threading

LOCK = threading.Lock()
AGAIN = threading.RLock()
CONDITION = threading.Condition()
POLITE = asyncio.Lock()
threads, kept, errors = [], [], []
go_on, taken = threading.Event(), threading.Event()

def pay(): return "paid"

def keeps_it():
    LOCK.acquire()
    pay()

def keeps_it_on_error():
    LOCK.acquire()
    try:
        pay()
    except OSError:
        return
    LOCK.release()

def uses_it():
    with LOCK:
        pay()

def keeps_the_reentrant():
    AGAIN.acquire()
    pay()

def keeps_the_conditions():
    CONDITION.acquire()
    pay()

async def keeps_the_polite():
    await POLITE.acquire()
    pay()

class Till:
    def __init__(self): self.lock = threading.Lock()

@dataclasses.dataclass
class Drawer:
    lock: object = dataclasses.field(default_factory=threading.Lock)

def keeps_anothers(cls):
    kept.append(cls())
    kept[-1].lock.acquire()
    pay()

def keeps_a_lost_one():
    till = Till()
    till.itself = till
    till.lock.acquire()
    pay()

def fails_with_a_local_one():
    lock = threading.Lock()
    lock.acquire()
    try:
        pay()
        raise ValueError("out of order")
    except ValueError as error:
        errors.append(error)

MANY = {"one": threading.Lock()}
BOTH = (threading.Lock(), threading.Lock())

def takes_one_of_many():
    MANY["one"].acquire()
    pay()

def takes_one_of_a_tuple():
    BOTH[0].acquire()
    pay()

def start(target, *args):
    threads.append(threading.Thread(target=target, args=args))
    threads[-1].start()

def releases_soon():
    LOCK.acquire()
    start(release_soon)
    pay()

def release_soon():
    go_on.wait(0.02)
    LOCK.release()

def holds_for_long(lock):
    with lock:
        taken.set()
        go_on.wait()

def holds_by_hand(lock):
    lock.acquire()
    taken.set()
    go_on.wait()
    lock.release()

@contextlib.contextmanager
def locked():
    with LOCK: yield

def holds_inside_a_try(lock):
    with locked():
        try:
            taken.set()
            go_on.wait()
        except OSError:
            pass

def works_without():
    with LOCK:
        pass
    taken.set()
    go_on.wait()

def takes_now_and_then():
    while not go_on.wait(0.001):
        with LOCK:
            taken.set()

def takes_and_dies(lock):
    lock.acquire()

def waits_idle():
    with CONDITION:
        taken.set()
        CONDITION.wait()

async def holds_in_a_task():
    async with POLITE:
        await asyncio.Event().wait()
"""


@pytest.fixture
def shop(lab: Any) -> Iterator[Any]:
    shop = lab.module("shop", SHOP)
    for kind in lab.laboratory.census.kinds:
        kind.grace_s = 0.06
    yield shop
    shop.go_on.set()
    if not shop.CONDITION._is_owned():
        with shop.CONDITION:
            shop.CONDITION.notify_all()
    for thread in shop.threads:
        thread.join()


def left(lab: Any, body: Callable[[], Any], fault: str = "null", **options: Any) -> list[tuple[str, str]]:
    """Return kind and text of what a chaos run leaves, but for threads."""
    seen = lab.run(body, f"shop:pay = {fault}", **options)
    return [(one.kind, one.text) for one in seen.observation.leftovers if one.kind not in ("thread", "task")]


def as_fixture(lab: Any, make: Callable[[], Any]) -> Owner:
    """Let something be made for a session fixture that is set up now."""
    census, owner = lab.laboratory.census, Owner("the session fixture 'till'", "session")
    before = census.work_for(owner)
    make()
    census.work_for(before)
    return owner


def test_what_only_says_that_it_is_a_module_is_not_looked_into(shop: Any, lab: Any, monkeypatch: Any) -> None:
    class Library:  # as cffi puts them in the table of modules
        __slots__ = ()
        __class__ = types.ModuleType  # type: ignore[assignment]  # it only says that it is one

    monkeypatch.setitem(sys.modules, "shop_lib", Library())

    assert isinstance(Library(), types.ModuleType)
    assert [] == left(lab, shop.uses_it)


# --- held


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("keeps_it", "held lock LOCK made at shop.py:4 in <module>, by the test"),
        (
            "keeps_the_reentrant",
            "held reentrant lock AGAIN made at shop.py:5 in <module>, by the test; held by thread 'MainThread'",
        ),
        (
            "keeps_the_conditions",
            "held reentrant lock CONDITION made at shop.py:6 in <module>, by the test; held by thread 'MainThread'",
        ),
    ],
)
def test_held_lock_is_found_with_who_made_it(shop: Any, lab: Any, name: str, words: str) -> None:
    assert [("lock", words)] == left(lab, lambda: getattr(shop, name)())


def test_held_lock_of_asyncio_is_found_after_its_loop_closed(shop: Any, lab: Any) -> None:
    found = left(lab, lambda: asyncio.run(shop.keeps_the_polite()))

    assert [("lock", "held asyncio lock POLITE made at shop.py:7 in <module>, by the test")] == found


@pytest.mark.parametrize(("name", "place"), [("Till", "shop.py:42 in Till.__init__"), ("Drawer", "in keeps_anothers")])
def test_lock_of_an_object_that_is_kept_is_found(shop: Any, lab: Any, name: str, place: str) -> None:
    ((kind, text),) = left(lab, lambda: shop.keeps_anothers(getattr(shop, name)))

    assert "lock" == kind
    assert place in text


def test_lock_kept_only_on_the_error_path_is_found_only_there(shop: Any, lab: Any) -> None:
    assert [] == left(lab, shop.keeps_it_on_error)
    assert ["lock"] == [kind for kind, _ in left(lab, shop.keeps_it_on_error, "raise(OSError)")]


@pytest.mark.parametrize("name", ["takes_one_of_many", "takes_one_of_a_tuple"])
def test_lock_in_a_container_that_the_collector_does_not_follow_is_found(shop: Any, lab: Any, name: str) -> None:
    assert ["lock"] == [kind for kind, _ in left(lab, getattr(shop, name))]


def test_lock_is_told_once_and_not_blamed_on_the_next_test(shop: Any, lab: Any) -> None:
    assert ["lock"] == [kind for kind, _ in left(lab, shop.keeps_it)]
    assert [] == left(lab, lambda: shop.pay())


def test_lock_of_a_wider_fixture_that_the_test_keeps_is_the_tests(shop: Any, lab: Any) -> None:
    as_fixture(lab, lambda: shop.kept.append(shop.Till()))

    ((_, text),) = left(lab, lambda: shop.kept[-1].lock.acquire() and shop.pay())

    assert text.endswith("in Till.__init__, by the session fixture 'till'")


def test_reentrant_lock_of_a_thread_that_ended_is_found(shop: Any, lab: Any) -> None:
    def body() -> None:
        shop.start(shop.takes_and_dies, shop.AGAIN)
        shop.threads[-1].join()
        shop.pay()

    ((_, text),) = left(lab, body)

    assert text.endswith("; held by a thread that has ended")


def test_lock_is_found_while_another_thread_waits_without_it(shop: Any, lab: Any) -> None:
    """Its function has a ``with``, but it does not stand inside."""

    def body() -> None:
        shop.start(shop.works_without)
        shop.taken.wait()
        shop.keeps_it()

    assert ["lock"] == [kind for kind, _ in left(lab, body)]


def test_lock_older_than_the_taps_is_found_by_its_name(lab: Any) -> None:
    census = lab.laboratory.census
    census.close()
    try:
        shop = lab.module("shop", SHOP + "till = Till()\nheld = {'by name': [Till()]}\n")
    finally:
        census.open()
    for kind in census.kinds:
        kind.grace_s = 0.06

    def body() -> None:
        for lock in (shop.LOCK, shop.AGAIN, shop.till.lock, shop.held["by name"][0].lock):
            lock.acquire()
        shop.pay()

    assert [
        ("lock", "held lock shop.LOCK"),
        ("lock", "held lock shop.held"),
        ("lock", "held lock shop.till"),
        ("lock", "held reentrant lock shop.AGAIN; held by thread 'MainThread'"),
    ] == sorted(left(lab, body))


# --- not left


@pytest.mark.parametrize("name", ["uses_it", "releases_soon", "keeps_a_lost_one", "fails_with_a_local_one"])
def test_right_twin_holds_nothing(shop: Any, lab: Any, name: str) -> None:
    assert [] == left(lab, getattr(shop, name))


def test_lock_that_was_held_before_is_not_the_tests(shop: Any, lab: Any) -> None:
    shop.LOCK.acquire()

    assert [] == left(lab, lambda: shop.pay())


@pytest.mark.parametrize("lock", ["LOCK", "AGAIN", "CONDITION"])
@pytest.mark.parametrize("hold", ["holds_for_long", "holds_by_hand", "holds_inside_a_try"])
def test_lock_that_a_live_thread_may_release_is_not_left(shop: Any, lab: Any, lock: str, hold: str) -> None:
    def body() -> None:
        shop.start(getattr(shop, hold), getattr(shop, lock))
        shop.taken.wait()
        shop.pay()

    assert [] == left(lab, body)


def test_lock_that_a_background_thread_takes_now_and_then_is_not_left(shop: Any, lab: Any) -> None:
    as_fixture(lab, lambda: shop.start(shop.takes_now_and_then))
    shop.taken.wait()

    for _ in range(5):
        assert [] == left(lab, lambda: shop.pay())


def test_lock_that_a_task_may_release_is_not_left(shop: Any, lab: Any) -> None:
    loop = asyncio.new_event_loop()

    async def begin() -> None:
        loop.kept = asyncio.create_task(shop.holds_in_a_task())  # type: ignore[attr-defined]  # to be kept alive
        await asyncio.sleep(0)
        shop.pay()

    try:
        assert [] == left(lab, lambda: loop.run_until_complete(begin()))
    finally:
        loop.kept.cancel()  # type: ignore[attr-defined]  # as above
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def test_lock_that_a_session_fixture_takes_is_judged_when_it_ends(shop: Any, lab: Any) -> None:
    from pytest_chaos.resources.births import is_of

    census = lab.laboratory.census
    before = census.baseline()
    owners: list[Owner] = []

    def body() -> None:
        owners.append(as_fixture(lab, shop.LOCK.acquire))
        shop.pay()

    assert [] == left(lab, body)
    assert [] == left(lab, lambda: shop.pay())
    (told,) = census.leftovers(before, is_of(owners[0]))
    assert told.text.endswith(", taken for the session fixture 'till'")


def test_lock_that_a_session_fixture_gives_back_is_no_leak(shop: Any, lab: Any) -> None:
    from pytest_chaos.resources.births import is_of

    census = lab.laboratory.census
    before = census.baseline()
    owner = as_fixture(lab, shop.LOCK.acquire)
    shop.LOCK.release()

    assert [] == census.leftovers(before, is_of(owner))


def test_condition_in_an_idle_pool_is_not_left(shop: Any, lab: Any) -> None:
    def body() -> None:
        shop.start(shop.waits_idle)
        shop.taken.wait()
        shop.pay()

    assert [] == left(lab, body)


def test_locks_inside_the_standard_library_are_not_judged(shop: Any, lab: Any) -> None:
    """What a queue, a logger or an import holds is its own affair."""
    import logging

    kept: list[Any] = []

    def body() -> None:
        kept.extend([queue.Queue(), logging.NullHandler(), threading.Event(), threading.Semaphore()])
        kept[0].mutex.acquire()
        shop.pay()

    assert [] == left(lab, body)
    kept[0].mutex.release()


# --- the names


def test_names_come_back_also_under_somebody_elses(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def names() -> tuple[Any, ...]:
        return threading.Lock, threading.RLock, vars(asyncio.Lock)["__init__"], vars(threading.Semaphore)["__init__"]

    before = names()
    census = Census(Provenance(tmp_path))
    census.open()
    ours = threading.Lock
    assert all(one is not other for one, other in zip(before, names(), strict=True))
    census.close()
    assert all(one is other for one, other in zip(before, names(), strict=True))
    census.open()
    between = threading.Lock
    monkeypatch.setattr(threading, "Lock", lambda: between())
    census.close()
    assert threading.Lock().acquire()  # passes through
    assert ours().acquire()
    monkeypatch.undo()
    threading.Lock = before[0]  # type: ignore[misc]  # what the patch put back was ours


def test_lock_is_the_interpreters_own_and_its_name_is_like_the_original(shop: Any) -> None:
    tapped: Any = threading.Lock
    plain = tapped.__wrapped__

    class Keeper:
        make = threading.Lock

    assert type(tapped()) is compat.lock_type()
    assert type(Keeper().make()) is compat.lock_type()
    assert (repr(plain), plain.__name__, True) == (repr(tapped), tapped.__name__, tapped == plain)
    assert plain is {tapped: plain}[plain]
    assert pickle.loads(pickle.dumps(tapped)) is pickle.loads(pickle.dumps(plain))
    assert tapped == copy.deepcopy(tapped)
    with pytest.raises(TypeError):
        type("Mine", (tapped,), {})
    with pytest.raises(TypeError):
        tapped(1)


def test_name_that_was_kept_is_pickled_for_as_long_as_somebody_keeps_it() -> None:
    gc.collect()  # of other tests' taps
    before = set(copyreg.dispatch_table)
    undo = taps.hear_of_locks(lambda lock: None)
    kept: Any = threading.Lock
    undo()

    assert pickle.loads(pickle.dumps(kept)) is pickle.loads(pickle.dumps(threading.Lock))
    del kept, undo
    gc.collect()
    assert before == set(copyreg.dispatch_table)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="a function until then")
def test_name_of_a_type_is_a_type(shop: Any) -> None:
    tapped: Any = threading.Lock
    lock = tapped()

    assert isinstance(lock, tapped)
    assert not isinstance(1, tapped | None)
    assert issubclass(type(lock), tapped)
    assert type(lock) == tapped  # noqa: E721  # what somebody may write
    assert tapped.acquire(lock)
    assert inspect.signature(tapped.__wrapped__) == inspect.signature(tapped)


@pytest.mark.parametrize("made", [asyncio.Lock, asyncio.Semaphore, threading.Semaphore])
def test_signatures_stay(tmp_path: Any, made: Any) -> None:
    before = inspect.signature(made)
    census = Census(Provenance(tmp_path))
    census.open()
    during = inspect.signature(made)
    census.close()

    assert before == during


def test_clean_run_waits_for_nothing(shop: Any, lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    census = lab.laboratory.census
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("slept"))
    before = census.baseline()
    shop.uses_it()

    assert [] == census.leftovers(before)
