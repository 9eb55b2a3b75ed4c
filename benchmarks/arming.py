"""What it costs to arm many functions by a glob: the first time, again, and in memory."""

from __future__ import annotations

import gc
import statistics
import sys
import tracemalloc
from collections.abc import Iterable
from dataclasses import dataclass
from time import thread_time

from subjects import Project, rule
from yardstick import slowness

from pytest_chaos.experiment import Experiment
from pytest_chaos.plan import RunPlan
from pytest_chaos.scenario import Rule

COUNTS = (1, 10, 100, 1_000, 10_000)


@dataclass(frozen=True)
class Armed:
    """Microseconds per function.

    Attributes:
        first: Looked up, spliced and put in place for the first time.
        again: Put in place and taken away again, by the same rules: one window after another.
        in_place: The half of that which puts in place.
        anew: Armed and put in place by another test's experiment, the spliced code being there.
        slowness: How many times slower the machine was meanwhile than when the bars were set.
    """

    first: float
    again: float
    in_place: float
    anew: float
    slowness: float


def growth(project: Project, samples: int, counts: Iterable[int] = COUNTS) -> dict[int, Armed]:
    """Measure arming modules of 1 to 10,000 functions."""
    found = {}
    for count in counts:
        code = project.many(count)
        taken = []
        for sample in range(samples):
            name = f"many_{count}_{sample}"
            project.module_of(name, code)
            taken.append(_armed(project, rule(f"{name}:*", rate=1e-9), count))
            del sys.modules[name]
        found[count] = _median(taken)
    return found


def _median(taken: list[Armed]) -> Armed:
    # The slowness is the one of the sample whose first arming, by that measure, was the median.
    ordered = sorted(taken, key=lambda one: one.first / one.slowness)
    return ordered[len(ordered) // 2]


def memory(project: Project, count: int = 1_000) -> dict[str, float]:
    """Return the bytes per function while armed, and those that stay after the fault is lifted."""
    name = "many_measured"
    project.module_of(name, project.many(count))
    never = rule(f"{name}:*", rate=1e-9)
    experiment = Experiment(project.laboratory, RunPlan("memory"))
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        experiment.arm(never)
        experiment.injector.open()
        gc.collect()
        during = tracemalloc.get_traced_memory()[0]
        experiment.close()
        del experiment
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    return {"armed": (during - before) / count, "kept": (after - before) / count}


def _armed(project: Project, never: Rule, count: int) -> Armed:
    before = slowness()
    gc.collect()
    experiment = Experiment(project.laboratory, RunPlan("first"))
    first = _us(lambda: (experiment.arm(never), experiment.injector.open()), count)
    experiment.injector.close()
    times = max(3, min(50, 20_000 // count))
    puts, takes = [], []
    for _ in range(times):
        puts.append(_us(experiment.injector.open, count))
        takes.append(_us(experiment.injector.close, count))
    experiment.close()
    other = Experiment(project.laboratory, RunPlan("another"))
    anew = _us(lambda: (other.arm(never), other.injector.open()), count)
    other.close()
    put = statistics.median(puts)
    return Armed(first, put + statistics.median(takes), put, anew, (before + slowness()) / 2)


def _us(action: object, count: int) -> float:
    assert callable(action)
    began = thread_time()
    action()
    return (thread_time() - began) * 1e6 / count
