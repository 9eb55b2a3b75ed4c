"""The ladder of verdicts: it can only worsen, and every step carries its evidence."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, replace
from enum import Enum
from typing import Any

from pytest_chaos.errors import SpecificationError, near_misses
from pytest_chaos.provenance import Place


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
_TELLS_NOTHING = frozenset({Verdict.RESILIENT, Verdict.DEGRADED, Verdict.INCONCLUSIVE})
"""Of the system: it went well, or it was not found out."""
_BESIDE = frozenset({"dropped-open"})
"""Kinds of evidence that any run may have, whatever else is to be said of it."""


@dataclass(frozen=True)
class Evidence:
    """One fact behind a verdict.

    An oracle of a third party says it in a sentence, ``text``, which is told as it is. Ours give facts, and reports
    make the sentence of them, by ``oracle`` and ``kind``.

    Attributes:
        oracle: Which oracle saw it.
        kind: What sort of fact, such as ``thread`` or ``status``.
        text: The fact in a sentence, if somebody has made one already.
        about: What was seen: a value of the observation, or one that the oracle made of several.
        place: The line that is to be looked at: which made what was left, at which an error came out, that calls again.
        point: The injection point, ``module:Qual.name``, where it is about one.
        call: Number of the call at that point, from 1; 0 where it is about none, or about several.
        fingerprint: What it has in common with the same leftover of another run.
    """

    oracle: str
    kind: str
    text: str = ""
    _: KW_ONLY
    about: Any = None
    place: Place | None = None
    point: str = ""
    call: int = 0
    fingerprint: str = ""


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
class FailOn:
    """Which verdicts fail a test.

    Attributes:
        verdicts: Those that the user named: whatever gives one of these fails.
        with_default: Whether what fails by itself fails as well.
    """

    verdicts: frozenset[Verdict] = frozenset()
    with_default: bool = True

    def may_fail(self, verdict: Verdict) -> bool:
        """Tell whether a verdict may fail a test, if it fails by default."""
        return self.with_default or verdict in self.verdicts

    def applied(self, finding: Finding) -> Finding:
        """Return a finding that fails if it is to."""
        fails = finding.verdict in self.verdicts or (self.with_default and finding.fails)
        return finding if fails is finding.fails else replace(finding, fails=fails)


@dataclass(frozen=True)
class Judgement:
    """What all oracles said of a run.

    Attributes:
        findings: All of it, the worst first.
    """

    findings: tuple[Finding, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst verdict."""
        return self.findings[0].verdict if self.findings else Verdict.RESILIENT

    @property
    def fails(self) -> bool:
        """Whether any of it fails the test."""
        return any(finding.fails for finding in self.findings)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The facts, in the same order."""
        return tuple(finding.evidence for finding in self.findings)

    @property
    def decisive(self) -> tuple[Finding, ...]:
        """What is worth a reader's time: all that fails, and all that gave the run its verdict.

        What only stands beside hides nothing: the verdict that the run has without it decides, too.
        """
        others = [finding.verdict for finding in self.findings if finding.evidence.kind not in _BESIDE]
        deciding = {self.verdict, *others[:1]} - _TELLS_NOTHING
        return tuple(finding for finding in self.findings if finding.fails or finding.verdict in deciding)

    def beside(self, other: Judgement) -> Judgement:
        """Return what two judgements come to together."""
        worse, better = sorted((self, other), key=lambda one: _ORDER[one.verdict], reverse=True)
        return Judgement.of((*worse.findings, *better.findings))

    def doubted(self, doubt: Evidence) -> Judgement:
        """Return a judgement that proves nothing any more; its evidence stays.

        Args:
            doubt: Why.
        """
        notes = [replace(finding, verdict=Verdict.RESILIENT, fails=False) for finding in self.findings]
        return Judgement.of([Finding(Verdict.INCONCLUSIVE, doubt, fails=False), *notes])

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> Judgement:
        """Return the judgement that findings add up to."""
        return cls(tuple(sorted(findings, key=lambda finding: _ORDER[finding.verdict], reverse=True)))
