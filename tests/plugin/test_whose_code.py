"""Whose code it is, seen from outside: which calls an exploration takes for the system's, and which for the tests'."""

from __future__ import annotations

import json

import pytest

LOAD = "def load(path):\n    with open(path) as file:\n        return file.read()\n"
"""A function whose call of ``open`` is explored where it is the system's."""
USE = "\ndef test_it():\n    assert {module}.load(__file__)\n"
"""A test that uses it."""


@pytest.fixture
def project(inner):
    """A project in a repository, inside the folder of the run: that one is home to the inner run."""
    inner.sweeps = True
    return inner


def explored(done) -> set[str]:
    """The targets of the scenarios that were run."""
    return {result["scenario"].partition(" = ")[0].partition("[")[0] for result in done.by_id.values()} - {""}


@pytest.mark.parametrize("target", [(), ("--chaos-target", "builtins:open")], ids=["unasked", "by target"])
@pytest.mark.parametrize("mark", ["src", ".git"])
def test_project_beside_a_root_folder_of_tests(project, mark, target):
    """``src`` beside ``tests``, and whatever lies in the repository around the root folder."""
    folder = "src" if mark == "src" else "lib"
    if mark == ".git":
        project.write("repo/.git/HEAD", "")
    project.write(f"repo/{folder}/orders_beside/service.py", LOAD)
    project.write("repo/tests/pytest.ini", f"[pytest]\npythonpath = ../{folder}\n")
    project.write("repo/tests/test_it.py", "from orders_beside import service\n" + USE.format(module="service"))
    done = project.run("repo/tests", *target)

    assert explored(done) == {"builtins:open"}
    assert any(f"../{folder}/orders_beside/service.py:2" in one["text"] for one in evidence(done))


def evidence(done) -> list[dict[str, str]]:
    """All evidence of the report, and what became of injected errors."""
    return [one for result in done.document["results"] for one in (*result["evidence"], *result["ways"])]


def test_helpers_beside_the_tests_are_test_code(project):
    """Their calls are the test's own, also those of modules further down; what is tested lies above."""
    project.write("pytest.ini", "[pytest]\npythonpath = . tests\n")
    project.write("app_above.py", LOAD)
    project.write("tests/helpers_beside.py", LOAD)
    project.write("tests/fakes_beside/bank.py", LOAD)
    project.write(
        "tests/test_it.py",
        """
        import app_above, helpers_beside
        from fakes_beside import bank

        def test_app(): assert app_above.load(__file__)
        def test_helper(): assert helpers_beside.load(__file__)
        def test_fake(): assert bank.load(__file__)
        """,
    )
    done = project.run()

    assert {name.partition("[")[0] for name in done.by_id} == {"test_app"}


def test_modules_beside_their_tests_are_the_project(project):
    """In a flat layout, with a conftest too, and in a package that holds its tests."""
    project.write("conftest.py", "")
    project.write("bank_beside.py", LOAD)
    project.write("test_flat.py", "import bank_beside\n" + USE.format(module="bank_beside"))
    project.write("polls_beside/__init__.py", "")
    project.write("polls_beside/conftest.py", "")
    project.write("polls_beside/models.py", LOAD)
    project.write("polls_beside/test_models.py", "from polls_beside import models\n" + USE.format(module="models"))
    done = project.run()

    assert {result["test"] for result in done.document["results"]} == {
        "test_flat.py::test_it",
        "polls_beside/test_models.py::test_it",
    }


def test_modules_with_doctests_are_the_project(project):
    """pytest collects them as it does tests."""
    project.write("doctested.py", '"""\n>>> 1 + 1\n2\n"""\n' + LOAD)
    project.write("test_it.py", "import doctested\n" + USE.format(module="doctested"))
    done = project.run("--doctest-modules")

    assert explored(done) == {"builtins:open"}


def test_modules_of_fixtures_are_test_code(project):
    """Those that are named in ``pytest_plugins``, in a conftest or a test module."""
    project.write("conftest.py", "pytest_plugins = ['fixtures_named']\n")
    project.write("fixtures_named.py", "import pytest\n" + LOAD + "@pytest.fixture\ndef loader(): return load\n")
    project.write("test_it.py", "def test_it(loader):\n    assert loader(__file__)\n")
    done = project.run()

    assert explored(done) == set()


def test_package_installed_in_editable_mode_is_the_project(project, monkeypatch):
    """Wherever its source lies; one that is installed otherwise is not."""
    checkout = project.write("checkout/src/linked_there/__init__.py", LOAD).parents[2]
    told = {"url": checkout.as_uri(), "dir_info": {"editable": True}}
    project.write("env/site-packages/linked-1.dist-info/direct_url.json", json.dumps(told))
    project.write("env/site-packages/installed_there.py", LOAD)
    project.write("work/pytest.ini", "[pytest]\npythonpath = ../checkout/src ../env/site-packages\n")
    project.write(
        "work/test_it.py",
        """
        import linked_there, installed_there

        def test_linked(): assert linked_there.load(__file__)
        def test_installed(): assert installed_there.load(__file__)
        """,
    )
    done = project.run("work")

    assert {name.partition("[")[0] for name in done.by_id} == {"test_linked"}


@pytest.mark.parametrize("how", ["option", "marker"])
def test_installed_package_that_is_searched_as_a_whole_is_the_project(project, how):
    """A glob over packages says what the system is; one function of a package is only a call of it."""
    project.write("env/site-packages/wares_there/__init__.py", "")
    project.write("env/site-packages/wares_there/store.py", LOAD.replace("open(path)", "files.reach(path)", 1))
    store = project.path / "env" / "site-packages" / "wares_there" / "store.py"
    store.write_text("from wares_there import files\n" + store.read_text(), encoding="utf-8")
    project.write("env/site-packages/wares_there/files.py", "def reach(path):\n    return open(path)\n")
    project.write("work/pytest.ini", "[pytest]\npythonpath = ../env/site-packages\n")

    def run(target: str):
        mark = f"@pytest.mark.chaos_explore({target!r}, faults='raise(OSError)')\n" if how == "marker" else ""
        source = f"import pytest\nfrom wares_there import store\n\n{mark}def test_it(): assert store.load(__file__)\n"
        project.write("work/test_it.py", source)
        options = () if mark else ("--chaos-target", target, "--chaos-fault", "raise(OSError)")
        return project.run_apart("work", *options)

    assert explored(run("wares_there.**:*")) == {"wares_there.files:reach"}
    done = run("wares_there.files:reach")
    assert explored(done) == set()
    assert "is an installed package" in done.text


def test_why_everything_was_the_tests_own_is_said(project):
    """The two likely reasons, and what to do about each; with and without a target."""
    project.write("test_it.py", "def test_it():\n    with open(__file__) as file:\n        assert file.read()\n")
    for options in ((), ("--chaos-target", "open"), ("--chaos-plan",)):
        lines = project.run(*options).section("chaos")

        assert lines[0].startswith("nothing was explored: the tests made the only call")
        assert "chaos_packages" in lines[1]
        assert "--chaos-target 'package.**:*'" in lines[1]
        assert "chaos_explore(driver=True)" in lines[2]
        assert "fault test" in lines[2]
        assert not any("no test reached" in line for line in lines)


def test_nothing_is_said_of_the_tests_own_calls_beside_others(project):
    """Where something was explored, they are only counted; and candidates are named beside the reasons."""
    project.write("app_counted.py", LOAD + "def total(): return part() + 1\ndef part(): return 1\n")
    both = USE.format(module="app_counted")
    candidates = "def test_total(): assert app_counted.total() == 2\n"
    own = "import app_counted\n\ndef test_own():\n    with open(__file__): pass\n"

    project.write("test_it.py", own + both)
    assert "nothing was explored" not in project.run_apart().text
    project.write("test_it.py", own + candidates)
    text = project.run_apart().text
    assert "nothing was explored" in text
    assert "--chaos-target 'app_counted:part'" in text
