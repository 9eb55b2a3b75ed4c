"""Test doubles: what a test puts in a name, in the place of what belongs there."""

from __future__ import annotations

import functools
import inspect
import sys
from dataclasses import dataclass
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

from pytest_chaos.provenance import Provenance


@dataclass(frozen=True)
class Double:
    """A test double that stood where a fault was put.

    Attributes:
        point: The injection point.
        what: Its class, or the name of its function.
        place: Where its code is written, ``path:line``; an empty text for a mock, which has none.
    """

    point: str
    what: str
    place: str = ""


def mock_behind(value: object) -> Any:
    """Return the ``unittest.mock`` object that a value is, or hands its calls to; ``None`` if it is no mock."""
    module = sys.modules.get("unittest.mock")
    if module is None:
        return None
    # type(value), for proxies answer for what they wrap.
    if issubclass(type(value), module.NonCallableMock):
        return value
    if type(value) is FunctionType:  # what autospec makes of a function
        behind = getattr(value, "mock", None)
        return behind if issubclass(type(behind), module.NonCallableMock) else None
    return None


def is_awaited(mock: object) -> bool:
    """Tell whether calls of a mock are awaited."""
    return issubclass(type(mock), sys.modules["unittest.mock"].AsyncMock)


def double_at(point: str, module: str, raw: Any, provenance: Provenance, *, is_new: bool = False) -> Double | None:
    """Return what is known of the double at an injection point, or ``None`` if what stands there belongs there.

    Args:
        point: The injection point, ``module:Qual.name``.
        module: Name of its module; empty if it has none.
        raw: What stands there, unbound; of a constructor its class.
        provenance: Whose code is whose.
        is_new: Whether something else stood there when the point was looked up.
    """
    mock = mock_behind(raw)
    if mock is not None:
        return Double(point, type(mock).__name__)
    code = _code_of(raw)
    named = raw if isinstance(raw, BuiltinFunctionType | type) else type(raw)
    file = _file_of_module(named.__module__) if code is None else code.co_filename
    home = _file_of_module(module)
    is_tests = bool(file) and provenance.of_file(file) == "test"
    if file == home or not (is_new or is_tests) or (home and provenance.of_file(home) == "test"):
        return None  # a module that is loaded again has new functions; and what the tests' own modules hold is theirs
    if code is None:
        return Double(point, named.__qualname__, provenance.shorten(file) if file else "")
    return Double(point, code.co_qualname, f"{provenance.shorten(file)}:{code.co_firstlineno}")


def _code_of(raw: Any) -> CodeType | None:
    while True:
        if isinstance(raw, functools.partial):
            raw = raw.func
        elif isinstance(raw, property):
            raw = raw.fget
        elif isinstance(raw, functools.cached_property):
            raw = raw.func
        elif hasattr(type(raw), "__func__"):
            raw = raw.__func__
        else:
            break
    return raw.__code__ if type(raw) is FunctionType else None


def _file_of_module(name: str | None) -> str:
    module = sys.modules.get(name or "")
    if type(module) is ModuleType:
        return module.__dict__.get("__file__") or ""  # as below, for most
    return inspect.getattr_static(module, "__file__", None) or "" if module is not None else ""
