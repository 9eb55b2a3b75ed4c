"""psycopg2: connections and cursors whose methods can be replaced, through both of its factories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg2  # type: ignore[import-untyped]  # it has no types of its own
from psycopg2 import extensions

from pytest_chaos.injector.adapters.factory import Factory
from pytest_chaos.injector.adapters.twins import TwinReach, adapted, disguise
from pytest_chaos.injector.aliases import AliasIndex
from pytest_chaos.target import Point

_FACTORY = 1  # position of the factory among the arguments of psycopg2.connect, and of cursor()


class Cursor(extensions.cursor):  # type: ignore[misc]  # as above
    """A cursor whose methods can be replaced."""

    __slots__ = ()


class Connection(extensions.connection):  # type: ignore[misc]  # as above
    """A connection whose methods can be replaced, and whose cursors are ours too."""

    __slots__ = ()

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """Make a cursor."""
        __tracebackhide__ = True
        standard = self.cursor_factory or extensions.cursor
        args, kwargs = _with_factory(args, kwargs, "cursor_factory", standard, extensions.cursor, Cursor)
        return super().cursor(*args, **kwargs)


def _with_factory(
    args: tuple[Any, ...], kwargs: dict[str, Any], name: str, standard: Any, theirs: type, ours: type
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return arguments with a factory of objects that can be reached; ``None`` stands for the standard one."""
    if len(args) > _FACTORY:
        factory = adapted(args[_FACTORY] or standard, theirs, ours)
        return (*args[:_FACTORY], factory, *args[_FACTORY + 1 :]), kwargs
    return args, {**kwargs, name: adapted(kwargs.get(name) or standard, theirs, ours)}


def _connect(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    __tracebackhide__ = True
    standard = extensions.connection
    args, kwargs = _with_factory(args, kwargs, "connection_factory", standard, standard, Connection)
    return wrapped(*args, **kwargs)


class Psycopg2Adapter(Factory):
    """Stands at ``psycopg2.connect``, wherever it was copied to."""

    def __init__(self) -> None:
        super().__init__(psycopg2, "connect", _connect, adds_arguments=True)

    def reach(self, point: Point, aliases: AliasIndex) -> TwinReach:
        """Return what reaches a method."""
        return TwinReach(point, Cursor if issubclass(point.owner, extensions.cursor) else Connection, aliases)


disguise(Cursor, extensions.cursor)
disguise(Connection, extensions.connection)
ADAPTER = Psycopg2Adapter()
