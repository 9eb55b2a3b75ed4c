"""The plan under every order in which actors may call."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pytest_chaos import Null, Raise
from pytest_chaos.scenario import Term
from pytest_chaos.schedule import Cursor
from pytest_chaos.triggers import Trigger, trigger_from

KEY = (0, "t.py::test", "rule", 0)
actors = st.sampled_from(["main", "main/1", "main/2"])
orders = st.lists(actors, max_size=60)


def play(chain: tuple[Term, ...], order: list[str], *key: Any) -> list[tuple[str, int, int, str]]:
    """Return actor, its index, number and fault word of each firing."""
    cursor = Cursor(chain, *(key or KEY))
    found = []
    for actor in order:
        fault = cursor.count("m:f", actor, 0.0)
        cursor.settle(fault is not None)
        if fault is not None:
            found.append((actor, cursor.actor_calls(actor), cursor.calls, fault.word))
    assert (len(order), len(found)) == (cursor.calls, cursor.firings)
    return found


@st.composite
def triggers(draw: Any) -> Trigger:
    keywords: dict[str, Any] = {}
    if draw(st.booleans()):
        keywords["rate"] = draw(st.floats(0, 1))
    if draw(st.booleans()):
        keywords["after"] = draw(st.integers(0, 10))
    which = draw(st.sampled_from(["nth", "every", None]))
    if which == "nth":
        numbers = st.integers(keywords.get("after", 0) + 1, 40)
        keywords["nth"] = draw(st.lists(numbers, min_size=1, max_size=5))
    elif which == "every":
        keywords["every"] = draw(st.integers(1, 10))
    if draw(st.booleans()):
        keywords["times"] = draw(st.integers(1, 8))
    return trigger_from(**keywords)


@given(triggers(), orders)
def test_same_key_and_order_give_the_same_firings(trigger: Trigger, order: list[str]) -> None:
    chain = (Term(Null(), trigger),)

    assert play(chain, order) == play(chain, order)


@given(st.floats(0, 1), st.lists(actors, min_size=1, max_size=60), st.data())
def test_rates_do_not_depend_on_how_actors_interleave(rate: float, order: list[str], data: Any) -> None:
    chain = (Term(Null(), Trigger(rate=rate)),)
    shuffled = data.draw(st.permutations(order))

    assert {(actor, index) for actor, index, _, _ in play(chain, order)} == {
        (actor, index) for actor, index, _, _ in play(chain, shuffled)
    }


@given(triggers().filter(lambda trigger: trigger.rate == 1.0), orders, st.data())
def test_counts_fire_at_the_same_numbers_whoever_calls(trigger: Trigger, order: list[str], data: Any) -> None:
    chain = (Term(Null(), trigger),)
    shuffled = data.draw(st.permutations(order))

    assert [number for _, _, number, _ in play(chain, order)] == [number for _, _, number, _ in play(chain, shuffled)]


@given(triggers(), orders)
def test_every_firing_is_a_hit_and_times_is_never_exceeded(trigger: Trigger, order: list[str]) -> None:
    numbers = [number for _, _, number, _ in play((Term(Null(), trigger),), order)]

    assert all(trigger.hits.match(number) for number in numbers)
    assert trigger.times is None or len(numbers) <= trigger.times
    assert sorted(set(numbers)) == numbers


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), orders)
def test_chain_of_counts_is_the_terms_one_after_another(times: list[int], order: list[str]) -> None:
    faults = [Raise(OSError), Null()]
    chain = tuple(Term(faults[index % 2], Trigger(times=count)) for index, count in enumerate(times))
    expected = [faults[index % 2].word for index, count in enumerate(times) for _ in range(count)][: len(order)]

    assert expected == [word for _, _, _, word in play(chain, order)]


@given(triggers(), orders, st.integers(0, 60))
def test_what_comes_later_does_not_change_what_came_before(trigger: Trigger, order: list[str], cut: int) -> None:
    chain = (Term(Null(), trigger),)

    assert play(chain, order[:cut]) == [one for one in play(chain, order) if one[2] <= cut]
