"""Which line takes a lock by hand: read from the source, for who holds a plain lock is not told."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import NamedTuple

_TAKES = frozenset({"acquire"})


class Taken(NamedTuple):
    """A line that takes a lock.

    Attributes:
        line: The line.
        function: Qualified name of its function.
    """

    line: int
    function: str


def taken_in(tree: ast.AST, lock: str, functions: Collection[str]) -> Taken | None:
    """Return the first line that takes a lock by a call, in one of some functions; ``None`` if none does.

    A ``with`` gives the lock back whatever happens, and so does a generator that is closed: they are passed over.

    Args:
        tree: Of a file.
        lock: The variable that holds the lock, such as ``self.lock``; the last of its names is looked for.
        functions: Names of functions, as the ways of errors tell them.
    """
    name = lock.rpartition(".")[2]
    if not name:
        return None
    for qualified, function in _functions(tree, ""):
        own = list(_own(function))
        if qualified.rpartition("<locals>.")[2] not in functions or any(
            isinstance(node, ast.Yield | ast.YieldFrom) for node in own
        ):
            continue
        lines = [node.lineno for node in own if isinstance(node, ast.Call) and _takes(node.func, name)]
        if lines:
            return Taken(min(lines), qualified)
    return None


def _takes(called: ast.expr, name: str) -> bool:
    if not isinstance(called, ast.Attribute) or called.attr not in _TAKES:
        return False
    holder = called.value
    return name == (holder.attr if isinstance(holder, ast.Attribute) else getattr(holder, "id", ""))


def _functions(node: ast.AST, outer: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield all functions below a node, each with its qualified name."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{outer}{child.name}", child
            yield from _functions(child, f"{outer}{child.name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{outer}{child.name}.")
        else:
            yield from _functions(child, outer)


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function, without those of functions inside it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield child
            yield from _own(child)
