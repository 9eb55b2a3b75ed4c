"""Every private name of CPython we lean on, tested before use; what is absent is named in ``MISSING``.

Each function answers with nothing where its name is gone, so that a new interpreter loses a detail and not the run.
"""

from __future__ import annotations

import asyncio
import asyncio.base_events
import asyncio.runners
import concurrent.futures.thread as executor_threads
import platform
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from types import CodeType, FrameType
from typing import Any

MISSING: list[str] = []


def _note(name: str, present: bool) -> bool:
    if not present:
        MISSING.append(name)
    return present


_HAS_CANCEL_ALL = _note("asyncio.runners._cancel_all_tasks", hasattr(asyncio.runners, "_cancel_all_tasks"))
_HAS_FRAMES = _note("sys._current_frames", hasattr(sys, "_current_frames"))
_HAS_QUEUES = _note("concurrent.futures.thread._threads_queues", hasattr(executor_threads, "_threads_queues"))

MONITORING: Any = getattr(sys, "monitoring", None)
"""The interpreter's events, from 3.12 on."""


get_frame: Callable[[int], FrameType] = sys._getframe
"""Returns the frame so many callers above the one that calls it."""


class ErrorHold:
    """Holds one error, so that its references can be counted."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException | None) -> None:
        self.error = error

    def is_alone(self) -> bool:
        """Tell whether nothing but this hold refers to the error; where references are not counted, never."""
        return _references(self) <= _REFERENCES_OF_ONE


_count_references: Callable[[object], int] = getattr(sys, "getrefcount", lambda obj: 1)


def _references(hold: ErrorHold) -> int:
    return _count_references(hold.error)


# How a call counts its own argument differs between versions, so it is measured.
_REFERENCES_OF_ONE = _references(ErrorHold(Exception())) if hasattr(sys, "getrefcount") else 0


def is_marked(function: object) -> bool:
    """Tell whether a function was marked as a coroutine function by ``inspect.markcoroutinefunction``."""
    return hasattr(function, "_is_coroutine_mark")


def current_frames() -> dict[int, FrameType]:
    """Return the running frame of each thread, by thread ident."""
    return dict(sys._current_frames()) if _HAS_FRAMES else {}


def interrupt_main_thread(ident: int) -> bool:
    """Raise ``KeyboardInterrupt`` in the main thread, also out of a wait for a lock; tell whether that can be done.

    Args:
        ident: Ident of the thread that is meant; none but the main thread can be interrupted.
    """
    if ident != threading.main_thread().ident or not hasattr(signal, "pthread_kill"):
        return False
    if not callable(signal.getsignal(signal.SIGINT)):
        return False
    signal.pthread_kill(ident, signal.SIGINT)
    return True


def tap_loop_closing(before: Callable[[asyncio.AbstractEventLoop], None]) -> Callable[[], None]:
    """Call ``before`` with a loop whose leftover tasks are about to be cancelled; return what undoes it.

    ``asyncio.run``, ``Runner`` and every test framework built on them pass this one place, and cancel silently there.
    """
    if not _HAS_CANCEL_ALL:
        return lambda: None
    original = asyncio.runners._cancel_all_tasks  # type: ignore[attr-defined]  # tested above

    def cancel_all_tasks(loop: asyncio.AbstractEventLoop) -> None:
        before(loop)
        original(loop)

    asyncio.runners._cancel_all_tasks = cancel_all_tasks  # type: ignore[attr-defined]  # tested above

    def undo() -> None:
        if asyncio.runners._cancel_all_tasks is cancel_all_tasks:  # type: ignore[attr-defined]  # tested above
            asyncio.runners._cancel_all_tasks = original  # type: ignore[attr-defined]  # tested above

    return undo


def is_executor_worker(thread: threading.Thread) -> bool:
    """Tell whether a thread is a worker of a ``ThreadPoolExecutor``."""
    # The table of queues is filled only after the start, so a young worker is told by what it runs.
    worker = getattr(executor_threads, "_worker", None)
    if worker is not None and getattr(thread, "_target", None) is worker:
        return True
    return _HAS_QUEUES and thread in executor_threads._threads_queues


def executor_of(thread: threading.Thread) -> Any:
    """Return the executor of a worker, or ``None`` if it is gone or cannot be told."""
    args = getattr(thread, "_args", None)
    try:
        return args[0]() if args else None
    except TypeError:
        return None


def executor_worker_code() -> CodeType | None:
    """Return the code of the loop in which an idle worker waits."""
    return getattr(getattr(executor_threads, "_worker", None), "__code__", None)


def is_shut_down(executor: Any) -> bool:
    """Tell whether an executor was told to shut down."""
    return bool(getattr(executor, "_shutdown", False))


def thread_target_module(thread: threading.Thread) -> str:
    """Return the module of the function a thread runs, or an empty text."""
    target = getattr(thread, "_target", None)
    return getattr(target, "__module__", "") or type(thread).__module__


def is_dummy(thread: threading.Thread) -> bool:
    """Tell whether a thread object only stands for a foreign thread."""
    return type(thread).__name__ == "_DummyThread"


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the loop that runs in this thread, or ``None``."""
    return asyncio._get_running_loop()


def async_sleep() -> Callable[[float], Awaitable[None]] | None:
    """Return the sleep of the async library that runs this code, asyncio or trio, or ``None`` in sync code."""
    if running_loop() is not None:
        return asyncio.sleep
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        return trio.sleep  # type: ignore[no-any-return]  # trio is optional, so it has no types here
    return None


def default_executor_of(loop: asyncio.AbstractEventLoop) -> Any:
    """Return the executor behind ``asyncio.to_thread``, or ``None`` if the loop has made none."""
    return getattr(loop, "_default_executor", None)


def thread_of_loop(loop: asyncio.AbstractEventLoop) -> int | None:
    """Return the ident of the thread in which a loop runs, or ``None`` if it does not run."""
    return getattr(loop, "_thread_id", None)


def is_gil_enabled() -> bool:
    """Tell whether threads take turns; interpreters before 3.13 have no other way."""
    told = getattr(sys, "_is_gil_enabled", None)
    return told is None or bool(told())


def scheduled(loop: asyncio.AbstractEventLoop) -> list[asyncio.TimerHandle]:
    """Return the pending timers of a loop."""
    handles = getattr(loop, "_scheduled", None) or ()
    return [handle for handle in list(handles) if not handle.cancelled()]


def task_behind_timer(handle: asyncio.TimerHandle) -> asyncio.Task[Any] | None:
    """Return the task that a timer would wake or end: of ``sleep``, ``timeout``, ``wait_for`` or an anyio scope."""
    callback = getattr(handle, "_callback", None)
    owner = getattr(callback, "__self__", None)
    for name in ("_task", "_host_task"):
        task = getattr(owner, name, None)
        if isinstance(task, asyncio.Task):
            return task
    for argument in getattr(handle, "_args", None) or ():
        for waiter in _callbacks(argument):
            task = getattr(waiter, "__self__", None)
            if isinstance(task, asyncio.Task):
                return task
    return None


def _callbacks(future: object) -> Iterator[object]:
    for entry in getattr(future, "_callbacks", None) or ():
        yield entry[0] if isinstance(entry, tuple) else entry


def timer_code(handle: asyncio.TimerHandle) -> CodeType | None:
    """Return the code of a timer's callback, where it is a Python function."""
    callback = getattr(handle, "_callback", None)
    callback = getattr(callback, "__func__", callback)
    return getattr(callback, "__code__", None)


# Linux: number of a blocking system call -> index of its timeout argument and whether that is a pointer (null: none)
# or a number of milliseconds (negative: none). Sources: arch/x86/entry/syscalls/syscall_64.tbl, asm-generic/unistd.h.
_WAITS = {
    "x86_64": {
        7: (2, "ms"),  # poll
        23: (4, "pointer"),  # select
        35: (0, "pointer"),  # nanosleep
        202: (3, "pointer"),  # futex
        230: (2, "pointer"),  # clock_nanosleep
        232: (3, "ms"),  # epoll_wait
        270: (4, "pointer"),  # pselect6
        271: (2, "pointer"),  # ppoll
        281: (3, "ms"),  # epoll_pwait
        441: (3, "pointer"),  # epoll_pwait2
    },
    "aarch64": {
        22: (3, "ms"),  # epoll_pwait
        72: (4, "pointer"),  # pselect6
        73: (2, "pointer"),  # ppoll
        98: (3, "pointer"),  # futex
        101: (0, "pointer"),  # nanosleep
        115: (2, "pointer"),  # clock_nanosleep
        441: (3, "pointer"),  # epoll_pwait2
    },
}.get(platform.machine(), {})


def in_timed_wait(native_id: int | None) -> bool | None:
    """Tell whether a thread is inside a system call that ends by itself; ``None`` where that cannot be told."""
    if native_id is None or not _WAITS or not sys.platform.startswith("linux"):
        return None
    try:
        with open(f"/proc/self/task/{native_id}/syscall", encoding="ascii") as file:  # noqa: PTH123  # no pathlib here: it imports
            fields = file.read().split()
    except OSError:
        return None
    if not fields or not fields[0].isdigit():
        return None  # "running", or -1: not in a system call
    wait = _WAITS.get(int(fields[0]))
    if wait is None:
        return False
    position, form = wait
    value = int(fields[1 + position], 16)
    if form == "pointer":
        return value != 0
    return value & 0xFFFFFFFF < 0x80000000  # a C int: negative means no timeout
