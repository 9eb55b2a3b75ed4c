"""sqlite3: connections and cursors whose methods can be replaced, through both of its factories.

``sqlite3.connect`` makes a subclass of ours, or one of the user's own class, with ours right above the C type: a call
by ``super()`` in the user's class meets the fault as any other call does. ``Connection.execute`` and ``with`` go past
the methods they stand for in C, so here they are written out.
"""

from __future__ import annotations

import contextlib
import sqlite3
import types
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any

from pytest_chaos.injector.adapters.factory import Factory
from pytest_chaos.injector.aliases import AliasIndex
from pytest_chaos.injector.attribute import AttributeMechanism
from pytest_chaos.injector.iteration import steps_of
from pytest_chaos.injector.passage import PassThrough
from pytest_chaos.target import Point, raw_attribute

_FACTORY = 5  # position of ``factory`` among the arguments of sqlite3.connect


class Cursor(sqlite3.Cursor):
    """A cursor whose methods can be replaced."""

    __slots__ = ()


class Connection(sqlite3.Connection):
    """A connection whose methods can be replaced, and whose cursors are ours too."""

    __slots__ = ()

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


for _ours, _theirs in ((Cursor, sqlite3.Cursor), (Connection, sqlite3.Connection)):
    _ours.__module__ = _theirs.__module__  # shown as what it stands for
    _ours.__doc__ = _theirs.__doc__


def adapted(factory: Any, theirs: type, ours: type) -> Any:
    """Return a factory of objects that can be reached, in place of one that may be the user's own."""
    if factory is theirs:
        return ours
    if isinstance(factory, type):
        return _twin(factory, ours) if issubclass(factory, theirs) else factory
    if not callable(factory):
        return factory  # refused by sqlite3, in its own words

    def make(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        made = factory(*args, **kwargs)
        if isinstance(made, theirs) and not isinstance(made, ours):
            with contextlib.suppress(TypeError):  # the very C type cannot change its class
                made.__class__ = _twin(type(made), ours)
        return made

    return make


def _twin(factory: type, ours: type) -> type:
    """Return a subclass of the user's class in which ours stands right above the C type."""
    if issubclass(factory, ours):
        return factory
    for known in type.__subclasses__(factory):
        if known.__bases__ == (factory, ours):
            return known

    def body(namespace: dict[str, Any]) -> None:
        namespace.update(__slots__=(), __module__=factory.__module__, __qualname__=factory.__qualname__)

    try:
        return types.new_class(factory.__name__, (factory, ours), exec_body=body)
    except Exception:  # noqa: BLE001  # a class that refuses to be inherited from stays as it is
        return factory


def _connect(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    __tracebackhide__ = True
    if len(args) > _FACTORY:
        factory = adapted(args[_FACTORY], sqlite3.Connection, Connection)
        args = (*args[:_FACTORY], factory, *args[_FACTORY + 1 :])
    else:
        factory = adapted(kwargs.get("factory", sqlite3.Connection), sqlite3.Connection, Connection)
        kwargs = {**kwargs, "factory": factory}
    return wrapped(*args, **kwargs)


class _MethodReach:
    """Replaces one method of our class; a fetch is also what each step of an iteration makes."""

    def __init__(self, point: Point, aliases: AliasIndex) -> None:
        self._point = replace(point, owner=Cursor if issubclass(point.owner, sqlite3.Cursor) else Connection)
        self._aliases = aliases
        self._replaced: list[AttributeMechanism] = []

    def install(self, passage: PassThrough) -> None:
        """Put the passage in the way."""
        self._replace(self._point.name, passage)
        if self._point.name == "fetchone":
            self._replace("__next__", steps_of(passage))

    def remove(self) -> None:
        """Take it away."""
        for replaced in self._replaced:
            replaced.remove()
        self._replaced.clear()

    def _replace(self, name: str, passage: PassThrough) -> None:
        raw, inherited = raw_attribute(self._point.owner, name)
        mechanism = AttributeMechanism(
            replace(self._point, name=name, raw=raw, inherited=inherited), self._aliases, covered={}
        )
        mechanism.install(passage)
        self._replaced.append(mechanism)


class Sqlite3Adapter(Factory):
    """Stands at ``sqlite3.connect``, wherever it was copied to."""

    def __init__(self) -> None:
        super().__init__(sqlite3, "connect", _connect)

    def reach(self, point: Point, aliases: AliasIndex) -> _MethodReach:
        """Return what reaches a method."""
        return _MethodReach(point, aliases)


ADAPTER = Sqlite3Adapter()
