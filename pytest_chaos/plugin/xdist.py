"""Serial or spread over workers: where errors go, and how seed and results travel."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_chaos.plugin import command_line
from pytest_chaos.plugin.clones import Ids
from pytest_chaos.plugin.progress import Progress
from pytest_chaos.plugin.results import Results
from pytest_chaos.plugin.sharing import Shared, SharedFolder


def refuse(session: pytest.Session, errors: list[str]) -> None:
    """End a run whose specification is wrong: at once, or on a worker by handing the errors to the controller.

    Raises:
        pytest.UsageError: This process is no worker.
    """
    output = getattr(session.config, "workeroutput", None)
    if output is None:
        raise pytest.UsageError(*errors)
    output["chaos_errors"] = errors
    session.items.clear()  # every worker finds the same errors, so every worker collects nothing


def shared_by(config: pytest.Config) -> Shared:
    """Return what this process shares with other workers; in one that is no worker nothing."""
    shipped = getattr(config, "workerinput", {})
    return Shared(shipped.get("chaos_folder", ""), shipped.get("workerid", ""))


class Exchange:
    """The hooks that only exist beside xdist.

    Args:
        config: pytest's configuration.
        seed: The seed, which may have been drawn here.
        results: What was found.
        progress: Tells which scenario of a test was started last.
        ids: Tells tests from scenarios.
    """

    def __init__(self, config: pytest.Config, seed: int, results: Results, progress: Progress, ids: Ids) -> None:
        self._ids = ids
        self._config = config
        self._seed = seed
        self._results = results
        self._progress = progress
        self._folder = SharedFolder()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Give a worker the seed, the folder that all of them share, and how pytest was started."""
        node.workerinput["chaos_folder"] = self._folder.path
        node.workerinput["chaos_seed"] = self._seed
        node.workerinput[command_line.WORDS] = command_line.config_words(self._config)
        node.workerinput[command_line.PROGRAM] = command_line.started_as(self._config)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Learn which tests have ids that look like scenarios: only workers collect."""
        self._ids.learn(ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take the errors of a worker, and what it says of exploring as a whole."""
        if error:
            self._tell_death(node)
        output = getattr(node, "workeroutput", {})
        for wrong in output.get("chaos_errors", ()):
            if wrong not in self._results.usage_errors:
                self._results.usage_errors.append(wrong)
        if "chaos_exploring" in output:
            self._results.ledger.hear(output["chaos_exploring"])

    def _tell_death(self, node: Any) -> None:
        """Report the scenario in which a worker died whose tests were all over, for xdist knows of no scenarios."""
        scenario = self._folder.ran_last(node.gateway.id)
        if not scenario:
            return
        path = scenario.partition("::")[0]
        text = (
            f"worker {node.gateway.id!r} crashed while running {scenario!r}\n"
            "chaos: it died in that scenario; its remaining scenarios did not run, unless another worker ran them"
        )
        report = pytest.TestReport(scenario, (path, None, path), {}, "failed", text, "call", node=node)
        self._config.hook.pytest_runtest_logreport(report=report)
        self._results.ledger.cut_short()

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: Any) -> None:
        """Name the scenario in which a worker died, and say that the others of that test did not run."""
        scenario = self._progress.last_started(crashitem)
        if scenario:
            report.nodeid = scenario
            report.longrepr = (
                f"{report.longrepr}\nchaos: it died in {scenario}; later scenarios of this test, and its recovery run, "
                "did not run"
            )

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A wrong specification is a usage error, also when a worker found it."""
        if self._results.usage_errors:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def pytest_unconfigure(self) -> None:
        """Remove what the workers shared; they have all ended, also on Ctrl-C."""
        self._folder.remove()
