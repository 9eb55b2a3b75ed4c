"""What a verdict makes of its test: one failure for each finding, and none for those that are accepted."""

from __future__ import annotations

from typing import Literal

from pytest_chaos.baseline import Baseline
from pytest_chaos.plugin.sharing import Shared
from pytest_chaos.report.record import Record

Outcome = Literal["failed", "known", "accepted", "passed"]
"""Of a result: it fails, another one has failed for the same, a baseline accepts all of it, or nothing fails."""


class Outcomes:
    """Decides which results fail.

    Args:
        baseline: The findings that are accepted.
        shared: What workers share, for one failure is enough of all of them.
        clones_fail: Whether each clone fails, whatever another one has told.
    """

    def __init__(self, baseline: Baseline, shared: Shared, *, clones_fail: bool = False) -> None:
        self._baseline = baseline
        self._shared = shared
        self._clones_fail = clones_fail
        self._told: set[str] = set()

    def are_known(self, ids: set[str]) -> bool:
        """Tell whether all of some findings were told by this process or are accepted: they need no second proof."""
        return all(id_ in self._told or id_ in self._baseline for id_ in ids)

    def settle(self, record: Record, *, is_clone: bool, is_excused: bool = False) -> Outcome:
        """Write into a record what is accepted of it, and what it makes of its test; and return the latter.

        Args:
            record: The record of the run.
            is_clone: Whether the run is one of ours, and not the test of its author.
            is_excused: Whether an xfail covers it, so that it tells nobody of what it has found.
        """
        for cause in record["causes"]:
            cause["accepted"] = cause["fails"] and cause["id"] in self._baseline
            cause["fails"] = cause["fails"] and not cause["accepted"]
        failing = [cause["id"] for cause in record["causes"] if cause["fails"]]
        outcome: Outcome = "passed"
        if record["fails"]:
            # Each of them is told by now, unless nothing fails for it.
            is_new = [True] if is_excused else [self._is_first(id_) for id_ in failing]
            if not failing:
                outcome = "accepted"
            elif is_clone and not self._clones_fail and not any(is_new):
                outcome = "known"
                record["known"] = failing[0]
            else:
                outcome = "failed"
        record["outcome"] = outcome
        return outcome

    def _is_first(self, id_: str) -> bool:
        if id_ in self._told:
            return False
        self._told.add(id_)
        return self._shared.take(("finding", id_))
