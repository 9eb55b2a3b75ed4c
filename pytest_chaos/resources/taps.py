"""Taps: small replacements in the standard library that tell us what is born, and then do what was there before.

They are in place only while chaos is on. Their frames are passages: provenance looks through them.
"""

from __future__ import annotations

import ast
import asyncio.base_events
import asyncio.selector_events
import concurrent.futures
import contextlib
import copyreg
import inspect
import multiprocessing.process
import os
import signal
import socket
import subprocess
import sys
import threading
import tracemalloc
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextvars import Context
from types import CoroutineType
from typing import Any, Protocol

from pytest_chaos import compat
from pytest_chaos.resources import tap
from pytest_chaos.resources.leftovers import LeftKind
from pytest_chaos.resources.tap import Ear


class Listener(Protocol):
    """Who is told."""

    def thread_starts(self, thread: threading.Thread) -> None:
        """A thread is about to start, in the thread that starts it."""

    def task_context(self, chosen: Context | None) -> Context | None:
        """A task is about to be made, in a context that its maker chose or in a copy of the current one.

        Returns the context in which to make it, or ``None`` for the current one.
        """

    def task_made(self, task: Any) -> None:
        """A task was made, in the thread and task that made it."""

    def loop_made(self, loop: asyncio.AbstractEventLoop) -> None:
        """An event loop was made."""

    def loop_closes(self, loop: asyncio.AbstractEventLoop) -> None:
        """A loop is about to cancel what is left on it."""

    def loop_is_closed(self, loop: asyncio.AbstractEventLoop) -> None:
        """A loop is about to close, whether or not what was left on it was cancelled."""

    def child_started(self, pid: int) -> None:
        """A child process was started."""


def install(listener: Listener) -> Callable[[], None]:
    """Put the taps in place and return what takes them out again."""
    loops = asyncio.base_events.BaseEventLoop
    undo = [
        tap.before(threading.Thread, "start", listener.thread_starts),
        tap.after(loops, "__init__", lambda _, loop, *args, **named: listener.loop_made(loop)),
        _hear_of_tasks(loops, listener),
        _hear_of_closing(compat.closing_class(), listener),
        _hear_of_children(subprocess.Popen, "__init__", listener),
        _hear_of_children(multiprocessing.process.BaseProcess, "start", listener),
    ]
    if compat.CANCEL_ALL:
        undo.append(tap.before(asyncio.runners, compat.CANCEL_ALL, listener.loop_closes))
    if not compat.CAN_PARSE_TWICE_AT_ONCE:
        undo.append(tap.replace(ast, "parse", _parse_one_by_one, _nobody))
    return tap.all_of(*undo)


def _nobody() -> None:
    """Whom a tap tells that only changes what is called."""


_LONGEST_PARSE_S = 10.0  # a large file on a busy machine takes seconds; for longer it may be held for ever


def _parse_one_by_one(original: Callable[..., Any], ear: Ear) -> Callable[..., Any]:
    """Keep parsers of source apart, on an interpreter in which two of them at once break one another.

    Faults make it likely: pytest parses to show a failure while a thread of the system prints the same error, or while
    the garbage collector drops a task whose error asyncio prints. That ended in an internal error of pytest.
    """
    lock = compat.new_lock()
    owner = 0

    def parse(*args: Any, **kwargs: Any) -> Any:
        nonlocal owner
        me = threading.get_ident()
        if owner == me:
            # From the garbage collector. Who prints a traceback takes this for a line that has no finer positions.
            raise SyntaxError("source is being parsed already")
        is_mine = lock.acquire(timeout=_LONGEST_PARSE_S)
        try:
            if is_mine:
                owner = me
            return original(*args, **kwargs)
        finally:
            if is_mine:
                owner = 0
                lock.release()

    return parse


def _hear_of_tasks(owner: Any, listener: Listener) -> Callable[[], None]:
    def context_of(loop: Any, coroutine: Any, *, context: Any = None, **named: Any) -> Context | None:
        return listener.task_context(context)

    choose = Ear(context_of)

    def wrap(original: Callable[..., Any], made: Ear) -> Callable[..., Any]:
        def create_task(*args: Any, **named: Any) -> Any:
            __tracebackhide__ = True
            context = choose(*args, **named)
            task = original(*args, **named) if context is None else context.run(original, *args, **named)
            made(task)
            return task

        return create_task

    return tap.all_of(choose.leave, tap.replace(owner, "create_task", wrap, listener.task_made))


def _hear_of_closing(owner: Any, listener: Listener) -> Callable[[], None]:
    def closes(loop: Any) -> None:
        if not loop.is_closed() and not loop.is_running():
            listener.loop_is_closed(loop)

    return tap.before(owner, "close", closes)


def _hear_of_children(owner: Any, name: str, listener: Listener) -> Callable[[], None]:
    def started(_: None, child: Any, *args: Any, **named: Any) -> None:
        if child.pid is not None:
            listener.child_started(child.pid)

    return tap.after(owner, name, started)


def install_on_foreign_loops(
    loop_class: Any,
    listener: Listener,
    timer_set: Callable[[Any], None],
    loop_told: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], bool],
    generator_begun: Callable[[Any], None],
) -> Callable[[], None]:
    """Put taps on a class of event loops that are made in C, and return what takes them out again.

    Args:
        loop_class: The class, written in Python, above that of C.
        listener: Who is told of loops and tasks.
        timer_set: Is told each timer.
        loop_told: Is told each error that a loop hands to its exception handler; says which is ours.
        generator_begun: Is told each asynchronous generator that is begun.
    """

    def timer(handle: Any, loop: Any, when: float, callback: Any, *args: Any, context: Any = None) -> None:
        timer_set(compat.note_foreign_timer(loop, handle, callback, args))

    def begun(loop: Any, generator: Any) -> None:
        compat.note_foreign_generator(loop, generator)
        generator_begun(generator)

    def run_in_executor(loop: Any, executor: Any, func: Any, *args: Any) -> None:
        if executor is None and compat.default_executor_of(loop) is None and not loop.is_closed():
            loop.set_default_executor(concurrent.futures.ThreadPoolExecutor())  # what it would make itself

    def set_default_executor(_: None, loop: Any, executor: Any) -> None:
        compat.note_foreign_executor(loop, executor)

    undo = [
        tap.after(loop_class, "__init__", lambda _, loop, *args, **named: listener.loop_made(loop)),
        _hear_of_tasks(loop_class, listener),
        _hear_of_closing(loop_class, listener),
        _hear_of_loop_errors(loop_class, loop_told),
        tap.after(loop_class, "call_later", timer),
        tap.after(loop_class, "call_at", timer),
        tap.before(loop_class, "run_in_executor", run_in_executor),
        tap.after(loop_class, "set_default_executor", set_default_executor),
    ]
    if compat.FIRST_ITERATION and hasattr(loop_class, compat.FIRST_ITERATION):
        undo.append(tap.before(loop_class, compat.FIRST_ITERATION, begun))
    return tap.all_of(*undo)


# --- taps of single kinds


def hear_of_loop_errors(listener: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], bool]) -> Callable[[], None]:
    """Tell ``listener`` each error that an event loop hands to its exception handler; return what undoes it.

    Where it answers that the error is ours, nobody else is told.
    """
    return _hear_of_loop_errors(asyncio.base_events.BaseEventLoop, listener)


def _hear_of_loop_errors(owner: Any, listener: Callable[[Any, dict[str, Any]], bool]) -> Callable[[], None]:
    def wrap(original: Callable[..., Any], is_ours: Ear) -> Callable[..., Any]:
        def call_exception_handler(*args: Any, **named: Any) -> Any:
            __tracebackhide__ = True
            return None if is_ours(*args, **named) else original(*args, **named)

        return call_exception_handler

    return tap.replace(owner, "call_exception_handler", wrap, listener)


def hear_of_thread_error(thread: threading.Thread, listener: Callable[[threading.Thread, BaseException], None]) -> None:
    """Tell ``listener`` the error that ends a thread, before the hooks are told of it."""
    original = compat.own_excepthook(thread)
    if original is None:
        return
    ear = Ear(listener)

    def invoke(*args: Any) -> Any:
        error = sys.exception()
        if error is not None:
            ear(thread, error)
            error = None
        return original(*args)

    compat.set_own_excepthook(thread, invoke)


def hear_of_async_generators(listener: Callable[[Any], None]) -> Callable[[], None]:
    """Tell ``listener`` each asynchronous generator that is begun on a loop; return what undoes it."""
    name = compat.FIRST_ITERATION
    if not name:
        return lambda: None
    return tap.before(asyncio.base_events.BaseEventLoop, name, lambda loop, generator: listener(generator))


def hear_of_timers(listener: Callable[[asyncio.TimerHandle], None]) -> Callable[[], None]:
    """Tell ``listener`` each timer that is set on a loop; return what undoes it."""
    owner = asyncio.base_events.BaseEventLoop
    return tap.after(owner, "call_at", lambda handle, *args, **named: listener(handle))


def hear_of_readers(listener: Callable[[asyncio.AbstractEventLoop, Any], None]) -> Callable[[], None]:
    """Tell ``listener`` each file that a loop of selectors is told to wait for; return what undoes it."""
    owner = asyncio.selector_events.BaseSelectorEventLoop
    return tap.after(owner, "add_reader", lambda _, loop, file, *args: listener(loop, file))


def hear_of_transports(listener: Callable[[Any], None]) -> Callable[[], None]:
    """Tell ``listener`` each transport and server that is made on a loop of selectors; return what undoes it."""
    owners = (compat.transport_class(), asyncio.base_events.Server)
    return tap.all_of(*(_hear_of_making(owner, listener) for owner in owners if owner is not None))


def _hear_of_making(owner: Any, listener: Callable[[Any], Any]) -> Callable[[], None]:
    return tap.after(owner, "__init__", lambda _, made, *args, **named: listener(made))


def hear_of_failed_futures(failed: Callable[[Any, Any], None], asked: Callable[[Any], None]) -> Callable[[], None]:
    """Tell who failed an executor's future with which error, and who asked for it; return what undoes it."""

    def getter(original: Callable[..., Any], ear: Ear) -> Callable[..., Any]:
        def get(*args: Any, **named: Any) -> Any:
            __tracebackhide__ = True
            try:
                return original(*args, **named)
            finally:
                ear(*args, **named)

        return get

    def is_asked(future: Any, timeout: Any = None) -> None:
        asked(future)

    owner = concurrent.futures.Future
    return tap.all_of(
        tap.before(owner, "set_exception", failed),
        tap.replace(owner, "exception", getter, is_asked),
        tap.replace(owner, "result", getter, is_asked),
    )


def hear_of_ends(thing: Callable[[LeftKind, Any], None], child: Callable[[int], None]) -> Callable[[], None]:
    """Tell who ends a thread, a socket, a connection or a server of asyncio, or a child process.

    Args:
        thing: Is told, before each call that ends something or waits for its end, the evidence kind and the thing.
        child: Is told the process id of a child, likewise.

    Returns:
        What undoes it.
    """

    def ends(owner: Any, name: str, kind: LeftKind) -> Callable[[], None]:
        return tap.before(owner, name, lambda one, *args, **named: thing(kind, one))

    def ends_child(owner: Any, name: str) -> Callable[[], None]:
        def told(one: Any, *args: Any, **named: Any) -> None:
            if one.pid is not None:
                child(one.pid)

        return tap.before(owner, name, told)

    transport = compat.transport_class()
    return tap.all_of(
        ends(threading.Thread, "join", "thread"),
        ends(threading.Timer, "cancel", "timer"),
        ends(socket.socket, "close", "file-descriptor"),
        ends(asyncio.base_events.Server, "close", "transport"),
        *(ends(transport, name, "transport") for name in ("close", "abort") if transport is not None),
        *(ends_child(subprocess.Popen, name) for name in ("wait", "kill", "terminate", "communicate")),
        *(ends_child(multiprocessing.process.BaseProcess, name) for name in ("join", "kill", "terminate")),
    )


def hear_of_sockets(listener: Callable[[socket.socket], None]) -> Callable[[], None]:
    """Tell ``listener`` each socket that is made, also by ``accept``; return what undoes it."""
    return _hear_of_making(socket.socket, listener)


def hear_of_new_files(listener: Callable[[Any], None]) -> Callable[[], None]:
    """Tell ``listener`` the path of each file that ``os.open`` makes, as for ``tempfile``; return what undoes it."""

    def made(number: int, path: Any, flags: int, *args: Any, dir_fd: int | None = None, **named: Any) -> None:
        if flags & os.O_CREAT and flags & os.O_EXCL and dir_fd is None:
            listener(path)

    return tap.after(os, "open", made)


def hear_of_descriptors(listener: Callable[[int], None]) -> Callable[[], None]:
    """Tell ``listener`` each descriptor that is opened or doubled as a plain number; return what undoes it."""

    def hear_of_both(ends: tuple[int, int], *args: object) -> None:
        for number in ends:
            listener(number)

    return tap.all_of(
        *(tap.after(os, name, lambda number, *args, **named: listener(number)) for name in ("open", "dup")),
        *(tap.after(os, name, hear_of_both) for name in ("pipe", "pipe2") if hasattr(os, name)),
    )


def hear_of_raw_threads(listener: Callable[[int], None]) -> Callable[[], None]:
    """Tell ``listener`` the ident of each thread that ``_thread.start_new_thread`` started; return what undoes it.

    The ``threading`` module does not pass here: it keeps the function under a name of its own.
    """
    return tap.after(compat.RAW_THREADS, "start_new_thread", lambda ident, *args: listener(ident))


class EarForUnclosed:
    """Hears of each file and socket that is dropped open, whatever the filters of warnings say of that.

    The interpreter warns of it, and asks its filters in order whether the text matches. This stands as the pattern of
    the first filter and never matches, so what becomes of the warning is decided by the others. A filter that is put
    in front of it and matches is not passed: call :meth:`come_first` again.

    Args:
        listener: Is told the text of the warning, where the thing is dropped.
    """

    pattern = ""  # who prints the filters asks a pattern for it

    def __init__(self, listener: Callable[[str], None]) -> None:
        self._ear = Ear(self._told)
        self._listener = listener
        self._entry = ("ignore", self, ResourceWarning, None, 0)

    def match(self, text: str) -> None:
        """Hear, and do not match."""
        self._ear(text)

    def _told(self, text: str) -> None:
        if isinstance(text, str) and text.startswith("unclosed "):
            self._listener(text)

    def come_first(self) -> None:
        """Stand before all other filters that hold now."""
        filters: Any = warnings.filters
        if not filters or filters[0] is not self._entry:
            self.leave()
            filters.insert(0, self._entry)

    def leave(self) -> None:
        """Go from the filters that hold now."""
        filters: Any = warnings.filters
        filters[:] = [one for one in filters if one is not self._entry]


def hear_of_locks(listener: Callable[[Any], Any]) -> Callable[[], None]:
    """Tell ``listener`` each lock that is made by the name ``threading.Lock``; return what undoes it.

    Locks themselves are the interpreter's own, and cost what they always do. The name stands for a function before
    Python 3.13, and for a type since, so what takes its place is a type there too.
    """
    name: Any = threading.Lock
    if isinstance(name, type):
        return tap.replace(threading, "Lock", _lock_type, listener)
    return tap.after(threading, "Lock", listener)


def _lock_type(original: Any, ear: Ear) -> type:
    class LockType(type):
        def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any], **named: Any) -> Any:
            if name:
                return type(name, (original,), space, **named)  # whoever derives from it is refused, as ever
            return super().__new__(cls, name, bases, space)

        def __call__(cls, /, *args: Any, **kwargs: Any) -> Any:
            lock = original(*args, **kwargs)
            ear(lock)
            return lock

        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, original)

        def __subclasscheck__(cls, subclass: type) -> bool:
            return subclass is cls or issubclass(subclass, original)

        @property
        def __flags__(cls) -> int:
            return int(original.__flags__)

        def __getattr__(cls, name: str) -> Any:
            return getattr(original, name)

        def __dir__(cls) -> list[str]:
            return dir(original)

        def __repr__(cls) -> str:
            return repr(original)

        def __eq__(cls, other: object) -> bool:
            return other is cls or bool(original == other)  # which may be a stand-in itself

        def __hash__(cls) -> int:
            return hash(original)

    space: dict[str, Any] = {"__wrapped__": original}
    with contextlib.suppress(ValueError):  # it tells none
        space["__signature__"] = inspect.signature(original)
    copyreg.pickle(LockType, tap.reduced)
    made: type = LockType("", (), space)
    # It goes with the last name that was imported while the tap was in place.
    weakref.finalize(made, copyreg.dispatch_table.pop, LockType, None).atexit = False
    made.__name__, made.__qualname__ = original.__name__, original.__qualname__
    made.__doc__, made.__module__ = original.__doc__, original.__module__
    return made


def hear_of_reentrant_locks(listener: Callable[[Any], Any]) -> Callable[[], None]:
    """Tell ``listener`` each lock that is made by the name ``threading.RLock``; return what undoes it."""
    return tap.after(threading, "RLock", lambda lock, *args, **named: listener(lock))


def hear_of_async_locks(listener: Callable[[Any], Any]) -> Callable[[], None]:
    """Tell ``listener`` each asyncio lock that is made; return what undoes it."""
    return _hear_of_making(asyncio.Lock, listener)


def hear_of_semaphores(listener: Callable[[Any], Any]) -> Callable[[], None]:
    """Tell ``listener`` each semaphore that is made, of ``threading`` and of asyncio; return what undoes it."""
    return tap.all_of(*(_hear_of_making(owner, listener) for owner in (threading.Semaphore, asyncio.Semaphore)))


class _WithOrigin:
    """A coroutine as the function that warns of it sees it, with an origin as long as it would be without us."""

    __slots__ = ("_coroutine", "cr_origin")

    def __init__(self, coroutine: Any, origin: tuple[Any, ...] | None) -> None:
        self._coroutine = coroutine
        self.cr_origin = origin

    def __getattr__(self, name: str) -> Any:
        return getattr(self._coroutine, name)


def hear_of_unawaited_coroutines(listener: Callable[[Any], None], depth: int) -> Callable[[], None]:
    """Tell ``listener`` each coroutine that is dropped and was never awaited; return what undoes it.

    What stood there before is called, and says what it would say without us.

    Args:
        listener: Is told where the coroutine is dropped, before the warning is given.
        depth: How many frames of their making coroutines of this thread remember meanwhile.
    """
    if not compat.WARNS_UNAWAITED:
        return lambda: None
    users_depth = sys.get_coroutine_origin_tracking_depth()
    is_deeper = users_depth < depth
    if is_deeper:
        sys.set_coroutine_origin_tracking_depth(depth)

    def wrap(original: Callable[..., Any], ear: Ear) -> Callable[..., Any]:
        is_pythons = getattr(original, "__module__", "") == "warnings"

        def shown(coroutine: Any) -> Any:
            origin = coroutine.cr_origin if type(coroutine) is CoroutineType else None
            # A loop in debug mode remembers more, and shows it. For a traced object the object itself is asked for.
            if not origin or not is_deeper or not is_pythons or len(origin) > depth or tracemalloc.is_tracing():
                return coroutine
            if sys.get_coroutine_origin_tracking_depth() > depth:
                return coroutine
            return _WithOrigin(coroutine, origin[:users_depth] or None)

        def warn_unawaited_coroutine(*args: Any, **named: Any) -> None:
            ear(*args, **named)
            original(*map(shown, args), **named)

        # The warning names the frame that drops the coroutine: the next above its own, but for frames of such files.
        warn_unawaited_coroutine.__code__ = warn_unawaited_coroutine.__code__.replace(
            co_filename="<pytest-chaos importlib._bootstrap>"
        )
        return warn_unawaited_coroutine

    take_out = tap.replace(warnings, compat.WARNS_UNAWAITED, wrap, listener)

    def undo() -> None:
        if is_deeper and sys.get_coroutine_origin_tracking_depth() == depth:
            sys.set_coroutine_origin_tracking_depth(users_depth)
        take_out()

    return undo


@contextlib.contextmanager
def watched_wakeups() -> Iterator[Callable[[], bool]]:
    """Yield what tells whether a wake-up fd for signals is set, of which the interpreter does not tell.

    To ask is to set it. So calls are followed from here on, and it is only asked in the main thread, while none is
    known: to take away what is not there changes nothing.
    """
    original = signal.set_wakeup_fd
    known = -1

    def was_set(before: int, fd: int, **named: Any) -> None:
        nonlocal known
        known = fd

    def is_set() -> bool:
        nonlocal known
        if known == -1 and threading.current_thread() is threading.main_thread():
            fd = original(-1)
            if fd != -1:  # set by a name that was imported before: back with it
                known = fd
                with contextlib.suppress(OSError, ValueError):  # closed since, so nobody reads from it
                    original(fd, warn_on_full_buffer=False)
        return known != -1

    if threading.current_thread() is threading.main_thread():
        is_set()
    undo = tap.after(signal, "set_wakeup_fd", was_set)
    try:
        yield is_set
    finally:
        undo()
