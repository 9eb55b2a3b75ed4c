"""What all test folders share: pytest's own runner for runs inside a run, and a laboratory for runs without pytest."""

from __future__ import annotations

import asyncio
import asyncio.selector_events
import contextlib
import importlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings

from pytest_chaos import Rule, format_rule, parse
from pytest_chaos.clauses import Sources
from pytest_chaos.control import Chaos
from pytest_chaos.experiment import Experiment, Laboratory, run
from pytest_chaos.guard import Guard
from pytest_chaos.injector.attribute import AttributeMechanism
from pytest_chaos.injector.mechanisms import Armory
from pytest_chaos.observation import Observation
from pytest_chaos.plan import RunPlan
from pytest_chaos.provenance import Provenance
from pytest_chaos.report.record import Record, record_of
from pytest_chaos.report.sentences import told
from pytest_chaos.resources.births import Owner
from pytest_chaos.resources.census import Census
from pytest_chaos.resources.standstill import bystanders
from pytest_chaos.verdict import Judgement

pytest_plugins = ["pytester"]

# Hypothesis would hold each example against the clock, and a busy machine is no finding.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

_BYSTANDERS = bystanders()  # asked for as early as a session does: later a test's thread may just be ending

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Begun in the background by a shell without job control; tests that press Ctrl-C need what it does elsewhere.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Seen:
    """One run of a body under faults, and what was said of it."""

    observation: Observation
    judgement: Judgement

    @property
    def verdict(self) -> str:
        return self.judgement.verdict.value

    @property
    def fails(self) -> bool:
        return self.judgement.fails

    @property
    def kinds(self) -> list[str]:
        """The kinds of evidence, the worst first."""
        return [evidence.kind for evidence in self.judgement.evidence]

    @property
    def texts(self) -> list[str]:
        return [told(evidence) for evidence in self.judgement.evidence]

    @property
    def calls(self) -> list[int]:
        return [rule.calls for rule in self.observation.rules]

    @property
    def fired(self) -> list[int]:
        return [rule.fired for rule in self.observation.rules]

    @property
    def numbers(self) -> list[int]:
        """Which calls, by number, a fault acted on."""
        return [activation.number for activation in self.observation.activations]

    @property
    def failure(self) -> str:
        return self.observation.failure.text if self.observation.failure else ""

    @property
    def record(self) -> Record:
        return record_of(self.observation, self.judgement, "pytest --chaos")


@dataclass
class Lab:
    """A project in a folder of its own, and experiments on it."""

    laboratory: Laboratory
    root: Path
    written: set[str] = field(default_factory=set)

    @property
    def splices(self) -> bool:
        """Whether Python functions are spliced here, or their names replaced."""
        return self.laboratory.armory.twins is not None

    def write(self, name: str, source: str) -> str:
        """Write a module of the project, without importing it, and return its name."""
        path = self.root / Path(*name.split("."))
        path.parent.mkdir(parents=True, exist_ok=True)
        for folder in list(path.parents)[: name.count(".")]:
            (folder / "__init__.py").touch()
            self.written.add(".".join(folder.relative_to(self.root).parts))
        path.with_suffix(".py").write_text(textwrap.dedent(source), encoding="utf-8")
        self.written.add(name)
        importlib.invalidate_caches()
        return name

    def module(self, name: str, source: str) -> ModuleType:
        """Write a module of the project, and import it."""
        return importlib.import_module(self.write(name, source))

    def run(self, body: Any, *rules: str | Rule, **options: Any) -> Seen:
        """Run a body under rules, and judge it."""
        return Seen(*run(body, self.laboratory, _rules(rules), **options))

    def experiment(self, *rules: str | Rule, **options: Any) -> Experiment:
        """Return an experiment with its baseline taken and its rules armed."""
        experiment = Experiment(self.laboratory, RunPlan(options.pop("test", "body"), **options))
        experiment.begin()
        try:
            experiment.prepare()
            for rule in _rules(rules):
                experiment.arm(rule)
        except BaseException:
            experiment.close()
            raise
        return experiment

    @contextlib.contextmanager
    def window(self, *rules: str | Rule, **options: Any) -> Iterator[Chaos]:
        """Open the window of a body; what comes out of it is not judged."""
        experiment = self.experiment(*rules, **options)
        try:
            with experiment.body():
                yield Chaos(experiment)
        finally:
            experiment.close()


# --- real servers, started where they are installed


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The dsn of a PostgreSQL server of our own, with a socket and no port; empty if none is installed."""
    with _folder("chaos-pg") as folder:
        programs = [_program(name) for name in ("initdb", "pg_ctl")]
        as_root = os.geteuid() == 0  # it refuses to run as root
        if not all(programs) or (as_root and not shutil.which("runuser")):
            yield ""
            return
        initdb, pg_ctl = programs
        user = ["runuser", "-u", "postgres", "--"] if as_root else []
        if as_root:
            shutil.chown(folder, "postgres")
        data, options = str(folder / "data"), f"-k {folder} -c listen_addresses= -F"
        make = [*user, initdb, "-D", data, "-A", "trust", "-U", "postgres", "--no-sync"]
        start = [*user, pg_ctl, "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start"]
        if not (_succeeds(make, folder) and _succeeds(start, folder)):
            yield ""
            return
        try:
            yield f"host={folder} user=postgres dbname=postgres"
        finally:
            _succeeds([*user, pg_ctl, "-D", data, "-m", "immediate", "stop"], folder)


@pytest.fixture(scope="module")  # a child of ours: while it lives, no hang is proved
def redis_server() -> Iterator[str]:
    """The URL of a Redis server of our own, with a socket and no port; empty if none is installed."""
    program = shutil.which("redis-server")
    if not program:
        yield ""
        return
    with _folder("chaos-redis") as folder:
        socket = folder / "socket"
        words = [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(folder)]
        server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not socket.exists() and server.poll() is None:
                time.sleep(0.01)  # until it listens, or has ended
            yield f"unix://{socket}" if server.poll() is None else ""
        finally:
            server.terminate()
            server.wait()


@contextlib.contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))  # the path of a socket must be short
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(found[-1]) if found else "")


def _succeeds(words: list[str], folder: Path) -> bool:
    done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, timeout=60)
    return done.returncode == 0


def _rules(rules: tuple[str | Rule, ...]) -> list[Rule]:
    return [one for rule in rules for one in (parse(rule) if isinstance(rule, str) else [rule])]


@pytest.fixture(scope="session")
def armory() -> Armory:
    """What injection needs, made once: reading the alias index is what takes time in a laboratory."""
    return Armory()


@pytest.fixture(scope="session")
def sources() -> Sources:
    """The syntax trees of the standard library and of the test files, each read once as in a session."""
    return Sources()


@pytest.fixture
def lab(
    tmp_path: Path,
    armory: Armory,
    sources: Sources,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Lab]:
    """A laboratory whose project is ``tmp_path``, and whose test file is this one."""
    provenance = Provenance(tmp_path, test_files=[str(request.path)])
    census = Census(provenance)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a file written twice within a second would run as before
    made = Lab(Laboratory(provenance, census, armory, sources=sources, guard=Guard(_BYSTANDERS)), tmp_path)
    census.open()
    census.work_for(Owner("the test", "test"))
    yield made
    made.laboratory.guard.close()
    census.close()
    for name in made.written:
        sys.modules.pop(name, None)


@pytest.fixture
def nothing_survives(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No thread, no task, no replacement and no tap is left by a test; what a test leaks on purpose, it also ends."""
    replaced: list[tuple[Any, str, Any]] = []
    replace = AttributeMechanism._replace

    def recorded(self: AttributeMechanism, owner: Any, name: str, raw: Any, inherited: bool, replacement: Any) -> None:
        replaced.append((owner, name, replacement))
        replace(self, owner, name, raw, inherited, replacement)

    monkeypatch.setattr(AttributeMechanism, "_replace", recorded)
    complaints: list[str] = []
    listener = logging.Handler(logging.ERROR)
    listener.emit = lambda record: complaints.append(record.getMessage())  # type: ignore[method-assign]  # listens, and no more
    logging.getLogger("asyncio").addHandler(listener)
    threads, tasks, taps = set(threading.enumerate()), _pending_tasks(), _taps()
    yield
    logging.getLogger("asyncio").removeHandler(listener)
    for thread in set(threading.enumerate()) - threads:
        thread.join(5)
    deadline = time.monotonic() + 5
    while set(threading.enumerate()) - threads and time.monotonic() < deadline:
        time.sleep(0.001)  # before 3.13 a join that was interrupted takes its thread for ended
    assert [thread.name for thread in set(threading.enumerate()) - threads] == []
    assert [repr(task) for task in _pending_tasks() - tasks] == []
    assert [complaint for complaint in complaints if "was destroyed but it is pending" in complaint] == []
    assert _taps() == taps
    standing = [(owner, name) for owner, name, ours in replaced if vars(owner).get(name) is ours]
    assert [(owner, name) for owner, name in standing if _is_reached(owner)] == []


def _pending_tasks() -> set[asyncio.Task[Any]]:
    known = getattr(asyncio.tasks, "_scheduled_tasks", None) or getattr(asyncio.tasks, "_all_tasks", ())
    return {task for task in list(known) if not task.done()}


def _is_reached(owner: Any) -> bool:
    """Tell whether a module or class is there after the test; what a test wrote into its folder is not."""
    module = owner if isinstance(owner, ModuleType) else sys.modules.get(getattr(owner, "__module__", ""))
    return module is not None and sys.modules.get(module.__name__) is module


def _taps() -> list[Any]:
    """The functions of the standard library, of httpx and of pytest that we tap."""
    import httpx

    return [
        vars(threading.Thread)["start"],
        vars(asyncio.base_events.BaseEventLoop)["create_task"],
        vars(asyncio.base_events.BaseEventLoop)["__init__"],
        asyncio.runners._cancel_all_tasks,  # type: ignore[attr-defined]  # what compat taps
        vars(asyncio.selector_events.BaseSelectorEventLoop)["close"],
        threading.excepthook,
        vars(httpx.Client)["send"],
        vars(httpx.AsyncClient)["send"],
        vars(mock._patch)["__enter__"],  # type: ignore[attr-defined]  # what compat taps
        vars(pytest.MonkeyPatch)["setattr"],
    ]


@pytest.fixture
def canonical() -> Any:
    """Return the canonical text of a one-rule text."""
    return lambda text: format_rule(parse(text)[0])
