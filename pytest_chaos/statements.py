"""Statements: what stands at a line, in a form that stays the same when the lines around it move.

Two statements of one function may read the same; they are told apart by which of them comes first.
"""

from __future__ import annotations

import ast
import linecache
from pathlib import Path
from typing import NamedTuple

from pytest_chaos.clauses import Sources, first_line

_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
_SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_PARTS = ast.stmt | ast.ExceptHandler | ast.match_case


class Statement(NamedTuple):
    """A statement of a function, or the head of one that holds others.

    Attributes:
        text: How it is written, with each run of blanks and line ends as one blank.
        ordinal: How many of the same text come before it in its function.
    """

    text: str
    ordinal: int


class _Head(NamedTuple):
    first: int
    last: int
    text: str


class Statements:
    """The statements of files, each file read once.

    Args:
        sources: Syntax trees.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._heads: dict[tuple[str, int], list[_Head]] = {}
        self._modules: dict[str, str] = {}

    def at(self, file: str, line: int) -> Statement:
        """Return the innermost statement at a line; where the file cannot be read, one without a text.

        Args:
            file: Name of the file.
            line: The line, from 1.
        """
        heads = self._heads_around(file, line)
        found = [head for head in heads if head.first <= line <= head.last]
        if not found:
            return Statement(_on_one_line(linecache.getline(file, line)), 0)
        mine = min(found, key=lambda head: (head.last - head.first, -head.first))
        same = [head for head in heads if head.text == mine.text]
        return Statement(mine.text, same.index(mine))

    def module(self, file: str) -> str:
        """Return the dotted name under which a file is imported, as the packages around it tell.

        It is the same wherever the tests are started.
        """
        known = self._modules.get(file)
        if known is None:
            path = Path(file)
            names = [] if path.stem == "__init__" else [path.stem]
            for folder in path.parents:
                if not (folder / "__init__.py").is_file():
                    break
                names.insert(0, folder.name)
            known = self._modules[file] = ".".join(names) or path.stem
        return known

    def _heads_around(self, file: str, line: int) -> list[_Head]:
        """Return the statements of the function around a line, in their order; of the module outside of functions."""
        tree = self._sources.tree_of_file(file)
        if tree is None:
            return []
        owner = _function_at(tree, line)
        key = (file, 0 if owner is tree else owner.lineno)  # type: ignore[attr-defined]  # every other one has a line
        known = self._heads.get(key)
        if known is None:
            lines = linecache.getlines(file)
            known = self._heads[key] = sorted(_head(part, lines) for part in _parts(owner))
        return known


def _function_at(tree: ast.Module, line: int) -> ast.AST:
    """Return the innermost function that has a line in its body, or the module."""
    found: ast.AST = tree
    for node in ast.walk(tree):  # outer ones come first
        if isinstance(node, _FUNCTIONS) and node.body[0].lineno <= line <= (node.end_lineno or 0):
            found = node
    return found


def _parts(owner: ast.AST) -> list[ast.AST]:
    found: list[ast.AST] = []
    waiting = list(ast.iter_child_nodes(owner))
    while waiting:
        node = waiting.pop()
        if isinstance(node, _PARTS):
            found.append(node)
        if not isinstance(node, _FUNCTIONS):
            waiting.extend(ast.iter_child_nodes(node))
    return [node for node in found if hasattr(node, "lineno")]


def _head(node: ast.AST, lines: list[str]) -> _Head:
    first = first_line(node) if isinstance(node, _SCOPES) else node.lineno  # type: ignore[attr-defined]  # see above
    last, end = node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]  # see above
    body = getattr(node, "body", None)
    if isinstance(body, list) and body:
        last, end = max(first, body[0].lineno - 1), None
    written = [line.encode() for line in lines[first - 1 : last]]
    if written and end is not None:
        written[-1] = written[-1][:end]  # without a comment after it
    return _Head(first, last, _on_one_line(b"".join(written).decode(errors="replace")))


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
