"""How a session with chaos on ends: the exit status, and what is said where it is not pytest's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_chaos.notation import format_rule
from pytest_chaos.report import lines

if TYPE_CHECKING:
    from pytest_chaos.plugin.session import ChaosSession


def settle(chaos: ChaosSession, session: pytest.Session) -> None:
    """Set the exit status where what was asked for was not there, or a rule never fired; and say why."""
    ended = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
    if session.exitstatus not in ended:
        return
    if late := chaos.exploring.late_errors():
        chaos.complaints += late
        session.exitstatus = pytest.ExitCode.USAGE_ERROR
    elif chaos.settings.plans:
        session.exitstatus = pytest.ExitCode.OK
    elif chaos.settings.only and not chaos.exploring.matched and not chaos.exploring.is_cut_short:
        globs = ", ".join(chaos.settings.only)
        chaos.complaints.append(f"--chaos-only: no scenario matches {globs}; --chaos-plan lists their labels")
        session.exitstatus = pytest.ExitCode.USAGE_ERROR
    elif chaos.asked and not chaos.exploring.matched and session.exitstatus == pytest.ExitCode.OK:
        chaos.complaints.append(
            f"no scenario has the id {chaos.asked[0]!r}: give the targets or rules of the run in which it was, "
            "or the line 'run again' of its failure"
        )
        session.exitstatus = pytest.ExitCode.USAGE_ERROR
    elif session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and _ran_whole(chaos, session):
        silent = _silent_rules(chaos)
        chaos.complaints += silent
        if silent and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _ran_whole(chaos: ChaosSession, session: pytest.Session) -> bool:
    """Tell whether every test that there is was run, so that a rule that never fired will never fire."""
    option = session.config.option
    is_part = (
        chaos.deselected
        or session.shouldfail
        or session.shouldstop
        or chaos.wanted
        or chaos.settings.only
        or chaos.settings.replay
        or any(tally.left_out for tally in chaos.tallies)
        or getattr(option, "lf", False)
        or getattr(option, "stepwise", False)
    )
    return not is_part and session.config.args_source is not pytest.Config.ArgsSource.ARGS


def _silent_rules(chaos: ChaosSession) -> list[str]:
    """Return what is to be said of each rule for ordinary tests that had to fire, and did not in any test."""
    fired = {rule["text"] for record in chaos.records for rule in record["rules"] if rule["activations"]}
    told = lines.never_fired(chaos.records)
    silent = [rule for rule in chaos.settings.rules if rule.is_sure and format_rule(rule) not in fired]
    never = [(told.get((format_rule(rule), rule.source)), rule) for rule in silent]
    return [
        lines.never_fired_anywhere(line or f"never fired: {format_rule(rule)} ({rule.source}): 0 calls")
        for line, rule in never
    ]
