"""httpx, and httpx2: answered where a transport sends, by the connections of the library beneath them."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from pytest_chaos.replies.giving import Check, Giver, Way
from pytest_chaos.resources import tap
from pytest_chaos.resources.tap import Ear

_BELOW = {"httpx": "httpcore", "httpx2": "httpcore2"}


def _replaced(owner: Any, name: str, giver: Giver) -> Callable[[], None]:
    library = owner.__module__.partition(".")[0]

    def wrap(original: Callable[..., Any], ear: Ear) -> Callable[..., Any]:
        def handle_request(transport: Any, request: Any, /, *args: Any, **named: Any) -> Any:
            __tracebackhide__ = True
            if args or named or not ear():
                return original(transport, request, *args, **named)
            exchange = _Exchange(library, giver, request)
            with exchange.translated():
                answer = exchange.connection(is_async=False).handle_request(exchange.asked)
            return exchange.response(answer, is_async=False)

        return handle_request

    return tap.replace(owner, name, wrap, giver.is_asked)


def _replaced_async(owner: Any, name: str, giver: Giver) -> Callable[[], None]:
    library = owner.__module__.partition(".")[0]

    def wrap(original: Callable[..., Any], ear: Ear) -> Callable[..., Any]:
        async def handle_async_request(transport: Any, request: Any, /, *args: Any, **named: Any) -> Any:
            __tracebackhide__ = True
            if args or named or not ear():
                return await original(transport, request, *args, **named)
            exchange = _Exchange(library, giver, request)
            with exchange.translated():
                answer = await exchange.connection(is_async=True).handle_async_request(exchange.asked)
            return exchange.response(answer, is_async=True)

        return handle_async_request

    return tap.replace(owner, name, wrap, giver.is_asked)


class _Exchange:
    """One request, and the reply to it.

    Args:
        library: ``httpx``, or another one that is made as it is.
        giver: Gives the reply.
        request: The request, as the library has it.
    """

    def __init__(self, library: str, giver: Giver, request: Any) -> None:
        self._giver = giver
        self._request = request
        with giver.unseen():
            self._library: Any = importlib.import_module(library)
            self._core: Any = importlib.import_module(_BELOW[library])  # it may wait with that for its first request
        url = request.url
        self.asked = self._core.Request(
            method=request.method,
            url=self._core.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )

    def connection(self, *, is_async: bool) -> Any:
        """Return a connection on which the reply comes."""
        stream = _stream(self._core, self._giver.give(self._request.method), is_async=is_async)
        kind = self._core.AsyncHTTP11Connection if is_async else self._core.HTTP11Connection
        return kind(self.asked.url.origin, stream)

    def response(self, answer: Any, *, is_async: bool) -> Any:
        """Return the response that the library makes of what its connection received."""
        body = self._async_body(answer.stream) if is_async else self._body(answer.stream)
        made = self._library.Response(answer.status, headers=answer.headers, stream=body, extensions=answer.extensions)
        return self._giver.made(made)

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Raise errors of the library beneath as those of the same name that its user knows."""
        try:
            yield
        except Exception as error:
            kind = getattr(self._library, type(error).__name__, None)
            if type(error).__module__.partition(".")[0] != self._core.__name__ or kind is None:
                raise
            raise kind(str(error)) from error

    def _body(self, stream: Any) -> Any:
        translated = self.translated
        base: Any = self._library.SyncByteStream

        class Body(base):  # type: ignore[misc]
            def __iter__(self) -> Iterator[bytes]:
                with translated():
                    yield from stream

            def close(self) -> None:
                stream.close()

        return Body()

    def _async_body(self, stream: Any) -> Any:
        translated = self.translated
        base: Any = self._library.AsyncByteStream

        class Body(base):  # type: ignore[misc]
            async def __aiter__(self) -> AsyncIterator[bytes]:
                with translated():
                    async for part in stream:
                        yield part

            async def aclose(self) -> None:
                await stream.aclose()

        return Body()


def _stream(core: Any, reply: bytes, *, is_async: bool) -> Any:
    """Return what a connection reads a reply from, and then no more; what it writes goes nowhere."""
    left = [reply]
    if not is_async:

        class Stream(core.NetworkStream):  # type: ignore[misc]
            def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
                return left.pop() if left else b""

            def write(self, buffer: bytes, timeout: float | None = None) -> None:
                pass

            def close(self) -> None:
                left.clear()

            def get_extra_info(self, info: str) -> Any:
                return None

        return Stream()

    class AsyncStream(core.AsyncNetworkStream):  # type: ignore[misc]
        async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            return left.pop() if left else b""

        async def write(self, buffer: bytes, timeout: float | None = None) -> None:
            pass

        async def aclose(self) -> None:
            left.clear()

        def get_extra_info(self, info: str) -> Any:
            return None

    return AsyncStream()


_SENDERS = ("HTTPTransport", "MockTransport", "WSGITransport")
_ASYNC_SENDERS = ("AsyncHTTPTransport", "MockTransport", "ASGITransport")
WAYS = tuple(
    way
    for library in _BELOW
    for way in (
        *(Way(library, f"{name}.handle_request", _replaced) for name in _SENDERS),
        *(Way(library, f"{name}.handle_async_request", _replaced_async) for name in _ASYNC_SENDERS),
    )
)
CHECKS = tuple(Check(library, "Response.raise_for_status") for library in _BELOW)
