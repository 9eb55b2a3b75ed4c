"""All clients together, and which errors are a client's word on what it was given."""

from __future__ import annotations

from pytest_chaos.replies import in_transports, on_connections, on_sockets
from pytest_chaos.replies.giving import Replies

_CLIENTS = frozenset({"aiohttp", "http", "httpx", "httpx2", "requests", "urllib", "urllib3"})


def new_replies() -> Replies:
    """Return what gives the replies of one run."""
    rooms = (on_sockets, in_transports, on_connections)
    return Replies(
        tuple(way for room in rooms for way in room.WAYS), tuple(one for room in rooms for one in room.CHECKS), is_said
    )


def is_said(error: BaseException) -> bool:
    """Tell whether a client has raised an error over the answer of a server, and not over what is in its body."""
    return type(error).__module__.partition(".")[0] in _CLIENTS and not is_over_body(error)


def is_over_body(error: BaseException) -> bool:
    """Tell whether an error says that a body is not what it was read as.

    That a body is no JSON is nothing that whoever asks for JSON has asked to be told.
    """
    return isinstance(error, ValueError) or type(error).__name__ == "ContentTypeError"
