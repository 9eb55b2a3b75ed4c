"""Child processes that were left: those that still run, and those that ended and nobody waited for."""

from __future__ import annotations

import dataclasses
import os
from typing import NamedTuple

from pytest_chaos import compat
from pytest_chaos.resources.births import Birth, Births, Mine, Owner, is_fixture
from pytest_chaos.resources.leftovers import GRACE_S, Leftover, leftover, poll
from pytest_chaos.resources.whose import is_made_by_own

_LONGEST_COMMAND = 80  # characters of a command line in a text


class Child(NamedTuple):
    """A child process: its start tells it from another one that gets its number later."""

    pid: int
    start: str


class Children:
    """Child processes.

    Where there is none, one call of the system tells so. Workers that a fork server makes are no children of this
    process; those that ``multiprocessing`` started are known all the same.

    Args:
        births: On whose behalf something is made.
        grace_s: How long children may take to end, in seconds.
    """

    def __init__(self, births: Births, grace_s: float = GRACE_S) -> None:
        self._births = births
        self.grace_s = grace_s
        self._born: dict[Child, Birth] = {}
        self._before_fixture: frozenset[Child] = frozenset()

    def open(self) -> None:
        """Nothing: the census tells of births."""

    def close(self) -> None:
        """Forget the births."""
        self._born.clear()

    def started(self, pid: int) -> None:
        """Note who starts a child."""
        status = _status(pid)
        if status is not None:
            self._born[Child(pid, status.start)] = self._births.here()

    def birth_of(self, pid: int) -> Birth | None:
        """Return how a child came to be that nobody has waited for yet."""
        return next((birth for child, birth in self._born.items() if child.pid == pid), None)

    def snapshot(self) -> frozenset[Child]:
        """Return the children that are there."""
        if not self._born and not compat.has_child():
            return frozenset()
        there = frozenset(self._there())
        self._born = {child: birth for child, birth in self._born.items() if child in there}
        return there

    def left(self, before: frozenset[Child], mine: Mine) -> list[Leftover]:
        """Return what was left; an idle worker of a live executor is not."""
        if not self._born and not compat.has_child():
            return []
        servants = compat.children_of_multiprocessing()
        left = [child for child in self._there() if child not in before and child.pid not in servants]
        left = [child for child in left if self._may_leak(child, mine)]
        return [self._leftover(child) for child in poll(left, self._still_leaks, self.grace_s)]

    def owner_changes(self, before: Owner, after: Owner) -> None:
        """Note the children that a wider fixture made while it was set up, and nobody saw."""
        if not (is_fixture(before) or is_fixture(after)):
            return
        there = frozenset(self._there()) if compat.has_child() else frozenset()
        if is_fixture(before):
            for child in there - self._before_fixture:
                self._born.setdefault(child, Birth(before, ()))
        self._before_fixture = there

    def _there(self) -> list[Child]:
        pids = {child.pid for child in self._born} | listed()
        return [Child(pid, status.start) for pid in sorted(pids) if (status := _status(pid)) is not None]

    def _may_leak(self, child: Child, mine: Mine) -> bool:
        birth = self._born.get(child)
        if not mine(birth):
            return False
        origins = {self._births.provenance.of_file(code.co_filename) for code, _ in birth.site} if birth else set()
        # What pytest's plugins start without the test's doing is theirs.
        return not origins or bool(origins & {"project", "test"})

    def _still_leaks(self, child: Child) -> bool:
        status = _status(child.pid)
        return status is not None and status.start == child.start and child.pid not in compat.idle_process_workers()

    def _leftover(self, child: Child) -> Leftover:
        birth = self._born.get(child)
        status = _status(child.pid)
        name = status.name if status is not None else ""
        what = f"child process {child.pid} ({_command(child.pid) or name})"
        is_librarys = birth is not None and bool(birth.site) and not is_made_by_own(birth, self._births.provenance)
        told = leftover(self._births, "child-process", what, birth, verb="started", is_note=is_librarys)
        has_ended = status is None or status.has_ended
        text = f"{told.text}; it has ended, and nobody waited for it" if has_ended else f"{told.text}; it still runs"
        site = self._births.site(birth)
        # Its number differs from run to run.
        return dataclasses.replace(told, text=text, fingerprint=f"child-process {site or name}")


class Status(NamedTuple):
    """What the system tells of a process."""

    name: str
    has_ended: bool
    start: str


def _status(pid: int) -> Status | None:
    """Return what is known of a process, or ``None`` if it is gone."""
    text = _read(f"/proc/{pid}/stat")
    head, _, rest = text.rpartition(")")  # the name may hold anything
    fields = rest.split()
    if len(fields) < 20:
        return None
    return Status(head.partition("(")[2], fields[0] in ("Z", "X"), fields[19])


def _command(pid: int) -> str:
    """Return the command line of a process; nothing for one that has ended."""
    text = _read(f"/proc/{pid}/cmdline").replace("\0", " ").strip()
    return text if len(text) <= _LONGEST_COMMAND else text[:_LONGEST_COMMAND] + "..."


def listed() -> set[int]:
    """Return the children of all threads; nothing where the system does not list them."""
    try:
        threads = os.listdir("/proc/self/task")  # noqa: PTH208  # no pathlib here: it imports
    except OSError:
        return set()
    return {int(pid) for thread in threads for pid in _read(f"/proc/self/task/{thread}/children").split()}


def _read(name: str) -> str:
    try:
        with open(name, encoding="utf-8", errors="replace") as file:  # noqa: PTH123  # no pathlib here: it imports
            return file.read()
    except OSError:
        return ""
