"""Parked calls: who waits in an injected hang, how each is released, and what is said about it.

A hang parks on an event of ours. It ends by release, by cancellation, or when its own seconds are over. A watchdog
thread samples only while something is parked; at the end of the budget it decides and releases. What it decides is
recorded here and not carried by the exception: the system under test may swallow that.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_chaos import compat
from pytest_chaos.provenance import Provenance
from pytest_chaos.resources import stacks

BUDGET_S = 1.0  # long enough for the sub-second timeouts of test configurations, short enough to wait for
_SAMPLE_S = 0.02  # how often the watchdog looks while something is parked
_PATIENCE = 10  # budgets that a test may go on beside a parked call before that is let go
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
    original = threading.excepthook

    def excepthook(args: threading.ExceptHookArgs) -> None:
        if not issubclass(args.exc_type, HangReleased):
            original(args)

    threading.excepthook = excepthook
    try:
        yield
    finally:
        # A later plugin may have put its own hook in front of ours; ours then stays and only passes on.
        if threading.excepthook is excepthook:
            threading.excepthook = original


@dataclass(eq=False)
class Parked:
    """One parked call.

    Attributes:
        label: Where and which call.
        thread: Name of the thread.
        began: When it parked, by the ward's clock, in seconds.
        since: When it parked, or when the test was last seen to go on since then.
        blocks_loop: Whether it is sync code on the thread of a running event loop.
        ident: Ident of the thread it blocks; 0 for async code, which blocks none.
        release: Lets it go on.
        position: Where the test's body stood when it parked, or was last seen to go on.
        is_settled: Whether that is a place to compare with; not while the body is still starting a thread.
        went_on: Whether the test's body went on beside it.
        outcome: ``left`` if the system ended the wait itself; else what was decided.
        reason: The decision in words.
        stacks: Who waited where when it was decided.
    """

    label: str
    thread: str
    began: float
    since: float
    blocks_loop: bool
    ident: int
    release: Callable[[], None]
    position: tuple[Any, ...] | None
    is_settled: bool = True
    went_on: bool = False
    outcome: Outcome = "parked"
    reason: str = ""
    stacks: list[str] = field(default_factory=list)


class Ward:
    """The parked calls of one body run.

    Args:
        budget_s: How long an endless hang may last before it is judged, in seconds.
        provenance: Tells which frames are the project's.
        loops: Returns the event loops in use.
        progress: Tells whether the test's body has moved on.
    """

    def __init__(
        self,
        budget_s: float,
        provenance: Provenance,
        loops: Callable[[], Iterable[asyncio.AbstractEventLoop]],
        progress: stacks.Progress,
    ) -> None:
        self.records: list[Parked] = []
        self.interrupted = False
        self.broke_in = False
        self._budget_s = budget_s
        self._provenance = provenance
        self._loops = loops
        self.progress = progress
        self._lock = threading.Lock()
        self._parked: list[Parked] = []
        self._pauses: list[Callable[[], None]] = []
        self._poisoned = False
        self._refusals = 0
        self._dead_wait: tuple[tuple[Any, ...], float] | None = None
        self._closed = False
        self._watchdog: threading.Thread | None = None
        self._wake = threading.Event()

    # --- waiting, sync

    def park(self, label: str, seconds: float | None) -> None:
        """Block until released, or until ``seconds`` are over.

        An endless park returns only to a system that swallows every release and calls again: it is let through to the
        real call, for nothing else would end its loop.

        Raises:
            HangReleased: The call was released, or an earlier one was: whoever swallowed that shall not park again.
        """
        __tracebackhide__ = True
        if seconds is not None:
            self.pause(seconds)
            return
        event = threading.Event()
        parked = self._enter(label, event.set, blocks_thread=True)
        if parked is None:
            return
        try:
            event.wait()
        except BaseException as error:
            self._leave(parked, error)
            raise
        self._leave(parked, None)
        raise HangReleased(f"chaos: released from an injected hang at {label}")

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

    async def park_async(self, label: str, seconds: float | None) -> None:
        """Wait as :meth:`park` does, without blocking the loop.

        Raises:
            HangReleased: The call was released.
        """
        __tracebackhide__ = True
        if seconds is not None:
            await self.pause_async(seconds)
            return
        wait, release = _async_event()
        parked = self._enter(label, release, blocks_thread=False)
        if parked is None:
            return
        try:
            await wait(None)
        except BaseException as error:
            self._leave(parked, error)
            raise
        self._leave(parked, None)
        raise HangReleased(f"chaos: released from an injected hang at {label}")

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
                    parked.reason = "the test went on without it, and it was still parked"
        for parked in chosen:
            parked.release()

    def release_workers_of(self, loop: asyncio.AbstractEventLoop) -> None:
        """Release calls parked in a closing loop's default executor: its end would wait for them for ever."""
        executor = compat.default_executor_of(loop)
        if executor is None:
            return
        idents = {
            thread.ident
            for thread in threading.enumerate()
            if compat.is_executor_worker(thread) and compat.executor_of(thread) is executor
        }
        self.release(lambda parked: parked.ident in idents)

    def close(self) -> None:
        """End the body's window: everybody goes on, and nobody parks again. Harmless when done twice."""
        self._closed = True
        self.release(poison=True)
        with self._lock:
            pauses = list(self._pauses)
        for go_on in pauses:
            go_on()
        self._wake.set()
        watchdog = self._watchdog
        if watchdog is not None and watchdog is not threading.current_thread():
            watchdog.join()
        self._watchdog = None
        for parked in self.records:
            parked.position = None  # it holds frames of the test
        self._dead_wait = None

    # --- bookkeeping

    def _enter(self, label: str, release: Callable[[], None], *, blocks_thread: bool) -> Parked | None:
        with self._lock:
            if self._poisoned or self._closed:
                self._refusals += 1
                if self._refusals > _SWALLOWED:
                    return None
                raise HangReleased(f"chaos: an injected hang was released before this call at {label}")
        loops = list(self._loops())
        now = time.monotonic()
        parked = Parked(
            label=label,
            thread=threading.current_thread().name,
            began=now,
            since=now,
            blocks_loop=blocks_thread and compat.running_loop() is not None,
            ident=threading.get_ident() if blocks_thread else 0,
            release=release,
            position=self.progress.position(loops),
            is_settled=not self.progress.is_starting_thread(),
        )
        try:
            with self._lock:
                if self._poisoned or self._closed:
                    raise HangReleased(f"chaos: an injected hang was released before this call at {label}")
                self.records.append(parked)
                self._parked.append(parked)
                if self._watchdog is None:
                    self._watchdog = threading.Thread(target=self._watch, name="pytest-chaos watchdog", daemon=True)
                    self._watchdog.start()
        except BaseException as error:  # Ctrl-C may come here too
            self._leave(parked, error)
            raise
        return parked

    def _leave(self, parked: Parked, error: BaseException | None) -> None:
        with self._lock:
            if parked in self._parked:
                self._parked.remove(parked)
            if error is None or parked.outcome != "parked":
                return
            if isinstance(error, KeyboardInterrupt):
                # Ctrl-C is the user's: it must end the run even if the system swallows it.
                parked.outcome, parked.reason = "interrupted", "interrupted from the keyboard"
                self.interrupted = self._poisoned = True
            else:
                parked.outcome, parked.reason = "left", f"ended by {type(error).__name__}"

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
        while not self._wake.wait(_SAMPLE_S):
            self._settle()
            now = time.monotonic()
            with self._lock:
                due = [
                    parked
                    for parked in self._parked
                    if parked.outcome == "parked" and now - parked.since >= self._budget_s
                ]
            if due:
                self._judge(due)
            elif self._dead_wait is not None:
                self._break_in(*self._dead_wait)

    def _settle(self) -> None:
        """Look where the body stands once it is done with the start of the thread whose call is parked."""
        with self._lock:
            young = [parked for parked in self._parked if not parked.is_settled]
        if young and not self.progress.is_starting_thread():
            position = self.progress.position(list(self._loops()))
            for parked in young:
                parked.position, parked.is_settled = position, True

    def _break_in(self, position: tuple[Any, ...], since: float) -> None:
        """Interrupt the body if it still stands where it was at the release: its answer died with the released call."""
        loops = list(self._loops())
        now = time.monotonic()
        if now - since < self._budget_s or self._closed:
            return
        if self.progress.position(loops) != position:
            self._dead_wait = None
        elif now - since >= _PATIENCE * self._budget_s or not stacks.pending_timed_waits(self._provenance, loops, ()):
            self.broke_in = compat.interrupt_main_thread(self.progress.thread) or self.broke_in
            self._dead_wait = position, now  # a bare except may swallow it

    def _judge(self, due: list[Parked]) -> None:
        loops = list(self._loops())
        position = self.progress.position(loops)
        now = time.monotonic()
        waiting = []
        for parked in due:
            stands = parked.position is None or position is None or parked.position == position
            if not stands:  # the test goes on beside it, and may come to wait for it later
                parked.position, parked.since, parked.went_on = position, now, True
            elif parked.went_on and self.progress.in_timed_wait():
                parked.since = now  # the test sleeps, or waits with a timeout: that ends without this call
            else:
                waiting.append(parked)
        self.release(lambda parked: parked not in waiting and now - parked.began >= _PATIENCE * self._budget_s)
        if not waiting:
            return
        timed = stacks.pending_timed_waits(self._provenance, loops, [parked.ident for parked in self._parked])
        stacks_now = self._dump()
        with self._lock:
            for parked in waiting:
                if parked.outcome != "parked":
                    continue
                parked.stacks = stacks_now
                if timed:
                    parked.outcome = "inconclusive"
                    parked.reason = (
                        f"a timed wait at {timed[0]} may have ended it; raise the budget (--chaos-hang-budget)"
                    )
                else:
                    parked.outcome = "hung"
                    parked.reason = f"nothing ended it within the hang budget of {self._budget_s:g} s"
            # Whoever swallows the release and calls again must not park for another budget.
            self._poisoned = True
            if position is not None:
                self._dead_wait = position, now
        for parked in waiting:
            parked.release()

    def _dump(self) -> list[str]:
        frames = compat.current_frames()
        lines: list[str] = []
        for thread in threading.enumerate():
            if thread is threading.current_thread():
                continue
            stack = stacks.stack_text(frames.get(thread.ident or 0), self._provenance, limit=4)
            if stack:
                lines.append(f"{thread.name} at {' < '.join(stack)}")
        for loop in self._loops():
            for task in stacks.tasks_of(loop):
                if not task.done():
                    lines.append(f"{task.get_name()} at {stacks.place_of_task(task, self._provenance)}")
        return lines


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
