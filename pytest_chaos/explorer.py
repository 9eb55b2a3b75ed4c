"""The explorer: from a recorded plain run to the scenarios worth running, one by one, pruned and in fair order.

A *key* is a target, the way through the system that leads to it, what is called, and a fault. For each key there are up
to three shapes: every call to what is called fails from then on, or the first or the second one of this way only. What
a shape showed decides which others are worth a run, so the explorer is asked for one scenario at a time and told what
came of it. Pure: it runs nothing and knows no test runner.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from pytest_chaos.dependencies import is_tests_own
from pytest_chaos.faults.base import Fault
from pytest_chaos.faults.hanging import Hang
from pytest_chaos.faults.instances import RaisingFault
from pytest_chaos.notation import (
    format_arguments,
    format_chain,
    format_fault,
    format_left,
    format_scenario,
    has_text,
    is_known,
    parse_target,
)
from pytest_chaos.observation import Observation
from pytest_chaos.reach import Way
from pytest_chaos.scenario import Rule, Term
from pytest_chaos.target import Target
from pytest_chaos.trace import Calls, Spot, Trace
from pytest_chaos.triggers import ALWAYS, Hits, Trigger
from pytest_chaos.verdict import Judgement

Shape = Literal["all", "first", "second", "pair", "rule"]
"""Which calls fail: all from the first one of the way on, the first or second one only; two faults; a user's rule."""


class Key(NamedTuple):
    """What is explored once, all of it as texts.

    Attributes:
        point: The injection point; empty for a user's rule.
        way: The way to it.
        dependency: What is called; empty where nothing tells.
        fault: The fault, or the label of a user's rule.
    """

    point: str
    way: str
    dependency: str
    fault: str


def key_of_rule(label: str) -> Key:
    """Return the key of a scenario that the user wrote."""
    return Key("", "", "", label)


EXPLORATION = "exploration"
"""The place of writing of rules that nobody wrote."""

CANNOT_FAIL = "cannot fail"
"""Why a call is not explored to which nothing can happen."""

WAITS_THE_SAME = "the same line waits, reached from another caller"
"""Why a call is not made to hang that hangs on another way already."""

TAKEN = "explored by another test"
"""Why a key is not explored again where each is explored once per suite."""

OWN = "a file or database that the test made itself"
"""The dependency of a key, as tests share it, where each of them makes one and calls it what it likes."""

_LONGEST_LABEL = 80  # characters


@dataclass(frozen=True)
class Scenario:
    """One run under faults that is worth its time.

    Attributes:
        label: What its id shows.
        rules: What goes wrong.
        shape: Which calls fail.
        key: What it is about.
        seed: The seed of its chances, or ``None`` for the session's.
        spares_driver: Whether the test's own calls are left alone.
    """

    label: str
    rules: tuple[Rule, ...]
    shape: Shape
    key: Key
    seed: int | None = None
    spares_driver: bool = True

    @functools.cached_property
    def text(self) -> str:
        """The canonical text of its rules."""
        return format_scenario(self.rules)

    @property
    def has_text(self) -> bool:
        """Whether that text can be read back, here and in another process."""
        return all(map(has_text, self.rules))

    @property
    def lane(self) -> str:
        """The dependency whose turn it is, or the target where nothing tells one."""
        return self.key.dependency or self.key.point


@dataclass(frozen=True)
class Outcome:
    """What a run showed, as far as it decides over others.

    Attributes:
        fails: Whether its verdict fails.
        activations: How often the fault fired.
        spots: The calls of the run, in the order of their first one.
        ways: Asked for the ways by which they were made, where some are new.
        effect: What can be compared between two faults: verdict, ending, who caught, and who called how often.
    """

    fails: bool
    activations: int
    spots: Mapping[Spot, Calls]
    effect: tuple[object, ...]
    ways: Callable[[], Iterable[Way]] = tuple

    @classmethod
    def of(cls, seen: Observation, judgement: Judgement, trace: Trace, ways: Callable[[], Iterable[Way]]) -> Outcome:
        """Return what counts of a run."""
        failure = seen.failure
        # Not its message, which holds names and tokens; and whichever error of ours it is, it is the fault.
        ending = None if failure is None else failure.is_injected or (failure.error, failure.place)
        # Two errors can come to the same; an error and a hang are taken in different ways, by other lines.
        kinds = frozenset(type(activation.fault) for activation in seen.activations)
        effect = (kinds, judgement.verdict, ending, frozenset(seen.handlers), frozenset(trace.shape().items()))
        return cls(judgement.fails, seen.fired, dict(trace.spots), effect, ways)


Offered = Callable[[Way], Iterable[Fault]]
Keep = Callable[[Scenario], bool]
Take = Callable[[Key], bool]
"""Takes a key for the test that asks, and tells whether no other one has it."""


class Explorer:
    """The scenarios of one test.

    Args:
        plain: The trace of its plain run.
        ways: The ways by which calls were made in it that may fail.
        offered: The faults that calls can meet.
        keep: What users' predicates say of a scenario; one that is not kept is pruned.
        take: Takes a key, where each is explored once per suite; asked when it is planned.
        claim: Takes it from others that explore the same suite; asked when its first scenario is to begin.
        with_driver: Whether the test's own calls are explored, too.
        rules: Scenarios of the user's rules; they come first.
        wanted: If only some scenarios are wanted, whether one is.
        target_of: Returns the target that the text of an injection point stands for.

    Attributes:
        keys: How many keys the plain run has.
        made: How many scenarios were handed out, by shape.
        pruned: How many were not worth a run, by reason.
    """

    def __init__(
        self,
        plain: Trace,
        ways: Iterable[Way],
        offered: Offered,
        *,
        keep: Keep = lambda scenario: True,
        take: Take = lambda key: True,
        claim: Take = lambda key: True,
        with_driver: bool = False,
        rules: Iterable[Scenario] = (),
        wanted: Callable[[str], bool] | None = None,
        target_of: Callable[[str], Target] = parse_target,
    ) -> None:
        self._wanted = wanted
        self._target_of = functools.lru_cache(target_of)
        self._plain = plain
        self._ways = list(ways)
        self._offered = offered
        self._keep = keep
        self._take = take
        self._claim = claim
        self._with_driver = with_driver
        self._lanes: dict[str, deque[Scenario]] = {}
        self._turns: deque[str] = deque()
        self._labels: Counter[str] = Counter()
        self._followers: dict[Key, tuple[list[Scenario], list[Scenario]]] = {}
        self._effects: dict[tuple[object, ...], Key] = {}
        self._paired: set[tuple[object, ...]] = set()
        self._texts: set[str] = set()
        self._own: dict[tuple[str, str], set[str]] = {}  # the files and databases of the test's own on each way
        self._lost: set[Key] = set()
        self.keys = 0
        self.made: Counter[Shape] = Counter()
        self.pruned: Counter[str] = Counter()
        self._own_rules = deque(rule for rule in rules if wanted is None or wanted(rule.label))
        self._plan()
        if wanted is not None:
            self._choose(wanted)

    # --- asked by who runs them

    def next(self) -> Scenario | None:
        """Return the next scenario, or ``None`` when there is nothing left; each target gets its turn."""
        if self._own_rules:
            scenario = self._own_rules.popleft()
            self.made[scenario.shape] += 1
            return scenario
        while self._turns:
            lane = self._turns.popleft()
            waiting = self._lanes[lane]
            if not waiting:
                del self._lanes[lane]
                continue
            scenario = waiting.popleft()
            self._turns.append(lane)
            if not self._is_ours(scenario):
                continue
            self.made[scenario.shape] += 1
            return scenario
        return None

    def give_back(self, scenario: Scenario) -> None:
        """Take back a scenario that was handed out and not run."""
        self.made -= Counter([scenario.shape])
        lane = scenario.lane
        if lane in self._lanes:
            self._turns.remove(lane)
        self._turns.appendleft(lane)
        self._lanes.setdefault(lane, deque()).appendleft(scenario)

    def saw(self, scenario: Scenario, outcome: Outcome) -> None:
        """Take in what a run showed: it says which further ones are worth their time."""
        if scenario.shape == "all":
            self._saw_all(scenario, outcome)
        if scenario.shape in ("all", "first") and not outcome.fails:
            self._pair(scenario, outcome)

    @property
    def waiting(self) -> list[Scenario]:
        """The scenarios that are planned and were not handed out."""
        return [*self._own_rules, *(scenario for lane in self._lanes.values() for scenario in lane)]

    @property
    def planned(self) -> list[Scenario]:
        """All that a plain run lets foresee: those that are waiting, and those that may follow them."""
        followers = [one for first, second in self._followers.values() for one in (*first, *second)]
        return [*self.waiting, *followers]

    # --- inside

    def _is_ours(self, scenario: Scenario) -> bool:
        """Tell whether nobody else explores the key of a scenario; a key that somebody does goes, with its shapes."""
        if scenario.shape == "pair" or self._claim(self._in_suite(scenario.key)):
            return True
        if scenario.key not in self._lost:
            self._lost.add(scenario.key)
            self._followers.pop(scenario.key, None)
            self.keys -= 1
            self.pruned[TAKEN] += 1
        return False

    def _choose(self, wanted: Callable[[str], bool]) -> None:
        """Leave only what is wanted; a shape does not wait for what another one shows that is not wanted."""
        lasting = [scenario for lane in self._lanes.values() for scenario in lane]
        self._lanes.clear()
        self._turns.clear()
        self._texts.clear()
        for scenario in lasting:
            shapes = self._followers.pop(scenario.key)
            once, again = ([follower for follower in shape if wanted(follower.label)] for shape in shapes)
            if wanted(scenario.label):
                self._followers[scenario.key] = (once, again)
                self._add(scenario)
                continue
            for follower in (*once, *again):
                self._add(follower)

    def _plan(self) -> None:
        explored = [way for way in self._ways if self._with_driver or not way.site.is_driver]
        several = Counter((way.point, way.dependency) for way in explored)
        for way in explored:
            if is_tests_own(way.dependency):
                self._own.setdefault((way.point, way.text), set()).add(way.dependency)
        self.pruned["made by the tests themselves"] += sum(way.count for way in self._ways) - sum(
            way.count for way in explored
        )
        for way in explored:
            faults = list(self._offered(way))
            if not faults:
                self.pruned[CANNOT_FAIL] += way.count
            for fault in faults:
                self._plan_key(way, fault, is_alone=several[way.point, way.dependency] == 1)
        self.pruned = +self.pruned

    def _plan_key(self, way: Way, fault: Fault, *, is_alone: bool) -> None:
        key = Key(way.point, way.waiting if isinstance(fault, Hang) else way.text, way.dependency, format_fault(fault))
        if key in self._followers:
            self.pruned[WAITS_THE_SAME] += 1
            return
        if not self._take(self._in_suite(key)):
            self.pruned[TAKEN] += 1
            return
        self.keys += 1
        word = fault_label(fault)
        name = f"{way.point}[{way.dependency}]" if way.dependency else way.point
        at = "" if is_alone else f"@{way.site.label}"

        def scenario(shape: Shape, trigger: Trigger, below: str = "") -> Scenario:
            rule = self._rule(way.point, fault, trigger, dependency=way.dependency, below=below)
            label = unique_label(f"{name} {word} {shape}{at}", self._labels)
            return Scenario(label, (rule,), shape, key, spares_driver=not self._with_driver)

        first = way.numbers[0].all
        if not self._add(scenario("all", ALWAYS if first == 1 else Trigger(hits=Hits(first=first)))):
            return
        below = "" if is_alone else way.outermost
        shapes: tuple[Shape, ...] = ("first", "second")
        # The examples of a property test all begin with 1.
        numbers = dict.fromkeys(number.below[below] if below else number.all for number in way.numbers)
        single = [
            scenario(shape, Trigger(hits=Hits.listed([number])), below)
            for shape, number in zip(shapes, numbers, strict=False)
            if fault.acts_on_any_call
        ]
        self._followers[key] = (single[:1], single[1:])

    def _in_suite(self, key: Key) -> Key:
        """Return a key as other tests have it: the one temporary file that each of them makes is the same to all."""
        if len(self._own.get((key.point, key.way), ())) != 1 or not is_tests_own(key.dependency):
            return key
        return key._replace(dependency=OWN)

    def _rule(self, point: str, fault: Fault, trigger: Trigger, *, dependency: str = "", below: str = "") -> Rule:
        chain = (Term(fault, trigger),)
        return Rule(self._target_of(point), chain, EXPLORATION, dependency=dependency, below=below)

    def _add(self, scenario: Scenario) -> bool:
        if not self._keep(scenario):
            self.pruned["excluded by a predicate"] += 1
            return False
        if scenario.text in self._texts:  # in examples of a property test, calls of two lines have the same number
            self.pruned["the same faults already run"] += 1
            return False
        self._texts.add(scenario.text)
        if scenario.lane not in self._lanes:
            self._lanes[scenario.lane] = deque()
            self._turns.append(scenario.lane)
        self._lanes[scenario.lane].append(scenario)
        return True

    def _saw_all(self, scenario: Scenario, outcome: Outcome) -> None:
        once, again = self._followers.pop(scenario.key, ([], []))
        reason = self._why_no_more(scenario.key, outcome)
        if reason:
            self.pruned[reason] += len(once) + len(again)
            return
        if outcome.activations > 1 and self._is_called_again(scenario.key.point, outcome):
            for follower in once:
                self._add(follower)
        else:
            self.pruned["only one call"] += len(once)
        for follower in again:
            self._add(follower)

    def _is_called_again(self, target: str, outcome: Outcome) -> bool:
        """Tell whether a body calls a point more than once; a property test runs its body for each example."""
        numbers = {
            number
            for (point, site), calls in outcome.spots.items()
            if point == target and (self._with_driver or not site.is_driver)
            for number in calls.numbers
        }
        return len(numbers) > 1

    def _why_no_more(self, key: Key, outcome: Outcome) -> str:
        if outcome.fails:
            return "this fault already fails here"
        if not outcome.activations:
            return "the call was not made this time"
        first = self._effects.setdefault((*key[:3], outcome.effect), key)
        return "" if first == key else "another fault has the same effect"

    def _pair(self, scenario: Scenario, outcome: Outcome) -> None:
        """Add the faults on what was called for the first time under a fault: a fallback, a clean-up."""
        key = scenario.key
        is_double = self._effects.get((*key[:3], outcome.effect), key) != key
        if is_double or not outcome.activations:
            return
        known = {(point, site.place) for point, site in self._plain.spots}
        new = {(point, site.place) for point, site in outcome.spots} - known
        if not new:
            return
        for way in outcome.ways():
            if (way.point, way.site.place) not in new or (way.site.is_driver and not self._with_driver):
                continue
            first = way.numbers[0].all
            trigger = ALWAYS if first == 1 else Trigger(hits=Hits(first=first))
            for fault in self._offered(way):
                text = format_fault(fault)
                if (key, way.point, way.text, way.dependency, text) in self._paired:
                    continue
                self._paired.add((key, way.point, way.text, way.dependency, text))
                label = unique_label(f"{scenario.label} + {way.point} {fault_label(fault)}", self._labels)
                rules = (*scenario.rules, self._rule(way.point, fault, trigger, dependency=way.dependency))
                if self._wanted is not None and not self._wanted(label):
                    continue
                pair = key._replace(fault=f"{key.fault} + {text}")
                self._add(Scenario(label, rules, "pair", pair, spares_driver=not self._with_driver))


# --- labels


def fault_label(fault: Fault) -> str:
    """Return how a label names a fault: ``raise TimeoutError``, ``hang``, ``return 42``."""
    if isinstance(fault, RaisingFault):
        return f"{fault.word} {getattr(fault.exc, '__name__', None) or type(fault.exc).__name__}"
    arguments = format_arguments(fault)
    if not arguments:
        return format_fault(fault)
    return f"{fault.word} {arguments}" if is_known(fault) else f"‹{fault.word or type(fault).__name__} {arguments}›"


def rule_label(rules: Iterable[Rule]) -> str:
    """Return the label of a user's scenario."""
    return " + ".join(f"{format_left(rule)} {format_chain(rule, fault_label)}" for rule in rules)


def unique_label(label: str, known: Counter[str], seed: int | None = None) -> str:
    """Return a label fit for an id, and told apart from equal ones by a number.

    Args:
        label: What it says.
        known: How often each label was given.
        seed: The seed, where it is a part of the label: however long that is, the seed can be read.
    """
    label = re.sub(r"::+", ":", label.replace(";", ",").replace("[chaos:", "[chaos"))
    label = re.sub(r"\s+", " ", label).strip().rstrip("@ ")
    ending = "" if seed is None else f" seed={seed}"
    if len(label) + len(ending) > _LONGEST_LABEL:
        digest = hashlib.blake2b((label + ending).encode(), digest_size=4).hexdigest()
        label = f"{label[: _LONGEST_LABEL - 9 - len(ending)]} {digest}"
    label += ending
    known[label] += 1
    if known[label] == 1:
        return label
    return unique_label(f"{label} ({known[label]})", known)


@dataclass
class Tally:
    """How much of what was planned was run, over the tests of a session.

    Attributes:
        tests: Tests that were explored.
        unreached: Tests that called nothing to explore.
        keys: Keys that their plain runs have.
        runs: Scenarios that were run, by shape.
        pruned: Scenarios that were not worth a run, by reason.
        left_out: Scenarios that were worth one and not run, by reason.
        checks: Runs that were made to be sure: each confirmation, probe and fresh process.
        estimated_s: About how long what was planned takes, in seconds, where nothing of it is run.
        spent_s: How long planning and all runs took, with their fixtures, in seconds.
    """

    tests: int = 0
    unreached: int = 0
    keys: int = 0
    runs: Counter[str] = field(default_factory=Counter)
    pruned: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    estimated_s: float = 0.0
    spent_s: float = 0.0

    @classmethod
    def of_all(cls, tallies: Iterable[Tally]) -> Tally:
        """Return what several processes have done together."""
        total = cls()
        for tally in tallies:
            total.include(tally)
        return total

    def include(self, other: Tally) -> None:
        """Add what another tally counts."""
        for name, value in vars(other).items():
            mine = getattr(self, name)
            if isinstance(value, Counter):
                mine.update(value)
            else:
                setattr(self, name, mine + value)

    def expect(self, seconds: float) -> None:
        """Add how long a test is about to take."""
        self.estimated_s += seconds

    def spend(self, seconds: float) -> None:
        """Add how long something took."""
        self.spent_s += seconds

    def as_record(self) -> dict[str, Any]:
        """Return plain values, which travel between processes."""
        return {name: dict(value) if isinstance(value, Counter) else value for name, value in vars(self).items()}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Tally:
        """Return the tally of a record."""
        values: dict[str, Any] = {
            name: Counter(value) if isinstance(value, dict) else value for name, value in record.items()
        }
        return cls(**values)

    def add(self, explorer: Explorer) -> None:
        """Count a test that is done with."""
        is_explored = bool(explorer.keys or explorer.made)
        self.tests += is_explored
        self.unreached += not (is_explored or explorer.pruned[TAKEN])
        self.keys += explorer.keys
        self.runs.update(explorer.made)
        self.pruned.update(explorer.pruned)


def seeds_of(seed: int, runs: int) -> Iterator[int]:
    """Yield the seeds of repeated runs: the session's own first, the others derived from it."""
    yield seed
    for number in range(1, runs):
        digest = hashlib.blake2b(f"{seed}|run {number}".encode(), digest_size=4).digest()
        yield int.from_bytes(digest, "big")


def is_random(rules: Iterable[Rule]) -> bool:
    """Tell whether the seed decides over a scenario, so that runs with other seeds tell more."""
    return any(term.trigger.rate < 1 for rule in rules for term in rule.chain)
