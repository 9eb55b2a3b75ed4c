"""Clones: real items that run one test again, each with fixtures, reports and an id of its own.

A clone has two identities. Reports, the terminal and the cache see the scenario's id. While it runs everybody sees the
id of the plain test: plugins seed their chances with it, and tests read it, so that the n-th call stays the n-th.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from pytest_chaos.plugin import compat

PROTOCOL: pytest.StashKey[Callable[[pytest.Item, pytest.Item | None], None]] = pytest.StashKey()
"""On a clone of an explored test: what runs it, in the protocol and inside every other plugin's hooks."""

_OPENING = "[chaos: "
_SEED = "seed="


def clone_of(item: pytest.Item, label: str = "", *, is_silent: bool = False) -> pytest.Item:
    """Return a clone of an item.

    Args:
        item: The test.
        label: What its id shows; without one it has the id of the plain test.
        is_silent: Whether nobody is told what happens in it.
    """
    twin = compat.twin_of(item)
    twin.__class__ = _two_faced(type(item))
    twin.chaos_id = scenario_id(item.nodeid, label) if label else ""
    twin.chaos_parsed = compat.parsed_id(twin.chaos_id) if label and compat.HAS_STRUCTURED_ID else None
    twin.chaos_is_masked = False
    twin.chaos_is_silent = is_silent
    result: pytest.Item = twin
    return result


def run_clone(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run an item that is a clone of an explored test as its test wants it, and tell whether it is one."""
    protocol = item.stash.get(PROTOCOL, None)
    if protocol is None:
        return False
    protocol(item, nextitem)
    return True


def seed_label(seed: int) -> str:
    """Return the label of a run of a fault test with one of several seeds."""
    return f"{_SEED}{seed}"


def is_seed_label(label: str) -> bool:
    """Tell whether a label, as it stands in an id, is that of a fault test's run with one of several seeds."""
    return label.startswith(_SEED)


def scenario_id(nodeid: str, label: str) -> str:
    """Return the id of a scenario of a test."""
    return f"{nodeid}{_OPENING}{label}]"


class Ids:
    """Knows the tests whose own ids look like those of scenarios, because of the ids of their parameters."""

    def __init__(self) -> None:
        self._lookalikes: set[str] = set()

    def learn(self, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Remember which ids are those of tests; return those that look like scenarios, with what they look like.

        Args:
            ids: Those of the tests that were collected.
        """
        found = {one: split for one in ids if (split := split_id(one))[1]}
        self._lookalikes.update(found)
        return found

    def split(self, nodeid: str) -> tuple[str, str]:
        """Return the same as :func:`split_id`, and take the id of a test for that."""
        return (nodeid, "") if nodeid in self._lookalikes else split_id(nodeid)


def split_id(nodeid: str) -> tuple[str, str]:
    """Return the plain id and the label of a scenario's id; the label is empty for any other id."""
    plain, opening, label = nodeid.rpartition(_OPENING)
    if not opening or not label.endswith("]"):
        return nodeid, ""
    return plain, label[:-1]


def mask(item: pytest.Item, is_masked: bool) -> None:
    """Let an item show the id of the plain test, or its own."""
    if hasattr(item, "chaos_is_masked"):
        item.chaos_is_masked = is_masked


@functools.cache
def _two_faced(cls: type) -> type:
    base: Any = cls

    def nodeid(self: Any) -> str:
        known: str = self.chaos_id
        plain: str = base.nodeid.fget(self)
        return known if known and not self.chaos_is_masked else plain

    def parsed(self: Any) -> Any:
        return base.id.fget(self) if self.chaos_parsed is None else self.chaos_parsed

    def hooks(self: Any) -> Any:
        found = base.ihook.fget(self)
        return _Unheard(found) if self.chaos_is_silent else found

    namespace: dict[str, Any] = {
        "nodeid": property(nodeid),
        "chaos_plain_id": property(base.nodeid.fget),
        "ihook": property(hooks),
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
    }
    if compat.HAS_STRUCTURED_ID:
        namespace["id"] = property(parsed)
    return type(cls.__name__, (cls,), namespace)


class _Unheard:
    """The hooks of a run of which nobody is told: subtests, warnings and debuggers would tell in the middle of it.

    Args:
        hooks: The hooks of its item.
    """

    def __init__(self, hooks: Any) -> None:
        self._hooks = hooks
        self.pytest_runtest_logreport = self.pytest_exception_interact = self.pytest_warning_recorded = _Nobody()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hooks, name)


class _Nobody:
    def __call__(self, **told: Any) -> None: ...

    call_historic = __call__


class SessionStays:
    """Stands for the item that follows the last one, where tests are explored after all: what all share stays for them.

    Args:
        session: The session.
    """

    def __init__(self, session: pytest.Session) -> None:
        self._session = session

    def listchain(self) -> list[Any]:
        """The collectors that must stay."""
        return [self._session]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


class Following:
    """Stands for the item that follows a plain run: whether scenarios follow is known only once it is torn down.

    Args:
        decide: Returns the item that follows, or ``None``; asked once.
    """

    def __init__(self, decide: Any) -> None:
        self._decide = decide

    @functools.cached_property
    def item(self) -> pytest.Item | None:
        """The item that follows."""
        found: pytest.Item | None = self._decide()
        return found

    def listchain(self) -> list[Any]:
        """The collectors that must stay for it."""
        return self.item.listchain() if self.item is not None else []

    def __bool__(self) -> bool:
        return self.item is not None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.item, name)
