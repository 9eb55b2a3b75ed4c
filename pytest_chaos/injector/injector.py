"""Arms and lifts rules, and decides over each call that reaches an injection point."""

from __future__ import annotations

import contextlib
import fnmatch
import gc
import os
import sys
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextvars import Context, copy_context
from time import monotonic
from types import CodeType, FrameType, FunctionType, MethodType, ModuleType, TracebackType
from typing import Any, NamedTuple, Protocol, Self

from pytest_chaos import compat
from pytest_chaos.clocks import UNCAPPED, reads_clock
from pytest_chaos.doubles import Double, double_at
from pytest_chaos.faults.base import Fault
from pytest_chaos.faults.connections import MODULES as CONNECTIONS
from pytest_chaos.hang import Ward
from pytest_chaos.injector.attribute import Covered, is_ours, uncovered
from pytest_chaos.injector.bytecode import ask
from pytest_chaos.injector.call import AnyCall
from pytest_chaos.injector.closures import StandIn, is_c_function
from pytest_chaos.injector.gate import ALWAYS, Entries, Gates, Way
from pytest_chaos.injector.importing import not_yet_imported
from pytest_chaos.injector.mechanisms import Armory, Mechanism, mechanism_for
from pytest_chaos.injector.passage import PLAIN, Decision, Passage
from pytest_chaos.injector.patching import heard
from pytest_chaos.injector.references import unreached
from pytest_chaos.injector.remembering import NO_ACTIVATION, Remember
from pytest_chaos.injector.splicing import receiver_test
from pytest_chaos.injector.strike import GUARD, Strike
from pytest_chaos.injector.trial import why_not_now
from pytest_chaos.journal import Activation, Journal, Row, activations_of, label_of
from pytest_chaos.notation import format_chain, format_left
from pytest_chaos.provenance import Provenance, caller_frame, caller_module, function_name
from pytest_chaos.replies.of_clients import new_replies
from pytest_chaos.resources import tap
from pytest_chaos.resources.actors import Actors
from pytest_chaos.scenario import Rule, Term
from pytest_chaos.schedule import Cursor, stream
from pytest_chaos.target import (
    Point,
    Positions,
    Target,
    are_same,
    as_it_stands,
    function_behind,
    is_at_home,
    is_written_there,
    leads_by,
    module_matcher,
)
from pytest_chaos.trace import CallerOf, Loop
from pytest_chaos.triggers import Call
from pytest_chaos.turns import Turn

_STRIDE = 0x9E3779B1  # odd, so that it takes 2**24 steps to come round; the golden ratio, so that they look unlike


class Observer(Protocol):
    """Is told of every call at the points it watches; nothing happens to the call."""

    def __call__(self, point: str, frame: FrameType | None, actor: str, call: AnyCall) -> None: ...


DependencyOf = Callable[[str, AnyCall, FrameType | None], str]
"""Tells the name of what a call at an injection point goes to, given the calling frame."""


class Patience(NamedTuple):
    """For how long a fault without an end acts, so that a system that tries again for ever comes to an end.

    Attributes:
        firings: At most so many activations.
        seconds: At most so long from body start.
    """

    firings: int
    seconds: float


Refused = tuple[str, str, int, str]
"""Who made a call that a filter refused: module, file, line and function."""

MOST_CALLERS = 20  # that are told apart; a typo in a filter shows in the first


class Injection:
    """One armed rule. As a context manager it lifts on exit.

    Attributes:
        rule: What was asked for.
        text: Canonical text of the rule.
        faults: The part of it that tells its faults and triggers.
        points: The injection points it acts on.
        moved: Those of them where something else stood when it was armed.
        astray: Those where a fault could be put when it was armed, and nothing stands now that can meet one.
        covered: What stood over some of them when the body ended: the test put it there meanwhile, past the fault.
        sites: Where it stands there.
        other_names: Those at which it does not stand, for they lead to functions at which it stands already.
        filtered: How many calls its filters refused; these are not counted.
        refused: Who made them: module, file, line and function of the caller, with their number.
        parameters: The names under which these calls' arguments were looked for, if the rule asks for any.
        shadowed: On how many calls it wanted to act, and another rule did.
        is_planned: Whether its calls pass gates that are planned ahead, instead of being decided one by one.
        gates: These gates, from the first call on.
        rank: Of all that act at a site, the one with the highest rank wins.
        observer: Who is told of the calls, for a watch, which no fault belongs to.
        spares_driver: Whether calls without a frame of the project behind them are counted and never disturbed.
        patience: How often and how long it may go on before it is lifted, for a fault that nobody chose by hand.
        let_through: Why it acts no more, once its patience is over.
        loops: The loops in which lines have met it so often that they have no cap, and whether nothing could end them;
            by point, and code and line of the caller.
        turn: One turn of such a loop that is listened to.
        why_passed: What the calls have in common that it picked, and that its fault let pass; empty for none.
    """

    def __init__(
        self,
        rule: Rule,
        text: str,
        points: list[Point],
        injector: Injector,
        ordinal: int,
        rank: int,
        *,
        faults: str = "",
        observer: Observer | None = None,
        spares_driver: bool = False,
        patience: Patience | None = None,
    ) -> None:
        self.rank = rank
        self.observer = observer
        self.spares_driver = spares_driver
        self.patience = patience
        self.let_through = ""
        self.loops: dict[tuple[str, CodeType, int], Loop] = {}
        self.turn: Turn | None = None
        self.rule = rule
        self.text = text
        self.faults = faults
        self.points = list(points)
        self._positions: Positions | None = None
        self.moved: list[Point] = []
        self.astray: list[Point] = []
        self.covered: list[Point] = []
        self._former: list[Point] = []  # that may come back; no doubles, for nobody keeps these alive
        self._met: dict[Double, None] = {}
        self.other_names: list[Point] = []
        self.sites: list[_Site] = []
        self.is_lifted = False
        # It lifts this; no longer than that, for each holds the other.
        self._injector: Injector | None = injector
        self._key = injector.key
        self._lock = injector.lock
        self._provenance = injector.provenance
        self._ordinal = ordinal
        self._earlier_calls = 0
        self.filtered = 0
        self.refused: Counter[Refused] = Counter()
        self.parameters: dict[str, None] = {}
        self.shadowed = 0
        self._earlier_fired = 0
        self.recorded: list[Row | Activation] = []
        self.needs_answers = any(term.fault.needs_answers for term in rule.chain)
        self.is_planned = False
        self.gates: Gates | None = None
        self._token_seeds: dict[str, int] = {}
        self.why_passed = ""
        self.cursor = self._new_cursor()

    @property
    def calls(self) -> int:
        """How many matching calls were counted."""
        with self._lock:
            return self._earlier_calls + self.cursor.calls + (0 if self.gates is None else self.gates.passed)

    @property
    def fired(self) -> int:
        """On how many calls a fault of this rule acted."""
        return self._earlier_fired + self.cursor.firings

    @property
    def activations(self) -> list[Activation]:
        """The calls on which a fault acted, in order."""
        return activations_of(self.recorded)

    def refuse(self, frame: FrameType | None) -> None:
        """Note a call that a filter refused, and who made it."""
        self.filtered += 1
        caller = caller_frame(frame)
        if caller is not None:
            code = caller.f_code
            made = (caller_module(caller), code.co_filename, caller.f_lineno, code.co_qualname)
            if made in self.refused or len(self.refused) < MOST_CALLERS:
                self.refused[made] += 1

    @property
    def is_loop_known(self) -> bool:
        """Whether the loop that meets it again and again was found."""
        return bool(self.loops)

    def note_loop(
        self, point: str, caller: FrameType, loop: FrameType, *, is_endless: bool, is_timed: bool = False
    ) -> None:
        """Note the loop in which a line calls again and again, and whether nothing in it could end it, or a clock."""
        place = self._provenance.place(loop.f_code, loop.f_lineno)
        self.loops[point, caller.f_code, caller.f_lineno] = Loop(place, is_endless, is_timed)

    def begin_turn(self, turn: Turn) -> None:
        """Listen to one turn of the loop that makes its calls."""
        self.turn = turn

    def end_turn(self) -> None:
        """Listen to no turn of a loop any more."""
        turn, self.turn = self.turn, None
        if turn is not None:
            turn.end()

    def note_parameters(self, names: Iterable[str]) -> None:
        """Note the names under which arguments of a refused call were looked for."""
        self.parameters.update(dict.fromkeys(names))

    def lift(self) -> None:
        """End the fault. Harmless when done twice."""
        if self._injector is not None:
            self._injector.lift(self)

    def restart(self) -> None:
        """Count from the first call again; totals go on."""
        if not self.cursor.calls:
            return  # nothing has been counted
        self._earlier_calls, self._earlier_fired = self.calls, self.fired
        self.cursor = self._new_cursor()

    @property
    def unreached(self) -> list[str]:
        """Where the functions of its points are held out of reach of this rule; takes milliseconds to find out."""
        by_name = [point.raw for point in self.points if is_c_function(point.raw)]
        return [text for function in by_name for text in unreached(function)]

    @property
    def doubles(self) -> list[Double]:
        """The test doubles that stood at its points, in front of which or behind which it acted."""
        found = map(self._double_at, (*self._where.in_question, *self.covered))
        return list(dict.fromkeys([*self._met, *(double for double in found if double is not None)]))

    def _double_at(self, point: Point) -> Double | None:
        if is_at_home(point):
            return None
        return double_at(
            point.text,
            point.module,
            point.owner if point.kind == "constructor" else point.raw,
            self._provenance,
            is_new=any(one is point for one in (*self.moved, *self.covered)),
        )

    def rest(self) -> None:
        """Belong to no run, and hold nothing of the last one; for a watch."""
        self._injector, self.observer = None, _nobody
        self.moved, self._former, self._met = [], [], {}

    def resume(self, injector: Injector, observer: Observer, rank: int) -> None:
        """Belong to another run, with all that was found out of where it stands; for a watch."""
        self._injector, self._lock = injector, injector.lock
        self.observer, self.rank = observer, rank

    def moved_points(self, reached: dict[tuple[int, str], bool]) -> list[Point]:
        """Return those of its points where something else stands now; see :meth:`Positions.moved`."""
        return self._where.moved(reached)

    @property
    def _where(self) -> Positions:
        # Those of a test double are its own for one run: afterwards the same points as before are asked about.
        if self._positions is None or self._positions.points != self.points:
            self._positions = Positions(self.points)
        return self._positions

    def stands_as(self, other: Injection) -> None:
        """Act at the points of another rule, that are the same as its own."""
        self.points, self._positions = list(other.points), other._positions

    def reach(self, points: Iterable[Point]) -> None:
        """Act at more points, too."""
        self.points.extend(points)

    def move_to(self, points: list[Point]) -> None:
        """Act at other points."""
        self.points = points

    def go_astray(self, points: list[Point]) -> None:
        """Note at which points it cannot act as long as nothing else stands there."""
        self.astray = points

    def leave(self, points: Collection[Point], *, has_met: bool) -> None:
        """Note what stood at points where something else does now.

        Args:
            points: The points.
            has_met: Whether it acted there.
        """
        for point in points:
            double = self._double_at(point)
            if double is not None:
                self._met.update({double: None} if has_met else {})
            elif all(one is not point for one in self._former):
                self._former.append(point)
        gone = set(map(id, points))
        self.moved = [one for one in self.moved if id(one) not in gone]

    def came_to(self, point: Point, *, is_back: bool) -> Point:
        """Note what stands at a point now, and return that point as it is known if it stood there before.

        Args:
            point: The point.
            is_back: Whether it may have stood there before.
        """
        for known in self._former:
            is_same = known.raw is point.raw and known.owner is point.owner
            if is_same and (known.text, known.inherited) == (point.text, point.inherited):
                return known
        if not is_back:
            self.moved.append(point)
        return point

    def note_covered(self, point: Point) -> None:
        """Note what the test put over it, past the fault."""
        self.covered.append(point)

    def stands_at(self, site: _Site) -> None:
        """Note a place where it stands."""
        self.sites.append(site)

    def has_other_name(self, point: Point) -> None:
        """Note a point that is another name of what it stands at already."""
        self.other_names.append(point)

    def take_other_names(self) -> list[Point]:
        """Return the points that are other names of what it stands at, and forget them."""
        names, self.other_names = self.other_names, []
        return names

    def leaves(self, sites: set[int]) -> None:
        """Note that it was taken away from some places, which are told by identity."""
        self.sites = [site for site in self.sites if id(site) not in sites]

    def put_back(self, index: int, point: Point) -> None:
        """Act again at a point that was another one meanwhile."""
        self.points[index] = point

    def stands_nowhere(self) -> None:
        """Note that it was taken away everywhere."""
        self.sites = []

    def end(self) -> None:
        """Let it act no more, wherever it still stands."""
        self.is_lifted = True
        self._injector = None
        self.end_turn()

    def was_outranked(self) -> None:
        """Count a call on which it wanted to act, and another rule did."""
        self.shadowed += 1

    def use_gates(self, is_planned: bool) -> None:
        """Say whether its calls pass gates from now on; those that it has are of no use any more."""
        self.retire_gates()
        self.is_planned = is_planned

    def new_gates(self) -> Gates:
        """Return gates that are planned from the next call on."""
        self.gates = Gates(self.cursor)
        return self.gates

    def retire_gates(self) -> None:
        """Let every call be decided one by one from now on, or until new gates are made."""
        if self.gates is not None:
            self.gates.retire()
            self.gates = None

    def withdraw(self, activation: Activation) -> None:
        """Take an activation back, if it is one of this rule's."""
        if any(own is activation for own in self.recorded):
            self.why_passed = activation.fault.why_it_passes or self.why_passed
            self.retire_gates()  # they were planned as if it had fired
            self.recorded = [own for own in self.recorded if own is not activation]
            self.cursor.withdraw(activation.term)

    def is_over(self, elapsed_s: float) -> bool:
        """Tell whether it has acted for long enough; a fault that the user chose always goes on."""
        if self.patience is None or self.let_through:
            return bool(self.let_through)
        if self.cursor.firings >= self.patience.firings:
            self.let_through = f"after {self.cursor.firings} activations {self.text} was lifted, so that the test ends"
        elif elapsed_s > self.patience.seconds and self.cursor.firings:
            self.let_through = f"after {self.patience.seconds:g} s {self.text} was lifted, so that the test ends"
        return bool(self.let_through)

    def token(self, actor: str, index: int) -> str:
        """Return the token of an activation: six hexadecimal digits, never the same for two calls of one actor."""
        seed = self._token_seeds.get(actor)
        if seed is None:
            key = repr((self._key, self.text, actor))
            seed = self._token_seeds[actor] = zlib.crc32(key.encode())
        return ((seed + index * _STRIDE) & 0xFFFFFF).to_bytes(3, "big").hex()  # a third of the time of a format

    def _new_cursor(self) -> Cursor:
        return Cursor(self.rule.chain, *self._key, self.text, self._ordinal)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lift()

    def __repr__(self) -> str:
        return f"<Injection {self.text}: {self.fired} of {self.calls} calls>"


_MANY = 50  # points from which on it pays to let a rule rest between two runs, and not to search for garbage

_TURNS = 8  # that are listened to until the loop is found: calls of several tasks may come in turns
_WATCHING = (Term(Remember()),)


def _rank(entry: _Entry) -> int:
    return entry.injection.rank


class _Entry:
    """One rule at one site: the point by which it came here, and which receivers it means."""

    __slots__ = ("injection", "is_receiver", "point")

    def __init__(self, injection: Injection, point: Point, is_receiver: Callable[[Any], bool] | None) -> None:
        self.injection = injection
        self.point = point
        self.is_receiver = is_receiver

    def handed_to(self, injection: Injection) -> None:
        """Let a rule of another run stand here."""
        self.injection = injection


class _Site:
    """One place where something is put in the way of calls, with the rules that act there; the last one wins."""

    __slots__ = ("answers", "function", "key", "mechanism", "passage", "planned", "point", "rules")

    def __init__(self, key: _Key, point: Point, mechanism: Mechanism, function: FunctionType | None) -> None:
        self.key = key
        self.point = point
        self.mechanism = mechanism
        self.function = function  # the Python function behind the point, if there is one
        self.rules: list[_Entry] = []
        self.planned: _Entry | None = None
        self.passage: Passage | None = None
        self.answers: list[Any] = []


_Key = int | tuple[int, str, int]


def _place(point: Point) -> _Key:
    """Return what makes two points one place: a double that is put there since makes it another one."""
    raw = point.raw.__func__ if type(point.raw) is MethodType else point.raw
    is_made_anew = point.inherited and isinstance(point.owner, ModuleType)  # by a ``__getattr__`` of the module
    return (*point.identity, 0 if is_made_anew else id(raw))


class _Resting(NamedTuple):
    """A rule that is over, and still stands at its sites, where a watch stands too: it lets every call pass.

    The next rule with the same points takes its place, so that nothing is done for each of hundreds of functions.
    """

    injection: Injection
    sites: list[_Site]
    entries: list[_Entry]
    other_names: list[Point]

    @classmethod
    def of(cls, injection: Injection) -> _Resting:
        """Let a rule rest where it stands."""
        sites = injection.sites
        entries = [entry for site in sites for entry in site.rules if entry.injection is injection]
        injection.stands_nowhere()
        return cls(injection, sites, entries, injection.take_other_names())

    def replaced_by(self, injection: Injection) -> None:
        """Let a rule of this run stand there instead."""
        injection.stands_as(self.injection)
        for entry in self.entries:
            entry.handed_to(injection)
        for site in self.sites:
            injection.stands_at(site)
            if site.rules[-1].injection is not injection:
                site.rules.sort(key=_rank)
        for point in self.other_names:
            injection.has_other_name(point)

    def end(self) -> Injection:
        """Return the rule, to be taken away from where it stands."""
        for site in self.sites:
            self.injection.stands_at(site)
        return self.injection


class _Watches(NamedTuple):
    """The watches of a run that is over, and the rule that rests where they stand."""

    watched: list[tuple[Target, list[Point]]]
    watches: list[Injection]
    sites: dict[_Key, _Site]
    is_unspliced: bool
    resting: _Resting | None


class KeptWatches:
    """The watches that one run leaves to the next one, if that watches the same targets at the same points."""

    def __init__(self) -> None:
        self._kept: _Watches | None = None

    def keep(self, watches: _Watches) -> None:
        """Keep these until they are taken."""
        self._kept = watches

    def taken(self, watched: Sequence[tuple[Target, list[Point]]]) -> _Watches | None:
        """Return the watches of these targets, or ``None``; what is kept is so no more."""
        kept, self._kept = self._kept, None
        return kept if kept is not None and kept.watched == list(watched) else None


def _let_pass(place: Any, call: Any, parts: Any, entries: Any) -> None:
    """Decide over a call between two runs."""


def _nobody(point: str, frame: FrameType | None, actor: str, call: AnyCall) -> None:
    """Hear for a watch between two runs."""


def _hears_nothing() -> None:
    """Hear of no patches no more, where none are heard of."""


_this_thread = threading.get_ident


class Injector:
    """Puts the rules of one body run in place, and takes them away on every path.

    Args:
        test: Plain id of the test, part of every draw's key.
        seed: The seed.
        provenance: Tells whose calls may be disturbed.
        armory: What the injectors of a session share.
        journal: Where activations are written.
        ward: Where hanging calls are parked.
        actors: Names the threads and tasks that call.
        caller_of: Tells the frame that answers for a call, and whether the system makes it.
        dependency_of: Tells what a call goes to.
        kept: The watches that one run leaves to the next one.

    Attributes:
        key: Seed and test.
        injections: The rules that were armed, in order.
        watches: The same for who only watches.
        replaced: The texts of points at which something else came to stand than was found there first.
        lock: Taken while a call is counted.
    """

    def __init__(
        self,
        test: str,
        seed: int,
        provenance: Provenance,
        armory: Armory,
        journal: Journal,
        ward: Ward,
        actors: Actors,
        caller_of: CallerOf,
        dependency_of: DependencyOf,
        kept: KeptWatches,
    ) -> None:
        self.key = (seed, test)
        self.injections: list[Injection] = []
        self.watches: list[Injection] = []
        self.replaced: set[str] = set()
        self._is_unspliced = False
        self._resting: _Resting | None = None  # of an earlier run, for as long as the watches stand as they did
        self._watched: list[tuple[Target, list[Point]]] | None = None  # what all watches are for, if they may be kept
        self.journal = journal
        self.ward = ward
        self.actors = actors
        self._caller_of = caller_of
        self._dependency_of = dependency_of
        self._kept = kept
        self.provenance = provenance
        self._armory = armory
        self._sites: dict[_Key, _Site] = {}
        self._covered: Covered = {}
        self._standing: list[Mechanism] = []  # that were put in place since the window opened
        self._shadowed: list[Mechanism] = []
        self.lock = compat.new_lock()
        self._is_open = False
        self._suspensions = 0
        self._began = 0.0
        self._ranks = [0, 0]  # the lowest one and the highest one that were given
        self._texts: Counter[str] = Counter()  # of rules that were armed: equal ones draw from streams of their own
        self._entered: set[Entries] = set()  # where some actor has an entry of its own
        self._main = (_this_thread(), threading.current_thread().name)  # of the body, as far as is known yet
        self._alone: list[StandIn] = []  # those that ask the verdicts of the one actor that there is
        self._decides_each_call = False
        self._deaf: Callable[[], None] = _hears_nothing
        self.replies = new_replies()

    # --- rules

    def arm(
        self, rule: Rule, *, below: bool = False, spares_driver: bool = False, patience: Patience | None = None
    ) -> Injection:
        """Arm a rule; it acts once the window is open.

        Args:
            rule: What goes wrong.
            below: Whether rules that are armed already win over it, as if they had been armed later.
            spares_driver: Whether the test's own calls are counted and left alone.
            patience: How long it may go on.

        Raises:
            SpecificationError: Its target cannot be resolved or replaced; then nothing has changed.
        """
        self._armory.tidy()
        faults = format_chain(rule)
        text = f"{format_left(rule)} = {faults}"
        with _collector_paused(rule.target.is_glob):
            points = rule.usable(self._armory.globs.points(rule.target))
            if self._covered:
                points = [uncovered(point, self._covered) for point in points]
            injection = Injection(
                rule,
                text,
                points,
                self,
                self._texts[text],
                self._next_rank(below=below),
                faults=faults,
                spares_driver=spares_driver,
                patience=patience,
            )
            if not rule.can_fire:
                return injection  # rate 0 is the same as no rule: nothing is replaced, nothing is counted
            try:
                if below or not self._take_place(injection):
                    self._attach(injection, injection.points)
            except BaseException:
                self._detach(injection)
                raise
        self.injections.append(injection)
        self._texts[text] += 1
        if rule.target.is_glob and all(watch.rule.target != rule.target for watch in self.watches):  # they listen
            self._armory.imports.listen(not_yet_imported(rule.target), self._module_loaded)
        return injection

    def watch(self, target: Target, observer: Observer, points: list[Point] | None = None) -> Injection:
        """Tell an observer of every call at a target, by whoever may be disturbed, while the window is open.

        Args:
            target: What is watched.
            observer: Who is told.
            points: The injection points, where they are known already.

        Raises:
            SpecificationError: The target cannot be resolved or replaced; then nothing has changed.
        """
        self._armory.tidy()
        rule = Rule(target, _WATCHING)
        # A module that only the test imports is not imported for it.
        points = (rule.points() if target.is_loaded else []) if points is None else points
        points = [uncovered(point, self._covered) for point in points]
        watch = Injection(rule, target.text, points, self, 0, self._next_rank(), observer=observer)
        try:
            with _collector_paused(target.is_glob):
                self._attach(watch, watch.points)
        except BaseException:
            self._detach(watch)
            raise
        self.watches.append(watch)
        self._listen(target)
        return watch

    def watch_all(self, *groups: tuple[Sequence[tuple[Target, list[Point]]], Observer]) -> None:
        """Watch targets whose injection points are known, as every run of an explored test does: with the same sites.

        Args:
            groups: Targets, with their injection points, and who is told of their calls.

        Raises:
            SpecificationError: A target cannot be replaced.
        """
        self._armory.tidy()
        self._is_unspliced = bool(why_not_now())  # a profiler that comes on later changes nothing of these
        watched = [(target, list(points)) for group, _ in groups for target, points in group]
        observers = [observer for group, observer in groups for _ in group]
        kept = self._kept.taken(watched)
        if kept is not None and not self._sites and self._adopt(kept, observers):
            for watch in self.watches:
                self._listen(watch.rule.target)
        else:
            for (target, points), observer in zip(watched, observers, strict=True):
                self.watch(target, observer, points)
        self._watched = watched

    def _adopt(self, kept: _Watches, observers: list[Observer]) -> bool:
        """Take over the watches of an earlier run, unless functions are replaced in another way now."""
        if self._is_unspliced != kept.is_unspliced:
            return False
        decide = self._decide
        for site in kept.sites.values():
            if site.passage is not None:
                site.passage.handed_to(decide)
            if not site.mechanism.fits():
                fresh = mechanism_for(site.point, site.function, self._armory, self._covered)
                if fresh.is_by_function != site.mechanism.is_by_function:
                    return False
                site.mechanism = fresh
        self._sites = kept.sites
        self.watches = kept.watches
        self._resting = kept.resting
        for watch, observer in zip(self.watches, observers, strict=True):
            watch.resume(self, observer, self._next_rank())
        return True

    def _keep_watches(self) -> bool:
        """Leave the watches to the next run, as they stand; tell whether that is done."""
        watched = self._watched
        if watched is None or self._is_open or len(watched) != len(self.watches):
            return False
        if any(site.mechanism.is_shadowed for site in self._sites.values()):
            return False
        for (_, asked), watch in zip(watched, self.watches, strict=True):
            if watch.points == asked:
                continue
            if [point.text for point in watch.points] != [point.text for point in asked]:
                return False
            for index, (was, now) in enumerate(zip(asked, watch.points, strict=True)):
                if now is not was and not is_written_there(now):  # a test double, which nobody keeps alive
                    self._leave(watch, {id(now)})
                    watch.put_back(index, was)
                    self._attach(watch, [was])
        for site in self._sites.values():
            if site.passage is not None:
                site.passage.handed_to(_let_pass)
            site.answers.clear()
        for watch in self.watches:
            watch.rest()
        self._kept.keep(_Watches(watched, self.watches, self._sites, self._is_unspliced, self._resting))
        self.watches, self._sites, self._watched, self._resting = [], {}, None, None
        return True

    def _take_place(self, injection: Injection) -> bool:
        """Let a rule stand where one of an earlier run rests, if that has the same points; tell whether it does."""
        resting = self._resting
        if resting is None or self._is_open or not are_same(resting.injection.points, injection.points):
            return False
        self._resting = None
        resting.replaced_by(injection)
        return True

    def _let_rest(self) -> None:
        """Let the first rule that stands exactly where a watch stands rest there, for the next run that has one."""
        if self._is_open or self._resting is not None:
            return
        for watch, (_, asked) in zip(self.watches, self._watched or (), strict=False):
            if len(asked) < _MANY or watch.points != asked:
                continue
            for injection in self.injections:
                if injection.sites and are_same(injection.points, asked):
                    self._resting = _Resting.of(injection)
                    return

    def _end_rest(self) -> None:
        """Take the rule that rests away, because what stands there is to change."""
        resting, self._resting = self._resting, None
        if resting is not None:
            self._detach(resting.end())

    def _leave(self, injection: Injection, points: set[int]) -> None:
        """Let a rule stand at some of its points no more, which are told by identity."""
        changed = []
        for site in injection.sites:
            kept = [one for one in site.rules if one.injection is not injection or id(one.point) not in points]
            if len(kept) < len(site.rules):
                site.rules = kept
                changed.append(site)
                self._settle_receivers(site)
                if not kept:
                    self._close(site)
        gone = {id(site) for site in changed if all(one.injection is not injection for one in site.rules)}
        injection.leaves(gone)
        self._plan(changed)

    def _close(self, site: _Site) -> None:
        """Take away what no rule needs any more."""
        site.mechanism.remove()
        if site.mechanism.is_shadowed:
            self._shadowed.append(site.mechanism)
        site.passage = None  # it leads back here
        del self._sites[site.key]

    def _listen(self, target: Target) -> None:
        is_late = not target.is_loaded
        if target.is_glob or is_late:
            names = not_yet_imported(target) if target.is_glob else [target.module]
            self._armory.imports.listen(names, self._module_loaded)

    def _next_rank(self, *, below: bool = False) -> int:
        self._ranks[not below] += -1 if below else 1
        return self._ranks[not below]

    def _attach(self, injection: Injection, points: list[Point], *, is_in_place: bool = True) -> list[_Site]:
        """Let a rule stand at points; where the window is open, its faults are put in place at once, or later."""
        sites = [self._site(point) for point in points]
        for point, site in zip(points, sites, strict=True):
            entry = _Entry(injection, point, receiver_test(point))
            if site.rules:
                mine = [known for known in site.rules if known.injection is injection]
                if any(known.is_receiver is None for known in mine):
                    injection.has_other_name(point)
                    continue  # a function under another name, which is met by the same rule: one call is one call
                if not mine:
                    injection.stands_at(site)
            else:
                injection.stands_at(site)
            site.rules.append(entry)
            if len(site.rules) > 1 and site.rules[-2].injection.rank > injection.rank:
                site.rules.sort(key=_rank)
            if site.passage is not None and (site.passage.receivers or entry.is_receiver is not None):
                self._settle_receivers(site)
            if self._is_open and is_in_place:
                self._standing.append(site.mechanism)
                self._install(site)
        self._plan(sites)
        return sites

    def _module_loaded(self, name: str) -> None:
        """Let armed globs act on a module that was imported just now. Nothing is raised into the user's import."""
        for injection in (*self.watches, *self.injections):
            target = injection.rule.target
            is_waiting = target.is_glob or not injection.points
            if injection.is_lifted or not is_waiting or not module_matcher(target.module)(name):
                continue
            known = {(id(point.owner), point.name) for point in injection.points}
            try:
                found = [point for point in injection.rule.points() if (id(point.owner), point.name) not in known]
                injection.reach(found)
                self._attach(injection, found)
            except Exception as error:  # noqa: BLE001  # the import is the user's; noted, the run is inconclusive
                self.journal.failed(f"{injection.text} could not be put into {name}: {error}")

    def _follow_names(self) -> None:
        """Let each rule stand where its names lead now: since it was armed somebody may have put a double there.

        Raises:
            SpecificationError: What stands there now cannot be replaced.
        """
        reached: dict[tuple[int, str], bool] = {}
        standing: list[list[Point]] = []  # a rule may stand where a watch does
        for injection in (*self.watches, *self.injections):
            if not injection.sites or injection.points in standing:
                continue
            gone = injection.moved_points(reached)
            if gone:
                self._move(injection, gone)
            else:
                standing.append(injection.points)

    def _move(self, injection: Injection, gone: list[Point], *, is_undo: bool = False) -> list[_Site]:
        """Let a rule stand where the names of some of its points lead now, and return where nothing is in place yet.

        Args:
            injection: The rule.
            gone: Those of its points, and of those that led nowhere, where something else stands now.
            is_undo: Whether that has stood there before.
        """
        self._end_rest()
        ids = set(map(id, gone))
        points: list[Point] = []
        came: list[Point] = []
        astray = [point for point in injection.astray if id(point) not in ids]
        injection.leave([point for point in injection.points if id(point) in ids], has_met=self._is_open)
        for point in (*injection.points, *(one for one in injection.astray if id(one) in ids)):
            if id(point) not in ids:
                points.append(point)
                continue
            found = self._as_it_stands(injection, point, is_undo=is_undo)
            came += found
            points += found
            if not found:
                astray.append(point)
        self._leave(injection, ids)
        injection.move_to(points)
        injection.go_astray(astray)
        self.replaced.update(point.text for point in injection.moved)
        # What was left out, as another name of what is gone now, may be met by that name.
        others = injection.take_other_names()
        come = came + [point for point in others if id(point) not in ids]
        return self._attach(injection, come, is_in_place=False)

    def _as_it_stands(self, injection: Injection, point: Point, *, is_undo: bool) -> list[Point]:
        """Return the point that a name leads to now, or none if no fault can be put there."""
        try:
            found = injection.rule.usable([as_it_stands(point)])
        except Exception as error:  # noqa: BLE001  # an object may run code of its own where it is asked
            if injection.observer is None and not self._is_open:  # while a body patches, other things stand there soon
                self.journal.failed(f"{injection.text} could not be put in its place: {error}")
            return []
        if any(is_ours(new.raw) for new in found):
            # An experiment runs inside the window of another one.
            return found if self._is_open else [point]
        return [injection.came_to(new, is_back=is_undo) for new in found]

    def _names_change(self, names: Collection[str], *, is_undo: bool) -> Callable[[], None] | None:
        """Step aside in names in which something else is about to stand; what is returned follows it.

        So who patches finds what belongs there and puts that back, whenever that is.
        """
        if not self._is_open:
            return None
        aside = [
            site
            for site in self._sites.values()
            if not site.mechanism.is_by_function and (leads_by(site.point, names) or site.mechanism.stands_in(names))
        ]
        for site in reversed(aside):
            site.mechanism.remove()

        def follow() -> None:
            if not self._is_open:
                return
            # All of them look before any stands there again: what they look for is what somebody else put there.
            injections = (*self.watches, *self.injections)
            come = [site for one in injections for site in self._follow_patch(one, names, is_undo=is_undo)]
            for site in (*aside, *come):
                if self._sites.get(site.key) is site:
                    self._standing.append(site.mechanism)
                    self._install(site)

        return follow

    def _follow_patch(self, injection: Injection, names: Collection[str], *, is_undo: bool) -> list[_Site]:
        meant = [point for point in injection.points if leads_by(point, names)]
        astray = [point for point in injection.astray if leads_by(point, names)]
        if injection.is_lifted or not (meant or astray):
            return []
        try:
            gone = [*Positions(meant).moved({}), *astray]
            return self._move(injection, gone, is_undo=is_undo) if gone else []
        except Exception as error:  # noqa: BLE001  # the patch is the user's; noted, the run is inconclusive
            if injection.observer is None:
                self.journal.failed(f"{injection.text} could not be put in its place: {error}")
            return []

    def _note_covered(self) -> None:
        """Note what the body put in the names of rules; what a glob means is too much to look at."""
        for injection in self.injections:
            if not injection.sites or injection.rule.target.is_glob:
                continue
            for point in injection.moved_points({}):
                # What cannot be called is no double, nor is what a stranger's object refuses to be asked for.
                with contextlib.suppress(Exception):
                    now = as_it_stands(point)
                    if not is_ours(now.raw):
                        injection.note_covered(now)

    def name_of(self, obj: object) -> str:
        """Return the text of the point where this very object stood before it was replaced, or an empty text."""
        found = next((site.point for site in self._sites.values() if site.point.raw is obj), None)
        return "" if found is None or found.is_described else found.text

    def lift(self, injection: Injection) -> None:
        """Lift one rule. Harmless when done twice, and in any order."""
        if injection.is_lifted and not injection.sites:
            return
        injection.end()
        self._detach(injection)

    def lift_all(self) -> None:
        """Lift every rule, the one armed last first; also where somebody has put one of ours back meanwhile."""
        for injection in self.injections:
            injection.end()  # at once, so that none is planned anew when another one goes
        self._let_rest()
        for injection in reversed(self.injections):
            self.lift(injection)
        if not self._keep_watches():
            self.lift_watches()
        for mechanism in reversed(self._shadowed):
            mechanism.remove()
            self._armory.left.extend(mechanism.left_behind())
        self._shadowed = []
        self._armory.tidy()
        self._armory.imports.forget(self._module_loaded)

    def lift_watches(self) -> None:
        """End every watch."""
        self._end_rest()
        for watch in reversed(self.watches):
            self.lift(watch)
        self.watches = []
        self._watched = None

    def restart(self, actors: Actors) -> None:
        """Count every rule from its first call again, as for another run of the body."""
        self.actors = actors
        actors.tell_before_births(self._no_more_alone)
        self._main = (_this_thread(), threading.current_thread().name)
        self._began = monotonic()
        with self.lock:
            for injection in self.injections:
                injection.retire_gates()
        for injection in self.injections:
            injection.restart()

    def calls_of_all(self) -> int:
        """Return about how many calls all rules and watches have counted; for who only asks whether there were more.

        No lock is taken: who looks from another thread must not hold one while the system forks.
        """
        return sum(
            injection.cursor.calls + (0 if (gates := injection.gates) is None else gates.passed)
            for injection in (*self.watches, *self.injections)
        )

    def decide_each_call(self) -> None:
        """Plan nothing ahead: who runs the body calls functions of the project too, and those calls do not count."""
        self._decides_each_call = True
        self._plan(list(self._sites.values()))

    def _site(self, point: Point) -> _Site:
        function = function_behind(point.raw)
        if function is not None and function.__closure__:
            function = tap.behind(function)  # a fault acts on the function, and who listens to it hears of the call
        if function is not None and not (point.through or point.adapter or point.inherited):
            joined = self._sites.get(id(function))
            if joined is not None:
                return joined
        mechanism = mechanism_for(point, function, self._armory, self._covered)
        # A spliced function is one site, by whatever name it is reached; else the place is what is replaced.
        key = id(function) if function is not None and mechanism.is_by_function else _place(point)
        site = self._sites.get(key)
        if site is None:
            site = self._sites[key] = _Site(key, point, mechanism, function)
        return site

    def _install(self, site: _Site) -> None:
        mechanism = site.mechanism
        if mechanism.installed:
            return
        passage = site.passage
        if passage is None:
            passage = site.passage = Passage(site.point.kind, self._decide, site, _receivers(site))
        mechanism.install(passage)

    def _settle_receivers(self, site: _Site) -> None:
        if site.passage is not None:
            site.passage.set_receivers(_receivers(site))

    def _detach(self, injection: Injection) -> None:
        changed = []
        for site in reversed(injection.sites):
            site.rules = [entry for entry in site.rules if entry.injection is not injection]
            changed.append(site)
            self._settle_receivers(site)
            if not site.rules:
                self._close(site)
        injection.stands_nowhere()
        self._plan(changed)

    # --- planning ahead

    def _plan(self, sites: list[_Site]) -> None:
        """Settle again which rules' calls pass gates, after the rules at some sites have changed."""
        if not sites:
            return
        with self.lock:
            touched = {id(entry.injection): entry.injection for site in sites for entry in site.rules}
            touched.update({id(site.planned.injection): site.planned.injection for site in sites if site.planned})
            for injection in touched.values():
                self._plan_injection(injection)

    def _plan_injection(self, injection: Injection) -> None:
        injection.retire_gates()
        able = list(filter(self._has_gate, injection.sites)) if self._can_plan(injection) else []
        if len(able) < len(injection.sites):
            if not injection.cursor.is_separate:
                able = []  # calls that pass a gate and calls that are decided have one count
            for site in injection.sites:
                site.planned = None
        injection.use_gates(bool(able))
        for site in able:
            site.planned = site.rules[0]

    def _can_plan(self, injection: Injection) -> bool:
        if injection.observer is not None or injection.spares_driver or injection.patience is not None:
            return False  # these are asked over each call
        if self._decides_each_call or injection.is_lifted or injection.needs_answers or _has_filter(injection.rule):
            return False
        return injection.cursor.is_counted or injection.cursor.is_drawn

    def _has_gate(self, site: _Site) -> bool:
        rules = site.rules
        return (
            len(rules) == 1
            and rules[0].is_receiver is None
            and site.mechanism.entries is not None
            and not self.provenance.may_serve_the_runner(_file_of(site), site.point.name)
        )

    def context_of_child(self) -> Context | None:
        """Return the context in which a new task shall be made so that it counts and draws for itself.

        ``None`` if the caller's context will do.
        """
        if not self._entered:
            return None
        context = copy_context()
        context.run(self._forget_entries)
        return context

    def forget_entries_in(self, context: Context) -> None:
        """Do the same for a context that somebody else made for a task."""
        if self._entered:
            with contextlib.suppress(RuntimeError):  # it is entered already: the task shares it with who runs there
                context.run(self._forget_entries)

    def _forget_entries(self) -> None:
        for entries in self._entered:
            entries.set(ALWAYS)

    # --- the window

    @property
    def is_open(self) -> bool:
        """Whether the body is running."""
        return self._is_open

    def open(self) -> None:
        """Let armed rules act from now on.

        Raises:
            SpecificationError: A point cannot be replaced; then none is.
        """
        self._began = monotonic()
        try:
            with _collector_paused(len(self._sites) > _MANY):
                self._armory.tidy()
                self._follow_names()
                sites = list(self._sites.values())
                self._standing += [site.mechanism for site in sites]
                with self._armory.aliases.settled():
                    for site in sites:
                        self._install(site)
        except BaseException:
            self.close()
            raise
        self._deaf = heard(self._armory.patching, self._names_change)
        _INJECTORS.add(self)
        self._is_open = True

    def close(self) -> None:
        """Let no rule act any more, and put everything back. Harmless when done twice."""
        was_open, self._is_open = self._is_open, False
        self._deaf()
        self.replies.close()
        _INJECTORS.discard(self)
        self.actors.tell_before_births(None)
        _remove(self._standing)
        with self.lock:
            for injection in self.injections:
                injection.retire_gates()
                injection.end_turn()
        if was_open:
            self._note_covered()

    def abandon(self) -> None:
        """Let no rule act any more, and leave all where it is: in a forked child nobody puts it back."""
        self._is_open = False

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """Let every call pass, uncounted, for a while."""
        self._suspensions += 1
        try:
            with self.lock:
                for injection in self.injections:
                    injection.retire_gates()
            yield
        finally:
            self._suspensions -= 1

    @property
    def elapsed_s(self) -> float:
        """Seconds since the window opened."""
        return monotonic() - self._began

    # --- one call

    def _decide(
        self, site: _Site, call: Callable[..., AnyCall], parts: tuple[Any, ...], entries: Entries | None
    ) -> Decision:
        if not self._is_open or self._suspensions or GUARD.inside:
            self._decline(site, entries)
            return None
        GUARD.inside = True
        try:
            # Of the caller, for a spliced function has no complete frame yet; or of a passage of ours.
            frame = compat.caller(2)
            is_ours = self.provenance.is_disturbable(frame)
            planned = site.planned
            if planned is not None and entries is not None:
                return self._decide_planned(site, planned, call, parts, entries, is_ours)
            if not is_ours:
                return None
            strike = self._count(site, frame, call(*parts))
            if strike is None or entries is None or strike.kind not in PLAIN:
                return strike
            activation = strike.activation
            is_at_once = _is_at_once(strike.fault, activation.point)
            error = strike.fault.error_at_once(activation.label) if is_at_once else None
            return strike if error is None else strike.injected(error)
        finally:
            GUARD.inside = False

    def _decline(self, site: _Site, entries: Entries | None) -> None:
        """Let a call go that asked and is not ours to decide, so that the next one is not taken for it."""
        planned = site.planned
        # Not waiting for the lock: what calls here may run on the thread that holds it.
        if planned is None or entries is None or not self.lock.acquire(blocking=False):
            return
        try:
            gates = planned.injection.gates
            way = gates.way_behind(entries.get()) if gates is not None else None
            if gates is not None and way is not None:
                gates.decline(way)
        finally:
            self.lock.release()

    def _decide_planned(
        self,
        site: _Site,
        planned: _Entry,
        call: Callable[..., AnyCall],
        parts: tuple[Any, ...],
        entries: Entries,
        is_ours: bool,
    ) -> Decision:
        injection, point = planned.injection, planned.point
        elapsed_s = monotonic() - self._began
        lock = self.lock
        lock.acquire()  # and not by "with", which takes as long as all that is done meanwhile
        try:
            if not injection.is_planned:
                return None  # it was lifted, or another rule was armed here, at this very moment
            gates = injection.gates or injection.new_gates()
            way = gates.way_behind(entries.get())
            if not is_ours:
                # Somebody on pytest's side calls this function too. From now on every caller is looked at.
                if way is not None:
                    gates.decline(way)
                self._decide_one_by_one(injection)
                return None
            if way is None:
                way = self._enter(gates, site, point, entries, injection)
                if not ask(way.entry):
                    return None
            cursor = injection.cursor
            call_of_gate = gates.arrive(way)
            actor, term, is_counted = way.actor, cursor.term_number, cursor.is_counted
            fault = cursor.decide(point.text, actor, elapsed_s)
            if fault is not None:
                number, index = cursor.calls, cursor.index
                if not is_counted:  # calls have passed through other gates of the rule, and nobody knows of them yet
                    number += gates.passed
                    index += gates.passed_of(actor)
                is_at_once = point.kind in PLAIN and _is_at_once(fault, point.text)
                row = self._row(injection, fault, point, actor, elapsed_s, number, index, term)
                activation = None if is_at_once else Activation(*row)
                injection.recorded.append(activation or row)
                self.journal.rows.append(activation or row)
            if cursor.term_number != term and not is_counted:
                injection.retire_gates()  # another rate draws from other streams
            elif call_of_gate >= way.gate.tail:
                way.gate.extend()
        finally:
            lock.release()
        if fault is None:
            return None
        if activation is None:
            *_, token, _ = row
            label = label_of(point.text, number, token)
            error = fault.error_at_once(label)
            if error is not None:
                self.journal.injected(error, point.text, label, token)
                return error
            activation = self._replaced(injection, row)
        return Strike(fault, point.kind, call(*parts), activation, self)

    def _replaced(self, injection: Injection, row: Row) -> Activation:
        """Return the activation of a row that is written down, in its place."""
        activation = Activation(*row)
        with self.lock:
            for rows in (injection.recorded, self.journal.rows):
                rows[next(index for index in range(len(rows) - 1, -1, -1) if rows[index] is row)] = activation
        return activation

    def _enter(self, gates: Gates, site: _Site, point: Point, entries: Entries, injection: Injection) -> Way:
        actor = self.actors.current()
        way = gates.way_for(point.text, actor)
        entries.set(way.entry)
        self._entered.add(entries)
        stand_in = site.mechanism.stand_in
        if stand_in is not None and actor == "main" and compat.is_only_thread() and compat.running_loop() is None:
            self._alone.append(stand_in)
            stand_in.ask_alone(way.entry, way.verdicts)
        return way

    def _no_more_alone(self) -> None:
        """Let each actor ask for itself again, before a thread or task begins."""
        while self._alone:
            self._alone.pop().ask_each()

    def _decide_one_by_one(self, injection: Injection) -> None:
        injection.use_gates(False)
        for site in injection.sites:
            site.planned = None

    def _count(self, site: _Site, frame: FrameType | None, call: AnyCall) -> Strike | None:
        actor = self.actors.current()
        elapsed_s = self.elapsed_s
        # The one armed last acts. Predicates are the user's code and run before the lock is taken.
        matching: list[_Entry] = []
        for entry in reversed(site.rules):
            injection = entry.injection
            if injection.is_lifted or not (entry.is_receiver is None or call.is_on(entry.is_receiver)):
                continue
            if injection.observer is not None:
                injection.observer(entry.point.text, frame, actor, call)
                continue
            if self._matches(entry, actor, frame, call):
                matching.append(entry)
            else:
                injection.refuse(frame)
        if not matching:
            return None  # it was watched, as most are
        winner: tuple[Fault, Point, Activation] | None = None
        is_spared = any(entry.injection.spares_driver for entry in matching) and self._is_drivers(frame)
        with self.lock:
            for entry in matching:
                injection, point = entry.injection, entry.point
                cursor = injection.cursor
                fault = cursor.count(point.text, actor, elapsed_s)
                acts = (
                    fault is not None
                    and winner is None
                    and not (is_spared and injection.spares_driver)
                    and not injection.is_over(elapsed_s)
                )
                if acts and fault is not None:
                    number, index = cursor.calls, cursor.index
                    if injection.gates is not None:  # calls have passed at other points, and nobody knows of them yet
                        number += injection.gates.passed
                        index += injection.gates.passed_of(actor)
                    winner = (
                        fault,
                        point,
                        Activation(
                            *self._row(injection, fault, point, actor, elapsed_s, number, index, cursor.term_number)
                        ),
                    )
                    injection.recorded.append(winner[2])
                    self.journal.rows.append(winner[2])
                    if injection.patience is not None and UNCAPPED <= cursor.firings < UNCAPPED + _TURNS:
                        self._watch_turn(injection, point, frame)
                if fault is not None and not acts and winner is not None:
                    injection.was_outranked()
                # No condition stands last: CPython 3.13 takes a jump from there out of what releases the lock.
                cursor.settle(acts)
        answers = site.answers if any(entry.injection.needs_answers for entry in matching) else None
        if winner is not None:
            fault, point, activation = winner
            return Strike(fault, point.kind, call, activation, self, answers)
        return None if answers is None else Strike(Remember(), site.point.kind, call, NO_ACTIVATION, self, answers)

    def _watch_turn(self, injection: Injection, point: Point, frame: FrameType | None) -> None:
        """Find the loop that makes a call once more, and whether anything in it could end it after a while."""
        if injection.is_loop_known:
            return
        caller, is_systems = self._caller_of(frame)
        if caller is None or not is_systems:
            return
        stack = [
            outer
            for outer, origin in self.provenance.own_stack(frame)
            if origin not in ("passage", "chaos", "test", "stdlib")
        ]
        turn = injection.turn
        loop = None if turn is None else turn.loop(stack)
        if turn is None or loop is None:
            injection.begin_turn(Turn(stack, self._counts_clock))
            return
        injection.end_turn()
        # A library has a policy of its own, whose end may be further away.
        is_systems = self.provenance.of_frame(loop) == "project"
        has_clock = turn.reads_clock if turn.is_heard else reads_clock((one.f_code, one.f_globals) for one in stack)
        injection.note_loop(
            point.text,
            caller,
            loop,
            is_endless=is_systems and not has_clock,
            is_timed=is_systems and turn.is_heard and turn.reads_clock,
        )

    def _counts_clock(self, frame: FrameType) -> bool:
        return self.provenance.of_frame(frame) not in ("passage", "chaos", "test", "pytest", "stdlib")

    def _is_drivers(self, frame: FrameType | None) -> bool:
        return not self._caller_of(frame)[1]

    def _row(
        self,
        injection: Injection,
        fault: Fault,
        point: Point,
        actor: str,
        elapsed_s: float,
        number: int,
        index: int,
        term: int,
    ) -> Row:
        ident, name = self._main  # of the thread that calls, nearly always
        if ident != _this_thread():
            name = threading.current_thread().name
        token = injection.token(actor, index)
        return (injection.text, point.text, fault, number, actor, index, elapsed_s, name, token, term)

    def draws(self, activation: Activation) -> Callable[[], float]:
        """Return the draws in [0, 1) of one activation: its jitter, its texts, its choice."""
        return stream(*self.key, activation.rule, activation.point, activation.actor, activation.number, "draw").random

    def withdraw(self, activation: Activation) -> None:
        """Take an activation back that turned out to be none."""
        with self.lock:
            self.journal.withdrawn(activation)
            for injection in self.injections:
                injection.withdraw(activation)

    def is_over(self, activation: Activation) -> bool:
        """Tell whether all rules behind an activation were lifted, or the window has closed."""
        return not self._is_open or all(one.is_lifted for one in self.injections if one.text == activation.rule)

    def _matches(self, entry: _Entry, actor: str, frame: FrameType | None, call: AnyCall) -> bool:
        injection = entry.injection
        rule = injection.rule
        if rule.dependency and self._dependency_of(entry.point.text, call, frame) != rule.dependency:
            return False
        if rule.below and not self._is_below(rule.below, frame):
            return False
        trigger = injection.cursor.term.trigger
        if not trigger.has_filter:
            return True
        caller = caller_module(frame)
        if trigger.caller is not None and not fnmatch.fnmatchcase(caller, trigger.caller):
            return False
        if not trigger.args and trigger.when is None:
            return True
        args, named = call.shown()
        if trigger.args and not _arguments_match(trigger.args, args, named):
            injection.note_parameters(named)
            return False
        if trigger.when is None:
            return True
        seen = Call(entry.point.text, args, named, caller, actor, injection.cursor.calls + 1)
        try:
            return bool(trigger.when(seen))
        except Exception as error:  # noqa: BLE001  # raised into the system it could be swallowed; noted it cannot
            self.journal.failed(f"the when predicate of {injection.text} raised {error!r}")
            return False

    def _is_below(self, function: str, frame: FrameType | None) -> bool:
        """Tell whether a call is made by a function of the project, or on its behalf in the same thread or task."""
        return any(
            origin == "project" and function_name(outer.f_code, outer.f_globals) == function
            for outer, origin in self.provenance.own_stack(frame)
        )


def _remove(mechanisms: list[Mechanism]) -> None:
    """Take all of these away, the last one first; one that fails does not keep the others in place."""
    try:
        while mechanisms:
            mechanisms.pop().remove()
    finally:
        if mechanisms:
            _remove(mechanisms)


def _receivers(site: _Site) -> tuple[Callable[[Any], bool], ...]:
    """Return which receivers the rules of a site mean, or nothing if one of them means all."""
    tests: list[Callable[[Any], bool]] = []
    for entry in site.rules:
        if entry.is_receiver is None:
            return ()
        tests.append(entry.is_receiver)
    return tuple(tests)


@contextlib.contextmanager
def _paused_collector() -> Iterator[None]:
    """Let no garbage be looked for: what is made for thousands of functions stays, and is searched again and again.

    Nor right afterwards: where much was made it is counted among what is old, as if it had been searched already.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            young, most = gc.get_count()[0], gc.get_threshold()[0]
            if young > _MUCH * most > 0 and not gc.get_freeze_count():  # frozen things are somebody's, and stay frozen
                gc.freeze()
                gc.unfreeze()
            gc.enable()


_MUCH = 4  # times as many new objects as the collector waits for


def _collector_paused(may_be_many: bool) -> contextlib.AbstractContextManager[None]:
    """Pause the collector where thousands of functions may be armed; a few are not worth it."""
    return _paused_collector() if may_be_many else contextlib.nullcontext()


_INJECTORS: set[Injector] = set()
"""Those whose window is open."""


def _close_in_child() -> None:
    """Let no fault act in a forked child: nobody there would say what it did, or lift it."""
    for injector in list(_INJECTORS):
        injector.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)


def _arguments_match(
    wanted: tuple[tuple[str | int, Any], ...], args: tuple[Any, ...], named: Mapping[str, Any]
) -> bool:
    found: dict[str | int, Any] = dict(enumerate(args))
    found.update(named)
    return all(name in found and bool(found[name] == value) for name, value in wanted)


def _is_at_once(fault: Fault, point: str) -> bool:
    """Tell whether an error of a fault may be all there is to it; that of a connection may end one."""
    return fault.raises_at_once and point.partition(":")[0] not in CONNECTIONS


def _has_filter(rule: Rule) -> bool:
    return rule.is_limited or any(term.trigger.has_filter for term in rule.chain)


def _file_of(site: _Site) -> str:
    """Return the file of the module that a site's function belongs to, or an empty text."""
    if site.function is not None:
        return str(site.function.__globals__.get("__file__") or "")
    module = sys.modules.get(getattr(site.point.raw, "__module__", None) or "")
    return str(getattr(module, "__dict__", {}).get("__file__") or "")
