"""How soon injected hangs are told, and whether any is told wrongly, on a busy machine.

The scenarios of tests/hang_scenarios.py run again and again beside processes that burn the processor. Of each it is
counted which verdict came how, and how long after the call parked. The budget is so long that only a proof can say
``hung``: a proof where the scenario rescues itself is a wrong one, and the bar is none.
"""

from __future__ import annotations

import argparse
import collections
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from pytest_chaos import parse
from pytest_chaos.experiment import Experiment, Laboratory
from pytest_chaos.injector.mechanisms import Armory
from pytest_chaos.plan import RunPlan
from pytest_chaos.provenance import Provenance
from pytest_chaos.resources.census import Census

BUDGET_S = 30.0  # never reached, unless a proof is missed
LATENCY_BAR_S = 0.2  # DESIGN: a proved hang has its verdict in less than this


def imported(path: Path) -> ModuleType:
    """Import a file that is in no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_once(laboratory: Laboratory, scenario: Any, system: ModuleType) -> tuple[str, float, bool]:
    """Return what was said of one run, how long its first call was parked in seconds, and whether that is right."""
    answers: list[Any] = []
    experiment = Experiment(laboratory, RunPlan(scenario.name, budget_s=BUDGET_S))
    experiment.begin()
    try:
        for rule in parse("system:pay = hang"):
            experiment.arm(rule)
        body = scenario.body(system, answers)
        error: BaseException | None = None
        released = 0.0
        with experiment.body(body.__code__):
            original = experiment.ward._decide

            def decide(*args: Any, **kwargs: Any) -> None:
                nonlocal released
                original(*args, **kwargs)
                released = released or time.monotonic()

            experiment.ward._decide = decide
            try:
                body()
            except BaseException as caught:  # noqa: BLE001  # a release ends bodies
                error = caught
        experiment.ended_with(error)
        del error
        seen, judgement = experiment.conclude()
        first = experiment.ward.records[0]
        how = "proved" if first.meaning else first.outcome
        is_right = (
            judgement.verdict.value == scenario.verdict
            and (how == "proved") == scenario.is_proved
            and len(seen.parked) == 1
            and answers == ([] if scenario.answer is None else [scenario.answer])
        )
        return f"{judgement.verdict.value}, {how}", released - first.began if released else 0.0, is_right
    finally:
        experiment.close()


def measure(repeats: int) -> int:
    """Print a table; return how many runs were wrong."""
    scenarios = imported(Path(__file__).parents[1] / "tests" / "hang_scenarios.py")
    folder = Path(tempfile.mkdtemp())
    (folder / "system.py").write_text(scenarios.SOURCE, encoding="utf-8")
    system = imported(folder / "system.py")
    census = Census(Provenance(folder, test_files=[scenarios.__file__]))
    census.open()
    laboratory = Laboratory(census.provenance, census, Armory())
    wrong = 0
    proofs: list[float] = []
    print(f"Python {sys.version.split()[0]}, {repeats} repeats, load average {os.getloadavg()[0]:.1f}")
    print(f"{'scenario':42} {'right':>7}  {'verdict after (median, most)':30} what was said")
    for scenario in (*scenarios.EIGHT, *scenarios.RESCUED):
        runs = [run_once(laboratory, scenario, system) for _ in range(repeats)]
        right = sum(run[2] for run in runs)
        wrong += repeats - right
        times = [run[1] for run in runs if run[1]]
        if scenario.is_proved:
            proofs += times
        latency = f"{statistics.median(times) * 1000:.0f} ms, {max(times) * 1000:.0f} ms" if times else "-"
        said = ", ".join(f"{count} x {text}" for text, count in collections.Counter(run[0] for run in runs).items())
        print(f"{scenario.name:42} {right:>3}/{repeats:<3}  {latency:30} {said}")
    census.close()
    late = sum(one >= LATENCY_BAR_S for one in proofs)
    print(f"wrong: {wrong}; proofs: {len(proofs)}, of them {late} after {LATENCY_BAR_S:g} s or more")
    return wrong


def main() -> int:
    """Measure beside burners; fail if anything was told wrongly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=50, help="of each scenario")
    parser.add_argument("--burners", type=int, default=4, help="processes that burn the processor")
    parser.add_argument("--alone", action="store_true", help="without burners; this is what is run beside them")
    options = parser.parse_args()
    if options.alone:
        return 1 if measure(options.repeats) else 0
    # What is measured is a process of its own, next to the burners: its own children would spoil each proof.
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(options.burners)]
    try:
        return subprocess.run([sys.executable, __file__, "--alone", f"--repeats={options.repeats}"]).returncode
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


if __name__ == "__main__":
    sys.exit(main())
