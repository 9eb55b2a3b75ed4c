"""What ``mass/precision.py`` makes of reports and labels; the projects themselves are no part of the suite."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mass import explore, precision

PLACE = "cache/store.py:4 Store.get"

LABELLED = """
[[label]]
project = "cache"
id = "{id}"
verdict = "storm"
place = "cache/store.py:4 Store.get"
label = "{label}"
reason = "{reason}"
"""


def finding(id: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "verdict": "storm",
        "fails": True,
        "accepted": False,
        "kind": "calls",
        "oracle": "storm",
        "title": "a storm on the database",
        "text": "102 times, and 2 in the plain run",
        "place": PLACE,
        "dependency": "sqlite3 <tmp>/x.db",
        "points": ["sqlite3:Cursor.execute"],
        "faults": ["raise(sqlite3:OperationalError)"],
        "tests": ["tests/test_store.py::test_get"],
        "results": [0, 3],
        "advice": "Cap the retry.",
        "replay": "pytest --chaos-replay c1:x",
        **more,
    }


def found(id: str, **more: Any) -> precision.Found:
    return precision.Found("cache", finding(id, **more), ("zero",))


def label(id: str, label: str = "true", **more: str) -> precision.Label:
    return precision.Label(
        **{"project": "cache", "id": id, "verdict": "storm", "place": PLACE, "label": label, "reason": "read", **more}
    )


def sheet(failing: dict[str, int], reported: dict[str, int], true: int) -> precision.Sheet:
    return precision.Sheet(Counter(failing), Counter(reported), frozenset(("cache", str(one)) for one in range(true)))


def test_findings_are_counted_by_label_those_that_fail_apart() -> None:
    told = [found("a"), found("b"), found("c", fails=False), found("d", fails=False)]
    weighed = precision.weigh(told, [label("a"), label("b", "noise"), label("c", "arguable"), label("d", "noise")])
    assert weighed.failing == {"true": 1, "noise": 1}
    assert weighed.reported == {"arguable": 1, "noise": 1}
    assert not weighed.unlabelled and not weighed.gone


def test_a_finding_without_a_label_is_told_and_not_counted() -> None:
    weighed = precision.weigh([found("a"), found("new")], [label("a")])
    assert [one.finding["id"] for one in weighed.unlabelled] == ["new"]
    assert weighed.failing == {"true": 1}


def test_a_label_without_a_finding_is_gone() -> None:
    weighed = precision.weigh([found("a")], [label("a"), label("old", "noise")])
    assert [one.id for one in weighed.gone] == ["old"]
    assert weighed.failing == {"true": 1}


def test_the_label_of_another_project_says_nothing() -> None:
    assert precision.weigh([found("a")], [label("a", project="queue")]).unlabelled


def test_a_finding_that_has_another_verdict_now_is_told() -> None:
    weighed = precision.weigh([found("a", verdict="hung"), found("b")], [label("a"), label("b")])
    assert [(one.finding["verdict"], labelled.verdict) for one, labelled in weighed.changed] == [("hung", "storm")]


def test_two_findings_of_one_bug_are_one_distinct_one() -> None:
    told = [found("a"), found("b"), found("c"), found("d", fails=False)]
    weighed = precision.weigh(told, [label("a", bug="lock"), label("b", bug="lock"), label("c"), label("d")])
    assert weighed.true == {("cache", "lock"), ("cache", "c")}
    assert weighed.failing == {"true": 3}


def test_a_finding_of_both_ways_is_one_and_fails_where_one_of_them_fails() -> None:
    zero = {"findings": [finding("a", fails=False, verdict="escaped"), finding("b")]}
    own = {"findings": [finding("a"), finding("c", fails=False)]}
    told = precision.together("cache", {"zero": zero, "own": own})
    assert [(one.finding["id"], one.finding["fails"], one.ways) for one in told] == [
        ("a", True, ("zero", "own")),
        ("b", True, ("zero",)),
        ("c", False, ("own",)),
    ]
    assert told[0].finding["verdict"] == "storm"


@pytest.mark.parametrize(
    ("failing", "reported", "true", "words"),
    [
        ({"true": 10, "arguable": 8, "noise": 2}, {"arguable": 7, "noise": 3}, 10, []),
        ({"true": 10, "arguable": 7, "noise": 2}, {"arguable": 7, "noise": 3}, 10, ["failing findings"]),
        ({"true": 10}, {"true": 2, "noise": 1}, 10, ["reported findings"]),
        ({"true": 10}, {}, 9, ["distinct"]),
        ({}, {}, 10, []),
    ],
    ids=["just holds", "failing", "reported", "distinct", "nothing found"],
)
def test_the_bars_are_nine_of_ten_seven_of_ten_and_ten(
    failing: dict[str, int], reported: dict[str, int], true: int, words: list[str]
) -> None:
    told = precision.shortfalls(sheet(failing, reported, true))
    assert len(told) == len(words)
    assert all(word in line for word, line in zip(words, told, strict=True))


def test_a_known_bug_is_found_only_by_a_true_finding_that_fails_at_its_function() -> None:
    wanted = precision.Wanted("cache", "Store.get", "asked for ever")
    labels = precision.Labels({("cache", "a"): label("a"), ("cache", "b"): label("b", "noise")}, (wanted,))
    assert not precision.missed([found("a")], labels)
    for one in (found("b"), found("a", fails=False), found("a", place="cache/store.py:9 Store.put"), found("new")):
        assert precision.missed([one], labels) == [wanted]


def test_what_is_to_be_labelled_comes_with_its_source_and_an_entry_to_fill_in(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    source = "\n".join(f"line {number}" for number in range(1, 21))
    (tmp_path / "cache" / "store.py").write_text(source, encoding="utf-8")
    text = precision.to_label(found("0123456789", text='it says "x"'), tmp_path)
    assert '  it says "x"' in text.splitlines()
    assert "  >     4 line 4" in text.splitlines()
    assert "line 10" in text and "line 11" not in text
    filled = text[text.index("[[label]]") :].replace('label = ""', 'label = "noise"').replace('""', '"read"')
    assert precision.read_labels(filled).labels["cache", "0123456789"].place == PLACE


@pytest.mark.parametrize("place", ["", "elsewhere.py:4 f", "no place"])
def test_a_place_without_a_source_says_so(tmp_path: Path, place: str) -> None:
    (line,) = precision.source_lines(place, tmp_path)
    assert line.startswith("no source of")


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        (LABELLED.format(id="a", label="maybe", reason="read"), "none of true, arguable, noise"),
        (LABELLED.format(id="a", label="true", reason=" "), "needs its reason"),
        (2 * LABELLED.format(id="a", label="true", reason="read"), "two labels"),
    ],
    ids=["word", "reason", "twice"],
)
def test_a_label_that_is_wrong_is_refused(entry: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        precision.read_labels(entry)


def test_the_sum_of_projects_stands_below_the_table() -> None:
    sheets = {
        "cache": precision.weigh([found("a"), found("b", fails=False)], [label("a"), label("b", "noise")]),
        "queue": precision.weigh([found("c")], []),
    }
    first, *_, last = precision.table(sheets).splitlines()[2:]
    assert first == "| cache | 1 | 0 | 0 | 100% | 1 | 0 | 0 | 1 | 0% | 0 |"
    assert last == "| all | 1 | 0 | 0 | 100% | 1 | 0 | 0 | 1 | 0% | 1 |"


def test_the_projects_that_are_held_back_are_summed_up_on_their_own_too() -> None:
    sheets = {
        "cache": precision.weigh([found("a")], [label("a")]),
        "queue": precision.weigh([found("c")], []),
        "store": precision.weigh([found("d")], []),
    }
    told = precision.table(sheets, {"queue", "store"}).splitlines()
    assert told[-1] == "| held back | 0 | 0 | 0 | 100% | 0 | 0 | 0 | 0 | 100% | 2 |"
    assert told[-2].startswith("| all | 1 |")


def test_the_labels_are_of_projects_that_are_explored() -> None:
    labels = precision.read_labels(precision.LABELS.read_text(encoding="utf-8"))
    names = {one.source.name for one in explore.EXPLORED}
    assert {one.project for one in labels.wanted} | {project for project, _ in labels.labels} <= names
    assert len(labels.wanted) >= 5
