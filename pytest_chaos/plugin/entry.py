"""The entry point: options, markers, the fixture, and the skips without ``--chaos``.

pytest loads this module in every run of everybody who has pytest-chaos installed, so it imports nothing but pytest.
The engine is imported when a run asks for chaos.
"""

from __future__ import annotations

import argparse  # pytest has it loaded
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_chaos.control import Chaos
    from pytest_chaos.plugin.session import ChaosSession

SESSION_KEY: pytest.StashKey[ChaosSession] = pytest.StashKey()
_NEEDS_CHAOS = "needs --chaos"

_MARKERS = (
    "chaos(target, fault, *, rate, nth, every, after, times, for_s, when, caller, args, recovers=None, within=5.0, "
    "hang_budget=None, limit=30): run this test's body with a fault at target; pytest-chaos judges recovery, errors "
    "and leaks.",
    "chaos_explore(*targets, faults=None, driver=False, recovery_within=0, limit=None): run this test again under "
    "every fault of the targets, one after the other.",
    "chaos_contract(**keys): what the system promises while faults act: status, errors, leaks, amplification.",
    "no_chaos: never disturb this test.",
    "no_leaks(level='on'): check what this test leaves behind, without any fault; with 'strict' notes fail too.",
)

# Options of the design whose work comes later. Known by name, so that using one says so.
_LATER_OPTIONS = {
    "--chaos-shards": "spreading one test over workers",
}


_REPEATABLE = (
    (
        "--chaos-target",
        "TARGET",
        "explore ordinary tests: run them again with faults on each call to TARGET, such as 'shop.payments:*' or a "
        "well-known library such as 'redis'; 'none' switches this off; repeatable",
    ),
    (
        "--chaos-fault",
        "FAULT",
        "explore with this fault, such as 'hang', instead of those that each call can meet; repeatable",
    ),
    ("--chaos-only", "GLOB", "run only scenarios whose label matches; repeatable"),
    (
        "--chaos-fail-on",
        "WORDS",
        "the verdicts that fail, such as 'hung,leaked'; 'default' stands for those that fail by default, and 'none' "
        "for none; repeatable",
    ),
    ("--chaos-replay", "TEXT", "run exactly the faults of one earlier failure, 'c1:...'; repeatable"),
)
_VALUES = (
    ("--chaos-runs", "N", "run scenarios with a rate below 100%% with N seeds"),
    ("--chaos-budget", "DURATION", "how long exploring may take, such as '10m'; the summary says what was left out"),
    ("--chaos-baseline", "FILE", "fail only for findings that FILE does not accept"),
    ("--chaos-write-baseline", "FILE", "write a baseline that accepts what fails now"),
    ("--chaos-write-contract", "FILE", "propose a contract from what the runs show, for you to read and tighten"),
    ("--chaos-max", "N", "run at most N scenarios for each test; the summary says what was left out"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("chaos", "chaos injection (pytest-chaos)")
    switch: dict[str, Any] = {
        "action": "store_true",
        "help": "switch chaos on: run fault tests, judge recovery, error codes and leaks",
    }
    if not _is_added(parser, group, "--chaos", "--pytest-chaos", dest="pytest_chaos", **switch):
        # Another plugin owns --chaos: with the same flag ours is on too.
        group.addoption("--pytest-chaos", dest="pytest_chaos_beside", **switch)
    group.addoption(
        "--chaos-rule",
        action="append",
        default=[],
        metavar="RULE",
        help="a rule for explored tests, such as 'shop.db:query = 20%%raise(TimeoutError)'; repeatable",
    )
    group.addoption(
        "--chaos-suite",
        action="append",
        default=[],
        metavar="NAME",
        help="use [tool.pytest_chaos.suites.NAME] instead of the default rules; repeatable",
    )
    seed = "seed of rates, jitter and texts: a whole number, or 'random'"
    _is_added(parser, group, "--chaos-seed", metavar="N", help=seed)  # another plugin's --chaos-seed is ours too
    group.addoption("--chaos-hang-budget", metavar="SECONDS", help="how long an injected hang may last (default 1)")
    group.addoption(
        "--chaos-report",
        action="append",
        default=[],
        metavar="FILE",
        help="write results to FILE, by suffix (.json); repeatable",
    )
    group.addoption("--chaos-require", action="store_true", help="make it an error if fault tests would be skipped")
    for name, metavar, text in _REPEATABLE:
        group.addoption(name, action="append", default=[], metavar=metavar, help=text)
    for name, metavar, text in _VALUES:
        group.addoption(name, metavar=metavar, help=text)
    group.addoption("--chaos-plan", action="store_true", help="print which scenarios would run; no fault acts")
    group.addoption(
        "--chaos-swarm", action="store_true", help="with --chaos-runs: a random part of all rules acts in each run"
    )
    group.addoption(
        "--chaos-clones-fail", action="store_true", help="fail every scenario of a finding, not only the first"
    )
    group.addoption(
        "--chaos-scope",
        default="suite",
        metavar="SCOPE",
        help="explore each call and fault once per 'suite' (default), on the quickest test, or on each 'test'",
    )
    for name in _LATER_OPTIONS:
        group.addoption(name, action="append", default=[], help=argparse.SUPPRESS)
    parser.addini("chaos", "switch chaos on, as --chaos does", type="bool", default=False)
    parser.addini("chaos_seed", "seed, as --chaos-seed", default=None)
    parser.addini("chaos_hang_budget", "hang budget in seconds, as --chaos-hang-budget", default=None)
    parser.addini("chaos_leaks", "check tests without faults for leaks, too: off, on or strict", default=None)
    parser.addini(
        "chaos_packages",
        "packages that make up the project, instead of the code under rootdir",
        type="args",
        default=[],
    )


def _is_added(parser: pytest.Parser, group: pytest.OptionGroup, name: str, *names: str, **attributes: Any) -> bool:
    """Add an option, and tell whether its name was free: another plugin may have it."""
    if _is_taken(parser, name):
        return False
    try:
        group.addoption(name, *names, **attributes)
    except (ValueError, argparse.ArgumentError):
        return False
    return True


def _is_taken(parser: pytest.Parser, name: str) -> bool:
    if hasattr(parser, "optparser"):
        return False  # adding it is an error; pytest 8 says so too late, when it parses the command line
    try:
        return name not in parser.parse_known_and_unknown_args([name, "0"])[1]
    except pytest.UsageError:
        return True  # it takes another sort of value


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from pytest_chaos import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    for line in _MARKERS:
        config.addinivalue_line("markers", line)
    if is_switched_on(config):
        _refuse_later_options(config)
        from pytest_chaos.plugin.session import start

        config.stash[SESSION_KEY] = start(config)
        return
    for option in ("--chaos-rule", "--chaos-suite", "--chaos-target", "--chaos-plan", "--chaos-replay"):
        name = option.lstrip("-").replace("-", "_")
        if config.getoption(name) and config.getoption(name) != ["none"]:
            raise pytest.UsageError(f"{option} needs --chaos: without it no fault acts")


def is_switched_on(config: pytest.Config) -> bool:
    """Tell whether this run asks for chaos: by ``--chaos``, its alias, another plugin's ``--chaos``, or the ini key."""
    if config.getoption("--chaos", default=False) or config.getini("chaos"):
        return True
    return bool(config.getoption("pytest_chaos_beside", default=False))


def _refuse_later_options(config: pytest.Config) -> None:
    for name, what in _LATER_OPTIONS.items():
        if config.getoption(name.lstrip("-").replace("-", "_")):
            raise pytest.UsageError(f"{name} belongs to {what}, which is not in this version of pytest-chaos yet")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if SESSION_KEY in config.stash:
        return
    skipped = 0
    for item in items:
        if item.get_closest_marker("chaos") is None and "chaos" not in getattr(item, "fixturenames", ()):
            continue
        from pytest_chaos.plugin.selection import is_fault_test  # not before some test may need it

        if is_fault_test(item):
            item.add_marker(pytest.mark.skip(reason=_NEEDS_CHAOS))
            skipped += 1
    if skipped and config.getoption("chaos_require"):
        tests = "1 test needs" if skipped == 1 else f"{skipped} tests need"
        raise pytest.UsageError(f"--chaos-require: {tests} --chaos and would be skipped; add --chaos")


@pytest.fixture
def chaos(request: pytest.FixtureRequest) -> Chaos:
    """Faults by hand: ``chaos.inject(target, fault)``, ``chaos.recovers(probe)``, ``chaos.lift()``.

    See :class:`pytest_chaos.Chaos`. Without ``--chaos`` tests that ask for it are skipped.
    """
    if SESSION_KEY in request.config.stash:
        from pytest_chaos.plugin.window import chaos_of

        return chaos_of(request.node)
    from pytest_chaos.plugin.selection import is_fault_test

    if "chaos" not in request.node.fixturenames or is_fault_test(request.node):
        pytest.skip(_NEEDS_CHAOS)  # the contract: without the switch nothing is disturbed
    # Only an autouse fixture asks: skipping would take the whole suite away.
    from pytest_chaos.plugin.inert import InertChaos

    return InertChaos()  # type: ignore[return-value]  # it quacks; the real class would import the engine
