"""The explorer under any system: whatever runs show, it ends, repeats nothing and is fair; labels fit ids."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pytest_chaos import Null, Raise, format_scenario, parse
from pytest_chaos.explorer import Explorer, Outcome, Scenario, unique_label
from pytest_chaos.faults.base import Fault
from pytest_chaos.plugin.clones import scenario_id, split_id
from pytest_chaos.plugin.options import read_replay, replay_text
from pytest_chaos.reach import Number, Way
from pytest_chaos.trace import Calls, CallSite, Spot, Trace

POINTS = ("a:a", "b:b", "c:c", "d:d")
FAULTS: tuple[Fault, ...] = (Raise(TimeoutError), Raise(OSError), Null())


@st.composite
def spots(draw: Any, most: int = 8) -> dict[Spot, Calls]:
    """Calls of some lines at some points; numbers count the calls of a point, as in a real run."""
    found: dict[Spot, Calls] = {}
    numbers: Counter[str] = Counter()
    for point, line, is_driver in draw(
        st.lists(st.tuples(st.sampled_from(POINTS), st.integers(1, 4), st.booleans()), max_size=most)
    ):
        numbers[point] += 1
        calls = found.setdefault((point, CallSite("shop.py", line, "pay", line, is_driver)), Calls())
        calls.numbers.append(numbers[point])
        calls.count += 1
    return found


@st.composite
def outcomes(draw: Any) -> Outcome:
    seen = draw(spots())
    return Outcome(draw(st.booleans()), draw(st.integers(0, 3)), seen, (draw(st.integers(0, 2)),), lambda: ways(seen))


def ways(spots: dict[Spot, Calls]) -> list[Way]:
    return [
        Way(point, site, count=calls.count, numbers=tuple(map(Number, calls.numbers)))
        for (point, site), calls in spots.items()
    ]


def explorer(plain: dict[Spot, Calls], faults: tuple[Fault, ...], **options: Any) -> Explorer:
    trace = Trace(None)  # type: ignore[arg-type]  # no frame is looked at here
    trace.spots.update(plain)
    return Explorer(trace, ways(plain), lambda way: faults, **options)


shown = st.lists(outcomes(), min_size=1, max_size=5)
"""What runs show, in turn; from its beginning again where there are more runs."""


def run(one: Explorer, shown: list[Outcome]) -> list[Scenario]:
    ran: list[Scenario] = []
    while (scenario := one.next()) is not None:
        one.saw(scenario, shown[len(ran) % len(shown)])
        ran.append(scenario)
    return ran


@given(spots(), st.sets(st.sampled_from(FAULTS), min_size=1), st.booleans(), shown)
def test_no_scenario_is_handed_out_twice_and_there_is_an_end(
    plain: dict[Spot, Calls], faults: set[Fault], with_driver: bool, shown: list[Outcome]
) -> None:
    one = explorer(plain, tuple(faults), with_driver=with_driver)
    ran = run(one, shown)

    assert len(ran) == len({scenario.text for scenario in ran}) == len({scenario.label for scenario in ran})
    assert one.made.total() == len(ran)
    assert (one.waiting, one.next()) == ([], None)


@given(spots(), st.sets(st.sampled_from(FAULTS), min_size=1), shown)
def test_runs_are_at_most_three_for_each_key_and_the_pairs(
    plain: dict[Spot, Calls], faults: set[Fault], shown: list[Outcome]
) -> None:
    one = explorer(plain, tuple(faults))
    ran = run(one, shown)

    shapes = Counter(scenario.shape for scenario in ran)
    assert shapes["all"] == one.keys
    assert max(shapes["first"], shapes["second"]) <= one.keys
    assert shapes.total() - shapes["pair"] <= 3 * one.keys


@given(spots(), st.sets(st.sampled_from(FAULTS), min_size=1), shown)
def test_every_key_is_run_or_pruned_with_a_reason(
    plain: dict[Spot, Calls], faults: set[Fault], shown: list[Outcome]
) -> None:
    one = explorer(plain, tuple(faults))
    foreseen = len(one.planned)
    ran = run(one, shown)

    runs = sum(scenario.shape != "pair" for scenario in ran)
    own_calls = sum(calls.count for (_, site), calls in plain.items() if site.is_driver)
    assert one.pruned["made by the tests themselves"] == own_calls
    assert runs + one.pruned.total() - own_calls == foreseen


@given(spots(most=20), st.sets(st.sampled_from(FAULTS), min_size=1), shown)
def test_each_target_gets_its_turn_in_any_prefix(
    plain: dict[Spot, Calls], faults: set[Fault], shown: list[Outcome]
) -> None:
    """While two targets both have scenarios that wait, neither is ahead of the other by more than one."""
    one = explorer(plain, tuple(faults))
    turns: Counter[str] = Counter()
    lanes = {scenario.lane for scenario in one.waiting}
    while (scenario := one.next()) is not None:
        turns[scenario.lane] += 1
        one.saw(scenario, shown[turns.total() % len(shown)])
        lanes &= {waiting.lane for waiting in one.waiting}  # those that had something to run all the time
        counts = [turns[lane] for lane in lanes]
        assert not counts or max(counts) - min(counts) <= 1


@given(st.lists(st.text(alphabet="ax:;@ \n\t[]()2é", max_size=90), max_size=12))
def test_labels_are_different_and_fit_ids(texts: list[str]) -> None:
    known: Counter[str] = Counter()
    labels = [unique_label(text, known) for text in texts]

    assert len(set(labels)) == len(labels)
    for label in labels:
        assert "::" not in label
        assert not set(label) & set(";\n\t")
        assert label == label.strip()
        assert not label.endswith("@")
        assert len(label) <= 84
        assert not label or split_id(scenario_id("t.py::test[x]", label)) == ("t.py::test[x]", label)


@given(st.text(alphabet="a[]: chaos", max_size=60))
def test_plain_ids_are_left_alone(nodeid: str) -> None:
    plain, label = split_id(nodeid)

    assert nodeid == (scenario_id(plain, label) if label else plain)


rules = st.sampled_from(
    [
        "shop:charge = raise(TimeoutError)",
        "shop:charge = #2.. raise(OSError, 'no \\'disk\\' — ü');shop:note = null",
        "shop.**:fetch_* = 12.5%delay(0.2, 0.05)",
        "m:f = 2*raise(KeyError)->null",
        "redis[cache:6379] = hang; m:f['[::1]:80']@shop:make.<locals>.<lambda> = #2 null",
    ]
)


@given(st.text(min_size=1), rules, st.integers(-(2**63) + 1, 2**63 - 1), st.booleans(), st.text())
def test_replay_text_brings_back_what_it_was_made_of(
    test: str, text: str, seed: int, spares_driver: bool, label: str
) -> None:
    canonical = format_scenario(parse(text))
    replay = replay_text(test, canonical, seed, label, spares_driver=spares_driver)
    found = read_replay(replay, "--chaos-replay")

    assert (found.test, format_scenario(found.rules)) == (test, canonical)
    assert found.rules == tuple(parse(text))
    assert (found.seed, found.spares_driver, found.label) == (seed, spares_driver, label)
    assert replay.startswith("c1:")
    assert not set(replay) & set(" '\"$`\\*?;&|<>()[]{}!#~=\n")
