"""The contract for third parties: what a plugin or conftest may add, as pluggy hooks.

Mark implementations ``optionalhook=True``, so that a suite still runs where pytest-chaos is absent or switched off.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from pytest_chaos.explorer import Scenario
    from pytest_chaos.observation import Answer
    from pytest_chaos.oracles.base import Oracle
    from pytest_chaos.provenance import Provenance

hookspec = pluggy.HookspecMarker("pytest")


@hookspec
def pytest_chaos_oracles(config: Any) -> list[Oracle]:
    """Return further oracles: pure functions from an observation to findings.

    Args:
        config: pytest's configuration object.
    """
    return []


@hookspec
def pytest_chaos_answer_watchers(
    config: Any,
) -> list[Callable[[Provenance, Callable[[Answer], None]], contextlib.AbstractContextManager[None]]]:
    """Return context managers that report answers of further clients while a contract judges them.

    Each is entered for the body of a disturbed test whose contract has ``status``, with the provenance of code and a
    function that takes each answer.

    Args:
        config: pytest's configuration object.
    """
    return []


@hookspec(firstresult=True)
def pytest_chaos_keep_scenario(config: Any, test: str, scenario: Scenario) -> bool | None:
    """Return whether to keep a planned scenario of an explored test; ``None`` lets others say.

    Args:
        config: pytest's configuration object.
        test: Id of the test.
        scenario: The scenario: its label, rules and shape.
    """
