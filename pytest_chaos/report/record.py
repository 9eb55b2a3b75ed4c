"""Plain dicts of a run and of a session: what travels between xdist processes and into the JSON file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pytest_chaos.findings import Caused, findings_of, is_passed_on
from pytest_chaos.journal import Activation
from pytest_chaos.notation import format_fault
from pytest_chaos.observation import Observation, Recovered, RuleSeen
from pytest_chaos.oracles.exercised import NeverFired
from pytest_chaos.report.proposing import SHOWN, shown_by
from pytest_chaos.report.sentences import told, told_way
from pytest_chaos.report.titles import cause_record
from pytest_chaos.verdict import Judgement, Verdict

VERSION = 1
Record = dict[str, Any]

IN_COUNTS = "in_counts"
"""Key of the text and the source of a rule: its counts say all that the first evidence of a record does.

Only for what the end of a session says; the file does not hold it.
"""


def record_of(seen: Observation, judgement: Judgement, replay: str, causes: Iterable[Caused] = ()) -> Record:
    """Return the record of one run; every value is a str, int, float, bool, None, list or dict.

    Args:
        seen: What was seen.
        judgement: What was said of it.
        replay: The command that runs exactly this again.
        causes: What of it is worth a reader's time.
    """
    record: Record = {
        "test": seen.test,
        "kind": seen.kind,
        "scenario": seen.scenario,
        "verdict": judgement.verdict.value,
        "fails": judgement.fails,
        "calls": sum(rule.calls for rule in seen.rules),
        "activations": seen.fired,
        "evidence": [
            {"oracle": evidence.oracle, "kind": evidence.kind, "text": told(evidence)}
            for evidence in judgement.evidence
        ],
        "causes": [cause_record(caused) for caused in causes],
        "caught": [str(place) for place in seen.caught],
        "duration_s": round(seen.duration_s, 6),
        "replay": replay,
        "seed": seen.seed,
        "rules": [_rule(rule) for rule in seen.rules],
        "fired": _fired(seen.activations),
        "ways": [{"text": told_way(way), "end": way.end, "errors": way.times} for way in seen.absorptions],
        "recovered": [_recovered(one, seen) for one in seen.recovered],
        "answers": sum(one.is_to_driver for one in seen.answers) if seen.contract.needs_answers else None,
    }
    if seen.contract.is_proposed and seen.fired:
        record[SHOWN] = shown_by(seen, judgement)
    first = judgement.evidence[0].about if judgement.evidence else None
    if isinstance(first, NeverFired) and first.is_in_counts:
        record[IN_COUNTS] = [first.rule.text, first.rule.source]
    return record


def _recovered(one: Recovered, seen: Observation) -> Record:
    """Return how long a recovery took, and what the test was answered before, under and after the faults, by status."""
    began_s = min((activation.elapsed_s for activation in seen.activations), default=one.lifted_s)
    phases: dict[str, Counter[str]] = {"before": Counter(), "during": Counter(), "after": Counter()}
    for answer in seen.answers:
        if answer.is_to_driver:
            at_s = answer.elapsed_s
            phase = "before" if at_s < began_s else "during" if at_s < one.lifted_s else "after"
            phases[phase][str(answer.status)] += 1
    return {
        "took_s": round(one.took_s, 6),
        "probes": one.probes,
        "dependencies": list(dict.fromkeys(rule.dependency or rule.target for rule in seen.rules if rule.fired)),
        "answers": {phase: dict(counts) for phase, counts in phases.items()} if seen.answers else None,
    }


def _fired(activations: Iterable[Activation]) -> list[Record]:
    texts: dict[int, str] = {}  # of each fault, by identity: a loop that tries again meets the same one each time
    return [
        {
            "point": one.point,
            "fault": texts.get(id(one.fault)) or texts.setdefault(id(one.fault), format_fault(one.fault)),
            "call": one.number,
            "actor": one.actor,
            "index": one.index,
        }
        for one in activations
    ]


def _rule(rule: RuleSeen) -> Record:
    record: Record = {
        "text": rule.text,
        "source": rule.source,
        "calls": rule.calls,
        "activations": rule.fired,
        "target": rule.target,
        "fault": rule.fault,
        "doubles": [{"point": double.point, "what": double.what, "place": double.place} for double in rule.doubles],
    }
    if rule.refused:  # of rules with filters only
        record["refused"] = {
            "calls": [{"module": one.module, "place": one.place.told, "calls": one.calls} for one in rule.refused],
            "caller": rule.caller,
            "wanted": list(rule.wanted),
            "parameters": list(rule.parameters),
        }
    return record


def sorted_records(records: Iterable[Record]) -> list[Record]:
    """Return records in the order of reports: by test, then by scenario."""
    return sorted(records, key=lambda record: (record["test"], record["scenario"]))


def rules_of(records: Iterable[Record]) -> list[Record]:
    """Return every rule with its calls and activations summed over all runs, in order of text and source."""
    sums: dict[tuple[str, str], Record] = {}
    for record in records:
        for rule in record["rules"]:
            start = {**rule, "calls": 0, "activations": 0, "doubles": [], "refused": None}
            total = sums.setdefault((rule["text"], rule["source"]), start)
            total["doubles"] += [double for double in rule["doubles"] if double not in total["doubles"]]
            total["calls"] += rule["calls"]
            total["activations"] += rule["activations"]
            _add_refused(total, rule)
    for total in sums.values():
        if total["refused"] is None:
            del total["refused"]
    return [sums[key] for key in sorted(sums)]


def _add_refused(total: Record, rule: Record) -> None:
    """Add the calls that the filters of a rule refused in one run to those of all runs, line by line."""
    refused = rule.get("refused")
    if refused is None:
        return
    known = total["refused"]
    calls = {(one["module"], one["place"]): one["calls"] for one in (known["calls"] if known else ())}
    for one in refused["calls"]:
        line = (one["module"], one["place"])
        calls[line] = calls.get(line, 0) + one["calls"]
    lines = [{"module": module, "place": place, "calls": count} for (module, place), count in sorted(calls.items())]
    parameters = dict.fromkeys([*(known["parameters"] if known else ()), *refused["parameters"]])
    total["refused"] = {**refused, "calls": lines, "parameters": list(parameters)}


def summary_of(records: Iterable[Record]) -> dict[str, int]:
    """Return how often each verdict was given, best first; verdicts nobody got are left out."""
    verdicts = [record["verdict"] for record in records]
    return {verdict.value: verdicts.count(verdict.value) for verdict in Verdict if verdict.value in verdicts}


def document_of(records: Iterable[Record], seed: int, exploration: Mapping[str, Any] | None = None) -> Record:
    """Return the whole report of a session, as the JSON file holds it.

    Args:
        records: The results.
        seed: The seed.
        exploration: How much of what was planned was run, where ordinary tests were explored.
    """
    ordered = sorted_records(records)
    found = findings_of(ordered)
    return {
        "version": VERSION,
        "seed": seed,
        "results": [
            {key: value for key, value in record.items() if key not in (IN_COUNTS, SHOWN)} for record in ordered
        ],
        "findings": [one for one in found if not is_passed_on(one)],
        "passed_on": [one for one in found if is_passed_on(one)],
        "rules": rules_of(ordered),
        "summary": summary_of(ordered),
        "exploration": dict(exploration or {}),
    }
