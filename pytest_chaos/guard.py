"""The guard: ends a part of a chaos run that will never end by itself.

A fault may leave a lock held or an answer owed, and nobody may sit beside the run: nothing of it may wait for ever. One
thread for a session looks, and only while a part of a run lasts; where a call is parked in an injected hang, the ward
looks.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from pytest_chaos import compat
from pytest_chaos.hang import Ward
from pytest_chaos.provenance import Provenance
from pytest_chaos.resources.locks import HeldLock
from pytest_chaos.resources.standstill import End, Phase, Standstill, StandstillSeen, has_busy_child
from pytest_chaos.resources.waits import Wait, waits

_TICK_S = 0.1
_FIRST_LOOK_S = 0.2
_LONGEST_LOOK_S = 10.0
_MOST_LOCKS = 5
_MOST_ENDS = 10  # that are noted of one run, in which something swallows them all
QUIET_S = 30.0
"""How long nothing of the project or the test may run until a run that cannot be proved to stand still is ended."""

CONFIRMED_S = 5.0
"""The same, where it has stood still once before: where something swallows the interruption, or a run is confirmed."""

LATE = 20
"""How many times as long a part of a fault test may take in all; an hour of waiting helps nobody."""


class WaitEnded(Exception):  # noqa: N818  # no error of anybody's: it says that we ended a wait
    """Ends a set-up or a teardown that waits for ever.

    It is an ``Exception``, unlike what ends a body: pytest goes on with the next fixture only after one of those.
    """


@dataclass(frozen=True)
class Limits:
    """When a part of a run is ended, though it is not proved that it never ends; each in seconds, ``None`` for never.

    Attributes:
        quiet_s: After so long without a line of the project or the test.
        late_s: After so long in all.
        with_setup: Whether the set-up is ended so, too: where no fault has acted before, it may take its time.
    """

    quiet_s: float | None = None
    late_s: float | None = None
    with_setup: bool = True

    def once_more(self, ends: Iterable[End]) -> Limits:
        """Return the limits of a run that confirms another one: what was waited for long enough is soon done.

        Args:
            ends: How parts of that one were ended.
        """
        quiet_s, late_s, ended = self.quiet_s, self.late_s, set(ends)
        if late_s is not None and quiet_s is not None and "late" in ended:
            late_s -= max(0.0, quiet_s - CONFIRMED_S)
        if quiet_s is not None and ended & {"quiet", "late"}:
            quiet_s = min(quiet_s, CONFIRMED_S)
        return replace(self, quiet_s=quiet_s, late_s=late_s)


class _Part:
    """A part of a run, while it lasts."""

    def __init__(self, phase: Phase, standstill: Standstill, limits: Limits) -> None:
        self.phase = phase
        self.standstill = standstill
        is_spared = phase == "set-up" and not limits.with_setup
        self.quiet_s, self.late_s = (None, None) if is_spared else (limits.quiet_s, limits.late_s)
        self.is_over = False

    def is_due(self) -> tuple[End, float] | None:
        """Return why it is to be ended now, and at which limit."""
        if self.standstill.is_proved:
            return "proved", 0.0
        if self.quiet_s is not None and self.standstill.quiet_s >= self.quiet_s and not self._waits_for_child():
            return "quiet", self.quiet_s
        return self.is_late()

    def is_late(self) -> tuple[End, float] | None:
        """Return whether it has taken too long in all, and the limit."""
        if self.late_s is not None and self.standstill.age_s >= self.late_s:
            return "late", self.late_s
        return None

    def _waits_for_child(self) -> bool:
        """Tell whether a fixture may wait for a child process, such as one that starts or ends a container."""
        return self.phase != "body" and has_busy_child()

    def was_interrupted(self) -> None:
        """Begin anew: whoever swallows the interruption is interrupted again."""
        self.standstill.forget()
        if self.quiet_s is not None:
            self.quiet_s = min(self.quiet_s, CONFIRMED_S)
        if self.late_s is not None:
            self.late_s = max(self.late_s, self.standstill.age_s + CONFIRMED_S)


class Patrol:
    """Looks after one run, part by part.

    Args:
        guard: The guard of the session.
        provenance: Tells whose code a frame is.
        loops: Returns the event loops in use.
        held: Returns the locks that are held.
        limits: When it is ended without a proof.
        ward: The parked calls of its body, by which that is interrupted too.
        thread: Ident of the thread that runs it.
        remark: What the error that ends a part says beside; that of a body is raised by the ward, without.
        calls: Returns how many calls of the system were counted so far.

    Attributes:
        ended: The parts that were ended.
    """

    def __init__(
        self,
        guard: Guard,
        provenance: Provenance,
        loops: Callable[[], Iterable[asyncio.AbstractEventLoop]],
        held: Callable[[], list[HeldLock]],
        limits: Limits,
        ward: Ward | None = None,
        thread: int | None = None,
        remark: str = "",
        calls: Callable[[], int] = lambda: 0,
    ) -> None:
        self.ended: list[StandstillSeen] = []
        self._guard = guard
        self._provenance = provenance
        self._loops = loops
        self._held = held
        self._limits = limits
        self._ward = ward
        self._thread = threading.get_ident() if thread is None else thread
        self._remark = remark
        self._calls = calls
        self._part: _Part | None = None
        self._due: tuple[_Part, StandstillSeen] | None = None
        self._looking = compat.new_lock()
        self._interrupt: Callable[[], bool] = _nobody

    @contextlib.contextmanager
    def around(self) -> Iterator[None]:
        """The whole run: in its parts it is looked after."""
        try:
            with compat.interruptible(self._raise) as self._interrupt, self._guard.watching(self):
                yield
        finally:
            self._interrupt = _nobody  # it leads back here, and would keep the run until a collection

    @contextlib.contextmanager
    def during(self, phase: Phase) -> Iterator[None]:
        """A part of the run, which is ended if it does not end."""
        outer = self._part
        standstill = Standstill(
            self._provenance,
            self._loops,
            self._thread,
            self._guard.bystanders,
            self._spared,
            lambda: self._ward is not None and self._ward.is_signal_read,
            self._calls,
        )
        self._part = part = _Part(phase, standstill, self._limits)
        try:
            yield
        finally:
            part.is_over = True  # first of all: from here on nobody interrupts it
            # With an end, so that nobody takes this for a wait that has none.
            is_alone = self._looking.acquire(timeout=_LONGEST_LOOK_S)
            try:
                standstill.forget()  # it may hold frames of the system's
                self._part = outer
            finally:
                if is_alone:
                    self._looking.release()

    def look(self) -> None:
        """Look once at the part that lasts; called in the guard's thread."""
        with self._looking:
            part = self._part
            if part is None or part.is_over:
                return
            if self._guard.is_debugged:
                part.standstill.forget()
                return
            part.standstill.wait()
            due = part.is_late()
            if self._is_parking(part):
                part.standstill.forget()  # it is known what it waits for
            elif due is None and part.standstill.age_s >= _FIRST_LOOK_S:
                with contextlib.suppress(Exception):  # other threads change what is read: such a look proves nothing
                    part.standstill.look()
                    due = part.is_due()
            if due is None or part.is_over:
                return
            end, limit_s = due
            seen = StandstillSeen(part.phase, end, part.standstill.meaning, limit_s, *self._described())
            part.was_interrupted()
            if part.phase == "body" and self._ward is not None:
                self._ward.interrupt(_message(seen), lambda: self._note(part, seen))
            else:
                self._due = part, seen
                self._interrupt()

    def _note(self, part: _Part, seen: StandstillSeen) -> bool:
        """Note that a part is ended, in its own thread; tell whether it still lasts."""
        if part.is_over:
            return False
        if len(self.ended) < _MOST_ENDS:
            self.ended.append(seen)
        return True

    def _described(self) -> tuple[tuple[Wait, ...], tuple[HeldLock, ...]]:
        try:
            found = tuple(waits(self._provenance, self._loops(), self._spared()))
            # Where nobody waits for a lock, one that is held is another story.
            held = self._held() if any(wait.is_for_lock for wait in found) else []
            return found, tuple(held[:_MOST_LOCKS])
        except Exception:  # noqa: BLE001  # other threads run, and change what is read; the run is to be ended all the same
            return (), ()

    def _is_parking(self, part: _Part) -> bool:
        return part.phase == "body" and self._ward is not None and self._ward.is_parking

    def _spared(self) -> frozenset[int]:
        return frozenset() if self._ward is None else frozenset((self._ward.watchdog,))

    def _raise(self) -> None:
        __tracebackhide__ = True
        due, self._due = self._due, None
        if due is not None and self._note(*due):
            raise WaitEnded(_message(due[1], self._remark))


def _nobody() -> bool:
    """Interrupt nobody."""
    return False


def _message(seen: StandstillSeen, remark: str = "") -> str:
    return "\n  ".join((f"chaos: {seen.text}", *seen.lines)) + (f"\n{remark}" if remark else "")


class Guard:
    """Looks after one run at a time.

    Args:
        bystanders: Threads of the test runner, by native id, that end no wait.

    Attributes:
        bystanders: The same.
    """

    def __init__(self, bystanders: frozenset[int] = frozenset()) -> None:
        self.bystanders = bystanders
        self._changed = threading.Condition(threading.Lock())
        self._watched: Patrol | None = None
        self._is_idle = False
        self._is_closed = False
        self._is_paused = False
        self._thread: threading.Thread | None = None

    @property
    def native_id(self) -> int:
        """Native id of its thread; 0 while there is none."""
        return 0 if self._thread is None else self._thread.native_id or 0

    @property
    def is_debugged(self) -> bool:
        """Whether somebody may be stepping through the code, so that a part that stands still means nothing."""
        return self._is_paused or "pydevd" in sys.modules

    def pause(self) -> None:
        """Look at nothing until :meth:`resume`."""
        self._is_paused = True

    def resume(self) -> None:
        """Look again."""
        self._is_paused = False

    @contextlib.contextmanager
    def watching(self, patrol: Patrol) -> Iterator[None]:
        """Look after a run while it lasts.

        Args:
            patrol: It is asked to look, again and again.
        """
        outer = self._watched
        with self._changed:
            self._watched = patrol
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="pytest-chaos guard", daemon=True)
                self._thread.start()
            elif self._is_idle:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._watched = outer

    def close(self) -> None:
        """End the thread. Harmless when done twice."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _watch(self) -> None:
        while True:
            with self._changed:
                if self._is_closed:
                    return
                # Without an end while there is nothing to watch: an idle session is not woken ten times a second.
                self._is_idle = self._watched is None
                self._changed.wait(None if self._is_idle else _TICK_S)
                patrol = self._watched
            if patrol is not None:
                patrol.look()
