"""Exception events of the interpreter (3.12 and newer): which handler a watched error entered last.

The events are global, so every exception of the process that is handled pays for them; they are on only while errors
are watched. Two of them do: an error enters a handler, and a handler lets it go on. That an error left a function, its
traceback tells as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from pytest_chaos import compat
from pytest_chaos.compat import ErrorHold

# Not the ids reserved for debuggers (0), coverage (1) and optimizers (5): those tools may start while a test runs.
_TOOLS = (4, 3, 2)

Watcher = Callable[[CodeType, int, BaseException], None]


class Flight(ErrorHold):
    """One error, and the handler that it entered last.

    Attributes:
        code: The code of the function with the handler, or ``None`` if it entered none, or left the last one again.
        offset: Offset of the handler's first instruction, in bytes.
        module: Globals of that function, where they are known.
        carrier: Class of what entered it: of the error, or of the group that carried it.
    """

    __slots__ = ("carrier", "code", "module", "offset")

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.code: CodeType | None = None
        self.offset = 0
        self.module: dict[str, Any] | None = None
        self.carrier: type[BaseException] = BaseException


class ExceptionEvents:
    """Watches errors by identity.

    Attributes:
        flights: What is watched, by the id of the error; whoever enters one keeps the error alive meanwhile.
        are_on: Whether the events are on.
    """

    def __init__(self) -> None:
        self.flights: dict[int, Flight] = {}
        self.are_on = False
        self._tool: int | None = None

    @property
    def exist(self) -> bool:
        """Whether the interpreter has such events."""
        return compat.MONITORING is not None

    def start(self) -> bool:
        """Switch the events on, and tell whether they are: no tool id may be free. Harmless when done twice."""
        monitoring = compat.MONITORING
        if monitoring is None or self.are_on:
            return self.are_on
        for tool in _TOOLS:
            try:
                monitoring.use_tool_id(tool, "pytest-chaos")
            except ValueError:
                continue  # somebody else has it
            self._tool = tool
            break
        else:
            return False
        handled, reraised = _watchers(self.flights)
        events = monitoring.events
        monitoring.register_callback(tool, events.EXCEPTION_HANDLED, handled)
        monitoring.register_callback(tool, events.RERAISE, reraised)
        monitoring.set_events(tool, events.EXCEPTION_HANDLED | events.RERAISE)
        self.are_on = True
        return True

    def stop(self) -> None:
        """Switch the events off, and give the tool id back. Harmless when done twice."""
        monitoring, tool = compat.MONITORING, self._tool
        if tool is None:
            return
        self._tool = None
        self.are_on = False
        monitoring.set_events(tool, 0)
        monitoring.register_callback(tool, monitoring.events.EXCEPTION_HANDLED, None)
        monitoring.register_callback(tool, monitoring.events.RERAISE, None)
        monitoring.free_tool_id(tool)


def _watchers(flights: dict[int, Flight]) -> tuple[Watcher, Watcher]:
    """Return what is called when an error enters a handler, and when one goes on; both run at other people's cost."""
    find = flights.get
    get_frame = compat.get_frame

    def handled(code: CodeType, offset: int, error: BaseException) -> None:
        flight = find(id(error))
        if flight is not None:
            flight.code = code
            flight.offset = offset
            flight.carrier = type(error)
            flight.module = get_frame(1).f_globals
        elif issubclass(type(error), BaseExceptionGroup):
            module = get_frame(1).f_globals
            for flight in _inside(error, flights):
                flight.code, flight.offset, flight.carrier, flight.module = code, offset, type(error), module

    def reraised(code: CodeType, offset: int, error: BaseException) -> None:
        flight = find(id(error))
        if flight is not None:
            flight.code = None
        elif issubclass(type(error), BaseExceptionGroup):
            for flight in _inside(error, flights):
                flight.code = None

    return handled, reraised


# The interpreter's own answer: what raises in here is raised in other people's code, and a class of theirs may raise
# where its attributes are asked for, ``__class__`` too.
_parts: Callable[[BaseException], tuple[BaseException, ...]] = vars(BaseExceptionGroup)["exceptions"].__get__


def _inside(group: BaseException, flights: dict[int, Flight]) -> Iterator[Flight]:
    for part in _parts(group):
        flight = flights.get(id(part))
        if flight is not None:
            yield flight
        elif issubclass(type(part), BaseExceptionGroup):
            yield from _inside(part, flights)
