"""A function whose answers are looked at before the caller gets them: a factory of connections, ``open``.

One replacement stands for all who are interested, in the order in which they came; the first puts it there and the
last takes it away. It is found again by what stands under the name, so a second rule joins the first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from pytest_chaos.injector.aliases import AliasIndex, holders_of
from pytest_chaos.injector.attribute import AttributeMechanism, Covered, Left, Wrapper, is_ours
from pytest_chaos.injector.closures import StandIn, StandIns
from pytest_chaos.injector.gate import Entries
from pytest_chaos.injector.passage import Passage
from pytest_chaos.target import Point, standing

PassThrough = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
"""What wrapt calls: with the wrapped callable, its instance, and the arguments. A :class:`Passage` is one."""


class Standing(AttributeMechanism):
    """A replacement of our own, which sees every call and its answer.

    Args:
        point: What to replace; what stands there now is what is called.
        aliases: The session's alias index.
        covered: Where replacements stand.
    """

    def __init__(self, point: Point, aliases: AliasIndex, covered: Covered) -> None:
        raw, inherited = standing(point.owner, point.name)
        # "Inherited" for a moment, for which no stand-in is made: that tells of calls on which a fault acts, and of
        # no others.
        super().__init__(replace(point, raw=raw, inherited=True), aliases, StandIns(), covered)
        self._point = replace(self._point, inherited=inherited)

    def stand(self, taker: PassThrough) -> None:
        """Put it in place, also over the replacement of a rule, wherever that stands."""
        self.install(taker)  # type: ignore[arg-type]  # wrapt calls any function as it calls a passage
        raw, done = self._point.raw, self._replaced[0]
        if is_ours(raw):
            for place in list(holders_of(raw)):
                self._replace(place.owner, place.name, raw, False, done.replacement)


class Source:
    """One replaced function, and who is interested in its calls.

    Args:
        point: Where the function stands.
        aliases: The session's alias index.
        covered: Where replacements stand.
    """

    def __init__(self, point: Point, aliases: AliasIndex, covered: Covered) -> None:
        self._point = point
        self._aliases = aliases
        self._covered = covered
        self._takers: list[PassThrough] = []
        self._standing: Standing | None = None

    @property
    def is_shadowed(self) -> bool:
        """Whether somebody replaced our replacement, and may yet put it back."""
        return self._standing is not None and self._standing.is_shadowed

    def stands_in(self, names: Collection[str]) -> bool:
        """Tell whether something is replaced that has one of these names."""
        return self._standing is not None and self._standing.stands_in(names)

    def join(self, taker: PassThrough) -> None:
        """Let calls go through a wrapper, outside those that joined before; the same one may join several times."""
        if not self._takers:
            self._standing = Standing(self._point, self._aliases, self._covered)
            self._standing.stand(self.pass_through)
        self._takers.append(taker)

    def leave(self, taker: PassThrough | None) -> None:
        """Take a wrapper away, or nothing: also then a place that was shadowed is tried again."""
        if taker is not None and taker in self._takers:
            self._takers.remove(taker)
        if not self._takers and self._standing is not None:
            self._standing.remove()

    def left_behind(self) -> list[Left]:
        """Return the places where somebody may yet put our replacement back, unless it is to stand there."""
        return self._standing.left_behind() if self._standing is not None and not self._takers else []

    def pass_through(self, wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make a call through all who joined; what wrapt calls."""
        __tracebackhide__ = True
        call = wrapped
        for taker in dict.fromkeys(self._takers):
            call = functools.partial(through, taker, call, instance)
        return call(*args, **kwargs)


def through(taker: PassThrough, wrapped: Any, instance: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Call by way of a wrapper: made a ``partial`` of, it is called in place of what is wrapped."""
    __tracebackhide__ = True
    return taker(wrapped, instance, args, kwargs)


def standing_at(point: Point) -> Source | None:
    """Return the source whose replacement stands at a point now, also below the replacement of a rule."""
    raw, _ = standing(point.owner, point.name)
    if isinstance(raw, property):
        raw = raw.fget
    elif isinstance(raw, functools.cached_property):
        raw = raw.func
    while issubclass(type(raw), Wrapper):
        source = getattr(raw._self_wrapper, "__self__", None)
        if isinstance(source, Source):
            return source
        raw = raw.__wrapped__
    return None


def source_at(point: Point, aliases: AliasIndex, covered: Covered) -> Source:
    """Return the source that stands at a point, or a new one."""
    return standing_at(point) or Source(replace(point, through=()), aliases, covered)


class JoiningMechanism:
    """A rule on a function itself, where a source may stand: then its passage joins, and nothing is replaced twice.

    Args:
        point: The function.
        alone: What replaces it where no source stands.
    """

    is_by_function = False

    def __init__(self, point: Point, alone: AttributeMechanism) -> None:
        self._point = point
        self._alone = alone
        self._source: Source | None = None
        self._passage: Passage | None = None

    @property
    def installed(self) -> bool:
        """Whether the passage is in place."""
        return self._passage is not None or self._alone.installed

    @property
    def is_shadowed(self) -> bool:
        """Whether somebody replaced the replacement, and may yet put it back."""
        return self._alone.is_shadowed or (self._source is not None and self._source.is_shadowed)

    def stands_in(self, names: Collection[str]) -> bool:
        """Tell whether something is replaced for it that has one of these names."""
        return self._alone.stands_in(names) or (self._source is not None and self._source.stands_in(names))

    @property
    def entries(self) -> Entries | None:
        """Where each thread and task finds the entry that it asks; a source asks over every call."""
        return self._alone.entries if self._passage is None else None

    @property
    def stand_in(self) -> StandIn | None:
        """What stands in for a C function and asks entries; under a source nothing does."""
        return self._alone.stand_in if self._passage is None else None

    def install(self, passage: Passage) -> None:
        """Put the passage in place."""
        # Looked up now and not when the rule was armed: what stands there changes as windows open and close.
        source = standing_at(self._point)
        if source is None:
            self._alone.install(passage)
        else:
            source.join(passage)
            self._source, self._passage = source, passage

    def remove(self) -> None:
        """Take the passage away. Harmless when done twice."""
        passage, self._passage = self._passage, None
        if self._source is not None:
            self._source.leave(passage)
        self._alone.remove()

    def fits(self) -> bool:
        """Tell that it belongs to one run: where replacements stand is known to that alone."""
        return False

    def left_behind(self) -> list[Left]:
        """Return the places where somebody may yet put our replacement back, and look after them no more."""
        return self._alone.left_behind() + (self._source.left_behind() if self._source is not None else [])
