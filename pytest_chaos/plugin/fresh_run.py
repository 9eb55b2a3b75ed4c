"""The run of a fresh process that was started to answer a question about one test."""

from __future__ import annotations

import pytest

from pytest_chaos.explorer import Scenario, key_of_rule
from pytest_chaos.notation import parse, parse_target
from pytest_chaos.plan import Reaching
from pytest_chaos.plugin import compat
from pytest_chaos.plugin.clones import run_clone
from pytest_chaos.plugin.context import Context
from pytest_chaos.plugin.fresh import Question, answer
from pytest_chaos.plugin.marker import Exploration, exploration_of, specification_of
from pytest_chaos.plugin.one_test import OneTest
from pytest_chaos.plugin.planning import Planner, TestPlan
from pytest_chaos.target import check as check_target


class FreshRun:
    """The hooks.

    Args:
        context: What all rooms share.
        planner: Looks up injection points.
        question: The question.
    """

    def __init__(self, context: Context, planner: Planner, question: Question) -> None:
        self._context = context
        self._planner = planner
        self._question = question

    def prepare(self, items: list[pytest.Item]) -> None:
        """Leave only the test in question."""
        items[:] = [item for item in items if compat.plain_id(item) == self._question.test]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run the test plainly, and after each scenario again."""
        if run_clone(item, nextitem):
            return True
        rules = [
            (tuple(rule.checked() for rule in parse(text)), seed, spares)
            for text, seed, spares in self._question.scenarios
        ]
        targets = [check_target(parse_target(text)) for text in self._question.targets]
        contract = specification_of(item, self._context.settings.contract).contract
        watched = self._planner.watched_of(targets)
        mark = exploration_of(item, self._context.settings.catalogue) or Exploration()
        plan = TestPlan(watched, targets, [], mark, contract, reaching=Reaching((), {}))
        scenarios = [
            Scenario(f"scenario {number}", one, "rule", key_of_rule(""), seed, spares)
            for number, (one, seed, spares) in enumerate(rules)
        ]
        answer(OneTest(self._context, self._planner, item, plan).search(scenarios))
        return True
