"""Raise: the call ends with a chosen error instead of an answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from pytest_chaos.faults.base import FaultyCall
from pytest_chaos.faults.connections import break_connection
from pytest_chaos.faults.instances import MARK, RaisingFault


@dataclass(frozen=True, init=False)
class Raise(RaisingFault):
    """Raise an error; each activation gets an instance of its own, and the call itself is never made.

    Args:
        exc: An exception class, an instance (copied for each activation), or a factory called with ``args``.
        *args: Arguments of the class or factory. A class without arguments is given a message that names the
            injection point, the call number and a token, so that the error can be recognised wherever it turns up.
        **kwargs: Keyword arguments of the class or factory.

    Raises:
        SpecificationError: ``exc`` is nothing that can be raised, or cannot be built from these arguments.
    """

    word: ClassVar[str] = "raise"

    @cached_property
    def raises_at_once(self) -> bool:  # type: ignore[override]  # read as the base's attribute is
        return isinstance(self.exc, type) and not self.args and not self.kwargs

    def act(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        error = self.error_for(call)
        if error is None:
            return call.proceed()
        break_connection(error, call)
        try:
            raise call.injected(error)
        finally:
            del error  # a frame that holds what it raised keeps both alive, with all the frames above

    def error_at_once(self, label: str) -> BaseException | None:
        try:
            error = self.exc(MARK + label)  # type: ignore[operator]  # a class: it was asked for at once
        except Exception:  # noqa: BLE001  # a constructor with a signature of its own; acting tries others, and says so
            return None
        return error if isinstance(error, BaseException) else None

    async def act_async(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        error = self.error_for(call)
        if error is None:
            return await call.proceed_async()
        break_connection(error, call)
        try:
            raise call.injected(error)
        finally:
            del error  # as above
