"""What stands in an item's stash while it runs disturbed, or is only watched."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_chaos.experiment import Experiment

EXPERIMENT: pytest.StashKey[Experiment] = pytest.StashKey()
"""The experiment of the run that is going on."""

ARM: pytest.StashKey[Callable[[Experiment], None]] = pytest.StashKey()
"""What puts its faults in place, called once the fixtures are set up."""
