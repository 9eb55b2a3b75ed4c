"""Evidence -> one sentence for people: the only place where the facts of an oracle become words.

Each oracle and kind of ours has a function here, from what the evidence is about to its sentence. What an oracle of a
third party says is told as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pytest_chaos.absorption import Absorption
from pytest_chaos.contract import GRPC_CODES
from pytest_chaos.observation import Answer, Failure, ParkedSeen, SpotSeen
from pytest_chaos.oracles.bodies import WrongBody
from pytest_chaos.oracles.deadline import Late
from pytest_chaos.oracles.degradation import CoreLeftOut, NotOptional
from pytest_chaos.oracles.effects import Doubled
from pytest_chaos.oracles.ending import CameOut
from pytest_chaos.oracles.error_codes import Disallowed
from pytest_chaos.oracles.exercised import Cold, NeverFired, Unconfirmed, Unstable
from pytest_chaos.oracles.forwarding import Forwarded
from pytest_chaos.oracles.insides import Inside, OtherType
from pytest_chaos.oracles.leaks import KINDS as LEFT_KINDS
from pytest_chaos.oracles.leaks import CutOff, NotCleanedUp, PreExisting
from pytest_chaos.oracles.lost import KINDS as LOST_KINDS
from pytest_chaos.oracles.lost import Swallowed
from pytest_chaos.oracles.recovery import NotAsBefore, Polluted, Trouble
from pytest_chaos.oracles.same_answer import OtherAnswers
from pytest_chaos.oracles.storm import Amplified
from pytest_chaos.oracles.torn import TornFile
from pytest_chaos.provenance import Place
from pytest_chaos.resources.files import FileSeen
from pytest_chaos.resources.leftovers import Leftover
from pytest_chaos.resources.standstill import StandstillSeen
from pytest_chaos.verdict import Evidence

_MOST_PASSED = 6  # names of passed functions in a text
_RAISE_BUDGET = "might still have ended it; raise the budget (--chaos-hang-budget)"


def told(evidence: Evidence) -> str:
    """Return the sentence of some evidence."""
    if evidence.text:
        return evidence.text
    make = SENTENCES.get((evidence.oracle, evidence.kind))
    return evidence.kind if make is None or evidence.about is None else make(evidence.about)


def told_way(way: Absorption) -> str:
    """Return one line that tells the way of an injected error."""
    steps = [f"raised in {way.point}" if way.point else "raised"]
    if way.passed:
        names = list(way.passed)
        if len(names) > _MOST_PASSED:
            left_out = len(names) - _MOST_PASSED + 1
            names[3 : 3 + left_out] = [f"{left_out} more"]
        steps.append(f"passed {', '.join(names)}")
    steps.append(_end(way))
    return " → ".join(steps)


def _end(way: Absorption) -> str:
    at = f" ({way.place})" if way.place else ""
    match way.end:
        case "task" | "future":
            return f"stored in {way.end}{at}"
        case "thread":
            return f"uncaught in thread{at}"
        case "event loop":
            return f"left to the event loop's exception handler{at}"
        case "C code":
            return f"swallowed by C code above {way.place}" if way.place else "swallowed by C code"
        case "probe":
            return "seen by chaos.recovers as not recovered yet"
        case "escaped":
            return "escaped to the test"
        case "unseen":
            return "gone without a trace"
    return f"caught in {way.place or ''}" + (f" ({way.clause})" if way.clause else "")


# --- exercised


def _never_fired(about: NeverFired) -> str:
    rule = about.rule
    return f"rule never fired: {rule.text}{f' ({rule.source})' if rule.source else ''}: {_reason(about)}"


def _reason(about: NeverFired) -> str:
    rule = about.rule
    calls = "1 matching call" if rule.calls == 1 else f"{rule.calls} matching calls"
    match about.reason:
        case "matched nothing":
            return "its target matched nothing"
        case "shadowed":
            return f"{calls}, but another rule acted on those that its trigger picked"
        case "passed":
            return f"{calls}, but those that its trigger picked {rule.why_passed}"
        case "not picked":
            return f"{calls}, but its trigger picked none"
        case "refused":
            return f"its filters excluded {'the only call' if rule.filtered == 1 else f'all {rule.filtered} calls'}"
        case "in a child":
            children = ", ".join(map(str, about.children))
            return f"the test never called it in this process; it may have called it in child process {children}"
        case "not again":
            return "the plain run called it, but this run did not: a result is cached, or calls differ from run to run"
        case "out of reach":
            return f"the test never called it by name; only the name is patched, and not in {', '.join(rule.unreached)}"
    return "the test never called it"


def _unstable(about: Unstable) -> str:
    if about.verdict is None:
        return "unstable: the test also fails in a fresh process, without any fault"
    return f"unstable: {about.verdict} did not occur again when the same faults were injected a second time"


def _unconfirmed(about: Unconfirmed) -> str:
    return f"not confirmed: {about.verdict}, but the budget was used up before it could be run again"


def _cold(about: Cold) -> str:
    points = ", ".join(about.points)
    return f"only the first run in a process calls {points}, so the scenario was run in a fresh process"


# --- hang


def _standstill(about: StandstillSeen) -> str:
    return "\n  ".join((about.text, *about.lines))


def _hang(about: ParkedSeen | Failure) -> str:
    if isinstance(about, Failure):
        return f"the test itself was still waiting when the hang was released: {about.text}"
    return _parked(about) + "".join(f"\n  waiting: {wait}" for wait in about.waits)


def _parked(about: ParkedSeen) -> str:
    return f"{about.activation.label} in thread {about.thread!r}: {_why_parked(about)}"


def _why_parked(about: ParkedSeen) -> str:
    if about.outcome == "abandoned" and about.was_closing:
        return "the event loop that ran it in a worker thread was being closed"
    if about.outcome == "abandoned":
        return "the test went on without it, and it was still hanging"
    limit, timed = about.limit, about.timed
    why = f"nothing ended it within the hang budget of {about.budget_s:g} s"
    if limit is not None and limit.seconds is not None:
        why = f"its own {limit.parameter} of {limit.seconds:g} s {_RAISE_BUDGET}"
    elif timed is not None:
        why = f"a timed wait at {timed.told} {_RAISE_BUDGET}"
    elif about.meaning:
        why = f"proved: {about.meaning}"
    if about.without is not None:
        why += f"; called without a {'limit' if limit is None else limit.parameter} at {about.without.told}"
    if about.still_at is not None:
        places = " < ".join(place.told for place in about.still_at) or "an unknown place"
        why += f"; after its release the test still waited and was interrupted, at {places}"
    return why


def _blocked_loop(about: ParkedSeen) -> str:
    return f"{about.activation.label} blocked the event loop of thread {about.thread!r}"


# --- error codes, ending


def _status(about: Disallowed) -> str:
    allowed = ", ".join(map(str, about.allowed))
    answered = f"{about.answer.request} was answered {about.answer.status}"
    if about.unhandled is not None:
        answered += f" by {about.unhandled.framework}'s last resort, for {about.unhandled.failure.error}"
    if about.errors:
        return f"{answered}; the contract's table wants {allowed} for {' and '.join(about.errors)}"
    return f"{answered}; the contract allows {allowed}"


def _code(about: Disallowed) -> str:
    allowed = ", ".join(map(str, about.allowed))
    return f"{about.answer.request} ended with {code_of(about.answer)}; the contract allows {allowed}"


def code_of(answer: Answer) -> str:
    """Return what an answer that is none of HTTP ended with."""
    if answer.kind == "grpc":
        is_known = 0 <= answer.status < len(GRPC_CODES)
        return GRPC_CODES[answer.status] if is_known else f"code {answer.status}"
    return f"exit code {answer.status}"


def _body(about: WrongBody) -> str:
    answer = about.answer
    begins = f": {about.excerpt}" if about.excerpt else ""
    return f"{answer.request} was answered {answer.status} with a body outside the contract, {about.why}{begins}"


def _late(about: Late) -> str:
    what = "the test's body" if about.answer is None else about.answer.request
    took = f"{what} took {about.took_s:.3g} s"
    if about.spared_s:
        took += f", without {about.spared_s:g} s of waits whose end was raised at once"
    return f"{took}; the contract gives it {about.deadline_s:g} s"


def _doubled(about: Doubled) -> str:
    return f"{about.point} was really called {_times(about.happened)}, and {_times(about.plain)} in the plain run"


def _not_optional(about: NotOptional) -> str:
    told = f"the test ended with {_with_place(about.failure)}" if about.failure is not None else ""
    if about.received != about.plain:
        answers = f"the test received {_answers(about.received)} instead of {_answers(about.plain)}"
        told = f"{answers}, and {told}" if told else answers
    return f"only {' and '.join(about.points)} failed, which is optional: {told}"


def _answers(answers: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(f"{method} {status}" for method, status in answers) or "no answer"


def _core(about: CoreLeftOut) -> str:
    only = f"only {' and '.join(about.points)} failed, which is optional"
    return f"{only}: {about.point} was not called ({_times(about.plain)} in the plain run)"


def _inside(about: Inside) -> str:
    answer = about.answer
    return f"{answer.request} was answered {answer.status} with {about.shown} in the body: {about.excerpt}"


def _forwarded(about: Forwarded) -> str:
    answer = about.answer
    of = f"what {about.point} was answered" if about.point else "what a dependency answered"
    return f"{answer.request} was answered {answer.status} with the very body of {of}"


def _other_type(about: OtherType) -> str:
    answer = about.answer
    return f"{answer.request} was answered {answer.status} as {about.said}, which the body is not: {about.excerpt}"


def _ended(about: Failure) -> str:
    return f"the test ended with {_with_place(about)}"


def _without_cause(about: Failure) -> str:
    return f"{_ended(about)}; the injected error is not in its chain of causes"


def _taken_outside(about: Failure) -> str:
    return f"the injected error left the project, and the test or its client took it; {_ended(about)}"


def _missed(about: CameOut) -> str:
    return f"{about.gap.text} at {about.gap.place.told} does not take this error; {_ended(about.failure)}"


def _unhandled(about: CameOut) -> str:
    nobody = f"no handler of the project took {about.failure.text}"
    if about.answer is not None:
        did = {
            "answered": f"answered {about.answer.status}",
            "failed": f"let the {about.gap.text} fail",
            "closed": "closed the connection without an answer",
            "broken off": "broke off the answer that had begun",
        }[about.answer.how]
        return f"{nobody}; the last resort of {about.framework} {did}"
    if about.status is not None:
        return f"{nobody}; {about.framework} would answer {about.status}, and the test's client handed it on"
    return f"{nobody}; it ended the {about.gap.text}"


def _logged(about: Failure) -> str:
    return f"a framework took and logged an error that nobody wrote: {_with_place(about)}"


def _unexpected_body(about: Failure) -> str:
    return f"the body of the answer was read as if the request had succeeded: {_with_place(about)}"


def _unrelated(about: Failure) -> str:
    return f"the test failed before any fault fired: {about.text}"


def _after_release(about: Failure) -> str:
    return f"after a hang was released, the test ended with {about.text}"


def _after_torn_file(about: Failure) -> str:
    return f"over the file that was left half written, {_ended(about)}"


def _out_of_teardown(about: str) -> str:
    return f"the teardown raised the injected error: {about}"


def _teardown_failed(about: Failure) -> str:
    return f"the teardown failed with {_with_place(about)}"


def _with_place(failure: Failure) -> str:
    return f"{failure.text} at {failure.place.told}" if failure.place else failure.text


# --- recovery


def _not_as_before(about: NotAsBefore) -> str:
    trouble = _trouble(about.trouble)
    if about.is_by_chance:
        return f"unstable: {trouble}, and not so in a fresh process, whichever of the scenarios ran there before"
    match about.fresh:
        case "passes" | "before":
            after = about.polluter or "the scenarios of this test"
            else_ = "in a fresh process it does not" if about.fresh == "passes" else "in the plain run it did not"
            return f"after {after}, with all faults lifted, {trouble}; {else_}"
        case "unsteady":
            return f"unstable: {trouble}, but not when it was run again"
        case "fails" | "varies":
            run = "first" if about.fresh == "fails" else "second"
            return f"unstable: {trouble}; so it does without any fault, in the {run} run of a fresh process"
    return f"{trouble}; whether the faults caused this is unknown: no fresh process could be used to check"


def _remembers(about: NotAsBefore) -> str:
    return f"{_trouble(about.trouble)}; this also happens without any fault, from the second run on"


def _trouble(trouble: Trouble) -> str:
    about = trouble.about
    if isinstance(about, StandstillSeen):
        return about.text
    if isinstance(about, Failure):
        return f"the test fails with {_with_place(about)}"
    if isinstance(about, SpotSeen):
        return f"{about.place} calls {about.point} {_times(about.calls)} instead of {about.plain_calls}"
    return f"the teardown fails with {about}"


def _polluted(about: Polluted) -> str:
    if about.polluter:
        return f"this process has not recovered from an earlier scenario: {about.polluter}"
    return "later scenarios of this test ran in a process that had not recovered"


# --- lost, same answer, storm


def _swallowed(about: Swallowed) -> str:
    what = "which does nothing about it"
    if about.way.is_broad:
        what = "which takes every error and does nothing about it"
    elif not about.way.does:
        what = "and nobody raised it again"
    return f"{told_way(about.way)}, {what}; {_unnoticed(about)}"


def _quiet_fallback(about: Swallowed) -> str:
    return f"{told_way(about.way)}, which takes every error; {_unnoticed(about)}"


def _unnoticed(about: Swallowed) -> str:
    differs = "what came out is not what the plain run gives"
    if about.missing:
        differs = _calls(about.missing[0])
    return f"it was not tried again, nothing was logged, and {differs}"


def _other_answer(about: OtherAnswers) -> str:
    both = zip(about.received, about.plain, strict=False)
    found = f"{len(about.received)} answers instead of {len(about.plain)}"
    for received, plain in both:
        if received != plain:
            found = f"{received[0]} {received[1]} instead of {plain[0]} {plain[1]}"
            break
    return f"the retry succeeded, but the test received a different answer from the plain run: {found}"


def _amplified(about: Amplified) -> str:
    return (
        f"{about.point} was called {about.calls} times, {about.calls / about.plain:g} times as often as in the plain "
        f"run; the contract allows {about.budget:g}"
    )


def _without_cap(about: SpotSeen) -> str:
    is_endless = about.loop is not None and about.loop.is_endless
    return f"{_calls(about)}: it retries{' without a limit' if is_endless else ', limited by time at most'}"


def _without_pause(about: SpotSeen) -> str:
    return f"{_calls(about)}: it retries without waiting in between"


def _calls(spot: SpotSeen) -> str:
    plain = _times(spot.plain_calls)
    called = f"called {spot.point} {_times(spot.calls)}" if spot.calls else f"no longer called {spot.point}"
    return f"{spot.place} {called} ({plain} in the plain run)"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


# --- leaks


def _left(about: Leftover | PreExisting | CutOff | NotCleanedUp) -> str:
    match about:
        case Leftover(taken_at=Place() as taken):
            end = "; it was held when the body ended, and went with its object" if about.is_gone else ""
            return f"{about.text}; taken at {taken.told}{end}"
        case PreExisting(leftover):
            return f"pre-existing: {leftover.text}"
        case NotCleanedUp(leftover):
            return f"{leftover.text}; the test cleans it up itself, but failed before it got there"
        case CutOff(leftover):
            return f"{leftover.text}; only the closing of its event loop ended the injected hang"
    return about.text


def _dropped(about: Leftover) -> str:
    return f"{about.text}; it was dropped without being closed, and the plain run closes it"


def _torn(about: TornFile) -> str:
    file = about.file
    size = 0 if file.after is None else file.after.size
    left = (
        f"with only the first {size} of {about.whole.size} bytes"
        if size
        else f"empty instead of {about.whole.size} bytes"
    )
    return f"file {file.name} was left {left}; opened for writing at {file.place.told}"


def _file_left(about: FileSeen) -> str:
    return f"file {about.name} was left behind, and the plain run removes it; opened for writing at {about.place.told}"


Sentence = Callable[[Any], str]
"""From what some evidence is about to the sentence."""

_ENDED = (
    *("allowed-answer", "injected-error", "declared-error", "translated", "assertion", "test-error", "answered"),
    *("error-in-handler", "no-cause", "other-error", "own-limit"),
)
_TROUBLES = ("hangs", "fails", "teardown", "costs-more", "costs-less", "unstable")

SENTENCES: Mapping[tuple[str, str], Sentence] = MappingProxyType(
    {
        ("exercised", "specification"): str,
        ("exercised", "never-fired"): _never_fired,
        ("exercised", "unstable"): _unstable,
        ("exercised", "unconfirmed"): _unconfirmed,
        ("exercised", "cold"): _cold,
        ("hang", "standstill"): _standstill,
        ("hang", "hang"): _hang,
        ("hang", "timed-wait"): _hang,
        ("hang", "abandoned"): _parked,
        ("hang", "loop-blocked"): _blocked_loop,
        ("error codes", "status"): _status,
        ("error codes", "table"): _status,
        ("error codes", "exit-code"): _code,
        ("error codes", "grpc-code"): _code,
        ("bodies", "body"): _body,
        ("deadline", "late"): _late,
        ("effects", "doubled"): _doubled,
        ("degradation", "optional"): _not_optional,
        ("degradation", "core"): _core,
        ("insides", "inside"): _inside,
        ("insides", "other-type"): _other_type,
        ("forwarding", "forwarded"): _forwarded,
        **{("ending", kind): _ended for kind in _ENDED},
        ("ending", "translated-cause-lost"): _without_cause,
        ("ending", "taken-outside"): _taken_outside,
        ("ending", "logged-error"): _logged,
        ("ending", "unexpected-body"): _unexpected_body,
        ("ending", "missed-by-handler"): _missed,
        ("ending", "unhandled"): _unhandled,
        ("ending", "unrelated"): _unrelated,
        ("ending", "teardown"): _out_of_teardown,
        ("ending", "teardown-failed"): _teardown_failed,
        ("ending", "after-release"): _after_release,
        ("ending", "after-torn-file"): _after_torn_file,
        ("recovery", "probe"): str,
        **{("recovery", kind): _not_as_before for kind in _TROUBLES},
        ("recovery", "remembers"): _remembers,
        ("recovery", "polluted"): _polluted,
        **{("lost", kind): _left for kind in LOST_KINDS},
        ("lost", "swallowed"): _swallowed,
        ("lost", "quiet-fallback"): _quiet_fallback,
        ("same answer", "other-answer"): _other_answer,
        ("storm", "amplification"): _amplified,
        ("storm", "let-through"): str,
        ("storm", "no-cap"): _without_cap,
        ("storm", "no-back-off"): _without_pause,
        **{("leaks", kind): _left for kind in LEFT_KINDS},
        ("leaks", "dropped-open"): _dropped,
        ("leaks", "torn-file"): _torn,
        ("leaks", "file-left"): _file_left,
    }
)
"""Of each oracle of ours and each kind of its evidence: what makes the sentence."""
