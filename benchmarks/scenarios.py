"""What one more scenario of an explored test costs, beside one more plain test.

The test is trivial: it calls the system once, which calls the one target once; each scenario lets the call return
another number, and passes. Two figures: processor time of one more scenario against that of one more plain test of the
same body, parametrised, without ``--chaos``; and time per scenario with 1,000 of them against that with 100.

Each session runs in a process of its own, and its processor time is taken from its start to its end, collection and
summary included, without imports and set-up. Sessions of a round run in turning order, and a ratio is the median over
the rounds, so that a busy machine slows both sides alike.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

SCENARIO_BUDGET = 1.5  # DESIGN: one more passing scenario of a trivial test, x a plain trivial test
GROWTH_BUDGET = 1.2  # DESIGN: per scenario with 1,000 of them, x with 100
FEW, MANY = 100, 1_000
APP = "def dep():\n    return 0\n\n\ndef work():\n    return dep()\n"
PLAIN = """\
import app
import pytest


@pytest.mark.parametrize("number", range({count}))
def test_work(number):
    app.work()
"""
EXPLORED = """\
import app
import pytest


@pytest.mark.chaos_explore("app:dep", faults=[f"return({{number + 1}})" for number in range({count})])
def test_work():
    app.work()
"""
RUN = """\
import sys
import time

import pytest


class Clock:
    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self):
        self.began = time.process_time()


clock = Clock()
status = pytest.main(sys.argv[1:], plugins=[clock])
print(f"\\nsession: {int(status)} {time.process_time() - clock.began}")
"""


@dataclass(frozen=True)
class Session:
    """A session to be timed.

    Attributes:
        is_explored: Whether the tests are scenarios of one explored test.
        count: How many there are.
    """

    is_explored: bool
    count: int

    @property
    def name(self) -> str:
        """The name of its file, without the ending."""
        return f"test_{'explored' if self.is_explored else 'plain'}_{self.count}"


ONE_PLAIN, MANY_PLAIN = Session(False, 1), Session(False, MANY)
ONE, SOME, ALL = Session(True, 1), Session(True, FEW), Session(True, MANY)
SESSIONS = (ONE_PLAIN, MANY_PLAIN, ONE, SOME, ALL)


def session_seconds(folder: Path, session: Session) -> float:
    """Return the processor time of one session, in seconds."""
    options = ["-p", "chaos", "--chaos"] if session.is_explored else ["-p", "no:chaos"]
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPYCACHEPREFIX": str(folder / "pycache"),
    }
    command = ["-q", "-p", "no:cacheprovider", *options, f"{session.name}.py"]
    done = subprocess.run(
        [sys.executable, "run.py", *command], capture_output=True, text=True, check=True, cwd=folder, env=environment
    )
    _, _, told = done.stdout.rpartition("session: ")
    status, seconds = told.split()
    # The plain run and the recovery run are reported as tests, too.
    expected = f"{session.count + 2 * session.is_explored} passed"
    if status != "0" or expected not in done.stdout:
        raise RuntimeError(f"{session.name} did not pass {expected}:\n{done.stdout}")
    return float(seconds)


@dataclass(frozen=True)
class Figures:
    """What was measured; times in milliseconds, medians over the rounds.

    Attributes:
        plain_ms: One more plain test.
        scenario_ms: One more scenario, with 1,000 of them.
        ratios: The second against the first, round by round.
        growths: One more scenario with 1,000 of them against one with 100, round by round.
    """

    plain_ms: float
    scenario_ms: float
    ratios: list[float]
    growths: list[float]

    @property
    def ratio(self) -> float:
        """The median."""
        return statistics.median(self.ratios)

    @property
    def growth(self) -> float:
        """The median."""
        return statistics.median(self.growths)


def measure(folder: Path, rounds: int) -> Figures:
    """Time all sessions in turns."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "app.py").write_text(APP)
    (folder / "run.py").write_text(RUN)
    for session in SESSIONS:
        source = EXPLORED if session.is_explored else PLAIN
        (folder / f"{session.name}.py").write_text(source.format(count=session.count))
    session_seconds(folder, ONE)  # the first run compiles
    plain, few, many = [], [], []
    for number in range(rounds):
        turn = number % len(SESSIONS)
        taken = {session: session_seconds(folder, session) for session in SESSIONS[turn:] + SESSIONS[:turn]}
        plain.append((taken[MANY_PLAIN] - taken[ONE_PLAIN]) / (MANY - 1))
        few.append((taken[SOME] - taken[ONE]) / (FEW - 1))
        many.append((taken[ALL] - taken[ONE]) / (MANY - 1))
    return Figures(
        statistics.median(plain) * 1e3,
        statistics.median(many) * 1e3,
        [scenario / test for scenario, test in zip(many, plain, strict=True)],
        [scenario / other for scenario, other in zip(many, few, strict=True)],
    )


def main() -> int:
    """Measure, print, and with ``--check`` hold the figures against their bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="rounds of five sessions each")
    parser.add_argument("--check", action="store_true", help="exit 1 if a bar that is held is missed, after repetition")
    parser.add_argument("--json", type=Path, help="write the figures to a file")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        found = measure(Path(name), options.rounds)
        if options.check and found.growth > GROWTH_BUDGET:
            # One more time with twice as much: a shared machine has bad minutes. The bars stay where they are.
            found = measure(Path(name), options.rounds * 2)
    print(f"one more plain test: {found.plain_ms:.2f} ms; one more scenario: {found.scenario_ms:.2f} ms")
    print(f"scenario / plain test: {found.ratio:.2f} (bar {SCENARIO_BUDGET}); rounds: {_listed(found.ratios)}")
    print(f"scenario of {MANY} / of {FEW}: {found.growth:.2f} (bar {GROWTH_BUDGET}); rounds: {_listed(found.growths)}")
    print(f"  {time.monotonic() - began:.0f} s")
    if options.json:
        figures = {"python": sys.version.split()[0], **vars(found), "ratio": found.ratio, "growth": found.growth}
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    if found.ratio > SCENARIO_BUDGET:
        print("a scenario costs more than it should; this bar is not held by --check yet")
    if options.check and found.growth > GROWTH_BUDGET:
        print("a bar is missed")
        return 1
    return 0


def _listed(ratios: list[float]) -> str:
    return " ".join(f"{one:.2f}" for one in sorted(ratios))


if __name__ == "__main__":
    raise SystemExit(main())
