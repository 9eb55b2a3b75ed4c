"""Faults on what a call returned: through functions, methods, awaits and contexts, to the call that is named."""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import inspect
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from pytest_chaos import Raise, Return

SHOP = """
import contextlib, functools

class Cursor:
    def __init__(self): self.rows = [1, 2]
    def execute(self, sql): return ("executed by a cursor", sql)
    def begin(self): return self
    def fetch(self): return self.rows
    def __iter__(self): return iter(self.rows)

class Connection:
    size = 3
    def __init__(self): self.name = "db"
    def execute(self, sql): return ("executed", sql)
    def begin(self): return self
    def cursor(self): return Cursor()
    async def fetch(self, sql="select"): return ("fetched", sql)
    async def cursor_later(self): return Cursor()
    def rows(self):
        yield 1
        yield 2
    @property
    def status(self): return "ready"
    @contextlib.contextmanager
    def transaction(self): yield "transaction"
    def __enter__(self): return self
    def __exit__(self, *error): return None
    async def __aenter__(self): return self
    async def __aexit__(self, *error): return None
    def __len__(self): return 7

class Answer:
    def __init__(self, made): self.made = made
    def __await__(self):
        yield from ()
        return self.made
    async def __aenter__(self): return self.made
    async def __aexit__(self, *error): return None

class Pool:
    def acquire(self): return Connection()
    async def acquire_later(self): return Connection()
    @classmethod
    def make(cls): return Connection()
    @staticmethod
    def plain(): return Connection()
    @property
    def first(self): return Connection()
    @functools.cached_property
    def only(self): return Connection()

class Child(Pool): ...

class Sender:
    name = "sender"
    def __call__(self): return "sent"

def connect(): return Connection()
async def connect_later(): return Connection()
def answer(): return Answer(Connection())
@contextlib.contextmanager
def session(): yield Connection()
@contextlib.asynccontextmanager
async def session_later(): yield Connection()
def number(): return 3
def text(): return "text"
def nothing(): return None
def items(): return {"a": 1}
def sender(): return Sender()
class Dynamic:
    def __getattr__(self, name): return lambda: name
def dynamic(): return Dynamic()
pool = Pool()
"""

NEVER = "#999 raise(OSError)"


@pytest.fixture
def shop(lab: Any) -> Any:
    return lab.module("shop", SHOP)


def awaited(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


async def entered_later(manager: Any) -> Any:
    async with manager as value:
        return value


async def its(awaitable: Any, call: Callable[[Any], Any]) -> Any:
    found = call(await awaitable)
    return await found if inspect.isawaitable(found) else found


def entered(manager: Any, call: Callable[[Any], Any]) -> Any:
    with manager as value:
        return call(value)


def execute(con: Any) -> Any:
    return con.execute("sql")


CALLS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "function": ("connect.execute", lambda s: execute(s.connect())),
    "method": ("Pool.acquire.execute", lambda s: execute(s.Pool().acquire())),
    "inherited method": ("Child.acquire.execute", lambda s: execute(s.Child().acquire())),
    "method of an instance": ("pool.acquire.execute", lambda s: execute(s.pool.acquire())),
    "classmethod": ("Pool.make.execute", lambda s: execute(s.Pool.make())),
    "staticmethod": ("Pool.plain.execute", lambda s: execute(s.Pool.plain())),
    "property": ("Pool.first.execute", lambda s: execute(s.Pool().first)),
    "cached property": ("Pool.only.execute", lambda s: execute(s.Pool().only)),
    "coroutine function": ("connect_later.execute", lambda s: awaited(its(s.connect_later(), execute))),
    "coroutine method": ("Pool.acquire_later.execute", lambda s: awaited(its(s.Pool().acquire_later(), execute))),
    "coroutine of what was awaited": ("connect_later.fetch", lambda s: awaited(its(s.connect_later(), _fetch))),
    "coroutine of what was returned": ("connect.fetch", lambda s: awaited(s.connect().fetch())),
    "awaitable": ("answer.execute", lambda s: awaited(its(s.answer(), execute))),
    "awaitable that is entered": ("answer.execute", lambda s: execute(awaited(entered_later(s.answer())))),
    "context manager": ("session.execute", lambda s: entered(s.session(), execute)),
    "async context manager": ("session_later.execute", lambda s: execute(awaited(entered_later(s.session_later())))),
    "entered itself": ("connect.execute", lambda s: entered(s.connect(), execute)),
    "entered itself later": ("connect.execute", lambda s: execute(awaited(entered_later(s.connect())))),
    "two steps": ("connect.cursor.execute", lambda s: s.connect().cursor().execute("sql")),
    "two steps, one awaited": (
        "connect.cursor_later.execute",
        lambda s: awaited(its(s.connect().cursor_later(), execute)),
    ),
    "property of what was returned": ("connect.status", lambda s: s.connect().status),
    "attribute of what was returned": ("connect.name", lambda s: s.connect().name),
    "class attribute of what was returned": ("connect.size", lambda s: s.connect().size),
    "generator of what was returned": ("connect.rows", lambda s: list(s.connect().rows())),
    "context manager of what was returned": ("connect.transaction", lambda s: entered(s.connect().transaction(), str)),
    "dynamic attribute": ("dynamic.anything", lambda s: s.dynamic().anything()),
}


async def _fetch(con: Any) -> Any:
    return await con.fetch()


@pytest.mark.parametrize("name", list(CALLS))
def test_call_on_what_was_returned_meets_the_fault(shop: Any, lab: Any, name: str) -> None:
    target, call = CALLS[name]
    with lab.window(f"shop:{target} = #2 raise(OSError)") as chaos:
        plain = call(shop)
        with pytest.raises(OSError, match=rf"^chaos: injected at shop:{target}, call 2 "):
            call(shop)
        assert plain == call(shop)
        assert 3 == chaos.calls(f"shop:{target}")
    assert plain == call(shop)


@pytest.mark.parametrize("name", list(CALLS))
def test_without_a_firing_every_call_answers_as_ever(shop: Any, lab: Any, name: str) -> None:
    target, call = CALLS[name]
    before, names = call(shop), [dict(vars(owner)) for owner in (shop, shop.Pool, shop.Child, shop.pool)]
    with lab.window(f"shop:{target} = {NEVER}"):
        assert before == call(shop)
    assert names == [dict(vars(owner)) for owner in (shop, shop.Pool, shop.Child, shop.pool)]


def test_method_that_returns_itself_returns_the_proxy(shop: Any, lab: Any) -> None:
    with lab.window(f"shop:connect.begin = {NEVER}", "shop:connect.execute = return('fault')"):
        assert "fault" == shop.connect().begin().execute("sql")


@pytest.mark.parametrize("fault", ["hang", "delay(1000)", "hang(1000)"])
def test_coroutine_of_what_was_returned_waits_without_blocking_the_loop(shop: Any, lab: Any, fault: str) -> None:
    async def main() -> str:
        waiting = asyncio.create_task(shop.connect().fetch())
        await asyncio.sleep(0)  # a turn of the loop, not a wait
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return "ended"

    with lab.window(f"shop:connect.fetch = {fault}", budget_s=60):
        began = time.monotonic()
        assert "ended" == asyncio.run(main())
        assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("target", "call", "null"),
    [
        ("connect.execute", lambda s: execute(s.connect()), None),
        ("connect.fetch", lambda s: awaited(s.connect().fetch()), None),
        ("connect.rows", lambda s: list(s.connect().rows()), []),
        ("connect.status", lambda s: s.connect().status, None),
    ],
)
def test_null_is_that_of_what_is_called(shop: Any, lab: Any, target: str, call: Any, null: Any) -> None:
    with lab.window(f"shop:{target} = null"):
        assert null == call(shop)


def test_coroutine_that_nobody_awaits_stays_one(shop: Any, lab: Any) -> None:
    with lab.window(f"shop:connect_later.execute = {NEVER}"):
        coroutine = shop.connect_later()
        assert inspect.iscoroutine(coroutine)
        assert "connect_later" == coroutine.__name__
        assert inspect.iscoroutinefunction(shop.connect_later)
        asyncio.run(coroutine)


def test_proxy_is_what_it_stands_for(shop: Any, lab: Any) -> None:
    with lab.window(f"shop:connect.execute = {NEVER}", f"shop:sender.no = {NEVER}"):
        con = shop.connect()

        assert isinstance(con, shop.Connection)
        assert con.__class__ is shop.Connection
        assert (7, "db", 3) == (len(con), con.name, con.size)
        assert repr(con).startswith("<shop.Connection object")
        assert con == con and con in [con] and {con: 1}[con] == 1
        con.name = "renamed"
        assert "renamed" == con.__wrapped__.name
        assert not callable(con)
        assert not isinstance(con, collections.abc.Iterator | collections.abc.Awaitable)
        assert not hasattr(con, "__next__") and not hasattr(con, "__await__")
        with pytest.raises(AttributeError, match="no attribute 'nonesuch'"):
            con.nonesuch  # noqa: B018  # the reading is the point
        assert ["sql"] == list(inspect.signature(con.execute).parameters)
        assert "execute" == con.execute.__name__


def test_callable_stays_callable(shop: Any, lab: Any) -> None:
    with lab.window(f"shop:sender.name = {NEVER}"):
        sender = shop.sender()
        assert callable(sender)
        assert "sent" == sender()


def test_proxy_outlives_its_rule_and_changes_nothing(shop: Any, lab: Any) -> None:
    with lab.window() as chaos:
        with chaos.inject("shop:connect.cursor.execute", Raise(OSError)) as injection:
            con = shop.connect()
            cursor = con.cursor()
            with pytest.raises(OSError):
                cursor.execute("sql")
        assert ("executed by a cursor", "sql") == cursor.execute("sql")
        assert type(con.cursor()) is shop.Cursor, "nothing new is wrapped"
        assert type(shop.connect()) is shop.Connection
        assert 1 == injection.calls


def test_several_rules_share_a_value(shop: Any, lab: Any) -> None:
    with lab.window() as chaos:
        one = chaos.inject("shop:connect.execute", Return("one"))
        two = chaos.inject("shop:connect.begin", Return("two"))
        deep = chaos.inject("shop:connect.cursor.fetch", Return("three"))
        con = shop.connect()
        assert ["one", "two", "three"] == [con.execute("sql"), con.begin(), con.cursor().fetch()]
        one.lift()
        assert [("executed", "sql"), "two"] == [con.execute("sql"), con.begin()]
        two.lift()
        deep.lift()
        assert [1, 2] == con.cursor().fetch()


def test_two_rules_on_one_point_share_its_site(shop: Any, lab: Any) -> None:
    with lab.window("shop:connect.execute = return('first')", "shop:connect.execute = #1 return('last')") as chaos:
        con = shop.connect()
        assert ["last", "first"] == [con.execute("sql"), con.execute("sql")]
        assert [2, 2] == [injection.calls for injection in chaos._experiment.injector.injections]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 2, 1), (1, 2, 0), (2, 0, 1)])
@pytest.mark.parametrize("function", ["shop:connect", "sqlite3:connect"])
def test_rules_on_a_function_and_on_what_it_returned_lift_in_any_order(
    shop: Any, lab: Any, function: str, order: tuple[int, ...]
) -> None:
    before = shop.connect, sqlite3.connect, dict(vars(shop)), dict(vars(sqlite3))
    with lab.window() as chaos:
        injections = [
            chaos.inject(function, Raise(OSError), nth=99),
            chaos.inject(f"{function}.execute", Raise(OSError)),
            chaos.inject(f"{function}.cursor", Raise(OSError)),
        ]
        con = sqlite3.connect(":memory:") if function == "sqlite3:connect" else shop.connect()
        with pytest.raises(OSError):
            con.execute("select 1")
        with pytest.raises(OSError):
            con.cursor()
        for index in order:
            injections[index].lift()
        con.execute("select 1")
        if function == "sqlite3:connect":
            con.close()
        assert 1 == injections[0].calls
    assert before == (shop.connect, sqlite3.connect, dict(vars(shop)), dict(vars(sqlite3)))


@pytest.mark.parametrize("first", [0, 1])
def test_rule_on_the_function_itself_acts_beside(shop: Any, lab: Any, first: int) -> None:
    rules = ["shop:connect = #2 raise(KeyError)", "shop:connect.execute = raise(OSError)"]
    with lab.window(rules[first], rules[1 - first]):
        con = shop.connect()
        with pytest.raises(OSError):
            con.execute("sql")
        with pytest.raises(KeyError):
            shop.connect()


@pytest.mark.parametrize("lift_first", [True, False])
@pytest.mark.parametrize("injection_first", [True, False])
@pytest.mark.parametrize("target", ["shop.connect", "shop.Pool.acquire", "sqlite3.connect"])
def test_mock_patch_and_injection_interleave(
    shop: Any, lab: Any, target: str, injection_first: bool, lift_first: bool
) -> None:
    owner, _, name = target.rpartition(".")
    place = shop.Pool if owner == "shop.Pool" else shop if owner == "shop" else sqlite3
    before = vars(place)[name]
    with lab.window() as chaos:
        patch = mock.patch(target, return_value="mocked")
        rule = f"{target.replace('.', ':', 1)}.execute = null"
        if injection_first:
            injection = chaos.inject(rule)
            patch.start()
        else:
            patch.start()
            injection = chaos.inject(rule)
        for end in (injection.lift, patch.stop) if lift_first else (patch.stop, injection.lift):
            end()
    assert vars(place)[name] is before


def test_copies_of_the_function_are_reached(shop: Any, lab: Any) -> None:
    copies = lab.module("copies", "from shop import connect as open_db\nclass C:\n    db = staticmethod(open_db)")
    with lab.window("shop:connect.execute = null"):
        assert [None, None] == [execute(copies.open_db()), execute(copies.C.db())]


# --- what cannot be watched


@pytest.mark.parametrize(
    ("target", "call", "words"),
    [
        ("number.real", lambda s: s.number(), "shop:number returned an int, on whose calls no fault can be put"),
        ("text.upper", lambda s: s.text(), "shop:text returned a str, on whose calls no fault can be put"),
        ("items.get", lambda s: s.items(), "shop:items returned a dict, on whose calls no fault can be put"),
        ("connect.exceute", lambda s: s.connect(), "shop:connect returned a Connection"),
        ("connect.curser.execute", lambda s: s.connect(), "which has no 'curser'. Did you mean 'cursor' or"),
        (
            "connect.cursor.exceute",
            lambda s: s.connect().cursor(),
            "shop:connect.cursor returned a Cursor, which has no 'exceute'. Did you mean 'execute'?",
        ),
        ("session.exceute", lambda s: entered(s.session(), str), "returned a Connection, which has no 'exceute'."),
        ("connect_later.exceute", lambda s: awaited(s.connect_later()), "returned a Connection"),
    ],
)
def test_answer_that_cannot_be_watched_is_a_problem_and_no_error(
    shop: Any, lab: Any, target: str, call: Any, words: str
) -> None:
    rule = f"shop:{target} = raise(OSError)"
    seen = lab.run(lambda: call(shop), rule)

    assert ("inconclusive", True) == (seen.verdict, seen.fails)
    assert 1 == len([text for text in seen.texts if f"target shop:{target}: " in text and words in text]), seen.texts
    assert "" == seen.failure


@pytest.mark.parametrize(
    ("rule", "call", "words"),
    [
        (
            "shop:connect.rows = return(3)",
            lambda s: list(s.connect().rows()),
            "return cannot act on shop:connect.rows, a",
        ),
        ("shop:connect.transaction = null", lambda s: entered(s.connect().transaction(), str), "a context manager"),
        ("shop:connect.execute = cancel", lambda s: execute(s.connect()), "cancel cannot act on shop:connect.execute"),
    ],
)
def test_fault_that_cannot_act_there_is_a_problem_and_no_error(
    shop: Any, lab: Any, rule: str, call: Any, words: str
) -> None:
    seen = lab.run(lambda: call(shop), rule)

    assert ("inconclusive", "", 0) == (seen.verdict, seen.failure, len(seen.observation.activations))
    assert any(words in text for text in seen.texts), seen.texts


def test_coroutine_of_what_was_returned_is_cancelled(shop: Any, lab: Any) -> None:
    async def main() -> None:
        await shop.connect().fetch()

    with lab.window("shop:connect.fetch = cancel"):
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(main())


def test_nothing_is_passed_on_in_silence(shop: Any, lab: Any) -> None:
    seen = lab.run(shop.nothing, "shop:nothing.execute = raise(OSError)")

    assert [] == list(seen.observation.problems)
    assert "inconclusive" == seen.verdict


# --- the standard library


def test_file_by_way_of_open(lab: Any, tmp_path: Path) -> None:
    (tmp_path / "f").write_text('{"a": 1}')
    with lab.window("builtins:open.read = raise(OSError)") as chaos:
        with pytest.raises(OSError, match=r"builtins:open\.read"):
            with open(tmp_path / "f") as file:
                json.load(file)
        with pytest.raises(OSError):
            (tmp_path / "f").read_text()
        assert 2 == chaos.calls("builtins:open.read")
    assert '{"a": 1}' == (tmp_path / "f").read_text()


def test_file_by_both_ways(lab: Any, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("a\nb\n")
    rules = [f"builtins:open.readline = {NEVER}", f"io:TextIOWrapper.readline = {NEVER}"]
    with lab.window(*rules) as chaos:
        with open(tmp_path / "f") as file:
            assert ["a\n", "b\n"] == list(file)
        assert [3, 3] == [chaos.calls(rule.partition(" ")[0]) for rule in rules]


@pytest.mark.parametrize("spelling", ["sqlite3:connect.cursor.execute", "sqlite3:Connection.cursor.execute"])
def test_cursor_by_way_of_its_connection(lab: Any, spelling: str) -> None:
    with lab.window(f"{spelling} = #2 raise(sqlite3:OperationalError)") as chaos:
        with contextlib.closing(sqlite3.connect(":memory:")) as con:
            cursor = con.cursor()
            assert [(1,)] == list(cursor.execute("select 1"))
            with pytest.raises(sqlite3.OperationalError):
                cursor.execute("select 1")
        assert 2 == chaos.calls(spelling)


@pytest.fixture(autouse=True)
def exactly_as_before() -> Iterator[None]:
    before = dict(vars(sqlite3)), __builtins__["open"], vars(sqlite3.dbapi2)["connect"]  # type: ignore[index]  # a dict, in a module that is imported
    yield
    assert before == (dict(vars(sqlite3)), __builtins__["open"], vars(sqlite3.dbapi2)["connect"])  # type: ignore[index]  # as above
