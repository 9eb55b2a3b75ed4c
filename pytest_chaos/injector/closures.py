"""Stand-ins for C functions: a Python function with the prologue of the splice and the C function's own signature.

Written for the case that nothing fires, where it costs one or two C calls and a forwarded call. Where the signature is
not known, or has defaults that cannot be written down, it forwards ``*args, **kwargs``.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

from pytest_chaos.injector.bytecode import STEPS, Entry
from pytest_chaos.injector.hook import TAKE, Called, LoneHook

_FILE = "<pytest-chaos stand-in>"
# How many positional arguments those take that programs call all the time, and whose signature 3.11 and 3.12 do not
# tell.
_CLOCKS = ("time", "monotonic", "perf_counter", "process_time", "thread_time")
_COUNTS = {("time", clock + unit): 0 for clock in _CLOCKS for unit in ("", "_ns")} | {("time", "sleep"): 1}


class StandIn(LoneHook):
    """A stand-in for one C function.

    Where one actor is alone, its verdicts stand in the code itself, and nobody asks whose they are.

    Args:
        function: The C function.

    Attributes:
        closure: What stands in.
    """

    __slots__ = ("_alone_code", "_code", "_shape", "closure")

    def __init__(self, function: BuiltinFunctionType) -> None:
        super().__init__()
        self.held = function
        self._shape = _shape(function)
        self._code = self._code_that(_EACH, {"get": self.entries.get, "fire": Called(self.fire)})
        self._alone_code: CodeType | None = None
        self.closure = FunctionType(self._code, {"__tracebackhide__": True})
        functools.update_wrapper(self.closure, function)

    @property
    def called_by(self) -> CodeType:
        return self._code

    def real(self, held: Callable[..., Any]) -> Callable[..., Any]:
        return held

    def ask_alone(self, entry: Entry, verdicts: Iterator[int]) -> None:
        """Let every call ask these verdicts from now on.

        Args:
            entry: The entry over them.
            verdicts: The verdicts.
        """
        if self.closure.__code__ is self._code or self.closure.__code__ is self._alone_code:
            self.alone = entry
            self._alone_code = self._code_that(_ALONE, {"verdicts": verdicts, "fire": Called(self.fire_alone)})
            self.closure.__code__ = self._alone_code

    def ask_each(self) -> None:
        """Let every call ask the entry of its own thread or task again. Harmless when done twice."""
        if self.closure.__code__ is self._alone_code:  # else somebody put another there meanwhile, or nobody did
            self.closure.__code__ = self._code
        self.alone = None

    def _code_that(self, question: str, names: dict[str, Any]) -> CodeType:
        known = {**names, "next": next, "take": TAKE, "real": self.held}
        code = _compiled(question, *self._shape)
        constants = tuple(known.get(value, value) if type(value) is str else value for value in code.co_consts)
        return code.replace(co_consts=constants)


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


_EACH = "'next'('get'())" if STEPS else "'get'()()"
_ALONE = "'next'('verdicts')"


@functools.cache
def _compiled(question: str, parameters: str, arguments: str) -> CodeType:
    """Return the code of a stand-in, with names in the places of what is called there."""
    slots = arguments.replace("*", "")
    source = (
        f"def stand_in({parameters}):\n"
        f" if {question} and 'fire'({slots}): return 'take'()\n"
        f" return 'real'({arguments})\n"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # "'str' object is not callable": it will not stay a str
        module = compile(source, _FILE, "exec", dont_inherit=True)
    return next(constant for constant in module.co_consts if isinstance(constant, CodeType))
