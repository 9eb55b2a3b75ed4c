"""How pytest was started: as what, and with which options, as they were typed."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_chaos.plugin import compat

WORDS = "chaos_arguments"
"""Key of a worker's input: the words that the controller was started with."""
PROGRAM = "chaos_program"
"""Key of a worker's input: what the controller was started as."""

_CHOOSE = (
    *("-k", "-m", "--maxfail", "--exitfirst", "--lf", "--ff", "--nf", "--sw", "--sw-skip", "--sw-reset", "--lfnf"),
    *("--deselect", "--picked", "--testmon", "--splits", "--group", "--shard-id", "--num-shards"),
    *("--collect-only", "--fixtures", "--fixtures-per-test", "--markers", "--setup-only", "--setup-plan"),
    *("--cache-show", "--cache-clear", "--version", "--help", "--pyargs"),
)
_REPORT = (
    *("--verbose", "--quiet", "--verbosity", "-r", "--tb", "--xfail-tb", "--showlocals", "--no-showlocals"),
    *("--show-capture", "--full-trace", "--color", "--code-highlight", "--no-header", "--no-summary"),
    *("--no-fold-skipped", "--force-short-summary", "--durations", "--durations-min", "--pastebin"),
    *("--disable-warnings", "--trace-config", "--debug", "--setup-show", "--junit-xml", "--junit-prefix"),
    *("--log-file", "--log-file-mode", "--log-cli-level", "--log-cli-format", "--log-cli-date-format"),
    *("--html", "--self-contained-html", "--css", "--report-log", "--json-report", "--json-report-file"),
    *("--alluredir", "--basetemp", "--pdb", "--pdbcls", "--trace"),
)
_SPREAD = (
    *("-n", "--numprocesses", "--maxprocesses", "--max-worker-restart", "--maxschedchunk", "--dist", "-d", "--tx"),
    *("--px", "--rsyncdir", "--rsyncignore", "--looponfail", "--testrunuid"),
)
_DROPPED = frozenset((*_CHOOSE, *_REPORT, *_SPREAD))
_DROPPED_FAMILIES = ("--chaos", "--pytest-chaos", "--cov")


@dataclass(frozen=True)
class Given:
    """One option of a command line.

    Attributes:
        names: Each way to write it.
        words: How it was written, with its value.
    """

    names: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def says_how_tests_run(self) -> bool:
        """Whether it does not only choose tests, report or spread them, and is none of ours."""
        is_ours_or_measures = any(name.startswith(_DROPPED_FAMILIES) for name in self.names)
        return not (is_ours_or_measures or self.is_one_of(_DROPPED))

    def is_one_of(self, names: Collection[str]) -> bool:
        """Tell whether one of these names means this option."""
        return any(name in names for name in self.names)


def started_with(config: pytest.Config) -> list[str]:
    """Return the options that say how tests run, as they were typed where pytest was started."""
    known = compat.known_options(config)
    words = config_words(config)
    return [word for one in given_options(words, known) if one.says_how_tests_run for word in one.words]


def config_words(config: pytest.Config) -> list[str]:
    """Return the words that pytest was started with; on a worker of xdist those of the controller."""
    shipped: Any = getattr(config, "workerinput", {}).get(WORDS)
    return list(shipped) if shipped is not None else [str(word) for word in config.invocation_params.args]


def started_as(config: pytest.Config) -> list[str]:
    """Return the words before the first argument, such as ``python -m pytest``.

    Where another program has called ``pytest.main`` they are ``pytest``.
    """
    shipped: Any = getattr(config, "workerinput", {}).get(PROGRAM)
    return list(shipped) if shipped is not None else program_of(sys.orig_argv, config_words(config))


def program_of(command: Sequence[str], words: Sequence[str]) -> list[str]:
    """Return what a process was started as.

    Args:
        command: The whole command of the process, the interpreter first.
        words: pytest's arguments.
    """
    first = len(command) - len(words)
    if first < 1 or list(command[first:]) != list(words):
        return ["pytest"]
    interpreter, *rest = command[:first]
    if len(rest) == 1 and Path(rest[0]).stem in ("pytest", "py.test"):
        return [_typed(rest[0])]  # an installed script, whose first line names the interpreter
    if not any(word.endswith("pytest") for word in rest):
        return ["pytest"]
    as_module = ["-m", "pytest"] if rest[-1] == "-mpytest" else rest[-1:]
    return [_typed(interpreter), *rest[:-1], *as_module]


def _typed(program: str) -> str:
    """Return a program as it is typed: its name, where the shell finds it by that."""
    name = Path(program).name
    return name if shutil.which(name) == program else program


def given_options(words: Sequence[str], known: dict[str, argparse.Action]) -> Iterator[Given]:
    """Yield the options of a command line, each with its value; what is no option is left out.

    Args:
        words: The arguments.
        known: The parser's options by each of their names.
    """
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            return
        if word.startswith("@") and Path(word[1:]).is_file():
            waiting[:0] = Path(word[1:]).read_text(encoding="utf-8").splitlines()
        elif word.startswith("-"):
            yield from _option(word, waiting, known)


def _option(word: str, waiting: list[str], known: dict[str, argparse.Action]) -> Iterator[Given]:
    """Yield the options that one word holds, and take their values from the words that wait."""
    name = word.partition("=")[0]
    if word in known:
        action = known[word]
        yield Given(tuple(action.option_strings), (word, *_values(action, waiting)))
    elif name in known:
        yield Given(tuple(known[name].option_strings), (word,))
    elif word[:2] in known:  # short ones in a row, of which the last may have its value with it
        action, rest = known[word[:2]], word[2:]
        if action.nargs != 0:
            yield Given(tuple(action.option_strings), (word,))
        else:
            yield Given(tuple(action.option_strings), (word[:2],))
            yield from _option(f"-{rest}", waiting, known)


def _values(action: argparse.Action, waiting: list[str]) -> list[str]:
    match action.nargs:
        case None:
            most = 1
        case int():
            return [waiting.pop(0) for _ in range(min(action.nargs, len(waiting)))]
        case "?":
            most = 1 if waiting and not waiting[0].startswith("-") else 0
        case _:
            most = next((number for number, one in enumerate(waiting) if one.startswith("-")), len(waiting))
    return [waiting.pop(0) for _ in range(min(most, len(waiting)))]
