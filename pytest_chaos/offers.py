"""Offers: the faults that a call can really meet, read from its function, its caller and the boundaries it reaches.

Nothing is run for that: names in the source are looked up and compared, as for :mod:`pytest_chaos.clauses`.
"""

from __future__ import annotations

import ast
import functools
import inspect
import types
from collections.abc import Iterable, Iterator
from typing import Any

from pytest_chaos.catalogue.boundary import Boundary
from pytest_chaos.catalogue.catalogue import Catalogue
from pytest_chaos.clauses import Scope, Sources
from pytest_chaos.errors import ChaosError
from pytest_chaos.faults.annotations import answer_hint, arms_of
from pytest_chaos.faults.base import Fault, Limit
from pytest_chaos.faults.hanging import Hang
from pytest_chaos.faults.raising import Raise
from pytest_chaos.faults.returning import Null
from pytest_chaos.notation import parse
from pytest_chaos.target import Point
from pytest_chaos.trace import CallSite

_USUAL: tuple[type[Exception], ...] = (ConnectionError, TimeoutError)
# Signals to the interpreter, marks of unfinished code, and bases that stand for "anything": no dependency raises them.
_NEVER = (AssertionError, NotImplementedError, StopIteration, StopAsyncIteration, Warning, MemoryError, RecursionError)
_ANYTHING = (BaseException, Exception, BaseExceptionGroup, ExceptionGroup)
# Functions of these modules work on local files: what they meet is known, and they answer.
_OF_FILES = ("posix", "nt", "os", "posixpath", "ntpath", "genericpath", "shutil", "glob", "tempfile", "pathlib")
_LOCAL: tuple[type[Exception], ...] = (FileNotFoundError, PermissionError)
_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


def offers(point: Point, site: CallSite, limit: Limit | None, sources: Sources, catalogue: Catalogue) -> list[Fault]:
    """Return the faults that a call can meet, the quick ones first.

    Args:
        point: What is called.
        site: Who calls it.
        limit: The timeout that the call was given; without ``seconds`` it takes one and was given none, so that it
            cannot time out.
        sources: Syntax trees.
        catalogue: The boundaries that are known.
    """
    can_time_out = limit is None or limit.seconds is not None
    boundary = catalogue.at(point.text)
    faults: list[Fault] = []
    if boundary is not None:
        faults += _of_boundary(boundary, can_time_out=limit is not None and limit.seconds is not None)
    function = _function_of(point.raw)
    if function is not None and boundary is None:
        faults += [Raise(cls) for cls in _raised(function, sources) if can_time_out or not _is_timeout(cls)]
        for reached in _reached(function, sources, catalogue):
            faults += _of_boundary(reached, can_time_out=can_time_out)
    if boundary is None:
        faults += [Raise(cls) for cls in _caught(site, sources) if can_time_out or not _is_timeout(cls)]
    is_local = boundary is None and getattr(point.raw, "__module__", None) in _OF_FILES
    if is_local:
        faults += map(Raise, _LOCAL)
    if not faults:
        faults += [Raise(cls) for cls in _USUAL if can_time_out or not _is_timeout(cls)]
    if _may_be_none(point):
        faults.append(Null())
    if not is_local and (boundary is None or boundary.hangs):
        faults.append(Hang())
    return [fault for fault in dict.fromkeys(faults) if not fault.refusal(point.kind)]


def _of_boundary(boundary: Boundary, *, can_time_out: bool) -> list[Fault]:
    late = boundary.late if can_time_out or boundary.own_limit_s is not None else ()
    # Read anew, for a module that a test imports again has other classes.
    return [parse(f"{boundary.target} = {text}")[0].chain[0].fault for text in (*boundary.faults, *late)]


def _function_of(raw: Any) -> types.FunctionType | None:
    raw = getattr(raw, "fget", None) or getattr(raw, "__func__", None) or raw
    while isinstance(raw, functools.partial):
        raw = raw.func
    raw = inspect.unwrap(raw) if callable(raw) else raw
    return raw if isinstance(raw, types.FunctionType) else None


def _definition(code: types.CodeType, module: Any, sources: Sources) -> ast.AST | None:
    tree = sources.tree(code, module)
    if tree is None:
        return None
    for node in ast.walk(tree):
        if isinstance(node, _FUNCTIONS) and node.name == code.co_name:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if first == code.co_firstlineno:
                return node
    return None


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function's own body, and not those of functions inside it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (_FUNCTIONS, ast.Lambda, ast.ClassDef)):
            yield child
            yield from _own(child)


def _raised(function: types.FunctionType, sources: Sources) -> Iterator[type[Exception]]:
    """Yield the errors that a function's own body raises by name."""
    definition = _definition(function.__code__, function.__globals__, sources)
    if definition is None:
        return
    scope = Scope(function.__code__, function.__globals__)
    for node in _own(definition):
        if isinstance(node, ast.Raise) and node.exc is not None:
            named = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            yield from _offerable([scope.value(named)])


def _caught(site: CallSite, sources: Sources) -> Iterator[type[Exception]]:
    """Yield the errors that the caller catches by name around the call."""
    if site.code is None:
        return
    definition = _definition(site.code, site.module, sources)
    if definition is None:
        return
    scope = Scope(site.code, dict(site.module))
    for node in _own(definition):
        if isinstance(node, ast.Try | ast.TryStar) and _spans(node.body, site.line):
            for handler in node.handlers:
                if handler.type is not None:
                    value = scope.value(handler.type)
                    yield from _offerable(value if isinstance(value, tuple) else [value])


def _reached(function: types.FunctionType, sources: Sources, catalogue: Catalogue) -> Iterator[Boundary]:
    """Yield the boundaries that a function's own body calls by name."""
    definition = _definition(function.__code__, function.__globals__, sources)
    if definition is None:
        return
    scope = Scope(function.__code__, function.__globals__)
    for node in _own(definition):
        if isinstance(node, ast.Call):
            boundary = catalogue.called(_name_of(scope.value(node.func)))
            if boundary is not None:
                yield boundary


def _name_of(value: Any) -> str:
    module, qualname = (inspect.getattr_static(value, name, None) for name in ("__module__", "__qualname__"))
    if isinstance(value, types.FunctionType | types.BuiltinFunctionType | type):
        module, qualname = value.__module__, value.__qualname__
    return f"{module}:{qualname}" if isinstance(module, str) and isinstance(qualname, str) else ""


def _spans(body: list[ast.stmt], line: int) -> bool:
    return bool(body) and body[0].lineno <= line <= (body[-1].end_lineno or body[-1].lineno)


def _offerable(values: Iterable[Any]) -> Iterator[type[Exception]]:
    for value in values:
        if not isinstance(value, type) or not issubclass(value, Exception):
            continue
        if value in _ANYTHING or issubclass(value, _NEVER):
            continue
        try:
            Raise(value)
        except ChaosError:  # it wants arguments that only its own code knows
            continue
        yield value


def _is_timeout(cls: type[Exception]) -> bool:
    return issubclass(cls, TimeoutError) or "timeout" in cls.__name__.lower()


def _may_be_none(point: Point) -> bool:
    """Tell whether the annotation says that the answer may be ``None``, besides something else."""
    arms = arms_of(answer_hint(point.raw, point.kind))
    return type(None) in arms and len(arms) > 1
