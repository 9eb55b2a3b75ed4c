"""Explored tests: which they are, under what, and for how long; how one goes stands in :mod:`one_test`."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from pytest_chaos.boundaries import loaded
from pytest_chaos.errors import SpecificationError
from pytest_chaos.experiment import Plain, Watched
from pytest_chaos.explorer import Explorer, Key, Scenario, Tally, is_random, rule_label, seeds_of, unique_label
from pytest_chaos.faults.base import Fault
from pytest_chaos.faults.hanging import Hang
from pytest_chaos.notation import parse, parse_target
from pytest_chaos.offers import offers
from pytest_chaos.plugin import compat, leaks
from pytest_chaos.plugin.candidates import Candidates
from pytest_chaos.plugin.clones import mask
from pytest_chaos.plugin.fresh import Question, answer
from pytest_chaos.plugin.marker import Exploration, exploration_of, specification_of
from pytest_chaos.plugin.one_test import RECOVERY, RUN, OneTest, TestPlan
from pytest_chaos.plugin.options import SWEEP_BUDGET_S, Settings, checked_target
from pytest_chaos.scenario import Rule, Term
from pytest_chaos.schedule import stream
from pytest_chaos.target import Point, Target
from pytest_chaos.target import check as check_target
from pytest_chaos.target import resolve as resolve_target
from pytest_chaos.trace import Calls, Spot

if TYPE_CHECKING:
    from pytest_chaos.plugin.session import ChaosSession


class Exploring:
    """The hooks of explored tests.

    Args:
        session: Our session.
        settings: What this session runs with.

    Attributes:
        tally: How much of what was planned was run.
        plan_lines: What ``--chaos-plan`` prints.
        polluted: Tests that have not recovered from their scenarios in this process.
        left_out: Scenarios that were worth a run and had none.
        matched: How many scenarios were foreseen that ``--chaos-only`` and ids let through.
    """

    def __init__(self, session: ChaosSession, settings: Settings) -> None:
        self.tally = Tally()
        self.plan_lines: list[str] = []
        self.polluted: list[str] = []
        self.left_out: list[str] = []
        self.matched = 0
        self._session = session
        self._settings = settings
        self._plans: dict[pytest.Item, TestPlan] = {}
        self._points: dict[Target, list[Point]] = {}
        self._by_text: dict[str, Point] = {}
        self._objects: dict[str, Target] = {}
        self._taken: set[Key] | None = set() if settings.scope == "suite" else None
        self._deferred: list[tuple[float, pytest.Item, Plain]] = []
        self._spent_s = 0.0
        self._running: pytest.Item | None = None
        self._is_sweep = False
        self._late_errors: set[str] = set()
        self.candidates: Candidates | None = None

    # --- which tests

    def prepare(self, items: list[pytest.Item], wanted: dict[str, set[str]]) -> list[SpecificationError]:
        """Find out which tests are explored, and how.

        Args:
            items: The collected tests that are no fault tests.
            wanted: Labels that were asked for, by plain id.
        """
        settings = self._settings
        errors: list[SpecificationError] = []
        marks: dict[pytest.Item, Exploration | None] = {}
        for item in items:
            try:
                marks[item] = exploration_of(item)
            except SpecificationError as error:
                errors.append(error)
        targets = self._targets_for_all(any(marks.values()), is_empty=not items)
        replays: dict[str, list[Scenario]] = {}
        for one in settings.replay:
            found = Scenario(one.label, one.rules, "rule", ("", "", one.label), one.seed, one.spares_driver)
            replays.setdefault(one.test, []).append(found)
        for item, mark in marks.items():
            test = compat.plain_id(item)
            asked = wanted.get(test, set())
            labels = set() if RECOVERY in asked else asked
            try:
                if settings.replay:
                    plan = self._plan([], [], mark, item, labels, replays.get(test, []))
                else:
                    plan = self._plan(targets, settings.acting, mark, item, labels, [])
            except SpecificationError as error:
                errors.append(error)
                continue
            if plan is not None:
                self._plans[item] = plan
        if unknown := sorted(replays.keys() - {compat.plain_id(item) for item in items}):
            errors.append(
                SpecificationError(
                    f"there is no test {unknown[0]!r} to replay", place="--chaos-replay", remedy="Was it renamed?"
                )
            )
        return errors

    def _targets_for_all(self, has_marks: bool, *, is_empty: bool) -> list[Target]:
        """Return what tests are swept over whose markers name nothing."""
        settings = self._settings
        targets = [target for target, _ in settings.targets]
        imported = loaded()
        targets += [parse_target(boundary.target) for boundary in imported if boundary.library in settings.libraries]
        missing = [name for name in settings.libraries if all(boundary.library != name for boundary in imported)]
        if missing and not is_empty:
            self._session.complaints.append(f"chaos: not swept, because no test imports it: {', '.join(missing)}")
        is_asked = bool(targets or missing or settings.scenarios or settings.replay or has_marks)
        self._is_sweep = settings.sweeps and not is_asked
        if self._is_sweep:
            targets = [parse_target(boundary.target) for boundary in imported]
            self.candidates = Candidates(self._session.laboratory.provenance)
        return targets

    def _plan(
        self,
        targets: list[Target],
        scenarios: list[tuple[Rule, ...]],
        mark: Exploration | None,
        item: pytest.Item,
        labels: set[str],
        replays: list[Scenario],
    ) -> TestPlan | None:
        """Return how a test is explored, or ``None`` if it is not.

        Raises:
            SpecificationError: A target or a key of its contract is wrong.
        """
        settings = self._settings
        contract = specification_of(item, settings.contract).contract
        own: list[tuple[Target, str]] = []
        if mark is not None and not settings.replay:
            own = [(checked_target(target, place), place) for target, place in mark.targets]
            targets = [target for target, _ in own] or targets
            targets = targets or [parse_target(boundary.target) for boundary in loaded()]
        if not (targets or scenarios or replays):
            return None
        rules = [rule for rules in (*scenarios, *(one.rules for one in replays)) for rule in rules]
        places = dict((*settings.targets, *own))
        places.update((rule.target, rule.source) for rule in rules)
        watched = self.watched_of([*targets, *(rule.target for rule in rules)], places)
        return TestPlan(watched, targets, scenarios, mark or Exploration(), contract, replays, labels)

    @property
    def explores(self) -> bool:
        """Whether any test is explored."""
        return bool(self._plans)

    def watch_rules(self) -> list[Rule]:
        """Return a rule for each watched target, for who must know of it before fixtures are set up."""
        targets = dict.fromkeys(target for plan in self._plans.values() for target, _ in plan.watched)
        return [Rule(target, (Term(Hang()),)) for target in targets]

    def watched_of(self, targets: list[Target], places: Mapping[Target, str] = MappingProxyType({})) -> Watched:
        """Return targets with their injection points; a call that two of them stand for belongs to the first.

        Args:
            targets: The targets.
            places: Where they are written.

        Raises:
            SpecificationError: One of them names nothing; the error names its place.
        """
        watched: Watched = []
        taken: set[tuple[int, str]] = set()
        for target in dict.fromkeys(targets):
            try:
                points = self._points_of(target)
            except SpecificationError as error:
                raise error.at(places.get(target, "")) from None
            fresh = [point for point in points if point.identity not in taken]
            taken.update(point.identity for point in fresh)
            watched.append((target, fresh))
        return watched

    def _points_of(self, target: Target) -> list[Point]:
        """Return the injection points of a target; none yet, if only a test imports its module."""
        points = self._points.get(target)
        if points is None and target.is_loaded:
            points = self._points[target] = self._session.laboratory.armory.globs.points(self._told_apart(target))
            self._by_text.update({point.text: point for point in points})
        return points or []

    def _told_apart(self, target: Target) -> Target:
        """Return a target with a text of its own: of two functions without a name, the second one has a number."""
        if not target.is_object:
            return target
        same = sum(known.text == target.text for known in self._points if known.is_object)
        numbered = replace(target, number=same + 1)
        self._objects[numbered.text] = numbered
        return numbered

    def _target_of(self, text: str) -> Target:
        return self._objects.get(text) or parse_target(text)

    def _points_now(self, target: Target) -> list[Point]:
        """Return the same while tests run; what is wrong with a target is told at the end."""
        try:
            return self._points_of(target)
        except SpecificationError:
            return []

    # --- hooks

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Explore a test; its clones come here too, each inside every other plugin's hooks."""
        run = item.stash.get(RUN, None)
        if run is not None:
            run(item, nextitem)
            return True
        plan = self._plans.get(item)
        if plan is None or not self._may_explore(item):
            return None
        if item.stash.get(leaks.LEVEL, "off") != "off" and compat.has_other_runner(item, self):
            # Its attempts are judged one by one for what they leave, see the leak hooks.
            self.tally.left_out["tests that another plugin may run again"] += 1
            return None
        if compat.writes_snapshots(item.config):
            self.tally.left_out["tests while snapshots are written"] += 1
            return None
        compat.cancel_timer(item)
        OneTest(self, self._session, item, plan).explore(nextitem)
        return True

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

    # --- budgets

    @property
    def budget_s(self) -> float | None:
        """How long exploring may take, in seconds."""
        if self._settings.budget_s is None and self._is_sweep:
            return SWEEP_BUDGET_S
        return self._settings.budget_s

    @property
    def is_over(self) -> bool:
        """Whether the budget is used up."""
        return self.budget_s is not None and self._spent_s >= self.budget_s

    def is_over_after(self, seconds: float) -> bool:
        """Whether it will be, once these seconds are spent."""
        return self.budget_s is not None and self._spent_s + seconds >= self.budget_s

    def spend(self, seconds: float) -> None:
        """Take time off the budget."""
        self._spent_s += seconds

    def told(self) -> dict[str, Any]:
        """Return what a worker tells the controller, in plain values."""
        candidates = None if self.candidates is None else self.candidates.told()
        return {
            "tally": self.tally.as_record(),
            "matched": self.matched,
            "plan": self.plan_lines,
            "candidates": candidates,
            "late errors": self.late_errors(),
        }

    def hear(self, told: dict[str, Any]) -> None:
        """Take what a worker says; its tally is kept apart."""
        self.matched += told["matched"]
        self._late_errors.update(told["late errors"])
        self.plan_lines += told["plan"]
        if told["candidates"] is not None:
            self.candidates = self.candidates or Candidates(self._session.laboratory.provenance)
            self.candidates.hear(told["candidates"])

    def late_errors(self) -> list[str]:
        """Return what is wrong with targets in modules that were first imported by tests."""
        for plan in self._plans.values():
            for target, points in plan.watched:
                if not points and not target.is_glob and target.is_loaded:
                    try:
                        self._points_of(target)
                    except SpecificationError as error:
                        self._late_errors.add(str(error))
        return sorted(self._late_errors)

    @property
    def is_cut_short(self) -> bool:
        """Whether something that was worth a run had none."""
        return bool(self.left_out)

    # --- for one test

    def scenarios_of(self, plan: TestPlan) -> Iterator[Scenario]:
        """Yield the scenarios of the user's rules, each with the seeds it is run with."""
        settings = self._settings
        known: Counter[str] = Counter()
        everything = [rule for rules in plan.scenarios for rule in rules]
        if settings.swarm and everything:
            for number in seeds_of(settings.seed, settings.runs):
                draws = stream(number, "swarm")
                rules = tuple(rule for rule in everything if draws.random() < 0.5) or (draws.choice(everything),)
                label = unique_label(rule_label(rules, number), known)
                yield Scenario(label, rules, "rule", ("", "", label), number, spares_driver=False)
            return
        for rules in plan.scenarios:
            is_repeated = is_random(rules) and settings.runs > 1
            seeds: Iterable[int | None] = seeds_of(settings.seed, settings.runs) if is_repeated else [None]
            for seed in seeds:
                label = unique_label(rule_label(rules, seed), known)
                yield Scenario(label, rules, "rule", ("", "", label), seed, spares_driver=False)

    def explorer_of(self, item: pytest.Item, plan: TestPlan, plain: Plain) -> Explorer:
        """Return what finds the scenarios of a test whose plain run is over."""
        swept = {point.text for target in plan.targets for point in self._points_now(target)}
        sources = self._session.laboratory.sources
        globs = [target for target in plan.targets if target.is_glob]

        def offered(spot: Spot, calls: Calls) -> list[Fault]:
            point = self._by_text.get(spot[0])
            if point is None and globs:  # its module was imported while the test ran
                point = next(iter(resolve_target(self._target_of(spot[0]))), None)
                if point is not None:
                    self._by_text[spot[0]] = point
                    swept.add(spot[0])
            if point is None or spot[0] not in swept:
                return []
            chosen = plan.mark.faults if plan.mark.faults is not None else self._settings.faults
            if chosen is not None:
                return [fault for fault in chosen if not fault.refusal(point.kind)]
            return offers(point, spot[1], calls.limit, sources)

        hook, test = item.ihook.pytest_chaos_keep_scenario, compat.plain_id(item)
        is_asked = bool(hook.get_hookimpls())

        def keep(scenario: Scenario) -> bool:
            return not is_asked or hook(config=item.config, test=test, scenario=scenario) is not False

        called = {point for point, _ in plain.trace.spots}
        # A call that several targets stand for is told by the text of one of them.
        places = {self._by_text[text].identity for text in called if text in self._by_text}
        own = [
            one
            for one in self.scenarios_of(plan)
            if any(
                point.text in called or point.identity in places
                for rule in one.rules
                for point in self._points_now(rule.target)
            )
        ]
        return Explorer(
            plain.trace,
            offered,
            keep=keep,
            taken=self._taken,
            with_driver=plan.mark.driver,
            rules=[*own, *plan.replays],
            wanted=self._wanted(plan),
            target_of=self._target_of,
        )

    def _wanted(self, plan: TestPlan) -> Callable[[str], bool] | None:
        only = self._settings.only
        if not only and not plan.wanted:
            return None

        def wanted(label: str) -> bool:
            if plan.wanted and not any(one == label or one.startswith(f"{label} + ") for one in plan.wanted):
                return False
            return not only or any(_may_be_meant(label, glob) for glob in only)

        return wanted

    def defer(self, item: pytest.Item, plain: Plain) -> None:
        """Keep a test for the end of the session, when it is known which is the quickest that reaches a call."""
        self._deferred.append((plain.steady.duration_s, item, plain))

    def foresee(self, explorer: Explorer) -> None:
        """Note which scenarios were asked for by label, and whether there are any."""
        self.matched += len(explorer.waiting)

    def deferred(self) -> list[tuple[pytest.Item, Plain]]:
        """Return the tests that wait for the end, the quickest first, and forget them."""
        ordered = sorted(self._deferred, key=lambda one: (one[0], one[1].nodeid))
        self._deferred = []
        return [(item, plain) for _, item, plain in ordered]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Once all plain runs are over, explore each call and fault on the quickest test that makes the call."""
        result = yield
        waiting = self.deferred()
        for index, (item, plain) in enumerate(waiting):
            one = OneTest(self, self._session, item, self._plans[item], plain)
            one.explore_later(None)
            if index + 1 < len(waiting) and (item.session.shouldfail or item.session.shouldstop):
                break
        return result


def _may_be_meant(label: str, glob: str) -> bool:
    """Tell whether a glob means a scenario, or a pair that only this scenario can lead to."""
    leading = glob.rpartition(" + ")[0]
    return fnmatch.fnmatchcase(label, glob) or (bool(leading) and fnmatch.fnmatchcase(label, leading))


class FreshRun:
    """The hooks of a process that was started to answer a question about one test.

    Args:
        session: Our session.
        question: The question.
    """

    def __init__(self, session: ChaosSession, question: Question) -> None:
        self._session = session
        self._question = question
        self._exploring = Exploring(session, session.settings)

    def prepare(self, items: list[pytest.Item]) -> None:
        """Leave only the test in question."""
        items[:] = [item for item in items if compat.plain_id(item) == self._question.test]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run the test plainly, and after each scenario again."""
        run = item.stash.get(RUN, None)
        if run is not None:
            run(item, nextitem)
            return True
        rules = [
            (tuple(rule.checked() for rule in parse(text)), seed, spares)
            for text, seed, spares in self._question.scenarios
        ]
        targets = [check_target(parse_target(text)) for text in self._question.targets]
        contract = specification_of(item, self._session.settings.contract).contract
        watched = self._exploring.watched_of(targets)
        plan = TestPlan(watched, targets, [], exploration_of(item) or Exploration(), contract)
        scenarios = [
            Scenario(f"scenario {number}", one, "rule", ("", "", ""), seed, spares)
            for number, (one, seed, spares) in enumerate(rules)
        ]
        answer(OneTest(self._exploring, self._session, item, plan).search(scenarios))
        return True
