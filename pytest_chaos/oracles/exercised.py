"""Exercised: a fault that never fired proves nothing."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_chaos.observation import Observation, RuleSeen
from pytest_chaos.oracles.base import failing, note, reported
from pytest_chaos.verdict import Finding, Verdict

_NOT_PICKED = "none of which its trigger picked"
_REFUSED = "its filters refused"
_NOT_CALLED = "the test never called it"


def is_all_in_counts(text: str) -> bool:
    """Tell whether a text of this oracle says no more of a rule than its calls and what its filters refused do."""
    return text.endswith((f": {_NOT_CALLED}", f", {_NOT_PICKED}")) or f": {_REFUSED} " in text


def judge_exercised(seen: Observation) -> Iterator[Finding]:
    """Find rules that never fired; one that had to fire fails the test."""
    for problem in seen.problems:
        yield failing(Verdict.INCONCLUSIVE, "exercised", "specification", problem)
    for rule in seen.rules:
        if rule.fired:
            continue
        text = f"rule never fired: {rule.text}{f' ({rule.source})' if rule.source else ''}: {_reason(rule, seen)}"
        if rule.is_sure and not seen.is_compared:
            yield failing(Verdict.INCONCLUSIVE, "exercised", "never-fired", text)
        elif seen.fired:
            yield note("exercised", "never-fired", text)  # another rule of the scenario did act
        else:
            yield reported(Verdict.INCONCLUSIVE, "exercised", "never-fired", text)


def _reason(rule: RuleSeen, seen: Observation) -> str:
    if not rule.points:
        return "its target matched nothing"
    if rule.calls:
        calls = "1 matching call" if rule.calls == 1 else f"{rule.calls} matching calls"
        if rule.shadowed:
            return f"{calls}, and where its trigger picked one another rule acted"
        return f"{calls}, {_NOT_PICKED}"
    if rule.filtered:
        return f"{_REFUSED} {'the only call' if rule.filtered == 1 else f'all {rule.filtered} calls'}"
    if seen.children:
        children = ", ".join(map(str, seen.children))
        return f"the test never called it in this process; calls may be in child {children}"
    if seen.is_compared:
        return "the plain run called it, and this run did not: something remembers it from run to run, or calls vary"
    if rule.unreached:
        return f"the test never called it by name; it is replaced by name only, not in {', '.join(rule.unreached)}"
    return _NOT_CALLED
