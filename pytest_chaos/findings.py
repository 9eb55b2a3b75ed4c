"""Findings: what several runs showed of one cause is one finding, with an id that stays the same as long as the cause.

The id is made of what the cause is, and not of where it stands or who came upon it: lines move, tests are renamed, and
a schedule has a seed. Pure: it runs nothing, and knows no test runner.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, NamedTuple

from pytest_chaos.observation import Observation, ParkedSeen, SpotSeen
from pytest_chaos.oracles.ending import CameOut
from pytest_chaos.oracles.error_codes import Disallowed
from pytest_chaos.oracles.exercised import NeverFired
from pytest_chaos.oracles.lost import Swallowed
from pytest_chaos.oracles.recovery import NotAsBefore
from pytest_chaos.provenance import Place, Provenance
from pytest_chaos.resources.standstill import StandstillSeen
from pytest_chaos.statements import Statements
from pytest_chaos.verdict import Evidence, Finding, Judgement, Verdict

_DIGITS = 10

# What sort of cause a verdict tells of. Runs of the same sort may get worse or milder verdicts.
_SORTS: Mapping[Verdict, str] = {
    Verdict.ESCAPED: "way",
    Verdict.CHANGED: "way",
    Verdict.STORM: "loop",
    Verdict.LOST: "swallow",
    Verdict.LEAKED: "leak",
    Verdict.NOT_RECOVERED: "state",
    Verdict.WRONG_ERROR: "error",
    Verdict.HUNG: "wait",
    Verdict.INCONCLUSIVE: "rule",
}
# Of an error that a handler misses that handler is the cause, whoever is called above it; and what an answer shows is
# another cause than its status.
_SORTS_BY_KIND: Mapping[str, str] = {
    "missed-by-handler": "handler",
    "inside": "answer",
    "other-type": "answer",
    "body": "answer",
    "late": "answer",
    "doubled": "answer",
    "forwarded": "answer",
}
# Of other sorts the line alone is the cause, whatever its evidence is called.
_TOLD_APART_BY_KIND = frozenset({"leak", "state", "answer"})
# A dependency is a part of the cause only where no line of the system is it.
_TOLD_APART_BY_DEPENDENCY = frozenset({"way"})


class Cause(NamedTuple):
    """What makes two verdicts one finding.

    Attributes:
        sort: What sort of cause it is.
        kind: What was left, or what is not as before; empty for other sorts.
        dependency: What failed, where that is a part of the cause.
        function: ``module:Qual.name``; empty for code of tests, whose names are not the system's, but where something
            was left: then the name of the test's function, for who accepts that of one test accepts no other's.
        statement: What stands at the line, on one line.
        ordinal: How many of the same text come before it in its function.
    """

    sort: str
    kind: str
    dependency: str
    function: str
    statement: str
    ordinal: int

    @property
    def id(self) -> str:
        """Ten hexadecimal digits."""
        told = "\0".join(map(str, self))
        return hashlib.blake2b(told.encode(), digest_size=_DIGITS // 2).hexdigest()


@dataclass(frozen=True)
class Caused:
    """What one oracle said of one run, with its cause.

    Attributes:
        cause: The cause.
        finding: What was said.
        place: The line to be looked at, if one is known.
        dependency: What failed: the library, and the service or file behind it.
    """

    cause: Cause
    finding: Finding
    place: Place | None
    dependency: str


class Causes:
    """Finds the causes of what was said of runs.

    Args:
        provenance: Whose code a line is.
        statements: What stands there.
        name: From an injection point and what is called by it to how people call that.
    """

    def __init__(self, provenance: Provenance, statements: Statements, name: Callable[[str, str], str]) -> None:
        self._provenance = provenance
        self._statements = statements
        self._name = name

    def of(self, seen: Observation, judgement: Judgement) -> tuple[Caused, ...]:
        """Return what is worth a reader's time of a run, each cause once, the worst first.

        Args:
            seen: What was seen of the run.
            judgement: What was said of it.
        """
        found: dict[Cause, Caused] = {}
        decisive = judgement.decisive
        failed = self._failed(seen) if decisive else ""  # what is known of libraries is not read for nothing
        for finding in decisive:
            one = self._caused(finding, seen, failed)
            known = found.get(one.cause)
            if known is None or (finding.fails and not known.finding.fails):
                found[one.cause] = one
        return tuple(found.values())

    def _caused(self, finding: Finding, seen: Observation, failed: str) -> Caused:
        evidence = finding.evidence
        sort = _SORTS_BY_KIND.get(evidence.kind) or _SORTS[finding.verdict]
        place = self._own_place(evidence.about) or _place(finding, seen)
        kind = evidence.kind if sort in _TOLD_APART_BY_KIND else ""
        dependency = failed if sort in _TOLD_APART_BY_DEPENDENCY else ""
        if isinstance(evidence.about, NotAsBefore):
            dependency = evidence.about.polluter  # the scenario that made it so
        came_out = evidence.about.unhandled if isinstance(evidence.about, Disallowed) else evidence.about
        if isinstance(came_out, CameOut) and came_out.gap.kind == "left-entry-point":
            return Caused(self._of_entry(came_out, seen), finding, came_out.gap.place, failed)
        function, statement, ordinal = self._line(place)
        if sort == "leak" and place is not None and not function:
            function = place.function
        if isinstance(evidence.about, SpotSeen) and evidence.about.loop is not None:
            statement, ordinal = "", 0  # it stands at any of its lines
        if place is None:
            function, statement = _nowhere(evidence, seen)
        return Caused(Cause(sort, kind, dependency, function, statement, ordinal), finding, place, failed)

    def _of_entry(self, about: CameOut, seen: Observation) -> Cause:
        """Return what all functions of a package that a framework calls have in common: nobody answers for a library.

        A handler of errors that frameworks have for that mends all of them at once.
        """
        module = self._statements.module(self._provenance.whole(about.gap.place.path))
        points = dict.fromkeys(activation.point for activation in seen.activations)
        libraries = ", ".join(dict.fromkeys(self._name(point, "") for point in points))
        return Cause("entry", about.gap.text, libraries, module.partition(".")[0], "", 0)

    def _own_place(self, about: object) -> Place | None:
        """Return the innermost line of the project of those that wait, where something stands still."""
        waits = about.waits if isinstance(about, StandstillSeen) else ()
        places = [place for wait in waits for place in wait.places]
        return next(
            (one for one in places if self._provenance.of_file(self._provenance.whole(one.path)) == "project"), None
        )

    def _line(self, place: Place | None) -> tuple[str, str, int]:
        if place is None:
            return "", "", 0
        file = self._provenance.whole(place.path)
        text, ordinal = self._statements.at(file, place.line)
        if self._provenance.of_file(file) == "test":
            return "", text, ordinal
        module = self._statements.module(file)
        if "." not in module:  # in no package: many folders may have a file of that name
            module = ".".join(PurePath(place.path).with_suffix("").parts)
        return f"{module}:{place.function}", text, ordinal

    def _failed(self, seen: Observation) -> str:
        """Return what failed in a run, each once: the rules that fired, or those that should have."""
        rules = [rule for rule in seen.rules if rule.fired] or list(seen.rules)
        return ", ".join(
            dict.fromkeys(
                self._name(point, rule.dependency) for rule in rules for point in (rule.points[:1] or (rule.target,))
            )
        )


def _place(finding: Finding, seen: Observation) -> Place | None:
    """Return the line that is the cause."""
    evidence = finding.evidence
    about = evidence.about
    if isinstance(about, Swallowed):
        # The clause may be in doubt; the line at which the error came in never is.
        return about.way.reached or evidence.place
    if isinstance(about, CameOut):
        return evidence.place
    if finding.verdict in (Verdict.ESCAPED, Verdict.CHANGED) or isinstance(about, Disallowed):
        reached = next((way.reached for way in seen.absorptions if way.reached is not None), None)
        return reached or evidence.place
    if isinstance(about, ParkedSeen) and evidence.place is None:
        return next((wait.places[0] for wait in about.waits if wait.places), None)
    return evidence.place


def _nowhere(evidence: Evidence, seen: Observation) -> tuple[str, str]:
    """Return what takes the place of a line that is not known."""
    if isinstance(evidence.about, NeverFired):
        return "", evidence.about.rule.text
    point = evidence.point or next((point for rule in seen.rules for point in rule.points), "")
    # What it is called may differ from run to run, but for files, which are told by their names.
    return point, evidence.fingerprint if evidence.kind == "file-descriptor" else evidence.kind


# --- of a whole session

Record = dict[str, Any]


def findings_of(records: Iterable[Record]) -> list[Record]:
    """Return the findings of a session, the worst first.

    Args:
        records: Its results; ``results`` of a finding counts them from 0, in this order.
    """
    found: dict[str, Record] = {}
    for index, record in enumerate(records):
        for cause in record["causes"]:
            one = found.get(cause["id"])
            if one is None:
                found[cause["id"]] = _begun(cause, record, index)
            else:
                _add(one, cause, record, index)
    return sorted(found.values(), key=_badness)


PASSED_ON = frozenset({"injected-error", "translated", "declared-error", "own-limit", "taken-outside", "answered"})
"""Kinds of errors that came out of the system as they are, or as what somebody made of them on purpose."""
_PASSED_ON_AS = (Verdict.ESCAPED.value, Verdict.CHANGED.value)


def is_passed_on(finding: Record) -> bool:
    """Tell whether a finding is that the system passes an error on, which is its author's decision: it is counted."""
    return not finding["fails"] and finding["verdict"] in _PASSED_ON_AS and finding["kind"] in PASSED_ON


def _begun(cause: Record, record: Record, index: int) -> Record:
    return {
        **{key: cause[key] for key in (*_WORST, "id", "dependency")},
        "points": _points(record),
        "faults": _faults(record),
        "tests": [record["test"]],
        "results": [index],
        "replay": record["replay"],
    }


_WORST = ("verdict", "fails", "accepted", "kind", "oracle", "title", "text", "place", "advice")
"""What a finding has from the worst of its results."""


def _add(one: Record, cause: Record, record: Record, index: int) -> None:
    accepted, fails = one["accepted"] or cause["accepted"], one["fails"] or cause["fails"]
    if _rank(cause) > _rank(one):
        one.update({key: cause[key] for key in _WORST}, replay=record["replay"])
    one.update(accepted=accepted, fails=fails)
    if cause["dependency"] not in one["dependency"].split(", "):
        one["dependency"] = ", ".join(filter(None, (one["dependency"], cause["dependency"])))
    for key, more in (("points", _points(record)), ("faults", _faults(record)), ("tests", [record["test"]])):
        one[key] += [text for text in more if text not in one[key]]
    one["results"].append(index)


def _points(record: Record) -> list[str]:
    return list(dict.fromkeys(fired["point"] for fired in record["fired"]))


def _faults(record: Record) -> list[str]:
    return list(dict.fromkeys(fired["fault"] for fired in record["fired"]))


def _rank(cause: Record) -> tuple[bool, int, bool]:
    return cause["fails"], _RANKS[cause["verdict"]], cause["kind"] != "answered"


def _badness(finding: Record) -> tuple[bool, int, int, list[tuple[int, str]], str]:
    """Return what findings are sorted by; equally bad ones stand as in the source, line 9 before line 10."""
    place = [(int(part) if part.isdecimal() else 0, part) for part in _NUMBERS.split(finding["place"])]
    return not finding["fails"], -_RANKS[finding["verdict"]], -len(finding["results"]), place, finding["id"]


_NUMBERS = re.compile(r"(\d+)")
_RANKS = {verdict.value: rank for rank, verdict in enumerate(sorted(Verdict))}
