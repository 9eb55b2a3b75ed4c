"""Markers -> rules, contract and recovery probe of one test, each with the line on which it was written."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pytest_chaos.catalogue.catalogue import Catalogue
from pytest_chaos.contract import Contract, LeakLevel
from pytest_chaos.errors import SpecificationError, near_misses
from pytest_chaos.faults.base import Fault, as_fault, checked_seconds
from pytest_chaos.notation import parse, rule_from
from pytest_chaos.plugin.options import checked_budget, checked_leaks, read_fault, read_target
from pytest_chaos.scenario import Rule
from pytest_chaos.target import Target, check_name, target_of
from pytest_chaos.triggers import KEYWORDS

_OWN_KEYWORDS = ("recovers", "within", "hang_budget", "limit")
_USAGE = "Write @pytest.mark.chaos('package.module:name', Raise(TimeoutError), rate=0.2)."


@dataclass
class Specification:
    """What the markers of one test say.

    Attributes:
        rules: Nearest marker first.
        recovers: Probes that must come true after the body, each with its ``within``.
        hang_budget_s: The nearest marker's hang budget, or ``None``.
        limit_s: After how many seconds without a line of the project or the test a part of the run is ended; ``None``
            leaves it to us.
        contract: What the system promises.
    """

    rules: list[Rule] = field(default_factory=list)
    recovers: list[tuple[Callable[[], Any], float]] = field(default_factory=list)
    hang_budget_s: float | None = None
    limit_s: float | None = None
    contract: Contract = field(default_factory=Contract)

    def wrong_probes(self) -> Iterator[SpecificationError]:
        """Yield what is wrong with the probes that are named by a text."""
        for probe, _ in self.recovers:
            if isinstance(probe, NamedProbe):
                try:
                    probe.check()
                except SpecificationError as error:
                    yield error


def specification_of(item: pytest.Item, contract: Contract) -> Specification:
    """Return what the markers of an item say; targets are not looked up.

    Args:
        item: The test.
        contract: The contract of the table or suite, over which markers win.

    Raises:
        SpecificationError: A marker is wrong; the error names its line.
    """
    found = Specification(contract=contract)
    if item.get_closest_marker("chaos") and item.get_closest_marker("chaos_explore"):
        raise SpecificationError(
            "the markers chaos and chaos_explore cannot be combined: a fault test is never explored",
            place=_place(item, item, "chaos", 0),
        )
    for node, mark, index in _marks(item, "chaos"):
        place = _place(item, node, "chaos", index)
        try:
            _read_chaos(mark, place, found)
        except SpecificationError as error:
            raise error.at(place) from None
    for node, mark, index in reversed(_marks(item, "chaos_contract")):
        place = _place(item, node, "chaos_contract", index)
        if mark.args:
            raise SpecificationError(
                f"chaos_contract takes keywords only, got {mark.args!r}", place=place, remedy="status=[200, 503]."
            )
        try:
            found.contract = found.contract.with_keys(mark.kwargs)
            if _is_right(contract):  # else that is told once, and not of each marker
                found.contract.check()
        except SpecificationError as error:
            raise error.at(place) from None
    return found


def _is_right(contract: Contract) -> bool:
    try:
        contract.check()
    except SpecificationError:
        return False
    return True


@dataclass(frozen=True)
class Exploration:
    """What the nearest marker ``chaos_explore`` of a test says.

    Attributes:
        targets: What is swept; none leaves it to the session.
        faults: The faults, instead of those that each call can meet; ``None`` leaves it to the session.
        driver: Whether the test's own calls are explored, too.
        recovery_within_s: How long the system may take to recover after the last scenario, in seconds.
        limit_s: After how many seconds without a line of the project or the test a part of a run is ended; ``None``
            leaves it to the plain run.
    """

    targets: tuple[tuple[Target, str], ...] = ()
    faults: tuple[Fault, ...] | None = None
    driver: bool = False
    recovery_within_s: float = 0.0
    limit_s: float | None = None


_EXPLORE_KEYWORDS = ("faults", "driver", "recovery_within", "limit")


def exploration_of(item: pytest.Item, catalogue: Catalogue) -> Exploration | None:
    """Return what the marker ``chaos_explore`` of an item says, or ``None`` if it has none.

    Args:
        item: The test.
        catalogue: The boundaries that are known, whose libraries the marker may name.

    Raises:
        SpecificationError: The marker is wrong; the error names its line.
    """
    marks = _marks(item, "chaos_explore")
    if not marks:
        return None
    node, mark, index = marks[0]
    place = _place(item, node, "chaos_explore", index)
    try:
        return _read_explore(mark, place, catalogue)
    except SpecificationError as error:
        raise error.at(place) from None


def _read_explore(mark: pytest.Mark, place: str, catalogue: Catalogue) -> Exploration:
    for name, value in mark.kwargs.items():
        if name not in _EXPLORE_KEYWORDS:
            raise SpecificationError(
                f"the marker chaos_explore does not take {name}={value!r}",
                remedy=near_misses(name, _EXPLORE_KEYWORDS) or f"It takes {', '.join(_EXPLORE_KEYWORDS)}.",
            )
    targets: list[tuple[Target, str]] = []
    for target in mark.args:
        if isinstance(target, str):
            targets.extend(read_target(target, place, catalogue))
        else:
            targets.append((target_of(target), place))
    faults = mark.kwargs.get("faults")
    if faults is not None:
        given = [faults] if isinstance(faults, str) or not isinstance(faults, Iterable) else list(faults)
        if not given:
            raise SpecificationError("faults=[] leaves nothing to explore with")
        faults = tuple(read_fault(fault, place) if isinstance(fault, str) else as_fault(fault) for fault in given)
    driver = mark.kwargs.get("driver", False)
    if not isinstance(driver, bool):
        raise SpecificationError(f"driver must be True or False, got {driver!r}")
    within = checked_seconds(
        mark.kwargs.get("recovery_within", 0), "recovery_within", "the marker chaos_explore", zero_allowed=True
    )
    limit = mark.kwargs.get("limit")
    if limit is not None:
        limit = checked_seconds(limit, "limit", "the marker chaos_explore")
    return Exploration(tuple(targets), faults, driver, within, limit)


def leak_level_of(item: pytest.Item, default: LeakLevel) -> LeakLevel:
    """Return how strictly leaks of an item are judged where nothing disturbs it.

    Args:
        item: The test.
        default: What the ini key says of all tests.

    Raises:
        SpecificationError: The marker is wrong; the error names its line.
    """
    for node, mark, index in _marks(item, "no_leaks"):
        place = _place(item, node, "no_leaks", index)
        values = [*mark.args, *mark.kwargs.values()]
        if len(values) > 1 or mark.kwargs.keys() - {"level"}:
            raise SpecificationError(
                f"the marker no_leaks takes a level and nothing else, got {mark.args!r} and {mark.kwargs!r}",
                place=place,
                remedy="Write @pytest.mark.no_leaks or @pytest.mark.no_leaks('strict').",
            )
        if values:
            return checked_leaks(values[0], place)
        return "strict" if default == "strict" else "on"
    return default


def _read_chaos(mark: pytest.Mark, place: str, found: Specification) -> None:
    keywords = dict(mark.kwargs)
    own = {name: keywords.pop(name) for name in _OWN_KEYWORDS if name in keywords}
    for name in keywords:
        if name not in (*KEYWORDS, "target", "fault"):
            known = (*KEYWORDS, *_OWN_KEYWORDS)
            raise SpecificationError(
                f"the marker chaos does not take {name}={keywords[name]!r}",
                remedy=near_misses(name, known) or f"It takes {', '.join(known)}.",
            )
    args = [*mark.args]
    for name in ("target", "fault"):
        if name in keywords:
            args.append(keywords.pop(name))
    if not args:
        raise SpecificationError("the marker chaos needs a target and a fault", remedy=_USAGE)
    if len(args) > 2:
        raise SpecificationError(f"the marker chaos takes a target and a fault, got {args!r}", remedy=_USAGE)
    if len(args) == 1 and isinstance(args[0], str) and "=" in args[0] and not keywords:
        found.rules.extend(parse(args[0], place))
    elif len(args) == 1:
        raise SpecificationError(f"the marker chaos has no fault for {args[0]!r}", remedy=_USAGE)
    else:
        found.rules.append(rule_from(args[0], args[1], place, **keywords))
    if own.get("recovers") is not None:
        within = checked_seconds(own.get("within", 5.0), "within", "the marker chaos", zero_allowed=True)
        found.recovers.append((_probe(own["recovers"], place), within))
    elif "within" in own:
        raise SpecificationError("within= says how long recovers= may take, but there is no recovers=")
    if own.get("hang_budget") is not None and found.hang_budget_s is None:
        found.hang_budget_s = checked_budget(own["hang_budget"], place)
    if own.get("limit") is not None and found.limit_s is None:
        found.limit_s = checked_seconds(own["limit"], "limit", "the marker chaos")


@dataclass(frozen=True)
class NamedProbe:
    """A probe that a marker names by its text.

    Attributes:
        module: Path of the module that it is in.
        name: ``Qual.name`` inside it.
        place: Where it is written.
    """

    module: str
    name: str
    place: str

    def check(self) -> None:
        """Look it up as far as that is possible without importing its module.

        Raises:
            SpecificationError: There is no such module, or nothing of that name in it.
        """
        try:
            check_name(self.module, self.name, f"recovers={self.module}:{self.name}")
        except SpecificationError as error:
            raise error.at(self.place) from None

    def __call__(self) -> Any:
        found: Any = importlib.import_module(self.module)
        for part in self.name.split("."):
            found = getattr(found, part)
        return found()


def _probe(value: object, place: str) -> Callable[[], Any]:
    if callable(value):
        return value
    module, colon, name = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not colon or not all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
        raise SpecificationError(
            f"recovers must be a callable or 'module:probe', got {value!r}",
            remedy="The probe takes no arguments and is true once the system works again.",
        )
    return NamedProbe(module, name, place)


def _marks(item: pytest.Item, name: str) -> list[tuple[pytest.Item | pytest.Collector, pytest.Mark, int]]:
    """Return the marks of a name, nearest first, with their node and their index among those of the node."""
    found: list[tuple[Any, pytest.Mark, int]] = []
    for node, mark in item.iter_markers_with_node(name):
        index = sum(other is node for other, _, _ in found)
        found.append((node, mark, index))
    return found


def _place(item: pytest.Item, node: Any, name: str, index: int) -> str:
    path, line, _ = item.location
    return f"marker at {Path(path).as_posix()}:{_line(item, node, name, index) or (line or 0) + 1}"


def _line(item: pytest.Item, node: Any, name: str, index: int) -> int:
    """Return the line of a node's mark, of the whole definition where that cannot be told, or 0."""
    obj = getattr(node, "obj", None)
    if inspect.ismodule(obj):
        written = _written(obj.__file__ or "", 0, name, _names_of(vars(obj), name))
        return written.marks[index] if index < len(written.marks) else 1
    try:
        definition = inspect.unwrap(obj)  # type: ignore[arg-type]  # what is no callable is refused just below
        file = inspect.getsourcefile(definition) or ""
        first = inspect.getsourcelines(definition)[1]
    except (OSError, TypeError):
        return 0
    namespace = vars(sys.modules.get(definition.__module__, definition))
    written = _written(file, first, name, _names_of(namespace, name))
    of_params = sum(mark.name == name for mark in getattr(getattr(node, "callspec", None), "marks", ()))
    of_definition = sum(mark.name == name for mark in node.own_markers) - of_params
    if index >= of_definition:
        return written.parametrize or first
    # Marks that came another way, such as from a base class, make the count wrong: then nothing is claimed.
    return written.marks[index] if len(written.marks) == of_definition else first


def _names_of(namespace: Mapping[str, Any], name: str) -> frozenset[str]:
    """Return the names under which a module keeps marks, as in ``flaky = pytest.mark.chaos(...)``."""
    return frozenset(
        key for key, value in list(namespace.items()) if isinstance(value, pytest.MarkDecorator) and value.name == name
    )


class _Written(NamedTuple):
    """Where marks stand in the source: their lines in pytest's order, and that of a ``parametrize`` with some in it."""

    marks: list[int]
    parametrize: int


@functools.lru_cache(maxsize=256)
def _written(file: str, first: int, name: str, aliases: frozenset[str]) -> _Written:
    """Return where the marks of a name are written on what is defined from a line on; 0 stands for the module."""
    try:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return _Written([], 0)

    def is_mark(part: ast.AST) -> bool:
        return (isinstance(part, ast.Attribute) and part.attr == name) or (
            isinstance(part, ast.Name) and part.id in aliases
        )

    for node in ast.walk(tree):
        decorators: list[ast.expr] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            decorators = node.decorator_list
            is_wanted = min([node.lineno, *(decorator.lineno for decorator in decorators)]) == first
        else:
            is_wanted = isinstance(node, ast.Module) and first == 0
        if not is_wanted:
            continue
        assigned = [
            part.lineno
            for statement in node.body  # type: ignore[attr-defined]  # a module, a function or a class
            if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "pytestmark"
            for part in ast.walk(statement.value)
            if isinstance(part, ast.expr) and is_mark(part)
        ]
        direct = [decorator for decorator in reversed(decorators) if is_mark(getattr(decorator, "func", decorator))]
        around = [
            decorator.lineno
            for decorator in decorators
            if decorator not in direct and any(map(is_mark, ast.walk(decorator)))
        ]
        return _Written([*sorted(assigned), *(decorator.lineno for decorator in direct)], around[0] if around else 0)
    return _Written([], 0)
