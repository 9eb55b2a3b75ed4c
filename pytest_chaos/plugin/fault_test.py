"""One fault test: it is taken through its phases, once or with several seeds, and judged after its teardown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_chaos.errors import SpecificationError
from pytest_chaos.experiment import Experiment
from pytest_chaos.explorer import is_random, seeds_of
from pytest_chaos.guard import LATE, QUIET_S, Limits
from pytest_chaos.plugin import compat, leaks
from pytest_chaos.plugin.clones import clone_of, split_id
from pytest_chaos.plugin.marker import Specification
from pytest_chaos.report.lines import verdict_text
from pytest_chaos.report.record import record_of

if TYPE_CHECKING:
    from pytest_chaos.plugin.session import ChaosSession

SPECIFICATION: pytest.StashKey[Specification] = pytest.StashKey()
"""On a fault test: what its markers say."""

_SEED: pytest.StashKey[int] = pytest.StashKey()
"""On a clone of a fault test: the seed of this run."""


def run_fault_test(
    session: ChaosSession, item: pytest.Item, nextitem: pytest.Item | None, found: Specification
) -> None:
    """Run a fault test, or, where chance decides and several runs are asked for, a clone of it with each seed."""
    if _SEED not in item.stash and session.settings.runs > 1 and is_random(found.rules):
        _repeat(session, item, nextitem, found)
    else:
        _run(session, item, nextitem, found)


def _run(session: ChaosSession, item: pytest.Item, nextitem: pytest.Item | None, found: Specification) -> None:
    """Run it, and report once its leftovers are judged.

    The report of the body has to wait for the teardown: only then is it known what the test leaves behind.
    """
    seed = item.stash.get(_SEED, None)
    limit_s = QUIET_S if found.limit_s is None else found.limit_s
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    experiment = Experiment(
        session.laboratory,
        split_id(compat.plain_id(item))[0],
        session.settings.seed if seed is None else seed,
        found.contract,
        session.settings.hang_budget_s if found.hang_budget_s is None else found.hang_budget_s,
        plain_leaks=item.stash.get(leaks.LEVEL, "off"),
        limits=Limits(limit_s, LATE * limit_s, with_setup=bool(session.disturbed_last)),
    )

    def arm(experiment: Experiment) -> None:
        for rule in found.rules:
            # What a fixture injects by hand acts before a marker, and a near marker before a far one.
            try:
                experiment.arm(rule, below=True)
            except SpecificationError as error:
                raise error.at(rule.source) from None

    with session.begun(item, experiment, arm):
        reports = compat.runtestprotocol(item, nextitem=nextitem, log=False)
        _judge(session, item, experiment, reports)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _repeat(session: ChaosSession, item: pytest.Item, nextitem: pytest.Item | None, found: Specification) -> None:
    """Run a fault test in which chance decides with several seeds, each as a test of its own."""
    seeds = list(seeds_of(session.settings.seed, session.settings.runs))
    clones = [clone_of(item, f"seed={seed}") for seed in seeds]
    compat.cancel_timer(item)
    for seed, clone, following in zip(seeds, clones, [*clones[1:], nextitem], strict=True):
        clone.stash[SPECIFICATION] = found
        clone.stash[_SEED] = seed
        if leaks.LEVEL in item.stash:
            clone.stash[leaks.LEVEL] = item.stash[leaks.LEVEL]
        with compat.in_place(item.session, clone):
            clone.config.hook.pytest_runtest_protocol(item=clone, nextitem=following)
        if item.session.shouldfail or item.session.shouldstop:
            break


def _judge(session: ChaosSession, item: pytest.Item, experiment: Experiment, reports: list[pytest.TestReport]) -> None:
    body = leaks.body_of(reports)
    ran = body is not None and not leaks.is_skipped(reports)
    seen, judgement = experiment.conclude(with_tests=ran)
    session.saw(seen)
    if experiment.leaks != "off":
        leaks.note_judged(reports, experiment.inventory, alone=ran and not seen.rules)
    if body is None or not seen.rules:
        leaks.tell(session, item, reports, seen, judgement)
        return
    if seen.standstills:
        session.excuse_ended(item, reports)  # it is told as a verdict
    record = record_of(seen, judgement, session.again.test(item, seen))
    text = verdict_text(record)
    body.chaos = record  # type: ignore[attr-defined]  # reports carry further attributes, through xdist too
    for report in reports:
        report.user_properties.append(("chaos", judgement.verdict.value))
    failure = seen.failure
    is_ours_to_tell = failure is not None and (
        failure.is_release or bool(seen.recovery) or failure.is_injected_interrupt
    )
    if body.failed and not is_ours_to_tell and not leaks.is_strict_xpass(item, body):
        # The first failure wins the screen: the author's stays, the verdict is a section of it.
        body.sections.append(("chaos", text))
    elif judgement.fails:
        leaks.fail(item, body, text)
    elif judgement.evidence:
        body.sections.append(("chaos", text))
