"""Which mechanism fits an injection point; the only place that knows them all."""

from __future__ import annotations

from collections.abc import Collection
from types import FunctionType
from typing import Protocol

from pytest_chaos.injector.adapters.registry import AdapterMechanism
from pytest_chaos.injector.aliases import AliasIndex
from pytest_chaos.injector.attribute import AttributeMechanism, Covered, Left
from pytest_chaos.injector.closures import StandIn, StandIns
from pytest_chaos.injector.gate import Entries
from pytest_chaos.injector.importing import Imports
from pytest_chaos.injector.passage import Passage
from pytest_chaos.injector.patching import BY_MOCK, Patching
from pytest_chaos.injector.returned import ReturnedMechanism, Unwatched
from pytest_chaos.injector.sources import JoiningMechanism
from pytest_chaos.injector.splicing import SpliceMechanism, Twins, has_receiver
from pytest_chaos.target import Globs, Point, irreplaceable, unspliced


class Mechanism(Protocol):
    """Puts something in the way of the calls to one point, and takes it away again."""

    @property
    def installed(self) -> bool:
        """Whether it is in place."""

    @property
    def is_shadowed(self) -> bool:
        """Whether somebody replaced what we put there, and may yet put it back."""

    @property
    def is_by_function(self) -> bool:
        """Whether the function itself is changed, so that all points that lead to it are one."""

    @property
    def entries(self) -> Entries | None:
        """Where each thread and task finds the entry that it asks, or ``None`` if every call is decided."""

    @property
    def stand_in(self) -> StandIn | None:
        """What stands in for a C function and asks entries, or ``None``."""

    def stands_in(self, names: Collection[str]) -> bool:
        """Tell whether something is replaced that has one of these names."""

    def install(self, passage: Passage) -> None:
        """Put it in place, everywhere or, if that fails, nowhere."""

    def remove(self) -> None:
        """Take it away. Harmless when done twice."""

    def left_behind(self) -> list[Left]:
        """Return the places where somebody may yet put ours back, and look after them no more."""

    def fits(self) -> bool:
        """Tell whether it may be put in place in another run, too."""


class Armory:
    """What the injectors of a session share, so that it is made once.

    Args:
        can_splice: Whether code may be spliced where the interpreter allows it.
        patching: What puts test doubles in names while a body runs.

    Attributes:
        aliases: Who else holds a function.
        twins: The spliced code of Python functions, or ``None`` if none is spliced.
        stand_ins: What stands in for C functions.
        imports: Tells of modules that are imported while a glob is armed.
        unwatched: Answers of functions that cannot be watched.
        globs: The points of globs, looked up once.
        left: Places where somebody may yet put a replacement back that they found there in an earlier body.
    """

    def __init__(self, *, can_splice: bool = True, patching: tuple[Patching, ...] = BY_MOCK) -> None:
        self.patching = patching
        self.aliases = AliasIndex()
        self.twins = Twins() if can_splice else None
        self.stand_ins = StandIns()
        self.imports = Imports()
        self.unwatched = Unwatched()
        self.globs = Globs()
        self.left: list[Left] = []

    def tidy(self) -> None:
        """Put back what stood where a replacement of an earlier body has turned up again."""
        if self.left:
            self.left = [place for place in self.left if not place.put_back()]


def mechanism_for(point: Point, function: FunctionType | None, armory: Armory, covered: Covered) -> Mechanism:
    """Return the mechanism that puts something in the way of calls at a point.

    Args:
        point: The point.
        function: The Python function behind it, if there is one.
        armory: What the injectors of a session share.
        covered: Where replacements stand.

    Raises:
        TargetError: It stands on one instance whose attributes cannot be replaced, or has no name, and is not spliced.
    """
    if point.through:
        return ReturnedMechanism(point, armory.aliases, covered, armory.unwatched)
    if point.adapter:
        return AdapterMechanism(point, armory.aliases)
    if function is not None and armory.twins is not None and not (point.inherited and _is_inherited_static(point)):
        twin = armory.twins.twin_of(function)
        if twin is not None:
            return SpliceMechanism(function, twin, has_receiver(point))
    if point.is_nameless:
        raise unspliced(point.text)
    if not hasattr(point.owner, "__dict__"):
        raise irreplaceable(point.text, point.owner, point.name)
    return JoiningMechanism(point, AttributeMechanism(point, armory.aliases, armory.stand_ins, covered))


def _is_inherited_static(point: Point) -> bool:
    """Tell whether a static method of a base is meant on one child: it has no receiver to tell the child by."""
    return point.inherited and type(point.raw) is staticmethod
