"""Handling: what stands around the lines that lead to a call, read from their source and remembered.

Nothing is run for that: names in the source are looked up and compared, as for :mod:`pytest_chaos.clauses`.
"""

from __future__ import annotations

import ast
import http
import re
from collections.abc import Iterable, Iterator

from pytest_chaos.clauses import Clause, Scope, Sources, handlers_around, statements_around, takers
from pytest_chaos.reach import FunctionKey, Step, function_key

Taken = tuple[tuple[int, int, str], ...]
"""Who takes an error on a way: for each clause the number of its step, its line and its text."""


class Handling:
    """Asked of the same lines for one fault after the other, so each is read once.

    Args:
        sources: Syntax trees.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._guarded: dict[tuple[FunctionKey, int], bool] = {}
        self._caught: dict[tuple[FunctionKey, int], tuple[type[BaseException], ...]] = {}
        self._statuses: dict[FunctionKey, frozenset[int]] = {}
        self._takers: dict[tuple[FunctionKey, int, type[BaseException]], tuple[Clause, ...]] = {}

    def is_guarded(self, step: Step) -> bool:
        """Tell whether a handler, a ``finally`` or a ``with`` stands around a line."""
        key = (function_key(step.code), step.line)
        known = self._guarded.get(key)
        if known is None:
            known = self._guarded[key] = any(map(_is_guard, self._around(step)))
        return known

    def caught(self, steps: Iterable[Step]) -> Iterator[type[BaseException]]:
        """Yield the errors that are caught by name around these lines, innermost first."""
        for step in steps:
            key = (function_key(step.code), step.line)
            if key not in self._caught:
                self._caught[key] = tuple(self._named_around(step))
            yield from self._caught[key]

    def statuses(self, steps: Iterable[Step]) -> frozenset[int]:
        """Return the status codes of HTTP that the functions of these lines compare something with."""
        found: set[int] = set()
        for step in steps:
            key = function_key(step.code)
            if key not in self._statuses:
                self._statuses[key] = frozenset(_statuses_in(self._sources.own_nodes(step.code, step.names)))
            found |= self._statuses[key]
        return frozenset(found)

    def taken(self, steps: Iterable[Step], error: type[BaseException]) -> tuple[Taken, bool]:
        """Return the clauses that may take an error on its way out of these lines, and whether one of them must.

        Args:
            steps: The lines, innermost first.
            error: Its class.
        """
        found: list[tuple[int, int, str]] = []
        for number, step in enumerate(steps):
            for clause in self._takers_at(step, error):
                found.append((number, clause.line, clause.text))
                if not clause.doubt:
                    return tuple(found), True
        return tuple(found), False

    def _takers_at(self, step: Step, error: type[BaseException]) -> tuple[Clause, ...]:
        key = (function_key(step.code), step.line, error)
        known = self._takers.get(key)
        if known is None:
            tree = self._sources.tree(step.code, step.names)
            scope = Scope(step.code, step.names)
            found = None if tree is None else takers(tree, scope, (step.line, None), error, may_leave=True)
            known = self._takers[key] = tuple(found or ())
        return known

    def _around(self, step: Step) -> list[tuple[ast.AST, str, int]]:
        tree = self._sources.tree(step.code, step.names)
        return [] if tree is None else statements_around(tree, step.code, (step.line, None)) or []

    def _named_around(self, step: Step) -> Iterator[type[BaseException]]:
        tree = self._sources.tree(step.code, step.names)
        if tree is not None:
            for value, _, _ in handlers_around(tree, Scope(step.code, step.names), (step.line, None)):
                for one in value if isinstance(value, tuple) else [value]:
                    if isinstance(one, type) and issubclass(one, BaseException):
                        yield one


def _statuses_in(nodes: Iterable[ast.AST]) -> Iterator[int]:
    for node in nodes:
        if isinstance(node, ast.Compare | ast.MatchValue):
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and type(part.value) is int and 400 <= part.value <= 599:
                    yield part.value
                elif isinstance(part, ast.Attribute):
                    yield from _named_status(part.attr)


def _named_status(name: str) -> Iterator[int]:
    """Yield the code that a library's constant stands for, by its name."""
    if name.upper() in http.HTTPStatus.__members__:
        yield http.HTTPStatus[name.upper()].value
    elif found := _NUMBERED.match(name):
        yield int(found[1])


_NUMBERED = re.compile(r"HTTP_([45]\d\d)(?:_|$)")  # as Starlette's and Django's constants are called


def _is_guard(part: tuple[ast.AST, str, int]) -> bool:
    node, field, _ = part
    if isinstance(node, ast.Try | ast.TryStar):
        return field == "body" or (field != "finalbody" and bool(node.finalbody))
    return isinstance(node, ast.With | ast.AsyncWith) and field == "body"
