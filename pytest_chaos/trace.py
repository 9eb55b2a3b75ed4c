"""The trace of one body run: which watched calls were made, and from which lines of the system.

It is what makes exploration systematic: a plain run's trace says which faults can reach a test at all, and the trace
of a run under a fault says what the system did about it: called again, called somebody else, or gave up.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from types import CodeType, FrameType
from typing import Any, Protocol

from pytest_chaos import compat
from pytest_chaos.provenance import Place, Provenance

_MOST_NUMBERS = 1_000  # numbers of calls that are kept for each place; the count goes on


@dataclass(frozen=True)
class CallSite:
    """A line of code that makes watched calls: the innermost one of the system, or of the test where there is none.

    Attributes:
        path: File, below the project.
        line: Line, from 1.
        function: Qualified name of the function.
        offset: How many lines below the function's first line.
        is_driver: Whether no frame of the system stands behind the call: it is the test's own, or that of a library's
            thread or an event loop on nobody's behalf.
        code: The code of the function, from which it is told what the caller catches. Not compared.
        module: The globals of its module. Not compared.
    """

    path: str
    line: int
    function: str
    offset: int
    is_driver: bool
    code: CodeType | None = field(default=None, compare=False, repr=False)
    module: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @functools.cached_property
    def place(self) -> Place:
        """The line."""
        return Place(self.path, self.line, self.function)

    @property
    def label(self) -> str:
        """``function+offset``, which stays when lines above the function change."""
        return f"{self.function}+{self.offset}"


@dataclass(frozen=True)
class Loop:
    """A loop that calls again and again.

    Attributes:
        place: Its function, and the line at which it stood.
        is_endless: Whether it is the system's and reads no clock, so that nothing but an answer could end it.
        is_timed: Whether it was heard to read a clock in each turn.
    """

    place: Place
    is_endless: bool
    is_timed: bool = False


Spot = tuple[str, CallSite]
"""An injection point's text, and a place that calls it."""


@dataclass
class Calls:
    """The calls of one spot.

    Attributes:
        numbers: Numbers of the first calls among all calls at the point, from 1, the test's own included.
        times: When they were made, in seconds since the body began.
        actors: Which threads and tasks made them.
        count: How many there were.
        above: The lines of the project that led to the first of them, innermost first; empty where nobody asked.
    """

    numbers: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    actors: list[str] = field(default_factory=list)
    count: int = 0
    above: tuple[Place, ...] = ()


class AskedCall(Protocol):
    """A call as the trace sees it."""

    @property
    def function(self) -> Callable[..., Any]:
        """What is called."""

    @property
    def receiver(self) -> Any:
        """The object whose method is called; ``None`` for a function."""

    def told(self) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Positional arguments without the receiver, and all by name."""


CallerOf = Callable[[FrameType | None], tuple[FrameType | None, bool]]


class Sites:
    """The places that make calls, each looked up once.

    Args:
        provenance: Tells how files are named.
        caller_of: Tells the frame that answers for a call, and whether the system makes it.
        known: Those of an earlier run, which need not be looked up again.
    """

    def __init__(self, provenance: Provenance, caller_of: CallerOf, known: Sites | None = None) -> None:
        self._provenance = provenance
        self._caller_of = caller_of
        # By identity first, for the hash of a code object is that of all that stands in it; and by what it is, for code
        # that is made anew each time is one place, of which only the first is kept alive.
        self._by_identity: dict[tuple[int, int, bool], CallSite] = {} if known is None else known._by_identity
        self._by_code: dict[tuple[CodeType, int, bool], CallSite] = {} if known is None else known._by_code

    def of(self, frame: FrameType | None) -> CallSite:
        """Return the place that makes a call, given the calling frame."""
        found, is_systems = self._caller_of(frame)
        if found is None:
            return _NOWHERE
        code, line = found.f_code, found.f_lineno
        known = self._by_identity.get((id(code), line, is_systems)) or self._by_code.get((code, line, is_systems))
        if known is None:
            known = CallSite(
                self._provenance.shorten(code.co_filename).replace(os.sep, "/"),
                line,
                code.co_qualname,
                line - code.co_firstlineno,
                not is_systems,
                code,
                found.f_globals,
            )
            self._by_identity[id(code), line, is_systems] = self._by_code[code, line, is_systems] = known
        return known


class Trace:
    """Notes every watched call. Filled from any thread.

    Args:
        site_of: Tells the place that makes a call, given the calling frame.
        above: Tells the lines of the project that lead to a call, given the calling frame; asked once for each spot.

    Attributes:
        spots: The calls of each spot, in the order of their first call.
    """

    def __init__(
        self,
        site_of: Callable[[FrameType | None], CallSite],
        above: Callable[[FrameType | None], tuple[Place, ...]] = lambda frame: (),
    ) -> None:
        self.spots: dict[Spot, Calls] = {}
        self._site_of = site_of
        self._above = above
        self._numbers: dict[str, int] = {}
        # By identity, for most calls come from places that have called before; a spot keeps its site alive.
        self._calls: dict[tuple[str, int], Calls] = {}
        self._lock = compat.new_lock()
        self._began = monotonic()

    @classmethod
    def of(cls, shape: Mapping[tuple[str, Place], int]) -> Trace:
        """Return the trace of a run of which only its :meth:`shape` is known."""
        trace = cls(lambda frame: _NOWHERE)
        for (point, place), count in shape.items():
            trace.spots[point, CallSite(place.path, place.line, place.function, 0, False)] = Calls(count=count)
        return trace

    def begin(self) -> None:
        """Number calls from 1 again, as at the start of a body and of each example of a property test."""
        with self._lock:
            self._numbers.clear()
            self._began = monotonic()

    def note(self, point: str, frame: FrameType | None, actor: str, call: AskedCall) -> None:
        """Note one call.

        Args:
            point: The injection point.
            frame: The calling frame.
            actor: The thread or task that calls.
            call: The call.
        """
        site = self._site_of(frame)
        now = monotonic()
        with self._lock:
            number = self._numbers[point] = self._numbers.get(point, 0) + 1
            calls = self._calls.get((point, id(site)))
            if calls is None:
                fresh = Calls(above=self._above(frame))
                calls = self._calls[point, id(site)] = self.spots.setdefault((point, site), fresh)
            calls.count += 1
            if len(calls.numbers) < _MOST_NUMBERS:
                calls.numbers.append(number)
                calls.times.append(now - self._began)
                calls.actors.append(actor)

    def count(self, point: str, *, with_driver: bool = False) -> int:
        """Return how many calls were made at a point, by the system or by anybody."""
        return sum(
            calls.count for (name, site), calls in self.spots.items() if name == point and with_driver >= site.is_driver
        )

    def counts(self) -> dict[str, int]:
        """Return how many calls the system made at each point."""
        counts: dict[str, int] = {}
        for (point, site), calls in self.spots.items():
            if not site.is_driver:
                counts[point] = counts.get(point, 0) + calls.count
        return counts

    def shape(self) -> dict[tuple[str, Place], int]:
        """Return how many calls each line of the system made at each point, in plain values that can be compared."""
        return {(point, site.place): calls.count for (point, site), calls in self.spots.items() if not site.is_driver}


_NOWHERE = CallSite("", 0, "", 0, True)
