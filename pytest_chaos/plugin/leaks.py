"""What tests and wider fixtures leave behind where no fault acts.

These hooks are registered only where something is judged: a session that judges no leaks does not pay for them.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack

import pytest

from pytest_chaos.contract import LeakLevel
from pytest_chaos.experiment import Watch
from pytest_chaos.plugin import compat
from pytest_chaos.plugin.context import Context
from pytest_chaos.plugin.one_run import OneRun

LEVEL: pytest.StashKey[LeakLevel] = pytest.StashKey()
"""How strictly a test is judged that nothing disturbs; only tests that are judged have it."""


class LeakHooks:
    """The hooks that judge tests that nothing disturbs.

    Args:
        context: What all rooms share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._is_others = False
        self._attempt: OneRun[Watch] | None = None
        self._end_of_attempt = ExitStack()
        self._told: list[pytest.TestReport] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Take a test through its phases, and report once it is known what it leaves behind.

        A plugin that runs tests in a way of its own, such as again and again, does so: then each attempt is judged as
        soon as its teardown is over.
        """
        if LEVEL not in item.stash:
            return None
        self._is_others = True
        try:
            if compat.is_run_by_another(item, nextitem, self):
                return True
        finally:
            self._is_others = False
            self._told.clear()
            self._end()
        self._new_run(item).run_and_report(nextitem)
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """An attempt of another plugin's begins."""
        if self._is_others:
            self._end()
            self._attempt = self._new_run(item)
            self._end_of_attempt.enter_context(self._attempt.begun())
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """An attempt of another plugin's ends."""
        report = yield
        if self._is_others and self._attempt is not None:
            self._attempt.add(report)
            if call.when == "teardown":
                compat.forget_arguments(item)
                self._attempt.judge(self._told)
                self._end()
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what is told already, so that nothing can be added to it."""
        if self._is_others:
            self._told.append(report)

    def _new_run(self, item: pytest.Item) -> OneRun[Watch]:
        context = self._context
        watch = Watch(context.laboratory, compat.plain_id(item), item.stash[LEVEL], context.settings.seed)
        return OneRun(context, item, watch)

    def _end(self) -> None:
        self._attempt = None
        self._end_of_attempt.close()
