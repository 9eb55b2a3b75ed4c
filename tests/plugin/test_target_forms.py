"""Whatever form a target is written in, it means the same calls: in rules, sweeps, markers, suites and replays."""

from __future__ import annotations

import textwrap

import pytest

LATE = "--chaos-fault=raise(TimeoutError)"
APP = """
    import dep

    def total():
        return 2 * dep.price()
"""
TEST = """
    import app

    def test_total():
        assert app.total() == 6
"""


@pytest.fixture
def project(inner):
    inner.write("dep.py", "def price():\n    return 3\n\n\nclass Till:\n    def open(self):\n        return 3\n")
    inner.write("app.py", APP)
    inner.write("test_app.py", TEST)
    return inner


def explored(done) -> dict[str, tuple[str, str]]:
    return {
        name: (result["scenario"], result["verdict"])
        for name, result in done.by_id.items()
        if result["kind"] == "explored"
    }


FIVE = {"test_total[chaos: dep:price return 5]": ("dep:price = return(5)", "changed")}
SWEPT = {"test_total[chaos: dep:price raise TimeoutError all]": ("dep:price = raise(TimeoutError)", "escaped")}


@pytest.mark.parametrize("target", ["dep.price", "dep:price"])
def test_a_rule_for_ordinary_tests(project, target):
    done = project.run(f"--chaos-rule={target} = return(5)")

    assert explored(done) == FIVE
    assert (done.code, "never fired" in done.text) == (0, False)


@pytest.mark.parametrize("target", ["dep.price", "dep:price"])
def test_a_rule_in_the_table_and_in_a_suite(project, target):
    for table, args in (
        (f"[tool.pytest_chaos]\nrules = ['{target} = return(5)']\n", ()),
        (f"[tool.pytest_chaos.suites.nightly]\nrules = ['{target} = return(5)']\n", ("--chaos-suite=nightly",)),
    ):
        project.write("pyproject.toml", table)
        assert explored(project.run(*args)) == FIVE


@pytest.mark.parametrize("target", ["dep.price", "dep:price"])
def test_a_sweep_by_option_by_suite_and_by_marker(project, target):
    assert explored(project.run(f"--chaos-target={target}", LATE)) == SWEPT

    project.write("pyproject.toml", f"[tool.pytest_chaos.suites.nightly]\ntargets = ['{target}']\n")
    assert explored(project.run("--chaos-suite=nightly", LATE, "--chaos-target=" + target)) == SWEPT

    project.write("test_app.py", f"import pytest\npytestmark = pytest.mark.chaos_explore('{target}')\n")
    with (project.path / "test_app.py").open("a") as file:
        file.write("import app\n\ndef test_total():\n    assert app.total() == 6\n")
    assert explored(project.run(LATE)) == SWEPT


def test_both_forms_of_a_target_are_one(project):
    done = project.run(
        "--chaos-target=dep.price", "--chaos-target=dep:price", "--chaos-rule=dep.price = return(5)", LATE
    )

    assert explored(done) == FIVE | SWEPT


def test_a_method_by_a_dotted_path(project):
    project.write("app.py", "import dep\n\ndef total():\n    return 2 * dep.Till().open()\n")
    done = project.run("--chaos-rule=dep.Till.open = return(5)")

    assert list(explored(done).values()) == [("dep:Till.open = return(5)", "changed")]


def test_a_rule_by_another_name_of_a_function_that_is_swept_by_its_own(project):
    """A call that two targets stand for is told by the text of the first; the rule on the second acts all the same."""
    project.write("alias.py", "from dep import price as cost\n")
    project.write("test_app.py", f"import alias\n{textwrap.dedent(TEST)}")
    done = project.run("--chaos-target=dep:price", "--chaos-rule=alias:cost = return(5)", LATE)

    assert explored(done) == SWEPT | {"test_total[chaos: alias:cost return 5]": ("alias:cost = return(5)", "changed")}


def test_a_replay_of_a_dotted_rule(project):
    project.write(
        "app.py", "import dep\n\nkept = []\n\ndef total():\n    return 2 * (dep.price() or dep.price().real)\n"
    )
    done = project.run("--chaos-rule=dep.price = null")
    again = project.again_here(done.replay)

    assert (
        explored(done) == explored(again) == {"test_total[chaos: dep:price null]": ("dep:price = null", "wrong error")}
    )


def test_a_fresh_process_is_asked_about_dotted_targets(project):
    """It finds the polluter, so it made the same scenarios out of what it was told."""
    project.write(
        "app.py",
        """
        import logging
        import dep

        lost = []

        def total():
            if lost:
                return 0
            try:
                return 2 * dep.price()
            except TimeoutError:
                logging.getLogger("app").warning("no price")
                lost.append("price")
                return 6
        """,
    )
    done = project.run("--chaos-rule=dep.price = raise(TimeoutError)")

    recovery = done.by_id["test_total[chaos: recovery]"]
    assert recovery["verdict"] == "not recovered"
    assert "dep:price raise TimeoutError" in recovery["evidence"][0]["text"]


def test_functions_without_a_name_are_explored_one_by_one(project):
    project.write("app.py", "ALL = [lambda: 1, lambda: 2]\n\ndef total():\n    return sum(f() for f in ALL)\n")
    project.write(
        "test_app.py",
        """
        import app, pytest

        @pytest.mark.chaos_explore(*app.ALL)
        def test_total():
            assert app.total() == 3
        """,
    )
    done = project.run(LATE)

    assert explored(done) == {
        "test_total[chaos: ‹<lambda>› raise TimeoutError all]": ("‹<lambda>› = raise(TimeoutError)", "escaped"),
        "test_total[chaos: ‹<lambda> 2› raise TimeoutError all]": ("‹<lambda> 2› = raise(TimeoutError)", "escaped"),
    }
