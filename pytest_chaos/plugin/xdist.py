"""Serial or spread over workers: where errors go, and how seed and results travel."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_chaos.plugin.progress import Progress
from pytest_chaos.plugin.results import Results


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


class Exchange:
    """The hooks that only exist beside xdist.

    Args:
        config: pytest's configuration.
        seed: The seed, which may have been drawn here.
        results: What was found.
        progress: Tells which scenario of a test was started last.
    """

    def __init__(self, config: pytest.Config, seed: int, results: Results, progress: Progress) -> None:
        self._config = config
        self._seed = seed
        self._results = results
        self._progress = progress

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Give a worker the seed."""
        node.workerinput["chaos_seed"] = self._seed
        node.workerinput["chaos_arguments"] = [str(word) for word in self._config.invocation_params.args]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take the errors of a worker, and what it says of exploring as a whole."""
        output = getattr(node, "workeroutput", {})
        for error in output.get("chaos_errors", ()):
            if error not in self._results.usage_errors:
                self._results.usage_errors.append(error)
        if "chaos_exploring" in output:
            self._results.ledger.hear(output["chaos_exploring"])

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
