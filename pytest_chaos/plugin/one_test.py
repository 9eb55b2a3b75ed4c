"""One explored test: its plain run, a clone for each scenario, and the recovery run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Literal

import pytest

from pytest_chaos.experiment import Experiment, judge
from pytest_chaos.explorer import Explorer, Outcome, Scenario
from pytest_chaos.guard import CONFIRMED_S, QUIET_S, Limits
from pytest_chaos.injector.injector import Patience
from pytest_chaos.observation import Observation, RunKind, Steady
from pytest_chaos.oracles.exercised import Unstable
from pytest_chaos.oracles.recovery import COSTS, Polluted, TroubleKind, recovery_trouble
from pytest_chaos.plan import Plain, PlannedRule, RunPlan
from pytest_chaos.plugin import compat, telling
from pytest_chaos.plugin.candidates import Candidates
from pytest_chaos.plugin.clones import PROTOCOL, Following, clone_of, split_id
from pytest_chaos.plugin.context import Context
from pytest_chaos.plugin.fresh import Answer, Question, ask
from pytest_chaos.plugin.leaks import LEVEL
from pytest_chaos.plugin.ledger import Explored
from pytest_chaos.plugin.one_run import OneRun
from pytest_chaos.plugin.planning import RECOVERY, Planner, TestPlan
from pytest_chaos.report.record import record_of
from pytest_chaos.verdict import Evidence, Finding, Judgement, Verdict

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


class OneTest:
    """The exploration of one test, from its plain run to its recovery run.

    Args:
        context: What all rooms share.
        planner: Makes the explorer of its scenarios.
        item: The test.
        plan: How it is explored.
        polluted: Tests whose scenarios this process has not recovered from.
        candidates: Has calls of plain runs counted that could be named as targets, if somebody wants to know.
        is_run_by_another: Lets other plugins run an item in a way of their own, given the one that follows, and tells
            whether one did.

    Attributes:
        explored: What has come of it so far.
        waits: Whether it passed, and is explored once all plain runs are over.
        seconds: How long its plain run took, fixtures included.
    """

    def __init__(
        self,
        context: Context,
        planner: Planner,
        item: pytest.Item,
        plan: TestPlan,
        *,
        polluted: Sequence[str] = (),
        candidates: Candidates | None = None,
        is_run_by_another: Callable[[pytest.Item, pytest.Item | None], bool] = lambda item, nextitem: False,
    ) -> None:
        self.explored = Explored()
        self._context = context
        self._planner = planner
        self._settings = context.settings
        self._item = item
        self._plan = plan
        self._left_s: float | None = None
        self._polluted = polluted
        self._candidates = candidates
        self._is_run_by_another = is_run_by_another
        self._plain: Plain | None = None
        self._recovery = clone_of(item, RECOVERY)
        self._test = compat.plain_id(item)
        self._explorer: Explorer | None = None
        self._first: Scenario | None = None
        self._ran: list[Scenario] = []
        self._answer: Answer | None = None
        self.seconds = 0.0
        self.waits = False

    # --- the whole

    def explore(self, nextitem: pytest.Item | None, left_s: float | None = None) -> None:
        """Run the test plainly; if it passed, run it under each scenario, and once more without.

        Args:
            nextitem: The test that follows.
            left_s: For how long it may be explored, in seconds; ``None`` sets no end.
        """
        self._left_s = left_s
        clone = clone_of(self._item)
        run = self._new_run(clone, None, "session")
        after = Following(lambda: self._decide(run, nextitem))
        began = time.monotonic()
        self._run(clone, after, run)  # type: ignore[arg-type]  # it stands for the item that follows
        self.seconds = time.monotonic() - began
        self._plain = _plain_of(run)
        self._say_polluted(run)
        if run.reports:  # else a plugin that runs tests again has told of it
            self._log(clone, run)
        if after.item is self._recovery and not all(report.passed for report in run.reports):
            self._recovery.add_marker(pytest.mark.skip(reason="not explored: the teardown of the plain run failed"))
            self._run_plainly(self._recovery, nextitem)
        elif after.item is self._recovery:
            self._disturb(nextitem)
        elif self.waits and self._plain is not None:
            self._planner.knows(self._plain)
            self.waits = all(report.passed for report in run.reports)  # its teardown may have failed

    def plan_later(self) -> int:
        """Plan the scenarios of a test whose plain run is over for long, and return how many are foreseen."""
        self.waits = False
        plan = self._planner.current(self._item)
        if plan is not None and plan is not self._plan:
            self._plan, self._plain = plan, None
            self._plain = self._plain_anew()
        plain = self._plain
        if plain is None or not self._begin(plain):
            return 0
        assert self._explorer is not None, "it was begun"
        return len(self._explorer.planned)

    def _plain_anew(self) -> Plain | None:
        """Run the test plainly once more, where a library was imported only meanwhile, and its calls were not seen."""
        clone = clone_of(self._item, "probe", is_silent=True)
        run = self._new_run(clone, None, "session")
        self._run(clone, None, run, is_silent=True)
        self.explored.tally.checks["plain run"] += 1
        return _plain_of(run) if run.passed and all(report.passed for report in run.reports) else None

    def begin_later(self) -> bool:
        """Tell whether there is still something to run of what was planned; the first of it is this process's then."""
        explorer = self._explorer
        assert explorer is not None, "it was planned"
        self._first = explorer.next()
        if self._first is None:
            self.explored.tally.add(explorer)
        return self._first is not None

    def explore_later(self, nextitem: pytest.Item | None, left_s: float | None = None) -> None:
        """Run what was planned and begun; see :meth:`explore`."""
        self._left_s = left_s
        explorer, first = self._explorer, self._first
        assert explorer is not None, "it was planned"
        assert first is not None, "and begun"
        if self._is_over_after(0.0):
            explorer.give_back(first)
            self._leave_out("the budget was used up", explorer)
            self.explored.tally.add(explorer)
            return
        self._disturb(nextitem)

    def search(self, scenarios: list[Scenario]) -> Answer:
        """Return after which scenario the plain test fails, in a process where no fault has acted yet."""
        run = self._run_silently(None, "session")
        self._plain = _plain_of(run)
        if self._plain is None or not run.passed:
            return Answer("fails", None)
        if any(self._trouble_of_a_run() for _ in range(_LOOKS)):
            return Answer("varies", None)
        for number, scenario in enumerate(scenarios):
            self._run_silently(scenario, "explored")
            if self._has_trouble_without_faults():
                return Answer("passes", number)
        return Answer("passes", None)

    def _decide(self, run: OneRun[Experiment], nextitem: pytest.Item | None) -> pytest.Item | None:
        """Return what follows the plain run, at its teardown: the first scenario, or the next test."""
        subject = run.subject
        if not run.passed or subject.trace is None or subject.reach is None or self._is_stopping():
            return nextitem
        if self._plan.can_wait:
            self.waits = True
            return nextitem
        self.seconds = subject.duration_s
        steady = Steady(subject.trace.counts(), duration_s=subject.duration_s)
        plain = Plain(steady, subject.trace, subject.reach, subject.sites)
        if not self._begin(plain) or self._explorer is None:
            return nextitem
        self._first = self._explorer.next()
        return self._recovery

    def _say_polluted(self, run: OneRun[Experiment]) -> None:
        """Say of a plain run that fails that faults on an earlier test may be the reason."""
        body = next((report for report in run.reports if report.failed), None)
        if body is not None and self._polluted:
            by = ", ".join(self._polluted)
            text = f"chaos: the process has not recovered from the faults in {by}; this may be why"
            body.sections.append(("chaos", text))

    def _begin(self, plain: Plain) -> bool:
        explored = self.explored
        explorer = self._explorer = self._planner.explorer_of(self._item, self._plan, plain)
        explored.matched = len(explorer.waiting)
        if self._settings.plans:
            explored.tally.add(explorer)
            if explorer.waiting:
                explored.plan_lines += plan_lines(self._test, explorer, self.seconds)
            return False
        if self._is_over_after(0.0):
            self._leave_out("the budget was used up", explorer)
            explored.tally.add(explorer)
            return False
        if not explorer.waiting:
            explored.tally.add(explorer)
        return bool(explorer.waiting)

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
                if self._is_over_after(time.monotonic() - began):
                    self._leave_out("the budget was used up", explorer)
                    break
                if self._settings.most is not None and len(self._ran) >= self._settings.most:
                    self._leave_out(f"--chaos-max={self._settings.most}", explorer)
                    break
                scenario = explorer.next()
            if not self._is_stopping():
                self._recover(nextitem)
        finally:
            self.explored.spent_s = time.monotonic() - began
            self.explored.tally.add(explorer)

    def _say_how_long(self, explorer: Explorer) -> None:
        """Say once what is to come, where that takes longer than a reader waits without a word."""
        scenarios = 1 + len(explorer.planned)
        seconds = estimate_s(scenarios, self.seconds)
        terminal = self._item.config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None and seconds > _LONGEST_SILENCE_S and terminal.verbosity >= 0:
            terminal.ensure_newline()
            terminal.write_line(f"chaos: {self._test}: up to {scenarios} scenarios, about {seconds:.0f} s")

    def _is_stopping(self) -> bool:
        return bool(self._item.session.shouldfail or self._item.session.shouldstop)

    def _is_over_after(self, seconds: float) -> bool:
        """Tell whether the budget is used up, once these seconds are spent."""
        return self._left_s is not None and seconds >= self._left_s

    def _leave_out(self, reason: str, explorer: Explorer) -> None:
        left = len(explorer.waiting)
        if left:
            self.explored.tally.left_out[reason] += left
            self.explored.is_cut_short = True

    # --- scenarios

    def _run_scenario(self, explorer: Explorer, scenario: Scenario) -> bool:
        """Run one scenario, and tell whether the process is still fit for another."""
        clone = clone_of(self._item, scenario.label)
        clone.ihook.pytest_runtest_logstart(nodeid=clone.nodeid, location=clone.location)
        self._ran.append(scenario)
        run = self._new_run(clone, scenario, "explored")
        self._run(clone, self._recovery, run)
        seen, judgement = run.seen, run.judgement
        is_fit = True
        try:
            if seen is not None and judgement is not None:
                if judgement.fails:
                    judgement = self._confirmed(scenario, seen, judgement)
                if judgement.fails or (not seen.fired and self._context.running.disturbed_last):
                    is_fit = self._probe()
                    if self._answer is not None:
                        judgement = self._blamed(scenario, judgement, self._answer)
                explorer.saw(scenario, self._outcome_of(run, seen, judgement))
        finally:  # Ctrl-C may come while it is confirmed, and what was found is told all the same
            if seen is not None and judgement is not None:
                self._tell(clone, run, seen, judgement, scenario)
            self._log(clone, run)
        return is_fit

    def _outcome_of(self, run: OneRun[Experiment], seen: Observation, judgement: Judgement) -> Outcome:
        trace, reach = run.subject.trace, run.subject.reach
        assert trace is not None, "its calls were watched"
        assert reach is not None, "and so were the ways to them"
        return Outcome.of(seen, judgement, trace, lambda: reach.ways(self._planner.is_guarded))

    def _confirmed(self, scenario: Scenario, seen: Observation, judgement: Judgement) -> Judgement:
        """Run a scenario that fails once more; what does not come again is unstable."""
        if judgement.verdict is Verdict.LEAKED and judgement.evidence[0].kind in _LASTING:
            return judgement
        again = self._run_silently(scenario, "explored", seen)
        self.explored.tally.checks["confirmation"] += 1
        if again.judgement is None or again.judgement.fails:
            return judgement
        return _doubted(judgement, "exercised", "unstable", Unstable(judgement.verdict))

    def _probe(self) -> bool:
        """Tell whether the test still does what its plain run did; else a fresh process says since when."""
        if not self._has_trouble_without_faults():
            return True
        if self._answer is None:
            self._answer = self._ask_fresh()
        return self._answer.plain == "varies"

    def _has_trouble_without_faults(self) -> bool:
        deadline = time.monotonic() + self._plan.mark.recovery_within_s
        pause = _FIRST_PAUSE_S
        while True:
            trouble = self._trouble_of_a_run()
            if trouble in COSTS:
                # How often a socket is read, say, varies by itself: what is not so twice is no trouble.
                again = self._trouble_of_a_run()
                trouble = again if again == trouble else None
            if trouble is None:
                return False
            if time.monotonic() + pause > deadline:
                return True
            time.sleep(pause)  # what the user allows the system for its recovery
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _trouble_of_a_run(self) -> TroubleKind | Literal["set-up"] | None:
        run = self._run_silently(None, "recovery")
        self.explored.tally.checks["probe"] += 1
        if run.seen is None:
            return "set-up"
        trouble = recovery_trouble(run.seen)
        return None if trouble is None else trouble.kind

    def _ask_fresh(self) -> Answer:
        self.explored.tally.checks["fresh process"] += 1
        if not all(one.has_text for one in self._ran):
            return Answer("unknown", None)
        scenarios = [(one.text, one.seed, one.spares_driver) for one in self._ran]
        targets = [target.text for target, _ in self._plan.watched if not target.is_object]
        settings = self._settings
        question = Question(self._test, settings.seed, settings.hang_budget_s, scenarios, targets)
        return ask(self._item.config, question)

    def _blamed(self, scenario: Scenario, judgement: Judgement, answer: Answer) -> Judgement:
        """Say of a scenario in a polluted process which one has polluted it."""
        if answer.plain == "fails":
            return _doubted(judgement, "exercised", "unstable", Unstable())
        if answer.plain == "varies":
            return judgement  # it does the same without faults: what it remembers is no pollution
        if answer.polluter is not None and self._ran[answer.polluter] is not scenario:
            return _doubted(judgement, "recovery", "polluted", Polluted(self._ran[answer.polluter].label))
        return judgement

    def _recover(self, nextitem: pytest.Item | None) -> None:
        """Run the test with all faults lifted: it passes, and calls are what they were."""
        clone = self._recovery
        if self._plan.mark.recovery_within_s and self._answer is None:
            self._has_trouble_without_faults()
        clone.ihook.pytest_runtest_logstart(nodeid=clone.nodeid, location=clone.location)
        run = self._new_run(clone, None, "recovery")
        self._run(clone, nextitem, run)
        seen, judgement = run.seen, run.judgement
        if seen is not None and judgement is not None:
            trouble = recovery_trouble(seen)
            if trouble is not None and self._answer is None:
                is_steady = trouble.kind not in COSTS or self._has_trouble_without_faults()
                self._answer = self._ask_fresh() if is_steady else Answer("unsteady", None)
            if trouble is not None and self._answer is not None:
                polluter = self._answer.polluter
                by = "" if polluter is None else self._ran[polluter].label
                seen = replace(seen, fresh=self._answer.plain, polluter=by)
                judgement = judge(seen, self._context.laboratory.oracles)
                self.explored.has_recovered = not judgement.fails
            self._tell(clone, run, seen, judgement, None)
        self._log(clone, run)

    # --- one run

    def _plan_of(self, scenario: Scenario | None, kind: RunKind, first: Observation | None) -> RunPlan:
        """Return what a run is to be.

        Args:
            scenario: What goes wrong; nothing in a plain run, and in one that is to show a recovery.
            kind: What sort of run it is.
            first: The run that this one confirms, if it does.
        """
        settings, is_plain = self._settings, kind == "session"
        rules: tuple[PlannedRule, ...] = ()
        if scenario is not None:
            assert self._plain is not None, "scenarios follow a plain run"
            calls = sum(self._plain.steady.calls.values())
            patience = Patience(max(_MOST_FIRINGS, 10 * calls), self._patience_s)
            rules = tuple(
                PlannedRule(rule, spares_driver=scenario.spares_driver, patience=patience) for rule in scenario.rules
            )
        return RunPlan(
            self._test,
            settings.seed if scenario is None or scenario.seed is None else scenario.seed,
            kind,
            rules,
            watched=self._plan.watched,
            reaching=self._plan.reaching,
            observed=self._candidates.observed if is_plain and self._candidates is not None else tuple,
            contract=self._plan.contract,
            budget_s=settings.hang_budget_s,
            plain=self._plain,
            plain_leaks=self._item.stash.get(LEVEL, "off") if is_plain else "off",
            limits=self._limits(kind, first),
        )

    def _limits(self, kind: RunKind, first: Observation | None) -> Limits | None:
        """Return when parts of a run are ended; of a plain run only if it stands still for ever after a fault."""
        if kind == "session" or self._plain is None:
            return Limits() if self._context.running.disturbed_last else None
        quiet_s = self._plan.mark.limit_s or QUIET_S + self._plain.steady.duration_s
        late_s = quiet_s + self._patience_s
        if first is not None and any(one.end == "quiet" for one in first.standstills):
            quiet_s = min(quiet_s, CONFIRMED_S)  # it was waited for long enough
        return Limits(quiet_s, late_s)

    @property
    def _patience_s(self) -> float:
        assert self._plain is not None, "asked only of runs that follow it"
        return _PATIENCE_S + 20 * self._plain.steady.duration_s

    def _new_run(
        self, clone: pytest.Item, scenario: Scenario | None, kind: RunKind, first: Observation | None = None
    ) -> OneRun[Experiment]:
        experiment = Experiment(self._context.laboratory, self._plan_of(scenario, kind, first))
        # The plain run has passed, and keeps nothing either.
        return OneRun(self._context, clone, experiment, forgets_errors=kind != "session")

    def _run(
        self,
        clone: pytest.Item,
        nextitem: pytest.Item | None,
        run: OneRun[Experiment],
        *,
        is_silent: bool = False,
    ) -> None:
        """Run a clone through the protocol, so that every other plugin's hooks see it."""
        is_plain = run.subject.plan.kind == "session"

        def in_protocol(item: pytest.Item, following: pytest.Item | None) -> None:
            def phases() -> list[pytest.TestReport]:
                # A plugin that runs tests again does so with the plain run, and tells of it itself.
                if is_plain and self._is_run_by_another(item, following):
                    return []
                if is_plain and not is_silent:
                    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
                return compat.runtestprotocol(item, nextitem=following, log=False)

            with run.begun(), compat.same_examples(item, None if is_plain else _MOST_EXAMPLES):
                run.run(phases)

        clone.stash[PROTOCOL] = in_protocol
        try:
            self._run_plainly(clone, nextitem)
        finally:
            del clone.stash[PROTOCOL]  # it leads back here, and would keep the run until a collection

    def _run_silently(
        self, scenario: Scenario | None, kind: RunKind, first: Observation | None = None
    ) -> OneRun[Experiment]:
        """Run a clone of which nobody is told."""
        clone = clone_of(self._item, "probe", is_silent=True)
        run = self._new_run(clone, scenario, kind, first)
        self._run(clone, self._recovery, run, is_silent=True)
        return run

    def _run_plainly(self, clone: pytest.Item, nextitem: pytest.Item | None) -> None:
        with compat.in_place(clone.session, clone):
            clone.config.hook.pytest_runtest_protocol(item=clone, nextitem=nextitem)

    # --- reports

    def _log(self, clone: pytest.Item, run: OneRun[Experiment]) -> None:
        with compat.in_place(clone.session, clone):
            for report in run.reports:
                clone.ihook.pytest_runtest_logreport(report=report)
        is_last = self._first is None or clone is self._recovery
        with nullcontext() if is_last else compat.more_to_come(clone.session):
            clone.ihook.pytest_runtest_logfinish(nodeid=clone.nodeid, location=clone.location)

    def _tell(
        self,
        clone: pytest.Item,
        run: OneRun[Experiment],
        seen: Observation,
        judgement: Judgement,
        scenario: Scenario | None,
    ) -> None:
        is_shown = run.body is None or judgement.fails or bool(judgement.evidence)
        replay = ""
        if is_shown or self._item.config.getoption("chaos_report"):  # else nobody gets to read it
            replay = self._context.again.scenario(self._item, seen, scenario)
        record = record_of(seen, judgement, replay)
        record["id"] = clone.nodeid
        record["label"] = split_id(clone.nodeid)[1]
        if seen.standstills or any(parked.was_released for parked in seen.parked):
            telling.excuse_teardown(run.reports)
        is_authors = seen.failure is not None and not seen.failure.is_release
        telling.put_verdict_of_scenario(run.reports, record, is_shown=is_shown, is_authors=is_authors)


def _plain_of(run: OneRun[Experiment]) -> Plain | None:
    subject = run.subject
    if run.seen is None or subject.trace is None or subject.reach is None:
        return None
    return Plain.of(run.seen, subject.trace, subject.reach, subject.sites)


def _doubted(judgement: Judgement, oracle: str, kind: str, about: Unstable | Polluted) -> Judgement:
    """Return a judgement that proves nothing any more; its evidence stays."""
    doubt = Finding(Verdict.INCONCLUSIVE, Evidence(oracle, kind, about=about), fails=False)
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
