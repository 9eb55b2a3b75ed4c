"""The explorer is pure: from a plain run's calls, and what each run showed, to the scenarios worth running."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from pytest_chaos import DiskFull, Either, Hang, Null, Raise, Return, Verdict, parse
from pytest_chaos.contract import Contract
from pytest_chaos.explorer import (
    Explorer,
    Key,
    Outcome,
    Scenario,
    Tally,
    fault_label,
    is_random,
    key_of_rule,
    rule_label,
    seeds_of,
    unique_label,
)
from pytest_chaos.faults.base import Fault
from pytest_chaos.journal import Activation
from pytest_chaos.notation import rule_from
from pytest_chaos.observation import Failure, Observation
from pytest_chaos.provenance import Place
from pytest_chaos.reach import Number, Step, Way
from pytest_chaos.trace import Calls, CallSite, Spot, Trace
from pytest_chaos.verdict import Evidence, Finding, Judgement

LATE, BROKEN = Raise(TimeoutError), Raise(OSError)


def spot(point: str = "shop:charge", line: int = 10, function: str = "pay", is_driver: bool = False) -> Spot:
    return (point, CallSite("shop.py", line, function, 2, is_driver))


def made(*numbers: int) -> Calls:
    return Calls(list(numbers), [0.0] * len(numbers), ["main"] * len(numbers), len(numbers))


def plain(spots: Mapping[Spot, Calls]) -> Trace:
    trace = Trace(None)  # type: ignore[arg-type]  # no frame is looked at here
    trace.spots.update(spots)
    return trace


def ways(spots: Mapping[Spot, Calls]) -> list[Way]:
    """One way for each line, with nothing around it that could make a difference."""
    return [
        Way(point, site, count=calls.count, numbers=tuple(map(Number, calls.numbers)))
        for (point, site), calls in spots.items()
    ]


def explorer(spots: Mapping[Spot, Calls], *faults: Fault, **options: Any) -> Explorer:
    return Explorer(plain(spots), ways(spots), lambda way: faults or (LATE,), **options)


def explore(explorer: Explorer, behave: Callable[[Scenario], Outcome], most: int = 1_000) -> list[tuple[str, str]]:
    """Run all scenarios, and return their shapes and texts."""
    ran = []
    while (scenario := explorer.next()) is not None:
        ran.append((scenario.shape, scenario.text))
        explorer.saw(scenario, behave(scenario))
        assert len(ran) < most
    return ran


def outcome(
    activations: int = 1, *, fails: bool = False, spots: Mapping[Spot, Calls] | None = None, effect: Any = None
) -> Outcome:
    seen = {} if spots is None else spots
    return Outcome(fails, activations, seen, (effect,), lambda: ways(seen))


def each_its_own(spots: Mapping[Spot, Calls], activations: int = 1) -> Callable[[Scenario], Outcome]:
    """A system in which every fault has an effect of its own."""
    return lambda scenario: outcome(activations, spots=spots, effect=scenario.text)


# --- shapes


def test_call_that_is_made_once_fails_in_one_way_for_each_fault() -> None:
    spots = {spot(): made(1)}
    one = explorer(spots, LATE, BROKEN)

    assert explore(one, each_its_own(spots)) == [
        ("all", "shop:charge = raise(TimeoutError)"),
        ("all", "shop:charge = raise(OSError)"),
    ]
    assert one.keys == 2
    assert one.pruned == {"only one call": 2}


def test_call_that_is_made_often_fails_always_once_and_the_second_time() -> None:
    spots = {spot(): made(1, 2, 3)}

    assert explore(explorer(spots), each_its_own(spots, 3)) == [
        ("all", "shop:charge = raise(TimeoutError)"),
        ("first", "shop:charge = #1 raise(TimeoutError)"),
        ("second", "shop:charge = #2 raise(TimeoutError)"),
    ]


def test_call_that_a_fault_makes_be_made_again_fails_once_too() -> None:
    """A retry is seen under the fault only."""
    spots = {spot(): made(1)}
    seen = {spot(): made(1, 2, 3)}

    assert explore(explorer(spots), each_its_own(seen, 3)) == [
        ("all", "shop:charge = raise(TimeoutError)"),
        ("first", "shop:charge = #1 raise(TimeoutError)"),
    ]


def test_line_that_calls_later_fails_from_its_own_first_call_on() -> None:
    spots = {spot(line=10): made(1, 3), spot(line=20, function="refund"): made(2, 4)}
    ran = explore(explorer(spots), each_its_own(spots, 2))

    assert ran == [
        ("all", "shop:charge = raise(TimeoutError)"),
        ("all", "shop:charge = #2.. raise(TimeoutError)"),
        ("first", "shop:charge = #1 raise(TimeoutError)"),
        ("second", "shop:charge = #3 raise(TimeoutError)"),
        ("first", "shop:charge = #2 raise(TimeoutError)"),
        ("second", "shop:charge = #4 raise(TimeoutError)"),
    ]


def test_examples_of_a_property_test_are_no_calls_made_again() -> None:
    """Numbers begin with 1 in each."""
    spots = {spot(): made(1, 1, 1)}

    assert explore(explorer(spots), each_its_own(spots, 3)) == [("all", "shop:charge = raise(TimeoutError)")]


def test_same_faults_are_run_once_though_two_lines_begin_an_example() -> None:
    spots = {spot(line=10): made(1, 1), spot(line=20, function="refund"): made(1)}
    one = explorer(spots)

    assert explore(one, each_its_own(spots, 3)) == [("all", "shop:charge = raise(TimeoutError)")]
    assert one.pruned["the same faults already run"] == 1


def test_calls_within_one_example_are_calls_made_again() -> None:
    spots = {spot(): made(1, 2, 1, 2)}

    assert [shape for shape, _ in explore(explorer(spots), each_its_own(spots, 4))] == ["all", "first", "second"]


def test_fault_that_lets_some_calls_pass_is_tried_on_all_only() -> None:
    """Of ten calls of open the third may be the first that opens for writing."""
    spots = {spot("builtins:open"): made(1, 2, 3, 4)}

    assert [("all", "builtins:open = disk-full")] == explore(explorer(spots, DiskFull()), each_its_own(spots, 4))


# --- what a shape shows decides over others


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (outcome(3, fails=True), "this fault already fails here"),
        (outcome(0), "the call was not made this time"),
    ],
)
def test_key_that_is_settled_has_no_other_shapes(shown: Outcome, reason: str) -> None:
    spots = {spot(): made(1, 2)}
    one = explorer(spots)

    assert [shape for shape, _ in explore(one, lambda scenario: shown)] == ["all"]
    assert one.pruned == {reason: 2}


def test_fault_that_has_the_effect_of_another_has_no_other_shapes() -> None:
    spots = {spot(): made(1, 2)}
    one = explorer(spots, LATE, BROKEN)

    ran = explore(one, lambda scenario: outcome(2, spots=spots, effect="the same"))

    assert [shape for shape, _ in ran] == ["all", "all", "first", "second"]
    assert all("TimeoutError" in text for _, text in ran[2:])
    assert one.pruned == {"another fault has the same effect": 2}


def effect_of(fault: Fault = LATE, failure: Failure | None = None) -> tuple[object, ...]:
    activation = Activation("a rule", "shop:charge", fault, 1, "main", 1, 0.0, "MainThread", "abc")
    seen = Observation("t.py::test", "explored", 0, "", Contract(), activations=(activation,), failure=failure)
    return Outcome.of(
        seen,
        Judgement((Finding(Verdict.CHANGED, Evidence("ending", "assertion"), fails=False),)),
        plain({spot(): made(1)}),
        tuple,
    ).effect


HERE, THERE = Place("test_shop.py", 3, "test_sale"), Place("test_shop.py", 4, "test_sale")


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (Failure("KeyError", HERE, message="a: b"), Failure("KeyError", HERE, message="c: d"), True),
        (Failure("KeyError", HERE), Failure("KeyError", THERE), False),
        (Failure("KeyError", HERE), Failure("OSError", HERE), False),
        (Failure("OSError", HERE, is_injected=True), Failure("TimeoutError", THERE, is_injected=True), True),
        (Failure("OSError", HERE, is_injected=True), Failure("OSError", HERE), False),
        (None, Failure("OSError", HERE, is_injected=True), False),
    ],
)
def test_effect_is_which_error_came_out_where_and_not_what_it_says(one: Any, other: Any, is_same: bool) -> None:
    assert is_same is (effect_of(failure=one) == effect_of(failure=other))


def test_errors_may_have_the_same_effect_and_a_hang_has_another() -> None:
    assert effect_of(LATE) == effect_of(BROKEN) != effect_of(Hang())
    assert effect_of(Hang()) == effect_of(Hang(2))


def test_same_effect_at_another_line_is_no_reason() -> None:
    spots = {spot(line=10): made(1, 3), spot(line=20, function="refund"): made(2, 4)}

    assert len(explore(explorer(spots), lambda scenario: outcome(2, spots=spots, effect="the same"))) == 6


# --- two faults


def test_call_that_only_a_fault_brings_fails_together_with_it() -> None:
    spots = {spot(): made(1)}
    fallback = spot("shop:note", 20, "pay")

    def behave(scenario: Scenario) -> Outcome:
        return outcome(1, spots={**spots, fallback: made(1)}, effect=scenario.text)

    assert explore(explorer(spots), behave) == [
        ("all", "shop:charge = raise(TimeoutError)"),
        ("pair", "shop:charge = raise(TimeoutError); shop:note = raise(TimeoutError)"),
    ]


def test_known_point_that_is_called_by_a_new_line_is_new() -> None:
    """The second call of a retry by another line, a clean-up."""
    spots = {spot(): made(1)}
    again = spot(line=30, function="clean_up")

    def behave(scenario: Scenario) -> Outcome:
        return outcome(1, spots={**spots, again: made(2)}, effect=scenario.text)

    assert explore(explorer(spots), behave)[-1] == (
        "pair",
        "shop:charge = raise(TimeoutError); shop:charge = #2.. raise(TimeoutError)",
    )


@pytest.mark.parametrize("shown", [{"fails": True}, {"activations": 0}])
def test_run_that_fails_or_fired_nothing_opens_no_pairs(shown: dict[str, Any]) -> None:
    spots = {spot(): made(1)}
    seen = {**spots, spot("shop:note", 20): made(1)}

    assert len(explore(explorer(spots), lambda scenario: outcome(**{"spots": seen, **shown}))) == 1


def test_calls_of_the_test_itself_open_no_pairs() -> None:
    spots = {spot(): made(1)}
    seen = {**spots, spot("shop:note", 20, is_driver=True): made(1)}

    assert len(explore(explorer(spots), lambda scenario: outcome(spots=seen))) == 1


def test_pairs_open_no_further_pairs() -> None:
    spots = {spot(): made(1)}
    lines = iter(range(20, 100))

    def behave(scenario: Scenario) -> Outcome:
        return outcome(1, spots={**spots, spot("shop:note", next(lines)): made(1)}, effect=scenario.text)

    assert [shape for shape, _ in explore(explorer(spots), behave)] == ["all", "pair"]


# --- whose calls


def test_calls_of_the_test_itself_are_pruned() -> None:
    spots = {spot(is_driver=True): made(1, 2), spot(line=20): made(3)}
    one = explorer(spots)

    assert explore(one, each_its_own(spots)) == [("all", "shop:charge = #3.. raise(TimeoutError)")]
    assert one.pruned["made by the tests themselves"] == 2


def test_calls_of_the_test_itself_can_be_explored() -> None:
    spots = {spot(is_driver=True): made(1)}
    one = explorer(spots, with_driver=True)
    scenario = one.next()

    assert scenario is not None
    assert not scenario.spares_driver


# --- what users leave out


def test_predicate_leaves_a_key_out_with_all_of_its_shapes() -> None:
    spots = {spot(): made(1, 2), spot("shop:note", 20): made(1)}
    one = explorer(spots, keep=lambda scenario: "note" in scenario.label)

    assert explore(one, each_its_own(spots, 1)) == [("all", "shop:note = raise(TimeoutError)")]
    assert one.pruned["excluded by a predicate"] == 1


@pytest.mark.parametrize("name", ["<tmp>/cart.db", ":memory:"])
def test_key_of_the_one_database_that_a_test_makes_is_that_of_other_tests(name: str) -> None:
    """What it calls it says nothing of the system; where it makes two, each is explored."""
    taken: set[Key] = set()

    def take(key: Key) -> bool:
        return key not in taken and not taken.add(key)

    def explored(*names: str) -> list[str]:
        found = [Way(*spot(), dependency=one, numbers=(Number(1),)) for one in names]
        return [one.text for one in Explorer(plain({}), found, lambda way: (BROKEN,), take=take).waiting]

    assert explored("<tmp>/orders.db") == ["shop:charge[<tmp>/orders.db] = raise(OSError)"]
    assert explored(name) == []
    assert explored("/var/orders.db") == ["shop:charge[/var/orders.db] = raise(OSError)"]
    assert explored("<tmp>/orders.db", name) == [
        "shop:charge[<tmp>/orders.db] = raise(OSError)",
        f"shop:charge[{name}] = raise(OSError)",
    ]
    assert explored("<tmp>/other.db", "<tmp>/orders.db") == ["shop:charge[<tmp>/other.db] = raise(OSError)"]


def test_key_that_another_test_has_explored_is_pruned() -> None:
    spots = {spot(): made(1)}
    taken: set[Key] = set()

    def take(key: Key) -> bool:
        is_free = key not in taken
        taken.add(key)
        return is_free

    explorer(spots, take=take)
    second = explorer({**spots, spot(line=20): made(2)}, take=take)

    assert explore(second, each_its_own(spots)) == [("all", "shop:charge = #2.. raise(TimeoutError)")]
    assert second.pruned["explored by another test"] == 1
    assert len(taken) == 2


def test_key_that_somebody_else_explores_meanwhile_is_not_begun() -> None:
    """It is asked for when it is to begin, so that two that explore the same share what there is."""
    spots = {spot(): made(1, 2), spot("shop:note", 20): made(1, 2)}
    free = {"shop:charge", "shop:note"}
    one = explorer(spots, claim=lambda key: key.point in free)
    assert one.keys == 2

    first = one.next()
    free.remove("shop:note")

    assert first is not None and first.key.point == "shop:charge"
    one.saw(first, outcome(2, spots=spots))
    assert [shape for shape, _ in explore(one, each_its_own(spots, 2))] == ["first", "second"]
    assert (one.keys, one.pruned["explored by another test"]) == (1, 1)


def test_scenario_that_is_given_back_was_never_handed_out() -> None:
    one = explorer({spot(): made(1, 2), spot("shop:note", 20): made(1)})
    before = one.waiting
    scenario = one.next()
    assert scenario is not None

    one.give_back(scenario)

    assert sorted(each.label for each in one.waiting) == sorted(each.label for each in before)
    assert one.made.total() == 0
    assert one.next() == scenario


# --- ways and dependencies


def way(numbers: Iterable[Number], *functions: str, dependency: str = "", line: int = 10) -> Way:
    """Calls by some functions of the project, the innermost first."""
    name = functions[0].partition(":")[2] if functions else "pay"
    site = CallSite("shop.py", line, name, 2, False)
    steps = tuple(Step(function, line, way.__code__, {}) for function in functions)
    return Way("shop:charge", site, steps, dependency, numbers=tuple(numbers), through=frozenset(functions))


def explore_ways(*ways: Way) -> list[tuple[str, str]]:
    """Return labels and texts of all scenarios, in a system in which each has an effect of its own."""
    numbers: dict[Spot, list[int]] = {}
    for one in ways:
        numbers.setdefault((one.point, one.site), []).extend(number.all for number in one.numbers)
    spots = {spot: made(*found) for spot, found in numbers.items()}
    explorer, ran = Explorer(plain(spots), ways, lambda way: (LATE,)), []
    while (scenario := explorer.next()) is not None:
        ran.append((scenario.label, scenario.text))
        explorer.saw(scenario, outcome(2, spots=spots, effect=scenario.text))
    return ran


def test_dependency_is_a_part_of_the_key_and_of_its_rules() -> None:
    """An outage is one of all calls to one dependency, and of none to another."""
    ran = explore_ways(
        way([Number(1)], "shop:pay", dependency="bank:443"), way([Number(1)], "shop:pay", dependency="mail:25")
    )

    assert ran == [
        ("shop:charge[bank:443] raise TimeoutError all", "shop:charge[bank:443] = raise(TimeoutError)"),
        ("shop:charge[mail:25] raise TimeoutError all", "shop:charge[mail:25] = raise(TimeoutError)"),
    ]


def test_single_calls_of_one_of_several_ways_are_told_by_the_function_that_it_leads_through() -> None:
    """Their numbers are those below it, which other ways do not move."""
    ran = explore_ways(
        way(
            [Number(1, {"shop:get": 1, "shop:pay": 1}), Number(3, {"shop:get": 3, "shop:pay": 2})],
            *("shop:get", "shop:pay"),
        ),
        way([Number(2, {"shop:get": 2, "shop:show": 1})], "shop:get", "shop:show"),
    )

    assert ran == [
        ("shop:charge raise TimeoutError all@get+2", "shop:charge = raise(TimeoutError)"),
        ("shop:charge raise TimeoutError all@get+2 (2)", "shop:charge = #2.. raise(TimeoutError)"),
        ("shop:charge raise TimeoutError first@get+2", "shop:charge@shop:pay = #1 raise(TimeoutError)"),
        ("shop:charge raise TimeoutError second@get+2", "shop:charge@shop:pay = #2 raise(TimeoutError)"),
        ("shop:charge raise TimeoutError first@get+2 (2)", "shop:charge@shop:show = #1 raise(TimeoutError)"),
    ]


def test_second_call_of_a_way_is_another_one_than_its_first_in_all_examples_of_a_property_test() -> None:
    """Each example begins with 1, and the way may come after another one in some of them only."""
    ran = explore_ways(
        way(
            [Number(1, {"shop:pay": 1}), Number(2, {"shop:pay": 1}), Number(3, {"shop:pay": 2})], "shop:get", "shop:pay"
        ),
        way([Number(4, {"shop:show": 1})], "shop:get", "shop:show"),
    )

    assert [text for label, text in ran if "first" in label or "second" in label] == [
        "shop:charge@shop:pay = #1 raise(TimeoutError)",
        "shop:charge@shop:pay = #2 raise(TimeoutError)",
        "shop:charge@shop:show = #1 raise(TimeoutError)",
    ]


def test_line_that_waits_hangs_once_whoever_calls_it() -> None:
    """An error may be taken by one caller and not by the other; a wait that nothing limits is the same wait."""
    spots = {spot(): made(1, 2)}
    found = [
        way([Number(number, {function: 1})], "shop:get", function)
        for number, function in enumerate(("shop:pay", "shop:show"), 1)
    ]
    one = Explorer(plain(spots), found, lambda way: (LATE, Hang()))

    assert [scenario.text for scenario in one.waiting] == [
        "shop:charge = raise(TimeoutError)",
        "shop:charge = hang",
        "shop:charge = #2.. raise(TimeoutError)",
    ]
    assert one.pruned == {"the same line waits, reached from another caller": 1}


def test_wait_that_another_test_tries_is_not_tried_again_on_another_way() -> None:
    taken: list[Key] = []
    for number, function in enumerate(("shop:pay", "shop:show"), 1):
        found = [way([Number(number, {function: 1})], "shop:get", function)]
        Explorer(
            plain({spot(): made(number)}), found, lambda way: (LATE, Hang()), take=lambda key: not taken.append(key)
        )

    errors, waits = taken[::2], taken[1::2]
    assert len(set(errors)) == 2
    assert len(set(waits)) == 1


def test_dependencies_take_turns() -> None:
    """Whatever is called to reach them."""
    found = [
        way([Number(1, {"shop:pay": 1})], "shop:pay", dependency="bank:443"),
        way([Number(2, {"shop:show": 1})], "shop:show", dependency="bank:443", line=20),
        way([Number(1, {"a:b": 1})], "a:b", dependency="mail:25"),
    ]
    one = Explorer(plain({}), found, lambda way: (LATE, BROKEN))

    assert [scenario.lane for scenario in iter(one.next, None)][:4] == ["bank:443", "mail:25"] * 2


def test_only_what_is_wanted_is_left() -> None:
    spots = {spot(): made(1, 2), spot("shop:note", 20): made(1)}
    one = explorer(spots, wanted=lambda label: "charge" in label)

    assert [shape for shape, _ in explore(one, each_its_own(spots, 2))] == ["all", "first", "second"]


def test_shape_that_is_wanted_alone_waits_for_no_other() -> None:
    spots = {spot(): made(1, 2)}
    one = explorer(spots, wanted=lambda label: label.endswith("second"))

    assert explore(one, each_its_own(spots, 2)) == [("second", "shop:charge = #2 raise(TimeoutError)")]


def test_pair_that_is_wanted_needs_its_first_half() -> None:
    spots = {spot(): made(1)}
    seen = {**spots, spot("shop:note", 20): made(1), spot("shop:mail", 21): made(1)}
    one = explorer(spots, wanted=lambda label: label == "shop:charge raise TimeoutError all" or "note" in label)

    assert [text for _, text in explore(one, lambda scenario: outcome(spots=seen, effect=scenario.text))] == [
        "shop:charge = raise(TimeoutError)",
        "shop:charge = raise(TimeoutError); shop:note = raise(TimeoutError)",
    ]


# --- order


def test_each_target_gets_its_turn() -> None:
    spots = {spot(point, line): made(line) for point in ("a:a", "b:b", "c:c") for line in (1, 2, 3)}
    one = explorer(spots)

    assert [text.partition(" ")[0] for _, text in explore(one, lambda scenario: outcome(fails=True))] == [
        "a:a",
        "b:b",
        "c:c",
    ] * 3


def test_rules_of_the_user_come_first() -> None:
    rules = tuple(parse("shop:note = null"))
    spots = {spot(): made(1)}
    one = explorer(spots, rules=[Scenario("mine", rules, "rule", key_of_rule("mine"))])

    assert explore(one, each_its_own(spots)) == [
        ("rule", "shop:note = null"),
        ("all", "shop:charge = raise(TimeoutError)"),
    ]


def test_what_waits_and_what_may_follow_is_foreseen() -> None:
    one = explorer({spot(): made(1, 2), spot("shop:note", 20): made(1)})

    assert [scenario.shape for scenario in one.waiting] == ["all", "all"]
    assert Counter(scenario.shape for scenario in one.planned) == {"all": 2, "first": 2, "second": 1}
    one.next()
    assert len(one.waiting) == 1


def test_nothing_to_explore_is_no_error() -> None:
    spots = {spot(): made(1, 2)}
    one = Explorer(plain(spots), ways(spots), lambda way: ())

    assert one.next() is None
    assert (one.keys, one.waiting, one.planned) == (0, [], [])
    assert one.pruned == {"cannot fail": 2}


# --- labels


@pytest.mark.parametrize(
    ("fault", "label"),
    [
        (LATE, "raise TimeoutError"),
        (Raise(OSError, "text"), "raise OSError"),
        (Hang(), "hang"),
        (Hang(2), "hang 2"),
        (Null(), "null"),
        (parse("m:f = return([1, 2])")[0].chain[0].fault, "return [1, 2]"),
        (parse("m:f = lose-reply(OSError)")[0].chain[0].fault, "lose-reply OSError"),
        (Return("f(x)"), "return 'f(x)'"),
        (Either(Hang(2), Null), "‹either hang(2), null›"),
    ],
)
def test_label_of_a_fault(fault: Fault, label: str) -> None:
    assert label == fault_label(fault)


@pytest.mark.parametrize(
    ("text", "seed", "label"),
    [
        ("m:f = null", None, "m:f null"),
        ("m:f = 20%raise(TimeoutError)", 3, "m:f 20%raise TimeoutError seed=3"),
        ("m:f = 2*raise(OSError)->null; m:g = #3 hang", None, "m:f 2*raise OSError->null + m:g #3 hang"),
    ],
)
def test_label_of_rules(text: str, seed: int | None, label: str) -> None:
    assert label == unique_label(rule_label(parse(text)), Counter(), seed)


def labels_of(texts: Iterable[str]) -> list[str]:
    known: Counter[str] = Counter()
    return [unique_label(text, known) for text in texts]


@pytest.mark.parametrize(
    ("fault", "trigger", "has_text"),
    [
        (Return("‹x›"), {}, True),
        (Return([None, {"a": 1.5}]), {"rate": 0.5, "times": 2}, True),
        (Return(object()), {}, False),
        (Raise(OSError("x")), {}, False),
        (Either(Hang, Null), {}, False),
        (Hang(), {"when": lambda call: True}, False),
    ],
)
def test_scenario_has_a_text_if_each_part_of_its_rules_has(fault: Fault, trigger: Any, has_text: bool) -> None:
    rules = (parse("m:g = null")[0], rule_from("m:f", fault, **trigger))

    assert has_text is Scenario("x", rules, "rule", key_of_rule("")).has_text


def test_long_label_keeps_its_seed() -> None:
    label = unique_label(f"m:{'f' * 100} null", Counter(), -12)

    assert (80, True) == (len(label), label.endswith(" seed=-12"))
    assert label != unique_label(f"m:{'f' * 100} hang", Counter(), -12)


def test_equal_labels_are_numbered() -> None:
    assert labels_of(["x", "x", "y", "x"]) == ["x", "x (2)", "y", "x (3)"]


def test_number_does_not_make_a_label_equal_to_another() -> None:
    assert len(set(labels_of(["x (2)", "x", "x", "x"]))) == 4


def test_lines_are_told_apart_only_where_there_are_several() -> None:
    one = explorer({spot(): made(1), spot(line=20, function="refund"): made(2), spot("shop:note", 30): made(1)})

    assert [scenario.label for scenario in one.waiting] == [
        "shop:charge raise TimeoutError all@pay+2",
        "shop:charge raise TimeoutError all@refund+2",
        "shop:note raise TimeoutError all",
    ]


# --- seeds and tallies


def test_seeds_of_repeated_runs_begin_with_the_sessions_own() -> None:
    assert list(seeds_of(7, 3)) == list(seeds_of(7, 5))[:3]
    assert next(seeds_of(7, 5)) == 7
    assert len(set(seeds_of(7, 50)) | set(seeds_of(8, 50))) == 100


@pytest.mark.parametrize(
    ("text", "expected"), [("m:f = null", False), ("m:f = 20%null", True), ("m:f = null; m:g = 1*null->1%hang", True)]
)
def test_scenario_with_a_rate_is_random(text: str, expected: bool) -> None:
    assert expected is is_random(parse(text))


def test_tally_travels_as_plain_values() -> None:
    one = explorer({spot(): made(1, 2)})
    explore(one, lambda scenario: outcome(fails=True))
    tally = Tally()
    tally.add(one)
    tally.add(explorer({}))
    tally.left_out["--chaos-max=1"] += 2
    tally.spend(1.5)
    tally.expect(1.5)

    assert (tally.tests, tally.unreached, tally.keys) == (1, 1, 1)
    assert (tally.runs, tally.pruned) == ({"all": 1}, {"this fault already fails here": 2})
    assert Tally.from_record(tally.as_record()) == tally
    assert all(type(value) in (int, float, dict) for value in tally.as_record().values())
