"""What runs now in this process, and what faults have done to it so far."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

import pytest

from pytest_chaos.contract import LeakLevel
from pytest_chaos.experiment import Inventory
from pytest_chaos.observation import Observation
from pytest_chaos.plugin.clones import split_id
from pytest_chaos.resources.births import Births
from pytest_chaos.verdict import Judgement


class Subject(Protocol):
    """What is judged in one run: an experiment, or, where nothing disturbs the run, only what it leaves behind."""

    @property
    def inventory(self) -> Inventory:
        """What is there before the test, and what is left of it."""

    @property
    def leaks(self) -> LeakLevel:
        """How strictly leaks of the run are judged, as far as is known yet."""

    @property
    def is_plain(self) -> bool:
        """Whether nothing disturbs it, as far as is known yet."""

    @property
    def needs_body(self) -> bool:
        """Whether nothing is said of a test whose body was not reached."""

    def begin(self) -> None:
        """Look at what is alive before the test sets anything up."""

    def looked_after(self) -> AbstractContextManager[None]:
        """The whole run: its parts are ended if they never end."""

    def suspended(self) -> AbstractContextManager[None]:
        """A while in which no fault acts."""

    def interrupted(self, name: str, error: BaseException) -> list[str]:
        """Return what to say of a run that the user has interrupted, line by line."""

    def body_took(self, seconds: float) -> None:
        """Say how long pytest says that the body took."""

    def teardown_ended_with(self, error: BaseException) -> None:
        """Say what came out of the teardown."""

    def conclude(self, *, with_tests: bool = True) -> tuple[Observation, Judgement]:
        """Look at what is left, and judge."""

    def close(self) -> None:
        """Put everything back, whatever happened."""


class Running:
    """The run that is going on, and what those before it have left in the process.

    Attributes:
        current: What is judged in the run that is going on, or ``None`` between two.
        disturbed_last: The test on which a fault has acted last in this process; empty before the first.
        interrupted: What ran when the user pressed Ctrl-C, and where it stood, line by line.
    """

    def __init__(self) -> None:
        self.current: Subject | None = None
        self.disturbed_last = ""
        self.interrupted: list[str] = []
        self._disturbed: set[str] = set()

    @contextlib.contextmanager
    def begun(self, item: pytest.Item, subject: Subject) -> Iterator[None]:
        """Let a run be the one that is going on, from its baseline to its judgement.

        Args:
            item: What runs.
            subject: What is judged in it.
        """
        self.current = subject
        try:
            subject.begin()
            with subject.looked_after():
                yield
        except KeyboardInterrupt as error:
            self.interrupted = subject.interrupted(item.nodeid, error)
            raise
        finally:
            subject.close()
            self.current = None

    def saw(self, seen: Observation) -> bool:
        """Note a run that is over, and tell whether a fault acted in it for the first time in this process."""
        is_first = bool(seen.fired) and not self.disturbed_last
        if seen.fired:
            self.disturbed_last = seen.test
        return is_first

    def may_leave_threads(self, item: pytest.Item) -> None:
        """Note that threads of a test do not hold the end of the session."""
        self._disturbed.update((item.nodeid, split_id(item.nodeid)[0]))

    def left_threads(self, births: Births, *, of_all: bool) -> list[threading.Thread]:
        """Return the threads for which the interpreter would wait at its end, and which disturbed tests have made.

        Args:
            births: Tells who made them.
            of_all: Whether all tests count as disturbed.
        """
        found = []
        for thread in threading.enumerate():
            if thread.daemon or thread is threading.main_thread():
                continue
            birth = births.of(thread)
            names = set() if birth is None else {birth.owner.name, split_id(birth.owner.name)[0]}
            if of_all or not self._disturbed.isdisjoint(names):
                found.append(thread)
        return found
