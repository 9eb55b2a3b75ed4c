"""The last screen: what was found, the worst first, in a number of lines that does not grow with the session."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pytest_chaos.findings import PASSED_ON, is_passed_on
from pytest_chaos.report.counting import many
from pytest_chaos.report.record import Record

MOST_FINDINGS = 10
_MOST_DEPENDENCIES = 5  # lines that count errors
_MOST_FAULTS = 3  # in the line that says when
_MOST_NAMED = 3  # findings in a line that only counts them
_LONGEST_TEXT = 240  # characters
# Errors that came out as they were injected, or as what somebody made of them on purpose: they are counted.
_CAME_OUT: Mapping[str, str] = {
    "injected-error": "not handled: errors from {} reach the test",
    "taken-outside": "not handled: errors from {} reach the test or its client, which handles them",
    "translated": "translated: errors from {} reach the test as other errors, on purpose",
    "declared-error": "declared: errors from {} reach the test as errors that the contract allows",
    "answered": "answered otherwise: errors from {} become other answers, on purpose",
    "own-limit": "timed out: the wait for {} has a time limit, and its error reaches the test",
}
assert frozenset(_CAME_OUT) == PASSED_ON, "each has its line"
_FILES = "builtins:open"  # each file is a dependency of its own, and a project may read hundreds
_DEEDS: Mapping[str, str] = {"hang": "hangs", "null": "returns null", "disk-full": "finds the disk full"}
_RAISED = re.compile(r"raise\(([^,()]+)")
_ANSWERED = re.compile(r"answer\((\d+)")
_RETURNED = re.compile(r"return\((.*)\)")

Tone = Literal["fails", "reported", "quiet", "head"]


class Line(NamedTuple):
    """One line.

    Attributes:
        text: What it says.
        tone: How it is meant; who prints it has colours for that.
    """

    text: str
    tone: Tone = "quiet"


def screen(
    findings: Sequence[Record],
    records: Sequence[Record],
    gone: Sequence[Mapping[str, Any]] = (),
    *,
    is_verbose: bool = False,
    rest: str = "--chaos-report FILE.json lists all of them",
) -> list[Line]:
    """Return the findings of a session for people: at most ten, and of the others how many there are.

    Args:
        findings: As the report file holds them, the worst first.
        records: The results.
        gone: Findings that the baseline accepts and that did not occur.
        is_verbose: Whether findings that do not fail are told as fully as those that do.
        rest: Where all findings are.
    """
    failing = [one for one in findings if one["fails"]]
    reported = [one for one in findings if not (one["fails"] or one["accepted"]) and _is_worth_a_look(one)]
    came_out = [one for one in findings if not one["accepted"] and is_passed_on(one)]
    shown = failing[:MOST_FINDINGS]
    lines = []
    if failing:
        lines.append(Line(f"{many(len(failing), 'finding')} {'fails' if len(failing) == 1 else 'fail'}:", "head"))
        for number, one in enumerate(shown, start=1):
            lines += _block(number, one, "fails", is_full=True)
        lines += _left(failing[MOST_FINDINGS:], "fail", rest)
    room = MOST_FINDINGS - len(shown)
    if reported and room:
        do = "does not fail" if len(reported) == 1 else "do not fail"
        lines.append(Line(f"{many(len(reported), 'finding')} worth a look, which {do}:", "head"))
        for number, one in enumerate(reported[:room], start=len(shown) + 1):
            lines += _block(number, one, "reported", is_full=is_verbose)
    lines += _left(reported[room:], "not fail", rest)
    lines += _counted(came_out, records)
    lines += _accepted([one for one in findings if one["accepted"]], is_verbose=is_verbose)
    lines += _gone(gone)
    return lines


def _is_worth_a_look(finding: Record) -> bool:
    # Why results are inconclusive is told elsewhere: it is about tests and rules.
    return finding["verdict"] != "inconclusive" and not is_passed_on(finding)


def _block(number: int, one: Record, tone: Tone, *, is_full: bool) -> list[Line]:
    """Return the lines of one finding: what breaks, when, where, what to do, and how to run it again."""
    what = Line(f"{number:>2}. {one['verdict']}: {one['title']} [{one['id']}]", tone)
    when, where, advice, again = (
        Line(f"      {label:<11} {text}")
        for label, text in (
            ("when:", _when(one)),
            ("where:" if one["place"] else "seen:", _where(one)),
            ("what to do:", one["advice"]),
            ("run again:", one["replay"]),
        )
    )
    return [what, when, where, advice, again] if is_full else [what, where, advice]


def _when(one: Record) -> str:
    tests = one["tests"]
    runs = many(len(one["results"]), "run")
    of = tests[0] if len(tests) == 1 else f"{len(tests)} tests, such as {tests[0]}"
    if not one["faults"]:
        lifted = "with all faults lifted" if one["verdict"] == "not recovered" else "without any fault"
        return f"{lifted}, in {runs} of {of}"
    who = one["dependency"].replace(", ", " or ") or "".join(one["points"][:1])
    deeds = _cut(f"{who} {_deeds(one['faults'])}")
    return f"{deeds} ({runs} of {of})"


def _deeds(faults: Iterable[str]) -> str:
    """Return what a call does that meets one of some faults, errors first."""
    errors: dict[str, None] = {}
    statuses: dict[str, None] = {}
    others: dict[str, None] = {}
    for fault in faults:
        raised = _RAISED.match(fault)
        returned = _RETURNED.fullmatch(fault)
        answered = _ANSWERED.match(fault)
        if raised is not None:
            errors[raised[1].rpartition(":")[2].strip()] = None
        elif answered is not None:
            statuses[answered[1]] = None
        elif returned is not None:
            others[f"returns {returned[1]}"] = None
        else:
            others[_DEEDS.get(fault, f"has the fault {fault}")] = None
    raises = [f"raises {_either(list(errors))}"] if errors else []
    answers = [f"answers {_either(list(statuses))}"] if statuses else []
    return _either([*raises, *answers, *others])


def _either(words: Sequence[str]) -> str:
    more = len(words) - _MOST_FAULTS
    shown = [*words[:_MOST_FAULTS], *([f"{more} more"] if more > 0 else [])]
    return " or ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 3].rstrip()}..."


def _where(one: Record) -> str:
    text = _cut(one["text"]) if one["text"] not in one["title"] else ""
    return ": ".join(filter(None, (one["place"], text))) or "nothing more is known"


def _left(left: Sequence[Record], deed: str, rest: str) -> list[Line]:
    """Return a line that counts the findings for which there is no room.

    Args:
        left: The findings.
        deed: What they do: ``fail``, or ``not fail``.
        rest: Where all findings are.
    """
    if not left:
        return []
    is_one = len(left) == 1
    does = f"{'does' if is_one else 'do'} {deed}" if deed.startswith("not") else f"{deed}s" if is_one else deed
    return [Line(f"{len(left)} more {does}: {_by_verdict(left)}; {rest}")]


def _by_verdict(findings: Iterable[Record]) -> str:
    counts = Counter(one["verdict"] for one in findings)
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items())


def _counted(findings: Iterable[Record], records: Iterable[Record]) -> list[Line]:
    """Return a line for each dependency and way in which its errors come out, with how many do."""
    runs: Counter[tuple[str, str]] = Counter()
    places: dict[tuple[str, str], dict[str, None]] = {}
    names: dict[tuple[str, str], dict[str, None]] = {}
    for one in findings:
        key = (one["kind"], _FILES if one["points"] == [_FILES] else one["dependency"])
        runs[key] += len(one["results"])
        places.setdefault(key, {})[one["place"]] = None
        names.setdefault(key, {})[one["dependency"]] = None
    for record in records:
        if record["verdict"] == "escaped" and not record["fails"] and not record["causes"] and record["fired"]:
            runs[next(iter(_CAME_OUT)), record["fired"][0]["point"]] += 1
    lines = [
        Line(f"{_CAME_OUT[key[0]].format(_who(key[1], names.get(key, {})))}, {_out_of(places.get(key, {}), count)}")
        for key, count in runs.most_common(_MOST_DEPENDENCIES)
    ]
    others = runs.most_common()[_MOST_DEPENDENCIES:]
    if others:
        count = sum(number for _, number in others)
        lines.append(Line(f"and so do errors from {many(len(others), 'more dependency')}, in {many(count, 'run')}"))
    return lines


def _who(key: str, names: Iterable[str]) -> str:
    several = list(names) or [key]
    return (several[0] if len(several) == 1 else f"open of {len(several)} files") or "a dependency"


def _out_of(places: Iterable[str], runs: int) -> str:
    known = [place for place in places if place]
    if not known:
        return f"in {many(runs, 'run')}"
    return f"through {known[0] if len(known) == 1 else f'{len(known)} places'} ({many(runs, 'run')})"


def _accepted(accepted: Sequence[Record], *, is_verbose: bool) -> list[Line]:
    if not accepted:
        return []
    lines = [Line(f"accepted by the baseline: {many(len(accepted), 'finding')} ({_by_verdict(accepted)})")]
    if is_verbose:
        lines += [Line(f"    {one['id']} {one['verdict']}: {one['title']}") for one in accepted[:MOST_FINDINGS]]
    return lines


def _gone(gone: Sequence[Mapping[str, Any]]) -> list[Line]:
    if not gone:
        return []
    head = f"{many(len(gone), 'accepted finding')} did not occur; --chaos-write-baseline writes a baseline without"
    more = f" and {len(gone) - _MOST_NAMED} more" if len(gone) > _MOST_NAMED else ""
    return [
        Line(f"{head} {'it' if len(gone) == 1 else 'them'}"),
        *(Line(f"    {one['id']} {one['title']}".rstrip()) for one in gone[:_MOST_NAMED]),
        *([Line(f"   {more}")] if more else []),
    ]
