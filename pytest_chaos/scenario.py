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
        dependency: Name of the one dependency whose calls it means, such as ``api.example.com:443``; empty for all.
        below: Full name of the function of the project below which it means calls, such as ``shop.orders:Cart.pay``;
            empty for calls wherever they are made.

    Raises:
        SpecificationError: The chain is empty, a term before the last has no end, or ``below`` is no full name of one
            function.
    """

    target: Target
    chain: tuple[Term, ...]
    source: str = field(default="", compare=False)
    dependency: str = field(default="", kw_only=True)
    below: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if not self.chain:
            raise SpecificationError(f"rule for {self.target.text} has no fault")
        for term in self.chain[:-1]:
            if not term.trigger.is_finite:
                raise SpecificationError(
                    f"in a chain every term but the last needs a count: {term.fault.word!r} would never be used up",
                    remedy=f"Write a count, such as 2*{term.fault.word}.",
                )
        if self.below:
            check_function(self.below)

    @property
    def is_limited(self) -> bool:
        """Whether it means only some of the calls at its target: those to a dependency, or below a function."""
        return bool(self.dependency or self.below)

    @property
    def is_sure(self) -> bool:
        """Whether some fault of the chain must fire once enough calls are made; a limit is a filter."""
        return self.chain[0].trigger.is_sure and not self.is_limited

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
        return self.usable(targets.resolve(self.target))

    def usable(self, points: list[Point]) -> list[Point]:
        """Return those of some points on which every fault of the chain can act.

        Raises:
            SpecificationError: There are none, of at least one.
        """
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


def check_function(text: str) -> None:
    """Refuse what is not the full name of one function: ``module:Qual.name``, as its code and its globals give it.

    Raises:
        SpecificationError: It is not.
    """
    module, _, name = text.partition(":")
    if not (module and name):
        raise SpecificationError(
            f"the function after '@' must be named with its module, got {text!r}",
            remedy="Write 'package.module:Qual.name'.",
        )
    if "*" in text or "?" in text:
        raise SpecificationError(
            f"a rule acts below one function, and {text!r} is a glob", remedy="Write one rule for each function."
        )


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
