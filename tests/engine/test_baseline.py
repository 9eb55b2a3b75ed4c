"""Baselines: what is accepted, read and written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_chaos.baseline import Baseline, baseline_text
from pytest_chaos.errors import SpecificationError

IDS = ("0123456789", "abcdef0123", "ffffffffff")


def finding(id_: str, **changes: Any) -> dict[str, Any]:
    told = {"id": id_, "verdict": "hung", "title": "it hangs", "place": "a.py:1 f", "fails": True, "accepted": False}
    return {**told, "tests": ["t"], **changes}


def test_what_was_written_is_accepted() -> None:
    findings = [finding(IDS[0]), finding(IDS[1], fails=False, accepted=True), finding(IDS[2], fails=False)]
    baseline = Baseline.read(baseline_text(findings))

    assert {one for one in IDS if one in baseline} == {IDS[0], IDS[1]}
    assert baseline.entries[IDS[0]] == {"id": IDS[0], "verdict": "hung", "title": "it hangs", "place": "a.py:1 f"}


def test_a_report_is_a_baseline_of_what_failed_in_it() -> None:
    document = {"version": 1, "findings": [finding(IDS[0]), finding(IDS[1], fails=False)], "results": []}
    baseline = Baseline.read(json.dumps(document))

    assert IDS[0] in baseline
    assert IDS[1] not in baseline


def test_what_is_accepted_and_did_not_occur_is_gone() -> None:
    baseline = Baseline.read(baseline_text(map(finding, IDS)))

    assert [entry["id"] for entry in baseline.gone({IDS[1]})] == [IDS[0], IDS[2]]


def test_entries_that_had_no_chance_are_kept() -> None:
    old = Baseline.read(baseline_text([finding(IDS[0]), finding(IDS[1])]))
    new = Baseline.read(baseline_text([finding(IDS[2])], old.gone({IDS[2]})))

    assert sorted(new.entries) == sorted(IDS)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "it is not valid JSON"),
        ("[]", "it has no list 'findings'"),
        ('{"version": 1}', "it has no list 'findings'"),
        ('{"version": 2, "findings": []}', "its version is 2, and this release reads 1"),
        ('{"version": 1, "findings": [{"id": "x"}]}', "finding number 1 has the id 'x'"),
        ('{"version": 1, "findings": ["x"]}', "finding number 1 has the id None"),
    ],
)
def test_what_is_no_baseline_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(SpecificationError, match=complaint) as refused:
        Baseline.read(text)

    assert "--chaos-write-baseline" in refused.value.remedy
