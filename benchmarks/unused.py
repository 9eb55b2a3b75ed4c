"""What pytest-chaos costs whoever has it installed and does not use it.

Two figures: the import of the entry module after ``import pytest`` (``-X importtime``, microseconds), and a run of 200
empty tests against the same run with ``-p no:chaos``. Runs are interleaved in pairs, and a ratio is the median over
pairs, so that a busy machine slows both sides alike.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import entry_points
from pathlib import Path

ENTRY_BUDGET_US = 1000  # DESIGN: the entry module imports in less than 1 ms after "import pytest"
RATIO_BUDGET = 1.05  # DESIGN: 200 empty tests take at most 1.05 times as long
TESTS = 200
_IMPORT = re.compile(r"import time:\s*(\d+) \|\s*(\d+) \|(\s+)(pytest_chaos\S*)")


def environment(folder: Path) -> dict[str, str]:
    """Return an environment in which modules are compiled once and kept in a folder, as an installation keeps them."""
    dropped = ("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder / "pycache")}


def entry_import_us(folder: Path, repeats: int) -> float:
    """Return the median time to import the entry module, its parents included, in microseconds."""
    found = []
    for index in range(repeats + 1):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", "import pytest; import pytest_chaos.plugin.entry"],
            capture_output=True,
            text=True,
            check=True,
            env=environment(folder),
        )
        if index == 0:
            continue  # it compiled the modules
        # Cumulative times of our outermost modules: what stands at the shallowest indent.
        rows = [(int(row[2]), len(row[3])) for row in _IMPORT.finditer(done.stderr)]
        shallow = min(indent for _, indent in rows)
        found.append(sum(cumulative for cumulative, indent in rows if indent == shallow))
    return statistics.median(found)


def run_seconds(folder: Path, *options: str) -> float:
    """Return the processor time of one pytest run over the empty tests, children included, in seconds."""
    # Plugins are found as users find them, by their entry points; all but ours are kept out on both sides.
    others = [f"no:{entry.name}" for entry in entry_points(group="pytest11") if entry.name != "chaos"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        + [word for other in others for word in ("-p", other)]
        + [*options, str(folder)],
        capture_output=True,
        check=True,
        env=environment(folder),
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def unused_ratio(folder: Path, pairs: int) -> tuple[float, list[float]]:
    """Return the median ratio of a run with the plugin loaded and unused to one without it, and all ratios."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    tests = "\n".join(f"def test_{number}():\n    pass\n" for number in range(TESTS))
    (folder / "test_empty.py").write_text(tests)
    run_seconds(folder)  # the first run compiles
    ratios = []
    for index in range(pairs):
        # Every second pair runs the other way round, so that drift cancels out.
        if index % 2:
            without = run_seconds(folder, "-p", "no:chaos")
            loaded = run_seconds(folder)
        else:
            loaded = run_seconds(folder)
            without = run_seconds(folder, "-p", "no:chaos")
        ratios.append(loaded / without)
    return statistics.median(ratios), ratios


def main() -> int:
    """Measure, print, and with ``--check`` hold the figures against their bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15, help="pairs of runs")
    parser.add_argument("--check", action="store_true", help="exit 1 if a bar is missed, after one repetition")
    parser.add_argument("--json", type=Path, help="write the figures to a file")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        import_us = entry_import_us(folder, 15)
        ratio, ratios = unused_ratio(folder, options.pairs)
        if options.check and (ratio > RATIO_BUDGET or import_us >= ENTRY_BUDGET_US):
            # One more time with twice as much: a shared machine has bad minutes. The bars stay where they are.
            import_us = entry_import_us(folder, 30)
            ratio, ratios = unused_ratio(folder, options.pairs * 2)
    print(f"entry module after import pytest: {import_us:.0f} us (bar {ENTRY_BUDGET_US} us)")
    print(f"{TESTS} empty tests, loaded and unused / -p no:chaos: {ratio:.3f} (bar {RATIO_BUDGET})")
    print(f"  pairs: {' '.join(f'{one:.3f}' for one in sorted(ratios))}; {time.monotonic() - began:.0f} s")
    if options.json:
        figures = {
            "python": sys.version.split()[0],
            "entry_import_us": import_us,
            "unused_ratio": ratio,
            "pairs": ratios,
        }
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    missed = import_us >= ENTRY_BUDGET_US or ratio > RATIO_BUDGET
    if options.check and missed:
        print("a bar is missed")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
