"""Reading a call: its limit and what it goes to, along the paths of the catalogue, without a call of the user's."""

from __future__ import annotations

import gc
import socket
import sqlite3
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any
from unittest import mock

import pytest

from pytest_chaos.catalogue.boundary import Boundary, Dependency
from pytest_chaos.catalogue.reading import Address, Addresses, dependency_of, limit_of
from pytest_chaos.faults.base import Limit


@dataclass(frozen=True)
class Made:
    """A call of a boundary."""

    args: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)
    receiver: Any = None

    def told(self) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        return self.args, self.named


def limited(call: Any, *paths: str, own: float | None = None, waits: bool = True) -> Limit | None:
    return limit_of(Boundary("bank", "bank:pay", ("hang",), waits, limit=paths, own_limit_s=own), call)


def leads(call: Any, addresses: Addresses | None = None, **parts: Any) -> Address | None:
    boundary = Boundary("bank", "bank:pay", ("hang",), True, dependency=Dependency(**parts))
    return dependency_of(boundary, call, addresses or Addresses())


class Thing:
    """What has the attributes that it is given."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class Touchy:
    """What nobody may ask for anything but its attributes."""

    def __init__(self) -> None:
        self.called: list[str] = []

    @property
    def timeout(self) -> Any:
        raise RuntimeError("the user's own")

    host = path = timeout

    def __getattr__(self, name: str) -> Any:
        raise ValueError(name)

    def __call__(self) -> Any:
        self.called.append("call")

    def __str__(self) -> str:
        self.called.append("str")
        return "http://bank/"

    def __fspath__(self) -> str:
        self.called.append("fspath")
        return "notes"

    def __getitem__(self, key: Any) -> Any:
        self.called.append("item")
        return 1

    def __float__(self) -> float:
        self.called.append("float")
        return 1.0

    def __eq__(self, other: object) -> bool:
        self.called.append("eq")
        return True

    def __hash__(self) -> int:
        self.called.append("hash")
        return 1

    def __bool__(self) -> bool:
        self.called.append("bool")
        return True


# --- limits


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        (0, 0),
        (2.5, 2.5),
        (-1, None),
        (float("inf"), None),
        ((1, 7), 7),
        ((1, None), None),
        (timedelta(minutes=1), 60.0),
        (Thing(connect=1, read=3, write=4, pool=5), 3),  # httpx
        (Thing(connect=1, read=None, write=4, pool=5), None),
        (Thing(total=300, connect=None, sock_read=None, sock_connect=30), 300),  # aiohttp
        (Thing(total=300, connect=None, sock_read=4, sock_connect=30), 4),
        (Thing(total=None, connect=9, sock_read=None, sock_connect=30), None),
    ],
)
def test_seconds_are_read_as_timeout_parameters_take_them(value: Any, seconds: float | None) -> None:
    assert limited(Made(named={"timeout": value}), "timeout") == Limit("timeout", seconds)


def test_timeout_of_urllib3_is_read_before_its_clock_runs() -> None:
    timeout = pytest.importorskip("urllib3").Timeout  # an extra that tests may lack

    for value, seconds in ((timeout(total=3), 3), (timeout(connect=1, read=2), 2), (timeout(read=None), None)):
        assert limited(Made(named={"timeout": value}), "timeout") == Limit("timeout", seconds)


def test_first_path_that_tells_counts_and_is_named() -> None:
    call = Made((object(), 4.0), {"timeout": object()}, receiver=Thing(client=Thing(timeout={"read": 6})))

    assert limited(call, "timeout", "1", own=5.0) == Limit("1", 4.0)
    assert limited(call, "timeout", "self.client.timeout.read", "1") == Limit("self.client.timeout.read", 6)
    assert limited(call, "wait", "9", "self.none.timeout", "self.client.timeout.write", "1") == Limit("1", 4.0)


def test_what_nobody_tells_is_the_librarys_own() -> None:
    assert limited(Made(), "timeout", "self.timeout", own=5.0) == Limit("", 5.0)
    assert limited(Made(), "timeout") == Limit("", None)
    assert limited(Made()) == Limit("", None)
    assert limited(Made(named={"timeout": True}), "timeout") == Limit("", None)


def test_what_never_waits_for_ever_has_none() -> None:
    assert limited(Made(), waits=False) is None


def test_what_stays_on_this_machine_does_not_wait_for_ever() -> None:
    local = (("self.dialect.name", ("sqlite", "duckdb")), ("self.vendor", ("sqlite",)))
    boundary = Boundary("bank", "bank:pay", ("hang",), True, local=local, limit=("timeout",))

    for near in (Thing(dialect=Thing(name="duckdb")), Thing(vendor="sqlite")):
        assert limit_of(boundary, Made(named={"timeout": 3}, receiver=near)) is None
    for far in (Thing(dialect=Thing(name="postgresql")), Thing(vendor=None), Thing(vendor="duckdb"), None):
        assert limit_of(boundary, Made(named={"timeout": 3}, receiver=far)) == Limit("timeout", 3)


def test_default_of_a_module_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    path = "socket:getdefaulttimeout()"
    monkeypatch.setattr(socket, "getdefaulttimeout", lambda: 3.0)

    assert limited(Made(), path) == Limit(path, 3.0)
    assert limited(Made(), "no.such.module:timeout", "socket:none()", own=1.0) == Limit("", 1.0)


# --- dependencies


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("https://API.example.com/v1/pay?key=secret#top", "api.example.com"),
        ("http://me:secret@api.example.com:80/", "api.example.com"),
        ("https://api.example.com:443/", "api.example.com"),
        ("https://api.example.com:8443/", "api.example.com:8443"),
        (b"redis://:secret@cache:6379/0", "cache:6379"),
        ("http://[::1]:8080/", "[::1]:8080"),
        ("http://[2001:DB8::1]/", "[2001:db8::1]"),
        ("file:///data/all%20notes.db", "/data/all notes.db"),
    ],
)
def test_url_is_host_and_port_and_nothing_else(value: Any, text: str) -> None:
    found = leads(Made(named={"url": value}), url=["url"])

    assert found is not None and found.text == text


@pytest.mark.parametrize(
    "value", ["notes", "/notes", "", "http://", "http://[::1/", "http://h:port/", "data:,x", 1, None]
)
def test_what_is_no_url_leads_nowhere(value: Any) -> None:
    assert leads(Made((value,)), url=["0"]) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (("Bank", 8080), Address("bank", 8080)),
        (("bank", "8080"), Address("bank", 8080)),
        ((b"bank", 443), Address("bank")),
        (("::1", 6379, 0, 0), Address("::1", 6379)),
        (["bank", 1], Address("bank", 1)),
        ("/run/bank", Address(path="/run/bank")),
        (b"\0bank", Address(path="@bank")),
        (b"/run/b\xff", Address(path="/run/b\udcff")),
        ("", None),
        (b"", None),
        (("", 80), None),
        ((1, 2), None),
        (("bank",), None),
        ((), None),
        (None, None),
    ],
)
def test_address_is_a_pair_or_the_path_of_a_socket(value: Any, expected: Address | None) -> None:
    assert leads(Made((value,)), address=["0"]) == expected


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("Bank", 1, "bank:1"),
        ("bank", None, "bank:25"),
        ("bank", 0, "bank:25"),
        ("[::1]", "143", "[::1]:143"),
        ("bank:143", None, "bank:143"),
        ("bank:imap", None, "bank:25"),
        ("/run/bank", 1, "/run/bank"),
    ],
)
def test_host_has_the_port_beside_it_or_in_it_or_the_librarys_own(host: Any, port: Any, expected: str) -> None:
    found = leads(Made((host, port)), host=["0"], port=["1"], own_port=25)

    assert found is not None and found.text == expected


def test_port_may_be_unknown() -> None:
    assert leads(Made(("Bank",)), host=["0"], port=["1"]) == Address("bank")


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("notes.db", "notes.db"),
        (b"notes.db", "notes.db"),
        (bytearray(b"notes.db"), "notes.db"),
        (Path("data/notes.db"), "data/notes.db"),
        (PurePosixPath("/notes.db"), "/notes.db"),
        ("file:notes.db?mode=ro", "notes.db"),
        ("file:/data/all%20notes.db?mode=ro#x", "/data/all notes.db"),
        ("file:///data/notes.db", "/data/notes.db"),
        ("file://localhost/data/notes.db", "/data/notes.db"),
        ("file:shared?mode=memory&cache=shared", ":memory:"),
        ("file::memory:?cache=shared", ":memory:"),
        (":memory:", ":memory:"),
        ("", ":memory:"),
    ],
)
def test_path_is_kept_as_it_was_written(value: Any, path: str) -> None:
    assert leads(Made((value,)), path=["0"]) == Address(path=path)


@pytest.mark.parametrize("value", [3, None, 1.5, object()])
def test_what_is_no_path_leads_nowhere(value: Any) -> None:
    """The number of a descriptor names no file."""
    assert leads(Made((value,)), path=["0"]) is None


@pytest.mark.parametrize(
    ("value", "program"),
    [
        (["/usr/bin/git", "push"], "git"),
        ((b"git", "push"), "git"),
        ([Path("/usr/bin/git")], "git"),
        ("git push --quiet", "git"),
        ("  GIT_DIR=/x '/opt/my git/git' push", "git"),
        ("git push 'a\nb'", "git"),
        (Path("/usr/bin/git"), "git"),
        ([], None),
        ("", None),
        ([3], None),
        (None, None),
        (iter(["git"]), None),
    ],
)
def test_program_is_the_first_word_without_its_folder(value: Any, program: str | None) -> None:
    assert leads(Made((value,)), program=["0"]) == (Address(program=program) if program else None)


def test_first_part_that_leads_somewhere_counts() -> None:
    call = Made(named={"url": "notes", "host": None, "path": "/run/bank"})

    assert leads(call, url=["url"], host=["host"], path=["path"]) == Address(path="/run/bank")
    assert leads(call) is None


# --- what boundaries returned


class Connection(sqlite3.Connection):
    """One to which there are weak references."""


def test_address_of_what_was_returned_is_remembered_and_goes_with_it() -> None:
    addresses, address = Addresses(), Address(path="notes.db")
    connection = sqlite3.connect(":memory:", factory=Connection)
    addresses.remember(connection, address)
    cursor = connection.cursor()

    assert leads(Made(receiver=cursor), addresses, maker=["self.connection"]) == address
    assert leads(Made(receiver=connection), addresses, maker=["self"]) == address
    connection.close()
    gone = weakref.ref(connection)
    del connection, cursor
    gc.collect()
    assert gone() is None


def test_what_was_not_remembered_leads_nowhere() -> None:
    addresses = Addresses()
    with sqlite3.connect(":memory:") as plain:
        addresses.remember(plain, Address(path="notes.db"))  # there are no weak references to it
        assert leads(Made(receiver=plain), addresses, maker=["self"]) is None
    plain.close()
    assert leads(Made(receiver=Thing()), addresses, maker=["self"]) is None
    assert leads(Made(), addresses, maker=["self"]) is None


# --- what is not called


PARTS = ("address", "url", "host", "path", "program", "maker")


@pytest.mark.parametrize(
    "path", ["self", "self.timeout", "self.host", "self.other", "self.1", "0", "0.1", "0.x()", "x"]
)
def test_of_the_users_objects_nothing_is_called(path: str) -> None:
    touchy = Touchy()
    call = Made((touchy,), {"x": touchy}, touchy)

    assert limited(call, path, own=2.0) == Limit("", 2.0)
    for part in PARTS:
        assert leads(call, **{part: [path]}) is None
    assert touchy.called == []


def test_texts_of_the_users_classes_are_read_without_their_methods() -> None:
    def never(*args: Any) -> Any:
        raise AssertionError("called")

    methods = dict.fromkeys(("__str__", "lower", "decode", "startswith", "split", "partition", "__bytes__"), never)
    for kind, value in ((str, "http://bank:1/"), (bytes, b"http://bank:1/")):
        made: Any = type("Own", (kind,), methods)(value)
        assert leads(Made((made,)), url=["0"]) == Address("bank", 1)
    items: Any = type("Own", (list,), {"__getitem__": never, "__iter__": never, "__len__": never})(["git"])
    assert leads(Made((items,)), program=["0"]) == Address(program="git")
    values: Any = type("Own", (dict,), {"__getitem__": never, "get": never})(host="bank")
    assert leads(Made((values,)), host=["0.host"]) == Address("bank")
    port: Any = type("Own", (int,), {"__int__": never, "__eq__": never, "__hash__": int.__hash__})(9)
    assert leads(Made((("bank", port),)), address=["0"]) == Address("bank", 9)
    path: Any = type("Own", (type(Path()),), {"__str__": never, "__fspath__": never})("notes")
    assert leads(Made((path,)), path=["0"]) is None


def test_mocks_are_not_called() -> None:
    double = mock.Mock()

    assert leads(Made(receiver=double), address=["self.getpeername()"]) is None
    assert limited(Made(receiver=double), "self.timeout", "self.gettimeout()") == Limit("", None)
    assert double.mock_calls == []


@pytest.mark.parametrize("fails", [LookupError, OSError, RecursionError])
def test_call_that_cannot_be_read_tells_nothing(fails: type[Exception]) -> None:
    class Broken(Made):
        def told(self) -> Any:
            raise fails

    class Closed:
        def getpeername(self) -> Any:
            raise fails

    assert limited(Broken(), "timeout") is None
    assert leads(Broken(), path=["0"]) is None
    assert leads(Made(("notes",), receiver=Closed()), address=["self.getpeername()"], path=["0"]) == Address(
        path="notes"
    )
