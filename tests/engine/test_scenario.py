"""The specification: checked once, all errors at once, each with its place."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from pytest_chaos import Hang, Null, Rule, Scenario, SpecificationError, TargetError, parse
from pytest_chaos.custody import MOST_HELD
from pytest_chaos.journal import Journal
from pytest_chaos.notation import rule_from
from pytest_chaos.scenario import Term, check_all
from pytest_chaos.target import Target


def test_all_errors_are_found_at_once_each_with_its_place() -> None:
    rules = [
        *parse("json:dumsp = hang", "marker at a.py:1"),
        *parse("json:dumps = hang", "marker at a.py:2"),
        *parse("no_such_module:f = hang", "option --chaos-rule"),
    ]
    good, errors = check_all(rules)

    assert ["json:dumps"] == [rule.target.text for rule in good]
    assert ["marker at a.py:1", "option --chaos-rule"] == [error.place for error in errors]


def test_checked_rule_has_its_target_in_canonical_form_and_keeps_its_source() -> None:
    (rule,) = parse("json.dumps = hang", "option")
    checked = rule.checked()

    assert ("json:dumps", "option") == (checked.target.text, checked.source)


def test_attribute_of_a_module_that_is_not_loaded_is_checked_when_it_is_needed(lab: Any) -> None:
    lab.write("lazy", "def f(): ...")
    rule = rule_from("lazy:nonesuch", Hang()).checked()
    assert "lazy" not in sys.modules

    with pytest.raises(TargetError, match="has no attribute 'nonesuch'"):
        rule.points()


def test_fault_that_cannot_act_on_the_kind_is_refused_by_name(lab: Any) -> None:
    lab.module("shop", "class Plain: ...\ndef pay(): ...")

    with pytest.raises(TargetError, match="null cannot act on shop:Plain, a constructor: a constructor has no null"):
        rule_from("shop:Plain", Null()).checked()


def test_glob_skips_points_on_which_the_fault_cannot_act(lab: Any) -> None:
    lab.module("shop", "class Plain: ...\ndef pay(): ...")

    assert ["shop:pay"] == [point.text for point in rule_from("shop:*", Null()).points()]


def test_glob_whose_every_point_is_refused_is_an_error(lab: Any) -> None:
    lab.module("shop", "class Plain: ...")

    with pytest.raises(SpecificationError, match="cannot act"):
        rule_from("shop:*", Null()).points()


@pytest.mark.parametrize("below", ["pay", "shop:", ":pay", "shop:*", "shop.?:pay"])
def test_function_below_which_a_rule_acts_is_named_in_full(below: str) -> None:
    with pytest.raises(SpecificationError, match="function"):
        Rule(Target("m", "f"), (Term(Hang()),), below=below)


def test_limits_are_part_of_a_rule_and_stay_with_it() -> None:
    (plain, limited) = parse("json.dumps = hang; json.dumps[api:443]@shop:pay = hang")

    assert plain.checked() != limited.checked()
    assert ("api:443", "shop:pay") == (limited.checked().dependency, limited.checked().below)
    assert limited == limited.from_source("elsewhere")


@pytest.mark.parametrize(
    ("text", "is_limited"), [("m:f", False), ("m:f[a]", True), ("m:f@m:g", True), ("m:f[a]@m:g", True)]
)
def test_rule_with_a_limit_need_not_fire(text: str, is_limited: bool) -> None:
    (rule,) = parse(f"{text} = hang")

    assert (is_limited, not is_limited) == (rule.is_limited, rule.is_sure)


def test_source_is_not_part_of_a_rule() -> None:
    (rule,) = parse("m:f = hang")

    assert rule == rule.from_source("elsewhere")
    assert "elsewhere" == rule.from_source("elsewhere").source
    assert Rule(Target("m", "f"), (Term(Hang()),)) == rule


def scenario(rules: tuple[Rule, ...], seed: int | None = None) -> Scenario:
    return Scenario("both", rules, "rule", ("", "", "both"), seed)


def test_scenario_is_its_rules_and_a_seed() -> None:
    rules = tuple(parse("m:f = hang; m:g = null"))

    assert scenario(rules) == scenario(rules)
    assert scenario(rules) != scenario(rules, seed=1)
    assert "m:f = hang; m:g = null" == scenario(rules).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m:f = #1 null", True),
        ("m:f = #3 null", True),
        ("m:f = 1*null", True),
        ("m:f = #1,2 null", False),
        ("m:f = #2.. null", False),
        ("m:f = 2*null", False),
        ("m:f = null", False),
        ("m:f = 1*null->hang", False),
    ],
)
def test_rule_is_transient_if_it_acts_on_one_call(text: str, expected: bool) -> None:
    (rule,) = parse(text)

    assert rule.is_transient == expected


def test_journal_counts_all_errors_and_keeps_the_last() -> None:
    journal = Journal()
    errors = [OSError() for _ in range(MOST_HELD + 1)]
    for error in errors:
        journal.injected(error, "m:f", "m:f, call 1 [c0ffee]", "c0ffee")

    assert MOST_HELD + 1 == journal.injected_errors
    assert [False, True] == [journal.is_injected(errors[0]), journal.is_injected(errors[-1])]
    assert not journal.is_injected(OSError()) and not journal.is_injected(None)
    journal.forget_errors()
    assert not journal.is_injected(errors[-1])


def test_problem_is_noted_once() -> None:
    journal = Journal()
    journal.failed("when raised")
    journal.failed("when raised")

    assert ["when raised"] == journal.problems
