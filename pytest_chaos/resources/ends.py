"""Who ends what in a plain run: the project, in the call of the test that made the thing, or a later call of the test.

Where the error of a run under a fault kept the test from that call, what is left is the test's, and no weakness of the
system.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CodeType
from typing import NamedTuple

from pytest_chaos.resources.births import Birth, Births, Entry
from pytest_chaos.resources.leftovers import LeftKind, Leftover

Key = tuple[str, str]
"""What a thing is and where it was made, equal from run to run."""

# A worker of an executor and a timer are threads, and how far they have come when they are looked at is chance.
_SAME: Mapping[LeftKind, LeftKind] = {"executor": "thread", "timer": "thread"}
_MOST = 10_000  # ends that are noted of one run


class End(NamedTuple):
    """The end of one thing in a plain run.

    Attributes:
        born: The test's call in which it was made.
        ended: The test's call in which it was ended.
        guarded: The lines, first and last, whose failure leads to that call all the same: by ``finally`` or a handler
            of the test, or because the call is the exit of its ``with``.
    """

    born: Entry
    ended: Entry
    guarded: tuple[tuple[int, int], ...]

    def is_missed_by(self, failure: Entry) -> bool:
        """Tell whether a body that failed in some call of the test never came to the call that ends the thing."""
        if (failure.file, failure.function) != (self.ended.file, self.ended.function):
            return False  # it is a fixture's, and made whatever the body does
        if failure.line == self.ended.line:
            return False
        return not any(first <= failure.line <= last for first, last in self.guarded)


class Ends:
    """Notes the ends of things while a plain run lasts.

    Args:
        births: Who made what; it tells the test's calls.
    """

    def __init__(self, births: Births) -> None:
        self._births = births
        self._noted: dict[tuple[Key, Entry, Entry], CodeType] | None = None

    def begin(self) -> None:
        """Begin to note."""
        self._noted = {}

    def ended(self, kind: LeftKind, birth: Birth | None) -> None:
        """Note that the running code ends a thing."""
        noted = self._noted
        if noted is None or birth is None or birth.entry is None or len(noted) >= _MOST:
            return
        ended = self._births.entry()
        place = self._births.place(birth)
        if ended is not None and place is not None:
            entry, code = ended
            noted.setdefault((_key(kind, place.told), birth.entry, entry), code)

    def stop(self) -> None:
        """Note no more, and forget what was noted. Harmless when done twice."""
        self._noted = None

    def take(self, tree_of: Callable[[CodeType], ast.Module | None]) -> dict[Key, tuple[End, ...]]:
        """Return what was noted.

        Args:
            tree_of: Returns the syntax tree of the file of some code.
        """
        found: dict[Key, tuple[End, ...]] = {}
        for (key, born, ended), code in (self._noted or {}).items():
            tree = tree_of(code)
            if tree is not None:
                found[key] = (*found.get(key, ()), End(born, ended, tuple(_guarded(tree, ended.line))))
        return found


def is_tests(
    leftover: Leftover,
    ends: Mapping[Key, tuple[End, ...]],
    failure: Entry | None,
    tree_of: Callable[[str], ast.Module | None],
) -> bool:
    """Tell whether something was left because the body failed before the test's own clean-up.

    Args:
        leftover: What was left.
        ends: What ended such things in the plain run.
        failure: The test's call that raised what the body ended with; ``None`` if it passed, or nobody knows.
        tree_of: Returns the syntax tree of a file.
    """
    born = leftover.entry
    # What a call left that failed itself, nobody but the system could have ended: the test never got hold of it.
    if leftover.place is None or born is None or failure is None or born == failure:
        return False
    known = ends.get(_key(leftover.kind, leftover.place.told), ())
    if known:
        return all(end.born != end.ended and end.is_missed_by(failure) for end in known)
    # What a thread ends on its own when it is told to, such as itself, nobody was seen to end.
    tree = tree_of(failure.file) if (born.file, born.function) == (failure.file, failure.function) else None
    return tree is not None and any(
        call.lineno > failure.line
        and not any(first <= failure.line <= last for first, last in _guarded(tree, call.lineno))
        for call in _closing(tree, born)
    )


_CLOSING = frozenset({"close", "aclose", "stop", "shutdown", "terminate", "cancel", "disconnect", "quit", "join"})


def _closing(tree: ast.AST, born: Entry) -> Iterable[ast.Call]:
    """Yield the calls of a test that close by its name what a line of the test has made, or has called to make it."""
    test = next((node for node in ast.walk(tree) if _is_named(node, born)), None)
    inner = [] if test is None else [node for node in ast.walk(test) if node is not test]
    statements = [one for one in inner if isinstance(one, ast.stmt) and one.lineno <= born.line <= _last_line(one)]
    names = {
        ast.unparse(node)
        for one in statements[-1:]  # the innermost
        for node in ast.walk(one)
        if isinstance(node, ast.Name | ast.Attribute) and node.lineno <= _last_line(one)
    }
    for node in inner:
        match node:
            case ast.Call(func=ast.Attribute(value=closed, attr=name)) if name in _CLOSING:
                if ast.unparse(closed) in names:
                    yield node


def _last_line(statement: ast.stmt) -> int:
    """Return the last line of a statement, without what stands inside of it."""
    body = getattr(statement, "body", None)
    return body[0].lineno - 1 if body else statement.end_lineno or statement.lineno


def _is_named(node: ast.AST, born: Entry) -> bool:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name != born.function.rpartition(".")[2]:
        return False
    return node.lineno <= born.line <= (node.end_lineno or node.lineno)


def is_ended(leftover: Leftover, ends: Mapping[Key, tuple[End, ...]]) -> bool:
    """Tell whether a call ended such a thing in the plain run."""
    return leftover.place is not None and _key(leftover.kind, leftover.place.told) in ends


def may_be_tests(leftover: Leftover, failure: Entry | None, tree_of: Callable[[str], ast.Module | None]) -> bool:
    """Tell whether calls of the test that the failure of its body kept from being made may end what was left.

    Nobody sees who ends a task or an asynchronous generator. One that a call of the test made which came to its end,
    where later calls of the test were not made any more, may be the test's.

    Args:
        leftover: What was left.
        failure: The test's call that raised what the body ended with; ``None`` if it passed, or nobody knows.
        tree_of: Returns the syntax tree of a file.
    """
    if leftover.kind not in _UNSEEN or leftover.entry is None or failure is None or leftover.entry == failure:
        return False
    if (leftover.entry.file, leftover.entry.function) != (failure.file, failure.function):
        return False
    tree = tree_of(failure.file)
    return tree is not None and any(_calls_after(tree, failure.line))


_UNSEEN: frozenset[LeftKind] = frozenset({"task", "async-generator"})


def _calls_after(tree: ast.Module, line: int) -> Iterator[bool]:
    """Yield, for each statement after a line in the function around it, whether it calls and is no ``assert``."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if function.lineno <= line <= (function.end_lineno or 0):
            for node in ast.walk(function):
                if isinstance(node, ast.stmt) and node.lineno > line and not isinstance(node, ast.Assert):
                    yield any(isinstance(part, ast.Call) for part in ast.walk(node))


def _key(kind: LeftKind, place: str) -> Key:
    return _SAME.get(kind, kind), place


def _guarded(tree: ast.AST, line: int) -> Iterable[tuple[int, int]]:
    """Yield the spans of lines whose failure leads to a line, or may."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Try | ast.TryStar):
            after: list[ast.stmt | ast.excepthandler] = [*node.handlers, *node.finalbody]
            if any(one.lineno <= line <= (one.end_lineno or line) for one in after):
                before: list[ast.stmt | ast.excepthandler] = [*node.body, *node.orelse, *node.handlers]
                yield node.lineno, max(one.end_lineno or line for one in before)
        elif isinstance(node, ast.With | ast.AsyncWith) and node.lineno <= line < node.body[0].lineno:
            yield node.body[0].lineno, node.end_lineno or line
