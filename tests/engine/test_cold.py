"""Cold runs, without pytest: which scenarios run cold, and that a plain run is the same in another process."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_chaos import parse
from pytest_chaos.contract import Contract
from pytest_chaos.explorer import Scenario, key_of_rule
from pytest_chaos.observation import Answer, Failure, Observation, RuleSeen, SpotSeen, Steady
from pytest_chaos.plan import Plain
from pytest_chaos.plugin.cold import is_cold, plain_of, told_plain
from pytest_chaos.provenance import Place, Provenance
from pytest_chaos.resources.leftovers import Leftover
from pytest_chaos.trace import Sites, Trace

PROVENANCE = Provenance(Path(__file__).parent)
LINE, OTHER = Place("shop.py", 8, "pay"), Place("shop.py", 18, "refund")
STEADY = Steady(
    {"m:f": 2},
    (Leftover("lock", "lock 'x'", "lock shop.py:8 in pay", is_note=True),),
    (
        Answer("GET /sale?id=1", 200, True, 0.5),
        Answer("GET /sale?id=2", 500, True, 0.5, client="httpx", headers=(("age", "1"),), body=b"\xff", took_s=0.1),
        Answer("run sale", 3, True, 0.5, kind="exit"),
    ),
    0.25,
    logged=frozenset({("KeyError", LINE)}),
    unhandled=frozenset({("OSError", OTHER)}),
)
PLAIN = Plain(STEADY, Trace.of({("m:f", LINE): 2}), None, Sites(PROVENANCE, lambda frame: (None, False)))
SCENARIO = Scenario("m:f hang all", tuple(parse("m:f = hang")), "all", key_of_rule(""))
RULE = RuleSeen("m:f = hang", "exploration", 0, 0, True, ("m:f",), "m:f", "hang")
SEEN = Observation(
    "test_it",
    "explored",
    0,
    "m:f = hang",
    Contract(),
    rules=(RULE,),
    steady=STEADY,
    spots=(SpotSeen("m:f", LINE, 0, 2),),
)


def test_a_plain_run_is_the_same_in_another_process() -> None:
    """As far as anything is compared with it: calls, leftovers, answers, and how long it took."""
    there = plain_of(json.loads(json.dumps(told_plain(PLAIN))), PROVENANCE)

    assert (there.steady, there.steady.duration_s) == (STEADY, 0.25)
    assert there.trace.shape() == {("m:f", LINE): 2}
    assert there.trace.count("m:f") == 2


def spot(calls: int, place: Place = LINE) -> SpotSeen:
    return SpotSeen("m:f", place, calls, 2)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="not called at all"),
        pytest.param({"rules": (replace(RULE, calls=2),), "spots": (spot(0), spot(2, OTHER))}, id="called by others"),
        pytest.param({"rules": (replace(RULE, filtered=2),), "spots": (spot(1),)}, id="called for another dependency"),
    ],
)
@pytest.mark.parametrize("shape", ["all", "rule"])
def test_a_scenario_is_cold_whose_call_only_the_plain_run_made(changes: dict[str, Any], shape: Any) -> None:
    assert is_cold(replace(SCENARIO, shape=shape), replace(SEEN, **changes), PLAIN)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"rules": (replace(RULE, calls=2),), "spots": (spot(2),)}, id="called, and not picked"),
        pytest.param({"rules": (replace(RULE, filtered=2),), "spots": (spot(2),)}, id="called, and not meant"),
        pytest.param({"rules": (RULE, replace(RULE, calls=1, fired=1))}, id="another rule has acted"),
        pytest.param({"rules": (replace(RULE, points=("m:g",)),)}, id="not called by the plain run either"),
        pytest.param({"children": (17,)}, id="maybe called in a child"),
        pytest.param({"failure": Failure("KeyError")}, id="the second run fails by itself"),
    ],
)
def test_a_scenario_is_not_cold_that_did_not_fire_for_another_reason(changes: dict[str, Any]) -> None:
    assert not is_cold(SCENARIO, replace(SEEN, **changes), PLAIN)


def test_calls_of_the_test_itself_are_remembered_too_where_they_are_explored() -> None:
    assert is_cold(replace(SCENARIO, spares_driver=False), replace(SEEN, spots=()), PLAIN)
    assert not is_cold(SCENARIO, replace(SEEN, spots=()), PLAIN)


def test_a_rule_that_draws_its_calls_is_not_cold() -> None:
    assert not is_cold(replace(SCENARIO, rules=tuple(parse("m:f = 20%hang"))), SEEN, PLAIN)


def test_a_scenario_that_follows_another_one_is_not_cold() -> None:
    assert not is_cold(replace(SCENARIO, shape="first"), SEEN, PLAIN)
    assert not is_cold(SCENARIO, SEEN, None)
