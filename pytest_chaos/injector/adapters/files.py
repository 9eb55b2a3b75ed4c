"""Files: what ``open`` returns is handed out in a proxy, whose calls can be reached.

The proxy also stands around what a file gives away of itself: ``buffer``, ``raw`` and ``detach()``. Calls that C code
makes between these layers, such as the flush of a text file into its buffer, do not come past here.
"""

from __future__ import annotations

import builtins
import functools
import io
from collections.abc import Callable
from typing import Any

from pytest_chaos import compat
from pytest_chaos.faults.base import Kind
from pytest_chaos.injector.adapters.base import Made
from pytest_chaos.injector.adapters.factory import Factory
from pytest_chaos.injector.aliases import AliasIndex
from pytest_chaos.injector.proxies import RealCall, proxied
from pytest_chaos.injector.sources import PassThrough, through
from pytest_chaos.provenance import Provenance
from pytest_chaos.target import Point

_LAYERS = frozenset({"buffer", "raw", "detach"})
_METHODS = frozenset(
    name
    for cls in (io.FileIO, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.TextIOWrapper)
    for name in dir(cls)
    if not name.startswith("_") and callable(getattr(cls, name))
)


class _FileWatch:
    """What is watched of all files: one for all proxies, so that a rule reaches those made before it too."""

    def __init__(self) -> None:
        self.reaches: list[_FileReach] = []

    def watches(self, value: Any, name: str) -> bool:
        """Methods are watched even while no rule is there: ``csv`` takes ``write`` once, and calls it later."""
        return name in _METHODS or name in _LAYERS

    def acts_on(self, name: str) -> bool:
        """Tell whether a rule is there, or a layer is handed out."""
        return bool(self.reaches) or name in _LAYERS

    def call(self, name: str, kind: Kind, call: RealCall) -> Any:
        """Make a call through whoever stands in its way."""
        __tracebackhide__ = True
        wrapped, instance, args, kwargs = call
        if name in _LAYERS:
            return handed_out(wrapped(*args, **kwargs))
        for reach in self.reaches:
            if reach.name == name and isinstance(instance, reach.owner):
                wrapped = functools.partial(through, reach.passage, wrapped, instance)
        return wrapped(*args, **kwargs)

    def entered(self, value: Any) -> Any:
        """Entering a file gives the file."""
        return value


_WATCH = _FileWatch()


def handed_out(value: Any) -> Any:
    """Return a file in a proxy, and anything else as it is: an ``opener`` of the user's may return what it likes."""
    return proxied(value, _WATCH) if isinstance(value, io.IOBase) else value


def _open(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    __tracebackhide__ = True
    file = wrapped(*args, **kwargs)
    # What pytest opens for itself, such as the file behind its capture, is written to by the test's ``print``.
    return handed_out(file) if ADAPTER.provenance.is_disturbable(compat.get_frame(0)) else file


class _FileReach:
    """Watches one method."""

    def __init__(self, point: Point) -> None:
        self.owner = point.owner
        self.name = point.name
        self.passage: PassThrough

    def install(self, passage: PassThrough) -> None:
        """Put the passage in the way."""
        self.passage = passage
        _WATCH.reaches.append(self)

    def remove(self) -> None:
        """Take it away."""
        if self in _WATCH.reaches:
            _WATCH.reaches.remove(self)


class FilesAdapter(Factory):
    """Stands at ``open``, wherever it was copied to."""

    def __init__(self) -> None:
        super().__init__(builtins, "open", _open, adds_arguments=False)

    def hold(self, aliases: AliasIndex, provenance: Provenance | None = None, made: Made | None = None) -> None:
        """Stand there. Nobody is told of files: who hears of one may open another."""
        super().hold(aliases, provenance)

    def reach(self, point: Point, aliases: AliasIndex) -> _FileReach:
        """Return what reaches a method."""
        return _FileReach(point)


ADAPTER = FilesAdapter()
