"""What a clean test pays for the look at what it left: each kind, and all, beside plugins that look for less.

    python benchmarks/leaks.py [--check]

One look is a snapshot before and a comparison after, with nothing left. In microseconds of processor time, interleaved
in one process; the other plugins are measured where they are installed (the extra ``rivals``). The last row of ours is
all that stands between the start of a test and its verdict, less what pytest does.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys
import time
from collections.abc import Callable
from typing import Any

from subjects import project
from timing import Variant, timed

from pytest_chaos.experiment import Laboratory, Watch
from pytest_chaos.resources.births import is_tests
from pytest_chaos.resources.kind import Kind

MOST_OF_ALL_US = 100.0
MOST_OF_THREADS_AND_TASKS_US = 5.0
ATTEMPTS = 3


def look(kinds: tuple[Kind, ...]) -> Callable[[], None]:
    """Return a look at some kinds."""

    def at_them() -> None:
        before = [(kind, kind.snapshot()) for kind in kinds]
        for kind, snapshot in before:
            if kind.left(snapshot, is_tests):
                raise SystemExit(f"{type(kind).__name__} found something where nothing was made")

    return at_them


def verdict(laboratory: Laboratory) -> Callable[[], None]:
    """Return the whole way of a test that is judged without a fault."""

    def of_a_test() -> None:
        watch = Watch(laboratory, "test_it.py::test_it", "on")
        watch.begin()
        _, judgement = watch.conclude()
        watch.close()
        if judgement.evidence:
            raise SystemExit("something was found where nothing was made")

    return of_a_test


def tasks_of_pyleak(pyleak: Any) -> Callable[[], None]:
    """Return pyleak's look at tasks, which needs a running loop, and otherwise sleeps."""
    loop = asyncio.new_event_loop()

    async def look_at_tasks() -> None:
        seeker = pyleak.no_task_leaks(action="raise")
        seeker._wait_for_completion = no_sleep
        async with seeker:
            pass

    async def no_sleep() -> None: ...

    def run() -> None:
        asyncio._set_running_loop(loop)
        try:
            look_at_tasks().send(None)
        except StopIteration:
            pass
        finally:
            asyncio._set_running_loop(None)

    return run


def others() -> dict[str, Callable[[], None]]:
    """Return how other plugins look, where they are installed; without the grace that they sleep."""
    found: dict[str, Callable[[], None]] = {}
    try:
        threadleak = importlib.import_module("pytest_threadleak")
    except ImportError:
        print("pytest-threadleak is not installed")
    else:

        def threads_of_threadleak() -> None:
            before = threadleak.current_threads()
            threadleak.current_threads() - before

        found["pytest-threadleak, threads"] = threads_of_threadleak
    try:
        pyleak = importlib.import_module("pyleak")
    except ImportError:
        print("pyleak is not installed")
    else:

        def threads_of_pyleak() -> None:
            with pyleak.no_thread_leaks(action="raise", grace_period=0):
                pass

        found["pyleak, threads, its sleep of 100 ms taken out"] = threads_of_pyleak
        found["pyleak, tasks, its sleep of 10 ms taken out"] = tasks_of_pyleak(pyleak)
    return found


def measured(rounds: int) -> dict[str, float]:
    """Return microseconds by what is looked at."""
    with project() as work:
        kinds = work.laboratory.census.kinds
        looks = {type(kind).__name__: look((kind,)) for kind in kinds}
        two = tuple(kind for kind in kinds if type(kind).__name__ in ("Threads", "Tasks"))
        looks |= {
            "threads and tasks": look(two),
            "all": look(kinds),
            "a test, to its verdict": verdict(work.laboratory),
        }
        looks |= others()
        rows = timed({name: Variant("f()", {"f": one}) for name, one in looks.items()}, rounds, work.loop_file)
        return {name: row.ns / 1000 for name, row in rows.items()}


def main() -> int:
    """Measure, print, and with ``--check`` hold the figures against the bars, up to three times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25, help="interleaved rounds")
    parser.add_argument("--check", action="store_true", help="exit 1 if a bar is missed in each of three attempts")
    options = parser.parse_args()
    began = time.monotonic()
    for _ in range(ATTEMPTS):
        figures = measured(options.rounds)
        print(f"CPython {sys.version.split()[0]}, microseconds of a clean test:")
        for name, us in figures.items():
            print(f"  {name:50} {us:8.2f}")
        most = max(figures["all"], figures["a test, to its verdict"])
        missed = most > MOST_OF_ALL_US or figures["threads and tasks"] > MOST_OF_THREADS_AND_TASKS_US
        if not missed or not options.check:
            break
    print(f"bars: all {MOST_OF_ALL_US:g}, threads and tasks {MOST_OF_THREADS_AND_TASKS_US:g}", end="; ")
    print("missed" if missed else "kept", f"({time.monotonic() - began:.0f} s)")
    return int(missed and options.check)


if __name__ == "__main__":
    raise SystemExit(main())
