"""After a fault: ordinary tests of the process may wait for ever for what a fault has left."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

import pytest

from pytest_chaos.experiment import Experiment
from pytest_chaos.guard import Limits, Patrol
from pytest_chaos.plugin.clones import PROTOCOL
from pytest_chaos.plugin.context import Context
from pytest_chaos.resources.standstill import Phase


def look_after_others(context: Context) -> None:
    """Look after ordinary tests too, from now on: a fault has acted, and they may wait for what it has left."""
    context.config.pluginmanager.register(Aftermath(context), "pytest-chaos aftermath")


class Aftermath:
    """The hooks that end a part of an undisturbed test, if it is proved that this never ends by itself.

    Args:
        context: What all rooms share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._patrol: Patrol | None = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Look after a test; a chaos run is looked after more closely inside of this, and so is a clone."""
        if PROTOCOL in item.stash:
            return (yield)
        outer = self._patrol  # an explored test's, whose recovery run may be skipped inside of it
        laboratory = self._context.laboratory
        census = laboratory.census
        self._patrol = Patrol(
            laboratory.guard,
            laboratory.provenance,
            census.loops,
            census.held_locks,
            Limits(),
            remark="Something that a fault left behind may be the cause: "
            f"the last fault in this process acted on {self._context.running.disturbed_last}.",
        )
        try:
            with self._patrol.around():
                return (yield)
        finally:
            if self._patrol.ended:
                self._context.running.may_leave_threads(item)
            self._patrol = outer

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, object, object]:
        """The set-up is a part."""
        with self._during("set-up"):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        """The body is a part."""
        with self._during("body"):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Generator[None, object, object]:
        """The teardown is a part."""
        with self._during("teardown"):
            return (yield)

    def _during(self, phase: Phase) -> contextlib.AbstractContextManager[None]:
        if self._patrol is None or isinstance(self._context.running.current, Experiment):
            return contextlib.nullcontext()
        return self._patrol.during(phase)
