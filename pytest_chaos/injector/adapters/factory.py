"""Standing at the function of a library that hands its objects out."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from pytest_chaos.doubles import mock_behind
from pytest_chaos.injector.adapters.base import Made, made_for_nobody
from pytest_chaos.injector.aliases import AliasIndex
from pytest_chaos.injector.call import RealCall
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
        adds_arguments: Whether it is asked for objects of ours, with arguments that the caller did not write.
    """

    def __init__(self, module: ModuleType, name: str, taker: PassThrough, *, adds_arguments: bool) -> None:
        self._adds_arguments = adds_arguments
        self._module = module
        self._name = name
        self._text = f"{module.__name__}:{name}"
        self._taker = taker
        self._made: Made = made_for_nobody
        self.provenance = Provenance(Path.cwd())
        self._holders = 0
        self._source: Source | None = None

    def hold(self, aliases: AliasIndex, provenance: Provenance | None = None, made: Made | None = None) -> None:
        """Stand there. Counted; see :meth:`release`."""
        self.provenance = provenance or self.provenance
        self._made = made or self._made
        if not self._holders:
            self._source = self._new_source(aliases)
        if self._source is not None:
            self._source.join(self._take)
        self._holders += 1

    def _take(self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        made = self._taker(wrapped, instance, args, kwargs)
        self._made(self._text, RealCall(wrapped, args, kwargs), made)
        return made

    def _new_source(self, aliases: AliasIndex) -> Source | None:
        """Return what stands at the function, or nothing where a double does that knows no arguments of ours."""
        raw, inherited = standing(self._module, self._name)
        if self._adds_arguments and not self._is_librarys(raw):
            return None
        point = Point(self._text, self._module, self._name, raw, inherited, "function")
        return source_at(point, aliases, {})

    def _is_librarys(self, raw: Any) -> bool:
        if mock_behind(raw) is not None:
            return False
        function = inspect.unwrap(raw)
        home = getattr(function, "__module__", None) or ""
        return home.partition(".")[0].removeprefix("_") == self._module.__name__.partition(".")[0]

    def release(self) -> None:
        """Undo one :meth:`hold`; with the last one the function is as before."""
        if self._holders:
            self._holders -= 1
            if self._source is not None:
                self._source.leave(self._take)
            if not self._holders:
                self._made = made_for_nobody
