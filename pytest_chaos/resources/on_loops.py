"""What is the same for timers, transports and asynchronous generators: things that event loops keep."""

from __future__ import annotations

import asyncio
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

from pytest_chaos.resources.births import Birth, Births, Mine, is_tests
from pytest_chaos.resources.leftovers import GRACE_S, Leftover, poll
from pytest_chaos.resources.loops import Loops, turn
from pytest_chaos.resources.whose import Seen

Thing = TypeVar("Thing")


class Before(NamedTuple):
    """What was there, and how much had been found on closing loops."""

    known: Seen
    found: int


class OnLoops(ABC, Generic[Thing]):
    """A :class:`~pytest_chaos.resources.kind.LoopKind` whose things are listed by the loops that keep them.

    Args:
        births: Who made which.
        loops: The loops in use.
        grace_s: How long they may take to end, in seconds.
    """

    def __init__(self, births: Births, loops: Loops, grace_s: float = GRACE_S) -> None:
        self._births = births
        self._loops = loops
        self.grace_s = grace_s
        self._found: list[tuple[Birth | None, Leftover]] = []
        self._known = Seen({})
        self._undo: list[Callable[[], None]] = []

    def open(self) -> None:
        """Note who makes one."""
        self._undo = list(self._taps())

    def close(self) -> None:
        """Take the taps out, and forget what was found."""
        while self._undo:
            self._undo.pop()()
        self._found.clear()

    def snapshot(self) -> Before:
        """Return what is there."""
        # Not what a wider fixture made: it is looked at for the last time where its loop closes.
        things = [one for loop in self._loops.open() for one in self._things(loop) if is_tests(self._birth(one))]
        self._known = Seen({id(one): weakref.ref(one) for one in things})
        return Before(self._known, len(self._found))

    def left(self, before: Before, mine: Mine) -> list[Leftover]:
        """Return what was left."""
        left = [found for birth, found in self._found[before.found :] if mine(birth)]
        for loop in self._loops.open():
            if any(mine(self._birth(one)) for one in self._new(loop, before.known)):
                still = self._still(loop, before.known)
                left.extend(self._leftover(one) for one in still if mine(self._birth(one)))
        return left

    def loop_closes(self, loop: asyncio.AbstractEventLoop, *, is_projects: bool, by_hand: bool) -> None:
        """Look at what a loop keeps before it closes."""
        things = self._new(loop, self._known)
        if things and not is_projects:
            things = self._still(loop, self._known)
        for one in things:
            self._found.append((self._birth(one), self._leftover(one, is_note=is_projects)))

    def _still(self, loop: asyncio.AbstractEventLoop, before: Seen) -> list[Thing]:
        """Return what does not end within the grace."""
        self._wait(loop, lambda: bool(self._new(loop, before)))
        return self._new(loop, before)

    def _wait(self, loop: asyncio.AbstractEventLoop, is_waiting: Callable[[], bool]) -> None:
        if loop.is_running():
            poll([loop], lambda _: is_waiting(), self.grace_s)
        else:
            turn(loop, is_waiting, self.grace_s)

    def _new(self, loop: asyncio.AbstractEventLoop, before: Seen) -> list[Thing]:
        return [one for one in self._things(loop) if one not in before and self._is_systems(one)]

    def _birth(self, thing: Thing) -> Birth | None:
        return self._births.of(thing)

    @abstractmethod
    def _taps(self) -> Iterable[Callable[[], None]]:
        """Put taps in place, and return what takes them out."""

    @abstractmethod
    def _things(self, loop: asyncio.AbstractEventLoop) -> list[Thing]:
        """Return what a loop keeps."""

    @abstractmethod
    def _is_systems(self, thing: Thing) -> bool:
        """Tell whether the project or the test made it, and not a library for itself."""

    @abstractmethod
    def _leftover(self, thing: Thing, *, is_note: bool = False) -> Leftover:
        """Return what is said of one that is left; a note where the project's own loop ends it."""
