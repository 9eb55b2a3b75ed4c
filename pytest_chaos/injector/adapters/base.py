"""What an adapter is: it stands at a factory, and reaches the objects that the factory hands out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from pytest_chaos.injector.aliases import AliasIndex
from pytest_chaos.injector.call import RealCall
from pytest_chaos.injector.sources import PassThrough
from pytest_chaos.provenance import Provenance
from pytest_chaos.target import Point

Made = Callable[[str, RealCall, Any], None]
"""Is told of each object that a factory hands out: the factory, ``module:name``, its call, and the object."""


def made_for_nobody(factory: str, call: RealCall, made: Any) -> None:
    """Hear of objects where nobody wants to know."""


class Reach(Protocol):
    """Puts a passage in the way of one method of all adapted objects."""

    def install(self, passage: PassThrough) -> None:
        """Put the passage in the way."""

    def remove(self) -> None:
        """Take it away. Harmless when done twice."""


class Adapter(Protocol):
    """Adapts the objects of one library. There is one per process, as there is one factory."""

    def hold(self, aliases: AliasIndex, provenance: Provenance | None = None, made: Made | None = None) -> None:
        """Stand at the factory: what it hands out from now on can be reached. Counted; see :meth:`release`.

        Args:
            aliases: The session's alias index.
            provenance: Tells whose calls may be disturbed, where the session is known.
            made: Is told of what it hands out, where somebody wants to know.
        """

    def release(self) -> None:
        """Undo one :meth:`hold`; with the last one everything is as before."""

    def reach(self, point: Point, aliases: AliasIndex) -> Reach:
        """Return what reaches one method."""
