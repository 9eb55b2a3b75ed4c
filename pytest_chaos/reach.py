"""Reach: by which ways through the project the points are called that may fail, and what a call there goes to.

It is filled by the calls of a run, and says nothing of what could go wrong with them; that is for the offers.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any, NamedTuple, Protocol

from pytest_chaos import compat
from pytest_chaos.faults.base import Limit
from pytest_chaos.provenance import Provenance, function_name
from pytest_chaos.resources import stacks
from pytest_chaos.trace import AskedCall, CallSite

_MOST_WAYS = 5_000  # told apart by every line that leads to a call; what comes then is known by its last line alone
_MOST_NUMBERS = 4  # of calls that are kept for each of them: shapes ask for the first two
_MOST_STEPS = 12
_AWAITED = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_ITERABLE_COROUTINE

FunctionKey = tuple[str, int, str]
"""What tells a function by its code, replaced or not: file, first line, qualified name."""


_Frame = tuple[CodeType, int, dict[str, Any]]  # code, offset of the instruction in bytes, globals


def function_key(code: CodeType) -> FunctionKey:
    """Return what tells a function by its code."""
    return code.co_filename, code.co_firstlineno, code.co_qualname


@dataclass(frozen=True)
class Step:
    """A line of the project on the way to a call.

    Attributes:
        name: The function, ``module:qualname``.
        line: The line, from 1.
        code: The function's code. Not compared.
        names: The globals of its module. Not compared.
    """

    name: str
    line: int
    code: CodeType = field(compare=False, repr=False)
    names: dict[str, Any] = field(compare=False, repr=False)

    @property
    def module(self) -> str:
        """Name of the module."""
        return self.name.partition(":")[0]


class Number(NamedTuple):
    """Where a call stands among the calls at its point.

    Attributes:
        all: Its number, from 1, among those to its dependency.
        below: The same among those of them that were made below a function, for each function on its way.
    """

    all: int
    below: Mapping[str, int] = {}


@dataclass(frozen=True)
class Way:
    """The calls at one point, to one dependency, by one way through the project.

    Attributes:
        point: The injection point.
        site: The line that makes them.
        steps: The lines of the project that lead there, that of the site first; without those further out in which
            nothing could take, change or outlive an error. None where no line of the project does.
        dependency: What is called; empty where nothing tells.
        outer: The injection point of the library's call on whose behalf these are made; mostly empty.
        count: How many there were.
        numbers: Where the first ones stand.
        limits: The limits that they were given, each once; ``None`` for a call that takes none.
        through: All functions of the project that lead there.
        is_whole: Whether they begin with a thread or task, which an error ends.
        is_double: Whether a test double answered one of them.
        entry: The installed package that calls the project for the test; empty where the test itself does. A framework
            has handlers of its own for what the project does not take.
        modes: The modes in which they opened files, each once; none where nothing tells.
        via: The installed package that makes these calls for the project; empty where the project itself does.
    """

    point: str
    site: CallSite
    steps: tuple[Step, ...] = ()
    dependency: str = ""
    outer: str = ""
    count: int = 1
    numbers: tuple[Number, ...] = (Number(1),)
    limits: tuple[Limit | None, ...] = (None,)
    through: frozenset[str] = frozenset()
    is_whole: bool = False
    is_double: bool = False
    entry: str = ""
    modes: tuple[str, ...] = ()
    via: str = ""

    @property
    def text(self) -> str:
        """What tells it from other ways to the same point and dependency."""
        beginning = ["a thread or task"] if self.is_whole else [self.entry] if self.entry else []
        return " < ".join([str(self.site.place), *(step.name for step in self.steps[1:]), *beginning])

    @property
    def waiting(self) -> str:
        """What tells it from other ways on which the same line waits.

        Nothing takes a wait on its way out. Only who awaits a coroutine, a thread or a task can limit it from outside.
        """
        beginning = ["a thread or task"] if self.is_whole else []
        awaited = [step.name for step in self.steps[1:] if step.code.co_flags & _AWAITED]
        return " < ".join([str(self.site.place), *awaited, *beginning])

    @property
    def outermost(self) -> str:
        """The outermost function in which something could be done about an error; empty if there is none."""
        return self.steps[-1].name if self.steps else ""

    @property
    def can_wait_for_ever(self) -> bool:
        """Whether one of the calls could have been given a limit, and was not."""
        return any(limit is not None and limit.seconds is None for limit in self.limits)

    @property
    def has_limit(self) -> bool:
        """Whether one of the calls was given a limit, and waits until then."""
        return any(limit is not None and limit.seconds for limit in self.limits)

    @property
    def can_time_out(self) -> bool:
        """Whether one of the calls may end by a limit, as far as is known."""
        return any(limit is None or limit.seconds is not None for limit in self.limits)


class _Walked(NamedTuple):
    """What leads to a call: lines of the project, the library's call it is made for, who calls the project, whether
    that is all up to the beginning of a thread or task, and the package that the project has called for it."""

    frames: tuple[_Frame, ...]
    outer: str
    entry: str
    is_whole: bool
    via: str = ""


class IsGuarded(Protocol):
    """Tells whether something around a line could take, change or outlive an error that comes from there."""

    def __call__(self, step: Step, /) -> bool: ...


@dataclass
class _Stack:
    """Calls that were made by the same lines, all the way out."""

    point: str
    site: CallSite
    dependency: str
    outer: str
    frames: tuple[_Frame, ...]
    is_whole: bool
    entry: str
    starter: CodeType | None
    cells: list[list[int]]
    names: list[str]
    via: str
    count: int = 0
    numbers: list[Number] = field(default_factory=list)
    limits: list[Limit | None] = field(default_factory=list)
    modes: list[str] = field(default_factory=list)
    is_double: bool = False

    def note_answer(self, limit: Limit | None, mode: str, *, is_double: bool) -> None:
        """Note what is known of one call beside its lines."""
        if limit not in self.limits:
            self.limits.append(limit)
        if mode and mode not in self.modes:
            self.modes.append(mode)
        self.is_double |= is_double

    def add(self) -> bool:
        """Count a call, and tell whether it is one of the first, whose numbers are kept."""
        self.count += 1
        for cell in self.cells:
            cell[0] += 1
        if len(self.numbers) >= _MOST_NUMBERS:
            return False
        first, *below = (cell[0] for cell in self.cells)
        self.numbers.append(Number(first, dict(zip(dict.fromkeys(self.names), below, strict=True))))
        return True

    def steps(self) -> list[Step]:
        """Return the lines, innermost first, each function once."""
        found: dict[str, Step] = {}
        for (code, offset, names), name in zip(self.frames, self.names, strict=True):
            if name not in found:
                found[name] = Step(name, stacks.line_at(code, offset) or code.co_firstlineno, code, names)
        return list(found.values())


class Reach:
    """What the calls of one run say.

    Args:
        provenance: Tells whose code a frame is.
        site_of: Tells the line that makes a call.
        starter_of: Tells the function of the project that has started the running thread or task.
        makers_of_task: Yields the functions in which the running task was made, innermost first.
        points: The points that are looked at; others are none of its business.
        outer: The injection point of a library's function, by its code; such a call is one with those beneath it.
        dependency_of: Tells what a call goes to.
        limit_of: Tells the limit that it was given.
        is_double: Tells whether a test double answers it.
        replaced: Points that are looked at, too, because something was put in their names; it may grow. Where calls
            have passed before that nobody has numbered, they are not.
        mode_of: Tells the mode in which it opens a file.
    """

    def __init__(
        self,
        provenance: Provenance,
        site_of: Callable[[FrameType | None], CallSite],
        starter_of: Callable[[], CodeType | None],
        makers_of_task: Callable[[], Iterable[CodeType]],
        points: Container[str],
        outer: Mapping[FunctionKey, str],
        dependency_of: Callable[[str, AskedCall, CallSite], str],
        limit_of: Callable[[str, AskedCall], Limit | None],
        is_double: Callable[[str, AskedCall], bool],
        replaced: Container[str] = (),
        mode_of: Callable[[str, AskedCall], str] = lambda point, call: "",
    ) -> None:
        self._provenance = provenance
        self._site_of = site_of
        self._starter_of = starter_of
        self._makers_of_task = makers_of_task
        self._points = points
        self._outer = outer
        self._dependency_of = dependency_of
        self._limit_of = limit_of
        self._is_double = is_double
        self._replaced = replaced
        self._mode_of = mode_of
        self._passed: set[str] = set()
        self._by_function: dict[FunctionKey, list[tuple[_Stack, str]]] = {}
        self._indexed = 0
        self._stacks: dict[tuple[object, ...], _Stack] = {}
        self._cells: dict[tuple[str, str, str], list[int]] = {}
        self._lock = compat.new_lock()

    def begin(self) -> None:
        """Number calls from 1 again, as at each example of a property test."""
        with self._lock:
            for cell in self._cells.values():
                cell[0] = 0

    def note(self, point: str, frame: FrameType | None, actor: str, call: AskedCall) -> None:
        """Note one call.

        Args:
            point: The injection point.
            frame: The calling frame.
            actor: The thread or task that calls.
            call: The call.
        """
        if point not in self._points and (point not in self._replaced or point in self._passed):
            self._passed.add(point)
            return
        site = self._site_of(frame)
        dependency = self._dependency_of(point, call, site)
        walked = self._walk(frame, point.partition(":")[0].partition(".")[0])
        told = (point, dependency, walked.outer, site)
        lines = ((id(code), offset) for code, offset, _ in walked.frames)
        key = (*told, walked.entry, walked.is_whole, *lines)
        with self._lock:
            stack = self._stacks.get(key)
            if stack is None and len(self._stacks) >= _MOST_WAYS:
                walked = walked._replace(frames=walked.frames[:1], entry="", is_whole=False)
                stack = self._stacks.get(key := told)
            if stack is None:
                stack = self._stacks[key] = self._new_stack(point, site, dependency, walked)
            is_kept = stack.add()
        if is_kept:
            is_double = self._is_double(point, call)
            stack.note_answer(self._limit_of(point, call), self._mode_of(point, call), is_double=is_double)

    def ways(self, is_guarded: IsGuarded) -> list[Way]:
        """Return the ways, in the order of their first call.

        Args:
            is_guarded: Tells which lines count.
        """
        found: dict[tuple[object, ...], tuple[_Stack, tuple[Step, ...], list[_Stack]]] = {}
        for stack in self._stacks.values():
            steps = _cut(stack, is_guarded)
            names = (step.name for step in steps[1:])
            key = (stack.point, stack.dependency, stack.outer, stack.site, stack.is_whole, stack.entry, *names)
            found.setdefault(key, (stack, steps, []))[2].append(stack)
        return [
            Way(
                first.point,
                first.site,
                steps,
                first.dependency,
                first.outer,
                sum(stack.count for stack in same),
                tuple(sorted((number for stack in same for number in stack.numbers), key=lambda one: one.all)),
                tuple(dict.fromkeys(limit for stack in same for limit in stack.limits)),
                frozenset(name for stack in same for name in stack.names),
                first.is_whole,
                any(stack.is_double for stack in same),
                first.entry,
                tuple(dict.fromkeys(mode for stack in same for mode in stack.modes)),
                first.via,
            )
            for first, steps, same in found.values()
        ]

    def leading_to(self, is_boundary: Callable[[str], bool]) -> frozenset[str]:
        """Return the functions of the project that led to calls at such points, or to test doubles."""
        stacks = (stack for stack in self._stacks.values() if stack.is_double or is_boundary(stack.point))
        return frozenset(name for stack in stacks for name in stack.names)

    def limit_at(self, point: str) -> float | None:
        """Return the shortest limit that calls at a point were given, in seconds; ``None`` if that is not known."""
        limits = (limit for stack in self._stacks.values() if stack.point == point for limit in stack.limits)
        return min((limit.seconds for limit in limits if limit is not None and limit.seconds), default=None)

    def beneath(self, function: FunctionKey) -> Iterator[Way]:
        """Yield the calls that were made on behalf of a function, with the lines from there up to its own."""
        if self._indexed != len(self._stacks):
            self._index()
        for stack, name in self._by_function.get(function, ()):
            steps = stack.steps()
            if name:
                steps = steps[: [step.name for step in steps].index(name) + 1]
            limits, modes = tuple(stack.limits), tuple(stack.modes)
            yield Way(
                stack.point,
                stack.site,
                tuple(steps),
                stack.dependency,
                stack.outer,
                limits=limits,
                modes=modes,
                is_double=stack.is_double,
                via=stack.via,
            )

    def _index(self) -> None:
        """Find for each function the calls on its behalf, with its name where it is a caller and no starter."""
        self._by_function.clear()
        for stack in self._stacks.values():
            found = {} if stack.starter is None else {function_key(stack.starter): ""}
            for (code, _, _), name in zip(reversed(stack.frames), reversed(stack.names), strict=True):
                found[function_key(code)] = name
            for function, name in found.items():
                self._by_function.setdefault(function, []).append((stack, name))
        self._indexed = len(self._stacks)

    def _walk(self, frame: FrameType | None, package: str) -> _Walked:
        found: list[_Frame] = []
        outer, entry, via, is_whole = "", "", "", True
        for one, origin in self._provenance.own_stack(frame):
            code = one.f_code
            if origin == "project":
                found.append((code, one.f_lasti, one.f_globals))
                entry = ""
            elif not found:
                outer = self._outer.get(function_key(code), outer)
                home = _package(one)
                via = home if origin == "installed" and home != package else via
            elif origin == "installed" and not entry:
                entry = _package(one)
            is_whole = origin != "test"
        if not found and is_whole and self._outer:  # a library may try several addresses, each in a task
            for code in self._makers_of_task():
                outer = self._outer.get(function_key(code), outer)
        return _Walked(tuple(found), outer, entry, is_whole, via)

    def _new_stack(self, point: str, site: CallSite, dependency: str, walked: _Walked) -> _Stack:
        frames = walked.frames
        names = [function_name(code, module) for code, _, module in frames]
        cells = [self._cells.setdefault((point, dependency, name), [0]) for name in ("", *dict.fromkeys(names))]
        starter = self._starter_of() if walked.is_whole else None
        return _Stack(
            point,
            site,
            dependency,
            walked.outer,
            frames,
            walked.is_whole,
            walked.entry,
            starter,
            cells,
            names,
            walked.via,
        )


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _cut(stack: _Stack, is_guarded: IsGuarded) -> tuple[Step, ...]:
    """Return the lines up to the last one where something could be done about an error."""
    steps = stack.steps()
    if not stack.is_whole:
        guarded = [index for index, step in enumerate(steps) if is_guarded(step)]
        steps = steps[: guarded[-1] + 1 if guarded else 1]
    return tuple(steps[:_MOST_STEPS])
