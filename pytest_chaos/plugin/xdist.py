"""Serial or spread over workers: where errors go, and how seed and results travel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_chaos.plugin.session import ChaosSession


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
        session: Our session.
    """

    def __init__(self, config: pytest.Config, session: ChaosSession) -> None:
        self._config = config
        self._session = session

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Give a worker the seed, which may have been drawn here."""
        node.workerinput["chaos_seed"] = self._session.settings.seed
        node.workerinput["chaos_arguments"] = [str(word) for word in self._config.invocation_params.args]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take the errors of a worker, and what it says of exploring as a whole."""
        output = getattr(node, "workeroutput", {})
        for error in output.get("chaos_errors", ()):
            if error not in self._session.usage_errors:
                self._session.usage_errors.append(error)
        if "chaos_exploring" in output:
            self._session.hear(output["chaos_exploring"])

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: Any) -> None:
        """Name the scenario in which a worker died, and say that the others of that test did not run."""
        scenario = self._session.last_started(crashitem)
        if scenario:
            report.nodeid = scenario
            report.longrepr = (
                f"{report.longrepr}\nchaos: it died in {scenario}; later scenarios of this test, and its recovery run, "
                "did not run"
            )

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A wrong specification is a usage error, also when a worker found it."""
        if self._session.usage_errors:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
