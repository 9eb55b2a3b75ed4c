"""A session with chaos on: the hooks that take a fault test through its experiment."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from pytest_chaos import compat as python
from pytest_chaos.answers import watched_answers
from pytest_chaos.control import Chaos
from pytest_chaos.ending import describe, is_ours, leaves
from pytest_chaos.errors import MisuseError, SpecificationError
from pytest_chaos.experiment import Experiment, Laboratory, Watch
from pytest_chaos.explorer import Tally
from pytest_chaos.guard import Guard, WaitEnded
from pytest_chaos.injector.adapters.registry import Adapters
from pytest_chaos.injector.mechanisms import Armory
from pytest_chaos.injector.trial import why_not_here, why_not_now
from pytest_chaos.observation import Observation
from pytest_chaos.oracles import ORACLES
from pytest_chaos.plugin import compat, exit_status, fresh, leaks, summary, xdist
from pytest_chaos.plugin.aftermath import Aftermath
from pytest_chaos.plugin.again import Again
from pytest_chaos.plugin.clones import split_id
from pytest_chaos.plugin.exploring import Exploring, FreshRun
from pytest_chaos.plugin.fault_test import SPECIFICATION, run_fault_test
from pytest_chaos.plugin.marker import leak_level_of, specification_of
from pytest_chaos.plugin.one_test import RECOVERY, Run, excuse, note_outcome
from pytest_chaos.plugin.options import Settings, read_settings
from pytest_chaos.plugin.running import ARM, EXPERIMENT
from pytest_chaos.plugin.selection import is_fault_test, shares_switch
from pytest_chaos.provenance import Provenance
from pytest_chaos.report.record import Record
from pytest_chaos.resources.births import NOBODY, Birth, Owner
from pytest_chaos.resources.census import Census
from pytest_chaos.resources.filters import Filters
from pytest_chaos.resources.standstill import bystanders
from pytest_chaos.scenario import check_all

_GOOD = frozenset({"resilient", "degraded"})
_ENDED: pytest.StashKey[bool] = pytest.StashKey()
"""On a test: its teardown failed for nothing but that we ended its wait."""


class ChaosWarning(pytest.PytestWarning):
    """pytest-chaos left something alone that it does not understand."""


def start(config: pytest.Config) -> ChaosSession:
    """Read the settings, and register the hooks of a session with chaos on.

    Raises:
        pytest.UsageError: The settings are wrong, or the run is of a kind we refuse.
    """
    _refuse_unsupported(config)
    session = ChaosSession(config, read_settings(config))
    config.pluginmanager.register(session, "pytest-chaos session")
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(xdist.Exchange(config, session), "pytest-chaos xdist")
    return session


def _refuse_unsupported(config: pytest.Config) -> None:
    if not python.is_gil_enabled():
        raise pytest.UsageError("pytest-chaos is not proved on free-threaded builds yet: run without --chaos there")
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        raise pytest.UsageError("pytest-chaos does not work under gevent's patched threads: run without --chaos there")
    if str(config.getoption("parallel_threads", default=1) or 1) not in ("0", "1"):
        raise pytest.UsageError("pytest-chaos cannot attribute faults under pytest-run-parallel: run with one thread")


def wanted_scenarios(config: pytest.Config) -> dict[str, set[str]]:
    """Take the labels of scenarios off the ids that were asked for, and return them by the tests' ids."""
    ids: list[str] = []
    for index, argument in enumerate(config.args):
        plain, label = split_id(argument)
        if label:
            config.args[index] = plain
            path, separator, rest = plain.partition("::")
            full = (config.invocation_params.dir / path).resolve()
            if full.is_relative_to(config.rootpath):
                ids.append(f"{full.relative_to(config.rootpath).as_posix()}{separator}{rest}[chaos: {label}]")
    ids += compat.cut_cached_failures(config, lambda nodeid: split_id(nodeid)[0] if split_id(nodeid)[1] else "")
    wanted: dict[str, set[str]] = {}
    for nodeid in ids:
        plain, label = split_id(nodeid)
        wanted.setdefault(plain, set()).add(label)
    return wanted


class ChaosSession:
    """The hooks, and what they share.

    Args:
        config: pytest's configuration.
        settings: What this session runs with.

    Attributes:
        settings: What this session runs with.
        again: Tells how something is run again.
        records: The results so far.
        usage_errors: What is wrong with the specification.
        laboratory: What all runs share.
        running: The run that is going on.
        leaks_judged: Ids of the tests that were judged for leaks without a fault.
        used_filters: Filters of leaks that matched something; ``None`` until leaks are judged.
        disturbed_last: The test on which a fault has acted last in this process; empty before the first.
        interrupted: What ran when the user pressed Ctrl-C, and where it stood, line by line.
    """

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.settings = settings
        self.records: list[Record] = []
        self.usage_errors: list[str] = []
        self.wanted: dict[str, set[str]] = {}
        self.asked: list[str] = []
        self.again = Again(config, settings)
        self.exploring = Exploring(self, settings)
        self.tallies: list[Tally] = [self.exploring.tally]
        self.complaints: list[str] = []
        self.deselected = 0
        self._fresh: FreshRun | None = None
        self._logged: set[str] = set()
        self._repeated: set[str] = set()
        self._disturbed: set[str] = set()
        self._exit_code: int | None = None
        self._last_started: dict[str, str] = {}
        self.leaks_judged: set[str] = set()
        self.used_filters: set[str] | None = None
        self.running: Experiment | Watch | None = None
        self.disturbed_last = ""
        self.interrupted: list[str] = []
        self._config = config
        self._filters = Filters(settings.filters)
        self._wider: leaks.WiderFixtures | None = None
        self._fixture_numbers = itertools.count(1)
        self.laboratory = self._new_laboratory(())
        self.laboratory.census.open()
        self._adapters = Adapters(self.laboratory.armory.aliases, self.laboratory.provenance)
        self._warned_of_foreign = False

    # --- the session

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Take scenarios off what was asked for; now every plugin that remembers failures is there."""
        labels = {one: split_id(one)[1] for one in self._config.args}
        self.asked = [
            one for one, label in labels.items() if label and label != RECOVERY and not label.startswith("seed=")
        ]
        self.wanted = wanted_scenarios(self._config)

    def pytest_report_header(self) -> list[str]:
        """Say that chaos is on, and what does not act yet."""
        lines = [f"chaos: on, seed {self.settings.seed}, hang budget {self.settings.hang_budget_s:g} s"]
        if self.settings.leaks != "off":
            lines.append(f"chaos: every test is judged for leaks, faults or not: {self.settings.leaks}")
        if swept := [*(target.text for target, _ in self.settings.targets), *self.settings.libraries]:
            lines.append(f"chaos: sweeps {', '.join(swept)}")
        if scenarios := len(self.settings.acting):
            rules = "1 rule" if scenarios == 1 else f"{scenarios} rules"
            lines.append(f"chaos: explores ordinary tests under {rules}")
        if reason := why_not_here() or why_not_now():
            lines.append(f"chaos: functions are replaced by name only, for they cannot be spliced here: {reason}")
        if python.MISSING:
            lines.append(f"chaos: not available on this interpreter: {', '.join(python.MISSING)}")
        return lines

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Where only the plan is asked for, no fault acts, so fault tests are left out."""
        if self.settings.plans:
            faulty = [item for item in items if self._is_fault_test(item)]
            if faulty:
                self._config.hook.pytest_deselected(items=faulty)
                items[:] = [item for item in items if item not in faulty]

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Check every marker and rule of what will run, and refuse all that is wrong at once."""
        self.laboratory = self._new_laboratory(session.items)
        question = fresh.asked()
        if question is not None:
            self._fresh = FreshRun(self, question)
            self._fresh.prepare(session.items)
            self._config.pluginmanager.register(self._fresh, "pytest-chaos fresh run")
            return
        errors: list[SpecificationError] = []
        ordinary: list[pytest.Item] = []
        for item in session.items:
            try:
                level = leak_level_of(item, self.settings.leaks)
            except SpecificationError as error:
                errors.append(error)
                continue
            if level != "off":
                item.stash[leaks.LEVEL] = level
            if not self._is_fault_test(item):
                if isinstance(item, pytest.Function) and item.get_closest_marker("no_chaos") is None:
                    ordinary.append(item)
                continue
            try:
                found = specification_of(item, self.settings.contract)
            except SpecificationError as error:
                if self._leaves_alone(item):
                    continue
                errors.append(error)
                continue
            found.rules, wrong = check_all(found.rules)
            errors.extend(wrong)
            item.stash[SPECIFICATION] = found
        errors.extend(self.settings.check())
        errors.extend([] if errors else self.exploring.prepare(ordinary, self.wanted))
        try:
            self.settings.contract.error_classes()
        except SpecificationError as error:
            errors.append(error.at("[tool.pytest_chaos]"))
        if errors:
            # One wrong marker on a parametrised test is one error.
            xdist.refuse(session, sorted(set(map(str, errors))))
        self._judge_leaks(session.items)
        self._adapters = Adapters(self.laboratory.armory.aliases, self.laboratory.provenance)
        # Before any fixture makes a connection or opens a file: what it makes must be reached in the body.
        for item in session.items:
            if SPECIFICATION in item.stash:
                self._adapters.prepare(item.stash[SPECIFICATION].rules)
        self._adapters.prepare(self.exploring.watch_rules())
        has_clones = self.exploring.explores or self.settings.runs > 1
        if has_clones and not self._config.pluginmanager.hasplugin("pytest-chaos exploring"):
            self._config.pluginmanager.register(self.exploring, "pytest-chaos exploring")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the reports, unless nothing was meant to run, and see whether what was asked for was there."""
        if hasattr(self._config, "workerinput"):
            self._config.workeroutput["chaos_exploring"] = self.exploring.told()  # type: ignore[attr-defined]  # xdist's
            return
        if self._config.option.collectonly:
            return
        exit_status.settle(self, session)
        summary.write_reports(session, self.settings, self.records, self.tallies)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Note that not every test is run."""
        self.deselected += len(items)

    def hear(self, told: dict[str, Any]) -> None:
        """Take what a worker says of exploring as a whole."""
        self.tallies.append(Tally.from_record(told["tally"]))
        self.exploring.hear(told)

    def last_started(self, test: str) -> str:
        """Return the scenario of a test that was started last, or an empty text."""
        return self._last_started.get(test, "")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
        """Print the table, the totals, and what never fired."""
        self._exit_code = int(exitstatus)
        if exitstatus == pytest.ExitCode.USAGE_ERROR and not self.usage_errors and not self.complaints:
            return  # nothing was run, and pytest says why
        unused = [] if self.used_filters is None else self._filters.unused(self.used_filters)
        summary.write(
            terminalreporter,
            self.records,
            self.settings,
            self.usage_errors,
            exploring=self.exploring,
            tallies=self.tallies,
            complaints=self.complaints,
            interrupted=self.interrupted,
            leaks_judged=len(self.leaks_judged),
            unused_filters=unused,
        )

    def pytest_unconfigure(self) -> None:
        """Take every tap out, put every factory back, and wait for no thread that a fault has left."""
        self._leave_threads_behind()
        self._adapters.close()
        self.laboratory.armory.tidy()
        self.laboratory.guard.close()
        self.laboratory.census.close()

    def _leave_threads_behind(self) -> None:
        """Let the run end: the interpreter would wait for threads that disturbed tests have left, maybe for ever."""
        if not compat.is_program() or self._exit_code is None:
            return  # whoever calls pytest.main goes on, and ends in a way of its own
        births = self.laboratory.census.births
        left = [
            thread
            for thread in threading.enumerate()
            if not thread.daemon
            and thread is not threading.main_thread()
            and (self._fresh is not None or self._is_of_disturbed(births.of(thread)))
        ]
        if left:
            python.end_without(left, self._exit_code)

    def saw(self, seen: Observation) -> None:
        """Note a run; from the first fault on, look after ordinary tests too, which may wait for what it has left."""
        if seen.fired and not self.disturbed_last:
            self._config.pluginmanager.register(Aftermath(self), "pytest-chaos aftermath")
        if seen.fired:
            self.disturbed_last = seen.test

    def excuse_ended(self, item: pytest.Item, reports: list[pytest.TestReport]) -> None:
        """Let a teardown pass that failed for nothing but that we ended its wait."""
        for report in reports:
            if report.when == "teardown" and report.failed and item.stash.get(_ENDED, False):
                excuse(report)

    def may_leave_threads(self, item: pytest.Item) -> None:
        """Note that threads of a test do not hold the end of the run."""
        self._disturbed.add(split_id(item.nodeid)[0])

    def _is_of_disturbed(self, birth: Birth | None) -> bool:
        return birth is not None and split_id(birth.owner.name)[0] in self._disturbed

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the record that travels on a report, from this process or from a worker."""
        record = getattr(report, "chaos", None)
        is_tried_again = report.outcome not in ("passed", "failed", "skipped")  # a word of a plugin that runs it again
        if record is not None and not is_tried_again:
            self.records.append(record)
        judged = getattr(report, "chaos_leaks", None)
        if judged is not None:
            if judged["alone"]:
                self.leaks_judged.add(report.nodeid)
            self.used_filters = (self.used_filters or set()) | set(judged["filters"])

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Show the verdict of a scenario that passes; under xdist the controller does, which explores nothing."""
        record = getattr(report, "chaos", None)
        if record is None or report.when != "call" or record["kind"] not in ("explored", "recovery"):
            return None
        if not report.passed:
            return None
        letter = "." if record["verdict"] in _GOOD else record["verdict"][0]
        return "passed", letter, record["verdict"].upper()

    # --- one test

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """What is made from now on is made for this test; scenarios are counted when they are first heard of."""
        plain, label = split_id(nodeid)
        self._last_started[plain] = nodeid if label else ""
        if label and nodeid not in self._logged:
            self._logged.add(nodeid)
            session = self._config.pluginmanager.get_plugin("session")
            # The first of several seeds stands where the test itself was counted.
            is_first = label.startswith("seed=") and plain not in self._repeated
            self._repeated.update([plain] if is_first else [])
            if session is not None and not is_first:
                compat.count_collected(session, 1)
        if not label:
            self.laboratory.census.another_test()
        self.laboratory.census.owner = Owner(nodeid, "test")

    def pytest_runtest_logfinish(self) -> None:
        """Between tests nothing is made for one."""
        self.laboratory.census.owner = NOBODY

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """What a wider fixture makes is its own; and while any fixture is set up, no fault acts."""
        census = self.laboratory.census
        experiment = request.node.stash.get(EXPERIMENT, None) or self.running
        before = census.owner
        if fixturedef.scope != "function":
            # Of one name there may be several: in two modules, or set up once for each parameter.
            name = f"the {fixturedef.scope} fixture {fixturedef.argname!r}"
            census.owner = Owner(name, fixturedef.scope, next(self._fixture_numbers))
            if self._wider is not None:
                self._wider.begins(fixturedef, census.owner)
        try:
            with experiment.injector.suspended() if isinstance(experiment, Experiment) else contextlib.nullcontext():
                return (yield)
        finally:
            census.owner = before

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Take a fault test through its phases."""
        found = item.stash.get(SPECIFICATION, None)
        if found is None:
            return None
        run_fault_test(self, item, nextitem, found)
        return True

    @contextlib.contextmanager
    def begun(self, item: pytest.Item, experiment: Experiment, arm: Callable[[Experiment], None]) -> Iterator[None]:
        """Let an experiment be the one that is going on, from its baseline to its judgement.

        Args:
            item: What runs.
            experiment: The experiment.
            arm: Puts its faults in place, once the fixtures are set up.
        """
        item.stash[EXPERIMENT] = experiment
        item.stash[ARM] = arm
        self.running = experiment
        try:
            experiment.begin()
            with experiment.looked_after():
                yield
        except KeyboardInterrupt as error:
            self.interrupted = [f"interrupted in {item.nodeid}"]
            with contextlib.suppress(
                Exception
            ):  # it asks objects of the system's, and Ctrl-C ends the run all the same
                self.interrupted += experiment.standing(error)
            raise
        finally:
            experiment.close()
            self.running = None
            del item.stash[EXPERIMENT], item.stash[ARM]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Arm the rules once the fixtures are set up; an unknown attribute is an error of the set-up."""
        experiment = item.stash.get(EXPERIMENT, None)
        if experiment is None:
            return (yield)
        with experiment.during("set-up"):
            result = yield
        self.may_leave_threads(item)
        try:
            item.stash[ARM](experiment)
        except SpecificationError as error:
            pytest.fail(f"chaos: {error}", pytrace=False)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """The window: faults act in the body, and in nothing around it."""
        __tracebackhide__ = True
        experiment = pyfuncitem.stash.get(EXPERIMENT, None)
        if experiment is None:
            return (yield)
        with self._window(pyfuncitem, experiment):
            result = yield
            self._recover(pyfuncitem, experiment)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """The window of a ``TestCase``, whose setUp and tearDown run inside the call."""
        experiment = item.stash.get(EXPERIMENT, None)
        case = compat.unittest_case(item)
        if experiment is None or case is None:
            return (yield)

        def around(method: Any) -> Any:
            __tracebackhide__ = True
            with self._window(item, experiment):
                result = method()
                self._recover(item, experiment)
            return result

        # Around its body, which is a part of its own, are its setUp and tearDown.
        with compat.around_test_method(case, around), experiment.during("setUp or tearDown"):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """What a fault has left may keep a fixture's teardown waiting."""
        experiment = item.stash.get(EXPERIMENT, None)
        with contextlib.nullcontext() if experiment is None else experiment.during("teardown"):
            return (yield)

    def pytest_enter_pdb(self) -> None:
        """Nobody is in a hurry at a prompt."""
        self.laboratory.guard.pause()

    def pytest_leave_pdb(self) -> None:
        """The run goes on."""
        self.laboratory.guard.resume()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note an injected error that comes out of the teardown, and what a subtest ended with."""
        report = yield
        note_outcome(item, report, call.excinfo.value if call.excinfo is not None else None)
        experiment = item.stash.get(EXPERIMENT, None)
        if experiment is not None and experiment.injector.is_open and report.failed and call.excinfo is not None:
            # A subtest, reported while the body runs; like the body's own failure, a clone's is an observation.
            if experiment.failure is None:
                experiment.ended_with(call.excinfo.value)
            if experiment.kind in ("explored", "recovery"):
                report.outcome, report.longrepr = "passed", None
        error = call.excinfo.value if call.when == "teardown" and call.excinfo is not None else None
        if error is not None and all(isinstance(one, WaitEnded) for one in leaves(error)):
            item.stash[_ENDED] = True
            error = None
        if experiment is not None and error is not None and experiment.caused(error):
            experiment.teardown_error = describe(error)
        return report

    def chaos_of(self, item: pytest.Item) -> Chaos:
        """Return the object of the ``chaos`` fixture.

        Raises:
            MisuseError: The test is never disturbed, or asked for the fixture too late to be judged.
        """
        experiment = item.stash.get(EXPERIMENT, None)
        if experiment is None and item.get_closest_marker("no_chaos") is not None:
            raise MisuseError(
                "this test is marked no_chaos, so it is never disturbed; take the marker or the fixture away"
            )
        if experiment is None or experiment.kind != "fault":
            raise MisuseError(
                "ask for the chaos fixture as an argument of the test or of a fixture: with getfixturevalue it comes "
                "too late to see what was there before the test"
            )
        return Chaos(experiment)

    def conclude(self, item: pytest.Item, run: Run) -> None:
        """Judge a run of an explored test, after its teardown."""
        reports, experiment = run.reports, run.experiment
        is_plain = experiment.kind == "session"
        has_body = leaks.body_of(reports) is not None
        ran = not leaks.is_skipped(reports) and (has_body or is_plain)
        seen, judgement = experiment.conclude(with_tests=ran)
        self.saw(seen)
        if experiment.leaks != "off" and reports:
            leaks.note_judged(reports, experiment.inventory, alone=ran and is_plain)
        if ran:
            run.seen, run.judgement = seen, judgement
        if (is_plain or not ran) and reports:
            leaks.tell(self, item, reports, seen, judgement)

    # --- inside

    def _new_laboratory(self, items: tuple[pytest.Item, ...] | list[pytest.Item]) -> Laboratory:
        config = self._config
        modules = [sys.modules.get(getattr(plugin, "__name__", "")) for plugin in config.pluginmanager.get_plugins()]
        plugin_files = [
            module.__file__ for module in modules if module is not None and getattr(module, "__file__", None)
        ]
        provenance = Provenance(
            config.rootpath,
            packages=config.getini("chaos_packages"),
            test_files={str(item.path) for item in items},
            plugin_files=[name for name in plugin_files if name],
        )
        existing: Laboratory | None = getattr(self, "laboratory", None)
        census = existing.census if existing is not None else Census(provenance)
        census.provenance = provenance
        return Laboratory(
            provenance,
            census,
            existing.armory if existing is not None else Armory(),
            (*ORACLES, *_flat(config.hook.pytest_chaos_oracles(config=config))),
            (watched_answers, *_flat(config.hook.pytest_chaos_answer_watchers(config=config))),
            filters=self._filters,
            guard=existing.guard if existing is not None else Guard(bystanders()),
        )

    def _is_fault_test(self, item: pytest.Item) -> bool:
        if item.get_closest_marker("no_chaos") is not None:
            return False
        return is_fault_test(item) or "chaos" in getattr(item, "fixturenames", ())

    def _leaves_alone(self, item: pytest.Item) -> bool:
        """Tell whether a marker we cannot read belongs to the other plugin that owns ``--chaos``."""
        if not shares_switch(self._config):
            return False
        if not self._warned_of_foreign:
            self._warned_of_foreign = True
            warnings.warn(
                ChaosWarning(f"left the chaos markers of another plugin alone, the first on {item.nodeid}"),
                stacklevel=1,
            )
        return True

    @contextlib.contextmanager
    def _window(self, item: pytest.Item, experiment: Experiment) -> Iterator[None]:
        __tracebackhide__ = True
        if compat.is_property_test(item):
            experiment.injector.decide_each_call()
        with experiment.body(compat.test_code(item)), compat.each_example(item, experiment.new_round):
            try:
                yield
            except (pytest.skip.Exception, pytest.xfail.Exception):
                raise
            except BaseException as error:
                experiment.ended_with(error)
                if isinstance(error, KeyboardInterrupt) and is_ours(error, experiment.journal):
                    # A KeyboardInterrupt that a rule asked for is a fault that escaped, and not the user's Ctrl-C.
                    pytest.fail("chaos: an injected KeyboardInterrupt reached the test", pytrace=False)
                if experiment.ward.interrupted and not isinstance(error, KeyboardInterrupt):
                    raise KeyboardInterrupt from None
                raise
        if experiment.ward.interrupted:
            raise KeyboardInterrupt

    def _recover(self, item: pytest.Item, experiment: Experiment) -> None:
        __tracebackhide__ = True
        found = item.stash.get(SPECIFICATION, None)
        for probe, within in () if found is None else found.recovers:
            outcome = Chaos(experiment).recovers(probe, within)
            if asyncio.iscoroutine(outcome):
                outcome.close()
                raise MisuseError("recovers= cannot be awaited inside a running event loop")

    def _judge_leaks(self, items: list[pytest.Item]) -> None:
        """Register the hooks that judge leaks, as far as there is something to judge."""
        plugins = self._config.pluginmanager
        alone = any(leaks.LEVEL in item.stash for item in items)
        contracts = (item.stash[SPECIFICATION].contract for item in items if SPECIFICATION in item.stash)
        if self._wider is None and (alone or any(contract.leaks != "off" for contract in contracts)):
            self._wider = leaks.WiderFixtures(self)
            plugins.register(self._wider, "pytest-chaos wider fixtures")
            if self.settings.ignores_current:
                self._adopt_threads()
        if alone and not plugins.hasplugin("pytest-chaos leaks"):
            plugins.register(leaks.LeakHooks(self), "pytest-chaos leaks")

    def _adopt_threads(self) -> None:
        """What the threads that are there at the session's start make later is the session's too."""
        tests = (threading.main_thread(), threading.current_thread())
        for thread in threading.enumerate():
            if thread not in tests and self.laboratory.census.births.of(thread) is None:
                self.laboratory.census.births.note(thread)


def _flat(lists: list[Any]) -> list[Any]:
    return [one for found in lists for one in (found or ())]
