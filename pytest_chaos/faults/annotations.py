"""What annotations tell about the type of an answer. Nothing is promised by them, so every failure means: nothing."""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import dataclasses
import functools
import inspect
import types
import typing
from typing import Any

from pytest_chaos.faults.base import Kind

# What wraps the answer, and which of its arguments the answer is.
_AWAITED: dict[Any, int] = {
    collections.abc.Coroutine: 2,
    collections.abc.Awaitable: 0,
    asyncio.Future: 0,
    asyncio.Task: 0,
}
_YIELDED: dict[Any, int] = {
    collections.abc.Generator: 0,
    collections.abc.Iterator: 0,
    collections.abc.Iterable: 0,
    collections.abc.AsyncGenerator: 0,
    collections.abc.AsyncIterator: 0,
    collections.abc.AsyncIterable: 0,
    contextlib.AbstractContextManager: 0,
    contextlib.AbstractAsyncContextManager: 0,
}
_WRAPPERS: dict[Kind, dict[Any, int]] = {
    "coroutine": _AWAITED,
    "generator": _YIELDED,
    "async generator": _YIELDED,
    "context manager": _YIELDED,
    "async context manager": _YIELDED,
}


def answer_hint(function: Any, kind: Kind) -> Any:
    """Return the annotated type of what callers get: awaited, each item, or what is entered to; ``Any`` if unknown.

    Args:
        function: The real callable: a function, method, partial, property or callable object.
        kind: What sort of callable it is.
    """
    try:
        hint = _return_hint(function)
    except Exception:  # noqa: BLE001  # annotations are texts that may name anything, and evaluating them may raise
        return Any
    position = _WRAPPERS.get(kind, {}).get(typing.get_origin(hint))
    if position is None:
        return hint
    args = typing.get_args(hint)
    return args[position] if position < len(args) else Any


def _return_hint(function: Any) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(getattr(function, "fget", None) or function)
    if not isinstance(function, types.FunctionType | types.MethodType):
        function = inspect.unwrap(getattr(function, "func", None) or type(function).__call__)
    returns = function.__annotations__.get("return", Any)
    # Evaluated alone, so that an unknown name among the parameters does no harm.
    alone = types.SimpleNamespace(__annotations__={"return": returns})
    return typing.get_type_hints(alone, globalns=getattr(function, "__globals__", {}))["return"]


def arms_of(hint: Any) -> list[Any]:
    """Return the alternatives of a type: unions are taken apart, other names looked through; empty if unknown."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return [arm for part in typing.get_args(hint) for arm in arms_of(part)]
    if origin in (typing.Annotated, typing.Required, typing.NotRequired, typing.Final):
        return arms_of(typing.get_args(hint)[0])
    if hasattr(hint, "__supertype__"):  # NewType
        return arms_of(hint.__supertype__)
    if hasattr(hint, "__value__"):  # type X = ..., since Python 3.12
        return arms_of(hint.__value__)
    if isinstance(hint, typing.TypeVar):
        return arms_of(hint.__bound__) if hint.__bound__ else [a for c in hint.__constraints__ for a in arms_of(c)]
    if hint is None:
        return [type(None)]
    return [hint] if origin is not None or (isinstance(hint, type) and hint is not object) else []


def arm_for(value: object, hint: Any) -> Any:
    """Return the alternative of a type to which a value belongs, or ``Any``."""
    return next((arm for arm in arms_of(hint) if _belongs(value, arm)), Any)


def _belongs(value: object, arm: Any) -> bool:
    origin = typing.get_origin(arm)
    if origin is typing.Literal:
        return any(type(value) is type(arg) and value == arg for arg in typing.get_args(arm))
    if typing.is_typeddict(arm):
        return isinstance(value, dict)
    try:
        return isinstance(value, origin or arm)
    except TypeError:  # a protocol, or another thing that cannot be asked
        return False


def field_hints(kind: Any) -> dict[str, Any] | None:
    """Return the fields of a class that is made from fields, with their types; ``None`` for any other class.

    Dataclasses, named tuples, and the classes of attrs and pydantic.
    """
    try:
        names = _field_names(kind)
    except (AttributeError, TypeError):  # a plain tuple, or what only looks like attrs or pydantic
        return None
    try:
        hints = typing.get_type_hints(kind)
    except Exception:  # noqa: BLE001  # as in answer_hint
        hints = {}
    return {name: hints.get(name, Any) for name in names}


def _field_names(kind: Any) -> list[str]:
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind) if field.init]
    if issubclass(kind, tuple):
        return list(kind._fields)
    if hasattr(kind, "__attrs_attrs__"):
        return [attribute.name for attribute in kind.__attrs_attrs__]
    return list(kind.model_fields)
