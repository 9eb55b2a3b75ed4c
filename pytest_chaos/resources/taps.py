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
import functools
import inspect
import multiprocessing.process
import operator
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from contextvars import Context
from typing import Any, Protocol

from pytest_chaos import compat


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
    undo = [
        _replace(threading.Thread, "start", lambda original: _start(original, listener)),
        _replace(asyncio.base_events.BaseEventLoop, "create_task", lambda original: _create_task(original, listener)),
        _replace(asyncio.base_events.BaseEventLoop, "__init__", lambda original: _make_loop(original, listener)),
        compat.tap_loop_closing(listener.loop_closes),
        _replace(compat.closing_class(), "close", lambda original: _close_loop(original, listener)),
        _replace(subprocess.Popen, "__init__", lambda original: _start_child(original, listener)),
        _replace(multiprocessing.process.BaseProcess, "start", lambda original: _start_child(original, listener)),
    ]
    if not compat.CAN_PARSE_TWICE_AT_ONCE:
        undo.append(_replace(ast, "parse", _parse_one_by_one))

    def uninstall() -> None:
        while undo:
            undo.pop()()

    return uninstall


def _replace(owner: Any, name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Callable[[], None]:
    original = vars(owner)[name]
    replacement = wrap(original)
    replacement.__name__, replacement.__qualname__ = original.__name__, original.__qualname__
    replacement.__doc__, replacement.__module__ = original.__doc__, original.__module__
    setattr(owner, name, replacement)

    def undo() -> None:
        # Somebody who tapped after us and is still there keeps a reference to ours, which then only passes through.
        if vars(owner).get(name) is replacement:
            setattr(owner, name, original)

    return undo


_LONGEST_PARSE_S = 1.0


def _parse_one_by_one(original: Callable[..., Any]) -> Callable[..., Any]:
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


def _start(original: Callable[..., Any], listener: Listener) -> Callable[..., Any]:
    def start(self: threading.Thread, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        listener.thread_starts(self)
        return original(self, *args, **kwargs)

    return start


def _create_task(original: Callable[..., Any], listener: Listener) -> Callable[..., Any]:
    def create_task(self: asyncio.AbstractEventLoop, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        context = listener.task_context(kwargs.get("context"))
        make = original if context is None else functools.partial(context.run, original)
        task = make(self, *args, **kwargs)
        listener.task_made(task)
        return task

    return create_task


def _make_loop(original: Callable[..., Any], listener: Listener) -> Callable[..., Any]:
    def __init__(self: asyncio.AbstractEventLoop, *args: Any, **kwargs: Any) -> None:  # noqa: N807  # takes its place
        original(self, *args, **kwargs)
        listener.loop_made(self)

    return __init__


def _close_loop(original: Callable[..., Any], listener: Listener) -> Callable[..., Any]:
    def close(self: asyncio.AbstractEventLoop, *args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        if not self.is_closed() and not self.is_running():
            listener.loop_is_closed(self)
        original(self, *args, **kwargs)

    return close


def _start_child(original: Callable[..., Any], listener: Listener) -> Callable[..., Any]:
    def start_child(self: Any, *args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        original(self, *args, **kwargs)
        if self.pid is not None:
            listener.child_started(self.pid)

    return start_child


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

    def call_exception_handler(original: Callable[..., Any]) -> Callable[..., Any]:
        def heard(self: asyncio.AbstractEventLoop, context: dict[str, Any]) -> Any:
            __tracebackhide__ = True
            return None if loop_told(self, context) else original(self, context)

        return heard

    def timer(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
            __tracebackhide__ = True
            handle = original(self, when, callback, *args, context=context)
            timer_set(compat.note_foreign_timer(self, handle, callback, args))
            return handle

        return call

    def begun(original: Callable[..., Any]) -> Callable[..., Any]:
        def heard(self: Any, generator: Any) -> Any:
            compat.note_foreign_generator(self, generator)
            generator_begun(generator)
            return original(self, generator)

        return heard

    def run_in_executor(original: Callable[..., Any]) -> Callable[..., Any]:
        def run(self: Any, executor: Any, func: Any, *args: Any) -> Any:
            __tracebackhide__ = True
            if executor is None and compat.default_executor_of(self) is None and not self.is_closed():
                self.set_default_executor(concurrent.futures.ThreadPoolExecutor())  # what it would make itself
            return original(self, executor, func, *args)

        return run

    def set_default_executor(original: Callable[..., Any]) -> Callable[..., Any]:
        def set_executor(self: Any, executor: Any) -> None:
            __tracebackhide__ = True
            original(self, executor)
            compat.note_foreign_executor(self, executor)

        return set_executor

    wraps = {
        "__init__": lambda original: _make_loop(original, listener),
        "create_task": lambda original: _create_task(original, listener),
        "close": lambda original: _close_loop(original, listener),
        "call_exception_handler": call_exception_handler,
        "call_later": timer,
        "call_at": timer,
        compat.FIRST_ITERATION: begun,
        "run_in_executor": run_in_executor,
        "set_default_executor": set_default_executor,
    }
    undo = [_override(loop_class, name, wrap) for name, wrap in wraps.items() if name and hasattr(loop_class, name)]

    def uninstall() -> None:
        while undo:
            undo.pop()()

    return uninstall


def _override(owner: Any, name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Callable[[], None]:
    """Put a method in front of one that a class inherits."""
    if name in vars(owner):
        return _replace(owner, name, wrap)
    replacement = wrap(getattr(owner, name))
    setattr(owner, name, replacement)

    def undo() -> None:
        if vars(owner).get(name) is replacement:
            delattr(owner, name)

    return undo


# --- taps of single kinds


def hear_of_loop_errors(listener: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], bool]) -> Callable[[], None]:
    """Tell ``listener`` each error that an event loop hands to its exception handler; return what undoes it.

    Where it answers that the error is ours, nobody else is told.
    """

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def call_exception_handler(self: asyncio.AbstractEventLoop, context: dict[str, Any]) -> Any:
            __tracebackhide__ = True
            return None if listener(self, context) else original(self, context)

        return call_exception_handler

    return _replace(asyncio.base_events.BaseEventLoop, "call_exception_handler", wrap)


def hear_of_thread_error(thread: threading.Thread, listener: Callable[[threading.Thread, BaseException], None]) -> None:
    """Tell ``listener`` the error that ends a thread, before the hooks are told of it."""
    original = compat.own_excepthook(thread)
    if original is None:
        return

    def invoke(thread: threading.Thread) -> Any:
        error = sys.exception()
        if error is not None:
            listener(thread, error)
            error = None
        return original(thread)

    compat.set_own_excepthook(thread, invoke)


def hear_of_async_generators(listener: Callable[[Any], None]) -> Callable[[], None]:
    """Tell ``listener`` each asynchronous generator that is begun on a loop; return what undoes it."""
    name = compat.FIRST_ITERATION
    if not name:
        return lambda: None

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def begun(self: asyncio.AbstractEventLoop, generator: Any) -> Any:
            listener(generator)
            return original(self, generator)

        return begun

    return _replace(asyncio.base_events.BaseEventLoop, name, wrap)


def hear_of_timers(listener: Callable[[asyncio.TimerHandle], None]) -> Callable[[], None]:
    """Tell ``listener`` each timer that is set on a loop; return what undoes it."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def call_at(self: asyncio.AbstractEventLoop, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            handle = original(self, *args, **kwargs)
            listener(handle)
            return handle

        return call_at

    return _replace(asyncio.base_events.BaseEventLoop, "call_at", wrap)


def hear_of_readers(listener: Callable[[asyncio.AbstractEventLoop, Any], None]) -> Callable[[], None]:
    """Tell ``listener`` each file that a loop of selectors is told to wait for; return what undoes it."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def add_reader(self: asyncio.AbstractEventLoop, fd: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            done = original(self, fd, *args, **kwargs)
            listener(self, fd)
            return done

        return add_reader

    return _replace(asyncio.selector_events.BaseSelectorEventLoop, "add_reader", wrap)


def hear_of_transports(listener: Callable[[Any], None]) -> Callable[[], None]:
    """Tell ``listener`` each transport and server that is made on a loop of selectors; return what undoes it."""
    undo: list[Callable[[], None]] = []

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807  # takes its place
            original(self, *args, **kwargs)
            listener(self)

        return __init__

    for owner in (compat.transport_class(), asyncio.base_events.Server):
        if owner is not None:
            undo.append(_replace(owner, "__init__", wrap))

    def uninstall() -> None:
        while undo:
            undo.pop()()

    return uninstall


def hear_of_failed_futures(failed: Callable[[Any, Any], None], asked: Callable[[Any], None]) -> Callable[[], None]:
    """Tell who failed an executor's future with which error, and who asked for it; return what undoes it."""

    def setter(original: Callable[..., Any]) -> Callable[..., Any]:
        def set_exception(self: Any, exception: Any) -> Any:
            failed(self, exception)
            return original(self, exception)

        return set_exception

    def getter(original: Callable[..., Any]) -> Callable[..., Any]:
        def get(self: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            try:
                return original(self, *args, **kwargs)
            finally:
                asked(self)

        return get

    owner = concurrent.futures.Future
    undo = [
        _replace(owner, "set_exception", setter),
        _replace(owner, "exception", getter),
        _replace(owner, "result", getter),
    ]

    def uninstall() -> None:
        while undo:
            undo.pop()()

    return uninstall


def hear_of_sockets(listener: Callable[[socket.socket], None]) -> Callable[[], None]:
    """Tell ``listener`` each socket that is made, also by ``accept``; return what undoes it."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        # Its arguments stand here as in the standard library: whoever asks for the signature gets it.
        def __init__(  # noqa: N807  # takes its place
            self: socket.socket, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None
        ) -> None:
            original(self, family, type, proto, fileno)
            listener(self)

        return __init__

    return _replace(socket.socket, "__init__", wrap)


def hear_of_raw_threads(listener: Callable[[int], None]) -> Callable[[], None]:
    """Tell ``listener`` the ident of each thread that ``_thread.start_new_thread`` started; return what undoes it.

    The ``threading`` module does not pass here: it keeps the function under a name of its own.
    """

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def start_new_thread(function: Any, args: Any, *kwargs: Any) -> Any:
            __tracebackhide__ = True
            ident = original(function, args, *kwargs)
            listener(ident)
            return ident

        return start_new_thread

    return _replace(compat.RAW_THREADS, "start_new_thread", wrap)


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
        self._listener = listener
        self._entry = ("ignore", self, ResourceWarning, None, 0)

    def match(self, text: str) -> None:
        """Hear, and do not match."""
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


class _Ear:
    """A listener that can be sent away: names that somebody imported meanwhile stay, and only pass through then."""

    __slots__ = ("listener",)

    def __init__(self, listener: Callable[[Any], Any]) -> None:
        self.listener: Callable[[Any], Any] | None = listener


def hear_of_locks(listener: Callable[[Any], Any]) -> Callable[[], None]:
    """Tell ``listener`` each lock that is made by the name ``threading.Lock``; return what undoes it.

    Locks themselves are the interpreter's own, and cost what they always do. The name stands for a function before
    Python 3.13, and for a type since, so what takes its place is a type there too.
    """
    ear = _Ear(listener)
    original: Any = threading.Lock
    if isinstance(original, type):
        replacement: Any = _lock_type(original, ear)
        copyreg.pickle(type(replacement), _reduced)
    else:
        replacement = _LockFactory(original, ear)
    take_out = _replace(threading, "Lock", lambda _: replacement)

    def undo() -> None:
        ear.listener = None
        take_out()

    return undo


def _reduced(factory: Any) -> Any:
    # Pickled is what it stands for; this is the way to say "that object" with nothing of ours in it.
    return operator.itemgetter(0), ((factory.__wrapped__,),)


class _LockFactory:
    """Stands for a built-in function: not a Python function, which would become a method in the body of a class."""

    def __init__(self, original: Callable[[], Any], ear: _Ear) -> None:
        self.__wrapped__ = original
        self._ear = ear

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        lock = self.__wrapped__(*args, **kwargs)
        listener = self._ear.listener
        if listener is not None:
            listener(lock)
        return lock

    def __getattr__(self, name: str) -> Any:
        if name == "__wrapped__":  # not there yet, while a copy is made
            raise AttributeError(name)
        return getattr(self.__wrapped__, name)

    def __reduce__(self) -> Any:
        return _reduced(self)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __eq__(self, other: object) -> bool:
        return other is self or other == self.__wrapped__

    def __hash__(self) -> int:
        return hash(self.__wrapped__)


def _lock_type(original: type, ear: _Ear) -> type:
    class LockType(type):
        def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> Any:
            if name:
                return type(name, (original,), space)  # whoever derives from it is refused, as ever
            return super().__new__(cls, name, bases, space)

        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            lock = original(*args, **kwargs)
            listener = ear.listener
            if listener is not None:
                listener(lock)
            return lock

        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, original)

        def __subclasscheck__(cls, subclass: type) -> bool:
            return subclass is cls or issubclass(subclass, original)

        @property
        def __flags__(cls) -> int:
            return original.__flags__

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
    made: type = LockType("", (), space)
    return made


def hear_of_reentrant_locks(listener: Callable[[Any], Any]) -> Callable[[], None]:
    """Tell ``listener`` each lock that is made by the name ``threading.RLock``; return what undoes it."""
    ear = _Ear(listener)

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        # A Python function, as it was.
        def RLock(*args: Any, **kwargs: Any) -> Any:  # noqa: N802  # takes its place
            lock = original(*args, **kwargs)
            listener = ear.listener
            if listener is not None:
                listener(lock)
            return lock

        RLock.__annotations__.clear()
        return RLock

    take_out = _replace(threading, "RLock", wrap)

    def undo() -> None:
        ear.listener = None
        take_out()

    return undo


def hear_of_async_locks(listener: Callable[[Any], Any]) -> Callable[[], None]:
    """Tell ``listener`` each asyncio lock that is made; return what undoes it."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        # Its arguments stand here as in the standard library: whoever asks for the signature gets it.
        def __init__(self: asyncio.Lock) -> None:  # noqa: N807  # takes its place
            original(self)
            listener(self)

        __init__.__annotations__.clear()
        return __init__

    return _replace(asyncio.Lock, "__init__", wrap)


def hear_of_semaphores(listener: Callable[[Any], Any]) -> Callable[[], None]:
    """Tell ``listener`` each semaphore that is made, of ``threading`` and of asyncio; return what undoes it."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        # As above.
        def __init__(self: Any, value: int = 1) -> None:  # noqa: N807  # takes its place
            original(self, value)
            listener(self)

        __init__.__annotations__.clear()
        return __init__

    undo = [_replace(threading.Semaphore, "__init__", wrap), _replace(asyncio.Semaphore, "__init__", wrap)]

    def uninstall() -> None:
        while undo:
            undo.pop()()

    return uninstall
