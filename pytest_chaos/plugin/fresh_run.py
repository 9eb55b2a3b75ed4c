"""The run of a fresh process that was started to answer a question about one test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pytest_chaos.explorer import Scenario, key_of_rule
from pytest_chaos.notation import parse, parse_target
from pytest_chaos.plan import Reaching
from pytest_chaos.plugin import compat
from pytest_chaos.plugin.clones import run_clone
from pytest_chaos.plugin.cold import plain_of
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
        """Run the test plainly, and after each scenario again; or one scenario first, and then the test."""
        if run_clone(item, nextitem):
            return True
        question = self._question
        targets = [check_target(parse_target(text)) for text in question.targets]
        contract = specification_of(item, self._context.settings.contract).contract
        watched = self._planner.watched_of(targets)
        mark = exploration_of(item, self._context.settings.catalogue) or Exploration()
        plan = TestPlan(watched, targets, [], mark, contract, reaching=Reaching((), {}))
        test = OneTest(self._context, self._planner, item, plan)
        scenarios = list(self._scenarios())
        if question.plain:
            answer(test.meet_first(scenarios[0], plain_of(question.plain, self._context.laboratory.provenance)))
        else:
            answer(test.search(scenarios, is_about_costs=question.is_about_costs))
        return True

    def _scenarios(self) -> Iterator[Scenario]:
        question = self._question
        for number, (text, seed, spares) in enumerate(question.scenarios):
            rules = tuple(rule.checked() for rule in parse(text))
            if question.sources:
                rules = tuple(replace(rule, source=one) for rule, one in zip(rules, question.sources, strict=True))
            label = question.label or f"scenario {number}"
            yield Scenario(label, rules, "rule", key_of_rule(""), seed, spares)
