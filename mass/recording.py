"""A pytest plugin that writes down what became of each test; it is copied into a folder of its own.

The runs of an explored test have ids of their own, so its plain outcome stays what the plain id says.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

import pytest

_SCENARIO = "[chaos: "
_outcomes: dict[str, str] = {}
_texts: dict[str, str] = {}
_status = 0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the name of the file."""
    parser.addoption("--recording-output", metavar="FILE")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note one part of a test; the worst one is its outcome."""
    test = report.nodeid
    if _SCENARIO in test:
        return
    if hasattr(report, "wasxfail"):  # marked as one that may fail: either way is fine, and may depend on the hour
        _outcomes[test] = "xfail"
    elif report.outcome == "failed":
        _outcomes[test] = "failed" if report.when == "call" else f"error in {report.when}"
        _texts[test] = "\n".join(
            [str(report.longrepr)[-600:], *(text for name, text in report.sections if name == "chaos")]
        )
    elif report.outcome == "skipped":
        _outcomes.setdefault(test, "skipped")
    elif report.when == "call":
        _outcomes.setdefault(test, "passed")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write it all down."""
    output = session.config.getoption("--recording-output")
    global _status
    _status = int(session.exitstatus)
    if output:
        Path(output).write_text(json.dumps({"outcomes": _outcomes, "texts": _texts}), encoding="utf-8")


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """End the process where threads that tests have left would keep it for ever, and say which."""
    left = [one.name for one in threading.enumerate() if one is not threading.main_thread() and not one.daemon]
    if left:
        print(f"\nrecording: the process does not end by itself, for {', '.join(left)}", flush=True)  # noqa: T201  # told
        sys.stderr.flush()
        os._exit(_status)
