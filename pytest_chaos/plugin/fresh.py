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
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pytest_chaos.observation import Fresh
from pytest_chaos.report.record import Record

VARIABLE = "PYTEST_CHAOS_QUESTION"
"""The environment variable that names the file with the question; the answer is written beside it."""

LIMIT_S = 120.0
# Options of the outer run that would write files, choose tests, or run them in another way.
_DROPPED_WITH_VALUE = (
    *("-n", "--numprocesses", "--maxprocesses", "--dist", "--tx", "-k", "-m", "--maxfail", "--deselect", "--durations"),
    *("--junitxml", "--junit-xml", "--junitprefix", "--junit-prefix", "--cov", "--cov-report", "--cov-config"),
    *("--html", "--report-log", "--json-report-file", "--lfnf", "--last-failed-no-failures", "-r", "--count"),
    *("--reruns", "--flake-runs", "--max-worker-restart"),
    *("--chaos-target", "--chaos-rule", "--chaos-fault", "--chaos-runs", "--chaos-only"),
    *("--chaos-budget", "--chaos-max", "--chaos-scope", "--chaos-replay", "--chaos-report", "--chaos-seed"),
)
_DROPPED = (
    *(
        "-x",
        "--exitfirst",
        "--lf",
        "--last-failed",
        "--ff",
        "--failed-first",
        "--nf",
        "--new-first",
        "--sw",
        "--stepwise",
    ),
    *("--sw-skip", "--stepwise-skip", "--sw-reset", "--stepwise-reset", "--pdb", "--trace", "--chaos-plan"),
    *("--chaos-swarm", "--chaos-require", "--json-report", "--flake-finder", "-f", "--looponfail"),
)


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
        command = [sys.executable, "-m", "pytest", *kept_options(_arguments(config), config)]
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


def kept_options(arguments: Sequence[str], config: pytest.Config) -> list[str]:
    """Return the options of a command line that say how tests run, without those that choose or report them."""
    kept: list[str] = []
    places = {str(one) for one in config.args} | {str(one).partition("::")[0] for one in config.args}
    is_value = follows_option = False
    for word in arguments:
        # A file that follows an option may be its value, of a plugin that we do not know.
        follows_option, may_be_value = word.startswith("-") and "=" not in word, follows_option
        if is_value:
            is_value = False
            continue
        name = word.partition("=")[0]
        if name in _DROPPED or word in places or word.partition("::")[0] in places:
            continue
        if name in _DROPPED_WITH_VALUE:
            is_value = "=" not in word
            continue
        if any(word.startswith(short) and len(word) > 2 for short in ("-n", "-k", "-r")) and not word.startswith("--"):
            continue
        if word == "-c" or name in ("--rootdir", "--config-file"):
            is_value = "=" not in word
            continue
        is_place = not word.startswith("-") and (config.invocation_params.dir / word.partition("::")[0]).exists()
        if is_place and not may_be_value:
            continue
        kept.append(word)
    return kept


def _arguments(config: pytest.Config) -> Sequence[str]:
    shipped: Any = getattr(config, "workerinput", {}).get("chaos_arguments")
    return list(shipped) if shipped is not None else [str(word) for word in config.invocation_params.args]


def _no_worker() -> dict[str, str]:
    # What tells a plugin that it runs on a worker would be wrong there.
    return {name: "" for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT") if name in os.environ}


def _read(file: Path) -> Answer:
    try:
        return Answer(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Answer("unknown", None)
