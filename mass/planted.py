"""Look for planted weaknesses as a newcomer would: ``pytest --chaos`` over small projects, and nothing else.

    python mass/planted.py                                # all of them
    python mass/planted.py --only depot --keep /tmp/kept  # one, and keep its copy, its report and what was printed

Each folder of ``mass/planted`` is an ordinary little project with passing tests, and with weaknesses that were written
down in its ``planted.toml`` before its first run under faults. It is copied and run there in the environment of this
interpreter, which needs what the project imports; a project whose plain tests do not pass is skipped, with the reason.

A weakness is *reached* where a disturbed run that is neither ``resilient`` nor ``inconclusive`` names its function: in
what it found, in where the error was caught, or in the way that the error took. It is *named* where one of these runs
has a verdict that such a weakness deserves. A failing run that names no function with a weakness is noise.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mass.projects import say  # noqa: E402  # the folder above must be on the path first

PLANTED = Path(__file__).parent / "planted"

LIMIT = 300  # seconds for one suite
LONGEST = 20.0  # seconds that a project may take
SHARE = 0.8  # of the weaknesses that must be reached

SILENT = frozenset({"resilient", "inconclusive"})

DESERVED = {
    "no timeout": {"hung"},
    "retry without cap": {"storm", "hung"},
    "swallowed": {"lost"},
    "left open": {"leaked"},
    "lock kept": {"leaked", "hung", "not recovered"},
    "cached failure": {"not recovered"},
    "half-made": {"leaked", "not recovered"},
    "half-written": {"leaked", "not recovered"},
    "handler": {"wrong error"},
    "dies unseen": {"lost"},
    "wrong answer": {"wrong error", "lost", "changed"},
}
"""The verdicts that a weakness deserves, by its kind."""

_PLACE = re.compile(r"([\w./-]+\.py):\d+ (?:in )?([\w.<>]+)")
_PASSED = re.compile(r"passed ([^→]+)")
_BELOW = re.compile(r"@[\w.]+:([\w.<>]+)")


class Weakness(NamedTuple):
    """A weakness that was planted.

    Attributes:
        file: Where, relative to the project.
        function: Qualified name of the function.
        kind: A key of :data:`DESERVED`.
        dependency: What fails.
        wrong: What goes wrong then.
    """

    file: str
    function: str
    kind: str
    dependency: str
    wrong: str


class Found(NamedTuple):
    """What a report tells of what was planted.

    Attributes:
        reached: The weaknesses that are reached.
        named: Those of them with a verdict that they deserve.
        noise: The failing results that name no function with a weakness.
    """

    reached: list[Weakness]
    named: list[Weakness]
    noise: list[dict[str, Any]]


def weaknesses_of(folder: Path) -> list[Weakness]:
    """Return what was planted in a project.

    Raises:
        TypeError, KeyError, OSError: Its list is not what it should be.
    """
    listed = tomllib.loads((folder / "planted.toml").read_text(encoding="utf-8"))["weakness"]
    return [Weakness(**one) for one in listed]


def functions_of(result: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the functions that a result names: file and qualified name, the file being empty where it is not told."""
    for text in [*(evidence["text"] for evidence in result["evidence"]), *result["caught"]]:
        yield from _PLACE.findall(text)
    for way in result["ways"]:
        yield from _PLACE.findall(way["text"])
        for passed in _PASSED.findall(way["text"]):
            yield from (("", name.strip()) for name in passed.split(","))
    yield from (("", name) for name in _BELOW.findall(result["scenario"]))


def is_about(result: dict[str, Any], weakness: Weakness) -> bool:
    """Tell whether a result names the function of a weakness."""
    return any(
        file in ("", weakness.file) and f"{name}.".startswith(f"{weakness.function}.")
        for file, name in functions_of(result)
    )


def search(results: list[dict[str, Any]], weaknesses: list[Weakness]) -> Found:
    """Return what the results of a report tell of weaknesses."""
    telling = [result for result in results if result["verdict"] not in SILENT]
    reached, named = [], []
    for weakness in weaknesses:
        verdicts = {result["verdict"] for result in telling if is_about(result, weakness)}
        if verdicts:
            reached.append(weakness)
        if verdicts & DESERVED[weakness.kind]:
            named.append(weakness)
    noise = [one for one in telling if one["fails"] and not any(is_about(one, weakness) for weakness in weaknesses)]
    return Found(reached, named, noise)


def run(project: Path, *words: str) -> tuple[int, str, float]:
    """Run the tests of a project; return the exit code, what was printed, and the wall time in seconds."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    began = time.monotonic()
    done = subprocess.run(
        # The order is the same each time, and nothing of an earlier run is known.
        [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", *words],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=LIMIT,
    )
    return done.returncode, done.stdout, time.monotonic() - began


def examine(project: Path, folder: Path) -> tuple[int, int] | None:
    """Look for what was planted in a project, print what was found, and return how much was planted and reached.

    Args:
        project: The project.
        folder: Where its copy and its report are put.
    """
    name = project.name
    copy = folder / name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("__pycache__", "planted.toml"))
    code, printed, plain_s = run(copy, "-q", "-p", "no:chaos")
    if code:
        say(f"skipped  {name}: its plain tests do not pass here\n{printed[-2000:]}")
        return None
    report = folder / f"{name}.json"
    report.unlink(missing_ok=True)
    code, printed, seconds = run(copy, "--chaos", "--chaos-report", str(report))
    (folder / f"{name}.txt").write_text(printed, encoding="utf-8")
    if code not in (0, 1):
        say(f"failed   {name}: exit code {code}\n{printed[-2000:]}")
        return None
    results = json.loads(report.read_text(encoding="utf-8"))["results"]
    planted = weaknesses_of(project)
    found = search(results, planted)
    say(
        f"{name}: {len(planted)} planted, {len(found.reached)} reached, {len(found.named)} named; "
        f"{len(results)} runs, {sum(one['fails'] for one in results)} failing, {len(found.noise)} of them noise; "
        f"{seconds:.1f} s, plain {plain_s:.1f} s; {len(printed.splitlines())} lines"
        + ("" if seconds <= LONGEST else f"  OVER {LONGEST:g} s")
    )
    for weakness in planted:
        word = "named" if weakness in found.named else "reached" if weakness in found.reached else "MISSED"
        say(f"  {word:<8} {weakness.kind:<17} {weakness.file} {weakness.function}")
    for result in found.noise:
        say(f"  noise    {result['verdict']:<17} {result['scenario']}: {result['evidence'][0]['text'][:100]}")
    return len(planted), len(found.reached)


def main() -> int:
    """Look through all projects, or the one that is wanted; return 1 where a bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="name of one project")
    parser.add_argument("--keep", type=Path, help="a folder for copies, reports and what was printed")
    options = parser.parse_args()
    projects = [one for one in sorted(PLANTED.iterdir()) if (one / "planted.toml").exists()]
    wanted = [one for one in projects if options.only in (None, one.name)]
    if not wanted:
        parser.error(f"there is no {options.only!r} in {PLANTED}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        counts = [examine(project, folder) for project in wanted]
    done = [count for count in counts if count is not None]
    planted, reached = sum(one for one, _ in done), sum(one for _, one in done)
    say(f"all: {planted} planted, {reached} reached")
    return int(len(done) < len(wanted) or reached < SHARE * planted)


if __name__ == "__main__":
    sys.exit(main())
