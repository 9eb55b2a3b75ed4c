"""A session with chaos on: the hooks that take a fault test through its experiment."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import sys
import warnings
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from pytest_chaos import compat as python
from pytest_chaos.answers import watched_answers
from pytest_chaos.control import Chaos
from pytest_chaos.ending import describe, is_ours
from pytest_chaos.errors import MisuseError, SpecificationError
from pytest_chaos.experiment import Experiment, Laboratory
from pytest_chaos.hang import HangReleased
from pytest_chaos.injector.adapters.registry import Adapters
from pytest_chaos.injector.mechanisms import Armory
from pytest_chaos.injector.trial import why_not_here, why_not_now
from pytest_chaos.oracles import ORACLES
from pytest_chaos.plugin import compat, summary, xdist
from pytest_chaos.plugin.marker import Specification, specification_of
from pytest_chaos.plugin.options import Settings, read_settings
from pytest_chaos.plugin.selection import is_fault_test, shares_switch
from pytest_chaos.provenance import Provenance
from pytest_chaos.report.lines import verdict_text
from pytest_chaos.report.record import Record, record_of
from pytest_chaos.resources.births import NOBODY, Owner
from pytest_chaos.resources.census import Census
from pytest_chaos.scenario import check_all

_EXPERIMENT: pytest.StashKey[Experiment] = pytest.StashKey()
_SPECIFICATION: pytest.StashKey[Specification] = pytest.StashKey()


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


class ChaosSession:
    """The hooks, and what they share.

    Args:
        config: pytest's configuration.
        settings: What this session runs with.
    """

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.settings = settings
        self.records: list[Record] = []
        self.usage_errors: list[str] = []
        self.waiting_markers = 0
        self._config = config
        self._laboratory = self._new_laboratory(())
        self._laboratory.census.open()
        self._adapters = Adapters(self._laboratory.armory.aliases, self._laboratory.provenance)
        self._warned_of_foreign = False
        self._running: Experiment | None = None

    # --- the session

    def pytest_report_header(self) -> list[str]:
        """Say that chaos is on, and what does not act yet."""
        lines = [f"chaos: on, seed {self.settings.seed}, hang budget {self.settings.hang_budget_s:g} s"]
        waiting = len(self.settings.rules)
        if waiting:
            rules = "1 rule waits" if waiting == 1 else f"{waiting} rules wait"
            lines.append(f"chaos: {rules} for explored tests, which are not in this version yet")
        if reason := why_not_here() or why_not_now():
            lines.append(f"chaos: functions are replaced by name only, for they cannot be spliced here: {reason}")
        if python.MISSING:
            lines.append(f"chaos: not available on this interpreter: {', '.join(python.MISSING)}")
        return lines

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Check every marker and rule of what will run, and refuse all that is wrong at once."""
        self._laboratory = self._new_laboratory(session.items)
        errors: list[SpecificationError] = []
        waiting: set[str] = set()
        for item in session.items:
            if any(item.get_closest_marker(name) for name in ("chaos_explore", "no_leaks")):
                waiting.add(item.nodeid)
            if not self._is_fault_test(item):
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
            item.stash[_SPECIFICATION] = found
        errors.extend(check_all(self.settings.rules)[1])
        try:
            self.settings.contract.error_classes()
        except SpecificationError as error:
            errors.append(error.at("[tool.pytest_chaos]"))
        self.waiting_markers = len(waiting)
        if errors:
            # One wrong marker on a parametrised test is one error.
            xdist.refuse(session, sorted(set(map(str, errors))))
        self._adapters = Adapters(self._laboratory.armory.aliases, self._laboratory.provenance)
        # Before any fixture makes a connection or opens a file: what it makes must be reached in the body.
        for item in session.items:
            if _SPECIFICATION in item.stash:
                self._adapters.prepare(item.stash[_SPECIFICATION].rules)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the reports, unless nothing was meant to run."""
        if not hasattr(self._config, "workerinput") and not self._config.option.collectonly:
            summary.write_reports(session, self.settings, self.records)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
        """Print the table, the totals, and what never fired."""
        if exitstatus == pytest.ExitCode.USAGE_ERROR and not self.usage_errors:
            return  # nothing was run, and pytest says why
        summary.write(terminalreporter, self.records, self.settings, self.usage_errors, self.waiting_markers)

    def pytest_unconfigure(self) -> None:
        """Take every tap out, and put every factory back."""
        self._adapters.close()
        self._laboratory.census.close()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the record that travels on a report, from this process or from a worker."""
        record = getattr(report, "chaos", None)
        if record is not None:
            self.records.append(record)

    # --- one test

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """What is made from now on is made for this test."""
        self._laboratory.census.owner = Owner(nodeid, "test")

    def pytest_runtest_logfinish(self) -> None:
        """Between tests nothing is made for one."""
        self._laboratory.census.owner = NOBODY

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """What a wider fixture makes is its own; and while any fixture is set up, no fault acts."""
        census = self._laboratory.census
        experiment = request.node.stash.get(_EXPERIMENT, None) or self._running
        before = census.owner
        if fixturedef.scope != "function":
            census.owner = Owner(f"the {fixturedef.scope} fixture {fixturedef.argname!r}", fixturedef.scope)
        try:
            with experiment.injector.suspended() if experiment is not None else contextlib.nullcontext():
                return (yield)
        finally:
            census.owner = before

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Take a fault test through its phases, and report once its leftovers are judged.

        The report of the body has to wait for the teardown: only then is it known what the test leaves behind.
        """
        found = item.stash.get(_SPECIFICATION, None)
        if found is None:
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        experiment = Experiment(
            self._laboratory,
            compat.plain_id(item),
            self.settings.seed,
            found.contract,
            self.settings.hang_budget_s if found.hang_budget_s is None else found.hang_budget_s,
        )
        item.stash[_EXPERIMENT] = experiment
        self._running = experiment
        try:
            experiment.begin()
            reports = compat.runtestprotocol(item, nextitem=nextitem, log=False)
            self._judge(item, experiment, reports)
        finally:
            experiment.close()
            self._running = None
            del item.stash[_EXPERIMENT]
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Arm the markers' rules once the fixtures are set up; an unknown attribute is an error of the set-up."""
        result = yield
        experiment = item.stash.get(_EXPERIMENT, None)
        if experiment is not None:
            try:
                for rule in item.stash[_SPECIFICATION].rules:
                    # What a fixture injects by hand acts before a marker, and a near marker before a far one.
                    experiment.arm(rule, below=True)
            except SpecificationError as error:
                pytest.fail(f"chaos: {error.at(rule.source)}", pytrace=False)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """The window: faults act in the body, and in nothing around it."""
        __tracebackhide__ = True
        experiment = pyfuncitem.stash.get(_EXPERIMENT, None)
        if experiment is None:
            return (yield)
        with self._window(pyfuncitem, experiment):
            result = yield
            self._recover(pyfuncitem, experiment)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """The window of a ``TestCase``, whose setUp and tearDown run inside the call."""
        experiment = item.stash.get(_EXPERIMENT, None)
        case = compat.unittest_case(item)
        if experiment is None or case is None:
            return (yield)

        def around(method: Any) -> Any:
            __tracebackhide__ = True
            with self._window(item, experiment):
                result = method()
                self._recover(item, experiment)
            return result

        with compat.around_test_method(case, around):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note an injected error that comes out of the teardown."""
        report = yield
        experiment = item.stash.get(_EXPERIMENT, None)
        error = call.excinfo.value if call.when == "teardown" and call.excinfo is not None else None
        if experiment is not None and error is not None and experiment.caused(error):
            experiment.teardown_error = describe(error)
        return report

    def chaos_of(self, item: pytest.Item) -> Chaos:
        """Return the object of the ``chaos`` fixture.

        Raises:
            MisuseError: The test is never disturbed, or asked for the fixture too late to be judged.
        """
        experiment = item.stash.get(_EXPERIMENT, None)
        if experiment is None and item.get_closest_marker("no_chaos") is not None:
            raise MisuseError(
                "this test is marked no_chaos, so it is never disturbed; take the marker or the fixture away"
            )
        if experiment is None:
            raise MisuseError(
                "ask for the chaos fixture as an argument of the test or of a fixture: with getfixturevalue it comes "
                "too late to see what was there before the test"
            )
        return Chaos(experiment)

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
        existing: Laboratory | None = getattr(self, "_laboratory", None)
        census = existing.census if existing is not None else Census(provenance)
        census.provenance = provenance
        return Laboratory(
            provenance,
            census,
            existing.armory if existing is not None else Armory(),
            (*ORACLES, *_flat(config.hook.pytest_chaos_oracles(config=config))),
            (watched_answers, *_flat(config.hook.pytest_chaos_answer_watchers(config=config))),
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
                if isinstance(error, KeyboardInterrupt) and experiment.ward.broke_in:
                    # Not the user's Ctrl-C: the ward ended a wait for an answer that will never come.
                    error = HangReleased("chaos: the test still waited after an injected hang was released")
                    experiment.ended_with(error)
                    raise error from None
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
        for probe, within in item.stash[_SPECIFICATION].recovers:
            outcome = Chaos(experiment).recovers(probe, within)
            if asyncio.iscoroutine(outcome):
                outcome.close()
                raise MisuseError("recovers= cannot be awaited inside a running event loop")

    def _judge(self, item: pytest.Item, experiment: Experiment, reports: list[pytest.TestReport]) -> None:
        seen, judgement = experiment.conclude()
        body = next((report for report in reports if report.when == "call"), None)
        if body is None or not seen.rules or (body.skipped and not hasattr(body, "wasxfail")):
            return
        record = record_of(seen, judgement, self._replay(item, seen.scenario))
        text = verdict_text(record)
        body.chaos = record  # type: ignore[attr-defined]  # reports carry further attributes, through xdist too
        for report in reports:
            report.user_properties.append(("chaos", judgement.verdict.value))
        failure = seen.failure
        is_ours_to_tell = failure is not None and (
            failure.is_release or bool(seen.recovery) or failure.is_injected_interrupt
        )
        if body.failed and not is_ours_to_tell and not _is_strict_xpass(item, body):
            # The first failure wins the screen: the author's stays, the verdict is a section of it.
            body.sections.append(("chaos", text))
        elif judgement.fails:
            _fail(item, body, text)
        elif judgement.evidence:
            body.sections.append(("chaos", text))

    def _replay(self, item: pytest.Item, scenario: str) -> str:
        words = ["pytest", "--chaos", f"--chaos-seed={self.settings.seed}"]
        if self.settings.hang_budget_given:
            words.append(f"--chaos-hang-budget={self.settings.hang_budget_given}")
        words.append(compat.cwd_relative_id(self._config, compat.plain_id(item)))
        return f"{shlex.join(words)}  # {scenario}"


def _fail(item: pytest.Item, report: pytest.TestReport, text: str) -> None:
    """Make a report fail with a verdict, or xfail where an xfail mark covers the test."""
    xfail = compat.xfail_of(item)
    if xfail is not None and xfail.raises is None:
        report.outcome = "skipped"
        report.wasxfail = xfail.reason or "chaos"
        report.sections.append(("chaos", text))
    else:
        report.outcome = "failed"
    report.longrepr = text


def _is_strict_xpass(item: pytest.Item, report: pytest.TestReport) -> bool:
    return compat.xfail_of(item) is not None and str(report.longrepr).startswith("[XPASS(strict)]")


def _flat(lists: list[Any]) -> list[Any]:
    return [one for found in lists for one in (found or ())]
