"""What tests and wider fixtures leave behind where no fault acts, and on whose report it stands.

These hooks are registered only where something is judged: a session that judges no leaks does not pay for them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any

import pytest

from pytest_chaos.contract import LeakLevel
from pytest_chaos.experiment import Inventory, Watch
from pytest_chaos.observation import Observation
from pytest_chaos.plugin import compat
from pytest_chaos.report.lines import verdict_text
from pytest_chaos.report.record import record_of
from pytest_chaos.resources.births import Owner
from pytest_chaos.resources.census import Baseline
from pytest_chaos.verdict import Judgement

if TYPE_CHECKING:
    from pytest_chaos.plugin.session import ChaosSession

LEVEL: pytest.StashKey[LeakLevel] = pytest.StashKey()
"""How strictly a test is judged that nothing disturbs; only tests that are judged have it."""


class WiderFixtures:
    """The hooks that judge what fixtures of a wider scope leave.

    Args:
        session: Our session.
    """

    def __init__(self, session: ChaosSession) -> None:
        self._session = session
        self._begun: dict[pytest.FixtureDef[Any], tuple[Owner, Baseline]] = {}

    def begins(self, fixturedef: pytest.FixtureDef[Any], owner: Owner) -> None:
        """Remember what was there before a wider fixture."""
        running = self._session.running
        # Whatever is made for it is made after the test began that asks for it first.
        before = running.inventory.baseline if running is not None else None
        if before is None:
            census = self._session.laboratory.census
            before = census.baseline()
            census.forget(before)
        self._begun[fixturedef] = (owner, before)

    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """Look at what a wider fixture left, where the test that ends it is judged."""
        found = self._begun.pop(fixturedef, None)
        running = self._session.running
        if found is not None and running is not None and running.leaks != "off":
            running.inventory.fixture_ends(*found)


class LeakHooks:
    """The hooks that judge tests that nothing disturbs.

    Args:
        session: Our session.
    """

    def __init__(self, session: ChaosSession) -> None:
        self._session = session
        self._watch: Watch | None = None
        self._is_others = False
        self._attempt: list[pytest.TestReport] = []
        self._told: list[pytest.TestReport] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Take a test through its phases, and report once it is known what it leaves behind.

        A plugin that runs tests in a way of its own, such as again and again, does so: then each attempt is judged as
        soon as its teardown is over.
        """
        level = item.stash.get(LEVEL, None)
        if level is None:
            return None
        self._is_others = True
        try:
            if compat.is_run_by_another(item, nextitem, self):
                return True
        finally:
            self._is_others = False
            self._told.clear()
            self._close()
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        self._begin(item, level)
        try:
            reports = compat.runtestprotocol(item, nextitem=nextitem, log=False)
            self._judge(item, reports)
        finally:
            self._close()
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """An attempt of another plugin's begins."""
        if self._is_others:
            self._close()
            self._begin(item, item.stash[LEVEL])
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """An attempt of another plugin's ends."""
        report = yield
        if self._is_others and self._watch is not None:
            self._attempt.append(report)
            if call.when == "teardown":
                compat.forget_arguments(item)
                self._judge(item, self._attempt)
                self._close()
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what is told already, so that nothing can be added to it."""
        if self._is_others:
            self._told.append(report)

    # --- inside

    def _begin(self, item: pytest.Item, level: LeakLevel) -> None:
        session = self._session
        watch = Watch(session.laboratory, compat.plain_id(item), level, session.settings.seed)
        watch.begin()
        self._watch = session.running = watch
        self._attempt = []

    def _close(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = self._session.running = None

    def _judge(self, item: pytest.Item, reports: list[pytest.TestReport]) -> None:
        assert self._watch is not None, "it was begun"
        body = body_of(reports)
        # A skipped test has no result of its own; what a wider fixture leaves is told wherever that ends.
        ran = not is_skipped(reports)
        seen, judgement = self._watch.conclude(with_tests=ran, duration_s=body.duration if body is not None else 0.0)
        tell(self._session, item, reports, seen, judgement, self._told)
        note_judged(reports, self._watch.inventory, alone=ran)


def body_of(reports: list[pytest.TestReport]) -> pytest.TestReport | None:
    """Return the report of the body, if it ran."""
    return next((report for report in reports if report.when == "call"), None)


def is_skipped(reports: list[pytest.TestReport]) -> bool:
    """Tell whether a test was skipped; one that fails as expected was not."""
    return any(report.skipped and not hasattr(report, "wasxfail") for report in reports)


def is_strict_xpass(item: pytest.Item, report: pytest.TestReport) -> bool:
    """Tell whether a report fails because its test passed in spite of a strict xfail mark."""
    return compat.xfail_of(item) is not None and str(report.longrepr).startswith("[XPASS(strict)]")


def fail(item: pytest.Item, report: pytest.TestReport, text: str) -> None:
    """Make a report fail with a verdict, or xfail where an xfail mark covers the test."""
    xfail = compat.xfail_of(item)
    if xfail is not None and xfail.raises is None:
        report.outcome = "skipped"
        report.wasxfail = xfail.reason or "chaos"
        report.sections.append(("chaos", text))
    else:
        report.outcome = "failed"
    report.longrepr = text


def tell(
    session: ChaosSession,
    item: pytest.Item,
    reports: list[pytest.TestReport],
    seen: Observation,
    judgement: Judgement,
    told: Iterable[pytest.TestReport] = (),
) -> None:
    """Put what a test or a fixture left on the reports of the test; nothing, where nothing was left.

    Args:
        session: Our session.
        item: The test.
        reports: Its reports.
        seen: What was seen.
        judgement: What was said of it.
        told: Reports to which nothing can be added any more.
    """
    if not judgement.evidence:
        return
    record = record_of(seen, judgement, session.again.test(item, seen))
    text = verdict_text(record)
    open_ = [report for report in reports if not any(report is one for one in told)]
    body = body_of(open_)
    # Where no body ran, or its report is told, the teardown's is there still: an error, as pytest says.
    bearer = body if body is not None and not is_skipped(reports) else reports[-1]
    bearer.chaos = record  # type: ignore[attr-defined]  # reports carry further attributes, through xdist too
    for report in open_:
        report.user_properties.append(("chaos", judgement.verdict.value))
    failed = [report for report in reports if report.failed and not is_strict_xpass(item, report)]
    if failed:
        # The first failure wins the screen: what was left is a section of it.
        (failed[0] if failed[0] in open_ else bearer).sections.append(("chaos", text))
    elif judgement.fails:
        fail(item, bearer, text)
    else:
        bearer.sections.append(("chaos", text))


def note_judged(reports: list[pytest.TestReport], inventory: Inventory, *, alone: bool) -> None:
    """Let the last report carry that leaks were judged and which filters matched.

    Args:
        reports: The reports of the test.
        inventory: What was looked at.
        alone: Whether the test itself was judged without a fault.
    """
    reports[-1].chaos_leaks = {  # type: ignore[attr-defined]  # reports carry further attributes, through xdist too
        "alone": alone,
        "filters": inventory.used_filters,
    }
