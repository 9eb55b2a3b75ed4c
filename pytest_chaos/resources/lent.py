"""What is taken and must be given back, such as locks: who made it, what was there before, and who may give it back."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from types import FrameType, FunctionType, ModuleType
from typing import Any

from pytest_chaos import compat
from pytest_chaos.provenance import Provenance, frames_from
from pytest_chaos.resources import stacks
from pytest_chaos.resources.births import Birth, Births
from pytest_chaos.resources.loops import Loops

_MOST_OBJECTS = 20_000  # of the project's modules, looked through once: some milliseconds
_CONTAINERS = (dict, list, tuple, set, frozenset, deque)
_TAKERS = frozenset({"acquire", "__enter__", "__aenter__", "enter_context", "enter_async_context"})


class Item(weakref.ref[Any]):
    """A thing that can be taken, by a reference that does not keep it.

    Attributes:
        birth: How it came to be; ``None`` for what is older than our taps.
        name: Where an older one was found, such as ``shop.LOCK``; empty otherwise.
        first: How many permits it had when it was first seen; of locks it is not used.
    """

    __slots__ = ("birth", "first", "name")

    birth: Birth | None
    name: str
    first: int

    # A reference is like what it refers to: that would ask the user's own class.
    __hash__ = object.__hash__
    __eq__ = object.__eq__


class Items:
    """The things of one kind that the project and the test made.

    Args:
        births: Who made what.
        through: Constructors of the standard library that make one on behalf of their caller, by qualified name.
    """

    def __init__(self, births: Births, *through: str) -> None:
        self._births = births
        self._through = frozenset(through)
        self._items: set[Item] = set()

    def __bool__(self) -> bool:
        return bool(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(list(self._items))  # other threads make some meanwhile

    def made(self, thing: Any) -> Item | None:
        """Note a thing that is made now, and return its item; ``None`` if a library made it for itself."""
        of_file = self._births.provenance.of_file
        frame = self._births.maker()
        while frame is not None:
            origin = of_file(frame.f_code.co_filename)
            if origin in ("project", "test"):
                return self._add(thing, self._births.here(frame))
            if origin == "stdlib":
                if frame.f_code.co_qualname not in self._through:
                    return None
            elif origin not in ("generated", "passage"):
                return None
            frame = frame.f_back
        return None

    def found(self, thing: Any, name: str) -> Item | None:
        """Note an older thing, and return its item; ``None`` if it is known."""
        if any(item() is thing for item in self):
            return None
        return self._add(thing, None, name)

    def clear(self) -> None:
        """Forget them all."""
        self._items.clear()

    def _add(self, thing: Any, birth: Birth | None, name: str = "") -> Item:
        item = Item(thing, self._items.discard)
        item.birth, item.name, item.first = birth, name, 0
        self._items.add(item)
        return item


# --- what is older than our taps


def older(provenance: Provenance, kinds: tuple[type, ...]) -> list[tuple[Any, str]]:
    """Return things that are kept in variables of the project's modules, with the name of the variable.

    Looked through are modules, the classes and instances of their own classes, containers and closures. No code of
    theirs is run: the collector tells what an object refers to.
    """
    modules = [
        (name, module)
        for name, module in list(sys.modules.items())
        if issubclass(type(module), ModuleType)  # what only says that it is one, such as cffi's libraries, has no dict
        and isinstance(file := _variables(module).get("__file__"), str)
        and provenance.of_file(file) in ("project", "test")
    ]
    own = {name for name, _ in modules}
    queue = deque((value, f"{name}.{key}") for name, module in modules for key, value in _variables(module).items())
    seen: set[int] = {id(_variables(module)) for _, module in modules}
    found: list[tuple[Any, str]] = []
    while queue and len(seen) < _MOST_OBJECTS:
        thing, name = queue.popleft()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        kind = type(thing)
        if issubclass(kind, kinds):
            found.append((thing, name))
        elif issubclass(kind, type):
            space = type.__dict__["__dict__"].__get__(thing)
            if space.get("__module__") in own:
                queue.extend((value, f"{name}.{key}") for key, value in space.items())
        elif kind is FunctionType:
            queue.extend((cell, name) for cell in thing.__closure__ or ())
            wrapped = thing.__dict__.get("__wrapped__")
            queue.append((wrapped, name))
        elif kind in _CONTAINERS or type.__dict__["__module__"].__get__(kind) in own or kind.__name__ == "cell":
            queue.extend((value, name) for value in gc.get_referents(thing) if value is not kind)
    return found


def _variables(module: ModuleType) -> dict[str, Any]:
    # Not the attribute: modules may have a class that runs code for it.
    return object.__getattribute__(module, "__dict__")  # type: ignore[no-any-return]  # of modules it is one


def is_out_of_reach(thing: object) -> bool:
    """Tell whether only variables of functions that have ended, those of a traceback, keep a thing."""
    # Where the collector knows no holder at all, it is one that it does not follow, such as a dict of locks.
    holders = gc.get_referrers(thing)
    return bool(holders) and all(isinstance(holder, FrameType) for holder in holders)


# --- who may give back


def may_be_given_back_by_thread(provenance: Provenance) -> bool:
    """Tell whether another thread may have taken something that it will give back.

    Who holds a plain lock is not told. So one may be anybody's who stands inside a ``with`` of the project or the test,
    or in a function of theirs that takes something by hand.
    """
    me = threading.get_ident()
    return any(
        _may_hold(frame, provenance)
        for ident, innermost in compat.current_frames().items()
        if ident != me
        for frame in frames_from(innermost)
    )


def may_be_given_back_by_task(provenance: Provenance, loops: Loops) -> bool:
    """Tell the same of tasks that are not done."""
    return any(
        _may_hold(frame, provenance)
        for loop in loops.open()
        for task in stacks.tasks_of(loop)
        if not task.done()
        for frame in stacks.coroutine_frames(task)
    )


def _may_hold(frame: FrameType, provenance: Provenance) -> bool:
    code = frame.f_code
    if provenance.of_file(code.co_filename) not in ("project", "test"):
        return False
    return not _TAKERS.isdisjoint(code.co_names) or compat.stands_in_with(frame)
