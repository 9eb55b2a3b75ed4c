"""Permits of semaphores that were taken and not given back, of ``threading`` and of asyncio."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pytest_chaos import compat
from pytest_chaos.resources import taps
from pytest_chaos.resources.births import Birth, Births, Mine, Owner, is_fixture
from pytest_chaos.resources.leftovers import GRACE_S, Leftover, leftover, poll
from pytest_chaos.resources.lent import (
    Item,
    Items,
    is_out_of_reach,
    may_be_given_back_by_task,
    may_be_given_back_by_thread,
    older,
)
from pytest_chaos.resources.loops import Loops


class Before(NamedTuple):
    """How the semaphores stood: free permits, those that wider fixtures had taken, those told as lost by tests."""

    free: Mapping[Item, int]
    taken: Mapping[Item, int]
    told: Mapping[Item, int]


_NOTHING = Before({}, {}, {})


class Permits:
    """Free permits of semaphores that the project or the test made.

    Compared is with the start of the test, or with the first value of one that is made later; so what an earlier test
    lost is not told again. One that begins without permits is a signal, and nothing is lost of it; nor of what was
    released beyond the first value. What a wider fixture takes while it is set up is its own. Who may still give a
    permit back is told as of plain locks, and of asyncio's as of asyncio's locks.

    Args:
        births: Who made what.
        loops: The loops in use, on which tasks may hold a permit.
        grace_s: How long permits may be away, in seconds.
    """

    def __init__(self, births: Births, loops: Loops, grace_s: float = GRACE_S) -> None:
        self._births = births
        self._loops = loops
        self.grace_s = grace_s
        self._items = Items(births, "BoundedSemaphore.__init__")
        self._taken: dict[Item, dict[Owner, int]] = {}  # by wider fixtures
        self._told: dict[Item, int] = {}  # on tests
        self._before_fixture: dict[Item, int] = {}
        self._is_older_known = False
        self._undo: Callable[[], None] | None = None

    def open(self) -> None:
        """Begin to see semaphores being made."""
        self._undo = taps.hear_of_semaphores(self._made)

    def close(self) -> None:
        """Take the taps out, and forget the semaphores."""
        if self._undo is not None:
            self._undo()
            self._undo = None
        self._items.clear()
        self._taken.clear()
        self._told.clear()
        self._before_fixture.clear()
        self._is_older_known = False

    def _made(self, semaphore: Any) -> None:
        item = self._items.made(semaphore)
        if item is not None:
            item.first = compat.free_permits(semaphore)

    def snapshot(self) -> Before:
        """Return how the semaphores stand."""
        if not self._is_older_known:
            self._find_older()
        if not self._items:
            return _NOTHING
        free = self._free()
        if not (self._taken or self._told):
            return Before(free, {}, {})
        self._taken = {item: taken for item, taken in self._taken.items() if item in free}
        self._told = {item: told for item, told in self._told.items() if item in free}
        return Before(free, {item: self._all_taken(item) for item in self._taken}, dict(self._told))

    def left(self, before: Before, mine: Mine) -> list[Leftover]:
        """Return what was left."""
        if not self._items:
            return []
        at_first = before.free.get
        short = [item for item, number in self._free().items() if number < at_first(item, item.first)]
        if not short:
            return []
        is_tests = mine(None)

        def lost(item: Item) -> int:
            return self._lost(item, before, mine, is_tests=is_tests)

        short = poll(short, lambda item: lost(item) > 0, self.grace_s)
        if not short:
            return []
        gc.collect()  # what only a cycle keeps stops nobody
        left = []
        for item in short:
            number = lost(item)
            if number > 0 and self._is_left(item):
                left.append(self._leftover(item, number))
                if is_tests:
                    self._told[item] = self._told.get(item, 0) + number
        return left

    def owner_changes(self, before: Owner, after: Owner) -> None:
        """Note what a wider fixture took while it was set up."""
        if not (is_fixture(before) or is_fixture(after)):
            return
        free = self._free()
        if is_fixture(before):
            for item, number in free.items():
                taken = self._before_fixture.get(item, item.first) - number
                if taken > 0:
                    owners = self._taken.setdefault(item, {})
                    owners[before] = owners.get(before, 0) + taken
        self._before_fixture = free

    def _find_older(self) -> None:
        self._is_older_known = True
        for semaphore, name in older(self._births.provenance, (threading.Semaphore, asyncio.Semaphore)):
            first = compat.free_permits(semaphore)
            item = self._items.found(semaphore, name) if first else None
            if item is not None:
                item.first = first

    def _free(self) -> dict[Item, int]:
        return compat.free_permits_of(self._items)

    def _all_taken(self, item: Item) -> int:
        return sum(self._taken[item].values()) if item in self._taken else 0

    def _lost(self, item: Item, before: Before, mine: Mine, *, is_tests: bool) -> int:
        """Return how many permits were taken since, by whom we judge now, and are still away."""
        semaphore = item()
        if semaphore is None:
            return 0
        away = min(before.free.get(item, item.first), item.first) - compat.free_permits(semaphore)
        if away <= 0:
            return 0
        away -= self._told.get(item, 0) - before.told.get(item, 0)
        owners = self._taken.get(item, {})
        if is_tests:
            return away - (self._all_taken(item) - before.taken.get(item, 0))
        own = sum(number for owner, number in owners.items() if mine(Birth(owner, ())))
        return min(own, away - max(self._all_taken(item) - own - before.taken.get(item, 0), 0))

    def _is_left(self, item: Item) -> bool:
        semaphore = item()
        if semaphore is None or is_out_of_reach(semaphore):
            return False
        if may_be_given_back_by_task(self._births.provenance, self._loops):
            return False
        return isinstance(semaphore, asyncio.Semaphore) or not may_be_given_back_by_thread(self._births.provenance)

    def _leftover(self, item: Item, number: int) -> Leftover:
        semaphore: Any = item()
        is_async = isinstance(semaphore, asyncio.Semaphore)
        free = compat.free_permits(semaphore)
        what = f"{'asyncio semaphore' if is_async else 'semaphore'}{f' {item.name}' if item.name else ''}"
        told = leftover(self._births, "permit", what, item.birth)
        permits = "1 permit" if number == 1 else f"{number} permits"
        text = f"{permits} not given back ({free} of {item.first} free), of the {told.text}"
        return dataclasses.replace(told, text=text)
