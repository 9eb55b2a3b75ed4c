"""Well-known boundaries: where programs leave the process, and the errors that really come back from there.

A small list for the first run, which has no configuration; the catalogue of real libraries' errors comes later.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Boundary:
    """One way out of the process.

    Attributes:
        library: What a user calls it.
        target: Text of the target.
        faults: Texts of errors that a call there can meet.
        late: Texts of errors that it can meet only where it was given a timeout.
        hangs: Whether it can wait for ever: local files and databases answer, or say that they will not.
    """

    library: str
    target: str
    faults: tuple[str, ...]
    late: tuple[str, ...] = ()
    hangs: bool = True

    @property
    def module(self) -> str:
        """The module that the target is in."""
        return self.target.partition(":")[0]


_LOCKED = "raise(sqlite3:OperationalError, 'database is locked')"

BOUNDARIES: tuple[Boundary, ...] = (
    Boundary(
        "socket",
        "socket:create_connection",
        ("raise(ConnectionRefusedError)", "raise(socket:gaierror, -2, 'Name or service not known')"),
        ("raise(TimeoutError)",),
    ),
    Boundary("socket", "socket:socket.connect", ("raise(ConnectionRefusedError)",)),
    Boundary("socket", "socket:socket.recv", ("raise(ConnectionResetError)",)),
    Boundary("socket", "socket:socket.sendall", ("raise(BrokenPipeError)",)),
    Boundary(
        "sqlite3",
        "sqlite3:connect",
        ("raise(sqlite3:OperationalError, 'unable to open database file')",),
        hangs=False,
    ),
    # A connection's execute makes a cursor and calls its execute.
    Boundary("sqlite3", "sqlite3:Cursor.execute", (_LOCKED,), hangs=False),
    Boundary("sqlite3", "sqlite3:Connection.commit", (_LOCKED,), hangs=False),
    Boundary("open", "builtins:open", ("raise(FileNotFoundError)", "raise(PermissionError)"), hangs=False),
    Boundary(
        "subprocess",
        "subprocess:run",
        ("raise(FileNotFoundError)",),
        ("raise(subprocess:TimeoutExpired, 'the command', 1.0)",),
    ),
    Boundary("subprocess", "subprocess:Popen", ("raise(FileNotFoundError)",)),
    Boundary(
        "urllib",
        "urllib.request:urlopen",
        ("raise(urllib.error:URLError, 'connection refused')",),
        ("raise(TimeoutError)",),
    ),
    Boundary(
        "requests",
        "requests.sessions:Session.request",
        ("raise(requests.exceptions:ConnectionError)",),
        ("raise(requests.exceptions:ReadTimeout)",),
    ),
    # httpx waits five seconds at most unless it is told otherwise, so its calls time out and do not hang.
    Boundary("httpx", "httpx:Client.send", ("raise(httpx:ConnectError)", "raise(httpx:ReadTimeout)"), hangs=False),
    Boundary("httpx", "httpx:AsyncClient.send", ("raise(httpx:ConnectError)", "raise(httpx:ReadTimeout)"), hangs=False),
    Boundary(
        "redis",
        "redis.client:Redis.execute_command",
        ("raise(redis.exceptions:ConnectionError)", "raise(redis.exceptions:TimeoutError)"),
    ),
    Boundary(
        "redis",
        "redis.asyncio.client:Redis.execute_command",
        ("raise(redis.exceptions:ConnectionError)", "raise(redis.exceptions:TimeoutError)"),
    ),
)

LIBRARIES: tuple[str, ...] = tuple(dict.fromkeys(boundary.library for boundary in BOUNDARIES))
"""What users call them, in order."""


def loaded(boundaries: Iterable[Boundary] = BOUNDARIES) -> list[Boundary]:
    """Return the boundaries whose module is imported: nothing else can be called."""
    return [boundary for boundary in boundaries if boundary.module in sys.modules]


def boundary_at(point: str) -> Boundary | None:
    """Return the boundary of an injection point, or ``None``."""
    return next((boundary for boundary in BOUNDARIES if boundary.target == point), None)
