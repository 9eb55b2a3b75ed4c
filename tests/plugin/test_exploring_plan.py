"""How much is explored: plan, budget, most, scope, rules of options and tables, repeated runs and swarms."""

from __future__ import annotations

import json
import re

import pytest

from pytest_chaos.plugin import one_test

SHOP = """
    def charge():
        return "receipt"

    def stock():
        return 3

    def rows():
        return [1]

    def checkout():
        try:
            return charge()
        except (TimeoutError, OSError):
            return "later"

    def left():
        try:
            return stock()
        except (TimeoutError, OSError):
            return 0

    def listed():
        try:
            return rows()
        except (TimeoutError, OSError):
            return []

    def everything():
        return checkout(), left(), listed()
"""
TESTS = """
    import shop

    def test_a():
        shop.everything()

    def test_b():
        shop.checkout()
"""
LATE = "--chaos-fault=raise(TimeoutError)"
BROKEN = "--chaos-fault=raise(OSError)"
SWEEP = ("--chaos-target=shop:charge", "--chaos-target=shop:stock", "--chaos-target=shop:rows", LATE, BROKEN)
EACH = "--chaos-scope=test"
SCOPES = pytest.mark.parametrize(("scope", "every"), [(EACH, 8), ("--chaos-scope=suite", 6)])


@pytest.fixture
def shop(inner):
    inner.write("shop.py", SHOP)
    inner.write("test_it.py", TESTS)
    return inner


def scenarios(done) -> list[tuple[str, str]]:
    """Test and canonical text of each scenario, sorted."""
    return [
        (result["test"].rpartition("::")[2], result["scenario"])
        for result in done.document["results"]
        if result["kind"] == "explored"
    ]


# --- the plan


def test_the_plan_lists_scenarios_and_runs_none(shop):
    """Plain runs are all that is run; exit 0; each label and rule, how many, and how long about."""
    done = shop.run(*SWEEP, EACH, "--chaos-plan")
    lines = done.section("chaos")

    assert (done.code, done.outcomes) == (0, {"passed": 2})
    assert done.document["results"] == []
    head = re.fullmatch(
        r"test_it\.py::test_a: 6 keys, 6 scenarios and up to 6 more that depend on those, (about \d+\.\d s|less .*)",
        lines[0],
    )
    assert head
    assert "  shop:charge raise TimeoutError all    shop:charge = raise(TimeoutError)" in lines
    assert sum(line.startswith("  shop:") for line in lines) == 8


def test_the_plan_is_what_is_run_where_the_suite_is_explored_once(shop):
    """Each key is listed once, below the test that it is run on."""
    lines = shop.run(*SWEEP, "--chaos-plan").section("chaos")
    done = shop.run(*SWEEP)

    listed = [line.strip().rpartition("    ")[2] for line in lines if line.startswith("  shop:")]
    assert len(listed) == len(set(listed)) == 6
    assert sorted(listed) == sorted(text for _, text in scenarios(done))


def test_the_plan_is_no_failure_of_the_session_even_if_a_test_fails(shop):
    """A plan is a listing."""
    shop.write("test_it.py", TESTS.replace("shop.checkout()", "assert False"))
    done = shop.run(*SWEEP, "--chaos-plan")

    assert done.code == 0
    assert done.outcomes == {"passed": 1, "failed": 1}


def test_the_plan_leaves_fault_tests_out(shop):
    """No fault acts, so there is nothing that such a test could show."""
    shop.write(
        "test_more.py",
        """
        import pytest, shop
        from pytest_chaos import Null

        @pytest.mark.chaos("shop:charge", Null)
        def test_marked():
            raise AssertionError("a test was run")

        def test_by_hand(chaos):
            raise AssertionError("a test was run")
    """,
    )
    done = shop.run(*SWEEP, "--chaos-plan")

    assert done.outcomes == {"passed": 2, "deselected": 2}
    assert "a test was run" not in done.text


def test_labels_of_the_plan_can_be_asked_for(shop):
    """What ``--chaos-plan`` shows is what ``--chaos-only`` matches."""
    plan = shop.run(*SWEEP, "--chaos-plan").section("chaos")
    label = next(line for line in plan if line.startswith("  ")).strip().partition("    ")[0]
    done = shop.run(*SWEEP, f"--chaos-only={label}", "test_it.py::test_a")

    assert [result["label"] for result in done.by_id.values()] == ["recovery", label]


def test_rules_are_part_of_the_plan(shop):
    """Scenarios that the user wrote are listed too."""
    lines = shop.run("--chaos-rule=shop:charge = #1 null", "--chaos-plan").section("chaos")

    assert "  shop:charge #1 null    shop:charge = #1 null" in lines


# --- most


def test_at_most_so_many_scenarios_for_each_test(shop):
    """Each target has its turn before any has its second, and what was left out is said."""
    done = shop.run(*SWEEP, EACH, "--chaos-max=3")

    assert scenarios(done) == [
        ("test_a", "shop:charge = raise(TimeoutError)"),
        ("test_a", "shop:rows = raise(TimeoutError)"),
        ("test_a", "shop:stock = raise(TimeoutError)"),
        ("test_b", "shop:charge = raise(OSError)"),
        ("test_b", "shop:charge = raise(TimeoutError)"),
    ]
    assert "left out 3: --chaos-max=3 (3)" in done.totals
    assert sum(result["kind"] == "recovery" for result in done.document["results"]) == 2


def test_the_most_is_for_each_test_also_where_the_suite_is_explored_once(shop):
    """What a test leaves out no other one runs, and that is said."""
    shop.write("test_it.py", "import shop\n\ndef test_a():\n    shop.everything()\n")
    done = shop.run(*SWEEP, "--chaos-max=3")

    assert [text for _, text in scenarios(done)] == [
        f"shop:{name} = raise(TimeoutError)" for name in ("charge", "rows", "stock")
    ]
    assert "left out 3: --chaos-max=3 (3)" in done.totals


def test_nothing_is_left_out_where_the_most_is_enough(shop):
    """Then nothing is said of it."""
    assert "left out" not in shop.run(*SWEEP, "--chaos-max=6").text


# --- budget


@SCOPES
def test_a_budget_that_is_used_up_leaves_scenarios_out(shop, scope, every):  # as many as others have
    """Plain runs are all done; the scenario that is running is finished, its test recovers, and no other is planned."""
    done = shop.run(*SWEEP, scope, "--chaos-budget=0.001ms")

    again = shop.run(*SWEEP, scope, "--chaos-budget=0.001ms", "-v")
    assert {name for name, word in again.shown if word == "PASSED"} == {"test_a", "test_b"}
    begun = scope.endswith("test")  # else planning alone has used it up
    assert len(scenarios(done)) == begun
    (line,) = [line for line in done.totals if line.startswith("left out")]
    planned = {5} if begun else {2, 6}  # of the first test, or of the one that was the quicker this time
    reason = "the budget was used up"
    assert line in {f"left out {one + 1}: tests not planned: {reason} (1), {reason} ({one})" for one in planned}
    ran = "1 scenario run (1 all)" if begun else "0 scenarios run"
    assert any(one.startswith("explored ") and one.endswith(ran) for one in done.totals)


@SCOPES
def test_a_budget_that_is_enough_leaves_nothing_out(shop, scope, every):
    """Every scenario is run."""
    done = shop.run(*SWEEP, scope, "--chaos-budget=10m")

    assert len(scenarios(done)) == every
    assert "left out" not in done.text


@SCOPES
def test_what_there_is_no_time_to_confirm_is_inconclusive(shop, scope, every):
    """Nor is the plain test run again, neither after a scenario nor at the end."""
    shop.write(
        "till.py",
        """
        def charge():
            return 1

        def pay():
            try:
                paid = charge()
            except OSError:
                pass
            return paid
        """,
    )
    shop.write(
        "test_it.py",
        """
        import till, pathlib

        def test_it():
            with pathlib.Path("runs").open("a") as file:
                file.write("x")
            till.pay()
        """,
    )
    words = ("--chaos-target=till:charge", "--chaos-fault=raise(OSError)", "--chaos-budget=10m", scope, "-v")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one_test, "_OVERTIME_S", -3600.0)  # no run takes as little
        done = shop.run(*words)
    ran = (shop.path / "runs").read_text()
    (shop.path / "runs").unlink()
    again = shop.run(*words)

    def told(one):
        (result,) = [one for one in one.by_id.values() if one["kind"] == "explored"]
        return result["verdict"], result["fails"], [evidence["kind"] for evidence in result["evidence"]]

    verdict, fails, kinds = told(done)
    assert (verdict, fails, kinds[0], ran) == ("inconclusive", False, "unconfirmed", "xx")
    assert "not confirmed: wrong error, but the budget was used up before it could be run again" in done.text
    assert done.shown[-1] == ("test_it[chaos: recovery]", "SKIPPED")
    assert "SKIPPED (not checked" in done.text
    assert done.code == 0
    verdict, fails, kinds = told(again)
    assert (verdict, fails, "unconfirmed" in kinds) == ("wrong error", True, False)
    assert len((shop.path / "runs").read_text()) > 3


# --- scope


def test_each_call_and_fault_once_for_the_whole_suite(shop):
    """On the quickest test that makes the call; scenarios come after all plain runs."""
    shop.write(
        "test_it.py",
        """
        import shop, time

        def test_a():
            shop.everything()
            time.sleep(0.05)  # what uses the budget up

        def test_b():
            shop.checkout()
        """,
    )
    done = shop.run(*SWEEP, "--chaos-scope=suite", "-v")

    assert [name for name, word in done.shown[:2]] == ["test_a", "test_b"]
    assert scenarios(done) == [
        ("test_a", "shop:rows = raise(OSError)"),
        ("test_a", "shop:rows = raise(TimeoutError)"),
        ("test_a", "shop:stock = raise(OSError)"),
        ("test_a", "shop:stock = raise(TimeoutError)"),
        ("test_b", "shop:charge = raise(OSError)"),
        ("test_b", "shop:charge = raise(TimeoutError)"),
    ]
    assert "explored by another test" in done.text
    assert done.code == 0


def test_the_scope_of_the_suite_keeps_wider_fixtures_honest(shop):
    """A fixture of the module is set up again for what is explored at the end, and torn down."""
    shop.write(
        "test_it.py",
        """
        import pytest, shop

        @pytest.fixture(scope="module")
        def till():
            print("+till")
            yield "till"
            print("-till")

        def test_a(till):
            shop.checkout()

        def test_b(till):
            shop.left()
        """,
    )
    text = shop.run(*SWEEP, "--chaos-scope=suite", "-s").text

    assert text.count("+till") == text.count("-till") <= 3
    assert "error" not in text.lower().replace("timeouterror", "").replace("oserror", "")


# --- rules


def test_rules_come_from_the_table_a_suite_and_options(shop):
    """The table's rules are the default; a suite replaces them; an option adds."""
    shop.write(
        "pyproject.toml",
        """
        [tool.pytest_chaos]
        rules = ["shop:charge = null"]

        [tool.pytest_chaos.suites.nightly]
        rules = ["shop:stock = null"]
        targets = ["shop:rows"]
        faults = ["return(7)"]
        """,
    )
    test = "test_it.py::test_a"

    assert scenarios(shop.run(test)) == [("test_a", "shop:charge = null")]
    assert scenarios(shop.run("--chaos-rule=shop:rows = hang(0.01)", test)) == [
        ("test_a", "shop:charge = null"),
        ("test_a", "shop:rows = hang(0.01)"),
    ]
    words = [*shop.arguments(("--chaos-suite=nightly", test), True, (), None)]
    words.remove("--chaos-target=none")
    shop.pytester.runpytest_inprocess(*words)
    document = json.loads((shop.path / "chaos.json").read_text())
    assert sorted(result["scenario"] for result in document["results"]) == [
        "",
        "shop:rows = return(7)",
        "shop:stock = null",
    ]


def test_an_option_wins_over_the_suite(shop):
    """Its targets and faults replace the suite's."""
    shop.write(
        "pyproject.toml",
        """
        [tool.pytest_chaos.suites.nightly]
        targets = ["shop:rows"]
        faults = ["return(7)"]
        budget = "1ms"
        """,
    )
    done = shop.run(
        *("--chaos-suite=nightly", "--chaos-target=shop:stock", "--chaos-fault=return(8)", "--chaos-budget=1h"),
        "test_it.py::test_a",
    )

    assert scenarios(done) == [("test_a", "shop:stock = return(8)")]


def test_a_rule_that_reaches_a_test_is_run_and_others_are_not(shop):
    """A test that calls nothing of a rule is run plainly."""
    done = shop.run("--chaos-rule=shop:rows = null", "-v")

    assert [name for name, _ in done.shown] == [
        "test_a",
        "test_a[chaos: shop:rows null]",
        "test_a[chaos: recovery]",
        "test_b",
    ]


def test_rules_and_sweep_together(shop):
    """Rules come first."""
    done = shop.run("--chaos-rule=shop:charge = null", "--chaos-target=shop:charge", LATE, "-v", "test_it.py::test_b")

    assert [name for name, _ in done.shown] == [
        "test_b",
        "test_b[chaos: shop:charge null]",
        "test_b[chaos: shop:charge raise TimeoutError all]",
        "test_b[chaos: recovery]",
    ]


# --- a rule that never fired


@pytest.mark.parametrize(
    ("rule", "options", "code"),
    [
        ("shop:nobody = null", (), 1),
        ("shop:charge = #7 null", (), 1),
        ("shop:charge = null", (), 0),
        ("shop:nobody = 20%null", (), 0),
        ("shop:nobody = null", ("-k", "test_a"), 0),
        ("shop:nobody = null", ("test_it.py",), 0),
        ("shop:nobody = null", ("--deselect", "test_it.py::test_b"), 0),
        ("shop:nobody = null", ("--lf",), 0),
        ("shop:nobody = null", ("--sw",), 0),
    ],
)
def test_a_sure_rule_that_never_fired_fails_the_whole_session(shop, rule, options, code):
    """Only where the whole collection was run, and the rule had to fire."""
    shop.write("shop.py", SHOP + "\n    def nobody():\n        return 1\n")
    shop.write("test_it.py", TESTS.replace("def test_b():", "def test_b():\n        assert True"))
    if "--lf" in options:
        shop.write("test_more.py", "def test_fails(): assert False")
        shop.run(f"--chaos-rule={rule}")
        shop.write("test_more.py", "def test_fails(): pass")
    done = shop.run(f"--chaos-rule={rule}", *options)

    assert done.code == code
    said = f"chaos: inconclusive: rule never fired: {rule} (--chaos-rule)"
    assert (said in done.text) == bool(code)
    assert done.text.count(f"never fired: {rule} (") <= 1


def test_a_rule_that_never_fired_is_said_with_its_place_in_the_table(shop):
    """And a run that failed anyway keeps its exit code."""
    shop.write("pyproject.toml", '[tool.pytest_chaos]\nrules = ["shop:charge = null", "shop:charge = #9 null"]\n')
    done = shop.run()

    assert done.code == 1
    assert (
        "chaos: inconclusive: rule never fired: shop:charge = #9 null "
        "([tool.pytest_chaos] in pyproject.toml, rules number 2)" in done.text
    )


# --- a rate of 0


def test_a_rule_whose_rate_is_0_is_no_rule(shop):
    """No scenario, no row, no failure, and nothing is swept in its stead; it is said that it never acts."""
    rule = "shop:charge = 0%raise(TimeoutError)"
    done = shop.run(f"--chaos-rule={rule}")

    assert done.code == 0
    assert done.document["results"] == []
    assert f"never fires, because its rate is 0: {rule} (--chaos-rule)" in done.lines
    assert "verdict" not in done.text
    assert "chaos: explores" not in done.text


def test_a_rule_whose_rate_is_0_leaves_the_others_of_its_text_alone(shop):
    """They act as if it was not there."""
    done = shop.run("--chaos-rule=shop:charge = 0%raise(TimeoutError); shop:stock = null", "test_it.py::test_a")

    assert scenarios(done) == [("test_a", "shop:stock = null")]
    assert "chaos: explores ordinary tests under 1 rule" in done.lines


# --- repeated runs


def seeds(done) -> list[int]:
    return sorted(result["seed"] for result in done.document["results"] if result["kind"] == "explored")


def test_a_rate_is_run_with_several_seeds(shop):
    """The first is the session's own; ids end in the seed; what is sure is run once."""
    options = ("--chaos-rule=shop:charge = 50%raise(TimeoutError)", "--chaos-rule=shop:stock = null", "--chaos-runs=3")
    done = shop.run(*options, "test_it.py::test_a")
    again = shop.run(*options, "test_it.py::test_a")

    labels = [result["label"] for result in done.by_id.values()]
    repeated = [label for label in labels if label.startswith("shop:charge 50%raise TimeoutError seed=")]
    assert len(repeated) == len(set(repeated)) == 3
    assert "shop:charge 50%raise TimeoutError seed=0" in repeated
    assert labels.count("shop:stock null") == 1
    assert done.fired == again.fired
    assert seeds(done) == seeds(again)


def test_another_seed_of_the_session_gives_other_runs(shop):
    """All seeds but the first are derived from it."""
    rule = ("--chaos-rule=shop:charge = 50%raise(TimeoutError)", "--chaos-runs=3", "test_it.py::test_a")
    zero, one = shop.run(*rule), shop.run(*rule, "--chaos-seed=1")

    assert set(seeds(zero)) & set(seeds(one)) == set()
    assert 1 in seeds(one)


def test_a_swarm_has_a_random_part_of_all_rules_in_each_run(shop):
    """Never none of them, and the same part for the same seed."""
    rules = [f"--chaos-rule=shop:{name} = raise(TimeoutError)" for name in ("charge", "stock", "rows")]
    options = (*rules, "--chaos-swarm", "--chaos-runs=6", "test_it.py::test_a")
    done, again = shop.run(*options), shop.run(*options)

    texts = [text for _, text in scenarios(done)]
    assert len(texts) == 6
    assert len({text.count(";") for text in texts}) > 1
    assert texts == [text for _, text in scenarios(again)]
    assert all("seed=" in result["label"] for result in done.by_id.values() if result["kind"] == "explored")


def test_a_swarm_takes_the_rules_of_one_text_apart(shop):
    """They act together in a scenario; in a swarm each is drawn for itself."""
    rules = "--chaos-rule=shop:charge = raise(TimeoutError); shop:stock = raise(TimeoutError)"
    done = shop.run(rules, "--chaos-swarm", "--chaos-runs=6", "test_it.py::test_a")

    assert len({text for _, text in scenarios(done)}) > 1


ONE = "--chaos-rule=shop:charge = null"


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ((), ["--chaos-runs N with N of at least 2", "at least two rules that can act (there are none)"]),
        ((ONE, "--chaos-runs=3"), ["at least two rules that can act (there is 1)"]),
        ((ONE, "--chaos-rule=shop:stock = 0%null", "--chaos-runs=3"), ["at least two rules"]),
        ((ONE, "--chaos-rule=shop:stock = null"), ["--chaos-runs N with N of at least 2"]),
    ],
)
def test_a_swarm_of_nothing_is_refused(shop, options, missing):
    """It says what it needs, instead of being ignored."""
    done = shop.run("--chaos-swarm", *options, report=False)

    assert done.code == 4
    assert "--chaos-swarm: it picks a random subset of the rules for each run" in done.text
    assert all(text in done.text for text in missing)
    assert ("--chaos-runs N" in done.text) == any("--chaos-runs N" in text for text in missing)
