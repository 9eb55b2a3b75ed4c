"""Who calls: one thread or task, named so that the same program gives the same names in every run.

An actor is named after its parent and the order in which the parent made it: ``main``, ``main/1``, ``main/1/2``. What
is older than the body is named in the order in which it first turns up.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from pytest_chaos import compat
from pytest_chaos.by_identity import ByIdentity


class Actors:
    """The actors of one body run.

    Args:
        main: Ident of the thread that runs the body.
    """

    def __init__(self, main: int) -> None:
        self._main = main
        self._before_birth: Callable[[], None] | None = None
        self._names: ByIdentity[str] = ByIdentity()
        self._children: dict[str, int] = {}
        self._older = 0
        self._pools: ByIdentity[int] | None = None
        self._lock = compat.new_lock()

    def tell_before_births(self, before_birth: Callable[[], None] | None) -> None:
        """Tell somebody before a thread or task begins, or nobody any more."""
        self._before_birth = before_birth

    def current(self) -> str:
        """Return the name of the actor that runs this."""
        loop = compat.running_loop()
        task = asyncio.current_task(loop) if loop is not None else None
        return self._name(task if task is not None else threading.current_thread())

    def born(self, child: threading.Thread | asyncio.Task[Any]) -> None:
        """Name a thread or task that the current actor just made."""
        if self._before_birth is not None:
            self._before_birth()
        parent = self.current()
        with self._lock:
            number = self._children[parent] = self._children.get(parent, 0) + 1
            self._names[child] = f"{parent}/{number}"

    def name_of(self, actor: threading.Thread | asyncio.Task[Any]) -> str:
        """Return the name of a thread or task."""
        return self._name(actor)

    def _name(self, actor: threading.Thread | asyncio.Task[Any]) -> str:
        if isinstance(actor, threading.Thread):
            if actor.ident == self._main:
                return "main"
            if compat.is_executor_worker(actor):
                return self._worker(actor)
        known = self._names.get(actor)
        if known is not None:
            return known
        with self._lock:
            self._older += 1
            return self._names.setdefault(actor, f"older-{self._older}")

    def _worker(self, thread: threading.Thread) -> str:
        # A pool's workers are made when work comes, and stay: named by their pool they keep one name, whether this
        # test was the first to use the pool or the hundredth.
        executor = compat.executor_of(thread)
        if executor is None:
            return "pool"
        with self._lock:
            if self._pools is None:
                self._pools = ByIdentity()
            number = self._pools.setdefault(executor, len(self._pools) + 1)
        return f"pool-{number}/{thread.name.rpartition('_')[2]}"
