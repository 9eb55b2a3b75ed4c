"""Asynchronous generators that were begun and neither ended nor closed, on a loop that closes or is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pytest_chaos import compat
from pytest_chaos.provenance import frames_from
from pytest_chaos.resources import stacks, taps
from pytest_chaos.resources.leftovers import Leftover, leftover
from pytest_chaos.resources.on_loops import OnLoops
from pytest_chaos.resources.whose import Seen, is_own


class AsyncGenerators(OnLoops[Any]):
    """Open asynchronous generators of the project and the test that somebody still holds."""

    def _taps(self) -> list[Callable[[], None]]:
        return [taps.hear_of_async_generators(self.generator_begun)]

    def generator_begun(self, generator: Any) -> None:
        """Note who begins one."""
        self._births.note(generator)

    def _things(self, loop: asyncio.AbstractEventLoop) -> list[Any]:
        return compat.async_generators(loop)

    def _still(self, loop: asyncio.AbstractEventLoop, before: Seen) -> list[Any]:
        waiting = self._new(loop, before)
        self._wait(loop, lambda: any(map(_is_open, waiting)))
        return list(filter(_is_open, waiting))

    def loop_closes(self, loop: asyncio.AbstractEventLoop, *, is_projects: bool, by_hand: bool) -> None:
        """Look at a loop's generators before it closes them without a word, or closes over them."""
        generators = self._new(loop, self._known)
        for one in generators:
            # We keep injected errors, and they the variables of what they passed: without us it would be gone.
            if not compat.is_held_by_ended_frames_only(one, besides=generators):
                self._found.append((self._births.of(one), self._leftover(one, is_note=is_projects and not by_hand)))

    def _is_systems(self, generator: Any) -> bool:
        # One that waits inside is part of the task that waits with it.
        return not generator.ag_running and is_own(generator.ag_code, self._births.provenance)

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
