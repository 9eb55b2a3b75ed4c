"""What exploration finds in the corpus, and what it costs, beside brute force: every call under every fault.

``python tests/corpus/recall.py`` makes the table of docs/explanation/recall.md; ``--check`` holds it against the bars.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import harness  # noqa: E402  # it lies beside this file, in no package

BRUTE = "brute force"
OURS = "exploration"


@dataclass
class Explored:
    """What came of one specimen under one way of looking.

    Attributes:
        verdicts: Every verdict that was given.
        failing: Those that failed.
        runs: Runs under faults, without confirmations, probes and pairs.
        pairs: Runs under two faults.
    """

    verdicts: list[str] = field(default_factory=list)
    failing: list[str] = field(default_factory=list)
    runs: int = 0
    pairs: int = 0

    def finds(self, verdict: str) -> bool:
        """Tell whether a weakness was found: by its verdict, or by another one that fails."""
        return verdict in self.verdicts or bool(self.failing)


def run_session(folder: Path, *options: str) -> tuple[list[dict[str, Any]], float]:
    """Run pytest with chaos on in a folder; return the results of the report, and the seconds it took."""
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-p", "chaos", "--chaos", "-q", "--chaos-report=chaos.json", *options]
    command += ["-p", "no:randomly", "-p", "no:asyncio", "-p", "no:anyio", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    report = folder / "chaos.json"
    if not report.exists():
        raise SystemExit(done.stdout + done.stderr)
    return json.loads(report.read_text(encoding="utf-8"))["results"], time.monotonic() - began


def explore(specimens: Iterable[harness.Specimen], variant: str, folder: Path) -> dict[str, Explored]:
    """Explore one variant of specimens, and return what came of each."""

    def marks(specimen: harness.Specimen) -> list[harness.Mark]:
        targets = tuple(specimen.text(target, variant) for target in specimen.targets)
        keywords: dict[str, Any] = {"faults": list(specimen.faults)} if specimen.faults else {}
        return [("chaos_explore", targets, keywords), specimen.contract_mark(variant)]

    specimens = list(specimens)
    modules = harness.write_project(folder, variant, specimens, marks)
    results, _ = run_session(folder)
    return _by_specimen(results, modules)


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
    return run_session(folder)[0]


def _by_specimen(results: Iterable[Mapping[str, Any]], modules: Mapping[str, str]) -> dict[str, Explored]:
    names = {f"test_{module}.py": name for name, module in modules.items()}
    found: dict[str, Explored] = defaultdict(Explored)
    for result in results:
        one = found[names[result["test"].partition("::")[0]]]
        one.verdicts.append(result["verdict"])
        if result["fails"]:
            one.failing.append(result["verdict"])
        if result["kind"] == "explored":
            if "; " in result["scenario"]:
                one.pairs += 1
            else:
                one.runs += 1
    return found


def main() -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--brute", action="store_true")
    options = parser.parse_args()
    corpus = harness.read_corpus()
    chosen = [corpus[name] for name in options.only] or list(corpus.values())
    for variant in harness.VARIANTS:
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            found = (brute_force if options.brute else explore)(chosen, variant, Path(folder))
            print(f"--- {variant}: {time.monotonic() - began:.1f} s, {sum(one.runs for one in found.values())} runs")
        for specimen in chosen:
            one = found[specimen.name]
            if variant == "broken":
                state = (
                    "ok" if specimen.verdict in one.verdicts else "other" if one.finds(specimen.verdict) else "MISSED"
                )
                if state != "ok":
                    print(
                        f"{state:7} {specimen.name}: expected {specimen.verdict} ({specimen.needs}), got {sorted(set(one.verdicts))}"
                    )
            elif bad := [word for word in one.verdicts if word not in ("resilient", "degraded", specimen.twin)]:
                print(f"ALARM   {specimen.name}: {sorted(set(bad))} failing {sorted(set(one.failing))}")


if __name__ == "__main__":
    main()
