"""What a kind of resource must offer so that the census can tell what is left of it."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from pytest_chaos.resources.births import Mine, Owner
from pytest_chaos.resources.leftovers import Leftover


class Kind(Protocol):
    """One kind of thing that can be left behind, such as threads or locks.

    Leftovers are told by identity, not by count or name: something that ends meanwhile cannot hide something that
    leaks. On the clean path nothing waits.
    """

    def open(self) -> None:
        """Begin to follow births. Called once before :meth:`close`."""

    def close(self) -> None:
        """Stop, and take every tap out."""

    def snapshot(self) -> Any:
        """Return what is there now, for :meth:`left`."""

    def left(self, before: Any, mine: Mine) -> list[Leftover]:
        """Return what came since a snapshot, is to be judged now, and does not end within the grace."""


class LoopKind(Kind, Protocol):
    """A kind that lives on event loops, and is gone without a word when one closes."""

    def loop_closes(self, loop: asyncio.AbstractEventLoop, *, is_projects: bool, by_hand: bool) -> None:
        """Look at a loop before it cancels what is left on it; :meth:`Kind.left` tells what was found.

        Args:
            loop: The loop; it does not run any more.
            is_projects: Whether the project runs it: extra turns would change what it does.
            by_hand: Whether ``close`` is all that ends it: then nothing is cancelled.
        """


class OwnedKind(Kind, Protocol):
    """A kind whose births nobody sees: what a wider fixture made is told by what appears while it is set up."""

    def owner_changes(self, before: Owner, after: Owner) -> None:
        """Look at what was made for one owner, before things begin to be made for another."""
