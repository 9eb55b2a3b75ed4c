"""The hooks of explored tests, and how long exploring may take; how one test goes stands in :mod:`one_test`."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator

import pytest

from pytest_chaos.plugin import compat
from pytest_chaos.plugin.candidates import Candidates
from pytest_chaos.plugin.clones import SessionStays, mask, run_clone
from pytest_chaos.plugin.context import Context
from pytest_chaos.plugin.leaks import LEVEL
from pytest_chaos.plugin.ledger import Ledger
from pytest_chaos.plugin.one_test import OneTest
from pytest_chaos.plugin.options import SWEEP_BUDGET_S
from pytest_chaos.plugin.planning import Planner

EXPLORING = "pytest-chaos exploring"
"""Name of the plugin whose hooks explore tests."""


class Exploring:
    """The hooks.

    Args:
        context: What all rooms share.
        planner: Which tests are explored, and under what.
        ledger: Takes in what came of each.
    """

    def __init__(self, context: Context, planner: Planner, ledger: Ledger) -> None:
        self._context = context
        self._planner = planner
        self._ledger = ledger
        self._waiting: list[OneTest] = []
        self._running: pytest.Item | None = None
        self._last: pytest.Item | None = None
        self._is_later = False
        self._candidates = (
            Candidates(context.laboratory.provenance, ledger.counts_candidates()) if planner.is_sweep else None
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Explore a test; its clones come here too, each inside every other plugin's hooks."""
        if run_clone(item, nextitem):
            return True
        plan = self._planner.current(item)
        following = nextitem
        if nextitem is None and (self._waiting or (plan is not None and plan.can_wait)):
            # Some fixtures of the session cannot be set up twice, so it does not end before tests are explored.
            following, self._last = SessionStays(item.session), item  # type: ignore[assignment]  # stands for an item
        if plan is None or not self._is_explored(item):
            if following is nextitem:
                return None
            compat.run_with_following(item, following, self)
            return True
        compat.cancel_timer(item)
        one = OneTest(
            self._context,
            self._planner,
            item,
            plan,
            polluted=tuple(self._ledger.polluted),
            candidates=self._candidates,
            is_run_by_another=lambda item, following: compat.is_run_by_another(item, following, self),
        )
        try:
            one.explore(following, self._left_s)
        finally:  # Ctrl-C ends it, and what came of it until then counts all the same
            if not one.waits:
                self._ledger.add(compat.plain_id(item), one.explored)
        if one.waits:
            self._waiting.append(one)
        return True

    def _is_explored(self, item: pytest.Item) -> bool:
        if not self._may_explore(item):
            return False
        if item.stash.get(LEVEL, "off") != "off" and compat.has_other_runner(item, self):
            # Its attempts are judged one by one for what they leave, see the leak hooks.
            self._ledger.leave_out("tests that another plugin may rerun")
            return False
        if compat.writes_snapshots(item.config):
            self._ledger.leave_out("tests run while snapshots are written")
            return False
        return True

    @property
    def _left_s(self) -> float | None:
        """For how long exploring may go on, in seconds."""
        settings = self._context.settings
        budget_s = SWEEP_BUDGET_S if settings.budget_s is None and self._planner.is_sweep else settings.budget_s
        return None if budget_s is None else budget_s - self._ledger.tally.spent_s

    def _may_explore(self, item: pytest.Item) -> bool:
        options = item.config.option
        return not (options.setuponly or options.setupplan or item.get_closest_marker("xfail"))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """While it runs, a clone has the id of its test."""
        self._begins(item)
        try:
            return (yield)
        finally:
            self._ends(item)

    pytest_runtest_call = pytest_runtest_teardown = pytest_runtest_setup

    def _begins(self, item: pytest.Item) -> None:
        mask(item, True)
        self._running = item

    def _ends(self, item: pytest.Item) -> None:
        mask(item, False)
        self._running = None

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Once a worker's own tests are over, nobody else knows what it is doing."""
        if self._is_later:
            self._planner.shared.runs(nodeid)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self) -> Generator[None, object, object]:
        """Subtests are reported in the middle of the body, under the id of the run."""
        running = self._running
        if running is not None:
            mask(running, False)
        try:
            return (yield)
        finally:
            if running is not None:
                mask(running, True)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Once all plain runs are over, explore each call and fault on the quickest test that makes the call."""
        try:
            result = yield
            self._is_later = True
            self._explore_waiting()
            if self._last is not None:
                compat.end_session_fixtures(self._last)
        finally:
            self._planner.shared.runs("")
            for _ in self._waiting:  # a failure that ends the session, or Ctrl-C, came before their turn
                self._ledger.leave_out("tests not explored: the session was stopped")
        if session.shouldstop and not hasattr(session.config, "workerinput"):
            raise session.Interrupted(session.shouldstop)  # as pytest does after each test
        return result

    def _explore_waiting(self) -> None:
        waiting = list(self._waiting)
        planned: set[OneTest] = set()
        for one in sorted(waiting, key=lambda one: (one.seconds, one.item.nodeid)):
            began = time.monotonic()
            if one.plan_later(self._left_s):
                planned.add(one)
            else:
                self._is_done_with(one)
            self._ledger.spend(time.monotonic() - began)
        # In the order of collection, for so fixtures of wider scope are set up the fewest times.
        order = deque(one for one in waiting if one in planned)
        current = self._next_begun(order)
        terminal = self._context.config.pluginmanager.get_plugin("terminalreporter")
        if current is not None and terminal is not None:
            terminal.ensure_newline()  # the line of the last file has come to 100 % already
        while current is not None:
            # What follows must be known for sure: fixtures that both need are kept for it.
            following = self._next_begun(order)
            share_s = self._share_s([current, *([] if following is None else [following]), *order])
            try:
                current.explore_later(None if following is None else following.item, share_s)
            finally:
                self._is_done_with(current)
            session = current.item.session
            if session.shouldfail or session.shouldstop:
                break
            current = following

    def _next_begun(self, order: deque[OneTest]) -> OneTest | None:
        """Return the next test that has something to run which no other worker has taken."""
        while order:
            one = order.popleft()
            if one.begin_later():
                return one
            self._is_done_with(one)
        return None

    def _is_done_with(self, one: OneTest) -> None:
        self._waiting.remove(one)
        self._ledger.add(compat.plain_id(one.item), one.explored)

    def _share_s(self, waiting: list[OneTest]) -> float | None:
        """Return for how long the first of some tests may be explored, so that each one gets its share."""
        left_s = self._left_s
        if left_s is None:
            return None
        estimates = [one.estimated_s for one in waiting]
        return left_s * estimates[0] / sum(estimates)
