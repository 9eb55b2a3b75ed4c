"""Whether the process stands still: for ever, which is proved, or for so long that nobody needs to wait for more.

*Proved*: every thread but the one that looks sleeps in a wait that has no end of its own and that only another thread
of this process can end; and in two looks it is the same sleep. Then there was a moment at which all of them slept, and
from then on nobody is left to wake anybody. A thread that merely serves does not change that: an event loop on which
nothing is due, a server that waits for clients, or an older thread of a library that wakes again and again. Whatever
comes from elsewhere spoils the proof: an answer that may come over a socket or pipe, a child process, a timer of the
kernel, a reader of signals, a thread that is not Python's.

*Quiet*: what cannot be proved is not denied either. How long no line of the project or the test has run, and nothing
was computed, is told beside it.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import FrameType
from typing import Literal

from pytest_chaos import compat
from pytest_chaos.provenance import Place, Provenance, frames_from
from pytest_chaos.resources import stacks
from pytest_chaos.resources.children import listed
from pytest_chaos.resources.locks import HeldLock
from pytest_chaos.resources.waits import Wait

_WAKES = 3  # of a thread that runs nothing of the project's, until it is taken for one that merely serves
_SERVES_S = 5.0  # for how long a thread that wakes by the clock has to do so: it might make the third try of five
_WORK_S = 0.002  # of processor time for each wake: a server that looks for clients takes a hundredth of it
_MOST_TASKS = 500  # of one loop; where there are more nobody says what they did
_COMPUTING = 0.2  # share of one processor above which a process does not stand still
_COMPUTING_S = 0.1
_LONGEST_GAP_S = 1.0  # between two looks; what is more the whole process was stopped

Mark = tuple[int, ...]
"""Where code of the project or the test stands in a thread, in numbers; empty where there is none."""


@dataclass(slots=True)
class _Seen:
    """One thread in one look.

    Attributes:
        sleep: How it sleeps; ``None`` if it runs.
        ident: Its ident; 0 if nobody knows.
        mark: Where code of the project or the test stands in it.
        is_beneath: Whether what runs in it runs beneath that code, and is not that code itself.
        service: For how long it has to go on to be taken for one that merely serves, in seconds, as far as one look
            can tell; ``None`` if it cannot be one.
        computed_s: How much processor time it has taken so far, in seconds.
        held: The frames behind the mark, once they are kept, so that their numbers stand for nothing else.
        slept: Whether it has slept since the look before.
    """

    sleep: compat.Sleep | None
    ident: int
    mark: Mark = ()
    is_beneath: bool = True
    service: float | None = None
    computed_s: float = 0.0
    held: tuple[FrameType, ...] = ()
    slept: bool = False


Phase = Literal["set-up", "body", "setUp or tearDown", "teardown"]
"""A part of a run."""

End = Literal["proved", "quiet", "late"]
"""Why a part of a run was ended: that it never ends is proved, it was quiet for too long, or it took too long."""


@dataclass(frozen=True)
class StandstillSeen:
    """A part of a run that did not end by itself, so that we ended it.

    Attributes:
        phase: Which part, such as ``body`` or ``teardown``.
        end: Why it was ended.
        meaning: Of a proof, in words.
        limit_s: The limit that was reached, in seconds; 0 for a proof.
        waits: Who waited where for what.
        held: Locks that were held.
    """

    phase: Phase
    end: End
    meaning: str = ""
    limit_s: float = 0.0
    waits: tuple[Wait, ...] = ()
    held: tuple[HeldLock, ...] = ()

    @property
    def place(self) -> Place | None:
        """Where the first of those who wait stands, as far as it is known."""
        return self.waits[0].places[0] if self.waits else None

    @property
    def text(self) -> str:
        """What happened, in a sentence."""
        the = f"the {self.phase}"
        if self.end == "proved":
            return f"{the} never ends: {self.meaning}"
        if self.end == "quiet":
            return f"{the} stalled: no line of the project or the tests ran for {self.limit_s:g} s"
        return f"{the} did not end within {self.limit_s:.0f} s"

    @property
    def lines(self) -> tuple[str, ...]:
        """Who waits where for what, and which locks are held."""
        return (*(f"waiting: {wait}" for wait in self.waits), *(f"held: {lock}" for lock in self.held))


class Standstill:
    """Looks at the process again and again; between two looks the thread that looks does nothing, and holds no lock.

    Args:
        provenance: Tells whose code a frame is.
        loops: Returns the event loops in use.
        thread: Ident of the thread that is waited for: that it wakes again and again is no service.
        bystanders: Threads that hear from a controlling process, by native id, and end no wait, see :func:`bystanders`.
        spared: Returns our own threads that look too, by native id.
        is_signal_read: Tells whether somebody reads of signals from a wake-up fd.
        calls: Returns how many calls of the system were counted so far: as long as that grows, it goes on.
        clock: Tells the time, in seconds.
        computed: Tells how much processor time the process has taken, in seconds.

    Attributes:
        quiet_s: For how long nothing of the project or the test has run, and nothing was computed, in seconds.
        age_s: For how long it has been looked at, in seconds.
        is_proved: Whether the last look has proved that nothing will ever go on.
        meaning: What that means, in words.
    """

    def __init__(
        self,
        provenance: Provenance,
        loops: Callable[[], Iterable[asyncio.AbstractEventLoop]],
        thread: int,
        bystanders: frozenset[int] = frozenset(),
        spared: Callable[[], frozenset[int]] = frozenset,
        is_signal_read: Callable[[], bool] = lambda: False,
        calls: Callable[[], int] = lambda: 0,
        # Bound here: who freezes the clock of the system freezes no other.
        clock: Callable[[], float] = time.monotonic,
        computed: Callable[[], float] = time.process_time,
    ) -> None:
        self._provenance = provenance
        self._loops = loops
        self._thread = thread
        self._bystanders = bystanders
        self._spared = spared
        self._is_signal_read = is_signal_read
        self._seen: dict[int, _Seen] = {}
        self._asleep: frozenset[tuple[int, int]] = frozenset()
        self._wakes: dict[int, int] = {}
        self._computed: dict[int, float] = {}
        self._loop_in: dict[int | None, asyncio.AbstractEventLoop] = {}
        self._calls = calls
        self._clock = clock
        self._processor_time = computed
        self._older = frozenset(thread.native_id for thread in threading.enumerate())
        self._numbers = itertools.count(1)
        self._looked = clock()
        self._called = 0
        self._alike_s = 0.0
        self._computed_s = computed()
        self.quiet_s = self.age_s = 0.0
        self.is_proved = False
        self.meaning = ""

    def forget(self) -> None:
        """Begin anew, and keep nothing of what was seen."""
        self._seen = {}
        self._stir()
        self.is_proved = False

    def wait(self) -> None:
        """Note that time has passed, without a look."""
        now = self._clock()
        gap_s, self._looked = min(now - self._looked, _LONGEST_GAP_S), now
        self.quiet_s += gap_s
        self.age_s += gap_s
        self._alike_s += gap_s

    def look(self) -> None:
        """Look at all threads."""
        self.wait()
        named = {thread.native_id: thread for thread in threading.enumerate() if thread.native_id}
        threads = compat.thread_ids() or frozenset(named)
        frames = compat.current_frames()
        self._loop_in = {compat.thread_of_loop(loop): loop for loop in self._loops()}
        before, self._seen = self._seen, {}
        called, self._called = self._called, self._calls()
        has_run, has_raw_run = called != self._called, False
        for number in threads - {threading.get_native_id()} - self._spared():
            thread = named.get(number)
            frame = None if thread is None else frames.get(thread.ident or 0)
            seen, has_run_own = self._look_at(number, thread, frame, before.get(number))
            self._seen[number] = seen
            has_run |= has_run_own
            has_raw_run |= thread is None and not seen.slept
        has_run |= any(one.mark for number, one in before.items() if number not in self._seen)
        if has_raw_run and not has_run:
            known = {thread.ident for thread in named.values()}
            has_run = any(self._mark_of(frame)[0] for ident, frame in frames.items() if ident not in known)
        if has_run or self._has_computed():
            self._stir()
        # Each running Python frame has a thread, so equal numbers mean that each thread has a frame.
        is_whole = compat.CAN_PROVE_HANGS and len(threads) == len(frames)
        self.is_proved = not has_run and self._proves() and is_whole and not self._may_be_woken()
        self._loop_in = {}  # nothing here keeps a loop

    # --- what runs

    def _look_at(
        self, number: int, thread: threading.Thread | None, frame: FrameType | None, before: _Seen | None
    ) -> tuple[_Seen, bool]:
        """Return what is seen of a thread, and whether it has run code of the project or the test."""
        ident = 0 if thread is None else thread.ident or 0
        sleep = compat.sleep_of(number)
        if before is not None and sleep is not None and sleep == before.sleep and ident == before.ident:
            before.slept = True
            return before, False
        mark, is_beneath, kept = self._mark_of(frame)
        loop = self._loop_in.get(ident)
        if loop is not None:
            tasks, kept_too = self._mark_of_tasks(loop)
            mark, kept = mark + tasks, kept + kept_too
        service = None
        if sleep is not None and thread is not None and number in self._older:
            service = self._service(sleep, thread, frame, mark)
        seen = _Seen(sleep, ident, mark, is_beneath, service, 0.0 if service is None else compat.computed_s(number))
        if before is None or mark != before.mark:
            return seen, bool(mark or (before is not None and before.mark))
        if not mark:
            return seen, False
        seen.held = kept
        # The same numbers say little while others may have had them in between; from now on they cannot. And what wakes
        # beneath code of the project, such as a library that tries again, may have called it in between.
        is_known = loop is not None or service is not None
        return seen, not (is_known and is_beneath and before.held)

    def _mark_of(self, frame: FrameType | None) -> tuple[Mark, bool, tuple[FrameType, ...]]:
        """Return where the innermost code of the project or the test stands, and whether something runs beneath it."""
        called: FrameType | None = None
        for outer in frames_from(frame):
            if self._is_own(outer):
                kept = (outer,) if called is None else (outer, called)
                return (id(outer), outer.f_lasti, id(called)), called is not None, kept
            called = outer
        return (), True, ()

    def _mark_of_tasks(self, loop: asyncio.AbstractEventLoop) -> tuple[Mark, tuple[FrameType, ...]]:
        tasks = stacks.tasks_of(loop)
        if len(tasks) > _MOST_TASKS:
            return (next(self._numbers), len(tasks)), ()
        marks: list[Mark] = []
        kept: tuple[FrameType, ...] = ()
        for task in tasks:
            frames = stacks.coroutine_frames(task)
            own = [index for index, one in enumerate(frames) if self._is_own(one)]
            if own:
                innermost = frames[own[-1]]
                inner = frames[own[-1] + 1 : own[-1] + 2]
                marks.append((id(innermost), innermost.f_lasti, *map(id, inner)))
                kept += (innermost, *inner)
        return tuple(number for mark in sorted(marks) for number in mark), kept

    def _is_own(self, frame: FrameType) -> bool:
        return self._provenance.of_frame(frame) in ("project", "test")

    def _has_computed(self) -> bool:
        computed_s = self._processor_time() - self._computed_s
        return computed_s > max(_COMPUTING_S, _COMPUTING * self.quiet_s)

    def _stir(self) -> None:
        self.quiet_s, self._computed_s = 0.0, self._processor_time()
        self._start_over(frozenset(), ())

    # --- the proof

    def _proves(self) -> bool:
        """Tell whether every thread sleeps for ever or merely serves, and has done so for long enough to be sure."""
        asleep: list[tuple[int, int]] = []
        serving: list[int] = []
        for number, seen in self._seen.items():
            if seen.sleep is not None and seen.slept and self._sleeps_for_ever(number, seen):
                asleep.append((number, seen.sleep.switches))
            elif seen.service is not None and (seen.is_beneath or not seen.mark):
                serving.append(number)
            else:
                self._start_over(frozenset(), ())
                return False
        key = frozenset(asleep)
        if key != self._asleep or set(serving) != self._wakes.keys():
            self._start_over(key, serving)
        for number in serving:
            self._wakes[number] += not self._seen[number].slept
        self.meaning = self._meaning(bool(serving))
        return bool(asleep) and all(self._serves(number) for number in serving)

    def _start_over(self, asleep: frozenset[tuple[int, int]], serving: Iterable[int]) -> None:
        self._asleep, self._wakes = asleep, dict.fromkeys(serving, 0)
        self._alike_s = 0.0
        self._computed = {number: self._seen[number].computed_s for number in self._wakes}

    def _sleeps_for_ever(self, number: int, seen: _Seen) -> bool:
        if number in self._bystanders:
            return compat.waits_to_read(number)
        waiting = seen.sleep.waiting if seen.sleep is not None else "other"
        # A server that is younger than what is looked after may wait for the very client that comes from elsewhere.
        is_older = number in self._older and seen.ident != self._thread
        if waiting == "files":
            loop = self._loop_in.get(seen.ident)
            return loop is not None and compat.hears_of_threads_only(loop, or_clients=is_older)
        return waiting == "lock" or (waiting == "client" and is_older)

    def _service(
        self, sleep: compat.Sleep, thread: threading.Thread, frame: FrameType | None, mark: Mark
    ) -> float | None:
        """Tell whether a thread waits for the clock, and for nothing that may come from elsewhere, on nobody's behalf.

        What code of the project or the test waits for, is on its behalf, and so is what a worker of a pool does, though
        all of that may be a library's code, such as one that tries again. A thread that is younger than what is looked
        after may work for it.

        Returns:
            For how long it has to do so to be believed, in seconds; ``None`` if it does not.
        """
        if sleep.waiting not in ("clock", "files or clock") or thread.ident == self._thread:
            return None
        loop = self._loop_in.get(thread.ident)
        if loop is not None:
            is_idle = compat.hears_of_threads_only(loop, or_clients=True) and not any(
                stacks.own_timers(loop, self._provenance)
            )
            # A task of its own may wait for one of a library's, and that one for a timer.
            waits_for_timer = self._has_own_tasks(loop) and bool(compat.scheduled(loop))
            return _SERVES_S if is_idle and not waits_for_timer else None
        if stacks.looks_for_clients(frame):
            return 0.0
        is_free = sleep.waiting == "clock" and not mark and not compat.is_executor_worker(thread)
        return _SERVES_S if is_free else None

    def _has_own_tasks(self, loop: asyncio.AbstractEventLoop) -> bool:
        return any(self._is_own(frame) for task in stacks.tasks_of(loop) for frame in stacks.coroutine_frames(task))

    def _serves(self, number: int) -> bool:
        wakes = self._wakes[number]
        computed_s = self._seen[number].computed_s - self._computed[number]
        return (
            wakes >= _WAKES and computed_s <= wakes * _WORK_S and self._alike_s >= (self._seen[number].service or 0.0)
        )

    def _may_be_woken(self) -> bool:
        return self._is_signal_read() or has_busy_child() or compat.is_timer_armed()

    def _meaning(self, has_servants: bool) -> str:
        has_tasks = any(stacks.tasks_of(loop) for loop in self._loop_in.values())
        if not has_tasks and len(self._seen.keys() - self._bystanders) == 1:
            return "nothing else runs that could end it"
        beside = "; the other threads only do background work" if has_servants else ""
        return f"every thread {'and task ' if has_tasks else ''}is waiting for another, with no timeout{beside}"


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


def has_busy_child() -> bool:
    """Tell whether there is a child that may do something; what serves multiprocessing only waits for its end."""
    if not compat.has_child():
        return False
    children = listed()
    return not children or not children <= compat.children_of_multiprocessing()


def _is_execnet(frame: FrameType) -> bool:
    modules = {str(outer.f_globals.get("__name__", "")).partition(".")[0] for outer in frames_from(frame)}
    return "execnet" in modules and modules <= {"execnet", "threading"}
