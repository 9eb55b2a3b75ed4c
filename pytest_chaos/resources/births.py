"""Who made what: on whose behalf, and in which frames."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType
from typing import Any, Literal

from pytest_chaos import compat
from pytest_chaos.provenance import Provenance
from pytest_chaos.resources import stacks

_SITE_DEPTH = 32  # frames of a creation site; deep enough to reach the project below a web framework

Scope = Literal["test", "function", "class", "module", "package", "session"]
_OWN_SCOPES: frozenset[Scope] = frozenset({"test", "function"})


@dataclass(frozen=True)
class Owner:
    """On whose behalf something is made: a test, or a fixture with its scope."""

    name: str
    scope: Scope

    @property
    def outlives_test(self) -> bool:
        """Whether what it owns is judged later than at the end of one test."""
        return self.scope not in _OWN_SCOPES


NOBODY = Owner("the session", "session")


class Birth:
    """How something came to be.

    Args:
        owner: On whose behalf.
        site: The frames that made it, innermost first: each one's code and the offset of its current instruction.
            They end with the first frame of the project.
    """

    __slots__ = ("owner", "site")

    def __init__(self, owner: Owner, site: tuple[tuple[CodeType, int], ...]) -> None:
        self.owner = owner
        self.site = site


Mine = Callable[[Birth | None], bool]
"""Tells whether what was born so is to be judged now; ``None`` for what nobody saw come."""


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
        owner: On whose behalf things are made now.
    """

    def __init__(self, provenance: Provenance) -> None:
        self.provenance = provenance
        self.owner: Owner = NOBODY
        self._births: weakref.WeakKeyDictionary[Any, Birth] = weakref.WeakKeyDictionary()

    def note(self, thing: Any, above: int = 1) -> None:
        """Remember that something is made now.

        Args:
            thing: Something that weak references can refer to.
            above: How many frames above the caller's the making began.
        """
        self._births[thing] = self.here(above + 1)

    def of(self, thing: Any) -> Birth | None:
        """Return the birth of something, or ``None`` if nobody saw it."""
        return self._births.get(thing)

    def here(self, above: int = 0) -> Birth:
        """Return the birth of something that is made now; see :meth:`note`."""
        provenance = self.provenance
        frame = compat.get_frame(above + 1)
        site: list[tuple[CodeType, int]] = []
        while frame is not None and len(site) < _SITE_DEPTH:
            code = frame.f_code
            site.append((code, frame.f_lasti))
            if provenance.of_file(code.co_filename) == "project":
                break
            frame = frame.f_back  # type: ignore[assignment]  # its end is tested above
        parent = self._births.get(threading.current_thread())
        # A thread that a wider fixture's thread starts belongs to that fixture, as its parent does.
        owner = parent.owner if parent is not None and parent.owner.outlives_test else self.owner
        return Birth(owner, tuple(site))

    def site(self, birth: Birth | None) -> str:
        """Return where something was made, ``path:line in function``, as the reader knows the place; or nothing."""
        if birth is None:
            return ""
        for wanted in ("project", "test", "installed"):
            for code, offset in birth.site:
                if self.provenance.of_file(code.co_filename) == wanted:
                    return stacks.place(code, stacks.line_at(code, offset), self.provenance)
        return ""
