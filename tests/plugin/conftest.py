"""Runs of pytest inside a run: a small project, a switch for chaos, and what came of it as plain values."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from _pytest.terminal import _get_line_with_reprcrash_message

from pytest_chaos.plugin import session
from pytest_chaos.resources.census import Census

# pytester forgets modules that an inner run imported. What is imported here is imported once for all of them.
for _module in (
    "anyio.from_thread",
    "anyio.streams.memory",
    "anyio._backends._asyncio",
    "asyncio.runners",
    "httpx",
    "concurrent.futures.thread",
    "multiprocessing.resource_tracker",  # imported again, it would start a process again and forget the first
    "pytest_chaos.plugin.session",
    "pytest_chaos.plugin.inert",
    "pytest_asyncio.plugin",
    "sqlite3",
    "unittest.mock",
):
    importlib.import_module(_module)
for _name in dir(anyio):  # which imports at the first use: what is imported anew has errors that nobody catches
    getattr(anyio, _name)

REPORT = "chaos.json"
_SECONDS = re.compile(r" in \d+\.\d\ds\b")
_SHOWN = re.compile(r"[\w/]+\.py::(?P<name>.+?) (?P<word>[A-Z][A-Z ]+?)(?: \(.*\))? +\[ *\d+%\]")
# A verdict is a text without a traceback, of which pytest 8 gives only the name of the test.
_SUMS_UP_TEXTS = "isinstance" in _get_line_with_reprcrash_message.__code__.co_names
_PATCHED_BY_US = "pytest_chaos.injector.attribute"


# How long what is left may take to end, in seconds, in a run in this process: many stories leave something on purpose.
_GRACE_S = 0.2


class _HastyCensus(Census):
    """One that waits less long for what is still ending."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind in self.kinds:
            kind.grace_s = _GRACE_S


@dataclass
class Outcome:
    """What came of an inner run."""

    result: pytest.RunResult
    path: Path

    def __post_init__(self) -> None:
        # Read now and taken away: another run in the same folder writes the same file.
        file = self.path / REPORT
        self._report = file.read_text(encoding="utf-8") if file.exists() else ""
        file.unlink(missing_ok=True)

    @property
    def code(self) -> int:
        """The exit code."""
        return int(self.result.ret)

    @property
    def text(self) -> str:
        """All that was printed."""
        return "\n".join([*self.result.outlines, *self.result.errlines])

    @property
    def lines(self) -> list[str]:
        """The lines of stdout."""
        return self.result.outlines

    @property
    def outcomes(self) -> dict[str, int]:
        """How many tests passed, failed, and so on."""
        return {kind: count for kind, count in self.result.parseoutcomes().items() if kind != "warnings"}

    @property
    def document(self) -> dict[str, Any]:
        """The JSON report."""
        return json.loads(self._report)

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        """The results of the report, by the name of the test function with its parameters."""
        return {result["test"].rpartition("::")[2]: result for result in self.document["results"]}

    @property
    def only(self) -> dict[str, Any]:
        """The one result of the report."""
        (result,) = self.document["results"]
        return result

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict of each disturbed test."""
        return {name: result["verdict"] for name, result in self.results.items()}

    @property
    def by_id(self) -> dict[str, dict[str, Any]]:
        """The results of explored tests, by what follows the file in the id."""
        return {result["id"].partition("::")[2]: result for result in self.document["results"] if "id" in result}

    @property
    def scenarios(self) -> dict[str, str]:
        """The verdict of each scenario and recovery run, by what follows the file in the id."""
        return {name: result["verdict"] for name, result in self.by_id.items()}

    @property
    def shown(self) -> list[tuple[str, str]]:
        """What ``-v`` showed: what follows the file in each id, and the word; of a run in one process, in order."""
        found = (_SHOWN.fullmatch(line) for line in self.lines)
        return [(match["name"], match["word"]) for match in found if match]

    @property
    def fired(self) -> dict[str, list[tuple[str, int, str, int]]]:
        """The calls on which faults acted, by test."""
        return {
            name: [(one["point"], one["call"], one["actor"], one["index"]) for one in result["fired"]]
            for name, result in self.results.items()
        }

    @property
    def replay(self) -> str:
        """The last line that says how to run something again, as a shell would get it."""
        return [line for line in self.lines if line.startswith("run again: ")][-1].removeprefix("run again: ")

    def tells_failure(self, test: str, text: str) -> bool:
        """Whether the short summary names a failed test, and begins what it says of it so."""
        line = f"FAILED {test}"
        if _SUMS_UP_TEXTS:
            line += f" - {text}"
        return any(shown.startswith(line) for shown in self.lines)

    def section(self, title: str) -> list[str]:
        """Return the lines below a heading such as ``chaos``, up to the next, without how long runs took."""
        start = next(i for i, line in enumerate(self.lines) if line.strip("= ") == title and line.startswith("=="))
        rest = self.lines[start + 1 :]
        end = next((i for i, line in enumerate(rest) if line.startswith("===")), len(rest))
        return [_SECONDS.sub(" in <time>", line) for line in rest[:end] if line]

    @property
    def totals(self) -> list[str]:
        """The parts of the line that says how much was run and what was left out."""
        (line,) = [line for line in self.section("chaos") if re.match(r"\d+ chaos run|explored ", line)]
        return line.split("; ")


class Inner:
    """A project in a folder of its own, and pytest inside it."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pytester = pytester
        self._monkeypatch = monkeypatch
        self.path = pytester.path
        self.sweeps = bool(os.environ.get("SWEEPS"))  # whether ordinary tests are swept that nobody asked to explore

    def write(self, name: str, source: str) -> Path:
        """Write a file of the project, and return its path."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return path

    @staticmethod
    def switches(plugins: tuple[str, ...]) -> list[str]:
        """Return the options that switch plugins on, which are loaded by themselves where users run pytest."""
        words = ["-p", "chaos"]
        for plugin in plugins:
            words += ["-p", plugin]
        if "asyncio" in plugins:
            words += ["-o", "asyncio_default_fixture_loop_scope=function"]  # unset, it warns
        return words

    def arguments(self, args: tuple[str, ...], chaos: bool, plugins: tuple[str, ...], report: bool | None) -> list[str]:
        """Return all arguments of an inner run."""
        return [*self.switches(plugins), *self._typed(args, chaos, report)]

    def _typed(self, args: tuple[str, ...], chaos: bool, report: bool | None) -> list[str]:
        words = []
        if chaos:
            words.append("--chaos")
            if not any(word.startswith(("--chaos-target", "--chaos-replay")) for word in args) and not self.sweeps:
                words.append("--chaos-target=none")  # ordinary tests beside are not what these tests are about
        if report is None:
            report = chaos
        if report:
            words.append(f"--chaos-report={REPORT}")
        return [*words, *args]

    def run(self, *args: str, chaos: bool = True, plugins: tuple[str, ...] = (), report: bool | None = None) -> Outcome:
        """Run pytest in this process."""
        with self._monkeypatch.context() as patch:
            patch.setenv("PYTEST_ADDOPTS", shlex.join(self.switches(plugins)))  # the line "run again" has none of it
            result = self.pytester.runpytest_inprocess(*self._typed(args, chaos, report))
        return Outcome(result, self.path)

    def run_apart(
        self,
        *args: str,
        chaos: bool = True,
        plugins: tuple[str, ...] = (),
        report: bool | None = None,
        timeout_s: float = 60,
    ) -> Outcome:
        """Run pytest in a process of its own: for hangs, exit codes, xdist, and faults on what pytest itself needs."""
        with self._monkeypatch.context() as patch:
            patch.setenv("PYTEST_ADDOPTS", shlex.join(self.switches(plugins)))
            result = self.pytester.runpytest_subprocess(*self._typed(args, chaos, report), timeout=timeout_s)
        return Outcome(result, self.path)

    def again(self, line: str) -> Outcome:
        """Run a "run again" line exactly as it was printed, in a shell."""
        environment = {
            **os.environ,
            "PYTEST_ADDOPTS": f"-p chaos --chaos-report={REPORT}",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        }
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=self.path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        result = pytest.RunResult(done.returncode, done.stdout.splitlines(), done.stderr.splitlines(), 0.0)
        return Outcome(result, self.path)

    def again_here(self, line: str) -> Outcome:
        """Run a "run again" line in this process."""
        command, *words = shlex.split(line, comments=True)
        assert command == "pytest"
        with self._monkeypatch.context() as patch:
            patch.setenv("PYTEST_ADDOPTS", shlex.join([*self.switches(()), f"--chaos-report={REPORT}"]))
            return Outcome(self.pytester.runpytest_inprocess(*words), self.path)

    def interrupt(self, *args: str, until: Path, plugins: tuple[str, ...] = ()) -> tuple[int, str, float]:
        """Run pytest apart, press Ctrl-C once a file appears, and return exit code, output and seconds to the end."""
        words = self.arguments(args, True, plugins, False)
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *words],
            cwd=self.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            deadline = time.monotonic() + 30
            while not until.exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)  # looks for the other process's file
            time.sleep(0.1)  # the file is written just before the call that hangs
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=30)
            return process.returncode, output, time.monotonic() - began
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Inner:
    """An empty project to run pytest in, with only the plugins asked for."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    # Files are rewritten within a second, which is all that a .pyc can tell apart.
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(session, "Census", _HastyCensus)
    return Inner(pytester, monkeypatch)


def _replaced_places() -> set[str]:
    found = set()
    for name, module in list(sys.modules.items()):
        for attribute, value in list(getattr(module, "__dict__", {}).items()):
            kind = type(value)
            if kind.__module__ == _PATCHED_BY_US and kind.__name__ != "type":
                found.add(f"{name}:{attribute}")
    return found


def _pytests_own(value: Any) -> Any:
    """Return what pytest 8 puts in a place anew for each phase of a test as one and the same."""
    owner = type(getattr(value, "__self__", None))
    return owner if owner.__module__ == "_pytest.threadexception" else value


def _taps() -> dict[str, Any]:
    import _thread
    import asyncio.base_events
    import asyncio.runners
    import asyncio.selector_events
    import concurrent.futures
    import multiprocessing.process
    import socket
    import subprocess
    import warnings

    import httpx

    owners: dict[str, Any] = {
        "_thread": _thread,
        "threading": threading,
        "threading.Thread": threading.Thread,
        "threading.Semaphore": threading.Semaphore,
        "socket": socket.socket,
        "os": os,
        "Popen": subprocess.Popen,
        "BaseProcess": multiprocessing.process.BaseProcess,
        "Future": concurrent.futures.Future,
        "warnings": warnings,
        "asyncio.Lock": asyncio.Lock,
        "asyncio.Semaphore": asyncio.Semaphore,
        "Server": asyncio.base_events.Server,
        "BaseSelectorEventLoop": asyncio.selector_events.BaseSelectorEventLoop,
        "_SelectorTransport": asyncio.selector_events._SelectorTransport,
        "BaseEventLoop": asyncio.base_events.BaseEventLoop,
        "asyncio.runners": asyncio.runners,
        "Runner": asyncio.runners.Runner,
        "httpx.Client": httpx.Client,
        "httpx.AsyncClient": httpx.AsyncClient,
    }
    states = {f"threading.{name}" for name in ("_active", "_limbo", "_counter", "_dangling")}
    states.add("warnings._filters_version")
    return {
        key: _pytests_own(value)
        for owner, cls in owners.items()
        for name, value in vars(cls).items()
        if (key := f"{owner}.{name}") not in states
    }


@pytest.fixture(autouse=True)
def nothing_survives() -> Iterator[None]:
    """No patched place, no tap and no thread of an inner run is left in this process."""
    taps, threads = _taps(), set(threading.enumerate())
    yield
    assert _replaced_places() == set()
    now = _taps()
    changed = {name for name in taps.keys() | now.keys() if taps.get(name) is not now.get(name)}
    assert {name for name in changed if "__abstract" not in name} == set()
    left = set(threading.enumerate()) - threads
    for thread in left:
        thread.join(5)
    assert {thread.name for thread in left if thread.is_alive()} == set()
