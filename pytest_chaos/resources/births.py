"""Who made what: on whose behalf, and in which frames."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any, Literal, NamedTuple

from pytest_chaos import compat
from pytest_chaos.by_identity import ByIdentity
from pytest_chaos.provenance import Place, Provenance
from pytest_chaos.resources import stacks

_SITE_DEPTH = 32  # frames of a creation site; deep enough to reach the project below a web framework

Scope = Literal["test", "function", "class", "module", "package", "session"]
_OWN_SCOPES: frozenset[Scope] = frozenset({"test", "function"})


@dataclass(frozen=True)
class Owner:
    """On whose behalf something is made: a test, or a fixture with its scope.

    Attributes:
        name: As reports name it.
        scope: How long it lives.
        number: Tells fixtures of one name apart, and each time that a fixture is set up.
    """

    name: str
    scope: Scope
    number: int = 0

    @property
    def outlives_test(self) -> bool:
        """Whether what it owns is judged later than at the end of one test."""
        return self.scope not in _OWN_SCOPES


NOBODY = Owner("the session", "session")


class Entry(NamedTuple):
    """A call that the test makes, and in which everything beneath it happens.

    Attributes:
        file: The file of the test's outermost function.
        function: That function's qualified name.
        line: The line that calls.
        called: Qualified name of what is called.
    """

    file: str
    function: str
    line: int
    called: str


class Birth:
    """How something came to be.

    Args:
        owner: On whose behalf.
        site: The frames that made it, innermost first: each one's code and the offset of its current instruction.
            They end with the first frame of the project.
        entry: The test's call in which it was made, while such calls are told.
    """

    __slots__ = ("entry", "owner", "site")

    def __init__(self, owner: Owner, site: tuple[tuple[CodeType, int], ...], entry: Entry | None = None) -> None:
        self.owner = owner
        self.site = site
        self.entry = entry


Mine = Callable[[Birth | None], bool]
"""Tells whether what was born so is to be judged now; ``None`` for what nobody saw come."""


def is_fixture(owner: Owner) -> bool:
    """Tell whether an owner is a fixture that outlives the test."""
    return owner.outlives_test and owner is not NOBODY


def is_tests(birth: Birth | None) -> bool:
    """Tell whether something is judged at the end of the test: what a wider fixture made is its own."""
    return birth is None or not birth.owner.outlives_test


def is_of(owner: Owner) -> Mine:
    """Return what tells whether something was made on behalf of one owner."""
    return lambda birth: birth is not None and birth.owner == owner


class Births:
    """The births of a session, followed while chaos is on.

    Args:
        provenance: Tells which frames are the project's.

    Attributes:
        tells_entries: Whether births tell the test's call in which they happen.
    """

    def __init__(self, provenance: Provenance) -> None:
        self.provenance = provenance
        self._owner_changes: Callable[[Owner, Owner], None] | None = None
        self._owner: Owner = NOBODY
        # Goes with what is handed to an event loop, whichever thread that runs in.
        self._asker: ContextVar[Owner] = ContextVar("pytest_chaos_asker", default=NOBODY)
        self._births: ByIdentity[Birth] = ByIdentity()
        self.tells_entries = False

    @property
    def owner(self) -> Owner:
        """On whose behalf things are made now."""
        return self._owner

    def work_for(self, owner: Owner) -> Owner:
        """Say on whose behalf things are made from now on, and return on whose they were until now."""
        before, self._owner = self._owner, owner
        self._asker.set(owner)
        if self._owner_changes is not None:
            self._owner_changes(before, owner)
        return before

    def tell(self, owner_changes: Callable[[Owner, Owner], None] | None) -> None:
        """Tell somebody of the last owner and the next one each time that they change, or nobody any more."""
        self._owner_changes = owner_changes

    def tell_entries(self, *, tells: bool) -> None:
        """Say whether births are to tell the test's call in which they happen, until the contrary is said."""
        self.tells_entries = tells

    def note(self, thing: Any) -> Birth:
        """Remember that something is made now, and return how; weak references must be able to refer to it."""
        self._births[thing] = birth = self.here()
        return birth

    def of(self, thing: Any) -> Birth | None:
        """Return the birth of something, or ``None`` if nobody saw it."""
        return self._births.get(thing)

    def maker(self) -> FrameType | None:
        """Return the innermost frame that is neither ours, who hear of a birth, nor of the tap that tells."""
        of_file = self.provenance.of_file
        frame: FrameType | None = compat.get_frame(1)
        for ours in ("chaos", "passage"):
            while frame is not None and of_file(frame.f_code.co_filename) == ours:
                frame = frame.f_back
        return frame

    def here(self, frame: FrameType | None = None) -> Birth:
        """Return the birth of something that is made now.

        Args:
            frame: The innermost frame of its making, if not all that :meth:`maker` leaves.
        """
        provenance = self.provenance
        frame = frame or self.maker()
        site: list[tuple[CodeType, int]] = []
        while frame is not None and len(site) < _SITE_DEPTH:
            code = frame.f_code
            site.append((code, frame.f_lasti))
            if provenance.of_file(code.co_filename) == "project":
                break
            frame = frame.f_back
        entry = self.entry(frame) if self.tells_entries else None
        return Birth(self._owner_of_maker(), tuple(site), None if entry is None else entry[0])

    def entry(self, frame: FrameType | None = None) -> tuple[Entry, CodeType] | None:
        """Return the test's call in which code runs, with the code of the function that makes it.

        Args:
            frame: The innermost frame, if not all that :meth:`maker` leaves.

        Returns:
            ``None`` where none of the test's functions stands on the stack.
        """
        of_file = self.provenance.of_file
        found: FrameType | None = None
        called = inner = ""
        frame = frame or self.maker()
        while frame is not None:
            origin = of_file(frame.f_code.co_filename)
            if origin == "test":
                found, called = frame, inner
            elif origin == "pytest" and found is not None:
                break
            if origin not in ("passage", "chaos"):
                inner = frame.f_code.co_qualname
            frame = frame.f_back
        if found is None:
            return None
        code = found.f_code
        return Entry(code.co_filename, code.co_qualname, found.f_lineno, called), code

    def _owner_of_maker(self) -> Owner:
        """Return on whose behalf the running code makes something.

        What a wider fixture's thread or task starts belongs to that fixture, as its parent does. A loop that began
        with no fixture, as when a module was imported, serves whoever asks: there a task belongs to who asked for it.
        """
        loop = compat.running_loop()
        task = asyncio.current_task(loop) if loop is not None else None
        birth = self._births.get(task) if task is not None else None
        # A framework runs fixtures and bodies in a task of its own, which may have begun with a wider fixture.
        if birth is not None and birth.owner.outlives_test and self._is_own(birth):
            return birth.owner
        thread = self._births.get(threading.current_thread())
        if thread is None or not thread.owner.outlives_test:
            return self._owner
        return self._asker.get() if loop is not None and thread.owner is NOBODY else thread.owner

    def _is_own(self, birth: Birth) -> bool:
        return any(self.provenance.of_file(code.co_filename) in ("project", "test") for code, _ in birth.site)

    def is_projects(self, code: CodeType) -> bool:
        """Tell whether a function belongs to the project."""
        return self.provenance.of_file(code.co_filename) == "project"

    def is_tests_own(self, made_in: Iterable[CodeType]) -> bool:
        """Tell whether it was the test itself that made something, given the frames that did, innermost first."""
        origins = (self.provenance.of_file(code.co_filename) for code in made_in)
        return next((origin for origin in origins if origin in ("project", "installed", "test")), "") == "test"

    def place(self, birth: Birth | None) -> Place | None:
        """Return where something was made, as the reader knows the place; or ``None``."""
        if birth is None:
            return None
        for wanted in ("project", "test", "installed"):
            for code, offset in birth.site:
                if self.provenance.of_file(code.co_filename) == wanted:
                    return self.provenance.place(code, stacks.line_at(code, offset))
        return None

    def site(self, birth: Birth | None) -> str:
        """Return the same as a text, ``path:line in function``; or nothing."""
        place = self.place(birth)
        return "" if place is None else place.told
