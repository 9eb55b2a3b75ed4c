"""WHETHER an answer shows what the system is made of, or is of another type than it says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_chaos import Raise
from pytest_chaos.contract import Contract
from pytest_chaos.gaps import Gap
from pytest_chaos.journal import Activation
from pytest_chaos.observation import (
    LONGEST_BODY,
    Answer,
    Failure,
    LastAnswer,
    Observation,
    RuleSeen,
    Steady,
    Unhandled,
)
from pytest_chaos.oracles.insides import judge_insides, without_needless_body
from pytest_chaos.provenance import Place

FIRED = RuleSeen("m:f = raise(E)", "exploration", 1, 1, True, ("m:f",), "m:f", "raise(E)")
ACTIVATION = Activation("m:f = raise(E)", "m:f", Raise(OSError), 1, "main", 1, 0.0, "MainThread", "f46c1d")
JSON = (("content-type", "application/json; charset=utf-8"),)
LEFT = Gap("left-entry-point", Place("shop.py", 8, "pay"), "request")
UNHANDLED = Unhandled(Failure("E", message="the ledger is corrupt"), LEFT, "Flask", LastAnswer("answered", 500))


def answer(body: bytes | None, status: int = 500, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return Answer("GET http://test/", status, True, 0.1, headers=headers, body=body)


def found(*answers: Answer, plain: tuple[Answer, ...] = (), **changes: object) -> list[tuple[str, str, bool]]:
    seen = Observation(
        "t.py::test",
        "explored",
        0,
        "m:f = raise(E)",
        Contract(),
        (FIRED,),
        (ACTIVATION,),
        answers=answers,
        steady=Steady({}, (), plain),
        unhandled=(UNHANDLED,),
        has_foreign_errors=True,
    )
    return [
        (one.evidence.kind, getattr(one.evidence.about, "shown", ""), one.fails)
        for one in judge_insides(replace(seen, **changes))  # type: ignore[arg-type]  # fields of the observation
    ]


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"x\nTraceback (most recent call last):\n  ...", "a traceback"),
        (b'{"trace": "File \\"/srv/shop/pay.py\\", line 3, in pay"}', "a traceback"),
        (b"<pre>File &quot;shop.py&quot;, line 12</pre>", "a traceback"),
        (b"cannot write /srv/shop/pay.py", "the path of a source file"),
        (b"failed: SELECT name, price\nFROM articles WHERE id = 3", "an SQL statement"),
        (b"failed: INSERT INTO articles VALUES (3)", "an SQL statement"),
        (b"failed: UPDATE articles SET price = 3", "an SQL statement"),
    ],
)
def test_an_answer_that_shows_the_inside_fails(body: bytes, shown: str) -> None:
    assert found(answer(body)) == [("inside", shown, True)]


@pytest.mark.parametrize(
    "body",
    [
        None,
        b"",
        b"Internal Server Error",
        b'{"code": "bank-down", "message": "Select a day from the list, or update the form and set it again."}',
        b"<script src=/static/app.py.js></script> see /docs/errors",
    ],
)
def test_an_answer_in_words_of_its_own_is_right(body: bytes | None) -> None:
    assert found(answer(body)) == []


def test_an_answer_that_is_no_error_may_show_anything() -> None:
    """A service for source code does."""
    assert found(answer(b'File "/srv/shop/pay.py", line 3', status=200)) == []


def test_what_is_shown_without_a_fault_as_well_is_none() -> None:
    shown = answer(b"Traceback (most recent call last):")
    assert found(shown, plain=(shown,)) == []


def test_what_a_mode_for_developers_shows_is_none() -> None:
    assert found(answer(b"Traceback (most recent call last):"), is_debugging=True) == []
    assert found(answer(b"<script src='?__debugger__=yes'>Traceback (most recent call last):")) == []


def test_what_the_system_itself_was_answered_is_none() -> None:
    assert found(replace(answer(b"Traceback (most recent call last):"), is_to_driver=False)) == []


@pytest.mark.parametrize("body", [b"failed: the ledger is corrupt", b"chaos: injected at m:f, call 1 [f46c1d]"])
def test_the_text_of_the_error_alone_is_reported(body: bytes) -> None:
    assert found(answer(body)) == [("inside", "the text of the error", False)]
    assert found(answer(body), has_foreign_errors=False) == []  # the project wrote it for its readers


def test_json_that_is_none_fails() -> None:
    assert found(answer(b"<html>", headers=JSON)) == [("other-type", "", True)]
    assert found(answer(b"<html>", 200, headers=JSON)) == [("other-type", "", True)]
    assert found(answer(b'{"code": 3}', headers=JSON)) == []


def test_a_body_of_which_not_all_is_known_is_not_judged_by_its_type() -> None:
    assert found(answer(b"[" + b" " * LONGEST_BODY, headers=JSON)) == []
    assert found(answer(None, headers=JSON)) == []
    assert found(answer(b"\x1f\x8b\x08\xff", headers=JSON)) == []


def test_a_type_that_is_wrong_without_a_fault_as_well_is_none() -> None:
    wrong = answer(b"<html>", headers=JSON)
    assert found(wrong, plain=(replace(wrong, status=200),)) == []


def test_of_a_plain_run_only_bodies_that_are_compared_with_are_kept() -> None:
    """A session keeps all plain runs."""
    right, wrong, error = answer(b"{}", 200, JSON), answer(b"<html>", 200, JSON), answer(b"down", 503)

    assert [without_needless_body(one).body for one in (right, wrong, error)] == [None, b"<html>", b"down"]
