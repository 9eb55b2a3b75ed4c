"""sqlite3: connections and cursors whose methods can be replaced, through both of its factories.

``Connection.execute`` and leaving a ``with`` go, in C, past the methods that they stand for; here they are written out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from types import TracebackType
from typing import Any

from pytest_chaos.injector.adapters.factory import Factory
from pytest_chaos.injector.adapters.twins import TwinReach, adapted, disguise
from pytest_chaos.injector.aliases import AliasIndex
from pytest_chaos.target import Point

_FACTORY = 5  # position of ``factory`` among the arguments of sqlite3.connect


class Cursor(sqlite3.Cursor):
    """A cursor whose methods can be replaced."""

    __slots__ = ()


class Connection(sqlite3.Connection):
    """A connection whose methods can be replaced, and whose cursors are ours too."""

    __slots__ = ("__weakref__",)  # so that it can be remembered to which database it leads

    def cursor(self, factory: Any = Cursor) -> Any:
        """Make a cursor."""
        __tracebackhide__ = True
        return super().cursor(adapted(factory, sqlite3.Cursor, Cursor))

    def execute(self, *args: Any) -> Any:
        """Make a cursor and execute, which C does without a call of either."""
        __tracebackhide__ = True
        return sqlite3.Connection.cursor(self, Cursor).execute(*args)

    def executemany(self, *args: Any) -> Any:
        """Make a cursor and execute many."""
        __tracebackhide__ = True
        return sqlite3.Connection.cursor(self, Cursor).executemany(*args)

    def executescript(self, *args: Any) -> Any:
        """Make a cursor and execute a script."""
        __tracebackhide__ = True
        return sqlite3.Connection.cursor(self, Cursor).executescript(*args)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> Any:
        """Commit or roll back, which C does without a call of either."""
        __tracebackhide__ = True
        if kind is None and error is None and trace is None:
            try:
                Connection.commit(self)
            except BaseException:
                Connection.rollback(self)  # as C does, to unlock the database
                raise
        else:
            Connection.rollback(self)
        return False


def _connect(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    __tracebackhide__ = True
    if len(args) > _FACTORY:
        factory = adapted(args[_FACTORY], sqlite3.Connection, Connection)
        args = (*args[:_FACTORY], factory, *args[_FACTORY + 1 :])
    else:
        factory = adapted(kwargs.get("factory", sqlite3.Connection), sqlite3.Connection, Connection)
        kwargs = {**kwargs, "factory": factory}
    return wrapped(*args, **kwargs)


class Sqlite3Adapter(Factory):
    """Stands at ``sqlite3.connect``, wherever it was copied to."""

    def __init__(self) -> None:
        super().__init__(sqlite3, "connect", _connect, adds_arguments=True)

    def reach(self, point: Point, aliases: AliasIndex) -> TwinReach:
        """Return what reaches a method."""
        return TwinReach(point, Cursor if issubclass(point.owner, sqlite3.Cursor) else Connection, aliases)


disguise(Cursor, sqlite3.Cursor)
disguise(Connection, sqlite3.Connection)
ADAPTER = Sqlite3Adapter()
