"""The line "run again": the command that runs a test or one scenario of it once more, exactly so."""

from __future__ import annotations

import shlex

import pytest

from pytest_chaos.explorer import Scenario
from pytest_chaos.observation import Observation
from pytest_chaos.plugin import command_line, compat
from pytest_chaos.plugin.options import Settings, exploring_options, replay_text


class Again:
    """Tells commands.

    Args:
        config: pytest's configuration.
        settings: What the session runs with.
    """

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._config = config
        self._settings = settings
        self._typed_ids: dict[str, str] = {}
        self._started: list[str] | None = None

    def test(self, item: pytest.Item, seen: Observation) -> str:
        """Return the command for a test."""
        words = [f"--chaos-seed={seen.seed}", *self._limits()]
        return self._command(words, compat.plain_id(item), seen)

    def scenario(self, item: pytest.Item, seen: Observation, scenario: Scenario | None) -> str:
        """Return the command for a scenario, or, where there is none, for all that came before a recovery run."""
        test = compat.plain_id(item)
        if scenario is not None and scenario.has_text:
            packed = replay_text(test, scenario.text, seen.seed, scenario.label, spares_driver=scenario.spares_driver)
            words = [*self._limits(), f"--chaos-replay={packed}"]
        else:
            words = [f"--chaos-seed={self._settings.seed}", *self._limits(), *exploring_options(self._config)]
        return self._command(words, test, seen)

    def _limits(self) -> list[str]:
        """Return what decides over a verdict, beside the faults."""
        given = self._settings.hang_budget_given
        words = [f"--chaos-fail-on={one}" for one in self._config.getoption("chaos_fail_on")]
        return [*([f"--chaos-hang-budget={given}"] if given else []), *words]

    def _command(self, words: list[str], test: str, seen: Observation) -> str:
        known = self._typed_ids.get(test)
        if known is None:
            known = self._typed_ids[test] = compat.cwd_relative_id(self._config, test)
        if self._started is None:
            config = self._config
            self._started = [*command_line.started_as(config), *command_line.started_with(config)]
        comment = f"  # {seen.scenario}" if seen.scenario else ""
        return shlex.join([*self._started, "--chaos", *words, known]) + comment
