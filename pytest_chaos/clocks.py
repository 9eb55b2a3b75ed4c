"""Clocks: whether code that calls again and again looks at the time, by which it may come to an end.

Read from the code and the names it uses; nothing of it is run.
"""

from __future__ import annotations

import dis
import functools
import time
from collections.abc import Iterable, Iterator
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import Any

UNCAPPED = 50
"""Calls more than the plain run made from one line: no sensible cap is that high."""

READING = frozenset(
    {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "now", "utcnow"}
)
"""Names of functions that read a clock."""

_FUNCTIONS = frozenset(getattr(time, name) for name in READING if hasattr(time, name))
_DEEPEST = 3  # functions that call functions that call functions


def reads_clock(functions: Iterable[tuple[CodeType, dict[str, Any]]]) -> bool:
    """Tell whether one of these functions reads a clock, or a function of its module that it calls by name.

    Args:
        functions: Each one's code, and the globals of its module.
    """
    seen: set[CodeType] = set()
    return any(_reads(code, module, seen, 0) for code, module in functions)


def _reads(code: CodeType, module: dict[str, Any], seen: set[CodeType], depth: int) -> bool:
    if code in seen or depth > _DEEPEST:
        return False
    seen.add(code)
    names, attributes = _used(code)
    if not attributes.isdisjoint(READING):
        return True
    for value in (module.get(name) for name in names):
        # type(value), for proxies answer for what they wrap, and may make that first.
        if type(value) is BuiltinFunctionType and value in _FUNCTIONS:
            return True
        if type(value) is FunctionType and _reads(value.__code__, value.__globals__, seen, depth + 1):
            return True
    return any(
        _reads(method.__code__, module, seen, depth + 1) for name in attributes for method in _methods(module, name)
    )


def _methods(module: dict[str, Any], name: str) -> Iterator[FunctionType]:
    """Yield the methods of a name that classes of a module have: which one is called is not known."""
    for value in list(module.values()):
        if issubclass(type(value), type) and value.__module__ == module.get("__name__"):
            method = vars(value).get(name)
            if isinstance(method, FunctionType):
                yield method


@functools.lru_cache(maxsize=1024)
def _used(code: CodeType) -> tuple[frozenset[str], frozenset[str]]:
    """Return the global names and the attributes that code uses, that of functions inside it included."""
    names: set[str] = set()
    attributes: set[str] = set()
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            names.add(str(step.argval))
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"):
            attributes.add(str(step.argval))
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            further = _used(inner)
            names |= further[0]
            attributes |= further[1]
    return frozenset(names), frozenset(attributes)
