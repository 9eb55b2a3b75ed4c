"""What all rooms of the plugin share in one session."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pytest_chaos.experiment import Laboratory
from pytest_chaos.findings import Causes
from pytest_chaos.observation import Observation
from pytest_chaos.plugin.again import Again
from pytest_chaos.plugin.options import Settings
from pytest_chaos.plugin.outcomes import Outcomes
from pytest_chaos.plugin.running import Running
from pytest_chaos.report.record import Record, record_of
from pytest_chaos.verdict import Judgement


@dataclass(frozen=True)
class Context:
    """What all rooms share; made once the tests are collected, for only then everything is known.

    Attributes:
        config: pytest's configuration.
        settings: What this session runs with.
        laboratory: What all runs share.
        running: What runs now, and what faults have done to this process so far.
        again: Tells how something is run again.
        causes: Finds the causes of what was said of runs.
        outcomes: Decides which results fail.
    """

    config: pytest.Config
    settings: Settings
    laboratory: Laboratory
    running: Running
    again: Again
    causes: Causes
    outcomes: Outcomes

    def record_of(self, seen: Observation, judgement: Judgement, replay: str = "") -> Record:
        """Return the record of one run, with the causes of what was said of it.

        Args:
            seen: What was seen of the run.
            judgement: What was said of it.
            replay: The command that runs exactly this again.
        """
        return record_of(seen, judgement, replay, self.causes.of(seen, judgement))
