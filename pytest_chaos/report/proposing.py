"""Proposing a contract: what the runs of a session have shown, as a table for people to read and to tighten.

What looks like a mistake is not promised, but told in a comment: a 500, what a framework's last resort answers, and an
answer that shows the inside of the system.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from pytest_chaos.contract import GRPC_CODES
from pytest_chaos.faults.base import Fault
from pytest_chaos.faults.instances import RaisingFault
from pytest_chaos.notation import format_exception
from pytest_chaos.observation import Answer, Observation
from pytest_chaos.oracles.insides import Inside
from pytest_chaos.report.counting import many
from pytest_chaos.verdict import Judgement

SHOWN = "shown"
"""Key of a record for what its run says of the answers; it travels between processes, and no report file holds it."""

_FIRST_ERROR, _OF_MISTAKES = 400, 500
_TYPES = ((bool, "bool"), (str, "str"), (int, "int"), (float, "float"), (list, "list"), (dict, "dict"))
Shown = dict[str, Any]


def shown_by(seen: Observation, judgement: Judgement) -> Shown:
    """Return what a chaos run says of a contract, in plain values.

    Args:
        seen: What was seen of it.
        judgement: What was said of it.
    """
    answers = [answer for answer in seen.answers if answer.is_to_driver]
    steady = () if seen.steady is None else seen.steady.answers
    plain = {(one.kind, one.method, one.status) for one in steady if one.is_to_driver}
    by = {one.answer.status: one.framework for one in seen.unhandled if one.answer.status is not None}
    about = [evidence.about for evidence in judgement.evidence]
    inside = {one.answer.status: one.shown for one in about if isinstance(one, Inside)}
    errors = {_error_of(activation.fault) for activation in seen.activations}
    failure = seen.failure
    return {
        "answers": [
            {
                "kind": one.kind,
                "status": one.status,
                "is_plain": (one.kind, one.method, one.status) in plain,
                "by": by.get(one.status, ""),
                "shows": inside.get(one.status, ""),
                "fields": _fields_of(one),
            }
            for one in answers
        ],
        "error": errors.pop() if len(errors) == 1 else "",
        "raised": f"{failure.module}:{failure.error}" if failure is not None and failure.is_of_project else "",
        "calls": _amplification(seen),
    }


def proposal_text(records: Iterable[dict[str, Any]], plain: Collection[tuple[str, int]] = ()) -> str:
    """Return the text of a table with a contract, and comments that say what it comes from.

    Args:
        records: The results of a session, those of explored tests and of fault tests.
        plain: Kind and code of the answers that plain runs had.
    """
    shown = [(record["test"], record["scenario"], record[SHOWN]) for record in records if record.get(SHOWN)]
    tests = len({test for test, _, _ in shown})
    lines = [
        f"# Proposed by pytest-chaos from {many(len(shown), 'chaos run')} of {many(tests, 'test')}.",
        "# It says what the system does today: read it, and tighten it.",
        "[tool.pytest_chaos.contract]",
    ]
    facts = [one for _, _, one in shown]
    promised: dict[str, set[int]] = {}
    for kind, key in (("http", "status"), ("exit", "exit_codes"), ("grpc", "grpc_codes")):
        promised[kind] = _promised(facts, kind) | {status for of, status in plain if of == kind}
        lines += _codes(shown, kind, key, promised[kind])
    lines += _table(facts, promised["http"])
    lines += _body(facts, promised["http"])
    lines += _errors(facts)
    most = max((one["calls"] for one in facts), default=1.0)
    if most > 1:
        lines += [f"# at most {most:g} calls for each of the plain run", f"amplification = {most:g}"]
    if len(lines) == 3:
        lines.append("# nothing: no run saw an answer, an exit code or an error of the project")
    return "\n".join([*lines, ""])


def _promised(facts: Iterable[Shown], kind: str) -> set[int]:
    answers = (one for shown in facts for one in shown["answers"] if one["kind"] == kind)
    return {one["status"] for one in answers if one["is_plain"] or not _is_mistake(one)}


def _is_mistake(answer: Shown) -> bool:
    return bool(answer["by"] or answer["shows"]) or (answer["kind"] == "http" and answer["status"] == _OF_MISTAKES)


def _codes(shown: list[tuple[str, str, Shown]], kind: str, key: str, promised: set[int]) -> list[str]:
    runs: Counter[int] = Counter()
    others: dict[tuple[int, str], tuple[str, str]] = {}
    counts: Counter[tuple[int, str]] = Counter()
    for test, scenario, facts in shown:
        found = [one for one in facts["answers"] if one["kind"] == kind]
        runs.update({one["status"] for one in found})
        for status, why in {(one["status"], _why(one)) for one in found if one["status"] not in promised}:
            others.setdefault((status, why), (test, scenario))
            counts[status, why] += 1
    lines = []
    if promised:
        told = ", ".join(
            f"{_name(kind, status)} in {many(runs[status], 'run') if runs[status] else 'plain runs'}"
            for status in sorted(promised)
        )
        values = ", ".join(json.dumps(_name(kind, status)) for status in sorted(promised))
        lines += [f"# seen: {told}", f"{key} = [{values}]"]
    for (status, why), (test, scenario) in sorted(others.items()):
        lines.append(
            f"# not promised: {_name(kind, status)}{why}, in {many(counts[status, why], 'run')}, "
            f"such as of {test} under {_on_one_line(scenario)}"
        )
    return lines


def _why(answer: Shown) -> str:
    if answer["by"]:
        return f" by {answer['by']}'s last resort"
    return f" with {answer['shows']}" if answer["shows"] else ""


def _name(kind: str, status: int) -> int | str:
    return GRPC_CODES[status] if kind == "grpc" and 0 <= status < len(GRPC_CODES) else status


def _table(facts: Iterable[Shown], promised: Collection[int]) -> list[str]:
    found: dict[str, Counter[int]] = {}
    for shown in facts:
        new = {one["status"] for one in shown["answers"] if one["kind"] == "http" and not one["is_plain"]}
        if shown["error"] and new:
            found.setdefault(shown["error"], Counter()).update(new)
    sure = {
        error: next(iter(statuses))
        for error, statuses in sorted(found.items())
        if len(statuses) == 1 and next(iter(statuses)) >= _FIRST_ERROR and next(iter(statuses)) in promised
    }
    lines = []
    for error, statuses in sorted(found.items()):
        if len(statuses) > 1:
            lines.append(f"# not promised: {error} is answered {_either(sorted(statuses))}")
    if sure:
        told = ", ".join(f"{error} in {many(found[error][status], 'run')}" for error, status in sure.items())
        values = ", ".join(f"{json.dumps(error)} = {status}" for error, status in sure.items())
        lines += [f"# answered always the same: {told}", f"table = {{ {values} }}"]
    return lines


def _body(facts: Iterable[Shown], promised: Collection[int]) -> list[str]:
    bodies = [
        one["fields"]
        for shown in facts
        for one in shown["answers"]
        if one["kind"] == "http" and one["status"] >= _FIRST_ERROR and one["status"] in promised
        if one["fields"] is not None
    ]
    if not bodies:
        return []
    if any(not fields for fields in bodies):
        without = sum(not fields for fields in bodies)
        return [f"# no body is promised: {without} of {many(len(bodies), 'error body')} are no objects of JSON"]
    first, *rest = bodies
    same = {name: kind if all(one.get(name) == kind for one in rest) else "any" for name, kind in first.items()}
    kept = {name: kind for name, kind in same.items() if all(name in one for one in rest)}
    if not kept:
        return [f"# no body is promised: {many(len(bodies), 'error body')} have no field in common"]
    values = ", ".join(f"{json.dumps(name)} = {json.dumps(kind)}" for name, kind in kept.items())
    return [f"# in all of {many(len(bodies), 'error body')}", f"body = {{ {values} }}"]


def _errors(facts: Iterable[Shown]) -> list[str]:
    counts = Counter(shown["raised"] for shown in facts if shown["raised"])
    if not counts:
        return []
    told = ", ".join(f"{name} in {many(count, 'run')}" for name, count in sorted(counts.items()))
    return [f"# reached tests: {told}", f"errors = {json.dumps(sorted(counts))}"]


def _fields_of(answer: Answer) -> dict[str, str] | None:
    """Return the fields of a body with the names of their types; none of what is no object of JSON."""
    if answer.body is None or answer.kind != "http" or answer.status < _FIRST_ERROR or answer.is_raised:
        return None
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        name: next((word for kind, word in _TYPES if isinstance(value, kind)), "any") for name, value in found.items()
    }


def _error_of(fault: Fault) -> str:
    if not isinstance(fault, RaisingFault):
        return ""
    kind = type(fault.exc) if isinstance(fault.exc, BaseException) else fault.exc
    return format_exception(kind) if isinstance(kind, type) else ""  # of a factory nobody knows


def _amplification(seen: Observation) -> float:
    if seen.steady is None:
        return 1.0
    calls: Counter[str] = Counter()
    for spot in seen.spots:
        calls[spot.point] += spot.calls
    plain = seen.steady.calls
    return max((count / plain[point] for point, count in calls.items() if plain.get(point)), default=1.0)


def _either(values: Iterable[int]) -> str:
    return " or ".join(map(str, values))


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
