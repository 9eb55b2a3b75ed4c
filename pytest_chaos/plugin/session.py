"""A session with chaos on, from its start to its end; the other rooms' hooks are registered here."""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from pytest_chaos import compat as python
from pytest_chaos.errors import SpecificationError
from pytest_chaos.experiment import Laboratory
from pytest_chaos.findings import Causes
from pytest_chaos.guard import Guard
from pytest_chaos.injector.adapters.registry import Adapters
from pytest_chaos.injector.mechanisms import Armory
from pytest_chaos.injector.patching import BY_MOCK
from pytest_chaos.injector.trial import why_not_here, why_not_now
from pytest_chaos.oracles import ORACLES
from pytest_chaos.plugin import compat, exit_status, fresh, summary, xdist
from pytest_chaos.plugin.again import Again
from pytest_chaos.plugin.clones import Ids, is_seed_label, split_id
from pytest_chaos.plugin.collection import Collected, answer_question, may_be_disturbed
from pytest_chaos.plugin.context import Context
from pytest_chaos.plugin.marker import exploration_of
from pytest_chaos.plugin.options import Settings, read_settings, wrong_packages
from pytest_chaos.plugin.outcomes import Outcomes
from pytest_chaos.plugin.owners import Owners
from pytest_chaos.plugin.planning import RECOVERY, Planner
from pytest_chaos.plugin.progress import Progress
from pytest_chaos.plugin.results import Results
from pytest_chaos.plugin.running import Running
from pytest_chaos.plugin.window import Window
from pytest_chaos.provenance import Provenance
from pytest_chaos.resources.census import Census
from pytest_chaos.resources.filters import Filters
from pytest_chaos.resources.standstill import bystanders
from pytest_chaos.statements import Statements
from pytest_chaos.target import Target


def start(config: pytest.Config) -> ChaosSession:
    """Read the settings, and register the hooks of a session with chaos on.

    Raises:
        pytest.UsageError: The settings are wrong, or the run is of a kind we refuse.
    """
    _refuse_unsupported(config)
    settings = read_settings(config)
    provenance = Provenance(
        config.rootpath, packages=config.getini("chaos_packages"), plugin_files=_plugin_files(config)
    )
    laboratory = Laboratory(
        provenance,
        Census(provenance),
        Armory(patching=(*BY_MOCK, *compat.BY_MONKEYPATCH)),
        filters=Filters(settings.filters),
        guard=Guard(bystanders()),
        catalogue=settings.catalogue,
        temporary=compat.temporary_folders(config),
        say=functools.partial(compat.say, config),
    )
    ids = Ids()
    running, results, progress = Running(), Results(), Progress(config, ids)
    owners = Owners(laboratory.census, running, ids)
    session = ChaosSession(config, settings, laboratory, running, results, owners, ids)
    hooks: dict[str, object] = {
        "results": results,
        "progress": progress,
        "owners": owners,
        "window": Window(running, laboratory.guard),
        "session": session,
    }
    for name, plugin in hooks.items():
        config.pluginmanager.register(plugin, f"pytest-chaos {name}")
    if config.pluginmanager.hasplugin("xdist"):
        exchange = xdist.Exchange(config, settings.seed, results, progress, ids)
        config.pluginmanager.register(exchange, "pytest-chaos xdist")
    laboratory.census.open()
    return session


def _refuse_unsupported(config: pytest.Config) -> None:
    if not python.is_gil_enabled():
        raise pytest.UsageError("pytest-chaos does not support free-threaded builds yet: run without --chaos there")
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
    """The hooks of the session as a whole.

    Args:
        config: pytest's configuration.
        settings: What this session runs with.
        laboratory: What all runs share, but for the oracles of others, which are known after collection.
        running: What runs now.
        results: What was found.
        owners: Says on whose behalf things are made.
        ids: Tells tests from scenarios.
    """

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        laboratory: Laboratory,
        running: Running,
        results: Results,
        owners: Owners,
        ids: Ids,
    ) -> None:
        self._ids = ids
        self._config = config
        self._settings = settings
        self._laboratory = laboratory
        self._running = running
        self._results = results
        self._owners = owners
        self._adapters = Adapters(laboratory.armory.aliases, laboratory.provenance, laboratory.was_made)
        self._shared = xdist.shared_by(config)
        self._planner: Planner | None = None
        self._wanted: dict[str, set[str]] = {}
        self._labels: dict[str, str] = {}
        self._asked: list[str] = []
        self._is_asked = False
        self._judges_leaks = False
        self._exit_code: int | None = None

    # --- its start

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Take scenarios off what was asked for; now every plugin that remembers failures is there."""
        labels = self._labels = {one: split_id(one)[1] for one in self._config.args}
        self._asked = [one for one, label in labels.items() if label and label != RECOVERY and not is_seed_label(label)]
        self._wanted = wanted_scenarios(self._config)

    def pytest_report_header(self) -> list[str]:
        """Say that chaos is on, and what does not act yet."""
        settings = self._settings
        lines = [f"chaos: on, seed {settings.seed}, hang budget {settings.hang_budget_s:g} s"]
        if settings.leaks != "off":
            lines.append(f"chaos: every test is checked for leaks, with or without faults: {settings.leaks}")
        if swept := [*(target.text for target, _ in settings.targets), *settings.libraries]:
            lines.append(f"chaos: sweeps {', '.join(swept)}")
        if scenarios := len(settings.acting):
            rules = "1 rule" if scenarios == 1 else f"{scenarios} rules"
            lines.append(f"chaos: explores ordinary tests under {rules}")
        if reason := why_not_here() or why_not_now():
            lines.append(
                f"chaos: functions are patched by name only, because their code cannot be spliced here: {reason}"
            )
        if missing := [*python.MISSING, *compat.MISSING]:
            lines.append(f"chaos: not available on this interpreter: {', '.join(missing)}")
        return lines

    # --- collection

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Where only the plan is asked for, no fault acts, so fault tests are left out."""
        self._learn_ids(items)
        if self._settings.plans:
            faulty = [item for item in items if may_be_disturbed(item)]
            if faulty:
                self._config.hook.pytest_deselected(items=faulty)
                items[:] = [item for item in items if item not in faulty]

    def _learn_ids(self, items: list[pytest.Item]) -> None:
        """Learn which tests have ids that look like scenarios, and take who asked for one at their word."""
        lookalikes = self._ids.learn([one for item in items for one in (item.nodeid, compat.plain_id(item))])
        meant = {nodeid: split for nodeid, split in lookalikes.items() if split[1] in self._wanted.get(split[0], ())}
        if not meant:
            return
        labels = {label for _, label in meant.values()}
        self._asked = [one for one in self._asked if self._labels[one] not in labels]
        for plain, label in meant.values():
            self._wanted[plain].discard(label)
        self._wanted = {plain: left for plain, left in self._wanted.items() if left}
        if labels.issuperset(self._labels.values()):  # pytest was asked for all of its parameters
            others = [item for item in items if compat.plain_id(item) not in meant]
            self._config.hook.pytest_deselected(items=others)
            items[:] = [item for item in items if item not in others]

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Check every marker and rule of what will run, and refuse all that is wrong at once."""
        question = fresh.asked()
        errors: list[SpecificationError] = []
        if question is None:
            self._settings, errors = self._settings.checked()
            errors += wrong_packages(self._config)
        context = self._new_context(session.items)
        planner = self._planner = Planner(
            self._settings,
            context.laboratory.sources,
            context.laboratory.armory.globs,
            context.laboratory.provenance,
            self._shared,
        )
        if question is not None:
            self._is_asked = True
            answer_question(context, planner, question, session.items)
            return
        collected = Collected(context, planner, session.items, errors)
        collected.read(self._wanted)
        self._results.complain(planner.complaints)
        if collected.errors:
            # One wrong marker on a parametrised test is one error.
            xdist.refuse(session, sorted(set(map(str, collected.errors))))
        self._judge_leaks(collected)
        # Before any fixture makes a connection or opens a file: what it makes must be reached in the body.
        for rules in collected.rules():
            self._adapters.prepare(rules)
        collected.register(self._results.ledger)

    def _new_context(self, items: list[pytest.Item]) -> Context:
        """Return what all rooms share, now that every plugin and test is known."""
        config = self._config
        swept = [*(target for target, _ in self._settings.targets), *_swept_by_markers(items, self._settings)]
        self._laboratory.provenance.learn(
            # A doctest's file is a module of the project, and so is that of an item of a linter.
            test_files={str(item.path) for item in items if isinstance(item, pytest.Function)},
            fixture_files=_fixture_files(config, items),
            plugin_files=_plugin_files(config),
            named={target.plain_module.partition(".")[0] for target in swept if target.plain_module},
            swept={target.plain_module for target in swept if target.plain_module and target.is_over_packages},
        )
        laboratory = replace(
            self._laboratory,
            fail_on=self._settings.fail_on,
            oracles=(*ORACLES, *_flat(config.hook.pytest_chaos_oracles(config=config))),
            watchers=tuple(_flat(config.hook.pytest_chaos_answer_watchers(config=config))),
        )
        settings, catalogue = self._settings, laboratory.catalogue
        return Context(
            config,
            settings,
            laboratory,
            self._running,
            Again(config, settings),
            Causes(laboratory.provenance, Statements(laboratory.sources), catalogue.name_of),
            Outcomes(settings.baseline, self._shared, clones_fail=settings.clones_fail),
        )

    def _judge_leaks(self, collected: Collected) -> None:
        if not collected.are_judged or self._judges_leaks:
            return
        self._judges_leaks = True
        self._owners.judge_fixtures(self._config.pluginmanager)
        if self._settings.ignores_current:
            # What the threads that are there at the session's start make later is the session's too.
            births = self._laboratory.census.births
            tests = (threading.main_thread(), threading.current_thread())
            for thread in threading.enumerate():
                if thread not in tests and births.of(thread) is None:
                    births.note(thread)

    # --- its end

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the reports, unless nothing was meant to run, and see whether what was asked for was there."""
        ledger = self._results.ledger
        if self._planner is not None:
            ledger.late_errors.update(self._planner.late_errors())
        if hasattr(self._config, "workerinput"):
            self._config.workeroutput["chaos_exploring"] = ledger.told()  # type: ignore[attr-defined]  # xdist's
            return
        if self._config.option.collectonly:
            return
        exit_status.settle(self._settings, self._results, session, asked=self._asked, is_asked=bool(self._wanted))
        is_whole = not exit_status.is_part(self._settings, self._results, session)
        is_named = session.config.args_source is pytest.Config.ArgsSource.ARGS
        self._results.conclude(self._settings.baseline, is_whole=is_whole, is_named=is_named)
        summary.write_reports(session, self._settings, self._results)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, exitstatus: int
    ) -> Generator[None, object, object]:
        """Print what was found below all else: pytest has a line for each failure, and there may be hundreds."""
        self._exit_code = int(exitstatus)
        try:
            return (yield)
        finally:
            self._tell(terminalreporter, exitstatus)

    def _tell(self, terminal: pytest.TerminalReporter, exitstatus: int) -> None:
        results = self._results
        if exitstatus == pytest.ExitCode.USAGE_ERROR and not results.usage_errors and not results.complaints:
            return  # nothing was run, and pytest says why
        used = results.used_filters
        unused = [] if used is None else self._laboratory.filters.unused(used)
        summary.write(terminal, self._settings, results, interrupted=self._running.interrupted, unused_filters=unused)

    def pytest_unconfigure(self) -> None:
        """Take every tap out, put every factory back, and wait for no thread that a fault has left."""
        laboratory = self._laboratory
        # Who calls pytest.main goes on, and ends in a way of its own.
        if compat.is_program() and self._exit_code is not None:
            left = self._running.left_threads(laboratory.census.births, of_all=self._is_asked)
            if left:
                python.end_without(left, self._exit_code)
        self._adapters.close()
        laboratory.armory.tidy()
        laboratory.guard.close()
        laboratory.census.close()


def _plugin_files(config: pytest.Config) -> list[str]:
    """Return the files of the plugins that are there now."""
    modules = [
        # Several conftests may share a name, and then only the last one is found under it.
        plugin if isinstance(plugin, ModuleType) else sys.modules.get(getattr(plugin, "__name__", ""))
        for plugin in config.pluginmanager.get_plugins()
    ]
    # The script that is started as ``pytest`` is in no package.
    return _files_of([*modules, sys.modules.get("__main__") if compat.is_program() else None])


def _fixture_files(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Return the files of the modules that plugins and test modules name in ``pytest_plugins``."""
    plugins = [plugin for plugin in config.pluginmanager.get_plugins() if isinstance(plugin, ModuleType)]
    tests = {id(module): module for item in items if (module := getattr(item, "module", None)) is not None}
    names: set[str] = set()
    for module in (*plugins, *tests.values()):
        named = vars(module).get("pytest_plugins", ())
        names.update(named.split(",") if isinstance(named, str) else filter(_is_text, named or ()))
    return _files_of(sys.modules.get(name) for name in names)


def _files_of(modules: Iterable[ModuleType | None]) -> list[str]:
    files = [getattr(module, "__file__", None) for module in modules if module is not None]
    return [name for name in files if name]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _swept_by_markers(items: list[pytest.Item], settings: Settings) -> Iterator[Target]:
    """Yield the targets of the markers; what is wrong with a marker is told elsewhere."""
    for item in items:
        if item.get_closest_marker("chaos_explore") is not None:
            with contextlib.suppress(SpecificationError):
                mark = exploration_of(item, settings.catalogue)
                yield from [target for target, _ in mark.targets] if mark is not None else []


def _flat(lists: list[Any]) -> list[Any]:
    return [one for found in lists for one in (found or ())]
