"""Immutable C types: sqlite3, sockets and files meet faults by their natural names, the rest is refused."""

# ruff: noqa: SIM115  # files are opened in the middle of an expression, and ``litter`` sweeps them up

from __future__ import annotations

import asyncio
import builtins
import codecs
import contextlib
import csv
import functools
import gc
import gzip
import importlib
import io
import json
import mmap
import os
import pickle
import shutil
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import warnings
import weakref
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_chaos import TargetError
from pytest_chaos.injector.adapters.registry import Adapters
from pytest_chaos.notation import parse, parse_target
from pytest_chaos.target import check, resolve

NEVER = "#999 raise(OSError)"


def stock() -> dict[str, Any]:
    """Return all that an adapter may replace."""
    return {
        "sqlite3": dict(vars(sqlite3)),
        "sqlite3.dbapi2": dict(vars(sqlite3.dbapi2)),
        "_sqlite3": dict(vars(sys.modules["_sqlite3"])),
        "builtins": dict(vars(builtins)),
        "io": dict(vars(io)),
        "_io": dict(vars(sys.modules["_io"])),
        "socket": dict(vars(socket.socket)),
        "socket order": list(vars(socket.socket)),
        "ssl": dict(vars(ssl.SSLSocket)),
    }


@pytest.fixture(autouse=True)
def exactly_as_before() -> Iterator[None]:
    before = stock()
    yield
    after = stock()
    assert before.keys() == after.keys()
    for name, names in before.items():
        if isinstance(names, list):
            assert names == after[name]
        else:
            after[name].pop("__builtins__", None)  # left by ``inspect.signature`` of a C function
            names.pop("__builtins__", None)
            assert {key: id(value) for key, value in names.items()} == {
                key: id(value) for key, value in after[name].items()
            }, name


@pytest.fixture
def connect() -> Iterator[Callable[..., Any]]:
    """``sqlite3.connect`` with a table, closed at the end."""
    with contextlib.ExitStack() as stack:

        def make(**options: Any) -> Any:
            con = stack.enter_context(contextlib.closing(sqlite3.connect(":memory:", **options)))
            sqlite3.Connection.executescript(con, "create table t (a); insert into t values (1), (2), (3)")
            return con

        yield make


@pytest.fixture
def litter() -> Iterator[None]:
    """What a test leaves open, because a fault came in between, is swept up at once and without a word."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
        gc.collect()


# --- sqlite3

CALLS: dict[str, Callable[[Any], Any]] = {
    "Connection.execute": lambda con: con.execute("select 1"),
    "Connection.executemany": lambda con: con.executemany("insert into t values (?)", [(1,)]),
    "Connection.executescript": lambda con: con.executescript("select 1"),
    "Connection.commit": lambda con: con.commit(),
    "Connection.rollback": lambda con: con.rollback(),
    "Connection.close": lambda con: con.close(),
    "Connection.cursor": lambda con: con.cursor(),
    "Connection.backup": lambda con: con.backup(con),
    "Connection.iterdump": lambda con: con.iterdump(),
    "Connection.create_function": lambda con: con.create_function("f", 0, int),
    "Cursor.execute": lambda con: con.cursor().execute("select 1"),
    "Cursor.executemany": lambda con: con.cursor().executemany("insert into t values (?)", [(1,)]),
    "Cursor.executescript": lambda con: con.cursor().executescript("select 1"),
    "Cursor.fetchone": lambda con: con.execute("select a from t").fetchone(),
    "Cursor.fetchall": lambda con: con.execute("select a from t").fetchall(),
    "Cursor.fetchmany": lambda con: con.execute("select a from t").fetchmany(2),
    "Cursor.close": lambda con: con.cursor().close(),
    "Connection": lambda con: sqlite3.connect(":memory:"),
    "Cursor": lambda con: con.cursor(),
}


@pytest.mark.parametrize("name", list(CALLS))
@pytest.mark.parametrize("module", ["sqlite3", "sqlite3.dbapi2", "_sqlite3"])
def test_sqlite3_call_meets_the_fault_under_its_natural_name(lab: Any, connect: Any, name: str, module: str) -> None:
    target = f"{module}:{name}"
    with lab.window(f"{target} = #1 raise(sqlite3:OperationalError)") as chaos:
        with pytest.raises(sqlite3.OperationalError, match=rf"^chaos: injected at {module}:{name}, call 1 "):
            CALLS[name](connect() if name != "Connection" else None)
        assert 1 == chaos.calls(target)


def test_connection_execute_is_a_call_of_cursor_execute_too(lab: Any, connect: Any) -> None:
    with lab.window(f"sqlite3:Cursor.execute = {NEVER}", f"sqlite3:Connection.execute = {NEVER}") as chaos:
        con = connect()
        con.execute("select 1")
        con.cursor().execute("select 1")

        assert 2 == chaos.calls("sqlite3:Cursor.execute")
        assert 1 == chaos.calls("sqlite3:Connection.execute")


@pytest.mark.parametrize("target", ["sqlite3:*.execute", "sqlite3:C*.exec*te"])
def test_rule_on_both_counts_connection_execute_once(lab: Any, connect: Any, target: str) -> None:
    with lab.window(f"{target} = {NEVER}") as chaos:
        connect().execute("select 1")
        assert 1 == chaos.calls(target)


def test_glob_takes_methods_of_adapted_types(lab: Any, connect: Any) -> None:
    texts = sorted(point.text for point in resolve(parse_target("sqlite3:Cursor.fetch*")))
    assert ["sqlite3:Cursor.fetchall", "sqlite3:Cursor.fetchmany", "sqlite3:Cursor.fetchone"] == texts
    with lab.window(f"sqlite3:Cursor.fetch* = {NEVER}") as chaos:
        cursor = connect().execute("select a from t")
        assert [(1,), [(2,), (3,)]] == [cursor.fetchone(), cursor.fetchall()]
        assert 2 == chaos.calls("sqlite3:Cursor.fetch*")


def test_step_of_an_iteration_is_a_fetch(lab: Any, connect: Any) -> None:
    with lab.window(f"sqlite3:Cursor.fetchone = {NEVER}") as chaos:
        assert [(1,), (2,), (3,)] == list(connect().execute("select a from t"))
        assert 4 == chaos.calls("sqlite3:Cursor.fetchone"), "the last one finds nothing"


def test_iteration_goes_wrong_in_the_middle(lab: Any, connect: Any) -> None:
    seen = []
    with lab.window("sqlite3:Cursor.fetchone = #3 raise(sqlite3:DatabaseError)"):
        with pytest.raises(sqlite3.DatabaseError):
            for row in connect().execute("select a from t"):
                seen.append(row)
    assert [(1,), (2,)] == seen


def test_fetch_of_nothing_ends_an_iteration(lab: Any, connect: Any) -> None:
    with lab.window("sqlite3:Cursor.fetchone = #2 null"):
        assert [(1,)] == list(connect().execute("select a from t"))


def test_row_that_is_made_into_nothing_ends_no_iteration(lab: Any, connect: Any) -> None:
    with lab.window(f"sqlite3:Cursor.fetchone = {NEVER}"):
        con = connect()
        con.row_factory = lambda cursor, row: None
        assert [None, None, None] == list(con.execute("select a from t"))


@pytest.mark.parametrize(
    ("error", "name"), [(None, "Connection.commit"), (KeyError, "Connection.rollback")], ids=["commit", "rollback"]
)
def test_leaving_a_with_commits_or_rolls_back(lab: Any, connect: Any, error: Any, name: str) -> None:
    with lab.window(f"sqlite3:{name} = {NEVER}") as chaos:
        with contextlib.suppress(KeyError), connect():
            if error:
                raise error
        assert 1 == chaos.calls(f"sqlite3:{name}")


def test_failed_commit_of_a_with_rolls_back_as_ever(lab: Any, connect: Any) -> None:
    with lab.window("sqlite3:Connection.commit = raise(sqlite3:OperationalError)"):
        con = connect()
        with pytest.raises(sqlite3.OperationalError):
            with con:
                con.execute("insert into t values (4)")
        assert not con.in_transaction
        assert (3,) == con.execute("select count(*) from t").fetchone()


class OwnCursor(sqlite3.Cursor):
    def execute(self, *args: Any) -> Any:
        self.retried = 0
        try:
            return super().execute(*args)
        except sqlite3.OperationalError:
            self.retried += 1
            return super().execute(*args)


class OwnConnection(sqlite3.Connection):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.own = "own"

    def cursor(self, factory: Any = OwnCursor) -> Any:
        return super().cursor(factory)


@pytest.mark.parametrize(
    "connected",
    [
        lambda: sqlite3.connect(":memory:", factory=OwnConnection),
        lambda: sqlite3.connect(":memory:", 5.0, 0, None, True, OwnConnection),
        lambda: sqlite3.connect(":memory:", factory=functools.partial(OwnConnection)),
        lambda: sqlite3.dbapi2.connect(":memory:", factory=OwnConnection),
    ],
    ids=["keyword", "positional", "partial", "dbapi2"],
)
@pytest.mark.filterwarnings("ignore:Passing more than 1 positional:DeprecationWarning")
def test_factories_of_the_user_are_respected(lab: Any, connected: Any) -> None:
    with lab.window("sqlite3:Cursor.execute = #1 raise(sqlite3:OperationalError)") as chaos:
        with contextlib.closing(connected()) as con:
            assert isinstance(con, OwnConnection)
            assert ("own", "OwnConnection") == (con.own, type(con).__name__)
            cursor = con.cursor()
            assert isinstance(cursor, OwnCursor)
            cursor.execute("select 1")
            assert 1 == cursor.retried, "the user's own class stands above the fault"
            assert type(cursor) is type(con.cursor()), "a class is adapted once"
            assert isinstance(con.cursor(sqlite3.Cursor), sqlite3.Cursor)
        assert 2 == chaos.calls("sqlite3:Cursor.execute")


def test_factory_that_makes_the_bare_c_type_is_left_alone(lab: Any) -> None:
    with lab.window(f"sqlite3:Cursor.execute = {NEVER}"):
        with contextlib.closing(
            sqlite3.connect(":memory:", factory=lambda *a, **k: sqlite3.Connection(*a, **k))
        ) as con:
            assert (1,) == con.execute("select 1").fetchone()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: sqlite3.connect(),  # type: ignore[call-overload]  # wrong on purpose
        lambda: sqlite3.connect(":memory:", factory=3),  # type: ignore[call-overload]  # wrong on purpose
        lambda: sqlite3.connect(":memory:", factory=int),  # type: ignore[call-overload]  # wrong on purpose
        lambda: sqlite3.connect(":memory:").cursor(3),  # type: ignore[call-overload]  # wrong on purpose
        lambda: sqlite3.connect(":memory:").cursor(lambda con: 3),  # type: ignore[call-overload]  # wrong on purpose
        lambda: sqlite3.connect(":memory:").execute(),  # type: ignore[call-arg]  # wrong on purpose
        lambda: sqlite3.connect(":memory:").execute("no sql"),
        lambda: sqlite3.connect("/no/such/folder/file"),
    ],
)
@pytest.mark.usefixtures("litter")
def test_errors_of_sqlite3_are_its_own(lab: Any, wrong: Any) -> None:
    def message() -> tuple[str, str]:
        with pytest.raises(Exception) as caught:
            wrong()
        return type(caught.value).__name__, str(caught.value)

    before = message()
    with lab.window(f"sqlite3:Cursor.execute = {NEVER}"):
        assert before == message()


def test_connection_looks_as_ever(lab: Any, connect: Any) -> None:
    plain = connect()
    with lab.window(f"sqlite3:Connection.commit = {NEVER}"):
        con = connect()
        assert repr(plain).partition(" at ")[0] == repr(con).partition(" at ")[0]
        assert isinstance(con, sqlite3.Connection)
        assert not hasattr(con, "__dict__")
        con.row_factory = sqlite3.Row
        assert 1 == con.execute("select a from t").fetchone()["a"]
        con.backup(plain)


def test_copies_of_connect_are_reached(lab: Any) -> None:
    shop = lab.module("shop", "from sqlite3 import connect\nfrom sqlite3 import connect as open_db")
    with lab.window(f"sqlite3:Cursor.execute = {NEVER}") as chaos:
        for function in (shop.connect, shop.open_db):
            with contextlib.closing(function(":memory:")) as con:
                con.execute("select 1")
        assert 2 == chaos.calls("sqlite3:Cursor.execute")


def test_rule_on_the_factory_itself_acts_beside_the_adapter(lab: Any) -> None:
    for rules in (("connect", "Cursor.execute"), ("Cursor.execute", "connect")):
        with lab.window(*(f"sqlite3:{name} = #2 raise(OSError)" for name in rules)) as chaos:
            with contextlib.closing(sqlite3.connect(":memory:")) as con:
                con.execute("select 1")
                with pytest.raises(OSError, match=r"sqlite3:Cursor\.execute"):
                    con.execute("select 1")
            with pytest.raises(OSError, match="sqlite3:connect"):
                sqlite3.dbapi2.connect(":memory:")
            assert [2, 2] == [chaos.calls(f"sqlite3:{name}") for name in rules]


@pytest.mark.parametrize("first", [0, 1])
def test_factory_and_adapter_are_lifted_in_any_order(lab: Any, first: int) -> None:
    before = sqlite3.connect
    with lab.window() as chaos:
        injections = [chaos.inject(f"sqlite3:{name} = null") for name in ("connect", "Cursor.execute")]
        injections[first].lift()
        injections[1 - first].lift()
    assert before is sqlite3.connect is sqlite3.dbapi2.connect


def test_overlapping_rules_on_a_method_lift_in_any_order(lab: Any, connect: Any) -> None:
    with lab.window() as chaos:
        one, two = (chaos.inject(f"sqlite3:Cursor.execute = return('{word}')") for word in ("one", "two"))
        con = connect()
        assert "two" == con.execute("select 1")
        two.lift()
        assert "one" == con.execute("select 1")
        one.lift()
        assert (1,) == con.execute("select 1").fetchone()


def test_hang_and_delay_act_on_adapted_methods(lab: Any, connect: Any) -> None:
    with lab.window("sqlite3:Cursor.execute = #1hang(0.001)->delay(0.001)"):
        con = connect()
        with pytest.raises(TimeoutError):
            con.execute("select 1")
        assert (1,) == con.execute("select 1").fetchone()


def test_sqlalchemy_is_reached(lab: Any) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    engine = sqlalchemy.create_engine("sqlite://")
    try:
        with lab.window("sqlite3:Cursor.execute = #2 raise(sqlite3:OperationalError, 'disk I/O error')") as chaos:
            with pytest.raises(sqlalchemy.exc.OperationalError, match="disk I/O error"):
                with engine.connect() as con:
                    for _ in range(3):
                        con.execute(sqlalchemy.text("select 1"))
            assert 1 == len(chaos.journal.activations)
    finally:
        engine.dispose()


# --- objects that are older than the window


@pytest.fixture
def prepared(lab: Any) -> Iterator[Callable[..., None]]:
    """Prepare for rules as a session does."""
    adapters = Adapters(lab.laboratory.armory.aliases, lab.laboratory.provenance)
    yield lambda *texts: adapters.prepare([rule for text in texts for rule in parse(text)])
    adapters.close()
    adapters.close()


def test_connection_that_is_older_than_the_window_is_reached(lab: Any, prepared: Any, connect: Any) -> None:
    rule = "sqlite3:Cursor.fetchone = #2 raise(sqlite3:OperationalError)"
    prepared(rule)
    con = connect()
    cursor = con.execute("select a from t")
    with lab.window(rule) as chaos:
        assert (1,) == cursor.fetchone()
        with pytest.raises(sqlite3.OperationalError):
            con.execute("select 1").fetchone()
        assert 2 == chaos.calls("sqlite3:Cursor.fetchone")
    assert (2,) == cursor.fetchone()
    assert "__next__" not in vars(type(cursor))


def test_file_that_is_older_than_the_window_is_reached(lab: Any, prepared: Any, tmp_path: Path) -> None:
    rule = "io:TextIOWrapper.write = #2 raise(OSError)"
    prepared(rule)
    with open(tmp_path / "f", "w") as file:
        writer = csv.writer(file)
        writer.writerow([1])
        with lab.window(rule) as chaos:
            writer.writerow([2])
            with pytest.raises(OSError, match="injected"):
                writer.writerow([3])
            assert 2 == chaos.calls("io:TextIOWrapper.write")
        writer.writerow([4])
    assert ["1", "2", "4"] == (tmp_path / "f").read_text().split()


@pytest.mark.parametrize(
    "rules",
    [
        ["os:read = null"],
        ["sqlite3:Cursor.execute = 0%null"],
        ["no_such_module:f = null"],
        ["sqlite3:Cursor.no_such = null"],
        ["sqlite3:connect = null"],
        [],
    ],
)
def test_nothing_is_replaced_for_rules_that_need_no_adapter(prepared: Any, rules: list[str]) -> None:
    before = stock()
    prepared(*rules)
    assert before == stock()


def test_preparing_imports_no_project_code(lab: Any, prepared: Any) -> None:
    lab.write("shop", "raise RuntimeError('imported')")
    prepared("shop:f = null", "shop:* = null")
    assert "shop" not in sys.modules


def test_prepared_factory_meets_rules_of_its_own(lab: Any, prepared: Any, tmp_path: Path) -> None:
    prepared("sqlite3:Cursor.execute = null", "io:FileIO.read = null")
    with lab.window("sqlite3:connect = #2 raise(OSError)", "builtins:open = #1 raise(OSError)") as chaos:
        sqlite3.connect(":memory:").close()
        with pytest.raises(OSError):
            sqlite3.dbapi2.connect(":memory:")
        with pytest.raises(OSError):
            (tmp_path / "f").write_text("x")
        assert [2, 1] == [chaos.calls("sqlite3:connect"), chaos.calls("builtins:open")]


# --- files


def output_of_child() -> bytes:
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        return child.stdout.read()


FILE_CALLS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "open": ("TextIOWrapper.read", lambda path: open(path).read()),
    "io.open": ("TextIOWrapper.read", lambda path: io.open(path).read()),  # noqa: UP020  # this very name
    "Path.open": ("TextIOWrapper.read", lambda path: path.open().read()),
    "Path.read_text": ("TextIOWrapper.read", lambda path: path.read_text()),
    "Path.write_text": ("TextIOWrapper.write", lambda path: path.write_text("x")),
    "Path.read_bytes": ("BufferedReader.read" if sys.version_info < (3, 14) else "FileIO.read", Path.read_bytes),
    "Path.write_bytes": ("BufferedWriter.write", lambda path: path.write_bytes(b"x")),
    "os.fdopen": ("TextIOWrapper.readline", lambda path: os.fdopen(os.open(path, os.O_RDONLY)).readline()),
    "codecs.open": ("BufferedReader.read", lambda path: codecs.open(str(path), encoding="utf-8").read()),
    "readlines": ("TextIOWrapper.readlines", lambda path: open(path).readlines()),
    "unbuffered": ("FileIO.read", lambda path: open(path, "rb", 0).read()),
    "unbuffered write": ("FileIO.write", lambda path: open(path, "wb", 0).write(b"x")),
    "random": ("BufferedRandom.write", lambda path: open(path, "r+b").write(b"x")),
    "buffer": ("BufferedWriter.write", lambda path: open(path, "w").buffer.write(b"x")),
    "raw": ("FileIO.write", lambda path: open(path, "wb").raw.write(b"x")),
    "detach": ("BufferedReader.read", lambda path: open(path).detach().read()),
    "flush": ("TextIOWrapper.flush", lambda path: open(path, "w").flush()),
    "close": ("TextIOWrapper.close", lambda path: open(path).close()),
    "with": ("TextIOWrapper.close", lambda path: open(path).__exit__(None, None, None)),
    "iteration": ("TextIOWrapper.readline", lambda path: list(open(path))),
    "next": ("TextIOWrapper.readline", lambda path: next(open(path))),
    "binary iteration": ("BufferedReader.readline", lambda path: list(open(path, "rb"))),
    "seek": ("BufferedReader.seek", lambda path: open(path, "rb").seek(0)),
    "temporary": ("BufferedRandom.write", lambda path: tempfile.TemporaryFile().write(b"x")),
    "named temporary": ("BufferedRandom.write", lambda path: tempfile.NamedTemporaryFile().write(b"x")),
    "json.load": ("TextIOWrapper.read", lambda path: json.load(open(path))),
    "json.dump": ("TextIOWrapper.write", lambda path: json.dump({}, open(path, "w"))),
    "print": ("TextIOWrapper.write", lambda path: print("x", file=open(path, "w"))),
    "csv reader": ("TextIOWrapper.readline", lambda path: list(csv.reader(open(path)))),
    "pickle.dump": ("BufferedWriter.write", lambda path: pickle.dump(1, open(path, "wb"))),
    "gzip": ("BufferedWriter.write", lambda path: gzip.open(path, "wb").close()),
    "copyfileobj": ("BufferedReader.read", lambda path: shutil.copyfileobj(open(path, "rb"), io.BytesIO())),
    "pipe": ("BufferedReader.read", lambda path: output_of_child()),
}


@pytest.mark.parametrize("name", list(FILE_CALLS))
@pytest.mark.usefixtures("litter")
def test_call_on_a_file_meets_the_fault(lab: Any, tmp_path: Path, name: str) -> None:
    path = tmp_path / "file"
    path.write_text('{"a":\n1}\n')
    method, call = FILE_CALLS[name]
    with lab.window(f"io:{method} = raise(OSError)"):
        with pytest.raises(OSError, match=rf"chaos: injected at io:{method}, call 1 "):
            call(path)


def test_step_of_an_iteration_is_a_readline(lab: Any, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("a\nb\n")
    with lab.window("io:TextIOWrapper.readline = #4 null") as chaos:
        with open(tmp_path / "f") as file:
            assert ["a\n", "b\n"] == list(file)
        with open(tmp_path / "f") as file:
            assert [] == list(file)
        assert 4 == chaos.calls("io:TextIOWrapper.readline")


def test_glob_takes_methods_of_files(lab: Any, tmp_path: Path) -> None:
    texts = {point.text for point in resolve(parse_target("io:TextIOWrapper.read*"))}
    assert {"io:TextIOWrapper.read", "io:TextIOWrapper.readline"} <= texts
    with lab.window(f"io:*.write = {NEVER}") as chaos:
        (tmp_path / "f").write_text("x")
        (tmp_path / "f").write_bytes(b"x")
        assert 2 == chaos.calls("io:*.write")


@pytest.fixture
def opened(lab: Any, tmp_path: Path) -> Iterator[Path]:
    """A file in a window in which files are adapted and nothing fires."""
    path = tmp_path / "file"
    path.write_text("a,b\n1,2\n")
    with lab.window(f"io:*.* = {NEVER}", f"io:*.re*d* = {NEVER}"):
        yield path


def test_adapted_file_is_what_it_stands_for(opened: Path) -> None:
    with open(opened) as file:
        assert isinstance(file, io.TextIOWrapper | io.IOBase)
        assert file.__class__ is io.TextIOWrapper
        assert repr(file).startswith("<_io.TextIOWrapper name=")
        assert (str(opened), "r", False) == (str(file.name), file.mode, file.closed)
        assert file.fileno() > 2
        assert file is iter(file)
        assert file == file
        assert {file: 1}[file] == 1
        assert weakref.ref(file)() is file
        assert file.readable() and not file.writable()
        assert ["a,b\n", "1,2\n"] == [*file]
        assert "read" in dir(file)
        with pytest.raises(AttributeError, match="no attribute 'reed'"):
            file.reed  # type: ignore[attr-defined]  # noqa: B018  # there is none, and the reading is the point
    assert file.closed
    with pytest.raises(ValueError, match="I/O operation on closed file"):
        file.read()


@pytest.mark.parametrize("copied", [pickle.dumps, __import__("copy").copy, __import__("copy").deepcopy])
def test_adapted_file_refuses_to_be_copied_in_the_same_words(opened: Path, copied: Any) -> None:
    with open(opened) as file:
        messages = []
        for one in (file, file.__wrapped__):  # type: ignore[attr-defined]  # what a proxy stands for
            with pytest.raises(TypeError) as caught:
                copied(one)
            messages.append(str(caught.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize(
    "arguments",
    [("no/such/file",), ("f", "nonsense"), ("f", "r", 0), (), ("f", "rb", -1, "utf-8"), (3.5,), (None,)],
    ids=str,
)
def test_errors_of_open_are_its_own(lab: Any, arguments: Any) -> None:
    def message() -> tuple[str, str]:
        with pytest.raises(Exception) as caught:
            open(*arguments)
        return type(caught.value).__name__, str(caught.value)

    before = message()
    with lab.window(f"io:FileIO.read = {NEVER}"):
        assert before == message()


def test_c_code_takes_adapted_files(opened: Path, tmp_path: Path) -> None:
    with open(opened) as file:
        assert [["a", "b"], ["1", "2"]] == list(csv.reader(file))
    with open(tmp_path / "j", "w") as file:
        json.dump({"a": [1]}, file)
    with open(tmp_path / "j") as file:
        assert {"a": [1]} == json.load(file)
    with open(tmp_path / "p", "wb") as binary:
        pickle.dump([1], binary)
    with open(tmp_path / "p", "rb") as binary:
        assert [1] == pickle.load(binary)
    with open(tmp_path / "out", "w+") as file:
        subprocess.run([sys.executable, "-c", "print('out')"], stdout=file, check=True)
        file.seek(0)
        assert "out\n" == file.read()
    with open(opened) as file:
        done = subprocess.run(
            [sys.executable, "-c", "import sys; print(sys.stdin.read())"], stdin=file, capture_output=True, text=True
        )
        assert "a,b\n1,2\n\n" == done.stdout
    with open(opened, "rb") as source, open(tmp_path / "copy", "wb") as target:
        shutil.copyfileobj(source, target)
    shutil.copyfile(opened, tmp_path / "copy2")
    assert opened.read_bytes() == (tmp_path / "copy").read_bytes() == (tmp_path / "copy2").read_bytes()
    with open(tmp_path / "z", "wb") as binary, zipfile.ZipFile(binary, "w") as archive:
        archive.writestr("in", "side")
    with open(tmp_path / "z", "rb") as binary, zipfile.ZipFile(binary) as archive:
        assert b"side" == archive.read("in")
    with open(tmp_path / "g", "wb") as binary, gzip.GzipFile(fileobj=binary, mode="w") as zipped:
        zipped.write(b"zipped")
    with open(tmp_path / "g", "rb") as binary, gzip.open(binary) as zipped:
        assert b"zipped" == zipped.read()
    with open(opened, "rb") as binary, mmap.mmap(binary.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert b"a,b" == mapped[:3]
    with open(opened, "rb") as binary, io.TextIOWrapper(binary, "utf-8") as text:
        assert "a,b\n1,2\n" == text.read()
    with open(opened, "rb", 0) as raw, io.BufferedReader(raw) as buffered:
        assert b"a,b\n" == buffered.readline()
    with open(tmp_path / "stdout", "w") as file, contextlib.redirect_stdout(file):
        print("printed")  # noqa: T201  # into a file
    assert "printed\n" == (tmp_path / "stdout").read_text()
    with open(opened, "rb") as binary:
        buffer = bytearray(3)
        assert 3 == binary.readinto(buffer)
    with open(opened) as file:
        assert "b" == next(csv.DictReader(file)).popitem()[0]


def test_file_of_an_asyncio_subprocess_works(opened: Path) -> None:
    async def main() -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "print(input())", stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        out, _ = await process.communicate(b"hello\n")
        return out

    assert b"hello\n" == asyncio.run(main())


def test_file_outlives_its_rule(lab: Any, tmp_path: Path) -> None:
    with lab.window("io:TextIOWrapper.write = raise(OSError)"):
        file = open(tmp_path / "f", "w")
        with pytest.raises(OSError):
            file.write("x")
    file.write("y")
    file.close()
    assert "y" == (tmp_path / "f").read_text()


def test_modules_and_sources_are_read_undisturbed(lab: Any) -> None:
    """Importing, showing a traceback and reading source lines are nobody's calls on a file."""
    lab.write("late", "def f():\n    1 / 0")
    with lab.window("io:*.re*d* = raise(OSError)", "builtins:open = raise(OSError)"):
        late = importlib.import_module("late")
        with pytest.raises(ZeroDivisionError) as caught:
            late.f()
    assert "1 / 0" in str(caught.getrepr())


# --- sockets


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server that answers each connection with what it gets, once."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                con, _ = server.accept()
                con.settimeout(0.5)
                with con, contextlib.suppress(OSError):
                    con.sendall(con.recv(100))

    thread = threading.Thread(target=serve)
    thread.start()
    yield server.getsockname()
    with contextlib.suppress(OSError):
        server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)
    assert not thread.is_alive()


SOCKET_CALLS: dict[str, Callable[[tuple[str, int]], Any]] = {
    "connect": lambda address: socket.create_connection(address),
    "recv": lambda address: socket.socketpair()[0].recv(1),
    "send": lambda address: socket.socketpair()[0].send(b"x"),
    "sendall": lambda address: socket.create_connection(address).sendall(b"x"),
    "recv_into": lambda address: socket.socketpair()[0].makefile("rb").read(1),
    "accept": lambda address: socket.create_server(("127.0.0.1", 0)).accept(),
    "close": lambda address: socket.socket().close(),
    "bind": lambda address: socket.socket().bind(("127.0.0.1", 0)),
}


@pytest.mark.parametrize("spelling", ["socket:socket", "_socket:socket", "socket:SocketType"])
@pytest.mark.parametrize("name", list(SOCKET_CALLS))
@pytest.mark.usefixtures("litter")
def test_socket_call_meets_the_fault(lab: Any, echo: Any, name: str, spelling: str) -> None:
    with lab.window(f"{spelling}.{name} = #1 raise(ConnectionResetError)"):
        with pytest.raises(ConnectionResetError, match=rf"injected at {spelling}\.{name}, call 1"):
            SOCKET_CALLS[name](echo)


@pytest.mark.parametrize("name", ["recv", "send", "sendall"])
@pytest.mark.parametrize("fault", ["#1 raise(BrokenPipeError)", "#1 raise(ConnectionResetError, 104, 'reset')"])
def test_connection_of_which_an_error_says_that_it_is_gone_is_gone(lab: Any, name: str, fault: str) -> None:
    """Who reads on regardless comes to its end, and does not wait for what nobody sends."""
    here, there = socket.socketpair()
    here.settimeout(5)  # where it is not gone
    there.settimeout(5)
    with here, there, lab.window(f"socket:socket.{name} = {fault}"):
        with pytest.raises(ConnectionError):
            getattr(here, name)(1 if name == "recv" else b"x")
        assert here.recv(1) == b""
        assert there.recv(1) == b""


@pytest.mark.parametrize("error", ["TimeoutError", "OSError"])
def test_connection_outlives_an_error_that_says_nothing_of_its_end(lab: Any, error: str) -> None:
    here, there = socket.socketpair()
    with here, there, lab.window(f"socket:socket.send = #1 raise({error})"):
        with pytest.raises(OSError, match="injected"):
            here.send(b"x")
        here.send(b"y")
        assert there.recv(10) == b"y"


def test_who_waits_for_connections_goes_on_when_one_is_gone(lab: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with lab.window("socket:socket.accept = #1 raise(ConnectionError)"):
            with pytest.raises(ConnectionError), socket.create_connection(server.getsockname()):
                server.accept()
            with socket.create_connection(server.getsockname()):
                server.accept()[0].close()


def test_socket_of_c_is_the_same_point_as_its_subclass() -> None:
    (one,), (two,) = (resolve(parse_target(f"{name}.recv")) for name in ("_socket:socket", "socket:socket"))
    assert one.identity == two.identity


def test_glob_takes_methods_that_a_socket_has_from_c() -> None:
    texts = {point.text for point in resolve(parse_target("socket:socket.recv*"))}
    assert {"socket:socket.recv", "socket:socket.recv_into", "socket:socket.recvfrom"} <= texts


def test_asyncio_streams_meet_the_fault(lab: Any, echo: Any) -> None:
    async def main() -> bytes:
        reader, writer = await asyncio.open_connection(*echo)
        try:
            writer.write(b"hello")
            return await reader.read()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionResetError):
                await writer.wait_closed()

    assert b"hello" == asyncio.run(main())
    with lab.window("socket:socket.send = raise(ConnectionResetError)") as chaos:
        with contextlib.suppress(ConnectionResetError):
            assert b"" == asyncio.run(main())
        assert 1 <= chaos.calls("socket:socket.send")


def test_tls_has_methods_of_its_own(lab: Any) -> None:
    """``SSLSocket`` reads through C below ``recv`` of the socket, so its own methods are named."""
    with lab.window("ssl:SSLSocket.recv = raise(OSError)", "socket:socket.recv = raise(ConnectionResetError)"):
        one, other = socket.socketpair()
        with one, other:
            context = ssl.create_default_context()
            with context.wrap_socket(one, server_hostname="x", do_handshake_on_connect=False) as tls:
                with pytest.raises(OSError, match=r"ssl:SSLSocket\.recv"):
                    tls.recv(1)


# --- refused by name


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("queue:SimpleQueue.get", "'queue:Queue.get'"),
        ("_queue:SimpleQueue.put", "'queue:Queue.get'"),
        ("_thread:LockType.acquire", "your own function that takes the lock"),
        ("threading:Lock.acquire", "your own function that takes the lock"),
        ("_thread:RLock.acquire", "your own function that takes the lock"),
        ("datetime:datetime.now", "your own function that asks for the time"),
        ("builtins:dict.get", "your own function that makes this call"),
        ("builtins:list.append", "your own function that makes this call"),
        ("io:BytesIO.read", "by calling the class and not by open()"),
        ("io:StringIO.write", "by calling the class and not by open()"),
        ("sqlite3:Blob.read", "'sqlite3:Connection.blobopen.read'"),
        ("io:FileIO", "'builtins:open'"),
        ("io:TextIOWrapper.__next__", "'io:TextIOWrapper.readline'"),
        ("sqlite3:Cursor.__next__", "'sqlite3:Cursor.fetchone'"),
        ("sqlite3:Connection.__exit__", "counts as the call it stands for"),
        ("sqlite3:Cursor.exceute", "Did you mean 'execute'"),
        ("io:TextIOWrapper.raed", "Did you mean 'read'"),
        ("sqlite3:Cursor.rowcount", "is not callable"),
    ],
)
def test_what_cannot_be_reached_is_refused_with_a_remedy(target: str, words: str) -> None:
    with pytest.raises(TargetError) as caught:
        check(parse_target(target))
    assert words in str(caught.value)
