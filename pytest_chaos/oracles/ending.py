"""Ending: with which error the test's body ended, and whether that is the fault, a declared error, or another one."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_chaos.observation import Failure, Observation
from pytest_chaos.oracles.base import failing, note
from pytest_chaos.verdict import Finding, Verdict


def judge_ending(seen: Observation) -> Iterator[Finding]:
    """Classify the failure of a fault test's body; the author's failure stays one."""
    if seen.teardown_error:
        yield note("ending", "teardown", f"the injected error came out of the teardown: {seen.teardown_error}")
    failure = seen.failure
    if failure is None or failure.is_release or seen.recovery:
        return
    if any(parked.was_released for parked in seen.parked):
        # What came after is the answer to our release, and says nothing about the fault.
        yield note("ending", "after-release", f"after a hang was released, the test ended with {failure.text}")
        return
    if not seen.fired:
        yield failing(
            Verdict.INCONCLUSIVE, "ending", "unrelated", f"the test failed before any fault fired: {failure.text}"
        )
        return
    verdict, kind = _classified(failure, seen.injected_errors)
    where = f" at {failure.place}" if failure.place else ""
    yield failing(verdict, "ending", kind, f"the test ended with {failure.text}{where}")


def _classified(failure: Failure, injected_errors: int) -> tuple[Verdict, str]:
    if failure.is_injected:
        return Verdict.ESCAPED, "injected-error"
    # A hang or a null raises nothing that could be named as the cause.
    if failure.is_declared and (failure.is_caused_by_fault or not injected_errors):
        return Verdict.ESCAPED, "declared-error"
    if failure.is_assertion:
        return Verdict.CHANGED, "assertion"
    if failure.is_declared:
        return Verdict.WRONG_ERROR, "lost-cause"
    return Verdict.WRONG_ERROR, "error-in-handler" if failure.is_caused_by_fault else "other-error"
