"""Runs the tests of one package in this process and writes down what became of each: ``plain`` or ``spliced``."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import pkgutil
import random
import re
import sys
import traceback
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mass.splicer import Splicer

_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")


class Outcomes(unittest.TestResult):
    """What became of each test, by its id; a test with subtests can have several outcomes."""

    def __init__(self) -> None:
        super().__init__()
        self.of: dict[str, list[str]] = {}
        self.why: dict[str, str] = {}

    def _add(self, test: Any, outcome: str, error: Any = None) -> None:
        name = _ADDRESS.sub("0x", test.id())
        self.of.setdefault(name, []).append(outcome)
        if error is not None:
            self.why.setdefault(name, "".join(traceback.format_exception(*error))[-1500:])

    def addSuccess(self, test: Any) -> None:  # noqa: N802  # a name of unittest's
        self._add(test, "ok")

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802  # a name of unittest's
        self._add(test, "fail", err)

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802  # a name of unittest's
        self._add(test, "error", err)

    def addSkip(self, test: Any, reason: str) -> None:  # noqa: N802  # a name of unittest's
        self._add(test, "skip")

    def addExpectedFailure(self, test: Any, err: Any) -> None:  # noqa: N802  # a name of unittest's
        self._add(test, "expected failure")

    def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: N802  # a name of unittest's
        self._add(test, "unexpected success")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802  # a name of unittest's
        if err is not None:
            outcome = "fail" if issubclass(err[0], test.failureException) else "error"
            self._add(test, f"{outcome} in {_ADDRESS.sub('0x', subtest.id().removeprefix(test.id()).strip())}", err)


def import_all(target: str) -> None:
    """Import a module and its submodules; what is not made for this platform stays out, on both sides alike."""
    try:
        module = importlib.import_module(target)
    except ImportError:
        return  # newer or older than this interpreter
    for found in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{target}."):
        if not found.name.endswith("__main__"):
            with contextlib.suppress(ImportError, AttributeError):
                importlib.import_module(found.name)


def main() -> None:
    """Write the outcomes to a file; never return, as threads of tests may still run."""
    output, mode, targets, tests = sys.argv[1:]
    support = importlib.import_module("test.support")
    support.use_resources = []  # type: ignore[attr-defined]  # no network, no tests that take minutes
    support.verbose = 0  # type: ignore[attr-defined]  # as above
    splicer = Splicer(tuple(targets.split(",")))
    for target in targets.split(","):
        import_all(target)
    if mode == "spliced":
        splicer.start()
    outcomes = Outcomes()
    sys.argv[1:] = []
    with _quiet():
        for test in tests.split(","):
            random.seed(0)
            unittest.defaultTestLoader.loadTestsFromName(test).run(outcomes)
    Path(output).write_text(
        json.dumps(
            {
                "version": sys.version_info[:2],
                "functions": splicer.functions,
                "refused": splicer.refused,
                "fired": splicer.fired,
                "outcomes": {name: sorted(found) for name, found in outcomes.of.items()},
                "why": outcomes.why,
            }
        ),
        encoding="utf-8",
    )
    os._exit(0)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


if __name__ == "__main__":
    main()
