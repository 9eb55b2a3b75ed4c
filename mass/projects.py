"""Run real projects' own tests twice, plainly and with every function of the project armed and never firing.

    python mass/projects.py                              # all, on every Python 3.11 and newer that is found on the path
    python mass/projects.py --only boltons --python python3.13
    python mass/projects.py --glob                       # arm what one glob takes, classes among it, and not all
    python mass/projects.py --judge                      # judge what tests leave behind, too

Each project is downloaded as a pinned source distribution and installed, with pytest-chaos from this checkout, in an
environment of its own. The outcome of every single test must be the same. As in the mass test of the standard library,
a suite that comes out differently is run again, both ways, so that unsteady tests are told from differences.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mass.known import reason_for  # noqa: E402  # the folder above must be on the path first
from mass.run import REPEATS, interpreters  # noqa: E402  # as above

LIMIT = 1200  # seconds for one suite
SHOWN = 10  # how many differences of a project are printed
FEWEST_TESTS = 300
FEWEST_FUNCTIONS = 500


class Project(NamedTuple):
    """A project whose source distribution carries its tests.

    Attributes:
        name: On the package index.
        version: The one that is run.
        package: What is imported, and armed.
        needs: What its tests need besides pytest.
    """

    name: str
    version: str
    package: str
    needs: tuple[str, ...] = ()


# Named before the first run. Had one of them no tests in its source distribution, or too few, then attrs, networkx,
# docutils and marshmallow would have followed in this order; none had to.
PROJECTS = (
    # Without watchdog, which hangs, also plainly, where no file events come; three tests are skipped for want of it.
    Project("Werkzeug", "3.1.9", "werkzeug", ("cffi", "cryptography", "ephemeral-port-reserve", "pytest-timeout")),
    Project("Jinja2", "3.1.6", "jinja2", ("trio",)),
    Project("boltons", "26.2.0", "boltons"),
)


class Report(NamedTuple):
    """What one project has shown."""

    project: str
    tests: int = 0
    armed: dict[str, Any] = {}  # noqa: RUF012  # never written to
    differences: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    unsteady: tuple[str, ...] = ()
    skipped: str = ""
    plain_s: float = 0
    armed_s: float = 0


class CannotRunError(Exception):
    """A project cannot be downloaded or installed here, or its tests crash even plainly."""


def prepare(python: str, project: Project, folder: Path) -> tuple[str, Path]:
    """Download and install a project; return the interpreter of its environment, and the folder of its sources."""
    sources = folder / "sources"
    archive = download(python, project, folder)
    unpack(archive, sources)
    call(python, "-m", "venv", str(folder / "environment"))
    own = str(folder / "environment" / "bin" / "python")
    call(own, "-m", "pip", "install", "-q", str(archive), str(ROOT), *project.needs)
    # Alone in its folder: next to it lies another copy of pytest-chaos, and a package named tests.
    (folder / "plugin").mkdir()
    shutil.copy(ROOT / "mass" / "arming.py", folder / "plugin")
    return own, next(sources.iterdir())


def download(python: str, project: Project, folder: Path) -> Path:
    """Download the source distribution of a project, and return the archive."""
    requirement = f"{project.name}=={project.version}"
    call(python, "-m", "pip", "download", "-q", "--no-binary", ":all:", "--no-deps", "-d", str(folder), requirement)
    return next(folder.glob("*.tar.gz"))


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive into a folder."""
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")


def call(*command: str) -> None:
    """Run a command to its end.

    Raises:
        CannotRunError: It fails, or takes too long.
    """
    try:
        done = subprocess.run(
            command, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT
        )
    except subprocess.TimeoutExpired:
        raise CannotRunError(f"{' '.join(command[1:4])} is not done after {LIMIT} s") from None
    if done.returncode:
        raise CannotRunError(f"{' '.join(command[1:])}: {done.stderr[-1500:]}")


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "COV"))}
    return {**kept, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", **more}


def run_suite(own: str, project: Project, folder: Path, sources: Path, *words: str) -> dict[str, Any]:
    """Run the tests of a project in a process of its own, and return what the plugin has written down."""
    output = folder / "outcomes.json"
    output.unlink(missing_ok=True)
    began = time.monotonic()
    options = ["-q", "-p", "arming", "-p", "no:cacheprovider", "--arming-output", str(output)]
    try:
        # With -P, as the command pytest does, the working folder does not hide what is installed.
        done = subprocess.run(
            [own, "-P", "-X", "faulthandler", "-m", "pytest", *options, "--arming-package", project.package, *words],
            cwd=sources,
            env=environment(PYTHONPATH=str(folder / "plugin")),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        return {"crash": f"not done after {LIMIT} s"}
    if not output.exists() or done.returncode not in (0, 1):
        return {"crash": f"exit code {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"}
    found: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    return {**found, "seconds": time.monotonic() - began}


def examine(python: str, project: Project, folder: Path, *words: str) -> Report:
    """Run one project both ways, and again where that differs."""
    try:
        own, sources = prepare(python, project, folder)
    except CannotRunError as error:
        return Report(project.name, skipped=str(error))
    plains, armeds = [], []
    for _ in range(1 + REPEATS):
        plains.append(run_suite(own, project, folder, sources))
        if "crash" in plains[-1]:
            return Report(project.name, skipped=f"its tests do not run here even plainly: {plains[-1]['crash']}")
        armeds.append(run_suite(own, project, folder, sources, "--chaos", "--chaos-target=none", *words))
        if "crash" in armeds[-1]:
            return Report(
                project.name, len(plains[0]["outcomes"]), differences=(f"crash when armed: {armeds[-1]['crash']}",)
            )
        if not _unequal(plains[-1], armeds[-1]):
            break
    differences, known, unsteady = _compare(project, plains, armeds)
    plain, armed = plains[0], armeds[0]
    if len(plain["outcomes"]) < FEWEST_TESTS or armed["functions"] < FEWEST_FUNCTIONS:
        differences.append(f"too small: {len(plain['outcomes'])} tests, {armed['functions']} functions")
    if not armed["calls"]:
        differences.append("no call met an armed function, so nothing was tried")
    return Report(
        project.name,
        len(plain["outcomes"]),
        armed,
        tuple(differences),
        tuple(known),
        tuple(unsteady),
        "",
        plain["seconds"],
        armed["seconds"],
    )


def _compare(
    project: Project, plains: list[dict[str, Any]], armeds: list[dict[str, Any]]
) -> tuple[list[str], list[str], list[str]]:
    """Return what differs between all plain and all armed runs, which of it must, and what differs among them."""
    differences = [problem for run in armeds for problem in run["problems"]]
    known, unsteady = [], []
    for test in sorted(set().union(*(_unequal(a, b) for a, b in zip(plains, armeds, strict=True)))):
        before = [run["outcomes"].get(test) for run in plains]
        after = [run["outcomes"].get(test) for run in armeds]
        line = f"{test}: {before} became {after}"
        reason = reason_for(f"{project.package}: {test}", tuple(plains[0]["version"]))
        if reason is not None:
            known.append(f"{line}: {reason}")
        elif any(one in before for one in after):
            unsteady.append(line)
        else:
            differences.append(f"{line}\n{armeds[0]['why'].get(test, '')}")
    return differences, known, unsteady


def _unequal(plain: dict[str, Any], armed: dict[str, Any]) -> set[str]:
    one, other = plain["outcomes"], armed["outcomes"]
    return {test for test in one.keys() | other.keys() if one.get(test) != other.get(test)}


def show(report: Report) -> None:
    """Print the report of one project."""
    if report.skipped:
        say(f"  skipped  {report.project}: {report.skipped}")
        return
    for kind in ("differences", "known", "unsteady"):
        lines = getattr(report, kind)
        for line in lines[:SHOWN]:
            say(f"  {kind.removesuffix('s')}  {report.project}: {line}")
        if len(lines) > SHOWN:
            say(f"  {kind.removesuffix('s')}  {report.project}: and {len(lines) - SHOWN} more")
    armed = report.armed
    if not armed:
        return
    for kind in ("refused", "nameless"):
        for reason, count in armed[kind].items():
            say(f"  {kind}  {report.project}: {reason} ({count}x)")
    say(
        f"  {report.project}: {report.tests} tests; {armed['functions']} functions: {armed['spliced']} spliced,"
        f" {armed['by_name']} replaced by name, {sum(armed['refused'].values())} refused;"
        f" {armed['planned']} planned ahead; {armed['calls']} calls counted in {armed['windows']} bodies;"
        f" {len(report.differences)} differences, {len(report.known)} known, {len(report.unsteady)} unsteady;"
        f" {report.plain_s:.1f} s plainly, {report.armed_s:.1f} s armed"
    )


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  # the report


@contextlib.contextmanager
def folder_for(kept: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        if kept is not None:
            kept.mkdir(parents=True, exist_ok=True)
        yield Path(made) if kept is None else Path(tempfile.mkdtemp(dir=kept))


def main() -> int:
    """Return 1 if anything comes out differently."""
    names = [project.name for project in PROJECTS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=names, help="run this project; may be repeated")
    parser.add_argument("--python", action="append", help="an interpreter; may be repeated (default: all on the path)")
    parser.add_argument("--glob", action="store_true", help="arm by a marker with a glob, instead of everything")
    parser.add_argument("--judge", action="store_true", help="let the oracles judge leaks, too")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep what is downloaded and installed, here")
    options = parser.parse_args()
    pythons = options.python or interpreters()
    if not pythons:
        parser.error("no interpreter on the path")
    words = [
        word for word, is_wanted in (("--arming-globs", options.glob), ("--arming-judges", options.judge)) if is_wanted
    ]
    differences = 0
    start = time.monotonic()
    for python in pythons:
        say(python)
        for project in PROJECTS:
            if options.only and project.name not in options.only:
                continue
            with folder_for(options.keep) as folder:
                report = examine(python, project, folder, *words)
            show(report)
            differences += len(report.differences)
    say(f"{differences} differences, {time.monotonic() - start:.0f} s")
    return 1 if differences else 0


if __name__ == "__main__":
    raise SystemExit(main())
