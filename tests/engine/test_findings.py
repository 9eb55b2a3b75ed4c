"""What several results showed of one cause, put together."""

from __future__ import annotations

from typing import Any

from pytest_chaos.findings import findings_of, is_passed_on
from pytest_chaos.report.record import Record


def cause(place: str, **changes: Any) -> Record:
    return {
        "id": place,  # any text will do
        "verdict": "wrong error",
        "fails": True,
        "accepted": False,
        "kind": "other-error",
        "oracle": "errors",
        "title": "",
        "text": "",
        "place": place,
        "advice": "",
        "dependency": "bank",
        **changes,
    }


def result(*causes: Record) -> Record:
    return {"test": "t.py::test", "fired": [], "replay": "pytest --chaos", "causes": list(causes)}


def test_equally_bad_findings_stand_as_in_the_source() -> None:
    places = ["stock.py:10 price", "bank.py:7 charge", "stock.py:9 price"]

    found = findings_of([result(cause(place)) for place in places])

    assert [one["place"] for one in found] == ["bank.py:7 charge", "stock.py:9 price", "stock.py:10 price"]


def test_worse_findings_and_those_of_more_results_come_first() -> None:
    often, reported, worse = cause("b.py:1 f"), cause("a.py:1 f", fails=False), cause("c.py:1 f", verdict="hung")

    found = findings_of([result(often), result(often), result(cause("a.py:2 f")), result(reported), result(worse)])

    assert [one["place"] for one in found] == ["c.py:1 f", "b.py:1 f", "a.py:2 f", "a.py:1 f"]


def test_another_answer_on_which_nobody_has_decided_is_told_whichever_run_was_first() -> None:
    kinds = ("answered", "assertion", "answered")
    causes = [cause("a.py:1 f", verdict="changed", fails=False, kind=kind) for kind in kinds]

    (one,) = findings_of(map(result, causes))

    assert one["kind"] == "assertion"
    assert not is_passed_on(one)
    assert is_passed_on(findings_of([result(causes[0])])[0])
