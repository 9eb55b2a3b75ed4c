"""The two shops differ at the listed weaknesses and nowhere else: a finding is never an accident."""

import ast
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.no_chaos  # reads files, has no dependency worth disturbing

HERE = Path(__file__).parents[1]
WEAKNESSES = tomllib.loads((HERE / "variants.toml").read_text())["weakness"]
EXPECTED = tomllib.loads((HERE / "expected.toml").read_text())["finding"]
FILES = sorted({path.relative_to(HERE / "robust") for path in (HERE / "robust").rglob("*.py")})


def functions(tree: ast.Module) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """Map qualified names to the functions and methods of a module."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            inner = functions(ast.Module(node.body, type_ignores=[]))
            found |= {f"{node.name}.{name}": function for name, function in inner.items()}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name] = node
    return found


def body_blanked(source: str, names: list[str]) -> list[str]:
    """Return the lines of a module with one mark in place of each named function's body."""
    lines = source.splitlines()
    known = functions(ast.parse(source))
    for function in sorted((known[name] for name in names), key=lambda node: -node.lineno):
        first = function.body[1] if ast.get_docstring(function) else function.body[0]
        lines[first.lineno - 1 : function.end_lineno] = [f"<body of {function.name}>"]
    return lines


def listed_in(file: Path) -> list[str]:
    """Return the functions of a file that the list says differ."""
    return [weakness["function"] for weakness in WEAKNESSES if weakness["file"] == file.as_posix()]


def test_both_variants_have_the_same_files():
    """Nothing is added to or missing from the fragile shop."""
    assert sorted(path.relative_to(HERE / "fragile") for path in (HERE / "fragile").rglob("*.py")) == FILES


def test_every_listed_file_exists():
    """No weakness is listed for a file that is not compared below."""
    assert {weakness["file"] for weakness in WEAKNESSES} <= {file.as_posix() for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=str)
def test_outside_the_listed_bodies_the_text_is_the_same(file):
    """Signatures, docstrings and everything around the weaknesses are equal, to the letter."""
    robust, fragile = ((HERE / variant / file).read_text() for variant in ("robust", "fragile"))

    assert body_blanked(robust, listed_in(file)) == body_blanked(fragile, listed_in(file))


@pytest.mark.parametrize("weakness", WEAKNESSES, ids=lambda weakness: weakness["function"])
def test_a_listed_function_really_differs(weakness):
    """The list names no function whose code is the same in both variants."""
    robust, fragile = (
        functions(ast.parse((HERE / variant / weakness["file"]).read_text()))[weakness["function"]]
        for variant in ("robust", "fragile")
    )

    assert ast.dump(robust) != ast.dump(fragile)


def test_every_weakness_has_a_finding_and_every_finding_a_weakness():
    """Function by function, the fault tests are expected to say the listed verdict."""
    listed = {(weakness["function"], weakness["expect"]) for weakness in WEAKNESSES}

    assert {(finding["weakness"], finding["verdict"]) for finding in EXPECTED} == listed
