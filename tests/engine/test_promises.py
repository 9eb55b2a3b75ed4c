"""WHETHER answers keep the contract's table, body, deadline and codes: each with what breaks it and what is right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_chaos import Delay, Duplicate, Hang, HttpAnswer, LoseReply, Null, Raise
from pytest_chaos.contract import Contract
from pytest_chaos.faults.base import Fault
from pytest_chaos.gaps import Gap
from pytest_chaos.journal import Activation
from pytest_chaos.observation import (
    LONGEST_BODY,
    Answer,
    Failure,
    LastAnswer,
    Observation,
    RuleSeen,
    SpotSeen,
    Steady,
    Unhandled,
)
from pytest_chaos.oracles import ORACLES
from pytest_chaos.provenance import Place

FIRED = RuleSeen("m:f = raise(E)", "exploration", 1, 1, True, ("m:f",), "m:f", "raise(E)")
OK = Answer("GET http://test/", 200, True, 0.1)
TABLE = {OSError: 503, TimeoutError: 504, "json:JSONDecodeError": 502}
LEFT = Gap("left-entry-point", Place("shop.py", 8, "pay"), "request")
HANDED_ON = Unhandled(Failure("E", is_caused_by_fault=True), LEFT, "Flask", LastAnswer("answered", 500))


def answered(status: int, **more: Any) -> Answer:
    return replace(OK, status=status, **more)


def observed(
    keys: dict[str, Any], *answers: Answer, faults: tuple[Fault, ...] = (Raise(TimeoutError),), **changes: Any
) -> Observation:
    seen = Observation(
        "t.py::test",
        "explored",
        0,
        "m:f = raise(E)",
        Contract().with_keys(keys),
        (FIRED,),
        tuple(Activation("m:f", "m:f", fault, 1, "main", 1, 0.0, "MainThread", "f4") for fault in faults),
        answers=answers,
        steady=Steady({}, (), (OK,)),
    )
    return replace(seen, **changes)


def failing(keys: dict[str, Any], *answers: Answer, **changes: Any) -> list[str]:
    """Return the kinds of what fails."""
    seen = observed(keys, *answers, **changes)
    return [one.evidence.kind for judge in ORACLES for one in judge(seen) if one.fails]


# --- table


@pytest.mark.parametrize(
    ("faults", "status", "is_right"),
    [
        ((Raise(TimeoutError),), 504, True),
        ((Raise(TimeoutError),), 503, False),  # the nearest class counts, and that is not OSError
        ((Raise(ConnectionRefusedError),), 503, True),
        ((Raise(ConnectionRefusedError("no")),), 504, False),
        ((LoseReply(TimeoutError),), 500, False),
        ((Raise(TimeoutError), Raise(ConnectionError)), 503, True),
        ((Raise(TimeoutError), Raise(ConnectionError)), 500, False),
        ((Raise(KeyError),), 500, True),  # not in the table
        ((Raise(TimeoutError), Raise(KeyError)), 500, True),  # it may have come of the other one
        ((Hang(),), 500, True),
        ((Raise(lambda: TimeoutError("x")),), 500, True),  # what a factory makes is not known before
    ],
)
def test_answer_is_what_the_table_wants(faults: tuple[Fault, ...], status: int, is_right: bool) -> None:
    assert failing({"table": TABLE}, answered(status), faults=faults) == ([] if is_right else ["table"])


def test_right_recovery_is_never_against_the_table() -> None:
    assert failing({"table": TABLE}, OK) == []
    assert failing({"table": TABLE}, answered(404), steady=Steady({}, (), (answered(404),))) == []


def test_other_success_than_the_plain_one_is_against_the_table() -> None:
    assert failing({"table": TABLE}, answered(202)) == ["table"]


def test_without_a_plain_run_any_success_may_be_a_recovery() -> None:
    assert failing({"table": TABLE}, answered(202), steady=None, kind="fault") == []
    assert failing({"table": TABLE}, answered(500), steady=None, kind="fault") == ["table"]


def test_answer_to_the_system_itself_is_not_judged() -> None:
    assert (
        failing({"table": TABLE, "status": ["2xx", 502, 503, 504], "body": ["code"]}, answered(500, is_to_driver=False))
        == []
    )


def test_error_that_a_client_hands_on_counts_as_the_answer_of_the_last_resort() -> None:
    assert failing({"table": TABLE}, unhandled=(HANDED_ON,)) == ["unhandled"]
    assert failing({"table": {TimeoutError: 500}}, unhandled=(HANDED_ON,)) == []


def test_last_resort_that_answered_is_told_once() -> None:
    assert failing({"table": TABLE}, answered(500), unhandled=(HANDED_ON,)) == ["table"]


def test_answer_that_the_table_wants_explains_what_the_test_makes_of_it() -> None:
    failure = Failure("KeyError", LEFT.place, is_in_test=True)
    verdicts = [
        [one.verdict.value for judge in ORACLES for one in judge(seen)]
        for seen in (
            observed({"table": TABLE}, answered(504), failure=failure),
            observed({}, answered(504), failure=failure),
        )
    ]

    assert verdicts == [["degraded"], ["changed"]]


def test_table_wants_nothing_of_what_is_optional() -> None:
    keys = {"table": {TimeoutError: 504}, "optional": "m:f"}

    assert failing(keys, OK) == []
    assert failing(keys, answered(500)) == ["optional"]
    assert failing(keys, answered(500), steady=None, kind="fault") == ["table"]  # where optional is not judged


# --- body


@pytest.mark.parametrize(
    ("answer", "is_right"),
    [
        (answered(503, body=b'{"code": "bank", "message": "try again"}'), True),
        (answered(503, body=b'{"code": "bank"}'), False),
        (answered(503, body=b'{"code": 3, "message": "x"}'), False),
        (answered(503, body=b"<h1>Bad gateway</h1>"), False),
        (answered(503, body=b""), False),
        (answered(503, body=None), True),  # not known
        (answered(503, body=b"\x1f\x8b\x08\x00"), True),  # compressed
        (answered(503, body=b'"' + b"x" * LONGEST_BODY), True),  # not known whole
        (answered(503, body=b"", method="HEAD"), True),
        (answered(503, body=b"", is_raised=True), True),  # there was no answer
        (answered(200, body=b"hello"), True),
    ],
)
def test_error_answer_has_the_body_of_the_contract(answer: Answer, is_right: bool) -> None:
    assert failing({"body": {"code": "str", "message": "any"}}, answer) == ([] if is_right else ["body"])


# --- deadline_s


@pytest.mark.parametrize(
    ("answers", "changes", "is_right"),
    [
        ((answered(200, took_s=1.9),), {}, True),
        ((answered(200, took_s=2.1),), {}, False),
        ((answered(200, took_s=0.1),), {"spared_s": 5.0}, False),
        ((answered(200, took_s=0.1),), {"spared_s": 1.0}, True),
        ((answered(200, took_s=0.1), answered(200, took_s=0.1)), {"spared_s": 5.0}, True),  # of which is not known
        ((), {"duration_s": 2.1}, False),
        ((), {"duration_s": 1.9}, True),
        ((answered(200),), {"duration_s": 9.0}, True),  # how long it took is not known
        ((), {"duration_s": 9.0, "rules": (replace(FIRED, fired=0),)}, True),
    ],
)
def test_answer_comes_before_the_deadline(answers: tuple[Answer, ...], changes: dict[str, Any], is_right: bool) -> None:
    assert failing({"deadline_s": 2}, *answers, **changes) == ([] if is_right else ["late"])


# --- exit_codes, grpc_codes


def test_codes_of_commands_and_remote_calls_are_judged_by_keys_of_their_own() -> None:
    ended, remote = answered(3, kind="exit"), answered(14, kind="grpc")

    assert failing({"status": [200]}, ended, remote) == []
    assert failing({"exit_codes": [0, 3]}, ended, remote) == []
    assert failing({"exit_codes": [0, 1]}, ended, remote) == ["exit-code"]
    assert failing({"grpc_codes": ["OK", "UNAVAILABLE"]}, ended, remote) == []
    assert failing({"grpc_codes": ["OK"]}, ended, remote) == ["grpc-code"]


# --- effects


@pytest.mark.parametrize(
    ("faults", "calls", "plain", "is_right"),
    [
        ((LoseReply(TimeoutError),), 2, 1, False),  # it had happened, and was done again
        ((LoseReply(TimeoutError),), 1, 1, True),
        ((Raise(TimeoutError),), 2, 1, True),  # the first was refused
        ((HttpAnswer(503),), 2, 1, True),  # and this one never sent
        ((Raise(TimeoutError),), 3, 1, False),
        ((Hang(), Null()), 3, 1, True),
        ((Delay(0.1),), 2, 1, False),
        ((Raise(TimeoutError),), 2, 0, True),  # it makes up for what failed
        ((LoseReply(TimeoutError),), 2, 0, False),
        ((Duplicate(),), 1, 1, True),  # that this call itself comes twice is the fault's
    ],
)
def test_effect_is_not_doubled(faults: tuple[Fault, ...], calls: int, plain: int, is_right: bool) -> None:
    changes: dict[str, Any] = {
        "spots": (SpotSeen("m:f", LEFT.place, calls, plain), SpotSeen("m:g", LEFT.place, 9, 1)),
        "steady": Steady({"m:f": plain, "m:g": 1}, (), (OK,)),
    }
    expected = [] if is_right else ["doubled"]

    assert failing({"effects": "m:f"}, OK, faults=faults, **changes) == expected
    assert failing({"effects": ["m:*"]}, OK, faults=faults, **changes) == [*expected, "doubled"]  # of the other one
    assert failing({}, OK, faults=faults, **changes) == []


def test_effects_need_a_plain_run() -> None:
    spots = (SpotSeen("m:f", LEFT.place, 3, 1),)

    assert failing({"effects": "m:f"}, OK, faults=(LoseReply(OSError),), spots=spots, steady=None, kind="fault") == []


# --- core, optional


@pytest.mark.parametrize("keys", [{"optional": "m:f"}, {"optional": ["m:*"]}, {"optional": "m.f"}])
def test_failure_of_something_optional_leaves_the_answer_as_it_is(keys: dict[str, Any]) -> None:
    assert failing(keys, OK) == []
    assert failing(keys, answered(503)) == ["optional"]
    assert failing(keys) == ["optional"]
    assert failing(keys, OK, OK) == ["optional"]
    assert failing(keys, OK, failure=Failure("TimeoutError", is_injected=True)) == ["optional"]
    assert failing(keys, answered(503), kind="recovery") == []
    assert failing(keys, answered(503), steady=None, kind="fault") == []


def test_failure_of_anything_else_may_change_the_answer() -> None:
    assert failing({"optional": "m:g"}, answered(503)) == []


def test_core_is_called_while_something_optional_fails() -> None:
    keys = {"optional": "m:f", "core": "m:pay"}
    steady = Steady({"m:f": 1, "m:pay": 2}, (), (OK,))
    called, left_out = SpotSeen("m:pay", LEFT.place, 1, 2), SpotSeen("m:pay", LEFT.place, 0, 2)

    assert failing(keys, OK, steady=steady, spots=(called,)) == []
    assert failing(keys, OK, steady=steady, spots=(left_out,)) == ["core"]
    assert failing({**keys, "optional": "m:g"}, OK, steady=steady, spots=(left_out,)) == []
    assert failing(keys, OK, steady=Steady({"m:f": 1}, (), (OK,))) == []  # the plain run does not call it
