"""One fault acting on one call: the bridge between a fault's value and the call it spoils."""

from __future__ import annotations

import contextlib
import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from types import CodeType
from typing import Any, Protocol

from pytest_chaos.faults.base import Fault, Kind, Limit, Reply
from pytest_chaos.hang import Ward
from pytest_chaos.injector.call import AnyCall
from pytest_chaos.journal import Activation, Journal
from pytest_chaos.replies.giving import Replies


class _Guard(threading.local):
    """Whether this thread is inside a decision or an act of ours: what is called then is not the system's."""

    inside = False


GUARD = _Guard()


class Scene(Protocol):
    """Where strikes happen: what the faults of one body run share."""

    @property
    def ward(self) -> Ward:
        """Where hanging calls are parked."""

    @property
    def journal(self) -> Journal:
        """Where activations and injected errors are written."""

    @property
    def replies(self) -> Replies:
        """What answers requests in place of a server."""

    def draws(self, activation: Activation) -> Callable[[], float]:
        """Return the draws in [0, 1) of one activation."""

    def withdraw(self, activation: Activation) -> None:
        """Take an activation back."""

    def is_over(self, activation: Activation) -> bool:
        """Tell whether what is behind an activation was lifted, or the body has ended."""


class Strike:
    """A fault with the call it acts on; see :class:`pytest_chaos.faults.base.FaultyCall`.

    Args:
        fault: What goes wrong.
        kind: What sort of callable is called.
        call: The call.
        activation: What is recorded of it.
        scene: What the strikes of a body run share.
        answers: Where the last real answer at this point is kept, or ``None`` if no fault needs it.
    """

    __slots__ = ("_answers", "_call", "_draw", "_scene", "activation", "fault", "kind", "proceeded")

    def __init__(
        self,
        fault: Fault,
        kind: Kind,
        call: AnyCall,
        activation: Activation,
        scene: Scene,
        answers: list[Any] | None = None,
    ) -> None:
        self.fault = fault
        self.kind = kind
        self.proceeded = False
        self.activation = activation
        self._call = call
        self._scene = scene
        self._answers = answers
        self._draw: Callable[[], float] | None = None

    @property
    def label(self) -> str:
        """Where and which call, with the token that marks what this strike injects."""
        return self.activation.label

    @property
    def point(self) -> str:
        """The injection point."""
        return self.activation.point

    @property
    def function(self) -> Callable[..., Any]:
        """The real callable."""
        return self._call.function

    @property
    def receiver(self) -> Any:
        """The object whose method is called."""
        return self._call.receiver

    def act(self) -> Any:
        """Let the fault act, in sync code."""
        __tracebackhide__ = True
        GUARD.inside = True
        try:
            return self.fault.act(self)
        finally:
            GUARD.inside = False

    async def act_async(self) -> Any:
        """Let the fault act, in async code. No guard here: other tasks run on this thread meanwhile."""
        __tracebackhide__ = True
        return await self.fault.act_async(self)

    def proceed(self) -> Any:
        """Make the real call."""
        __tracebackhide__ = True
        self.proceeded = True
        before, GUARD.inside = GUARD.inside, False
        try:
            answer = self._call.make()
        finally:
            GUARD.inside = before
        if self._answers is not None and self.kind != "coroutine":
            self._answers[:] = [answer]
        return answer

    async def proceed_async(self) -> Any:
        """Make the real call, and await it where it is a coroutine."""
        __tracebackhide__ = True
        answer = self.proceed()
        if self.kind == "coroutine" and inspect.isawaitable(answer):
            answer = await answer
            if self._answers is not None:
                self._answers[:] = [answer]
        return answer

    def previous(self) -> tuple[Any, ...]:
        """Return the last real answer at this point, if there was one."""
        return tuple(self._answers or ())

    def arguments(self) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Return the arguments."""
        return self._call.told()

    def park(self, seconds: float | None, limit: Limit | None = None) -> float | None:
        """Block in the ward."""
        __tracebackhide__ = True
        return self._scene.ward.park(self.activation, seconds, limit, self._code)

    async def park_async(self, seconds: float | None, limit: Limit | None = None) -> float | None:
        """Wait in the ward."""
        __tracebackhide__ = True
        return await self._scene.ward.park_async(self.activation, seconds, limit, self._code)

    @property
    def _code(self) -> CodeType | None:
        code = getattr(self.function, "__code__", None)
        return code if isinstance(code, CodeType) else None

    def pause(self, seconds: float) -> None:
        """Block for a while, or until the window closes."""
        self._scene.ward.pause(seconds)

    async def pause_async(self, seconds: float) -> None:
        """Wait for a while, or until the window closes."""
        await self._scene.ward.pause_async(seconds)

    def uniform(self) -> float:
        """Draw."""
        with self.unseen():
            if self._draw is None:
                self._draw = self._scene.draws(self.activation)
            return self._draw()

    def injected(self, error: BaseException) -> BaseException:
        """Register an error as ours and mark it, so that it can be recognised wherever it turns up."""
        activation = self.activation
        self._scene.journal.injected(error, activation.point, activation.label, activation.token)
        return error

    @contextlib.contextmanager
    def unseen(self) -> Iterator[None]:
        """Let every call made inside pass uncounted: it is ours."""
        before, GUARD.inside = GUARD.inside, True
        try:
            yield
        finally:
            GUARD.inside = before

    def replied(self, reply: Reply) -> contextlib.AbstractContextManager[None]:
        """Let requests of this call be answered."""
        return self._scene.replies.given(reply, self)

    def set_kind(self, kind: Kind) -> None:
        """Say what sort of callable it has met, where that is known only from an answer."""
        self.kind = kind

    def withdraw(self) -> None:
        """Say that this was no activation after all."""
        self._scene.withdraw(self.activation)

    def is_over(self) -> bool:
        """Tell whether the fault was lifted, or the body has ended."""
        return self._scene.is_over(self.activation)

    def problem(self, text: str) -> None:
        """Note that the specification could not be carried out here."""
        self._scene.journal.failed(text)

    def chosen(self, fault: Fault) -> None:
        """Say which of several faults acts."""
        self.activation.choose(fault)
