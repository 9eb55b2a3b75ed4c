"""The plan is pure: which calls fire follows from seed, test, rule, point, actor and number, and from nothing else."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable
from typing import Any

import pytest

from pytest_chaos import Hang, Null, Raise, Return, Rule, SpecificationError, Trigger
from pytest_chaos.scenario import Term
from pytest_chaos.schedule import Cursor, firing_indexes, stream
from pytest_chaos.target import Target
from pytest_chaos.triggers import trigger_from

KEY = (0, "t.py::test", "rule", 0)


def term(fault: Any = None, **keywords: Any) -> Term:
    return Term(fault or Null(), trigger_from(**keywords))


def firings(cursor: Cursor, actors: Iterable[str], point: str = "m:f", elapsed_s: float = 0.0) -> list[tuple[str, int]]:
    """Make one call for each actor in turn, and return (actor, its own call number) of those that fired."""
    found = []
    for actor in actors:
        fault = cursor.count(point, actor, elapsed_s)
        cursor.settle(fault is not None)
        if fault is not None:
            found.append((actor, cursor.actor_calls(actor)))
    return found


def numbers(*chain: Term, calls: int = 20, key: tuple[Any, ...] = KEY) -> list[int]:
    return [number for _, number in firings(Cursor(chain, *key), ["main"] * calls)]


# --- streams


def test_equal_keys_give_equal_streams() -> None:
    draws = [stream(1, "t", "p", "main").random() for _ in range(2)]

    assert draws[0] == draws[1]


def test_stream_is_the_same_in_every_process_and_version() -> None:
    """A recorded failure must replay next year."""
    assert [0.13, 0.03, 0.84] == [round(stream(0, "t", "p", f"actor {n}").random(), 2) for n in range(3)]


def test_every_part_of_the_key_matters() -> None:
    keys = [
        (0, "t", "r", "main"),
        (1, "t", "r", "main"),
        (0, "u", "r", "main"),
        (0, "t", "s", "main"),
        (0, "t", "r", "a"),
    ]

    assert len(keys) == len({stream(*key).random() for key in keys})


def test_parts_of_a_key_do_not_run_together() -> None:
    assert stream("ab", "c").random() != stream("a", "bc").random()


def test_drawing_leaves_the_global_generator_alone() -> None:
    before = random.getstate()
    numbers(term(rate=0.5))

    assert before == random.getstate()


# --- rates


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rate", [0.001, 0.01, 0.1, 0.2, 0.5, 0.9, 0.99])
def test_rate_lies_within_its_binomial_band(rate: float, seed: int) -> None:
    calls = 20_000
    fired = sum(1 for _ in itertools.takewhile(lambda index: index < calls, firing_indexes(rate, seed, "t")))

    # Four standard deviations; the seeds are fixed, so this holds always or never.
    assert abs(fired - calls * rate) <= 4 * math.sqrt(calls * rate * (1 - rate))


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_gaps_are_geometric(rate: float) -> None:
    indexes = list(itertools.islice(firing_indexes(rate, "gaps"), 5000))
    gaps = [after - before for before, after in itertools.pairwise(indexes)]

    for gap in (1, 2, 3):
        expected = len(gaps) * rate * (1 - rate) ** (gap - 1)
        assert abs(gaps.count(gap) - expected) <= 4 * math.sqrt(expected)


def test_first_call_fires_as_often_as_any_other() -> None:
    """A stream that always let its first call pass, or never, would show here."""
    fired = sum(next(firing_indexes(0.2, seed, "t")) == 0 for seed in range(5000))

    assert abs(fired - 1000) <= 4 * math.sqrt(5000 * 0.2 * 0.8)


def test_rate_of_zero_never_fires_and_of_one_always() -> None:
    assert [] == list(firing_indexes(0, "t"))
    assert [] == numbers(term(rate=0))
    assert [0, 1, 2] == list(itertools.islice(firing_indexes(1, "t"), 3))


@pytest.mark.parametrize("rate", [5e-324, 1e-310, 1e-300, 1e-16])
def test_tiniest_rate_does_not_fire_here_and_does_not_break(rate: float) -> None:
    assert [] == numbers(term(rate=rate))


@pytest.mark.parametrize("rate", [1 - 2**-53, 0.9999999])
def test_rate_just_below_one_fires_all_but_always(rate: float) -> None:
    assert list(range(1, 21)) == numbers(term(rate=rate))


def test_same_key_gives_the_same_firings() -> None:
    assert numbers(term(rate=0.3), calls=500) == numbers(term(rate=0.3), calls=500)


@pytest.mark.parametrize(
    "key", [(1, *KEY[1:]), (0, "t.py::other", "rule", 0), (0, "t.py::test", "other", 0), (*KEY[:3], 1)]
)
def test_seed_test_rule_and_ordinal_move_the_firings(key: tuple[Any, ...]) -> None:
    assert numbers(term(rate=0.3), calls=100) != numbers(term(rate=0.3), calls=100, key=key)


def test_actors_and_points_have_streams_of_their_own() -> None:
    def pattern(actor: str, point: str) -> list[int]:
        return [number for _, number in firings(Cursor((term(rate=0.3),), *KEY), [actor] * 100, point)]

    assert 3 == len({tuple(pattern(*who)) for who in (("main", "m:f"), ("main/1", "m:f"), ("main", "m:g"))})


@pytest.mark.parametrize("order", ["ababababab" * 10, "a" * 50 + "b" * 50, "b" * 50 + "a" * 50, "aabbb" * 20])
def test_rate_of_one_actor_does_not_depend_on_the_others(order: str) -> None:
    alone = [number for _, number in firings(Cursor((term(rate=0.3),), *KEY), ["a"] * order.count("a"))]

    assert alone == [number for actor, number in firings(Cursor((term(rate=0.3),), *KEY), order) if actor == "a"]


# --- counts


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ({}, list(range(1, 11))),
        ({"nth": 3}, [3]),
        ({"nth": [1, 4, 99]}, [1, 4]),
        ({"every": 4}, [4, 8]),
        ({"after": 7}, [8, 9, 10]),
        ({"times": 2}, [1, 2]),
        ({"every": 2, "times": 2}, [2, 4]),
        ({"after": 3, "every": 2, "times": 2}, [4, 6]),
    ],
)
def test_counts_pick_call_numbers(keywords: dict[str, Any], expected: list[int]) -> None:
    assert expected == numbers(term(**keywords), calls=10)


@pytest.mark.parametrize("order", ["ab" * 10, "a" * 10 + "b" * 10, "abbbabbaba" * 2])
@pytest.mark.parametrize(
    ("keywords", "expected"), [({"nth": [2, 9]}, 2), ({"every": 6}, 3), ({"after": 15}, 5), ({"times": 4}, 4)]
)
def test_number_of_firings_is_exact_over_all_actors(keywords: dict[str, Any], expected: int, order: str) -> None:
    assert expected == len(firings(Cursor((term(**keywords),), *KEY), order))


def test_rate_draws_only_for_the_hits() -> None:
    """Hits first, rate second: the share is of the hits."""
    every_second = numbers(term(every=2, rate=0.5), calls=4000)

    assert all(number % 2 == 0 for number in every_second)
    assert abs(len(every_second) - 1000) <= 4 * math.sqrt(2000 * 0.25)


def test_times_counts_firings_and_not_draws() -> None:
    assert numbers(term(rate=0.2), calls=100)[:3] == numbers(term(rate=0.2, times=3), calls=100)


def test_window_ends_the_firings() -> None:
    cursor = Cursor((term(for_s=1.0),), *KEY)

    assert [("a", 1)] == firings(cursor, "a", elapsed_s=1.0)
    assert [] == firings(cursor, "a", elapsed_s=1.01)
    assert 2 == cursor.calls


def test_call_that_another_rule_takes_is_counted_and_not_fired() -> None:
    cursor = Cursor((term(times=1),), *KEY)

    assert cursor.count("m:f", "a", 0) is not None
    cursor.settle(False)

    assert (1, 0) == (cursor.calls, cursor.firings)
    assert [("a", 2)] == firings(cursor, "aa")


# --- chains


def chain_numbers(*chain: Term, calls: int = 12) -> list[str]:
    """Return the word of the fault that fired on each call, or a dot."""
    cursor = Cursor(chain, *KEY)
    words = []
    for _ in range(calls):
        fault = cursor.count("m:f", "main", 0)
        cursor.settle(fault is not None)
        words.append(fault.word if fault else ".")
    return words


def test_terms_drain_in_order() -> None:
    chain = (term(Raise(OSError), times=2), term(Hang(), times=1), term(Null()))

    assert ["raise", "raise", "hang", "null", "null"] == chain_numbers(*chain, calls=5)


def test_last_term_may_end_too() -> None:
    assert ["raise", "null", ".", "."] == chain_numbers(term(Raise(OSError), times=1), term(times=1), calls=4)


def test_hits_of_a_term_count_from_the_call_after_the_previous_one_drained() -> None:
    chain = (term(Raise(OSError), nth=2), term(Null(), nth=[1, 3]), term(Return(1), every=2))

    assert [".", "raise", "null", ".", "null", ".", "return", ".", "return"] == chain_numbers(*chain, calls=9)


def test_term_with_a_rate_drains_by_its_firings() -> None:
    words = chain_numbers(term(Raise(OSError), rate=0.3, times=2), term(Null()), calls=40)
    second = [index for index, word in enumerate(words) if word == "raise"][1]

    assert {"raise", "."} == set(words[: second + 1])
    assert {"null"} == set(words[second + 1 :])


def test_term_drains_at_its_last_hit_even_if_its_rate_spared_it() -> None:
    words = chain_numbers(term(Raise(OSError), rate=0.0, nth=[1, 2]), term(Null()), calls=4)

    assert [".", ".", "null", "null"] == words


def test_term_drains_at_its_last_hit_even_if_another_rule_took_it() -> None:
    cursor = Cursor((term(Raise(OSError), nth=1), term(Null())), *KEY)
    cursor.count("m:f", "a", 0)
    cursor.settle(False)

    assert [("a", 2)] == firings(cursor, "a")


def test_streams_of_terms_are_independent() -> None:
    chain = (term(Raise(OSError), rate=0.5, nth=list(range(1, 51))), term(Null(), rate=0.5))
    words = chain_numbers(*chain, calls=100)

    assert [word == "raise" for word in words[:50]] != [word == "null" for word in words[50:]]


@pytest.mark.parametrize("first", [{}, {"every": 2}, {"rate": 0.5}, {"after": 3}])
def test_chain_with_a_term_that_never_drains_is_refused(first: dict[str, Any]) -> None:
    with pytest.raises(SpecificationError, match="needs a count"):
        Rule(Target("m", "f"), (term(Raise(OSError), **first), term(Null())))


def test_rule_without_a_fault_is_refused() -> None:
    with pytest.raises(SpecificationError, match="no fault"):
        Rule(Target("m", "f"), ())


def test_first_term_says_whether_a_rule_is_sure() -> None:
    assert Rule(Target("m", "f"), (term(times=1), term(rate=0.1))).is_sure
    assert not Rule(Target("m", "f"), (term(rate=0.1, times=1), term())).is_sure
    assert Trigger().is_sure
