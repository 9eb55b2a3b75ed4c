"""Which injected errors are held and until when: nothing the system lets go is kept alive for long."""

from __future__ import annotations

import contextlib
import gc
import threading
import traceback
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_chaos import compat
from pytest_chaos.absorption import Absorption
from pytest_chaos.custody import MOST_HELD, MOST_WAYS, Custody
from pytest_chaos.report.sentences import told_way

SHOP = """
class Resource: ...

alive = []
kept = []

def pay(): return "paid"

def holding(remember):
    resource = Resource()
    remember(resource)
    pay()

def caught(remember):
    try: holding(remember)
    except OSError: pass

def stored(remember):
    try: holding(remember)
    except OSError as error: kept.append(error)

def refers_to_itself(remember):
    resource = Resource()
    remember(resource)
    try: pay()
    except OSError as error: mine = error

def retried_inside(remember):
    try: pay()
    except OSError:
        try: pay()
        except OSError: pass
        raise

def outer(remember):
    try: retried_inside(remember)
    except OSError: return "caught at last"
"""


@pytest.fixture
def shop(lab: Any) -> Any:
    return lab.module("shop", SHOP)


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """What goes has gone by its references."""
    gc.disable()
    yield
    gc.enable()


class Living:
    """The resources that are alive."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, resource: Any) -> None:
        self.count += 1
        weakref.finalize(resource, self._gone)

    def _gone(self) -> None:
        self.count -= 1


def test_frames_of_an_error_go_at_the_next_injection_and_at_the_end(shop: Any, lab: Any) -> None:
    living = Living()
    seen: list[int] = []
    experiment = lab.experiment("shop:pay = raise(OSError)")
    with experiment.body():
        for _ in range(20):
            shop.caught(living)
            seen.append(living.count)
    experiment.close()

    assert [1] * 20 == seen
    assert 0 == living.count


def test_errors_that_refer_to_themselves_do_not_pile_up(shop: Any, lab: Any) -> None:
    living = Living()
    experiment = lab.experiment("shop:pay = raise(OSError)")
    with experiment.body():
        for _ in range(3 * MOST_HELD):
            shop.refers_to_itself(living)
        gc.collect()
        assert MOST_HELD == living.count
    experiment.conclude()
    gc.collect()

    assert 0 == living.count
    assert [3 * MOST_HELD] == [way.times for way in experiment.journal.absorptions]


@pytest.mark.parametrize("count", [1, MOST_HELD + 5])
def test_error_that_the_system_keeps_stays_as_it_was(shop: Any, lab: Any, count: int) -> None:
    """Only our reference goes; the traceback is the system's to print."""
    experiment = lab.experiment("shop:pay = raise(OSError)")
    with experiment.body():
        for _ in range(count):
            shop.stored(lambda resource: None)
    assert experiment.caused(shop.kept[0]) and experiment.caused(shop.kept[-1])
    experiment.conclude()

    for error in shop.kept:
        assert ["stored", "holding"] == [frame.name for frame in traceback.extract_tb(error.__traceback__)[:2]]
        assert error.__context__ is None
    assert [count] == [way.times for way in experiment.journal.absorptions]


def test_error_that_is_still_being_handled_is_not_told_early(shop: Any, lab: Any) -> None:
    """The second injection comes while the first error is in its handler, which raises it again."""
    seen = lab.run(lambda: shop.outer(None), "shop:pay = raise(OSError)")

    first, second = seen.observation.absorptions
    assert told_way(first).endswith("passed retried_inside → caught in shop.py:37 outer (except OSError)")
    assert told_way(second).endswith("caught in shop.py:32 retried_inside (except OSError)")


def test_error_of_another_thread_is_left_to_it(shop: Any, lab: Any) -> None:
    """What dies with its frames may belong to that thread alone."""
    died_in: list[int] = []
    done, go_on = threading.Event(), threading.Event()

    def remember(resource: Any) -> None:
        weakref.finalize(resource, lambda: died_in.append(threading.get_ident()))

    def work() -> None:
        shop.caught(remember)
        done.set()
        go_on.wait(5)
        shop.caught(lambda resource: None)

    with lab.window("shop:pay = raise(OSError)"):
        thread = threading.Thread(target=work)
        thread.start()
        assert done.wait(5)
        shop.caught(lambda resource: None)
        assert [] == died_in
        go_on.set()
        thread.join(5)
        assert [thread.ident] == died_in


def test_context_of_a_younger_error_goes_with_it(shop: Any, lab: Any) -> None:
    def body() -> None:
        for _ in range(5):
            with contextlib.suppress(OSError):
                shop.retried_inside(None)

    experiment = lab.experiment("shop:pay = raise(OSError)")
    with experiment.body():
        body()
    count = experiment.journal.custody.count
    experiment.close()

    assert 0 == count


def test_ways_are_capped_and_errors_are_still_counted() -> None:
    custody = Custody(lambda error, point, flight, escaped: Absorption(point, (), "unseen"))
    for number in range(MOST_WAYS + 10):
        custody.take(OSError(), f"m:f{number}")
    custody.take(OSError(), "m:f1")
    custody.release()

    assert MOST_WAYS == len(custody.absorptions)
    assert ["m:f0", "m:f1", "m:f2"] == [way.point for way in custody.absorptions[:3]]
    assert [1, 2, 1] == [way.times for way in custody.absorptions[:3]]


def test_way_of_an_error_that_came_first_stands_first() -> None:
    custody = Custody(lambda error, point, flight, escaped: Absorption(point, (), "unseen"))
    first = OSError()
    custody.take(first, "m:first")
    custody.take(OSError(), "m:second")
    custody.take(OSError(), "m:third")
    custody.release()

    assert ["m:first", "m:second", "m:third"] == [way.point for way in custody.absorptions]


def test_reference_of_somebody_else_is_seen() -> None:
    hold = compat.ErrorHold(OSError())
    assert hold.is_alone()
    error = hold.error
    assert not hold.is_alone()
    del error
    assert hold.is_alone()


def test_many_threads_inject_at_once(shop: Any, lab: Any) -> None:
    def work() -> None:
        for _ in range(200):
            shop.caught(lambda resource: None)

    def body() -> None:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    seen = lab.run(body, "shop:pay = raise(OSError)").observation

    assert 1600 == seen.injected_errors == sum(way.times for way in seen.absorptions)
    assert {"except"} == {way.end for way in seen.absorptions}
