"""Which mechanism fits an injection point; the only place that knows them all."""

from __future__ import annotations

from pytest_chaos.injector.aliases import AliasIndex
from pytest_chaos.injector.attribute import AttributeMechanism, Covered
from pytest_chaos.target import Point


def mechanism_for(point: Point, aliases: AliasIndex, covered: Covered) -> AttributeMechanism:
    """Return the mechanism that puts something in the way of calls at a point."""
    return AttributeMechanism(point, aliases, covered)
