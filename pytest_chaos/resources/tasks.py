"""Asyncio tasks that were left: on a loop that is kept, on one in another thread, and on one that closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from pytest_chaos import compat
from pytest_chaos.resources import stacks
from pytest_chaos.resources.births import Birth, Births, Mine, is_tests
from pytest_chaos.resources.holders import Holders
from pytest_chaos.resources.leftovers import GRACE_S, Leftover, leftover, poll
from pytest_chaos.resources.loops import Loops, settle
from pytest_chaos.resources.whose import is_made_by_own, is_own


class Before(NamedTuple):
    """The tasks that were there, and how many had been found on closing loops."""

    tasks: frozenset[asyncio.Task[Any]]
    found: int


class Tasks:
    """Tasks of asyncio.

    Args:
        births: Who made which.
        loops: The loops in use.
        reported: Is told each task that nothing will end, and what is said of it.
        grace_s: How long they may take to end, in seconds.
    """

    def __init__(
        self,
        births: Births,
        loops: Loops,
        reported: Callable[[asyncio.Task[Any], Leftover], None],
        grace_s: float = GRACE_S,
    ) -> None:
        self._births = births
        self._loops = loops
        self._reported = reported
        self.grace_s = grace_s
        self._found: list[tuple[Birth | None, Leftover]] = []
        self._known: frozenset[asyncio.Task[Any]] = frozenset()

    def open(self) -> None:
        """Nothing: the census notes the births of tasks."""

    def close(self) -> None:
        """Forget what was found."""
        self._found.clear()

    def snapshot(self) -> Before:
        """Return the tasks that are on open loops."""
        loops = self._loops.open() if compat.may_have_tasks() else ()
        self._known = frozenset(task for loop in loops for task in stacks.tasks_of(loop))
        return Before(self._known, len(self._found))

    def left(self, before: Before, mine: Mine) -> list[Leftover]:
        """Return what was left."""
        left = [found for birth, found in self._found[before.found :] if mine(birth)]
        if not compat.may_have_tasks():
            return left
        for loop in self._loops.open():
            tasks = [task for task in self._new(loop, before.tasks) if mine(self._births.of(task))]
            if tasks and not loop.is_running():
                settle(loop, tasks, self.grace_s)
                tasks = [task for task in tasks if not task.done()]
            elif tasks:
                tasks = poll(tasks, lambda task: not task.done(), self.grace_s)
            left.extend(self._report(task) for task in tasks)
        return left

    def loop_closes(self, loop: asyncio.AbstractEventLoop, *, is_projects: bool, by_hand: bool) -> None:
        """Look at a loop's tasks before it cancels them without a word, or closes over them."""
        # A wider fixture's were known before this test, and are looked at here for the last time.
        tasks = self._new(loop, frozenset(task for task in self._known if is_tests(self._births.of(task))))
        if tasks and not is_projects:
            settle(loop, tasks, self.grace_s)
        for task in tasks:
            if not task.done():
                told = self._report(task) if by_hand else self._leftover(task, is_note=is_projects)
                self._found.append((self._births.of(task), told))

    def _new(self, loop: asyncio.AbstractEventLoop, before: frozenset[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
        return [
            task for task in stacks.tasks_of(loop) if not task.done() and task not in before and self._is_systems(task)
        ]

    def _is_systems(self, task: asyncio.Task[Any]) -> bool:
        """Tell whether the system or the test made a task; frameworks keep tasks of their own on their loops."""
        provenance = self._births.provenance
        birth = self._births.of(task)
        origins = {provenance.of_file(code.co_filename) for code, _ in birth.site} if birth is not None else set()
        code = getattr(task.get_coro(), "cr_code", None)
        own = provenance.of_file(code.co_filename) if code is not None else None
        if own == "pytest":
            return False
        # The framework's task that carries the test body is made below its own frames, with none of the test's.
        return "project" in origins or "test" in origins or own in ("project", "test")

    def _report(self, task: asyncio.Task[Any]) -> Leftover:
        told = self._leftover(task)
        self._reported(task, told)
        return told

    def _singleton(self, task: asyncio.Task[Any]) -> str:
        """Return what keeps a task that a library made for itself."""
        provenance = self._births.provenance
        birth = self._births.of(task)
        code = getattr(task.get_coro(), "cr_code", None)
        if birth is None or is_made_by_own(birth, provenance) or is_own(code, provenance):
            return ""
        return Holders(provenance).singleton_of(task)

    def _leftover(self, task: asyncio.Task[Any], *, is_note: bool = False) -> Leftover:
        coroutine = getattr(task.get_coro(), "__qualname__", repr(task.get_coro()))
        what = f"task {task.get_name()!r} ({coroutine})"
        if is_note:
            what += ", cancelled by the project's own asyncio.run"
        keeper = self._singleton(task)
        return leftover(
            self._births,
            "task",
            what,
            self._births.of(task),
            verb="created",
            where=f"{stacks.place_of_task(task, self._births.provenance)}{f'; kept by {keeper}' if keeper else ''}",
            is_note=is_note or bool(keeper),
            stack=[frame.f_code for frame in reversed(stacks.coroutine_frames(task))],
        )
