"""One explored test: its plain run, a clone for each scenario, and the recovery run."""

from __future__ import annotations

import inspect
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from traceback import walk_tb
from typing import TYPE_CHECKING

import pytest

from pytest_chaos.contract import Contract
from pytest_chaos.experiment import Experiment, Plain, Watched, judge
from pytest_chaos.explorer import Explorer, Outcome, Scenario
from pytest_chaos.guard import CONFIRMED_S, QUIET_S, Limits
from pytest_chaos.injector.injector import Patience
from pytest_chaos.observation import Observation, RunKind, Steady
from pytest_chaos.oracles.recovery import COSTS, recovery_trouble
from pytest_chaos.plugin import compat, leaks
from pytest_chaos.plugin.clones import Following, clone_of, split_id
from pytest_chaos.plugin.fresh import Answer, Question, ask
from pytest_chaos.plugin.marker import Exploration
from pytest_chaos.report.lines import verdict_text
from pytest_chaos.report.record import record_of
from pytest_chaos.scenario import Rule
from pytest_chaos.target import Target
from pytest_chaos.verdict import Evidence, Finding, Judgement, Verdict

if TYPE_CHECKING:
    from pytest_chaos.plugin.exploring import Exploring
    from pytest_chaos.plugin.session import ChaosSession

RECOVERY = "recovery"
"""Label of the run with all faults lifted."""

_MOST_FIRINGS = 100  # a system that tries again so often has no cap
_PATIENCE_S = 10.0
_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.25
_LONGEST_SILENCE_S = 5.0
_LOOKS = 3  # runs of a plain test in a fresh process, of which each must be like the first
_MOST_EXAMPLES = 25  # of a property test, in each scenario
_LASTING = frozenset({"lock", "permit"})
"""Leaks of things that outlast the run: what is held already cannot be seen to be taken again."""

_SHORTEST_TOLD_S = 0.1
_RESUMABLE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_ITERABLE_COROUTINE
_GOOD = frozenset({"resilient", "degraded"})


@dataclass
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


@dataclass
class Run:
    """One run of a clone, and what came of it.

    Attributes:
        experiment: What runs.
        reports: pytest's reports, not logged yet.
        seen: What was seen.
        judgement: What was said of it.
        errors: What its parts ended with, until they are told.
    """

    experiment: Experiment
    reports: list[pytest.TestReport] = field(default_factory=list)
    seen: Observation | None = None
    judgement: Judgement | None = None
    errors: list[BaseException] = field(default_factory=list)
    passed: bool = False
    is_silent: bool = False

    @property
    def body(self) -> pytest.TestReport | None:
        """The report of the body, if it ran and was not skipped."""
        report = leaks.body_of(self.reports)
        return None if report is None or report.skipped else report


RUN: pytest.StashKey[Callable[[pytest.Item, pytest.Item | None], None]] = pytest.StashKey()
"""On a clone: what runs it, in the protocol and inside every other plugin's hooks."""


class OneTest:
    """The exploration of one test, from its plain run to its recovery run.

    Args:
        exploring: What all explored tests share.
        session: Our session.
        item: The test.
        plan: How it is explored.
        plain: Its plain run, if that is over.
    """

    def __init__(
        self,
        exploring: Exploring,
        session: ChaosSession,
        item: pytest.Item,
        plan: TestPlan,
        plain: Plain | None = None,
    ) -> None:
        self._exploring = exploring
        self._session = session
        self._settings = session.settings
        self._item = item
        self._plan = plan
        self._plain = plain
        self._recovery = clone_of(item, RECOVERY)
        self._test = compat.plain_id(item)
        self._explorer: Explorer | None = None
        self._first: Scenario | None = None
        self._ran: list[Scenario] = []
        self._answer: Answer | None = None
        self._seconds_of_plain = 0.0
        self._is_deferred = False

    # --- the whole

    def explore(self, nextitem: pytest.Item | None) -> None:
        """Run the test plainly; if it passed, run it under each scenario, and once more without."""
        clone = clone_of(self._item)
        run = self._new_run(None, "session")
        after = Following(lambda: self._decide(run, nextitem))
        self._run(clone, after, run)  # type: ignore[arg-type]  # it stands for the item that follows
        if run.seen is not None and run.experiment.trace is not None:
            self._plain = Plain.of(run.seen, run.experiment.trace)
        self._say_polluted(run)
        self._log(clone, run)
        if after.item is self._recovery and not all(report.passed for report in run.reports):
            self._recovery.add_marker(pytest.mark.skip(reason="not explored: the teardown of the plain run failed"))
            self._run_plainly(self._recovery, nextitem)
        elif after.item is self._recovery:
            self._disturb(nextitem)
        elif self._is_deferred and self._plain is not None:
            self._exploring.defer(self._item, self._plain)

    def explore_later(self, nextitem: pytest.Item | None) -> None:
        """Explore a test whose plain run is over for long."""
        assert self._plain is not None, "it was deferred with it"
        if self._begin(self._plain):
            self._disturb(nextitem)

    def _decide(self, run: Run, nextitem: pytest.Item | None) -> pytest.Item | None:
        """Return what follows the plain run, at its teardown: the first scenario, or the next test."""
        trace = run.experiment.trace
        if not run.passed or trace is None or self._is_stopping():
            return nextitem
        self._seconds_of_plain = run.experiment.duration_s
        plain = Plain(Steady(trace.counts(), duration_s=run.experiment.duration_s), trace)
        if self._settings.scope == "suite" and not self._settings.plans:
            self._is_deferred = True
            return nextitem
        return self._recovery if self._begin(plain) else nextitem

    def _say_polluted(self, run: Run) -> None:
        """Say of a plain run that fails that faults on an earlier test may be the reason."""
        body = next((report for report in run.reports if report.failed), None)
        if body is not None and self._exploring.polluted:
            by = ", ".join(self._exploring.polluted)
            text = f"chaos: the process has not recovered from the faults in {by}; this may be why"
            body.sections.append(("chaos", text))

    def _begin(self, plain: Plain) -> bool:
        explorer = self._explorer = self._exploring.explorer_of(self._item, self._plan, plain)
        self._exploring.foresee(explorer)
        if self._settings.plans:
            self._exploring.tally.add(explorer)
            if explorer.waiting:
                self._exploring.plan_lines += plan_lines(self._test, explorer, self._seconds_of_plain)
            return False
        if self._exploring.is_over:
            self._leave_out("the budget was used up", explorer)
            self._exploring.tally.add(explorer)
            return False
        self._first = explorer.next()
        if self._first is None:
            self._exploring.tally.add(explorer)
        return self._first is not None

    def _disturb(self, nextitem: pytest.Item | None) -> None:
        explorer, scenario = self._explorer, self._first
        assert explorer is not None, "it was begun"
        self._say_how_long(explorer)
        began = time.monotonic()
        try:
            while scenario is not None and not self._is_stopping():
                if not self._run_scenario(explorer, scenario):
                    self._leave_out("the process is polluted", explorer)
                    break
                if self._exploring.is_over_after(time.monotonic() - began):
                    self._leave_out("the budget was used up", explorer)
                    break
                if self._settings.most is not None and len(self._ran) >= self._settings.most:
                    self._leave_out(f"--chaos-max={self._settings.most}", explorer)
                    break
                scenario = explorer.next()
            if not self._is_stopping():
                self._recover(nextitem)
        finally:
            self._exploring.spend(time.monotonic() - began)
            self._exploring.tally.add(explorer)

    def _say_how_long(self, explorer: Explorer) -> None:
        """Say once what is to come, where that takes longer than a reader waits without a word."""
        scenarios = 1 + len(explorer.planned)
        seconds = estimate_s(scenarios, self._seconds_of_plain)
        terminal = self._item.config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None and seconds > _LONGEST_SILENCE_S and terminal.verbosity >= 0:
            terminal.ensure_newline()
            terminal.write_line(f"chaos: {self._test}: up to {scenarios} scenarios, about {seconds:.0f} s")

    def _is_stopping(self) -> bool:
        return bool(self._item.session.shouldfail or self._item.session.shouldstop)

    def _leave_out(self, reason: str, explorer: Explorer) -> None:
        left = explorer.waiting
        if left:
            self._exploring.tally.left_out[reason] += len(left)
            self._exploring.left_out.extend(f"{self._test}: {scenario.label}" for scenario in left)

    # --- scenarios

    def _run_scenario(self, explorer: Explorer, scenario: Scenario) -> bool:
        """Run one scenario, and tell whether the process is still fit for another."""
        clone = clone_of(self._item, scenario.label)
        clone.ihook.pytest_runtest_logstart(nodeid=clone.nodeid, location=clone.location)
        self._ran.append(scenario)
        run = self._new_run(scenario, "explored")
        self._run(clone, self._recovery, run)
        is_fit = True
        try:
            if run.seen is not None and run.judgement is not None:
                if run.judgement.fails:
                    self._confirm(scenario, run)
                if run.judgement.fails or (not run.seen.fired and self._session.disturbed_last):
                    is_fit = self._probe()
                    if self._answer is not None:
                        self._blame(scenario, run)
                assert run.experiment.trace is not None, "its calls were watched"
                explorer.saw(scenario, Outcome.of(run.seen, run.judgement, run.experiment.trace))
        finally:  # Ctrl-C may come while it is confirmed, and what was found is told all the same
            if run.seen is not None and run.judgement is not None:
                self._tell(clone, run, scenario)
            self._log_reports(clone, run)
            self._log_finish(clone)
        return is_fit

    def _confirm(self, scenario: Scenario, run: Run) -> None:
        """Run a scenario that fails once more; what does not come again is unstable."""
        assert run.judgement is not None, "it fails"
        if run.judgement.verdict is Verdict.LEAKED and run.judgement.evidence[0].kind in _LASTING:
            return
        again = self._new_run(scenario, "explored", run.seen)
        self._run_silently(again)
        self._exploring.tally.checks["confirmation"] += 1
        if again.judgement is not None and not again.judgement.fails:
            found = f"unstable: {run.judgement.verdict} did not come again when the same faults were injected once more"
            run.judgement = _doubted(run.judgement, "exercised", "unstable", found)

    def _probe(self) -> bool:
        """Tell whether the test still does what its plain run did; else a fresh process says since when."""
        trouble = self._trouble_without_faults()
        if not trouble:
            return True
        if self._answer is None:
            self._answer = self._ask_fresh()
        return self._answer.plain == "varies"

    def _trouble_without_faults(self) -> str:
        deadline = time.monotonic() + self._plan.mark.recovery_within_s
        pause = _FIRST_PAUSE_S
        while True:
            trouble = self._trouble_of_a_run()
            if trouble is not None and trouble[0] in COSTS:
                # How often a socket is read, say, varies by itself: what is not so twice is no trouble.
                again = self._trouble_of_a_run()
                trouble = again if again is not None and again[0] == trouble[0] else None
            if trouble is None:
                return ""
            if time.monotonic() + pause > deadline:
                return trouble[1]
            time.sleep(pause)  # what the user allows the system for its recovery
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _trouble_of_a_run(self) -> tuple[str, str] | None:
        run = self._new_run(None, "recovery")
        self._run_silently(run)
        self._exploring.tally.checks["probe"] += 1
        return recovery_trouble(run.seen) if run.seen is not None else ("", "the set-up fails")

    def _ask_fresh(self) -> Answer:
        self._exploring.tally.checks["fresh process"] += 1
        scenarios = [(one.text, one.seed, one.spares_driver) for one in self._ran]
        if any("‹" in text for text, _, _ in scenarios):
            return Answer("unknown", None)
        return ask(
            self._item.config,
            Question(self._test, self._settings.seed, self._settings.hang_budget_s, scenarios, self._plan_texts()),
        )

    def _plan_texts(self) -> list[str]:
        return [target.text for target, _ in self._plan.watched if not target.is_object]

    def _blame(self, scenario: Scenario, run: Run) -> None:
        """Say of a scenario in a polluted process which one has polluted it."""
        answer = self._answer
        assert run.judgement is not None and answer is not None, "it was probed"
        if answer.plain == "fails":
            found = "unstable: the test fails in a fresh process too, where no fault ever acted"
            run.judgement = _doubted(run.judgement, "exercised", "unstable", found)
        elif answer.plain == "varies":
            return  # it does the same without faults: what it remembers is no pollution
        elif answer.polluter is not None and self._ran[answer.polluter] is not scenario:
            found = f"the process was polluted before, by {self._ran[answer.polluter].label}"
            run.judgement = _doubted(run.judgement, "recovery", "polluted", found)

    def _recover(self, nextitem: pytest.Item | None) -> None:
        """Run the test with all faults lifted: it passes, and calls are what they were."""
        clone = self._recovery
        if self._plan.mark.recovery_within_s and self._answer is None:
            self._trouble_without_faults()
        clone.ihook.pytest_runtest_logstart(nodeid=clone.nodeid, location=clone.location)
        run = self._new_run(None, "recovery")
        self._run(clone, nextitem, run)
        seen = run.seen
        if seen is not None:
            trouble = recovery_trouble(seen)
            if trouble is not None and self._answer is None:
                is_steady = trouble[0] not in COSTS or bool(self._trouble_without_faults())
                self._answer = self._ask_fresh() if is_steady else Answer("unsteady", None)
            if trouble is not None and self._answer is not None:
                polluter = self._answer.polluter
                run.seen = replace(
                    seen,
                    fresh=self._answer.plain,
                    polluter="" if polluter is None else self._ran[polluter].label,
                )
                run.judgement = judge(run.seen, self._session.laboratory.oracles)
                if run.judgement.fails:
                    self._exploring.polluted.append(self._test)
            self._tell(clone, run, None)
        self._log_reports(clone, run)
        self._log_finish(clone)

    def search(self, scenarios: list[Scenario]) -> Answer:
        """Return after which scenario the plain test fails, in a process where no fault has acted yet."""
        run = self._new_run(None, "session")
        self._run_silently(run)
        if run.seen is None or run.experiment.trace is None or not run.passed:
            return Answer("fails", None)
        self._plain = Plain.of(run.seen, run.experiment.trace)
        if any(self._trouble_of_a_run() for _ in range(_LOOKS)):
            return Answer("varies", None)
        for number, scenario in enumerate(scenarios):
            self._run_silently(self._new_run(scenario, "explored"))
            if self._trouble_without_faults():
                return Answer("passes", number)
        return Answer("passes", None)

    # --- one run

    def _limits(self, kind: RunKind, first: Observation | None) -> Limits | None:
        """Return when parts of a run are ended; of a plain run only if it stands still for ever after a fault.

        Args:
            kind: What sort of run it is.
            first: The run that this one confirms, if it does.
        """
        if kind == "session" or self._plain is None:
            return Limits() if self._session.disturbed_last else None
        quiet_s = self._plan.mark.limit_s or QUIET_S + self._plain.steady.duration_s
        late_s = quiet_s + self._patience_s
        if first is not None and any(one.end == "quiet" for one in first.standstills):
            quiet_s = min(quiet_s, CONFIRMED_S)  # it was waited for long enough
        return Limits(quiet_s, late_s)

    def _new_run(self, scenario: Scenario | None, kind: RunKind, first: Observation | None = None) -> Run:
        seed = self._settings.seed if scenario is None or scenario.seed is None else scenario.seed
        experiment = Experiment(
            self._session.laboratory,
            self._test,
            seed,
            self._plan.contract,
            self._settings.hang_budget_s,
            kind=kind,
            plain_leaks=self._item.stash.get(leaks.LEVEL, "off") if kind == "session" else "off",
            plain=self._plain,
            limits=self._limits(kind, first),
        )
        experiment.is_transient = scenario is not None and all(rule.is_transient for rule in scenario.rules)
        experiment.scenario = scenario
        return Run(experiment)

    @property
    def _patience_s(self) -> float:
        assert self._plain is not None, "asked only of runs that follow it"
        return _PATIENCE_S + 20 * self._plain.steady.duration_s

    def _arm(self, experiment: Experiment) -> None:
        experiment.watch(self._plan.watched)
        if experiment.kind == "session" and self._exploring.candidates is not None:
            self._exploring.candidates.watch(experiment)
        scenario: Scenario | None = experiment.scenario
        if scenario is None:
            return
        assert self._plain is not None, "scenarios follow a plain run"
        calls = sum(self._plain.steady.calls.values())
        patience = Patience(max(_MOST_FIRINGS, 10 * calls), self._patience_s)
        for rule in scenario.rules:
            experiment.explore(rule, spares_driver=scenario.spares_driver, patience=patience)

    def _run(self, clone: pytest.Item, nextitem: pytest.Item | None, run: Run) -> None:
        """Run a clone through the protocol, so that every other plugin's hooks see it."""

        def in_protocol(item: pytest.Item, following: pytest.Item | None) -> None:
            session = self._session
            is_plain = run.experiment.kind == "session"
            examples = compat.same_examples(item, None if is_plain else _MOST_EXAMPLES)
            with session.begun(item, run.experiment, self._arm), examples:
                item.stash[_NOTE] = run
                # A plugin that runs tests again does so with the plain run, and tells of it itself.
                if not (is_plain and compat.is_run_by_another(item, following, self._exploring)):
                    if is_plain and not run.is_silent:
                        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
                    run.reports = compat.runtestprotocol(item, nextitem=following, log=False)
                if not is_plain:  # the plain run has passed, and keeps nothing either
                    forget(run.errors)
                session.conclude(item, run)

        clone.stash[RUN] = in_protocol
        with compat.in_place(clone.session, clone):
            clone.config.hook.pytest_runtest_protocol(item=clone, nextitem=nextitem)

    def _run_silently(self, run: Run) -> None:
        """Run a clone of which nobody is told."""
        clone = clone_of(self._item, "probe", is_silent=True)
        run.is_silent = True
        self._run(clone, self._recovery, run)

    def _run_plainly(self, clone: pytest.Item, nextitem: pytest.Item | None) -> None:
        with compat.in_place(clone.session, clone):
            clone.config.hook.pytest_runtest_protocol(item=clone, nextitem=nextitem)

    # --- reports

    def _log(self, clone: pytest.Item, run: Run) -> None:
        if not run.reports:
            return  # a plugin that runs tests again has told of it
        self._log_reports(clone, run)
        self._log_finish(clone)

    def _log_finish(self, clone: pytest.Item) -> None:
        is_last = self._first is None or clone is self._recovery
        with nullcontext() if is_last else compat.more_to_come(clone.session):
            clone.ihook.pytest_runtest_logfinish(nodeid=clone.nodeid, location=clone.location)

    def _log_reports(self, clone: pytest.Item, run: Run) -> None:
        with compat.in_place(clone.session, clone):
            for report in run.reports:
                clone.ihook.pytest_runtest_logreport(report=report)

    def _tell(self, clone: pytest.Item, run: Run, scenario: Scenario | None) -> None:
        """Put the verdict on the report of the body: it fails exactly when the verdict does."""
        seen, judgement = run.seen, run.judgement
        assert seen is not None and judgement is not None, "it was concluded"
        body = run.body
        is_shown = body is None or judgement.fails or bool(judgement.evidence)
        replay = ""
        if is_shown or self._item.config.getoption("chaos_report"):  # else nobody gets to read it
            replay = self._session.again.scenario(self._item, seen, scenario)
        record = record_of(seen, judgement, replay)
        record["id"] = clone.nodeid
        record["label"] = label = split_id(clone.nodeid)[1]
        text = verdict_text(record) if is_shown else ""
        if seen.standstills or any(parked.was_released for parked in seen.parked):
            _excuse_teardown(run.reports)
        for report in run.reports:
            report.user_properties.append(("chaos", judgement.verdict.value))
            path, line, domain = report.location
            report.location = (path, line, f"{domain}[chaos: {label}]")
        if body is None:
            run.reports[0].chaos = record  # type: ignore[attr-defined]  # reports carry further attributes, see session
            run.reports[0].sections.append(("chaos", text))
            return
        body.chaos = record  # type: ignore[attr-defined]  # as above
        if judgement.fails:
            if body.passed or seen.failure is None or seen.failure.is_release:
                body.longrepr = text
            else:
                compat.begin_message(body, text)
                body.sections.append(("chaos", text))
            body.outcome = "failed"
        else:
            body.outcome = "passed"
            body.longrepr = None
            if judgement.evidence:
                body.sections.append(("chaos", text))


_NOTE: pytest.StashKey[Run] = pytest.StashKey()


def note_outcome(item: pytest.Item, report: pytest.TestReport, error: BaseException | None) -> None:
    """Note, for the plain run, whether set-up and body have passed: then scenarios follow at its teardown."""
    run = item.stash.get(_NOTE, None)
    if run is None:
        return
    if error is not None:
        run.errors.append(error)
    if report.when == "setup":
        run.passed = report.passed
    elif report.when == "call":
        run.passed = run.passed and report.passed and not hasattr(report, "wasxfail")


def _excuse_teardown(reports: list[pytest.TestReport]) -> None:
    """Let a teardown pass that failed after our release of a hang: what the body left half done is our doing."""
    for report in reports:
        if report.when == "teardown" and report.failed:
            report.sections.append(("chaos: the teardown after a released hang failed", str(report.longrepr)))
            excuse(report)


def excuse(report: pytest.TestReport) -> None:
    """Let a report pass that failed by our doing."""
    report.outcome = "passed"
    report.longrepr = None


def forget(errors: list[BaseException]) -> None:
    """Let go of what errors keep: it is no leak of the system's, and the next run must not meet it.

    pytest holds a failure in a cycle with the frames that it passed, and with them every socket and file in their
    variables, until somebody collects it. Frames of generators and coroutines may be suspended, and are left alone.
    """
    if not errors:
        return
    seen: set[int] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a socket that is dropped here would be an error of the next test's set-up
        while errors:
            error = errors.pop()
            if id(error) in seen:
                continue
            seen.add(id(error))
            errors += [one for one in (error.__cause__, error.__context__) if one is not None]
            errors += error.exceptions if isinstance(error, BaseExceptionGroup) else ()
            for frame, _ in walk_tb(error.__traceback__):
                if not frame.f_code.co_flags & _RESUMABLE:
                    with suppress(RuntimeError):  # it is still running
                        frame.clear()
                        _ = frame.f_locals  # before CPython 3.13 a copy that was made for pytest is brought up to date


def _doubted(judgement: Judgement, oracle: str, kind: str, text: str) -> Judgement:
    """Return a judgement that proves nothing any more; its evidence stays."""
    doubt = Finding(Verdict.INCONCLUSIVE, Evidence(oracle, kind, text), fails=False)
    return Judgement(Verdict.INCONCLUSIVE, False, (doubt.evidence, *judgement.evidence))


def plan_lines(test: str, explorer: Explorer, seconds: float) -> list[str]:
    """Return what ``--chaos-plan`` says of one test."""
    waiting = explorer.waiting
    more = len(explorer.planned) - len(waiting)
    maybe = f" and up to {more} more that depend on those" if more else ""
    estimate = estimate_s(len(waiting), seconds)
    duration = f"about {estimate:.1f} s" if estimate >= _SHORTEST_TOLD_S else f"less than {_SHORTEST_TOLD_S} s"
    lines = [f"{test}: {_many(explorer.keys, 'key')}, {_many(len(waiting), 'scenario')}{maybe}, {duration}"]
    lines += [f"  {scenario.label}    {scenario.text}" for scenario in waiting]
    return lines


def estimate_s(scenarios: int, seconds: float) -> float:
    """Return about how long so many scenarios take, in seconds; each is about as long as the plain run."""
    return scenarios * (seconds + 0.002)


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
