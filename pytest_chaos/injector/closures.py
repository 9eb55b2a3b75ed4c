"""Stand-ins for C functions: a Python function with the prologue of the splice and the C function's own signature.

Written for the case that nothing fires, where it costs two C calls and a forwarded call. Where the signature is not
known, or has defaults that cannot be written down, it forwards ``*args, **kwargs``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from pytest_chaos.injector.hook import Hook, take

_FILE = "<pytest-chaos stand-in>"
# How many positional arguments those take that programs call all the time, and whose signature 3.11 and 3.12 do not
# tell.
_CLOCKS = ("time", "monotonic", "perf_counter", "process_time", "thread_time")
_COUNTS = {("time", clock + unit): 0 for clock in _CLOCKS for unit in ("", "_ns")} | {("time", "sleep"): 1}


class StandIn(Hook):
    """A stand-in for one C function.

    Args:
        function: The C function.

    Attributes:
        closure: What stands in.
    """

    def __init__(self, function: BuiltinFunctionType) -> None:
        parameters, arguments = _shape(function)
        make = _compiled(parameters, arguments)
        super().__init__(make(None, None, None, function).__code__)
        self.held = function
        self.closure = make(self.entries.get, self.fire, take, function)
        functools.update_wrapper(self.closure, function)

    def real(self, held: Callable[..., Any]) -> Callable[..., Any]:
        return held


class StandIns:
    """The stand-ins of a session."""

    def __init__(self) -> None:
        self._by_function: dict[int, StandIn] = {}

    def for_function(self, function: BuiltinFunctionType) -> StandIn:
        """Return the stand-in for a C function."""
        known = self._by_function.get(id(function))
        if known is None:
            known = self._by_function[id(function)] = StandIn(function)
        return known


def is_c_function(raw: object) -> bool:
    """Tell whether a raw attribute is a C function of a module, which binds to nothing."""
    return type(raw) is BuiltinFunctionType and isinstance(raw.__self__, ModuleType | None)


def is_stand_in(value: object) -> bool:
    """Tell whether an object stands in for a C function, its ``__wrapped__``."""
    return type(value) is FunctionType and value.__code__.co_filename == _FILE


def _shape(function: BuiltinFunctionType) -> tuple[str, str]:
    """Return the parameters that a stand-in declares, and the arguments that it forwards."""
    count = _COUNTS.get((function.__module__, function.__name__))
    if count is not None:
        return _named(count)
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return "*args, **kwargs", "*args, **kwargs"
    if not all(one.kind is one.POSITIONAL_ONLY and one.default is one.empty for one in parameters):
        return "*args, **kwargs", "*args, **kwargs"
    return _named(len(parameters))


def _named(count: int) -> tuple[str, str]:
    names = ", ".join(f"p{index}" for index in range(count))
    return f"{names}, /" if names else "", names


@functools.cache
def _compiled(parameters: str, arguments: str) -> Callable[..., FunctionType]:
    slots = arguments.replace("*", "")
    source = (
        "def make(get, fire, take, real):\n"
        f" def stand_in({parameters}):\n"
        f"  if get()() and fire({slots}): return take()\n"
        f"  return real({arguments})\n"
        " return stand_in\n"
    )
    namespace = {"__tracebackhide__": True}
    exec(compile(source, _FILE, "exec", dont_inherit=True), namespace)
    return namespace["make"]  # type: ignore[return-value]  # the function that the source defines
