"""Clients that read from a socket by ``http.client``: ``urllib.request``, urllib3, and requests above it."""

from __future__ import annotations

import io
import socket
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

from pytest_chaos.replies.giving import Check, Giver, Way
from pytest_chaos.resources import tap
from pytest_chaos.resources.tap import Ear


class ReplySocket(socket.socket):
    """A socket on which a reply comes as soon as somebody reads; what is sent goes nowhere.

    It is a real one whose other end is closed, so that who waits for it sees that, as with a server that hangs up.
    """

    __slots__ = ("_giver", "_sent")

    def __init__(self, giver: Giver) -> None:
        near, far = socket.socketpair()
        far.close()
        super().__init__(near.family, near.type, near.proto, near.detach())
        self._giver = giver
        self._sent = b""

    def send(self, data: Any, flags: int = 0, /) -> int:
        view = memoryview(data)
        if not self._sent:
            self._sent = bytes(view[:20])  # enough for the method, which comes first
        return view.nbytes

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        self.send(data, flags)

    def makefile(self, *args: Any, **named: Any) -> Any:
        """Return the reply as a file, whatever it is asked for: ``http.client`` reads bytes, through a buffer."""
        return io.BufferedReader(io.BytesIO(self._giver.give(self._sent.partition(b" ")[0].decode("latin-1"))))

    def shutdown(self, how: int, /) -> None:
        pass  # the other end has done so


def _connection(owner: Any, name: str, giver: Giver) -> Callable[[], None]:
    """Let a connection of ``http.client`` connect to a reply."""

    def wrap(original: Callable[..., Any], ear: Ear) -> Callable[..., Any]:
        def connect(connection: Any, *args: Any, **named: Any) -> Any:
            __tracebackhide__ = True
            if not ear():
                return original(connection, *args, **named)
            with giver.unseen():
                connection.sock = ReplySocket(giver)
            return None

        return connect

    return tap.replace(owner, name, wrap, giver.is_asked)


def _pool(owner: Any, name: str, giver: Giver) -> Callable[[], None]:
    """Let a pool of urllib3 give out a connection on which a reply comes, a new one or one that it has kept."""

    def wrap(original: Callable[..., Any], ear: Ear) -> Callable[..., Any]:
        def get_connection(*args: Any, **named: Any) -> Any:
            __tracebackhide__ = True
            connection = original(*args, **named)
            if ear() and connection is not None:
                with giver.unseen():
                    connection.close()
                    connection.sock = ReplySocket(giver)
                    connection.is_verified = True  # else it warns of one whose certificate nobody has seen
            return connection

        return get_connection

    return tap.replace(owner, name, wrap, giver.is_asked)


def _adapter(owner: Any, name: str, giver: Giver) -> Callable[[], None]:
    """Let a session of requests send by an adapter that is answered, where its own does not send by urllib3."""

    def wrap(original: Callable[..., Any], ear: Ear) -> Callable[..., Any]:
        def get_adapter(*args: Any, **named: Any) -> Any:
            __tracebackhide__ = True
            adapter = original(*args, **named)
            return _InMemory(giver) if ear() and not _sends_by_urllib3(adapter) else adapter

        return get_adapter

    return tap.replace(owner, name, wrap, giver.is_asked)


def _response(owner: Any, name: str, giver: Giver) -> Callable[[], None]:
    """Note the responses that requests makes of replies."""

    def wrap(original: Callable[..., Any], ear: Ear) -> Callable[..., Any]:
        def build_response(*args: Any, **named: Any) -> Any:
            __tracebackhide__ = True
            response = original(*args, **named)
            return giver.made(response) if ear() else response

        return build_response

    return tap.replace(owner, name, wrap, giver.is_asked)


def _sends_by_urllib3(adapter: Any) -> bool:
    """Tell whether an adapter is one of requests itself, or made from it, and not a double's."""
    own: Any = sys.modules["requests.adapters"].HTTPAdapter
    send = tap.behind(own.send)
    is_own = type(send) is FunctionType and send.__globals__ is vars(sys.modules["requests.adapters"])
    return isinstance(adapter, own) and is_own


class _InMemory:
    """An adapter of requests that stands for one that a double has put there."""

    def __init__(self, giver: Giver) -> None:
        self._giver = giver

    def send(self, request: Any, **how: Any) -> Any:
        """Return the response of requests to a reply."""
        # These are loaded: requests has imported them.
        adapters: Any = sys.modules["requests.adapters"]
        urllib3: Any = sys.modules["urllib3"]
        client: Any = sys.modules["http.client"]
        raw = io.BytesIO(self._giver.give(request.method or "GET"))
        with self._giver.unseen():
            parsed = client.HTTPResponse(_File(raw), method=request.method)
            parsed.begin()
            answer = urllib3.HTTPResponse(
                body=parsed,
                headers=parsed.headers.items(),
                status=parsed.status,
                version=parsed.version,
                reason=parsed.reason,
                preload_content=False,
                decode_content=False,
                original_response=parsed,
                request_method=request.method,
            )
            response = adapters.HTTPAdapter().build_response(request, answer)
        if not how.get("stream"):
            _ = response.content
        return response

    def close(self) -> None:
        """Do nothing, for nothing is open."""


class _File:
    def __init__(self, raw: io.BytesIO) -> None:
        self._raw = raw

    def makefile(self, *args: Any) -> io.BufferedReader:
        return io.BufferedReader(self._raw)


WAYS = (
    Way("http.client", "HTTPConnection.connect", _connection),
    Way("http.client", "HTTPSConnection.connect", _connection),
    Way("urllib3.connectionpool", "HTTPConnectionPool._get_conn", _pool),
    Way("requests.sessions", "Session.get_adapter", _adapter),
    Way("requests.adapters", "HTTPAdapter.build_response", _response),
)
CHECKS = (Check("requests.models", "Response.raise_for_status"),)
