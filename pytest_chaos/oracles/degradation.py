"""Degradation: while only what is optional fails, the test receives the plain answers, and the core is called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_chaos.contract import names
from pytest_chaos.observation import Failure, Observation
from pytest_chaos.oracles.base import call_of, failing, point_of
from pytest_chaos.oracles.lost import received
from pytest_chaos.verdict import Evidence, Finding, Verdict


@dataclass(frozen=True)
class NotOptional:
    """What a test received while only what is optional failed.

    Attributes:
        points: The injection points at which faults acted.
        received: Method and status of each answer, sorted.
        plain: The same of the plain run.
        failure: How the body ended, where it did not pass.
    """

    points: tuple[str, ...]
    received: tuple[tuple[str, int], ...]
    plain: tuple[tuple[str, int], ...]
    failure: Failure | None = None


@dataclass(frozen=True)
class CoreLeftOut:
    """A call of the core that was not made while only what is optional failed.

    Attributes:
        point: Its injection point.
        plain: How often the plain run called it.
        points: The injection points at which faults acted.
    """

    point: str
    plain: int
    points: tuple[str, ...]


def judge_degradation(seen: Observation) -> Iterator[Finding]:
    """Find what the failure of something optional has changed.

    Bodies are not compared: they hold ids and times that differ without any fault.
    """
    points = tuple(dict.fromkeys(activation.point for activation in seen.activations))
    contract, steady = seen.contract, seen.steady
    if not contract.optional or steady is None or seen.kind == "recovery" or not points:
        return
    if not all(names(contract.optional, point) for point in points):
        return
    if any(parked.was_released for parked in seen.parked):
        return  # what came after is the answer to our release
    mine, plain = tuple(sorted(received(seen.answers))), tuple(sorted(received(steady.answers)))
    if mine != plain or seen.failure is not None:
        place = next((way.reached for way in seen.absorptions if way.reached is not None), None)
        about = NotOptional(points, mine, plain, seen.failure)
        yield failing(
            Verdict.CHANGED, Evidence("degradation", "optional", about=about, place=place, point=point_of(seen))
        )
    for point, calls in steady.calls.items():
        if names(contract.core, point) and not any(spot.calls for spot in seen.spots if spot.point == point):
            left_out = CoreLeftOut(point, calls, points)
            place = next((spot.place for spot in seen.spots if spot.point == point), None)
            evidence = Evidence("degradation", "core", about=left_out, place=place, point=point, call=call_of(seen))
            yield failing(Verdict.CHANGED, evidence)
