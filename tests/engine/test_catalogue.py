"""The catalogue: entries are read when asked for, wrong ones are refused, and what the shipped ones say holds."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from pytest_chaos import format_rule, parse
from pytest_chaos.catalogue import catalogue as room
from pytest_chaos.catalogue.boundary import Boundary, Dependency
from pytest_chaos.catalogue.catalogue import Catalogue
from pytest_chaos.catalogue.reader import read_index, read_library
from pytest_chaos.catalogue.reading import Address, Addresses, dependency_of, limit_of
from pytest_chaos.catalogue.releases import holds_for, installed_release
from pytest_chaos.errors import SpecificationError
from pytest_chaos.faults.base import Fault, FaultyCall, Limit
from pytest_chaos.notation import parse_target
from pytest_chaos.scenario import Rule, Term
from pytest_chaos.target import resolve

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
    for text in (*boundary.faults, *boundary.late):
        (rule,) = parse(f"{boundary.target} = {text}")
        assert format_rule(rule) == f"{boundary.target} = {text}"
        assert not rule.chain[0].fault.refusal(point.kind)
    assert SHIPPED.at(boundary.target) is boundary


@pytest.mark.parametrize("name", SHIPPED.libraries)
def test_every_entry_holds_for_the_release_that_is_tested_here(name: str) -> None:
    """One that is passed over would not be looked at by any other test."""
    text = (FILES / f"{name}.toml").read_text(encoding="utf-8")
    modules = read_index((FILES.parent / "libraries.toml").read_text(encoding="utf-8"), "")[name]
    whole = read_library(name, text, name, modules, SHIPPED.libraries)

    assert whole.boundaries == SHIPPED.library(name).boundaries


def test_no_library_is_beneath_itself() -> None:
    beneath = {name: set(SHIPPED.library(name).beneath) for name in SHIPPED.libraries}
    for middle in beneath:
        for others in beneath.values():
            if middle in others:
                others |= beneath[middle]

    assert [name for name, others in beneath.items() if name in others] == []


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
def look(lab: Any, addresses: Addresses) -> Callable[[str, Callable[[], Any]], tuple[Any, str | None]]:
    """Return limit and dependency of the one call of a boundary that a body makes.

    Of the limit the seconds; ``None`` if it waits for ever, and ``"never waits"`` where it needs none.
    """

    def looked(target: str, body: Callable[[], Any]) -> tuple[Any, str | None]:
        boundary = SHIPPED.at(target)
        assert boundary is not None
        fault = LookedAt(boundary, addresses, [])
        with lab.window(Rule(parse_target(target), (Term(fault),))), pytest.raises(NotMade):
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


def test_database_is_read_and_its_connection_stands_for_it(look: Any, addresses: Addresses) -> None:
    assert look("sqlite3:connect", lambda: sqlite3.connect(":memory:")) == ("never waits", ":memory:")
    assert look("sqlite3:connect", lambda: sqlite3.connect(database="notes.db")) == ("never waits", "notes.db")

    def body(use: Callable[[Any], Any]) -> Any:
        with contextlib.closing(sqlite3.connect(":memory:", factory=Connection)) as connection:
            addresses.remember(connection, Address(path="notes.db"))
            use(connection)

    for target, use in (
        ("sqlite3:Cursor.execute", lambda connection: connection.cursor().execute("select 1")),
        ("sqlite3:Connection.commit", lambda connection: connection.commit()),
    ):
        assert look(target, lambda use=use: body(use)) == ("never waits", "notes.db")


def test_path_of_a_file_is_read(look: Any, tmp_path: Path) -> None:
    path = tmp_path / "notes"

    assert look("builtins:open", lambda: open(path).close()) == ("never waits", str(path))
    assert look("builtins:open", lambda: open(file=str(path)).close()) == ("never waits", str(path))
    assert look("builtins:open", lambda: open(0, closefd=False).close()) == ("never waits", None)


def test_limit_and_program_of_a_child_are_read(look: Any) -> None:
    assert look("subprocess:run", lambda: subprocess.run(["/bin/true"], timeout=5)) == (5, "true")
    assert look("subprocess:run", lambda: subprocess.run(args="true")) == (None, "true")
    assert look("subprocess:Popen", lambda: subprocess.Popen(["true"])) == (None, "true")


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
    redis = pytest.importorskip("redis")  # an extra that tests may lack
    client = redis.Redis("bank", 1, socket_timeout=2)

    assert look("redis.client:Redis.execute_command", client.ping) == (2, "bank:1")


def fetches_a_file(folder: Path) -> Any:
    return urllib.request.urlopen(Path(__file__).as_uri())


def fetches(folder: Path) -> Any:
    return urllib.request.urlopen("http://127.0.0.1:9/")


def requests_with_a_password(folder: Path) -> Any:
    (folder / "netrc").write_text("machine 127.0.0.1 login me password secret", encoding="utf-8")
    return pytest.importorskip("requests").get("http://127.0.0.1:9/")  # an extra that tests may lack


def gets(folder: Path) -> Any:
    return pytest.importorskip("httpx").get("http://127.0.0.1:9/", trust_env=False)  # an extra that tests may lack


def pings(folder: Path) -> Any:
    return pytest.importorskip("redis").Redis("127.0.0.1", 9, retry=None).ping()  # an extra that tests may lack


def runs(folder: Path) -> Any:
    return subprocess.run([sys.executable, "-c", ""], stdout=subprocess.PIPE)


BENEATH = {
    ("urllib", "open"): ("builtins:open", fetches_a_file),
    ("urllib", "socket"): ("socket:create_connection", fetches),
    ("requests", "open"): ("builtins:open", requests_with_a_password),
    ("requests", "socket"): ("socket:socket.connect", requests_with_a_password),
    ("httpx", "socket"): ("socket:create_connection", gets),
    ("redis", "socket"): ("socket:socket.connect", pings),
    ("subprocess", "open"): ("builtins:open", runs),
}


def test_what_stands_beneath_a_library_is_looked_at_below() -> None:
    assert set(BENEATH) == {(name, other) for name in SHIPPED.libraries for other in SHIPPED.library(name).beneath}


@pytest.mark.parametrize(("library", "beneath"), BENEATH)
def test_call_of_a_library_leads_to_what_stands_beneath_it(
    lab: Any, library: str, beneath: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, body = BENEATH[library, beneath]
    boundary = SHIPPED.at(target)
    assert boundary is not None and boundary.library == beneath
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    fault = LookedAt(boundary, Addresses(), [])
    with lab.window(Rule(parse_target(target), (Term(fault),))), contextlib.suppress(Exception):
        body(tmp_path)

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
    waits = true
    limit = ["timeout", "self.client.timeout", "bank.settings:default().seconds", "0.limits.1"]
    own_limit_s = 5
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
            aliases=("bank:pay",),
            limit=("timeout", "self.client.timeout", "bank.settings:default().seconds", "0.limits.1"),
            own_limit_s=5.0,
            dependency=Dependency(host=("self.host",), port=("self.port",), own_port=8443),
            releases=">=3,<5",
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
        ('distribution = "bank"', "distribution = 1", f"{PLACE}, distribution", "a text is wanted, got 1"),
        ('distribution = "bank"', 'distibution = "b"', f"{PLACE}, distibution", "Did you mean 'distribution'?"),
        ('["socket"]', '["sokket"]', f"{PLACE}, beneath", "'sokket' is no other library of the list"),
        ('["socket"]', '["sokket"]', f"{PLACE}, beneath", "Did you mean 'socket'?"),
        ('["socket"]', '["bank"]', f"{PLACE}, beneath", "'bank' is no other library of the list"),
        ("[[boundary]]", "[boundary]", f"{PLACE}, boundary", "a list of tables is wanted"),
        ("[[boundary]]", "[[boundry]]", f"{PLACE}, boundry", "Did you mean 'boundary'?"),
        ('target = "bank:Client.pay"', "", f"{PLACE}, boundary number 1, target", "the key 'target' is missing"),
        ("aliases =", "alias =", f"{ENTRY}alias", "Did you mean 'aliases' or 'waits'?"),
        ("waits = true", "", f"{ENTRY}waits", "the key 'waits' is missing"),
        ("waits = true", "waits = 1", f"{ENTRY}waits", "true or false is wanted, got 1"),
        ("waits = true", "waits = false", f"{ENTRY}limit", "what cannot wait for ever needs no limit"),
        ("faults = [", "fault = [", f"{ENTRY}fault", "Did you mean 'faults'?"),
        ('"raise(ConnectionError)", ', "1, ", f"{ENTRY}faults", "a list of texts is wanted"),
        ('["raise(bank:Slow)"]', '"raise(bank:Slow)"', f"{ENTRY}late", "a list of texts is wanted"),
        ('["raise(bank:Slow)"]', "[]", f"{ENTRY}late", "a list of texts is wanted, got []"),
        ("raise(bank:Slow)", "rise(bank:Slow)", f"{ENTRY}late", "Did you mean 'raise'?"),
        ("raise(bank:Slow)", "raise(TimeoutEror)", f"{ENTRY}late", "Did you mean 'TimeoutError'"),
        ("raise(bank:Slow)", "2*raise(bank:Slow)", f"{ENTRY}late", "one fault alone is wanted"),
        ("raise(bank:Slow)", "hang; m:f = null", f"{ENTRY}late", "one fault alone is wanted"),
        ("bank:pay", "bank:pay*", f"{ENTRY}aliases", "one exact target is wanted"),
        ("bank:pay", "bank.pay", f"{ENTRY}aliases", "one exact target is wanted"),
        ("bank:pay", "bank:pay()", f"{ENTRY}aliases", "cannot read the rule text at column 9"),
        ("bank:pay", "bank.apj:pay", f"{ENTRY}aliases", "'bank.apj' is no module of this library"),
        ("bank:pay", "bank.apj:pay", f"{ENTRY}aliases", "Did you mean 'bank.api'"),
        ('"timeout", ', '"timeout.", ', f"{ENTRY}limit", "'timeout.' is no path to a value"),
        ('"timeout", ', '"a:b:c", ', f"{ENTRY}limit", "'a:b:c' is no path to a value"),
        ('limit = ["timeout", "self', 'limti = ["timeout", "self', f"{ENTRY}limti", "Did you mean 'limit'?"),
        ("own_limit_s = 5", "own_limit_s = true", f"{ENTRY}own_limit_s", "a number of seconds is wanted, got True"),
        ("own_limit_s = 5", "own_limit_s = 0", f"{ENTRY}own_limit_s", "a number of seconds is wanted, got 0"),
        ("own_limit_s = 5", "own_limit_s = inf", f"{ENTRY}own_limit_s", "a number of seconds is wanted, got inf"),
        ("own_limit_s = 5", "own_limit_s = '5'", f"{ENTRY}own_limit_s", "a number of seconds is wanted, got '5'"),
        (".host", ".hots", f"{ENTRY}dependency, hots", "unknown key 'hots'\n  Did you mean 'host'?"),
        ("dependency.host", "dependency.path", f"{ENTRY}dependency, port", "says nothing without the key 'host'"),
        (
            "dependency.own_port = 8443",
            "dependency.own_port = 0",
            f"{ENTRY}dependency, own_port",
            "a port is wanted, got 0",
        ),
        ("= 8443", "= ['x']", f"{ENTRY}dependency, own_port", "a port is wanted, got ['x']"),
        ('["self.port"]', '["self..port"]', f"{ENTRY}dependency, port", "'self..port' is no path to a value"),
        ('">=3,<5"', '"3 to 5"', f"{ENTRY}releases", "'3 to 5' is no range of releases"),
        ('">=3,<5"', "3", f"{ENTRY}releases", "a text is wanted, got 3"),
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
    ("text", "message"),
    [
        ("bank = 1", "catalogue/libraries.toml, bank: a list of texts is wanted, got 1"),
        ("bank = []", "catalogue/libraries.toml, bank: a list of texts is wanted, got []"),
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
