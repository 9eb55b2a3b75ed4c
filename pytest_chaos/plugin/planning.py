"""Which tests are explored, and under what: from targets, rules and markers to the scenarios of each test."""

from __future__ import annotations

import fnmatch
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import pytest

from pytest_chaos.catalogue.catalogue import Catalogue
from pytest_chaos.clauses import Sources
from pytest_chaos.contract import Contract
from pytest_chaos.dependencies import is_named_by_user
from pytest_chaos.errors import SpecificationError
from pytest_chaos.explorer import Explorer, Key, Scenario, is_random, key_of_rule, rule_label, seeds_of, unique_label
from pytest_chaos.faults.base import Fault
from pytest_chaos.faults.hanging import Hang
from pytest_chaos.notation import parse_target
from pytest_chaos.offers import Called, Named, Offers, may_raise
from pytest_chaos.plan import Plain, Reaching, Watched
from pytest_chaos.plugin import compat
from pytest_chaos.plugin.marker import Exploration, exploration_of, specification_of
from pytest_chaos.plugin.options import Settings, checked_target
from pytest_chaos.plugin.sharing import Shared
from pytest_chaos.provenance import Provenance
from pytest_chaos.reach import FunctionKey, Reach, Step, Way, function_key
from pytest_chaos.scenario import Rule, Term
from pytest_chaos.schedule import stream
from pytest_chaos.target import Globs, Point, Target, function_behind, may_name, undecorated
from pytest_chaos.target import resolve as resolve_target

WAITS = (
    "queue:Queue.get",
    "threading:Event.wait",
    "threading:Condition.wait",
    "threading:Thread.join",
    "concurrent.futures._base:Future.result",
    "concurrent.futures._base:wait",
    "asyncio.queues:Queue.get",
    "asyncio.locks:Event.wait",
    "asyncio.locks:Condition.wait",
)
"""Where a program waits for itself: no fault acts there, and what leads to such a wait can hang."""

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
        named: How the user came to name each target.
        reaching: What plain runs find out of how points are reached.
        unloaded: Exact targets whose modules nobody had imported when it was made.
        is_marked: Whether a marker says so.
        is_own: Whether its keys are explored on this test, whatever others explore.
        boundaries: How many boundaries are swept beside what the user named, of the modules that were imported then.
    """

    watched: Watched
    targets: list[Target]
    scenarios: list[tuple[Rule, ...]]
    mark: Exploration
    contract: Contract
    replays: list[Scenario] = field(default_factory=list)
    wanted: set[str] = field(default_factory=set)
    named: Mapping[Target, Named] = field(default_factory=dict)
    reaching: Reaching | None = None
    unloaded: tuple[Target, ...] = ()
    is_marked: bool = False
    is_own: bool = True
    boundaries: int = 0

    @property
    def can_wait(self) -> bool:
        """Whether it is explored once all plain runs are over, for its keys may be those of other tests, too."""
        return bool(self.targets) and not self.is_own


class Interest:
    """The points that are looked at, by their texts: those that may be offered a fault, or tell of others.

    Args:
        named: How the user came to name those that were found.
        may_raise: Whether functions that a package holds raise something by name.
        catalogue: The boundaries that are known.
    """

    def __init__(self, points: Mapping[str, tuple[Point, Named]], catalogue: Catalogue, *, takes_all: bool) -> None:
        self._points = points
        self._catalogue = catalogue
        self._takes_all = takes_all
        self._known: dict[str, bool] = {}

    def __contains__(self, text: object) -> bool:
        known = self._known.get(text)  # type: ignore[call-overload]  # a text
        if known is None:
            known = self._known[str(text)] = self._is_wanted(str(text))
        return bool(known)

    def _is_wanted(self, text: str) -> bool:
        found = self._points.get(text)
        if self._takes_all or found is None or found[1] != "by its package":
            return True  # of what a module holds that only a test imports nothing is known yet
        return self._catalogue.at(text) is not None or may_raise(found[0])


class Planner:
    """Finds out which tests are explored, and makes their explorers.

    Args:
        settings: What this session runs with.
        sources: Syntax trees of files.
        globs: The points of globs, looked up once.
        provenance: Tells what the project holds.
        shared: Where the workers of a spread session take keys.

    Attributes:
        plans: How each explored test is explored.
        complaints: What is said at the end of the session.
        is_sweep: Whether well-known boundaries are swept because nobody asked for anything else.
    """

    def __init__(
        self,
        settings: Settings,
        sources: Sources,
        globs: Globs,
        provenance: Provenance,
        shared: Shared,
    ) -> None:
        self.plans: dict[pytest.Item, TestPlan] = {}
        self.complaints: list[str] = []
        self.is_sweep = False
        self._settings = settings
        self._sources = sources
        self._globs = globs
        self._provenance = provenance
        self.shared = shared
        self._points: dict[Target, list[Point]] = {}
        self._by_text: dict[str, Point] = {}
        self._objects: dict[str, Target] = {}
        self._taken: set[Key] = set()
        self._offers = Offers(sources, settings.catalogue)
        self._reaches: list[Reach] = []
        self._known_beneath: dict[FunctionKey, list[Way]] = {}
        self._known_boundaries: tuple[int, list[Target]] = (0, [])  # with how many modules were imported then
        self._waits = [Target(*text.split(":")) for text in WAITS]

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
            found = Scenario(one.label, one.rules, "rule", key_of_rule(one.label), one.seed, one.spares_driver)
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
        named: dict[Target, Named] = {}
        if mark is not None and not settings.replay:
            own = [(checked_target(target, place, settings.catalogue), place) for target, place in mark.targets]
            targets = [target for target, _ in own] or targets
        is_unnamed = self.is_sweep or (mark is not None and not targets and not settings.replay)
        rules = [rule for rules in (*scenarios, *(one.rules for one in replays)) for rule in rules]
        names_users = any(is_named_by_user(rule.dependency) for rule in rules)
        # Other rules do without the catalogue.
        boundaries = self._boundaries() if is_unnamed or targets or names_users else []
        if is_unnamed:
            named = dict.fromkeys(boundaries, "by nobody")
        named.update((target, _how_named(target)) for target in targets)
        if not (named or scenarios or replays):
            return None
        chosen = settings.faults if mark is None or mark.faults is None else mark.faults
        looks_beneath = bool(named) and chosen is None
        if looks_beneath and "by its package" in named.values():
            for boundary in boundaries:
                named.setdefault(boundary, "by its package")
        places = dict((*settings.targets, *own))
        places.update((rule.target, rule.source) for rule in rules)
        promised = [one for one in (*contract.effects, *contract.core) if self._can_be_watched(one)]
        watching = dict.fromkeys([*named, *(rule.target for rule in rules), *promised])
        looks_on = bool(named) or names_users
        beneath = [one for one in (*boundaries, *self._waits) if looks_on and one not in watching]
        everything = self.watched_of([*watching, *beneath], places)
        watched = everything[: len(watching)]
        points = {point.text: (point, named[target]) for target, found in watched if target in named for point in found}
        interest = Interest(points, settings.catalogue, takes_all=not looks_beneath)
        exact = frozenset(text for text, (_, how) in points.items() if how == "exactly")
        reaching = Reaching(interest if named else (), self._outer(boundaries), everything[len(watching) :], exact)
        return TestPlan(
            watched,
            list(named),
            scenarios,
            mark or Exploration(),
            contract,
            replays,
            labels,
            named,
            reaching,
            is_marked=mark is not None,
            is_own=mark is not None or bool(labels or replays) or settings.scope != "suite",
            boundaries=len(boundaries),
            unloaded=tuple(one for one in watching if not (one.is_glob or one.is_object or one.is_loaded)),
        )

    def _can_be_watched(self, target: Target) -> bool:
        """Tell whether a target of a contract is there: a library that nobody has imported is not called either."""
        return target.module in sys.modules or self._settings.catalogue.at(target.text) is None

    def _boundaries(self) -> list[Target]:
        """Return the boundaries whose modules are imported, without those that the project itself holds."""
        modules = len(sys.modules)
        if self._known_boundaries[0] != modules:
            self._known_boundaries = modules, self._find_boundaries()
        return self._known_boundaries[1]

    def _find_boundaries(self) -> list[Target]:
        is_projects: dict[str, bool] = {}
        found = []
        for boundary in self._settings.catalogue.imported():
            module = boundary.module
            if module not in is_projects:
                file = getattr(sys.modules[module], "__file__", None)
                is_projects[module] = isinstance(file, str) and self._provenance.of_file(file) == "project"
            if not is_projects[module]:
                found.append(parse_target(boundary.target))
        return found

    def _outer(self, boundaries: list[Target]) -> dict[FunctionKey, str]:
        """Return the injection points of those boundaries that are written in Python, by their code."""
        found = {}
        for target in boundaries:
            for point in self._points_now(target):
                function = function_behind(point.raw)
                if function is not None:
                    found[function_key(undecorated(function).__code__)] = point.text
        return found

    def current(self, item: pytest.Item) -> TestPlan | None:
        """Return how a test is explored, with boundaries and targets in modules that were imported meanwhile."""
        plan = self.plans.get(item)
        if plan is None:
            return None
        is_late = any(target.is_loaded and self._points_now(target) for target in plan.unloaded)
        if not is_late and (not plan.boundaries or plan.boundaries == len(self._boundaries())):
            return plan
        targets = [target for target in plan.targets if plan.named[target] in ("exactly", "by its module")]
        targets += [target for target in plan.targets if _how_named(target) == "by its package"]
        mark = plan.mark if plan.is_marked else None
        try:
            fresh = self._plan(targets, plan.scenarios, mark, item, plan.wanted, plan.replays)
        except SpecificationError:  # of another target that came late, told at the end
            return plan
        if fresh is not None:
            self.plans[item] = fresh
        return fresh

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

    def watched_now(self, watched: Watched) -> Watched:
        """Return watched targets with the injection points of modules that tests have imported meanwhile."""
        for target in [known for known in self._points if known.is_glob]:
            del self._points[target]  # those that stand still are not looked up again
        try:
            return self.watched_of([target for target, _ in watched])
        except SpecificationError:  # told at the end
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
                yield Scenario(label, rules, "rule", key_of_rule(label), number, spares_driver=False)
            return
        for rules in plan.scenarios:
            is_repeated = is_random(rules) and settings.runs > 1
            seeds: Iterable[int | None] = seeds_of(settings.seed, settings.runs) if is_repeated else [None]
            for seed in seeds:
                label = unique_label(rule_label(rules), known, seed)
                yield Scenario(label, rules, "rule", key_of_rule(label), seed, spares_driver=False)

    def explorer_of(self, item: pytest.Item, plan: TestPlan, plain: Plain) -> Explorer:
        """Return what finds the scenarios of a test whose plain run is over."""
        assert plain.reach is not None, "the plain run was made here"
        self.knows(plain)
        named: dict[str, Named] = {}
        for target, how in plan.named.items():
            for point in self._points_now(target):
                named.setdefault(point.text, how)
        globs = [target for target in plan.named if target.is_glob]
        chosen = plan.mark.faults if plan.mark.faults is not None else self._settings.faults

        def is_swept(way: Way) -> bool:
            how = named.get(way.point)
            if how is None and globs:  # its module was imported while the test ran
                glob = next((one for one in globs if may_name(one, way.point)), None)
                if glob is not None:
                    how = named[way.point] = plan.named[glob]
            if how != "by its package" or chosen is not None or any(may_name(one, way.point) for one in globs):
                return how is not None
            return any(may_name(glob, name) for glob in globs for name in way.through)

        def offered(way: Way) -> list[Fault]:
            point = self._point_of(way.point) if is_swept(way) else None
            if point is None:
                return []
            if chosen is not None:
                return [fault for fault in chosen if not fault.refusal(point.kind)]
            function = function_behind(point.raw)
            beneath = [] if function is None else self._beneath(function_key(undecorated(function).__code__))
            return self._offers.of(Called(point, way, named[way.point], beneath))

        ways = [way for way in plain.reach.ways(self._offers.handling.is_guarded) if is_swept(way)]
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
            ways,
            offered,
            keep=keep,
            take=self._take if not plan.is_own else lambda key: True,
            claim=self.shared.take if not plan.is_own else lambda key: True,
            with_driver=plan.mark.driver,
            rules=[*own, *plan.replays],
            wanted=self._wanted(plan),
            target_of=self._target_of,
        )

    def knows(self, plain: Plain) -> None:
        """Take in what a plain run says of what is beneath functions, for all tests."""
        if plain.reach is not None and plain.reach not in self._reaches:
            self._reaches.append(plain.reach)
            self._known_beneath.clear()

    def is_guarded(self, step: Step) -> bool:
        """Tell whether something around a line could take, change or outlive an error."""
        return self._offers.handling.is_guarded(step)

    def _beneath(self, function: FunctionKey) -> list[Way]:
        known = self._known_beneath.get(function)
        if known is None:
            ways = (way for reach in self._reaches for way in reach.beneath(function))
            found = {
                (way.point, way.site, way.steps, way.dependency, way.outer, way.limits, way.modes): way for way in ways
            }
            known = self._known_beneath[function] = list(found.values())
        return known

    def _point_of(self, text: str) -> Point | None:
        point = self._by_text.get(text)
        if point is None:
            try:
                point = next(iter(resolve_target(self._target_of(text))), None)
            except SpecificationError:
                return None
            if point is not None:
                self._by_text[text] = point
        return point

    def _take(self, key: Key) -> bool:
        """Take a key for a test, and tell whether no other test of this process has it."""
        is_free = key not in self._taken
        self._taken.add(key)
        # No scenario of a plan is ever begun, and each worker prints its own.
        return is_free and (not self._settings.plans or self.shared.take(key))

    def _wanted(self, plan: TestPlan) -> Callable[[str], bool] | None:
        only = self._settings.only
        if not only and not plan.wanted:
            return None

        def wanted(label: str) -> bool:
            if plan.wanted and not any(one == label or one.startswith(f"{label} + ") for one in plan.wanted):
                return False
            return not only or any(_may_be_meant(label, glob) for glob in only)

        return wanted


def _how_named(target: Target) -> Named:
    if not target.is_glob:
        return "exactly"
    return "by its package" if "*" in target.module or "?" in target.module else "by its module"


def _may_be_meant(label: str, glob: str) -> bool:
    """Tell whether a glob means a scenario, or a pair that only this scenario can lead to."""
    leading = glob.rpartition(" + ")[0]
    return fnmatch.fnmatchcase(label, glob) or (bool(leading) and fnmatch.fnmatchcase(label, leading))
