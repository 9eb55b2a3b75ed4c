"""What is called and armed: a small project in a folder of its own, and a laboratory whose project it is."""

from __future__ import annotations

import contextlib
import importlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from pytest_chaos.experiment import Experiment, Laboratory
from pytest_chaos.faults.base import Fault
from pytest_chaos.faults.raising import Raise
from pytest_chaos.injector.mechanisms import Armory
from pytest_chaos.notation import rule_from
from pytest_chaos.plan import RunPlan
from pytest_chaos.provenance import Provenance
from pytest_chaos.resources.census import Census
from pytest_chaos.scenario import Rule

_SUBJECT = """
def function(a, b):
    return a

class Shop:
    def __init__(self, a, b):
        self.a = a
    def method(self, a, b):
        return a
    @staticmethod
    def static(a, b):
        return a
    @classmethod
    def of_class(cls, a, b):
        return a
    @property
    def attribute(self):
        return self.a

class Branch(Shop):
    pass

async def coroutine(a, b):
    return a

def generator(a, b):
    yield a
    yield b

async def async_generator(a, b):
    yield a
    yield b

def dive(depth):
    try:
        return dive(depth + 1)
    except RecursionError:
        return depth
"""

_ONE_OF_MANY = '''
def work_{number}(items, scale=1):
    """Scale what can be scaled."""
    try:
        return [item * scale for item in items if item]
    except TypeError as error:
        return error.args
'''


class EveryoneCounts(Provenance):
    """Lets calls of standard-library functions pass planned gates: the mechanism alone, which users do not get."""

    def may_serve_the_runner(self, filename: str, name: str) -> bool:
        """Say no."""
        return False


@dataclass
class Project:
    """A folder of modules, and a laboratory to experiment on them.

    Attributes:
        root: The folder.
        laboratory: As a session makes it.
        lenient: The same, in which each caller counts.
    """

    root: Path
    laboratory: Laboratory
    lenient: Laboratory

    @property
    def loop_file(self) -> str:
        """The file that timing loops pretend to stand in: a test calls from its project."""
        return str(self.root / "loops.py")

    def subject(self, name: str) -> ModuleType:
        """Return another copy of the functions that are called."""
        return self._module(name, _SUBJECT)

    def many(self, count: int) -> CodeType:
        """Return the code of a module of many functions."""
        source = "".join(_ONE_OF_MANY.format(number=number) for number in range(count))
        return compile(source, str(self.root / f"many_{count}.py"), "exec")

    def module_of(self, name: str, code: CodeType) -> ModuleType:
        """Return a new module made of compiled code."""
        module = ModuleType(name)
        module.__file__ = code.co_filename
        sys.modules[name] = module
        exec(code, module.__dict__)
        return module

    def _module(self, name: str, source: str) -> ModuleType:
        (self.root / f"{name}.py").write_text(source)
        importlib.invalidate_caches()
        return importlib.import_module(name)


@contextlib.contextmanager
def project() -> Iterator[Project]:
    """Make a project, and its laboratory with an open census."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        sys.path.insert(0, name)
        known = set(sys.modules)
        provenance = Provenance(root)
        census = Census(provenance)
        armory = Armory()
        made = Project(root, Laboratory(provenance, census, armory), Laboratory(EveryoneCounts(root), census, Armory()))
        census.open()
        try:
            yield made
        finally:
            census.close()
            sys.path.remove(name)
            # Another attempt begins with fresh modules, not with those that stand wrapped and mocked already.
            for other in set(sys.modules) - known:
                if str(getattr(sys.modules[other], "__file__", "")).startswith(name):
                    del sys.modules[other]


def rule(target: str, fault: Fault | None = None, **trigger: Any) -> Rule:
    """Return a rule; by default an error that never comes."""
    return rule_from(target, fault or Raise(TimeoutError), "a benchmark", **trigger).checked()


@contextlib.contextmanager
def armed(laboratory: Laboratory, *rules: Rule) -> Iterator[Experiment]:
    """Open the window of a body with rules armed."""
    experiment = Experiment(laboratory, RunPlan("benchmark"))
    experiment.begin()
    try:
        for one in rules:
            experiment.arm(one)
        with experiment.body():
            yield experiment
    finally:
        experiment.close()
