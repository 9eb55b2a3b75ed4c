"""Broken specimens get their verdict, for its reason, and right twins are resilient: one inner session for all."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SPECIMENS = tomllib.loads((HERE / "specimens.toml").read_text())
VARIANTS = ("broken", "right")


def module_name(specimen: str, variant: str) -> str:
    return f"{specimen}_{variant}"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """Run all specimens in one project; return the results by module name."""
    project = tmp_path_factory.mktemp("specimens")
    (project / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    for specimen in SPECIMENS:
        drive = (HERE / specimen / "drive.py").read_text()
        for variant in VARIANTS:
            name = module_name(specimen, variant)
            (project / f"{name}.py").write_text((HERE / specimen / f"{variant}.py").read_text())
            text = drive.replace("import system\n", f"import {name} as system\n").replace('"system:', f'"{name}:')
            (project / f"test_{name}.py").write_text(text)
    subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "chaos", "--chaos", "-q", "--chaos-report=chaos.json"),
            *("-p", "no:randomly", "-p", "no:asyncio", "-p", "no:cacheprovider"),
        ],
        cwd=project,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    document = json.loads((project / "chaos.json").read_text())
    return {result["test"].removeprefix("test_").partition(".py")[0]: result for result in document["results"]}


@pytest.mark.parametrize("specimen", SPECIMENS)
def test_the_broken_specimen_gets_its_verdict_for_its_reason(specimen, results):
    result = results[module_name(specimen, "broken")]

    assert (SPECIMENS[specimen]["verdict"], True) == (result["verdict"], result["fails"])
    assert SPECIMENS[specimen]["kind"] == result["evidence"][0]["kind"]


@pytest.mark.parametrize("specimen", SPECIMENS)
def test_the_right_twin_is_resilient(specimen, results):
    result = results[module_name(specimen, "right")]

    assert ("resilient", False) == (result["verdict"], result["fails"]), result["evidence"]
    assert result["activations"] > 0


def test_the_table_in_the_docs_lists_every_specimen():
    page = (HERE.parents[1] / "docs" / "reference" / "specimens.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|$", page, flags=re.MULTILINE)

    assert [(name, one["weakness"], one["verdict"]) for name, one in SPECIMENS.items()] == rows
    assert (
        f"{len(SPECIMENS)} of {len(SPECIMENS)} broken ones found, 0 false alarms on {len(SPECIMENS)} right ones" in page
    )
