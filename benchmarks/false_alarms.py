"""Repeats the systems that leak nothing, on a busy machine, and counts false alarms.

    python benchmarks/false_alarms.py --repeats 200 --burners 4

Each repeat is a session of its own over tests/soft/clean.py, with processes beside it that only burn time.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

CLEAN = Path(__file__).resolve().parents[1] / "tests" / "soft" / "clean.py"


def burn() -> None:
    """Keep a core busy."""
    while True:
        pass


def main() -> int:
    """Repeat, count, print; exit 1 on any false alarm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--burners", type=int, default=4)
    options = parser.parse_args()
    burners = [multiprocessing.Process(target=burn, daemon=True) for _ in range(options.burners)]
    for burner in burners:
        burner.start()
    verdicts: Counter[str] = Counter()
    alarms: Counter[str] = Counter()
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as name:
            project = Path(name)
            (project / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
            (project / "system.py").write_text("def fetch():\n    return 1\n")
            (project / "test_clean.py").write_text(CLEAN.read_text())
            for _ in range(options.repeats):
                words = [
                    "-p",
                    "chaos",
                    "--chaos",
                    "--chaos-target=none",
                    "-q",
                    "--chaos-report=chaos.json",
                    "-p",
                    "no:cacheprovider",
                ]
                subprocess.run(
                    [sys.executable, "-m", "pytest", *words],
                    cwd=project,
                    env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,  # a database that stays open is named at the end of each
                    check=False,
                )
                for result in json.loads((project / "chaos.json").read_text())["results"]:
                    verdicts[result["verdict"]] += 1
                    alarms.update(f"{result['test']}: {one['text']}" for one in result["evidence"])
    finally:
        for burner in burners:
            burner.terminate()
            burner.join()
    for text, times in alarms.most_common():
        print(f"{times} x {text}")
    print(
        f"{sum(alarms.values())} false alarms in {options.repeats} repeats with {options.burners} burners on "
        f"{os.cpu_count()} cores: {dict(verdicts)} ({time.monotonic() - began:.0f} s)"
    )
    return int(bool(alarms) or set(verdicts) != {"resilient"})


if __name__ == "__main__":
    raise SystemExit(main())
