"""Splices all functions of some packages: those imported already at once, and later ones as soon as they are there."""

from __future__ import annotations

import functools
import itertools
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from importlib.machinery import SourceFileLoader
from types import FunctionType, MethodType, ModuleType
from typing import Any

from pytest_chaos.injector.bytecode import CannotSplice, Entry, entry_over, spliced

_NEVER = entry_over(itertools.repeat(0))
_WRAPPED = type(functools.lru_cache(len))


class Splicer:
    """Gives functions a prologue through which every call passes.

    Args:
        targets: Names of modules; their submodules belong to them.

    Attributes:
        functions: How many have a prologue.
        refused: Why others have none, and how many.
        fired: What a prologue asked about although its gate says that every call passes: must stay empty.
    """

    def __init__(self, targets: tuple[str, ...]) -> None:
        self.functions = 0
        self.refused: Counter[str] = Counter()
        self.fired: list[str] = []
        self._targets = targets

    def start(self) -> None:
        """Splice what is imported, and from now on whatever is imported anew: tests import modules afresh."""
        for module in list(sys.modules.values()):
            self._splice_all(module)
        execute, splice_all = SourceFileLoader.exec_module, self._splice_all
        is_ours = re.compile(rf"({'|'.join(map(re.escape, self._targets))})(\..*)?").fullmatch  # C: no tracer sees it

        def exec_module(loader: SourceFileLoader, module: ModuleType) -> None:
            execute(loader, module)
            if is_ours(module.__name__):
                splice_all(module)

        # Its frame must look like one of the import system: warnings, tracers and debuggers pass over those.
        code = exec_module.__code__.replace(co_filename=execute.__code__.co_filename)
        hidden = FunctionType(code, execute.__globals__, code.co_name, None, exec_module.__closure__)
        SourceFileLoader.exec_module = hidden  # type: ignore[method-assign]  # the one way to see every import

    def _splice_all(self, module: ModuleType) -> None:
        if self._is_ours(getattr(module, "__name__", "")):
            for function in _functions(module, self._is_ours):
                self._splice(function)

    def _is_ours(self, module: Any) -> bool:
        return isinstance(module, str) and any(f"{module}.".startswith(f"{target}.") for target in self._targets)

    def _splice(self, function: FunctionType) -> None:
        name = f"{function.__module__}.{function.__qualname__}"

        def fire(*slots: Any) -> bool:
            self.fired.append(name)
            return False

        entries: ContextVar[Entry] = ContextVar(name, default=_NEVER)
        try:
            function.__code__ = spliced(function.__code__, entries.get, fire, _take)
        except CannotSplice as refusal:
            self.refused[str(refusal)] += 1
        else:
            self.functions += 1


def _take() -> Any:
    raise AssertionError("a gate that lets every call pass has let a fault act")


def _functions(module: ModuleType, is_ours: Callable[[Any], bool]) -> Iterator[FunctionType]:
    """Yield each function of a module that has no prologue yet, also private ones and those of nested classes."""
    seen: set[int] = set()
    waiting = list(vars(module).values())
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, FunctionType):
            if "__wrapped__" in vars(value):
                waiting.append(vars(value)["__wrapped__"])
            belongs = is_ours(value.__module__) or is_ours(value.__globals__.get("__name__"))
            if belongs and _take not in value.__code__.co_consts[-1:]:
                yield value
        elif isinstance(value, type):
            if is_ours(value.__module__):
                waiting += vars(value).values()
        else:
            waiting += _parts(value)


def _parts(value: Any) -> tuple[Any, ...]:
    kind = type(value)
    if kind in (staticmethod, classmethod, MethodType):
        return (value.__func__,)
    if kind is property:
        return (value.fget, value.fset, value.fdel)
    if kind in (functools.cached_property, functools.partialmethod, functools.singledispatchmethod):
        return (value.func,)
    return (value.__wrapped__,) if kind is _WRAPPED else ()
