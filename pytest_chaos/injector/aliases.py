"""Who else holds a function: the copies that ``from x import y`` made, in modules and classes.

One index per session, by object identity; before each use it is brought up to date for modules that are new or have
grown. Modules and classes are read through their ``__dict__`` only: a ``getattr`` on a stranger may import half the
world, and raise from it.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import types
from collections.abc import Iterator
from typing import Any, NamedTuple

import wrapt

from pytest_chaos.injector.closures import is_stand_in

_NOT_TOUCHED = frozenset({"_pytest", "pytest", "pluggy", "execnet", "xdist", "coverage", "pytest_chaos", "py"})


class Place(NamedTuple):
    """A module or class, the name under which it holds something, and what exactly stands there."""

    owner: Any
    name: str
    raw: Any


class AliasIndex:
    """From a callable's identity to the places that hold it."""

    def __init__(self) -> None:
        # By number, so that the collector has nothing to look at: of tens of thousands nearly all are never asked for.
        self._holders: dict[int, tuple[int, ...]] = {}
        self._owners: list[Any] = []
        self._sizes: dict[int, tuple[types.ModuleType, int]] = {}
        self._namespaces: list[dict[str, Any]] = []
        self._lengths: list[int] = []
        self._strangers: list[int] = []  # where in sys.modules something else than a module is
        self._looks: tuple[list[int], list[type]] = ([], [])
        self._is_settled = self._is_fresh = False

    def places(self, function: Any) -> list[Place]:
        """Return every known place that holds this object now, directly or inside a ``staticmethod``."""
        if not self._is_fresh:
            self.refresh()
            self._is_fresh = self._is_settled
        owners = {id(one): one for one in map(self._owners.__getitem__, self._holders.get(id(function), ()))}
        return [
            Place(owner, name, raw)
            for owner in owners.values()
            for name, raw in list(vars(owner).items())
            if _content(raw) is function
        ]

    @contextlib.contextmanager
    def settled(self) -> Iterator[None]:
        """Look once for what is new, and not before each use: nobody else's code runs meanwhile."""
        before, self._is_settled = self._is_settled, True
        try:
            yield
        finally:
            self._is_settled = before
            self._is_fresh = False

    def refresh(self) -> None:
        """Read modules that are new or have more or fewer names than when they were read."""
        loaded = list(sys.modules.values())
        # A module that was read is held, so that no other object has its identity; anything else may be gone.
        looks = list(map(id, loaded)), [type(loaded[index]) for index in self._strangers if index < len(loaded)]
        if looks == self._looks and self._lengths == list(map(len, self._namespaces)):
            return
        modules = [module for module in loaded if issubclass(type(module), types.ModuleType)]
        self._read(modules)
        self._strangers = [index for index, one in enumerate(loaded) if not issubclass(type(one), types.ModuleType)]
        self._looks = looks[0], [type(loaded[index]) for index in self._strangers]
        self._namespaces = [module.__dict__ for module in modules]
        self._lengths = list(map(len, self._namespaces))

    def _read(self, modules: list[types.ModuleType]) -> None:
        for module in modules:
            namespace = module.__dict__
            known = self._sizes.get(id(module))
            if known is not None and known[0] is module and known[1] == len(namespace):
                continue
            self._sizes[id(module)] = (module, len(namespace))
            if str(namespace.get("__name__", "")).partition(".")[0] in _NOT_TOUCHED:
                continue
            last: Any = None
            for owner, value in _entries(module):
                if owner is not last:
                    self._owners.append(owner)
                    last = owner
                number = len(self._owners) - 1
                content = _content(value)
                self._note(content, number)
                if issubclass(type(content), wrapt.FunctionWrapper) or is_stand_in(content):
                    # Perhaps ours, copied or in place just now: then the function stands here again soon.
                    self._note(content.__wrapped__, number)

    def _note(self, content: Any, number: int) -> None:
        known = self._holders.get(id(content))
        if known is None:
            self._holders[id(content)] = (number,)
        elif known[-1] != number:
            self._holders[id(content)] = (*known, number)


def holders_of(wrapper: Any) -> Iterator[Place]:
    """Yield the module attributes that hold a replacement of ours, copied while it was in place."""
    for module in list(sys.modules.values()):
        if issubclass(type(module), types.ModuleType):
            for name, value in list(module.__dict__.items()):
                if value is wrapper:
                    yield Place(module, name, value)


def _entries(module: types.ModuleType) -> Iterator[tuple[Any, Any]]:
    """Yield what a module and its classes hold that may be called, each with its holder."""
    for value in list(module.__dict__.values()):
        if issubclass(type(value), type):
            if value.__module__ == module.__name__:
                for raw in list(vars(value).values()):
                    if _is_reference(_content(raw)):
                        yield value, raw
        elif _is_reference(value):
            yield module, value


def _is_reference(value: Any) -> bool:
    # type(value) and never value.__class__ or isinstance: proxies answer for what they wrap, or raise.
    kind = type(value)
    return issubclass(kind, _FUNCTIONS) or (not issubclass(kind, _NEVER_ALIASED) and _is_called(kind.__mro__))


_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType)
_NEVER_ALIASED = (
    type,
    types.ModuleType,
    property,
    classmethod,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
)


@functools.lru_cache(maxsize=4096)
def _is_called(mro: tuple[type, ...]) -> bool:
    return any("__call__" in base.__dict__ for base in mro)


def _content(raw: Any) -> Any:
    return raw.__func__ if type(raw) is staticmethod else raw
