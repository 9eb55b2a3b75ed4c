"""Insides: an answer must not show its reader what the system is made of, and must be what its header says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from pytest_chaos.observation import LONGEST_BODY, Answer, Observation
from pytest_chaos.oracles.base import call_of, failing, point_of, reported
from pytest_chaos.verdict import Evidence, Finding, Verdict

Shown = Literal["a traceback", "the path of a source file", "an SQL statement", "the text of the error"]

# As they are, and as HTML and JSON write the quotation marks.
_TRACEBACK = re.compile(rb"Traceback \(most recent call last\)|File (?:\\?\"|&quot;|&#34;).{1,300}?, line \d+")
_PATH = re.compile(rb"(?:/[\w.@+-]+){2,}\.py(?!\w|\.\w)")
_SQL = re.compile(
    rb"\bSELECT\s[^<]{1,300}?\sFROM\s|\bINSERT\s+INTO\s|\bUPDATE\s+\S+\s+SET\s|\bDELETE\s+FROM\s|\bCREATE\s+TABLE\s"
)
_DEBUGGER = b"__debugger__"  # Werkzeug's, which somebody has switched on
_SHORTEST_TEXT = 12  # characters of a message that is told apart from what stands in an answer by chance
_EXCERPT = 80  # bytes
_FIRST_ERROR = 400
_WITHOUT_BODY = frozenset({204, 304})


@dataclass(frozen=True)
class Inside:
    """An answer that shows what the system is made of.

    Attributes:
        answer: The answer.
        shown: What it shows.
        excerpt: The place in the body.
    """

    answer: Answer
    shown: Shown
    excerpt: str


@dataclass(frozen=True)
class OtherType:
    """An answer that is not of the type that its header says.

    Attributes:
        answer: The answer.
        said: The type that its header says.
        excerpt: How the body begins.
    """

    answer: Answer
    said: str
    excerpt: str


def judge_insides(seen: Observation) -> Iterator[Finding]:
    """Find answers to the test that show the inside of the system, or are of another type than they say.

    What the plain run answers as well is none, nor is what a mode for developers shows that somebody has switched on.
    """
    if not seen.fired or seen.is_debugging:
        return
    plain = () if seen.steady is None else seen.steady.answers
    shown_plainly = {(one.request, shown) for one in plain for shown, _ in _shown(one, seen)}
    mistyped_plainly = {one.request for one in plain if _other_type(one) is not None}
    for answer in seen.answers:
        if not answer.is_to_driver or answer.kind != "http" or _DEBUGGER in (answer.body or b""):
            continue
        for shown, excerpt in _shown(answer, seen):
            if (answer.request, shown) not in shown_plainly:
                is_against = shown != "the text of the error" or seen.contract.judges_bodies
                yield _say(Inside(answer, shown, excerpt), seen, kind="inside", fails=is_against)
        other = _other_type(answer)
        if other is not None and answer.request not in mistyped_plainly:
            yield _say(other, seen, kind="other-type", fails=True)


def without_needless_body(answer: Answer) -> Answer:
    """Return an answer of a plain run as it is kept: with its body only where that is of use to compare with."""
    if answer.body is None or answer.status >= _FIRST_ERROR or _other_type(answer) is not None:
        return answer
    return replace(answer, body=None)


def _say(about: Inside | OtherType, seen: Observation, *, kind: str, fails: bool) -> Finding:
    place = next((way.reached for way in seen.absorptions if way.reached is not None), None)
    evidence = Evidence("insides", kind, about=about, place=place, point=point_of(seen), call=call_of(seen))
    return failing(Verdict.WRONG_ERROR, evidence) if fails else reported(Verdict.ESCAPED, evidence)


def _shown(answer: Answer, seen: Observation) -> Iterator[tuple[Shown, str]]:
    body = answer.body or b""
    if not body or answer.status < _FIRST_ERROR:
        return
    found = _TRACEBACK.search(body)
    if found is not None:
        yield "a traceback", _excerpt(body, found.start())
        return  # which has the rest in it
    patterns: tuple[tuple[Shown, re.Pattern[bytes]], ...] = (
        ("the path of a source file", _PATH),
        ("an SQL statement", _SQL),
    )
    for shown, pattern in patterns:
        found = pattern.search(body)
        if found is not None:
            yield shown, _excerpt(body, found.start())
    if not seen.has_foreign_errors:
        return
    texts = [f"[{activation.token}]" for activation in seen.activations if activation.token]
    texts += [one.failure.message for one in seen.unhandled if len(one.failure.message) >= _SHORTEST_TEXT]
    at = next((at for text in texts if (at := body.find(text.encode())) >= 0), -1)
    if at >= 0:
        yield "the text of the error", _excerpt(body, max(0, at - _EXCERPT // 2))


def _other_type(answer: Answer) -> OtherType | None:
    """Return what is wrong with the type of an answer: only of JSON can it be told."""
    said = next((value for name, value in answer.headers if name == "content-type"), "")
    media = said.partition(";")[0].strip().lower()
    is_json = media == "application/json" or media.endswith("+json")
    is_whole = answer.body and len(answer.body) < LONGEST_BODY
    if not is_json or not is_whole or answer.method == "HEAD" or answer.status in _WITHOUT_BODY:
        return None
    try:
        json.loads(answer.body or b"")
    except UnicodeDecodeError:
        return None  # as it came, compressed
    except ValueError:
        return OtherType(answer, media, _excerpt(answer.body or b"", 0))
    return None


def _excerpt(body: bytes, start: int) -> str:
    return " ".join(body[start : start + _EXCERPT].decode(errors="replace").split())
