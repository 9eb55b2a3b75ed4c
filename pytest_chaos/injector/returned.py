"""Faults on what a call returned: from a function, by the names of a rule, to the call that is meant.

What a function returns is known when it has returned. So here, and not when the rule is checked, it is found out that
there is no such method: then the test's verdict is inconclusive, and nothing is raised into the system.
"""

from __future__ import annotations

import contextlib
import inspect
import types
from collections.abc import Callable, Collection, Iterator
from typing import Any

from pytest_chaos.errors import near_misses
from pytest_chaos.faults.base import Kind
from pytest_chaos.injector.adapters.registry import AdapterMechanism
from pytest_chaos.injector.aliases import AliasIndex
from pytest_chaos.injector.attribute import Covered, Left
from pytest_chaos.injector.call import AnyCall
from pytest_chaos.injector.gate import Entries
from pytest_chaos.injector.passage import Decision, Passage
from pytest_chaos.injector.proxies import RealCall, has_special, proxied
from pytest_chaos.injector.sources import Source, source_at
from pytest_chaos.injector.strike import Strike
from pytest_chaos.target import Point

# C code asks for these very types and reads their memory: a proxy would be no number, no text and no list to it.
_PLAIN = (
    int,
    float,
    complex,
    str,
    bytes,
    bytearray,
    memoryview,
    tuple,
    list,
    dict,
    set,
    frozenset,
    type,
    types.ModuleType,
    types.GeneratorType,
    types.AsyncGeneratorType,
    BaseException,
)
_MISSING = object()


class Unwatched:
    """Answers that cannot be watched, and who is told of them."""

    def __init__(self) -> None:
        self._hearers: list[Callable[[str], None]] = []

    @contextlib.contextmanager
    def told_to(self, hearer: Callable[[str], None]) -> Iterator[None]:
        """Tell somebody; the innermost one hears."""
        self._hearers.append(hearer)
        try:
            yield
        finally:
            self._hearers.remove(hearer)

    def tell(self, problem: str) -> None:
        """Tell of one, if anybody listens."""
        if self._hearers:
            self._hearers[-1](problem)


class _Trail:
    """The names of one rule, and where they lead.

    Attributes:
        passage: Where the call at the end passes, or ``None`` while no fault is there.
    """

    def __init__(self, point: Point, unwatched: Unwatched) -> None:
        self.point = point
        self.unwatched = unwatched
        self.passage: Passage | None = None
        self.legs = [_Leg(self, depth) for depth in range(len(point.through))]

    def begin(self, passage: Passage) -> None:
        """Let calls at its end go through a passage from now on."""
        self.passage = passage

    def end(self) -> None:
        """Let everything pass from now on, and say what was doubted all the time."""
        self.passage = None
        for leg in self.legs:
            leg.end()


class _Leg:
    """One name of a trail: what watches the values that have it."""

    def __init__(self, trail: _Trail, depth: int) -> None:
        self._trail = trail
        self._depth = depth
        self._name = trail.point.through[depth]
        self._is_met = False
        self._doubt = ""

    def watches(self, value: Any, name: str) -> bool:
        return name == self._name and self._trail.passage is not None

    def acts_on(self, name: str) -> bool:
        return self._trail.passage is not None

    def call(self, name: str, kind: Kind, call: RealCall) -> Any:
        __tracebackhide__ = True
        wrapped, instance, args, kwargs = call
        passage = self._trail.passage
        if passage is None:
            return wrapped(*args, **kwargs)
        if self._depth + 1 < len(self._trail.legs):
            return self._trail.legs[self._depth + 1].entered(wrapped(*args, **kwargs))
        return self._of_kind(passage, kind)(wrapped, instance, args, kwargs)

    def entered(self, value: Any) -> Any:
        """Return what the caller shall get for a value that was returned, awaited or entered to."""
        if value is None or self._trail.passage is None:
            return value
        if isinstance(value, types.CoroutineType):
            return self._awaited(value)
        if issubclass(type(value), _PLAIN):
            self._complain(f"{_a(value)}, on whose calls no fault can be put")
            return value
        if _has(value, self._name):
            self._is_met = True
            return proxied(value, self)
        meant = near_misses(self._name, dir(value))
        doubt = f"{_a(value)}, which has no {self._name!r}{meant and '. ' + meant}"
        if not _leads_on(value):
            self._complain(doubt)
            return value
        self._doubt = doubt  # until it is seen what it is awaited or entered to
        return proxied(value, self)

    def end(self) -> None:
        """Complain of values of which none ever led to one that has the name."""
        if self._doubt and not self._is_met:
            self._complain(self._doubt)

    def _awaited(self, coroutine: Any) -> Any:
        async def awaited() -> Any:
            __tracebackhide__ = True
            return self.entered(await coroutine)

        made: Any = awaited()
        made.__name__, made.__qualname__ = coroutine.__name__, coroutine.__qualname__
        return made

    def _of_kind(self, passage: Passage, kind: Kind) -> Passage:
        """Return a passage for calls of a kind that is known only now; a fault that cannot act on it does not."""
        decide = passage.decide

        def decide_as(
            place: Any, call: Callable[..., AnyCall], parts: tuple[Any, ...], entries: Entries | None
        ) -> Decision:
            strike = decide(place, call, parts, entries)
            if type(strike) is not Strike:
                return strike
            reason = strike.fault.refusal(kind)
            if reason:
                article = "an" if kind.startswith("a") else "a"
                strike.problem(
                    f"{strike.fault.word} cannot act on {self._trail.point.text}, {article} {kind}: {reason}"
                )
                strike.withdraw()
                return None
            strike.set_kind(kind)
            return strike

        return Passage(kind, decide_as, passage.place)

    def _complain(self, what: str) -> None:
        point = self._trail.point
        self._trail.unwatched.tell(f"target {point.text}: {point.called_before(self._depth)} returned {what}")


def _a(value: Any) -> str:
    name = type(value).__qualname__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _has(value: Any, name: str) -> bool:
    """Tell whether a value has an attribute, without reading it where that may run code."""
    return inspect.getattr_static(value, name, _MISSING) is not _MISSING or hasattr(type(value), "__getattr__")


def _leads_on(value: Any) -> bool:
    """Tell whether a value is awaited or entered for the one that is meant."""
    return any(has_special(value, name) for name in ("__await__", "__enter__", "__aenter__"))


class ReturnedMechanism:
    """Puts a passage in the way of a call on what a function returned.

    Args:
        point: The function, and the names that lead on from what it returned.
        aliases: The session's alias index.
        covered: Where replacements stand.
        unwatched: Is told of answers that cannot be watched.
    """

    is_by_function = False
    entries = None  # every call is decided: a value is watched by many, and a gate belongs to one
    stand_in = None

    def __init__(self, point: Point, aliases: AliasIndex, covered: Covered, unwatched: Unwatched) -> None:
        self._point = point
        self._aliases = aliases
        self._covered = covered
        self._trail = _Trail(point, unwatched)
        self._source: Source | None = None
        self._adapted = AdapterMechanism(point, aliases) if point.adapter else None

    @property
    def installed(self) -> bool:
        """Whether what the function returns is watched."""
        return self._trail.passage is not None

    @property
    def is_shadowed(self) -> bool:
        """Whether somebody replaced the replacement of the function, and may yet put it back."""
        return self._source is not None and self._source.is_shadowed

    def stands_in(self, names: Collection[str]) -> bool:
        """Tell whether something is replaced for it that has one of these names."""
        return self._source is not None and self._source.stands_in(names)

    def install(self, passage: Passage) -> None:
        """Watch what the function returns from now on."""
        if self._adapted is not None:
            self._adapted.install(self._take)
        else:
            self._source = source_at(self._point, self._aliases, self._covered)
            self._source.join(self._take)
        self._trail.begin(passage)

    def remove(self) -> None:
        """Let what was returned go its own way, and put the function back. Harmless when done twice."""
        self._trail.end()
        if self._adapted is not None:
            self._adapted.remove()
        if self._source is not None:
            self._source.leave(self._take)

    def fits(self) -> bool:
        """Tell that it belongs to one run: where replacements stand is known to that alone."""
        return False

    def left_behind(self) -> list[Left]:
        """Return the places where somebody may yet put our replacement back, and look after them no more."""
        return self._source.left_behind() if self._source is not None else []

    def _take(self, wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        return self._trail.legs[0].entered(wrapped(*args, **kwargs))
