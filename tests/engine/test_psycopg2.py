"""psycopg2 against a PostgreSQL server of its own, through both of its factories."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_chaos import TargetError
from pytest_chaos.injector.adapters.registry import Adapters
from pytest_chaos.notation import parse, parse_target
from pytest_chaos.target import check, resolve

psycopg2 = pytest.importorskip("psycopg2", reason="psycopg2 is optional")
extras = pytest.importorskip("psycopg2.extras")
NEVER = "#999 raise(OSError)"


@pytest.fixture(scope="module")
def dsn(postgres: str) -> str:
    if not postgres:
        pytest.skip("no PostgreSQL server is installed, or it does not start here")
    return postgres


@pytest.fixture(autouse=True)
def exactly_as_before() -> Iterator[None]:
    before = psycopg2.connect, dict(vars(psycopg2))
    yield
    assert before == (psycopg2.connect, dict(vars(psycopg2)))


ROWS = "select * from generate_series(1, 3) as t (a)"


def with_cursor(con: Any, call: Callable[[Any], Any], **options: Any) -> Any:
    cursor = con.cursor(**options)
    cursor.execute(ROWS)
    return call(cursor)


CALLS: dict[str, Callable[[Any], Any]] = {
    "connection.cursor": lambda con: con.cursor(),
    "connection.commit": lambda con: con.commit(),
    "connection.rollback": lambda con: con.rollback(),
    "connection.close": lambda con: con.close(),
    "cursor.execute": lambda con: con.cursor().execute("select 1"),
    "cursor.executemany": lambda con: con.cursor().executemany("select %s", [(1,)]),
    "cursor.fetchone": lambda con: with_cursor(con, lambda cursor: cursor.fetchone()),
    "cursor.fetchmany": lambda con: with_cursor(con, lambda cursor: cursor.fetchmany(2)),
    "cursor.fetchall": lambda con: with_cursor(con, lambda cursor: cursor.fetchall()),
    "cursor.close": lambda con: con.cursor().close(),
    "cursor.callproc": lambda con: con.cursor().callproc("version"),
}


@pytest.mark.parametrize("name", list(CALLS))
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cursor_factory": "DictCursor"},
        {"connection_factory": "RealDictConnection"},
        {"connection_factory": "LoggingConnection"},
    ],
    ids=["plain", "cursor factory", "connection factory", "logging"],
)
def test_call_meets_the_fault(lab: Any, dsn: str, name: str, options: dict[str, str]) -> None:
    target = f"psycopg2.extensions:{name}"
    with lab.window(f"{target} = #1 raise(psycopg2:OperationalError)") as chaos:
        con = psycopg2.connect(dsn, **{key: getattr(extras, value) for key, value in options.items()})
        if options.get("connection_factory") == "LoggingConnection":
            con.initialize(io.StringIO())
        with pytest.raises(psycopg2.OperationalError, match=rf"chaos: injected at {target}, call 1 "):
            CALLS[name](con)
        assert 1 == chaos.calls(target)
        if name != "connection.close":
            con.close()
    con.close()


def test_factories_of_the_user_are_respected(lab: Any, dsn: str) -> None:
    class Own(psycopg2.extensions.connection):  # type: ignore[misc]  # psycopg2 has no types
        def cursor(self, *args: Any, **kwargs: Any) -> Any:
            kwargs.setdefault("cursor_factory", extras.NamedTupleCursor)
            return super().cursor(*args, **kwargs)

    with lab.window(f"psycopg2.extensions:cursor.execute = {NEVER}") as chaos:
        with contextlib.closing(psycopg2.connect(dsn, Own)) as con:
            assert isinstance(con, Own)
            assert type(con).__name__ == "Own"
            cursor = con.cursor()
            assert isinstance(cursor, extras.NamedTupleCursor)
            cursor.execute("select 1 as a")
            assert 1 == cursor.fetchone().a
            dictionary = con.cursor(cursor_factory=extras.RealDictCursor)
            dictionary.execute("select 2 as b")
            assert {"b": 2} == dictionary.fetchone()
            named = con.cursor("named")
            named.execute(ROWS)
            assert [1, 2, 3] == [row.a for row in named]
        assert 3 == chaos.calls("psycopg2.extensions:cursor.execute")


def test_step_of_an_iteration_is_a_fetch(lab: Any, dsn: str) -> None:
    with lab.window("psycopg2.extensions:cursor.fetchone = #3 raise(psycopg2:DatabaseError)"):
        with contextlib.closing(psycopg2.connect(dsn)) as con:
            cursor, seen = con.cursor(), []
            cursor.execute(ROWS)
            with pytest.raises(psycopg2.DatabaseError):
                for row in cursor:
                    seen.append(row)
    assert [(1,), (2,)] == seen
    with lab.window(f"psycopg2.extensions:cursor.fetchone = {NEVER}") as chaos:
        with contextlib.closing(psycopg2.connect(dsn)) as con:
            assert [(1,), (2,), (3,)] == with_cursor(con, list)
        assert 4 == chaos.calls("psycopg2.extensions:cursor.fetchone")


@pytest.mark.parametrize(("error", "name"), [(None, "commit"), (KeyError, "rollback")])
def test_leaving_a_with_commits_or_rolls_back(lab: Any, dsn: str, error: Any, name: str) -> None:
    with lab.window(f"psycopg2.extensions:connection.{name} = {NEVER}") as chaos:
        with contextlib.closing(psycopg2.connect(dsn)) as con:
            with contextlib.suppress(KeyError), con:
                if error:
                    raise error
        assert 1 == chaos.calls(f"psycopg2.extensions:connection.{name}")


def test_connection_that_is_older_than_the_window_is_reached(lab: Any, dsn: str) -> None:
    rule = "psycopg2.extensions:cursor.fetch* = #1 raise(psycopg2:OperationalError)"
    adapters = Adapters(lab.laboratory.armory.aliases, lab.laboratory.provenance)
    adapters.prepare(parse(rule))
    try:
        with contextlib.closing(psycopg2.connect(dsn)) as con:
            cursor = con.cursor()
            cursor.execute(ROWS)
            with lab.window(rule):
                with pytest.raises(psycopg2.OperationalError):
                    cursor.fetchall()
            assert 3 == len(cursor.fetchall())
    finally:
        adapters.close()


def test_sqlalchemy_is_reached(lab: Any, dsn: str) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    engine = sqlalchemy.create_engine("postgresql+psycopg2://", creator=lambda: psycopg2.connect(dsn))
    try:
        with lab.window("psycopg2.extensions:cursor.execute = raise(psycopg2:OperationalError)"):
            with pytest.raises(sqlalchemy.exc.OperationalError, match="chaos"):
                engine.connect()
        with engine.connect() as con:
            assert 1 == con.execute(sqlalchemy.text("select 1")).scalar()
    finally:
        engine.dispose()


def test_errors_of_psycopg2_are_its_own(lab: Any, dsn: str) -> None:
    def messages() -> list[str]:
        found = []
        with contextlib.closing(psycopg2.connect(dsn)) as con:
            for wrong in (lambda: con.cursor(cursor_factory=3), lambda: con.cursor(cursor_factory=int)):
                with pytest.raises(Exception) as caught:
                    wrong()
                found.append(f"{type(caught.value).__name__}: {caught.value}")
        with pytest.raises(psycopg2.OperationalError) as caught:
            psycopg2.connect("host=/no/such/folder")
        return [*found, str(caught.value)]

    before = messages()
    with lab.window(f"psycopg2.extensions:cursor.execute = {NEVER}"):
        assert before == messages()


def test_glob_and_misspelt_names() -> None:
    texts = {point.text for point in resolve(parse_target("psycopg2.extensions:cursor.fetch*"))}
    assert {f"psycopg2.extensions:cursor.fetch{rest}" for rest in ("one", "many", "all")} == texts
    with pytest.raises(TargetError, match="Did you mean 'execute'"):
        check(parse_target("psycopg2.extensions:cursor.exceute"))
    with pytest.raises(TargetError, match="'psycopg2:connect'"):
        check(parse_target("psycopg2.extensions:connection"))
