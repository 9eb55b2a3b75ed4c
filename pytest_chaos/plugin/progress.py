"""How far a session is: scenarios are counted when they are first heard of."""

from __future__ import annotations

import pytest

from pytest_chaos.plugin import compat
from pytest_chaos.plugin.clones import Ids, is_seed_label


class Progress:
    """The hooks that count scenarios; on the controller of xdist too, which explores nothing itself.

    Args:
        config: pytest's configuration.
        ids: Tells tests from scenarios.
    """

    def __init__(self, config: pytest.Config, ids: Ids) -> None:
        self._config = config
        self._ids = ids
        self._last_started: dict[str, str] = {}
        self._counted: set[str] = set()
        self._repeated: set[str] = set()

    def last_started(self, test: str) -> str:
        """Return the scenario of a test that was started last, or an empty text."""
        return self._last_started.get(test, "")

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Count a scenario."""
        plain, label = self._ids.split(nodeid)
        self._last_started[plain] = nodeid if label else ""
        if not label or nodeid in self._counted:
            return
        self._counted.add(nodeid)
        # The first of several seeds stands where the test itself was counted.
        is_first = is_seed_label(label) and plain not in self._repeated
        if is_first:
            self._repeated.add(plain)
        session = self._config.pluginmanager.get_plugin("session")
        if session is not None and not is_first:
            compat.count_collected(session, 1)
