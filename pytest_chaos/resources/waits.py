"""Who waits where for what: the threads and tasks of a process that stands still, and the locks that are held."""

from __future__ import annotations

import asyncio
import linecache
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import FrameType

from pytest_chaos import compat
from pytest_chaos.provenance import Place, Provenance, frames_from
from pytest_chaos.resources import stacks, tap

_MOST_PLACES = 4
_LONGEST_LINE = 60


@dataclass(frozen=True)
class Wait:
    """A thread or task that waits.

    Attributes:
        who: Its name.
        places: Where it stands in the test, the project and libraries, innermost first.
        what: What it waits in there: the function that waits, such as ``queue.Queue.get``, or the line that does.
        is_for_lock: Whether it may be a lock that it waits for.
    """

    who: str
    places: tuple[Place, ...]
    what: str = ""
    is_for_lock: bool = False

    def __str__(self) -> str:
        places = " < ".join(place.told for place in self.places)
        return f"{self.who} at {places}{f', in {self.what}' if self.what else ''}"


def waits(
    provenance: Provenance, loops: Iterable[asyncio.AbstractEventLoop], spared: frozenset[int] = frozenset()
) -> Iterator[Wait]:
    """Yield the waits of the main thread, of tasks, and of other threads: those that others wait for come first.

    What runs nothing of the project or the test is left out.

    Args:
        provenance: Tells whose code a frame is.
        loops: The event loops in use.
        spared: Native ids of threads of ours; the one that asks is left out anyway.
    """
    frames = compat.current_frames()
    main = threading.main_thread().ident or 0
    if main in frames:
        yield from _waits_of_threads({main: frames.pop(main)}, provenance, spared)
    for loop in loops:
        for task in stacks.tasks_of(loop):
            if not task.done():
                frames_of_task = stacks.coroutine_frames(task)
                place = stacks.own_place(reversed(frames_of_task), provenance)
                if place is not None:
                    yield Wait(task.get_name(), (place,), *_what(reversed(frames_of_task), provenance))
    yield from _waits_of_threads(frames, provenance, spared)


def _waits_of_threads(
    frames: Mapping[int, FrameType], provenance: Provenance, spared: frozenset[int]
) -> Iterator[Wait]:
    threads = {thread.ident or 0: thread for thread in threading.enumerate()}
    for ident, frame in frames.items():
        thread = threads.get(ident)
        if ident == threading.get_ident() or (thread is not None and thread.native_id in spared):
            continue
        places = stacks.places_in(frame, provenance, limit=_MOST_PLACES)
        if not places and thread is threading.main_thread():
            places = [provenance.place(frame.f_code, frame.f_lineno)]  # it is what is waited for
        if places:
            name = "a raw thread" if thread is None else thread.name
            yield Wait(name, tuple(places), *_what(frames_from(frame), provenance))


def _what(frames: Iterable[FrameType], provenance: Provenance) -> tuple[str, bool]:
    """Return what the innermost code of the project or the test waits for, and whether that may be a lock."""
    called: FrameType | None = None
    for frame in frames:
        origin = provenance.of_frame(frame)
        if origin == "chaos":
            return "", False  # the hang itself, which is told
        if origin in ("project", "test"):
            if called is not None:
                return _name(called), "acquire" in called.f_code.co_qualname
            line = _line(frame)
            return line, bool(line)  # whatever C function waits there, it may be that of a lock
        if origin != "passage":
            called = frame
    return "", False


def _name(frame: FrameType) -> str:
    """Return the public name of a function that was called, and which thread it waits for, if it is one."""
    module = [part for part in str(frame.f_globals.get("__name__", "")).split(".") if not part.startswith("_")]
    name = ".".join([*module, frame.f_code.co_qualname])
    if frame.f_code is tap.behind(threading.Thread.join).__code__:
        thread = frame.f_locals.get("self")
        name += f" of {thread.name}" if isinstance(thread, threading.Thread) else ""
    return name


def _line(frame: FrameType) -> str:
    """Return the line that waits in a function of C, which names what it waits for."""
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno, frame.f_globals).strip()
    return f"`{line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + ' ...'}`" if line else ""
