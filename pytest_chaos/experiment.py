"""One run of one test body, on one page: the only module that knows every stage.

baseline -> arm -> (body) -> lift -> (teardown) -> leftovers -> observation -> oracles -> judgement

A test that is not disturbed and judged for leaks alone goes the same way without the faults.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import statistics
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import Context
from dataclasses import dataclass, field, replace
from time import monotonic
from types import CodeType, FrameType, MappingProxyType
from typing import Any

from pytest_chaos import ending
from pytest_chaos.absorption import Absorption, Tracer, entries
from pytest_chaos.answers.all_clients import watched_answers
from pytest_chaos.answers.clients import is_client_loaded
from pytest_chaos.catalogue.catalogue import Catalogue
from pytest_chaos.catalogue.reading import IN_MEMORY, Addresses, SeenCall, limit_of, mode_of
from pytest_chaos.clauses import Sources
from pytest_chaos.contract import Contract, LeakLevel
from pytest_chaos.custody import Custody
from pytest_chaos.dependencies import Dependencies, is_named_by_user, is_nobodys
from pytest_chaos.doubles import double_at
from pytest_chaos.errors import NotRecoveredError, SpecificationError
from pytest_chaos.exception_events import ExceptionEvents
from pytest_chaos.faults.base import Limit
from pytest_chaos.faults.timeouts import limit_in
from pytest_chaos.gathers import gather_at
from pytest_chaos.guard import Guard, Patrol
from pytest_chaos.hang import IN_HANG, Parked, Ward, released_threads_end_quietly
from pytest_chaos.injector.injector import Injection, Injector, KeptWatches, Observer
from pytest_chaos.injector.mechanisms import Armory
from pytest_chaos.journal import Activation, Journal
from pytest_chaos.last_resorts import watched_last_resorts
from pytest_chaos.notation import format_fault, format_left
from pytest_chaos.observation import (
    Answer,
    Failure,
    LastAnswer,
    Observation,
    ParkedSeen,
    Recovered,
    Refused,
    RuleSeen,
    SpotSeen,
    Unhandled,
)
from pytest_chaos.oracles import ORACLES
from pytest_chaos.oracles.base import Oracle
from pytest_chaos.oracles.leaks import judge_leaks
from pytest_chaos.oracles.lost import judge_lost
from pytest_chaos.plan import Plain, PlannedRule, RunPlan, Watched
from pytest_chaos.provenance import Place, Provenance
from pytest_chaos.reach import Reach
from pytest_chaos.resources.actors import Actors
from pytest_chaos.resources.births import Birth, Births, Owner, is_of
from pytest_chaos.resources.callers import Callers
from pytest_chaos.resources.census import Baseline, Census
from pytest_chaos.resources.ends import End, Key, is_ended, is_tests, may_be_tests
from pytest_chaos.resources.files import Files
from pytest_chaos.resources.filters import Filters
from pytest_chaos.resources.leftovers import Leftover
from pytest_chaos.resources.stacks import Progress, place
from pytest_chaos.resources.standstill import Phase, bystanders
from pytest_chaos.resources.takers import taken_in
from pytest_chaos.resources.tap import Ear
from pytest_chaos.resources.waits import waits
from pytest_chaos.scenario import Rule
from pytest_chaos.target import Point, Target, home_of, resolve
from pytest_chaos.trace import AskedCall, Calls, Loop, Sites, Trace
from pytest_chaos.verdict import FailOn, Judgement

_OPEN = Target("builtins", "open")
_GATHER = asyncio.gather.__code__
AnswerWatcher = Callable[[Provenance, Callable[[Answer], None]], contextlib.AbstractContextManager[None]]


def _say_nothing(text: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Laboratory:
    """What all experiments of a session share.

    Attributes:
        provenance: Whose code a frame belongs to.
        census: Births of threads and tasks.
        armory: What injection needs, made once.
        oracles: What judges, ours and third parties'.
        watchers: What else sees answers while a contract judges them, of third parties.
        sources: Syntax trees of the files in which injected errors were absorbed.
        filters: Leftovers that the user does not want to be told of.
        guard: Ends parts of chaos runs that never end by themselves.
        catalogue: The boundaries that are known.
        addresses: Where those lead that boundaries have returned.
        temporary: Folders of temporary files beside the system's own.
        say: Is told what is waited for, while it is.
        opening: The points at which files are opened; without any none are followed.
        kept_watches: The watches that one run of an explored test leaves to the next one.
        fail_on: Which verdicts fail.
    """

    provenance: Provenance
    census: Census
    armory: Armory
    oracles: tuple[Oracle, ...] = ORACLES
    watchers: tuple[AnswerWatcher, ...] = ()
    sources: Sources = field(default_factory=Sources)
    filters: Filters = field(default_factory=Filters)
    guard: Guard = field(default_factory=lambda: Guard(bystanders()))
    catalogue: Catalogue = field(default_factory=Catalogue)
    addresses: Addresses = field(default_factory=Addresses)
    temporary: tuple[str, ...] = ()
    say: Callable[[str], None] = _say_nothing
    opening: list[Point] = field(default_factory=lambda: resolve(_OPEN))
    kept_watches: KeptWatches = field(default_factory=KeptWatches)
    fail_on: FailOn = field(default_factory=FailOn)

    def judge(self, seen: Observation, oracles: Iterable[Oracle] | None = None) -> Judgement:
        """Return what all oracles together say of a run.

        Args:
            seen: What was seen of it.
            oracles: Those that are asked; by default all.
        """
        return judge(seen, self.oracles if oracles is None else oracles, self.fail_on)

    def was_made(self, factory: str, call: SeenCall, made: Any) -> None:
        """Remember where an object leads that a factory has handed out, such as a connection to a database.

        Args:
            factory: Who has made it, ``module:name``.
            call: The call.
            made: The object.
        """
        boundary = self.catalogue.maker(factory)
        if boundary is not None:
            self.addresses.learn(boundary, call, made)
        address = self.addresses.of(made)
        if address is None or address.path != IN_MEMORY:  # which needs no closing
            self.census.made_by(factory, made)


_NOTHING = contextlib.nullcontext()


class Inventory:
    """What is there before one test, and what is left of it, and of the wider fixtures that end with it.

    Args:
        laboratory: What all runs share.

    Attributes:
        baseline: What was there before, or ``None`` while nobody looks.
        used_filters: Texts of the filters that matched something.
    """

    def __init__(self, laboratory: Laboratory) -> None:
        self._laboratory = laboratory
        self._of_fixtures: list[Leftover] = []
        self.baseline: Baseline | None = None
        self.used_filters: list[str] = []

    def begin(self) -> None:
        """Look at what is there."""
        self.baseline = self._laboratory.census.baseline()

    def fixture_ends(self, owner: Owner, before: Baseline) -> None:
        """Look at what a wider fixture left, after its own teardown; the test that ended it will tell.

        Args:
            owner: The fixture.
            before: What was there before it was set up.
        """
        mine = is_of(owner)
        # The baseline may be the one of the running test too, which has not ended yet: it is not forgotten.
        self._of_fixtures += [one for kind, snapshot in before.snapshots for one in kind.left(snapshot, mine)]

    def left(self, *, with_tests: bool = True) -> list[Leftover]:
        """Return what was left and is not filtered, once.

        Args:
            with_tests: Whether to look at what the test itself made, too.
        """
        found, self._of_fixtures = self._of_fixtures, []
        if self.baseline is not None and with_tests:
            # The test's own first: its body is what the reader looks at.
            found = self._laboratory.census.leftovers(self.baseline) + found
        self.close()
        kept, self.used_filters = self._laboratory.filters.sift(found, self._laboratory.provenance)
        return kept

    def close(self) -> None:
        """Let go; harmless when done twice."""
        if self.baseline is not None:
            self._laboratory.census.forget(self.baseline)
            self.baseline = None


class Watch:
    """One run of one test that is not disturbed: only what it leaves behind is judged.

    Call :meth:`begin`, and, after everything the test set up is torn down, :meth:`conclude`.

    Args:
        laboratory: What all runs share.
        test: Plain id of the test.
        leaks: How strictly.
        seed: The seed, for the report.
        inventory: What was there before, if somebody looked already.
    """

    def __init__(
        self,
        laboratory: Laboratory,
        test: str,
        leaks: LeakLevel,
        seed: int = 0,
        inventory: Inventory | None = None,
    ) -> None:
        self.laboratory = laboratory
        self.test = test
        self.leaks: LeakLevel = leaks
        self.seed = seed
        self.inventory = inventory or Inventory(laboratory)
        self._duration_s = 0.0

    @property
    def is_plain(self) -> bool:
        """Whether nothing disturbs it."""
        return True

    @property
    def needs_body(self) -> bool:
        """Whether nothing is said of a test whose body was not reached: its set-up may have left something."""
        return False

    def looked_after(self) -> contextlib.AbstractContextManager[None]:
        """The whole run, which nobody looks after."""
        return _NOTHING

    def suspended(self) -> contextlib.AbstractContextManager[None]:
        """A while in which no fault acts, as always."""
        return _NOTHING

    def interrupted(self, name: str, error: BaseException) -> list[str]:
        """Return what to say of a run that the user has interrupted: nothing."""
        return []

    def body_took(self, seconds: float) -> None:
        """Say how long pytest says that the body took."""
        self._duration_s = seconds

    def teardown_ended_with(self, error: BaseException) -> None:
        """Say what came out of the teardown, which is none of ours."""

    def begin(self) -> None:
        """Take the baseline: what is alive before the test sets anything up."""
        self.inventory.begin()

    def conclude(self, *, with_tests: bool = True) -> tuple[Observation, Judgement]:
        """Look at what is left, and judge.

        Args:
            with_tests: Whether the test itself is judged, or only wider fixtures that ended with it.
        """
        seen = Observation(
            test=self.test,
            kind="session",
            seed=self.seed,
            scenario="",
            contract=Contract(leaks=self.leaks),
            leftovers=tuple(self.inventory.left(with_tests=with_tests)),
            duration_s=self._duration_s,
        )
        return seen, self.laboratory.judge(seen, LEAK_ORACLES)

    def close(self) -> None:
        """Let go, whatever happened; harmless when done twice."""
        self.inventory.close()


class _Listener:
    """What the census tells while a body runs.

    Args:
        injector: Gives each thread and task random draws of its own.
        ward: Releases what is parked on a loop that closes.
        journal: Tells in which threads faults acted, and which errors are injected ones.
        files: Follows the files that are written.
        births: Who made which.

    Attributes:
        children: Process ids of the children that were started.
        gathered: How the tasks were born that ``asyncio.gather`` made, by their names.
    """

    def __init__(self, injector: Injector, ward: Ward, journal: Journal, files: Files, births: Births) -> None:
        self.children: list[int] = []
        self.gathered: dict[str, Birth] = {}
        self._births = births
        self._injector = injector
        self._ward = ward
        self._journal = journal
        self._files = files

    def born(self, actor: threading.Thread | asyncio.Task[Any]) -> None:
        """A thread or a task was made."""
        self._injector.actors.born(actor)
        birth = None if isinstance(actor, threading.Thread) else self._births.of(actor)
        if birth is not None and any(code is _GATHER for code, _ in birth.site):
            self.gathered[self._injector.actors.name_of(actor)] = birth

    def task_context(self, chosen: Context | None) -> Context | None:
        """Return the context in which a task shall be made, or ``None`` for the one at hand."""
        if chosen is None:
            return self._injector.context_of_child()
        self._injector.forget_entries_in(chosen)
        return None

    def child_started(self, pid: int) -> None:
        """A child process was started."""
        self.children.append(pid)

    def loop_closes(self, loop: asyncio.AbstractEventLoop) -> None:
        """An event loop is about to be closed, and waits for its workers."""
        self._ward.release_workers_of(loop)

    def is_by_fault(self, error: BaseException) -> bool:
        """Tell whether a fault acted in the running thread, which dies of an error, or is behind the error."""
        if ending.is_caused_by_ours(error, self._journal):
            return True
        actor = self._injector.actors.current()
        return any(activation.actor == actor for activation in self._journal.activations)

    def file_made(self, path: Any, frame: FrameType | None) -> None:
        """A file was made that was not there before, in a frame."""
        self._files.created(path, frame)


class Experiment:
    """One chaos run of one test body.

    Call :meth:`begin`, then :meth:`prepare`, then the body inside :meth:`body`, then, after everything the test set up
    is torn down, :meth:`conclude`.

    Args:
        laboratory: What all experiments share.
        plan: What the run is to be.
    """

    def __init__(self, laboratory: Laboratory, plan: RunPlan) -> None:
        self.laboratory = laboratory
        self.plan = plan
        self.contract = plan.contract
        self.trace: Trace | None = None
        self.reach: Reach | None = None
        self.inventory = Inventory(laboratory)
        self._tracer = Tracer(laboratory.provenance, laboratory.sources)
        self.journal = Journal(custody=Custody(self._tracer.tell, ExceptionEvents()))
        self.failure: Failure | None = None
        self._ended_by: frozenset[int] = frozenset()
        self._recovery = ""
        self._teardown_error = ""
        self._teardown: Failure | None = None
        self._recovered: list[Recovered] = []
        self._loud_logs = 0
        self._logged: list[Failure] = []
        self._unhandled: list[Unhandled] = []
        self._is_debugging = False
        self._answers: list[Answer] = []
        self._watching = contextlib.ExitStack()
        self._are_answers_watched = self._is_open = False
        self._duration_s = 0.0
        self._is_closed = False
        self._main = threading.get_ident()
        self._quietly: contextlib.AbstractContextManager[None] | None = None
        census, guard = laboratory.census, laboratory.guard
        self._callers = Callers(laboratory.provenance, census.births)
        known = None if plan.plain is None else plan.plain.sites
        self.sites = Sites(laboratory.provenance, self._callers.caller_of, known)
        self._dependencies = Dependencies(
            laboratory.catalogue, laboratory.addresses, laboratory.provenance, laboratory.temporary
        )
        self.files = Files(laboratory.provenance, self._dependencies.of_path, census.births.entry)
        self.ward = Ward(
            plan.budget_s,
            laboratory.provenance,
            census.loops,
            Progress(None, self._main),
            guard.bystanders,
            lambda: guard.native_id,
            sits_out=plan.kind != "explored",
            longest_wait_s=plan.longest_wait_s if plan.is_asked or plan.kind != "explored" else 0.0,
            say=laboratory.say,
        )
        self.injector = Injector(
            plan.test,
            plan.seed,
            laboratory.provenance,
            laboratory.armory,
            self.journal,
            self.ward,
            Actors(self._main),
            self._callers.caller_of,
            self._dependency_of,
            laboratory.kept_watches,
        )
        self._listener = _Listener(self.injector, self.ward, self.journal, self.files, census.births)
        self.patrol = (
            None
            if plan.limits is None
            else Patrol(
                guard,
                laboratory.provenance,
                census.loops,
                census.held_locks,
                plan.limits,
                self.ward,
                self._main,
                calls=self.injector.calls_of_all,
            )
        )

    def begin(self) -> None:
        """Take the baseline: what is alive before the test sets anything up."""
        self._quietly = released_threads_end_quietly()
        self._quietly.__enter__()
        if self.plan.looks_at_leaks:
            self.inventory.begin()
            if self.plan.watched is not None:
                self.laboratory.census.births.tell_entries(tells=True)
                if self.plan.plain is None:
                    self.laboratory.census.ends.begin()

    def prepare(self) -> None:
        """Put what is planned in place, once the fixtures are set up; it acts inside :meth:`body`.

        Raises:
            SpecificationError: A target cannot be resolved or replaced; that of a marker names its line.
        """
        plan = self.plan
        if plan.watched is not None:
            self._watch(plan.watched)
            for one in plan.observed():
                self.injector.watch(one.target, one.observer, one.points)
        for rule, below, spares_driver, patience in plan.rules:
            try:
                self.injector.arm(rule, below=below, spares_driver=spares_driver, patience=patience)
            except SpecificationError as error:
                raise (error.at(rule.source) if below else error) from None

    def arm(self, rule: Rule) -> Injection:
        """Arm a rule by hand; it acts inside :meth:`body`."""
        return self.injector.arm(rule)

    def expect(self, keys: Mapping[str, Any]) -> None:
        """Replace keys of the contract for the rest of the run.

        Raises:
            SpecificationError: An unknown key, or a value of the wrong form.
        """
        contract = self.contract.with_keys(keys)
        contract.check()
        self.contract = contract
        if contract.judges_answers and self._is_open:
            self._watch_answers()

    def _watch(self, watched: Watched) -> None:
        """Trace the calls at targets, in the window; a test that is run again is traced anew."""
        self.injector.lift_watches()
        self.trace = trace = self._new_trace()
        reaching = self.plan.reaching
        if reaching is None:
            self.injector.watch_all((watched, trace.note), self._watch_of_files())
            return
        self.reach = reach = Reach(
            self.laboratory.provenance,
            self.sites.of,
            self._callers.starter,
            self._callers.makers_of_task,
            reaching.points,
            reaching.outer,
            self._dependencies.name,
            # Plain runs keep it, and must not keep this.
            functools.partial(_limit_of, self.laboratory.catalogue),
            functools.partial(_is_double, self.laboratory.provenance),
            self.injector.replaced,
            functools.partial(_mode_of, self.laboratory.catalogue),
        )

        is_asked = bool(reaching.points)  # else only rules act, and nobody reads the catalogue for them

        def note(point: str, frame: FrameType | None, actor: str, call: AskedCall) -> None:
            if not is_nobodys(frame):
                trace.note(point, frame, actor, call)
                if is_asked and self._dependencies.leads_out(point, call, is_named=point in reaching.exact):
                    reach.note(point, frame, actor, call)

        def note_reach(point: str, frame: FrameType | None, actor: str, call: AskedCall) -> None:
            if self._dependencies.leads_out(point, call) and not is_nobodys(frame):
                reach.note(point, frame, actor, call)

        groups = [(watched, note), self._watch_of_files()]
        if self.plan.plain is None:
            groups.append((reaching.beneath, note_reach))
        elif any(is_named_by_user(one.rule.dependency) for one in self.plan.rules):
            # As in the plain run, or another one may seem to be the first.
            groups.append((reaching.beneath, self._name))
        self.injector.watch_all(*groups)

    def _watch_of_files(self) -> tuple[Watched, Observer]:
        """Return the watch of the files that are opened for writing."""
        plain = self.plan.plain
        # Most tests write no file, and then their runs under faults are spared it.
        is_wanted = self.contract.leaks != "off" and (plain is None or plain.steady.files)
        opening = self.laboratory.opening
        return [(_OPEN, opening)] if is_wanted and opening else [], self.files.opened

    def _new_trace(self) -> Trace:
        if self.plan.plain is not None:
            return Trace(self.sites.of)
        # It outlives this run, and so must not hold it.
        return Trace(self.sites.of, functools.partial(_above, self.laboratory.provenance))

    def _name(self, point: str, frame: FrameType | None, actor: str, call: AskedCall) -> None:
        self._dependency_of(point, call, frame)

    def _is_in_pieces(self, point: str) -> bool:
        boundary = self.laboratory.catalogue.at(point)
        return boundary is not None and boundary.in_pieces

    def _is_local(self, point: str) -> bool:
        boundary = self.laboratory.catalogue.at(point)
        return boundary is not None and not boundary.waits and not boundary.late

    def _inner(self) -> Callable[[str], bool]:
        """Return what tells whether nothing that a point leads to leaves the process, in this run or the plain one."""
        catalogue, reaching = self.laboratory.catalogue, self.plan.reaching
        before = None if self.plan.plain is None else self.plan.plain.reach
        if self.reach is None or before is None or reaching is None or not reaching.points:
            return lambda point: False

        def is_boundary(point: str) -> bool:
            return catalogue.at(point) is not None

        leading = self.reach.leading_to(is_boundary) | before.leading_to(is_boundary)
        return lambda point: not is_boundary(point) and point not in leading

    def _dependency_of(self, point: str, call: AskedCall, frame: FrameType | None) -> str:
        return self._dependencies.name(point, call, self.sites.of(frame))

    @contextlib.contextmanager
    def body(self, code: CodeType | None = None) -> Iterator[None]:
        """The window in which faults act; whatever happens in it, everything is put back at its end.

        Args:
            code: The code of the test function, by which its progress is told.
        """
        began = monotonic()
        try:
            with self.laboratory.census.heard_by(self._listener), self.ward.opened(code):
                self.new_round()
                with self.laboratory.armory.unwatched.told_to(self.journal.failed):
                    self.injector.open()
                    try:
                        with (
                            self.during("body"),
                            self._loud(),
                            self._answers_watched(),
                            watched_last_resorts(self._came_to_last_resort, self.laboratory.armory.imports),
                        ):
                            yield
                    finally:
                        self.injector.close()
                        if self.trace is not None and self.contract.leaks != "off":
                            self.laboratory.census.body_ends()
        finally:
            self.injector.close()
            self.ward.close()
            self._duration_s += monotonic() - began
            self.journal.custody.settle()

    def looked_after(self) -> contextlib.AbstractContextManager[None]:
        """The whole run, from before the set-up until after the teardown: its parts are ended if they never end."""
        return _NOTHING if self.patrol is None else self.patrol.around()

    def during(self, phase: Phase) -> contextlib.AbstractContextManager[None]:
        """A part of the run; see :meth:`looked_after`."""
        return _NOTHING if self.patrol is None else self.patrol.during(phase)

    def _loud(self) -> contextlib.AbstractContextManager[None]:
        return _NOTHING if self.trace is None else _loud_logs(self._log_made)

    @contextlib.contextmanager
    def _answers_watched(self) -> Iterator[None]:
        with self._watching:
            if self.contract.judges_answers or (self.trace is not None and is_client_loaded()):
                self._watch_answers()
            self._is_open = True
            try:
                yield
            finally:
                self._is_open = False

    def _watch_answers(self) -> None:
        """Watch answers from now on; harmless when done twice."""
        if not self._are_answers_watched:
            self._are_answers_watched = True
            # Over the replacements: a fault may stand on the very function that is watched.
            provenance, record = self.laboratory.provenance, self._answers.append
            self._watching.enter_context(watched_answers(provenance, record, self.laboratory.armory.imports))
            for watcher in self.laboratory.watchers:
                self._watching.enter_context(watcher(provenance, record))

    def new_round(self) -> None:
        """Begin to count from the first call: at body start, and at each example of a property test."""
        self.injector.restart(Actors(self._main))
        if self.trace is not None:
            self.trace.begin()
        if self.reach is not None:
            self.reach.begin()

    def ended_with(self, error: BaseException | None) -> None:
        """Say how the body ended; facts are kept, the error is not."""
        if error is not None and self.ward.cancelled is not None:
            error = self.ward.cancelled  # which stands behind it
        if isinstance(error, NotRecoveredError):
            self._recovery = str(error)
        self.failure, self._ended_by = None, frozenset()
        if error is not None:
            for leaf in ending.leaves(error):
                self.journal.custody.escaped(leaf)
            domain = self.contract.error_classes()
            failure = ending.failure_from(error, self.journal, domain, self.laboratory.provenance)
            self.failure = replace(failure, gap=self._tracer.gap_of(error))
            self._ended_by = frozenset(map(id, ending.chain(error)))

    def recovered(self, took_s: float, probes: int) -> None:
        """Say that a probe has come true, so many seconds after all faults were lifted, when asked so often."""
        self._recovered.append(Recovered(took_s, probes, self.injector.elapsed_s - took_s))

    def teardown_ended_with(self, error: BaseException) -> None:
        """Say what came out of the teardown."""
        if ending.is_caused_by_ours(error, self.journal):
            self._teardown_error = ending.describe(error)
        elif self.trace is not None:
            domain = self.contract.error_classes()
            self._teardown = ending.failure_from(error, self.journal, domain, self.laboratory.provenance)

    def suspended(self) -> contextlib.AbstractContextManager[None]:
        """A while in which no fault acts, and no call is counted."""
        return self.injector.suspended()

    def body_took(self, seconds: float) -> None:
        """Say how long pytest says that the body took; our own clock leaves out pytest's part."""

    def interrupted(self, name: str, error: BaseException) -> list[str]:
        """Return what to say of a run that the user has interrupted, line by line.

        Args:
            name: The run's id.
            error: What came out of it.
        """
        lines = [f"interrupted in {name}"]
        # Objects of the system's are asked, and Ctrl-C ends the run all the same.
        with contextlib.suppress(Exception):
            lines += self._standing(error)
        return lines

    def _standing(self, error: BaseException) -> list[str]:
        provenance, census = self.laboratory.provenance, self.laboratory.census
        rules = "; ".join(injection.text for injection in self.injector.injections)
        own = [
            place(entry.tb_frame.f_code, entry.tb_lineno, provenance)
            for entry in reversed([*entries(error.__traceback__)])
            if provenance.of_frame(entry.tb_frame) in ("project", "test")
        ]
        lines = [f"rules: {rules}"] if rules else []
        lines += [f"parked: {parked.label} in thread {parked.thread!r}" for parked in self.ward.records]
        lines += [f"waiting: {threading.current_thread().name} at {' < '.join(own[:4])}"] if own else []
        lines += [f"waiting: {wait}" for wait in waits(provenance, census.loops())]
        lines += [f"held: {lock}" for lock in census.held_locks()]
        return [f"  {line}" for line in lines]

    @property
    def duration_s(self) -> float:
        """Seconds the body took."""
        return self._duration_s

    @property
    def leaks(self) -> LeakLevel:
        """How strictly leaks of this run are judged, as far as is known yet."""
        return self.plan.plain_leaks if self.is_plain else self.contract.leaks

    @property
    def needs_body(self) -> bool:
        """Whether nothing is said of a test whose body was not reached: no fault can have acted."""
        return self.plan.kind != "session"

    @property
    def is_plain(self) -> bool:
        """Whether nothing disturbs it, as far as is known yet, so that it is judged for leaks alone."""
        return not self.injector.injections and self.plan.kind != "recovery"

    def _log_made(self, record: logging.LogRecord) -> None:
        self._loud_logs += record.levelno >= logging.WARNING
        if record.levelno >= logging.ERROR and record.exc_info:
            domain = self.contract.error_classes()
            found = ending.mistake_in(record.exc_info[1], self.journal, domain, self.laboratory.provenance)
            if found is not None and found not in self._logged:
                self._logged.append(found)

    def _came_to_last_resort(self, framework: str, error: BaseException, answer: LastAnswer) -> None:
        self._is_debugging |= answer.is_debugging
        domain, provenance = self.contract.error_classes(), self.laboratory.provenance
        mistake = ending.mistake_in(error, self.journal, domain, provenance)
        if mistake is not None:
            if mistake not in self._logged:
                self._logged.append(mistake)
            return
        gap = self._tracer.gap_of(error)
        if gap is not None:
            failure = replace(ending.failure_from(error, self.journal, domain, provenance), gap=gap)
            unhandled = Unhandled(failure, gap, framework, answer)
            if not failure.is_release and unhandled not in self._unhandled:
                self._unhandled.append(unhandled)

    def conclude(self, *, with_tests: bool = True) -> tuple[Observation, Judgement]:
        """Look at what is left, and judge. After the teardown of everything the test set up.

        Args:
            with_tests: Whether the test itself is judged, or only wider fixtures that ended with it.
        """
        self._put_back()
        self.journal.forget_errors()
        if not with_tests:
            watch = Watch(self.laboratory, self.plan.test, self.leaks, self.plan.seed, self.inventory)
            return watch.conclude(with_tests=False)
        # What the plain run leaves is subtracted from what runs under faults leave, so it is looked at all the same.
        looks = self.contract.leaks != "off" if self.trace is not None else self.leaks != "off"
        leftovers = self.inventory.left() if looks or self.leaks != "off" else []
        ends = self.laboratory.census.ends.take(lambda code: self.laboratory.sources.tree(code, {}))
        self.close()
        seen = self._observation(leftovers, ends)
        return seen, self.laboratory.judge(seen, LEAK_ORACLES if self.is_plain else None)

    def _spared_s(self, activation: Activation) -> float:
        """Return how long a call would have waited whose timeout was raised at once; 0 if that is not known."""
        boundary = self.laboratory.catalogue.at(activation.point)
        if boundary is None or format_fault(activation.fault) not in boundary.late:
            return 0.0
        plain = self.plan.plain
        told_s = None if plain is None or plain.reach is None else plain.reach.limit_at(activation.point)
        return told_s or boundary.own_limit_s or 0.0

    def close(self) -> None:
        """Put everything back, whatever happened; harmless when done twice."""
        if self._is_closed:
            return
        self._put_back()
        self.journal.forget_errors()
        self.laboratory.census.forget_listener(self._listener)
        self.inventory.close()
        self.laboratory.census.births.tell_entries(tells=False)
        self.laboratory.census.ends.stop()
        quietly, self._quietly = self._quietly, None
        if quietly is not None:
            quietly.__exit__(None, None, None)
        self._is_closed = True

    def _put_back(self) -> None:
        self.injector.close()
        self.ward.close()
        self.injector.lift_all()

    def _observation(self, leftovers: Iterable[Leftover], ends: Mapping[Key, tuple[End, ...]]) -> Observation:
        plan, injections = self.plan, self.injector.injections
        return Observation(
            test=plan.test,
            kind="session" if self.is_plain else plan.kind,
            seed=plan.seed,
            scenario="; ".join(injection.text for injection in injections),
            contract=replace(self.contract, leaks=self.leaks),
            rules=tuple(_rule_seen(injection, self.laboratory.provenance) for injection in injections),
            activations=tuple(self.journal.activations),
            injected_errors=self.journal.injected_errors,
            absorptions=tuple(map(self._gathered, self.journal.absorptions)),
            failure=self.failure,
            answers=tuple(self._answers),
            parked=tuple(_parked_seen(parked, self.ward.budget_s) for parked in self.ward.records),
            standstills=() if self.patrol is None else tuple(self.patrol.ended),
            leftovers=tuple(map(self._explained, leftovers)),
            recovery=self._recovery,
            problems=tuple(self.journal.problems),
            teardown_error=self._teardown_error,
            teardown=self._teardown,
            recovered=tuple(self._recovered),
            children=tuple(self._listener.children),
            duration_s=self._duration_s,
            # What is known of libraries is not read for nothing.
            spared_s=0.0 if self.contract.deadline_s is None else sum(map(self._spared_s, self.journal.activations)),
            steady=None if plan.plain is None else plan.plain.steady,
            spots=()
            if self.trace is None
            else spots_of(
                self.trace,
                plan.plain,
                {key: loop for one in injections for key, loop in one.loops.items()},
                self._is_in_pieces,
                self._is_local,
                self._inner(),
            ),
            loud_logs=self._loud_logs,
            logged=tuple(self._logged),
            unhandled=tuple(self._unhandled),
            has_foreign_errors=any(map(self._is_foreign, self.journal.injected_types)),
            is_debugging=self._is_debugging,
            is_transient=plan.is_transient,
            let_through="; ".join(injection.let_through for injection in injections if injection.let_through),
            ends=ends,
            files=() if self.trace is None else self.files.seen(),
        )

    def _is_foreign(self, error: type[BaseException]) -> bool:
        return issubclass(error, OSError) or self.laboratory.provenance.of_class(error) == "installed"

    def _gathered(self, way: Absorption) -> Absorption:
        """Return the end of an error that a gather of the project's kept, where that is what made all of its tasks."""
        if way.end != "task" or self.plan.plain is None:
            return way  # who is not compared with a plain run is not judged by what it swallows
        actors = {activation.actor for activation in self.journal.activations if activation.point == way.point}
        births = [self._listener.gathered.get(actor) for actor in actors]
        provenance = self.laboratory.provenance
        places = {self.laboratory.census.births.place(birth) for birth in births}
        made = places.pop() if len(places) == 1 else None
        file = "" if made is None else provenance.whole(made.path)
        tree = None if made is None else self.laboratory.sources.tree_of_file(file)
        if made is None or tree is None or provenance.of_file(file) != "project":
            return way
        gather = gather_at(tree, made.line)
        if gather is None or not (gather.is_dropped or gather.has_asker):
            return way  # kept, and nobody knows whether somebody looks
        worker = "" if way.place is None else way.place.function.rpartition("<locals>.")[2]
        return replace(
            way,
            end="gather",
            passed=(*way.passed, worker),
            place=made,
            reached=made,
            clause="gather(return_exceptions=True)",
            taker="project",
            does="nothing" if gather.is_dropped else "answers",
            is_broad=gather.is_dropped,
            span=gather.span,
        )

    def _explained(self, one: Leftover) -> Leftover:
        plain, tree_of = self.plan.plain, self.laboratory.sources.tree_of_file
        entry = None if self.failure is None else self.failure.entry
        return replace(
            one,
            is_in_hang=not IN_HANG.isdisjoint(one.stack),
            is_tests=plain is not None and is_tests(one, plain.steady.ends, entry, tree_of),
            is_closed_plainly=plain is not None and is_ended(one, plain.steady.ends),
            is_told=one.error in self._ended_by,
            taken_at=self._taken_at(one) if one.variable else None,
            may_be_tests=may_be_tests(one, entry, tree_of),
        )

    def _taken_at(self, lock: Leftover) -> Place | None:
        """Return the line that took a lock by hand, in a function that an injected error left or ended in."""
        provenance, ways = self.laboratory.provenance, self.journal.absorptions
        functions = {name for way in ways for name in way.met}
        lines = [lock.place, *(line for way in ways for line in (way.reached, way.place))]
        for path in dict.fromkeys(line.path for line in lines if line is not None):
            tree = self.laboratory.sources.tree_of_file(provenance.whole(path))
            taken = None if tree is None else taken_in(tree, lock.variable, functions)
            if taken is not None:
                return Place(path, taken.line, taken.function)
        return None


def _above(provenance: Provenance, frame: FrameType | None) -> tuple[Place, ...]:
    """Return the lines of the project behind a call, innermost first."""
    stack = provenance.own_stack(frame)
    return tuple(provenance.place(one.f_code, one.f_lineno) for one, origin in stack if origin == "project")


def _is_double(provenance: Provenance, point: str, call: AskedCall) -> bool:
    return double_at(point, home_of(point), call.function, provenance) is not None


def _mode_of(catalogue: Catalogue, point: str, call: AskedCall) -> str:
    boundary = catalogue.at(point)
    return "" if boundary is None else mode_of(boundary, call)


def _limit_of(catalogue: Catalogue, point: str, call: AskedCall) -> Limit | None:
    boundary = catalogue.at(point)
    if boundary is not None:
        return limit_of(boundary, call)
    try:
        return limit_in(call, call.told()[1])
    except Exception:  # noqa: BLE001  # arguments are the user's objects; a call that cannot be read takes no timeout
        return None


def spots_of(
    trace: Trace,
    plain: Plain | None,
    loops: Mapping[tuple[str, CodeType, int], Loop] = MappingProxyType({}),
    is_in_pieces: Callable[[str], bool] = lambda point: False,
    is_local: Callable[[str], bool] = lambda point: False,
    is_inner: Callable[[str], bool] = lambda point: False,
) -> tuple[SpotSeen, ...]:
    """Return the system's calls, spot by spot, beside those of the plain run."""
    spots = {} if plain is None else plain.trace.spots
    before = {(point, site.place): calls for (point, site), calls in spots.items() if not site.is_driver}
    found: list[SpotSeen] = []
    for (point, site), calls in trace.spots.items():
        if site.is_driver:
            continue
        last: dict[str, float] = {}
        gaps: list[float] = []
        for actor, time_s in zip(calls.actors, calls.times, strict=True):
            if actor in last:
                gaps.append(time_s - last[actor])
            last[actor] = time_s
        gap_s = statistics.median(gaps) if gaps else None
        loop = None if site.code is None else loops.get((point, site.code, site.line))
        one = SpotSeen(
            point,
            site.place,
            calls.count,
            0,
            gap_s,
            loop,
            is_in_pieces(point),
            is_local(point),
            is_inner=is_inner(point),
        )
        was = before.pop((point, site.place), None)
        found.append(one if was is None else _beside(one, was))
    missed = [
        _beside(SpotSeen(point, place, 0, 0, in_pieces=is_in_pieces(point)), was)
        for (point, place), was in before.items()
    ]
    return (*found, *missed)


def _beside(spot: SpotSeen, plain: Calls) -> SpotSeen:
    """Return a spot beside the calls that the plain run made there, and how it made them where some are missing."""
    if spot.calls >= plain.count:
        return replace(spot, plain_calls=plain.count)
    return replace(spot, plain_calls=plain.count, above=plain.above, actor=plain.actors[0] if plain.actors else "")


@contextlib.contextmanager
def _loud_logs(made: Callable[[logging.LogRecord], None]) -> Iterator[None]:
    """Tell of each log record that is made, whichever logger makes it and whoever listens."""
    before = logging.getLogRecordFactory()
    hear = Ear(made)  # what the project's own factory has made may lack a level

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = before(*args, **kwargs)
        hear(record)
        return record

    logging.setLogRecordFactory(factory)
    try:
        yield
    finally:
        if logging.getLogRecordFactory() is factory:  # else the test has put one of its own there
            logging.setLogRecordFactory(before)


# What can be said of a run in which no fault acted.
LEAK_ORACLES: tuple[Oracle, ...] = (judge_leaks, judge_lost)


def judge(seen: Observation, oracles: Iterable[Oracle] = ORACLES, fail_on: FailOn | None = None) -> Judgement:
    """Return what oracles say of a run together.

    Args:
        seen: What was seen of it.
        oracles: Those that are asked.
        fail_on: Which verdicts fail; by default those that do by themselves.
    """
    found = [finding for oracle in oracles for finding in oracle(seen)]
    if fail_on is None:
        return Judgement.of(found)
    # How the body of a fault test ends is judged by its author.
    return Judgement.of(
        one if one.evidence.oracle == "ending" and not seen.is_compared else fail_on.applied(one) for one in found
    )


def _parked_seen(parked: Parked, budget_s: float) -> ParkedSeen:
    return ParkedSeen(
        activation=parked.activation,
        thread=parked.thread,
        outcome=parked.outcome,
        blocks_loop=parked.blocks_loop,
        waits=parked.waits,
        limit=parked.limit,
        without=parked.without,
        budget_s=budget_s,
        meaning=parked.meaning,
        timed=parked.timed,
        still_at=parked.still_at,
        was_closing=parked.was_closing,
        ended_by=parked.ended_by,
    )


def _rule_seen(injection: Injection, provenance: Provenance) -> RuleSeen:
    triggers = [term.trigger for term in injection.rule.chain]
    return RuleSeen(
        text=injection.text,
        source=injection.rule.source,
        calls=injection.calls,
        fired=injection.fired,
        is_sure=injection.rule.is_sure,
        points=tuple(point.text for point in injection.points),
        target=format_left(injection.rule),
        fault=injection.faults,
        filtered=injection.filtered,
        shadowed=injection.shadowed,
        unreached=() if injection.calls else tuple(injection.unreached),
        doubles=tuple(injection.doubles),
        refused=tuple(
            Refused(module, Place(provenance.shorten(file), line, function), calls)
            for (module, file, line, function), calls in injection.refused.items()
        ),
        caller=next((trigger.caller for trigger in triggers if trigger.caller is not None), ""),
        wanted=tuple(name for trigger in triggers for name, _ in trigger.args if isinstance(name, str)),
        parameters=tuple(injection.parameters),
        dependency=injection.rule.dependency,
        why_passed=injection.why_passed,
    )


def run(
    body: Callable[[], Any], laboratory: Laboratory, rules: Iterable[Rule], **options: Any
) -> tuple[Observation, Judgement]:
    """Run a body under rules without a test runner, and judge it.

    Args:
        body: What is run.
        laboratory: What all experiments share; its census must be open.
        rules: What goes wrong.
        **options: Further fields of :class:`~pytest_chaos.plan.RunPlan`.
    """
    planned = tuple(map(PlannedRule, rules))
    experiment = Experiment(laboratory, RunPlan(options.pop("test", "body"), rules=planned, **options))
    experiment.begin()
    try:
        experiment.prepare()
        error: BaseException | None = None
        with experiment.looked_after(), experiment.body(getattr(body, "__code__", None)):
            try:
                body()
            except BaseException as caught:  # noqa: BLE001  # how a body ends is what is observed
                error = caught
        experiment.ended_with(error)
        del error
        return experiment.conclude()
    finally:
        experiment.close()
