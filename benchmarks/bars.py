"""The bars of the design for calls and arming, and which figures miss them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

NEWEST = (3, 13)  # from here on a bare call is so cheap that the same nanoseconds are a higher ratio


class Bar(NamedTuple):
    """One bar.

    Attributes:
        text: What is measured.
        path: Where it stands among the figures.
        most: The most it may be.
        is_held: Whether CI holds it: it is a ratio, and kept with room to spare, also on a busy machine.
        slowness: For a time: where it stands how much slower the machine was than the one on which the bar was set.
            The bar is for the time divided by that.
    """

    text: str
    path: tuple[str, ...]
    most: float
    is_held: bool = True
    slowness: tuple[str, ...] = ()


def bars() -> list[Bar]:
    """Return the bars for the running interpreter."""
    most = 3.3 if sys.version_info >= NEWEST else 3.0
    slowness = ("arming", "10000", "slowness")
    planned = ("C function", "planned, nth=10**9", "x bare")
    return [
        Bar("function, armed and not firing, x bare", ("kinds", "function", "armed", "x bare"), most),
        Bar("method, armed and not firing, x bare", ("kinds", "method", "armed", "x bare"), most),
        Bar("function, armed and not firing, x wrapt", ("kinds", "function", "armed", "x wrapt"), 0.15),
        Bar("method, armed and not firing, x wrapt", ("kinds", "method", "armed", "x wrapt"), 0.15),
        Bar("C function, planned gate, x bare", planned, 2.0, is_held=False),
        Bar("a call that raises, us", ("firing", "raise", "us"), 5.0, False, ("firing", "slowness")),
        Bar("frames lost of a recursion limit of 1000", ("depth", "lost"), 3),
        Bar("arming 10,000 functions first, us each", ("arming", "10000", "first"), 15.0, False, slowness),
        Bar("putting 10,000 in place again, us each", ("arming", "10000", "in_place"), 0.5, False, slowness),
    ]


class Figure(NamedTuple):
    """What was measured for a bar.

    Attributes:
        value: What is held against it.
        measured: What was measured here: the same, but for a time.
    """

    value: float
    measured: float


def figure(figures: Mapping[str, Any], bar: Bar) -> Figure:
    """Return the figure that a bar is about."""
    measured = _found(figures, bar.path)
    return Figure(measured / _found(figures, bar.slowness) if bar.slowness else measured, measured)


def _found(figures: Mapping[str, Any], path: tuple[str, ...]) -> float:
    found: Any = figures
    for step in path:
        found = found[step]
    return float(found)
