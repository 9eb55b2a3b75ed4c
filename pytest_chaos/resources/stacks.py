"""Where threads and tasks stand: short texts for reports, and waits that will end by themselves."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Iterable, Iterator
from types import CodeType, FrameType
from typing import Any

from pytest_chaos import compat
from pytest_chaos.provenance import Origin, Place, Provenance, frames_from


def place(code: CodeType, line: int | None, provenance: Provenance) -> str:
    """Return ``path:line in function`` with the path as reports show it."""
    return provenance.place(code, line).told


def line_at(code: CodeType, offset: int) -> int:
    """Return the line of the instruction at an offset in bytes."""
    for start, end, line in code.co_lines():
        if start <= offset < end and line is not None:
            return line
    return code.co_firstlineno


def place_of(frame: FrameType | None, provenance: Provenance) -> str:
    """Return where a frame stands, as seen from the system under test: its first frame that is not the library's."""
    if frame is None:
        return "no Python frame"
    own = own_place(frames_from(frame), provenance)
    return place(frame.f_code, frame.f_lineno, provenance) if own is None else own.told


def tasks_of(loop: asyncio.AbstractEventLoop) -> list[asyncio.Task[Any]]:
    """Return the tasks of a loop, which may run in another thread."""
    try:
        return list(asyncio.all_tasks(loop))
    except RuntimeError:
        return []  # the set changed under a thousand tries: a very busy loop


def coroutine_frames(task: asyncio.Task[Any]) -> list[FrameType]:
    """Return the suspended frames of a task, outermost first."""
    frames: list[FrameType] = []
    current: Any = task.get_coro()
    while current is not None and len(frames) < 100:
        frame = getattr(current, "cr_frame", None) or getattr(current, "gi_frame", None)
        frame = frame or getattr(current, "ag_frame", None)
        if frame is None:
            break
        frames.append(frame)
        current = getattr(current, "cr_await", None) or getattr(current, "gi_yieldfrom", None)
        if not inspect.iscoroutine(current) and not inspect.isgenerator(current):
            break
    return frames


def place_of_task(task: asyncio.Task[Any], provenance: Provenance) -> str:
    """Return where a suspended task waits."""
    frames = coroutine_frames(task)
    own = own_place(reversed(frames), provenance)
    if own is not None:
        return own.told
    return place(frames[-1].f_code, frames[-1].f_lineno, provenance) if frames else "not started"


def own_place(frames: Iterable[FrameType], provenance: Provenance) -> Place | None:
    """Return where the first frame of the project or the test stands, if there is one."""
    for frame in frames:
        if provenance.of_frame(frame) in ("project", "test"):
            return provenance.place(frame.f_code, frame.f_lineno)
    return None


def places_in(frame: FrameType | None, provenance: Provenance, limit: int = 8) -> list[Place]:
    """Return where the frames of the test, the project and libraries stand, innermost first, at most ``limit``."""
    places = [
        provenance.place(outer.f_code, outer.f_lineno)
        for outer in frames_from(frame)
        if provenance.of_frame(outer) in ("project", "test", "installed")
    ]
    return places[:limit]


def pending_timed_waits(
    provenance: Provenance, loops: Iterable[asyncio.AbstractEventLoop], parked: Iterable[int]
) -> list[Place]:
    """Return the places of waits that have an end of their own, threads first, then event loops.

    They are the project's, or those of what an executor's worker was given to do: somebody waits for its answer.

    Args:
        provenance: Tells what is the project.
        loops: The event loops in use.
        parked: Idents of threads parked by us; they wait for us and for nothing else.
    """
    waits: list[Place] = []
    frames = compat.current_frames()
    skipped = {*parked, threading.get_ident()}
    loop_threads = {compat.thread_of_loop(loop) for loop in loops}
    for thread in threading.enumerate():
        frame = frames.get(thread.ident or 0)
        if frame is None or thread.ident in skipped or thread.ident in loop_threads:
            continue
        answers = provenance.first_project_frame(frame) or _work_in(thread, frame)
        if answers is not None and _is_timed(thread, frame):
            waits.append(provenance.place(answers.f_code, answers.f_lineno))
    for loop in loops:
        # The timers of a loop whose thread is parked cannot fire, nor those of one that does not run.
        if compat.thread_of_loop(loop) not in skipped and loop.is_running():
            waits.extend(own_timers(loop, provenance, ("project",)))
    return waits


def _work_in(thread: threading.Thread, frame: FrameType) -> FrameType | None:
    """Return the frame in which an executor's worker does what it was given; ``None`` if it waits for something."""
    if not compat.is_executor_worker(thread):
        return None
    return next((one for one in frames_from(frame) if compat.is_executor_job(one.f_code)), None)


def _is_timed(thread: threading.Thread, frame: FrameType) -> bool:
    told = compat.in_timed_wait(thread.native_id)
    if told is not None:
        return told
    # No system call table here: a frame of the standard library that was given a timeout says as much.
    for outer in frames_from(frame):
        timeout = outer.f_locals.get("timeout")
        if isinstance(timeout, int | float) and not isinstance(timeout, bool) and timeout >= 0:
            return True
    return False


def own_timers(
    loop: asyncio.AbstractEventLoop, provenance: Provenance, whose: tuple[Origin, ...] = ("project", "test")
) -> Iterator[Place]:
    """Yield the places of the project, or of the test, that a timer of a loop will wake or call."""
    for handle in compat.scheduled(loop):
        task = compat.task_behind_timer(handle)
        if task is not None:
            for frame in reversed(coroutine_frames(task)):
                if provenance.of_frame(frame) in whose:
                    yield provenance.place(frame.f_code, frame.f_lineno)
                    break
            continue
        code = compat.timer_code(handle)
        if code is not None and provenance.of_file(code.co_filename) in whose:
            yield provenance.place(code, None)


def looks_for_clients(frame: FrameType | None) -> bool:
    """Tell whether a thread that waits for files is a server of the standard library between two clients."""
    caller = None if frame is None else frame.f_back
    return (
        caller is not None
        and caller.f_code.co_name == "serve_forever"
        and caller.f_globals.get("__name__") == "socketserver"
    )


_THREAD_START = threading.Thread.start.__code__


class Progress:
    """Tells whether the test's own body has moved on since a moment, without touching it.

    Args:
        code: The code of the test function; ``None`` if it cannot be told.
        thread: Ident of the thread that runs the body.
    """

    def __init__(self, code: CodeType | None, thread: int) -> None:
        self._code = code
        self.thread = thread

    def is_starting_thread(self) -> bool:
        """Tell whether the body is just starting a thread, so that what that thread does may overtake it."""
        return any(frame.f_code is _THREAD_START for frame in frames_from(compat.current_frames().get(self.thread)))

    def in_timed_wait(self) -> bool:
        """Tell whether the body's thread waits for something that has an end of its own."""
        thread = next((thread for thread in threading.enumerate() if thread.ident == self.thread), None)
        frame = compat.current_frames().get(self.thread)
        return thread is not None and frame is not None and _is_timed(thread, frame)

    def standing(self, loops: Iterable[asyncio.AbstractEventLoop]) -> tuple[Any, ...] | None:
        """Return where the body stands, as :meth:`position` does, or else where its thread does, to the instruction."""
        position = self.position(loops)
        frame = compat.current_frames().get(self.thread)
        return position if position is not None or frame is None else (frame, frame.f_lasti)

    def position(self, loops: Iterable[asyncio.AbstractEventLoop]) -> tuple[Any, ...] | None:
        """Return a token that changes when the test's frame goes on to another call; ``None`` if it cannot be told.

        The token holds the called frame itself: a new call of the same function is another frame. It holds the line and
        not the instruction: an ``await`` runs and waits at different ones.
        """
        if self._code is None:
            return None
        called: FrameType | None = None
        for frame in frames_from(compat.current_frames().get(self.thread)):
            if frame.f_code is self._code:
                return (frame, frame.f_lineno, called)
            called = frame
        for loop in loops:
            for task in tasks_of(loop):
                frames = coroutine_frames(task)
                for index, frame in enumerate(frames):
                    if frame.f_code is self._code:
                        return (frame, frame.f_lineno, frames[index + 1] if index + 1 < len(frames) else None)
        return None
