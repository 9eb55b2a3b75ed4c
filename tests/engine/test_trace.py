"""The trace: which watched calls a body makes, from which lines of the system, in numbers that can be compared."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_chaos.notation import parse_target
from pytest_chaos.provenance import Place
from pytest_chaos.target import resolve
from pytest_chaos.trace import Calls, CallSite, Sites, Spot, Trace

SHOP = """
    import threading

    def charge(amount=1, timeout=None):
        return amount

    def note():
        return "noted"

    def pay():
        return charge()

    def pay_often(times):
        for _ in range(times):
            charge(); note()

    def pay_in_a_thread():
        thread = threading.Thread(target=pay)
        thread.start()
        thread.join()

    class Till:
        def pay(self):
            return [charge() for _ in range(2)]

    def timed(seconds):
        return charge(timeout=seconds)
"""


@pytest.fixture
def shop(lab: Any) -> Any:
    return lab.module("shop", SHOP)


@pytest.fixture
def traced(lab: Any, shop: Any) -> Iterator[Callable[..., Trace]]:
    """Run a body, and return the trace of the shop's calls."""

    def run(body: Callable[[], Any], *targets: str, again: Callable[[], Any] | None = None) -> Trace:
        watched = [(target, resolve(target)) for target in map(parse_target, targets or ("shop:charge", "shop:note"))]
        experiment = lab.experiment(kind="session", watched=watched)
        try:
            with experiment.body():
                body()
                if again is not None:
                    experiment.new_round()
                    again()
            assert experiment.trace is not None
            trace: Trace = experiment.trace
            return trace
        finally:
            experiment.close()

    return run


def table(trace: Trace) -> dict[tuple[str, str], list[int]]:
    return {(point, site.label): calls.numbers for (point, site), calls in trace.spots.items()}


def test_calls_are_noted_by_the_line_of_the_system_that_makes_them(shop: Any, traced: Any) -> None:
    trace = traced(lambda: (shop.pay(), shop.Till().pay(), shop.pay_often(2)))

    assert table(trace)[("shop:charge", "pay+1")] == [1]
    assert [numbers for (point, label), numbers in table(trace).items() if "Till.pay" in label] == [[2, 3]]
    assert table(trace)[("shop:charge", "pay_often+2")] == [4, 5]
    assert table(trace)[("shop:note", "pay_often+2")] == [1, 2]


def test_place_names_file_line_and_function(shop: Any, traced: Any) -> None:
    ((_, site),) = traced(shop.pay).spots

    assert site.place == Place("shop.py", 11, "pay")
    assert (site.path, site.line, site.function, site.offset) == ("shop.py", 11, "pay", 1)
    assert not site.is_driver
    assert (site.code, site.module["charge"]) == (shop.pay.__code__, shop.charge)


def test_calls_of_the_test_itself_are_told_apart(shop: Any, traced: Any) -> None:
    trace = traced(lambda: (shop.charge(), shop.pay(), shop.charge()))

    sites = {site.is_driver: calls.numbers for (_, site), calls in trace.spots.items()}
    assert sites[False] == [2]
    assert sorted(number for (_, site), calls in trace.spots.items() if site.is_driver for number in calls.numbers) == [
        1,
        3,
    ]
    assert trace.count("shop:charge") == 1
    assert trace.count("shop:charge", with_driver=True) == 3
    assert trace.counts() == {"shop:charge": 1}
    assert trace.shape() == {("shop:charge", Place("shop.py", 11, "pay")): 1}


def test_calls_of_other_threads_say_who_made_them(shop: Any, traced: Any) -> None:
    trace = traced(lambda: (shop.pay(), shop.pay_in_a_thread()))

    ((_, calls),) = trace.spots.items()
    assert calls.count == 2
    assert calls.actors[0] == "main"
    assert calls.actors[1] != "main"


def test_only_what_is_watched_is_noted(shop: Any, traced: Any) -> None:
    assert {point for point, _ in traced(lambda: shop.pay_often(1), "shop:note").spots} == {"shop:note"}


def test_each_round_counts_from_one(shop: Any, traced: Any) -> None:
    ((_, calls),) = traced(shop.pay, "shop:charge", again=shop.pay).spots.items()

    assert (calls.numbers, calls.count) == ([1, 1], 2)


def test_numbers_are_kept_up_to_a_thousand_and_the_count_goes_on(shop: Any, traced: Any) -> None:
    ((_, calls),) = traced(lambda: shop.pay_often(1_200), "shop:charge").spots.items()

    assert (len(calls.numbers), len(calls.times), len(calls.actors), calls.count) == (1_000, 1_000, 1_000, 1_200)
    assert calls.times == sorted(calls.times)


def test_numbers_of_threads_that_race_are_all_different(shop: Any, traced: Any) -> None:
    def race() -> None:
        threads = [threading.Thread(target=shop.pay_often, args=(50,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    ((_, calls),) = traced(race, "shop:charge").spots.items()

    assert sorted(calls.numbers) == list(range(1, 201))


def test_sites_are_equal_by_what_can_be_told_of_them() -> None:
    """Their code and module are there to be read, and make no difference."""
    mine = CallSite("shop.py", 3, "pay", 1, False, test_sites_are_equal_by_what_can_be_told_of_them.__code__, {"a": 1})

    assert mine == CallSite("shop.py", 3, "pay", 1, False)
    assert len({mine, CallSite("shop.py", 3, "pay", 1, False)}) == 1


def test_call_without_a_frame_has_no_place_and_is_not_the_systems() -> None:
    trace = Trace(Sites(None, lambda frame: (None, False)).of)  # type: ignore[arg-type]  # no file is named
    spots: dict[Spot, Calls] = trace.spots
    trace.note("m:f", None, "main", None)  # type: ignore[arg-type]  # no timeout is read

    ((_, site),) = spots
    assert (site.place, site.is_driver) == (Place("", 0, ""), True)


class Kept:
    """Something that a namespace keeps alive."""


def test_code_that_is_made_anew_is_one_place_and_only_its_first_namespace_is_kept(traced: Any, shop: Any) -> None:
    kept: list[Any] = []

    def body() -> None:
        for _ in range(3):
            space = {"shop": shop, "kept": Kept()}
            kept.append(weakref.ref(space["kept"]))
            exec(compile("shop.charge()", shop.__file__, "exec"), space)

    trace = traced(body)

    assert [3] == [calls.count for calls in trace.spots.values()]
    assert 1 == sum(one() is not None for one in kept)
