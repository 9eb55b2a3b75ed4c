"""The hooks of explored tests, and how long exploring may take; how one test goes stands in :mod:`one_test`."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from pytest_chaos.plan import Plain
from pytest_chaos.plugin import compat
from pytest_chaos.plugin.candidates import Candidates
from pytest_chaos.plugin.clones import mask, run_clone
from pytest_chaos.plugin.context import Context
from pytest_chaos.plugin.leaks import LEVEL
from pytest_chaos.plugin.ledger import Ledger
from pytest_chaos.plugin.one_test import OneTest
from pytest_chaos.plugin.options import SWEEP_BUDGET_S
from pytest_chaos.plugin.planning import Planner, TestPlan

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
        self._deferred: list[tuple[float, pytest.Item, Plain]] = []
        self._running: pytest.Item | None = None
        self._candidates = (
            Candidates(context.laboratory.provenance, ledger.counts_candidates()) if planner.is_sweep else None
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Explore a test; its clones come here too, each inside every other plugin's hooks."""
        if run_clone(item, nextitem):
            return True
        plan = self._planner.plans.get(item)
        if plan is None or not self._may_explore(item):
            return None
        if item.stash.get(LEVEL, "off") != "off" and compat.has_other_runner(item, self):
            # Its attempts are judged one by one for what they leave, see the leak hooks.
            self._ledger.leave_out("tests that another plugin may run again")
            return None
        if compat.writes_snapshots(item.config):
            self._ledger.leave_out("tests while snapshots are written")
            return None
        compat.cancel_timer(item)
        self._explore(item, plan, nextitem)
        return True

    def _explore(
        self, item: pytest.Item, plan: TestPlan, nextitem: pytest.Item | None, plain: Plain | None = None
    ) -> None:
        """Explore a test, from its plain run on or, where that is over for long, from its scenarios on."""
        left_s = None if self._budget_s is None else self._budget_s - self._ledger.spent_s
        one = OneTest(
            self._context,
            self._planner,
            item,
            plan,
            left_s=left_s,
            polluted=tuple(self._ledger.polluted),
            candidates=self._candidates,
            is_run_by_another=lambda item, following: compat.is_run_by_another(item, following, self),
        )
        try:
            if plain is None:
                one.explore(nextitem)
            else:
                one.explore_later(plain, nextitem)
        finally:  # Ctrl-C ends it, and what came of it until then counts all the same
            self._ledger.add(compat.plain_id(item), one.explored)
        deferred = one.explored.deferred
        if deferred is not None:
            self._deferred.append((deferred.steady.duration_s, item, deferred))

    @property
    def _budget_s(self) -> float | None:
        """How long exploring may take, in seconds."""
        settings = self._context.settings
        return SWEEP_BUDGET_S if settings.budget_s is None and self._planner.is_sweep else settings.budget_s

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
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Once all plain runs are over, explore each call and fault on the quickest test that makes the call."""
        result = yield
        waiting = sorted(self._deferred, key=lambda one: (one[0], one[1].nodeid))
        self._deferred = []
        for index, (_, item, plain) in enumerate(waiting):
            self._explore(item, self._planner.plans[item], None, plain)
            if index + 1 < len(waiting) and (item.session.shouldfail or item.session.shouldstop):
                break
        return result
