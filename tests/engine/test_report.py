"""Records for machines, with every field of the contract, and lines for people."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from pytest_chaos import Hang
from pytest_chaos.absorption import Absorption
from pytest_chaos.contract import Contract
from pytest_chaos.journal import Activation
from pytest_chaos.observation import Observation, Refused, RuleSeen
from pytest_chaos.oracles.exercised import judge_exercised
from pytest_chaos.provenance import Place
from pytest_chaos.report.lines import never_fired, reasons, seeds, table, totals, verdict_text, with_seeds
from pytest_chaos.report.record import Record, document_of, record_of, rules_of, sorted_records, summary_of
from pytest_chaos.verdict import Evidence, Finding, Judgement, Verdict

RULE = RuleSeen("m:f = hang", "marker at t.py:3", 5, 2, True, ("m:f",), "m:f", "hang")
OTHER = RuleSeen("m:g = 20%null", "", 1, 0, False, ("m:g",), "m:g", "20%null")
ACTIVATIONS = tuple(
    Activation("m:f = hang", "m:f", Hang(), n, "main", n, 0.1, "MainThread", "abc") for n in range(1, 6)
)


WAYS = tuple(
    Absorption("m:f", (), "except", Place("m.py", 3, f"f{number}"), "except OSError", times=number + 1)
    for number in range(5)
)


def record(
    test: str = "t.py::test",
    scenario: str = "m:f = hang",
    verdict: Verdict = Verdict.HUNG,
    rules: tuple[RuleSeen, ...] = (RULE, OTHER),
    evidence: int = 1,
    **changes: Any,
) -> Record:
    seen = Observation(test, "fault", 7, scenario, Contract(), rules, duration_s=0.12345678, **changes)
    found = [
        Finding(verdict, Evidence("hang", "hang", f"fact {number}"), verdict > Verdict.STORM)
        for number in range(evidence)
    ]
    return record_of(seen, Judgement.of(found), "pytest --chaos t.py::test")


def test_record_has_the_fields_of_the_contract() -> None:
    assert {
        "test": "t.py::test",
        "kind": "fault",
        "scenario": "m:f = hang",
        "verdict": "hung",
        "fails": True,
        "calls": 6,
        "activations": 2,
        "evidence": [{"oracle": "hang", "kind": "hang", "text": "fact 0"}],
        "caught": [],
        "duration_s": 0.123457,
        "replay": "pytest --chaos t.py::test",
        "seed": 7,
        "rules": [
            {
                "text": "m:f = hang",
                "source": "marker at t.py:3",
                "calls": 5,
                "activations": 2,
                "target": "m:f",
                "fault": "hang",
                "doubles": [],
            },
            {
                "text": "m:g = 20%null",
                "source": "",
                "calls": 1,
                "activations": 0,
                "target": "m:g",
                "fault": "20%null",
                "doubles": [],
            },
        ],
        "fired": [{"point": "m:f", "fault": "hang", "call": 1, "actor": "main", "index": 1}],
        "causes": [],
        "ways": [],
        "recovered": [],
        "answers": None,
    } == record(activations=ACTIVATIONS[:1])


def test_record_tells_where_errors_were_absorbed() -> None:
    told = record(absorptions=(*WAYS[:2], WAYS[0], Absorption("m:f", (), "escaped")))

    assert ["m.py:3 f0", "m.py:3 f1"] == told["caught"]
    assert {"text": "raised in m:f → caught in m.py:3 f0 (except OSError)", "end": "except", "errors": 1} == told[
        "ways"
    ][0]
    assert "escaped" == told["ways"][3]["end"]
    assert told == json.loads(json.dumps(told))


def test_record_is_plain_data() -> None:
    assert record() == json.loads(json.dumps(record()))


def test_document_has_the_fields_of_the_contract() -> None:
    document = document_of([record()], seed=7)

    assert ["version", "seed", "results", "findings", "passed_on", "rules", "summary", "exploration"] == list(document)
    assert (1, 7, {"hung": 1}) == (document["version"], document["seed"], document["summary"])
    assert document == json.loads(json.dumps(document))


def test_results_are_sorted_by_test_then_scenario() -> None:
    records = [record("b", "x"), record("a", "z"), record("b", "a"), record("a", "y")]

    assert [("a", "y"), ("a", "z"), ("b", "a"), ("b", "x")] == [
        (one["test"], one["scenario"]) for one in document_of(records, 0)["results"]
    ]
    assert sorted_records(records) == document_of(records, 0)["results"]


def test_rules_are_summed_over_all_runs() -> None:
    rules = rules_of([record(), record("u.py::test")])

    assert [("m:f = hang", "marker at t.py:3", 10, 4), ("m:g = 20%null", "", 2, 0)] == [
        (rule["text"], rule["source"], rule["calls"], rule["activations"]) for rule in rules
    ]


def test_rules_of_different_sources_stay_apart() -> None:
    from dataclasses import replace

    rules = rules_of([record(rules=(RULE,)), record(rules=(replace(RULE, source="option"),))])

    assert ["marker at t.py:3", "option"] == [rule["source"] for rule in rules]


def test_summing_leaves_the_records_alone() -> None:
    records = [record(), record()]
    rules_of(records)

    assert [record(), record()] == records


def test_summary_counts_verdicts_best_first_and_leaves_out_the_rest() -> None:
    records = [record(verdict=verdict) for verdict in (Verdict.HUNG, Verdict.RESILIENT, Verdict.HUNG)]

    assert [("resilient", 1), ("hung", 2)] == list(summary_of(records).items())


# --- lines


@pytest.mark.parametrize("verdict", list(Verdict))
def test_text_begins_with_the_verdict_and_ends_with_the_replay(verdict: Verdict) -> None:
    lines = verdict_text(record(verdict=verdict)).splitlines()

    assert lines[0].startswith(f"chaos: {verdict.value}: fact 0")
    assert "run again: pytest --chaos t.py::test" == lines[-1]


def test_text_of_a_run_without_evidence_says_so() -> None:
    assert "chaos: resilient: no problems found" == verdict_text(record(evidence=0)).splitlines()[0]


def test_text_shows_evidence_rules_and_the_first_firings() -> None:
    text = verdict_text(record(evidence=3, activations=ACTIVATIONS))

    assert [
        "chaos: hung: fact 0",
        "  also: fact 1",
        "  also: fact 2",
        "  rule: m:f = hang (marker at t.py:3): fired on 2 of 5 calls",
        "  rule: m:g = 20%null: fired on 0 of 1 call",
        "  fired: hang at m:f, call 1 (main)",
        "  fired: hang at m:f, call 2 (main)",
        "  fired: hang at m:f, call 3 (main)",
        "  fired: 2 more times",
        "run again: pytest --chaos t.py::test",
    ] == text.splitlines()


@pytest.mark.parametrize(("count", "more"), [(0, ""), (1, ""), (3, ""), (4, "1 more path"), (5, "2 more paths")])
def test_text_shows_the_first_ways_of_errors(count: int, more: str) -> None:
    lines = verdict_text(record(absorptions=WAYS[:count])).splitlines()[3:-1]

    times = ["", " (2 times)", " (3 times)"]
    shown = [f"  raised in m:f → caught in m.py:3 f{number} (except OSError){times[number]}" for number in range(3)]
    assert [*shown[:count], *([f"  raised: {more}, see --chaos-report"] if more else [])] == lines


@pytest.mark.parametrize(("count", "shown", "more"), [(8, 7, 0), (9, 7, 1), (30, 7, 22)])
def test_text_of_much_evidence_is_cut_and_says_how_much(count: int, shown: int, more: int) -> None:
    text = verdict_text(record(evidence=count))

    assert shown == text.count("  also: fact")
    assert (f"  also: {more} more" in text) == bool(more)


def test_table_shows_test_target_fault_and_verdict() -> None:
    records = [record("b.py::test_two", verdict=Verdict.RESILIENT, rules=(RULE,)), record("a.py::test_one")]

    lines = [line for line, _ in table(records)]

    assert ["verdict", "fired", "test", "target", "fault"] == lines[0].split()
    assert ["a.py"] == lines[1].split()
    assert ["hung", "2/5", "test_one", "m:f", "hang"] == lines[2].split()
    assert ["0/1", "m:g", "20%null"] == lines[3].split()
    assert ["b.py"] == lines[4].split()
    assert ["resilient", "2/5", "test_two", "m:f", "hang"] == lines[5].split()
    assert all(line == line.rstrip() for line in lines)


def test_columns_of_the_table_stand_below_each_other() -> None:
    lines = [line for line, _ in table([record("a.py::test_one"), record("a.py::test_longer_name")])]

    assert 1 == len({line.index("m:f") for line in lines if "m:f" in line} | {lines[0].index("target")})


def test_table_of_nothing_is_empty() -> None:
    assert [] == table([])
    assert [] == table([record(rules=())])


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([Verdict.HUNG], "1 chaos run of 1 test in 0.12s: 1 hung; 1 failing"),
        (
            [Verdict.RESILIENT, Verdict.HUNG, Verdict.RESILIENT],
            "3 chaos runs of 1 test in 0.37s: 2 resilient, 1 hung; 1 failing",
        ),
    ],
)
def test_totals_count_runs_and_verdicts(verdicts: list[Verdict], expected: str) -> None:
    assert expected == totals([record(verdict=verdict) for verdict in verdicts])


def test_totals_count_the_whole_time_of_exploring_and_not_that_of_its_bodies() -> None:
    explored = [{**record(verdict=Verdict.RESILIENT), "kind": kind} for kind in ("explored", "recovery")]

    assert totals([*explored, record(verdict=Verdict.RESILIENT)], 7.5).startswith("3 chaos runs of 1 test in 7.62s")


def test_totals_tell_accepted_runs_from_failing_ones() -> None:
    outcomes = ("failed", "known", "accepted")
    line = totals([{**record(verdict=Verdict.HUNG), "outcome": outcome} for outcome in outcomes])

    assert line.endswith("3 hung; 2 failing, 1 accepted")


def seeded(*runs: tuple[Verdict, int], scenario: str = "m:f = 50%null") -> list[Record]:
    return [
        {**record(scenario=scenario, verdict=verdict), "seed": seed, "activations": fired}
        for seed, (verdict, fired) in enumerate(runs)
    ]


@pytest.mark.parametrize(
    ("runs", "words", "verdict"),
    [
        ([(Verdict.RESILIENT, 2)] * 11 + [(Verdict.LOST, 0)] * 9, "11 of 20 runs, resilient in all", "resilient"),
        ([(Verdict.RESILIENT, 1), (Verdict.HUNG, 1), (Verdict.RESILIENT, 3)],
         "3 of 3 runs, hung in 1, resilient in 2", "hung"),
        ([(Verdict.INCONCLUSIVE, 0)] * 2, "none of 2 runs", "inconclusive"),
    ],
)  # fmt: skip
def test_runs_of_one_rule_with_several_seeds_are_one_line(runs: Any, words: str, verdict: str) -> None:
    groups, others = with_seeds([*seeded(*runs), record("u.py::other")])

    assert ["u.py::other"] == [one["test"] for one in others]
    assert [(f"t.py::test: m:f = 50%null: fired in {words}", verdict)] == seeds(groups)


def test_runs_of_different_scenarios_or_tests_stay_apart() -> None:
    records = [*seeded((Verdict.HUNG, 1)), {**seeded((Verdict.HUNG, 1), scenario="m:g = null")[0], "seed": 5}]

    assert ([], 2) == (with_seeds(records)[0], len(with_seeds(records)[1]))


def test_rule_that_fired_in_no_run_of_the_session_is_listed() -> None:
    (line,) = never_fired([record(), record()]).values()

    assert "never fired: m:g = 20%null: 2 calls" == line


def refused(*calls: Refused, text: str = "m:f = null", **changes: Any) -> RuleSeen:
    return RuleSeen(
        text, "", 0, 0, False, ("m:f",), "m:f", "null", sum(one.calls for one in calls), refused=calls, **changes
    )


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (refused(Refused("shop.api", Place("api.py", 3, "pay"), 1), caller="x"), "from shop.api at api.py:3 in pay"),
        (
            refused(Refused("shop.api", Place("api.py", 3, "pay"), 4), caller="x"),
            "from shop.api at api.py:3 in pay (8 times)",
        ),
        (refused(Refused("shop.api", Place("a.py", 3, "f"), 1), caller="shop.ap"), ". Did you mean 'shop.api'?"),
        (refused(Refused("", Place("<x>", 3, "f"), 1), caller="x"), "from ? at <x>:3 in f"),
        (
            refused(Refused("shop", Place("a.py", 3, "f"), 1), wanted=("curency",), parameters=("amount", "currency")),
            "; the calls have no parameter 'curency'. Did you mean 'currency'?",
        ),
        (
            refused(Refused("shop", Place("a.py", 3, "f"), 1), wanted=("x",), parameters=("amount", "currency")),
            "; the calls have no parameter 'x', only amount, currency",
        ),
        (
            refused(*(Refused("shop", Place("a.py", line, "f"), 1) for line in range(5))),
            "a.py:2 in f (2 times) and 2 more lines",
        ),
    ],
)
def test_rule_whose_filters_let_nothing_through_says_who_called(rule: RuleSeen, words: str) -> None:
    (line,) = never_fired([record(rules=(rule,)), record(rules=(rule,))]).values()

    assert line.startswith("never fired: m:f = null: 0 calls; its filters excluded calls from ")
    assert words in line
    assert "its filters excluded calls from" in verdict_text(record(rules=(rule,)))


def test_filter_that_is_right_has_no_near_miss() -> None:
    rule = refused(Refused("shop", Place("a.py", 3, "f"), 1), caller="sho?", wanted=("amount",), parameters=("amount",))
    (line,) = never_fired([record(rules=(rule,))]).values()

    assert line.endswith("from shop at a.py:3 in f")


def test_rule_that_counted_calls_says_nothing_of_those_it_refused() -> None:
    rule = dataclasses.replace(refused(Refused("shop", Place("a.py", 3, "f"), 1)), calls=1)

    assert ["never fired: m:f = null: 1 call"] == list(never_fired([record(rules=(rule,))]).values())


def test_inconclusive_result_that_does_not_fail_says_why() -> None:
    passing = record("t.py::a", verdict=Verdict.INCONCLUSIVE)
    failing = {**passing, "fails": True}
    clone = {
        **passing,
        "test": "t.py::b",
        "id": "t.py::b[chaos: m:f hang]",
        "evidence": [{"text": "calls vary", "kind": ""}],
    }

    assert ["inconclusive: t.py::a: fact 0", "inconclusive: t.py::b[chaos: m:f hang]: calls vary"] == reasons(
        [clone, failing, passing, record(verdict=Verdict.ESCAPED)]
    )


@pytest.mark.parametrize(("others", "words"), [(1, "1 more result"), (2, "2 more results")])
def test_reason_of_several_results_is_told_once(others: int, words: str) -> None:
    results = [record(f"t.py::{name}", verdict=Verdict.INCONCLUSIVE) for name in "abc"[: 1 + others]]
    results[0]["id"] = "t.py::a[chaos: m:f hang]"

    assert [f"inconclusive: t.py::a and {words}: fact 0"] == reasons(results)


@pytest.mark.parametrize(
    ("rule", "children", "is_told"),
    [
        ({"calls": 0}, (), True),
        ({"calls": 2}, (), True),
        ({"calls": 0, "filtered": 4}, (), True),
        ({"calls": 0}, (42,), False),
        ({"calls": 0, "unreached": ("shop.TABLE",)}, (), False),
        ({"calls": 2, "shadowed": 1}, (), False),
        ({"calls": 0, "points": ()}, (), False),
    ],
)
def test_reason_is_left_out_where_the_line_of_its_rule_says_all_of_it(rule: Any, children: Any, is_told: bool) -> None:
    seen = Observation(
        "t.py::test", "fault", 7, "m:g = 20%null", Contract(), (dataclasses.replace(OTHER, **rule),), children=children
    )
    one = record_of(seen, Judgement.of(list(judge_exercised(seen))), "")

    assert is_told == (reasons([one], never_fired([one])) == [])


def test_every_run_has_a_record_that_json_can_hold(lab: Any) -> None:
    lab.module("shop", "def pay(): return 1")
    seen = lab.run(lambda: __import__("shop").pay(), "shop:pay = raise(OSError)")

    assert seen.record == json.loads(json.dumps(seen.record))
    assert ("shop:pay = raise(OSError)", "escaped", 1, 1) == (
        seen.record["scenario"],
        seen.record["verdict"],
        seen.record["calls"],
        seen.record["activations"],
    )
