"""Remember: the call is made and its answer kept, for a fault that will need the previous one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pytest_chaos.faults.base import Fault, FaultyCall
from pytest_chaos.journal import Activation


@dataclass(frozen=True)
class Remember(Fault):
    """No fault at all: what lets a call pass where a later one may be answered with its answer."""

    def act(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        return call.proceed()

    async def act_async(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        return await call.proceed_async()


NO_ACTIVATION = Activation("", "", Remember(), 0, "", 0, 0.0, "", "")
"""Stands in where a call is only watched."""
