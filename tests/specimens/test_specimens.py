"""Broken specimens get their verdict, for its reason, and right twins are resilient: one inner session for each way."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
SPECIMENS = tomllib.loads((HERE / "specimens.toml").read_text())
VARIANTS = ("broken", "right")

# Those of which a fault test shows nothing; tests/plugin has pairs of them.
NEED_A_PLAIN_RUN = {"swallowed", "quiet-fallback", "torn-file", "file-left", "dropped-open"}

# Those whose weakness shows without us, once what they call fails.
ALONE = [name for name, one in SPECIMENS.items() if one["verdict"] in ("leaked", "lost")]

PLUGINS = ("pytest_asyncio.plugin", "anyio", "pytest_timeout", "pytest_randomly")
WAYS = {
    "alone": ["-p", "no:cacheprovider"],
    "on two workers, beside other plugins": [
        *("-p", "xdist", "-n2", *(f"-p{name}" for name in PLUGINS)),
        *("-o", "asyncio_default_fixture_loop_scope=function"),
    ],
}

FAULT = re.compile(r"@pytest\.mark\.chaos\(\"system:fetch\", Raise\(ConnectionError\)\)")
STRICT = re.compile(r"@pytest\.mark\.chaos_contract\(leaks=\"strict\"\).*\n")
OUTAGE = """

@pytest.fixture(autouse=True)
def outage(monkeypatch):
    def fetch():
        raise ConnectionError("out of order")

    async def fetch_async():
        fetch()

    is_async = inspect.iscoroutinefunction(system.fetch)
    monkeypatch.setattr(system, "fetch", fetch_async if is_async else fetch)
"""


@dataclass
class Session:
    """What came of one inner session.

    Attributes:
        results: The results by module name.
        passed: The module names of the tests that pytest calls passed.
    """

    results: dict[str, dict[str, Any]]
    passed: set[str]


def module_name(specimen: str, variant: str) -> str:
    return f"{specimen}_{variant}"


def undisturbed(drive: str) -> str:
    """Return a drive in which the call fails without us, and only what is left behind is judged."""
    level = '("strict")' if STRICT.search(drive) else ""
    drive, times = FAULT.subn(f"@pytest.mark.no_leaks{level}", STRICT.sub("", drive))
    assert times == 1, "each drive has one fault, and it is an error"
    return "import inspect\n" + drive.replace("from pytest_chaos import Raise\n", "") + OUTAGE


def run(project: Path, specimens: list[str], options: list[str], *, is_disturbed: bool = True) -> Session:
    """Run specimens in one project, in one session."""
    (project / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    for specimen in specimens:
        drive = (HERE / specimen / "drive.py").read_text()
        if not is_disturbed:
            drive = undisturbed(drive)
        for variant in VARIANTS:
            name = module_name(specimen, variant)
            (project / f"{name}.py").write_text((HERE / specimen / f"{variant}.py").read_text())
            text = drive.replace("import system\n", f"import {name} as system\n").replace('"system:', f'"{name}:')
            (project / f"test_{name}.py").write_text(text)
    subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "pytest",
                "-p",
                "chaos",
                "--chaos",
                "--chaos-target=none",
                "-q",
                "--chaos-report=chaos.json",
            ),
            *("--junitxml=junit.xml", *options),
        ],
        cwd=project,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    document = json.loads((project / "chaos.json").read_text())
    results = {result["test"].removeprefix("test_").partition(".py")[0]: result for result in document["results"]}
    assert len(results) == len(document["results"]), "each test is one result"
    cases = ElementTree.parse(project / "junit.xml").iter("testcase")
    passed = {case.attrib["classname"].removeprefix("test_") for case in cases if not len(case.findall("*[@message]"))}
    return Session(results, passed)


@pytest.fixture(scope="module", params=WAYS)
def disturbed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """All specimens under their faults."""
    return run(tmp_path_factory.mktemp("specimens"), list(SPECIMENS), WAYS[request.param])


@pytest.fixture(scope="module", params=WAYS)
def undisturbed_session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Those that leave something or lose an error, without any fault of ours."""
    return run(tmp_path_factory.mktemp("undisturbed"), ALONE, WAYS[request.param], is_disturbed=False)


@pytest.mark.parametrize("specimen", SPECIMENS)
def test_the_broken_specimen_gets_its_verdict_for_its_reason(specimen: str, disturbed: Session) -> None:
    expected, result = SPECIMENS[specimen], disturbed.results[module_name(specimen, "broken")]
    kinds = [one["kind"] for one in result["evidence"]]

    assert (expected["verdict"], True) == (result["verdict"], result["fails"])
    assert [expected["kind"], *expected.get("notes", [])] == kinds[: 1 + len(expected.get("notes", []))]


@pytest.mark.parametrize("specimen", SPECIMENS)
def test_the_right_twin_is_resilient(specimen: str, disturbed: Session) -> None:
    result = disturbed.results[module_name(specimen, "right")]

    assert ("resilient", False) == (result["verdict"], result["fails"]), result["evidence"]
    assert result["activations"] > 0


@pytest.mark.parametrize("specimen", ALONE)
def test_the_same_is_found_without_a_fault(specimen: str, undisturbed_session: Session) -> None:
    expected = SPECIMENS[specimen]
    broken, right = (module_name(specimen, variant) for variant in VARIANTS)
    result = undisturbed_session.results[broken]

    assert (expected["verdict"], expected["kind"]) == (result["verdict"], result["evidence"][0]["kind"])
    assert {right} == {broken, right} & undisturbed_session.passed
    assert right not in undisturbed_session.results


def test_every_kind_of_evidence_for_leaks_and_lost_errors_has_a_specimen() -> None:
    page = (HERE.parents[1] / "docs" / "reference" / "verdicts.md").read_text()
    rows = re.findall(r"^\| (?:lost|leaks) \| .*? \| .*? \| (.*?) \|$", page, flags=re.MULTILINE)
    kinds = {kind.strip("` ") for row in rows for kind in row.split(",")} - NEED_A_PLAIN_RUN

    assert len(kinds) == 13
    assert not (kinds | {"loop-blocked"}) - {
        kind for one in SPECIMENS.values() for kind in (one["kind"], *one.get("notes", []))
    }


def test_the_table_in_the_docs_lists_every_specimen() -> None:
    page = (HERE.parents[1] / "docs" / "reference" / "specimens.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", page, flags=re.MULTILINE)

    assert [
        (name, one["weakness"], one["verdict"], ", ".join(f"`{kind}`" for kind in (one["kind"], *one.get("notes", []))))
        for name, one in SPECIMENS.items()
    ] == rows
    assert (
        f"{len(SPECIMENS)} of {len(SPECIMENS)} broken ones found, 0 false alarms on {len(SPECIMENS)} right ones" in page
    )
