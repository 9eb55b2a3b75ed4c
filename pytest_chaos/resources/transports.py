"""Connections and servers of asyncio that were left open: transports, listening sockets, and files it waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pytest_chaos import compat
from pytest_chaos.resources import taps
from pytest_chaos.resources.births import Birth
from pytest_chaos.resources.leftovers import Leftover, leftover
from pytest_chaos.resources.on_loops import OnLoops
from pytest_chaos.resources.whose import code_of, is_made_by_own, is_own


class Transports(OnLoops[Any]):
    """Transports and servers of the project and the test. Those of a library's pool are the library's.

    A closed transport leaves only after a turn or two of its loop, one with TLS after more.
    """

    def _taps(self) -> list[Callable[[], None]]:
        return [taps.hear_of_transports(self._made), taps.hear_of_readers(self._reads)]

    def _made(self, transport: Any) -> None:
        self._births.note(transport)

    def _reads(self, loop: asyncio.AbstractEventLoop, file: Any) -> None:
        number = file if isinstance(file, int) else file.fileno()
        for one, handle in compat.readers(loop):
            if (one if isinstance(one, int) else one.fileno()) == number:
                self._births.note(handle)

    def _things(self, loop: asyncio.AbstractEventLoop) -> list[Any]:
        return [*compat.transports(loop), *(handle for _, handle in compat.readers(loop))]

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


def _ends(transport: Any) -> str:
    peer = transport.get_extra_info("peername")
    return f"to {peer[0]}:{peer[1]}" if isinstance(peer, tuple) and len(peer) >= 2 else str(peer or "")
