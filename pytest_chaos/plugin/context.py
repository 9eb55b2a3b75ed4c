"""What all rooms of the plugin share in one session."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pytest_chaos.experiment import Laboratory
from pytest_chaos.plugin.again import Again
from pytest_chaos.plugin.options import Settings
from pytest_chaos.plugin.running import Running


@dataclass(frozen=True)
class Context:
    """What all rooms share; made once the tests are collected, for only then everything is known.

    Attributes:
        config: pytest's configuration.
        settings: What this session runs with.
        laboratory: What all runs share.
        running: What runs now, and what faults have done to this process so far.
        again: Tells how something is run again.
    """

    config: pytest.Config
    settings: Settings
    laboratory: Laboratory
    running: Running
    again: Again
