"""aiohttp: answered where its connector connects, by its own protocol, which parses what comes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from typing import Any

from pytest_chaos.replies.giving import Check, Giver, Way
from pytest_chaos.resources import tap
from pytest_chaos.resources.tap import Ear


class _Transport(asyncio.Transport):
    """What a protocol writes its request to; once it has begun the reply comes, and then the other end hangs up."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: Any, giver: Giver) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._giver = giver
        self._has_begun = False
        self._is_closing = False

    def write(self, data: Any) -> None:
        if not self._has_begun:
            self._has_begun = True
            method = bytes(memoryview(data)[:20]).partition(b" ")[0].decode("latin-1")
            self._loop.call_soon(self._reply, self._giver.give(method))

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(list_of_data))

    def _reply(self, reply: bytes) -> None:
        if not self._is_closing:
            self._protocol.data_received(reply)
            self._loop.call_soon(self._hang_up)

    def _hang_up(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._protocol.connection_lost(None)

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        self._loop.call_soon(self._hang_up)

    def abort(self) -> None:
        self.close()

    def is_reading(self) -> bool:
        return True

    def pause_reading(self) -> None:
        pass  # all of it has come

    def resume_reading(self) -> None:
        pass

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return False


def _connector(owner: Any, name: str, giver: Giver) -> Callable[[], None]:
    def wrap(original: Callable[..., Any], ear: Ear) -> Callable[..., Any]:
        async def connect(connector: Any, request: Any, *args: Any, **named: Any) -> Any:
            __tracebackhide__ = True
            if not ear():
                return await original(connector, request, *args, **named)
            loop = asyncio.get_running_loop()
            with giver.unseen():
                protocol = connector._factory()
                protocol.connection_made(_Transport(loop, protocol, giver))
                protocol.force_close()  # it is not kept for another request
                kind: Any = sys.modules["aiohttp.connector"]
                return kind.Connection(connector, request.connection_key, protocol, loop)

        return connect

    return tap.replace(owner, name, wrap, giver.is_asked)


def _response(owner: Any, name: str, giver: Giver) -> Callable[[], None]:
    """Note the responses that are made of replies."""

    def wrap(original: Callable[..., Any], ear: Ear) -> Callable[..., Any]:
        async def start(response: Any, *args: Any, **named: Any) -> Any:
            __tracebackhide__ = True
            if ear():
                giver.made(response)
            return await original(response, *args, **named)

        return start

    return tap.replace(owner, name, wrap, giver.is_asked)


WAYS = (
    Way("aiohttp.connector", "BaseConnector.connect", _connector),
    Way("aiohttp.client_reqrep", "ClientResponse.start", _response),
)
CHECKS = (Check("aiohttp.client_reqrep", "ClientResponse.raise_for_status"),)
