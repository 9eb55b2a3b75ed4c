"""Asynchronous generators that were begun and neither ended nor closed, on a loop that closes or is kept."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

from pytest_chaos import compat
from pytest_chaos.provenance import frames_from
from pytest_chaos.resources import stacks, taps
from pytest_chaos.resources.births import Birth, Births, Mine, is_tests
from pytest_chaos.resources.leftovers import GRACE_S, Leftover, leftover, poll
from pytest_chaos.resources.loops import Loops, turn
from pytest_chaos.resources.whose import Seen, is_own


class Before(NamedTuple):
    """The generators that were open, and how many had been found on closing loops."""

    generators: Seen
    found: int


class AsyncGenerators:
    """Open asynchronous generators of the project and the test that somebody still holds.

    Args:
        births: Who began which.
        loops: The loops in use.
        grace_s: How long they may take to end, in seconds.
    """

    def __init__(self, births: Births, loops: Loops, grace_s: float = GRACE_S) -> None:
        self._births = births
        self._loops = loops
        self.grace_s = grace_s
        self._found: list[tuple[Birth | None, Leftover]] = []
        self._known = Seen({})
        self._undo: Callable[[], None] | None = None

    def open(self) -> None:
        """Note who begins one."""
        self._undo = taps.hear_of_async_generators(self.generator_begun)

    def close(self) -> None:
        """Take the tap out, and forget what was found."""
        if self._undo is not None:
            self._undo()
            self._undo = None
        self._found.clear()

    def generator_begun(self, generator: Any) -> None:
        """Note who begins one."""
        self._births.note(generator, above=2)

    def snapshot(self) -> Before:
        """Return the generators that are open."""
        # Not what a wider fixture made: it is looked at for the last time where its loop closes.
        generators = [one for loop in self._loops.open() for one in compat.async_generators(loop)]
        self._known = Seen({id(one): weakref.ref(one) for one in generators if is_tests(self._births.of(one))})
        return Before(self._known, len(self._found))

    def left(self, before: Before, mine: Mine) -> list[Leftover]:
        """Return what was left."""
        left = [found for birth, found in self._found[before.found :] if mine(birth)]
        for loop in self._loops.open():
            generators = [one for one in self._new(loop, before.generators) if mine(self._births.of(one))]
            if generators and loop.is_running():
                generators = poll(generators, _is_open, self.grace_s)
            elif generators:
                turn(loop, lambda waiting=generators: any(map(_is_open, waiting)), self.grace_s)  # type: ignore[misc]  # the default is bound at once
            left.extend(self._leftover(one) for one in generators if _is_open(one))
        return left

    def loop_closes(self, loop: asyncio.AbstractEventLoop, *, is_projects: bool, by_hand: bool) -> None:
        """Look at a loop's generators before it closes them without a word, or closes over them."""
        generators = self._new(loop, self._known)
        for one in generators:
            # We keep injected errors, and they the variables of what they passed: without us it would be gone.
            if not compat.is_held_by_ended_frames_only(one, besides=generators):
                self._found.append((self._births.of(one), self._leftover(one, is_note=is_projects and not by_hand)))

    def _new(self, loop: asyncio.AbstractEventLoop, before: Seen) -> list[Any]:
        provenance = self._births.provenance
        return [
            one
            for one in compat.async_generators(loop)
            # One that waits inside is part of the task that waits with it.
            if not one.ag_running and one not in before and is_own(one.ag_code, provenance)
        ]

    def _leftover(self, generator: Any, *, is_note: bool = False) -> Leftover:
        what = f"asynchronous generator {generator.__qualname__}"
        if is_note:
            what += ", closed by the project's own asyncio.run"
        frame = generator.ag_frame
        return leftover(
            self._births,
            "async-generator",
            what,
            self._births.of(generator),
            verb="begun",
            where=stacks.place_of(frame, self._births.provenance),
            is_note=is_note,
            stack=[outer.f_code for outer in frames_from(frame)],
        )


def _is_open(generator: Any) -> bool:
    return generator.ag_frame is not None
