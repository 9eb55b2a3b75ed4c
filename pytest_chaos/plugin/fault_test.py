"""Fault tests: each is taken through its phases, once or with several seeds, and judged after its teardown."""

from __future__ import annotations

import pytest

from pytest_chaos.experiment import Experiment
from pytest_chaos.explorer import is_random, seeds_of
from pytest_chaos.guard import LATE, QUIET_S, Limits
from pytest_chaos.plan import PlannedRule, RunPlan
from pytest_chaos.plugin import compat, telling
from pytest_chaos.plugin.clones import clone_of, seed_label
from pytest_chaos.plugin.context import Context
from pytest_chaos.plugin.leaks import LEVEL
from pytest_chaos.plugin.marker import Specification
from pytest_chaos.plugin.one_run import OneRun

SPECIFICATION: pytest.StashKey[Specification] = pytest.StashKey()
"""On a fault test: what its markers say."""

_SEED: pytest.StashKey[int] = pytest.StashKey()
"""On a clone of a fault test: the seed of this run."""


class FaultTests:
    """The hooks of fault tests.

    Args:
        context: What all rooms share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run a fault test; where chance decides and several runs are asked for, a clone of it with each seed."""
        found = item.stash.get(SPECIFICATION, None)
        if found is None:
            return None
        if _SEED not in item.stash and self._context.settings.runs > 1 and is_random(found.rules):
            self._repeat(item, nextitem, found)
        else:
            self._run(item, nextitem, found)
        return True

    def _repeat(self, item: pytest.Item, nextitem: pytest.Item | None, found: Specification) -> None:
        """Run a fault test in which chance decides with several seeds, each as a test of its own."""
        settings = self._context.settings
        seeds = list(seeds_of(settings.seed, settings.runs))
        clones = [clone_of(item, seed_label(seed)) for seed in seeds]
        compat.cancel_timer(item)
        for seed, clone, following in zip(seeds, clones, [*clones[1:], nextitem], strict=True):
            clone.stash[SPECIFICATION] = found
            clone.stash[_SEED] = seed
            if LEVEL in item.stash:
                clone.stash[LEVEL] = item.stash[LEVEL]
            with compat.in_place(item.session, clone):
                clone.config.hook.pytest_runtest_protocol(item=clone, nextitem=following)
            if item.session.shouldfail or item.session.shouldstop:
                break

    def _run(self, item: pytest.Item, nextitem: pytest.Item | None, found: Specification) -> None:
        experiment = Experiment(self._context.laboratory, self._plan(item, found))

        run = OneRun(self._context, item, experiment)

        def tell() -> None:
            seen, judgement = run.seen, run.judgement
            if seen is None or judgement is None or experiment.is_plain:
                return
            if seen.standstills and run.was_ended:
                for report in run.reports:
                    if report.when == "teardown" and report.failed:
                        telling.excuse(report)  # it is told as a verdict
            failure = seen.failure
            is_ours = failure is not None and (
                failure.is_release or bool(seen.recovery) or failure.is_injected_interrupt
            )
            record = self._context.record_of(seen, judgement, self._context.again.test(item, seen))
            excused = compat.xfail_of(item) is not None
            self._context.outcomes.settle(record, is_clone=False, is_excused=excused)
            telling.put_verdict(item, run.reports, record, is_authors=not is_ours)

        run.run_and_report(nextitem, tell)

    def _plan(self, item: pytest.Item, found: Specification) -> RunPlan:
        settings = self._context.settings
        limit_s = QUIET_S if found.limit_s is None else found.limit_s
        return RunPlan(
            compat.plain_id(item),
            item.stash.get(_SEED, settings.seed),
            # What a fixture injects by hand acts before a marker, and a near marker before a far one.
            rules=tuple(PlannedRule(rule, below=True) for rule in found.rules),
            contract=found.contract,
            budget_s=settings.hang_budget_s if found.hang_budget_s is None else found.hang_budget_s,
            plain_leaks=item.stash.get(LEVEL, "off"),
            limits=Limits(limit_s, LATE * limit_s, with_setup=bool(self._context.running.disturbed_last)),
            recovers=tuple(found.recovers),
        )
