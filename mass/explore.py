"""Explore real projects: run their own tests plainly, and then under every fault that can happen to them.

    python mass/explore.py                               # all, on the first interpreter that is found
    python mass/explore.py --only httpcore --way zero --python python3.13
    python mass/explore.py --plan                        # how much there would be to run
    python mass/explore.py --keep /tmp/kept              # keep sources, environments, reports; use them the next time

Each project is downloaded as a pinned source distribution and installed in editable mode, as its developers have it,
with pytest-chaos from this checkout, in an environment of its own. First its tests run without the plugin; then with
``--chaos`` alone; then swept over its own package, to the end. The outcome of each plain run must be the same:
exploring adds runs to a test, and takes none away and changes none. As in ``mass/projects.py`` a suite that comes out
differently is run again, so that unsteady tests are told from differences. A failing ``hung`` must tell which call
waits without a limit. At the end there is a table.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mass import projects  # noqa: E402  # the folder above must be on the path first
from mass.run import REPEATS, interpreters  # noqa: E402  # as above

LIMIT = 3600  # seconds for one suite
SHOWN = 10  # how many differences of a project are printed
BUDGET = "50m"

Way = Literal["zero", "own"]
"""How a project is explored: with no configuration at all, or swept over its own package to the end."""

WITHOUT_LIMIT = re.compile(r"called without a [\w ]+ at \S+:\d+")
"""What the evidence of a failing ``hung`` must hold: a hang that something limits is no finding."""


class Explored(NamedTuple):
    """A project, and how its tests are run.

    Attributes:
        source: The project.
        tests: What pytest is told to collect, and more of its options.
        part: The folder within the source distribution that is explored.
        repository: Where its tests are if not in the source distribution, and the tag there.
        is_parallel: Whether it is swept with ``-n 2``, too, and the two are compared.
        is_held_back: Whether no rule was made with it in view: what is found in it is counted apart.
    """

    source: projects.Project
    tests: tuple[str, ...]
    part: str = "."
    repository: tuple[str, str] = ("", "")
    is_parallel: bool = False
    is_held_back: bool = False


# Named before the first run; docs/explanation/real-projects.md tells why these, and what came of them.
EXPLORED = (
    Explored(
        projects.Project(
            "httpcore",
            "1.0.9",
            "httpcore",
            ("anyio", "trio", "h2", "socksio", "pytest-httpbin", "pytest-trio"),
        ),
        ("tests",),
    ),
    Explored(
        projects.Project("diskcache", "5.6.3", "diskcache", ("django",)),
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
        # Those for MySQL need a server.
        ("persistqueue/tests", "--ignore=persistqueue/tests/test_mysqlqueue.py"),
    ),
    Explored(
        projects.Project("tinydb", "4.9.0", "tinydb", ("pyyaml",)),
        ("tests",),
        is_parallel=True,
    ),
    Explored(
        projects.Project(
            "requests-cache",
            "1.3.3",
            "requests_cache",
            ("requests-mock", "responses", "rich", "itsdangerous", "pyyaml", "ujson", "cattrs"),
        ),
        # The other integration tests, and some of these, need servers.
        (
            "tests/unit",
            "tests/integration/test_memory.py::TestMemoryDict",
            "tests/integration/test_filesystem.py::TestFileDict",
            "tests/integration/test_sqlite.py::TestSQLiteDict",
        ),
    ),
    Explored(
        projects.Project(
            "apscheduler",
            "3.11.3",
            "apscheduler",
            ("anyio", "pytz", "sqlalchemy", "pytest-timeout", "tornado"),
        ),
        # Tests that need a server, or another event loop, skip themselves.
        ("tests",),
    ),
    Explored(
        projects.Project("aiosqlite", "0.22.1", "aiosqlite"),
        ("aiosqlite/tests/smoke.py",),
        repository=("https://github.com/omnilib/aiosqlite", "v0.22.1"),
        is_parallel=True,
    ),
    Explored(projects.Project("Flask", "3.1.3", "flaskr"), ("tests",), part="examples/tutorial"),
    # Chosen when the rules were written, by their kind and by their tests, before anything had been found in them.
    Explored(
        projects.Project("huey", "3.5.4", "huey", ("peewee",)),
        # Those for PostgreSQL and Django need more than is there; those for Redis skip themselves or need its server.
        (
            "huey/tests",
            "--ignore=huey/tests/test_postgres.py",
            "--ignore=huey/tests/test_django_tasks.py",
            "--ignore=huey/tests/__main__.py",
        ),
        is_held_back=True,
    ),
    Explored(projects.Project("sqlitedict", "2.1.0", "sqlitedict"), ("tests",), is_held_back=True),
    Explored(
        projects.Project("dogpile.cache", "1.5.0", "dogpile", ("mako",)),
        # Its marks stand in a file of its own tools; those that take minutes hold locks of threads against the clock.
        ("tests", "-Wignore::pytest.PytestUnknownMarkWarning", "-m", "not time_intensive"),
        is_held_back=True,
    ),
    Explored(
        projects.Project("cachelib", "0.17.0", "cachelib", ("pytest-xprocess",)),
        # Those of other storages need servers.
        (
            "tests/test_base_cache.py",
            "tests/test_file_system_cache.py",
            "tests/test_interface_uniformity.py",
            "tests/test_serializers.py",
            "tests/test_simple_cache.py",
        ),
        is_held_back=True,
    ),
    Explored(
        projects.Project("pymemcache", "4.0.0", "pymemcache", ("pytest-cov", "zstd", "Faker")),
        ("pymemcache/test", "-m", "unit"),  # the others need a server
        is_held_back=True,
    ),
    Explored(
        projects.Project("sqlite-utils", "4.2.1", "sqlite_utils", ("hypothesis",)),
        ("tests",),
        is_held_back=True,
    ),
    # Chosen once what was found in those six had led to rules, too.
    Explored(projects.Project("waitress", "3.0.2", "waitress"), ("tests",), is_held_back=True),
    Explored(projects.Project("aiofiles", "25.1.0", "aiofiles", ("pytest-asyncio",)), ("tests",), is_held_back=True),
    Explored(projects.Project("zict", "3.0.0", "zict", ("pytest-asyncio", "psutil")), ("zict",), is_held_back=True),
)


class Run(NamedTuple):
    """What one run of a suite has shown.

    Attributes:
        outcomes: What became of each test's plain run.
        texts: Why a test failed, and what the tool says of it.
        seconds: Wall time.
        cpu_s: Seconds of the processor, those of child processes included.
        printed: What pytest printed.
        report: What ``--chaos-report`` holds.
        crash: Why there is nothing of all that.
    """

    outcomes: dict[str, str] = {}  # noqa: RUF012  # never written to
    texts: dict[str, str] = {}  # noqa: RUF012  # as above
    seconds: float = 0
    cpu_s: float = 0
    printed: str = ""
    report: dict[str, Any] = {}  # noqa: RUF012  # as above
    crash: str = ""

    @property
    def keys(self) -> int:
        """How many keys were planned."""
        return int(self.report.get("exploration", {}).get("keys", 0))

    @property
    def results(self) -> list[dict[str, Any]]:
        """What came of each chaos run."""
        found: list[dict[str, Any]] = self.report.get("results", [])
        return found

    @property
    def failing(self) -> Counter[str]:
        """The failing verdicts, by kind."""
        return Counter(result["verdict"] for result in self.results if result["fails"])


class Row(NamedTuple):
    """One line of the table: a project, explored in one way."""

    project: str
    way: str
    tests: int
    plain: Run
    swept: Run
    differences: int

    @property
    def cells(self) -> tuple[str, ...]:
        """What stands in the table."""
        exploration = self.swept.report.get("exploration", {})
        failing = ", ".join(f"{count} {verdict}" for verdict, count in self.swept.failing.most_common())
        return (
            self.project,
            self.way,
            str(self.tests),
            str(self.swept.keys),
            str(sum(exploration.get("runs", {}).values())),
            str(sum(exploration.get("checks", {}).values())),
            str(sum(exploration.get("left_out", {}).values())),
            failing or "-",
            f"{self.plain.cpu_s:.1f}",
            f"{self.swept.cpu_s:.1f}",
            f"{self.swept.cpu_s / self.plain.cpu_s:.1f}",
            f"{self.swept.seconds:.0f}",
            str(self.differences),
        )


HEADS = (
    *("project", "way", "tests", "keys", "runs", "checks", "left out", "failing"),
    *("plain CPU s", "CPU s", "ratio", "wall s", "differences"),
)


def prepare(python: str, explored: Explored, folder: Path) -> tuple[str, Path]:
    """Download and install a project as its developers have it, and return its interpreter and its folder.

    What an earlier run has kept there is used again.

    Raises:
        CannotRunError: It cannot be had here.
    """
    own, sources = folder / "environment" / "bin" / "python", folder / "sources"
    if not own.exists():
        folder.mkdir(parents=True, exist_ok=True)
        url, tag = explored.repository
        needs = [str(ROOT), "pytest-xdist", *explored.source.needs]
        if url:
            projects.call("git", "clone", "-q", "--depth=1", "--branch", tag, url, str(sources / "repository"))
        else:
            archive = projects.download(python, explored.source, folder)
            projects.unpack(archive, sources)
            needs += [str(archive)] if explored.part != "." else []  # an example's library is none of its own
        projects.call(python, "-m", "venv", str(folder / "environment"))
        part = next(sources.iterdir()) / explored.part
        projects.call(str(own), "-m", "pip", "install", "-q", "-e", str(part), *needs)
    else:
        projects.call(str(own), "-m", "pip", "install", "-q", "--no-deps", "--force-reinstall", str(ROOT))
    plugin = folder / "plugin"
    plugin.mkdir(exist_ok=True)
    shutil.copy(ROOT / "mass" / "recording.py", plugin)
    return str(own), next(sources.iterdir()) / explored.part


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
    for left in (output, report):
        left.unlink(missing_ok=True)
    began, cpu_s = time.monotonic(), _cpu_s()
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
    seconds = time.monotonic() - began
    return Run(found["outcomes"], found["texts"], seconds, _cpu_s() - cpu_s, text, document)


def _cpu_s() -> float:
    """Return the seconds of the processor that child processes have taken, and theirs, once each has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def words_of(way: Way, explored: Explored, budget: str) -> list[str]:
    """Return the options of a way to explore a project."""
    if way == "zero":
        return ["--chaos"]
    return ["--chaos", "--chaos-target", f"{explored.source.package}.**:*", "--chaos-budget", budget]


def examine(
    python: str, explored: Explored, folder: Path, ways: list[Way], budget: str, *, plans: bool
) -> tuple[list[Row], int]:
    """Explore one project and print what came of it; return rows of the table, and how many things are wrong."""
    name = explored.source.name
    try:
        own, sources = prepare(python, explored, folder)
    except projects.CannotRunError as error:
        projects.say(f"  skipped  {name}: {error}")
        return [], 0
    plain = run_suite(own, folder, sources, "plain", "-p", "no:chaos", *explored.tests)
    if plain.crash:
        projects.say(f"  skipped  {name}: its tests do not run here even plainly: {plain.crash}")
        return [], 0
    projects.say(f"  {name} {explored.source.version}: {_counted(plain)} in {plain.seconds:.1f} s plainly")
    rows, wrong = [], 0
    for way in ways:
        words = [*words_of(way, explored, budget), *explored.tests]
        if plans:
            plan = run_suite(own, folder, sources, f"{way}-plan", "--chaos-plan", *words)
            projects.say(_indented(_section(plan.printed), f"{name}, {way}") if not plan.crash else plan.crash)
            wrong += bool(plan.crash)
            continue
        swept = run_suite(own, folder, sources, way, *words)
        if swept.crash:
            projects.say(f"  crash  {name}, {way}: {swept.crash}")
            wrong += 1
            continue
        projects.say(_indented(_section(swept.printed), f"{name}, {way}"))
        differences = _tell_differences(own, folder, sources, explored, plain, swept)
        unlimited = _tell_unlimited(name, swept)
        wrong += differences + unlimited
        rows.append(Row(name, way, len(plain.outcomes), plain, swept, differences))
        if explored.is_parallel:
            beside = run_suite(own, folder, sources, f"{way}-beside", "-n2", *words)
            if beside.crash:
                projects.say(f"  crash  {name}, {way} with -n 2: {beside.crash}")
                wrong += 1
                continue
            wrong += _tell_differences(own, folder, sources, explored, plain, beside)
            _tell_beside(f"{name}, {way}", swept, beside)
            rows.append(Row(name, f"{way}, -n 2", len(plain.outcomes), plain, beside, differences))
    return rows, wrong


def _tell_differences(own: str, folder: Path, sources: Path, explored: Explored, plain: Run, swept: Run) -> int:
    """Print which plain outcomes differ, and return how many do steadily."""
    differing = _differing(plain, swept)
    unsteady: set[str] = set()
    for _ in range(REPEATS if differing else 0):
        again = run_suite(own, folder, sources, "plain", "-p", "no:chaos", *explored.tests)
        unsteady |= {test for test in differing if again.outcomes.get(test) != plain.outcomes.get(test)}
    for test in sorted(differing)[:SHOWN]:
        kind = "unsteady" if test in unsteady else "difference"
        was, became = plain.outcomes.get(test), swept.outcomes.get(test)
        projects.say(f"  {kind}  {explored.source.name}: {test}: {was} became {became}\n{swept.texts.get(test, '')}")
    return len(differing) - len(unsteady)


def _tell_unlimited(name: str, swept: Run) -> int:
    """Print the failing hangs that do not tell which call waits without a limit, and return how many there are."""
    found = [
        result
        for result in swept.results
        if result["fails"]
        and result["verdict"] == "hung"
        and not any(WITHOUT_LIMIT.search(evidence["text"]) for evidence in result["evidence"])
    ]
    for result in found[:SHOWN]:
        projects.say(f"  hung without a reason  {name}: {result['id']}: {result['evidence'][0]['text']}")
    return len(found)


def _tell_beside(name: str, serial: Run, beside: Run) -> None:
    """Print how the scenarios of two processes differ from those of one."""
    one, other = _verdicts(serial), _verdicts(beside)
    for scenario in sorted(one.keys() | other.keys()):
        was, became = one.get(scenario, {"not run"}), other.get(scenario, {"not run"})
        if was != became:
            words = " and ".join(sorted(was)), " and ".join(sorted(became))
            projects.say(f"  beside  {name}: {scenario}: {words[0]} became {words[1]}")


def _verdicts(run: Run) -> dict[str, set[str]]:
    """Return the verdicts by what a scenario is, whichever test it ran on."""
    found: dict[str, set[str]] = {}
    for result in run.results:
        if result["label"] != "recovery":
            found.setdefault(result["label"], set()).add(result["verdict"])
    return found


def table(rows: list[Row]) -> str:
    """Return the table, as the page has it."""
    lines = [HEADS, tuple("---" for _ in HEADS), *(row.cells for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


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
    words = ("explored ", "pruned ", "left out ", "chaos run", "reached no target", "about ")
    lines = [line for line in printed.splitlines() if any(word in line[:90] for word in words)]
    return "\n".join(line for line in lines if "::" not in line)


def _indented(text: str, name: str) -> str:
    return "\n".join(f"  {name}: {line}" for line in text.splitlines() if line.strip())


@contextlib.contextmanager
def _folder_for(kept: Path | None, name: str) -> Iterator[Path]:
    """Yield the folder of a project; one that is kept has its name."""
    with tempfile.TemporaryDirectory() as made:
        yield Path(made) if kept is None else kept.resolve() / name


def main() -> int:
    """Return 1 if the plain outcome of any test differs, or a hang fails that something may limit."""
    names = [explored.source.name for explored in EXPLORED]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=names, help="explore this project; may be repeated")
    parser.add_argument("--way", action="append", choices=("zero", "own"), help="explore so (default: both)")
    parser.add_argument("--python", help="an interpreter (default: the first on the path)")
    parser.add_argument("--budget", default=BUDGET, help=f"for each sweep over a package (default: {BUDGET})")
    parser.add_argument("--plan", action="store_true", help="only say how much there would be to run")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep everything, here, and use it again")
    options = parser.parse_args()
    python = options.python or next(iter(interpreters()), None)
    if python is None:
        parser.error("no interpreter on the path")
    projects.say(python)
    rows: list[Row] = []
    wrong = 0
    start = time.monotonic()
    for explored in EXPLORED:
        if options.only and explored.source.name not in options.only:
            continue
        with _folder_for(options.keep, explored.source.name) as folder:
            ways = options.way or ["zero", "own"]
            more, found = examine(python, explored, folder, ways, options.budget, plans=options.plan)
        rows += more
        wrong += found
    if rows:
        projects.say(table(rows))
    projects.say(f"{wrong} differences, crashes and hangs without a reason, {time.monotonic() - start:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
