"""Gaps: where somebody could have been expected to handle an error that left the project.

A handler that stands around a call and names errors of the same family shows that its author reckons with failures
there. And an error that leaves what a framework calls for somebody outside, such as the handler of a request, is the
last thing that this one gets to see of the project.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any, Literal, NamedTuple

from pytest_chaos.clauses import Scope, Sources, handlers_around, matches, positions
from pytest_chaos.frameworks import CALLERS, Framework
from pytest_chaos.provenance import Place, Provenance, is_stdlib_module

GapKind = Literal[
    "missed-by-handler",  # a handler names a related error, and misses this one
    "left-entry-point",  # it left what a framework calls for somebody outside
]
# Errors that say how things are, such as that there is no such file. Who names one asks that, and nothing is down.
_ANSWERS = (
    *(FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError),
    *(BlockingIOError, InterruptedError, ProcessLookupError, ChildProcessError),
)
_ANSWERS_OF_DATABASES = frozenset({"IntegrityError", "DataError", "ProgrammingError", "NotSupportedError"})  # PEP 249


@dataclass(frozen=True)
class Gap:
    """Where an error could have been handled, and was not.

    Attributes:
        kind: What sort of gap.
        place: The line: of the handler, or the one at which the error left what the framework calls.
        text: Head of the handler; or what the framework calls the function for, such as ``request``.
        framework: What people call the framework.
    """

    kind: GapKind
    place: Place
    text: str
    framework: str = ""


class Passed(NamedTuple):
    """A frame that an error passed, the instruction at which it came in, the line of that, and whose code it is."""

    scope: Scope
    offset: int
    line: int
    origin: str


class Gaps:
    """Finds the gap that an error left by.

    Args:
        provenance: Whose code is whose.
        sources: Syntax trees.
    """

    def __init__(self, provenance: Provenance, sources: Sources) -> None:
        self._provenance = provenance
        self._sources = sources

    def on(self, steps: Sequence[Passed], error: type[BaseException]) -> Gap | None:
        """Return the innermost gap on a way, handlers first; none where a clause on it is for this very error.

        Args:
            steps: What the error passed, outermost first.
            error: Its class.
        """
        missed: Gap | None = None
        is_own = self._provenance.of_class(error) == "project"  # a signal between its parts
        for step in reversed(steps):
            if step.origin != "project":
                continue
            for value, line, text in self._handlers(step):
                if matches(value, error) is not False:
                    return None  # whoever passes it on has decided so
                if missed is None and not is_own and _is_related(value, error):
                    missed = Gap("missed-by-handler", self._provenance.place(step.scope.code, line), text)
        return missed or (None if issubclass(error, _ANSWERS) else self._entry(steps))

    def _handlers(self, step: Passed) -> Iterator[tuple[Any, int, str]]:
        tree = self._sources.tree(step.scope.code, step.scope.module)
        position = next((one for one in positions(step.scope.code, step.offset) if one is not None), None)
        if tree is not None and position is not None:
            yield from handlers_around(tree, step.scope, position)

    def _entry(self, steps: Sequence[Passed]) -> Gap | None:
        for index in range(len(steps) - 1, -1, -1):
            if steps[index].origin == "project":
                caller = next(filter(None, map(_caller, _outside(steps, index))), None)
                if caller is not None:
                    one = _beneath_wrappers(steps, index)
                    place = self._provenance.place(one.scope.code, one.line)
                    return Gap("left-entry-point", place, caller.calls_for, caller.name)
        return None


def _caller(step: Passed) -> Framework | None:
    return CALLERS.get(str(step.scope.module.get("__name__", "")))


def _outside(steps: Sequence[Passed], index: int) -> Iterator[Passed]:
    """Yield what stands between a step of the project and the next one further out, or the test."""
    for step in reversed(steps[:index]):
        if step.origin in ("project", "test"):
            return
        yield step


def _beneath_wrappers(steps: Sequence[Passed], index: int) -> Passed:
    """Return the step, or the function of the project behind it where it is a decorator's that only passes on."""
    inner = [step for step in steps[index:] if step.origin in ("project", "installed")]
    for step, within in itertools.pairwise(inner):
        if not _is_wrapper(step.scope.code) or within.origin != "project":
            return step
    return steps[index] if not inner else inner[-1]


def _is_wrapper(code: CodeType) -> bool:
    takes_all = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    return bool(takes_all) and "<locals>" in code.co_qualname


def _is_related(value: Any, error: type[BaseException]) -> bool:
    """Tell whether a clause for a value shows that its author reckons with failures of what gave this error."""
    return any(_is_kin(one, error) for one in (value if isinstance(value, tuple) else (value,)))


def _is_kin(one: Any, error: type[BaseException]) -> bool:
    if not isinstance(one, type) or issubclass(one, _ANSWERS) or one.__name__ in _ANSWERS_OF_DATABASES:
        return False
    if one is not OSError and issubclass(one, OSError) and issubclass(error, OSError):
        return _library(one) == _library(error) or any(_is_librarys(base) for base in _shared(one, error))
    return any(_is_librarys(base) for base in _shared(one, error))


def _shared(one: type, other: type) -> Iterator[type]:
    return (base for base in one.__mro__ if base in other.__mro__)


def _is_librarys(base: type) -> bool:
    return base.__module__ != "builtins"


def _library(one: type) -> str:
    return "" if is_stdlib_module(one.__module__) else one.__module__.partition(".")[0]
