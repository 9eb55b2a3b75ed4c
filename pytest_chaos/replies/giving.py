"""Giving replies: while a call lasts, the requests that it makes are answered by a fault.

The functions of a client in which that is done are replaced while some call is answered so, and answer only for that
call: others that run at the same time go on as ever.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from pytest_chaos.by_identity import ByIdentity
from pytest_chaos.compat import new_lock
from pytest_chaos.faults.base import Reply
from pytest_chaos.resources import tap
from pytest_chaos.resources.tap import Ear


class AnsweredCall(Protocol):
    """The call whose requests are answered."""

    def injected(self, error: BaseException) -> BaseException:
        """Register an error as one that comes of the fault."""

    def is_over(self) -> bool:
        """Tell whether the fault was lifted, or the body has ended."""

    def withdraw(self) -> None:
        """Say that this is no activation after all."""

    def unseen(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which all calls are ours."""


class Giver:
    """Gives the replies to one call.

    Args:
        reply: What is given.
        call: To whom.
        made: Told of each response that a client makes of it.
    """

    def __init__(self, reply: Reply, call: AnsweredCall, made: Callable[[Any, AnsweredCall], None]) -> None:
        self._reply = reply
        self._call = call
        self._made = made
        self._is_over = False
        self.has_given = False

    def is_asked(self) -> bool:
        """Tell whether a request that is made right now is one of the call's."""
        return _ANSWERED.get() is self and not self._is_over and not self._call.is_over()

    def give(self, method: str) -> bytes:
        """Return the bytes of the reply to a request."""
        self.has_given = True
        return self._reply.raw(method)

    def made(self, response: Any) -> Any:
        """Note a response that a client made of a reply, and return it."""
        self._made(response, self._call)
        return response

    def unseen(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which all calls are ours."""
        return self._call.unseen()

    def end(self) -> None:
        """Give no more: what the call has begun may go on after it, such as a task."""
        self._is_over = True


_ANSWERED: ContextVar[Giver | None] = ContextVar("pytest-chaos answered", default=None)

Replace = Callable[[Any, str, Giver], Callable[[], None]]
"""Lets a giver answer in the place of a function, named by its owner and its name; returns what undoes that."""


@dataclass(frozen=True)
class Way:
    """A function in which a client is answered.

    Attributes:
        module: The module that holds it; while it is not loaded nobody can call it.
        function: Its name there, with its class.
        replace: How it is replaced.
    """

    module: str
    function: str
    replace: Replace


@dataclass(frozen=True)
class Check:
    """A function that raises an error over a response that says one.

    Attributes:
        module: The module that holds it.
        function: Its name there, with its class.
    """

    module: str
    function: str


class Replies:
    """The replies that faults give in one run.

    Args:
        ways: The functions in which clients are answered.
        checks: The functions that raise over what they are given.
        is_said: Tells of an error that came out of a call whether a client has raised it over what it was given.
    """

    def __init__(
        self, ways: tuple[Way, ...], checks: tuple[Check, ...], is_said: Callable[[BaseException], bool]
    ) -> None:
        self._ways = ways
        self._checks = checks
        self._is_said = is_said
        self._of_responses: ByIdentity[AnsweredCall] = ByIdentity()
        self._said: ByIdentity[AnsweredCall] = ByIdentity()
        self._checked: dict[Check, Callable[[], None]] = {}
        self._lock = new_lock()

    @contextlib.contextmanager
    def given(self, reply: Reply, call: AnsweredCall) -> Iterator[None]:
        """Answer the requests of a call while the context lasts; without any the activation is withdrawn."""
        __tracebackhide__ = True
        giver = Giver(reply, call, self._note)
        with call.unseen():
            undo = tap.all_of(*self._replaced(giver))
        before = _ANSWERED.set(giver)
        try:
            yield
        except Exception as error:
            if giver.has_given and self._is_said(error):
                self._inject(error, call)
            raise
        finally:
            _ANSWERED.reset(before)
            giver.end()
            with call.unseen():
                undo()
            if not giver.has_given:
                call.withdraw()

    def close(self) -> None:
        """Follow no responses any more. Harmless when done twice."""
        with self._lock:
            checked, self._checked = self._checked, {}
        tap.all_of(*checked.values())()

    def _replaced(self, giver: Giver) -> Iterator[Callable[[], None]]:
        for way in self._ways:
            if (owner := _owner(way.module, way.function)) is not None:
                yield way.replace(owner, way.function.rpartition(".")[2], giver)

    def _note(self, response: Any, call: AnsweredCall) -> None:
        self._of_responses[response] = call
        with self._lock:
            for check in self._checks:
                if check not in self._checked and (owner := _owner(check.module, check.function)) is not None:
                    self._checked[check] = tap.replace(owner, check.function.rpartition(".")[2], _checking, self._heard)

    def _heard(self, error: Exception, response: Any) -> None:
        call = self._of_responses.get(response)
        if call is not None:
            self._inject(error, call)

    def _inject(self, error: Exception, call: AnsweredCall) -> None:
        if self._said.get(error) is None:
            self._said[error] = call
            call.injected(error)


def _checking(original: Callable[..., Any], ear: Ear) -> Callable[..., Any]:
    def checking(response: Any, /, *args: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        try:
            return original(response, *args, **named)
        except Exception as error:
            ear(error, response)
            raise

    return checking


def _owner(module: str, function: str) -> Any:
    """Return the module or class that holds a function, or ``None`` where there is no such function."""
    owner = sys.modules.get(module)
    *classes, name = function.split(".")
    for part in classes:
        owner = getattr(owner, part, None)
    return owner if owner is not None and hasattr(owner, name) else None
