"""What a call costs under a fault that does not fire, here and in other tools, and what each tool's faults reach.

For each kind of callable and each tool that is installed, the fault is first made to fire on every call. The cost is
measured only where a call is seen to meet the fault, where the fault spares what was not meant, and where calls pass
unchanged once it does not fire. What did not work is listed with what was seen. All in one process and in turns, as
``timing`` does it. Unlike in ``calls``, a function is called through its module, because one of the tools acts there.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import json
import platform
import re
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import per_call
from calls import compared
from rival_tools import TOOLS, Outcome, Tool
from subjects import Project, project
from timing import Timed, Variant, timed

MORE_KINDS = {
    "staticmethod, of an instance": ("Shop.static", "f.static(1, 2)", "module.Shop(1, 2)"),
    "classmethod, of an instance": ("Shop.of_class", "f.of_class(1, 2)", "module.Shop(1, 2)"),
    "inherited method": ("Branch.method", "f.method(1, 2)", "module.Branch(1, 2)"),
}
"""Like ``per_call.KINDS``: where the same callable behaves differently when reached another way."""

_NOT_MEANT = {"inherited method": ("f.method(1, 2)", "module.Shop(1, 2)")}
_ITS_CODE = ", its code,"
_USED_UP = {"await": "await {}", "for": "list({})", "async": "[_ async for _ in {}]"}
_STILL = {
    "coroutine": ("a coroutine", inspect.iscoroutine),
    "generator": ("a generator", inspect.isgenerator),
    "async generator": ("an async generator", inspect.isasyncgen),
}


@dataclass(frozen=True)
class Kind:
    """One kind of callable.

    Attributes:
        name: Its name.
        target: Where it is, below the module.
        body: What a loop does.
        holder: What ``f`` stands for.
    """

    name: str
    target: str
    body: str
    holder: str

    @property
    def call(self) -> str:
        """The call alone."""
        found = re.search(r"f\.\w+(\(1, 2\))?", self.body)
        assert found
        return found[0]

    @property
    def attribute(self) -> str:
        """What a caller asks the holder for."""
        return self.call.removeprefix("f.").partition("(")[0]

    @property
    def value(self) -> str:
        """An expression of all that a call gives."""
        return _USED_UP.get(self.body.partition(" ")[0], "{}").format(self.call)

    def held(self, module: ModuleType) -> Any:
        """Return what a caller goes through."""
        return eval(self.holder, {"module": module})


def _kinds() -> Iterator[Kind]:
    for name, (target, body, holder) in (per_call.KINDS | MORE_KINDS).items():
        if "f(" in body:
            holder, _, attribute = holder.rpartition(".")
            body = body.replace("f(", f"f.{attribute}(")
        yield Kind(name, target, body, holder)


def _did(project: Project, value: str, **names: Any) -> Outcome:
    """Return what an expression does in code of the project."""
    word = "async def" if "await " in value or "async " in value else "def"
    namespace: dict[str, Any] = {"__name__": "probe"}
    exec(compile(f"{word} probe({', '.join(names)}):\n    return {value}\n", project.loop_file, "exec"), namespace)
    try:
        answer = namespace["probe"](**names)
        if word == "async def":
            try:
                answer.send(None)
            except StopIteration as end:
                answer = end.value
    except Exception as error:  # noqa: BLE001  # whatever comes is what is reported
        return "raises", _said(error)
    if type(answer).__name__ == "Shop":
        answer = "Shop", vars(answer)
    return "answers", answer


def _said(error: Exception) -> str:
    text = str(error).replace("\n", " ")
    return f"{type(error).__name__}: {re.split(r'(?<=[a-z])[;.] ', text)[0][:160]}"


def _state(owners: tuple[Any, ...], holder: Any) -> dict[str, Any]:
    """Return everything that a fault can replace in a module and its classes, by its name."""
    found: dict[str, Any] = {"the class of what is called through": type(holder)}
    for owner in owners:
        for name, value in vars(owner).items():
            if inspect.ismodule(owner) and name.startswith("__"):
                continue
            found[f"{owner.__name__}.{name}"] = value
            function = getattr(value, "fget", None) or getattr(value, "__func__", value)
            if inspect.isfunction(function):
                found[f"{owner.__name__}.{name}{_ITS_CODE}"] = function.__code__
    return found


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], module: ModuleType) -> str:
    words = {name: "replaced" for name in before if name in after and before[name] is not after[name]}
    words |= {name: "gone" for name in before.keys() - after.keys() if not name.endswith(_ITS_CODE)}
    words |= {name: "left behind" for name in after.keys() - before.keys() if not name.endswith(_ITS_CODE)}
    return ", ".join(f"{name.removeprefix(f'{module.__name__}.')} {how}" for name, how in sorted(words.items()))


@dataclass
class Tried:
    """What a tool did on a kind.

    Attributes:
        cannot: Why it has no figure, or nothing.
        facts: Whether a reference made before reaches the fault, and so on: true, or what was seen instead.
    """

    cannot: str
    facts: dict[str, Any]


def tried(project: Project, tool: Tool, kind: Kind) -> Tried:
    """Try a fault of a tool on a kind: firing, lifted, and not firing."""
    facts: dict[str, Any] = {}
    bare = project.subject(_name("probe_bare", tool, kind))
    usual = _did(project, kind.value, f=kind.held(bare))
    module = tool.subject(project, _name("probe", tool, kind), kind.target)
    try:
        reason = _fires(project, tool, kind, module, usual, facts) or _passes(project, tool, kind, usual, facts)
    except Exception as error:  # noqa: BLE001  # a tool's refusal is a result
        reason = f"refused, {_said(error)}"
    return Tried(reason.replace(module.__name__, "module"), facts)


def _fires(project: Project, tool: Tool, kind: Kind, module: ModuleType, usual: Outcome, facts: dict[str, Any]) -> str:
    holder = kind.held(module)
    kept = getattr(holder, kind.attribute)
    owners = (module, module.Shop, module.Branch)
    before = _state(owners, holder)
    spared = _NOT_MEANT.get(kind.name)
    reason = ""
    with tool.on(project, module, kind.target, holder, kind.attribute, fires=True):
        outcome = _did(project, kind.value, f=holder)
        if not tool.acted(outcome):
            reason = f"made to fire, a call {_words(outcome)}"
        if kind.name != "property":
            again = _did(project, kind.value.replace(f"f.{kind.attribute}", "kept"), kept=kept)
            facts["kept"] = tool.acted(again)
        if kind.name in _STILL:
            facts["still"] = _still(kind, holder)
        if kind.name == "coroutine":
            facts["coroutine function, firing"] = inspect.iscoroutinefunction(getattr(holder, kind.attribute))
        if spared:
            other = _did(project, spared[0], f=eval(spared[1], {"module": module}))
            if tool.acted(other):
                reason = "the parent class meets the fault as well"
    left = _differences(before, _state(owners, holder), module)
    after = _did(project, kind.value, f=holder)
    facts["restored"] = not left and after == usual
    if not facts["restored"]:
        facts["left"] = left if after == usual else f"{left}; then a call {_words(after)}"
    return reason


def _passes(project: Project, tool: Tool, kind: Kind, usual: Outcome, facts: dict[str, Any]) -> str:
    module = tool.subject(project, _name("probe_passing", tool, kind), kind.target)
    holder = kind.held(module)
    with tool.on(project, module, kind.target, holder, kind.attribute, fires=False):
        outcome = _did(project, kind.value, f=holder)
        if kind.name == "coroutine":
            facts["coroutine function, passing"] = inspect.iscoroutinefunction(getattr(holder, kind.attribute))
    return "" if outcome == usual else f"not firing, a call {_words(outcome)}; bare, it {_words(usual)}"


def _still(kind: Kind, holder: Any) -> Any:
    words, check = _STILL[kind.name]
    try:
        made = getattr(holder, kind.attribute)(1, 2)
    except Exception as error:  # noqa: BLE001  # that it raises here is what is reported
        return f"the call raises {type(error).__name__}"
    if kind.name == "coroutine" and check(made):
        made.close()
    return True if check(made) else f"the call gives {made!r} in the place of {words}"


def _words(outcome: Outcome) -> str:
    said = re.sub(r" at 0x[0-9a-f]+", "", str(outcome[1]) if outcome[0] == "raises" else repr(outcome[1]))
    return f"{outcome[0]} {said}"


def _name(use: str, tool: Tool, kind: Kind) -> str:
    return _module_name(use, tool.name, kind.name)


def _module_name(*words: str) -> str:
    return re.sub(r"\W+", "_", "_".join(words))


def cost(project: Project, tools: list[Tool], kind: Kind, rounds: int) -> dict[str, dict[str, float]]:
    """Time a call of one kind: bare, through wrapt, and under a fault of each tool that does not fire."""
    bare, through = (project.subject(_module_name("cost", way, kind.name)) for way in ("bare", "wrapt"))
    per_call.wrap(through, kind.target)
    plain = {"bare": _variant(kind, kind.held(bare)), "wrapt": _variant(kind, kind.held(through))}
    shown: dict[str, dict[str, float]] = {}
    # Those that ask another process set variables of the environment that others read: they come apart.
    for asks in (False, True):
        with contextlib.ExitStack() as stack:
            variants = dict(plain)
            for tool in tools:
                if bool(tool.once) is asks:
                    module = tool.subject(project, _name("cost", tool, kind), kind.target)
                    holder = kind.held(module)
                    stack.enter_context(tool.on(project, module, kind.target, holder, kind.attribute, fires=False))
                    variants[tool.name] = _variant(kind, holder, tool.once)
            if len(variants) > len(plain):
                rows: dict[str, Timed] = timed(variants, rounds, project.loop_file)
                shown = compared(rows) | shown
    return shown


def _variant(kind: Kind, holder: Any, once: int = 0) -> Variant:
    return Variant(kind.body, {"f": holder}, kind.body.startswith(("await", "async")), once)


def measured(rounds: int) -> dict[str, Any]:
    """Try and measure everything."""
    tools: list[Tool] = []
    figures: dict[str, Any] = {"tools": {}, "absent": {}, "kinds": {}, "cannot": {}, "facts": {}}
    for make in TOOLS:
        try:
            tools.append(make())
        except Exception as error:  # noqa: BLE001  # not installed, or broken on this interpreter: it is listed
            figures["absent"][make.name] = _said(error)
    for tool in tools:
        figures["tools"][tool.name] = {"package": tool.package, "version": tool.version, "way": tool.way}
    with project() as work:
        for kind in _kinds():
            able = []
            for tool in tools:
                found = tried(work, tool, kind)
                figures["facts"].setdefault(tool.name, {})[kind.name] = found.facts
                if found.cannot:
                    figures["cannot"].setdefault(tool.name, {})[kind.name] = found.cannot
                else:
                    able.append(tool)
            figures["kinds"][kind.name] = cost(work, able, kind, rounds)
    return figures


def table(figures: Mapping[str, Any]) -> str:
    """Return the figures as Markdown tables."""
    names = list(figures["tools"])
    lines = [f"CPython {figures['python']}, {figures['machine']}.", ""]
    lines += _markdown(
        ["not firing, x bare", "bare, ns", *names, "wrapt"],
        [
            [kind, f"{rows['bare']['ns']:.0f}", *(_ratio(rows.get(name)) for name in names), _ratio(rows["wrapt"])]
            for kind, rows in figures["kinds"].items()
        ],
    )
    lines.append("")
    lines += _remarks(figures)
    lines.append("")
    packages = {tool["package"]: name for name, tool in reversed(figures["tools"].items())}
    columns = dict(reversed(packages.items()))
    lines += _markdown(["", *columns], [[title, *cells] for title, cells in _facts(figures, list(columns.values()))])
    return "\n".join(lines)


def _remarks(figures: Mapping[str, Any]) -> list[str]:
    said: dict[tuple[str, str], list[str]] = {}
    for name, tool in figures["tools"].items():
        reasons = dict(figures["cannot"].get(name, {}))
        for kind, facts in figures["facts"][name].items():
            remarks = [reasons.get(kind, ""), facts.get("still", ""), facts.get("left") and f"lifted, {facts['left']}"]
            for remark in remarks:
                if isinstance(remark, str) and remark and kind not in said.setdefault((tool["package"], remark), []):
                    said[tool["package"], remark].append(kind)
    lines = [f"- {package}, {'; '.join(kinds)}: {remark}" for (package, remark), kinds in said.items()]
    return lines + [f"- {name} is not measured: {reason}" for name, reason in figures["absent"].items()]


def _ratio(row: Mapping[str, float] | None) -> str:
    if row is None:
        return "-"
    ratio = row["x bare"]
    if ratio < 100:
        return f"{ratio:.1f}"
    return f"{ratio:.0f}" if ratio < 1000 else f"{round(ratio, -2):,.0f}"


def _markdown(header: list[str], rows: list[list[str]]) -> list[str]:
    first, *others = [f"| {' | '.join(cells)} |" for cells in [header, *rows]]
    return [first, "|---" * len(header) + "|", *others]


def _facts(figures: Mapping[str, Any], names: list[str]) -> Iterator[tuple[str, list[str]]]:
    facts = [figures["facts"][name] for name in names]
    yield "version", [figures["tools"][name]["version"] for name in names]
    yield "how", [figures["tools"][name]["way"] for name in names]
    able = [len(figures["kinds"]) - len(figures["cannot"].get(name, ())) for name in names]
    yield f"kinds measured, of {len(figures['kinds'])}", [str(count) for count in able]
    for title, fact in {
        "a reference kept from before meets the fault": "kept",
        "while firing, a call gives a coroutine, generator, async generator": "still",
        "a coroutine function is one while calls pass": "coroutine function, passing",
        "and while the fault fires": "coroutine function, firing",
        "lifted, all is as before": "restored",
    }.items():
        yield title, [_counted({kind: of[fact] for kind, of in kinds.items() if fact in of}) for kinds in facts]


def _counted(seen: Mapping[str, Any]) -> str:
    so = [kind for kind, one in seen.items() if one is True]
    if len(seen) <= 1:
        return ("yes" if so else "no") if seen else "-"
    return f"{len(so)} of {len(seen)}" + (f": {so[0]}" if len(so) == 1 else "")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25, help="interleaved rounds")
    parser.add_argument("--json", type=Path, help="write the figures to a file")
    parser.add_argument("--table", action="store_true", help="print Markdown tables")
    options = parser.parse_args()
    began = time.monotonic()
    figures: dict[str, Any] = {"python": platform.python_version(), "machine": platform.machine()}
    figures.update(measured(options.rounds))
    if options.table:
        print(table(figures))
    else:
        for kind, rows in figures["kinds"].items():
            print(f"{kind}: {', '.join(f'{name} {_ratio(row)}' for name, row in rows.items())}")
        print(f"{time.monotonic() - began:.0f} s, Python {figures['python']}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
