"""Parked calls: who waits in an injected hang, how each is released, and what is said about it.

A hang parks on an event of ours. It ends by release, by cancellation, or when its own seconds are over. A watchdog
thread samples only while something is parked; it decides and releases once it is proved that nothing will end the
hang, at the latest at the end of the budget. What it decides is recorded here and not carried by the exception: the
system under test may swallow that.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any, Literal

from pytest_chaos import compat
from pytest_chaos.faults.base import Limit
from pytest_chaos.journal import Activation
from pytest_chaos.provenance import Place, Provenance, frames_from
from pytest_chaos.resources import stacks, tap, taps
from pytest_chaos.resources.standstill import Standstill
from pytest_chaos.resources.tap import Ear
from pytest_chaos.resources.waits import Wait, waits

BUDGET_S = 1.0  # long enough for the sub-second timeouts of test configurations, short enough to wait for
_SAMPLE_S = 0.02  # how often the watchdog looks while something is parked
_SETTLE_S = 0.001  # how often while the test starts a thread whose call is parked: it may soon go on
_PATIENCE = 10  # budgets that a test may go on beside a parked call, or a call has of its own, before that is let go
LONGEST_WAIT_S = 30.0
"""How long a wait that ends by itself is sat through, as a default; who has longer limits is not tried."""

_GONE = (
    3  # looks in which no such wait is seen any more, until it is over: a loop that polls is between two waits in one
)
_TRIO_LOOP = "trio._core._run"
_SWALLOWED = 100  # calls after a release that are refused too; whoever swallows them all is let through


Outcome = Literal["parked", "hung", "inconclusive", "left", "abandoned", "interrupted"]


class HangReleased(BaseException):  # not an error: the vehicle that carries a released call out
    """Ends an injected hang when it is released. It is not for catching.

    It is neither an ``Exception``, which a retry loop would swallow, nor one of the exceptions that threads and event
    loops treat in a way of their own.
    """


@contextlib.contextmanager
def released_threads_end_quietly() -> Iterator[None]:
    """Keep the ends of released threads from being reported as errors that died in a thread: they are ours."""

    def is_release(args: threading.ExceptHookArgs) -> bool:
        return issubclass(args.exc_type, HangReleased)

    def wrap(original: Callable[..., Any], is_ours: Ear) -> Callable[..., Any]:
        def excepthook(*args: Any, **named: Any) -> None:
            if not is_ours(*args, **named):
                original(*args, **named)

        return excepthook

    undo = tap.replace(threading, "excepthook", wrap, is_release)
    try:
        yield
    finally:
        undo()


@dataclass(eq=False)
class Parked:
    """One parked call.

    Attributes:
        activation: Which call.
        thread: Name of the thread.
        began: When it parked, by the ward's clock, in seconds.
        since: When it parked, or when the test was last seen to go on since then.
        blocks_loop: Whether it is sync code on the thread of a running event loop.
        ident: Ident of the thread it blocks; 0 for async code, which blocks none.
        release: Lets it go on.
        limit: How long the call was told to wait, if it takes such a word.
        without: Where it was called without a limit of its own.
        position: Where the test's body stood when it parked, or was last seen to go on.
        is_settled: Whether that is a place to compare with; not while the body is still starting a thread.
        went_on: Whether the test's body went on beside it.
        outcome: ``left`` if the system ended the wait itself; else what was decided.
        waits: Who waited where when it was decided.
        meaning: Where it was proved that nothing would have ended it, what that means in words.
        timed: The wait with an end of its own that may have ended it.
        still_at: If the test had to be interrupted after the release, where it stood then, innermost first.
        was_closing: Whether the event loop that ran it in a worker thread was being closed.
        ended_by: The type of the error with which the system left it, or with which the user did.
    """

    activation: Activation
    thread: str
    began: float
    since: float
    blocks_loop: bool
    ident: int
    release: Callable[[], None]
    limit: Limit | None
    without: Place | None
    position: tuple[Any, ...] | None
    is_settled: bool = True
    went_on: bool = False
    outcome: Outcome = "parked"
    waits: tuple[Wait, ...] = ()
    meaning: str = ""
    timed: Place | None = None
    still_at: tuple[Place, ...] | None = None
    was_closing: bool = False
    ended_by: str = ""

    @property
    def label(self) -> str:
        """Where and which call."""
        return self.activation.label


class Ward:
    """The parked calls of one body run.

    Args:
        budget_s: How long an endless hang may last before it is judged, in seconds.
        provenance: Tells which frames are the project's.
        loops: Returns the event loops in use.
        progress: Tells whether the test's body has moved on.
        bystanders: Threads of the test runner, by native id, that end no hang.
        guard: Returns the native id of our thread that looks after bodies, or 0.
        sits_out: Whether a call that was given a limit waits until then; else it ends as if that was over.
        longest_wait_s: How long a wait with an end of its own, which may end a hang, is sat through, in seconds.
        say: Is told, once for each, what is waited for beyond the budget.
        clock: Tells the time, in seconds.

    Attributes:
        budget_s: The hang budget, in seconds.
        records: The calls that were parked.
        interrupted: Whether the user pressed Ctrl-C while one was.
        cancelled: What would have been raised in the body, had it not been cancelled instead.
    """

    def __init__(
        self,
        budget_s: float,
        provenance: Provenance,
        loops: Callable[[], Iterable[asyncio.AbstractEventLoop]],
        progress: stacks.Progress,
        bystanders: frozenset[int] = frozenset(),
        guard: Callable[[], int] = lambda: 0,
        *,
        sits_out: bool = True,
        longest_wait_s: float = 0.0,
        say: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,  # bound here: who freezes the clock of the system freezes no other
    ) -> None:
        self.records: list[Parked] = []
        self.interrupted = False
        self.cancelled: HangReleased | None = None
        self.budget_s = budget_s
        self._provenance = provenance
        self._loops = loops
        self._progress = progress
        self._lock = compat.new_lock()
        self._parked: list[Parked] = []
        self._pauses: list[Callable[[], None]] = []
        self._closing: list[Any] = []
        self._poisoned = False
        self._refusals = 0
        self._dead_wait: tuple[tuple[Any, ...], float] | None = None
        self._bystanders = bystanders
        self._guard = guard
        self._sits_out = sits_out
        self._longest_wait_s = longest_wait_s
        self._say = Ear(say)  # a terminal may be gone
        self._said: set[str] = set()
        self._gone = 0
        self._clock = clock
        self._is_signal_read: Callable[[], bool] = _no
        self._interrupt_body: Callable[[], bool] = _no
        self._interruption = ""
        self._is_meant: Callable[[], bool] = lambda: True
        self._closed = False
        self._watchdog: threading.Thread | None = None
        self._wake: threading.Event | None = None

    @contextlib.contextmanager
    def opened(self, code: CodeType | None = None) -> Iterator[None]:
        """The window of the body: it can be interrupted, and at the end everybody goes on.

        Args:
            code: The code of the test function, by which its progress is told.
        """
        self._progress = stacks.Progress(code, self._progress.thread)
        interruptible = compat.interruptible(self._raise_in_body)
        try:
            with taps.watched_wakeups() as self._is_signal_read, interruptible as self._interrupt_body:
                try:
                    yield
                finally:
                    self.close()
        finally:
            # What interrupts leads back here, and would keep all of the run until a collection.
            self._is_signal_read = self._interrupt_body = _no

    @property
    def is_parking(self) -> bool:
        """Whether a call is parked, or held up: then it is known what the body waits for."""
        return bool(self._parked or self._pauses)

    @property
    def watchdog(self) -> int:
        """Native id of the watchdog's thread; 0 while there is none."""
        watchdog = self._watchdog
        return 0 if watchdog is None else watchdog.native_id or 0

    @property
    def is_signal_read(self) -> bool:
        """Whether somebody is known to read of signals from a wake-up fd."""
        return self._is_signal_read()

    # --- waiting, sync

    def park(
        self,
        activation: Activation,
        seconds: float | None,
        limit: Limit | None = None,
        code: CodeType | None = None,
    ) -> float | None:
        """Block until released, or until ``seconds`` or the limit are over; return how long that was.

        An endless park returns, with ``None``, only to a system that swallows every release and calls again: it is let
        through to the real call, for nothing else would end its loop.

        Args:
            activation: The call.
            seconds: How long it hangs; ``None`` for ever.
            limit: How long it was told to wait, if it takes such a word.
            code: The code of what is called, if it has some.

        Raises:
            HangReleased: The call was released, or an earlier one was: whoever swallowed that shall not park again.
        """
        __tracebackhide__ = True
        end = self._end_of(seconds, limit)
        if end is not None:
            self._note_blocked_loop(activation)
            self._say_limit(end, seconds, limit, activation)
            self.pause(end if seconds is not None or self._sits_out else 0)
            return end
        event = threading.Event()
        parked = self._enter(activation, event.set, limit, code, blocks_thread=True)
        if parked is None:
            return None
        try:
            event.wait()
        except BaseException as error:
            self._leave(parked, error)
            raise
        self._leave(parked, None)
        raise HangReleased(f"chaos: released from an injected hang at {activation.label}")

    def pause(self, seconds: float) -> None:
        """Block for ``seconds``, or until the window closes."""
        __tracebackhide__ = True
        event = threading.Event()
        self._begin_pause(event.set)
        try:
            event.wait(seconds)
        finally:
            self._end_pause(event.set)

    # --- waiting, async

    async def park_async(
        self,
        activation: Activation,
        seconds: float | None,
        limit: Limit | None = None,
        code: CodeType | None = None,
    ) -> float | None:
        """Wait as :meth:`park` does, without blocking the loop.

        Raises:
            HangReleased: The call was released.
        """
        __tracebackhide__ = True
        end = self._end_of(seconds, limit)
        if end is not None:
            self._say_limit(end, seconds, limit, activation)
            await self.pause_async(end if seconds is not None or self._sits_out else 0)
            return end
        wait, release = _async_event()
        parked = self._enter(activation, release, limit, code, blocks_thread=False)
        if parked is None:
            return None
        try:
            await wait(None)
        except BaseException as error:
            self._leave(parked, error)
            raise
        self._leave(parked, None)
        raise HangReleased(f"chaos: released from an injected hang at {activation.label}")

    async def pause_async(self, seconds: float) -> None:
        """Wait for ``seconds``, or until the window closes, without blocking the loop."""
        __tracebackhide__ = True
        wait, release = _async_event()
        self._begin_pause(release)
        try:
            await wait(seconds)
        finally:
            self._end_pause(release)

    # --- releasing

    def release(self, which: Callable[[Parked], bool] = lambda parked: True, *, poison: bool = False) -> None:
        """Release the parked calls that ``which`` selects; nobody is judged for it."""
        with self._lock:
            self._poisoned = self._poisoned or poison
            chosen = [parked for parked in self._parked if which(parked)]
            for parked in chosen:
                if parked.outcome == "parked":
                    parked.outcome = "abandoned"
        for parked in chosen:
            parked.release()

    def release_workers_of(self, loop: asyncio.AbstractEventLoop) -> None:
        """Release calls parked in a closing loop's default executor, and those that park there now: it joins them."""
        executor = compat.default_executor_of(loop)
        if executor is None:
            return
        with self._lock:
            self._closing.append(executor)
        idents = {
            thread.ident
            for thread in threading.enumerate()
            if compat.is_executor_worker(thread) and compat.executor_of(thread) is executor
        }
        self.release(lambda parked: parked.ident in idents)

    def close(self) -> None:
        """End the body's window: everybody goes on, and nobody parks again. Harmless when done twice."""
        with self._lock:
            if self._closed and not (self._parked or self._pauses or self._watchdog or self._closing):
                return
            self._closed = True
        self.release(poison=True)
        with self._lock:
            pauses = list(self._pauses)
        for go_on in pauses:
            go_on()
        if self._wake is not None:
            self._wake.set()
        watchdog = self._watchdog
        if watchdog is not None and watchdog is not threading.current_thread():
            watchdog.join()
        self._watchdog = None
        for parked in self.records:
            parked.position = None  # it holds frames of the test
        self._dead_wait = None
        self._closing.clear()

    # --- bookkeeping

    def _end_of(self, seconds: float | None, limit: Limit | None) -> float | None:
        """Return how long a call waits by its own will; ``None`` if for ever, or for longer than anybody watches."""
        told = None if limit is None else limit.seconds
        if seconds is not None:
            return seconds if told is None else min(seconds, told)
        if not self._sits_out:
            return told
        longest_s = max(_PATIENCE * self.budget_s, self._longest_wait_s)
        return told if told is not None and told <= longest_s else None

    def _say_limit(self, end: float, seconds: float | None, limit: Limit | None, activation: Activation) -> None:
        """Say that a call waits until its own limit, if that is long."""
        if seconds is None and limit is not None and self._sits_out and end > self.budget_s:
            self._say_once(end, f"the {limit.parameter} of {activation.point}")

    def _say_once(self, seconds: float, what: str) -> None:
        with self._lock:
            is_new = what not in self._said
            self._said.add(what)
        if is_new:
            self._say(f"chaos: waiting up to {seconds:g} s for {what}")

    def _note_blocked_loop(self, activation: Activation) -> None:
        """Record a wait that ends by itself, if it blocks a loop: that is said of each."""
        if compat.running_loop() is None:
            return
        now = self._clock()
        name = threading.current_thread().name
        with self._lock:
            parked = Parked(activation, name, now, now, True, 0, lambda: None, None, None, None)
            parked.outcome = "left"
            self.records.append(parked)

    def _place_without(self, limit: Limit | None, own: CodeType | None) -> Place | None:
        """Return where a call was made that nothing limits; ``None`` if it has a limit of its own."""
        if limit is not None and limit.seconds is not None:
            return None
        test: Place | None = None
        for frame in frames_from(compat.get_frame(1)):
            code, origin = frame.f_code, self._provenance.of_frame(frame)
            if own is not None and (code.co_filename, code.co_qualname) == (own.co_filename, own.co_qualname):
                continue  # the call itself, whose code was exchanged
            if origin == "project":
                return self._provenance.place(code, frame.f_lineno)
            if origin == "test" and test is None:
                test = self._provenance.place(code, frame.f_lineno)
        return test

    def _enter(
        self,
        activation: Activation,
        release: Callable[[], None],
        limit: Limit | None,
        code: CodeType | None,
        *,
        blocks_thread: bool,
    ) -> Parked | None:
        with self._lock:
            if self._poisoned or self._closed:
                self._refusals += 1
                if self._refusals > _SWALLOWED:
                    return None
                raise HangReleased(f"chaos: an injected hang was released before this call at {activation.label}")
        loops = list(self._loops())
        now = self._clock()
        self._is_signal_read()  # some of it is only told in the main thread, where this may be
        parked = Parked(
            activation=activation,
            thread=threading.current_thread().name,
            began=now,
            since=now,
            blocks_loop=blocks_thread and compat.running_loop() is not None,
            ident=threading.get_ident() if blocks_thread else 0,
            release=release,
            limit=limit,
            without=None,
            position=self._progress.position(loops),
            is_settled=not self._progress.is_starting_thread(),
        )
        try:
            with self._lock:
                if self._poisoned or self._closed:
                    raise HangReleased(f"chaos: an injected hang was released before this call at {activation.label}")
                self.records.append(parked)
                if blocks_thread and self._is_in_closing_executor():
                    parked.outcome, parked.was_closing = "abandoned", True
                    raise HangReleased(f"chaos: the loop that waited for this call was closed, at {activation.label}")
                self._parked.append(parked)
                if self._watchdog is None:
                    self._wake = threading.Event()
                    self._watchdog = threading.Thread(target=self._watch, name="pytest-chaos watchdog", daemon=True)
                    self._watchdog.start()
            # Not before it is known as parked: who lifts its rule meanwhile must find it.
            parked.without = self._place_without(limit, code)
        except BaseException as error:  # Ctrl-C may come here too
            self._leave(parked, error)
            raise
        return parked

    def _is_in_closing_executor(self) -> bool:
        thread = threading.current_thread()
        if not self._closing or not compat.is_executor_worker(thread):
            return False
        executor = compat.executor_of(thread)
        return any(executor is one for one in self._closing)

    def _leave(self, parked: Parked, error: BaseException | None) -> None:
        with self._lock:
            if parked in self._parked:
                self._parked.remove(parked)
            if error is None or parked.outcome != "parked":
                return
            parked.outcome, parked.ended_by = "left", type(error).__name__
            if isinstance(error, KeyboardInterrupt):
                # Ctrl-C is the user's: it must end the run even if the system swallows it.
                parked.outcome = "interrupted"
                self.interrupted = self._poisoned = True

    def _begin_pause(self, go_on: Callable[[], None]) -> None:
        with self._lock:
            if self._closed:
                go_on()
            self._pauses.append(go_on)

    def _end_pause(self, go_on: Callable[[], None]) -> None:
        with self._lock:
            if go_on in self._pauses:
                self._pauses.remove(go_on)

    # --- judging

    def _watch(self) -> None:
        wake = self._wake
        assert wake is not None, "it is made before this thread"
        standstill = Standstill(
            self._provenance,
            self._loops,
            self._progress.thread,
            self._bystanders,
            lambda: frozenset((self._guard(),)),
            self._is_signal_read,
        )
        sampled = self._clock()
        is_settled = False
        while not wake.wait(_SAMPLE_S if is_settled else _SETTLE_S):
            is_settled = self._settle()
            with self._lock:
                parked = [one for one in self._parked if one.outcome == "parked"]
            is_proved = False
            if self._clock() - sampled >= _SAMPLE_S:
                is_proved = self._is_proved(standstill, parked)
                sampled = self._clock()
            due = [one for one in parked if self._clock() - one.since >= self.budget_s]
            if is_proved:
                self._prove(parked, standstill.meaning)
            elif due:
                self._judge(due)
            elif self._dead_wait is not None:
                self._break_in(*self._dead_wait)

    def _is_proved(self, standstill: Standstill, parked: list[Parked]) -> bool:
        # A call that was given a limit ends by itself, though it is beyond our patience.
        if not parked or any(one.limit is not None and one.limit.seconds is not None for one in parked):
            standstill.forget()
            return False
        standstill.look()
        return standstill.is_proved

    def _settle(self) -> bool:
        """Look where the body stands once it is done with the start of the thread whose call is parked.

        Tell whether that is known of every call.
        """
        with self._lock:
            young = [parked for parked in self._parked if not parked.is_settled]
        if not young:
            return True
        if self._progress.is_starting_thread():
            return False
        position = self._progress.position(list(self._loops()))
        for parked in young:
            parked.position, parked.is_settled = position, True
        return True

    def _break_in(self, position: tuple[Any, ...], since: float) -> None:
        """Interrupt the body if it still stands where it was at the release: its answer died with the released call."""
        loops = list(self._loops())
        now = self._clock()
        if now - since < self.budget_s:
            return
        if self._progress.standing(loops) != position:
            self._dead_wait = None
            return
        if now - since < _PATIENCE * self.budget_s and stacks.pending_timed_waits(self._provenance, loops, ()):
            return
        places = stacks.places_in(compat.current_frames().get(self._progress.thread), self._provenance, limit=4)
        where = " < ".join(place.told for place in places) or "an unknown place"
        with self._lock:
            if self._closed:
                return
            self._interruption = f"chaos: after an injected hang was released, the test still waited at {where}"
            was_interrupted = self._interrupt_body()
            self._dead_wait = position, now  # a bare except may swallow it
            judged = [parked for parked in self.records if parked.outcome in ("hung", "inconclusive")]
            if was_interrupted and judged and judged[-1].still_at is None:
                judged[-1].still_at = tuple(places)

    def interrupt(self, why: str, is_meant: Callable[[], bool] = lambda: True) -> None:
        """Raise :class:`HangReleased` in the body, if it runs and can be interrupted.

        Args:
            why: The message.
            is_meant: Called in the body's thread just before; tells whether it is still to be raised.
        """
        with self._lock:
            if not self._closed:
                self._interruption, self._is_meant = why, is_meant
                self._interrupt_body()

    def _raise_in_body(self) -> None:
        is_meant, self._is_meant = self._is_meant, lambda: True
        if not self._closed and is_meant():  # else it comes too late: the body ended by itself
            if not _cancel_trio_outside_of_tasks():
                raise HangReleased(self._interruption)
            self.cancelled = HangReleased(self._interruption)

    def _judge(self, due: list[Parked]) -> None:
        loops = list(self._loops())
        position = self._progress.position(loops)
        now = self._clock()
        waiting = []
        for parked in due:
            stands = parked.position is None or position is None or parked.position == position
            if not stands:  # the test goes on beside it, and may come to wait for it later
                parked.position, parked.since, parked.went_on = position, now, True
            elif parked.went_on and self._progress.in_timed_wait():
                parked.since = now  # the test sleeps, or waits with a timeout: that ends without this call
            else:
                waiting.append(parked)
        self.release(lambda parked: parked not in waiting and now - parked.began >= _PATIENCE * self.budget_s)
        if waiting:
            timed = stacks.pending_timed_waits(self._provenance, loops, [parked.ident for parked in self._parked])
            if not self._is_sat_through(waiting, timed, now):
                self._decide(waiting, timed)

    def _is_sat_through(self, waiting: list[Parked], timed: Sequence[Place], now: float) -> bool:
        """Tell whether a wait with an end of its own is still waited for: what comes after it is judged."""
        if any(one.limit is not None and one.limit.seconds is not None for one in waiting):
            return False  # it is longer than anybody waits
        left_s = self._longest_wait_s - (now - min(parked.began for parked in waiting))
        if left_s <= 0:
            return False
        if timed:
            self._gone = _GONE
            self._say_once(self._longest_wait_s, f"a timed wait at {timed[0].told}")
            return True
        self._gone -= 1
        return self._gone > 0

    def _prove(self, parked: list[Parked], meaning: str) -> None:
        position = self._progress.position(list(self._loops()))
        # What the test went on from is not what it waits for now, unless there is nothing else.
        waiting = [one for one in parked if one.position is None or position is None or one.position == position]
        self._decide(waiting or parked, (), meaning)
        self.release()

    def _decide(self, waiting: list[Parked], timed: Sequence[Place], meaning: str = "") -> None:
        """Say what became of parked calls, and release them."""
        found = tuple(waits(self._provenance, self._loops(), frozenset((self._guard(),))))
        standing = self._progress.standing(list(self._loops()))
        with self._lock:
            for parked in waiting:
                if parked.outcome != "parked":
                    continue
                parked.waits = found
                parked.meaning, parked.timed = meaning, next(iter(timed), None)
                has_limit = parked.limit is not None and parked.limit.seconds is not None
                parked.outcome = "inconclusive" if has_limit or timed else "hung"
            # Whoever swallows the release and calls again must not park for another budget.
            self._poisoned = True
            if standing is not None:
                self._dead_wait = standing, self._clock()
        for parked in waiting:
            parked.release()


IN_HANG = frozenset((Ward.park.__code__, Ward.park_async.__code__))
"""The code of ours in which whoever hangs for ever stands."""


def _no() -> bool:
    return False


def _async_event() -> tuple[Callable[[float | None], Any], Callable[[], None]]:
    """Return a waiter for the running async library and a release that any thread may call, also late and twice."""
    loop = compat.running_loop()
    if loop is None:
        return _trio_event()
    future = loop.create_future()

    async def wait(seconds: float | None) -> None:
        timer = None if seconds is None else loop.call_later(seconds, finish)
        try:
            await future
        finally:
            if timer is not None:
                timer.cancel()

    def finish() -> None:
        if not future.done():
            future.set_result(None)

    def release() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, so nobody waits on it any more
            loop.call_soon_threadsafe(finish)

    return wait, release


def _cancel_trio_outside_of_tasks() -> bool:
    """Cancel what trio runs on this thread, if none of its tasks is what is interrupted.

    Returns whether trio's own loop is what is interrupted: it must not be left by an error. If not, trio may be the
    guest of another loop that is left now, as in anyio's tests; then nobody else would ever end its run, and no other
    could begin.
    """
    trio = sys.modules.get("trio")
    if trio is None or not trio.lowlevel.in_trio_run() or trio.lowlevel.in_trio_task():
        return False
    root = trio.lowlevel.current_root_task()
    if root is None or not root.child_nurseries:
        return False
    # The innermost one has the main task.
    trio.lowlevel.current_trio_token().run_sync_soon(root.child_nurseries[-1].cancel_scope.cancel)
    return any(frame.f_globals.get("__name__") == _TRIO_LOOP for frame in frames_from(compat.get_frame(1)))


def _trio_event() -> tuple[Callable[[float | None], Any], Callable[[], None]]:
    import trio  # only reached inside a trio run, so it is there

    event = trio.Event()
    token = trio.lowlevel.current_trio_token()

    async def wait(seconds: float | None) -> None:
        with trio.move_on_after(float("inf") if seconds is None else seconds):
            await event.wait()

    def release() -> None:
        with contextlib.suppress(trio.RunFinishedError):  # the run is over, so nobody waits in it any more
            token.run_sync_soon(event.set)

    return wait, release
