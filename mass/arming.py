"""A pytest plugin that arms every function of a package in every test, and writes down what became of each test.

It is copied into a folder of its own and loaded with ``-p arming``, so that the pytest-chaos that is installed is the
one that acts. Without ``--chaos`` it arms nothing.

The way is the user's: each test asks for the ``chaos`` fixture, its body is the window, and everything is put back at
its end. What no user would write by hand is the list of functions: there is one rule for the functions and methods of
each module, and one for each of its special methods, such as ``__repr__``, which pytest may call too. Functions that no
target leads to, such as setters, are armed all the same, as if one did.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import pkgutil
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import pytest

from pytest_chaos.errors import SpecificationError
from pytest_chaos.faults.raising import Raise
from pytest_chaos.injector.bytecode import CannotSplice
from pytest_chaos.injector.splicing import SpliceMechanism, Twin
from pytest_chaos.notation import rule_from
from pytest_chaos.scenario import Rule
from pytest_chaos.target import Point, Target, kind_of

_NEVER = 1e-12  # the chance of one call; a suite makes some ten million
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_BEHIND = "behind a decorator, under no name of their own"
_WRITER = "what writes or deletes a property: a fault on a property acts where it is read"
_CACHED = type(functools.lru_cache(len))


@dataclass(frozen=True)
class Everything(Rule):
    """A rule for many exact targets, where a user would write a glob.

    Attributes:
        targets: These targets.
        others: Points that no target leads to.
    """

    targets: tuple[Target, ...] = field(default=(), compare=False)
    others: tuple[Point, ...] = field(default=(), compare=False)

    def points(self) -> list[Point]:
        """Return the injection points, looked up anew as those of any rule are."""
        named = [point for target in self.targets for point in replace(self.one, target=target).points()]
        return [*named, *self.others]

    @functools.cached_property
    def one(self) -> Rule:
        """The same rule for one target."""
        return Rule(self.target, self.chain, self.source)


class Nameless(NamedTuple):
    """A function that no target leads to: who holds what leads to it, under which name, and why."""

    place: Target
    owner: Any
    why: str

    def point(self, function: FunctionType) -> Point:
        """Return the injection point of the function, as if a target led there."""
        kind = kind_of(function) or "function"
        return Point(self.place.text, self.owner, self.place.name.rpartition(".")[2], function, False, kind)


class Found:
    """The functions of a package, and where each is found.

    Args:
        package: The package; all of its modules are imported.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self.places: dict[FunctionType, Target] = {}
        self.nameless: dict[FunctionType, Nameless] = {}
        self._seen: set[int] = set()
        _import_all(package)
        modules = [module for name, module in sorted(sys.modules.items()) if self._is_ours(name)]
        # Where a function says it was made comes first, so that it goes by that name.
        for strict in (True, False):
            for module in modules:
                for name, value in list(vars(module).items()):
                    if not strict or getattr(value, "__module__", None) == module.__name__:
                        self._look_at(value, Target(module.__name__, name), module)
        for function in self.places:
            self.nameless.pop(function, None)

    @property
    def codes(self) -> dict[FunctionType, CodeType]:
        """The code of each function now."""
        return {function: function.__code__ for function in (*self.places, *self.nameless)}

    def _is_ours(self, name: object) -> bool:
        return isinstance(name, str) and f"{name}.".startswith(f"{self._package}.")

    def _look_at(self, value: Any, place: Target, owner: Any) -> None:
        kind = type(value)
        if kind is FunctionType:
            if self._is_ours(value.__module__) or self._is_ours(value.__globals__.get("__name__")):
                self.places.setdefault(value, place)
            self._behind(vars(value).get("__wrapped__"), Nameless(place, owner, _BEHIND))
        elif isinstance(value, type):
            if self._is_ours(value.__module__) and id(value) not in self._seen:
                self._seen.add(id(value))
                for name, raw in list(vars(value).items()):
                    self._look_at(raw, Target(place.module, f"{place.name}.{name}"), value)
        elif kind in (staticmethod, classmethod):
            self._look_at(value.__func__, place, owner)
        elif isinstance(value, property):
            self._look_at(value.fget, place, owner)
            self._behind(value.fset, Nameless(place, owner, _WRITER))
            self._behind(value.fdel, Nameless(place, owner, _WRITER))
        elif isinstance(value, functools.cached_property):
            self._look_at(value.func, place, owner)
        elif kind is _CACHED:
            self._look_at(value.__wrapped__, place, owner)
        elif kind is functools.partialmethod:
            self._behind(value.func, Nameless(place, owner, _BEHIND))

    def _behind(self, function: Any, found: Nameless) -> None:
        if isinstance(function, FunctionType) and self._is_ours(function.__module__):
            self.nameless.setdefault(function, found)


def _import_all(package: str) -> None:
    module: ModuleType = importlib.import_module(package)
    for found in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{package}."):
        if not found.name.endswith("__main__"):
            with contextlib.suppress(ImportError):  # an optional dependency is not there
                importlib.import_module(found.name)


def _rules(found: Found) -> tuple[list[Everything], Counter[str]]:
    """Return rules for all functions that can be armed, and why others cannot."""
    refused: Counter[str] = Counter()
    groups: dict[tuple[str, str], list[Target]] = {}
    others: dict[str, list[Point]] = {}
    for target in found.places.values():
        try:
            _never(target.text).checked()
        except SpecificationError as refusal:
            refused[str(refusal).splitlines()[0]] += 1
            continue
        last = target.name.rpartition(".")[2]
        groups.setdefault((target.module, last if last.startswith("__") else "functions"), []).append(target)
    for function, nameless in found.nameless.items():
        try:
            Twin(function)
        except CannotSplice as refusal:
            refused[f"{nameless.why}, and it cannot be spliced: {refusal}"] += 1
            continue
        others.setdefault(nameless.place.module, []).append(nameless.point(function))
    chain = _never("os:getcwd").chain
    rules = [
        Everything(Target(module, f"(all {name})"), chain, "the mass test", tuple(own))
        for (module, name), own in groups.items()
    ]
    rules += [
        Everything(Target(module, "(all without a name)"), chain, "the mass test", (), tuple(own))
        for module, own in others.items()
    ]
    return rules, refused


def _never(target: str) -> Rule:
    return rule_from(target, Raise(TimeoutError), "the mass test", rate=_NEVER)


class Arming:
    """Arms everything in every test.

    Args:
        package: The package.
        globs: Whether one marker with a glob arms what a glob takes, instead of a fixture everything.
        judges: Whether tests are also judged by what they leave behind.
    """

    def __init__(self, package: str, *, globs: bool, judges: bool) -> None:
        self._package = package
        self._globs = globs
        self._judges = judges
        self._found: Found | None = None
        self._codes: dict[FunctionType, CodeType] = {}
        self._rules: list[Everything] = []
        self.refused: Counter[str] = Counter()
        self.nameless: Counter[str] = Counter()
        self.functions = self.spliced = self.by_name = self.planned = self.calls = self.windows = 0
        self.problems: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Find everything, and take the oracle of leaks away: it judges the project's tests, and not the injection."""
        self._found = Found(self._package)
        self._codes = self._found.codes
        self.functions = len(self._codes)
        if self._globs:
            for item in items:
                item.add_marker(pytest.mark.chaos(f"{self._package}.**:*", Raise(TimeoutError), rate=_NEVER))
        else:
            self._rules, self.refused = _rules(self._found)
            self.nameless = Counter(found.why for found in self._found.nameless.values())
        if not self._judges:
            for item in items:
                item.add_marker(pytest.mark.chaos_contract(leaks="off"))

    @pytest.fixture(autouse=True)
    def everything_is_armed(self, request: pytest.FixtureRequest, chaos: Any) -> Iterator[None]:
        """Arm everything for the body of a test; look afterwards whether all of it is as it was."""
        experiment = chaos._experiment
        for rule in self._rules:
            try:
                experiment.arm(rule)
            except SpecificationError as refusal:
                self.problems.append(f"{request.node.nodeid}: {refusal}")
        yield
        sites = list(experiment.injector._sites.values())
        spliced = sum(isinstance(site.mechanism, SpliceMechanism) for site in sites)
        self.spliced = max(self.spliced, spliced)
        self.by_name = max(self.by_name, len(sites) - spliced)
        self.planned = max(self.planned, sum(site.planned is not None for site in sites))
        self.windows += 1
        for injection in experiment.injector.injections:
            self.calls += injection.calls
            if injection.fired:
                self.problems.append(f"{request.node.nodeid}: {injection.text} fired")
        self.problems += [f"{request.node.nodeid}: {problem}" for problem in experiment.journal.problems]
        for function, code in self._codes.items():
            if function.__code__ is not code:
                self.problems.append(f"{request.node.nodeid}: {function.__qualname__} has other code than before")

    def facts(self) -> dict[str, Any]:
        """Return what was armed."""
        names = ("functions", "spliced", "by_name", "planned", "calls", "windows", "refused", "nameless", "problems")
        return {name: getattr(self, name) for name in names}


class Outcomes:
    """What became of each test.

    Args:
        output: The file it is written to.
        arming: What was armed, if anything.
    """

    def __init__(self, output: Path, arming: Arming | None) -> None:
        self._output = output
        self._arming = arming
        self._of: dict[str, list[str]] = {}
        self._why: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note each phase that says something: the body, and a set-up or teardown that did not pass."""
        if report.when != "call" and report.passed:
            return
        name = _ADDRESS.sub("0x", report.nodeid)
        outcome = str(report.outcome)
        if hasattr(report, "wasxfail"):
            outcome = "xfailed" if report.skipped else "xpassed"
        elif report.failed and report.when != "call":
            outcome = f"error in {report.when}"
        self._of.setdefault(name, []).append(outcome)
        if report.failed:
            self._why.setdefault(name, str(report.longrepr)[-3000:])

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be collected."""
        if not report.passed:
            self._of.setdefault(f"collection of {report.nodeid}", []).append(str(report.outcome))
            self._why.setdefault(f"collection of {report.nodeid}", str(report.longrepr)[-3000:])

    def pytest_sessionfinish(self) -> None:
        """Write all down."""
        facts = self._arming.facts() if self._arming is not None else {}
        text = json.dumps({"version": sys.version_info[:2], "outcomes": self._of, "why": self._why, **facts})
        self._output.write_text(text, encoding="utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of this plugin."""
    group = parser.getgroup("arming")
    group.addoption("--arming-package", metavar="NAME", help="arm all functions of this package")
    group.addoption("--arming-globs", action="store_true", help="arm what the glob 'NAME.**:*' takes")
    group.addoption("--arming-judges", action="store_true", help="judge what tests leave behind, too")
    group.addoption("--arming-output", metavar="FILE", help="write outcomes here, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Register what the run asks for."""
    arming = None
    if config.getoption("--chaos"):
        arming = Arming(
            config.getoption("--arming-package"),
            globs=config.getoption("--arming-globs"),
            judges=config.getoption("--arming-judges"),
        )
        config.pluginmanager.register(arming, "arming everything")
    output = Path(config.getoption("--arming-output"))
    config.pluginmanager.register(Outcomes(output, arming), "arming outcomes")
