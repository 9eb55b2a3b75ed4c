"""The title of a finding: what breaks, in one line, from its cause and its evidence."""

from __future__ import annotations

from typing import Any

from pytest_chaos.findings import Caused
from pytest_chaos.observation import Failure
from pytest_chaos.oracles.bodies import WrongBody
from pytest_chaos.oracles.deadline import Late
from pytest_chaos.oracles.degradation import CoreLeftOut, NotOptional
from pytest_chaos.oracles.effects import Doubled
from pytest_chaos.oracles.ending import CameOut
from pytest_chaos.oracles.error_codes import Disallowed
from pytest_chaos.oracles.exercised import NeverFired
from pytest_chaos.oracles.forwarding import Forwarded
from pytest_chaos.oracles.insides import Inside, OtherType
from pytest_chaos.oracles.lost import Swallowed
from pytest_chaos.oracles.recovery import NotAsBefore
from pytest_chaos.report.advice import advice
from pytest_chaos.report.sentences import code_of, told
from pytest_chaos.verdict import Verdict

_LONGEST_TEXT = 300  # characters


def title(caused: Caused) -> str:
    """Return what breaks, in one line."""
    verdict, evidence = caused.finding.verdict, caused.finding.evidence
    about = evidence.about
    who = caused.place.function if caused.place is not None else "the system"
    what = " and ".join(caused.dependency.split(", ")) or "a dependency"
    fails = "fail" if ", " in caused.dependency else "fails"
    when = f" when {what} {fails}" if caused.dependency else ""  # a test without any fault may leave things too
    match verdict:
        case Verdict.HUNG:
            return f"{who} waits for {what} without a limit"
        case Verdict.LEAKED if evidence.kind == "dropped-open":
            return f"{who} drops what it opened without closing it{when}"
        case Verdict.LEAKED if evidence.kind == "lock":
            return f"{who} leaves a lock held{when}"
        case Verdict.LEAKED:
            return f"{who} leaves {_a(_noun(evidence.kind))} behind{when}"
        case Verdict.LOST if isinstance(about, Swallowed):
            return f"{who} hides that {what} failed"
        case Verdict.LOST:
            return f"a {_noun(evidence.kind)} started by {who} dies unseen{when}"
        case Verdict.STORM if isinstance(about, Doubled):
            return f"{who} does twice what {about.point} does once{when}"
        case Verdict.STORM:
            return f"{who} calls {what} again and again"
        case Verdict.NOT_RECOVERED:
            after = about.polluter if isinstance(about, NotAsBefore) else ""
            return f"the system does not recover after {after or f'{what} has failed'}"
        case Verdict.WRONG_ERROR if isinstance(about, Disallowed) and about.answer.kind != "http":
            return f"{about.answer.request} ends with {code_of(about.answer)}{when}"
        case Verdict.WRONG_ERROR if isinstance(about, WrongBody):
            return f"the answer to {about.answer.request} has not the contract's body{when}"
        case Verdict.WRONG_ERROR if isinstance(about, Late):
            late = "the test" if about.answer is None else f"the answer to {about.answer.request}"
            return f"{late} takes longer than the contract's {about.deadline_s:g} s{when}"
        case Verdict.WRONG_ERROR if isinstance(about, Disallowed):
            by = "" if about.unhandled is None else f" by {about.unhandled.framework}'s last resort"
            return f"{about.answer.request} is answered {about.answer.status}{by}{when}"
        case Verdict.ESCAPED if isinstance(about, Forwarded):
            return f"{about.answer.request} forwards the answer of {what}, with its status and body"
        case Verdict.WRONG_ERROR | Verdict.ESCAPED if isinstance(about, Inside):
            return f"the answer to {about.answer.request} shows {about.shown}{when}"
        case Verdict.WRONG_ERROR if isinstance(about, OtherType):
            return f"the answer to {about.answer.request} is not {about.said}, as its header says,{when}"
        case Verdict.WRONG_ERROR | Verdict.ESCAPED if isinstance(about, CameOut) and evidence.kind == "unhandled":
            return f"unhandled: {about.gap.text}s such as {who} {_end(about)}{when}"
        case Verdict.WRONG_ERROR:
            error = f" with {about.error}" if isinstance(about, Failure) else ""
            return f"{who} breaks{error}{when}"
        case Verdict.ESCAPED if evidence.kind.startswith("translated"):
            error = about.error if isinstance(about, Failure) else "an error of its own"
            return f"{who} raises {error}{when}"
        case Verdict.ESCAPED:
            return f"{who} lets the error from {what} through"
        case Verdict.CHANGED if isinstance(about, NotOptional):
            return f"the test does not receive the plain answer{when}, which is optional"
        case Verdict.CHANGED if isinstance(about, CoreLeftOut):
            return f"{about.point} is left out{when}, which is optional"
        case Verdict.CHANGED:
            return f"the test sees a different answer{when}"
    if isinstance(about, NeverFired):
        return f"rule never fired: {about.rule.text}"
    return told(evidence).partition("\n")[0]


def cause_record(caused: Caused) -> dict[str, Any]:
    """Return a cause in plain values, as a result of the report file holds it."""
    finding = caused.finding
    evidence, verdict = finding.evidence, finding.verdict.value
    return {
        "id": caused.cause.id,
        "verdict": verdict,
        "fails": finding.fails,
        "accepted": False,
        "kind": evidence.kind,
        "oracle": evidence.oracle,
        "title": title(caused),
        "text": told(evidence).partition("\n")[0][:_LONGEST_TEXT],
        "place": "" if caused.place is None else str(caused.place),
        "dependency": caused.dependency,
        "advice": advice(verdict, evidence.kind, evidence.oracle),
    }


def _end(about: CameOut) -> str:
    """Return how those calls end that a framework makes for somebody outside."""
    answer = about.answer
    if answer is not None and answer.how in ("closed", "broken off"):
        return f"get no whole answer from {about.framework}"
    if about.status is None:
        return "end with its error"
    told = "are" if answer is not None else "would be"
    return f"{told} answered {about.status} by {about.framework}'s last resort"


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _noun(kind: str) -> str:
    return {"task-error": "task", "thread-error": "thread"}.get(kind, kind.replace("-", " "))
