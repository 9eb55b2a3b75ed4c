"""The specification: what goes wrong where and when; each value is checked when it is made."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from pytest_chaos import target as targets
from pytest_chaos.errors import SpecificationError, TargetError
from pytest_chaos.faults.base import Fault, Kind
from pytest_chaos.target import Point, Target
from pytest_chaos.triggers import ALWAYS, Trigger


@dataclass(frozen=True)
class Term:
    """One fault with its trigger; a chain of terms drains in order."""

    fault: Fault
    trigger: Trigger = ALWAYS


@dataclass(frozen=True)
class Rule:
    """What goes wrong where and when: a target and a chain of terms.

    Attributes:
        target: The injection points.
        chain: Terms; each but the last has a finite count, and a term's hits count from the call after the previous
            term drained.
        source: Where the rule was written, such as ``marker at tests/test_pay.py:14``. Not compared.

    Raises:
        SpecificationError: The chain is empty, or a term before the last has no end.
    """

    target: Target
    chain: tuple[Term, ...]
    source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not self.chain:
            raise SpecificationError(f"rule for {self.target.text} has no fault")
        for term in self.chain[:-1]:
            if not term.trigger.is_finite:
                raise SpecificationError(
                    f"in a chain every term but the last needs an end: {term.fault.word!r} never drains",
                    remedy=f"Write a count, such as 2*{term.fault.word}.",
                )

    @property
    def is_sure(self) -> bool:
        """Whether some fault of the chain must fire once enough calls are made."""
        return self.chain[0].trigger.is_sure

    @property
    def is_transient(self) -> bool:
        """Whether it acts on one call only, so that one that is made again gets its answer."""
        trigger = self.chain[0].trigger
        return len(self.chain) == 1 and (len(trigger.hits.numbers) == 1 or trigger.times == 1)

    def from_source(self, source: str) -> Rule:
        """Return the same rule with its place of writing."""
        return replace(self, source=source)

    @property
    def can_fire(self) -> bool:
        """Whether any term may ever fire; a rule whose rates are all 0 is the same as no rule."""
        return any(term.trigger.rate > 0 for term in self.chain)

    def checked(self) -> Rule:
        """Return the rule with its target in canonical form.

        Raises:
            SpecificationError: The target does not exist, or refuses one of the faults.
        """
        rule = replace(self, target=targets.check(self.target))
        if not rule.target.is_glob and (rule.target.is_object or rule.target.module in sys.modules):
            rule.points()
        return rule

    def points(self) -> list[Point]:
        """Return the injection points on which every fault of the chain can act.

        Raises:
            SpecificationError: There are none, though the target names some.
        """
        points = targets.resolve(self.target)
        if not points:
            return []
        # Asked once for each kind: a glob may name thousands of functions.
        refused = {kind for kind in {point.kind for point in points} if self._reason(kind)}
        usable = [point for point in points if point.through or point.kind not in refused] if refused else points
        if not usable:
            raise TargetError(self._refusal(points[0]))
        return usable

    def _refusal(self, point: Point) -> str:
        word, reason = self._reason(point.kind) or ("", "")
        article = "an" if point.kind.startswith("a") else "a"
        return f"{word} cannot act on {point.text}, {article} {point.kind}: {reason}"

    def _reason(self, kind: Kind) -> tuple[str, str] | None:
        """Return the word of a fault that cannot act on a kind, and why, or ``None`` if all can.

        Of what a function returns, ``through`` a point, the kind is known when it was returned; then this is asked.
        """
        for term in self.chain:
            reason = term.fault.refusal(kind)
            if reason:
                return term.fault.word, reason
        return None


def check_all(rules: Iterable[Rule]) -> tuple[list[Rule], list[SpecificationError]]:
    """Check every rule and return those in order, and the errors of all others."""
    good: list[Rule] = []
    errors: list[SpecificationError] = []
    for rule in rules:
        try:
            good.append(rule.checked())
        except SpecificationError as error:
            errors.append(error.at(rule.source))
    return good, errors
