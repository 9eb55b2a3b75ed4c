"""Coroutines that were called and never awaited: told when they are dropped, whatever the filters of warnings say."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import Any

from pytest_chaos import compat
from pytest_chaos.provenance import Origin
from pytest_chaos.resources import taps
from pytest_chaos.resources.births import Birth, Births, Mine
from pytest_chaos.resources.leftovers import GRACE_S, Leftover
from pytest_chaos.resources.whose import is_made_by_own, is_own

_DEPTH = 4  # frames of its making that a coroutine remembers; each call of a coroutine function pays for them
_LOOK_PAST: tuple[Origin, ...] = ("stdlib", "generated", "passage", "chaos")


class Coroutines:
    """Coroutines of the project and the test, and those of others that one of them called itself.

    Who dropped one is known, and it is nearly always who called it: one that nobody refers to any more is dropped at
    once. One in a reference cycle waits for the garbage collector, maybe until a later test, and nothing tells who
    called it: that is only a note.

    Args:
        births: Who made what.
        grace_s: Not used: what was dropped unawaited stays so.
    """

    def __init__(self, births: Births, grace_s: float = GRACE_S) -> None:
        self._births = births
        self.grace_s = grace_s
        self._found: list[tuple[Birth, Leftover]] = []
        self._collecting_thread = 0
        self._undo: Callable[[], None] | None = None

    def open(self) -> None:
        """Begin to hear of them, and let coroutines of this thread remember where they were called."""
        self._undo = taps.hear_of_unawaited_coroutines(self._dropped, _DEPTH)
        gc.callbacks.append(self._note_collection)

    def close(self) -> None:
        """Stop, and forget what was found."""
        if self._undo is not None:
            self._undo()
            self._undo = None
        if self._note_collection in gc.callbacks:
            gc.callbacks.remove(self._note_collection)
        self._found.clear()

    def snapshot(self) -> int:
        """Return how many were found."""
        return len(self._found)

    def left(self, before: int, mine: Mine) -> list[Leftover]:
        """Return what was found since."""
        return [found for birth, found in self._found[before:] if mine(birth)]

    def _note_collection(self, phase: str, info: dict[str, int]) -> None:
        self._collecting_thread = threading.get_ident() if phase == "start" else 0

    def _dropped(self, coroutine: Any) -> None:
        if self._undo is None:
            return  # somebody who tapped after us still calls
        provenance = self._births.provenance
        code = coroutine.cr_code
        if compat.is_mocks(code) or provenance.of_file(code.co_filename) == "pytest":
            return
        is_collected = self._collecting_thread == threading.get_ident()
        dropped = None if is_collected else self._births.here()
        origin = coroutine.cr_origin
        if origin:
            nearest = next((one for one in origin if provenance.of_file(one[0]) not in _LOOK_PAST), None)
            is_called_by_own = nearest is not None and provenance.of_file(nearest[0]) in ("project", "test")
        else:
            nearest, is_called_by_own = None, is_made_by_own(dropped, provenance)
        if not (is_called_by_own or is_own(code, provenance)):
            return
        what = f"coroutine {coroutine.__qualname__} never awaited,"
        owner = Birth(self._births.owner, ())
        if origin:
            filename, line, function = nearest or origin[0]
            site = f"{provenance.shorten(filename)}:{line} in {function}"
            text = f"{what} called at {site}"
            if not is_collected:
                text += f", by {owner.owner.name}"
        else:
            site = self._births.site(dropped)
            text = f"{what} dropped at {site}, by {owner.owner.name}" if site else what.rstrip(",")
        if is_collected:
            text += "; it was in a reference cycle, so an earlier test may have called it"
        made_in = () if dropped is None else tuple(made for made, _ in dropped.site)
        fingerprint = f"coroutine {site or coroutine.__qualname__}"
        told = Leftover("coroutine", text, fingerprint, is_collected, (code,), made_in)
        self._found.append((owner, told))
