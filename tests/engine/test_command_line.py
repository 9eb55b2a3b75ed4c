"""How pytest was started, from the words of the command and from the options that its parser knows."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from pytest_chaos.plugin.command_line import given_options, program_of


def parser() -> dict[str, argparse.Action]:
    made = argparse.ArgumentParser(add_help=False)
    made.add_argument("-p", action="append")
    made.add_argument("-c", "--config-file")
    made.add_argument("-v", "--verbose", action="count")
    made.add_argument("-x", "--exitfirst", action="store_true")
    made.add_argument("-n", "--numprocesses")
    made.add_argument("--asyncio-mode")
    made.add_argument("--browser", nargs="+")
    made.add_argument("--debug", nargs="?")
    made.add_argument("--size", nargs=2)
    made.add_argument("--chaos", action="store_true")
    made.add_argument("--chaos-seed")
    made.add_argument("--cov", nargs="?")
    return made._option_string_actions


def kept(*words: str) -> list[str]:
    return [word for one in given_options(words, parser()) if one.says_how_tests_run for word in one.words]


@pytest.mark.parametrize(
    "words",
    [
        ["-c", "ci.ini"],
        ["--config-file=ci.ini"],
        ["-pno:randomly"],
        ["-p", "no:randomly"],
        ["--asyncio-mode=auto"],
        ["--asyncio-mode", "auto"],
        ["--browser", "a", "b"],
        ["--size", "1", "-2"],
    ],
)
def test_options_that_say_how_tests_run_stay_as_they_were_typed(words: list[str]) -> None:
    assert words == kept("tests/x.py", *words)
    assert words == kept("-v", *words, "--chaos", "--chaos-seed", "4", "--", "tests/x.py")


@pytest.mark.parametrize(
    "words",
    [
        ["tests/x.py::test_a"],
        ["-x", "-v"],
        ["-xv"],
        ["-n", "4"],
        ["-n4"],
        ["--chaos", "--chaos-seed=7"],
        ["--cov", "shop"],
        ["--cov"],
        ["--debug", "file"],
    ],
)
def test_options_that_choose_report_spread_or_measure_are_dropped_with_their_values(words: list[str]) -> None:
    assert ["-c", "ci.ini"] == kept(*words, "-c", "ci.ini")


def test_short_options_in_a_row_are_taken_one_by_one() -> None:
    assert ["-pno:x"] == kept("-xvpno:x")
    assert ["-p", "no:x"] == kept("-xv", "-p", "no:x", "-vn2")


def test_options_that_stand_in_a_file_are_found(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("-v\n-c\nci.ini\ntests\n", encoding="utf-8")

    assert ["-c", "ci.ini"] == kept(f"@{file}")


@pytest.mark.parametrize(
    ("command", "program"),
    [
        (["python3.x", "-m", "pytest", "a", "-v"], ["python3.x", "-m", "pytest"]),
        (["python3.x", "-X", "dev", "-mpytest", "a", "-v"], ["python3.x", "-X", "dev", "-m", "pytest"]),
        (["/p/python", "/no/such/bin/pytest", "a", "-v"], ["/no/such/bin/pytest"]),
        (["/p/python", "/bin/coverage", "run", "-m", "pytest", "a", "-v"],
         ["/p/python", "/bin/coverage", "run", "-m", "pytest"]),
        (["/p/python", "own.py", "a", "-v"], ["pytest"]),
        (["/p/python", "-m", "pytest", "tests"], ["pytest"]),
        (["a", "-v"], ["pytest"]),
    ],
)  # fmt: skip
def test_program_is_what_stands_before_the_arguments(command: list[str], program: list[str]) -> None:
    assert program == program_of(command, ["a", "-v"])


def test_program_that_the_shell_finds_is_told_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "pytest"
    script.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert ["pytest"] == program_of(["/p/python", str(script)], [])
