"""Errors that died unseen: in a task, in a thread, in a callback of an event loop, in a worker's future.

A task that died is looked at twice: at the end, if somebody still holds it, when everybody had the chance to ask; and
when it is dropped, for then nobody can ask any more. An error that somebody asked for is not lost.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import CodeType, TracebackType
from typing import Any, NamedTuple

from pytest_chaos import compat
from pytest_chaos.resources import stacks, tap, taps
from pytest_chaos.resources.births import Birth, Births, Mine
from pytest_chaos.resources.leftovers import GRACE_S, LeftKind, Leftover, leftover, poll
from pytest_chaos.resources.whose import code_of, is_made_by_own, is_own

# Ends of threads and tasks that are no errors, or are ours: a released hang carries its caller out.
_NO_ERRORS = (SystemExit, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit)
_RELEASE = ("pytest_chaos.hang", "HangReleased")
_MOST_OF_A_MESSAGE = 200  # characters


class Before(NamedTuple):
    """What was there: the number of the next life, how many deaths were known, and the threads."""

    number: int
    found: int
    threads: frozenset[threading.Thread]


class _Life:
    """A task, or a failed future, by a reference that does not keep it, so that its end can be told."""

    __slots__ = ("birth", "key", "number", "reference", "told")

    def __init__(self, thing: Any, birth: Birth | None, number: int) -> None:
        self.key = id(thing)
        self.reference: weakref.ref[Any] = weakref.ref(thing)
        self.birth = birth
        self.number = number
        self.told: Leftover | None = None


class _Death:
    """A death, when it happened, and whether it was reported."""

    __slots__ = ("born", "is_told", "leftover", "number", "owner", "subject")

    def __init__(self, leftover: Leftover, born: Birth | None, owner: Birth, number: int, subject: Any = None) -> None:
        self.leftover = leftover
        self.born = born
        self.owner = owner
        self.number = number
        self.subject = subject
        self.is_told = False


class Deaths:
    """Errors that ended a task, a thread, a callback or a worker's job, and that nobody saw.

    A death belongs to what runs when it happens, also where a fixture of wider scope made what died: its server's
    threads and tasks work for the test. What an earlier test left, and dies now, is not this test's.

    A library's own thread is the library's affair, unless a fault ended it: then whatever the project wanted of it
    stays undone.

    Args:
        births: Who made which.
        is_by_fault: Tells of an error that ends the running thread whether a fault acted in it or is behind the
            error.
        grace_s: How long somebody may take to ask, in seconds.
    """

    def __init__(
        self,
        births: Births,
        is_by_fault: Callable[[BaseException], bool] = lambda error: False,
        grace_s: float = GRACE_S,
    ) -> None:
        self._births = births
        self._is_by_fault = is_by_fault
        self.grace_s = grace_s
        self._numbers = itertools.count()
        # By id: when the garbage collector takes a task, its weak references are gone before its error is told.
        self._lives: dict[int, _Life] = {}
        self._futures: dict[int, _Life] = {}
        self._found: list[_Death] = []
        self._undo: list[Callable[[], None]] = []
        self._is_open = False

    def open(self) -> None:
        """Begin to listen to event loops and to futures; the census tells of threads and tasks."""
        self._is_open = True
        self._undo = [
            taps.hear_of_loop_errors(self.loop_told),
            taps.hear_of_failed_futures(self._future_failed, self._future_asked),
        ]

    def close(self) -> None:
        """Take the taps out, and forget what was found."""
        while self._undo:
            self._undo.pop()()
        self._is_open = False
        self._lives.clear()
        self._futures.clear()
        self._found.clear()

    def task_made(self, task: asyncio.Future[Any]) -> None:
        """Follow a task to its end."""
        self._lives[id(task)] = _Life(task, self._births.of(task), next(self._numbers))

    def task_is_reported(self, task: asyncio.Future[Any], told: Leftover) -> None:
        """Note that a task was reported as left: what becomes of it says nothing new."""
        life = self._lives.get(id(task))
        if life is not None and life.told is None:
            life.told = told

    def snapshot(self) -> Before:
        """Return what is there now."""
        if self._lives:
            for key, life in list(self._lives.items()):
                if life.reference() is None and self._lives.get(key) is life:
                    del self._lives[key]
        for key, life in list(self._futures.items()):
            if life.reference() is None:
                self._future_lost(key, life)
        return Before(next(self._numbers), len(self._found), frozenset(threading.enumerate()))

    def left(self, before: Before, mine: Mine) -> list[Leftover]:
        """Return the deaths that nobody saw; one that is told is not told again."""
        self._look_at_held(before)
        deaths = [death for death in self._found[before.found :] if not death.is_told]
        if not deaths:
            return []
        told = []
        for death in deaths:
            # What an earlier test left dies now: not this test's.
            is_old = death.number < before.number or death.subject in before.threads
            if is_old and (death.born is None or not death.born.owner.outlives_test):
                continue
            if mine(death.owner) or (death.born is not None and mine(death.born)):
                death.is_told = True
                told.append(death.leftover)
        return told

    # --- tasks

    def _look_at_held(self, before: Before) -> None:
        lives = [life for life in list(self._lives.values()) if life.number > before.number and life.told is None]
        lives = [life for life in lives if _unseen(life) is not None]
        if lives:
            for life in poll(lives, lambda life: _unseen(life) is not None, self.grace_s):
                task = life.reference()
                error = _unseen(life)
                if task is not None and error is not None:
                    self._died(_task_words(task), "created", life.birth, error, _coroutine_code(task), life)
        if self._futures:
            failed = [life for life in list(self._futures.values()) if life.number > before.number]
            for life in poll(failed, lambda life: self._futures.get(life.key) is life, self.grace_s):
                self._future_lost(life.key, life)

    def loop_told(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> bool:
        """Look at what a loop hands to its exception handler: nobody else will get to see it.

        Tells whether that is a released hang: it ended a task that nobody asks any more, such as that of a framework
        whose run was interrupted, and is no error of the system's.
        """
        error = context.get("exception")
        if error is not None and _is_release(error):
            return True
        if not self._is_seen_by(loop.get_exception_handler()):
            self._note_told(context, error)
        return False

    def _note_told(self, context: dict[str, Any], error: BaseException | None) -> None:
        subject = context.get("task") or context.get("future")
        life = self._lives.get(id(subject)) if subject is not None else None
        if isinstance(subject, asyncio.Task):
            if life is not None and life.told is not None:
                return
            birth = life.birth if life is not None else None
            code = _coroutine_code(subject)
            if error is not None:
                self._died(_task_words(subject), "created", birth, error, code, life)
            elif not subject.done() and self._is_ours(birth, code, None):
                what = f"{_task_words(subject)} was thrown away before its end"
                self._note("task-error", what, "created", birth, life)
        elif error is not None:
            handle = context.get("handle")
            code = code_of(compat.handle_callback(handle)) if handle is not None else None
            what = f"callback {code.co_qualname}" if code is not None else "callback of an event loop"
            if subject is not None:
                what = "future"
            elif context.get("asyncgen") is not None:
                what = "asynchronous generator"
            self._died(what, "made", None, error, code, None)

    # --- threads

    def thread_starts(self, thread: threading.Thread) -> None:
        """Follow a thread to its end."""
        taps.hear_of_thread_error(thread, self._thread_died)

    def _thread_died(self, thread: threading.Thread, error: BaseException) -> None:
        # Above all hooks, and of this thread alone: so it does not matter who put which hook over whose.
        if not self._is_open or self._is_seen_by(_below_ours(threading.excepthook), threading.__excepthook__):
            return
        words = f"thread {thread.name!r}"
        self._died(words, "started", self._births.of(thread), error, None, None, kind="thread-error", thread=thread)

    def _is_seen_by(self, handler: Any, default: Any = None) -> bool:
        """Tell whether the project or the test is told of errors; pytest and libraries only pass them on."""
        if handler is None or handler is default:
            return False
        code = code_of(handler)
        origin = self._births.provenance.of_file(code.co_filename) if code is not None else ""
        return origin not in ("pytest", "chaos", "passage", "installed")

    # --- futures

    def _future_failed(self, future: Any, error: BaseException | None) -> None:
        if not isinstance(error, BaseException) or _is_no_error(error) or compat.has_done_callbacks(future):
            return  # a future takes anything
        code = code_of(compat.executor_job())
        if not is_own(code, self._births.provenance) and not any(self._own_frames(error)):
            return
        birth = self._births.of(threading.current_thread())
        life = _Life(future, birth, next(self._numbers))
        words = f"job{f' {code.co_qualname}' if code is not None else ''} of thread {threading.current_thread().name!r}"
        life.told = self._leftover("task-error", f"{words} {self._cause(error)}", "started", birth)
        earlier = self._futures.get(life.key)
        if earlier is not None:
            self._future_lost(life.key, earlier)  # its place was taken, so it is gone
        self._futures[life.key] = life

    def _future_asked(self, future: Any) -> None:
        futures = self._futures
        if futures:
            life = futures.get(id(future))
            if life is not None and life.reference() is future:
                futures.pop(id(future), None)

    def _future_lost(self, key: int, life: _Life) -> None:
        """Nobody has asked for a future's error, or nobody can any more."""
        if self._futures.pop(key, None) is life and life.told is not None:
            self._found.append(self._death(life.told, life.birth, life.number))

    # --- words

    def _died(
        self,
        words: str,
        verb: str,
        birth: Birth | None,
        error: BaseException,
        code: CodeType | None,
        life: _Life | None,
        *,
        kind: LeftKind = "task-error",
        thread: threading.Thread | None = None,
    ) -> None:
        if _is_no_error(error):
            return
        if self._is_ours(birth, code, error) or (thread is not None and self._is_by_fault(error)):
            self._note(kind, f"{words} {self._cause(error)}", verb, birth, life, thread, error)

    def _note(
        self,
        kind: LeftKind,
        what: str,
        verb: str,
        birth: Birth | None,
        life: _Life | None,
        thread: threading.Thread | None = None,
        error: BaseException | None = None,
    ) -> None:
        told = self._leftover(kind, what, verb, birth)
        if error is not None:
            told = replace(told, error=id(error))
        number = next(self._numbers) if life is None else life.number
        if life is not None:
            life.told = told
        self._found.append(self._death(told, birth, number, thread))

    def _death(self, told: Leftover, birth: Birth | None, number: int, subject: Any = None) -> _Death:
        return _Death(told, birth, Birth(self._births.owner, ()), number, subject)

    def _leftover(self, kind: LeftKind, what: str, verb: str, birth: Birth | None) -> Leftover:
        end = ";" if self._births.site(birth) else ""
        return leftover(self._births, kind, what + end, birth, verb=verb)

    def _cause(self, error: BaseException) -> str:
        place = next(self._own_frames(error), "")
        return f"died unseen of {described(error)}{f' at {place}' if place else ''}"

    def _is_ours(self, birth: Birth | None, code: CodeType | None, error: BaseException | None) -> bool:
        """Tell whether the project or the test made what died, or its code is theirs, or the error came out of that."""
        provenance = self._births.provenance
        if code is not None and provenance.of_file(code.co_filename) == "pytest":
            return False
        if is_own(code, provenance) or is_made_by_own(birth, provenance):
            return True
        return error is not None and any(self._own_frames(error))

    def _own_frames(self, error: BaseException) -> Iterator[str]:
        """Yield the places of the project and the test in an error's traceback, innermost first."""
        steps: list[TracebackType] = []
        step = error.__traceback__
        while step is not None:
            steps.append(step)
            step = step.tb_next
        provenance = self._births.provenance
        for step in reversed(steps):
            if is_own(step.tb_frame.f_code, provenance):
                yield stacks.place(step.tb_frame.f_code, step.tb_lineno, provenance)


def _below_ours(hook: Any) -> Any:
    """Return the hook that a tap passes on to."""
    while tap.is_tap(hook):
        hook = hook.__wrapped__
    return hook


def _unseen(life: _Life) -> BaseException | None:
    task = life.reference()
    return compat.unseen_error(task) if task is not None else None


def _coroutine_code(task: asyncio.Task[Any]) -> CodeType | None:
    coroutine: Any = task.get_coro()
    for name in ("cr_code", "gi_code", "ag_code"):
        code = getattr(coroutine, name, None)
        if isinstance(code, CodeType):
            return code
    return None


def _task_words(task: asyncio.Task[Any]) -> str:
    return f"task {task.get_name()!r} ({getattr(task.get_coro(), '__qualname__', '?')})"


def _is_no_error(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_no_error(part) for part in error.exceptions)
    return isinstance(error, _NO_ERRORS) or _is_release(error)


def _is_release(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_release(part) for part in error.exceptions)
    return (type(error).__module__, type(error).__name__) == _RELEASE


def described(error: BaseException) -> str:
    """Return the type and the message of an error, in one line."""
    try:
        message = " ".join(str(error).split())
    except Exception:  # noqa: BLE001  # an error of the project whose own words fail
        message = "?"
    if len(message) > _MOST_OF_A_MESSAGE:
        message = message[: _MOST_OF_A_MESSAGE - 3] + "..."
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
