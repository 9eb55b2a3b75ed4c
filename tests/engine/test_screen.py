"""The last screen: the worst first, each finding in a few lines, and never more than a screen holds."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_chaos.report.record import Record
from pytest_chaos.report.screen import MOST_FINDINGS, screen


def finding(number: int = 1, **changes: Any) -> Record:
    return {
        "id": f"{number:010x}",
        "verdict": "hung",
        "fails": True,
        "accepted": False,
        "kind": "hang",
        "oracle": "hang",
        "title": f"pay{number} waits for bank example without a limit",
        "text": "bank:charge, call 1: nothing ended it",
        "place": f"shop.py:{number} pay",
        "dependency": "bank example",
        "points": ["bank:charge"],
        "faults": ["hang"],
        "tests": ["t.py::test"],
        "results": [0],
        "advice": "Give this call a time limit.",
        "replay": "pytest --chaos t.py::test",
        **changes,
    }


def lost(number: int = 1, **changes: Any) -> Record:
    return finding(number, **{"verdict": "lost", "kind": "swallowed", "oracle": "lost", "fails": False, **changes})


def unhandled(number: int = 1, **changes: Any) -> Record:
    return finding(number, **{"verdict": "escaped", "kind": "injected-error", "fails": False, **changes})


def shown(*findings: Record, records: Any = (), gone: Any = (), **options: Any) -> list[str]:
    return [line.text for line in screen(findings, records, gone, **options)]


def test_failing_finding_is_told_in_five_lines() -> None:
    assert [
        "1 finding fails:",
        " 1. hung: pay1 waits for bank example without a limit [0000000001]",
        "      when:       bank example hangs (1 run of t.py::test)",
        "      where:      shop.py:1 pay: bank:charge, call 1: nothing ended it",
        "      what to do: Give this call a time limit.",
        "      run again:  pytest --chaos t.py::test",
    ] == shown(finding())


def test_finding_that_does_not_fail_has_its_clause_after_those_that_do() -> None:
    lines = shown(finding(), lost(2, text="raised in m:f → caught in shop.py:7 price (except Exception)"))

    assert "1 finding worth a look, which does not fail:" == lines[6]
    assert " 2. lost: pay2 waits for bank example without a limit [0000000002]" == lines[7]
    assert "      where:      shop.py:2 pay: raised in m:f → caught in shop.py:7 price (except Exception)" == lines[8]
    assert "      what to do: Give this call a time limit." == lines[9]
    assert 10 == len(lines)


def test_verbose_screen_tells_each_finding_in_full() -> None:
    assert "      run again:  pytest --chaos t.py::test" == shown(lost(), is_verbose=True)[-1]


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (["hang"], "bank example hangs (1"),
        (["null"], "bank example returns null (1"),
        (["answer(502, '<html>')"], "bank example answers 502 (1"),
        (["answer(503)", "hang", "raise(A)", "answer(429)"], "bank example raises A, answers 503 or 429 or hangs (1"),
        (["raise(TimeoutError)"], "bank example raises TimeoutError (1"),
        (["raise(httpx:ConnectError, 'a, b')"], "bank example raises ConnectError (1"),
        (["raise(a:E)", "raise(b:E)"], "bank example raises E (1"),
        (["delay(2)", "hang"], "bank example has the fault delay(2) or hangs (1"),
        (["return({'a': (1, 2)})"], "bank example returns {'a': (1, 2)} (1"),
        (["hang", "null", "raise(A)", "raise(B)"], "bank example raises A or B, hangs or returns null (1"),
        ([f"raise({name})" for name in "ABCDE"], "bank example raises A, B, C or 2 more (1"),
        ([], "without any fault, in 1 run of t.py::test"),
    ],
)
def test_when_says_what_the_dependency_does(faults: list[str], words: str) -> None:
    (line,) = [one for one in shown(finding(faults=faults)) if "when:" in one]

    assert words in line


def test_when_counts_runs_and_tests() -> None:
    lines = shown(finding(tests=["t.py::a", "t.py::b"], results=[3, 4, 9]))

    assert "      when:       bank example hangs (3 runs of 2 tests, such as t.py::a)" in lines


def test_any_of_several_dependencies_may_have_failed() -> None:
    lines = shown(finding(dependency="http a, sqlite3 b"))

    assert "      when:       http a or sqlite3 b hangs (1 run of t.py::test)" in lines


def test_finding_without_a_dependency_or_a_place_says_what_is_known() -> None:
    lines = shown(finding(dependency="", place="", text="GET / was answered 500"))

    assert "      when:       bank:charge hangs (1 run of t.py::test)" in lines
    assert "      seen:       GET / was answered 500" in lines


def test_long_text_is_cut() -> None:
    (line,) = [one for one in shown(finding(text="x" * 1000)) if "where:" in one]

    assert line.endswith("xxx...") and len(line) < 280


@pytest.mark.parametrize("count", [5, 50, 500])
def test_number_of_lines_does_not_grow_with_the_number_of_findings(count: int) -> None:
    failing = [finding(number) for number in range(count)]
    reported = [lost(number) for number in range(count)]
    errors = [unhandled(number, dependency=f"host {number}") for number in range(count)]
    accepted = [finding(number, fails=False, accepted=True) for number in range(count)]
    gone = [{"id": f"{number:010x}", "title": "x"} for number in range(count)]
    lines = shown(*failing, *reported, *errors, *accepted, gone=gone)

    assert len(lines) <= 5 * MOST_FINDINGS + 15
    assert f"{count} findings fail:" == lines[0]
    assert f"accepted by the baseline: {count} findings ({count} hung)" in lines


def test_findings_without_room_are_counted_by_verdict_with_where_they_are() -> None:
    failing = [finding(number, verdict="hung" if number < 8 else "leaked") for number in range(14)]
    lines = shown(*failing, lost(), lost(2, verdict="changed", kind="assertion"), rest="see c.json")

    assert "4 more fail: 4 leaked; see c.json" == lines[-2]
    assert "2 more do not fail: 1 lost, 1 changed; see c.json" == lines[-1]
    assert "1 more does not fail: 1 lost; see c.json" == shown(*failing, lost(), rest="see c.json")[-1]


def test_errors_that_nobody_handles_are_one_line_for_each_dependency() -> None:
    findings = [unhandled(1, results=[1, 2]), unhandled(2), unhandled(3, dependency="sqlite3 <tmp>/x.db")]

    assert [
        "not handled: errors from bank example reach the test, through 2 places (3 runs)",
        "not handled: errors from sqlite3 <tmp>/x.db reach the test, through shop.py:3 pay (1 run)",
    ] == shown(*findings)


def test_errors_of_many_files_are_one_line() -> None:
    files = [
        unhandled(number, dependency=f"open templates/{number}.html", points=["builtins:open"])
        for number in range(1, 8)
    ]

    assert ["not handled: errors from open of 7 files reach the test, through 7 places (7 runs)"] == shown(*files)
    assert [
        "not handled: errors from open templates/1.html reach the test, through shop.py:1 pay (1 run)",
    ] == shown(files[0])


def test_errors_that_were_meant_are_counted_apart() -> None:
    translated = [unhandled(number, kind="translated") for number in (4, 5)]

    assert [
        "translated: errors from bank example reach the test as other errors, on purpose, through 2 places (2 runs)",
        "not handled: errors from bank example reach the test, through shop.py:1 pay (1 run)",
    ] == shown(*translated, unhandled(1))
    assert "1 finding fails:" == shown(unhandled(kind="translated", fails=True))[0]
    assert "1 finding worth a look, which does not fail:" == shown(unhandled(kind="translated-cause-lost"))[0]


def test_escaped_results_without_a_cause_are_counted_too() -> None:
    record = {"verdict": "escaped", "fails": False, "causes": [], "fired": [{"point": "m:f"}]}

    assert ["not handled: errors from m:f reach the test, in 2 runs"] == shown(records=[record, record])


def test_why_results_are_inconclusive_is_no_finding() -> None:
    assert [] == shown(finding(verdict="inconclusive", fails=False))
    assert "1 finding fails:" == shown(finding(verdict="inconclusive"))[0]


def test_accepted_findings_stay_visible() -> None:
    accepted = finding(fails=False, accepted=True)

    assert ["accepted by the baseline: 1 finding (1 hung)"] == shown(accepted)
    assert "    0000000001 hung: pay1 waits for bank example without a limit" == shown(accepted, is_verbose=True)[1]


def test_findings_of_the_baseline_that_do_not_occur_any_more_are_told() -> None:
    gone = [{"id": f"{number:010x}", "title": f"pay{number} waits"} for number in range(5)]

    lines = shown(gone=gone)
    assert "5 accepted findings did not occur; --chaos-write-baseline writes a baseline without them" == lines[0]
    assert ["    0000000000 pay0 waits", "    0000000002 pay2 waits", "    and 2 more"] == [lines[1], *lines[3:]]


def test_nothing_found_is_nothing_told() -> None:
    assert [] == shown()
