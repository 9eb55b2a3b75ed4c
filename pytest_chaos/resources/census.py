"""The census: what is alive before a run, and what is left of it, over all kinds; births are followed meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextvars import Context
from types import FrameType
from typing import Any, Protocol

from pytest_chaos import compat
from pytest_chaos.provenance import Provenance, frames_from
from pytest_chaos.resources import tap, taps
from pytest_chaos.resources.async_generators import AsyncGenerators
from pytest_chaos.resources.births import Births, Mine, Owner, is_fixture, is_tests
from pytest_chaos.resources.children import Children
from pytest_chaos.resources.coroutines import Coroutines
from pytest_chaos.resources.deaths import Deaths, described
from pytest_chaos.resources.descriptors import Descriptors
from pytest_chaos.resources.dropped import Dropped
from pytest_chaos.resources.ends import Ends
from pytest_chaos.resources.kind import Kind
from pytest_chaos.resources.leftovers import LeftKind, Leftover
from pytest_chaos.resources.locks import HeldLock, Locks
from pytest_chaos.resources.loop_timers import LoopTimers
from pytest_chaos.resources.loops import Loops
from pytest_chaos.resources.permits import Permits
from pytest_chaos.resources.raw_threads import RawThreads
from pytest_chaos.resources.tap import Ear
from pytest_chaos.resources.tasks import Tasks
from pytest_chaos.resources.threads import Threads, is_background_noise
from pytest_chaos.resources.transports import Transports


class Baseline:
    """What was alive before a run, kind by kind."""

    def __init__(self, snapshots: Sequence[tuple[Kind, Any]]) -> None:
        self.snapshots = snapshots


class _Unjudged:
    """Takes the place of a snapshot that could not be taken, with the words of the error."""

    def __init__(self, error: Exception) -> None:
        self.text = described(error)


# How a kind is called in evidence, where none of its things can be told.
_WORDS: dict[type, LeftKind] = {
    Threads: "thread",
    Tasks: "task",
    Deaths: "task-error",
    AsyncGenerators: "async-generator",
    LoopTimers: "timer",
    Transports: "transport",
    Children: "child-process",
    RawThreads: "thread",
    Locks: "lock",
    Permits: "permit",
    Coroutines: "coroutine",
    Descriptors: "file-descriptor",
    Dropped: "dropped-open",
}


class Listener(Protocol):
    """Is told of what is made while a body runs."""

    def born(self, actor: threading.Thread | asyncio.Task[Any]) -> None:
        """A thread or a task was made."""

    def task_context(self, chosen: Context | None) -> Context | None:
        """Return the context in which a task shall be made.

        Each task draws for itself, though it begins in a copy of its maker's context.

        Args:
            chosen: The one that the maker of the task chose, if any.

        Returns:
            ``None`` for the one at hand.
        """

    def child_started(self, pid: int) -> None:
        """A child process was started."""

    def loop_closes(self, loop: asyncio.AbstractEventLoop) -> None:
        """An event loop is about to be closed, and waits for its workers."""

    def is_by_fault(self, error: BaseException) -> bool:
        """Tell whether a fault acted in the running thread, which dies of an error, or is behind the error."""

    def file_made(self, path: Any, frame: FrameType | None) -> None:
        """A file was made that was not there before, in a frame."""


class Census:
    """Follows births while chaos is on. One per session.

    Args:
        provenance: Tells which frames are the project's.

    Attributes:
        births: Who made what.
        ends: Who ends what, in plain runs.
        loops_in_use: The event loops.
        kinds: What can be left behind, kind by kind, in the order in which it is looked at: what waits for others
            to end comes first.
    """

    def __init__(self, provenance: Provenance) -> None:
        self.births = Births(provenance)
        self.ends = Ends(self.births)
        self.loops_in_use = Loops()
        self._deaths = Deaths(self.births, self._is_by_fault)
        self._children = Children(self.births)
        self._async_generators = AsyncGenerators(self.births, self.loops_in_use)
        self._loop_timers = LoopTimers(self.births, self.loops_in_use)
        self._descriptors = Descriptors(self.births, self.loops_in_use)
        self._locks = Locks(self.births, self.loops_in_use)
        self._dropped = Dropped(self.births, self.ends.ended)
        self.kinds: tuple[Kind, ...] = (
            Threads(self.births),
            Tasks(self.births, self.loops_in_use, self._deaths.task_is_reported),
            self._deaths,  # after those whose waiting may see the last ones die
            self._async_generators,
            self._loop_timers,
            Transports(self.births, self.loops_in_use),
            self._children,
            RawThreads(self.births),
            self._locks,  # after threads and tasks that end, and so release
            Permits(self.births, self.loops_in_use),
            Coroutines(self.births),
            self._descriptors,  # what others wait for may still close some
            self._dropped,  # last: it may collect what the others look at
        )
        self._listener: Listener | None = None
        self._judges: list[Listener] = []
        self._baselines: list[Baseline] = []
        self._cancelled: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()
        self._undo: Callable[[], None] | None = None
        self._undo_foreign: Callable[[], None] | None = None

    # --- births

    @property
    def provenance(self) -> Provenance:
        """Tells which frames are the project's."""
        return self.births.provenance

    @property
    def owner(self) -> Owner:
        """On whose behalf things are made now."""
        return self.births.owner

    def work_for(self, owner: Owner) -> Owner:
        """Say on whose behalf things are made from now on, and return on whose they were until now."""
        return self.births.work_for(owner)

    @contextlib.contextmanager
    def heard_by(self, listener: Listener) -> Iterator[None]:
        """Tell a listener what is made meanwhile; nobody else is told. It is asked of deaths until it is forgotten."""
        before, self._listener = self._listener, listener
        self._judges.append(listener)
        try:
            yield
        finally:
            self._listener = before

    def forget_listener(self, listener: Listener) -> None:
        """Ask a listener of no more deaths: its run is over, with all that it has left. Harmless when done twice."""
        self._judges = [one for one in self._judges if one is not listener]

    def open(self) -> None:
        """Begin to follow births. Harmless when done twice."""
        if self._undo is None:
            self._undo = tap.all_of(
                taps.install(self),
                taps.hear_of_ends(self._thing_ends, self._child_ends),
                taps.hear_of_new_files(self._file_made),
            )
            for kind in self.kinds:
                kind.open()
            self.births.tell(self._owner_changes)

    def close(self) -> None:
        """Stop following births, and take every tap out. Harmless when done twice."""
        if self._undo is not None:
            self.births.tell(None)
            for kind in reversed(self.kinds):
                kind.close()
            self._undo()
            self._undo = None
            if self._undo_foreign is not None:
                self._undo_foreign()
                self._undo_foreign = None

    def thread_starts(self, thread: threading.Thread) -> None:
        """Note who starts a thread."""
        if is_background_noise(thread):
            return
        self.births.note(thread)
        self._deaths.thread_starts(thread)
        if self._listener is not None:
            self._listener.born(thread)

    def task_context(self, chosen: Context | None) -> Context | None:
        """Return the context in which a task shall be made, or ``None`` for the current one."""
        return None if self._listener is None else self._listener.task_context(chosen)

    def task_made(self, task: Any) -> None:
        """Note who made a task."""
        if not isinstance(task, asyncio.Future):
            return
        self.births.note(task)
        self._deaths.task_made(task)
        if self._listener is not None:
            self._listener.born(task)  # type: ignore[arg-type]  # a task factory may hand out any future

    def loop_made(self, loop: asyncio.AbstractEventLoop) -> None:
        """Note a new event loop."""
        self.loops_in_use.made(loop)

    def child_started(self, pid: int) -> None:
        """Note a child process, in which nothing is injected."""
        if self._listener is not None:
            self._listener.child_started(pid)
        self._children.started(pid)

    def made_by(self, factory: str, made: Any) -> None:
        """Note an object that a factory, ``module:name``, has handed out, such as a connection to a database."""
        self._dropped.made_by(factory, made)

    def _thing_ends(self, kind: LeftKind, thing: Any) -> None:
        self.ends.ended(kind, self.births.of(thing))

    def _child_ends(self, pid: int) -> None:
        self.ends.ended("child-process", self._children.birth_of(pid))

    def _file_made(self, path: Any) -> None:
        if self._listener is not None:
            self._listener.file_made(path, self.births.maker())

    def _is_by_fault(self, error: BaseException) -> bool:
        # Also after the body: what a fault has set going there may die while fixtures are torn down.
        return bool(self._judges) and self._judges[-1].is_by_fault(error)

    def _owner_changes(self, before: Owner, after: Owner) -> None:
        if not (is_fixture(before) or is_fixture(after)):
            return
        for kind in self.kinds:
            heed = getattr(kind, "owner_changes", None)
            if heed is not None:
                Ear(heed)(before, after)

    def loop_closes(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look at what is on a loop before it is cancelled without a word."""
        if self._listener is not None:
            self._listener.loop_closes(loop)
        self._cancelled.add(loop)
        self._look_at(loop, by_hand=False)

    def loop_is_closed(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look at what is on a loop that is closed with nothing cancelled before."""
        if loop not in self._cancelled:
            self._look_at(loop, by_hand=True)

    def _look_at(self, loop: asyncio.AbstractEventLoop, *, by_hand: bool) -> None:
        if not self._baselines:
            return
        is_projects = self._runs_loop() == "project"
        for kind in self.kinds:
            look = getattr(kind, "loop_closes", None)
            if look is not None:
                look(loop, is_projects=is_projects, by_hand=by_hand)

    def _runs_loop(self) -> str:
        for frame in frames_from(compat.get_frame(3)):
            origin = self.provenance.of_frame(frame)
            if origin not in ("stdlib", "chaos", "passage", "generated"):
                return origin
        return ""

    def loops(self) -> list[asyncio.AbstractEventLoop]:
        """Return the event loops that are open."""
        return self.loops_in_use.open()

    def body_ends(self) -> None:
        """Look at what may go with the fixtures, at the end of a body that is compared with another one."""
        Ear(self._locks.body_ends)()

    def held_locks(self) -> list[HeldLock]:
        """Return the locks of the project and the test that are held now."""
        return self._locks.held()

    # --- what is left

    def another_test(self) -> None:
        """Begin with another test: whatever comes before its first run may have opened something, or closed."""
        self._descriptors.forget_last()

    def baseline(self) -> Baseline:
        """Return what is alive now; until it is told what is left, or forgotten, closing loops are looked at."""
        if self._undo_foreign is None and self._undo is not None:
            self._follow_foreign_loops()
        baseline = Baseline([(kind, self._snapshot(kind)) for kind in self.kinds])
        self._baselines.append(baseline)
        return baseline

    def _snapshot(self, kind: Kind) -> Any:
        try:
            return kind.snapshot()
        except Exception as error:  # noqa: BLE001  # as below
            return _Unjudged(error)

    def _left(self, kind: Kind, before: Any, mine: Mine) -> list[Leftover]:
        """Return what is left of a kind; where that cannot be told, a note that says so.

        What is looked at is the system's: a class of its own may raise where it is asked, and that ends no session.
        """
        if not isinstance(before, _Unjudged):
            try:
                return kind.left(before, mine)
            except Exception as error:  # noqa: BLE001  # what a class of the user's raises, or a mistake of ours
                before = _Unjudged(error)
        word = _WORDS[type(kind)]
        many = f"{word.replace('-', ' ')}s"
        text = f"{many} were not checked: looking at one raised {before.text}"
        return [Leftover(word, text, f"{word} not judged", True)]

    def _follow_foreign_loops(self) -> None:
        """Follow the loops of uvloop too, once it is imported."""
        loop_class = compat.foreign_loop_class()
        if loop_class is not None:
            self._undo_foreign = taps.install_on_foreign_loops(
                loop_class,
                self,
                self._loop_timers.timer_set,
                self._deaths.loop_told,
                self._async_generators.generator_begun,
            )

    def forget(self, baseline: Baseline) -> None:
        """Let go of a baseline that nobody will ask about. Harmless when done twice."""
        self._baselines = [known for known in self._baselines if known is not baseline]

    def leftovers(self, baseline: Baseline, mine: Mine = is_tests) -> list[Leftover]:
        """Return what was made since the baseline, is to be judged now, and does not end within the grace."""
        try:
            return [leftover for kind, before in baseline.snapshots for leftover in self._left(kind, before, mine)]
        finally:
            self.forget(baseline)
