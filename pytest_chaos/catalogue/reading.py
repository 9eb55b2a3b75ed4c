"""What a call tells of itself: how long it waits, and what it goes to, read along the paths of the catalogue.

Nothing is called for that but what a path writes with ``()``, and of the user's objects only attributes are read.
What cannot be read, for whatever reason, is not told.
"""

from __future__ import annotations

import contextlib
import functools
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from pytest_chaos.by_identity import ByIdentity
from pytest_chaos.catalogue.boundary import CHECKED, Boundary
from pytest_chaos.doubles import mock_behind
from pytest_chaos.faults.base import Limit
from pytest_chaos.faults.timeouts import UNTOLD, seconds_of

_MISSING: Any = object()
# Of the web, whose URLs leave them out: a service is called the same with and without.
_WEB_PORTS = (80, 443)
IN_MEMORY = ":memory:"
"""Name of a database that is gone with its connection."""


class SeenCall(Protocol):
    """What is asked of a call of a boundary."""

    @property
    def receiver(self) -> Any:
        """The object whose method is called; ``None`` for a function."""

    def told(self) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Return positional arguments without the receiver, and all arguments by name where the names are known."""


@dataclass(frozen=True)
class Address:
    """What a call goes to: a host, a path, or a program; one of them is told.

    Attributes:
        host: A name or a number, in small letters.
        port: Its port; ``None`` if it is not known, or one of the web's own.
        path: A file, a file of a database or a Unix socket, as it was written; ``:memory:`` for a database that is
            gone with its connection.
        program: The name of a program, without its folder.
    """

    host: str = ""
    port: int | None = None
    path: str = ""
    program: str = ""

    @property
    def text(self) -> str:
        """Its name: ``bank.example``, ``bank.example:8080``, ``[::1]:6379``, ``/run/bank.db`` or ``git``."""
        if not self.host:
            return self.path or self.program
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


class Addresses:
    """The addresses of what boundaries have returned, such as connections; none of those is kept alive by it."""

    def __init__(self) -> None:
        self._known: ByIdentity[Address] = ByIdentity()

    def remember(self, answer: Any, address: Address) -> None:
        """Remember where an answer leads; one to which there are no weak references is passed over."""
        try:
            self._known[answer] = address
        except TypeError:
            return

    def learn(self, boundary: Boundary, call: SeenCall, answer: Any) -> None:
        """Remember where the answer of a call leads: where the call went.

        Args:
            boundary: What is known of what was called.
            call: The call.
            answer: What it has returned.
        """
        address = dependency_of(boundary, call, self)
        if address is None:
            return
        if address.path[:1] not in ("", "/", ":", "@"):  # the working folder may be another one when it is asked for
            with contextlib.suppress(OSError):  # or gone already
                address = replace(address, path=str(Path.cwd() / address.path))
        self.remember(answer, address)

    def of(self, answer: Any) -> Address | None:
        """Return the address that was remembered for an answer, or ``None``."""
        return self._known.get(answer)


def limit_of(boundary: Boundary, call: SeenCall) -> Limit | None:
    """Return how long a call waits, or ``None`` if it never waits for ever, or nobody can tell.

    In what is returned

    - ``parameter`` is the path of the catalogue that told, and empty if the limit is the library's own;
    - ``seconds`` is ``None`` for a call that waits for ever, and 0 for one that does not wait.

    Args:
        boundary: What is known of what is called.
        call: The call.
    """
    if not boundary.waits:
        return None
    try:
        seen = _Seen(call)
        for path, names in boundary.local:
            if any(_text(value) in names for _, value in _led_to((path,), seen)):
                return None
        for path, value in _led_to(boundary.limit, seen):
            seconds = seconds_of(value)
            if seconds is not UNTOLD:
                return Limit(path, seconds)
    except Exception:  # noqa: BLE001  # of a call or a number that the user made
        return None
    return None if seen.is_unreadable else Limit("", boundary.own_limit_s)


def dependency_of(boundary: Boundary, call: SeenCall, addresses: Addresses) -> Address | None:
    """Return what a call goes to, or ``None`` if nothing tells.

    Args:
        boundary: What is known of what is called.
        call: The call.
        addresses: Where those lead that boundaries have returned.
    """
    known = boundary.dependency
    readers: tuple[tuple[tuple[str, ...], Callable[[Any], Address | None]], ...] = (
        (known.address, _of_address),
        (known.url, _of_url),
        (known.host, lambda host: _of_host(host, _port(known.port, seen, known.own_port))),
        (known.path, _of_path),
        (known.program, _of_program),
        (known.maker, addresses.of),
    )
    try:
        seen = _Seen(call)
        for paths, reader in readers:
            for _, value in _led_to(paths, seen) if paths else ():
                try:
                    found = reader(value)
                except ValueError:  # a URL that is none
                    continue
                if found is not None:
                    return found
    except Exception:  # noqa: BLE001  # of a call or a text that the user made
        return None
    return None


def mode_of(boundary: Boundary, call: SeenCall) -> str:
    """Return the mode in which a call opens a file, or whether it is checked; an empty text if nothing tells.

    Args:
        boundary: What is known of what is called.
        call: The call.
    """
    if not (boundary.mode or boundary.checks):
        return ""
    try:
        seen = _Seen(call)
        if any(value for _, value in _led_to(boundary.checks, seen)):
            return CHECKED
        return next((text for _, value in _led_to(boundary.mode, seen) if (text := _text(value))), "")
    except Exception:  # noqa: BLE001  # of a call that the user made
        return ""


def goes_by_number(boundary: Boundary, call: SeenCall) -> bool:
    """Tell whether a call is given the number of a file that is open already, where others are given a path.

    Args:
        boundary: What is known of what is called.
        call: The call.
    """
    try:
        seen = _Seen(call)
        return any(isinstance(value, int) for _, value in _led_to(boundary.dependency.path, seen))
    except Exception:  # noqa: BLE001  # of a call that the user made
        return False


# --- following paths


class _Seen:
    """The call's own values, each asked for once, where a path begins with it: to find names takes a signature."""

    def __init__(self, call: SeenCall) -> None:
        self._call = call
        self.is_unreadable = False

    @functools.cached_property
    def receiver(self) -> Any:
        return self._call.receiver

    @functools.cached_property
    def _told(self) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        try:
            return self._call.told()
        except Exception:
            self.is_unreadable = True
            raise

    @property
    def args(self) -> tuple[Any, ...]:
        return self._told[0]

    @property
    def named(self) -> Mapping[str, Any]:
        return self._told[1]


def _led_to(paths: Sequence[str], seen: _Seen) -> Iterator[tuple[str, Any]]:
    """Yield each path that leads to something, with that."""
    for path in paths:
        try:
            value = _follow(path, seen)
        except Exception:  # noqa: BLE001  # a property of the user's, a socket that is closed
            continue
        if value is not _MISSING:
            yield path, value


def _follow(path: str, seen: _Seen) -> Any:
    module, colon, rest = path.rpartition(":")
    root, *steps = rest.split(".")
    if colon:
        value = _step(sys.modules.get(module), root)
    elif root == "self":
        value = _MISSING if seen.receiver is None else seen.receiver
    elif root.isdigit():
        value = _item(seen.args, root)
    else:
        value = seen.named.get(root, _MISSING)
    for step in steps:
        if value is _MISSING:
            break
        value = _step(value, step)
    return value


def _step(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return dict.get(value, step, _MISSING)
    if step.isdigit():
        return _item(value, step)
    found = getattr(value, step.removesuffix("()"), _MISSING)
    if found is _MISSING or not step.endswith("()"):
        return found
    return found() if mock_behind(found) is None else _MISSING  # a mock would count the call


def _item(value: Any, index: str) -> Any:
    """Return an item of a list or tuple, also of one whose own way to it is the user's."""
    if isinstance(value, tuple):
        return tuple.__getitem__(value, int(index))
    return list.__getitem__(value, int(index)) if isinstance(value, list) else _MISSING


# --- what a value says


def _of_address(value: Any) -> Address | None:
    host = _item(value, "0")
    if host is _MISSING:
        return _of_path(value) if _text(value) else None  # a socket may have no name
    return _of_host(host, _number(_item(value, "1")))


def _of_url(value: Any) -> Address | None:
    url = urlsplit(_text(value) or "")
    if url.scheme == "file":
        return _of_path(unquote(url.path))
    return _of_host(url.hostname, url.port)


def _of_host(value: Any, port: int | None) -> Address | None:
    host = _text(value)
    if not host or host.startswith("/"):  # where a host is wanted, databases take the folder of a socket, too
        return _of_path(host) if host else None
    if host.count(":") == 1:  # as smtplib takes it
        host, _, beside = host.partition(":")
        port = _number(beside) or port
    return Address(host=host.lower().strip("[]"), port=None if port in _WEB_PORTS else port)


def _port(paths: Sequence[str], seen: _Seen, own: int | None) -> int | None:
    return next((port for _, value in _led_to(paths, seen) if (port := _number(value))), own)


def _number(value: Any) -> int | None:
    if isinstance(value, int):
        return int.__int__(value)
    digits = _text(value) or ""
    return int(digits) if digits.isascii() and digits.isdigit() else None


def _of_path(value: Any) -> Address | None:
    path = _text(value)
    if path is None:  # the number of a descriptor
        return None
    if path.startswith("file:"):  # of sqlite3
        path, _, query = path.removeprefix("file:").partition("?")
        path = unquote(path.partition("#")[0])
        if path.startswith("//"):  # with a host, which is this one
            path = f"/{path[2:].partition('/')[2]}"
        path = "" if "mode=memory" in query.split("&") else path
    if path.startswith("\0"):  # a socket in the abstract namespace of Linux
        path = f"@{path[1:]}"
    return Address(path=path or IN_MEMORY)  # a database without a name goes with its connection, too


def _of_program(value: Any) -> Address | None:
    word = _text(_item(value, "0")) if isinstance(value, list | tuple) else _first_word(_text(value) or "")
    return Address(program=word.rpartition("/")[2]) if word else None


def _first_word(command: str) -> str:
    line = command.strip().partition("\n")[0]
    try:
        words = shlex.split(line)
    except ValueError:  # a quote that is closed on another line
        words = line.split()
    return next((word for word in words if "=" not in word), "")  # variables may stand first


def _text(value: Any) -> str | None:
    """Return the text of what is one, without a call of what the user may have written; ``None`` for all else."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes):
        return bytes.decode(value, errors="surrogateescape")
    if isinstance(value, bytearray):
        return bytearray.decode(value, errors="surrogateescape")
    is_path = isinstance(value, PurePath) and type(value).__module__.partition(".")[0] == "pathlib"
    return str(value) if is_path else None
