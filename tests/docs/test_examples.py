"""Every example on the pages is a small project that runs, and every output shown there is what it prints.

An output file is a console session: a line ``$ command``, then what it prints, where ``...`` stands for lines left out.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = DOCS / "examples"
SESSIONS = sorted(EXAMPLES.glob("*/*.txt"))

# What differs from run to run, and what only fills a line.
_VARIABLE = [
    (re.compile(r"\bin \d+\.\d+s\b"), "in <duration>"),
    (re.compile(r"\[[0-9a-f]{6}\]"), "[<token>]"),
    (re.compile(r"\bTask-\d+"), "Task-<number>"),
    (re.compile(r"\b(?:less than|about) \d+(?:\.\d)? s(?=$|;)"), "<estimate>"),
    (re.compile(r"\bc1:[\w-]+"), "c1:<scenario>"),  # packed, which not every zlib does alike
    (re.compile(r"([=_-])\1{2,}"), r"\1\1\1"),
    (re.compile(r" {2,}(?=\[ *\d+%\]$)"), " "),
]


def settled(line: str) -> str:
    """Return a line without what differs from run to run."""
    for pattern, replacement in _VARIABLE:
        line = pattern.sub(replacement, line)
    return line.rstrip()


def commands_of(session: Path) -> list[tuple[str, list[str]]]:
    """Return the commands of a session, each with the lines shown under it."""
    found: list[tuple[str, list[str]]] = []
    for line in session.read_text(encoding="utf-8").splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def printed_by(command: str, folder: Path) -> list[str]:
    """Run a command as a reader would, with the plugin under test as the only one, and return what it prints."""
    words = shlex.split(command)
    assert words[0] in ("pytest", "python")
    programs = Path(sys.executable).parent
    switch = "-p chaos" if words[0] == "pytest" and "no:chaos" not in words else ""
    environment = {
        **{
            name: value for name, value in os.environ.items() if name != "CI" and not name.startswith(("PYTEST", "COV"))
        },
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_ADDOPTS": switch,
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
        "COLUMNS": "100",
    }
    done = subprocess.run(
        [str(programs / words[0]), *words[1:]],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=50,
    )
    return done.stdout.splitlines()


def missing_line(shown: list[str], real: list[str]) -> str | None:
    """Return the first shown line that the real lines do not have in this order, or ``None``.

    Between two ``...`` the shown lines must stand together.
    """
    expected, lines = [settled(line) for line in shown], [settled(line) for line in real]
    position = 0
    for block in _blocks(expected):
        starts = range(position, len(lines) - len(block) + 1)
        start = next((index for index in starts if lines[index : index + len(block)] == block), None)
        if start is None:
            return next((line for line in block if line not in lines[position:]), block[0] + " (order)")
        position = start + len(block)
    return None


def _blocks(lines: list[str]) -> list[list[str]]:
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line == "...":
            blocks.append([])
        else:
            blocks[-1].append(line)
    return [block for block in blocks if block]


@pytest.mark.parametrize("session", SESSIONS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_shown_session_is_what_its_commands_print(session, tmp_path):
    """Each block of shown lines stands in the real output, in the shown order."""
    folder = tmp_path / "project"
    shutil.copytree(session.parent, folder)

    for command, shown in commands_of(session):
        real = printed_by(command, folder)
        assert missing_line(shown, real) is None, "\n".join(real)


def test_a_line_that_is_not_printed_is_found():
    """The comparison can fail: a foreign line, and known lines in the wrong order."""
    assert missing_line(["a", "...", "x"], ["a", "b", "c"]) == "x"
    assert missing_line(["b", "...", "a"], ["a", "b", "c"]) == "a"
    assert missing_line(["a", "c"], ["a", "b", "c"]) == "a (order)"
    assert missing_line(["a", "...", "c"], ["a", "b", "c"]) is None


def test_every_example_has_a_session_and_every_file_stands_on_a_page():
    """Nothing under docs/examples is left over."""
    pages = "\n".join(page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md") if "_build" not in page.parts)
    # What linters and caches leave in hidden folders is nobody's example.
    files = [path for path in EXAMPLES.glob("[!.]*/*") if path.is_file()]
    folders = {path.parent for path in EXAMPLES.glob("*/pyproject.toml")}

    assert {session.parent for session in SESSIONS} == folders
    # bank.py is the same in all steps of the tutorial, and shown once.
    silent = {"pyproject.toml", "bank.py", "checkout.py", "test_checkout.py"}
    assert [
        str(path.relative_to(EXAMPLES))
        for path in sorted(files)
        if path.name not in silent and f"examples/{path.parent.name}/{path.name}" not in pages
    ] == []
