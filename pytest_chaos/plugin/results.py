"""What a session has found, from this process and from workers."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pytest_chaos.baseline import Baseline, Entry
from pytest_chaos.findings import findings_of
from pytest_chaos.plugin.ledger import Ledger
from pytest_chaos.report.record import Record, sorted_records

_GOOD = frozenset({"resilient", "degraded"})


class Results:
    """The hooks that collect results, and show the verdict of each scenario.

    Attributes:
        records: The records of all runs that have one.
        ledger: What exploring has come to.
        leaks_judged: Ids of the tests that were judged for leaks without a fault.
        used_filters: Filters of leaks that matched something; ``None`` until leaks are judged.
        deselected: How many tests are not run.
        complaints: What is said at the end, and makes the session fail or explains why nothing was done.
        usage_errors: What workers say is wrong with the specification.
        findings: What was found, by its cause, once the session is over.
        gone: Findings that the baseline accepts and that did not occur, where nothing was left out.
        is_whole: Whether nothing was left out.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.ledger = Ledger()
        self.leaks_judged: set[str] = set()
        self.used_filters: set[str] | None = None
        self.deselected = 0
        self.complaints: list[str] = []
        self.usage_errors: list[str] = []
        self.findings: list[Record] = []
        self.gone: list[Entry] = []
        self.is_whole = False

    def complain(self, lines: Iterable[str]) -> None:
        """Add to what is said at the end."""
        self.complaints.extend(lines)

    def conclude(self, baseline: Baseline, *, is_whole: bool, is_named: bool) -> None:
        """Find the causes of all results, once the session is over.

        Args:
            baseline: The findings that are accepted.
            is_whole: Whether nothing was left out of what was to run.
            is_named: Whether what was to run was named, and so may be a part of what there is.
        """
        self.is_whole = is_whole and not is_named
        self.records = sorted_records(self.records)
        self.findings = findings_of(self.records)
        self.gone = baseline.gone({one["id"] for one in self.findings}) if is_whole else []

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Note that not every test is run."""
        self.deselected += len(items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the record that travels on a report, from this process or from a worker."""
        record = getattr(report, "chaos", None)
        is_tried_again = report.outcome not in ("passed", "failed", "skipped")  # a word of a plugin that runs it again
        if record is not None and not is_tried_again:
            self.records.append(record)
        judged = getattr(report, "chaos_leaks", None)
        if judged is not None:
            if judged["alone"]:
                self.leaks_judged.add(report.nodeid)
            self.used_filters = (self.used_filters or set()) | set(judged["filters"])

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Show the verdict of a scenario that passes; under xdist the controller does, which explores nothing."""
        record = getattr(report, "chaos", None)
        if record is None or report.when != "call" or record["kind"] not in ("explored", "recovery"):
            return None
        if not report.passed:
            return None
        if record["outcome"] != "passed":
            return "passed", record["outcome"][0], f"{record['outcome']} {record['verdict']}".upper()
        letter = "." if record["verdict"] in _GOOD else record["verdict"][0]
        return "passed", letter, record["verdict"].upper()
