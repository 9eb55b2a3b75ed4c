"""The ladder of verdicts: it can only worsen, and every step carries its evidence."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from pytest_chaos.errors import SpecificationError, near_misses


@functools.total_ordering
class Verdict(Enum):
    """How a run went, from best to worst."""

    RESILIENT = "resilient"
    DEGRADED = "degraded"
    INCONCLUSIVE = "inconclusive"
    ESCAPED = "escaped"
    CHANGED = "changed"
    STORM = "storm"
    LOST = "lost"
    LEAKED = "leaked"
    NOT_RECOVERED = "not recovered"
    WRONG_ERROR = "wrong error"
    HUNG = "hung"

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Verdict):
            return NotImplemented
        return _ORDER[self] < _ORDER[other]

    def __str__(self) -> str:
        return self.value

    @classmethod
    def from_word(cls, word: str) -> Verdict:
        """Return the verdict of a word; blanks may be written as hyphens.

        Raises:
            SpecificationError: There is none.
        """
        for verdict in cls:
            if verdict.value == word.replace("-", " "):
                return verdict
        words = [verdict.value for verdict in cls]
        raise SpecificationError(
            f"unknown verdict {word!r}", remedy=near_misses(word, words) or f"Verdicts are {', '.join(words)}."
        )


_ORDER = {verdict: rank for rank, verdict in enumerate(Verdict)}


@dataclass(frozen=True)
class Evidence:
    """One fact behind a verdict.

    Attributes:
        oracle: Which oracle saw it.
        kind: What sort of fact, such as ``thread`` or ``status``.
        text: The fact, in a sentence.
    """

    oracle: str
    kind: str
    text: str


@dataclass(frozen=True)
class Finding:
    """What one oracle has to say.

    Attributes:
        verdict: How bad it is; ``RESILIENT`` is a note.
        evidence: The fact.
        fails: Whether it fails the test.
    """

    verdict: Verdict
    evidence: Evidence
    fails: bool


@dataclass(frozen=True)
class Judgement:
    """The worst verdict of a run, with all evidence, the worst first."""

    verdict: Verdict
    fails: bool
    evidence: tuple[Evidence, ...]

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> Judgement:
        """Return the judgement that findings add up to."""
        ordered = sorted(findings, key=lambda finding: _ORDER[finding.verdict], reverse=True)
        if not ordered:
            return cls(Verdict.RESILIENT, False, ())
        return cls(
            verdict=ordered[0].verdict,
            fails=any(finding.fails for finding in ordered),
            evidence=tuple(finding.evidence for finding in ordered),
        )
