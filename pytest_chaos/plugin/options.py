"""What the command line, the ini file and ``[tool.pytest_chaos]`` say, each value checked with its place."""

from __future__ import annotations

import os
import random
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pytest_chaos.contract import Contract, LeakLevel
from pytest_chaos.errors import SpecificationError, near_misses
from pytest_chaos.hang import BUDGET_S
from pytest_chaos.notation import parse, parse_target
from pytest_chaos.resources.filters import KEYS as FILTER_KEYS
from pytest_chaos.resources.filters import Filter, read_filter
from pytest_chaos.scenario import Rule

_TABLE = "[tool.pytest_chaos]"
_TABLE_KEYS = ("rules", "suites", "contract", "leaks")
_SUITE_KEYS = ("rules", "targets", "faults", "contract", "budget")
_LEAKS_KEYS = (*FILTER_KEYS, "ignore_current")
_LEAK_LEVELS = ("off", "on", "strict")
_REPORT_SUFFIXES = (".json",)
_LATER_SUFFIXES = (".md", ".html")
_DURATION = re.compile(r"\d+(?:\.\d+)?(?:ms|s|m|h)")
_LARGEST_SEED = 2**63 - 1


@dataclass
class Settings:
    """What a session runs with.

    Attributes:
        seed: The seed, drawn if ``random`` was asked for.
        hang_budget_s: The hang budget, in seconds.
        hang_budget_given: Whether the user set it, so that the line to run again must.
        rules: Rules for explored tests, from options, suites or the table.
        contract: What every test's system promises, before markers.
        reports: Files to write.
        leaks: How strictly leaks of tests that are not disturbed are judged.
        filters: Leftovers that nobody wants to be told of.
        ignores_current: Whether what threads of the session's start make later is ignored too.
    """

    seed: int = 0
    hang_budget_s: float = BUDGET_S
    hang_budget_given: str = ""
    rules: list[Rule] = field(default_factory=list)
    contract: Contract = field(default_factory=Contract)
    reports: list[Path] = field(default_factory=list)
    leaks: LeakLevel = "off"
    filters: list[Filter] = field(default_factory=list)
    ignores_current: bool = False


def read_settings(config: pytest.Config) -> Settings:
    """Return the settings of a run.

    Raises:
        pytest.UsageError: Anything is wrong; all errors are in the one message.
    """
    errors: list[SpecificationError] = []
    settings = Settings()

    def collect(read: Any, *args: Any) -> Any:
        try:
            return read(*args)
        except SpecificationError as error:
            errors.append(error)
            return None

    settings.seed = collect(_seed, config) or 0
    budget = collect(_hang_budget, config)
    if budget is not None:
        settings.hang_budget_s, settings.hang_budget_given = budget
    settings.leaks = collect(checked_leaks, config.getini("chaos_leaks") or "off", "ini chaos_leaks") or "off"
    table, place = collect(_table, config) or ({}, "")
    collect(_read_table, config, settings, table, place, errors)
    for number, text in enumerate(config.getoption("chaos_rule"), start=1):
        source = "--chaos-rule" if len(config.getoption("chaos_rule")) == 1 else f"--chaos-rule number {number}"
        settings.rules.extend(collect(parse, text, source) or [])
    if not hasattr(config, "workerinput"):
        for name in config.getoption("chaos_report"):
            path = collect(_report_path, name, config.invocation_params.dir)
            if path is not None:
                settings.reports.append(path)
    if errors:
        raise pytest.UsageError(*map(str, errors))
    return settings


def _seed(config: pytest.Config) -> int:
    shipped = getattr(config, "workerinput", {}).get("chaos_seed")
    if shipped is not None:
        return int(shipped)
    for value, place in (
        (config.getoption("chaos_seed"), "--chaos-seed"),
        (config.getini("chaos_seed"), "ini chaos_seed"),
    ):
        if value is None or value == "":
            continue
        if value == "random":
            return random.SystemRandom().randrange(2**32)
        if isinstance(value, bool) or not re.fullmatch(r"-?\d+", str(value)) or abs(int(value)) > _LARGEST_SEED:
            raise SpecificationError(
                f"seed must be a whole number or 'random', got {value!r}", place=place, remedy="The default is 0."
            )
        return int(value)
    return 0


def _hang_budget(config: pytest.Config) -> tuple[float, str] | None:
    pairs = (
        (config.getoption("chaos_hang_budget"), "--chaos-hang-budget"),
        (config.getini("chaos_hang_budget"), "ini chaos_hang_budget"),
    )
    for value, place in pairs:
        if value is not None and value != "":
            return checked_budget(value, place), str(value) if place.startswith("--") else ""
    return None


def checked_budget(value: object, place: str) -> float:
    """Return a hang budget in seconds.

    Raises:
        SpecificationError: It is not a positive number.
    """
    try:
        seconds = float(value)  # type: ignore[arg-type]  # what is no number is refused just below
    except (TypeError, ValueError):
        seconds = -1.0
    if isinstance(value, bool) or not 0 < seconds < 86_400:
        raise SpecificationError(
            f"the hang budget must be a number of seconds greater than 0, got {value!r}",
            place=place,
            remedy="The default is 1.",
        )
    return seconds


def checked_leaks(value: object, place: str) -> LeakLevel:
    """Return how strictly leaks of a test that is not disturbed are judged.

    Raises:
        SpecificationError: It is none of the words.
    """
    if value not in _LEAK_LEVELS:
        raise SpecificationError(
            f"leaks must be 'off', 'on' or 'strict', got {value!r}",
            place=place,
            remedy=near_misses(str(value), _LEAK_LEVELS),
        )
    return value  # type: ignore[return-value]  # checked just above


def _report_path(name: str, folder: Path) -> Path:
    path = folder / name
    if path.suffix in _LATER_SUFFIXES:
        raise SpecificationError(
            f"reports of kind {path.suffix!r} are not in this version yet: {name!r}",
            place="--chaos-report",
            remedy="Write to a .json file.",
        )
    if path.suffix not in _REPORT_SUFFIXES:
        raise SpecificationError(
            f"the kind of report is told by its suffix, and {path.suffix!r} is none we know: {name!r}",
            place="--chaos-report",
            remedy=near_misses(path.suffix, _REPORT_SUFFIXES) or "Write to a .json file.",
        )
    existed = path.exists()
    try:
        with path.open("a", encoding="utf-8"):
            pass
        if not existed:
            path.unlink()
    except OSError as error:
        raise SpecificationError(
            f"cannot write {name!r}: {os.strerror(error.errno or 0)}",
            place="--chaos-report",
            remedy="Nothing was run. Name a file in a folder that exists and can be written.",
        ) from None
    return path


# --- the table


def _table(config: pytest.Config) -> tuple[Mapping[str, Any], str]:
    candidates = [config.rootpath / "pyproject.toml"]
    if config.inipath is not None and config.inipath.name == "pyproject.toml":
        candidates.insert(0, config.inipath)
    for path in candidates:
        if path.is_file():
            try:
                document = tomllib.loads(path.read_text(encoding="utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise SpecificationError(f"cannot read the file: {error}", place=str(path)) from None
            table = document.get("tool", {}).get("pytest_chaos", {})
            place = f"{_TABLE} in {path.name}"
            if not isinstance(table, dict):
                raise SpecificationError(f"it must be a table, got {table!r}", place=place)
            return table, place
    return {}, ""


def _read_table(
    config: pytest.Config,
    settings: Settings,
    table: Mapping[str, Any],
    place: str,
    errors: list[SpecificationError],
) -> None:
    _refuse_unknown(table, _TABLE_KEYS, place, errors)
    rules = _rules(table.get("rules", []), f"{place}, rules", errors)
    contract = _contract(settings.contract, table.get("contract", {}), f"{place}, contract", errors)
    _read_leaks(settings, table.get("leaks", {}), f"{place}, leaks", errors)
    suites = table.get("suites", {})
    if not isinstance(suites, dict):
        errors.append(SpecificationError(f"suites must be tables, got {suites!r}", place=place))
        suites = {}
    read = {name: _suite(name, suite, place, errors) for name, suite in suites.items()}
    asked = config.getoption("chaos_suite")
    for name in asked:
        if name not in read:
            errors.append(
                SpecificationError(
                    f"there is no suite {name!r}",
                    place="--chaos-suite",
                    remedy=near_misses(name, read)
                    or (f"Suites are {', '.join(read)}." if read else "Write [tool.pytest_chaos.suites.NAME]."),
                )
            )
            continue
        suite_rules, suite_contract = read[name]
        settings.rules.extend(suite_rules)
        contract = _contract(contract, suite_contract, f"{place}, suite {name!r}, contract", [])
    if not asked:
        settings.rules.extend(rules)
    settings.contract = contract


def _read_leaks(settings: Settings, table: object, place: str, errors: list[SpecificationError]) -> None:
    if not isinstance(table, dict):
        errors.append(SpecificationError(f"it must be a table, got {table!r}", place=place))
        return
    _refuse_unknown(table, _LEAKS_KEYS, place, errors)
    for key in FILTER_KEYS:
        for number, text in enumerate(_texts(table.get(key, []), f"{place}, {key}", errors), start=1):
            found = _collect(read_filter, errors, f"{place}, {key} number {number}", key, text)
            settings.filters.extend([found] if found is not None else [])
    current = table.get("ignore_current", False)
    if not isinstance(current, bool):
        errors.append(SpecificationError(f"ignore_current must be true or false, got {current!r}", place=place))
    settings.ignores_current = current is True


def _suite(
    name: str, suite: object, place: str, errors: list[SpecificationError]
) -> tuple[list[Rule], Mapping[str, Any]]:
    place = f"{place}, suite {name!r}"
    if not isinstance(suite, dict):
        errors.append(SpecificationError(f"a suite must be a table, got {suite!r}", place=place))
        return [], {}
    _refuse_unknown(suite, _SUITE_KEYS, place, errors)
    for text in _texts(suite.get("targets", []), f"{place}, targets", errors):
        _collect(parse_target, errors, f"{place}, targets", text)
    for text in _texts(suite.get("faults", []), f"{place}, faults", errors):
        # A fault alone is read as the right side of a rule.
        _collect(lambda fault: parse(f"target = {fault}"), errors, f"{place}, faults", text)
    budget = suite.get("budget")
    if budget is not None and not (isinstance(budget, str) and _DURATION.fullmatch(budget)):
        errors.append(SpecificationError(f"budget must be a duration, got {budget!r}", place=place, remedy="'10m'."))
    contract = suite.get("contract", {})
    _contract(Contract(), contract, f"{place}, contract", errors)
    return _rules(suite.get("rules", []), f"{place}, rules", errors), contract if isinstance(contract, dict) else {}


def _rules(value: object, place: str, errors: list[SpecificationError]) -> list[Rule]:
    rules: list[Rule] = []
    for number, text in enumerate(_texts(value, place, errors), start=1):
        rules.extend(_collect(parse, errors, place, text, f"{place} number {number}") or [])
    return rules


def _texts(value: object, place: str, errors: list[SpecificationError]) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        errors.append(SpecificationError(f"it must be a list of texts, got {value!r}", place=place))
        return []
    return value


def _contract(base: Contract, keys: object, place: str, errors: list[SpecificationError]) -> Contract:
    if not isinstance(keys, dict):
        errors.append(SpecificationError(f"a contract must be a table, got {keys!r}", place=place))
        return base
    return _collect(base.with_keys, errors, place, keys) or base


def _collect(read: Any, errors: list[SpecificationError], place: str, *args: Any) -> Any:
    try:
        return read(*args)
    except SpecificationError as error:
        errors.append(error.at(place))
        return None


def _refuse_unknown(
    table: Mapping[str, Any], known: tuple[str, ...], place: str, errors: list[SpecificationError]
) -> None:
    for key in table:
        if key not in known:
            errors.append(
                SpecificationError(
                    f"unknown key {key!r}",
                    place=place,
                    remedy=near_misses(key, known) or f"Keys are {', '.join(known)}.",
                )
            )
