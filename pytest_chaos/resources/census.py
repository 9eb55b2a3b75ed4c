"""Who made what, and what is left of a run: births of threads and tasks, a baseline, and the leftovers.

Leftovers are told by identity, not by count or name: something that ends inside the window cannot hide something that
leaks. What is still ending is given time by polling, so a clean run pays nothing for patience.
"""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any, Literal, Protocol

from pytest_chaos import compat
from pytest_chaos.provenance import Provenance, frames_from
from pytest_chaos.resources import stacks, taps
from pytest_chaos.resources.actors import Actors

GRACE_S = 0.5  # with four CPU burners on two cores, 100 ms had no false alarm in 60 runs; only real leaks wait so long
_FIRST_WAIT_S = 0.0002
_LONGEST_WAIT_S = 0.05
_SITE_DEPTH = 32  # frames of a creation site; deep enough to reach the project below a web framework

Scope = Literal["test", "function", "class", "module", "package", "session"]
_OWN_SCOPES: frozenset[Scope] = frozenset({"test", "function"})


@dataclass(frozen=True)
class Owner:
    """On whose behalf something is made: a test, or a fixture with its scope."""

    name: str
    scope: Scope

    @property
    def outlives_test(self) -> bool:
        """Whether what it owns is judged later than at the end of one test."""
        return self.scope not in _OWN_SCOPES


NOBODY = Owner("the session", "session")


@dataclass(frozen=True)
class Birth:
    """How a thread or task came to be: its owner and the frames that made it, innermost first."""

    owner: Owner
    site: tuple[tuple[CodeType, int], ...]


@dataclass(frozen=True)
class Leftover:
    """Something that a run left behind.

    Attributes:
        kind: Evidence kind: ``thread``, ``executor``, ``timer`` or ``task``.
        text: What it is, who made it where, and where it stands.
        fingerprint: Kind and first project frame of the creation site, equal from run to run.
        is_note: Whether it is only worth a note.
    """

    kind: str
    text: str
    fingerprint: str
    is_note: bool = False


@dataclass
class Baseline:
    """What was alive before a run, by identity, and what loops that closed meanwhile left behind."""

    threads: frozenset[int]
    tasks: frozenset[int]
    kept: list[Any] = field(repr=False, default_factory=list)  # objects whose ids must not be reused
    closed_loops: list[Leftover] = field(default_factory=list)


class Streams(Protocol):
    """Who gives each task random draws of its own, though a task begins in a copy of its maker's context."""

    def context_of_child(self) -> Context | None:
        """Return the context in which to make a task, or ``None`` for the current one."""

    def forget_entries_in(self, context: Context) -> None:
        """Do the same for a context that the maker of the task chose."""


class Census:
    """Follows births while chaos is on. One per session.

    Args:
        provenance: Tells which frames are the project's.
        grace_s: How long leftovers may take to end, in seconds.
    """

    def __init__(self, provenance: Provenance, grace_s: float = GRACE_S) -> None:
        self.provenance = provenance
        self.owner: Owner = NOBODY
        self.actors: Actors | None = None
        self.children: list[int] = []
        self.streams: Streams | None = None
        self.before_loop_closes: Callable[[asyncio.AbstractEventLoop], None] | None = None
        self._grace_s = grace_s
        self._births: weakref.WeakKeyDictionary[Any, Birth] = weakref.WeakKeyDictionary()
        self._loops: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()
        self._baseline: Baseline | None = None
        self._undo: Callable[[], None] | None = None

    # --- births

    def open(self) -> None:
        """Begin to follow births."""
        self._undo = self._undo or taps.install(self)

    def close(self) -> None:
        """Stop following births, and take every tap out."""
        if self._undo is not None:
            self._undo()
            self._undo = None

    def thread_starts(self, thread: threading.Thread) -> None:
        """Note who starts a thread."""
        if is_background_noise(thread):
            return
        self._births[thread] = self._birth()
        if self.actors is not None:
            self.actors.born(thread)

    def task_context(self, chosen: Context | None) -> Context | None:
        """Return the context in which a task shall be made, or ``None`` for the current one."""
        if self.streams is None:
            return None
        if chosen is None:
            return self.streams.context_of_child()
        self.streams.forget_entries_in(chosen)
        return None

    def task_made(self, task: Any) -> None:
        """Note who made a task."""
        if not isinstance(task, asyncio.Future):
            return
        self._births[task] = self._birth()
        if self.actors is not None:
            self.actors.born(task)  # type: ignore[arg-type]  # a task factory may hand out any future

    def loop_made(self, loop: asyncio.AbstractEventLoop) -> None:
        """Note a new event loop."""
        self._loops.add(loop)

    def child_started(self, pid: int) -> None:
        """Note a child process, in which nothing is injected."""
        self.children.append(pid)

    def loop_closes(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look at a loop's tasks before it cancels them without a word."""
        baseline = self._baseline
        if baseline is None:
            return
        if self.before_loop_closes is not None:
            self.before_loop_closes(loop)
        tasks = self._new_tasks(loop, baseline)
        if not tasks:
            return
        # A loop the project runs is the project's: extra turns would change what it does, so it is only reported.
        is_projects = self._runs_loop() == "project"
        if not is_projects:
            tasks = self._settle(loop, tasks)
        for task in tasks:
            leftover = self._task_leftover(task, is_note=is_projects)
            baseline.closed_loops.append(leftover)

    def _birth(self) -> Birth:
        frame = compat.get_frame(2)
        site: list[tuple[CodeType, int]] = []
        for outer in frames_from(frame):
            site.append((outer.f_code, outer.f_lineno))
            if len(site) == _SITE_DEPTH:
                break
        parent = self._births.get(threading.current_thread())
        # A thread that a wider fixture's thread starts belongs to that fixture, as its parent does.
        owner = parent.owner if parent is not None and parent.owner.outlives_test else self.owner
        return Birth(owner, tuple(site))

    def _runs_loop(self) -> str:
        for frame in frames_from(compat.get_frame(2)):
            origin = self.provenance.of_frame(frame)
            if origin not in ("stdlib", "chaos", "passage", "generated"):
                return origin
        return ""

    # --- loops in use

    def loops(self) -> list[asyncio.AbstractEventLoop]:
        """Return the event loops that are open."""
        return [loop for loop in list(self._loops) if not loop.is_closed()]

    # --- what is left

    def baseline(self) -> Baseline:
        """Return what is alive now, and begin to collect what closing loops leave."""
        threads = list(threading.enumerate())
        tasks = [task for loop in self.loops() for task in stacks.tasks_of(loop)]
        baseline = Baseline(frozenset(map(id, threads)), frozenset(map(id, tasks)), [threads, tasks])
        self._baseline = baseline
        return baseline

    def forget_baseline(self) -> None:
        """Stop collecting what closing loops leave."""
        self._baseline = None

    def leftovers(self, baseline: Baseline) -> list[Leftover]:
        """Return what was made since the baseline, is owned by the test, and does not end within the grace."""
        self._baseline = None
        found = [*baseline.closed_loops]
        found.extend(self._thread_leftovers(baseline))
        for loop in self.loops():
            tasks = self._new_tasks(loop, baseline)
            if tasks and not loop.is_running():
                tasks = self._settle(loop, tasks)
            elif tasks:
                tasks = _poll(tasks, lambda task: not task.done(), self._grace_s)
            found.extend(self._task_leftover(task) for task in tasks)
        baseline.kept.clear()
        return found

    def _thread_leftovers(self, baseline: Baseline) -> list[Leftover]:
        left = [thread for thread in threading.enumerate() if self._may_leak(thread, baseline)]
        left = _poll(left, self._still_leaks, self._grace_s)
        frames = compat.current_frames()
        return [self._thread_leftover(thread, frames.get(thread.ident or 0)) for thread in left]

    def _may_leak(self, thread: threading.Thread, baseline: Baseline) -> bool:
        if id(thread) in baseline.threads or thread is threading.current_thread() or compat.is_dummy(thread):
            return False
        if is_background_noise(thread):
            return False
        birth = self._births.get(thread)
        return birth is None or not birth.owner.outlives_test

    def _still_leaks(self, thread: threading.Thread) -> bool:
        if not thread.is_alive():
            return False
        frame = compat.current_frames().get(thread.ident or 0)
        if compat.is_executor_worker(thread):
            executor = compat.executor_of(thread)
            if executor is not None and not compat.is_shut_down(executor):
                return not _is_idle_worker(frame)
        return not self._is_cached_worker(thread, frame)

    def _is_cached_worker(self, thread: threading.Thread, frame: FrameType | None) -> bool:
        """Tell whether a library keeps this thread for its next job: idle, and nobody's fault."""
        if compat.thread_target_module(thread).partition(".")[0] not in _CACHING_LIBRARIES:
            return False
        return all(self.provenance.of_frame(outer) in ("stdlib", "installed") for outer in frames_from(frame))

    def _thread_leftover(self, thread: threading.Thread, frame: FrameType | None) -> Leftover:
        kind = "thread"
        what = f"thread {thread.name!r}"
        if compat.is_executor_worker(thread):
            kind, what = "executor", f"busy executor worker {thread.name!r}"
        elif isinstance(thread, threading.Timer):
            kind, what = "timer", f"timer {thread.name!r}"
        if thread.daemon and kind == "thread":
            what = f"daemon {what}"
        return self._leftover(kind, what, self._births.get(thread), stacks.place_of(frame, self.provenance), "started")

    def _task_leftover(self, task: asyncio.Task[Any], *, is_note: bool = False) -> Leftover:
        coroutine = getattr(task.get_coro(), "__qualname__", repr(task.get_coro()))
        where = stacks.place_of_task(task, self.provenance)
        what = f"task {task.get_name()!r} ({coroutine})"
        if is_note:
            what += ", cancelled by the project's own asyncio.run"
        return self._leftover("task", what, self._births.get(task), where, "created", is_note=is_note)

    def _leftover(
        self, kind: str, what: str, birth: Birth | None, where: str, verb: str, *, is_note: bool = False
    ) -> Leftover:
        site = self._site(birth)
        maker = f" {verb} at {site}, by {birth.owner.name};" if birth is not None and site else ""
        return Leftover(kind, f"{what}{maker} now at {where}", f"{kind} {site or what}", is_note)

    def _site(self, birth: Birth | None) -> str:
        if birth is None:
            return ""
        for wanted in (("project",), ("test",), ("installed",)):
            for code, line in birth.site:
                if self.provenance.of_file(code.co_filename) in wanted:
                    return stacks.place(code, line, self.provenance)
        return ""

    # --- tasks

    def _new_tasks(self, loop: asyncio.AbstractEventLoop, baseline: Baseline) -> list[asyncio.Task[Any]]:
        return [
            task
            for task in stacks.tasks_of(loop)
            if not task.done() and id(task) not in baseline.tasks and self._is_systems(task)
        ]

    def _is_systems(self, task: asyncio.Task[Any]) -> bool:
        """Tell whether the system or the test made a task; frameworks keep tasks of their own on their loops."""
        birth = self._births.get(task)
        if birth is not None and birth.owner.outlives_test:
            return False
        origins = {self.provenance.of_file(code.co_filename) for code, _ in birth.site} if birth is not None else set()
        code = getattr(task.get_coro(), "cr_code", None)
        own = self.provenance.of_file(code.co_filename) if code is not None else None
        if own == "pytest":
            return False
        # The framework's task that carries the test body is made below its own frames, with none of the test's.
        return "project" in origins or "test" in origins or own in ("project", "test")

    def _settle(self, loop: asyncio.AbstractEventLoop, tasks: list[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
        """Turn an idle loop until the tasks are done or the grace is over; return those that are not."""

        async def wait() -> None:
            await asyncio.wait(tasks, timeout=self._grace_s)

        waiting = wait()
        try:
            loop.run_until_complete(waiting)
        except RuntimeError:
            waiting.close()  # another loop runs in this thread: what is pending is reported as it stands
        return [task for task in tasks if not task.done()]


def _poll(left: list[Any], still: Callable[[Any], bool], grace_s: float) -> list[Any]:
    """Look at what is left until nothing is, waiting twice as long each time; return what stays."""
    left = [one for one in left if still(one)]
    wait_s, deadline = _FIRST_WAIT_S, time.monotonic() + grace_s
    while left and time.monotonic() < deadline:
        if isinstance(left[0], threading.Thread):
            left[0].join(wait_s)
        else:
            time.sleep(wait_s)  # polls, and only while something is left
        wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
        left = [one for one in left if still(one)]
    return left


def _is_idle_worker(frame: FrameType | None) -> bool:
    """Tell whether an executor's worker waits for work: its innermost frame is the worker loop itself."""
    return frame is not None and frame.f_code is compat.executor_worker_code()


# Libraries whose threads wait for the next job for a while after the last one.
_CACHING_LIBRARIES = frozenset({"anyio", "trio"})
# Threads that serve the process and not a test: class name or thread name, with the library they come from.
_NOISE_CLASSES = frozenset({"TMonitor", "PyDBDaemonThread"})
_NOISE_NAMES = frozenset({"QueueFeederThread", "pydevd.Writer", "pydevd.Reader"})


def is_background_noise(thread: threading.Thread) -> bool:
    """Tell whether a thread serves the process: a progress bar's, a queue's feeder, a debugger's, pytest's own."""
    if type(thread).__name__ in _NOISE_CLASSES or thread.name in _NOISE_NAMES:
        return True
    module = compat.thread_target_module(thread).partition(".")[0]
    return module.startswith("pytest") or module in ("_pytest", "xdist", "execnet", "coverage")
