"""On whose behalf things are made: a test, or a fixture of a wider scope, which is judged where it ends."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Generator
from typing import Any

import pytest

from pytest_chaos.plugin.clones import Ids
from pytest_chaos.plugin.running import Running
from pytest_chaos.resources.births import NOBODY, Owner
from pytest_chaos.resources.census import Baseline, Census


class Owners:
    """The hooks that say for whom things are made.

    Args:
        census: Follows what is made.
        running: What runs now.
        ids: Tells tests from scenarios.
    """

    def __init__(self, census: Census, running: Running, ids: Ids) -> None:
        self._census = census
        self._running = running
        self._ids = ids
        self._numbers = itertools.count(1)
        self._wider: WiderFixtures | None = None

    def judge_fixtures(self, plugins: pytest.PytestPluginManager) -> None:
        """Judge what wider fixtures leave, too. Harmless when done twice."""
        if self._wider is None:
            self._wider = WiderFixtures(self._census, self._running)
            plugins.register(self._wider, "pytest-chaos wider fixtures")

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """What is made from now on is made for this test."""
        if not self._ids.split(nodeid)[1]:
            self._census.another_test()
        self._census.work_for(Owner(nodeid, "test"))

    def pytest_runtest_logfinish(self) -> None:
        """Between tests nothing is made for one."""
        self._census.work_for(NOBODY)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """What a wider fixture makes is its own; and while any fixture is set up, no fault acts."""
        census, current = self._census, self._running.current
        before = census.owner
        if fixturedef.scope != "function":
            # Of one name there may be several: in two modules, or set up once for each parameter.
            owner = Owner(
                f"the {fixturedef.scope} fixture {fixturedef.argname!r}", fixturedef.scope, next(self._numbers)
            )
            census.work_for(owner)
            if self._wider is not None:
                self._wider.begins(fixturedef, owner)
        try:
            with current.suspended() if current is not None else contextlib.nullcontext():
                return (yield)
        finally:
            census.work_for(before)


class WiderFixtures:
    """The hooks that judge what fixtures of a wider scope leave.

    Args:
        census: Follows what is made.
        running: What runs now.
    """

    def __init__(self, census: Census, running: Running) -> None:
        self._census = census
        self._running = running
        self._begun: dict[pytest.FixtureDef[Any], tuple[Owner, Baseline]] = {}

    def begins(self, fixturedef: pytest.FixtureDef[Any], owner: Owner) -> None:
        """Remember what was there before a wider fixture."""
        current = self._running.current
        # Whatever is made for it is made after the test began that asks for it first.
        before = current.inventory.baseline if current is not None else None
        if before is None:
            before = self._census.baseline()
            self._census.forget(before)
        self._begun[fixturedef] = (owner, before)

    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """Look at what a wider fixture left, where the test that ends it is judged."""
        found = self._begun.pop(fixturedef, None)
        current = self._running.current
        if found is not None and current is not None and current.leaks != "off":
            current.inventory.fixture_ends(*found)
