"""WHETHER: tables of observations, and what each oracle says of them; each has a broken one and a right twin."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_chaos import Hang, Verdict
from pytest_chaos.contract import Contract
from pytest_chaos.experiment import judge
from pytest_chaos.journal import Activation
from pytest_chaos.observation import Answer, Failure, Observation, ParkedSeen, RuleSeen
from pytest_chaos.oracles import ORACLES
from pytest_chaos.oracles.ending import judge_ending
from pytest_chaos.oracles.error_codes import judge_error_codes
from pytest_chaos.oracles.exercised import judge_exercised
from pytest_chaos.oracles.hang import judge_hang
from pytest_chaos.oracles.leaks import judge_leaks
from pytest_chaos.oracles.recovery import judge_recovery
from pytest_chaos.provenance import Place
from pytest_chaos.report.sentences import told
from pytest_chaos.resources.leftovers import Leftover
from pytest_chaos.resources.waits import Wait

FIRED = RuleSeen("m:f = hang", "marker at t.py:3", 5, 2, True, ("m:f",), "m:f", "hang")


def rule(**changes: Any) -> RuleSeen:
    return replace(FIRED, **changes)


def observed(**changes: Any) -> Observation:
    given: dict[str, Any] = {
        "test": "t.py::test",
        "kind": "fault",
        "seed": 0,
        "scenario": "m:f = hang",
        "contract": Contract(),
        "rules": (FIRED,),
    }
    return Observation(**{**given, **changes})


def said(oracle: Any, seen: Observation) -> list[tuple[str, str, bool]]:
    """Return verdict, kind and whether it fails, of each finding."""
    return [(finding.verdict.value, finding.evidence.kind, finding.fails) for finding in oracle(seen)]


def test_good_run_leaves_every_oracle_content() -> None:
    assert [] == [finding for oracle in ORACLES for finding in oracle(observed())]
    assert (Verdict.RESILIENT, False) == (judge(observed()).verdict, judge(observed()).fails)


def test_oracles_change_nothing_and_say_the_same_again() -> None:
    seen = observed(recovery="no", rules=(rule(fired=0),))

    assert judge(seen) == judge(seen)


# --- exercised


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"fired": 0}, [("inconclusive", "never-fired", True)]),
        ({"fired": 0, "is_sure": False}, [("inconclusive", "never-fired", False)]),
        ({"fired": 0, "calls": 0}, [("inconclusive", "never-fired", True)]),
        ({"fired": 0, "points": ()}, [("inconclusive", "never-fired", True)]),
    ],
)
def test_rule_that_never_fired_proves_nothing(changes: dict[str, Any], expected: list[Any]) -> None:
    assert expected == said(judge_exercised, observed(rules=(rule(**changes),)))


def test_each_rule_is_judged_for_itself() -> None:
    seen = observed(rules=(FIRED, rule(fired=0), rule(fired=0, is_sure=False)))

    assert [True, False] == [fails for _, _, fails in said(judge_exercised, seen)]


def test_rule_that_need_not_fire_is_a_note_beside_one_that_did() -> None:
    seen = observed(rules=(FIRED, rule(fired=0, is_sure=False)))

    assert [("resilient", "never-fired", False)] == said(judge_exercised, seen)


@pytest.mark.parametrize(
    ("changes", "children", "words"),
    [
        ({"calls": 0}, (), "rule never fired: m:f = hang (marker at t.py:3): the test never called it"),
        ({"calls": 0}, (12, 13), "it may have called it in child process 12, 13"),
        ({"calls": 1}, (), "1 matching call, but its trigger picked none"),
        (
            {"calls": 2, "why_passed": "made no request by HTTP"},
            (),
            "2 matching calls, but those that its trigger picked made no request by HTTP",
        ),
        ({"calls": 1, "shadowed": 1}, (), "1 matching call, but another rule acted on those that its trigger picked"),
        ({"calls": 7}, (12,), "7 matching calls, but its trigger picked none"),
        ({"calls": 0, "filtered": 1}, (), "at t.py:3): its filters excluded the only call"),
        ({"calls": 0, "filtered": 4}, (), "at t.py:3): its filters excluded all 4 calls"),
        ({"calls": 0, "points": ()}, (), "its target matched nothing"),
        ({"calls": 0, "source": ""}, (), "rule never fired: m:f = hang: the test"),
    ],
)
def test_reason_why_a_rule_never_fired_is_told(changes: dict[str, Any], children: tuple[int, ...], words: str) -> None:
    (finding,) = judge_exercised(observed(rules=(rule(fired=0, **changes),), children=children))

    assert words in told(finding.evidence)


def test_broken_specification_is_inconclusive_and_fails() -> None:
    assert [("inconclusive", "specification", True)] == said(judge_exercised, observed(problems=("when raised",)))


# --- hang


def parked(outcome: str, blocks_loop: bool = False) -> ParkedSeen:
    call = Activation("m:f = hang", "m:f", Hang(), 1, "main", 1, 0.0, "MainThread", "abc")
    waits = (Wait("MainThread", (Place("shop.py", 3, "f"),)),)
    return ParkedSeen(call, "MainThread", outcome, blocks_loop, waits, budget_s=0.5)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("hung", [("hung", "hang", True)]),
        ("inconclusive", [("inconclusive", "timed-wait", False)]),
        ("abandoned", [("resilient", "abandoned", False)]),
        ("left", []),
        ("interrupted", []),
    ],
)
def test_outcome_of_a_parked_call_is_judged(outcome: str, expected: list[Any]) -> None:
    assert expected == said(judge_hang, observed(parked=(parked(outcome),)))


@pytest.mark.parametrize("is_sure", [True, False])
def test_hang_that_could_not_be_judged_never_fails(is_sure: bool) -> None:
    seen = observed(parked=(parked("inconclusive"),), rules=(rule(is_sure=is_sure),))

    assert [("inconclusive", "timed-wait", False)] == said(judge_hang, seen)


def test_blocked_loop_is_noted() -> None:
    seen = observed(parked=(parked("left", blocks_loop=True),))

    assert [("resilient", "loop-blocked", False)] == said(judge_hang, seen)


def test_hung_call_says_who_waits_where() -> None:
    (finding,) = judge_hang(observed(parked=(parked("hung"),)))

    assert "m:f, call 1 [abc] in thread 'MainThread': nothing ended it within the hang budget of 0.5 s" in told(
        finding.evidence
    )
    assert "\n  waiting: MainThread at shop.py:3 in f" in told(finding.evidence)


def test_body_that_was_released_without_a_judgement_is_hung() -> None:
    released = Failure("HangReleased: chaos", is_release=True)

    assert [("hung", "hang", True)] == said(judge_hang, observed(failure=released))
    assert [("hung", "hang", True)] == said(judge_hang, observed(failure=released, parked=(parked("hung"),)))


# --- error codes


def answer(status: int, is_to_driver: bool = True) -> Answer:
    return Answer("GET http://test/", status, is_to_driver, 0.1)


@pytest.mark.parametrize(
    ("status", "answers", "expected"),
    [
        ((200, 503), (answer(503),), []),
        (("2xx", "5xx"), (answer(503), answer(204)), []),
        ((200, 503), (answer(500),), [("wrong error", "status", True)]),
        ((200,), (answer(500), answer(404)), [("wrong error", "status", True)] * 2),
        ((200,), (answer(500, is_to_driver=False),), []),
        (None, (answer(500),), []),
        ((200,), (), []),
    ],
)
def test_answers_to_the_test_keep_the_contract(status: Any, answers: Any, expected: list[Any]) -> None:
    seen = observed(contract=Contract(status=status), answers=answers)

    assert expected == said(judge_error_codes, seen)


def test_wrong_answer_is_shown_with_what_is_allowed() -> None:
    (finding,) = judge_error_codes(observed(contract=Contract(status=(200, "4xx")), answers=(answer(500),)))

    assert "GET http://test/ was answered 500; the contract allows 200, 4xx" == told(finding.evidence)


# --- ending


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"is_injected": True, "is_caused_by_fault": True}, [("escaped", "injected-error", True)]),
        ({"is_declared": True, "is_caused_by_fault": True}, [("escaped", "declared-error", True)]),
        ({"is_declared": True}, [("escaped", "translated-cause-lost", True)]),
        ({"is_meant": True, "is_caused_by_fault": True}, [("escaped", "translated", True)]),
        ({"is_meant": True}, [("escaped", "translated-cause-lost", True)]),
        ({"is_in_test": True}, [("changed", "test-error", True)]),
        ({"is_assertion": True}, [("changed", "assertion", True)]),
        ({"is_assertion": True, "is_caused_by_fault": True}, [("changed", "assertion", True)]),
        ({"is_caused_by_fault": True}, [("wrong error", "error-in-handler", True)]),
        ({}, [("wrong error", "other-error", True)]),
        ({"is_release": True}, []),
    ],
)
def test_ending_becomes_a_verdict(facts: dict[str, bool], expected: list[Any]) -> None:
    seen = observed(failure=Failure("Error: x", Place("shop.py", 3, "f"), **facts), injected_errors=1)

    assert expected == said(judge_ending, seen)


def test_declared_error_needs_no_cause_where_nothing_was_raised() -> None:
    """A hang or a null raises nothing that could be its cause."""
    seen = observed(failure=Failure("BankDown: x", is_declared=True), injected_errors=0)

    assert [("escaped", "declared-error", True)] == said(judge_ending, seen)


def test_failure_before_any_fault_fired_is_unrelated() -> None:
    seen = observed(failure=Failure("Error: x", is_assertion=True), rules=(rule(fired=0),))

    assert [("inconclusive", "unrelated", True)] == said(judge_ending, seen)


def test_failed_recovery_is_not_judged_twice() -> None:
    seen = observed(failure=Failure("NotRecoveredError: x"), recovery="the probe was not true")

    assert [] == said(judge_ending, seen)
    assert [("not recovered", "probe", True)] == said(judge_recovery, seen)


def test_what_came_after_a_release_is_a_note() -> None:
    seen = observed(failure=Failure("KeyError: x"), parked=(parked("hung"),))

    assert [("resilient", "after-release", False)] == said(judge_ending, seen)


def test_injected_error_out_of_the_teardown_is_noted() -> None:
    assert [("resilient", "teardown", False)] == said(judge_ending, observed(teardown_error="OSError: x"))


# --- recovery and leaks


def test_recovered_run_has_nothing_to_say() -> None:
    assert [] == said(judge_recovery, observed())


THREAD, NOTE = Leftover("thread", "thread 'x'", "f"), Leftover("task", "task 'y'", "g", is_note=True)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("on", [("leaked", "thread", True), ("resilient", "task", False)]),
        ("strict", [("leaked", "thread", True), ("leaked", "task", True)]),
        ("off", []),
    ],
)
def test_leftovers_are_judged_by_the_level_of_the_contract(level: Any, expected: list[Any]) -> None:
    assert expected == said(judge_leaks, observed(contract=Contract(leaks=level), leftovers=(THREAD, NOTE)))


def test_worst_of_all_oracles_is_the_verdict() -> None:
    seen = observed(
        leftovers=(THREAD,),
        recovery="no",
        parked=(parked("hung"),),
        rules=(rule(fired=0), FIRED),
    )

    judgement = judge(seen)

    assert (Verdict.HUNG, True) == (judgement.verdict, judgement.fails)
    assert ["hang", "probe", "thread", "never-fired"] == [evidence.kind for evidence in judgement.evidence]


def test_oracle_of_a_third_party_joins_in() -> None:
    def grumpy(seen: Observation) -> Any:
        yield from judge_recovery(replace(seen, recovery="grumpy"))

    assert Verdict.NOT_RECOVERED is judge(observed(), (*ORACLES, grumpy)).verdict
