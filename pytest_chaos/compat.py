"""Every private name of CPython we lean on, tested before use; what is absent is named in ``MISSING``.

Each function answers with nothing where its name is gone, so that a new interpreter loses a detail and not the run.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # it has no stub
import _socket
import _thread
import asyncio
import asyncio.base_events
import asyncio.runners
import asyncio.selector_events as selector_events
import atexit
import concurrent.futures
import concurrent.futures.thread as executor_threads
import contextlib
import dis
import functools
import gc
import os
import platform
import signal
import sys
import threading
import time
import unittest.mock
import warnings
import weakref
from collections.abc import Awaitable, Callable, Iterable, Iterator
from types import CodeType, FrameType
from typing import Any, Literal, NamedTuple

MISSING: list[str] = []


def _note(name: str, present: bool) -> bool:
    if not present:
        MISSING.append(name)
    return present


_HAS_CANCEL_ALL = _note("asyncio.runners._cancel_all_tasks", hasattr(asyncio.runners, "_cancel_all_tasks"))
_HAS_FRAMES = _note("sys._current_frames", hasattr(sys, "_current_frames"))
_HAS_QUEUES = _note("concurrent.futures.thread._threads_queues", hasattr(executor_threads, "_threads_queues"))


def _note_attributes(maker: Any, *names: str) -> None:
    """Test attributes that instances have, by the code that makes these; what replaced it tells nothing."""
    code = getattr(maker, "__code__", None)
    for name in names:
        _note(f"{maker.__module__}.{maker.__qualname__.partition('.')[0]}.{name}", not code or name in code.co_names)


_note_attributes(threading.Thread.__init__, "_target", "_args", "_kwargs")
_note_attributes(concurrent.futures.Future.__init__, "_done_callbacks")
_note_attributes(concurrent.futures.ThreadPoolExecutor.__init__, "_shutdown")
_note_attributes(asyncio.base_events.BaseEventLoop.__init__, "_thread_id", "_default_executor")
_note_attributes(selector_events.BaseSelectorEventLoop.__init__, "_transports", "_selector")
for _name in ("_callback", "_args", "_run"):
    _note(f"asyncio.Handle.{_name}", hasattr(asyncio.Handle, _name))
for _name in ("_worker", "_WorkItem"):
    _note(f"concurrent.futures.thread.{_name}", hasattr(executor_threads, _name))

MONITORING: Any = getattr(sys, "monitoring", None)
"""The interpreter's events, from 3.12 on."""


get_frame: Callable[[int], FrameType] = sys._getframe


def caller(depth: int) -> FrameType | None:
    """Return the frame so many calls further out than the one that asks; ``None`` where the thread begins nearer.

    A function that a raw thread or a greenlet begins with has no caller.
    """
    try:
        return sys._getframe(depth + 1)
    except ValueError:
        return None


"""Returns the frame so many callers above the one that calls it."""


class ErrorHold:
    """Holds one error, so that its references can be counted."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException | None) -> None:
        self.error = error

    def is_alone(self) -> bool:
        """Tell whether nothing but this hold refers to the error; where references are not counted, never."""
        return _count_references(self.error) <= _REFERENCES_OF_ONE


_count_references: Callable[[object], int] = getattr(sys, "getrefcount", lambda obj: 1)


def _references(hold: ErrorHold) -> int:
    return _count_references(hold.error)


# How a call counts its own argument differs between versions, so it is measured, in the words of ``is_alone``.
_REFERENCES_OF_ONE = _references(ErrorHold(Exception())) if hasattr(sys, "getrefcount") else 0


def is_marked(function: object) -> bool:
    """Tell whether a function was marked as a coroutine function by ``inspect.markcoroutinefunction``."""
    return hasattr(function, "_is_coroutine_mark")


def current_frames() -> dict[int, FrameType]:
    """Return the running frame of each thread, by thread ident."""
    return dict(sys._current_frames()) if _HAS_FRAMES else {}


new_lock = _thread.allocate_lock
"""Makes a lock of ours. What ``threading`` makes is followed, for it may be left held; that costs time."""


# A signal that nobody else is known to use; SIGINT is the user's, may be ignored, and may only ask a server to end.
_SPARE_SIGNAL: int | None = getattr(signal, "SIGRTMAX", 0) - 3 if hasattr(signal, "SIGRTMAX") else None


@contextlib.contextmanager
def interruptible(handler: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Let another thread call a handler in this thread, also out of a wait that has no end; what it raises ends that.

    Only the main thread can be interrupted, and only where there are signals for it. Everywhere else, what is returned
    does nothing and says so.

    Args:
        handler: What is called in this thread.
    """
    thread = threading.current_thread()
    spare = _SPARE_SIGNAL
    if (
        spare is None
        or thread is not threading.main_thread()
        or not hasattr(signal, "pthread_kill")
        or _signal.getsignal(spare) is None  # somebody's in C: it could not be put back
    ):
        yield lambda: False
        return

    lock = new_lock()
    is_open = True

    def interrupt() -> bool:
        with lock:  # nobody is signalled once the handler is gone: what the signal does then is to end the process
            if is_open:
                signal.pthread_kill(thread.ident or 0, spare)
            return is_open

    def handle(number: int, frame: FrameType | None) -> None:
        __tracebackhide__ = True
        handler()

    # Not by the functions above these, which make an enumeration's member of each number.
    before = _signal.signal(spare, handle)
    try:
        yield interrupt
    finally:
        with lock:
            is_open = False
        _signal.signal(spare, before)


CANCEL_ALL = "_cancel_all_tasks" if _HAS_CANCEL_ALL else ""
"""Name in ``asyncio.runners`` of what cancels the tasks that are left on a loop; empty where there is none.

``asyncio.run``, ``Runner`` and every test framework built on them pass this one place, and cancel silently there.
"""


def closing_class() -> type[asyncio.AbstractEventLoop]:
    """Return the class whose ``close`` a loop of asyncio passes while everything on it is still in place."""
    base = selector_events.BaseSelectorEventLoop
    return base if "close" in vars(base) else asyncio.base_events.BaseEventLoop


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


def given_to(thread: threading.Thread) -> list[object]:
    """Return what a thread works with: the arguments of the function it runs, and the object whose method that is."""
    target = getattr(thread, "_target", None)
    given = [*(getattr(thread, "_args", None) or ()), *(getattr(thread, "_kwargs", None) or {}).values()]
    return [one for one in (getattr(target, "__self__", None), *given) if one is not None]


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


# From 3.14 on the interpreter keeps its tasks in a list of its own, and in this set only those of other classes.
_TASKS: Any = getattr(asyncio.tasks, "_scheduled_tasks", getattr(asyncio.tasks, "_all_tasks", None))
if sys.version_info >= (3, 14):
    _TASKS = None
_EAGER_TASKS: Any = getattr(asyncio.tasks, "_eager_tasks", ())


def may_have_tasks() -> bool:
    """Tell whether there may be a task on any loop: to ask whether there is none costs a tenth of asking a loop."""
    return _TASKS is None or bool(len(_TASKS)) or bool(_EAGER_TASKS)


def is_gil_enabled() -> bool:
    """Tell whether threads take turns; interpreters before 3.13 have no other way."""
    told = getattr(sys, "_is_gil_enabled", None)
    return told is None or bool(told())


def foreign_loop_class() -> Any:
    """Return the class of event loops that are made in C, once uvloop is imported; ``None`` where it is not.

    Python's class stands above that of C, so methods can be put in their way, and what a loop keeps to itself in C
    can be kept again in its attributes, under the names of asyncio.
    """
    found = getattr(sys.modules.get("uvloop"), "Loop", None)
    return found if isinstance(found, type) and hasattr(found, "create_task") else None


_FIONREAD = 0x541B  # include/uapi/asm-generic/ioctls.h


def is_pipe_of_foreign_loops(number: int) -> bool:
    """Tell whether a pipe is the one that libuv makes with its first loop, and keeps until the process ends.

    It is a lock for signals: while it is free, exactly one byte lies in it.
    """
    if foreign_loop_class() is None or not sys.platform.startswith("linux"):
        return False
    import fcntl  # not there on Windows

    try:
        waiting = fcntl.ioctl(number, _FIONREAD, b"\0" * 4)
    except OSError:
        return False
    return int.from_bytes(waiting, sys.byteorder) == 1


class ForeignTimer:
    """A timer of a loop that is made in C, as one of asyncio's is seen."""

    __slots__ = ("__weakref__", "_args", "_callback", "_handle", "_loop")

    def __init__(self, loop: Any, handle: Any, callback: Any, args: tuple[Any, ...]) -> None:
        self._loop = loop
        self._handle = handle
        self._callback = callback
        self._args = args

    def cancelled(self) -> bool:
        """Tell whether it was cancelled, or is over."""
        return bool(self._handle.cancelled()) or self._handle.when() <= self._loop.time()


def note_foreign_timer(loop: Any, handle: Any, callback: Any, args: tuple[Any, ...]) -> ForeignTimer:
    """Keep a pending timer with its loop, and let go of those that are over."""
    timer = ForeignTimer(loop, handle, callback, args)
    loop._scheduled = [*scheduled(loop), timer]
    return timer


def note_foreign_generator(loop: Any, generator: Any) -> None:
    """Keep with a loop which asynchronous generators were begun on it."""
    vars(loop).setdefault("_asyncgens", weakref.WeakSet()).add(generator)


def note_foreign_executor(loop: Any, executor: Any) -> None:
    """Keep with a loop which executor it uses by default."""
    loop._default_executor = executor


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


# restart_syscall: a wait that was stopped and goes on.
_RESTARTED = {"x86_64": (219,), "aarch64": (128,)}.get(platform.machine(), ())

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


# Sources: include/uapi/linux/futex.h, and the tables named above.
_FUTEX = {"x86_64": 202, "aarch64": 98}.get(platform.machine())
_READ = {"x86_64": 0, "aarch64": 63}.get(platform.machine())
_FUTEX_WAIT, _FUTEX_WAIT_BITSET, _FUTEX_PRIVATE, _FUTEX_CLOCK_REALTIME = 0, 9, 128, 256
_ENDLESS_FUTEX = {
    operation | _FUTEX_PRIVATE | clock
    for operation in (_FUTEX_WAIT, _FUTEX_WAIT_BITSET)
    for clock in (0, _FUTEX_CLOCK_REALTIME)
}
_SWITCHES = b"\nvoluntary_ctxt_switches:\t"


def _in_system_call(native_id: int) -> tuple[int, ...]:
    """Return the number and the arguments of the system call a thread sleeps in; nothing if it runs, or is gone."""
    try:
        with open(f"/proc/self/task/{native_id}/syscall", "rb") as file:  # noqa: PTH123  # no pathlib here: it imports
            fields = file.read().split()
    except OSError:
        return ()
    if len(fields) < 7 or not fields[0].isdigit():
        return ()
    return (int(fields[0]), *(int(field, 16) for field in fields[1:7]))


_SLEEPS = {"x86_64": (35, 230), "aarch64": (101, 115)}.get(platform.machine(), ())
_ACCEPT = {"x86_64": (43, 288), "aarch64": (202, 242)}.get(platform.machine(), ())

Waiting = Literal["lock", "files", "client", "clock", "files or clock", "other"]
"""What a sleeping thread waits for: a lock of this process, files or sockets, or a client of a listening socket, each
without an end; for a lock or a moment, with an end; for files or sockets, with an end; or for anything else."""


class Sleep(NamedTuple):
    """How a thread sleeps.

    Attributes:
        waiting: What it waits for.
        switches: Number of the sleep. Two looks that see the same one mean that the thread slept from the end of the
            first look to the start of the second.
    """

    waiting: Waiting
    switches: int


def sleep_of(native_id: int) -> Sleep | None:
    """Return how a thread sleeps; ``None`` if it runs, is gone, or nothing can be told.

    Only another thread of this process wakes it out of a wait for a private futex without a timeout; on those stand all
    locks of the interpreter.
    """
    call = _in_system_call(native_id)
    if not call:
        return None
    # Read last: who wakes and sleeps again is switched once more, before the first token or before the second.
    try:
        with open(f"/proc/self/task/{native_id}/status", "rb") as file:  # noqa: PTH123  # no pathlib here: it imports
            _, found, rest = file.read().partition(_SWITCHES)
    except OSError:
        return None
    return Sleep(_waiting_in(call), int(rest.split(None, 1)[0])) if found else None


def _waiting_in(call: tuple[int, ...]) -> Waiting:
    if call[0] in _ACCEPT:
        return "client"
    known = _WAITS.get(call[0])
    if known is None:
        return "other"
    position, form = known
    value = call[1 + position]
    # A C int: negative means no timeout.
    has_end = value != 0 if form == "pointer" else value & 0xFFFFFFFF < 0x80000000
    if call[0] == _FUTEX:
        return "clock" if has_end else "lock" if call[2] in _ENDLESS_FUTEX else "other"
    if call[0] in _SLEEPS:
        return "clock"
    return "files or clock" if has_end else "files"


def in_timed_wait(native_id: int | None) -> bool | None:
    """Tell whether a thread is inside a system call that ends by itself; ``None`` where that cannot be told."""
    if native_id is None or not _WAITS or not sys.platform.startswith("linux"):
        return None
    call = _in_system_call(native_id)
    if not call or call[0] in _RESTARTED:
        return None  # it runs, or some wait goes on after the process was stopped: which one is not told
    return _waiting_in(call) in ("clock", "files or clock")


def computed_s(native_id: int) -> float:
    """Return how much processor time a thread has taken, in seconds; more than anybody takes where it is not told."""
    try:
        with open(f"/proc/self/task/{native_id}/schedstat", "rb") as file:  # noqa: PTH123  # no pathlib here: it imports
            return int(file.read().split(None, 1)[0]) / 1e9
    except (OSError, ValueError, IndexError):
        return time.monotonic()


def waits_to_read(native_id: int) -> bool:
    """Tell whether a thread waits to read from a file or pipe."""
    return _in_system_call(native_id)[:1] == (_READ,)


def thread_ids() -> frozenset[int]:
    """Return the native ids of all threads of this process, Python's or not; nothing where they cannot be listed."""
    try:
        return frozenset(map(int, os.listdir("/proc/self/task")))  # noqa: PTH208  # no pathlib here: it imports
    except OSError:
        return frozenset()


def has_child() -> bool:
    """Tell whether a child process is there, living or not yet waited for; where that cannot be told, yes."""
    if not hasattr(os, "waitid"):
        return True
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def is_timer_armed() -> bool:
    """Tell whether the kernel will send a signal at some time, ``signal.alarm`` and POSIX timers included."""
    for which in ("ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF"):
        if hasattr(signal, which) and signal.getitimer(getattr(signal, which))[0]:
            return True
    try:
        with open("/proc/self/timers", "rb") as file:  # noqa: PTH123  # no pathlib here: it imports
            return bool(file.read(1))
    except OSError:
        return False  # a kernel without this list; Python itself makes no such timers


def _can_prove_hangs() -> bool:
    # The numbers are those of 64-bit programs. A thread's own line says "running", which is no number.
    if _FUTEX is None or sys.maxsize < 2**32 or not _HAS_FRAMES:
        return False
    return bool(thread_ids()) and os.access(f"/proc/self/task/{threading.get_native_id()}/syscall", os.R_OK)


CAN_PROVE_HANGS = _can_prove_hangs()
"""Whether it can be told here that no thread of this process will ever be woken."""

if sys.platform.startswith("linux"):
    _note("/proc/self/task/*/syscall (proof of hangs)", CAN_PROVE_HANGS)


# --- errors that nobody saw, and what lives on event loops

_HAS_FLAG = _note("asyncio.Future._log_traceback", hasattr(asyncio.Future, "_log_traceback"))
_HAS_GENERATORS = "_asyncgens" in asyncio.base_events.BaseEventLoop.__init__.__code__.co_names
_note("asyncio.BaseEventLoop._asyncgens", _HAS_GENERATORS)
FIRST_ITERATION = "_asyncgen_firstiter_hook" if hasattr(asyncio.BaseEventLoop, "_asyncgen_firstiter_hook") else ""
"""Name of the loop's method that is called when an asynchronous generator is begun; empty where there is none."""
_note("asyncio.BaseEventLoop._asyncgen_firstiter_hook", bool(FIRST_ITERATION))
_note("asyncio.BaseEventLoop._scheduled", "_scheduled" in asyncio.base_events.BaseEventLoop.__init__.__code__.co_names)


CAN_PARSE_TWICE_AT_ONCE = sys.version_info >= (3, 12)
"""Whether ``ast.parse`` may be entered while it runs, by another thread or from the garbage collector.

Measured: on 3.11.7 one of the two fails with "AST constructor recursion depth mismatch", on 3.12.1 and 3.13.0 none.
"""


def unseen_error(future: asyncio.Future[Any]) -> BaseException | None:
    """Return the error of a finished future that nobody has asked for, without asking for it."""
    if not _HAS_FLAG or not getattr(future, "_log_traceback", False):
        return None
    return getattr(future, "_exception", None)


def has_done_callbacks(future: Any) -> bool:
    """Tell whether somebody is called when an executor's future is done."""
    # A future of run_coroutine_threadsafe has one that looks at nothing but whether it was cancelled.
    return any(
        getattr(callback, "__qualname__", "") != "_chain_future.<locals>._call_check_cancel"
        for callback in getattr(future, "_done_callbacks", None) or ()
    )


def is_executor_job(code: CodeType) -> bool:
    """Tell whether it is the code in which a worker of an executor runs what it was given."""
    run = getattr(getattr(executor_threads, "_WorkItem", None), "run", None)
    return code is getattr(run, "__code__", None)


def executor_job() -> Any:
    """Return the function that this worker of an executor has just run, or ``None`` if it is none or cannot be told."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if is_executor_job(frame.f_code):
            return getattr(frame.f_locals.get("self"), "fn", None)
        frame = frame.f_back
    return None


def async_generators(loop: asyncio.AbstractEventLoop) -> list[Any]:
    """Return the asynchronous generators that were begun on a loop and are neither ended nor closed."""
    # One that is closed but referred to stays in the set, without its frame.
    return [one for one in list(getattr(loop, "_asyncgens", None) or ()) if one.ag_frame is not None]


def transport_class() -> type | None:
    """Return the class of the transports that a loop of selectors makes."""
    return getattr(selector_events, "_SelectorTransport", None)


_note("asyncio.selector_events._SelectorTransport", transport_class() is not None)


def transports(loop: asyncio.AbstractEventLoop) -> list[Any]:
    """Return the open transports of a loop; one whose TLS connection is being ended is not."""
    found = list((getattr(loop, "_transports", None) or {}).values())
    return [one for one in found if not one.is_closing() and not _ends_tls(one)]


def _ends_tls(transport: Any) -> bool:
    state = getattr(transport.get_protocol(), "_state", None)
    return getattr(state, "name", "") in ("FLUSHING", "SHUTDOWN", "UNWRAPPED")


def readers(loop: asyncio.AbstractEventLoop) -> list[tuple[Any, asyncio.Handle]]:
    """Return the files on which a loop waits, with what it calls; the transports' own and the loop's left out."""
    try:
        files = loop._selector.get_map() or {}  # type: ignore[attr-defined]  # tested by the except
        if len(files) <= 1:
            return []  # the loop's own, with which other threads wake it
        keys = list(files.values())
    except (AttributeError, RuntimeError):  # no loop of selectors, or one that is being closed
        return []
    own = (getattr(loop, "_ssock", None), getattr(loop, "_csock", None))
    numbers = {file.fileno() for file in own if file is not None}
    base = transport_class() or ()
    found = []
    for key in keys:
        if key.fd in numbers:
            continue
        for handle in key.data if isinstance(key.data, tuple) else ():
            callback = getattr(handle, "_callback", None)
            if callback is not None and not isinstance(getattr(callback, "__self__", None), base):
                found.append((key.fileobj, handle))
                break
    return found


def hears_of_threads_only(loop: asyncio.AbstractEventLoop, *, or_clients: bool) -> bool:
    """Tell whether a sleeping loop waits for nothing but other threads.

    Args:
        loop: The loop.
        or_clients: Whether it may wait for clients of its listening servers, too.
    """
    try:
        keys = list(loop._selector.get_map().values())  # type: ignore[attr-defined]  # tested by the except
    except (AttributeError, RuntimeError):  # no loop of selectors, or one that is being closed
        return False
    own = (getattr(loop, "_ssock", None), getattr(loop, "_csock", None))
    numbers = {file.fileno() for file in own if file is not None}
    for key in keys:
        if key.fd in numbers:
            continue
        reader, writer = key.data if isinstance(key.data, tuple) else (None, None)
        if not or_clients or writer is not None or reader is None or server_of(reader) is None:
            return False
    return True


def server_of(handle: asyncio.Handle) -> Any:
    """Return the listening server of a reader, or ``None`` if it is none."""
    args = getattr(handle, "_args", None) or ()
    return next((one for one in args if isinstance(one, asyncio.base_events.Server)), None)


def accepting_callback(handle: asyncio.Handle) -> Any:
    """Return what a listening server's reader calls for each client: a factory of protocols, or a function."""
    args = getattr(handle, "_args", None) or ()
    factory: Any = args[0] if args else None
    code = getattr(factory, "__code__", None)
    # A server of streams hides the function in a factory of its own.
    if code is not None and "client_connected_cb" in code.co_freevars:
        return factory.__closure__[code.co_freevars.index("client_connected_cb")].cell_contents
    return factory


def handle_callback(handle: asyncio.Handle) -> Any:
    """Return what a handle calls, or ``None``."""
    return getattr(handle, "_callback", None)


def stream_callback(protocol: Any) -> Any:
    """Return what a server of streams calls for each client, or ``None``."""
    return getattr(protocol, "_client_connected_cb", None)


LOOP_CALLS: CodeType | None = getattr(getattr(asyncio.Handle, "_run", None), "__code__", None)
"""The code of the frame in which an event loop calls what was scheduled."""

_WAKES_SLEEPER = getattr(asyncio.futures, "_set_result_unless_cancelled", None)


def is_own_timer(handle: asyncio.TimerHandle) -> bool:
    """Tell whether a timer is a sleep's or a timeout's own: it belongs to the task that waits."""
    callback = getattr(handle, "_callback", None)
    if callback is _WAKES_SLEEPER and callback is not None:
        return True
    module = getattr(getattr(callback, "__func__", callback), "__module__", "") or ""
    return module.startswith("asyncio.") or task_behind_timer(handle) is not None


_OWN_HOOK = "_invoke_excepthook"
_note("threading.Thread._invoke_excepthook", hasattr(threading.Thread(), _OWN_HOOK))


def own_excepthook(thread: threading.Thread) -> Callable[[threading.Thread], Any] | None:
    """Return what a thread calls with its error, and what then calls ``threading.excepthook``."""
    return getattr(thread, _OWN_HOOK, None)


def set_own_excepthook(thread: threading.Thread, hook: Callable[[threading.Thread], Any]) -> None:
    """Set what a thread calls with its error."""
    setattr(thread, _OWN_HOOK, hook)


def is_held_by_ended_frames_only(thing: object, besides: object) -> bool:
    """Tell whether nothing keeps a thing but the variables of functions that have ended: those of a traceback.

    Args:
        thing: What is held.
        besides: A list of the caller's that holds it too, and does not count.
    """
    # Frames that run do not show their variables here, and suspended coroutines show as themselves.
    return all(holder is besides or isinstance(holder, FrameType) for holder in gc.get_referrers(thing))


# --- descriptors, child processes and raw threads

RAW_THREADS = _thread
"""The module with which ``threading`` starts its threads."""

_count_threads = getattr(_thread, "_count", None)
_note("_thread._count", _count_threads is not None)


def is_only_thread() -> bool:
    """Tell whether no thread was started but the main one; a C library's are not known."""
    return _count_threads is not None and not _count_threads()


def raw_thread_count() -> int:
    """Return how many threads run that ``_thread`` started and ``threading`` does not know; a C library's are none."""
    if _count_threads is None:
        return 0
    main = threading.main_thread()
    known = sum(thread is not main and not is_dummy(thread) for thread in threading.enumerate())
    return int(_count_threads()) - known


def descriptors_of_loop(loop: asyncio.AbstractEventLoop) -> set[int]:
    """Return the descriptors that a loop of selectors needs, or waits for on somebody's behalf."""
    selector = getattr(loop, "_selector", None)
    numbers: set[int] = set()
    for holder in (selector, getattr(loop, "_ssock", None), getattr(loop, "_csock", None)):
        with contextlib.suppress(AttributeError, OSError, ValueError):  # none of its own, or closed
            numbers.add(holder.fileno())  # type: ignore[union-attr]  # the line above tells
    with contextlib.suppress(AttributeError, RuntimeError):  # closed, or changed by the thread it runs in
        numbers.update(selector.get_map())  # type: ignore[union-attr]  # as above
    return numbers


def descriptors_of_multiprocessing() -> set[int]:
    """Return the descriptors that the standard library keeps for processes, as plain numbers."""
    util = sys.modules.get("multiprocessing.util")
    numbers: set[int] = set()
    for finalizer in list(getattr(util, "_finalizer_registry", {}).values()):
        if getattr(finalizer, "_callback", None) is getattr(util, "close_fds", util):
            numbers.update(one for one in getattr(finalizer, "_args", None) or () if isinstance(one, int))
    tracker, server = _servants_of_multiprocessing()
    for holder, name in ((tracker, "_fd"), (server, "_forkserver_alive_fd")):
        number = getattr(holder, name, None)
        if isinstance(number, int):
            numbers.add(number)
    return numbers


def children_of_multiprocessing() -> set[int]:
    """Return the process ids of what serves the whole process: the resource tracker and the fork server."""
    tracker, server = _servants_of_multiprocessing()
    pids = (getattr(tracker, "_pid", None), getattr(server, "_forkserver_pid", None))
    return {pid for pid in pids if isinstance(pid, int)}


def _servants_of_multiprocessing() -> tuple[Any, Any]:
    tracker = sys.modules.get("multiprocessing.resource_tracker")
    server = sys.modules.get("multiprocessing.forkserver")
    return getattr(tracker, "_resource_tracker", None), getattr(server, "_forkserver", None)


def idle_process_workers() -> set[int]:
    """Return the process ids of workers whose ``ProcessPoolExecutor`` is alive, open and has nothing to do."""
    module = sys.modules.get("concurrent.futures.process")
    pids: set[int] = set()
    for manager in list(getattr(module, "_threads_wakeups", ())):
        executor = getattr(manager, "executor_reference", lambda: None)()
        is_open = executor is not None and not getattr(executor, "_shutdown_thread", True)
        if is_open and not getattr(manager, "pending_work_items", True):
            pids.update(getattr(manager, "processes", None) or ())
    return pids


def plain_socket(number: int) -> Any:
    """Return a socket without the class that Python puts round it."""
    return _socket.socket(fileno=number)


# --- locks, permits, and coroutines never awaited

_ORIGINAL_LOCK = type(_thread.allocate_lock())
_ORIGINAL_REENTRANT_LOCK = type(threading.RLock())
_note("threading.Semaphore._value", "_value" in threading.Semaphore.__init__.__code__.co_names)
_note("asyncio.Semaphore._value", "_value" in asyncio.Semaphore.__init__.__code__.co_names)
_note("dis.Bytecode.exception_entries", hasattr(dis.Bytecode("0"), "exception_entries"))
_HAS_UNAWAITED = _note("warnings._warn_unawaited_coroutine", hasattr(warnings, "_warn_unawaited_coroutine"))


def lock_type() -> type:
    """Return the type of plain locks, which has no public name everywhere."""
    return _ORIGINAL_LOCK


def reentrant_lock_type() -> type:
    """Return the type of reentrant locks, which ``threading`` hides behind a function."""
    return _ORIGINAL_REENTRANT_LOCK


def is_reentrant_held(lock: Any) -> bool:
    """Tell whether a reentrant lock is held by any thread: before 3.14 only its own words tell."""
    return repr(lock).startswith("<locked ")


def holder_of(lock: Any) -> int:
    """Return the ident of the thread that holds a reentrant lock; zero if none does."""
    _, _, rest = repr(lock).partition(" owner=")
    number = rest.partition(" ")[0]
    return int(number) if number.isdigit() else 0


def free_permits(semaphore: Any) -> int:
    """Return how many permits of a semaphore are free; zero where that cannot be told."""
    value = getattr(semaphore, "_value", 0)
    return value if isinstance(value, int) else 0


def free_permits_of(references: Iterable[Any]) -> dict[Any, int]:
    """Return the free permits of many semaphores by the references to them; those that are gone are left out."""
    return {one: getattr(known, "_value", 0) for one in references if (known := one()) is not None}


def stands_in_with(frame: FrameType) -> bool:
    """Tell whether a frame stands inside a ``with`` statement; where that cannot be told, it may."""
    handlers, names = _handlers(frame.f_code)
    if names is None:
        return True
    offset, seen = frame.f_lasti, set()
    while True:
        target = next((target for start, end, target in handlers if start <= offset < end), None)
        if target is None or target in seen:
            return False
        if "WITH_EXCEPT_START" in names.get(target, ()):
            return True
        # What handles an error of an inner block is itself inside the outer ones.
        seen.add(target)
        offset = target


@functools.lru_cache(maxsize=256)
def _handlers(code: CodeType) -> tuple[list[tuple[int, int, int]], dict[int, tuple[str, ...]] | None]:
    bytecode = dis.Bytecode(code)
    entries = getattr(bytecode, "exception_entries", None)
    if entries is None:
        return [], None
    instructions = list(bytecode)
    names = {one.offset: tuple(next_.opname for next_ in instructions[i : i + 3]) for i, one in enumerate(instructions)}
    return [(entry.start, entry.end, entry.target) for entry in entries], names


WARNS_UNAWAITED = "_warn_unawaited_coroutine" if _HAS_UNAWAITED else ""
"""Name in ``warnings`` of what the interpreter calls, by name, for each coroutine that was dropped and never awaited.

It does so whatever the filters of warnings say. Empty where there is none.
"""


MOCK_PATCH: Any = getattr(unittest.mock, "_patch", None)
"""The class whose ``__enter__`` and ``__exit__`` each patch of ``unittest.mock`` passes, or ``None``."""

_HAS_MOCK_PATCH = _note("unittest.mock._patch", MOCK_PATCH is not None) and _note(
    "unittest.mock._patch.attribute", "attribute" in MOCK_PATCH.__init__.__code__.co_names
)
if not _HAS_MOCK_PATCH:
    MOCK_PATCH = None


_MOCKS = (os.path.join("unittest", "mock.py"), os.path.join("mock", "mock.py"))


def is_mocks(code: CodeType) -> bool:
    """Tell whether a coroutine's code is that of a mock; what has the signature of a function is made by ``exec``."""
    return code.co_filename.endswith(_MOCKS) or (code.co_filename == "<string>" and "_checksig_" in code.co_names)


def manages_live_processes(thread: threading.Thread) -> bool:
    """Tell whether a thread looks after the processes of a ``ProcessPoolExecutor`` that still takes jobs."""
    reference = getattr(thread, "executor_reference", None)
    executor = reference() if callable(reference) and type(thread).__name__ == "_ExecutorManagerThread" else None
    return executor is not None and not bool(getattr(executor, "_shutdown_thread", False))


_CAN_END_WITHOUT = _note("threading._register_atexit", hasattr(threading, "_register_atexit")) and _note(
    "atexit._run_exitfuncs", hasattr(atexit, "_run_exitfuncs")
)


def end_without(threads: Iterable[threading.Thread], code: int) -> None:
    """Let the interpreter end with a code though threads are left that it would wait for, for ever.

    What is registered with ``atexit`` runs, and output is written; only the waiting is left out, and only if one of the
    threads still runs then.
    """
    left = list(threads)

    def end() -> None:
        if not any(thread.is_alive() for thread in left):
            return
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(code)

    if _CAN_END_WITHOUT:
        threading._register_atexit(end)  # type: ignore[attr-defined]  # tested above
