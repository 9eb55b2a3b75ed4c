"""Threads that were left: plain ones, timers, and busy workers of executors."""

from __future__ import annotations

import threading
from types import FrameType

from pytest_chaos import compat
from pytest_chaos.provenance import frames_from
from pytest_chaos.resources import stacks
from pytest_chaos.resources.births import Births, Mine
from pytest_chaos.resources.holders import Holders
from pytest_chaos.resources.leftovers import GRACE_S, LeftKind, Leftover, leftover, poll
from pytest_chaos.resources.whose import is_made_by_own


class Threads:
    """Threads of the ``threading`` module.

    Args:
        births: Who started which.
        grace_s: How long they may take to end, in seconds.
    """

    def __init__(self, births: Births, grace_s: float = GRACE_S) -> None:
        self._births = births
        self.grace_s = grace_s

    def open(self) -> None:
        """Nothing: the census notes the births of threads."""

    def close(self) -> None:
        """Nothing."""

    def snapshot(self) -> frozenset[threading.Thread]:
        """Return the threads that are alive."""
        return frozenset(threading.enumerate())

    def left(self, before: frozenset[threading.Thread], mine: Mine) -> list[Leftover]:
        """Return what was left; an idle worker of a live executor is not."""
        left = [thread for thread in threading.enumerate() if thread not in before]
        if not left:
            return []
        left = poll([thread for thread in left if self._may_leak(thread, mine)], self._still_leaks, self.grace_s)
        if not left:
            return []
        frames = compat.current_frames()
        return [self._leftover(thread, frames.get(thread.ident or 0)) for thread in left]

    def _may_leak(self, thread: threading.Thread, mine: Mine) -> bool:
        if thread is threading.current_thread() or compat.is_dummy(thread) or is_background_noise(thread):
            return False
        return mine(self._births.of(thread))

    def _still_leaks(self, thread: threading.Thread) -> bool:
        if not thread.is_alive():
            return False
        frame = compat.current_frames().get(thread.ident or 0)
        if compat.is_executor_worker(thread):
            executor = compat.executor_of(thread)
            if executor is not None and not compat.is_shut_down(executor):
                return not _is_idle_worker(frame)
        return not (self._is_cached_worker(thread, frame) or compat.manages_live_processes(thread))

    def _is_cached_worker(self, thread: threading.Thread, frame: FrameType | None) -> bool:
        """Tell whether a library keeps this thread for its next job: idle, and nobody's fault."""
        module = compat.thread_target_module(thread)
        if module not in _CACHING_LIBRARIES and module.partition(".")[0] not in _CACHING_LIBRARIES:
            return False
        return all(self._births.provenance.of_frame(outer) in _NOT_OWN for outer in frames_from(frame))

    def _singleton(self, thread: threading.Thread, frame: FrameType | None) -> str:
        """Return what keeps a thread that a library started for itself and that runs nothing but libraries."""
        provenance = self._births.provenance
        if is_made_by_own(self._births.of(thread), provenance) or compat.is_executor_worker(thread):
            return ""
        if any(provenance.of_frame(outer) not in _NOT_OWN for outer in frames_from(frame)):
            return ""
        return Holders(provenance).singleton_of(thread, compat.given_to(thread))

    def _leftover(self, thread: threading.Thread, frame: FrameType | None) -> Leftover:
        kind: LeftKind = "thread"
        what = f"thread {thread.name!r}"
        if compat.is_executor_worker(thread):
            kind, what = "executor", f"busy executor worker {thread.name!r}"
        elif isinstance(thread, threading.Timer):
            kind, what = "timer", f"timer {thread.name!r}"
        if thread.daemon and kind == "thread":
            what = f"daemon {what}"
        keeper = self._singleton(thread, frame)
        return leftover(
            self._births,
            kind,
            what,
            self._births.of(thread),
            verb="started",
            where=f"{stacks.place_of(frame, self._births.provenance)}{f'; kept by {keeper}' if keeper else ''}",
            is_note=bool(keeper),
            stack=[outer.f_code for outer in frames_from(frame)],
        )


def _is_idle_worker(frame: FrameType | None) -> bool:
    """Tell whether an executor's worker waits for work: its innermost frame is the worker loop itself."""
    return frame is not None and frame.f_code is compat.executor_worker_code()


_NOT_OWN = ("stdlib", "installed")
# Libraries whose threads wait for the next job for a while after the last one. The poller of asyncio's grpc is one for
# the whole process, and ends with the last channel and server.
_CACHING_LIBRARIES = frozenset({"anyio", "trio", "grpc._cython.cygrpc"})
# Threads that serve the process and not a test: class name or thread name, with the library they come from.
_NOISE_CLASSES = frozenset({"TMonitor", "PyDBDaemonThread"})
_NOISE_NAMES = frozenset({"QueueFeederThread", "pydevd.Writer", "pydevd.Reader"})


def is_background_noise(thread: threading.Thread) -> bool:
    """Tell whether a thread serves the process: a progress bar's, a queue's feeder, a debugger's, pytest's own."""
    if type(thread).__name__ in _NOISE_CLASSES or thread.name in _NOISE_NAMES:
        return True
    module = compat.thread_target_module(thread).partition(".")[0]
    return module.startswith("pytest") or module in ("_pytest", "xdist", "execnet", "coverage")
