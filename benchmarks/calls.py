"""What faults cost: a call that passes, a call on which one acts, and arming 1 to 10,000 functions.

All in one process, in processor time of its thread; see ``timing`` for how variants are compared. What is held against
bars in microseconds is divided by how much slower the machine is just now, see ``yardstick``. ``--check`` measures what
there are bars for, and again and again what misses a bar that CI holds, and keeps the best: a shared machine has bad
minutes. It fails if such a bar is missed each time. With ``--table`` too, all that misses a bar is measured again. All
bars stay where they are.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import arming
import per_call
from bars import bars, figure
from subjects import Project, project
from timing import Timed
from yardstick import WHEN_BARS_WERE_SET_US

ATTEMPTS = 5
Part = Callable[[Project, int], dict[str, Any]]


def compared(rows: Mapping[str, Timed], bare: str = "bare") -> dict[str, dict[str, float]]:
    """Return what variants took, in nanoseconds and as ratios."""
    shown = {}
    for name, timed in rows.items():
        shown[name] = {"ns": timed.ns, "us": timed.ns / 1000, "x bare": timed.over(rows[bare])}
        if "wrapt" in rows:
            shown[name]["x wrapt"] = timed.over(rows["wrapt"])
    return shown


def _c_functions(work: Project, rounds: int) -> dict[str, Any]:
    rows = per_call.c_functions(work, rounds)
    shown = compared(rows)
    shown["each caller looked at"]["x bare"] = rows["each caller looked at"].over(rows["bare time.time"])
    return shown


def _firing(work: Project, rounds: int) -> dict[str, Any]:
    rows = per_call.firing(work, rounds)
    mocked = rows.pop("a mock")
    shown: dict[str, Any] = compared(rows)
    shown["slowness"] = rows["raise"].ns / 1000 / (rows["raise"].over(mocked) * WHEN_BARS_WERE_SET_US)
    return shown


def _depth(work: Project, rounds: int) -> dict[str, int]:
    depth = per_call.depth(work)
    return {**depth, "lost": depth["bare"] - depth["armed"]}


PARTS: dict[str, Part] = {
    "kinds": lambda work, rounds: {kind: compared(rows) for kind, rows in per_call.kinds(work, rounds).items()},
    "rules": lambda work, rounds: compared(per_call.rules_on_a_function(work, rounds)),
    "receivers": lambda work, rounds: compared(per_call.receivers(work, rounds)),
    "C function": _c_functions,
    "firing": _firing,
    "depth": _depth,
    "arming": lambda work, rounds: {str(count): asdict(row) for count, row in arming.growth(work, 3).items()},
    "memory": lambda work, rounds: arming.memory(work),
}
"""The parts of the figures, each measured anew in a project of its own."""

BARRED: dict[str, Part] = {
    "kinds": lambda work, rounds: {
        kind: compared(rows) for kind, rows in per_call.kinds(work, rounds, ("function", "method")).items()
    },
    "C function": _c_functions,
    "firing": PARTS["firing"],
    "depth": _depth,
    "arming": lambda work, rounds: {
        str(count): asdict(row) for count, row in arming.growth(work, 3, (10_000,)).items()
    },
}
"""As much of them as there are bars for."""


def measured(parts: Mapping[str, Part], part: str, rounds: int) -> dict[str, Any]:
    """Measure one part."""
    with project() as work:
        return parts[part](work, rounds)


def table(figures: Mapping[str, Any]) -> str:
    """Return the figures as Markdown tables."""
    lines = [
        f"CPython {figures['python']}, {figures['machine']}.",
        "",
        "| not firing | bare, ns | armed, ns | x bare | wrapt, x bare | mock, x bare |",
        "|---|---|---|---|---|---|",
    ]
    for kind, row in figures["kinds"].items():
        mocked = f"{row['mock']['x bare']:.0f}" if "mock" in row else "-"
        lines.append(
            f"| {kind} | {row['bare']['ns']:.0f} | {row['armed']['ns']:.0f} | {row['armed']['x bare']:.1f} "
            f"| {row['wrapt']['x bare']:.1f} | {mocked} |"
        )
    lines += ["", "| a call of | ns | x bare |", "|---|---|---|"]
    titles = {
        "rules": "a function under `{}`",
        "receivers": "a method armed for a child class, {}",
        "C function": "a C function, {}",
        "firing": "a function, firing: {}",
    }
    for part, title in titles.items():
        for name, row in figures[part].items():
            if name == "slowness":
                continue
            lines.append(f"| {title.format(name)} | {row['ns']:.0f} | {row['x bare']:.1f} |")
    lines += [
        "",
        "| functions armed | first, us each | window open and shut again | of it in place | another test's rule |",
        "|---|---|---|---|---|",
    ]
    for count, row in figures["arming"].items():
        lines.append(
            f"| {int(count):,} | {row['first']:.1f} | {row['again']:.2f} | {row['in_place']:.2f} | {row['anew']:.1f} |"
        )
    depth, memory = figures["depth"], figures["memory"]
    lines += [
        "",
        f"Memory: {memory['armed']:.0f} bytes per armed function, of which {memory['kept']:.0f} stay for the session.",
        f"Recursion at limit 1000: {depth['bare']} bare, {depth['armed']} armed, {depth['wrapt']} through wrapt.",
    ]
    return "\n".join(lines)


def main() -> int:
    """Measure, print, and with ``--check`` hold the figures against their bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25, help="interleaved rounds")
    parser.add_argument("--check", action="store_true", help="exit 1 if a bar that CI holds is missed in every attempt")
    parser.add_argument("--json", type=Path, help="write the figures to a file")
    parser.add_argument("--table", action="store_true", help="print Markdown tables")
    options = parser.parse_args()
    began = time.monotonic()
    figures: dict[str, Any] = {"python": platform.python_version(), "machine": platform.machine()}
    parts = BARRED if options.check and not options.table else PARTS
    figures.update({part: measured(parts, part, options.rounds) for part in parts})
    best = {bar: figure(figures, bar) for bar in bars()}
    at_first = [bar.text for bar, found in best.items() if found.value > bar.most]
    attempts = 1
    while options.check and attempts < ATTEMPTS:
        again = [bar for bar, found in best.items() if found.value > bar.most and (bar.is_held or options.table)]
        if not again:
            break
        attempts += 1
        for part in {bar.path[0] for bar in again}:
            another = {part: measured(BARRED, part, options.rounds)}
            for bar in best:
                if bar.path[0] == part:
                    best[bar] = min(best[bar], figure(another, bar))
    if options.table:
        print(table(figures))
    else:
        for bar, found in best.items():
            is_missed = found.value > bar.most
            shown = "kept  " if not is_missed else "MISSED" if bar.is_held else "missed, not held:"
            raw = f", measured {found.measured:.2f} on a slower machine" if bar.slowness else ""
            print(f"{shown} {bar.text}: {found.value:.2f} (bar {bar.most:g}{raw})")
        print(f"{attempts} attempts, {time.monotonic() - began:.0f} s, Python {figures['python']}")
    if options.json:
        figures["bars"] = {bar.text: {**found._asdict(), "bar": bar.most} for bar, found in best.items()}
        figures["missed at first"] = at_first
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return int(options.check and any(found.value > bar.most and bar.is_held for bar, found in best.items()))


if __name__ == "__main__":
    sys.exit(main())
