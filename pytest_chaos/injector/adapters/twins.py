"""Subclasses in Python of C types: what cannot be replaced on the C type can be replaced there.

A class of the user's own gets a twin in which ours stands right above the C type, so a call by ``super()`` in the
user's class meets the fault as any other call does.
"""

from __future__ import annotations

import contextlib
import types
from dataclasses import replace
from typing import Any

from pytest_chaos.injector.aliases import AliasIndex
from pytest_chaos.injector.iteration import steps_of
from pytest_chaos.injector.sources import PassThrough, Standing
from pytest_chaos.target import Point


def adapted(factory: Any, theirs: type, ours: type) -> Any:
    """Return a factory of objects that can be reached, in place of one that may be the user's own.

    Args:
        factory: A class or function; anything else is refused by the library, in its own words.
        theirs: The C type.
        ours: Our subclass of it.
    """
    if factory is theirs:
        return ours
    if isinstance(factory, type):
        return _twin(factory, ours) if issubclass(factory, theirs) else factory
    if not callable(factory):
        return factory

    def make(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        made = factory(*args, **kwargs)
        if isinstance(made, theirs) and not isinstance(made, ours):
            with contextlib.suppress(TypeError):  # the very C type cannot change its class
                made.__class__ = _twin(type(made), ours)
        return made

    return make


def _twin(factory: type, ours: type) -> type:
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


def disguise(ours: type, theirs: type) -> None:
    """Let our class be shown as what it stands for."""
    ours.__module__, ours.__name__, ours.__qualname__ = theirs.__module__, theirs.__name__, theirs.__qualname__
    ours.__doc__ = theirs.__doc__


class TwinReach:
    """Replaces one method of our class; a fetch is also what each step of an iteration makes.

    Args:
        point: The method, of the C type.
        ours: Our subclass.
        aliases: The session's alias index.
    """

    def __init__(self, point: Point, ours: type, aliases: AliasIndex) -> None:
        self._point = replace(point, owner=ours)
        self._aliases = aliases
        self._replaced: list[Standing] = []

    def install(self, passage: PassThrough) -> None:
        """Put the passage in the way."""
        self._replace(self._point.name, passage)
        if self._point.name == "fetchone":
            self._replace("__next__", steps_of(passage))

    def remove(self) -> None:
        """Take it away."""
        for replaced in reversed(self._replaced):
            replaced.remove()
        self._replaced.clear()

    def _replace(self, name: str, passage: PassThrough) -> None:
        replaced = Standing(replace(self._point, name=name), self._aliases, covered={})
        replaced.stand(passage)
        self._replaced.append(replaced)
