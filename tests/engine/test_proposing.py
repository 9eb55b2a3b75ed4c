"""A contract that is proposed: what is promised, what is only told, and that it can be read as a contract."""

from __future__ import annotations

import tomllib
from typing import Any

from pytest_chaos.contract import Contract
from pytest_chaos.report.proposing import SHOWN, proposal_text


def answer(status: int, **changes: Any) -> dict[str, Any]:
    return {"kind": "http", "status": status, "is_plain": False, "by": "", "shows": "", "fields": None, **changes}


def record(*answers: dict[str, Any], test: str = "t.py::test", **changes: Any) -> dict[str, Any]:
    shown = {"answers": [*answers], "error": "", "raised": "", "calls": 1.0, **changes}
    return {"test": test, "scenario": "m:f = hang", SHOWN: shown}


def proposed(*records: dict[str, Any], plain: set[tuple[str, int]] = frozenset()) -> tuple[dict[str, Any], str]:  # type: ignore[assignment]  # empty
    text = proposal_text(records, plain)
    keys = tomllib.loads(text)["tool"]["pytest_chaos"]["contract"]
    Contract().with_keys(keys)
    return keys, text


def test_statuses_that_were_seen_are_promised_with_those_of_plain_runs() -> None:
    keys, text = proposed(record(answer(503)), record(answer(503), answer(404)), plain={("http", 200)})

    assert keys == {"status": [200, 404, 503]}
    assert "# seen: 200 in plain runs, 404 in 1 run, 503 in 2 runs" in text
    assert "from 2 chaos runs of 1 test." in text


def test_what_looks_like_a_mistake_is_told_and_not_promised() -> None:
    mistakes = [answer(500), answer(502, by="Flask"), answer(503, shows="a traceback")]
    keys, text = proposed(record(*mistakes, test="t.py::other"), record(answer(504)))

    assert keys == {"status": [504]}
    assert "# not promised: 500, in 1 run, such as of t.py::other under m:f = hang" in text
    assert "# not promised: 502 by Flask's last resort, in 1 run" in text
    assert "# not promised: 503 with a traceback, in 1 run" in text


def test_mistake_that_the_plain_run_makes_too_is_what_tests_want() -> None:
    assert proposed(record(answer(500, is_plain=True)))[0] == {"status": [500]}


def test_error_that_is_always_answered_the_same_is_in_the_table() -> None:
    runs = [
        record(answer(503), error="ConnectionError"),
        record(answer(503), answer(200, is_plain=True), error="ConnectionError"),
        record(answer(200, is_plain=True), error="shop.errors:BankDown"),
        record(answer(503), error="TimeoutError"),
        record(answer(504), error="TimeoutError"),
        record(answer(500), error="KeyError"),
    ]
    keys, text = proposed(*runs)

    assert keys["table"] == {"ConnectionError": 503}
    assert "# answered always the same: ConnectionError in 2 runs" in text
    assert "# not promised: TimeoutError is answered 503 or 504" in text


def test_fields_that_all_error_bodies_have_are_promised() -> None:
    bodies = [{"code": "str", "message": "str", "id": "int"}, {"code": "int", "message": "str"}]
    keys, text = proposed(*(record(answer(503, fields=fields)) for fields in bodies))

    assert keys["body"] == {"code": "any", "message": "str"}
    assert "# in all of 2 error bodies" in text


def test_bodies_that_have_nothing_in_common_are_not_promised() -> None:
    keys, text = proposed(record(answer(503, fields={"a": "str"})), record(answer(503, fields={"b": "str"})))
    assert "body" not in keys
    assert "# no body is promised: 2 error bodies have no field in common" in text

    keys, text = proposed(record(answer(503, fields={"a": "str"})), record(answer(503, fields={})))
    assert "body" not in keys
    assert "# no body is promised: 1 of 2 error bodies are no objects of JSON" in text


def test_exit_codes_calls_and_errors_of_the_project_are_promised() -> None:
    run = record(answer(3, kind="exit"), answer(14, kind="grpc"), raised="shop.errors:BankDown", calls=3.0)
    keys, _ = proposed(run, plain={("exit", 0)})

    assert keys == {
        "exit_codes": [0, 3],
        "grpc_codes": ["UNAVAILABLE"],
        "errors": ["shop.errors:BankDown"],
        "amplification": 3,
    }


def test_session_that_has_shown_nothing_proposes_nothing() -> None:
    assert proposed() == ({}, proposal_text([]))
    assert "# nothing: no run saw an answer" in proposal_text([])
