"""One run of one item: through its phases, judged once its teardown is over, and told on its reports.

Whoever runs it, a fault test, a scenario or a test that is judged for leaks alone, goes this way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import pytest

from pytest_chaos.ending import leaves
from pytest_chaos.experiment import Experiment
from pytest_chaos.guard import WaitEnded
from pytest_chaos.observation import Observation
from pytest_chaos.plugin import compat, telling
from pytest_chaos.plugin.aftermath import look_after_others
from pytest_chaos.plugin.context import Context
from pytest_chaos.plugin.forgetting import forget
from pytest_chaos.plugin.running import Subject
from pytest_chaos.verdict import Judgement

S = TypeVar("S", bound=Subject)


class OneRun(Generic[S]):
    """One run of one item, and what came of it.

    Args:
        context: What all rooms share.
        item: What runs.
        subject: What is judged in it.
        forgets_errors: Whether what the errors keep alive with which its parts end is let go before it is judged.

    Attributes:
        subject: What is judged in it.
        reports: pytest's reports, not logged yet.
        seen: What was seen; ``None`` where the test itself is not judged, because it was skipped or not reached.
        judgement: What was said of it.
        passed: Whether set-up and body have passed, as far as they are over.
        was_ended: Whether its teardown failed for nothing but that we ended its wait.
    """

    def __init__(
        self,
        context: Context,
        item: pytest.Item,
        subject: S,
        *,
        forgets_errors: bool = False,
    ) -> None:
        self.subject = subject
        self.reports: list[pytest.TestReport] = []
        self.seen: Observation | None = None
        self.judgement: Judgement | None = None
        self.passed = False
        self.was_ended = False
        self._errors: list[BaseException] = []
        self._context = context
        self._item = item
        self._forgets_errors = forgets_errors

    @property
    def body(self) -> pytest.TestReport | None:
        """The report of the body, if it ran and was not skipped."""
        report = telling.body_of(self.reports)
        return None if report is None or report.skipped else report

    def run(self, protocol: Callable[[], list[pytest.TestReport]]) -> None:
        """Take the item through its phases, and judge; inside :meth:`begun`.

        Args:
            protocol: Runs set-up, body and teardown, and returns their reports.
        """
        self.reports = protocol()
        self.forget_errors()
        self.judge()

    @contextlib.contextmanager
    def begun(self) -> Iterator[None]:
        """Be the run that is going on, from the baseline to the judgement."""
        self._item.stash[RUN] = self
        try:
            with self._context.running.begun(self._item, self.subject):
                yield
        finally:
            del self._item.stash[RUN]

    def ended_a_part(self, report: pytest.TestReport, error: BaseException | None) -> None:
        """Note how a part has ended, from its report and the error that came out of it."""
        if report.when == "setup":
            self.passed = report.passed
        elif report.when == "call":
            self.passed = self.passed and report.passed and not hasattr(report, "wasxfail")
        if error is not None and self._forgets_errors:
            self._errors.append(error)
        if error is None or report.when != "teardown":
            return
        if all(isinstance(one, WaitEnded) for one in leaves(error)):
            self.was_ended = True
        else:
            self.subject.teardown_ended_with(error)

    def forget_errors(self) -> None:
        """Let go of what the errors keep alive with which parts have ended, where it is to be let go."""
        forget(self._errors)

    def add(self, report: pytest.TestReport) -> None:
        """Take in a report of a run that somebody else takes through its phases."""
        self.reports.append(report)

    def judge(self, told: list[pytest.TestReport] | None = None) -> None:
        """Judge the run, once its teardown is over; what it leaves where no fault acted is told at once.

        Args:
            told: Reports to which nothing can be added any more.
        """
        context, reports, subject = self._context, self.reports, self.subject
        # A test that was skipped has no result of its own; what a wider fixture leaves is told wherever that ends.
        body = telling.body_of(reports)
        ran = not telling.is_skipped(reports) and (body is not None or not subject.needs_body)
        if body is not None:
            subject.body_took(body.duration)
        seen, judgement = subject.conclude(with_tests=ran)
        if context.running.saw(seen):
            look_after_others(context)
        if reports and subject.leaks != "off":
            telling.note_judged(reports, subject.inventory.used_filters, alone=ran and subject.is_plain)
        if ran:
            self.seen, self.judgement = seen, judgement
        if reports and judgement.evidence and (subject.is_plain or not ran):
            record = context.record_of(seen, judgement, context.again.test(self._item, seen))
            excused = compat.xfail_of(self._item) is not None
            context.outcomes.settle(record, is_clone=False, is_excused=excused)
            telling.put_what_was_left(self._item, reports, record, told or [])

    def run_and_report(self, nextitem: pytest.Item | None, tell: Callable[[], None] = lambda: None) -> None:
        """Run the item as pytest does, judge it, and report once that is done.

        The report of the body has to wait for the teardown: only then is it known what the test leaves behind.

        Args:
            nextitem: The item that follows.
            tell: Puts what was said of the run on its reports.
        """
        item = self._item
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        with self.begun():
            self.run(lambda: compat.runtestprotocol(item, nextitem=nextitem, log=False))
            tell()
        for report in self.reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


RUN: pytest.StashKey[OneRun[Any]] = pytest.StashKey()
"""On an item: the run that is going on."""


def experiment_of(item: pytest.Item) -> Experiment | None:
    """Return the experiment of the run that is going on, or ``None`` where nothing disturbs or watches the item."""
    run = item.stash.get(RUN, None)
    return run.subject if run is not None and isinstance(run.subject, Experiment) else None
