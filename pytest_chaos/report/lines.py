"""Lines for people: the text of one failing run, and the table at the end of a session."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase

from pytest_chaos.errors import near_misses
from pytest_chaos.explorer import EXPLORATION, Tally
from pytest_chaos.report.counting import many
from pytest_chaos.report.record import IN_COUNTS, Record, rules_of, sorted_records, summary_of

_MOST_EVIDENCE = 8  # lines of evidence in a failure text; the report file holds all of it
_MOST_DOUBLES = 3  # lines that tell in front of which test doubles a rule stood
_MOST_WAYS = 3  # lines that tell what became of injected errors
_MADE_BY_TESTS = "made by the tests themselves"  # for which the explorer leaves a call out
_EXPLORED = frozenset({"explored", "recovery"})  # runs that pytest-chaos makes of an ordinary test
_MOST_CALLERS = 3  # lines whose calls the filters of a rule refused
_MOST_RECOVERIES = 5  # lines


def verdict_text(record: Record) -> str:
    """Return the text of one run: the verdict with its evidence, and at the end the line that runs it again."""
    first, *others = record["evidence"] or [{"text": "no problems found", "kind": "", "oracle": ""}]
    lines = [f"chaos: {record['verdict']}: {first['text']}"]
    lines.extend(f"  also: {evidence['text']}" for evidence in others[: _MOST_EVIDENCE - 1])
    if len(others) >= _MOST_EVIDENCE:
        lines.append(f"  also: {len(others) - _MOST_EVIDENCE + 1} more, see --chaos-report")
    for rule in record["rules"]:
        lines.append(
            f"  rule: {rule['text']}{_source(rule)}: fired on {rule['activations']} of {_calls(rule['calls'])}"
            f"{_refused(rule)}"
        )
        lines.extend(f"  test double: {_double(double)}" for double in rule["doubles"][:_MOST_DOUBLES])
    lines.extend(f"  fired: {_fired(fired)}" for fired in record["fired"][:3])
    if len(record["fired"]) > 3:
        lines.append(f"  fired: {many(len(record['fired']) - 3, 'more time')}")
    lines.extend(f"  {way['text']}{_times(way['errors'])}" for way in record["ways"][:_MOST_WAYS])
    if len(record["ways"]) > _MOST_WAYS:
        left = len(record["ways"]) - _MOST_WAYS
        lines.append(f"  raised: {many(left, 'more path')}, see --chaos-report")
    lines.extend(f"  finding: {_finding(cause, record)}" for cause in record["causes"])
    lines.append(f"run again: {record['replay']}")
    return "\n".join(lines)


def _finding(cause: Record, record: Record) -> str:
    if cause["accepted"]:
        return f"{cause['id']} (accepted by the baseline)"
    if record.get("outcome") == "known" and cause["fails"]:
        return f"{cause['id']} (another run already failed for it)"
    return str(cause["id"])


def table(records: Iterable[Record]) -> list[tuple[str, str]]:
    """Return the summary table, one block per test file, each line with the verdict it shows or an empty text."""
    head = ("verdict", "fired", "test", "target", "fault")
    rows: list[tuple[str, tuple[str, ...], str]] = []
    for record in sorted_records(records):
        path, _, name = record["test"].partition("::")
        if not record["rules"] and record["kind"] == "session":
            rows.append((path, (record["verdict"], "-", name, "-", "none"), record["verdict"]))
        if record["kind"] == "recovery" and record["verdict"] != "resilient":
            rows.append((path, (record["verdict"], "-", name, "-", "all faults lifted"), record["verdict"]))
        for index, rule in enumerate(record["rules"]):
            first = index == 0
            fired = f"{rule['activations']}/{rule['calls']}"
            cells = (record["verdict"] if first else "", fired, name if first else "", rule["target"], rule["fault"])
            rows.append((path, cells, record["verdict"]))
    if not rows:
        return []
    widths = [max(len(cells[column]) for cells in [head, *(row[1] for row in rows)]) for column in range(len(head))]
    lines = [(_line(head, widths), "")]
    shown = ""
    for path, row, verdict in rows:
        if path != shown:
            lines.append((path, ""))
            shown = path
        lines.append((_line(row, widths), verdict))
    return lines


def totals(records: Iterable[Record], exploring_s: float = 0.0) -> str:
    """Return one line that counts chaos runs, their time and their verdicts.

    Args:
        records: The results.
        exploring_s: How long exploring took, in seconds: more than its runs, for it also plans and sets fixtures up.
    """
    records = [record for record in records if record["kind"] != "session"]
    counts = ", ".join(f"{count} {verdict}" for verdict, count in summary_of(records).items())
    accepted = sum(record.get("outcome") == "accepted" for record in records)
    failing = sum(record["fails"] for record in records) - accepted
    runs = many(len(records), "chaos run")
    tests = many(len({record["test"] for record in records}), "test")
    seconds = exploring_s + sum(record["duration_s"] for record in records if record["kind"] not in _EXPLORED)
    line = f"{runs} of {tests} in {seconds:.2f}s: {counts}; {failing} failing"
    return f"{line}, {accepted} accepted" if accepted else line


def with_seeds(records: Iterable[Record]) -> tuple[list[list[Record]], list[Record]]:
    """Return the runs that differ in their seed alone, those of one scenario together, and all other records."""
    together: dict[tuple[str, str, str], list[Record]] = {}
    for record in sorted_records(records):
        together.setdefault((record["test"], record["scenario"], record["kind"]), []).append(record)
    several = {key for key, runs in together.items() if len({run["seed"] for run in runs}) > 1}
    return (
        [runs for key, runs in together.items() if key in several],
        [run for key, runs in together.items() if key not in several for run in runs],
    )


def seeds(groups: Iterable[list[Record]]) -> list[tuple[str, str]]:
    """Return a line for each scenario that was run with several seeds, with its worst verdict.

    Args:
        groups: The runs of each, as :func:`with_seeds` returns them.
    """
    lines = []
    for runs in groups:
        fired = [run for run in runs if run["activations"]]
        counts = list(summary_of(fired).items())
        if not fired:
            came = f"fired in none of {len(runs)} runs"
        elif len(counts) == 1:
            came = f"fired in {len(fired)} of {len(runs)} runs, {counts[0][0]} in all"
        else:
            came = f"fired in {len(fired)} of {len(runs)} runs, " + ", ".join(
                f"{verdict} in {count}" for verdict, count in reversed(counts)
            )
        worst = counts[-1][0] if counts else "inconclusive"
        lines.append((f"{runs[0]['test']}: {runs[0]['scenario']}: {came}", worst))
    return lines


def leak_totals(records: Iterable[Record], judged: int) -> str:
    """Return one line that counts the tests judged for leaks where no fault acted, and what came of it.

    Args:
        records: All records.
        judged: How many tests were judged.
    """
    alone = [record for record in records if record["kind"] == "session"]
    failing = sum(record["fails"] and record.get("outcome") != "accepted" for record in alone)
    tests = "1 test" if judged == 1 else f"{judged} tests"
    notes = f", {len(alone) - failing} with notes only" if len(alone) > failing else ""
    return f"leaks without faults: {tests} checked; {failing} failing{notes}"


def exploration(tallies: Iterable[Tally], *, only_planned: bool = False) -> list[str]:
    """Return parts of a line that say how much of what was planned was run, and what was left out and why.

    Where nothing was run they are lines of their own.

    Args:
        tallies: Those of all processes.
        only_planned: Whether nothing was meant to run.
    """
    total = Tally.of_all(tallies)
    if not (total.tests or total.unreached or total.left_out):
        return []
    found = f"{many(total.tests, 'test')}: {many(total.keys, 'key')}"
    if not (total.tests or total.unreached):
        lines = []
    elif not total.tests:
        lines = all_made_by_tests([total]) or ["no test reached a target"]
    elif only_planned:
        lines = [f"planned for {found}, about {total.estimated_s:.0f} s; nothing was run"]
    else:
        runs = many(sum(total.runs.values()), "scenario")
        lines = [f"explored {found}, {runs} run{_parts(total.runs)}{_checks(total.checks)}"]
    if total.tests and total.unreached:
        lines.append(f"{many(total.unreached, 'more test')} reached no target")
    if sum(total.left_out.values()):
        lines.append(f"left out {sum(total.left_out.values())}: {_reasons(total.left_out)}")
    return lines


def pruned(tallies: Iterable[Tally]) -> list[str]:
    """Return a line that says which scenarios were not worth a run, and why; none where there were none.

    Args:
        tallies: Those of all processes.
    """
    counts = Tally.of_all(tallies).pruned
    return [f"pruned {sum(counts.values())}: {_reasons(counts)}"] if sum(counts.values()) else []


def all_made_by_tests(tallies: Iterable[Tally]) -> list[str]:
    """Return lines that say why that may be and what to do where the tests made every call themselves; else none.

    Args:
        tallies: Those of all processes.
    """
    total = Tally.of_all(tallies)
    count = total.pruned[_MADE_BY_TESTS]
    if not count or total.keys or sum(total.runs.values()):
        return []
    calls = "the only call" if count == 1 else f"all {count} calls"
    return [
        f"nothing was explored: the tests made {calls} themselves, with no project code in between",
        "  if the code under test was taken for test code, or is an installed package: "
        "name it in the ini key chaos_packages, or with --chaos-target 'package.**:*'",
        "  if the tests call the dependency directly: "
        "explore these calls with @pytest.mark.chaos_explore(driver=True), or write a fault test",
    ]


def reasons(records: Iterable[Record], told: Collection[tuple[str, str]] = ()) -> list[str]:
    """Return a line for each reason why results are inconclusive and do not fail: no text of a failure says it.

    Args:
        records: The results.
        told: The rules, by text and source, of which it is said that they never fired in the whole session, with their
            calls; it is not said again.
    """

    def is_told(record: Record) -> bool:
        return IN_COUNTS in record and tuple(record[IN_COUNTS]) in told

    by_reason: dict[str, list[Record]] = {}
    for record in sorted_records(records):
        if record["verdict"] == "inconclusive" and not record["fails"] and record["evidence"] and not is_told(record):
            by_reason.setdefault(record["evidence"][0]["text"], []).append(record)
    return [
        f"inconclusive: {first['test']} and {many(len(others), 'more result')}: {reason}"
        if others
        else f"inconclusive: {first.get('id') or first['test']}: {reason}"
        for reason, (first, *others) in by_reason.items()
    ]


def recoveries(records: Iterable[Record]) -> list[str]:
    """Return a line for each test whose probe was not true at once when all faults were lifted; the slowest first."""
    found = [(one, record["test"]) for record in records for one in record.get("recovered", ()) if one["probes"] > 1]
    found.sort(key=lambda pair: -pair[0]["took_s"])
    lines = [
        f"recovered: {test} from {' and '.join(one['dependencies'])} in {one['took_s']:.2f} s, "
        f"after {many(one['probes'], 'probe')}"
        for one, test in found[:_MOST_RECOVERIES]
    ]
    left = len(found) - _MOST_RECOVERIES
    return [*lines, f"and {left} more, in less time"] if left > 0 else lines


def unjudged(records: Iterable[Record]) -> list[str]:
    """Return a line if contracts judge answers, faults fired under them, and no run saw any answer."""
    judged = [record for record in records if record.get("answers") is not None and record["activations"]]
    if not judged or any(record["answers"] for record in judged):
        return []
    runs = many(len(judged), "chaos run")
    tests = list(dict.fromkeys(record["test"] for record in judged))
    of = tests[0] if len(tests) == 1 else f"{len(tests)} tests, such as {tests[0]}"
    return [
        f"the contract judges answers, and none was seen in {runs} of {of}: let the test ask through a client that is "
        "watched, such as httpx, requests or the test client of a framework, or add one with the hook "
        "pytest_chaos_answer_watchers"
    ]


def rate_zero(rules: Iterable[tuple[str, str]]) -> list[str]:
    """Return a line for each rule, by text and source, whose rate is 0: it is the same as no rule."""
    return [f"never fires, because its rate is 0: {text}{f' ({source})' if source else ''}" for text, source in rules]


def _parts(counts: Mapping[str, int]) -> str:
    shown = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()) if count)
    return f" ({shown})" if shown else ""


def _reasons(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} ({count})" for reason, count in sorted(counts.items()) if count)


def _checks(counts: Mapping[str, int]) -> str:
    shown = ", ".join(many(count, what) for what, count in sorted(counts.items()) if count)
    return f", and {shown}" if shown else ""


def doubles_met(records: Iterable[Record]) -> list[str]:
    """Return a line for each test double in front of which some rule stood; the report file holds all of them."""
    met = dict.fromkeys(_double(double) for rule in rules_of(records) for double in rule["doubles"])
    shown = [f"test double: {one}" for one in list(met)[:_MOST_DOUBLES]]
    left = len(met) - len(shown)
    return [*shown, f"{many(left, 'more test double')}; --chaos-report lists them"] if left else shown


def never_fired(records: Iterable[Record]) -> dict[tuple[str, str], str]:
    """Return a line for each rule that fired in no run of the session, by the rule's text and source."""
    return {
        (rule["text"], rule["source"]): f"never fired: {rule['text']}{_source(rule)}: {_calls(rule['calls'])}"
        f"{_refused(rule)}"
        for rule in rules_of(records)
        if not rule["activations"] and rule["source"] != EXPLORATION
    }


def never_fired_anywhere(line: str) -> str:
    """Return what fails a session, from the line of a rule that had to fire and did not in any test."""
    return f"chaos: inconclusive: rule {line}"


def _refused(rule: Record) -> str:
    """Return who made the calls that the filters of a rule refused, where it counted none, and what may be meant."""
    refused = rule.get("refused")
    if refused is None or rule["calls"]:
        return ""
    lines = [f"{one['module'] or '?'} at {one['place']}{_times(one['calls'])}" for one in refused["calls"]]
    more = f" and {many(len(lines) - _MOST_CALLERS, 'more line')}" if len(lines) > _MOST_CALLERS else ""
    text = f"; its filters excluded calls from {', '.join(lines[:_MOST_CALLERS])}{more}"
    unknown = [name for name in refused["wanted"] if refused["parameters"] and name not in refused["parameters"]]
    if unknown:
        hint = near_misses(unknown[0], refused["parameters"])
        text += f"; the calls have no parameter {unknown[0]!r}"
        text += f". {hint}" if hint else f", only {', '.join(refused['parameters'])}"
    elif refused["caller"] and not any(fnmatchcase(one["module"], refused["caller"]) for one in refused["calls"]):
        hint = near_misses(refused["caller"], [one["module"] for one in refused["calls"]])
        text += f". {hint}" if hint else ""
    return text


def _source(rule: Record) -> str:
    return f" ({rule['source']})" if rule["source"] not in ("", EXPLORATION) else ""


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count} calls"


def _times(count: int) -> str:
    return f" ({count} times)" if count > 1 else ""


def _double(double: Record) -> str:
    place = f" ({double['place']})" if double["place"] else ""
    return f"{double['point']} is {double['what']}{place}"


def _fired(fired: Record) -> str:
    return f"{fired['fault']} at {fired['point']}, call {fired['call']} ({fired['actor']})"


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    return "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
