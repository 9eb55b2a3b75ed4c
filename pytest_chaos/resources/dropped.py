"""What the project opened and nobody closed: the interpreter did, when the last reference to it was gone.

Followed are sockets, children with their pipes, stream writers of asyncio, connections of sqlite3, and connections
that SQLAlchemy lends. Nothing is warned of and nothing closed here: it is only noted who opens one and who closes it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import os
import socket
import subprocess
import sys
import weakref
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from pytest_chaos import compat
from pytest_chaos.immutable import is_immutable
from pytest_chaos.provenance import frames_from
from pytest_chaos.resources import stacks, tap
from pytest_chaos.resources.births import Birth, Births, Mine
from pytest_chaos.resources.leftovers import LeftKind, Leftover, leftover

_MOST = 10_000  # things that are followed at once
_LOOK_PAST = ("stdlib", "generated", "passage", "chaos")
# What the standard library opens for itself, or for those who ask its pools.
_MACHINERY = tuple(f"{os.sep}{name}{os.sep}" for name in ("asyncio", "concurrent", "logging", "multiprocessing"))
_SQLALCHEMY = "sqlalchemy.pool.base"
_YOUNG = 1  # generation of the collector in which most cycles are


@dataclasses.dataclass(slots=True, eq=False)
class _Opened:
    """One thing that the project opened."""

    number: int
    what: str
    thing: weakref.ref[Any]
    birth: Birth
    lines: tuple[tuple[CodeType, int], ...]  # of the project, innermost first
    loop: asyncio.AbstractEventLoop | None  # without which nobody can close it
    is_over: bool = False  # closed by a call

    @property
    def is_gone(self) -> bool:
        """Whether nobody can close it any more."""
        return self.thing() is None or (self.loop is not None and self.loop.is_closed())

    def ends(self) -> None:
        """Note that a call closes it."""
        self.is_over = True


class Dropped:
    """Things that the project opens while an explored test runs, and that are gone without a call that closes them.

    Only what is opened and closed beneath calls of the test is followed, for only there a run under a fault can be held
    against the plain run. What one call of the project opens and closes again, as ``urlopen`` does, is the library's
    own affair.

    Args:
        births: Who made what.
        ended: Is told the kind and the birth of what is closed.
    """

    def __init__(self, births: Births, ended: Callable[[LeftKind, Birth], None]) -> None:
        self._births = births
        self._ended = ended
        self._known: dict[int, _Opened] = {}
        self._all: list[_Opened] = []
        self._number = 0
        self._followed: set[type] = set()
        self._undo: list[Callable[[], None]] = []

    def open(self) -> None:
        """Begin to see things being opened and closed."""
        self._undo = [
            tap.after(socket.socket, "__init__", lambda _, one, *args, **named: self.opened(one, "socket")),
            tap.after(subprocess.Popen, "__init__", lambda _, one, *args, **named: self._child_made(one)),
            tap.after(asyncio.StreamWriter, "__init__", lambda _, one, *args, **named: self._writer_made(one)),
            *(self._hear_of_end(socket.socket, name) for name in ("close", "detach")),
            *(self._hear_of_end(subprocess.Popen, name) for name in ("wait", "communicate", "kill", "terminate")),
            self._hear_of_end(asyncio.StreamWriter, "close"),
        ]
        if hasattr(asyncio.StreamWriter, "__del__"):  # which closes it, and so is told first
            self._undo.append(tap.before(asyncio.StreamWriter, "__del__", self._dies))

    def close(self) -> None:
        """Take the taps out, and forget what was opened."""
        while self._undo:
            self._undo.pop()()
        self._known.clear()
        self._all.clear()
        self._followed.clear()

    def snapshot(self) -> int:
        """Return the number of the next thing that is opened."""
        pool = getattr(sys.modules.get(_SQLALCHEMY), "Pool", None)
        if isinstance(pool, type) and pool not in self._followed:
            self._followed.add(pool)
            self._undo.append(tap.after(pool, "connect", lambda lent, *args, **named: self._lent(lent)))
        self._all = [one for one in self._all if not one.is_over and not one.is_gone]
        self._known = {id(thing): one for one in self._all if (thing := one.thing()) is not None}
        return self._number

    def left(self, before: int, mine: Mine) -> list[Leftover]:
        """Return what was dropped."""
        new = [one for one in self._all if one.number >= before and not one.is_over and mine(one.birth)]
        for generation in (_YOUNG, 2):  # what only a cycle keeps is dropped, too
            if not all(one.is_gone for one in new):
                gc.collect(generation)
        return [self._leftover(one) for one in new if one.is_gone and not one.is_over]

    # --- what is opened

    def opened(self, thing: Any, what: str) -> None:
        """Note something that is opened now, if the project does so with no library between.

        Args:
            thing: What is opened; weak references must be able to refer to it.
            what: What it is, in a word or two.
        """
        if self._births.tells_entries:
            frame = self._births.maker()
            self._note(thing, what, self._lines(frame), self._births.of(thing) or self._births.here(frame))

    def made_by(self, factory: str, made: Any) -> None:
        """Note an object that a factory has handed out, such as a connection to a database.

        Args:
            factory: Who has made it, ``module:name``.
            made: The object.
        """
        if factory == "sqlite3:connect" and self._births.tells_entries:
            for kind in reversed(type(made).__mro__):
                if hasattr(kind, "close") and kind not in self._followed and not is_immutable(kind):
                    self._followed.add(kind)
                    self._undo.append(self._hear_of_end(kind, "close"))
            self.opened(made, "connection of sqlite3")

    def _child_made(self, child: Any) -> None:
        self.opened(child, "child process with its pipes")

    def _writer_made(self, writer: Any) -> None:
        if not self._births.tells_entries:
            return
        frame = self._births.maker()
        lines = self._lines(frame, "asyncio")
        birth = self._births.here(frame)
        loop = compat.running_loop()
        if loop is None:
            return
        if not lines:  # by a task for which the project waits
            task = asyncio.current_task(loop)
            known = None if task is None else self._births.of(task)
            if known is None or not known.site or not self._births.is_projects(known.site[-1][0]):
                return
            birth, (code, offset) = known, known.site[-1]
            lines = ((code, stacks.line_at(code, offset)),)
        self._note(writer, "connection of asyncio", lines, birth, loop)

    def _lent(self, lent: Any) -> None:
        if not self._births.tells_entries:
            return
        kind = type(lent)
        if kind not in self._followed:
            self._followed.add(kind)
            names = [name for name in ("_checkin", "detach") if hasattr(kind, name)]
            self._undo += [self._hear_of_end(kind, name) for name in names]
        frame = self._births.maker()
        lines = self._lines(frame, "sqlalchemy")
        self._note(lent, "connection that SQLAlchemy lent", lines, self._births.here(frame))

    def _note(
        self,
        thing: Any,
        what: str,
        lines: tuple[tuple[CodeType, int], ...],
        birth: Birth,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not lines or birth.entry is None or birth.owner.outlives_test or len(self._all) >= _MOST:
            return
        one = _Opened(self._number, what, weakref.ref(thing), birth, lines, loop)
        self._number += 1
        self._known[id(thing)] = one
        self._all.append(one)

    def _lines(self, frame: FrameType | None, through: str = "") -> tuple[tuple[CodeType, int], ...]:
        """Return the lines of the project that open something, innermost first; none where somebody else does.

        Args:
            frame: Who opens it.
            through: A package that may stand between, such as ``sqlalchemy``.
        """
        of_file = self._births.provenance.of_file
        lines: list[tuple[CodeType, int]] = []
        for outer in frames_from(frame):
            code = outer.f_code
            origin = of_file(code.co_filename)
            if origin == "project":
                lines.append((code, outer.f_lineno))
            elif origin == "test" or code is compat.LOOP_CALLS:
                break
            elif not lines and not (through and f"{os.sep}{through}{os.sep}" in code.co_filename):
                is_machinery = origin == "stdlib" and any(name in code.co_filename for name in _MACHINERY)
                if is_machinery or origin not in _LOOK_PAST:
                    return ()
        return tuple(lines)

    # --- what is closed

    def _hear_of_end(self, owner: Any, name: str) -> Callable[[], None]:
        return tap.before(owner, name, lambda one, *args, **named: self._closes(one))

    def _closes(self, thing: Any) -> None:
        one = self._known.get(id(thing))
        if one is None or one.is_over or one.thing() is not thing:
            return
        one.ends()
        frame = self._births.provenance.first_project_frame(self._births.maker())
        if frame is None or (frame.f_code, frame.f_lineno) != one.lines[0]:
            self._ended("dropped-open", one.birth)

    def _dies(self, thing: Any) -> None:
        # In a cycle weak references do not tell any more which thing it is.
        one = self._known.get(id(thing))
        if one is not None and one.thing() in (thing, None):
            del self._known[id(thing)]

    def _leftover(self, one: _Opened) -> Leftover:
        provenance = self._births.provenance
        told = leftover(self._births, "dropped-open", one.what, one.birth, verb="opened")
        return dataclasses.replace(
            told,
            fingerprint=f"{told.fingerprint} {one.what}",
            opened_at=tuple(provenance.place(code, line) for code, line in one.lines),
        )
