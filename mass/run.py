"""Run the standard library's own tests twice, plainly and with every function of the tested package spliced.

    python mass/run.py                     # everything, on every Python 3.11 and newer that is found on the path
    python mass/run.py --quarter           # the quarter of the day
    python mass/run.py --only json --only csv --python python3.12

The outcome of every single test must be the same. A test that comes out differently is run again, both ways: only what
is the same in every plain run, the same in every spliced run, and differs between them, is a difference; the others are
reported as unsteady.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mass.known import reason_for  # noqa: E402  # the folder above must be on the path first
from mass.packages import PACKAGES, Package  # noqa: E402  # as above

LIMIT = 900  # seconds for one child; asyncio takes half a minute alone, and five on a very busy machine
REPEATS = 2  # how often a package is run again that came out differently
QUARTERS = 4


class Report(NamedTuple):
    """What one package has shown."""

    package: str
    functions: int = 0
    refused: dict[str, int] = {}  # noqa: RUF012  # never written to
    tests: int = 0
    differences: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    unsteady: tuple[str, ...] = ()
    skipped: str = ""
    seconds: float = 0


def run_child(python: str, package: Package, tests: list[str], mode: str) -> dict[str, Any]:
    """Run the tests of a package in a process of their own, in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "outcomes.json"
        work = Path(folder) / "work"
        work.mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "COV"))}
        environment = {**kept, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        words = ["-W", "ignore", "-X", "faulthandler", "-m", "mass.child", str(output), mode]
        try:
            done = subprocess.run(
                [python, *words, ",".join(package.targets), ",".join(tests)],
                cwd=work,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=LIMIT,
            )
        except subprocess.TimeoutExpired:
            return {"crash": f"not done after {LIMIT} s"}
        if not output.exists():
            return {"crash": f"exit code {done.returncode}: {done.stderr[-1500:]}"}
        found: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
        return found


def present(python: str, tests: tuple[str, ...]) -> list[str]:
    """Return which test modules this interpreter has."""
    program = """
import importlib.util, sys
for name in sys.argv[1:]:
    try: found = importlib.util.find_spec(name)
    except ImportError: found = None
    if found: print(name)
"""
    done = subprocess.run([python, "-c", program, *tests], capture_output=True, text=True, check=False)
    return done.stdout.split()


def examine(python: str, package: Package) -> Report:
    """Run one package both ways, and again where that differs."""
    start = time.monotonic()
    tests = present(python, package.tests)
    if not tests:
        return Report(package.name, skipped=f"this interpreter has none of {', '.join(package.tests)}")
    plain = run_child(python, package, tests, "plain")
    if "crash" in plain:
        return Report(package.name, skipped=f"its tests do not run here even plainly: {plain['crash']}")
    changed = run_child(python, package, tests, "spliced")
    plains, changeds = [plain], [changed]
    for _ in range(REPEATS):
        if "crash" in changed or not _unequal(plain, changed):
            break
        plains.append(run_child(python, package, tests, "plain"))
        changeds.append(run_child(python, package, tests, "spliced"))
    crashes = [run["crash"] for run in (*plains, *changeds) if "crash" in run]
    if crashes:
        return Report(package.name, tests=len(plain["outcomes"]), differences=(f"crash: {crashes[0]}",))
    differences = [f"asked about a call that passes: {name}" for run in changeds for name in run["fired"]]
    known, unsteady = [], []
    for test in sorted(set().union(*(_unequal(a, b) for a, b in zip(plains, changeds, strict=True)))):
        before = [run["outcomes"].get(test) for run in plains]
        after = [run["outcomes"].get(test) for run in changeds]
        line = f"{test}: {before} became {after}"
        reason = reason_for(test, tuple(plain["version"]))
        if reason is not None:
            known.append(f"{line}: {reason}")
        elif any(one in before for one in after):
            unsteady.append(line)
        else:
            differences.append(f"{line}\n{changed['why'].get(test, '')}")
    seconds = time.monotonic() - start
    return Report(
        package.name,
        changed["functions"],
        changed["refused"],
        len(plain["outcomes"]),
        tuple(differences),
        tuple(known),
        tuple(unsteady),
        "",
        seconds,
    )


def _unequal(plain: dict[str, Any], changed: dict[str, Any]) -> set[str]:
    one, other = plain["outcomes"], changed["outcomes"]
    return {test for test in one.keys() | other.keys() if one.get(test) != other.get(test)}


def interpreters() -> list[str]:
    """Return one Python of each minor version that is on the path and starts."""
    found = []
    for minor in range(11, 20):
        # All of that name, as the first may be a shim of pyenv for a version that is not chosen.
        for folder in os.get_exec_path():
            python = shutil.which(f"python3.{minor}", path=folder)
            if python and subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0:
                found.append(python)
                break
    return found


def show(python: str, reports: list[Report]) -> int:
    """Print the reports of one interpreter; return the number of differences."""
    for report in reports:
        if report.skipped:
            _say(f"  skipped  {report.package}: {report.skipped}")
        for kind in ("differences", "known", "unsteady"):
            for line in getattr(report, kind):
                _say(f"  {kind.removesuffix('s')}  {report.package}: {line}")
    refused: Counter[str] = Counter()
    for report in reports:
        refused.update(report.refused)
    for reason, count in refused.items():
        _say(f"  refused  {reason} ({count}x)")
    differences = sum(len(report.differences) for report in reports)
    _say(
        f"{python}: {sum(not report.skipped for report in reports)} packages"
        f" ({sum(bool(report.skipped) for report in reports)} skipped),"
        f" {sum(report.functions for report in reports)} functions spliced, {refused.total()} refused,"
        f" {sum(report.tests for report in reports)} tests: {differences} differences,"
        f" {sum(len(report.known) for report in reports)} known,"
        f" {sum(len(report.unsteady) for report in reports)} unsteady"
    )
    return differences


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  # the report


def main() -> int:
    """Return 1 if anything comes out differently."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quarter", action="store_true", help="run every fourth package; which ones, the day decides")
    parser.add_argument("--day", type=int, default=int(time.time() // 86400), help="number of the day, for --quarter")
    parser.add_argument("--only", action="append", metavar="PACKAGE", help="run this package; may be repeated")
    parser.add_argument("--python", action="append", help="an interpreter; may be repeated (default: all on the path)")
    parser.add_argument(
        "--jobs", type=int, default=(os.cpu_count() or 1) + 2, help="children at once; many of them sleep"
    )
    parser.add_argument("--times", action="store_true", help="print the time of each package")
    options = parser.parse_args()
    packages = list(PACKAGES)
    if options.quarter:
        which = options.day % QUARTERS
        packages = packages[which::QUARTERS]
        _say(f"day {options.day}: quarter {which + 1} of {QUARTERS}: {', '.join(one.name for one in packages)}")
    if options.only:
        packages = [package for package in packages if package.name in options.only]
    pythons = options.python or interpreters()
    if not pythons or not packages:
        parser.error("nothing to run")
    differences = 0
    start = time.monotonic()
    # One pool for all, so that the sleepers of one interpreter do not hold up the next.
    with ThreadPoolExecutor(options.jobs) as pool:
        pending = [(python, [pool.submit(examine, python, package) for package in packages]) for python in pythons]
    for python, futures in pending:
        reports = [future.result() for future in futures]
        differences += show(python, reports)
        if options.times:
            for report in sorted(reports, key=lambda one: -one.seconds):
                _say(
                    f"  {report.seconds:6.1f} s  {report.tests:5} tests {report.functions:5} functions {report.package}"
                )
    _say(f"{differences} differences, {time.monotonic() - start:.0f} s")
    return 1 if differences else 0


if __name__ == "__main__":
    raise SystemExit(main())
