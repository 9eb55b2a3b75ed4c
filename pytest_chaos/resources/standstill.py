"""Whether the whole process stands still for ever: the proof that nothing in it can end a hang.

Every thread but the one that looks sleeps in a wait that has no end of its own and that only another thread of this
process can end; and in two samples it is the same sleep. Then there was a moment at which all of them slept, and from
then on nobody is left to wake anybody. Whatever comes from elsewhere spoils the proof: an answer that may come over a
socket or pipe, a child process, a timer of the kernel, a reader of signals, a thread that is not Python's.

What cannot be proved is not denied either: then the hang budget decides.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from types import FrameType

from pytest_chaos import compat
from pytest_chaos.provenance import frames_from
from pytest_chaos.resources.children import listed

Sample = dict[int, int]
"""Each thread with the number of its present sleep."""

MEANING = "every thread waits for another one, without an end"


class Standstill:
    """Looks whether the process stands still.

    Args:
        bystanders: Threads that hear from a controlling process, and end no wait, see :func:`bystanders`.
        is_signal_read: Tells whether somebody reads of signals from a wake-up fd.
    """

    def __init__(self, bystanders: frozenset[int], is_signal_read: Callable[[], bool]) -> None:
        self._bystanders = bystanders
        self._is_signal_read = is_signal_read

    def sample(self) -> Sample | None:
        """Return the sleep of each thread, or ``None`` if one may wake; two equal samples are the proof.

        Between them this thread must do nothing but sleep, and hold no lock.
        """
        if not compat.CAN_PROVE_HANGS or self._is_signal_read() or _has_child() or compat.is_timer_armed():
            return None
        threads = compat.thread_ids()
        # Each running Python frame has a thread, so equal numbers mean that each thread has a frame.
        if len(threads) != len(compat.current_frames()):
            return None
        sleeps: Sample = {}
        for thread in threads - {threading.get_native_id()}:
            if thread in self._bystanders:
                if not compat.waits_to_read(thread):
                    return None
                continue
            sleep = compat.endless_wait(thread)
            if sleep is None:
                return None
            sleeps[thread] = sleep
        return sleeps


def bystanders() -> frozenset[int]:
    """Return the native ids of the threads in which a worker of pytest-xdist hears from its controller.

    They wait to read, but what they read is a test to run or the word to end: no answer that the system waits for. To
    be asked for before the project's own threads run.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return frozenset()
    frames = compat.current_frames()
    own = {thread.ident: thread.native_id for thread in threading.enumerate()}
    raw = {ident: frame for ident, frame in frames.items() if ident not in own}
    found = {native for ident, native in own.items() if native and ident in frames and _is_execnet(frames[ident])}
    # A thread without an object cannot be told from another one; so all of them are execnet's, or none is taken.
    unnamed = compat.thread_ids() - set(own.values())
    if len(unnamed) == len(raw) and all(map(_is_execnet, raw.values())):
        found |= unnamed
    return frozenset(found)


def _has_child() -> bool:
    """Tell whether there is a child that may do something; what serves multiprocessing only waits for its end."""
    if not compat.has_child():
        return False
    children = listed()
    return not children or not children <= compat.children_of_multiprocessing()


def _is_execnet(frame: FrameType) -> bool:
    modules = {str(outer.f_globals.get("__name__", "")).partition(".")[0] for outer in frames_from(frame)}
    return "execnet" in modules and modules <= {"execnet", "threading"}
