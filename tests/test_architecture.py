"""The laws of the house (DESIGN, section 4), read from the source.

Each law is a function from the source of a package to its offenders, so that it can be shown a house that breaks it.
"""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pytest_chaos

PACKAGE = Path(pytest_chaos.__file__).parent

# A module imports only from stages before its own. A stage is a module or a folder directly in the package.
ORDER = (
    "errors",
    "compat",
    "by_identity",
    "roots",
    "provenance",
    "clauses",
    "spelling",
    "statements",
    "clocks",
    "turns",
    "exception_events",
    "frameworks",
    "gaps",
    "gathers",
    "absorption",
    "custody",
    "faults",
    "triggers",
    "immutable",
    "doubles",
    "target",
    "scenario",
    "grammar",
    "notation",
    "catalogue",
    "shapes",
    "contract",
    "schedule",
    "journal",
    "trace",
    "dependencies",
    "resources",
    "reach",
    "handling",
    "offers",
    "breakers",
    "hang",
    "guard",
    "replies",
    "injector",
    "observation",
    "answers",
    "verdict",
    "oracles",
    "ending",
    "last_resorts",
    "findings",
    "baseline",
    "plan",
    "experiment",
    "explorer",
    "control",
    "report",
    "hookspecs",
    "plugin",
)
# How our texts are called where they are held. Facts that they tell travel as values.
TEXTS = frozenset(
    {"text", "label", "scenario", "reason", "meaning", "what", "fault", "place", "caught", "handler", "request"}
    | {"point", "source", "message", "remedy", "fingerprint", "let_through", "polluter", "teardown_error", "recovery"}
)
TEXT_CUTS = frozenset({"startswith", "endswith", "partition", "rpartition", "split", "rsplit", "splitlines"}) | {
    *("removeprefix", "removesuffix", "find", "rfind", "index", "rindex", "count", "replace", "translate"),
}
TEXT_SEARCHES = frozenset({"match", "fullmatch", "search", "findall", "finditer", "sub", "subn"})
# Those that are there to read a text: of rules and targets, which are notations.
TEXT_READERS = frozenset({"grammar", "notation", "target"})
# Of an answer that a watcher of a third party has told in one text.
FOREIGN_TEXTS = frozenset({"observation: self.request.partition(' ')"})
BANNED_WORDS = {"utils", "util", "helpers", "helper", "common", "manager", "monkey", "core", "misc"}


class House:
    """The source of a package, as syntax trees."""

    def __init__(self, folder: Path, name: str = "pytest_chaos") -> None:
        self.name = name
        self.trees = {
            path.relative_to(folder).with_suffix("").as_posix().removesuffix("/__init__"): ast.parse(
                path.read_text(encoding="utf-8")
            )
            for path in sorted(folder.rglob("*.py"))
        }

    @property
    def modules(self) -> list[str]:
        """Paths of modules below the package, without suffix."""
        return [path for path in self.trees if path != "__init__"]

    def imports(self, module: str) -> Iterator[tuple[str, bool]]:
        """Yield the dotted names that a module imports, and whether it does not do so when it is imported itself."""
        yield from _imports(self.trees[module], inside=False)

    def own_imports(self, module: str) -> set[str]:
        """Return the modules of this package that a module imports, as paths."""
        found = set()
        for dotted, _ in self.imports(module):
            if dotted.partition(".")[0] == self.name:
                path = dotted.partition(".")[2].replace(".", "/")
                while path and path not in self.trees:
                    path = path.rpartition("/")[0]
                found.add(path or "__init__")
        return found - {module}


HOUSE = House(PACKAGE)


def _imports(node: ast.AST, *, inside: bool) -> Iterator[tuple[str, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield alias.name, inside
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute here"
            for alias in child.names:
                yield f"{child.module}.{alias.name}", inside
        else:
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            is_for_types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            yield from _imports(child, inside=inside or is_function or is_for_types)


def _stage(path: str) -> str:
    return path.partition("/")[0]


# --- the laws


def upstream_imports(house: House) -> list[str]:
    """Imports against the stream."""
    return [
        f"{module} imports {other}"
        for module in house.modules
        for other in sorted(house.own_imports(module))
        if _stage(other) != _stage(module)
        and other != "__init__"
        and ORDER.index(_stage(other)) >= ORDER.index(_stage(module))
    ]


def unknown_stages(house: House) -> list[str]:
    """Modules that have no place in the order."""
    return [module for module in house.modules if _stage(module) not in ORDER]


def cycles(house: House) -> list[str]:
    """Modules that import themselves by way of others, if only for their types.

    Imports of a package import its ``__init__`` too.
    """
    reached: dict[str, set[str]] = {module: house.own_imports(module) - {"__init__"} for module in house.modules}
    for module in house.modules:
        parent = module.rpartition("/")[0]
        if parent and parent in reached:
            reached[module] = reached[module] - {parent}
    for middle in house.modules:
        for start in house.modules:
            if middle in reached[start]:
                reached[start] = reached[start] | reached[middle]
    return [module for module in house.modules if module in reached[module]]


def one_door(house: House, library: str, *doors: str) -> list[str]:
    """Modules other than the doors, by prefix, that import a library."""
    return [
        module
        for module in house.modules
        if any(dotted.partition(".")[0] == library for dotted, _ in house.imports(module))
        and not module.startswith(doors)
    ]


def outside_functions(house: House, library: str) -> list[str]:
    """Modules that import a library when they are imported themselves."""
    return [
        module
        for module in house.modules
        if any(dotted.partition(".")[0] == library and not inside for dotted, inside in house.imports(module))
    ]


def sees_the_injector(house: House) -> list[str]:
    """Oracles and reports that know how faults are put in place."""
    return [
        f"{module} imports {other}"
        for module in house.modules
        if _stage(module) in ("oracles", "report", "verdict", "observation")
        for other in house.own_imports(module)
        if _stage(other) in ("injector", "experiment", "hang")
    ]


def knows_the_sentences(house: House) -> list[str]:
    """Modules other than reports and the plugin that import what makes words of facts."""
    return [
        module
        for module in house.modules
        if _stage(module) not in ("report", "plugin") and "report/sentences" in house.own_imports(module)
    ]


def reads_texts_back(house: House) -> list[str]:
    """Texts that are ours, by the name of the attribute or key that holds them, and are taken apart or searched."""
    found: list[str] = []
    for module in house.modules:
        if module in TEXT_READERS:
            continue
        for node in ast.walk(house.trees[module]):
            read: list[ast.expr] = []
            if isinstance(node, ast.Compare):
                pairs = zip(node.ops, node.comparators, strict=True)
                read = [text for how, text in pairs if isinstance(how, ast.In | ast.NotIn)]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                is_pattern = node.func.attr in TEXT_SEARCHES
                read = [*node.args] if is_pattern else [node.func.value] if node.func.attr in TEXT_CUTS else []
            if any(_held_as(text) in TEXTS for text in read):
                found.append(f"{module}: {ast.unparse(node)}")
    return [one for one in found if one not in FOREIGN_TEXTS]


def _held_as(node: ast.expr) -> str:
    """Return under which attribute or key a value is held; nothing for any other value."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return ""


def private_names(house: House) -> list[str]:
    """Private names of imported modules, used outside the rooms made for them."""
    found: list[str] = []
    for module in house.modules:
        if module in ("compat", "plugin/compat"):
            continue
        tree = house.trees[module]
        foreign = {
            alias.asname or alias.name.partition(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                names = [*node.module.split("."), *(alias.name for alias in node.names)]
                ours = node.module.partition(".")[0] == house.name
                found.extend(
                    f"{module}: from {node.module} import {name}" for name in names if _private(name) and not ours
                )
            elif isinstance(node, ast.Import):
                found.extend(
                    f"{module}: import {alias.name}"
                    for alias in node.names
                    if any(map(_private, alias.name.split(".")))
                )
            elif isinstance(node, ast.Attribute) and _private(node.attr):
                dotted = ast.unparse(node.value).partition(".")[0]
                if dotted in foreign:
                    found.append(f"{module}: {ast.unparse(node)}")
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr", "setattr"):
                name = node.args[1] if len(node.args) > 1 else None
                is_own = ast.unparse(node.args[0]) in ("self", "cls")
                if (
                    not is_own
                    and isinstance(name, ast.Constant)
                    and isinstance(name.value, str)
                    and _private(name.value)
                ):
                    found.append(f"{module}: {ast.unparse(node)}")
    return found


def _private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def global_statements(house: House) -> list[str]:
    """Functions that rebind names of their module."""
    return [
        f"{module}:{node.lineno}: {ast.unparse(node)}"
        for module in house.modules
        for node in ast.walk(house.trees[module])
        if isinstance(node, ast.Global)
    ]


FILL = frozenset(
    ("add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update")
)
KEPT = {
    "target: _FUNCTIONS": "functions of modules that were found; one is looked up again where something else stands",
    "compat: MISSING": "what the interpreter lacks, found out when it is imported",
    "injector/bytecode: _PROLOGUES": "what the compiler writes for so many parameters and constants; it never changes",
    "injector/injector: _INJECTORS": "the injectors whose window is open: a fork must reach them",
    "injector/proxies: _CLASSES": "what a class is made of; forgotten with the class",
    "injector/proxies: _READS": "what a class is made of; forgotten with the class",
    "target: _DEFINED": "what a module defined before anybody put something else there; forgotten with the module",
}
"""Registries that fill at run time, with the reason why each belongs to the process and to no session."""


def registries(house: House) -> list[str]:
    """Names of modules whose values functions fill, but for those that belong to the process."""
    found: dict[str, None] = {}
    for module in house.modules:
        tree = house.trees[module]
        names = {
            target.id
            for node in tree.body
            if isinstance(node, ast.Assign | ast.AnnAssign)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name)
        }
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            for node in ast.walk(function):
                filled = _changed(node)
                if isinstance(filled, ast.Name) and filled.id in names:
                    found[f"{module}: {filled.id}"] = None
    return [name for name in found if name not in KEPT]


_FINALIZER = "weakref.finalize(made, copyreg.dispatch_table.pop, LockType, None)"
ITS_OWN: dict[str, set[str]] = {
    # Records that only the module itself knows.
    "custody": {"held", "way"},
    "exception_events": {"flight"},
    "guard": {"part"},
    "hang": {"judged[-1]", "parked"},
    "injector/gate": {"gate", "way"},
    "injector/injector": {"GUARD", "site"},
    "injector/strike": {"GUARD"},
    "resources/deaths": {"death", "life"},
    "resources/lent": {"item"},
    "resources/permits": {"item"},
    "resources/standstill": {"before", "seen"},
    "trace": {"calls"},
    # What a library's own clock would do.
    "breakers": {"breaker", "storage"},
    # What is made here, and handed out when it is complete.
    "faults/drivers": {"made"},
    "faults/filling": {"layer"},
    "faults/garbage": {"twin"},
    "faults/instances": {"error", "twin"},
    "injector/adapters/twins": {"made", "ours"},
    "injector/passage": {"made"},
    "injector/returned": {"made"},
    "injector/splicing": {"copy", "function"},
    "injector/trial": {"sample"},
    "plugin/clones": {"twin", "item"},
    "plugin/marker": {"found"},
    "plugin/one_test": {"explored", "self.explored"},
    "plugin/options": {"found"},
    "resources/taps": {"made", "warn_unawaited_coroutine", _FINALIZER},
    # What belongs to the interpreter or the system under test, and is changed for what it does.
    "compat": {"loop", "thread"},
    "injector/attribute": {"owner", "place.owner", "done.owner"},
    "injector/closures": {"self.closure"},
    "injector/proxies": {"value"},
    "resources/tap": {"owner"},
    "replies/on_sockets": {"connection"},
    # pytest's own objects, which are told what they report by whoever has something to say.
    "plugin/compat": {
        "case",
        "crash",
        "function",
        "handle",
        "holder",
        "item",
        "lf",
        "report",
        "reporter",
        "session",
        "twin",
    },
    "plugin/exit_status": {"session"},
    "plugin/summary": {"session"},
    "plugin/telling": {"bearer", "body", "report", "reports[-1]"},
    "plugin/window": {"report"},
    "plugin/xdist": {"report", "session"},
}
"""What a module may set attributes of, beside ``self``."""


RUNS = {"experiment", "injection", "injector", "plan", "run", "watch"}
"""What the things are called that nobody changes from outside, not even a list that they have."""


def set_from_outside(house: House) -> list[str]:
    """Attributes that are set on an object by another one, and lists of a run that others change."""
    found = []
    for module in house.modules:
        own = {"self", "cls", *ITS_OWN.get(module, ())}
        for node in ast.walk(house.trees[module]):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
                owner = ast.unparse(node.value)
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("setattr", "delattr", "object.__setattr__"):
                owner = ast.unparse(node.args[0])
            elif (
                isinstance(changed := _changed(node), ast.Attribute)
                and ast.unparse(changed.value) in RUNS
                and ast.unparse(changed) != "injection.recorded"  # a call of a method would be felt: it fires there
            ):
                owner = ast.unparse(changed.value)
            else:
                continue
            if owner not in own:
                found.append(f"{module}:{node.lineno}: {ast.unparse(node)}")
    return found


def _changed(node: ast.AST) -> ast.expr | None:
    """Return what an expression puts something into, or takes something out of."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        return node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in FILL:
        return node.func.value
    return None


def chance_and_clock(house: House) -> list[str]:
    """Pure stages that look at a clock or draw from the shared generator."""
    pure = ("triggers", "scenario", "notation", "contract", "schedule", "observation", "verdict", "oracles", "report")
    return [
        f"{module}: {ast.unparse(node)}"
        for module in house.modules
        if _stage(module) in pure
        for node in ast.walk(house.trees[module])
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("time", "random") and node.attr != "Random"
    ]


def banned_words(house: House) -> list[str]:
    """Modules with a name that says nothing."""
    return [module for module in house.modules if BANNED_WORDS & set(module.replace("/", "_").split("_"))]


LAWS: dict[str, Callable[[House], list[str]]] = {
    "every module has a place in the order": unknown_stages,
    "imports go downstream only": upstream_imports,
    "there are no import cycles": cycles,
    "pytest only in plugin": lambda house: one_door(house, "pytest", "plugin"),
    "_pytest only in plugin/compat": lambda house: one_door(house, "_pytest", "plugin/compat"),
    "wrapt only in injector": lambda house: one_door(house, "wrapt", "injector/"),
    "pluggy only in hookspecs and plugin": lambda house: one_door(house, "pluggy", "hookspecs", "plugin"),
    "faker only in faults/texts": lambda house: one_door(house, "faker", "faults/texts"),
    "faker only inside a function": lambda house: outside_functions(house, "faker"),
    "trio only inside a function": lambda house: outside_functions(house, "trio"),
    "oracles and reports never see the injector": sees_the_injector,
    "only reports and the plugin know the sentences": knows_the_sentences,
    "no text is read back": reads_texts_back,
    "private names only in compat": private_names,
    "no module globals are rebound": global_statements,
    "no module globals are filled": registries,
    "nothing is set on an object from outside": set_from_outside,
    "time and chance are arguments": chance_and_clock,
    "names say something": banned_words,
}


@pytest.mark.parametrize("law", list(LAWS))
def test_law_is_kept(law: str) -> None:
    assert [] == LAWS[law](HOUSE)


BREAKERS: dict[str, dict[str, str]] = {
    "every module has a place in the order": {"weather": ""},
    "imports go downstream only": {"triggers": "from pytest_chaos.schedule import Cursor", "schedule": ""},
    "there are no import cycles": {
        "faults/a": "from pytest_chaos.faults import b",
        "faults/b": "def f():\n    import pytest_chaos.faults.a",
    },
    "pytest only in plugin": {"hang": "def f():\n    import pytest"},
    "_pytest only in plugin/compat": {"plugin/entry": "from _pytest.runner import runtestprotocol"},
    "wrapt only in injector": {"target": "import wrapt"},
    "pluggy only in hookspecs and plugin": {"oracles/base": "import pluggy"},
    "faker only in faults/texts": {"faults/raising": "def f():\n    import faker"},
    "faker only inside a function": {"faults/texts": "import faker"},
    "trio only inside a function": {"hang": "import trio"},
    "oracles and reports never see the injector": {"oracles/a": "import pytest_chaos.injector.b", "injector/b": ""},
    "only reports and the plugin know the sentences": {
        "oracles/a": "if TYPE_CHECKING:\n    from pytest_chaos.report import sentences",
        "report/sentences": "",
    },
    "no text is read back": {"oracles/a": "if evidence.text.startswith('raise'):\n    pass"},
    "private names only in compat": {"hang": "import sys\nsys._getframe()"},
    "no module globals are rebound": {"hang": "def f():\n    global x\n    x = 1"},
    "no module globals are filled": {"hang": "known = {}\ndef f(x):\n    known[x] = 1"},
    "nothing is set on an object from outside": {"plugin/session": "def f(experiment):\n    experiment.kind = 'plain'"},
    "time and chance are arguments": {"schedule": "import random\nrandom.random()"},
    "names say something": {"report/utils": ""},
}
OBEYERS: dict[str, dict[str, str]] = {
    "imports go downstream only": {"triggers": "", "schedule": "from pytest_chaos.triggers import Hits"},
    "no module globals are filled": {"hang": "known = {}\nknown[1] = 2\ndef f(x):\n    known = {}\n    known.x = 1"},
    "nothing is set on an object from outside": {
        "plugin/session": "class A:\n    def f(self, other):\n        self.a = other.b\n        other.c.append(1)"
    },
    "only reports and the plugin know the sentences": {
        "report/record": "from pytest_chaos.report.sentences import told",
        "plugin/a": "def f():\n    import pytest_chaos.report.sentences",
        "report/sentences": "from pytest_chaos.oracles.a import About",
        "oracles/a": "from pytest_chaos.report.sentencesque import other",
    },
    "no text is read back": {
        "grammar": "self.text.startswith('x')",
        "oracles/a": "name.partition('.'), 'x' in seen.points, f'{one.text} at {one.place}', text == other.text",
        "injector/a": "pattern.match(name), os.path.split(file), lines.count('x')",
    },
    "private names only in compat": {"compat": "import sys\nsys._getframe()", "hang": "self._lock, x.__dict__"},
    "faker only inside a function": {"faults/texts": "def f():\n    import faker"},
    "time and chance are arguments": {"hang": "import time\ntime.monotonic()", "schedule": "random.Random(1).random()"},
}


def house_of(folder: Path, sources: dict[str, str]) -> House:
    for path, source in sources.items():
        file = folder / f"{path}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="utf-8")
    return House(folder)


@pytest.mark.parametrize("law", list(LAWS))
def test_law_sees_a_house_that_breaks_it(law: str, tmp_path: Path) -> None:
    assert LAWS[law](house_of(tmp_path, BREAKERS[law])) != []


@pytest.mark.parametrize("law", list(OBEYERS))
def test_law_spares_a_house_that_keeps_it(law: str, tmp_path: Path) -> None:
    assert [] == LAWS[law](house_of(tmp_path, OBEYERS[law]))


def test_a_cycle_of_types_is_a_cycle(tmp_path: Path) -> None:
    sources = {
        "plugin/a": "from pytest_chaos.plugin import b",
        "plugin/b": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pytest_chaos.plugin.a import A",
    }

    assert ["plugin/a", "plugin/b"] == cycles(house_of(tmp_path, sources))


@pytest.mark.parametrize(
    "source",
    [
        "known.append(x)",
        "del known[x]",
        "known.setdefault(x, []).append(1)",
        "known.popitem()",
    ],
)
def test_every_way_to_fill_a_global_is_seen(source: str, tmp_path: Path) -> None:
    assert 1 == len(registries(house_of(tmp_path, {"hang": f"known = make()\ndef f(x):\n    {source}"})))


@pytest.mark.parametrize(
    "source",
    [
        "run.plan = 1",
        "run.count += 1",
        "run.plan: int = 1",
        "del run.plan",
        "self.run.plan = 1",
        "a, run.plan = 1, 2",
        "setattr(run, name, 1)",
        "object.__setattr__(run, name, 1)",
        "injection.points[:] = points",
        "injection.moved.extend(points)",
    ],
)
def test_every_way_to_set_an_attribute_from_outside_is_seen(source: str, tmp_path: Path) -> None:
    assert 1 == len(set_from_outside(house_of(tmp_path, {"hang": source})))


@pytest.mark.parametrize(
    "source",
    [
        "from _thread import lock",
        "import _thread",
        "import asyncio\nasyncio.runners._cancel_all_tasks",
        "import concurrent.futures.thread as t\nt._threads_queues",
        "getattr(executor, '_shutdown', None)",
        "from threading import _DummyThread",
    ],
)
def test_every_way_to_a_private_name_is_seen(source: str, tmp_path: Path) -> None:
    assert 1 == len(private_names(house_of(tmp_path, {"hang": source})))


@pytest.mark.parametrize(
    "source",
    [
        "activation.fault.startswith(('raise', 'lose-reply'))",
        "failure.text.partition(':')[0]",
        "any('x' in one.text for one in seen)",
        "_WENT_ON not in parked.reason",
        "record['evidence'][0]['text'].endswith('x')",
        "re.search('x', evidence.text)",
        "_PATTERN.fullmatch(rule['text'])",
        "injection.text.removeprefix('x')",
        "point.text.split('.')",
    ],
)
def test_every_way_to_read_a_text_back_is_seen(source: str, tmp_path: Path) -> None:
    assert 1 == len(reads_texts_back(house_of(tmp_path, {"oracles/a": source})))


# --- the public face


def test_all_is_sorted_and_without_doubles() -> None:
    assert sorted(set(pytest_chaos.__all__)) == pytest_chaos.__all__


@pytest.mark.parametrize("name", pytest_chaos.__all__)
def test_public_name_is_importable_and_listed(name: str) -> None:
    assert getattr(pytest_chaos, name) is not None
    assert name in dir(pytest_chaos)


def test_checkers_see_exactly_the_public_names() -> None:
    block, _ = [node for node in HOUSE.trees["__init__"].body if isinstance(node, ast.If)]
    seen = [alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names]

    assert sorted(pytest_chaos.__all__) == sorted([*map(str, seen), "__version__"])


@pytest.mark.parametrize("name", [name for name in pytest_chaos.__all__ if name != "__version__"])
def test_public_name_has_a_docstring(name: str) -> None:
    assert (getattr(pytest_chaos, name).__doc__ or "").strip()


def test_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(pytest_chaos, "Explode")
    with pytest.raises(ImportError, match="cannot import name"):
        exec("from pytest_chaos import Explode")


def test_every_module_and_public_callable_says_what_it_is_for() -> None:
    house = HOUSE
    silent = [module for module in house.modules if not ast.get_docstring(house.trees[module])]
    for module in house.modules:
        for node in house.trees[module].body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            is_hook = _stage(module) == "plugin" and node.name.startswith("pytest_")
            if not node.name.startswith("_") and not is_hook and not ast.get_docstring(node):
                silent.append(f"{module}:{node.name}")

    assert [] == silent


# --- what it costs to have it installed


def fresh(source: str) -> list[str]:
    """Run Python in a new process, and return the lines it prints."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.splitlines()


def test_entry_point_imports_nothing_heavy() -> None:
    """pytest loads it in every run of everybody who has the package installed."""
    lines = fresh(
        """
        import sys
        import pytest
        before = set(sys.modules)
        import pytest_chaos.plugin.entry
        print(*sorted(set(sys.modules) - before), sep="\\n")
        """
    )

    assert ["pytest_chaos", "pytest_chaos.plugin", "pytest_chaos.plugin.entry"] == lines


def test_package_imports_nothing_until_a_name_is_asked_for() -> None:
    lines = fresh(
        """
        import sys, pytest_chaos
        print(sorted(name for name in sys.modules if name.startswith(("pytest_chaos.", "wrapt", "faker", "asyncio"))))
        pytest_chaos.Raise
        print("wrapt" in sys.modules, "asyncio" in sys.modules, "pytest_chaos.faults.raising" in sys.modules)
        """
    )

    assert ["[]", "False False True"] == lines


@pytest.mark.parametrize("module", [path.replace("/", ".") for path in HOUSE.modules if _stage(path) != "plugin"])
def test_engine_needs_no_pytest(module: str) -> None:
    """All in one process would hide an import behind another; here the tree says it for each."""
    found = {dotted.partition(".")[0] for dotted, _ in HOUSE.imports(module.replace(".", "/"))}

    assert not found & {"pytest", "_pytest"}
    if module == "injector.adapters.psycopg2":
        pytest.importorskip("psycopg2", reason="psycopg2 is optional")
    importlib.import_module(f"pytest_chaos.{module}")


def test_entry_point_is_declared_under_the_name_chaos() -> None:
    from importlib.metadata import entry_points

    (entry,) = [entry for entry in entry_points(group="pytest11") if entry.value.startswith("pytest_chaos.")]

    assert ("chaos", "pytest_chaos.plugin.entry") == (entry.name, entry.value)


def test_missing_private_names_are_noted_at_start() -> None:
    from pytest_chaos import compat

    expected: list[Any] = []
    assert expected == compat.MISSING, "on a supported CPython nothing is missing"


def test_interpreter_without_some_private_names_is_told_and_judged_all_the_same(tmp_path: Path) -> None:
    """A thread that was left is found without knowing where it stands."""
    (tmp_path / "older.py").write_text(
        "import _thread, asyncio.selector_events, sys, warnings\n"
        "del sys._current_frames, _thread._count\n"
        "del asyncio.selector_events._SelectorTransport, warnings._warn_unawaited_coroutine\n"
    )
    (tmp_path / "test_it.py").write_text(
        "import threading, pytest\n"
        "@pytest.mark.no_leaks\n"
        "def test_it():\n"
        "    threading.Thread(target=threading.Event().wait, name='poller', daemon=True).start()\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "older", "-p", "chaos", "--chaos", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": os.pathsep.join(("", *sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    _, _, told = done.stdout.partition("chaos: not available on this interpreter: ")

    assert set(told.partition("\n")[0].split(", ")) >= {
        "sys._current_frames",
        "_thread._count",
        "asyncio.selector_events._SelectorTransport",
        "warnings._warn_unawaited_coroutine",
    }, done.stdout
    assert "chaos: leaked: daemon thread 'poller' started at test_it.py:4 in test_it" in done.stdout
