"""The line "run again": it starts pytest as it was started, and runs the same once more."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest

BANK = """
    def rate():
        return 2.0
"""
SHOP = """
    import bank

    def price(count):
        return count * bank.rate()
"""
TESTS = """
    import pytest
    import shop

    @pytest.mark.parametrize("name", ["it's", 'a "b" $HOME `x`', "[\\u00fc # x]", "new\\nline"])
    def test_price(name, level):
        assert shop.price(2) == 4
"""
CONFTEST = """
    import pytest

    def pytest_addoption(parser):
        parser.addoption("--level", type=int, default=0)

    @pytest.fixture
    def level(request):
        if request.config.getoption("--level") < 2:
            pytest.skip("not on this level")
"""
NULL = ("--chaos-target", "bank:rate", "--chaos-fault", "null", "--chaos-scope=test")


@pytest.fixture
def shop(inner):
    inner.write("bank.py", BANK)
    inner.write("shop.py", SHOP)
    inner.write("tests/test_shop.py", TESTS)
    inner.write("tests/conftest.py", CONFTEST)
    inner.write("pytest.ini", "[pytest]\npythonpath = nowhere\n")
    inner.write("ci/ci.ini", "[pytest]\npythonpath = ..\n")
    return inner


def replays(lines: list[str]) -> list[str]:
    # In CI pytest shows the whole message of each failure again at its end.
    found = dict.fromkeys(line for line in lines if line.startswith("run again: "))
    return [line.removeprefix("run again: ") for line in found]


@pytest.mark.parametrize("spread", [(), ("-n", "2")], ids=["serial", "spread"])
def test_it_has_what_says_how_tests_run_as_it_was_typed(shop, spread):
    """Configuration file, root folder, plugins, overrides, and options of a conftest; also where workers ran it."""
    options = ("-c", "ci/ci.ini", "--rootdir=.", "-pno:randomly", "-o", "xfail_strict=true", "--level=2")
    chosen = ("-v", "-k", "it or new", "--tb=short", "--junitxml=j.xml", *spread)
    done = shop.run_apart(
        "tests", *chosen, *options, *NULL, "--chaos-clones-fail", plugins=("xdist",) if spread else ()
    )
    lines = replays(done.lines)

    assert len(lines) == 2
    for line in lines:
        words = shlex.split(line, comments=True)
        start = words.index("pytest") + 1
        assert words[start - 2 : start] == ["-m", "pytest"]
        assert tuple(words[start : start + len(options) + 1]) == (*options, "--chaos")
        assert words[-1].startswith("tests/test_shop.py::test_price[")
        assert not {"-v", "-k", "-n", "--tb=short", "--junitxml=j.xml"} & set(words)


def test_it_brings_the_same_back_for_each_id(shop):
    """As a module, from a folder that is not the root folder, with quotes, dollars, brackets and blanks in the id."""
    folder = shop.path / "tests" / "deep"
    folder.mkdir()
    command = [sys.executable, "-m", "pytest", "-p", "chaos", "-c", "../../ci/ci.ini", "--rootdir=../..", "--level=2"]
    command += ["--chaos", *NULL, "--chaos-clones-fail", ".."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    lines = replays(done.stdout.splitlines())

    assert len(lines) == 4
    for line in lines:
        again = subprocess.run(["sh", "-c", line], cwd=folder, capture_output=True, text=True, check=False)
        assert replays(again.stdout.splitlines()) == [line]
        assert again.stdout.splitlines()[-1].strip("= ").startswith("1 failed")


def test_a_program_that_calls_pytest_is_not_repeated(shop):
    """Nobody knows what else it does; what it has handed to pytest stays."""
    words = ["tests", "-p", "chaos", "-c", "ci/ci.ini", "--rootdir=.", "--level=2", "--chaos", *NULL, "-k", "new"]
    shop.write("runs_tests.py", f"import pytest\n\nraise SystemExit(pytest.main({words!r}))\n")
    done = shop.pytester.run(sys.executable, "runs_tests.py")
    (line,) = replays(done.outlines)

    assert line.startswith("pytest -p chaos -c ci/ci.ini --rootdir=. --level=2 --chaos --chaos-replay=c1:")
