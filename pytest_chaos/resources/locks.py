"""Locks that are still held: of ``threading``, reentrant or not, those behind conditions, and asyncio's."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import linecache
import re
import threading
from collections.abc import Callable
from typing import Any

from pytest_chaos import compat
from pytest_chaos.resources import stacks, taps
from pytest_chaos.resources.births import Birth, Births, Mine, Owner, is_fixture
from pytest_chaos.resources.leftovers import GRACE_S, Leftover, leftover, poll
from pytest_chaos.resources.lent import (
    Item,
    Items,
    is_out_of_reach,
    may_be_given_back_by_task,
    may_be_given_back_by_thread,
    older,
)
from pytest_chaos.resources.loops import Loops

_ASSIGNED = re.compile(r"\s*([A-Za-z_][\w.]*)\s*(?::[^=]+)?=[^=]")


@dataclasses.dataclass(frozen=True)
class HeldLock:
    """A lock that is held now.

    Attributes:
        name: The variable that holds it, as far as it is known.
        site: Where it was made, ``path:line in function``, as far as it is known.
        holder: Name of the thread that holds it, where the lock tells.
    """

    name: str
    site: str
    holder: str = ""

    def __str__(self) -> str:
        name = f" {self.name}" if self.name else ""
        site = f", made at {self.site}" if self.site else ""
        return f"lock{name}{site}{f', held by thread {self.holder!r}' if self.holder else ''}"


class Locks:
    """Locks that the project or the test made, and that were free before.

    Whose a held lock is tells not who made it, but when it was taken: what a wider fixture takes while it is set up is
    its own, everything else is the test's. Locks are followed from their making on, and cost nothing after that; those
    that are older are looked for once, in the variables of the project's modules.

    A lock that is held in every look until the grace is over is left, except if somebody may still give it back:

    - of a reentrant lock the thread that holds it is known; one that is alive, and not the thread that ran the test,
      may give it back;
    - a plain lock may be given back by any other live thread, and by any task that is not done, that stands inside a
      ``with`` of the project or the test, or in a function of theirs that calls ``acquire``;
    - a lock of asyncio may be given back by such a task;
    - a lock that only the variables of functions keep that have ended, of a traceback, stops nobody.

    Args:
        births: Who made what.
        loops: The loops in use, on which tasks may hold a lock.
        grace_s: How long locks may stay held, in seconds.
    """

    def __init__(self, births: Births, loops: Loops, grace_s: float = GRACE_S) -> None:
        self._births = births
        self._loops = loops
        self.grace_s = grace_s
        self._plain = Items(births)
        self._reentrant = Items(births, "Condition.__init__")
        self._async = Items(births, "Condition.__init__")
        self._taken: dict[Item, Birth] = {}  # by wider fixtures
        self._before_fixture: frozenset[Item] = frozenset()
        self._at_first: frozenset[Item] = frozenset()
        self._at_end: list[
            tuple[Item, Any, Leftover]
        ] = []  # of the body; with the lock, which keeps nothing else alive
        self._is_older_known = False
        self._undo: list[Callable[[], None]] = []

    def open(self) -> None:
        """Begin to see locks being made."""
        self._undo = [
            taps.hear_of_locks(self._plain.made),
            taps.hear_of_reentrant_locks(self._reentrant.made),
            taps.hear_of_async_locks(self._async.made),
        ]

    def close(self) -> None:
        """Take the taps out, and forget the locks."""
        while self._undo:
            self._undo.pop()()
        for items in (self._plain, self._reentrant, self._async):
            items.clear()
        self._taken.clear()
        self._before_fixture = self._at_first = frozenset()
        self._at_end.clear()
        self._is_older_known = False

    def snapshot(self) -> frozenset[Item]:
        """Return the locks that are held."""
        if not self._is_older_known:
            self._find_older()
        held = self._held()
        if self._taken:
            self._taken = {item: birth for item, birth in self._taken.items() if item in held}
        self._at_first = held
        self._at_end.clear()
        return held

    def body_ends(self) -> None:
        """Note which locks are held at the end of a body: they may go with the objects that they are in."""
        for item in self._held() - self._at_first:
            # Whoever may give it back is asked first, for it may have done so since.
            if item not in self._taken and self._is_left(item) and _is_held(item):
                self._at_end.append((item, item(), self._leftover(item)))

    def left(self, before: frozenset[Item], mine: Mine) -> list[Leftover]:
        """Return what was left."""
        noted, self._at_end = (self._at_end, []) if mine(None) else ([], self._at_end)
        kept = {item: told for item, _, told in noted if _is_held(item)}
        noted.clear()  # those that only this keeps are gone now
        held = [item for item in self._held() if item not in before and mine(self._taken.get(item))]
        held = poll(held, _is_held, self.grace_s)
        found = []
        if held:
            gc.collect()  # what only a cycle keeps stops nobody
            found = [item for item in held if self._is_left(item)]
        return [
            *(self._leftover(item) for item in found),
            *(dataclasses.replace(told, is_gone=True) for item, told in kept.items() if item not in found),
        ]

    def held(self) -> list[HeldLock]:
        """Return the locks of the project and the test that are held now; a thread of ours may ask, too."""
        found = []
        for item in self._held():
            lock = item()
            is_reentrant = isinstance(lock, compat.reentrant_lock_type())
            holder = _thread(compat.holder_of(lock)) if is_reentrant else None
            name, site = item.name or self._variable(item.birth), self._births.site(item.birth)
            if lock is not None and (name or site):
                found.append(HeldLock(name, site, holder.name if holder is not None else ""))
        return sorted(found, key=str)

    def _variable(self, birth: Birth | None) -> str:
        """Return the variable to which the line that made a lock gives it."""
        for code, offset in () if birth is None else birth.site:
            if self._births.provenance.of_file(code.co_filename) in ("project", "test"):
                line = linecache.getline(code.co_filename, stacks.line_at(code, offset))
                found = _ASSIGNED.match(line)
                return found[1] if found is not None else ""
        return ""

    def owner_changes(self, before: Owner, after: Owner) -> None:
        """Note what a wider fixture took while it was set up."""
        if not (is_fixture(before) or is_fixture(after)):
            return
        now = self._held()
        if is_fixture(before):
            for item in now - self._before_fixture:
                self._taken.setdefault(item, Birth(before, ()))
        self._before_fixture = now

    def _find_older(self) -> None:
        self._is_older_known = True
        plain, reentrant = compat.lock_type(), compat.reentrant_lock_type()
        for lock, name in older(self._births.provenance, (plain, reentrant, asyncio.Lock)):
            items = {plain: self._plain, reentrant: self._reentrant}.get(type(lock), self._async)
            items.found(lock, name)

    def _held(self) -> frozenset[Item]:
        held = []
        if self._plain:
            held += [item for item in self._plain if (lock := item()) is not None and lock.locked()]
        if self._reentrant:
            is_held = compat.is_reentrant_held
            held += [item for item in self._reentrant if (lock := item()) is not None and is_held(lock)]
        if self._async:
            is_locked = asyncio.Lock.locked  # whatever a class of the user's says
            held += [item for item in self._async if (lock := item()) is not None and is_locked(lock)]
        return frozenset(held)

    def _is_left(self, item: Item) -> bool:
        lock = item()
        if lock is None or is_out_of_reach(lock):
            return False
        provenance = self._births.provenance
        if isinstance(lock, asyncio.Lock):
            return not may_be_given_back_by_task(provenance, self._loops)
        if isinstance(lock, compat.reentrant_lock_type()):
            ident = compat.holder_of(lock)
            return ident == threading.get_ident() or _thread(ident) is None
        return not (may_be_given_back_by_thread(provenance) or may_be_given_back_by_task(provenance, self._loops))

    def _leftover(self, item: Item) -> Leftover:
        lock: Any = item()
        what, where = "held lock", ""
        if isinstance(lock, asyncio.Lock):
            what = "held asyncio lock"
        elif isinstance(lock, compat.reentrant_lock_type()):
            ident = compat.holder_of(lock)
            thread = _thread(ident)
            what = "held reentrant lock"
            where = f"; held by {f'thread {thread.name!r}' if thread is not None else 'a thread that has ended'}"
        name = item.name or self._variable(item.birth)
        if name:
            what += f" {name}"
        told = leftover(self._births, "lock", what, item.birth)
        taker = self._taken.get(item)
        taken = f", taken for {taker.owner.name}" if taker is not None else ""
        return dataclasses.replace(told, text=told.text + taken + where, variable=name)


def _is_held(item: Item) -> bool:
    lock: Any = item()
    if lock is None:
        return False
    if isinstance(lock, asyncio.Lock):
        return asyncio.Lock.locked(lock)  # whatever a class of the user's says
    return compat.is_reentrant_held(lock) if isinstance(lock, compat.reentrant_lock_type()) else bool(lock.locked())


def _thread(ident: int) -> threading.Thread | None:
    return next((thread for thread in threading.enumerate() if thread.ident == ident), None)
