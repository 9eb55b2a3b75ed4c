"""Standing at the function of a library that hands its objects out."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from pytest_chaos.injector.aliases import AliasIndex
from pytest_chaos.injector.sources import PassThrough, Source, source_at
from pytest_chaos.provenance import Provenance
from pytest_chaos.target import Point, standing


class Factory:
    """Replaces a function for as long as anybody needs it.

    Attributes:
        provenance: Tells whose calls may be disturbed: the session's, or until that is known one that knows pytest.

    Args:
        module: Where the function stands.
        name: Its name.
        taker: What its calls go through then.
    """

    def __init__(self, module: ModuleType, name: str, taker: PassThrough) -> None:
        self._module = module
        self._name = name
        self._taker = taker
        self.provenance = Provenance(Path.cwd())
        self._holders = 0
        self._source: Source | None = None

    def hold(self, aliases: AliasIndex, provenance: Provenance | None = None) -> None:
        """Stand there. Counted; see :meth:`release`."""
        self.provenance = provenance or self.provenance
        if not self._holders:
            raw, inherited = standing(self._module, self._name)
            text = f"{self._module.__name__}:{self._name}"
            self._source = source_at(Point(text, self._module, self._name, raw, inherited, "function"), aliases, {})
        if self._source is not None:
            self._source.join(self._taker)
        self._holders += 1

    def release(self) -> None:
        """Undo one :meth:`hold`; with the last one the function is as before."""
        if self._source is not None and self._holders:
            self._holders -= 1
            self._source.leave(self._taker)
