"""What exploration finds in the corpus, and what it costs, beside brute force: every call under every fault.

``python benchmarks/recall.py`` measures and writes the tables of docs/explanation/recall.md; with ``--check`` it holds
the page and the bars against what it measured. ``--only NAME`` shows what is said of single specimens.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "corpus"))

import harness

PAGE = harness.HERE.parents[1] / "docs" / "explanation" / "recall.md"
_BEGIN, _END = "<!-- measured -->", "<!-- end of what was measured -->"

LATER = "only the first and the second call of a line are tried one by one"
BOTH_PLAIN = "both calls are made without faults too; pairs are tried only where one fault leads to a new call"
MISSES = {
    "handler_averages_nothing": LATER,
    "leak_of_a_second_reader": LATER,
    "pair_cache_and_source": BOTH_PLAIN,
}
"""What exploration is known to miss, each with its reason; nothing else may be missed."""


@dataclass
class Explored:
    """What came of one specimen under one way of looking.

    Attributes:
        verdicts: Every verdict that was given.
        failing: Those that failed.
        kinds: Every kind of evidence.
        runs: Runs under faults, without confirmations, probes and pairs.
        pairs: Runs under two faults.
    """

    verdicts: list[str] = field(default_factory=list)
    failing: list[str] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    runs: int = 0
    pairs: int = 0

    def finds(self, verdict: str, evidence: str = "") -> bool:
        """Tell whether a weakness was found: by its evidence, else its verdict, or by another verdict that fails."""
        return (evidence in self.kinds if evidence else verdict in self.verdicts) or bool(self.failing)


def run_session(folder: Path, *options: str, python_path: str = "") -> dict[str, Any]:
    """Run pytest with chaos on in a folder, and return its report."""
    command = [sys.executable, "-m", "pytest", "-p", "chaos", "--chaos", "-q", "--chaos-report=chaos.json", *options]
    command += ["-p", "no:randomly", "-p", "no:asyncio", "-p", "no:anyio", "-p", "no:cacheprovider"]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [python_path, os.environ.get("PYTHONPATH")])),
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    report = folder / "chaos.json"
    if not report.exists():
        raise SystemExit(done.stdout + done.stderr)
    document: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    report.unlink()
    return document


def explore(
    specimens: Iterable[harness.Specimen], variant: str, folder: Path
) -> tuple[dict[str, Explored], dict[str, Any]]:
    """Explore one variant of specimens; return what came of each, and how many keys and runs there were."""

    def marks(specimen: harness.Specimen) -> list[harness.Mark]:
        targets = tuple(specimen.text(target, variant) for target in specimen.targets)
        keywords: dict[str, Any] = {"faults": list(specimen.faults)} if specimen.faults else {}
        return [("chaos_explore", targets, keywords), specimen.contract_mark(variant)]

    specimens = list(specimens)
    modules = harness.write_project(folder, variant, specimens, marks)
    document = run_session(folder)
    return _by_specimen(document["results"], modules), document["exploration"]


def brute_force(specimens: Iterable[harness.Specimen], variant: str, folder: Path) -> dict[str, Explored]:
    """Run one variant of specimens under every fault at every call, once and from then on; prune nothing."""
    specimens = list(specimens)
    modules = harness.write_project(folder, variant, specimens, lambda specimen: [specimen.contract_mark(variant)])
    counted = [
        f"{specimen.text(target, variant)} = #999999 delay(0.001)"
        for specimen in specimens
        for target in specimen.targets
    ]
    calls = {rule["target"]: rule["calls"] for result in _with_rules(folder, counted) for rule in result["rules"]}
    rules: list[str] = []
    for specimen in specimens:
        faults = harness.possible_faults(specimen, variant)
        for target in specimen.targets:
            name = specimen.text(target, variant)
            for number in range(1, calls.get(name, 0) + 1):
                for fault in faults[target]:
                    rules += [f"{name} = #{number} {fault}", f"{name} = #{number}.. {fault}"]
        for one in specimen.targets:
            for other in specimen.targets:
                if one < other:
                    rules += [
                        f"{specimen.text(one, variant)} = {first}; {specimen.text(other, variant)} = {second}"
                        for first in faults[one]
                        for second in faults[other]
                    ]
    return _by_specimen(_with_rules(folder, rules), modules)


def _with_rules(folder: Path, rules: Sequence[str]) -> list[dict[str, Any]]:
    table = "[tool.pytest_chaos]\nrules = " + json.dumps(rules) + "\n"
    (folder / "pyproject.toml").write_text(table, encoding="utf-8")
    return list(run_session(folder)["results"])


def _by_specimen(results: Iterable[Mapping[str, Any]], modules: Mapping[str, str]) -> dict[str, Explored]:
    names = {f"test_{module}.py": name for name, module in modules.items()}
    found: dict[str, Explored] = defaultdict(Explored)
    for result in results:
        one = found[names[result["test"].partition("::")[0]]]
        one.verdicts.append(result["verdict"])
        one.kinds.update(evidence["kind"] for evidence in result["evidence"])
        if result["fails"]:
            one.failing.append(result["verdict"])
        if result["kind"] == "explored":
            if "; " in result["scenario"]:
                one.pairs += 1
            else:
                one.runs += 1
    return found


def install(case: harness.Case, release: str, folder: Path) -> Path:
    """Install one release of a case's package, with what it needs, and return where."""
    target = folder / f"{case.name}-{release}" / "site-packages"
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(target)]
    subprocess.run([*command, "-r", str(case.requirements(release))], check=True, stderr=subprocess.DEVNULL)
    return target


def explore_case(case: harness.Case, release: str, folder: Path) -> Explored:
    """Explore the application of a case on one release."""
    project = folder / f"{case.name}-{release}" / "project"
    packages = install(case, release, folder)
    project.mkdir()
    marks: list[harness.Mark] = [("chaos_explore", case.targets, {"faults": list(case.faults)})]
    if case.contract:
        marks.append(("chaos_contract", (), dict(case.contract)))
    case.write(project, marks)
    results = run_session(project, python_path=str(packages))["results"]
    return _by_specimen(results, {case.name: "case"})[case.name]


@dataclass
class Measured:
    """All that was measured.

    Attributes:
        specimens: The corpus.
        ours: What exploration made of each broken and right system.
        brute: What brute force made of each broken one.
        cases: What exploration made of each case on both releases.
        exploration: How many keys and runs exploration needed, by variant.
    """

    specimens: dict[str, harness.Specimen]
    ours: dict[str, dict[str, Explored]] = field(default_factory=dict)
    brute: dict[str, Explored] = field(default_factory=dict)
    cases: dict[str, dict[str, Explored]] = field(default_factory=dict)
    exploration: dict[str, Any] = field(default_factory=dict)

    def misses(self) -> list[str]:
        """Return what exploration does not find."""
        return [name for name in self.specimens if not self.is_found_by(self.ours["broken"], name)]

    def is_found_by(self, way: Mapping[str, Explored], name: str) -> bool:
        """Tell whether one way of looking finds the weakness of a specimen."""
        return way[name].finds(self.specimens[name].verdict, self.specimens[name].evidence)

    def alarms(self) -> list[str]:
        """Return the right systems of which something is said that should not be."""
        return [
            name
            for name, one in self.specimens.items()
            if set(self.ours["right"][name].verdicts) - {"resilient", "degraded", one.twin}
        ]


def measure(specimens: dict[str, harness.Specimen], *, with_brute: bool, with_cases: bool) -> Measured:
    """Explore everything."""
    measured = Measured(specimens)
    for variant in harness.VARIANTS:
        with tempfile.TemporaryDirectory() as folder:
            measured.ours[variant], measured.exploration[variant] = explore(specimens.values(), variant, Path(folder))
    if with_brute:
        with tempfile.TemporaryDirectory() as folder:
            measured.brute = brute_force(specimens.values(), "broken", Path(folder))
    if with_cases:
        for name, case in harness.read_cases().items():
            with tempfile.TemporaryDirectory() as folder:
                measured.cases[name] = {
                    release: explore_case(case, release, Path(folder)) for release in ("buggy", "fixed")
                }
    return measured


def tables(measured: Measured) -> str:
    """Return the tables of the page, without anything that differs from run to run."""
    lines = [
        "| class | pairs | found by brute force | found by exploration | false alarms on right ones |",
        "|---|---|---|---|---|",
    ]
    kinds = [kind for kind in harness.CLASSES if any(one.kind == kind for one in measured.specimens.values())]
    alarms = measured.alarms()
    for kind in [*kinds, ""]:
        names = [name for name, one in measured.specimens.items() if kind in ("", one.kind)]
        brute = sum(measured.is_found_by(measured.brute, name) for name in names)
        ours = sum(measured.is_found_by(measured.ours["broken"], name) for name in names)
        wrong = sum(name in alarms for name in names)
        lines.append(f"| {kind or '**all**'} | {len(names)} | {brute} | {ours} | {wrong} |")
    lines += ["", "| what it takes to see it | pairs | found by exploration |", "|---|---|---|"]
    for needs in harness.NEEDS:
        names = [name for name, one in measured.specimens.items() if one.needs == needs]
        ours = sum(measured.is_found_by(measured.ours["broken"], name) for name in names)
        lines.append(f"| {needs} | {len(names)} | {ours} |")
    lines += [
        "",
        "| systems | tests | keys | runs under one fault | pairs | brute force |",
        "|---|---|---|---|---|---|",
    ]
    for variant, told in measured.exploration.items():
        brute = sum(one.runs + one.pairs for one in measured.brute.values()) if variant == "broken" else "-"
        singles, pairs = _singles(told), told["runs"].get("pair", 0)
        lines.append(f"| {variant} | {told['tests']} | {told['keys']} | {singles} | {pairs} | {brute} |")
    lines += ["", "| missed | because |", "|---|---|"]
    lines += [
        f"| `{name}`: it {measured.specimens[name].weakness} | {MISSES.get(name, '?')} |" for name in measured.misses()
    ]
    lines += ["", "| package | with the weakness | without it |", "|---|---|---|"]
    for name, case in harness.read_cases().items():
        buggy, fixed = measured.cases[name]["buggy"], measured.cases[name]["fixed"]
        lines.append(f"| {case.package} {case.buggy} → {case.fixed} | {_said(buggy)} | {_said(fixed)} |")
    return "\n".join(lines)


def _said(one: Explored) -> str:
    return ", ".join(sorted(set(one.verdicts)))


def problems(measured: Measured) -> list[str]:
    """Return where a bar is missed."""
    found = [f"missed {name}, for no known reason" for name in measured.misses() if name not in MISSES]
    found += [f"found {name}, which is listed as missed" for name in MISSES if name not in measured.misses()]
    found += [f"false alarm on the right {name}: {_said(measured.ours['right'][name])}" for name in measured.alarms()]
    for variant, told in measured.exploration.items():
        runs, most = _singles(told) + 2 * told["tests"], 2 * told["keys"] + 2 * told["tests"]
        if runs > most:
            found.append(f"{variant}: {runs} runs for {told['keys']} keys of {told['tests']} tests, at most {most}")
    for name, case in harness.read_cases().items():
        both = measured.cases.get(name)
        if both is None:
            continue
        if not both["buggy"].finds(case.verdict):
            found.append(f"case {name}: expected {case.verdict} of {case.buggy}, got {_said(both['buggy'])}")
        if set(both["fixed"].verdicts) - {"resilient", "degraded", "inconclusive", case.twin}:
            found.append(f"case {name}: {case.fixed} got {_said(both['fixed'])}")
    return found


def _singles(told: Mapping[str, Any]) -> int:
    return sum(count for shape, count in told["runs"].items() if shape != "pair")


def _comparable(page: str) -> list[str]:
    """Return the lines of the page that are the same on every machine.

    Numbers of runs, and verdicts beside the one that is looked for, depend on how quickly something ends; both are held
    against bars of their own.
    """
    return [line for line in page.splitlines() if not re.match(r"\| (broken|right) \||\| [\w-]+ [\d.]+ → ", line)]


def main() -> None:
    """Measure, and write or check the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], help="names of specimens to show, without tables")
    parser.add_argument("--no-brute", action="store_true", help="leave brute force out, which takes longest")
    parser.add_argument("--no-cases", action="store_true", help="leave the public packages out, which are downloaded")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a bar is missed or the page differs")
    options = parser.parse_args()
    corpus = harness.read_corpus()
    chosen = {name: corpus[name] for name in options.only} or corpus
    measured = measure(chosen, with_brute=not options.no_brute, with_cases=not options.no_cases and not options.only)
    for name in chosen:
        for variant in harness.VARIANTS:
            one = measured.ours[variant][name]
            print(f"{name} {variant}: {one.runs} runs, {one.pairs} pairs: {_said(one)}")
        if options.only and measured.brute:
            print(f"{name} brute force: {measured.brute[name].runs} runs: {_said(measured.brute[name])}")
    print(measured.exploration)
    found = problems(measured)
    print(*found, sep="\n")
    if options.only or options.no_brute or options.no_cases:
        sys.exit(bool(found and options.check))
    page = PAGE.read_text(encoding="utf-8")
    expected = re.sub(f"(?s){_BEGIN}.*{_END}", lambda _: f"{_BEGIN}\n\n{tables(measured)}\n\n{_END}", page)
    if options.check:
        if _comparable(page) != _comparable(expected):
            found.append(f"{PAGE.name} does not say what was measured; run {Path(__file__).name}")
            print(found[-1])
        sys.exit(bool(found))
    PAGE.write_text(expected, encoding="utf-8")


if __name__ == "__main__":
    main()
