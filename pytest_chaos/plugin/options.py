"""What the command line, the ini file and ``[tool.pytest_chaos]`` say, each value checked with its place."""

from __future__ import annotations

import base64
import json
import os
import random
import re
import tomllib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pytest_chaos.baseline import Baseline
from pytest_chaos.catalogue.catalogue import Catalogue
from pytest_chaos.contract import Contract, LeakLevel
from pytest_chaos.errors import NotationError, SpecificationError, near_misses
from pytest_chaos.faults.base import Fault
from pytest_chaos.hang import BUDGET_S
from pytest_chaos.notation import fault_alone, parse, parse_target
from pytest_chaos.resources.filters import KEYS as FILTER_KEYS
from pytest_chaos.resources.filters import Filter, read_filter
from pytest_chaos.scenario import Rule, check_all
from pytest_chaos.target import Target, check_name
from pytest_chaos.target import check as check_target
from pytest_chaos.triggers import ALWAYS
from pytest_chaos.verdict import FailOn, Verdict

_TABLE = "[tool.pytest_chaos]"
_TABLE_KEYS = ("rules", "suites", "contract", "leaks")
_SUITE_KEYS = ("rules", "targets", "faults", "contract", "budget")
_LEAKS_KEYS = (*FILTER_KEYS, "ignore_current")
_LEAK_LEVELS = ("off", "on", "strict")
_REPORT_SUFFIXES = (".json",)
_LATER_SUFFIXES = (".md", ".html")
_DURATION = re.compile(r"\d+(?:\.\d+)?(?:ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SCOPES = ("suite", "test")
_LARGEST_SEED = 2**63 - 1
SWEEP_BUDGET_S = 60.0
"""How long a sweep may take that nobody configured, in seconds."""


@dataclass(frozen=True)
class Settings:
    """What a session runs with.

    Attributes:
        seed: The seed, drawn if ``random`` was asked for.
        hang_budget_s: The hang budget, in seconds.
        hang_budget_given: Whether the user set it, so that the line to run again must.
        scenarios: What ordinary tests are explored under, from options, suites or the table: the rules of one text act
            together.
        targets: What ordinary tests are swept over, each with its place of writing.
        libraries: Well-known libraries whose boundaries are swept, too; which are imported is known after collection.
        sweeps: Whether well-known boundaries are swept where nothing else is asked for.
        faults: The faults of a sweep, instead of those that each call can meet.
        runs: How many seeds a scenario with a rate is run with.
        swarm: Whether each of those runs has a random part of all rules.
        only: Globs over labels of scenarios; others are not run.
        plans: Whether the plan is printed and no fault acts.
        budget_s: How long exploring may take in the session, or ``None``.
        most: How many scenarios a test may have, or ``None``.
        scope: Whether each key is explored on each test, or once per suite.
        replay: The scenarios to run again, each with the id of its test.
        contract: What every test's system promises, before markers.
        reports: Files to write.
        leaks: How strictly leaks of tests that are not disturbed are judged.
        filters: Leftovers that nobody wants to be told of.
        ignores_current: Whether what threads of the session's start make later is ignored too.
        catalogue: The boundaries that are known.
        fail_on: Which verdicts fail.
        baseline: The findings that are accepted.
        new_baseline: The file of a baseline to write.
        new_contract: The file of a contract to propose.
        clones_fail: Whether each scenario fails, and not one of each finding.
    """

    seed: int = 0
    hang_budget_s: float = BUDGET_S
    hang_budget_given: str = ""
    scenarios: list[tuple[Rule, ...]] = field(default_factory=list)
    targets: list[tuple[Target, str]] = field(default_factory=list)
    libraries: list[str] = field(default_factory=list)
    sweeps: bool = True
    faults: list[Fault] | None = None
    runs: int = 1
    swarm: bool = False
    only: tuple[str, ...] = ()
    plans: bool = False
    budget_s: float | None = None
    most: int | None = None
    scope: str = "suite"
    replay: list[Replay] = field(default_factory=list)
    contract: Contract = field(default_factory=Contract)
    reports: list[Path] = field(default_factory=list)
    leaks: LeakLevel = "off"
    filters: list[Filter] = field(default_factory=list)
    ignores_current: bool = False
    catalogue: Catalogue = field(default_factory=Catalogue)
    fail_on: FailOn = field(default_factory=FailOn)
    baseline: Baseline = field(default_factory=Baseline)
    new_baseline: Path | None = None
    new_contract: Path | None = None
    clones_fail: bool = False

    @property
    def rules(self) -> list[Rule]:
        """All rules of all scenarios."""
        return [rule for rules in self.scenarios for rule in rules]

    @property
    def acting(self) -> list[tuple[Rule, ...]]:
        """The scenarios without rules whose rate is 0, which are the same as none."""
        acting = [tuple(rule for rule in rules if rule.can_fire) for rules in self.scenarios]
        return [rules for rules in acting if rules]

    def checked(self) -> tuple[Settings, list[SpecificationError]]:
        """Look up what rules and targets name, and return the settings in canonical form, and what is wrong.

        Not before collection, which may import what they name.
        """
        errors: list[SpecificationError] = []
        scenarios = _checked_rules(self.scenarios, errors)
        replays = _checked_rules([one.rules for one in self.replay], errors)
        targets: list[tuple[Target, str]] = []
        for target, place in self.targets:
            try:
                targets.append((checked_target(target, place, self.catalogue), place))
            except SpecificationError as error:
                errors.append(error)
        replay = [replace(one, rules=rules) for one, rules in zip(self.replay, replays, strict=True)]
        return replace(self, scenarios=scenarios, replay=replay, targets=targets), errors


def _checked_rules(scenarios: list[tuple[Rule, ...]], errors: list[SpecificationError]) -> list[tuple[Rule, ...]]:
    checked = []
    for rules in scenarios:
        good, wrong = check_all(rules)
        errors += wrong
        checked.append(tuple(good))
    return checked


def wrong_packages(config: pytest.Config) -> list[SpecificationError]:
    """Return what is wrong with the packages that are named as the project; not before collection, as above."""
    errors: list[SpecificationError] = []
    for name in config.getini("chaos_packages"):
        _collect(check_name, errors, "ini chaos_packages", name, "", f"package {name!r}")
    return errors


def read_settings(config: pytest.Config) -> Settings:
    """Return the settings of a run.

    Raises:
        pytest.UsageError: Anything is wrong; all errors are in the one message.
    """
    errors: list[SpecificationError] = []

    def collect(read: Any, *args: Any) -> Any:
        try:
            return read(*args)
        except SpecificationError as error:
            errors.append(error)
            return None

    seed = collect(_seed, config) or 0
    budget_s, budget_given = collect(_hang_budget, config) or (BUDGET_S, "")
    settings = Settings(
        seed,
        budget_s,
        budget_given,
        leaks=collect(checked_leaks, config.getini("chaos_leaks") or "off", "ini chaos_leaks") or "off",
    )
    table, place = collect(_table, config) or ({}, "")
    settings = collect(_with_table, config, settings, table, place, errors) or settings
    for number, text in enumerate(config.getoption("chaos_rule"), start=1):
        source = "--chaos-rule" if len(config.getoption("chaos_rule")) == 1 else f"--chaos-rule number {number}"
        if found := collect(parse, text, source):
            settings.scenarios.append(tuple(found))
    settings = _with_exploration(config, settings, collect)
    settings = _with_outcomes(config, settings, collect)
    if not hasattr(config, "workerinput"):
        for name in config.getoption("chaos_report"):
            path = collect(_report_path, name, config.invocation_params.dir)
            if path is not None:
                settings.reports.append(path)
    if settings.swarm and not errors:
        collect(_check_swarm, settings)
    if errors:
        raise pytest.UsageError(*map(str, errors))
    return settings


def _with_outcomes(config: pytest.Config, settings: Settings, collect: Any) -> Settings:
    """Return settings with what options say of which findings fail."""
    folder = config.invocation_params.dir
    changes: dict[str, Any] = {"clones_fail": config.getoption("chaos_clones_fail")}
    if words := config.getoption("chaos_fail_on"):
        changes["fail_on"] = collect(_fail_on, words) or FailOn()
    if (name := config.getoption("chaos_baseline")) is not None:
        changes["baseline"] = collect(_baseline, name, folder) or Baseline()
    if (name := config.getoption("chaos_write_baseline")) is not None and not hasattr(config, "workerinput"):
        changes["new_baseline"] = folder / name
        collect(_check_writable, folder / name, name, "--chaos-write-baseline")
    if (name := config.getoption("chaos_write_contract")) is not None:
        changes["contract"] = replace(settings.contract, is_proposed=True)
        if not hasattr(config, "workerinput"):
            changes["new_contract"] = folder / name
            collect(_check_writable, folder / name, name, "--chaos-write-contract")
    return replace(settings, **changes)


_DEFAULT = "default"
_NONE = "none"


def _fail_on(texts: list[str]) -> FailOn:
    words = [word.strip() for text in texts for word in text.split(",") if word.strip()]
    place = "--chaos-fail-on"
    if not words or (_NONE in words and len(set(words)) > 1):
        raise SpecificationError(
            f"expected verdicts, or 'none' alone, got {', '.join(texts)!r}",
            place=place,
            remedy="Write, for example, --chaos-fail-on=hung,leaked or --chaos-fail-on=default,escaped.",
        )
    try:
        verdicts = frozenset(Verdict.from_word(word) for word in words if word not in (_DEFAULT, _NONE))
    except SpecificationError as error:
        raise error.at(place) from None
    if Verdict.RESILIENT in verdicts:
        raise SpecificationError("a run that is resilient cannot fail", place=place)
    return FailOn(verdicts, with_default=_DEFAULT in words)


def _baseline(name: str, folder: Path) -> Baseline:
    place = "--chaos-baseline"
    try:
        text = (folder / name).read_text(encoding="utf-8-sig")  # as editors of Windows save it
    except (OSError, UnicodeDecodeError) as error:
        why = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
        raise SpecificationError(
            f"cannot read {name!r}: {why}",
            place=place,
            remedy=f"Write it first, with --chaos-write-baseline={name}.",
        ) from None
    try:
        return Baseline.read(text)
    except SpecificationError as error:
        raise SpecificationError(f"{name!r}: {error.what}", place=place, remedy=error.remedy) from None


def _with_exploration(config: pytest.Config, settings: Settings, collect: Any) -> Settings:
    """Return settings with what options say is explored and for how long; they win over a suite and the table."""
    changes: dict[str, Any] = {}
    catalogue = settings.catalogue
    texts = config.getoption("chaos_target")
    named = [text for text in texts if text != "none"]
    if texts:
        changes["sweeps"] = False
    if named:  # "none" alone only says that nothing is swept which nobody asked for
        changes["libraries"] = [text for text in named if text in catalogue.libraries]
        read = [
            collect(read_target, text, "--chaos-target", catalogue) for text in named if text not in catalogue.libraries
        ]
        changes["targets"] = [one for found in read for one in found or []]
    if texts := config.getoption("chaos_fault"):
        changes["faults"] = [
            fault for text in texts if (fault := collect(read_fault, text, "--chaos-fault")) is not None
        ]
    changes["runs"] = collect(_count, config.getoption("chaos_runs"), "--chaos-runs", 1) or 1
    changes["most"] = collect(_count, config.getoption("chaos_max"), "--chaos-max", None)
    if (budget := config.getoption("chaos_budget")) is not None:
        changes["budget_s"] = collect(checked_duration, budget, "--chaos-budget")
    scope = config.getoption("chaos_scope")
    if scope not in _SCOPES:
        collect(_refuse_scope, scope)
    replays = [collect(read_replay, text, "--chaos-replay") for text in config.getoption("chaos_replay")]
    return replace(
        settings,
        swarm=config.getoption("chaos_swarm"),
        only=tuple(config.getoption("chaos_only")),
        plans=config.getoption("chaos_plan"),
        scope=scope,
        replay=[found for found in replays if found],
        **changes,
    )


def _check_swarm(settings: Settings) -> None:
    rules = sum(map(len, settings.acting))
    missing = [] if settings.runs > 1 else ["--chaos-runs N with N of at least 2"]
    if rules < 2:
        missing.append(f"at least two rules that can act (there {'is 1' if rules else 'are none'})")
    if missing:
        raise SpecificationError(
            f"it picks a random subset of the rules for each run, and needs {' and '.join(missing)}",
            place="--chaos-swarm",
            remedy="Write, for example, --chaos-swarm --chaos-runs 20, and rules with --chaos-rule or in a suite.",
        )


def exploring_options(config: pytest.Config) -> list[str]:
    """Return the options that say what is explored, as they were given."""
    words: list[str] = []
    for name in _EXPLORING:
        value = config.getoption(f"chaos_{name}")
        option = f"--chaos-{name}"
        if value is True:
            words.append(option)
        elif value and (name, value) != ("scope", _SCOPES[0]):
            words += [f"{option}={one}" for one in (value if isinstance(value, list) else [value])]
    return words


_EXPLORING = ("suite", "rule", "target", "fault", "only", "runs", "swarm", "scope", "max", "budget", "replay")


def _refuse_scope(scope: str) -> None:
    raise SpecificationError(
        f"the scope must be 'suite' or 'test', got {scope!r}",
        place="--chaos-scope",
        remedy=near_misses(scope, _SCOPES) or "suite explores each call and fault once, on the quickest test.",
    )


def read_target(text: str, place: str, catalogue: Catalogue) -> list[tuple[Target, str]]:
    """Return the targets of a text: one, or those of a well-known library by its name.

    Raises:
        SpecificationError: It is no target.
    """
    if text in catalogue.libraries:
        # Also those that nobody has imported: options are read before the tests, which may.
        return [(parse_target(one.target), place) for one in catalogue.library(text).boundaries]
    try:
        return [(parse_target(text), place)]
    except SpecificationError as error:
        raise error.at(place) from None


def checked_target(target: Target, place: str, catalogue: Catalogue) -> Target:
    """Look up what a target of a sweep names, and return it in canonical form.

    Raises:
        SpecificationError: It names nothing.
    """
    try:
        return check_target(target)
    except SpecificationError as error:
        remedy = error.remedy
        if not target.name and target.module.isidentifier():  # it may have been meant for a library's name
            libraries = catalogue.libraries
            close = near_misses(target.module, libraries).replace("Did you mean", "As a library, did you mean")
            names = close or f"Well-known libraries are {', '.join(libraries)}."
            remedy = f"{remedy} {names}".lstrip()
        raise SpecificationError(error.what, place=error.place or place, remedy=remedy) from None


def read_fault(text: str, place: str) -> Fault:
    """Return the fault of a text, such as ``raise(TimeoutError)``.

    Raises:
        SpecificationError: It is none, or has a trigger or a second term.
    """
    alone = fault_alone(text)
    if alone is not None:
        return alone
    prefix = "target = "
    try:
        rules = parse(prefix + text)
    except NotationError as error:
        column = max(1, error.column - len(prefix))
        raise NotationError(error.complaint, text=text, column=column, remedy=error.remedy).at(place) from None
    except SpecificationError as error:
        raise error.at(place) from None
    if len(rules) != 1 or len(rules[0].chain) != 1 or rules[0].chain[0].trigger != ALWAYS:
        raise SpecificationError(
            f"expected a single fault, got {text!r}",
            place=place,
            remedy="Write 'raise(TimeoutError)' or 'hang'; exploration chooses the calls. Rules go to --chaos-rule.",
        )
    return rules[0].chain[0].fault


def checked_duration(text: object, place: str) -> float:
    """Return a duration in seconds.

    Raises:
        SpecificationError: It is not written as a number with a unit.
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise SpecificationError(
            f"expected a duration, got {text!r}", place=place, remedy="Write, for example, '90s', '10m' or '1h'."
        )
    unit = match[0].lstrip("0123456789.")
    return float(match[0].removesuffix(unit)) * _SECONDS[unit]


def _count(text: str | None, place: str, default: int | None) -> int | None:
    if text is None:
        return default
    if not re.fullmatch(r"[1-9]\d{0,8}", text):
        raise SpecificationError(f"expected a whole number of at least 1, got {text!r}", place=place)
    return int(text)


@dataclass(frozen=True)
class Replay:
    """One scenario to run again, exactly.

    Attributes:
        test: Plain id of the test.
        rules: The rules.
        seed: The seed.
        spares_driver: Whether the test's own calls are left alone.
        label: The label that it had.
    """

    test: str
    rules: tuple[Rule, ...]
    seed: int
    spares_driver: bool
    label: str


_REPLAY_HEAD = "c1:"


def replay_text(test: str, scenario: str, seed: int, label: str, *, spares_driver: bool) -> str:
    """Return the text that :func:`read_replay` reads: ``c1:`` and letters that any shell leaves alone."""
    packed = json.dumps([test, scenario, seed, int(spares_driver), label], separators=(",", ":"), ensure_ascii=False)
    # With the memory that short texts need: what zlib takes for long ones costs more than all the rest here.
    press = zlib.compressobj(9, zlib.DEFLATED, 12, 4)
    pressed = press.compress(packed.encode()) + press.flush()
    return _REPLAY_HEAD + base64.urlsafe_b64encode(pressed).decode().rstrip("=")


def read_replay(text: str, place: str) -> Replay:
    """Return the scenario of a replay text.

    Raises:
        SpecificationError: It is none, or what it names does not exist any more.
    """
    try:
        if not text.startswith(_REPLAY_HEAD):
            raise ValueError(text)
        letters = text.removeprefix(_REPLAY_HEAD)
        packed = zlib.decompress(base64.urlsafe_b64decode(letters + "=" * (-len(letters) % 4)))
        test, scenario, seed, spares_driver, label = json.loads(packed)
    except (ValueError, zlib.error, UnicodeError):
        raise SpecificationError(
            f"cannot read a scenario from {text!r}",
            place=place,
            remedy="Copy the whole text from the line 'run again' of a failure; it begins with 'c1:'.",
        ) from None
    return Replay(test, tuple(parse(scenario, place)), seed, bool(spares_driver), label)


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
    typed, written = config.getoption("chaos_hang_budget"), config.getini("chaos_hang_budget")
    if typed is not None and typed != "":
        return checked_budget(typed, "--chaos-hang-budget"), str(typed)
    if written is not None and written != "":
        return checked_budget(written, "ini chaos_hang_budget"), ""
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
            f"reports of kind {path.suffix!r} are not supported yet: {name!r}",
            place="--chaos-report",
            remedy="Write to a .json file.",
        )
    if path.suffix not in _REPORT_SUFFIXES:
        raise SpecificationError(
            f"the file suffix selects the kind of report, and {path.suffix!r} is unknown: {name!r}",
            place="--chaos-report",
            remedy=near_misses(path.suffix, _REPORT_SUFFIXES) or "Write to a .json file.",
        )
    _check_writable(path, name, "--chaos-report")
    return path


def _check_writable(path: Path, name: str, place: str) -> None:
    existed = path.exists()
    try:
        with path.open("a", encoding="utf-8"):
            pass
        if not existed:
            path.unlink()
    except OSError as error:
        raise SpecificationError(
            f"cannot write {name!r}: {os.strerror(error.errno or 0)}",
            place=place,
            remedy="Nothing was run. Name a file in a folder that exists and can be written.",
        ) from None


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


def _with_table(
    config: pytest.Config,
    settings: Settings,
    table: Mapping[str, Any],
    place: str,
    errors: list[SpecificationError],
) -> Settings:
    """Return settings with what the table says, and the suites that are asked for."""
    _refuse_unknown(table, _TABLE_KEYS, place, errors)
    rules = _rules(table.get("rules", []), f"{place}, rules", errors)
    contract = _contract(settings.contract, table.get("contract", {}), f"{place}, contract", errors)
    filters, ignores_current = _leaks(table.get("leaks", {}), f"{place}, leaks", errors)
    suites = table.get("suites", {})
    if not isinstance(suites, dict):
        errors.append(SpecificationError(f"suites must be tables, got {suites!r}", place=place))
        suites = {}
    read = {name: _suite(name, suite, place, errors, settings.catalogue) for name, suite in suites.items()}
    asked = config.getoption("chaos_suite")
    scenarios = [] if asked else rules
    targets: list[tuple[Target, str]] = []
    libraries: list[str] = []
    faults: list[Fault] = []
    budgets: list[float] = []
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
        suite = read[name]
        scenarios += suite.scenarios
        targets += suite.targets
        libraries += suite.libraries
        faults += suite.faults
        budgets += [] if suite.budget_s is None else [suite.budget_s]
        contract = _contract(contract, suite.contract, f"{place}, suite {name!r}, contract", [])
    return replace(
        settings,
        scenarios=scenarios,
        targets=targets,
        libraries=libraries,
        faults=faults or None,
        budget_s=max(budgets, default=None),
        contract=contract,
        filters=filters,
        ignores_current=ignores_current,
    )


def _leaks(table: object, place: str, errors: list[SpecificationError]) -> tuple[list[Filter], bool]:
    """Return the leftovers that nobody wants to be told of, and whether those of the session's threads are too."""
    filters: list[Filter] = []
    if not isinstance(table, dict):
        errors.append(SpecificationError(f"it must be a table, got {table!r}", place=place))
        return filters, False
    _refuse_unknown(table, _LEAKS_KEYS, place, errors)
    for key in FILTER_KEYS:
        for number, text in enumerate(_texts(table.get(key, []), f"{place}, {key}", errors), start=1):
            found = _collect(read_filter, errors, f"{place}, {key} number {number}", key, text)
            filters += [found] if found is not None else []
    current = table.get("ignore_current", False)
    if not isinstance(current, bool):
        errors.append(SpecificationError(f"ignore_current must be true or false, got {current!r}", place=place))
    return filters, current is True


@dataclass
class _Suite:
    """What a suite says."""

    scenarios: list[tuple[Rule, ...]] = field(default_factory=list)
    targets: list[tuple[Target, str]] = field(default_factory=list)
    libraries: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    budget_s: float | None = None
    contract: Mapping[str, Any] = field(default_factory=dict)


def _suite(name: str, suite: object, place: str, errors: list[SpecificationError], catalogue: Catalogue) -> _Suite:
    place = f"{place}, suite {name!r}"
    found = _Suite()
    if not isinstance(suite, dict):
        errors.append(SpecificationError(f"a suite must be a table, got {suite!r}", place=place))
        return found
    _refuse_unknown(suite, _SUITE_KEYS, place, errors)
    at = f"{place}, targets"
    for text in _texts(suite.get("targets", []), at, errors):
        if text in catalogue.libraries:
            found.libraries.append(text)
        else:
            found.targets.extend(_collect(read_target, errors, at, text, at, catalogue) or [])
    for text in _texts(suite.get("faults", []), f"{place}, faults", errors):
        fault = _collect(read_fault, errors, f"{place}, faults", text, f"{place}, faults")
        found.faults.extend([] if fault is None else [fault])
    if suite.get("budget") is not None:
        found.budget_s = _collect(checked_duration, errors, place, suite["budget"], f"{place}, budget")
    contract = suite.get("contract", {})
    _contract(Contract(), contract, f"{place}, contract", errors)
    found.contract = contract if isinstance(contract, dict) else {}
    found.scenarios = _rules(suite.get("rules", []), f"{place}, rules", errors)
    return found


def _rules(value: object, place: str, errors: list[SpecificationError]) -> list[tuple[Rule, ...]]:
    scenarios: list[tuple[Rule, ...]] = []
    for number, text in enumerate(_texts(value, place, errors), start=1):
        rules = _collect(parse, errors, place, text, f"{place} number {number}")
        scenarios.extend([tuple(rules)] if rules else [])
    return scenarios


def _texts(value: object, place: str, errors: list[SpecificationError]) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        errors.append(SpecificationError(f"it must be a list of strings, got {value!r}", place=place))
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
