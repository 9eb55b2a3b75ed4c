"""The corpus, read and written out: its systems and their ordinary tests as one project that any pytest can run.

Beside the specimens there are cases: public packages with a release that has a weakness and a later one that has not.
Each needs environments of its own, for which its folder lists the pinned requirements.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
VARIANTS = ("broken", "right")
CLASSES = ("retry", "cache", "handler", "cancellation", "error code", "recovery", "leak", "hang", "lost", "storm")
NEEDS = ("first call", "all calls", "second call", "later call", "two faults")
TWINS = ("resilient", "degraded", "escaped", "changed")

Mark = tuple[str, tuple[Any, ...], Mapping[str, Any]]
"""A mark that the project's conftest puts on a test: its name, positional and keyword arguments."""


@dataclass(frozen=True)
class Specimen:
    """A weakness, once with and once without.

    Attributes:
        name: Of its folder.
        weakness: What the broken system does, in a sentence.
        kind: One of :data:`CLASSES`.
        targets: What is explored.
        reveals: The smallest scenario that shows the weakness, in rule notation.
        needs: One of :data:`NEEDS`: which shape that scenario has.
        verdict: The worst verdict of the broken system.
        twin: The worst verdict of the right system.
        evidence: The kind of evidence that tells the weakness, where the verdict is that of the twin; else empty.
        faults: Texts of faults in place of the offered ones; empty for those.
        contract: Keys of ``chaos_contract``.
        source: Folder of the systems below ``tests``.
    """

    name: str
    weakness: str
    kind: str
    targets: tuple[str, ...]
    reveals: str
    needs: str
    verdict: str
    twin: str = "resilient"
    evidence: str = ""
    faults: tuple[str, ...] = ()
    contract: Mapping[str, Any] = field(default_factory=dict)
    source: str = "corpus"

    @property
    def folder(self) -> Path:
        """Where its systems and its test lie."""
        return HERE.parent / self.source / self.name

    def system(self, variant: str) -> str:
        """Return the source of the broken or of the right system."""
        return (self.folder / f"{variant}.py").read_text(encoding="utf-8")

    def drive(self) -> str:
        """Return the source of the ordinary test, which imports its system as ``system``."""
        name = "plain.py" if self.source == "specimens" else "drive.py"
        return (self.folder / name).read_text(encoding="utf-8")

    def module(self, variant: str) -> str:
        """Return the name under which a system is written out; its test module has ``test_`` in front."""
        return f"{self.name}_{variant}"

    def text(self, text: str, variant: str) -> str:
        """Return a text about ``system:...``, such as a target or a scenario, with the name of a system written out."""
        return text.replace("system:", f"{self.module(variant)}:")

    def contract_mark(self, variant: str, keys: Iterable[str] = ("status", "errors", "leaks", "amplification")) -> Mark:
        """Return the mark that states the contract.

        Args:
            variant: Whose errors are declared.
            keys: Which of its keys; those that nobody judges yet are refused.
        """
        contract = {key: value for key, value in self.contract.items() if key in keys}
        if "errors" in contract:
            contract["errors"] = [self.text(error, variant) for error in contract["errors"]]
        return "chaos_contract", (), contract


def read_corpus() -> dict[str, Specimen]:
    """Return the specimens by name, in the order of ``corpus.toml``."""
    tables = tomllib.loads((HERE / "corpus.toml").read_text(encoding="utf-8"))
    found = {}
    for name, table in tables.items():
        table = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
        found[name] = Specimen(name=name, kind=table.pop("class"), **table)
    return found


@dataclass(frozen=True)
class Case:
    """A weakness that a public package had.

    Attributes:
        name: Of its folder, which holds ``app.py``, ``test_case.py`` and the requirements of both releases.
        weakness: What the package did, in a sentence.
        package: Its name in the index.
        buggy: The release with the weakness.
        fixed: The release without.
        reference: Where it was reported or mended.
        kind: One of :data:`CLASSES`.
        targets: What is explored.
        faults: Texts of the faults to explore with.
        reveals: The smallest scenario that shows the weakness, in rule notation.
        needs: One of :data:`NEEDS`.
        verdict: The worst verdict with the buggy release.
        twin: The worst verdict with the fixed release, whatever the scenario.
        contract: Keys of ``chaos_contract``.
        packages: Value of the ini key ``chaos_packages``; empty where the application's own frames do.
    """

    name: str
    weakness: str
    package: str
    buggy: str
    fixed: str
    reference: str
    kind: str
    targets: tuple[str, ...]
    faults: tuple[str, ...]
    reveals: str
    needs: str
    verdict: str
    twin: str = "resilient"
    contract: Mapping[str, Any] = field(default_factory=dict)
    packages: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where its application, its test and its requirements lie."""
        return HERE / "cases" / self.name

    def requirements(self, release: str) -> Path:
        """Return the file of pinned requirements of the ``buggy`` or the ``fixed`` release."""
        return self.folder / f"{release}.txt"

    def write(self, folder: Path, marks: Iterable[Mark] = ()) -> None:
        """Write the application and its test as a project.

        Args:
            folder: Where to; it must exist.
            marks: What the project's conftest puts on the test.
        """
        for name in ("app.py", "test_case.py"):
            (folder / name).write_text((self.folder / name).read_text(encoding="utf-8"), encoding="utf-8")
        packages = f"chaos_packages = {' '.join(self.packages)}\n" if self.packages else ""
        (folder / "pytest.ini").write_text(f"[pytest]\n{packages}", encoding="utf-8")
        if marks := list(marks):
            (folder / "conftest.py").write_text(_CONFTEST.format(marks={"test_case": marks}), encoding="utf-8")


def read_cases() -> dict[str, Case]:
    """Return the cases by name."""
    found = {}
    for path in sorted(HERE.glob("cases/*/case.toml")):
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        table = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
        found[path.parent.name] = Case(name=path.parent.name, kind=table.pop("class"), **table)
    return found


def write_project(
    folder: Path,
    variant: str,
    specimens: Iterable[Specimen],
    marks: Callable[[Specimen], Iterable[Mark]] = lambda specimen: (),
) -> dict[str, str]:
    """Write one variant of specimens as a project; return the name of each one's module.

    The test of specimen ``x`` is ``test_x_<variant>.py``, so all can run in one session, each with a state of its own.

    Args:
        folder: Where to; it must exist.
        variant: ``broken`` or ``right``.
        specimens: Which.
        marks: What the project's conftest puts on the tests of a specimen. Without any it has no conftest.
    """
    names = {}
    marks_of_modules = {}
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    for specimen in specimens:
        module = names[specimen.name] = specimen.module(variant)
        (folder / f"{module}.py").write_text(specimen.system(variant), encoding="utf-8")
        drive = specimen.drive().replace("import system\n", f"import {module} as system\n")
        (folder / f"test_{module}.py").write_text(drive, encoding="utf-8")
        marks_of_modules[f"test_{module}"] = list(marks(specimen))
    if any(marks_of_modules.values()):
        (folder / "conftest.py").write_text(_CONFTEST.format(marks=marks_of_modules), encoding="utf-8")
    return names


_CONFTEST = """\
import pytest

MARKS = {marks!r}


def pytest_collection_modifyitems(items):
    for item in items:
        for name, args, keywords in MARKS[item.module.__name__]:
            item.add_marker(getattr(pytest.mark, name)(*args, **keywords))
"""


def possible_faults(specimen: Specimen, variant: str) -> dict[str, tuple[str, ...]]:
    """Return for each target all faults that may be offered there, for going through every one of them.

    These are the exceptions that its body raises and that anybody round a call catches by name, ``ConnectionError`` and
    ``TimeoutError`` in any case, a hang, and null where its annotation allows that.
    """
    if specimen.faults:
        return dict.fromkeys(specimen.targets, specimen.faults)
    tree = ast.parse(specimen.system(variant))
    found = {}
    for target in specimen.targets:
        name = target.rpartition(":")[2].rpartition(".")[2]
        definition = next(node for node in ast.walk(tree) if _is_function(node) and node.name == name)
        errors = dict.fromkeys(("ConnectionError", "TimeoutError", *_raised(definition), *_caught_round(tree, name)))
        faults = [f"raise({error})" for error in errors]
        if definition.returns is not None and "None" in ast.unparse(definition.returns):
            faults.append("null")
        found[target] = (*faults, "hang")
    return found


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def _raised(definition: ast.AST) -> list[str]:
    return [
        node.exc.func.id
        for node in ast.walk(definition)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)
    ]


def _caught_round(tree: ast.AST, name: str) -> list[str]:
    """Return the built-in exceptions that functions with a call to ``name`` catch; ``Exception`` stands for any."""
    found = []
    for function in filter(_is_function, ast.walk(tree)):
        if not any(isinstance(node, ast.Call) and ast.unparse(node.func).endswith(name) for node in ast.walk(function)):
            continue
        for handler in ast.walk(function):
            if isinstance(handler, ast.ExceptHandler) and handler.type is not None:
                types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
                found += [caught.id for caught in types if isinstance(caught, ast.Name) and caught.id != "Exception"]
    return found
