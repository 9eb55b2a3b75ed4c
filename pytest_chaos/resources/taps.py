"""Taps: small replacements in the standard library that tell us what is born, and then do what was there before.

They are in place only while chaos is on. Their frames are passages: provenance looks through them.
"""

from __future__ import annotations

import asyncio.base_events
import functools
import multiprocessing.process
import subprocess
import threading
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

    def child_started(self, pid: int) -> None:
        """A child process was started."""


def install(listener: Listener) -> Callable[[], None]:
    """Put the taps in place and return what takes them out again."""
    undo = [
        _replace(threading.Thread, "start", lambda original: _start(original, listener)),
        _replace(asyncio.base_events.BaseEventLoop, "create_task", lambda original: _create_task(original, listener)),
        _replace(asyncio.base_events.BaseEventLoop, "__init__", lambda original: _make_loop(original, listener)),
        compat.tap_loop_closing(listener.loop_closes),
        _replace(subprocess.Popen, "__init__", lambda original: _start_child(original, listener)),
        _replace(multiprocessing.process.BaseProcess, "start", lambda original: _start_child(original, listener)),
    ]

    def uninstall() -> None:
        while undo:
            undo.pop()()

    return uninstall


def _replace(owner: type, name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Callable[[], None]:
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


def _start_child(original: Callable[..., Any], listener: Listener) -> Callable[..., Any]:
    def start_child(self: Any, *args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        original(self, *args, **kwargs)
        if self.pid is not None:
            listener.child_started(self.pid)

    return start_child
