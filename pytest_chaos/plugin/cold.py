"""Cold runs: a scenario whose call only the first run of its test in a process makes, for something remembers it.

The plain run has made the call, so in this process no fault can meet it any more. A fresh one meets the fault first and
then runs the test without it: only there it is seen whether a failure is remembered, too. This module says which
scenarios are such, and puts what a plain run was into plain values, with which the fresh process compares.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pytest_chaos.explorer import Scenario, is_random
from pytest_chaos.observation import Answer, Observation, Steady
from pytest_chaos.oracles.recovery import COSTS, recovery_trouble
from pytest_chaos.plan import Plain
from pytest_chaos.provenance import Place, Provenance
from pytest_chaos.resources.leftovers import Leftover
from pytest_chaos.trace import Sites, Trace

_SHAPES = frozenset({"all", "rule"})
"""Shapes of scenarios that wait for nothing that another one shows."""


def is_cold(scenario: Scenario, seen: Observation, plain: Plain | None) -> bool:
    """Tell whether a run went well without calls that were to fail, and that the plain run did make.

    Args:
        scenario: What was to go wrong.
        seen: What was seen of its run.
        plain: The plain run before it.
    """
    if plain is None or scenario.shape not in _SHAPES or not scenario.has_text or is_random(scenario.rules):
        return False
    if seen.fired or seen.children:
        return False
    trouble = recovery_trouble(seen)
    if trouble is not None and trouble.kind not in COSTS:
        return False
    points = {point for rule in seen.rules for point in rule.points}
    # Other lines may call the same point as before, or other dependencies by it: then the trigger picked none of those.
    if any(spot.point in points and spot.calls < spot.plain_calls for spot in seen.spots):
        return True
    is_called = any(rule.calls or rule.filtered for rule in seen.rules)
    return not (is_called or scenario.spares_driver) and any(plain.trace.count(one, with_driver=True) for one in points)


def told_plain(plain: Plain) -> dict[str, Any]:
    """Return what a plain run was, in values that JSON can hold; :func:`plain_of` reads it."""
    steady = plain.steady
    return {
        "calls": dict(steady.calls),
        "leftovers": [[one.kind, one.text, one.fingerprint, one.is_note] for one in steady.leftovers],
        "answers": [_told_answer(one) for one in steady.answers],
        "duration_s": steady.duration_s,
        "logged": _told_errors(steady.logged),
        "unhandled": _told_errors(steady.unhandled),
        "lines": [
            [point, place.path, place.line, place.function, count]
            for (point, place), count in plain.trace.shape().items()
        ],
    }


def _told_answer(one: Answer) -> dict[str, Any]:
    body = None if one.body is None else one.body.decode("latin-1")
    return {**dataclasses.asdict(one), "body": body}


def _answer(told: Mapping[str, Any]) -> Answer:
    headers = tuple((name, value) for name, value in told["headers"])
    body = None if told["body"] is None else told["body"].encode("latin-1")
    return Answer(**{**told, "headers": headers, "body": body})


def _told_errors(errors: Iterable[tuple[str, Place]]) -> list[list[Any]]:
    return [[error, place.path, place.line, place.function] for error, place in sorted(errors, key=str)]


def _errors(told: Iterable[list[Any]]) -> frozenset[tuple[str, Place]]:
    return frozenset((error, Place(*place)) for error, *place in told)


def plain_of(told: Mapping[str, Any], provenance: Provenance) -> Plain:
    """Return a plain run of another process, of which nobody can ask by which ways it made its calls."""
    steady = Steady(
        told["calls"],
        tuple(Leftover(*one) for one in told["leftovers"]),
        tuple(map(_answer, told["answers"])),
        told["duration_s"],
        logged=_errors(told["logged"]),
        unhandled=_errors(told["unhandled"]),
    )
    shape = {(point, Place(path, line, function)): count for point, path, line, function, count in told["lines"]}
    return Plain(steady, Trace.of(shape), None, Sites(provenance, lambda frame: (None, False)))


def after_it(seen: Observation, label: str) -> Observation:
    """Return a run without faults as one that came after a scenario, and before which the plain run had passed.

    Args:
        seen: The run.
        label: Of the scenario.
    """
    return replace(seen, fresh="before", polluter=label)
