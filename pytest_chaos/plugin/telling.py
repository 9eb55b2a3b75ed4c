"""How a verdict stands on the reports of its test, whoever reads them: the terminal, JUnit files, other plugins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from pytest_chaos.plugin import compat
from pytest_chaos.report.lines import verdict_text
from pytest_chaos.report.record import Record

SECTION = "chaos"


def body_of(reports: Iterable[pytest.TestReport]) -> pytest.TestReport | None:
    """Return the report of the body, if it ran."""
    return next((report for report in reports if report.when == "call"), None)


def is_skipped(reports: Iterable[pytest.TestReport]) -> bool:
    """Tell whether a test was skipped; one that fails as expected was not."""
    return any(report.skipped and not hasattr(report, "wasxfail") for report in reports)


def _is_strict_xpass(item: pytest.Item, report: pytest.TestReport) -> bool:
    """Tell whether a report fails because its test passed in spite of a strict xfail mark."""
    return compat.xfail_of(item) is not None and str(report.longrepr).startswith("[XPASS(strict)]")


def excuse(report: pytest.TestReport) -> None:
    """Let a report pass that failed by our doing."""
    report.outcome = "passed"
    report.longrepr = None


def excuse_teardown(reports: Iterable[pytest.TestReport]) -> None:
    """Let a teardown pass that failed over what a body left half done that a fault, or our release of a hang, ended."""
    for report in reports:
        if report.when == "teardown" and report.failed:
            report.sections.append(("chaos: the teardown failed", str(report.longrepr)))
            excuse(report)


def note_judged(reports: Sequence[pytest.TestReport], used_filters: list[str], *, alone: bool) -> None:
    """Let the last report carry that leaks were judged and which filters matched.

    Args:
        reports: The reports of the test.
        used_filters: Texts of the filters that matched something.
        alone: Whether the test itself was judged without a fault.
    """
    reports[-1].chaos_leaks = {  # type: ignore[attr-defined]  # reports carry further attributes, through xdist too
        "alone": alone,
        "filters": used_filters,
    }


def _carry(bearer: pytest.TestReport, reports: Iterable[pytest.TestReport], record: Record) -> None:
    """Let one report carry the record, and all of them the word of the verdict."""
    bearer.chaos = record  # type: ignore[attr-defined]  # reports carry further attributes, through xdist too
    for report in reports:
        report.user_properties.append(("chaos", record["verdict"]))


def _add(report: pytest.TestReport, text: str) -> None:
    report.sections.append((SECTION, text))


def _fail(item: pytest.Item, report: pytest.TestReport, text: str) -> None:
    """Make a report fail with a verdict, or xfail where an xfail mark covers the test."""
    xfail = compat.xfail_of(item)
    if xfail is not None and xfail.raises is None:
        report.outcome = "skipped"
        report.wasxfail = xfail.reason or "chaos"
        _add(report, text)
    else:
        report.outcome = "failed"
        if hasattr(report, "wasxfail"):  # the mark was for another error, and what is marked is not counted
            del report.wasxfail
    report.longrepr = text


def _is_expected(item: pytest.Item, record: Record) -> bool:
    """Tell whether an xfail mark covers a verdict that a baseline accepts: it came as it was expected."""
    xfail = compat.xfail_of(item)
    return record["outcome"] == "accepted" and xfail is not None and xfail.raises is None


def put_what_was_left(
    item: pytest.Item,
    reports: Sequence[pytest.TestReport],
    record: Record,
    told: Sequence[pytest.TestReport],
) -> None:
    """Put what a test or a fixture has left on the reports of the test, where no fault acted in it.

    Args:
        item: The test.
        reports: Its reports.
        record: The record of the run.
        told: Reports to which nothing can be added any more.
    """
    text = verdict_text(record)
    open_ = [report for report in reports if not any(report is one for one in told)]
    body = body_of(open_)
    # Where no body ran, or its report is told, the teardown's is there still: an error, as pytest says.
    bearer = body if body is not None and not is_skipped(reports) else reports[-1]
    _carry(bearer, open_, record)
    failed = [report for report in reports if report.failed and not _is_strict_xpass(item, report)]
    if failed:
        # The first failure wins the screen: what was left is a section of it.
        _add(failed[0] if failed[0] in open_ else bearer, text)
    elif record["outcome"] == "failed" or _is_expected(item, record):
        _fail(item, bearer, text)
    else:
        _add(bearer, text)


def put_verdict(
    item: pytest.Item,
    reports: Sequence[pytest.TestReport],
    record: Record,
    *,
    is_authors: bool,
) -> None:
    """Put the verdict of a fault test on its reports: the failure that its author wrote stays one.

    Args:
        item: The test.
        reports: Its reports; its body ran.
        record: The record of the run.
        is_authors: Whether a failure of the body is the author's, and not what the verdict tells.
    """
    body = body_of(reports)
    assert body is not None, "a test without a body has no verdict"
    text = verdict_text(record)
    _carry(body, reports, record)
    if body.failed and is_authors and not _is_strict_xpass(item, body):
        _add(body, text)  # the first failure wins the screen
    elif record["outcome"] == "failed" or _is_expected(item, record):
        _fail(item, body, text)
    elif record["evidence"]:
        _add(body, text)


def show_failure(reports: Iterable[pytest.TestReport], again: Iterable[pytest.TestReport]) -> None:
    """Show the failure of a body as that of the same body is told which was run again to be sure."""
    body, shown = body_of(reports), body_of(again)
    if body is not None and shown is not None and body.failed and shown.failed:
        body.longrepr = shown.longrepr
        body.sections = shown.sections


def put_verdict_of_scenario(
    reports: Sequence[pytest.TestReport], record: Record, *, is_shown: bool, is_authors: bool
) -> None:
    """Put the verdict of a scenario on its reports: the body fails exactly when the verdict does.

    Args:
        reports: The reports of the clone.
        record: The record of the run; its label is that of the scenario.
        is_shown: Whether somebody gets to read its text.
        is_authors: Whether a failure of the body is the author's, and not what the verdict tells.
    """
    text = verdict_text(record) if is_shown else ""
    ran = body_of(reports)
    body = None if ran is None or ran.skipped else ran
    _carry(body or reports[0], reports, record)
    for report in reports:
        path, line, domain = report.location
        report.location = (path, line, f"{domain}[chaos: {record['label']}]")
    if body is None:
        _add(reports[0], text)
    elif record["outcome"] == "failed":
        if is_authors and not body.passed:
            compat.begin_message(body, text)
            _add(body, text)
        else:
            body.longrepr = text
        body.outcome = "failed"
    else:
        excuse(body)
        if record["evidence"]:
            _add(body, text)
