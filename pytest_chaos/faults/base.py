"""What a fault is: a frozen value that knows how one call goes wrong, in sync and in async code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from pytest_chaos.errors import SpecificationError

Kind = Literal[
    "function",
    "coroutine",
    "generator",
    "async generator",
    "context manager",
    "async context manager",
    "property",
    "constructor",
]
"""What sort of callable stands at an injection point; it decides when a fault acts and what null means."""

ASYNC_KINDS: frozenset[Kind] = frozenset({"coroutine", "async generator", "async context manager"})


@dataclass(frozen=True)
class Limit:
    """How long a call was told to wait for its answer.

    Attributes:
        parameter: Name of the parameter that says so.
        seconds: How long; ``None`` if the call could have been given a limit, and was not.
    """

    parameter: str
    seconds: float | None


class Reply(Protocol):
    """What comes back for a request by HTTP."""

    def raw(self, method: str) -> bytes:
        """Return the bytes that come, for a request with this method."""


class FaultyCall(Protocol):
    """One call on which a fault acts, as the fault sees it."""

    kind: Kind

    @property
    def label(self) -> str:
        """Where and which call: ``shop.payments:charge, call 3 [c0ffee]``, used as a message."""

    @property
    def point(self) -> str:
        """The injection point alone, ``shop.payments:charge``."""

    @property
    def function(self) -> Callable[..., Any]:
        """The real callable, whose annotations tell what it answers."""

    @property
    def receiver(self) -> Any:
        """The object whose method is called; ``None`` for a function, or where that cannot be told."""

    def arguments(self) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Return the positional arguments without the receiver, and all by name, defaults included, as far as known."""

    def proceed(self) -> Any:
        """Make the real call and return what it returns."""

    async def proceed_async(self) -> Any:
        """Make the real call; await it where it is a coroutine."""

    def park(self, seconds: float | None, limit: Limit | None = None) -> float | None:
        """Block until ``seconds`` or the limit are over; without both until released, which ends the call.

        Returns how long it waited. Where every release was swallowed and the call made again, it returns ``None`` at
        once: then make the real call.
        """

    async def park_async(self, seconds: float | None, limit: Limit | None = None) -> float | None:
        """Wait as :meth:`park` does, without blocking the event loop."""

    def pause(self, seconds: float) -> None:
        """Wait ``seconds``, or less when the window closes."""

    async def pause_async(self, seconds: float) -> None:
        """Wait as :meth:`pause` does, without blocking the event loop."""

    def uniform(self) -> float:
        """Return this activation's own draw in [0, 1)."""

    def injected(self, error: BaseException) -> BaseException:
        """Register an error as ours, so that its way can be followed, and return it."""

    def previous(self) -> tuple[Any, ...]:
        """Return the previous answer at this point as the only item, or nothing if there was none.

        Answers are remembered only for faults with :attr:`Fault.needs_answers`.
        """

    def withdraw(self) -> None:
        """Say that this is no activation after all: the fault changed nothing. It is then neither counted nor shown.

        May come late, such as after the real call was made, and from inside a generator.
        """

    def is_over(self) -> bool:
        """Tell whether the fault was lifted, or the body has ended: then the call meets the world as it is."""

    def problem(self, text: str) -> None:
        """Note that what was specified could not be carried out here; the verdict is inconclusive then."""

    def chosen(self, fault: Fault) -> None:
        """Say which of several faults acts, so that the activation can name it. The last one said counts."""

    def unseen(self) -> AbstractContextManager[None]:
        """Return a context in which all calls are ours: they pass uncounted, and no fault acts on them."""

    def replied(self, reply: Reply) -> AbstractContextManager[None]:
        """Return a context in which the requests that this call makes by HTTP are answered, and not sent.

        Without any the activation is withdrawn.
        """


@dataclass(frozen=True)
class Fault(ABC):
    """How one call goes wrong. Values compare by content and can be shared between rules and threads."""

    word: ClassVar[str] = ""
    acts_on_any_call = True  # or some pass, so that which call is the first one on which it acts is not known before
    why_it_passes: ClassVar[str] = ""  # what can be said of calls that pass, of all together: "made no request by HTTP"
    raises_at_once = False  # whether error_at_once may give an error

    @abstractmethod
    def act(self, call: FaultyCall) -> Any:
        """Go wrong in sync code: raise, wait, or return what the caller shall see."""

    async def act_async(self, call: FaultyCall) -> Any:
        """Go wrong in async code, at ``await``. By default the same as in sync code."""
        __tracebackhide__ = True
        return self.act(call)

    def error_at_once(self, label: str) -> BaseException | None:
        """Return a new error to raise, if that is all there is to do in sync code; else :meth:`act` is asked.

        It saves the caller's traceback, and the time of an injection, the frames of ours.

        Args:
            label: As :attr:`FaultyCall.label`.
        """
        return None

    @property
    def needs_answers(self) -> bool:
        """Whether the injector must remember what passing calls answer, see :meth:`FaultyCall.previous`."""
        return False

    def refusal(self, kind: Kind) -> str:
        """Return why this fault cannot act on such a callable, or an empty text if it can."""
        return ""

    def text_arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the positional and keyword arguments that the rule text shows."""
        return (), {}


def as_fault(value: object) -> Fault:
    """Return a fault from a fault or a bare fault class, such as ``Null``.

    Raises:
        SpecificationError: The value is neither, or the class needs arguments.
    """
    if isinstance(value, Fault):
        return value
    if isinstance(value, type) and issubclass(value, Fault):
        try:
            return value()
        except TypeError:
            raise SpecificationError(
                f"{value.__name__} needs arguments to be a fault",
                remedy=f"Write, for example, {_EXAMPLES.get(value.__name__, value.__name__ + '(...)')}.",
            ) from None
    if isinstance(value, type) and issubclass(value, BaseException):
        raise SpecificationError(
            f"{value.__name__} is an exception, not a fault",
            remedy=f"Write Raise({value.__name__}).",
        )
    raise SpecificationError(
        f"{value!r} is not a fault",
        remedy="Use Raise(...), Hang(), Return(value), Null, Delay(seconds), Corrupt, Cancel, LoseReply(...), "
        "Duplicate, Stale, HttpAnswer(...) or Either(...) from pytest_chaos.",
    )


_EXAMPLES = {
    "Raise": "Raise(TimeoutError)",
    "Return": "Return(0)",
    "Delay": "Delay(0.2)",
    "LoseReply": "LoseReply(ConnectionError)",
    "HttpAnswer": "HttpAnswer(503)",
}


def give_up(call: FaultyCall, why: str) -> None:
    """Give this activation up: note why the fault cannot act here. Then make the real call.

    Raised into the system, such a complaint could be swallowed; noted, it cannot.

    Args:
        call: The call on which the fault should have acted.
        why: The reason, without a full stop.
    """
    call.problem(f"at {call.point}: {why}")  # without the number, so that a thousand calls make one note
    call.withdraw()


LONGEST_S = 1e9  # thirty years; threading.TIMEOUT_MAX, the most that a lock can be asked to wait, is 9.2e9


def checked_seconds(value: object, name: str, owner: str, *, zero_allowed: bool = False) -> float:
    """Return a duration in seconds.

    Raises:
        SpecificationError: It is not a finite number, or not positive.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SpecificationError(
            f"{owner}: {name} must be a number of seconds, got {value!r}",
            remedy="Write, for example, 0.2.",
        )
    if not -LONGEST_S <= value <= LONGEST_S:  # NaN fails here too
        raise SpecificationError(
            f"{owner}: {name} must be finite, and at most {LONGEST_S:g}, got {value!r}",
            remedy="Hang() without seconds waits until it is released.",
        )
    seconds = float(value)
    if seconds < 0 or (seconds == 0 and not zero_allowed):
        floor = "at least 0" if zero_allowed else "greater than 0"
        raise SpecificationError(f"{owner}: {name} must be {floor} seconds, got {value!r}")
    return seconds


def shown_seconds(seconds: float) -> float:
    """Return a duration as the rule text shows it: ``2`` rather than ``2.0``."""
    return int(seconds) if seconds.is_integer() and seconds < 1e15 else seconds
