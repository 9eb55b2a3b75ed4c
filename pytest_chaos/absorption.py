"""Who absorbed an injected error: from its traceback, and from the interpreter's events where there are any.

A traceback begins with the outermost frame that the error reached: that frame, or what called it, took the error. The
frame's source then tells by which clause. The events know it exactly, also where a traceback cannot: an error that was
raised again and caught in the same function, or that went on inside an exception group.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from types import CodeType, FrameType, TracebackType
from typing import Any, Literal, NamedTuple

from pytest_chaos.clauses import Clause, Does, Scope, Sources, entered, positions, takers
from pytest_chaos.exception_events import Flight
from pytest_chaos.gaps import Gap, Gaps, Passed
from pytest_chaos.provenance import Place, Provenance

End = Literal[
    "except",  # an except clause took it
    "with",  # a context manager swallowed it
    "finally",  # a finally block left the function, and the error was gone
    "unread",  # a function took it whose source cannot be read
    "task",  # it ended an asyncio task
    "gather",  # asyncio.gather(return_exceptions=True) kept it among the results
    "future",  # a worker of an executor kept it for the future
    "thread",  # it ended a thread
    "event loop",  # it ended a callback, and went to the loop's exception handler
    "C code",  # C code swallowed it, such as getattr with a default
    "probe",  # chaos.recovers took it as "not yet"
    "escaped",  # it ended the test's body
    "unseen",  # it left no trace: its traceback is empty, and no event told of it
]
Taker = Literal[
    "project",  # a function of the project
    "library",  # what a function of the project called
    "outside",  # the test, or what it called: no function of the project stands further out
    "",  # nobody, or not known
]
HANDLERS: frozenset[End] = frozenset({"except", "with", "finally"})
_CAUGHT: frozenset[End] = HANDLERS | {"unread", "task", "gather", "future", "C code"}
_MOST_TOLD = 1000  # ways that are remembered
# Functions of the standard library that keep an error for somebody else.
_KEEPERS: dict[tuple[str, str], End] = {
    ("concurrent.futures.thread", "_WorkItem.run"): "future",
    ("threading", "Thread._bootstrap_inner"): "thread",
    ("asyncio.events", "Handle._run"): "event loop",
    ("asyncio.tasks", "Task.__step"): "task",
    ("asyncio.tasks", "Task.__step_run_and_handle_result"): "task",
}
_PROBE = ("pytest_chaos.control",)
_ANSWERS = ("pytest_chaos.injector.hook", "take")  # what spliced code calls to be answered by a fault
_SHOWN = ("project", "test", "installed", "generated")
_ASYNC = inspect.CO_COROUTINE | inspect.CO_ITERABLE_COROUTINE | inspect.CO_ASYNC_GENERATOR


@dataclass(frozen=True)
class Absorption:
    """What became of one injected error, or of several that went the same way.

    Attributes:
        point: The injection point that raised it.
        passed: Names of the functions it passed, innermost first; ours, pytest's and the standard library's left out.
        end: How it ended.
        place: Where: the line of the clause, or, where the clause is in doubt or there is none, the line at which the
            error came in. ``None`` where no such place is known.
        clause: Head of the clause that took it; with all candidates where that is in doubt.
        is_sure: Whether ``clause`` is not in doubt.
        taker: Who took it.
        does: What the clause does about it; not known where it is in doubt.
        is_broad: Whether the clause takes every ``Exception``.
        is_for_absence: Whether it is for files that are not there, and took an error that says so.
        span: First and last line of the statement that the clause belongs to; zeros where it is not known.
        times: How many errors went this way.
        reached: The outermost line of the project that it came to, from within.
        gap: Where it left the project, though somebody there could be expected to handle it.
    """

    point: str
    passed: tuple[str, ...]
    end: End
    place: Place | None = None
    clause: str = ""
    is_sure: bool = True
    times: int = 1
    reached: Place | None = None
    gap: Gap | None = field(default=None, kw_only=True)
    taker: Taker = field(default="", kw_only=True)
    does: Does = field(default="", kw_only=True)
    is_broad: bool = field(default=False, kw_only=True)
    is_for_absence: bool = field(default=False, kw_only=True)
    span: tuple[int, int] = field(default=(0, 0), kw_only=True)

    @property
    def caught(self) -> Place | None:
        """Where it was absorbed, or ``None`` if nobody absorbed it."""
        return self.place if self.end in _CAUGHT else None

    @property
    def met(self) -> tuple[str, ...]:
        """Names of the functions that it left or ended in."""
        end = () if self.caught is None else (self.caught.function.rpartition("<locals>.")[2],)
        return (*self.passed, *end)

    @property
    def handler(self) -> Place | None:
        """The clause that surely took it, or ``None``."""
        return self.place if self.end in HANDLERS and self.is_sure else None


class _Step(NamedTuple):
    """A frame that the error reached, the instruction at which it came in, and the line of that."""

    scope: Scope
    offset: int
    line: int

    @property
    def name(self) -> str:
        return self.scope.code.co_qualname.rpartition("<locals>.")[2]

    @property
    def module(self) -> str:
        return str(self.scope.module.get("__name__", ""))


class _Told:
    """The way that an error went, to tell whether the next one went the same."""

    __slots__ = (
        "_carrier",
        "_handled_in",
        "_has_escaped",
        "_has_flight",
        "_kind",
        "_offset",
        "_path",
        "_point",
        "absorption",
    )

    def __init__(
        self, absorption: Absorption, error: BaseException, point: str, flight: Flight | None, has_escaped: bool
    ) -> None:
        self.absorption = absorption
        self._kind = type(error)
        self._point = point
        self._has_escaped = has_escaped
        self._has_flight = flight is not None
        self._handled_in = None if flight is None else flight.code
        is_handled = flight is not None and flight.code is not None
        self._offset = flight.offset if flight is not None and is_handled else 0
        self._carrier = flight.carrier if flight is not None and is_handled else None
        self._path: list[tuple[CodeType, int]] = []
        trace = error.__traceback__
        while trace is not None:
            self._path.append((trace.tb_frame.f_code, trace.tb_lasti))
            trace = trace.tb_next

    def is_way_of(self, error: BaseException, point: str, flight: Flight | None, has_escaped: bool) -> bool:
        """Tell whether an error went this way."""
        if type(error) is not self._kind or point != self._point or has_escaped is not self._has_escaped:
            return False
        if flight is None:
            if self._has_flight:
                return False
        elif (
            flight.code is not self._handled_in
            or not self._has_flight
            or (flight.code is not None and (flight.offset != self._offset or flight.carrier is not self._carrier))
        ):
            return False
        trace = error.__traceback__
        for code, offset in self._path:
            if trace is None or trace.tb_lasti != offset or trace.tb_frame.f_code is not code:
                return False
            trace = trace.tb_next
        return trace is None


class Tracer:
    """Tells what became of injected errors.

    Args:
        provenance: Whose code a frame belongs to.
        sources: Syntax trees, shared by all runs of a session.
    """

    def __init__(self, provenance: Provenance, sources: Sources) -> None:
        self._provenance = provenance
        self._sources = sources
        self._gaps = Gaps(provenance, sources)
        # A way that was told, with the code it leads through, which must live as long as its ids stand in the key.
        self._told: dict[tuple[Any, ...], tuple[Absorption, list[CodeType]]] = {}
        self._latest: _Told | None = None

    def tell(
        self, error: BaseException, point: str, flight: Flight | None = None, has_escaped: bool = False
    ) -> Absorption:
        """Return what became of an error, as far as it has come.

        Args:
            error: The error, with the traceback it has now.
            point: The injection point that raised it.
            flight: What the interpreter's events told of it, where they are on.
            has_escaped: Whether it is known to have ended the test's body.
        """
        latest = self._latest
        if latest is not None and latest.is_way_of(error, point, flight, has_escaped):
            return latest.absorption  # a loop that tries again, a rule that fires on and on
        handled_in = None if flight is None else flight.code
        parts: list[Any] = [type(error), point, has_escaped, flight is None, id(handled_in)]
        if flight is not None and handled_in is not None:
            parts += flight.offset, flight.carrier  # not its frame's names: they are the traceback's, or nobody's
        trace = error.__traceback__
        while trace is not None:
            parts += id(trace.tb_frame.f_code), trace.tb_lasti
            trace = trace.tb_next
        key = tuple(parts)
        known = self._told.get(key)
        if known is not None:
            self._latest = _Told(known[0], error, point, flight, has_escaped)
            return known[0]
        steps = _steps(error.__traceback__)
        told = self._tell(error, point, steps, flight, has_escaped)
        is_for_absence = told.is_for_absence and isinstance(error, FileNotFoundError)
        told = replace(told, reached=self._reached(steps), is_for_absence=is_for_absence)
        if told.end == "escaped" or told.taker == "outside":
            told = replace(told, gap=self._gap(steps, type(error)))
        if len(self._told) < _MOST_TOLD and not any(step.scope.has_looked_inside for step in steps):
            codes = _codes(error.__traceback__)
            self._told[key] = told, codes if handled_in is None else [*codes, handled_in]
        return told

    def _tell(
        self, error: BaseException, point: str, steps: list[_Step], flight: Flight | None, has_escaped: bool
    ) -> Absorption:
        if has_escaped:
            test = next((index for index, step in enumerate(steps) if self._origin(step) == "test"), -1)
            return Absorption(point, self._passed(steps[test + 1 :], point), "escaped")
        if flight is not None and flight.code is not None and not _is_outrun(flight, steps):
            return self._handled(error, point, steps, flight, flight.code)
        if not steps:
            return Absorption(point, (), "unseen")
        return self._from_traceback(error, point, steps, is_free=flight is not None and flight.code is None)

    # --- by the events

    def _handled(
        self, error: BaseException, point: str, steps: list[_Step], flight: Flight, code: CodeType
    ) -> Absorption:
        at = next((index for index, step in enumerate(steps) if step.scope.code is code), None)
        scope = Scope(code, flight.module or {}) if at is None else steps[at].scope
        inner = steps if at is None else steps[at + 1 :]
        last = _Step(scope, flight.offset, _line(code, flight.offset) if at is None else steps[at].line)
        kept = self._kept(point, inner, last)
        if kept is not None:
            return kept
        tree = self._sources.tree(code, scope.module)
        found = None if tree is None else entered(tree, scope, flight.offset, flight.carrier, type(error))
        return self._taken(point, inner, last, found)

    # --- by the traceback

    def _from_traceback(self, error: BaseException, point: str, steps: list[_Step], *, is_free: bool) -> Absorption:
        last = steps[0]
        kept = self._kept(point, steps[1:], last)
        if kept is not None:
            return kept
        if self._origin(last) in ("passage", "chaos"):
            return self._left(point, steps, last)
        tree = self._sources.tree(last.scope.code, last.scope.module)
        place = next(positions(last.scope.code, last.offset), None)
        if tree is None or place is None:
            return self._taken(point, steps[1:], last, None)
        is_async = bool(last.scope.code.co_flags & _ASYNC)
        found = takers(tree, last.scope, place, type(error), may_leave=is_async)
        if is_free and found:
            # The events say that no handler has it. They miss handlers of what was suspended when they began.
            is_seen = not last.scope.code.co_flags & (_ASYNC | inspect.CO_GENERATOR)
            found = [] if is_seen or any(clause.doubt for clause in found) else found
        if found is not None and not found:
            return self._left(point, steps, last)
        return self._taken(point, steps[1:], last, found)

    # --- how it ended

    def _kept(self, point: str, inner: list[_Step], last: _Step) -> Absorption | None:
        """Return the end of an error that the machinery behind threads, tasks and probes took."""
        if last.module in _PROBE:
            return Absorption(point, self._passed(inner, point), "probe")
        end = _KEEPERS.get((last.module, last.scope.code.co_qualname))
        if end is None:
            return None
        return self._out_of(point, inner, end)

    def _left(self, point: str, steps: list[_Step], last: _Step) -> Absorption:
        """Return the end of an error that left its outermost frame, so that what called it, in C, took the error."""
        if last.scope.code.co_flags & _ASYNC:
            return self._out_of(point, steps, "task")
        return self._out_of(point, steps, "C code", self._taker_outside(last))

    def _out_of(self, point: str, steps: list[_Step], end: End, taker: Taker = "") -> Absorption:
        shown = [step for step in steps if self._origin(step) in _SHOWN]
        if not shown:
            return Absorption(point, (), end, taker=taker)
        if end == "thread" and self._origin(shown[0]) == "test":
            taker = "outside"  # a thread of the test's own, which it has been passed on to
        place = self._place(shown[0], shown[0].line)
        return Absorption(point, self._passed(shown[1:], point), end, place, taker=taker)

    def _taken(self, point: str, inner: list[_Step], last: _Step, found: list[Clause] | None) -> Absorption:
        while inner and inner[0].scope.frame is last.scope.frame is not None:
            inner = inner[1:]  # raised again by name in the same frame
        passed = self._passed(inner, point)
        taker: Taker = "project" if self._origin(last) == "project" else self._taker_outside(last)
        if not found:
            return Absorption(point, passed, "unread", self._place(last, last.line), taker=taker)
        first, *others = found
        if not others and not first.doubt:
            return Absorption(
                point,
                passed,
                first.kind,
                self._place(last, first.line),
                first.text,
                taker=taker,
                does=first.does,
                is_broad=first.is_broad,
                is_for_absence=first.is_for_absence,
                span=first.span,
            )
        texts = [f"{clause.text} at L{clause.line}{f': {clause.doubt}' if clause.doubt else ''}" for clause in found]
        if not others and last.scope.code.co_flags & _ASYNC:
            texts.append("stored in task")
        place = self._place(last, last.line)
        return Absorption(point, passed, first.kind, place, ", or ".join(texts), is_sure=False, taker=taker)

    def _taker_outside(self, last: _Step) -> Taker:
        """Return who took an error outside of the project: on whose behalf is told by the frames further out."""
        stack = list(self._provenance.own_stack(last.scope.frame))
        if any(origin == "project" for _, origin in stack):
            return "library"
        outermost, origin = stack[-1] if stack else (None, self._origin(last))
        if origin == "test":
            return "outside"
        # What is suspended does not tell who waits for it.
        is_cut = outermost is None or (
            outermost.f_back is None and outermost.f_code.co_flags & (_ASYNC | inspect.CO_GENERATOR)
        )
        return "library" if is_cut else "outside"

    def _reached(self, steps: list[_Step]) -> Place | None:
        outermost = next((step for step in steps if self._origin(step) == "project"), None)
        return None if outermost is None else self._place(outermost, outermost.line)

    def gap_of(self, error: BaseException) -> Gap | None:
        """Return where an error left the project that came out of it, see :mod:`pytest_chaos.gaps`."""
        return self._gap(_steps(error.__traceback__), type(error))

    def _gap(self, steps: list[_Step], error: type[BaseException]) -> Gap | None:
        passed = [Passed(step.scope, step.offset, step.line, self._origin(step)) for step in steps]
        return self._gaps.on(passed, error)

    def _passed(self, steps: list[_Step], point: str) -> tuple[str, ...]:
        """Return the names of the functions in between, innermost first, without the target's own."""
        shown = [step for step in steps if self._origin(step) in _SHOWN]
        if shown and f"{shown[-1].module}:{shown[-1].scope.code.co_qualname}" == point:
            shown.pop()
        names: list[str] = []
        frame = None
        for step in reversed(shown):
            if step.scope.frame is not frame:  # a frame comes twice where it raised the error again by name
                names.append(step.name)
            frame = step.scope.frame
        return tuple(names)

    def _origin(self, step: _Step) -> str:
        return self._provenance.of_file(step.scope.code.co_filename)

    def _place(self, step: _Step, line: int) -> Place:
        return self._provenance.place(step.scope.code, line)


def entries(trace: TracebackType | None) -> Iterator[TracebackType]:
    """Yield the entries of a traceback, outermost first, without those of functions that a fault answered for.

    Spliced code answers from a frame of its function, though nothing of the function has run.
    """
    while trace is not None:
        inner = trace.tb_next
        if inner is None or not _answers(inner.tb_frame):
            yield trace
        trace = inner


def _codes(trace: TracebackType | None) -> list[CodeType]:
    codes: list[CodeType] = []
    while trace is not None:
        codes.append(trace.tb_frame.f_code)
        trace = trace.tb_next
    return codes


def _answers(frame: FrameType) -> bool:
    return frame.f_code.co_name == _ANSWERS[1] and frame.f_globals.get("__name__") == _ANSWERS[0]


def _steps(trace: TracebackType | None) -> list[_Step]:
    """Return the frames of a traceback, outermost first."""
    found: list[_Step] = []
    for entry in entries(trace):
        frame = entry.tb_frame
        line = entry.tb_lineno or frame.f_code.co_firstlineno
        found.append(_Step(Scope(frame.f_code, frame.f_globals, frame), entry.tb_lasti, line))
    return found


def _line(code: CodeType, offset: int) -> int:
    place = next((place for place in positions(code, offset) if place is not None), None)
    return code.co_firstlineno if place is None else place[0]


def _is_outrun(flight: Flight, steps: list[_Step]) -> bool:
    """Tell whether the traceback goes further out than the events.

    A generator that was suspended when the events were switched on may take an error that is thrown into it unseen.
    """
    inner = any(step.scope.code is flight.code for step in steps[1:])
    return inner and steps[0].scope.code is not flight.code
