"""References to a function that replacing its name did not reach: told to the user when a fault never met a call.

Only looked for then, because asking the collector who refers to an object takes milliseconds. After ``gc.freeze`` it
answers nothing, and so do we.
"""

from __future__ import annotations

import functools
import gc
import types
from collections.abc import Iterator
from typing import Any

_MOST = 5
_NOT_TOLD = frozenset({"builtins", "types", "pytest_chaos", "wrapt", "_pytest"})


def unreached(function: Any) -> list[str]:
    """Return where a function is held besides the names of modules and classes, such as ``a list in shop.routes``."""
    gc.collect()  # what is garbage already calls nobody
    found: list[str] = []
    for holder in gc.get_referrers(function):
        for text in _described(holder):
            if text not in found:
                found.append(text)
    return found[:_MOST]


def _described(holder: Any) -> Iterator[str]:
    kind = type(holder)
    if kind is types.CellType:
        yield from (f"the closure of {owner}" for owner in _owners(holder, "__closure__"))
    elif kind is tuple:
        defaults = [f"a default argument of {owner}" for owner in _owners_of_tuple(holder, "__defaults__")]
        yield from defaults or [f"a tuple{place}" for place in _places(holder)]
    elif kind in (list, set, frozenset):
        yield from (f"a {kind.__name__}{place}" for place in _places(holder))
    elif kind is functools.partial:
        yield from (f"a functools.partial{place}" for place in _places(holder))
    elif kind is dict:
        yield from _described_dict(holder)
    elif not isinstance(holder, type) and kind.__module__.partition(".")[0] not in _NOT_TOLD:
        yield f"an attribute of a {kind.__qualname__} object"  # in a slot, or in a dict that was never made


def _described_dict(holder: dict[Any, Any]) -> Iterator[str]:
    for owner in gc.get_referrers(holder):
        if type(owner) is types.FunctionType and owner.__kwdefaults__ is holder:
            yield f"a default argument of {_name(owner)}"
            return
        if isinstance(owner, types.ModuleType | type):
            return  # the namespace of a module or class: names are replaced there
        if getattr(owner, "__dict__", None) is holder:
            yield f"an attribute of a {type(owner).__qualname__} object"
            return
    yield from (f"a dict{place}" for place in _places(holder))


def _owners(cell: Any, attribute: str) -> Iterator[str]:
    for closure in gc.get_referrers(cell):
        if type(closure) is tuple:
            yield from _owners_of_tuple(closure, attribute)


def _owners_of_tuple(held: tuple[Any, ...], attribute: str) -> Iterator[str]:
    for owner in gc.get_referrers(held):
        if type(owner) is types.FunctionType and getattr(owner, attribute) is held:
            yield _name(owner)


def _places(container: Any) -> list[str]:
    """Return ``" in module.name"`` for each module that holds a container by name, or one empty text for none."""
    places: list[str] = []
    for namespace in gc.get_referrers(container):
        if type(namespace) is dict and isinstance(namespace.get("__name__"), str) and "__spec__" in namespace:
            names = [name for name, value in list(namespace.items()) if value is container]
            places.extend(f" in {namespace['__name__']}.{name}" for name in names)
    return places


def _name(function: types.FunctionType) -> str:
    return f"{function.__module__}.{function.__qualname__}"
