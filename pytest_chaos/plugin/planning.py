"""Which tests are explored, and under what: from targets, rules and markers to the scenarios of each test."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import pytest

from pytest_chaos.clauses import Sources
from pytest_chaos.contract import Contract
from pytest_chaos.errors import SpecificationError
from pytest_chaos.explorer import Explorer, Key, Scenario, is_random, rule_label, seeds_of, unique_label
from pytest_chaos.faults.base import Fault
from pytest_chaos.faults.hanging import Hang
from pytest_chaos.notation import parse_target
from pytest_chaos.offers import offers
from pytest_chaos.plan import Plain, Watched
from pytest_chaos.plugin import compat
from pytest_chaos.plugin.marker import Exploration, exploration_of, specification_of
from pytest_chaos.plugin.options import Settings, checked_target
from pytest_chaos.scenario import Rule, Term
from pytest_chaos.schedule import stream
from pytest_chaos.target import Globs, Point, Target
from pytest_chaos.target import resolve as resolve_target
from pytest_chaos.trace import Calls, Spot

RECOVERY = "recovery"
"""Label of the run with all faults lifted."""


@dataclass(frozen=True)
class TestPlan:
    """How one test is explored.

    Attributes:
        watched: Targets whose calls are traced, with their injection points.
        targets: What is swept.
        scenarios: Rules of the user's that act together.
        mark: What the test's marker says.
        contract: What the system promises.
        replays: Scenarios to run, and no others.
        wanted: Labels that were asked for by id; all if there are none.
    """

    watched: Watched
    targets: list[Target]
    scenarios: list[tuple[Rule, ...]]
    mark: Exploration
    contract: Contract
    replays: list[Scenario] = field(default_factory=list)
    wanted: set[str] = field(default_factory=set)


class Planner:
    """Finds out which tests are explored, and makes their explorers.

    Args:
        settings: What this session runs with.
        sources: Syntax trees of files.
        globs: The points of globs, looked up once.

    Attributes:
        plans: How each explored test is explored.
        complaints: What is said at the end of the session.
        is_sweep: Whether well-known boundaries are swept because nobody asked for anything else.
    """

    def __init__(self, settings: Settings, sources: Sources, globs: Globs) -> None:
        self.plans: dict[pytest.Item, TestPlan] = {}
        self.complaints: list[str] = []
        self.is_sweep = False
        self._settings = settings
        self._sources = sources
        self._globs = globs
        self._points: dict[Target, list[Point]] = {}
        self._by_text: dict[str, Point] = {}
        self._objects: dict[str, Target] = {}
        self._taken: set[Key] | None = set() if settings.scope == "suite" else None

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
                marks[item] = exploration_of(item, settings.catalogue)
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
                self.plans[item] = plan
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
        named = settings.catalogue.imported(settings.libraries) if settings.libraries else []
        targets += [parse_target(boundary.target) for boundary in named]
        missing = [name for name in settings.libraries if all(boundary.library != name for boundary in named)]
        if missing and not is_empty:
            self.complaints.append(f"chaos: not swept, because no test imports it: {', '.join(missing)}")
        is_asked = bool(targets or missing or settings.scenarios or settings.replay or has_marks)
        self.is_sweep = settings.sweeps and not is_asked
        if self.is_sweep:
            targets = [parse_target(boundary.target) for boundary in settings.catalogue.imported()]
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
            own = [(checked_target(target, place, settings.catalogue), place) for target, place in mark.targets]
            targets = [target for target, _ in own] or targets
            targets = targets or [parse_target(boundary.target) for boundary in settings.catalogue.imported()]
        if not (targets or scenarios or replays):
            return None
        rules = [rule for rules in (*scenarios, *(one.rules for one in replays)) for rule in rules]
        places = dict((*settings.targets, *own))
        places.update((rule.target, rule.source) for rule in rules)
        watched = self.watched_of([*targets, *(rule.target for rule in rules)], places)
        return TestPlan(watched, targets, scenarios, mark or Exploration(), contract, replays, labels)

    def watch_rules(self) -> list[Rule]:
        """Return a rule for each watched target, for who must know of it before fixtures are set up."""
        targets = dict.fromkeys(target for plan in self.plans.values() for target, _ in plan.watched)
        return [Rule(target, (Term(Hang()),)) for target in targets]

    def watched_of(self, targets: list[Target], places: Mapping[Target, str] = MappingProxyType({})) -> Watched:
        """Return targets with their injection points; a call that two of them stand for belongs to the first.

        Args:
            targets: The targets.
            places: Where they are written.

        Raises:
            SpecificationError: One of them names nothing; the error names its place.
        """
        watched: list[tuple[Target, list[Point]]] = []
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
            points = self._points[target] = self._globs.points(self._told_apart(target))
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

    def late_errors(self) -> list[str]:
        """Return what is wrong with targets in modules that were first imported by tests."""
        found: set[str] = set()
        for plan in self.plans.values():
            for target, points in plan.watched:
                if not points and not target.is_glob and target.is_loaded:
                    try:
                        self._points_of(target)
                    except SpecificationError as error:
                        found.add(str(error))
        return sorted(found)

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
                label = unique_label(rule_label(rules), known, number)
                yield Scenario(label, rules, "rule", ("", "", label), number, spares_driver=False)
            return
        for rules in plan.scenarios:
            is_repeated = is_random(rules) and settings.runs > 1
            seeds: Iterable[int | None] = seeds_of(settings.seed, settings.runs) if is_repeated else [None]
            for seed in seeds:
                label = unique_label(rule_label(rules), known, seed)
                yield Scenario(label, rules, "rule", ("", "", label), seed, spares_driver=False)

    def explorer_of(self, item: pytest.Item, plan: TestPlan, plain: Plain) -> Explorer:
        """Return what finds the scenarios of a test whose plain run is over."""
        swept = {point.text for target in plan.targets for point in self._points_now(target)}
        sources = self._sources
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
            return offers(point, spot[1], calls.limit, sources, self._settings.catalogue)

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


def _may_be_meant(label: str, glob: str) -> bool:
    """Tell whether a glob means a scenario, or a pair that only this scenario can lead to."""
    leading = glob.rpartition(" + ")[0]
    return fnmatch.fnmatchcase(label, glob) or (bool(leading) and fnmatch.fnmatchcase(label, leading))
