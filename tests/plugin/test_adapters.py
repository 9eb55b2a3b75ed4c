"""Faults on immutable C types in a real session: connections and files that fixtures made are reached, and nothing
outside a window is disturbed.
"""

from __future__ import annotations

import builtins
import io
import sqlite3
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def factories_are_as_before() -> Iterator[None]:
    before = sqlite3.connect, sqlite3.dbapi2.connect, builtins.open, io.open, sys.modules["_io"].open
    yield
    assert before == (sqlite3.connect, sqlite3.dbapi2.connect, builtins.open, io.open, sys.modules["_io"].open)


SHOP = """
import sqlite3

def price(con, name):
    try:
        row = con.execute("select price from goods where name = ?", (name,)).fetchone()
    except sqlite3.OperationalError:
        return "later"
    return row[0]

def names(con):
    return [name for name, in con.execute("select name from goods")]
"""
FIXTURES = """
import sqlite3, pytest

@pytest.fixture(scope="session")
def con():
    con = sqlite3.connect(":memory:")
    con.executescript("create table goods (name, price); insert into goods values ('tea', 3), ('jam', 4)")
    yield con
    assert con.execute("select count(*) from goods").fetchone() == (2,)
    con.close()
"""


def test_connection_of_a_fixture_is_reached_and_fixtures_are_spared(inner):
    inner.write("shop.py", SHOP)
    inner.write("conftest.py", FIXTURES)
    inner.write(
        "test_it.py",
        """
        import pytest, shop, sqlite3
        from pytest_chaos import Raise

        def test_before(con):
            assert shop.price(con, "tea") == 3

        @pytest.mark.chaos("sqlite3:Cursor.execute", Raise(sqlite3.OperationalError))
        def test_execute(con):
            assert shop.price(con, "tea") == "later"

        @pytest.mark.chaos("sqlite3:Connection.execute", Raise(sqlite3.OperationalError), nth=2)
        def test_connection_execute(con):
            assert [shop.price(con, "tea") for _ in range(3)] == [3, "later", 3]

        @pytest.mark.chaos("sqlite3:Cursor.fetchone", Raise(sqlite3.OperationalError), nth=2)
        def test_fetch(con):
            with pytest.raises(sqlite3.OperationalError):
                shop.names(con)

        def test_after(con):
            assert shop.price(con, "tea") == 3
            assert "execute" not in vars(type(con.cursor()))
        """,
    )

    done = inner.run()

    assert done.outcomes == {"passed": 5}, done.text
    assert done.verdicts == {
        "test_execute": "resilient",
        "test_connection_execute": "resilient",
        "test_fetch": "resilient",
    }
    assert {name: result["calls"] for name, result in done.results.items()} == {
        "test_execute": 1,
        "test_connection_execute": 3,
        "test_fetch": 2,
    }


def test_sqlalchemy_engine_is_reached(inner):
    pytest.importorskip("sqlalchemy")
    inner.write(
        "shop.py",
        """
        import sqlalchemy

        def price(engine):
            try:
                with engine.connect() as con:
                    return con.execute(sqlalchemy.text("select 3")).scalar()
            except sqlalchemy.exc.OperationalError:
                return "later"
        """,
    )
    inner.write(
        "test_it.py",
        """
        import pytest, shop, sqlalchemy, sqlite3
        from pytest_chaos import Raise

        @pytest.fixture
        def engine():
            engine = sqlalchemy.create_engine("sqlite://")
            with engine.connect():
                pass
            yield engine
            engine.dispose()

        @pytest.mark.chaos("sqlite3:Cursor.execute", Raise(sqlite3.OperationalError, "database is locked"))
        def test_execute(engine):
            assert shop.price(engine) == "later"

        @pytest.mark.chaos("sqlite3:Cursor.fetch*", Raise(sqlite3.OperationalError), nth=1)
        def test_fetch(engine):
            assert shop.price(engine) == "later"
            assert shop.price(engine) == 3
        """,
    )

    done = inner.run_apart()

    assert done.outcomes == {"passed": 2}, done.text
    assert done.verdicts == {"test_execute": "resilient", "test_fetch": "resilient"}


def test_connection_that_is_older_than_an_injection_by_hand_is_not_reached_and_that_is_said(inner):
    inner.write("shop.py", SHOP)
    inner.write("conftest.py", FIXTURES)
    inner.write(
        "test_it.py",
        """
        import sqlite3, pytest, shop
        from pytest_chaos import Raise

        def test_older(con, chaos):
            chaos.inject("sqlite3:Cursor.execute", Raise(sqlite3.OperationalError))
            assert shop.price(con, "tea") == 3

        def test_younger(chaos):
            chaos.inject("sqlite3:Cursor.execute", Raise(sqlite3.OperationalError))
            con = sqlite3.connect(":memory:")
            assert shop.price(con, "tea") == "later"
            con.close()
        """,
    )

    done = inner.run()

    assert done.verdicts == {"test_older": "inconclusive", "test_younger": "resilient"}, done.text
    assert "rule never fired: sqlite3:Cursor.execute" in done.text


def test_misspelt_method_is_refused_before_anything_runs(inner):
    inner.write(
        "test_it.py",
        """
        import pytest
        from pytest_chaos import Null

        @pytest.mark.chaos("sqlite3:Cursor.fetchoen", Null)
        def test_it(): ...
        """,
    )

    done = inner.run()

    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert "'Cursor' has no attribute 'fetchoen'" in done.text
    assert "Did you mean 'fetchone'" in done.text


def test_misspelt_method_of_what_was_returned_is_inconclusive(inner):
    inner.write("shop.py", "class Connection:\n    def execute(self): ...\ndef connect(): return Connection()\n")
    inner.write(
        "test_it.py",
        """
        import pytest, shop
        from pytest_chaos import Null

        @pytest.mark.chaos("shop:connect.exceute", Null)
        def test_it():
            shop.connect().execute()
        """,
    )

    done = inner.run()

    assert done.verdicts == {"test_it": "inconclusive"}
    assert "shop:connect returned a Connection, which has no 'exceute'. Did you mean 'execute'?" in done.text


@pytest.mark.parametrize("switch", [(), ("-p", "no:chaos", "-o", "markers=chaos")])
def test_without_chaos_nothing_is_replaced(inner, switch):
    inner.write(
        "test_it.py",
        """
        import builtins, io, pytest, sqlite3, sys

        @pytest.mark.chaos("sqlite3:Cursor.execute = null")
        @pytest.mark.chaos("io:TextIOWrapper.read = null")
        def test_disturbed(): ...

        def test_plain():
            for function in (builtins.open, io.open, sqlite3.connect):
                assert type(function) is type(len)
            assert not [name for name in sys.modules if name.startswith("pytest_chaos.injector.adapters")]
        """,
    )

    done = inner.run_apart(*switch, chaos=False)

    assert done.outcomes == ({"passed": 2} if switch else {"passed": 1, "skipped": 1}), done.text


FILES = """
import json

def load(path):
    try:
        with open(path) as file:
            return json.load(file)
    except OSError:
        return "unreadable"

def save(path, value):
    with open(path, "w") as file:
        json.dump(value, file)
"""
FILE_TESTS = """
import logging, pytest, shop
from pytest_chaos import Raise

@pytest.fixture
def path(tmp_path):
    shop.save(tmp_path / "f", {"a": 1})
    yield tmp_path / "f"
    assert shop.load(tmp_path / "f") == {"a": 1}

@pytest.mark.chaos("io:*.re*d*", Raise(OSError))
@pytest.mark.chaos("io:*.write*", Raise(OSError))
@pytest.mark.chaos("builtins:open", Raise(OSError), nth=3)
def test_disturbed(path, capfd, caplog, recwarn, tmp_path_factory):
    print("to be captured")
    logging.getLogger("shop").warning("to be logged")
    assert shop.load(path) == "unreadable"
    for _ in range(2):
        with pytest.raises(OSError):
            shop.save(path.with_name("g"), {})
    assert "to be captured" in capfd.readouterr().out
    assert "to be logged" in caplog.text
    tmp_path_factory.mktemp("more")

def test_plain(path):
    print("plain")
    assert shop.load(path) == {"a": 1}

@pytest.mark.chaos("io:TextIOWrapper.read", Raise(OSError), nth=1)
def test_fails_while_disturbed(path):
    assert shop.load(path) == "unreadable"
    assert 1 == 2, "its own failure"
"""


@pytest.mark.parametrize(
    ("args", "plugins"),
    [
        (("--timeout=30", "--log-level=INFO", "--log-file=log.txt"), ("timeout",)),
        (("-n", "2"), ("xdist",)),
        (("-s",), ()),
    ],
    ids=["capture and timeout", "xdist", "no capture"],
)
def test_pytest_survives_faults_on_files(inner, args, plugins):
    inner.write("shop.py", FILES)
    inner.write("test_it.py", FILE_TESTS)

    done = inner.run_apart(*args, plugins=plugins)

    assert done.outcomes == {"passed": 2, "failed": 1}, done.text
    assert done.results["test_disturbed"]["verdict"] == "resilient", done.text
    assert "AssertionError: its own failure" in done.text
    assert "INTERNALERROR" not in done.text


def test_coverage_survives_faults_on_files_and_databases(inner):
    pytest.importorskip("coverage")
    inner.write("shop.py", FILES)
    inner.write("test_it.py", FILE_TESTS + "\n")
    inner.write(
        "conftest.py",
        """
        import coverage
        running = coverage.Coverage(include=["shop.py"])
        def pytest_configure():
            running.start()
        def pytest_unconfigure():
            running.stop()
            running.save()
            print("covered", running.report(file=open("covered.txt", "w")))
        """,
    )
    done = inner.run_apart()

    assert done.outcomes == {"passed": 2, "failed": 1}, done.text
    assert "covered 1" in done.text or "covered 9" in done.text


def test_prepared_factories_of_a_worker_reach_fixtures_too(inner):
    inner.write("shop.py", SHOP)
    inner.write("conftest.py", FIXTURES)
    inner.write(
        "test_it.py",
        """
        import pytest, shop, sqlite3
        from pytest_chaos import Raise

        @pytest.mark.parametrize("number", range(4))
        @pytest.mark.chaos("sqlite3:Cursor.execute", Raise(sqlite3.OperationalError))
        def test_execute(con, number):
            assert shop.price(con, "tea") == "later"
        """,
    )

    done = inner.run_apart("-n", "2", plugins=("xdist",))

    assert done.outcomes == {"passed": 4}, done.text
    assert set(done.verdicts.values()) == {"resilient"}
