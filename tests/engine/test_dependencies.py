"""Dependencies: the names of what calls go to, the same in every run."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_chaos.catalogue.catalogue import Catalogue
from pytest_chaos.catalogue.reading import Address, Addresses
from pytest_chaos.dependencies import Dependencies, is_nobodys
from pytest_chaos.provenance import Provenance
from pytest_chaos.trace import CallSite

CATALOGUE = Catalogue()


@dataclass(frozen=True)
class Made:
    """A call of a boundary."""

    named: Mapping[str, Any] = field(default_factory=dict)
    receiver: Any = None

    def told(self) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        return (), self.named


def site(function: str = "Bank.ask", *, module: str = "shop.bank", is_driver: bool = False) -> CallSite:
    return CallSite("shop/bank.py", 3, function, 1, is_driver, None, {"__name__": module})


@pytest.fixture
def names(tmp_path: Path) -> Dependencies:
    return Dependencies(CATALOGUE, Addresses(), Provenance(tmp_path))


def opened(names: Dependencies, path: object) -> str:
    return names.name("builtins:open", Made({"file": path}), site())


def connected(names: Dependencies, address: object, caller: CallSite | None = None) -> str:
    return names.name("socket:create_connection", Made({"address": address}), caller or site())


# --- hosts


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (("bank.example", 443), "bank.example"),
        (("bank.example", 8443), "bank.example:8443"),
        (("bank.example", 50_000), "bank.example:50000"),
        (("127.0.0.1", 6379), "127.0.0.1:6379"),
        (("127.0.0.1", 32_767), "127.0.0.1:32767"),
        (("::1", 6379), "[::1]:6379"),
    ],
)
def test_service_is_named_by_host_and_port(names: Dependencies, address: object, expected: str) -> None:
    assert connected(names, address) == expected


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.3", "localhost", "::1"])
def test_service_that_a_test_starts_is_named_by_who_goes_there_first(names: Dependencies, host: str) -> None:
    """Its port is another one in each run."""
    assert connected(names, (host, 32_768)) == "localhost/shop.bank:Bank.ask"


def test_second_service_of_the_same_function_has_a_number(names: Dependencies) -> None:
    """In the order of the first calls; whoever goes there later calls it the same."""
    first, second = ("127.0.0.1", 40_001), ("127.0.0.1", 40_002)

    assert connected(names, first) == "localhost/shop.bank:Bank.ask"
    assert connected(names, second) == "localhost/shop.bank:Bank.ask/2"
    assert connected(names, first, site("Mail.send")) == "localhost/shop.bank:Bank.ask"
    assert connected(names, ("127.0.0.1", 40_003), site("Mail.send")) == "localhost/shop.bank:Mail.send"


def test_call_of_the_test_itself_does_not_name_a_service(names: Dependencies) -> None:
    """The project's function does, also where it comes later: the test may look whether the service is up."""
    test = site("test_it", module="test_shop", is_driver=True)

    assert connected(names, ("127.0.0.1", 40_001), test) == "localhost/test_shop:test_it"
    assert connected(names, ("127.0.0.1", 40_001)) == "localhost/shop.bank:Bank.ask"
    assert connected(names, ("127.0.0.1", 40_001), test) == "localhost/shop.bank:Bank.ask"


def test_each_run_counts_services_anew(tmp_path: Path) -> None:
    runs = [Dependencies(CATALOGUE, Addresses(), Provenance(tmp_path)) for _ in range(2)]

    assert [connected(run, ("127.0.0.1", port)) for run, port in zip(runs, (40_001, 50_001), strict=True)] == [
        "localhost/shop.bank:Bank.ask"
    ] * 2


# --- files, sockets, databases


def test_file_of_the_project_is_named_from_its_root() -> None:
    names = Dependencies(CATALOGUE, Addresses(), Provenance(Path("/srv")))

    assert opened(names, "/srv/till/rates") == "till/rates"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("orders.db", "<tmp>/orders.db"),
        ("a/b/orders.db", "<tmp>/orders.db"),
        ("tmpa1b2c3d4", "<tmp>/tmp*"),
        ("tmpa1b2c3d4.json", "<tmp>/tmp*.json"),
        ("tmp_x9_abcd", "<tmp>/tmp*"),
        ("export-123456.csv", "<tmp>/export-*.csv"),
        ("shop_temp_q8_nerpx.db", "<tmp>/shop_temp_*.db"),
        ("shop_database.db", "<tmp>/shop_database.db"),
        ("export-12.csv", "<tmp>/export-*.csv"),
        ("key_0.json", "<tmp>/key_*.json"),
        ("de0bb3e2a4f14a7b.cache", "<tmp>/*.cache"),
        ("6b1f9c1e-1d4a-4c1b-9d5e-0f1e2d3c4b5a", "<tmp>/*"),
        ("defaced.txt", "<tmp>/defaced.txt"),
        ("tmpfiles", "<tmp>/tmpfiles"),
    ],
)
def test_what_was_drawn_of_the_name_of_a_temporary_file_is_left_out(
    names: Dependencies, name: str, expected: str
) -> None:
    assert opened(names, os.path.join(tempfile.gettempdir(), "pytest-of-me", name)) == expected


def test_folder_that_tests_were_given_for_temporary_files_is_one(tmp_path: Path) -> None:
    """As by ``--basetemp``: each run of a test has another folder in it."""
    names = Dependencies(CATALOGUE, Addresses(), Provenance(tmp_path), ["/srv/scratch"])

    assert {opened(names, f"/srv/scratch/test_it{number}/orders.db") for number in range(2)} == {"<tmp>/orders.db"}


def test_path_that_cannot_be_looked_up_is_named_as_it_was_written(
    names: Dependencies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call says what is wrong with it."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert opened(names, "orders.db") == "orders.db"
    assert opened(names, "a\0b") == "a\0b"


def test_drawn_names_of_tempfile_are_one(names: Dependencies) -> None:
    """Whatever letters it takes."""
    files = []
    for _ in range(20):
        handle, path = tempfile.mkstemp()
        os.close(handle)
        files.append(path)
    try:
        assert {opened(names, path) for path in files} == {"<tmp>/tmp*"}
    finally:
        for path in files:
            os.unlink(path)


@pytest.mark.parametrize(("path", "expected"), [("/run/bank.sock", "/run/bank.sock"), ("\0bank", "@bank")])
def test_unix_socket_is_named_by_its_path(names: Dependencies, path: str, expected: str) -> None:
    assert names.name("socket:socket.connect", SimpleNamespace(receiver=None, told=lambda: ((path,), {})), site()) == (
        expected
    )


def test_database_in_memory_is_named_so(names: Dependencies) -> None:
    assert names.name("sqlite3:connect", Made({"database": ":memory:"}), site()) == ":memory:"


def test_cursor_goes_where_its_connection_was_said_to_go(tmp_path: Path) -> None:
    """A connection of sqlite3 takes no note itself, so its own class is asked."""
    addresses = Addresses()
    names = Dependencies(CATALOGUE, addresses, Provenance(tmp_path))

    class Connection(sqlite3.Connection):
        pass

    connection = sqlite3.connect(":memory:", factory=Connection)
    try:
        cursor = connection.cursor()
        assert names.name("sqlite3:Cursor.execute", Made(receiver=cursor), site()) == ""
        addresses.remember(connection, Address(path=":memory:"))
        assert names.name("sqlite3:Cursor.execute", Made(receiver=cursor), site()) == ":memory:"
    finally:
        connection.close()


# --- nothing tells


@pytest.mark.parametrize(
    ("point", "named"),
    [("shop:charge", {"host": "bank.example"}), ("builtins:open", {"file": 3}), ("builtins:open", {})],
)
def test_call_of_which_nothing_tells_has_no_dependency(
    names: Dependencies, point: str, named: Mapping[str, Any]
) -> None:
    assert names.name(point, Made(named), site()) == ""


# --- what leads nowhere


@pytest.mark.parametrize(
    ("point", "file", "expected"),
    [
        ("builtins:open", 3, False),
        ("builtins:open", True, False),
        ("builtins:open", "orders.txt", True),
        ("builtins:open", Path("orders.txt"), True),
        ("builtins:open", b"orders.txt", True),
        ("shop:charge", 3, True),
    ],
)
def test_file_that_is_open_already_is_not_gone_out_for(
    names: Dependencies, point: str, file: object, expected: bool
) -> None:
    assert names.leads_out(point, Made({"file": file})) is expected


@pytest.mark.parametrize(
    ("file", "mode", "expected"),
    [
        ("shop/templates/sale.html", "r", False),
        ("shop/prices.json", "rb", False),
        ("shop/prices.json", "w", True),
        ("shop/prices.json", "r+", True),
        ("shop/orders.log", "a", True),
        ("instance/settings.toml", "r", True),
    ],
)
def test_file_that_came_with_the_code_is_not_gone_out_for(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    file: str,
    mode: str,
    expected: bool,
) -> None:
    """It is as sure to be there as the code that reads it; what is written is another matter."""
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path_factory.mktemp("temporary")))
    (tmp_path / "shop" / "templates").mkdir(parents=True)
    (tmp_path / "shop" / "__init__.py").touch()
    names = Dependencies(CATALOGUE, Addresses(), Provenance(tmp_path))

    call = Made({"file": str(tmp_path / file), "mode": mode})
    assert names.leads_out("builtins:open", call) is expected
    assert names.leads_out("builtins:open", call, is_named=True), "the user is taken at his word"


@pytest.mark.parametrize(
    ("module", "function", "expected"),
    [
        ("linecache", "updatecache", True),
        ("tokenize", "open", True),
        ("asyncio.selector_events", "_write_to_self", True),
        ("asyncio.selector_events", "_read_from_self", True),
        ("trio._core._wakeup_socketpair", "wakeup_thread_and_signal_safe", True),
        ("asyncio.selector_events", "send", False),
        ("shop", "open", False),
    ],
)
def test_call_that_reads_lines_for_a_traceback_or_wakes_a_loop_is_nobodys(
    module: str, function: str, expected: bool
) -> None:
    names: dict[str, Any] = {"__name__": module}
    exec(f"import sys\ndef {function}(): return sys._getframe()", names)

    assert is_nobodys(names[function]()) is expected
