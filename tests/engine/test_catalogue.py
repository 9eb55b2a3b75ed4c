"""The catalogue: entries are read when asked for, wrong ones are refused, and what the shipped ones say holds."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import smtplib
import socket
import sqlite3
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from pytest_chaos import DiskFull, format_rule, parse
from pytest_chaos.catalogue import catalogue as room
from pytest_chaos.catalogue.boundary import Boundary, Dependency
from pytest_chaos.catalogue.catalogue import Catalogue
from pytest_chaos.catalogue.reader import read_index, read_library
from pytest_chaos.catalogue.reading import Address, Addresses, dependency_of, limit_of, mode_of
from pytest_chaos.catalogue.releases import holds_for, installed_release
from pytest_chaos.errors import SpecificationError
from pytest_chaos.faults.base import Fault, FaultyCall, Limit
from pytest_chaos.faults.raising import Raise
from pytest_chaos.injector.adapters.registry import Adapters
from pytest_chaos.injector.call import RealCall
from pytest_chaos.notation import parse_target
from pytest_chaos.scenario import Rule, Term
from pytest_chaos.target import resolve
from pytest_chaos.triggers import ALWAYS, Trigger

SHIPPED = Catalogue()
FILES = Path(room.__file__).parent / "libraries"
BOUNDARIES = [boundary for name in SHIPPED.libraries for boundary in SHIPPED.library(name).boundaries]


# --- the shipped entries


def test_libraries_are_those_that_have_a_file() -> None:
    assert sorted(SHIPPED.libraries) == sorted(path.stem for path in FILES.iterdir())
    assert {"socket", "sqlite3", "open", "subprocess", "urllib", "requests", "httpx", "redis"} <= set(SHIPPED.libraries)


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=lambda one: one.target)
def test_every_boundary_is_written_in_rule_texts(boundary: Boundary) -> None:
    """Where its library is there, so are its errors; and what it offers acts there."""
    pytest.importorskip(boundary.module)  # an extra that tests may lack
    (point,) = resolve(parse_target(boundary.target))
    for text in (*boundary.faults, *boundary.late, *boundary.creating, *boundary.refusals):
        (rule,) = parse(f"{boundary.target} = {text}")
        assert format_rule(rule) == f"{boundary.target} = {text}"
        fault = rule.chain[0].fault
        assert not fault.refusal(point.kind)
        if isinstance(fault, DiskFull):
            continue
        assert isinstance(fault, Raise)
        error, other = fault.error("bank:pay, call 1"), fault.error("bank:pay, call 2")
        assert type(error) is type(other) is fault.exc and error is not other
        assert str(error) and repr(error)
    assert SHIPPED.at(boundary.target) is boundary


@pytest.mark.parametrize("name", SHIPPED.libraries)
def test_every_entry_holds_for_the_release_that_is_tested_here(name: str) -> None:
    """One that is passed over would not be looked at by any other test."""
    text = (FILES / f"{name}.toml").read_text(encoding="utf-8")
    modules = read_index((FILES.parent / "libraries.toml").read_text(encoding="utf-8"), "")[name]
    whole = read_library(name, text, name, modules, SHIPPED.libraries)

    assert whole.boundaries == SHIPPED.library(name).boundaries


def test_no_library_is_beneath_itself() -> None:
    assert [name for name in SHIPPED.libraries if name in SHIPPED.beneath(name)] == []


def test_what_stands_beneath_what_is_beneath_counts_too() -> None:
    assert SHIPPED.beneath("requests") == {"urllib3", "http", "socket", "ssl", "dns", "open"}
    assert SHIPPED.beneath("dns") == frozenset()


# --- where limit and dependency are read, looked at in real calls


class NotMade(ConnectionError):
    """The call was looked at, and goes no further."""


@dataclass(frozen=True)
class Seen:
    """A call as a fault sees it, handed to what reads calls."""

    call: FaultyCall

    @property
    def receiver(self) -> Any:
        return self.call.receiver

    def told(self) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        return self.call.arguments()


@dataclass(frozen=True)
class LookedAt(Fault):
    """Reads what an entry says of a call, and ends the call."""

    boundary: Boundary
    addresses: Addresses
    seen: list[tuple[Limit | None, str | None]] = field(compare=False)

    def act(self, call: FaultyCall) -> Any:
        address = dependency_of(self.boundary, Seen(call), self.addresses)
        self.seen.append((limit_of(self.boundary, Seen(call)), address.text if address is not None else None))
        raise NotMade


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """Where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


@pytest.fixture
def addresses() -> Addresses:
    """Where those lead that boundaries have returned."""
    return Addresses()


@pytest.fixture
def look(lab: Any, addresses: Addresses) -> Callable[..., tuple[Any, str | None]]:
    """Return limit and dependency of the one call of a boundary that a body makes.

    Of the limit the seconds; ``None`` if it waits for ever, and ``"never waits"`` where it needs none.
    """

    def looked(target: str, body: Callable[[], Any], trigger: Trigger = ALWAYS) -> tuple[Any, str | None]:
        boundary = SHIPPED.at(target)
        assert boundary is not None
        fault = LookedAt(boundary, addresses, [])
        with lab.window(Rule(parse_target(target), (Term(fault, trigger),))), pytest.raises(NotMade):
            body()
        ((limit, dependency),) = fault.seen
        return "never waits" if limit is None else limit.seconds, dependency

    return looked


def test_limit_and_address_of_a_new_connection_are_read(look: Any, address: Any) -> None:
    target, text = "socket:create_connection", f"127.0.0.1:{address[1]}"

    assert look(target, lambda: socket.create_connection(address, timeout=2.0)) == (2.0, text)
    assert look(target, lambda: socket.create_connection(address, None)) == (None, text)
    assert look(target, lambda: socket.create_connection(address)) == (None, text)


def test_default_of_the_process_limits_a_connection_that_is_told_nothing(
    look: Any, address: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getdefaulttimeout", lambda: 3.0)

    assert look("socket:create_connection", lambda: socket.create_connection(address))[0] == 3.0
    assert look("urllib.request:urlopen", lambda: urllib.request.urlopen("http://bank/"))[0] == 3.0
    pages, mail = http.client.HTTPConnection("bank"), smtplib.SMTP()
    assert look("http.client:HTTPConnection.request", lambda: pages.request("GET", "/"))[0] == 3.0
    assert look("http.client:HTTPConnection.getresponse", pages.getresponse)[0] == 3.0
    assert look("smtplib:SMTP.connect", lambda: mail.connect("bank"))[0] == 3.0
    assert look("smtplib:SMTP.sendmail", lambda: mail.sendmail("a", "b", "c"))[0] == 3.0


@pytest.mark.parametrize("limit", [4.0, None, 0.0])
def test_limit_and_peer_of_a_socket_are_read(look: Any, address: Any, limit: float | None) -> None:
    text = f"127.0.0.1:{address[1]}"
    with socket.socket() as one, socket.create_connection(address) as other:
        one.settimeout(limit)
        other.settimeout(limit)
        assert look("socket:socket.connect", lambda: one.connect(address)) == (limit, text)
        assert look("socket:socket.recv", lambda: other.recv(1)) == (limit, text)
        assert look("socket:socket.sendall", lambda: other.sendall(b"x")) == (limit, text)


class Connection(sqlite3.Connection):
    """One to which there are weak references."""


USES_OF_A_CONNECTION: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("sqlite3:Cursor.execute", lambda connection: connection.cursor().execute("select 1")),
    ("sqlite3:Cursor.executemany", lambda connection: connection.cursor().executemany("insert", [])),
    ("sqlite3:Cursor.executescript", lambda connection: connection.cursor().executescript("")),
    ("sqlite3:Connection.commit", lambda connection: connection.commit()),
)


def test_database_is_read_and_its_connection_stands_for_it(look: Any, addresses: Addresses) -> None:
    assert look("sqlite3:connect", lambda: sqlite3.connect(":memory:")) == ("never waits", ":memory:")
    assert look("sqlite3:connect", lambda: sqlite3.connect(database="notes.db")) == ("never waits", "notes.db")

    def body(use: Callable[[Any], Any]) -> Any:
        with contextlib.closing(sqlite3.connect(":memory:", factory=Connection)) as connection:
            addresses.remember(connection, Address(path="notes.db"))
            use(connection)

    for target, use in USES_OF_A_CONNECTION:
        assert look(target, lambda use=use: body(use)) == ("never waits", "notes.db")


def test_connections_and_cursors_go_where_connect_was_called_for(
    look: Any, lab: Any, addresses: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever makes the connection, outside of any window; and wherever the process works by then."""
    laboratory = replace(lab.laboratory, catalogue=SHIPPED, addresses=addresses)
    monkeypatch.chdir(tmp_path)
    adapters = Adapters(laboratory.armory.aliases, laboratory.provenance, laboratory.was_made)
    adapters.prepare(parse("sqlite3:Cursor.execute = null"))
    try:
        one, other = sqlite3.connect("notes.db"), sqlite3.connect(":memory:", factory=Connection)
    finally:
        adapters.close()
    monkeypatch.chdir("/")
    with contextlib.closing(one), contextlib.closing(other):
        for connection, name in ((one, str(tmp_path / "notes.db")), (other, ":memory:")):
            for target, use in USES_OF_A_CONNECTION:
                assert look(target, lambda use=use, made=connection: use(made)) == ("never waits", name)
            assert look("sqlite3:Connection.commit", lambda made=connection: made.__exit__(None, None, None))[1] == name
            assert look("sqlite3:Cursor.execute", lambda made=connection: made.execute("select 1"))[1] == name


def test_only_what_others_of_a_library_go_through_is_remembered(lab: Any, addresses: Addresses, tmp_path: Path) -> None:
    """Which file is open is told by the call that opens it, and the calls of a file are no boundaries."""
    laboratory = replace(lab.laboratory, catalogue=SHIPPED, addresses=addresses)
    adapters = Adapters(laboratory.armory.aliases, laboratory.provenance, laboratory.was_made)
    adapters.prepare(parse("io:TextIOWrapper.write = null"))
    with contextlib.closing(adapters), open(tmp_path / "notes", "w") as file:
        assert addresses.of(file) is None
    assert SHIPPED.maker("sqlite3:connect") is SHIPPED.at("sqlite3:connect")
    assert SHIPPED.maker("builtins:open") is None
    assert SHIPPED.maker("psycopg2:connect") is None


def test_path_of_a_file_is_read(look: Any, tmp_path: Path) -> None:
    path = tmp_path / "notes"

    assert look("builtins:open", lambda: open(path).close()) == ("never waits", str(path))
    assert look("builtins:open", lambda: open(file=str(path)).close()) == ("never waits", str(path))
    assert look("builtins:open", lambda: open(0, closefd=False).close()) == ("never waits", None)


@pytest.mark.parametrize(
    ("args", "named", "expected"),
    [
        ((), {}, "r"),
        (("rb",), {}, "rb"),
        ((), {"mode": "x"}, "x"),
        (("a+",), {"encoding": "utf-8"}, "a+"),
        ((3,), {}, ""),
    ],
)
def test_mode_in_which_a_file_is_opened_is_read(args: Any, named: Any, expected: str) -> None:
    boundary = SHIPPED.at("builtins:open")
    assert boundary is not None
    assert mode_of(boundary, RealCall(open, ("notes", *args), named)) == expected


def test_what_opens_no_file_has_no_mode() -> None:
    boundary = SHIPPED.at("sqlite3:connect")
    assert boundary is not None
    assert mode_of(boundary, RealCall(sqlite3.connect, ("notes", "w"), {})) == ""


@pytest.mark.parametrize(
    ("named", "expected"), [({}, ""), ({"check": False}, ""), ({"check": True}, "checked"), ({"check": 1}, "checked")]
)
def test_whether_the_end_of_a_child_is_checked_is_read(named: Any, expected: str) -> None:
    boundary = SHIPPED.at("subprocess:run")
    assert boundary is not None
    assert mode_of(boundary, RealCall(subprocess.run, (["true"],), named)) == expected


def test_limit_and_program_of_a_child_are_read(look: Any) -> None:
    assert look("subprocess:run", lambda: subprocess.run(["/bin/true"], timeout=5)) == (5, "true")
    assert look("subprocess:run", lambda: subprocess.run(args="true")) == (None, "true")
    assert look("subprocess:Popen", lambda: subprocess.Popen(["true"])) == ("never waits", "true")
    assert look("subprocess:Popen", lambda: subprocess.Popen(args=["true"])) == ("never waits", "true")


def test_limit_and_url_of_urlopen_are_read(look: Any) -> None:
    target, url = "urllib.request:urlopen", "http://bank/"

    assert look(target, lambda: urllib.request.urlopen(url, timeout=6)) == (6, "bank")
    assert look(target, lambda: urllib.request.urlopen(urllib.request.Request(url))) == (None, "bank")


def test_limit_and_url_of_requests_are_read(look: Any) -> None:
    requests = pytest.importorskip("requests")  # an extra that tests may lack
    target, url = "requests.sessions:Session.request", "http://me:secret@bank:8080/"

    assert look(target, lambda: requests.get(url, timeout=(1, 7))) == (7, "bank:8080")
    assert look(target, lambda: requests.Session().put(url)) == (None, "bank:8080")


@pytest.mark.parametrize(
    ("client", "call", "limit"), [({}, {}, 5.0), ({"timeout": 8}, {}, 8), ({}, {"timeout": None}, None)]
)
def test_limit_and_url_of_httpx_are_read(look: Any, client: Any, call: Any, limit: Any) -> None:
    httpx = pytest.importorskip("httpx")  # an extra that tests may lack

    def sync() -> Any:
        with httpx.Client(**client) as made:
            return made.get("https://bank:8443/", **call)

    async def soon() -> Any:
        async with httpx.AsyncClient(**client) as made:
            return await made.get("https://bank/", **call)

    assert look("httpx:Client.send", sync) == (limit, "bank:8443")
    assert look("httpx:AsyncClient.send", lambda: asyncio.run(soon())) == (limit, "bank")


@pytest.mark.parametrize(
    ("url", "options", "dependency"),
    [
        ("redis://bank:1", {"socket_timeout": 9}, "bank:1"),
        ("redis://bank", {"socket_timeout": None}, "bank:6379"),
        ("unix:///bank", {}, "/bank"),
    ],
)
def test_limit_and_server_of_redis_are_read(look: Any, url: str, options: Any, dependency: Any) -> None:
    """What nobody says is the release's own."""
    redis, soon = pytest.importorskip("redis"), pytest.importorskip("redis.asyncio")  # an extra that tests may lack
    limit = options.get("socket_timeout", getattr(redis.connection, "DEFAULT_SOCKET_TIMEOUT", None))

    async def body() -> Any:
        async with soon.Redis.from_url(url, **options) as made:
            return await made.get("x")

    for target, make in (
        ("redis.client:Redis.execute_command", lambda: redis.Redis.from_url(url, **options).get("x")),
        ("redis.asyncio.client:Redis.execute_command", lambda: asyncio.run(body())),
    ):
        assert look(target, make) == (limit, dependency)


def test_client_of_redis_says_where_it_goes(look: Any) -> None:
    """And so do its pipelines."""
    redis, soon = pytest.importorskip("redis"), pytest.importorskip("redis.asyncio")  # an extra that tests may lack
    client = redis.Redis("bank", 1, socket_timeout=2)

    async def body() -> Any:
        async with soon.Redis(host="bank", port=1, socket_timeout=2) as made:
            return await made.pipeline().ping().execute()

    assert look("redis.client:Redis.execute_command", client.ping) == (2, "bank:1")
    assert look("redis.client:Pipeline.execute", client.pipeline().ping().execute) == (2, "bank:1")
    assert look("redis.asyncio.client:Pipeline.execute", lambda: asyncio.run(body())) == (2, "bank:1")


def test_stream_of_bytes_and_datagrams_say_where_they_go(look: Any, address: Any) -> None:
    text, buffer = f"127.0.0.1:{address[1]}", bytearray(1)
    with socket.create_connection(address, timeout=4.0) as one, socket.socket(type=socket.SOCK_DGRAM) as other:
        assert look("socket:socket.recv_into", lambda: one.recv_into(buffer)) == (4.0, text)
        assert look("socket:socket.recv_into", lambda: one.makefile("rb").readline()) == (4.0, text)
        assert look("socket:socket.send", lambda: one.send(b"x")) == (4.0, text)
        assert look("socket:socket.sendto", lambda: other.sendto(b"x", address)) == ("never waits", text)
        assert look("socket:socket.sendto", lambda: other.sendto(b"x", 0, address)) == ("never waits", text)
        assert look("socket:socket.recvfrom", lambda: other.recvfrom(1)) == (None, None)
        other.connect(address)
        other.settimeout(4.0)
        assert look("socket:socket.recvfrom", lambda: other.recvfrom(1)) == (4.0, text)


def test_name_that_is_asked_for_is_read(look: Any) -> None:
    assert look("socket:getaddrinfo", lambda: socket.getaddrinfo("Bank", 8080)) == ("never waits", "bank:8080")
    assert look("socket:gethostbyname", lambda: socket.gethostbyname("Bank")) == ("never waits", "bank")


def test_limit_and_peer_of_a_socket_with_tls_are_read(look: Any, address: Any) -> None:
    text, context = f"127.0.0.1:{address[1]}", ssl.create_default_context()
    with socket.create_connection(address, timeout=4.0) as plain:
        with context.wrap_socket(plain, server_hostname="bank", do_handshake_on_connect=False) as secure:
            for target, body in {
                "ssl:SSLSocket.do_handshake": secure.do_handshake,
                "ssl:SSLSocket.recv": lambda: secure.recv(1),
                "ssl:SSLSocket.recv_into": lambda: secure.recv_into(bytearray(1)),
                "ssl:SSLSocket.send": lambda: secure.send(b"x"),
                "ssl:SSLSocket.sendall": lambda: secure.sendall(b"x"),
            }.items():
                assert look(target, body) == (4.0, text)


def test_limit_and_program_of_a_child_that_runs_are_read(look: Any) -> None:
    with subprocess.Popen(["/bin/true"]) as child:
        assert look("subprocess:Popen.wait", lambda: child.wait(2)) == (2, "true")
        assert look("subprocess:Popen.wait", lambda: child.wait()) == (None, "true")
        assert look("subprocess:Popen.communicate", lambda: child.communicate(timeout=3)) == (3, "true")


def test_limit_and_server_of_http_are_read(look: Any, address: Any) -> None:
    request, answer = "http.client:HTTPConnection.request", "http.client:HTTPConnection.getresponse"
    one, other = http.client.HTTPConnection("Bank", 8080, timeout=3), http.client.HTTPSConnection("[::1]")

    assert look(request, lambda: one.request("GET", "/")) == (3, "bank:8080")
    assert look(answer, one.getresponse) == (3, "bank:8080")
    assert look(request, lambda: other.request("GET", "/")) == (None, "::1".join("[]"))
    with socket.create_connection(address, timeout=4.0) as peer, http.client.HTTPResponse(peer) as response:
        read = look("http.client:HTTPResponse.read", response.read)
    assert read == (4.0, f"127.0.0.1:{address[1]}")


@pytest.mark.parametrize(
    ("host", "port", "expected"), [("Bank", 0, "bank:25"), ("bank:2525", 0, "bank:2525"), ("bank", 587, "bank:587")]
)
def test_limit_and_server_of_mail_are_read(look: Any, host: str, port: int, expected: str) -> None:
    assert look("smtplib:SMTP.connect", lambda: smtplib.SMTP(host, port, timeout=5)) == (5, expected)
    assert look("smtplib:SMTP.connect", lambda: smtplib.SMTP(host, port)) == (None, expected)


MAILS: dict[str, Callable[[smtplib.SMTP], Any]] = {
    "SMTP.sendmail": lambda server: server.sendmail("a", "b", "c"),
    "SMTP.send_message": lambda server: server.send_message(EmailMessage(), "a", "b"),
    "SMTP.docmd": lambda server: server.quit(),
    "SMTP.ehlo": lambda server: server.ehlo(),
    "SMTP.helo": lambda server: server.helo(),
}


@pytest.mark.parametrize("name", MAILS)
def test_mail_goes_where_its_server_was_met(
    look: Any, address: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(smtplib.SMTP, "getreply", lambda self: (220, b""))
    target, send = f"smtplib:{name}", MAILS[name]
    with contextlib.closing(smtplib.SMTP("localhost", address[1], timeout=5)) as named:
        assert look(target, lambda: send(named)) == (5, f"localhost:{address[1]}")
    with contextlib.closing(smtplib.SMTP()) as later:
        later.connect(*address)
        assert look(target, lambda: send(later)) == (None, f"127.0.0.1:{address[1]}")


def test_mail_over_tls_goes_to_a_port_of_its_own(look: Any) -> None:
    assert look("smtplib:SMTP.connect", lambda: smtplib.SMTP_SSL("bank")) == (None, "bank:465")


STREAMS: dict[str, Callable[[Any, Any], Any]] = {
    "StreamReader.read": lambda reader, writer: reader.read(1),
    "StreamReader.readline": lambda reader, writer: reader.readline(),
    "StreamReader.readuntil": lambda reader, writer: reader.readuntil(),
    "StreamReader.readexactly": lambda reader, writer: reader.readexactly(1),
    "StreamWriter.drain": lambda reader, writer: writer.drain(),
}


def nameless(side: int) -> ssl.SSLContext:
    """Return the context of one side of a connection with TLS on which nobody shows a certificate."""
    context = ssl.SSLContext(side)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AECDH:@SECLEVEL=0")
    return context


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("name", STREAMS)
def test_streams_have_no_limit_and_know_their_peer(look: Any, name: str, secure: bool) -> None:
    ports: list[int] = []

    async def within() -> Any:
        own, peers = (nameless(side) if secure else None for side in (ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER))
        loop = asyncio.get_running_loop()
        async with await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=peers) as server:
            ports.append(server.sockets[0].getsockname()[1])
            reader, writer = await asyncio.open_connection("127.0.0.1", ports[0], ssl=own)
            try:
                await STREAMS[name](reader, writer)
            finally:
                writer.close()
                await writer.wait_closed()

    made = look(f"asyncio.streams:{name}", lambda: asyncio.run(within()))
    assert made == (None, f"127.0.0.1:{ports[0]}")


def test_connection_of_streams_has_no_limit(look: Any) -> None:
    connect = "asyncio.streams:open_connection"

    assert look(connect, lambda: asyncio.run(asyncio.open_connection("Bank", 8080))) == (None, "bank:8080")


def test_child_of_a_loop_has_no_limit_and_knows_its_program(look: Any) -> None:
    async def run(use: Callable[[Any], Any]) -> Any:
        child = await asyncio.create_subprocess_exec("/bin/true")
        try:
            await use(child)
        finally:
            await child.wait()

    start = "asyncio.subprocess:create_subprocess_exec"
    assert look(start, lambda: asyncio.run(run(lambda child: child.wait()))) == ("never waits", "true")
    communicate = "asyncio.subprocess:Process.communicate"
    assert look(communicate, lambda: asyncio.run(run(lambda child: child.communicate()))) == (None, "true")

    async def wait() -> Any:
        child = await asyncio.create_subprocess_exec("/bin/true")
        try:
            await child.wait()
        finally:
            await child.wait()

    assert look("asyncio.subprocess:Process.wait", lambda: asyncio.run(wait()), Trigger(times=1)) == (None, "true")


def test_limit_and_server_of_urllib3_are_read(look: Any) -> None:
    urllib3 = pytest.importorskip("urllib3")  # an extra that tests may lack
    target, url = "urllib3.connectionpool:HTTPConnectionPool.urlopen", "https://Bank:8443/"

    for options, call, limit in (
        ({}, {}, None),
        ({"timeout": 3}, {}, 3),
        ({"timeout": 3}, {"timeout": 4.0}, 4.0),
        ({"timeout": 3}, {"timeout": None}, None),
        ({"timeout": urllib3.Timeout(connect=1, read=2)}, {}, 2),
        ({"timeout": urllib3.Timeout(total=6)}, {}, 6),
    ):
        with urllib3.PoolManager(**options) as pool:
            made = look(target, lambda pool=pool, call=call: pool.request("GET", url, **call))
        assert made == (limit, "bank:8443")


def test_limit_and_server_of_aiohttp_are_read(look: Any) -> None:
    aiohttp = pytest.importorskip("aiohttp")  # an extra that tests may lack
    yarl = pytest.importorskip("yarl")  # which it brings
    target, told = "aiohttp.client:ClientSession._request", aiohttp.ClientTimeout

    async def get(options: Any, url: Any, call: Any) -> Any:
        async with aiohttp.ClientSession(**options) as session:
            return await session.get(url, **call)

    for options, url, call, expected in (
        ({}, "https://Bank/accounts?key=secret", {}, (300, "bank")),
        ({}, yarl.URL("http://me:secret@bank:8080/"), {}, (300, "bank:8080")),
        ({"base_url": "http://bank:8080"}, "/accounts", {}, (300, "bank:8080")),
        ({"base_url": "http://bank:8080"}, yarl.URL("/accounts"), {}, (300, "bank:8080")),
        ({"timeout": told(total=None)}, "http://bank/", {}, (None, "bank")),
        ({"timeout": told(total=9)}, "http://bank/", {}, (9, "bank")),
        ({}, "http://bank/", {"timeout": told(total=None, sock_read=4)}, (4, "bank")),
    ):
        made = look(target, lambda options=options, url=url, call=call: asyncio.run(get(options, url, call)))
        assert made == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite://", ("never waits", "sqlite")),
        ("sqlite:///notes.db", ("never waits", "notes.db")),
        ("bank://me:secret@Bank:5432/accounts", (None, "bank:5432")),
        ("bank:///accounts", (None, "accounts")),
    ],
)
def test_database_of_sqlalchemy_is_read(
    look: Any, url: str, expected: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is a file answers; of all others nobody knows."""
    monkeypatch.chdir(tmp_path)
    engine = engine_of(url)
    path, limit = "sqlalchemy.engine.base", expected[0] if expected[0] else engine.pool._timeout
    try:
        assert look(f"{path}:Engine.raw_connection", engine.connect) == (limit, expected[1])
        with engine.connect() as connection:
            for target, use in (
                ("Connection._execute_context", lambda begun: connection.exec_driver_sql("select 1")),
                ("Connection._commit_impl", lambda begun: begun.commit()),
            ):
                with contextlib.closing(connection.begin()) as begun:
                    assert look(f"{path}:{target}", lambda use=use, begun=begun: use(begun)) == expected
    finally:
        engine.dispose()


def engine_of(url: str) -> Any:
    """Return an engine; that of a bank is a database in memory that says that it is somewhere else."""
    sqlalchemy = pytest.importorskip("sqlalchemy")  # an extra that tests may lack
    pysqlite = pytest.importorskip("sqlalchemy.dialects.sqlite.pysqlite").SQLiteDialect_pysqlite
    if not url.startswith("bank:"):
        return sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.QueuePool)

    class Bank(pysqlite):
        name = "bank"
        supports_statement_cache = True

        def create_connect_args(self, url: Any) -> Any:
            return [":memory:"], {"check_same_thread": False}

    sqlalchemy.dialects.registry.impls["bank"] = lambda: Bank
    return sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.QueuePool)


def test_error_of_sqlalchemy_carries_that_of_its_driver(lab: Any) -> None:
    """As it does when the library makes it: code asks ``orig`` for what only the driver knows."""
    sqlalchemy = pytest.importorskip("sqlalchemy")  # an extra that tests may lack
    connect, execute, _ = SHIPPED.library("sqlalchemy").boundaries
    engine = sqlalchemy.create_engine("sqlite://")

    for boundary in (connect, execute):
        with lab.window(*parse(f"{boundary.target} = {boundary.faults[0]}")):
            with pytest.raises(sqlalchemy.exc.OperationalError) as caught, engine.connect() as connection:
                connection.execute(sqlalchemy.text("select 1"))
        (said,) = caught.value.orig.args
        assert type(caught.value.orig) is sqlite3.OperationalError
        assert caught.value.__cause__ is caught.value.orig
        assert f"(sqlite3.OperationalError) {said}" in str(caught.value)
        assert caught.value.statement == (None if boundary is connect else "the statement")
    engine.dispose()


def test_error_of_django_is_caused_by_that_of_its_driver(lab: Any, bank: Any) -> None:
    from django.db.utils import OperationalError

    bank.ensure_connection()
    cursor = bank.cursor()
    uses = (bank.connect, lambda: cursor.execute("select 1"), lambda: cursor.executemany("insert", []), bank.commit)
    for boundary, use in zip(SHIPPED.library("django").boundaries, uses, strict=True):
        with lab.window(*parse(f"{boundary.target} = {boundary.faults[0]}")):
            with pytest.raises(OperationalError) as caught:
                use()
        assert type(caught.value.__cause__) is sqlite3.OperationalError
        assert caught.value.__cause__.args == caught.value.args
    cursor.close()


def test_error_without_a_driver_stays_as_it_is(lab: Any) -> None:
    """Raised by a function that is no method of an engine."""
    exc = pytest.importorskip("sqlalchemy.exc")  # an extra that tests may lack
    shop = lab.module("shop", "def sale(): return 1")

    with lab.window(*parse("shop:sale = raise(sqlalchemy.exc:OperationalError, 'the statement', None, 'lost')")):
        with pytest.raises(exc.OperationalError) as caught:
            shop.sale()
    assert caught.value.orig == "lost"
    assert caught.value.__cause__ is None


EXECUTE, COMMIT = (f"sqlalchemy.engine.base:Connection.{name}" for name in ("_execute_context", "_commit_impl"))


def test_sessions_go_through_the_functions_of_connections(look: Any) -> None:
    orm = pytest.importorskip("sqlalchemy.orm")  # an extra that tests may lack
    text = pytest.importorskip("sqlalchemy").text

    def within(use: Callable[[Any], Any]) -> Any:
        engine = engine_of("bank://bank/")
        try:
            with orm.Session(engine) as session:
                return use(session)
        finally:
            engine.dispose()

    for use in (lambda made: made.execute(text("select 1")), lambda made: made.scalar(text("select 1"))):
        assert look(EXECUTE, lambda use=use: within(use)) == (None, "bank")
    assert look(COMMIT, lambda: within(lambda made: (made.execute(text("select 1")), made.commit()))) == (None, "bank")


def test_asynchronous_engines_go_through_the_functions_of_connections(look: Any) -> None:
    for extra in ("aiosqlite", "greenlet", "sqlalchemy.ext.asyncio"):
        pytest.importorskip(extra)  # an extra that tests may lack
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    async def within() -> Any:
        engine = create_async_engine("sqlite+aiosqlite://")
        try:
            async with engine.begin() as connection:
                return await connection.execute(text("select 1"))
        finally:
            await engine.dispose()

    target = "sqlalchemy.engine.base:Engine.raw_connection"
    assert look(target, lambda: asyncio.run(within())) == ("never waits", "sqlite")
    assert look(EXECUTE, lambda: asyncio.run(within())) == ("never waits", "sqlite")
    assert look(COMMIT, lambda: asyncio.run(within())) == ("never waits", "sqlite")


def database_of_django(connect: Callable[[], Any] | None = None) -> Any:
    """Return a database of Django in memory, or one that is connected to in another way."""
    django = pytest.importorskip("django")  # an extra that tests may lack
    from django.conf import settings
    from django.db.backends.sqlite3.base import DatabaseWrapper

    if not settings.configured:
        settings.configure()
        django.setup()

    class Database(DatabaseWrapper):
        def get_new_connection(self, conn_params: Any) -> Any:
            return super().get_new_connection(conn_params) if connect is None else connect()

    told = {"NAME": ":memory:", "HOST": "", "PORT": "", "USER": "me", "PASSWORD": "secret", "OPTIONS": {}}
    more = {"AUTOCOMMIT": True, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False, "TIME_ZONE": None}
    return Database({**told, **more, "ATOMIC_REQUESTS": False}, "bank")


@pytest.fixture
def bank() -> Iterator[Any]:
    """A database of Django, in memory."""
    database = database_of_django()
    yield database
    if database.connection is not None:
        database.connection.close()  # Django keeps one in memory


@pytest.mark.parametrize(
    ("changed", "vendor", "expected"),
    [
        ({}, "sqlite", ("never waits", ":memory:")),
        ({"NAME": Path("notes.db")}, "sqlite", ("never waits", "notes.db")),
        ({"NAME": "file:memorydb_default?mode=memory&cache=shared"}, "sqlite", ("never waits", ":memory:")),
        ({"NAME": "accounts", "HOST": "Bank", "PORT": "5432"}, "postgresql", (None, "bank:5432")),
        ({"NAME": "accounts", "HOST": "/run/bank"}, "postgresql", (None, "/run/bank")),
        ({"NAME": "accounts"}, "postgresql", (None, "accounts")),
    ],
)
def test_database_of_django_is_read(look: Any, bank: Any, changed: Any, vendor: str, expected: Any) -> None:
    bank.ensure_connection()
    cursor = bank.cursor()
    bank.settings_dict.update(changed)
    bank.vendor = vendor
    base, utils = "django.db.backends.base.base:BaseDatabaseWrapper", "django.db.backends.utils:CursorWrapper"

    for target, use in {
        f"{base}.connect": bank.connect,
        f"{base}.commit": bank.commit,
        f"{utils}.execute": lambda: cursor.execute("select 1"),
        f"{utils}.executemany": lambda: cursor.executemany("select ?", []),
    }.items():
        assert look(target, use) == expected
    cursor.close()


def nobody() -> tuple[str, int]:
    """Return where nobody listens."""
    return "127.0.0.1", 9


def fetches_a_file(folder: Path, port: int) -> Any:
    return urllib.request.urlopen(Path(__file__).as_uri())


def fetches(folder: Path, port: int) -> Any:
    return urllib.request.urlopen("http://127.0.0.1:9/")


def requests_with_a_password(folder: Path, port: int) -> Any:
    (folder / "netrc").write_text("machine 127.0.0.1 login me password secret", encoding="utf-8")
    return pytest.importorskip("requests").get("http://127.0.0.1:9/")  # an extra that tests may lack


def pools(folder: Path, port: int) -> Any:
    with pytest.importorskip("urllib3").PoolManager(retries=False) as pool:  # an extra that tests may lack
        return pool.request("GET", f"http://127.0.0.1:{port}/")


def gets(folder: Path, port: int) -> Any:
    return pytest.importorskip("httpx").get("http://127.0.0.1:9/", trust_env=False)  # an extra that tests may lack


def gets_in_secret(folder: Path, port: int) -> Any:
    httpx = pytest.importorskip("httpx")  # an extra that tests may lack
    return httpx.get(f"https://127.0.0.1:{port}/", trust_env=False, timeout=5)


def pings(folder: Path, port: int) -> Any:
    return pytest.importorskip("redis").Redis("127.0.0.1", 9, retry=None).ping()  # an extra that tests may lack


def pings_in_secret(folder: Path, port: int) -> Any:
    return pytest.importorskip("redis").Redis("127.0.0.1", port, retry=None, ssl=True).ping()


def pings_soon(folder: Path, port: int) -> Any:
    redis = pytest.importorskip("redis.asyncio")  # an extra that tests may lack

    async def body() -> Any:
        async with redis.Redis(host="127.0.0.1", port=9, retry=None) as made:
            return await made.ping()

    return asyncio.run(body())


def runs(folder: Path, port: int) -> Any:
    return subprocess.run([sys.executable, "-c", ""], stdout=subprocess.PIPE)


def runs_soon(folder: Path, port: int) -> Any:
    return asyncio.run(asyncio.create_subprocess_exec("/bin/true"))


def opens_soon(folder: Path, port: int) -> Any:
    return asyncio.run(asyncio.open_connection(*nobody()))


def gets_soon(folder: Path, port: int) -> Any:
    aiohttp = pytest.importorskip("aiohttp")  # an extra that tests may lack

    async def body() -> Any:
        async with aiohttp.ClientSession() as session, session.get("http://127.0.0.1:9/"):
            pass

    return asyncio.run(body())


def asks_for_a_page(folder: Path, port: int) -> Any:
    return http.client.HTTPConnection(*nobody()).request("GET", "/")


def asks_in_secret(folder: Path, port: int) -> Any:
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=5).request("GET", "/")


def mails(folder: Path, port: int) -> Any:
    return smtplib.SMTP(*nobody())


def mails_in_secret(folder: Path, port: int) -> Any:
    return smtplib.SMTP_SSL("127.0.0.1", port, timeout=5)


def connects(folder: Path, port: int) -> Any:
    return socket.create_connection(nobody())


def selects(folder: Path, port: int) -> Any:
    engine = engine_of("sqlite://")
    try:
        return engine.connect().close()
    finally:
        engine.dispose()


def selects_by_a_socket(folder: Path, port: int) -> Any:
    sqlalchemy = pytest.importorskip("sqlalchemy")  # an extra that tests may lack
    return sqlalchemy.create_engine("sqlite://", creator=lambda: socket.create_connection(nobody())).connect()


def asks_django(folder: Path, port: int) -> Any:
    database = database_of_django()
    try:
        return database.connect()
    finally:
        if database.connection is not None:
            database.connection.close()


def asks_django_by_a_socket(folder: Path, port: int) -> Any:
    return database_of_django(lambda: socket.create_connection(nobody())).connect()


BENEATH = {
    ("socket", "dns"): ("socket:getaddrinfo", connects),
    ("urllib", "open"): ("builtins:open", fetches_a_file),
    ("urllib", "http"): ("http.client:HTTPConnection.request", fetches),
    ("requests", "open"): ("builtins:open", requests_with_a_password),
    ("requests", "urllib3"): ("urllib3.connectionpool:HTTPConnectionPool.urlopen", requests_with_a_password),
    ("urllib3", "http"): ("http.client:HTTPConnection.getresponse", pools),
    ("http", "socket"): ("socket:create_connection", asks_for_a_page),
    ("http", "ssl"): ("ssl:SSLSocket.do_handshake", asks_in_secret),
    ("httpx", "socket"): ("socket:create_connection", gets),
    ("httpx", "ssl"): ("ssl:SSLSocket.do_handshake", gets_in_secret),
    ("redis", "socket"): ("socket:socket.connect", pings),
    ("redis", "ssl"): ("ssl:SSLSocket.do_handshake", pings_in_secret),
    ("redis", "asyncio"): ("asyncio.streams:open_connection", pings_soon),
    ("smtplib", "socket"): ("socket:create_connection", mails),
    ("smtplib", "ssl"): ("ssl:SSLSocket.do_handshake", mails_in_secret),
    ("asyncio", "socket"): ("socket:socket.connect", opens_soon),
    ("asyncio", "subprocess"): ("subprocess:Popen", runs_soon),
    ("aiohttp", "socket"): ("socket:socket.connect", gets_soon),
    ("sqlalchemy", "sqlite3"): ("sqlite3:connect", selects),
    ("sqlalchemy", "socket"): ("socket:create_connection", selects_by_a_socket),
    ("django", "sqlite3"): ("sqlite3:connect", asks_django),
    ("django", "socket"): ("socket:create_connection", asks_django_by_a_socket),
    ("subprocess", "open"): ("builtins:open", runs),
}


def test_what_stands_beneath_a_library_is_looked_at_below() -> None:
    assert set(BENEATH) == {(name, other) for name in SHIPPED.libraries for other in SHIPPED.library(name).beneath}


@pytest.mark.parametrize(("library", "beneath"), BENEATH)
def test_call_of_a_library_leads_to_what_stands_beneath_it(
    lab: Any, library: str, beneath: str, address: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, body = BENEATH[library, beneath]
    boundary = SHIPPED.at(target)
    assert boundary is not None and boundary.library == beneath
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    fault = LookedAt(boundary, Addresses(), [])
    with lab.window(Rule(parse_target(target), (Term(fault),))), contextlib.suppress(Exception):
        body(tmp_path, address[1])

    assert fault.seen != []


# --- what is looked up


HERE = """
    [[boundary]]
    target = "{module}:errors"
    aliases = ["{module}:mistakes"]
    faults = ["raise(ConnectionError)"]
    waits = true
"""


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Catalogue]:
    """Return a catalogue of files by library, in which ``{module}`` is this module."""

    def make(index: str, **files: str) -> Catalogue:
        (tmp_path / "libraries").mkdir()
        for path, text in {"libraries": index, **{f"libraries/{name}": files[name] for name in files}}.items():
            (tmp_path / f"{path}.toml").write_text(text.replace("{module}", __name__), encoding="utf-8")
        return Catalogue(tmp_path)

    return make


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "nowhere")

    with pytest.raises(SpecificationError, match=r"catalogue/libraries\.toml: cannot read the file: "):
        assert catalogue.libraries


def test_only_the_files_of_imported_libraries_are_read(made: Any) -> None:
    catalogue = made('here = ["{module}"]\nnowhere = ["no.such.module"]', here=HERE, nowhere="= broken =")

    assert [boundary.target for boundary in catalogue.imported()] == [f"{__name__}:errors"]
    assert catalogue.libraries == ("here", "nowhere")
    assert catalogue.at("another.module:f") is None
    with pytest.raises(SpecificationError, match=r"catalogue/libraries/nowhere\.toml: cannot read the file: "):
        catalogue.at("no.such.module:f")


def test_a_file_is_read_once(made: Any, tmp_path: Path) -> None:
    catalogue = made('here = ["{module}"]', here=HERE)
    found = catalogue.at(f"{__name__}:errors")
    (tmp_path / "libraries" / "here.toml").unlink()

    assert catalogue.at(f"{__name__}:errors") is found is catalogue.library("here").boundaries[0]


def test_only_what_is_imported_can_be_called(made: Any) -> None:
    """Of a library that is imported in part, too."""
    there = HERE + HERE.replace("{module}", "no.such.module")
    catalogue = made('here = ["{module}", "no.such.module"]', here=there)

    assert [boundary.module for boundary in catalogue.imported()] == [__name__]
    assert [boundary.module for boundary in catalogue.library("here").boundaries] == [__name__, "no.such.module"]


def test_an_alias_is_another_name_of_the_call_and_no_injection_point(made: Any) -> None:
    catalogue = made('here = ["{module}"]', here=HERE)
    found = catalogue.at(f"{__name__}:errors")

    assert found is catalogue.called(f"{__name__}:errors") is catalogue.called(f"{__name__}:mistakes")
    assert catalogue.at(f"{__name__}:mistakes") is None
    assert catalogue.called(f"{__name__}:other") is catalogue.called("") is None


def test_libraries_are_kept_in_the_order_of_the_list(made: Any) -> None:
    catalogue = made('z = ["sys"]\na = ["{module}"]', a=HERE, z=HERE.replace("{module}", "sys"))

    assert [boundary.library for boundary in catalogue.imported()] == ["z", "a"]
    assert [boundary.library for boundary in catalogue.imported(["a", "z"])] == ["z", "a"]
    assert [boundary.library for boundary in catalogue.imported(["a"])] == ["a"]


# --- releases


def test_entry_for_another_release_is_passed_over(made: Any) -> None:
    older, newer = HERE + 'releases = "<2"\n', HERE + 'releases = ">=2"\n'
    catalogue = made('here = ["{module}"]', here='distribution = "pytest"\n' + older + newer)

    assert [boundary.releases for boundary in catalogue.imported()] == [">=2"]
    assert catalogue.at(f"{__name__}:errors") is catalogue.library("here").boundaries[0]


def test_two_entries_for_one_release_are_refused(made: Any) -> None:
    catalogue = made('here = ["{module}"]', here=HERE + HERE)

    with pytest.raises(SpecificationError) as caught:
        catalogue.imported()
    assert str(caught.value) == f"catalogue/libraries/here.toml: '{__name__}:errors' is told twice for one release"


@pytest.mark.parametrize(("releases", "expected"), [("", True), (">=3.11", True), ("<3.11", False)])
def test_release_of_the_standard_library_is_that_of_python(releases: str, expected: bool) -> None:
    assert holds_for(releases, installed_release("")) is expected


def test_release_that_nobody_can_tell_is_taken_for_a_good_one() -> None:
    """A vendored copy, or a checkout."""
    assert installed_release("no-such-distribution") is None
    assert holds_for("<0", None)


def test_a_prerelease_counts_as_one() -> None:
    assert holds_for(">=3", Version("4.0.0rc1"))


# --- what is refused

GOOD = """
    distribution = "bank"
    beneath = ["socket"]

    [[boundary]]
    target = "bank:Client.pay"
    aliases = ["bank:pay"]
    releases = ">=3,<5"
    faults = ["raise(ConnectionError)", "raise(bank:Down, 'no answer')"]
    late = ["raise(bank:Slow)"]
    local."self.kind.name" = ["paper", "memory"]
    waits = true
    limit = ["timeout", "self.client.timeout", "bank.settings:default().seconds", "0.limits.1"]
    own_limit_s = 5
    in_pieces = true
    speaks_http = true
    dependency.host = ["self.host"]
    dependency.port = ["self.port"]
    dependency.own_port = 8443
"""
PLACE = "libraries/bank.toml"
ENTRY = f"{PLACE}, boundary bank:Client.pay, "


def read(text: str) -> Any:
    return read_library("bank", text, PLACE, ["bank", "bank.api"], ["socket", "bank"])


def test_entry_says_what_is_known_of_a_boundary() -> None:
    library = read(GOOD)

    assert (library.name, library.distribution, library.beneath) == ("bank", "bank", ("socket",))
    assert library.boundaries == (
        Boundary(
            library="bank",
            target="bank:Client.pay",
            faults=("raise(ConnectionError)", "raise(bank:Down, 'no answer')"),
            waits=True,
            late=("raise(bank:Slow)",),
            local=(("self.kind.name", ("paper", "memory")),),
            aliases=("bank:pay",),
            limit=("timeout", "self.client.timeout", "bank.settings:default().seconds", "0.limits.1"),
            own_limit_s=5.0,
            dependency=Dependency(host=("self.host",), port=("self.port",), own_port=8443),
            releases=">=3,<5",
            in_pieces=True,
            speaks_http=True,
        ),
    )


def test_call_with_a_limit_of_its_own_does_not_hang() -> None:
    """Unless it is told otherwise, which is another fact."""
    (bounded,) = read(GOOD).boundaries
    (unbounded,) = read(GOOD.replace("own_limit_s = 5", "")).boundaries

    assert (bounded.waits, bounded.hangs) == (True, False)
    assert (unbounded.waits, unbounded.hangs) == (True, True)


@pytest.mark.parametrize(
    ("good", "bad", "place", "message"),
    [
        ('distribution = "bank"', "distribution = 1", f"{PLACE}, distribution", "expected a text, got 1"),
        ('distribution = "bank"', 'distibution = "b"', f"{PLACE}, distibution", "Did you mean 'distribution'?"),
        ('["socket"]', '["sokket"]', f"{PLACE}, beneath", "'sokket' is not another library of the list"),
        ('["socket"]', '["sokket"]', f"{PLACE}, beneath", "Did you mean 'socket'?"),
        ('["socket"]', '["bank"]', f"{PLACE}, beneath", "'bank' is not another library of the list"),
        ("[[boundary]]", "[boundary]", f"{PLACE}, boundary", "expected a list of tables"),
        ("[[boundary]]", "[[boundry]]", f"{PLACE}, boundry", "Did you mean 'boundary'?"),
        ('target = "bank:Client.pay"', "", f"{PLACE}, boundary number 1, target", "the key 'target' is missing"),
        ("aliases =", "alias =", f"{ENTRY}alias", "Did you mean 'aliases' or 'waits'?"),
        ("waits = true", "", f"{ENTRY}waits", "the key 'waits' is missing"),
        ("speaks_http = true", "speaks_http = 'yes'", f"{ENTRY}speaks_http", "expected true or false, got 'yes'"),
        ("waits = true", "waits = 1", f"{ENTRY}waits", "expected true or false, got 1"),
        ("waits = true", "waits = false", f"{ENTRY}limit", "what cannot wait for ever needs no limit"),
        ('"self.kind.name"', '"self..name"', f"{ENTRY}local, self..name", "'self..name' is not a path to a value"),
        ('["paper", "memory"]', '"paper"', f"{ENTRY}local, self.kind.name", "expected a list of strings, got 'paper'"),
        ("faults = [", "fault = [", f"{ENTRY}fault", "Did you mean 'faults'?"),
        ('"raise(ConnectionError)", ', "1, ", f"{ENTRY}faults", "expected a list of strings"),
        ('["raise(bank:Slow)"]', '"raise(bank:Slow)"', f"{ENTRY}late", "expected a list of strings"),
        ('["raise(bank:Slow)"]', "[]", f"{ENTRY}late", "expected a list of strings, got []"),
        ("raise(bank:Slow)", "rise(bank:Slow)", f"{ENTRY}late", "Did you mean 'raise'?"),
        ("raise(bank:Slow)", "raise(TimeoutEror)", f"{ENTRY}late", "Did you mean 'TimeoutError'"),
        ("raise(bank:Slow)", "2*raise(bank:Slow)", f"{ENTRY}late", "expected a single fault"),
        ("raise(bank:Slow)", "hang; m:f = null", f"{ENTRY}late", "expected a single fault"),
        ("bank:pay", "bank:pay*", f"{ENTRY}aliases", "expected one exact target"),
        ("bank:pay", "bank.pay", f"{ENTRY}aliases", "expected one exact target"),
        ("bank:pay", "bank:pay()", f"{ENTRY}aliases", "cannot read the rule text at column 9"),
        ("bank:pay", "bank.apj:pay", f"{ENTRY}aliases", "'bank.apj' is not a module of this library"),
        ("bank:pay", "bank.apj:pay", f"{ENTRY}aliases", "Did you mean 'bank.api'"),
        ('"timeout", ', '"timeout.", ', f"{ENTRY}limit", "'timeout.' is not a path to a value"),
        ('"timeout", ', '"a:b:c", ', f"{ENTRY}limit", "'a:b:c' is not a path to a value"),
        ('limit = ["timeout", "self', 'limti = ["timeout", "self', f"{ENTRY}limti", "Did you mean 'limit'?"),
        ("own_limit_s = 5", "own_limit_s = true", f"{ENTRY}own_limit_s", "expected a number of seconds, got True"),
        ("own_limit_s = 5", "own_limit_s = 0", f"{ENTRY}own_limit_s", "expected a number of seconds, got 0"),
        ("own_limit_s = 5", "own_limit_s = inf", f"{ENTRY}own_limit_s", "expected a number of seconds, got inf"),
        ("own_limit_s = 5", "own_limit_s = '5'", f"{ENTRY}own_limit_s", "expected a number of seconds, got '5'"),
        (".host", ".hots", f"{ENTRY}dependency, hots", "unknown key 'hots'\n  Did you mean 'host'?"),
        ("dependency.host", "dependency.path", f"{ENTRY}dependency, port", "says nothing without the key 'host'"),
        (
            "dependency.own_port = 8443",
            "dependency.own_port = 0",
            f"{ENTRY}dependency, own_port",
            "expected a port, got 0",
        ),
        ("= 8443", "= ['x']", f"{ENTRY}dependency, own_port", "expected a port, got ['x']"),
        ('["self.port"]', '["self..port"]', f"{ENTRY}dependency, port", "'self..port' is not a path to a value"),
        ('">=3,<5"', '"3 to 5"', f"{ENTRY}releases", "'3 to 5' is not a range of releases"),
        ('">=3,<5"', "3", f"{ENTRY}releases", "expected a text, got 3"),
        ("[[boundary]]", "[[boundary", PLACE, "cannot read the file: "),
    ],
)
def test_entry_that_cannot_be_right_is_refused_with_file_and_key(good: str, bad: str, place: str, message: str) -> None:
    assert good in GOOD
    with pytest.raises(SpecificationError) as caught:
        read(GOOD.replace(good, bad, 1))

    assert caught.value.place == place
    assert message in str(caught.value)


@pytest.mark.parametrize("key", ["late", "own_limit_s"])
def test_what_depends_on_a_limit_is_refused_without_one(key: str) -> None:
    lines = [line for line in GOOD.splitlines() if not line.strip().startswith(("limit", "late", "own_limit_s"))]
    value = {"late": '["raise(bank:Slow)"]', "own_limit_s": "5"}[key]
    with pytest.raises(SpecificationError) as caught:
        read("\n".join([*lines, f"{key} = {value}"]))

    assert caught.value.place == f"{ENTRY}{key}"


@pytest.mark.parametrize(
    ("key", "lines", "message"),
    [
        ("faults", "waits = false", "what meets no errors and cannot wait for ever is no boundary"),
        ("mode", "waits = true\nmode = ['mode']", "the keys 'mode' and 'creating' say nothing without one another"),
        ("checks", "waits = true\nchecks = ['x']", "the keys 'checks' and 'refusals' say nothing without one another"),
        ("local", "waits = false\nfaults = ['hang']\nlocal.x = ['y']", "nothing of this waits for ever"),
        ("own_port", "waits = true\ndependency.own_port = 1", "a port says nothing without the key 'host'"),
    ],
)
def test_keys_that_say_nothing_together_are_refused(key: str, lines: str, message: str) -> None:
    with pytest.raises(SpecificationError) as caught:
        read(f"[[boundary]]\ntarget = 'bank:pay'\n{lines}")

    assert caught.value.place.endswith(f", {key}")
    assert message in str(caught.value)


def test_call_that_can_only_be_late_meets_no_other_errors() -> None:
    (boundary,) = read("[[boundary]]\ntarget = 'bank:pay'\nwaits = true").boundaries

    assert boundary.faults == boundary.late == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bank = 1", "catalogue/libraries.toml, bank: expected a list of strings, got 1"),
        ("bank = []", "catalogue/libraries.toml, bank: expected a list of strings, got []"),
        ("bank", "catalogue/libraries.toml: cannot read the file: "),
    ],
)
def test_list_of_libraries_that_cannot_be_right_is_refused(made: Any, text: str, message: str) -> None:
    with pytest.raises(SpecificationError) as caught:
        made(text).imported()

    assert str(caught.value).startswith(message)


def test_library_of_the_list_without_a_file_is_refused(made: Any) -> None:
    with pytest.raises(SpecificationError, match=r"^catalogue/libraries/here\.toml: cannot read the file: "):
        made('here = ["{module}"]').imported()
