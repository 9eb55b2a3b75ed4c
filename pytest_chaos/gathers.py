"""Gathers: whether anybody looks at the errors that ``asyncio.gather`` keeps, as the statement that awaits it tells."""

from __future__ import annotations

import ast
from typing import Any, NamedTuple


class Gather(NamedTuple):
    """A call of ``gather`` that keeps errors among its results.

    Attributes:
        is_dropped: Whether nobody can look at the results.
        has_asker: Whether the function around it names a class of errors, as who looks for them among the results does.
        span: First and last line of the call.
    """

    is_dropped: bool
    has_asker: bool
    span: tuple[int, int]


def gather_at(tree: ast.Module, line: int) -> Gather | None:
    """Return the innermost call of ``gather`` with ``return_exceptions=True`` around a line, if there is one.

    Args:
        tree: The source file.
        line: The line, from 1.
    """
    dropped = {
        id(node.value.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Await)
    }
    found: Gather | None = None
    for node in ast.walk(tree):  # outer ones come first
        if isinstance(node, ast.Call) and node.lineno <= line <= (node.end_lineno or 0) and _keeps_errors(node):
            has_asker = any(map(_names_errors, ast.walk(_function_around(tree, node))))
            found = Gather(id(node) in dropped, has_asker, (node.lineno, node.end_lineno or node.lineno))
    return found


def _keeps_errors(call: ast.Call) -> bool:
    function: Any = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name == "gather" and any(
        keyword.arg == "return_exceptions" and isinstance(keyword.value, ast.Constant) and keyword.value.value is True
        for keyword in call.keywords
    )


def _function_around(tree: ast.Module, call: ast.Call) -> ast.AST:
    around: ast.AST = tree
    for node in ast.walk(tree):  # outer ones come first
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            around = node if node.lineno <= call.lineno <= (node.end_lineno or 0) else around
    return around


def _names_errors(node: ast.AST) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name.endswith(("Error", "Exception", "Exceptions"))
