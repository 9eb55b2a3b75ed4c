"""Look for planted weaknesses as a newcomer would: ``pytest --chaos`` over small projects, and nothing else.

    python mass/planted.py                                # all of them
    python mass/planted.py --only depot --keep /tmp/kept  # one, and keep its copy, its reports and what was printed

Each folder of ``mass/planted`` is an ordinary little project with passing tests, and with weaknesses that were written
down in its ``planted.toml`` before its first run under faults. It is copied and run there in the environment of this
interpreter, which needs what the project imports; a project whose plain tests do not pass is skipped, with the reason.
It is run with no configuration, and then with its own package named as the target.

A weakness is *told* where a finding has a verdict that such a weakness deserves, and its function as the place: this is
what the bars are about. It is *named* where only a chaos run has such a verdict, and speaks of the function in what
it found, in where the error was caught, or in the way that the error took; and *reached* where such a run has another
verdict. A failing finding whose place is in no function with a weakness is noise.

The robust shop, which has none, is swept over its own package, too; no finding of it may fail.
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

SHOP = ROOT / "examples" / "shop"

LIMIT = 600  # seconds for one suite
LONGEST = 20.0  # seconds that a project may take with no configuration
REACHED = 0.8  # of the weaknesses that must be reached with no configuration
TOLD = {"zero": 0.7, "own": 0.85}
"""Of the weaknesses that must be told: with no configuration, and with a named target."""

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
        made: The function that makes what is left or what dies, ``file function``, where it is another one: a finding
            about a leftover or a death has its place there.
    """

    file: str
    function: str
    kind: str
    dependency: str
    wrong: str
    made: str = ""

    @property
    def homes(self) -> tuple[tuple[str, str], ...]:
        """The functions that are its place: file and qualified name."""
        made = [(file, function) for file, _, function in [self.made.partition(" ")] if function]
        return (self.file, self.function), *made


class Found(NamedTuple):
    """What a report tells of what was planted.

    Attributes:
        told: The weaknesses that a finding tells, with the right place and a verdict that they deserve.
        named: Those that a result names, with a verdict that they deserve.
        reached: Those that a result names.
        noise: The failing findings that are about no function with a weakness.
    """

    told: list[Weakness]
    named: list[Weakness]
    reached: list[Weakness]
    noise: list[dict[str, Any]]

    def word_for(self, weakness: Weakness) -> str:
        """Return how much of a weakness is told."""
        levels = {"told": self.told, "named": self.named, "reached": self.reached}
        return next((word for word, those in levels.items() if weakness in those), "MISSED")


class Counts(NamedTuple):
    """How much of what was planted a way finds, and how many failing findings are noise."""

    planted: int
    told: int
    named: int
    reached: int
    noise: int


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


def is_at(finding: dict[str, Any], weakness: Weakness) -> bool:
    """Tell whether the place of a finding is in the function of a weakness."""
    return any(
        file == home and f"{name}.".startswith(f"{function}.")
        for file, name in _PLACE.findall(finding["place"])
        for home, function in weakness.homes
    )


def search(document: dict[str, Any], weaknesses: list[Weakness]) -> Found:
    """Return what a report tells of weaknesses."""
    telling = [result for result in document["results"] if result["verdict"] not in SILENT]
    findings: list[dict[str, Any]] = document["findings"]
    told, named, reached = [], [], []
    for weakness in weaknesses:
        deserved = DESERVED[weakness.kind]
        verdicts = {result["verdict"] for result in telling if is_about(result, weakness)}
        if any(finding["verdict"] in deserved and is_at(finding, weakness) for finding in findings):
            told.append(weakness)
        if verdicts & deserved:
            named.append(weakness)
        if verdicts:
            reached.append(weakness)
    noise = [one for one in findings if one["fails"] and not any(is_at(one, weakness) for weakness in weaknesses)]
    return Found(told, named, reached, noise)


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


def options_for(way: str, project: Path) -> list[str]:
    """Return how a project is explored: with no configuration, or with its own package named."""
    return ["--chaos"] if way == "zero" else ["--chaos", "--chaos-target", f"{project.name}.**:*"]


def examine(project: Path, folder: Path) -> dict[str, Counts] | None:
    """Look for what was planted in a project, print what was found, and return how much of it, by way.

    Args:
        project: The project.
        folder: Where its copy and its reports are put.
    """
    name = project.name
    copy = folder / name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("__pycache__", "planted.toml"))
    code, printed, plain_s = run(copy, "-q", "-p", "no:chaos")
    if code:
        say(f"skipped  {name}: its plain tests do not pass here\n{printed[-2000:]}")
        return None
    planted = weaknesses_of(project)
    counts = {}
    for way in TOLD:
        document, printed, seconds = explore(copy, folder / f"{name}-{way}", *options_for(way, project))
        if document is None:
            say(f"failed   {name}, {way}: {printed[-2000:]}")
            return None
        found = search(document, planted)
        failing = sum(one["fails"] for one in document["findings"])
        say(
            f"{name}, {way}: {len(planted)} planted, {len(found.told)} told, {len(found.named)} named,"
            f" {len(found.reached)} reached; {len(document['findings'])} findings, {failing} failing,"
            f" {len(found.noise)} of them noise; {seconds:.1f} s, plain {plain_s:.1f} s;"
            f" {len(printed.splitlines())} lines"
            + (f"  OVER {LONGEST:g} s" if way == "zero" and seconds > LONGEST else "")
        )
        for weakness in planted:
            say(f"  {found.word_for(weakness):<8} {weakness.kind:<17} {weakness.file} {weakness.function}")
        tell_noise(found.noise)
        counts[way] = Counts(len(planted), len(found.told), len(found.named), len(found.reached), len(found.noise))
    return counts


def explore(copy: Path, kept: Path, *words: str) -> tuple[dict[str, Any] | None, str, float]:
    """Run tests under faults; return the report if there is one, what was printed, and the wall time in seconds."""
    report = kept.with_name(f"{kept.name}.json")
    report.unlink(missing_ok=True)
    code, printed, seconds = run(copy, *words, "--chaos-report", str(report))
    kept.with_name(f"{kept.name}.txt").write_text(printed, encoding="utf-8")
    if code not in (0, 1):
        return None, f"exit code {code}\n{printed}", seconds
    return json.loads(report.read_text(encoding="utf-8")), printed, seconds


def tell_noise(noise: list[dict[str, Any]]) -> None:
    """Print failing findings that are about nothing that was planted."""
    for one in noise:
        say(f"  noise    {one['id']} {one['verdict']:<17} {one['place']}: {one['text'][:100]}")


def examine_shop(folder: Path) -> bool:
    """Sweep the robust shop over its own package; print failing findings, and tell whether it stays green."""
    document, printed, seconds = explore(SHOP, folder / "shop-own", "--chaos", "--chaos-target", "shop.**:*", "tests")
    if document is None:
        say(f"failed   the robust shop: {printed[-2000:]}")
        return False
    noise = [one for one in document["findings"] if one["fails"]]
    say(f"the robust shop, own: {len(document['findings'])} findings, {len(noise)} failing; {seconds:.1f} s")
    tell_noise(noise)
    return not noise


def summed(counts: list[Counts]) -> Counts:
    """Return what counts come to together."""
    return Counts(*(sum(column) for column in zip(*counts, strict=True))) if counts else Counts(0, 0, 0, 0, 0)


def shortfalls(totals: dict[str, Counts]) -> list[str]:
    """Return the bars that do not hold, of what each way has found in all projects."""
    found = []
    for way, total in totals.items():
        if total.told < TOLD[way] * total.planted:
            found.append(f"{way}: {total.told} of {total.planted} are told, not {TOLD[way]:.0%}")
        if total.noise:
            found.append(f"{way}: {total.noise} failing findings are noise")
    zero = totals["zero"]
    if zero.reached < REACHED * zero.planted:
        found.append(f"zero: {zero.reached} of {zero.planted} are reached, not {REACHED:.0%}")
    return found


def main() -> int:
    """Look through all projects and the shop, or the project that is wanted; return 1 where a bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="name of one project")
    parser.add_argument("--keep", type=Path, help="a folder for copies, reports and what was printed")
    options = parser.parse_args()
    projects = [one for one in sorted(PLANTED.iterdir()) if (one / "planted.toml").exists()]
    wanted = [one for one in projects if options.only in (None, one.name)]
    if not wanted and options.only != SHOP.name:
        parser.error(f"there is no {options.only!r} in {PLANTED}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        examined = [examine(project, folder) for project in wanted]
        is_green = examine_shop(folder) if options.only in (None, SHOP.name) else True
    done = [counts for counts in examined if counts is not None]
    totals = {way: summed([counts[way] for counts in done]) for way in TOLD}
    for way, total in totals.items():
        say(f"all, {way}: {', '.join(f'{count} {word}' for word, count in total._asdict().items())}")
    missed = shortfalls(totals)
    for line in missed:
        say(line)
    return int(bool(missed) or len(done) < len(wanted) or not is_green)


if __name__ == "__main__":
    sys.exit(main())
