"""What exploring has come to, over all tests, and under xdist over all workers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pytest_chaos.explorer import Tally
from pytest_chaos.plugin.candidates import CandidateCalls


@dataclass
class Explored:
    """What came of exploring one test.

    Attributes:
        tally: How much of what was planned was run.
        plan_lines: What ``--chaos-plan`` prints of it.
        is_cut_short: Whether something that was worth a run had none.
        matched: How many scenarios were foreseen that ``--chaos-only`` and ids let through.
        has_recovered: Whether the process is as before, as far as its recovery run tells.
    """

    tally: Tally = field(default_factory=Tally)
    plan_lines: list[str] = field(default_factory=list)
    is_cut_short: bool = False
    matched: int = 0
    has_recovered: bool = True
    plain_answers: set[tuple[str, int]] = field(default_factory=set)


class Ledger:
    """The sums.

    Attributes:
        tally: How much of what was planned was run by this process.
        tallies: The same, and those of the workers.
        plan_lines: What ``--chaos-plan`` prints.
        polluted: Tests that have not recovered from their scenarios in this process.
        matched: How many scenarios were foreseen that ``--chaos-only`` and ids let through.
        late_errors: What is wrong with targets in modules that were first imported by tests.
        candidates: What a sweep that nobody configured could name as targets; ``None`` where there was none.
        is_cut_short: Whether something that was worth a run had none.
        plain_answers: Kind and code of the answers of plain runs, while a contract is being proposed.
    """

    def __init__(self) -> None:
        self.tally = Tally()
        self.tallies = [self.tally]
        self.plan_lines: list[str] = []
        self.polluted: list[str] = []
        self.matched = 0
        self.late_errors: set[str] = set()
        self.candidates: CandidateCalls | None = None
        self.is_cut_short = False
        self.plain_answers: set[tuple[str, int]] = set()

    def add(self, test: str, explored: Explored) -> None:
        """Take in what came of exploring one test."""
        self.tally.include(explored.tally)
        self.plan_lines += explored.plan_lines
        self.matched += explored.matched
        self.plain_answers |= explored.plain_answers
        self.is_cut_short = self.is_cut_short or explored.is_cut_short
        if not explored.has_recovered:
            self.polluted.append(test)

    def spend(self, seconds: float) -> None:
        """Count time that went into planning."""
        self.tally.spend(seconds)

    def cut_short(self) -> None:
        """Note that something that was worth a run had none."""
        self.is_cut_short = True

    def leave_out(self, reason: str) -> None:
        """Count a test that is not explored."""
        self.tally.left_out[reason] += 1

    def counts_candidates(self) -> CandidateCalls:
        """Return where calls are counted that could be named as targets."""
        if self.candidates is None:
            self.candidates = CandidateCalls()
        return self.candidates

    def told(self) -> dict[str, Any]:
        """Return what a worker tells the controller, in plain values."""
        return {
            "tally": self.tally.as_record(),
            "matched": self.matched,
            "plan": self.plan_lines,
            "candidates": None if self.candidates is None else self.candidates.told(),
            "late errors": sorted(self.late_errors),
            "plain answers": sorted(map(list, self.plain_answers)),
        }

    def hear(self, told: dict[str, Any]) -> None:
        """Take in what a worker says; its tally is kept apart."""
        self.tallies.append(Tally.from_record(told["tally"]))
        self.matched += told["matched"]
        self.late_errors.update(told["late errors"])
        self.plain_answers.update((kind, status) for kind, status in told["plain answers"])
        self.plan_lines += told["plan"]
        if told["candidates"] is not None:
            self.counts_candidates().hear(told["candidates"])
