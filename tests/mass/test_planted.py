"""What ``mass/planted.py`` makes of reports; the projects themselves are no part of the suite."""

from __future__ import annotations

from typing import Any

import pytest

from mass import planted

KEPT_OPEN = planted.Weakness("depot/main.py", "send", "left open", "the mirror", "an error leaves the socket open")
SWALLOWED = planted.Weakness("depot/settings.py", "read_settings", "swallowed", "the disk", "taken for the default")
DIES = planted.Weakness(
    "depot/worker.py", "Worker.work", "dies unseen", "the disk", "ends", "depot/worker.py Worker.go"
)


def finding(place: str, verdict: str = "leaked", *, fails: bool = True) -> dict[str, Any]:
    return {"id": "0", "place": place, "verdict": verdict, "fails": fails, "text": "it is still open"}


def result(text: str, verdict: str = "leaked") -> dict[str, Any]:
    return {"verdict": verdict, "evidence": [{"text": text}], "caught": [], "ways": [], "scenario": "open = hang"}


def search(
    findings: list[dict[str, Any]], *weaknesses: planted.Weakness, results: list[dict[str, Any]] | None = None
) -> planted.Found:
    return planted.search({"findings": findings, "results": results or []}, list(weaknesses))


def test_a_finding_at_the_function_with_a_verdict_that_is_deserved_tells_the_weakness() -> None:
    found = search([finding("depot/main.py:4 send")], KEPT_OPEN, SWALLOWED)
    assert found.told == [KEPT_OPEN]
    assert not found.noise


def test_a_finding_that_does_not_fail_tells_a_weakness_as_well() -> None:
    assert search([finding("depot/settings.py:9 read_settings", "lost", fails=False)], SWALLOWED).told == [SWALLOWED]


@pytest.mark.parametrize(
    ("place", "verdict"),
    [
        ("depot/main.py:4 send", "lost"),
        ("depot/main.py:4 sender", "leaked"),
        ("depot/pack.py:4 send", "leaked"),
        ("", "leaked"),
    ],
    ids=["verdict", "function", "file", "no place"],
)
def test_another_verdict_or_place_does_not_tell_it(place: str, verdict: str) -> None:
    assert not search([finding(place, verdict)], KEPT_OPEN).told


def test_a_function_within_the_function_is_its_place_too() -> None:
    assert search([finding("depot/main.py:4 send.<locals>.line")], KEPT_OPEN).told == [KEPT_OPEN]


def test_what_dies_is_told_where_it_was_made() -> None:
    assert search([finding("depot/worker.py:7 Worker.go", "lost")], DIES).told == [DIES]


def test_a_result_that_speaks_of_the_function_names_it_or_only_reaches_it() -> None:
    results = [result("opened at depot/main.py:4 in send"), result("depot/settings.py:9 in read_settings", "escaped")]
    found = search([], KEPT_OPEN, SWALLOWED, DIES, results=results)
    assert [found.word_for(one) for one in (KEPT_OPEN, SWALLOWED, DIES)] == ["named", "reached", "MISSED"]


def test_a_failing_finding_elsewhere_is_noise_and_a_reported_one_is_not() -> None:
    elsewhere = finding("depot/index.py:4 Index.read")
    found = search([elsewhere, finding("depot/index.py:4 Index.read", fails=False)], KEPT_OPEN, DIES)
    assert found.noise == [elsewhere]


def test_the_bars_are_seven_of_ten_and_with_a_target_17_of_20_and_no_noise() -> None:
    just = {"zero": planted.Counts(20, 14, 15, 16, 0), "own": planted.Counts(20, 17, 17, 17, 0)}
    assert not planted.shortfalls(just)
    for worse, word in (
        ({"zero": planted.Counts(20, 13, 15, 16, 0)}, "zero: 13 of 20 are told"),
        ({"own": planted.Counts(20, 16, 17, 17, 0)}, "own: 16 of 20 are told"),
        ({"zero": planted.Counts(20, 14, 15, 16, 1)}, "zero: 1 failing findings are noise"),
        ({"zero": planted.Counts(20, 14, 15, 15, 0)}, "zero: 15 of 20 are reached"),
    ):
        (line,) = planted.shortfalls({**just, **worse})
        assert line.startswith(word)


def test_the_counts_of_projects_are_added() -> None:
    assert planted.summed([planted.Counts(5, 4, 4, 5, 0), planted.Counts(3, 1, 2, 2, 1)]) == (8, 5, 6, 7, 1)


def test_each_list_of_what_was_planted_can_be_read() -> None:
    folders = [one for one in planted.PLANTED.iterdir() if (one / "planted.toml").exists()]
    lists = [planted.weaknesses_of(folder) for folder in folders]
    assert len(folders) == 6
    assert sum(len(one) for one in lists) == 61
    assert all((folder / file).exists() for folder, one in zip(folders, lists, strict=True) for file, *_ in one)
