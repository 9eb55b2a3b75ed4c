"""Runs the fragile shop under chaos and compares its findings with ``expected.toml``, both ways.

Exits with 1 if a finding is missing or one is new, or if a rule of the fragile shop never fired.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent

Finding = tuple[str, str, str, str]


def expected() -> set[Finding]:
    """Return the findings of ``expected.toml``: test, verdict, target, fault."""
    document = tomllib.loads((HERE / "expected.toml").read_text(encoding="utf-8"))
    return {(one["test"], one["verdict"], one["target"], one["fault"]) for one in document["finding"]}


def found(variant: str) -> tuple[set[Finding], list[str]]:
    """Run one variant; return the findings that fail, and the rules that never fired."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "chaos.json"
        subprocess.run(
            [sys.executable, "-m", "pytest", "--chaos", "-q", f"--chaos-report={report}", str(HERE)],
            env={**os.environ, "SHOP_VARIANT": variant},
            stdout=subprocess.DEVNULL,
            check=False,  # the fragile shop fails; what matters is how
        )
        document = json.loads(report.read_text(encoding="utf-8"))
    findings = {
        (result["test"], result["verdict"], rule["target"], rule["fault"])
        for result in document["results"]
        if result["fails"]
        for rule in result["rules"]
    }
    return findings, [rule["text"] for rule in document["rules"] if not rule["activations"]]


def main() -> int:
    """Compare, and print every difference."""
    problems = []
    for variant, wanted in (("fragile", expected()), ("robust", set())):
        findings, silent = found(variant)
        problems += [f"{variant}: missing: {' | '.join(finding)}" for finding in sorted(wanted - findings)]
        problems += [f"{variant}: not expected: {' | '.join(finding)}" for finding in sorted(findings - wanted)]
        problems += [f"{variant}: never fired: {rule}" for rule in silent]
        print(f"{variant}: {len(findings)} failing findings, {len(wanted)} expected")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
