"""Candidates: what a first run names as targets, where no test reaches a boundary that we know."""

from __future__ import annotations

import functools
import sys
from collections import Counter
from collections.abc import Sequence
from types import FrameType, ModuleType
from typing import Any

from pytest_chaos.errors import SpecificationError
from pytest_chaos.plan import Observed
from pytest_chaos.provenance import Provenance
from pytest_chaos.target import Point, Target
from pytest_chaos.target import resolve as resolve_target

_MOST_FUNCTIONS = 2_000  # to be watched in one test, at some microseconds each
_MOST_TESTS = 20  # whose calls are looked at: enough for an idea, and soon over
_SHOWN = 5


class Candidates:
    """Has calls between functions of the project counted in the first plain runs.

    Args:
        provenance: Tells the project's modules.
        calls: Where they are counted.
    """

    def __init__(self, provenance: Provenance, calls: CandidateCalls) -> None:
        self._provenance = provenance
        self._calls = calls
        self._tests = 0

    def observed(self) -> list[Observed]:
        """Return which calls of the next test are counted; none once enough tests were looked at."""
        self._tests += 1
        if self._tests > _MOST_TESTS:
            return []
        found: list[Observed] = []
        left = _MOST_FUNCTIONS
        for target, points in self._of_project():
            if len(points) <= left:
                left -= len(points)
                found.append(Observed(target, points, functools.partial(self._note, target.module)))
        return found

    def _of_project(self) -> list[tuple[Target, list[Point]]]:
        found: list[tuple[Target, list[Point]]] = []
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if isinstance(module, ModuleType) and isinstance(file, str) and self._provenance.of_file(file) == "project":
                target = Target(name, "*")
                try:
                    found.append((target, resolve_target(target)))
                except SpecificationError:
                    continue  # a module that cannot be looked into names no candidates
        return found

    def _note(self, module: str, point: str, frame: FrameType | None, actor: str, call: Any) -> None:
        caller = self._provenance.first_project_frame(frame)
        if caller is not None and not self._provenance.is_driver_call(frame):
            self._calls.count(point, module, str(caller.f_globals.get("__name__", "")))


class CandidateCalls:
    """The calls that were counted, and what is said of them; on the controller of xdist those of all workers."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._callers: dict[str, str] = {}
        self._modules: dict[str, str] = {}

    def count(self, point: str, module: str, caller: str) -> None:
        """Count a call.

        Args:
            point: The injection point.
            module: The module that it is in.
            caller: The module that makes it.
        """
        self._counts[point] += 1
        self._callers.setdefault(point, caller)
        self._modules[point] = module

    def told(self) -> dict[str, Any]:
        """Return what a worker tells the controller, in plain values."""
        return {"counts": dict(self._counts), "callers": self._callers, "modules": self._modules}

    def hear(self, told: dict[str, Any]) -> None:
        """Take what a worker says."""
        self._counts.update(told["counts"])
        self._callers.update(told["callers"])
        self._modules.update(told["modules"])

    def lines(self, libraries: Sequence[str], *, is_reached: bool = False) -> list[str]:
        """Return what to say where nothing was explored.

        Args:
            libraries: What users call the libraries whose boundaries are known.
            is_reached: Whether the tests themselves called one of those, of which is told already.
        """
        known = ", ".join(libraries)
        lines = [] if is_reached else [f"no test called a well-known library ({known})"]
        if not self._counts:
            return lines and [
                *lines,
                "and no function of the project called another one; if the system runs in another process or is "
                "installed, name its packages in the ini key chaos_packages, or a target with --chaos-target",
            ]
        # What another module calls is more of a dependency than what a module calls inside itself.
        ordered = sorted(
            self._counts,
            key=lambda point: (self._callers[point] == self._modules[point], -self._counts[point], point),
        )
        lines.append("calls that could fail, and the option to explore them:")
        lines += [
            f"  --chaos-target '{point}'    {_calls(self._counts[point])} from {self._callers[point]}"
            for point in ordered[:_SHOWN]
        ]
        return lines


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count} calls"
