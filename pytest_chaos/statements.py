"""Statements: what stands at a line, in a form that stays the same when the lines around it move.

Two statements of one function may read the same; they are told apart by which of them comes first.
"""

from __future__ import annotations

import ast
import linecache
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pytest_chaos.clauses import Sources, first_line
from pytest_chaos.spelling import Word, spelled, words_of

_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
_SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_PARTS = ast.stmt | ast.ExceptHandler | ast.match_case


class Statement(NamedTuple):
    """A statement of a function, or the head of one that holds others.

    Attributes:
        text: How it is spelled, without its layout.
        ordinal: How many of the same text come before it in its function, or in others of that qualified name.
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
        self._heads: dict[tuple[str, str], list[_Head]] = {}
        self._functions: dict[str, list[tuple[str, ast.AST]]] = {}
        self._words: dict[str, list[Word]] = {}
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
        """Return the statements of the function around a line, in their order; of the module outside of functions.

        Functions of one qualified name are one, such as the implementations of a generic function, the accessors of a
        property, or what an ``if`` defines in one way or the other: they cannot be told apart by it.
        """
        tree = self._sources.tree_of_file(file)
        if tree is None:
            return []
        named = self._functions_of(file, tree)
        name, _ = max(
            (one for one in named if one[1] is tree or _holds(one[1], line)),
            key=lambda one: getattr(one[1], "lineno", 0),
        )
        known = self._heads.get((file, name))
        if known is None:
            lines = linecache.getlines(file)
            words = self._words_of(file, lines)
            parts = [part for other, owner in named if other == name for part in _parts(owner)]
            known = self._heads[file, name] = sorted(_head(part, lines, words) for part in parts)
        return known

    def _functions_of(self, file: str, tree: ast.Module) -> list[tuple[str, ast.AST]]:
        known = self._functions.get(file)
        if known is None:
            known = self._functions[file] = [("", tree), *_functions(tree, "")]
        return known

    def _words_of(self, file: str, lines: list[str]) -> list[Word]:
        known = self._words.get(file)
        if known is None:
            known = self._words[file] = words_of(lines) or []
        return known


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield the functions beneath a node with their qualified names."""
    for child in ast.iter_child_nodes(node):
        inner = prefix
        if isinstance(child, _FUNCTIONS):
            yield f"{prefix}{child.name}", child
            inner = f"{prefix}{child.name}.<locals>."
        elif isinstance(child, ast.ClassDef):
            inner = f"{prefix}{child.name}."
        yield from _functions(child, inner)


def _holds(function: ast.AST, line: int) -> bool:
    """Tell whether a function has a line in its body."""
    body = function.body  # type: ignore[attr-defined]  # a function, or the module
    return bool(body and body[0].lineno <= line <= (body[-1].end_lineno or 0))


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


def _head(node: ast.AST, lines: list[str], words: list[Word]) -> _Head:
    first = first_line(node) if isinstance(node, _SCOPES) else node.lineno  # type: ignore[attr-defined]  # see above
    last, end = node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]  # see above
    body = getattr(node, "body", None)
    if isinstance(body, list) and body:
        last, end = max(first, body[0].lineno - 1), None
    # Columns of syntax trees count bytes.
    column = None if end is None else len(lines[last - 1].encode()[:end].decode(errors="replace"))
    to = (last + 1, 0) if column is None else (last, column)
    found = words[bisect_left(words, (first, 0), key=_begin) : bisect_right(words, to, key=_end)]
    return _Head(first, last, spelled(found))


def _begin(word: Word) -> tuple[int, int]:
    return word.begin


def _end(word: Word) -> tuple[int, int]:
    return word.end


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
