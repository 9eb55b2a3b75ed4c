"""Every private name of pytest, unittest and Hypothesis we lean on."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any

import pytest
from _pytest import runner
from _pytest.pathlib import bestrelpath
from _pytest.runner import runtestprotocol
from _pytest.skipping import xfailed_key

__all__ = ["runtestprotocol"]

_OWN_FIXTURES = "pytest_chaos.plugin.entry"


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


@contextmanager
def each_example(item: pytest.Item, before: Callable[[], None]) -> Iterator[None]:
    """Call ``before`` at the start of each Hypothesis example, while the context lasts."""
    handle: Any = getattr(getattr(item, "obj", None), "hypothesis", None)
    inner = getattr(handle, "inner_test", None)
    if inner is None:
        yield
        return

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


def forget_arguments(item: pytest.Item) -> None:
    """Let go of what fixtures handed out, as pytest does a moment after the teardown."""
    if getattr(item, "funcargs", None):
        item.funcargs = {}  # type: ignore[attr-defined]  # only functions have arguments


def plain_id(item: pytest.Item) -> str:
    """Return an item's id without the group that xdist's loadgroup hangs on it."""
    mark = item.get_closest_marker("xdist_group")
    if mark is None:
        return item.nodeid
    group = mark.args[0] if mark.args else mark.kwargs.get("name", "default")
    return item.nodeid.removesuffix(f"@{group}")


def cwd_relative_id(config: pytest.Config, nodeid: str) -> str:
    """Return a node id as it is typed where pytest was started."""
    path, separator, rest = nodeid.partition("::")
    here = config.invocation_params.dir
    return bestrelpath(here, config.rootpath / path) + separator + rest
