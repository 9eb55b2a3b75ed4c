"""One explored test: its plain run, a clone for each scenario, and the recovery run."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Literal

import pytest

from pytest_chaos.breakers import Breakers
from pytest_chaos.experiment import Experiment
from pytest_chaos.explorer import Explorer, Outcome, Scenario
from pytest_chaos.faults.base import Fault
from pytest_chaos.faults.hanging import Hang
from pytest_chaos.guard import QUIET_S, Limits
from pytest_chaos.injector.injector import Patience
from pytest_chaos.observation import Observation, RunKind, Steady
from pytest_chaos.oracles.base import note
from pytest_chaos.oracles.exercised import Cold, Unconfirmed, Unstable
from pytest_chaos.oracles.recovery import COSTS, Polluted, TroubleKind, recovery_trouble
from pytest_chaos.plan import Plain, PlannedRule, RunPlan, Watched
from pytest_chaos.plugin import compat, telling
from pytest_chaos.plugin.candidates import Candidates
from pytest_chaos.plugin.clones import PROTOCOL, Following, clone_of, split_id
from pytest_chaos.plugin.cold import after_it, is_cold, told_plain
from pytest_chaos.plugin.context import Context
from pytest_chaos.plugin.fresh import LIMIT_S, Answer, Question, ask
from pytest_chaos.plugin.leaks import LEVEL
from pytest_chaos.plugin.ledger import Explored
from pytest_chaos.plugin.one_run import OneRun
from pytest_chaos.plugin.planning import RECOVERY, Planner, TestPlan
from pytest_chaos.report.record import Record
from pytest_chaos.verdict import Evidence, Judgement, Verdict

_MOST_FIRINGS = 100  # a system that tries again so often has no cap
_MOST_MORE = 5_000  # than the plain run has calls; a busy test would else try again for minutes
_PATIENCE_S = 10.0
_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.25
_LONGEST_SILENCE_S = 5.0
_LOOKS = 3  # runs of a plain test in a fresh process, of which each must be like the first
_MOST_EXAMPLES = 25  # of a property test, in each scenario
_LASTING = frozenset({"lock", "permit"})
"""Leaks of things that outlast the run: what is held already cannot be seen to be taken again."""

_SHORTEST_TOLD_S = 0.1
_OVERHEAD_S = 0.003  # of a scenario, beside what the test itself takes
_OF_BUDGET = 0.5  # of the hang budget that a hang takes: of some it is proved at once that nothing ends them
_WORTH_A_RUN = 0.3  # of the shapes that depend on what another one shows: about so many are run
_OVERTIME_S = 5.0  # of the last fresh process that a budget lets begin: one needs a second or two to start

_Trouble = TroubleKind | Literal["set-up"]


def most_firings(calls: int) -> int:
    """Return how often a fault that lasts may act in a run, given how many calls the plain run has."""
    return max(_MOST_FIRINGS, min(10 * calls, calls + _MOST_MORE))


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
        item: The test.
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
        self.item = item
        self._plan = plan
        self._left_s: float | None = None
        self._began = 0.0
        self._polluted = polluted
        self._candidates = candidates
        self._is_run_by_another = is_run_by_another
        self._plain: Plain | None = None
        self._recovery = clone_of(item, RECOVERY)
        self._test = compat.plain_id(item)
        self._explorer: Explorer | None = None
        self._first: Scenario | None = None
        self._ran: list[Scenario] = []
        self._answers: dict[bool, Answer] = {}
        self._watched = plan.watched
        self._modules = len(sys.modules)
        self._breakers = Breakers()
        self._began = 0.0
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
        clone = clone_of(self.item)
        run = self._new_run(clone, None, "session")
        after = Following(lambda: self._decide(run, nextitem))
        began = time.monotonic()
        self._run(clone, after, run)  # type: ignore[arg-type]  # it stands for the item that follows
        self.seconds = time.monotonic() - began
        self._plain = _plain_of(run)
        if self._plain is not None and self._settings.contract.is_proposed:
            answers = self._plain.steady.answers
            self.explored.plain_answers.update((one.kind, one.status) for one in answers if one.is_to_driver)
        self._say_polluted(run)
        if run.reports:  # else a plugin that runs tests again has told of it
            self._log(clone, run)
        if after.item is self._recovery and not all(report.passed for report in run.reports):
            self._leave_recovery_out("not explored: the teardown of the plain run failed", nextitem)
        elif after.item is self._recovery:
            self._disturb(nextitem)
        elif self.waits and self._plain is not None:
            self._planner.knows(self._plain)
            self.waits = all(report.passed for report in run.reports)  # its teardown may have failed

    def plan_later(self, left_s: float | None = None) -> bool:
        """Plan the scenarios of a test whose plain run is over for long, and tell whether there are any.

        Args:
            left_s: For how long exploring may go on, in seconds.
        """
        self.waits, self._left_s = False, left_s
        plan = self._planner.current(self.item)
        if plan is not None and plan is not self._plan:
            self._plan, self._plain = plan, None
            self._plain = self._plain_anew()
        return self._plain is not None and self._begin(self._plain)

    @property
    def estimated_s(self) -> float:
        """About how long its scenarios take, in seconds."""
        if self._explorer is None:
            return 0.0
        begun = 0.0 if self._first is None else self.seconds
        return begun + estimate_s(self._explorer, self.seconds, self._settings.hang_budget_s)

    def _plain_anew(self) -> Plain | None:
        """Run the test plainly once more, where a library was imported only meanwhile, and its calls were not seen."""
        clone = clone_of(self.item, "probe", is_silent=True)
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

    def search(self, scenarios: list[Scenario], *, is_about_costs: bool) -> Answer:
        """Return after which scenario the plain test fails, in a process where no fault has acted yet.

        Args:
            scenarios: What has acted elsewhere, in this order.
            is_about_costs: Whether the plain test passes there, and makes other calls. If it does not pass, calls that
                vary by themselves, as where the first run imports or remembers something, say nothing.
        """
        run = self._run_silently(None, "session")
        self._plain = _plain_of(run)
        if self._plain is None or not run.passed:
            return Answer("fails", None)
        troubles = {self._trouble_of_a_run() for _ in range(_LOOKS)} - {None}
        if troubles and (is_about_costs or not troubles <= COSTS):
            return Answer("varies", None)
        for number, scenario in enumerate(scenarios):
            self._run_silently(scenario, "explored")
            trouble = self._trouble_without_faults()
            if trouble is not None and (trouble not in COSTS or not troubles):
                return Answer("passes", number)
        return Answer("passes", None)

    def meet_first(self, scenario: Scenario, plain: Plain) -> Answer:
        """Return what comes of a scenario in a process where the test has not run yet, and of the test after it.

        Args:
            scenario: What goes wrong.
            plain: What the plain run was, in another process.
        """
        self._plain = plain
        run = self._run_silently(scenario, "explored")
        seen, judgement = run.seen, run.judgement
        if seen is None or judgement is None:
            return Answer("unknown", None)
        if seen.fired:
            points = tuple(dict.fromkeys(point for rule in seen.rules for point in rule.points))
            about_it = note(Evidence("exercised", "cold", about=Cold(points)))
            judgement = judgement.beside(Judgement.of([about_it]))
            after = self._after_first(scenario)
            if after is not None:
                judgement = judgement.beside(after)
        return Answer("unknown", None, self._context.record_of(seen, judgement))

    def _after_first(self, scenario: Scenario) -> Judgement | None:
        """Return what is to say of the plain test after a scenario that it met first; calls are fewer by nature."""
        if self._trouble_without_faults() in (None, *COSTS):
            return None
        seen = self._run_silently(None, "recovery").seen
        if seen is None:
            return None
        judgement = self._context.laboratory.judge(after_it(seen, scenario.label))
        return judgement if judgement.fails else None

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
        if self._is_over_after(0.0):
            explored.tally.left_out["tests not planned: the budget was used up"] += 1
            explored.is_cut_short = True
            return False
        explorer = self._explorer = self._planner.explorer_of(self.item, self._plan, plain)
        explored.matched = len(explorer.waiting)
        if self._settings.plans:
            explored.tally.add(explorer)
            if explorer.waiting:
                explored.tally.expect(self.estimated_s)
                explored.plan_lines += plan_lines(self._test, explorer, self.estimated_s)
            return False
        if not explorer.waiting:
            explored.tally.add(explorer)
        return bool(explorer.waiting)

    def _disturb(self, nextitem: pytest.Item | None) -> None:
        explorer, scenario = self._explorer, self._first
        assert explorer is not None, "it was begun"
        self._say_how_long(explorer)
        self._began = time.monotonic()
        try:
            while scenario is not None and not self._is_stopping():
                if not self._run_scenario(explorer, scenario):
                    self._leave_out("the plain test no longer passes in this process", explorer)
                    break
                if self._is_spent:
                    self._leave_out("the budget was used up", explorer)
                    break
                if self._settings.most is not None and len(self._ran) >= self._settings.most:
                    self._leave_out(f"--chaos-max={self._settings.most}", explorer)
                    break
                scenario = explorer.next()
            if not self._is_stopping():
                self._recover(nextitem)
        finally:
            self.explored.tally.spend(time.monotonic() - self._began)
            self.explored.tally.add(explorer)

    def _say_how_long(self, explorer: Explorer) -> None:
        """Say once what is to come, where that takes longer than a reader waits without a word."""
        scenarios = 1 + len(explorer.planned)
        seconds = self.estimated_s
        terminal = self.item.config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None and seconds > _LONGEST_SILENCE_S and terminal.verbosity >= 0:
            terminal.ensure_newline()
            terminal.write_line(f"chaos: {self._test}: up to {scenarios} scenarios, about {seconds:.0f} s")

    def _is_stopping(self) -> bool:
        return bool(self.item.session.shouldfail or self.item.session.shouldstop)

    @property
    def _is_spent(self) -> bool:
        """Whether the budget is used up by now."""
        return self._is_over_after(time.monotonic() - self._began)

    def _is_over_after(self, seconds: float) -> bool:
        """Tell whether the budget is used up, once these seconds are spent."""
        return self._left_s is not None and seconds >= self._left_s

    def _has_time_for(self, seconds: float) -> bool:
        """Tell whether the budget, and the little that may be added to it, is enough for one more run.

        Args:
            seconds: How long that takes, as far as is known.
        """
        spent_s = time.monotonic() - self._began
        return self._left_s is None or spent_s + seconds <= self._left_s + _OVERTIME_S

    def _leave_out(self, reason: str, explorer: Explorer) -> None:
        left = len(explorer.waiting)
        if left:
            self.explored.tally.left_out[reason] += left
            self.explored.is_cut_short = True

    # --- scenarios

    def _run_scenario(self, explorer: Explorer, scenario: Scenario) -> bool:
        """Run one scenario, and tell whether the process is still fit for another."""
        clone = clone_of(self.item, scenario.label)
        compat.tell_failures_briefly(clone)
        clone.ihook.pytest_runtest_logstart(nodeid=clone.nodeid, location=clone.location)
        self._ran.append(scenario)
        run = self._new_run(clone, scenario, "explored")
        self._run(clone, self._recovery, run)
        seen, judgement = run.seen, run.judgement
        is_fit, cold = True, None
        try:
            if seen is not None and judgement is not None:
                if judgement.fails:
                    judgement = self._confirmed(run, scenario, seen, judgement)
                if judgement.fails or (not seen.fired and self._context.running.disturbed_last):
                    answer = self._probe()
                    if answer is not None:
                        is_fit = answer.plain == "varies"
                        judgement = self._blamed(scenario, judgement, answer)
                    is_by_itself = answer is not None and is_fit
                else:
                    is_by_itself = True  # where no fault has acted, this run was as good as a fresh process
                if is_by_itself and not judgement.fails and is_cold(scenario, seen, self._plain):
                    self._answers.setdefault(True, Answer("varies", None))
                    judgement, cold = self._met_cold(scenario, judgement)
                outcome = self._outcome_of(run, seen, judgement)
                explorer.saw(scenario, replace(outcome, fails=cold["fails"]) if cold else outcome)
        finally:  # Ctrl-C may come while it is confirmed, and what was found is told all the same
            if seen is not None and judgement is not None:
                self._tell(clone, run, seen, judgement, scenario, cold)
            self._log(clone, run)
        return is_fit

    def _met_cold(self, scenario: Scenario, judgement: Judgement) -> tuple[Judgement, Record | None]:
        """Run a scenario in a fresh process, where the test meets it first, and return what is to say of it.

        Args:
            scenario: The scenario.
            judgement: What was said of its run here, in which the call was not made again.
        """
        if self._is_over_after(time.monotonic() - self._began):
            self.explored.tally.left_out["the budget was used up"] += 1
            self.explored.is_cut_short = True
            return judgement, None
        record = self._ask_cold(scenario)
        if record is None or not record["fails"]:
            return judgement, record
        if not self._has_time_for(record["duration_s"]):
            return self._unconfirmed(judgement, Verdict.from_word(record["verdict"])), None
        again = self._ask_cold(scenario)
        self.explored.tally.checks["confirmation"] += 1
        if again is None or again["fails"]:
            return judgement, record
        about = Unstable(Verdict.from_word(record["verdict"]))
        return judgement.doubted(Evidence("exercised", "unstable", about=about)), None

    def _ask_cold(self, scenario: Scenario) -> Record | None:
        assert self._plain is not None, "scenarios follow a plain run"
        self.explored.tally.checks["cold run"] += 1
        limit_s = LIMIT_S
        if self._left_s is not None:
            left_s = self._left_s - (time.monotonic() - self._began)
            limit_s = min(limit_s, max(0.0, left_s) + _OVERTIME_S)
        question = replace(
            self._question([scenario]),
            label=scenario.label,
            sources=[rule.source for rule in scenario.rules],
            plain=told_plain(self._plain),
        )
        return ask(self.item.config, question, limit_s).record

    def _outcome_of(self, run: OneRun[Experiment], seen: Observation, judgement: Judgement) -> Outcome:
        trace, reach = run.subject.trace, run.subject.reach
        assert trace is not None, "its calls were watched"
        assert reach is not None, "and so were the ways to them"
        return Outcome.of(seen, judgement, trace, lambda: reach.ways(self._planner.is_guarded))

    def _confirmed(
        self, run: OneRun[Experiment], scenario: Scenario, seen: Observation, judgement: Judgement
    ) -> Judgement:
        """Run a scenario that fails once more; what does not come again is unstable, and what does is shown."""
        if judgement.verdict is Verdict.LEAKED and judgement.evidence[0].kind in _LASTING:
            return judgement
        causes = self._context.causes.of(seen, judgement)
        if self._context.outcomes.are_known({one.cause.id for one in causes if one.finding.fails}):
            return judgement  # another scenario has proved it
        if not self._has_time_for(seen.duration_s):
            return self._unconfirmed(judgement, judgement.verdict)
        again = self._run_silently(scenario, "explored", seen)
        self.explored.tally.checks["confirmation"] += 1
        if again.judgement is None or again.judgement.fails:
            telling.show_failure(run.reports, again.reports)
            return judgement
        return judgement.doubted(Evidence("exercised", "unstable", about=Unstable(judgement.verdict)))

    def _unconfirmed(self, judgement: Judgement, verdict: Verdict) -> Judgement:
        """Return a judgement that is in doubt, because there is no time to see whether its verdict comes again."""
        self.explored.is_cut_short = True
        return judgement.doubted(Evidence("exercised", "unconfirmed", about=Unconfirmed(verdict)))

    def _probe(self) -> Answer | None:
        """Return ``None`` if the test still does what its plain run did, as far as there is time to find out.

        Else a fresh process says since when.
        """
        if not self._has_time_for(self.seconds):
            return None
        trouble = self._trouble_without_faults()
        return None if trouble is None else self._answer_about(trouble)

    def _trouble_without_faults(self) -> _Trouble | None:
        deadline = time.monotonic() + self._plan.mark.recovery_within_s
        pause = _FIRST_PAUSE_S
        while True:
            trouble = self._trouble_of_a_run()
            if trouble in COSTS:
                # How often a socket is read, say, varies by itself: what is not so twice is no trouble.
                again = self._trouble_of_a_run()
                trouble = again if again == trouble else None
            if trouble is None or time.monotonic() + pause > deadline:
                return trouble
            time.sleep(pause)  # what the user allows the system for its recovery
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _trouble_of_a_run(self) -> _Trouble | None:
        run = self._run_silently(None, "recovery")
        self.explored.tally.checks["probe"] += 1
        if run.seen is None:
            return "set-up"
        trouble = recovery_trouble(run.seen)
        return None if trouble is None else trouble.kind

    def _answer_about(self, trouble: _Trouble) -> Answer:
        """Return what a fresh process says of a plain run that is not what it was; each of two questions once."""
        is_about_costs = trouble in COSTS
        if is_about_costs not in self._answers:
            self._answers[is_about_costs] = self._ask_fresh(is_about_costs=is_about_costs)
        return self._answers[is_about_costs]

    def _ask_fresh(self, *, is_about_costs: bool) -> Answer:
        self.explored.tally.checks["fresh process"] += 1
        if not all(one.has_text for one in self._ran):
            return Answer("unknown", None)
        return ask(self.item.config, replace(self._question(self._ran), is_about_costs=is_about_costs))

    def _question(self, scenarios: list[Scenario]) -> Question:
        told = [(one.text, one.seed, one.spares_driver) for one in scenarios]
        targets = [target.text for target, _ in self._plan.watched if not target.is_object]
        return Question(self._test, self._settings.seed, self._settings.hang_budget_s, told, targets)

    def _blamed(self, scenario: Scenario, judgement: Judgement, answer: Answer) -> Judgement:
        """Say of a scenario in a process that has not recovered which one is to blame."""
        if answer.plain == "fails":
            return judgement.doubted(Evidence("exercised", "unstable", about=Unstable()))
        if answer.plain == "varies":
            return judgement  # it does the same without faults: what it remembers is no pollution
        if answer.polluter is not None and self._ran[answer.polluter] is not scenario:
            return judgement.doubted(Evidence("recovery", "polluted", about=Polluted(self._ran[answer.polluter].label)))
        return judgement

    def _recover(self, nextitem: pytest.Item | None) -> None:
        """Run the test with all faults lifted: it passes, and calls are what they were."""
        clone = self._recovery
        if not self._has_time_for(self.seconds):
            self._leave_recovery_out("not checked: the budget was used up", nextitem)
            self.explored.is_cut_short = True
            return
        if self._plan.mark.recovery_within_s and not self._answers:
            self._trouble_without_faults()
        clone.ihook.pytest_runtest_logstart(nodeid=clone.nodeid, location=clone.location)
        run = self._new_run(clone, None, "recovery")
        self._run(clone, nextitem, run)
        seen, judgement = run.seen, run.judgement
        if seen is not None and judgement is not None:
            trouble = recovery_trouble(seen)
            if trouble is not None:
                is_known = (trouble.kind in COSTS) in self._answers
                # What a call costs is looked at again only while there is time for it.
                is_sure = is_known or trouble.kind not in COSTS
                is_steady = is_sure or (not self._is_spent and self._trouble_without_faults() is not None)
                answer = self._answer_about(trouble.kind) if is_steady else Answer("unsteady", None)
                by = "" if answer.polluter is None else self._ran[answer.polluter].label
                seen = replace(seen, fresh=answer.plain, polluter=by)
                judgement = self._context.laboratory.judge(seen)
                self.explored.has_recovered = not judgement.fails
            self._tell(clone, run, seen, judgement, None)
        self._log(clone, run)

    def _leave_recovery_out(self, reason: str, nextitem: pytest.Item | None) -> None:
        """Skip the last run of the test, which tears down what the next one does not need, and say why."""
        self._recovery.add_marker(pytest.mark.skip(reason=reason))
        self._run_plainly(self._recovery, nextitem)

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
            patience = Patience(most_firings(calls), self._lasts_s)
            rules = tuple(
                PlannedRule(rule, spares_driver=scenario.spares_driver, patience=patience) for rule in scenario.rules
            )
        return RunPlan(
            self._test,
            settings.seed if scenario is None or scenario.seed is None else scenario.seed,
            kind,
            rules,
            watched=self._watched_now(),
            reaching=self._plan.reaching,
            observed=self._candidates.observed if is_plain and self._candidates is not None else tuple,
            contract=self._plan.contract,
            budget_s=settings.hang_budget_s,
            is_asked=scenario is not None and self._is_asked(scenario),
            plain=self._plain,
            plain_leaks=self.item.stash.get(LEVEL, "off") if is_plain else "off",
            limits=self._limits(kind, first),
        )

    def _is_asked(self, scenario: Scenario) -> bool:
        """Tell whether the user named a hang: in a rule, or among the faults of the exploration."""
        named = self._settings.faults if self._plan.mark.faults is None else self._plan.mark.faults
        return not scenario.spares_driver or any(isinstance(fault, Hang) for fault in named or ())

    def _watched_now(self) -> Watched:
        """Return what is traced; a module that a run has imported is known to the next one."""
        if len(sys.modules) != self._modules:
            self._modules = len(sys.modules)
            self._watched = self._planner.watched_now(self._plan.watched)
        return self._watched

    def _limits(self, kind: RunKind, first: Observation | None) -> Limits | None:
        """Return when parts of a run are ended; of a plain run only if it stands still for ever after a fault."""
        if kind == "session" or self._plain is None:
            return Limits() if self._context.running.disturbed_last else None
        quiet_s = self._plan.mark.limit_s or QUIET_S + self._plain.steady.duration_s
        limits = Limits(quiet_s, quiet_s + self._patience_s)
        return limits if first is None else limits.once_more(one.end for one in first.standstills)

    @property
    def _lasts_s(self) -> float:
        """How long a fault without an end acts, in seconds: where there is a budget, not longer than what is left."""
        return self._patience_for(_PATIENCE_S)

    @property
    def _patience_s(self) -> float:
        """For how long a run may go on that stands still in no way, in seconds; on a busy machine it takes longer."""
        assert self._plain is not None, "asked only of runs that follow it"
        return self._patience_for(_PATIENCE_S + 3 * self._plain.steady.duration_s)

    def _patience_for(self, least_s: float) -> float:
        assert self._plain is not None, "asked only of runs that follow it"
        most_s = _PATIENCE_S + 20 * self._plain.steady.duration_s
        if self._left_s is None:
            return most_s
        left_s = self._left_s - (time.monotonic() - self._began if self._began else 0.0)
        return min(most_s, max(least_s, left_s))

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
        if run.seen is not None and run.seen.fired and self._breakers.let_open_time_pass():
            self.explored.tally.checks["probe"] += 1
            self._run_silently(None, "recovery")  # lets the trial call through on which they close

    def _run_silently(
        self, scenario: Scenario | None, kind: RunKind, first: Observation | None = None
    ) -> OneRun[Experiment]:
        """Run a clone of which nobody is told."""
        clone = clone_of(self.item, "probe", is_silent=True)
        if first is None:  # else it confirms that one, which is shown
            compat.tell_failures_briefly(clone)
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
        cold: Record | None = None,
    ) -> None:
        record = cold or self._context.record_of(seen, judgement)
        is_shown = run.body is None or record["fails"] or bool(record["evidence"])
        if is_shown or self.item.config.getoption("chaos_report"):  # else nobody gets to read it
            record["replay"] = self._context.again.scenario(self.item, seen, scenario)
        record["id"] = clone.nodeid
        record["label"] = split_id(clone.nodeid)[1]
        # A fixture that asserts what the body should have done says only again that a fault has ended it.
        is_aftermath = seen.is_compared and seen.fired and seen.failure is not None
        if is_aftermath or seen.standstills or any(parked.was_released for parked in seen.parked):
            telling.excuse_teardown(run.reports)
        is_authors = seen.failure is not None and not seen.failure.is_release
        body = telling.body_of(run.reports)
        self._context.outcomes.settle(record, is_clone=True, is_excused=body is not None and body.skipped)
        telling.put_verdict_of_scenario(run.reports, record, is_shown=is_shown, is_authors=is_authors)


def _plain_of(run: OneRun[Experiment]) -> Plain | None:
    subject = run.subject
    if run.seen is None or subject.trace is None or subject.reach is None:
        return None
    return Plain.of(run.seen, subject.trace, subject.reach, subject.sites)


def plan_lines(test: str, explorer: Explorer, seconds: float) -> list[str]:
    """Return what ``--chaos-plan`` says of one test.

    Args:
        test: Its plain id.
        explorer: Its scenarios.
        seconds: About how long they take, in seconds.
    """
    waiting = explorer.waiting
    more = len(explorer.planned) - len(waiting)
    maybe = f" and up to {more} more that depend on those" if more else ""
    duration = f"about {seconds:.1f} s" if seconds >= _SHORTEST_TOLD_S else f"less than {_SHORTEST_TOLD_S} s"
    lines = [f"{test}: {_many(explorer.keys, 'key')}, {_many(len(waiting), 'scenario')}{maybe}, {duration}"]
    lines += [f"  {scenario.label}    {scenario.text}" for scenario in waiting]
    return lines


def estimate_s(explorer: Explorer, plain_s: float, hang_budget_s: float) -> float:
    """Return about how long the scenarios of a test take, in seconds.

    Each is about as long as the plain run, and so is the recovery run. A hang that nothing limits lasts for up to
    the hang budget; it fails, so it is run once more to be sure, and the plain test after it.

    Args:
        explorer: The scenarios.
        plain_s: How long the plain run took, in seconds.
        hang_budget_s: The hang budget, in seconds.
    """
    one_s = plain_s + _OVERHEAD_S
    hangs = sum(any(_is_hang(term.fault) for rule in one.rules for term in rule.chain) for one in explorer.waiting)
    more = len(explorer.planned) - len(explorer.waiting)
    return (
        len(explorer.waiting) + more * _WORTH_A_RUN + 1 + 2 * hangs
    ) * one_s + 2 * hangs * hang_budget_s * _OF_BUDGET


def _is_hang(fault: Fault) -> bool:
    return isinstance(fault, Hang) and fault.seconds is None


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
