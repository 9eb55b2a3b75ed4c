"""A fresh process: asked when a test does not do any more, with all faults lifted, what its plain run did.

Modules keep what a fault did to them, so this process cannot tell. A new one runs the same test plainly; if it passes
there, it runs each scenario in the same order and the plain test after each, and the first one after which that fails
is the polluter.

The other question is what comes of a scenario that is met before any plain run, see :mod:`cold`.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pytest_chaos.observation import Fresh
from pytest_chaos.plugin import compat
from pytest_chaos.plugin.command_line import config_words, given_options
from pytest_chaos.report.record import Record

VARIABLE = "PYTEST_CHAOS_QUESTION"
"""The environment variable that names the file with the question; the answer is written beside it."""

LIMIT_S = 120.0
# Those of the outer run that have another value here, or would have the test run several times.
_REPLACED = ("-c", "--rootdir", "--count", "--reruns", "--flake-runs", "--flake-finder")
_KEPT = ("--chaos-suite", "--chaos-fail-on")  # a contract holds here too, and what fails


@dataclass(frozen=True)
class Question:
    """What a fresh process is asked.

    Attributes:
        test: Plain id of the test.
        seed: The session's seed.
        hang_budget_s: The hang budget, in seconds.
        scenarios: Rule text, seed and whether the test's own calls are spared, in the order in which they ran.
        targets: Whose calls are traced.
        is_about_costs: Whether the plain test passes, and makes other calls than it did.
        label: Of the one scenario, where it is to be met before any plain run.
        sources: Where its rules are written.
        plain: What the plain run was elsewhere, in plain values.
    """

    test: str
    seed: int
    hang_budget_s: float
    scenarios: list[tuple[str, int | None, bool]] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    is_about_costs: bool = False
    label: str = ""
    sources: list[str] = field(default_factory=list)
    plain: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What it says.

    Attributes:
        plain: Whether the plain test passes there.
        polluter: Index of the scenario after which it does not, where there is one.
        record: What came of a scenario that was met before any plain run; ``None`` if nothing did.
    """

    plain: Fresh
    polluter: int | None
    record: Record | None = None


def ask(config: pytest.Config, question: Question, limit_s: float = LIMIT_S) -> Answer:
    """Ask a fresh process; what it prints is nobody's business.

    Args:
        config: The configuration of this run, whose options it gets as far as they say how tests run.
        question: The question.
        limit_s: How long the answer is waited for, in seconds.
    """
    with tempfile.TemporaryDirectory(prefix="pytest-chaos-") as folder:
        file = Path(folder) / "question.json"
        file.write_text(json.dumps(vars(question)), encoding="utf-8")
        path, separator, rest = question.test.partition("::")
        command = [sys.executable, "-m", "pytest", *_kept_options(config)]
        command += ["--rootdir", str(config.rootpath), "-p", "no:cacheprovider", "-q", "--chaos"]
        if config.inipath is not None:
            command += ["-c", str(config.inipath)]
        command.append(str(config.rootpath / path) + separator + rest)
        with contextlib.suppress(subprocess.TimeoutExpired, OSError):
            subprocess.run(
                command,
                cwd=config.invocation_params.dir,
                env={**os.environ, VARIABLE: str(file)} | _no_worker(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=limit_s,
                check=False,
            )
        return _read(file.with_name("answer.json"))


def asked() -> Question | None:
    """Return the question that this process was started to answer."""
    name = os.environ.get(VARIABLE)
    if not name:
        return None
    document = json.loads(Path(name).read_text(encoding="utf-8"))
    document["scenarios"] = [tuple(one) for one in document["scenarios"]]
    return Question(**document)


def answer(found: Answer) -> None:
    """Write the answer where the process that asked will look for it."""
    file = Path(os.environ[VARIABLE]).with_name("answer.json")
    file.write_text(json.dumps(vars(found)), encoding="utf-8")


def _kept_options(config: pytest.Config) -> list[str]:
    """Return the options of this run that say how tests run, but for those that are given anew."""
    return [
        word
        for given in given_options(config_words(config), compat.known_options(config))
        if (given.says_how_tests_run and not given.is_one_of(_REPLACED)) or given.is_one_of(_KEPT)
        for word in given.words
    ]


def _no_worker() -> dict[str, str]:
    # What tells a plugin that it runs on a worker would be wrong there.
    return {name: "" for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT") if name in os.environ}


def _read(file: Path) -> Answer:
    try:
        return Answer(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Answer("unknown", None)
