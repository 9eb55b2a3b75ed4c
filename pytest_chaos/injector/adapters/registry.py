"""Which adapter serves a point, and the adapters that a session keeps in place."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Collection, Iterable

from pytest_chaos.errors import SpecificationError
from pytest_chaos.injector.adapters.base import Adapter, Made, Reach, made_for_nobody
from pytest_chaos.injector.aliases import AliasIndex
from pytest_chaos.injector.attribute import Left
from pytest_chaos.injector.sources import PassThrough
from pytest_chaos.provenance import Provenance, is_stdlib_module
from pytest_chaos.scenario import Rule
from pytest_chaos.target import Point


def adapter_named(name: str) -> Adapter:
    """Return an adapter; its module is imported only now, and the library with it."""
    module = importlib.import_module(f"pytest_chaos.injector.adapters.{name}")
    adapter: Adapter = module.ADAPTER
    return adapter


class AdapterMechanism:
    """Puts a passage in the way of a method of an immutable C type.

    Args:
        point: The method.
        aliases: The session's alias index.
    """

    is_by_function = False
    is_shadowed = False  # what is replaced for a rule belongs to us
    entries = None  # every call is decided: the objects of all threads share their methods
    stand_in = None

    def __init__(self, point: Point, aliases: AliasIndex) -> None:
        self._point = point
        self._aliases = aliases
        self._adapter = adapter_named(point.adapter)
        self._reach: Reach | None = None

    @property
    def installed(self) -> bool:
        """Whether the passage is in place."""
        return self._reach is not None

    def stands_in(self, names: Collection[str]) -> bool:
        """Tell that no name is replaced: the factory is the session's."""
        return False

    def install(self, passage: PassThrough) -> None:
        """Put the passage in the way of all objects that the factory handed out, and will hand out."""
        self._adapter.hold(self._aliases)
        self._reach = self._adapter.reach(self._point, self._aliases)
        try:
            self._reach.install(passage)
        except BaseException:
            self.remove()
            raise

    def remove(self) -> None:
        """Take the passage away. Harmless when done twice."""
        if self._reach is not None:
            reach, self._reach = self._reach, None
            reach.remove()
            self._adapter.release()

    def fits(self) -> bool:
        """Tell that it belongs to one run: where replacements stand is known to that alone."""
        return False

    def left_behind(self) -> list[Left]:
        """Return nothing: what is replaced for a rule belongs to us."""
        return []


class Adapters:
    """Keeps factories in place for a session, so that what a fixture makes before the window can be reached too.

    Outside windows nothing is counted, and what the factories hand out behaves as ever.

    Args:
        aliases: The session's alias index.
        provenance: Tells whose calls may be disturbed.
        made: Is told of what the factories hand out.
    """

    def __init__(self, aliases: AliasIndex, provenance: Provenance, made: Made = made_for_nobody) -> None:
        self._aliases = aliases
        self._provenance = provenance
        self._made = made
        self._held: dict[str, Adapter] = {}

    def prepare(self, rules: Iterable[Rule]) -> None:
        """Stand at the factories that these rules will need; rules that cannot be looked up yet are passed over."""
        for rule in rules:
            for name in _adapters_of(rule) - set(self._held):
                adapter = adapter_named(name)
                adapter.hold(self._aliases, self._provenance, self._made)
                self._held[name] = adapter

    def close(self) -> None:
        """Put every factory back. Harmless when done twice."""
        while self._held:
            self._held.popitem()[1].release()


def _adapters_of(rule: Rule) -> set[str]:
    module = rule.target.module.partition("*")[0].rpartition(".")[0] if rule.target.is_glob else rule.target.module
    if not rule.can_fire or not (module in sys.modules or is_stdlib_module(module) or _is_adapted(module)):
        return set()  # looking it up would import project code
    try:
        return {point.adapter for point in rule.points() if point.adapter}
    except SpecificationError:
        return set()  # said where the rule is checked, or armed


@functools.cache
def _is_adapted(module: str) -> bool:
    return module.partition(".")[0] == "psycopg2"
