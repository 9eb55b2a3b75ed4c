"""What is read once all tests are collected: markers, rules and targets, each checked before anything runs."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import replace

import pytest

from pytest_chaos.errors import SpecificationError
from pytest_chaos.plugin import fresh
from pytest_chaos.plugin.context import Context
from pytest_chaos.plugin.exploring import EXPLORING, Exploring
from pytest_chaos.plugin.fault_test import SPECIFICATION, FaultTests
from pytest_chaos.plugin.fresh_run import FreshRun
from pytest_chaos.plugin.leaks import LEVEL, LeakHooks
from pytest_chaos.plugin.ledger import Ledger
from pytest_chaos.plugin.marker import leak_level_of, specification_of
from pytest_chaos.plugin.planning import Planner
from pytest_chaos.plugin.selection import is_fault_test, shares_switch
from pytest_chaos.scenario import Rule, check_all

_LEAKS = "pytest-chaos leaks"
_FAULT_TESTS = "pytest-chaos fault tests"


class ChaosWarning(pytest.PytestWarning):
    """pytest-chaos left something alone that it does not understand."""


class Collected:
    """What was collected, and the hooks that run it.

    Args:
        context: What all rooms share.
        planner: Finds out which tests are explored.
        items: The tests.
        errors: What is wrong with the settings.

    Attributes:
        errors: What is wrong with markers, rules and targets.
    """

    def __init__(
        self, context: Context, planner: Planner, items: list[pytest.Item], errors: list[SpecificationError]
    ) -> None:
        self.errors = list(errors)
        self._context = context
        self._planner = planner
        self._items = items

    def read(self, wanted: dict[str, set[str]]) -> None:
        """Read every marker and rule of what will run, and note all that is wrong with them.

        Args:
            wanted: Labels of scenarios that were asked for, by the id of their test.
        """
        ordinary = [item for item in self._items if self._read(item)]
        self.errors.extend(self._planner.prepare(ordinary, wanted))
        try:
            self._context.settings.contract.check()
        except SpecificationError as error:
            self.errors.append(error.at("[tool.pytest_chaos] in pyproject.toml, contract"))

    def _read(self, item: pytest.Item) -> bool:
        """Read the markers of a test, and tell whether it is one that may be explored."""
        settings = self._context.settings
        try:
            level = leak_level_of(item, settings.leaks)
        except SpecificationError as error:
            self.errors.append(error)
            return False
        if level != "off":
            item.stash[LEVEL] = level
        if not may_be_disturbed(item):
            return isinstance(item, pytest.Function) and item.get_closest_marker("no_chaos") is None
        try:
            found = specification_of(item, settings.contract)
        except SpecificationError as error:
            if not _is_others(item):
                self.errors.append(error)
            return False
        rules, wrong = check_all(found.rules)
        self.errors.extend([*wrong, *found.wrong_probes()])
        item.stash[SPECIFICATION] = replace(found, rules=rules)
        return False

    def rules(self) -> Iterable[list[Rule]]:
        """Yield the rules of each test, for who must know of them before fixtures are set up."""
        for item in self._items:
            if SPECIFICATION in item.stash:
                yield item.stash[SPECIFICATION].rules
        yield self._planner.watch_rules()

    @property
    def are_judged_alone(self) -> bool:
        """Whether some test is judged for leaks though nothing disturbs it."""
        return any(LEVEL in item.stash for item in self._items)

    @property
    def are_judged(self) -> bool:
        """Whether some test is judged for leaks, disturbed or not."""
        contracts = (item.stash[SPECIFICATION].contract for item in self._items if SPECIFICATION in item.stash)
        return self.are_judged_alone or any(contract.leaks != "off" for contract in contracts)

    def register(self, ledger: Ledger) -> None:
        """Register the hooks that run what was collected, as far as there is something for them to do.

        Args:
            ledger: Takes in what exploring comes to.
        """
        context = self._context
        plugins = context.config.pluginmanager
        hooks: dict[str, object] = {}
        if self.are_judged_alone:
            hooks[_LEAKS] = LeakHooks(context)
        if any(SPECIFICATION in item.stash for item in self._items):
            hooks[_FAULT_TESTS] = FaultTests(context)
        if self._planner.plans or context.settings.runs > 1:
            hooks[EXPLORING] = Exploring(context, self._planner, ledger)
        # pytest asks the last one first: a fault test is judged by its own hooks alone.
        for name in (_LEAKS, _FAULT_TESTS, EXPLORING):  # tests may be collected twice in a session
            if plugins.hasplugin(name):
                plugins.unregister(name=name)
            if name in hooks:
                plugins.register(hooks[name], name)


def may_be_disturbed(item: pytest.Item) -> bool:
    """Tell whether an item is a fault test that is not kept from being disturbed."""
    if item.get_closest_marker("no_chaos") is not None:
        return False
    return is_fault_test(item) or "chaos" in getattr(item, "fixturenames", ())


def answer_question(context: Context, planner: Planner, question: fresh.Question, items: list[pytest.Item]) -> None:
    """Leave only the test that a question is about, and let it be run as the question asks.

    Args:
        context: What all rooms share.
        planner: Looks up injection points.
        question: What this process was started for.
        items: The tests; those that are not asked about are taken away.
    """
    run = FreshRun(context, planner, question)
    run.prepare(items)
    context.config.pluginmanager.register(run, "pytest-chaos fresh run")


def _is_others(item: pytest.Item) -> bool:
    """Tell whether a marker that we cannot read belongs to the other plugin that owns ``--chaos``."""
    if not shares_switch(item.config):
        return False
    if _WARNED not in item.config.stash:
        item.config.stash[_WARNED] = True
        warnings.warn(
            ChaosWarning(f"ignored chaos markers that belong to another plugin, the first on {item.nodeid}"),
            stacklevel=1,
        )
    return True


_WARNED: pytest.StashKey[bool] = pytest.StashKey()
