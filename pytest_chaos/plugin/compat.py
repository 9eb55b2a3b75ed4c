"""Every private name of pytest, unittest and Hypothesis we lean on."""

from __future__ import annotations

import argparse
import copy
import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from _pytest import nodes, runner
from _pytest.pathlib import bestrelpath
from _pytest.runner import runtestprotocol
from _pytest.skipping import xfailed_key

from pytest_chaos.injector.patching import Patching

__all__ = ["runtestprotocol"]

_OWN_FIXTURES = "pytest_chaos.plugin.entry"


def say(config: pytest.Config, text: str) -> None:
    """Show a line while a test runs, on a terminal; a worker of xdist has none."""
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None:
        return
    # While the body runs its output is captured, by the descriptor that the terminal writes to as well; another one
    # stands for it meanwhile. To stop capturing is not for another thread, beside a test that may print.
    capturing = getattr(config.pluginmanager.get_plugin("capturemanager"), "_global_capturing", None)
    number = getattr(getattr(capturing, "out", None), "targetfd_save", None)
    if isinstance(number, int):
        os.write(number, f"\n{text}\n".encode(errors="replace"))
    else:
        terminal.ensure_newline()
        terminal.write_line(text)
        terminal.flush()


def asks_for(item: pytest.Item, fixture: str) -> bool:
    """Tell whether an item's own function, or a fixture that is not autouse, asks for a fixture of ours.

    Somebody else's fixture, or parameter, of the same name is not it, unless it asks for ours in turn.
    """
    info = getattr(item, "_fixtureinfo", None)
    if info is None:
        return fixture in getattr(item, "fixturenames", ())
    asked = [*info.argnames, *(name for mark in item.iter_markers("usefixtures") for name in mark.args)]
    waiting = [(name, 0) for name in asked]
    seen: set[tuple[str, int]] = set()
    while waiting:
        name, overridden = waiting.pop()
        definitions = info.name2fixturedefs.get(name, ())
        if (name, overridden) in seen or overridden >= len(definitions):
            continue
        seen.add((name, overridden))
        definition = definitions[-1 - overridden]
        if name == fixture and definition.func.__module__ == _OWN_FIXTURES:
            return True
        waiting.extend((further, overridden + 1 if further == name else 0) for further in definition.argnames)
    return False


def xfail_of(item: pytest.Item) -> Any:
    """Return the xfail mark that holds for an item now, or ``None``."""
    return item.stash.get(xfailed_key, None)


def test_code(item: pytest.Item) -> CodeType | None:
    """Return the code of the function a user wrote for an item."""
    function = getattr(item, "obj", None)
    handle = getattr(function, "hypothesis", None)
    if handle is not None:
        function = handle.inner_test
    function = inspect.unwrap(function) if callable(function) else function
    function = getattr(function, "__func__", function)
    return getattr(function, "__code__", None)


def is_property_test(item: pytest.Item) -> bool:
    """Tell whether Hypothesis runs the body, and so calls functions that make its examples."""
    return hasattr(getattr(item, "obj", None), "hypothesis")


def each_example(item: pytest.Item, before: Callable[[], None]) -> AbstractContextManager[None]:
    """Call ``before`` at the start of each Hypothesis example, while the context lasts."""
    handle: Any = getattr(getattr(item, "obj", None), "hypothesis", None)
    inner = getattr(handle, "inner_test", None)
    return nullcontext() if inner is None else _each_call(handle, inner, before)


@contextmanager
def _each_call(handle: Any, inner: Callable[..., Any], before: Callable[[], None]) -> Iterator[None]:
    @functools.wraps(inner)
    def counted(*args: Any, **kwargs: Any) -> Any:
        before()
        return inner(*args, **kwargs)

    handle.inner_test = counted
    try:
        yield
    finally:
        handle.inner_test = inner


def unittest_case(item: pytest.Item) -> Any:
    """Return the ``TestCase`` instance behind an item, or ``None``."""
    from unittest import TestCase

    instance = getattr(item, "instance", None)
    return instance if isinstance(instance, TestCase) else None


@contextmanager
def around_test_method(case: Any, around: Callable[[Callable[[], Any]], Any]) -> Iterator[None]:
    """Run a ``TestCase``'s test method, without setUp and tearDown, through ``around``."""
    original = case._callTestMethod

    def call(method: Any) -> Any:
        return around(lambda: original(method))

    case._callTestMethod = call
    try:
        yield
    finally:
        del case._callTestMethod


def is_run_by_another(item: pytest.Item, nextitem: pytest.Item | None, ours: object) -> bool:
    """Let plugins that run tests in a way of their own do so, as those do that run one again, and tell whether one did.

    Args:
        item: The test.
        nextitem: The one after it.
        ours: The plugin that asks; those before it were asked already, and pytest's own turn is after the others'.
    """
    given = {"item": item, "nextitem": nextitem}
    others = iter(reversed(item.ihook.pytest_runtest_protocol.get_hookimpls()))
    for implementation in others:
        if implementation.plugin is ours:
            break
    return any(
        implementation.function(*(given[name] for name in implementation.argnames))
        for implementation in others
        if not (implementation.wrapper or implementation.hookwrapper or implementation.plugin is runner)
    )


def run_with_following(item: pytest.Item, nextitem: Any, ours: object) -> None:
    """Run an item as it would be without us, but with another one after it; see :func:`is_run_by_another`."""
    if not is_run_by_another(item, nextitem, ours):
        runner.pytest_runtest_protocol(item, nextitem)


def end_session_fixtures(item: pytest.Item) -> None:
    """Tear down what is still set up after the last item, and report on that item what comes out of it."""
    state = item.session._setupstate
    if state.stack:
        call = pytest.CallInfo.from_call(lambda: state.teardown_exact(None), when="teardown")
        if call.excinfo is not None:
            report = item.ihook.pytest_runtest_makereport(item=item, call=call)
            item.ihook.pytest_runtest_logreport(report=report)


def has_other_runner(item: pytest.Item, ours: object) -> bool:
    """Tell whether some plugin may run tests in a way of its own.

    Args:
        item: The test.
        ours: The plugin that asks.
    """
    return any(
        not (implementation.wrapper or implementation.hookwrapper)
        and implementation.plugin not in (runner, ours)
        and not type(implementation.plugin).__module__.startswith("pytest_chaos.")
        for implementation in item.ihook.pytest_runtest_protocol.get_hookimpls()
    )


def forget_arguments(item: pytest.Item) -> None:
    """Let go of what fixtures handed out, as pytest does a moment after the teardown."""
    if getattr(item, "funcargs", None):
        item.funcargs = {}  # type: ignore[attr-defined]  # only functions have arguments


def plain_id(item: pytest.Item) -> str:
    """Return an item's id, that of the test for a clone, without the group that xdist's loadgroup hangs on it."""
    nodeid: str = getattr(item, "chaos_plain_id", item.nodeid)
    mark = item.get_closest_marker("xdist_group")
    if mark is None:
        return nodeid
    group = mark.args[0] if mark.args else mark.kwargs.get("name", "default")
    return nodeid.removesuffix(f"@{group}")


def known_options(config: pytest.Config) -> dict[str, argparse.Action]:
    """Return the options of the command line, those of plugins and conftests too, by each of their names."""
    parser: argparse.ArgumentParser = config._parser.optparser
    return dict(parser._option_string_actions)


def cwd_relative_id(config: pytest.Config, nodeid: str) -> str:
    """Return a node id as it is typed where pytest was started."""
    path, separator, rest = nodeid.partition("::")
    return cwd_relative_path(config, config.rootpath / path) + separator + rest


def cwd_relative_path(config: pytest.Config, path: Path) -> str:
    """Return a path as it is typed where pytest was started."""
    return bestrelpath(config.invocation_params.dir, path)


# --- monkeypatch


def _of_attribute(
    patch: pytest.MonkeyPatch, target: object, name: object = None, *rest: object, **named: object
) -> Any:
    """Return the name that ``setattr(target, name, value)`` or ``setattr("module.name", value)`` means."""
    return (target.rpartition(".")[2],) if isinstance(target, str) else (name,)


def _of_item(patch: pytest.MonkeyPatch, dic: object, name: object, *rest: object, **named: object) -> tuple[object]:
    return (name,)


def _of_all(patch: pytest.MonkeyPatch) -> list[object]:
    """Return the names that ``undo`` will put back."""
    return [name for kept in ("_setattr", "_setitem") for _, name, _ in getattr(patch, kept, ())]


BY_MONKEYPATCH = (
    Patching(pytest.MonkeyPatch, "setattr", _of_attribute),
    Patching(pytest.MonkeyPatch, "delattr", _of_attribute),
    Patching(pytest.MonkeyPatch, "setitem", _of_item),
    Patching(pytest.MonkeyPatch, "delitem", _of_item),
    Patching(pytest.MonkeyPatch, "undo", _of_all, is_undo=True),
)
"""What ``monkeypatch`` does."""

MISSING = [
    f"pytest.MonkeyPatch.{name}"
    for name in ("_setattr", "_setitem")
    if name not in pytest.MonkeyPatch.__init__.__code__.co_names
]
"""What pytest lacks of what we lean on."""


# --- clones


def twin_of(item: pytest.Item) -> Any:
    """Return a copy of an item that can be run like the item: no run's state is on it, and its parents are the same.

    A new item made by ``from_parent`` would lack what other plugins have hung on this one.
    """
    twin: Any = copy.copy(item)
    twin.stash = pytest.Stash()
    twin.user_properties = []
    twin.own_markers = list(item.own_markers)
    twin.extra_keyword_matches = set(item.extra_keyword_matches)
    keywords: Any = type(item.keywords)
    twin.keywords = keywords(twin)
    twin.keywords.update({key: value for key, value in _own_keywords(item).items() if key != item.name})
    twin._report_sections = []
    if getattr(item, "cls", None) is not None:
        for name in ("_instance", "_obj"):  # a new instance of the class for each run
            twin.__dict__.pop(name, None)
    twin._initrequest()
    return twin


def _own_keywords(item: pytest.Item) -> dict[str, Any]:
    return dict(getattr(item.keywords, "_markers", {}))


HAS_STRUCTURED_ID = hasattr(nodes.Node, "id")
"""Whether nodes have, beside their id as text, one in parts (pytest 9.2)."""


def parsed_id(text: str) -> Any:
    """Return a node id in parts."""
    from _pytest.nodeid import NodeId

    return NodeId.parse(text)


def in_place(session: pytest.Session, twin: pytest.Item) -> AbstractContextManager[None]:
    """Let a clone stand where its item stands: a worker of xdist looks there for what it reports."""
    index = worker_item_index(session.config)
    return nullcontext() if index is None else _at(session, index, twin)


@contextmanager
def _at(session: pytest.Session, index: int, twin: pytest.Item) -> Iterator[None]:
    before = session.items[index]
    session.items[index] = twin
    try:
        yield
    finally:
        session.items[index] = before


def cut_cached_failures(config: pytest.Config, cut: Callable[[str], str]) -> list[str]:
    """Let ``--lf``, ``--ff`` and ``--sw`` find the test of each scenario that failed.

    Returns the scenarios' ids if nothing else is to be run: ``--ff`` and ``--sw`` go on with everything.

    Args:
        config: pytest's configuration.
        cut: Returns the plain id of a scenario's, or an empty text for any other id.
    """
    found: list[str] = []
    lf = config.pluginmanager.get_plugin("lfplugin")
    if lf is not None and getattr(lf, "active", False):
        for key in list(lf.lastfailed):
            if plain := cut(str(key)):
                found.append(str(key))
                lf.lastfailed[_like(key, plain)] = True
        if found and hasattr(lf, "_last_failed_paths"):
            lf._last_failed_paths = lf.get_last_failed_paths()
    stepwise = config.pluginmanager.get_plugin("stepwiseplugin")
    info = getattr(stepwise, "cached_info", None)
    holder, name = (stepwise, "lastfailed") if info is None else (info, "last_failed")  # the former up to pytest 8.3
    last = getattr(holder, name, None)
    if last is not None and (plain := cut(str(last))):
        setattr(holder, name, _like(last, plain))
    return found if config.getoption("lf", default=False) else []


def _like(key: Any, text: str) -> Any:
    return text if isinstance(key, str) else type(key).parse(text)


def count_collected(session: pytest.Session, more: int) -> None:
    """Add runs to the number that the progress is a share of."""
    session.testscollected += more
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and hasattr(reporter, "tests_count"):  # pytest-sugar counts for itself
        reporter.tests_count += more


@contextmanager
def more_to_come(session: pytest.Session) -> Iterator[None]:
    """Keep the line of progress open: pytest 8 ends it with the last of the runs that it knows of."""
    session.testscollected += 1
    try:
        yield
    finally:
        session.testscollected -= 1


def same_examples(item: pytest.Item, most: int | None = None) -> AbstractContextManager[None]:
    """Let Hypothesis make the same examples in each run, and remember none of them.

    Args:
        item: The test.
        most: At most so many, or ``None`` for as many as the test says.
    """
    function: Any = getattr(item, "obj", None)
    return _same_examples(function, most) if hasattr(function, "hypothesis") else nullcontext()


@contextmanager
def _same_examples(function: Any, most: int | None) -> Iterator[None]:
    import hypothesis

    function = getattr(function, "__func__", function)
    before: Any = getattr(function, "_hypothesis_internal_use_settings", hypothesis.settings.default)
    names = ("_hypothesis_internal_use_seed", "_hypothesis_internal_use_settings")
    known = {name: function.__dict__[name] for name in names if name in function.__dict__}
    limits: dict[str, Any] = {} if most is None else {"max_examples": min(most, before.max_examples)}
    function._hypothesis_internal_use_seed = known.get(names[0]) or 0  # it may be there, and not be set
    function._hypothesis_internal_use_settings = hypothesis.settings(before, database=None, **limits)
    try:
        yield
    finally:
        for name in names:
            if name in known:
                setattr(function, name, known[name])
            else:
                delattr(function, name)


def worker_item_index(config: pytest.Config) -> int | None:
    """Return the index of the item that a worker of xdist reports for, or ``None`` where there is no worker."""
    if not hasattr(config, "workerinput"):
        return None
    for plugin in config.pluginmanager.get_plugins():
        if type(plugin).__name__ == "WorkerInteractor":
            return getattr(plugin, "item_index", None)
    return None


def cancel_timer(item: pytest.Item) -> None:
    """Stop pytest-timeout's timer of an item whose clones have timers of their own."""
    cancel = getattr(item.config.hook, "pytest_timeout_cancel_timer", None)
    if cancel is not None:
        cancel(item=item)


def writes_snapshots(config: pytest.Config) -> bool:
    """Tell whether tests write what they are to be compared with: what they do under a fault must not be kept."""
    names = ("update_snapshots", "update_new_snapshots_only", "force_regen", "regen_all")  # syrupy, pytest-regressions
    return any(getattr(config.option, name, False) for name in names)


def tell_failures_briefly(item: pytest.Item) -> None:
    """Let failures of the body be told by their error alone; most runs under faults show nothing of theirs.

    A traceback with its source takes pytest longer than the body does. Items that tell failures in a way of their own
    keep it.
    """
    if isinstance(item, pytest.Function) and type(item).repr_failure is pytest.Function.repr_failure:
        item.repr_failure = _error_alone  # type: ignore[method-assign]  # of a clone of ours


def _error_alone(excinfo: pytest.ExceptionInfo[BaseException]) -> Any:
    try:
        return excinfo.getrepr(style="value")
    except Exception:  # noqa: BLE001  # an error of the project whose own words fail: pytest asks for them here
        return excinfo.exconly()


def begin_message(report: pytest.TestReport, text: str) -> None:
    """Let the message of a failure begin with a text, and keep its traceback; without one the text is all."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is None:
        report.longrepr = text
    else:
        crash.message = text


def is_program() -> bool:
    """Tell whether pytest is the program of this process, and not called by another one."""
    file = str(getattr(sys.modules.get("__main__"), "__file__", None) or "").replace("\\", "/")
    return file.endswith(("/pytest/__main__.py", "/pytest", "/py.test"))


def temporary_folders(config: pytest.Config) -> tuple[str, ...]:
    """Return where ``tmp_path`` may be, other than in the system's temporary folder."""
    told = (config.getoption("basetemp", None), os.environ.get("PYTEST_DEBUG_TEMPROOT"))
    return tuple(str(folder) for folder in told if folder)
