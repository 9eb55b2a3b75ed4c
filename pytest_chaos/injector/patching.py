"""Patching: what puts test doubles in names while a body runs, and takes them away again.

Who patches remembers what stands there, and puts that back. So it is told of before, when ours can still step aside,
and after, when what stands there now can be followed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple, Protocol

from pytest_chaos import compat
from pytest_chaos.resources import tap


class Patching(NamedTuple):
    """A method that changes what stands in names.

    Attributes:
        owner: Its class.
        method: Its name.
        names: Returns the names, of attributes or of modules, given the arguments of a call.
        is_undo: Whether it puts back what stood there before.
    """

    owner: type
    method: str
    names: Callable[..., Iterable[object]]
    is_undo: bool = False


class NamesChange(Protocol):
    """Is told of names in which something else is about to stand; what it returns is called when that is so."""

    def __call__(self, names: Collection[str], /, *, is_undo: bool) -> Callable[[], None] | None: ...


def _of_mock(patch: Any, *exc_info: object) -> tuple[object]:
    return (patch.attribute,)


BY_MOCK: tuple[Patching, ...] = (
    ()
    if compat.MOCK_PATCH is None
    else (
        Patching(compat.MOCK_PATCH, "__enter__", _of_mock),
        Patching(compat.MOCK_PATCH, "__exit__", _of_mock, is_undo=True),
    )
)
"""What ``unittest.mock`` does, by whichever of its patchers."""


def heard(ways: Iterable[Patching], listener: NamesChange) -> Callable[[], None]:
    """Tell a listener whenever names are patched, and return what ends that.

    Args:
        ways: What patches.
        listener: Who is told.
    """
    return tap.all_of(*(tap.around(way.owner, way.method, _Hearer(way, listener)) for way in ways))


class _Hearer:
    def __init__(self, way: Patching, listener: NamesChange) -> None:
        self._way = way
        self._listener = listener

    def __call__(self, /, *args: Any, **named: Any) -> Callable[[], None] | None:
        names = {name for name in self._way.names(*args, **named) if isinstance(name, str)}
        return self._listener(names, is_undo=self._way.is_undo) if names else None
