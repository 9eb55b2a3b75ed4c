"""The first screen of the README: two commands that work, and output that is real."""

import configparser
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from pytest_chaos import Verdict

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = FENCE.findall(README)
FRAGILE = "SHOP_VARIANT=fragile .venv/bin/python -m pytest --chaos examples/shop"


def blocks(language):
    """Return the contents of the README's blocks in a language."""
    return [text.strip() for name, text in BLOCKS if name == language]


def test_there_are_exactly_two_commands_and_each_is_one_line():
    """Set up and run the demo; set up and run all tests."""
    demo, everything = blocks("bash")

    assert demo.endswith(".venv/bin/python -m pytest --chaos examples/shop")
    assert everything.endswith(".venv/bin/tox")
    assert [command.count("\n") for command in (demo, everything)] == [0, 0]
    assert all(command.startswith("python3 -m venv .venv && ") for command in (demo, everything))


def test_the_second_command_is_the_one_that_ci_runs():
    """What a newcomer runs is what is checked."""
    assert blocks("bash")[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_what_tox_runs_is_a_choice_of_its_environments():
    """By itself the suite on the Python at hand; what a change needs and what is long by name; and else what prints."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    there = expanded(" ".join(name.removeprefix("testenv:") for name in tox.sections() if name.startswith("testenv:")))
    labels = dict(line.split(" = ") for line in tox["tox"]["labels"].strip().splitlines() if " = " in line)
    chosen = {name: expanded(text.replace(", ", " ")) for name, text in labels.items()}

    assert tox["tox"]["env_list"] == "py"
    assert chosen.keys() == {"change", "nightly"}
    assert there - {"py"} - chosen["change"] - chosen["nightly"] == {"bench-calls", "bench-rivals"}
    assert (chosen["change"] | chosen["nightly"]) <= there
    assert ".venv/bin/tox -m change --skip-env" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def expanded(names):
    """Return the names that some with braces stand for, such as ``py{311,312}``."""
    found = set()
    for name in names.split():
        before, brace, rest = name.partition("{")
        inside, _, after = rest.partition("}")
        found |= {before + choice + after for choice in inside.split(",")} if brace else {name}
    return found


def test_the_fragile_shop_is_named_between_the_commands():
    """One line shows how to see it fail."""
    first, second = (README.index(command) for command in blocks("bash"))

    assert first < README.index(f"`{FRAGILE}`") < second


def printed(*words, **environment):
    """Return the lines that pytest prints with the plugin under test as the only one, without what differs by run."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if name != "CI" and not name.startswith(("PYTEST", "COV", "SHOP"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "chaos", "-p", "no:cacheprovider", *words],
        cwd=ROOT,
        env={**clean, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
        capture_output=True,
        text=True,
        timeout=100,
    )
    return {settled(line) for line in done.stdout.splitlines()}


def settled(line):
    """Return a line without the token of its error, and without how long runs took."""
    return re.sub(r"\bin \d+\.\d\ds", "in <time>", re.sub(r"\[[0-9a-f]{6}\]", "[token]", line)).rstrip()


def test_every_line_of_the_output_is_printed_by_the_fragile_shop():
    """Verdicts, targets, faults and counts are real; lines that are left out are shown as dots."""
    lines = blocks("text")[0].splitlines()
    real = printed("--chaos", "examples/shop", SHOP_VARIANT="fragile")

    assert [line for line in lines if line != "..." and settled(line) not in real] == []


def test_every_line_of_the_explored_test_is_printed():
    """The command above them is the one that prints them, on the robust shop."""
    command, *lines = blocks("text")[1].splitlines()
    words = shlex.split(command)
    assert words[:2] == ["$", "pytest"]
    real = printed(*words[2:])

    assert [line for line in lines if line != "..." and settled(line) not in real] == []


def test_the_table_of_verdicts_knows_only_verdicts():
    """Words in the README are words of the program, in the program's order."""
    words = re.findall(r"^\| `([a-z ]+)` \|", README, re.MULTILINE)

    assert words == [verdict.value for verdict in sorted(map(Verdict.from_word, words))]


def test_python_blocks_are_python():
    """No example in the README has a syntax error."""
    for text in blocks("python"):
        compile(text, "README.md", "exec")
