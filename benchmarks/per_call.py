"""What one call costs where a fault is armed and does not fire, and where it fires."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any
from unittest import mock

import wrapt
from subjects import Project, armed, rule
from timing import Timed, Variant, timed
from yardstick import called_mock

from pytest_chaos.faults.returning import Return

RARE = 1e-9
FAR = 10**9

KINDS: dict[str, tuple[str, str, str]] = {
    # what is called: the target, what the loop calls, how
    "function": ("function", "f(1, 2)", "module.function"),
    "method": ("Shop.method", "f.method(1, 2)", "module.Shop(1, 2)"),
    "staticmethod": ("Shop.static", "f.static(1, 2)", "module.Shop"),
    "classmethod": ("Shop.of_class", "f.of_class(1, 2)", "module.Shop"),
    "property": ("Shop.attribute", "f.attribute", "module.Shop(1, 2)"),
    "constructor": ("Shop.__init__", "f(1, 2)", "module.Shop"),
    "coroutine": ("coroutine", "await f(1, 2)", "module.coroutine"),
    "generator": ("generator", "for _ in f(1, 2): pass", "module.generator"),
    "async generator": ("async_generator", "async for _ in f(1, 2): pass", "module.async_generator"),
}
"""Kinds of callables: their target below the module, what a loop calls, and what ``f`` stands for there."""


def kinds(project: Project, rounds: int, names: Iterable[str] = KINDS) -> dict[str, dict[str, Timed]]:
    """Time kinds of Python callables: bare, armed and not firing, through wrapt, and through a mock."""
    found = {}
    for kind in names:
        target, body, holder = KINDS[kind]
        name = target.replace(".", "_").lower()
        bare, ours, theirs, mocked = (project.subject(f"{name}_{way}") for way in ("bare", "armed", "wrapt", "mock"))
        wrap(theirs, target)
        variants = {"bare": _variant(body, holder, bare), "wrapt": _variant(body, holder, theirs)}
        if kind != "property":  # a mock does not get the receiver of a property
            variants["mock"] = _mocked(body, holder, mocked, target)
        with armed(project.laboratory, rule(f"{ours.__name__}:{target}", rate=RARE)):
            found[kind] = timed({**variants, "armed": _variant(body, holder, ours)}, rounds, project.loop_file)
    return found


def rules_on_a_function(project: Project, rounds: int) -> dict[str, Timed]:
    """Time one function under rules that do not fire: planned ones, and those that are decided call by call."""
    conditions: dict[str, dict[str, Any]] = {
        "rate=1e-9": {"rate": RARE},
        "nth=10**9": {"nth": FAR},
        "args={'a': 0}": {"args": {"a": 0}},
        "when=<never>": {"when": _never},
        "caller='elsewhere'": {"caller": "elsewhere"},
    }
    bare = project.subject("rules_bare")
    variants = {"bare": _variant("f(1, 2)", "module.function", bare)}
    rules = []
    for number, (name, trigger) in enumerate(conditions.items()):
        module = project.subject(f"rules_{number}")
        variants[name] = _variant("f(1, 2)", "module.function", module)
        rules.append(rule(f"{module.__name__}:function", **trigger))
    with armed(project.laboratory, *rules):
        return timed(variants, rounds, project.loop_file)


def receivers(project: Project, rounds: int) -> dict[str, Timed]:
    """Time a method that is armed for one child class, called on an instance of the parent and of the child."""
    bare, ours = project.subject("receiver_bare"), project.subject("receiver_armed")
    body = "f.method(1, 2)"
    with armed(project.laboratory, rule(f"{ours.__name__}:Branch.method", rate=RARE)):
        return timed(
            {
                "bare": _variant(body, "module.Shop(1, 2)", bare),
                "on another class": _variant(body, "module.Shop(1, 2)", ours),
                "on the class meant": _variant(body, "module.Branch(1, 2)", ours),
            },
            rounds,
            project.loop_file,
        )


def c_functions(project: Project, rounds: int) -> dict[str, Timed]:
    """Time a C function through its stand-in: with planned gates, and with each caller looked at, as users have it."""
    bare = time.monotonic
    looked = time.time
    variants = {
        "bare": Variant("f()", {"f": bare}),
        "wrapt": Variant("f()", {"f": wrapt.FunctionWrapper(bare, _pass_through)}),
        "mock": Variant("f()", {"f": mock.MagicMock(wraps=bare)}),
        "bare time.time": Variant("f()", {"f": looked}),
    }
    with armed(project.lenient, rule("time:monotonic", nth=FAR)):
        variants["planned, nth=10**9"] = Variant("f()", {"f": time.monotonic})
        with armed(project.laboratory, rule("time:time", nth=FAR)):
            variants["each caller looked at"] = Variant("f()", {"f": time.time})
            return timed(variants, rounds, project.loop_file)


def firing(project: Project, rounds: int) -> dict[str, Timed]:
    """Time calls on which a fault acts, each of which is decided, recorded and, for an error, followed.

    In turns with them, ``a mock`` is the yardstick.
    """
    bare, raising, returning = (project.subject(f"firing_{name}") for name in ("bare", "raise", "return"))
    caught = "try:\n    f(1, 2)\nexcept TimeoutError:\n    pass"
    with armed(
        project.laboratory,
        rule(f"{raising.__name__}:function"),
        rule(f"{returning.__name__}:function", Return(None)),
    ):
        return timed(
            {
                "bare": _variant("f(1, 2)", "module.function", bare),
                "a function that raises": Variant(caught, {"f": _raises, "TimeoutError": TimeoutError}),
                "raise": _few(_variant(caught, "module.function", raising)),
                "return": _few(_variant("f(1, 2)", "module.function", returning)),
                "a mock": _few(Variant("f(1, 2)", {"f": called_mock()})),
            },
            rounds,
            project.loop_file,
        )


def depth(project: Project) -> dict[str, int]:
    """Return how deep a function can call itself: bare, armed, and through wrapt."""
    bare, ours, theirs = (project.subject(f"depth_{way}") for way in ("bare", "armed", "wrapt"))
    wrap(theirs, "dive")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    try:
        with armed(project.laboratory, rule(f"{ours.__name__}:dive", rate=RARE)):
            ours.dive(990)  # the first call is decided, which takes frames of ours
            return {"bare": bare.dive(0), "armed": ours.dive(0), "wrapt": theirs.dive(0)}
    finally:
        sys.setrecursionlimit(limit)


def _variant(body: str, holder: str, module: ModuleType) -> Variant:
    return Variant(body, {"f": eval(holder, {"module": module})}, body.startswith(("await", "async")))


def _few(variant: Variant) -> Variant:
    return replace(variant, once=200)


def wrap(module: ModuleType, target: str) -> None:
    """Put a wrapt wrapper that passes everything through in the place of a target."""
    owner, name = _owner(module, target)
    raw = inspect.getattr_static(owner, name)
    if isinstance(raw, property):
        wrapped: Any = property(wrapt.FunctionWrapper(raw.fget, _pass_through))
    else:
        wrapped = wrapt.FunctionWrapper(raw, _pass_through)
    setattr(owner, name, wrapped)


def _mocked(body: str, holder: str, module: ModuleType, target: str) -> Variant:
    variant = _variant(body, holder, module)
    held = variant.names["f"]
    name = target.rpartition(".")[2]
    if body.startswith("f."):
        setattr(held, name, mock.MagicMock(wraps=getattr(held, name)))
        return variant
    return replace(variant, names={"f": mock.MagicMock(wraps=held)})


def _owner(module: ModuleType, target: str) -> tuple[Any, str]:
    path, _, name = target.rpartition(".")
    return (getattr(module, path) if path else module), name


def _pass_through(
    wrapped: Callable[..., Any], instance: object, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    return wrapped(*args, **kwargs)


def _never(call: object) -> bool:
    return False


def _raises(a: int, b: int) -> None:
    raise TimeoutError
