"""Watching one function that returns answers: who asked, how long it took, and what came back.

The function gives what it gives without us. A library that is not loaded is not imported for this. Where one watched
function calls another one, such as requests that call urllib3, it is the outer that the test has its answer from.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Any, NamedTuple

from pytest_chaos import compat
from pytest_chaos.absorption import entries
from pytest_chaos.frameworks import CALLERS, SERVER
from pytest_chaos.observation import LONGEST_BODY, Answer, AnswerKind
from pytest_chaos.provenance import Provenance, frames_from
from pytest_chaos.resources import tap
from pytest_chaos.resources.tap import Ear

Read = Callable[..., "Seen | None"]


class Seen(NamedTuple):
    """What a client says of an answer.

    Attributes:
        method: Method of the request; of a command ``run``.
        url: What was asked; of a command its name and arguments.
        status: Status code or exit code.
        headers: Names and values.
        body: What has been read of it, or ``None``.
        is_raised: Whether the client handed on an error instead.
    """

    method: str
    url: str
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    is_raised: bool = False


@dataclass(frozen=True)
class Client:
    """A function by which answers are received.

    Attributes:
        name: What people call it.
        module: The module that holds the function; while it is not loaded nobody can have called it.
        function: Its name there, with its class.
        read: From the result, and the arguments, to what is known of the answer; ``None`` if there is none.
        raised: The same from an error that came out instead.
        kind: What sort of answers it receives.
        is_async: Whether it is a coroutine function.
        is_direct: Whether it calls the application itself, which has answered when it returns.
    """

    name: str
    module: str
    function: str
    read: Read
    raised: Read | None = None
    kind: AnswerKind = "http"
    is_async: bool = False
    is_direct: bool = False


class _Asked(NamedTuple):
    is_to_driver: bool
    at_s: float


class Watcher:
    """Tells of answers.

    Args:
        provenance: Whose code a frame is.
        record: Called with who received it, each answer, and what came, from any thread.
        hears_inner: Whether also those are told that a function receives for another one that is watched.
    """

    def __init__(
        self, provenance: Provenance, record: Callable[[Client, Answer, Any], None], *, hears_inner: bool = False
    ) -> None:
        self._provenance = provenance
        self._record = record
        self._hears_inner = hears_inner
        self._began = monotonic()

    def watch(self, client: Client) -> Callable[[], None] | None:
        """Watch one function if it is there, and return what ends that."""
        module = sys.modules.get(client.module)
        owner, _, name = client.function.rpartition(".")
        place = getattr(module, owner, None) if owner else module
        if place is None or not hasattr(place, name):
            return None
        ask, fail = Ear(self._asked), Ear(self._listener(client, client.raised))
        wrap = _async_wrap if client.is_async else _sync_wrap
        return tap.replace(
            place, name, lambda original, hear: wrap(original, ask, hear, fail), self._listener(client, client.read)
        )

    def _asked(self) -> _Asked | None:
        """Return who asks when; nothing where a function that is watched has asked this one."""
        is_own = True
        for frame in frames_from(compat.get_frame(1)):
            code = frame.f_code
            if code.co_filename == _HERE and code.co_name == "asking":
                if not is_own and not self._hears_inner:
                    return None
                is_own = False
            elif not is_own:
                origin = self._provenance.of_frame(frame)
                if origin in ("test", "project"):
                    return _Asked(origin == "test", monotonic())
        return _Asked(True, monotonic())

    def _listener(self, client: Client, read: Read | None) -> Callable[..., None]:
        def heard(asked: _Asked | None, came: Any, *args: Any, **named: Any) -> None:
            seen = None if asked is None or read is None else read(came, *args, **named)
            if asked is None or seen is None:
                return
            if seen.is_raised and not self._is_of_application(came):
                return
            now = monotonic()
            answer = Answer(
                f"{seen.method} {seen.url}",
                int(seen.status),
                asked.is_to_driver,
                now - self._began,
                method=seen.method,
                kind=client.kind,
                client=client.name,
                headers=tuple((name.lower(), value) for name, value in seen.headers),
                body=None if seen.body is None else bytes(seen.body[:LONGEST_BODY]),
                took_s=now - asked.at_s,
                is_raised=seen.is_raised,
            )
            self._record(client, answer, came)

        return heard

    def _is_of_application(self, error: object) -> bool:
        """Tell whether an error came out of an application that answers requests, and not out of the client itself."""
        trace: TracebackType | None = error.__traceback__ if isinstance(error, Exception) else None
        is_asked = False
        for entry in entries(trace):
            caller = CALLERS.get(str(entry.tb_frame.f_globals.get("__name__", "")))
            if caller is not None and caller.name != SERVER:
                return True
            if is_asked and self._provenance.of_frame(entry.tb_frame) == "project":
                return True
            is_asked |= caller is not None
        return False


def _sync_wrap(original: Any, ask: Ear, hear: Ear, fail: Ear) -> Any:
    def asking(*args: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        asked = ask()
        try:
            came = original(*args, **named)
        except Exception as error:
            fail(asked, error, *args, **named)
            raise
        hear(asked, came, *args, **named)
        return came

    return asking


def _async_wrap(original: Any, ask: Ear, hear: Ear, fail: Ear) -> Any:
    async def asking(*args: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        asked = ask()
        try:
            came = await original(*args, **named)
        except Exception as error:
            fail(asked, error, *args, **named)
            raise
        hear(asked, came, *args, **named)
        return came

    return asking


_HERE = _sync_wrap.__code__.co_filename


def pairs(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the headers of a mapping."""
    return tuple((str(name), str(value)) for name, value in headers.items())
