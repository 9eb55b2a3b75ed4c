"""Explore real projects: run their own tests plainly, and then under every fault that can reach them.

    python mass/explore.py                               # all, on the first interpreter that is found
    python mass/explore.py --only httpcore --python python3.13 --budget 3m
    python mass/explore.py --plan                        # how much there would be to run
    python mass/explore.py --keep /tmp/kept              # keep sources, environments, reports and what was printed

Each project is downloaded as a pinned source distribution and installed, with pytest-chaos from this checkout, in an
environment of its own. First its tests run without the plugin, then with ``--chaos`` and targets. The outcome of each
plain run must be the same: exploring adds runs to a test, and takes none away and changes none. As in
``mass/projects.py`` a suite that comes out differently is run again, so that unsteady tests are told from differences.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mass import projects  # noqa: E402  # the folder above must be on the path first
from mass.run import REPEATS, interpreters  # noqa: E402  # as above

LIMIT = 1800  # seconds for one suite
SHOWN = 10  # how many differences of a project are printed
BUDGET = "10m"


class Explored(NamedTuple):
    """A project, and over which calls it is swept.

    Attributes:
        source: The project.
        targets: Values of ``--chaos-target``.
        tests: What pytest is told to collect, and more of its options.
    """

    source: projects.Project
    targets: tuple[str, ...]
    tests: tuple[str, ...]


# Named before the first run; docs/explanation/real-projects.md tells why these, and what came of them.
EXPLORED = (
    Explored(
        projects.Project(
            "httpcore",
            "1.0.9",
            "httpcore",
            ("anyio", "trio", "h2", "socksio", "pytest-httpbin", "pytest-trio"),
        ),
        ("httpcore._backends.**:*",),
        ("tests",),
    ),
    Explored(
        projects.Project("diskcache", "5.6.3", "diskcache", ("django",)),
        ("sqlite3", "open", "os:remove"),
        # Its page with examples is not in the source distribution, nor are the settings of its Django tests.
        ("tests", "--ignore=tests/test_djangocache.py", "--ignore=tests/test_doctest.py"),
    ),
    Explored(
        projects.Project(
            "persist-queue",
            "1.1.0",
            "persistqueue",
            ("msgpack", "cbor2", "pytest-asyncio", "aiofiles", "aiosqlite"),
        ),
        ("open", "sqlite3", "os:rename", "os:replace"),
        # Those for MySQL need a server.
        ("persistqueue/tests", "--ignore=persistqueue/tests/test_mysqlqueue.py"),
    ),
)


class Run(NamedTuple):
    """What one run of a suite has shown.

    Attributes:
        outcomes: What became of each test's plain run.
        texts: Why a test failed, and what the tool says of it.
        seconds: Wall time.
        printed: What pytest printed.
        report: What ``--chaos-report`` holds.
        crash: Why there is nothing of all that.
    """

    outcomes: dict[str, str] = {}  # noqa: RUF012  # never written to
    texts: dict[str, str] = {}  # noqa: RUF012  # as above
    seconds: float = 0
    printed: str = ""
    report: dict[str, Any] = {}  # noqa: RUF012  # as above
    crash: str = ""


def run_suite(own: str, folder: Path, sources: Path, name: str, *words: str) -> Run:
    """Run the tests of a project in a process of its own."""
    output, report = folder / f"{name}-outcomes.json", folder / f"{name}-report.json"
    options = [
        "-q",
        "-p",
        "recording",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "--recording-output",
        str(output),
    ]
    if name != "plain":
        options += ["--chaos-report", str(report)]
    began = time.monotonic()
    printed = folder / f"{name}.txt"
    try:
        with printed.open("w", encoding="utf-8") as file:
            done = subprocess.run(
                # With -P, as the command pytest does, the working folder does not hide what is installed.
                [own, "-P", "-X", "faulthandler", "-m", "pytest", *options, "-o", "addopts=", *words],
                cwd=sources,
                env=projects.environment(PYTHONPATH=str(folder / "plugin")),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=LIMIT,
            )
    except subprocess.TimeoutExpired:
        return Run(crash=f"not done after {LIMIT} s")
    text = printed.read_text(encoding="utf-8", errors="replace")
    if not output.exists() or done.returncode not in (0, 1):
        return Run(crash=f"exit code {done.returncode}: {text[-3000:]}")
    found = json.loads(output.read_text(encoding="utf-8"))
    document = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    return Run(found["outcomes"], found["texts"], time.monotonic() - began, text, document)


def examine(python: str, explored: Explored, folder: Path, words: list[str], *, plans: bool) -> int:
    """Explore one project, print what came of it, and return how many plain outcomes differ."""
    name = explored.source.name
    try:
        own, sources = projects.prepare(python, explored.source, folder)
    except projects.CannotRunError as error:
        projects.say(f"  skipped  {name}: {error}")
        return 0
    shutil.copy(ROOT / "mass" / "recording.py", folder / "plugin")
    plain = run_suite(own, folder, sources, "plain", "-p", "no:chaos", *explored.tests)
    if plain.crash:
        projects.say(f"  skipped  {name}: its tests do not run here even plainly: {plain.crash}")
        return 0
    sweep = [word for target in explored.targets for word in ("--chaos-target", target)]
    sweep += ["--chaos", "-o", f"chaos_packages={explored.source.package}", *words, *explored.tests]
    projects.say(f"  {name} {explored.source.version}: {_counted(plain)} in {plain.seconds:.1f} s plainly")
    plan = run_suite(own, folder, sources, "plan", "--chaos-plan", *sweep)
    projects.say(_indented(_section(plan.printed), name) if not plan.crash else f"  crash  {name}: {plan.crash}")
    if plans or plan.crash:
        return int(bool(plan.crash))
    swept = run_suite(own, folder, sources, "swept", *sweep)
    if swept.crash:
        projects.say(f"  crash  {name}: {swept.crash}")
        return 1
    projects.say(_indented(_section(swept.printed), name))
    differing = _differing(plain, swept)
    unsteady: set[str] = set()
    for _ in range(REPEATS if differing else 0):
        again = run_suite(own, folder, sources, "plain", "-p", "no:chaos", *explored.tests)
        unsteady |= {test for test in differing if again.outcomes.get(test) != plain.outcomes.get(test)}
    for test in sorted(differing)[:SHOWN]:
        kind = "unsteady" if test in unsteady else "difference"
        was, became = plain.outcomes.get(test), swept.outcomes.get(test)
        projects.say(f"  {kind}  {name}: {test}: {was} became {became}\n{swept.texts.get(test, '')}")
    counts = ", ".join(f"{count} {verdict}" for verdict, count in swept.report.get("summary", {}).items())
    failing = Counter(result["verdict"] for result in swept.report.get("results", ()) if result["fails"])
    projects.say(
        f"  {name}: {len(differing) - len(unsteady)} differences, {len(unsteady)} unsteady;"
        f" {counts or 'nothing was explored'}; failing: {dict(failing) or 'none'};"
        f" {plain.seconds:.1f} s plainly, {swept.seconds:.1f} s explored"
    )
    return len(differing) - len(unsteady)


def _differing(plain: Run, swept: Run) -> set[str]:
    return {
        test
        for test in plain.outcomes.keys() | swept.outcomes.keys()
        if plain.outcomes.get(test) != swept.outcomes.get(test)
    }


def _counted(run: Run) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(Counter(run.outcomes.values()).items()))


def _section(printed: str) -> str:
    """Return the lines with which the plugin's own section ends: how much was explored."""
    words = ("explored ", "pruned ", "left out ", "disturbed run", "more reached no target", "about ")
    lines = [line for line in printed.splitlines() if any(word in line[:90] for word in words)]
    return "\n".join(line for line in lines if "::" not in line)


def _indented(text: str, name: str) -> str:
    return "\n".join(f"  {name}: {line}" for line in text.splitlines() if line.strip())


def main() -> int:
    """Return 1 if the plain outcome of any test comes out differently."""
    names = [explored.source.name for explored in EXPLORED]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=names, help="explore this project; may be repeated")
    parser.add_argument("--python", help="an interpreter (default: the first on the path)")
    parser.add_argument("--budget", default=BUDGET, help=f"for each project (default: {BUDGET})")
    parser.add_argument("--max", metavar="N", help="scenarios of a test, at most")
    parser.add_argument("--scope", choices=("test", "suite"), default="suite", help="see --chaos-scope")
    parser.add_argument("--plan", action="store_true", help="only say how much there would be to run")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep everything, here")
    options = parser.parse_args()
    python = options.python or next(iter(interpreters()), None)
    if python is None:
        parser.error("no interpreter on the path")
    words = ["--chaos-budget", options.budget, "--chaos-scope", options.scope]
    words += ["--chaos-max", options.max] if options.max else []
    projects.say(python)
    differences = 0
    start = time.monotonic()
    for explored in EXPLORED:
        if options.only and explored.source.name not in options.only:
            continue
        with projects.folder_for(options.keep) as folder:
            differences += examine(python, explored, folder, words, plans=options.plan)
    projects.say(f"{differences} differences, {time.monotonic() - start:.0f} s")
    return 1 if differences else 0


if __name__ == "__main__":
    raise SystemExit(main())
