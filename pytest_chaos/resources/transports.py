"""Connections and servers of asyncio that were left open: transports, listening sockets, and files it waits for."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

from pytest_chaos import compat
from pytest_chaos.resources import taps
from pytest_chaos.resources.births import Birth, Births, Mine, is_tests
from pytest_chaos.resources.leftovers import GRACE_S, Leftover, leftover, poll
from pytest_chaos.resources.loops import Loops, turn
from pytest_chaos.resources.whose import Seen, code_of, is_made_by_own, is_own


class Before(NamedTuple):
    """What was open, and how much had been found on closing loops."""

    open: Seen
    found: int


class Transports:
    """Transports and servers of the project and the test. Those of a library's pool are the library's.

    Args:
        births: Who made which.
        loops: The loops in use.
        grace_s: How long they may take to close, in seconds.
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
        self._undo = [taps.hear_of_transports(self._made), taps.hear_of_readers(self._reads)]

    def close(self) -> None:
        """Take the taps out, and forget what was found."""
        while self._undo:
            self._undo.pop()()
        self._found.clear()

    def _made(self, transport: Any) -> None:
        self._births.note(transport, above=2)

    def _reads(self, loop: asyncio.AbstractEventLoop, file: Any) -> None:
        number = file if isinstance(file, int) else file.fileno()
        for one, handle in compat.readers(loop):
            if (one if isinstance(one, int) else one.fileno()) == number:
                self._births.note(handle, above=2)

    def snapshot(self) -> Before:
        """Return what is open."""
        # Not what a wider fixture made: it is looked at for the last time where its loop closes.
        things = [one for loop in self._loops.open() for one in _things(loop) if is_tests(self._birth(one))]
        self._known = Seen({id(one): weakref.ref(one) for one in things})
        return Before(self._known, len(self._found))

    def left(self, before: Before, mine: Mine) -> list[Leftover]:
        """Return what was left."""
        left = [found for birth, found in self._found[before.found :] if mine(birth)]
        for loop in self._loops.open():
            if any(mine(self._birth(one)) for one in self._new(loop, before.open)):
                left.extend(self._leftover(one) for one in self._still(loop, before.open) if mine(self._birth(one)))
        return left

    def loop_closes(self, loop: asyncio.AbstractEventLoop, *, is_projects: bool, by_hand: bool) -> None:
        """Look at what a loop has open before it closes."""
        things = self._new(loop, self._known)
        if things and not is_projects:
            things = self._still(loop, self._known)
        for one in things:
            self._found.append((self._birth(one), self._leftover(one, is_note=is_projects)))

    def _still(self, loop: asyncio.AbstractEventLoop, before: Seen) -> list[Any]:
        if loop.is_running():
            poll([loop], lambda _: bool(self._new(loop, before)), self.grace_s)
        else:
            # A closed transport leaves only after a turn or two of its loop, one with TLS after more.
            turn(loop, lambda: bool(self._new(loop, before)), self.grace_s)
        return self._new(loop, before)

    def _new(self, loop: asyncio.AbstractEventLoop, before: Seen) -> list[Any]:
        return [one for one in _things(loop) if one not in before and self._is_systems(one)]

    def _is_systems(self, thing: Any) -> bool:
        provenance = self._births.provenance
        if isinstance(thing, asyncio.Handle):
            is_server = compat.server_of(thing) is not None
            callback = compat.accepting_callback(thing) if is_server else compat.handle_callback(thing)
            return is_own(code_of(callback), provenance)
        if is_made_by_own(self._birth(thing), provenance):
            return True
        protocol = thing.get_protocol()
        callback = compat.stream_callback(protocol)
        return is_own(code_of(type(protocol)), provenance) or is_own(code_of(callback), provenance)

    def _birth(self, thing: Any) -> Birth | None:
        if isinstance(thing, asyncio.Handle):
            thing = compat.server_of(thing) or thing
        return self._births.of(thing)

    def _leftover(self, thing: Any, *, is_note: bool = False) -> Leftover:
        if isinstance(thing, asyncio.Handle):
            what = "listening server"
            if compat.server_of(thing) is None:
                code = code_of(compat.handle_callback(thing))
                what = f"reader of a file, {code.co_qualname if code is not None else '?'}"
        else:
            what = f"transport {_ends(thing)}".rstrip()
        if is_note:
            what += ", left to the project's own event loop"
        return leftover(self._births, "transport", what, self._birth(thing), is_note=is_note)


def _things(loop: asyncio.AbstractEventLoop) -> list[Any]:
    return [*compat.transports(loop), *(handle for _, handle in compat.readers(loop))]


def _ends(transport: Any) -> str:
    peer = transport.get_extra_info("peername")
    return f"to {peer[0]}:{peer[1]}" if isinstance(peer, tuple) and len(peer) >= 2 else str(peer or "")
