"""The corpus is complete, and its tests pass on both variants as long as nothing fails."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import xml.etree.ElementTree
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from pytest_chaos import parse
from pytest_chaos.verdict import Verdict

HERE = Path(__file__).parent


def load(name: str) -> ModuleType:
    """Import a module beside this file, which lies in no package."""
    spec = importlib.util.spec_from_file_location(f"corpus_{name}", HERE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


harness = load("harness")
CORPUS = harness.read_corpus()
CASES = harness.read_cases()
LEAST = {
    "retry": 5,
    "cache": 4,
    "handler": 5,
    "cancellation": 3,
    "error code": 3,
    "recovery": 3,
    "leak": 2,
    "hang": 2,
    "lost": 2,
    "storm": 2,
}


@pytest.mark.parametrize("variant", harness.VARIANTS)
def test_every_test_passes_as_long_as_nothing_fails(variant, tmp_path):
    names = harness.write_project(tmp_path, variant, CORPUS.values())

    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "--junit-xml=outcomes.xml"),
            *("-p", "no:chaos", "-p", "no:randomly", "-p", "no:asyncio", "-p", "no:anyio", "-p", "no:cacheprovider"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    cases = xml.etree.ElementTree.parse(tmp_path / "outcomes.xml").iter("testcase")
    assert 0 == run.returncode, run.stdout
    assert {case.get("classname") for case in cases} == {f"test_{name}" for name in names.values()}


@pytest.mark.parametrize("specimen", CORPUS.values(), ids=CORPUS)
def test_what_is_said_of_a_specimen_makes_sense(specimen):
    assert specimen.kind in harness.CLASSES
    assert specimen.needs in harness.NEEDS
    assert Verdict.RESILIENT < Verdict.from_word(specimen.verdict)
    assert specimen.twin in harness.TWINS
    if specimen.evidence:
        assert specimen.twin == specimen.verdict
    else:
        assert Verdict.from_word(specimen.twin) < Verdict.from_word(specimen.verdict)
    assert specimen.system("broken") != specimen.system("right")
    assert "import system\n" in specimen.drive()
    assert "chaos" not in specimen.drive()


@pytest.mark.parametrize("specimen", [*CORPUS.values(), *CASES.values()], ids=[*CORPUS, *CASES])
def test_the_revealing_scenario_has_the_shape_that_is_needed(specimen):
    # A case may name an exception of its package, which is not installed here.
    rules = parse(re.sub(r"raise\(requests\.exceptions:", "raise(", specimen.reveals))
    numbers = [rule.chain[0].trigger.hits.numbers for rule in rules]

    assert {rule.target.text for rule in rules} <= set(specimen.targets)
    if specimen.needs == "later call":
        [[number]] = numbers
        assert number >= 3
    else:
        expected = {"first call": [(1,)], "second call": [(2,)], "all calls": [()], "two faults": [(1,), (1,)]}
        assert numbers == expected[specimen.needs]


def test_the_corpus_is_as_varied_as_its_measures_need():
    classes = Counter(specimen.kind for specimen in CORPUS.values())
    needs = Counter(specimen.needs for specimen in CORPUS.values())

    assert len(CORPUS) >= 60
    assert not {kind: least for kind, least in LEAST.items() if classes[kind] < least}
    assert needs["second call"] + needs["later call"] >= 8
    assert needs["later call"] >= 3
    assert needs["two faults"] >= 5


def test_every_folder_belongs_to_a_specimen():
    folders = {path.name for path in HERE.iterdir() if (path / "drive.py").exists()}

    assert folders == {specimen.name for specimen in CORPUS.values() if specimen.source == "corpus"}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_said_of_a_case_makes_sense(case, tmp_path):
    case.write(tmp_path)

    assert case.kind in harness.CLASSES
    assert case.needs in harness.NEEDS
    assert Verdict.from_word(case.twin) <= Verdict.from_word(case.verdict)
    assert "import app\n" in (tmp_path / "test_case.py").read_text()
    for release in ("buggy", "fixed"):
        assert f"{case.package}=={getattr(case, release)}" in case.requirements(release).read_text().splitlines()
        assert all("==" in line for line in case.requirements(release).read_text().splitlines())
