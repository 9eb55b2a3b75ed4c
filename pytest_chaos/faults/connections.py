"""Sockets whose connection an injected error has said to be gone: it is gone then, for whoever reads on regardless.

Else a program that goes on after the error would meet a connection in good health, and wait on it for what never comes.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from typing import Any

from pytest_chaos.faults.base import FaultyCall

MODULES = frozenset({"socket", "_socket", "ssl"})
"""Where the points are at which an error says so."""

# Who waits for connections goes on when one of them is gone.
_ON_ONE = frozenset(
    {
        "connect",
        "do_handshake",
        "read",
        "recv",
        "recv_into",
        "recvmsg",
        "send",
        "sendall",
        "sendfile",
        "sendmsg",
        "write",
    }
)
_OF_C: Any = socket.socket.__base__  # that of ssl.SSLSocket forgets its keys, and reads what is not decrypted


def break_connection(error: BaseException, call: FaultyCall) -> None:
    """End the connection of the socket on which a call is made, in both directions, if an error says that it ended.

    Args:
        error: What is raised.
        call: The call that raises it.
    """
    if not _says_so(error) or getattr(call.function, "__name__", "") not in _ON_ONE:
        return
    receiver = call.receiver
    if isinstance(receiver, _OF_C) and receiver.type == socket.SOCK_STREAM:
        with call.unseen(), contextlib.suppress(OSError):  # it was not connected, or is closed
            _OF_C.shutdown(receiver, socket.SHUT_RDWR)


def _says_so(error: BaseException) -> bool:
    if isinstance(error, ConnectionError):
        return True
    module = sys.modules.get("ssl")
    return module is not None and isinstance(error, module.SSLEOFError | module.SSLZeroReturnError)
