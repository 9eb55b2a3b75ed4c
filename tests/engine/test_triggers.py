"""WHEN: keywords to triggers, against a reference that counts by hand, and everything that is refused."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from pytest_chaos import Call, SpecificationError, Trigger
from pytest_chaos.triggers import ALL_CALLS, ALWAYS, Hits, trigger_from

CALLS = 40


def reference(after: int, nth: Any, every: int | None, times: int | None) -> list[int]:
    """Return the firing calls among the first ones: after, then nth or every, then times."""
    numbers = [number for number in range(1, CALLS + 1) if number > after]
    if nth is not None:
        numbers = [number for number in numbers if number in (nth if isinstance(nth, list) else [nth])]
    if every is not None:
        numbers = [number for number in numbers if number % every == 0]
    return numbers[:times]


def fired(trigger: Trigger) -> list[int]:
    hits = [number for number in range(1, CALLS + 1) if trigger.hits.match(number)]
    return hits[: trigger.times]


COMBINATIONS = [
    (after, nth, every, times)
    for after, (nth, every), times in itertools.product(
        (None, 0, 1, 4, 10),
        ((None, None), (3, None), ([1, 5, 12], None), ([12, 12, 7], None), (None, 1), (None, 3), (None, 7)),
        (None, 1, 3),
    )
    if nth is None or any(number > (after or 0) for number in (nth if isinstance(nth, list) else [nth]))
]


@pytest.mark.parametrize(("after", "nth", "every", "times"), COMBINATIONS)
def test_combination_fires_as_counted_by_hand(
    after: int | None, nth: Any, every: int | None, times: int | None
) -> None:
    trigger = trigger_from(after=after, nth=nth, every=every, times=times)

    assert reference(after or 0, nth, every, times) == fired(trigger)


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ({"every": 3}, [3, 6, 9, 12]),
        ({"after": 2}, [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
        ({"after": 4, "every": 3}, [6, 9, 12]),
        ({"after": 6, "every": 3}, [9, 12]),
        ({"nth": [1, 4], "after": 2}, [4]),
        ({"nth": (2, 1)}, [1, 2]),
        ({"nth": range(2, 4)}, [2, 3]),
    ],
)
def test_hits_of_the_documented_examples(keywords: dict[str, Any], expected: list[int]) -> None:
    assert expected == [number for number in range(1, 13) if trigger_from(**keywords).hits.match(number)]


def test_nothing_given_fires_always() -> None:
    assert ALWAYS == trigger_from() == trigger_from(rate=None, nth=None, times=None)
    assert ALL_CALLS == trigger_from(after=0).hits == trigger_from(every=1).hits


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"rate": 20}, "Did you mean 0.2?"),
        ({"rate": 120}, "share of calls"),
        ({"rate": -1}, "must lie in [0, 1], got -1"),
        ({"rate": -0.001}, "must lie in"),
        ({"rate": 1.0001}, "Did you mean 0.010001?"),
        ({"rate": "x"}, "must be a number in [0, 1], got 'x'"),
        ({"rate": "0.2"}, "must be a number"),
        ({"rate": math.nan}, "got nan"),
        ({"rate": math.inf}, "got inf"),
        ({"rate": True}, "got True"),
        ({"rate": 10**400}, "must lie in"),
        ({"nth": 0}, "nth must be at least 1, got 0"),
        ({"nth": -3}, "at least 1"),
        ({"nth": True}, "whole number"),
        ({"nth": 1.0}, "whole number"),
        ({"nth": "3"}, "call number or a list"),
        ({"nth": []}, "call number or a list"),
        ({"nth": [1, 0]}, "at least 1"),
        ({"nth": [1, "2"]}, "whole number"),
        ({"nth": {}}, "call number or a list"),
        ({"every": 0}, "every must be at least 1"),
        ({"every": 2.5}, "whole number"),
        ({"after": -1}, "after must be at least 0"),
        ({"after": True}, "whole number"),
        ({"times": 0}, "times must be at least 1"),
        ({"times": "2"}, "whole number"),
        ({"nth": 2, "every": 2}, "nth=2 and every=2 contradict"),
        ({"nth": 2, "after": 2}, "never fires"),
        ({"nth": [1, 2], "after": 5}, "never fires"),
        ({"for_s": 0}, "positive number of seconds"),
        ({"for_s": -1}, "positive"),
        ({"for_s": math.inf}, "positive"),
        ({"for_s": math.nan}, "positive"),
        ({"for_s": "1"}, "positive"),
        ({"for_s": True}, "positive"),
        ({"for_s": 10**400}, "positive"),
        ({"when": "x"}, "predicate over the call"),
        ({"caller": ""}, "glob over module names"),
        ({"caller": 3}, "glob over module names"),
        ({"args": 3}, "must map"),
        ({"args": {}}, "must map"),
        ({"args": ()}, "must map"),
        ({"args": {1.5: 2}}, "neither a parameter name nor a position"),
        ({"args": {True: 2}}, "neither"),
        ({"tims": 2}, "Did you mean 'times'?"),
        ({"Rate": 0.2}, "Did you mean 'rate'"),
        ({"zzz": 2}, "Triggers are rate, nth, every"),
        ({"when": None, "recover": 2}, "unknown trigger recover=2"),
    ],
)
def test_wrong_keyword_is_refused_with_a_remedy(keywords: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecificationError) as caught:
        trigger_from(**keywords)

    assert words in str(caught.value)


@pytest.mark.parametrize("rate", [0, 0.0, 1, 1.0, 0.5, 5e-324])
def test_rate_within_its_range_is_taken(rate: float) -> None:
    assert float(rate) == trigger_from(rate=rate).rate


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ({}, True),
        ({"nth": 3}, True),
        ({"every": 3, "times": 2}, True),
        ({"rate": 0.99}, False),
        ({"rate": 0}, False),
        ({"for_s": 5}, False),
        ({"when": bool}, False),
        ({"caller": "x"}, False),
        ({"args": {0: 1}}, False),
    ],
)
def test_trigger_is_sure_unless_chance_clock_or_filter_decides(keywords: dict[str, Any], expected: bool) -> None:
    assert expected == trigger_from(**keywords).is_sure


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ({}, False),
        ({"every": 2}, False),
        ({"after": 2}, False),
        ({"rate": 0.1}, False),
        ({"times": 2}, True),
        ({"nth": 2}, True),
    ],
)
def test_trigger_is_finite_if_a_count_ends_it(keywords: dict[str, Any], expected: bool) -> None:
    assert expected == trigger_from(**keywords).is_finite


@pytest.mark.parametrize(("hits", "expected"), [(Hits(), math.inf), (Hits(2, 5), 5), (Hits.listed([7, 3]), 7)])
def test_end_is_the_last_number_that_may_fire(hits: Hits, expected: float) -> None:
    assert expected == hits.end


def test_positional_filter_is_a_position_to_value_map() -> None:
    assert ((0, "EUR"), (1, 5)) == trigger_from(args=("EUR", 5)).args
    assert (("currency", "EUR"),) == trigger_from(args={"currency": "EUR"}).args


def test_call_shows_what_a_predicate_needs() -> None:
    call = Call("m:f", (1,), {"a": 2}, "shop.api", "main", 3)

    assert ("m:f", (1,), {"a": 2}, "shop.api", "main", 3) == (
        call.target,
        call.args,
        call.kwargs,
        call.caller,
        call.actor,
        call.number,
    )
