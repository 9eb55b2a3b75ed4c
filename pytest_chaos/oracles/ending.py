"""Ending: with which error the test's body ended, and whether that is the fault, a declared error, or another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_chaos.faults.filling import DiskFull
from pytest_chaos.faults.instances import RaisingFault
from pytest_chaos.gaps import Gap
from pytest_chaos.observation import Failure, LastAnswer, Observation
from pytest_chaos.oracles.base import call_of, failing, note, point_of, reported
from pytest_chaos.oracles.table import in_table, is_off_table
from pytest_chaos.oracles.torn import has_torn_file
from pytest_chaos.verdict import Evidence, Finding, Verdict

_REVIEWED = frozenset({Verdict.DEGRADED, Verdict.ESCAPED, Verdict.CHANGED})
"""What an explored test may end with: its asserts were written for a world without faults."""
_UNTOUCHED = frozenset({"injected-error", "taken-outside"})
"""Kinds of errors that left the project as they were injected."""
_TRANSLATED = frozenset({"translated", "translated-cause-lost"})
"""Kinds of errors that the project made of them: no handler has missed those."""
_LAST_STATUS = 500
_OF_ANSWERS = frozenset({Verdict.DEGRADED, Verdict.ESCAPED, Verdict.CHANGED})
"""What a body may end with because of what a last resort has answered, and as what it handed on."""


@dataclass(frozen=True)
class CameOut:
    """An error that left the project where somebody could be expected to handle it.

    Attributes:
        failure: The error, or how the body ended if that was all that was seen of it.
        gap: Where it left.
        framework: Whose last resort it came to, or would have come to.
        answer: What that did about it; ``None`` where the test's client handed the error on instead.
    """

    failure: Failure
    gap: Gap
    framework: str = ""
    answer: LastAnswer | None = None

    @property
    def status(self) -> int | None:
        """The status code of the answer that somebody outside would get; ``None`` for no answer of HTTP."""
        if self.answer is not None:
            return self.answer.status
        return _LAST_STATUS if self.gap.text == "request" else None


def judge_ending(seen: Observation) -> Iterator[Finding]:
    """Classify the failure of the body; in a fault test the author's failure stays one."""
    if seen.kind == "recovery":
        return
    if seen.teardown_error:
        yield note(_evidence("teardown", seen.teardown_error, seen))
    if seen.teardown is not None and seen.fired:
        yield note(_evidence("teardown-failed", seen.teardown, seen))
    yield from _logged(seen)
    unhandled = unhandled_in(seen)
    yield from _said_of(unhandled, seen)
    failure = seen.failure
    if failure is None or failure.is_release or seen.recovery:
        return
    if any(parked.was_released for parked in seen.parked):
        # What came after is the answer to our release, and says nothing about the fault.
        yield note(_evidence("after-release", failure, seen))
        return
    if not seen.fired:
        say = reported if seen.is_compared else failing
        yield say(Verdict.INCONCLUSIVE, _evidence("unrelated", failure, seen))
        return
    if breaks_over_torn_file(seen):
        yield note(_evidence("after-torn-file", failure, seen))
        return
    verdict, kind = _compared(failure, seen) if seen.is_compared else _classified(failure, seen)
    if seen.is_compared and verdict in _OF_ANSWERS and unhandled:
        yield note(_evidence(kind, failure, seen))  # it is the answer of the last resort, or what that handed on
        return
    say = reported if seen.is_compared and verdict in _REVIEWED else failing
    yield say(verdict, _evidence(kind, failure, seen))


def unhandled_in(seen: Observation) -> tuple[CameOut, ...]:
    """Return the errors that nobody in the project handled, though somebody there could be expected to.

    That is those for which a framework's last resort answered, or else the one that a client of the test handed on.
    """
    if not seen.fired or any(parked.was_released for parked in seen.parked):
        return ()
    plain = frozenset() if seen.steady is None else seen.steady.unhandled
    found = tuple(
        CameOut(one.failure, one.gap, one.framework, one.answer)
        for one in seen.unhandled
        if (one.failure.error, one.gap.place) not in plain and (seen.is_compared or one.failure.is_caused_by_fault)
    )
    if found or not seen.is_compared or seen.failure is None or seen.failure.is_release or seen.recovery:
        return found
    _, kind = _compared(seen.failure, seen)
    gap = seen.failure.gap or next((way.gap for way in seen.absorptions if way.gap is not None), None)
    is_told = kind in _UNTOUCHED or (kind in _TRANSLATED and gap is not None and gap.kind == "left-entry-point")
    return (CameOut(seen.failure, gap, gap.framework),) if gap is not None and is_told else ()


def is_disallowed(about: CameOut, seen: Observation) -> bool:
    """Tell whether what somebody outside would get is a status that the contract does not allow for this."""
    if about.status is None:
        return False
    return not seen.contract.allows(about.status) or is_off_table(in_table(seen), "", about.status, seen)


def _said_of(unhandled: tuple[CameOut, ...], seen: Observation) -> Iterator[Finding]:
    told = {answer.status for answer in seen.answers if answer.is_to_driver and answer.kind == "http"}
    for one in unhandled:
        is_against = is_disallowed(one, seen)
        if is_against and one.status in told:
            continue  # that answer is told, with this
        kind = "unhandled" if one.gap.kind == "left-entry-point" else one.gap.kind
        point, call = point_of(seen), call_of(seen)
        evidence = Evidence("ending", kind, about=one, place=one.gap.place, point=point, call=call)
        is_without = one.answer is not None and one.answer.how in ("closed", "broken off")
        # In a fault test the author judges what the system makes of the answer of a service.
        is_to_system = bool(told) and one.answer is not None and one.status not in told
        if is_to_system and not seen.is_compared:
            continue
        if is_without or (is_against and not is_to_system):
            yield failing(Verdict.WRONG_ERROR, evidence)
        else:
            yield reported(Verdict.ESCAPED, evidence)


def _logged(seen: Observation) -> Iterator[Finding]:
    """Find errors that a framework's last resort took and logged, as if they had reached the test."""
    if seen.steady is None or not seen.fired or any(parked.was_released for parked in seen.parked):
        return
    for one in seen.logged:
        is_told = seen.failure is not None and (seen.failure.error, seen.failure.place) == (one.error, one.place)
        if not is_told and one.place is not None and (one.error, one.place) not in seen.steady.logged:
            kind = "unexpected-body" if one.is_over_body else "logged-error"
            yield failing(Verdict.WRONG_ERROR, _evidence(kind, one, seen))


def breaks_over_torn_file(seen: Observation) -> bool:
    """Tell whether the body ended with an error that nobody wrote, which came of a file that was left half written."""
    failure = seen.failure
    if failure is None or failure.is_release or not has_torn_file(seen):
        return False
    return _classified(failure, seen) == (Verdict.WRONG_ERROR, "other-error")


def _evidence(kind: str, ended: Failure | str, seen: Observation) -> Evidence:
    place = ended.place if isinstance(ended, Failure) else None
    return Evidence("ending", kind, about=ended, place=place, point=point_of(seen), call=call_of(seen))


def _classified(failure: Failure, seen: Observation) -> tuple[Verdict, str]:
    if failure.is_injected:
        return Verdict.ESCAPED, "injected-error"
    if failure.is_declared:
        # A hang or a null raises nothing that could be named as the cause.
        is_silent = not all(isinstance(activation.fault, RaisingFault | DiskFull) for activation in seen.activations)
        has_cause = failure.is_caused_by_fault or is_silent or not seen.injected_errors
        return Verdict.ESCAPED, "declared-error" if has_cause else "translated-cause-lost"
    if failure.is_assertion:
        return Verdict.CHANGED, "assertion"
    if failure.is_timeout and any(parked.was_given_up for parked in seen.parked):
        return Verdict.ESCAPED, "own-limit"
    if failure.is_meant:
        # Of an answer or a null that somebody did not like there is no error to be chained.
        has_cause = failure.is_caused_by_fault or not seen.injected_errors
        return Verdict.ESCAPED, "translated" if has_cause else "translated-cause-lost"
    if failure.is_in_test:
        return Verdict.CHANGED, "test-error"
    if failure.is_of_library and seen.absorptions and all(way.taker == "library" for way in seen.absorptions):
        return Verdict.ESCAPED, "translated"  # the library took it, and says so later in its own words
    if failure.is_over_body:
        return Verdict.WRONG_ERROR, "unexpected-body"
    return Verdict.WRONG_ERROR, "error-in-handler" if failure.is_caused_by_fault else "other-error"


def _compared(failure: Failure, seen: Observation) -> tuple[Verdict, str]:
    """Classify by what the plain run did: an error answer that is allowed explains what the test made of it."""
    verdict, kind = _classified(failure, seen)
    if verdict is Verdict.CHANGED and has_allowed_error(seen):
        return Verdict.DEGRADED, "allowed-answer"
    if verdict is Verdict.CHANGED and (
        failure.is_caused_by_fault or any(way.taker == "outside" for way in seen.absorptions)
    ):
        return Verdict.ESCAPED, "taken-outside"  # the test, or a client of its own, was given the injected error
    if verdict is Verdict.CHANGED and _is_answered(seen):
        return verdict, "answered"
    return verdict, "no-cause" if kind == "other-error" else kind


def _is_answered(seen: Observation) -> bool:
    """Tell whether somebody has decided on another answer: who makes an error of his own of the injected one, or asks
    whether a file is there, or writes a warning.
    """
    ways = seen.absorptions
    is_logged = seen.loud_logs and all(way.taker in ("project", "library") for way in ways)
    is_meant = all(
        (way.taker in ("project", "library") and way.does == "raises")
        or (way.taker == "project" and way.is_for_absence)
        for way in ways
    )
    return bool(ways and (is_logged or is_meant))


def has_allowed_error(seen: Observation) -> bool:
    """Tell whether the test received an error answer that the contract allows and the plain run did not have."""
    wanted = in_table(seen)
    if (seen.contract.status is None and not wanted) or seen.steady is None:
        return False
    plain = {(answer.request, answer.status) for answer in seen.steady.answers}
    return any(
        answer.is_to_driver
        and answer.status >= 400
        and answer.kind == "http"
        and seen.contract.allows(answer.status)
        and (not wanted or answer.status in wanted.values())
        and (answer.request, answer.status) not in plain
        for answer in seen.answers
    )
