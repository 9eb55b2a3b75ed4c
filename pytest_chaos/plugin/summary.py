"""What a session prints at its end, and the files it writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pytest_chaos.baseline import baseline_text
from pytest_chaos.explorer import Tally
from pytest_chaos.notation import format_rule
from pytest_chaos.plugin import compat
from pytest_chaos.plugin.options import Settings
from pytest_chaos.plugin.results import Results
from pytest_chaos.report import lines
from pytest_chaos.report.proposing import proposal_text
from pytest_chaos.report.record import document_of
from pytest_chaos.report.screen import Tone, screen

_PASSING = frozenset({"resilient", "degraded"})
_REPORTED = frozenset({"inconclusive", "escaped", "changed", "storm"})
_MOST_ROWS = 16  # lines of a table that is printed unasked: about a dozen runs, with their files
_MOST_DOUBTS = 10  # lines that say why results are inconclusive, or which rules never fired
_TONES: Mapping[Tone, dict[str, bool]] = {
    "fails": {"red": True},
    "reported": {"yellow": True},
    "head": {"bold": True},
    "quiet": {},
}


def write(
    terminal: pytest.TerminalReporter,
    settings: Settings,
    results: Results,
    *,
    interrupted: Sequence[str] = (),
    unused_filters: Sequence[str] = (),
) -> None:
    """Print what was found, the totals, and the rules and filters that were for nothing.

    Args:
        terminal: Where to.
        settings: What the session ran with.
        results: What was found.
        interrupted: What ran when the user pressed Ctrl-C.
        unused_filters: Filters of leaks that matched nothing.
    """
    records, ledger, complaints, leaks_judged = (
        results.records,
        results.ledger,
        results.complaints,
        len(results.leaks_judged),
    )
    if results.usage_errors:
        terminal.section("chaos: nothing was run", red=True, bold=True)
        for error in results.usage_errors:
            terminal.write_line(f"ERROR: {error}", red=True)
        return
    # What made the session fail is told as that, and once.
    silent = lines.never_fired(records)
    never = [line for line in silent.values() if lines.never_fired_anywhere(line) not in complaints]
    idle = lines.rate_zero((format_rule(rule), rule.source) for rule in settings.rules if not rule.can_fire)
    explored = lines.exploration(ledger.tallies, only_planned=settings.plans)
    hints: list[str] = []
    planned = ledger.plan_lines
    if ledger.candidates is not None and not any(tally.tests for tally in ledger.tallies):
        is_first_run = not (records or leaks_judged) and any(tally.unreached for tally in ledger.tallies)
        own = lines.all_made_by_tests(ledger.tallies)
        named = ledger.candidates.lines(settings.catalogue.libraries, is_reached=bool(own))
        explored = [*own, *named] if is_first_run else explored if ledger.tally.left_out else []
    elif ledger.candidates is not None:
        hints.append(
            "swept calls to well-known libraries; name other targets with --chaos-target, or switch this off with "
            "--chaos-target none"
        )
    told = (records, leaks_judged, unused_filters, explored, planned, complaints, interrupted, idle, results.gone)
    if not any(told):
        return
    is_verbose = terminal.config.get_verbosity() > 0
    terminal.write_sep("=", "chaos")  # unlike section() it ends a line of progress first
    for line in planned:
        terminal.write_line(line)
    found = screen(
        results.findings, records, results.gone, is_verbose=is_verbose, rest=_rest(settings, terminal.config)
    )
    for text, tone in found:
        terminal.write_line(text, **_TONES[tone])
    rates, others = lines.with_seeds(records)
    rows = lines.table(others)
    is_short = len(rows) <= _MOST_ROWS
    if found and rows and (is_short or is_verbose):
        terminal.write_line("")
    for line, verdict in (*(rows if is_short or is_verbose else ()), *_at_most(lines.seeds(rates), is_verbose)):
        terminal.write_line(line, **_colour(verdict))
    disturbed = [record for record in records if record["kind"] != "session"]
    if disturbed:
        explored = [lines.totals(disturbed, Tally.of_all(ledger.tallies).spent_s), *explored]
    if any(tally.tests for tally in ledger.tallies) and not settings.plans:
        explored = ["; ".join(explored)]
    for line in explored:
        terminal.write_line(line)
    if is_verbose or settings.plans:
        for line in lines.pruned(ledger.tallies):
            terminal.write_line(line)
    if leaks_judged or any(record["kind"] == "session" for record in records):
        terminal.write_line(lines.leak_totals(records, leaks_judged))
    unfired = [record for runs in rates for record in runs if not record["activations"]]
    whole = [record for record in records if not any(record is one for one in unfired)]
    doubts = _first([*lines.reasons(whole, silent), *never], is_verbose)
    for line in (*lines.doubles_met(records), *doubts, *idle, *lines.unjudged(records)):
        terminal.write_line(line, yellow=True)
    for line in lines.recoveries(records):
        terminal.write_line(line)
    for filter_ in unused_filters:
        terminal.write_line(f"matched nothing: {filter_}", yellow=True)
    if not (is_short or is_verbose):
        hints.append("-v shows the table of all runs")
    for line in hints:
        terminal.write_line(line)
    for line in (*complaints, *interrupted):
        terminal.write_line(line, red=True)


def _rest(settings: Settings, config: pytest.Config) -> str:
    """Return where all findings are."""
    if settings.reports:
        return f"all of them are in {compat.cwd_relative_path(config, settings.reports[0])}"
    return "--chaos-report FILE.json lists all of them"


def _first(doubts: list[str], is_verbose: bool) -> list[str]:
    left = 0 if is_verbose else len(doubts) - _MOST_DOUBTS
    return doubts if left <= 0 else [*doubts[:_MOST_DOUBTS], f"{left} more such lines; -v shows them"]


def _at_most(rows: list[tuple[str, str]], is_verbose: bool) -> list[tuple[str, str]]:
    left = 0 if is_verbose else len(rows) - _MOST_ROWS
    if left <= 0:
        return rows
    return [*rows[:_MOST_ROWS], (f"{left} more rules with a rate; -v shows them", "")]


def write_reports(session: pytest.Session, settings: Settings, results: Results) -> None:
    """Write the report files; a failure to do so is one of the session."""
    total = Tally.of_all(results.ledger.tallies)
    explored = total.as_record() if total.tests or total.unreached else {}
    for path in settings.reports:
        document = json.dumps(document_of(results.records, settings.seed, explored), indent=2, ensure_ascii=False)
        _write(session, path, document + "\n", "--chaos-report")
    has_ended = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and not settings.plans
    if settings.new_baseline is not None and has_ended:  # else what is there stays
        # What was accepted and had no chance to occur stays accepted.
        seen = {one["id"] for one in results.findings}
        kept = [] if results.is_whole else settings.baseline.gone(seen)
        _write(session, settings.new_baseline, baseline_text(results.findings, kept), "--chaos-write-baseline")
    if settings.new_contract is not None and has_ended:
        _write(
            session,
            settings.new_contract,
            proposal_text(results.records, results.ledger.plain_answers),
            "--chaos-write-contract",
        )


def _write(session: pytest.Session, path: Path, text: str, option: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        terminal = session.config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            terminal.write_line(f"ERROR: {option}: cannot write {str(path)!r}: {error}", red=True)
        if session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _colour(verdict: str) -> dict[str, bool]:
    if not verdict:
        return {"bold": True}
    if verdict in _PASSING:
        return {"green": True}
    return {"yellow": True} if verdict in _REPORTED else {"red": True}
