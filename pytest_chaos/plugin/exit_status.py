"""How a session with chaos on ends: the exit status, and what is said where it is not pytest's own."""

from __future__ import annotations

import pytest

from pytest_chaos.notation import format_rule
from pytest_chaos.plugin.options import Settings
from pytest_chaos.plugin.results import Results
from pytest_chaos.report import lines
from pytest_chaos.verdict import Verdict


def settle(settings: Settings, results: Results, session: pytest.Session, *, asked: list[str], is_asked: bool) -> None:
    """Set the exit status where what was asked for was not there, or a rule never fired; and say why.

    Args:
        settings: What the session ran with.
        results: What was found, to which complaints are added.
        session: pytest's session.
        asked: Ids of scenarios that were asked for.
        is_asked: Whether only some scenarios of some tests were asked for.
    """
    ledger = results.ledger
    ended = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
    if session.exitstatus not in ended:
        return
    if ledger.late_errors:
        results.complain(sorted(ledger.late_errors))
        session.exitstatus = pytest.ExitCode.USAGE_ERROR
    elif settings.plans:
        session.exitstatus = pytest.ExitCode.OK
    elif settings.only and not ledger.matched and not ledger.is_cut_short:
        globs = ", ".join(settings.only)
        results.complain([f"--chaos-only: no scenario matches {globs}; --chaos-plan lists their labels"])
        session.exitstatus = pytest.ExitCode.USAGE_ERROR
    elif asked and not ledger.matched and session.exitstatus == pytest.ExitCode.OK:
        what = f"no scenario has the id {asked[0]!r}: give the same targets or rules as in the run that had it"
        results.complain([f"{what}, or copy the 'run again' line of its failure"])
        session.exitstatus = pytest.ExitCode.USAGE_ERROR
    elif (
        session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        and not is_asked
        and _ran_whole(settings, results, session)
    ):
        silent = _silent_rules(settings, results)
        results.complain(silent)
        if silent and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _ran_whole(settings: Settings, results: Results, session: pytest.Session) -> bool:
    """Tell whether every test that there is was run, so that a rule that never fired will never fire."""
    named = session.config.args_source is pytest.Config.ArgsSource.ARGS
    return not (named or is_part(settings, results, session))


# Options of pytest that leave tests out; of what workers of xdist have left out the controller knows nothing.
_CHOOSING = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob")


def is_part(settings: Settings, results: Results, session: pytest.Session) -> bool:
    """Tell whether tests or scenarios were left out of what was named, so that findings may be missing."""
    option = session.config.option
    return bool(
        results.deselected
        or session.shouldfail
        or session.shouldstop
        or session.exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)  # interrupted, or not begun
        or settings.only
        or settings.replay
        or settings.plans
        or any(getattr(option, name, None) for name in _CHOOSING)
        or any(tally.left_out for tally in results.ledger.tallies)
        or getattr(option, "lf", False)
        or getattr(option, "stepwise", False)
    )


def _silent_rules(settings: Settings, results: Results) -> list[str]:
    """Return what is to be said of each rule for ordinary tests that had to fire, and did not in any test."""
    fired = {rule["text"] for record in results.records for rule in record["rules"] if rule["activations"]}
    if not settings.fail_on.may_fail(Verdict.INCONCLUSIVE):
        return []
    told = lines.never_fired(results.records)
    silent = [rule for rule in settings.rules if rule.is_sure and format_rule(rule) not in fired]
    never = [(told.get((format_rule(rule), rule.source)), rule) for rule in silent]
    return [
        lines.never_fired_anywhere(line or f"never fired: {format_rule(rule)} ({rule.source}): 0 calls")
        for line, rule in never
    ]
