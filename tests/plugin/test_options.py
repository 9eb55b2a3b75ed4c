"""Options and tables for explored tests: read, checked and announced."""

from __future__ import annotations

import pytest

TABLE = """
    [tool.pytest_chaos]
    rules = ["shop:charge = 20%raise(TimeoutError)", "shop:rows = hang; shop:* = null"]

    [tool.pytest_chaos.suites.nightly]
    rules = ["json:loads = null"]
    targets = ["shop:*", "shop.**:fetch_*"]
    faults = ["hang", "raise(TimeoutError)"]
    budget = "10m"

    [tool.pytest_chaos.suites.nightly.contract]
    status = [200, "4xx"]
"""


@pytest.fixture
def shop(inner):
    inner.write("shop.py", "def charge(): return 'receipt'\ndef rows(): return []\n")
    inner.write(
        "test_it.py",
        """
        import shop

        def test_plain():
            assert shop.charge() == "receipt"
        """,
    )
    return inner


def scenarios(done) -> set[str]:
    """The scenarios that ordinary tests were run under."""
    return {result["scenario"] for result in done.document["results"] if result["kind"] == "explored"}


def test_each_rule_text_of_an_option_is_a_scenario(shop):
    """The rules of one text act together; texts of their own are scenarios of their own."""
    one = shop.run("--chaos-rule=shop:charge = null")
    two = shop.run("--chaos-rule=shop:charge = null", "--chaos-rule=shop:rows = hang; shop:charge = return(1)")

    one.result.stdout.fnmatch_lines(["chaos: explores ordinary tests under 1 rule"])
    two.result.stdout.fnmatch_lines(["chaos: explores ordinary tests under 2 rules"])
    assert scenarios(one) == {"shop:charge = null"}
    assert scenarios(two) == {"shop:charge = null", "shop:rows = hang; shop:charge = return(1)"}


STORE = """
import sqlite3


def answers():
    connection = sqlite3.connect(":memory:")
    try:
        return connection.execute("select 1").fetchall()
    finally:
        connection.close()
"""


@pytest.mark.parametrize("of_suite", [False, True])
def test_a_library_that_only_the_tests_import_is_swept(shop, of_suite):
    """Which modules are imported is known after the collection, and not when the options are read."""
    shop.write("store.py", STORE)
    shop.write("test_store.py", "import store\n\n\ndef test_answers():\n    assert store.answers() == [(1,)]\n")
    shop.write("pyproject.toml", "[tool.pytest_chaos.suites.night]\ntargets = ['sqlite3']\n")

    shop.sweeps = True  # else it would say --chaos-target=none

    done = shop.run("--chaos-suite=night" if of_suite else "--chaos-target=sqlite3", "test_store.py")

    done.result.stdout.fnmatch_lines(["chaos: sweeps sqlite3"])
    assert {scenario.partition(" = ")[0] for scenario in scenarios(done)} == {
        "sqlite3:connect[:memory:]",
        "sqlite3:Cursor.execute[:memory:]",
    }


def test_a_library_that_no_test_imports_is_named(shop):
    """Nothing is swept then, and that is said."""
    done = shop.run_apart("--chaos-target=redis")

    assert done.outcomes == {"passed": 1}
    assert "chaos: not swept, because no test imports it: redis" in done.text


def test_rules_of_the_table_are_the_default_suite(shop):
    """``[tool.pytest_chaos] rules`` acts on ordinary tests where no suite is asked for."""
    shop.write("pyproject.toml", TABLE)

    done = shop.run()

    done.result.stdout.fnmatch_lines(["chaos: explores ordinary tests under 2 rules"])
    assert scenarios(done) == {"shop:charge = 20%raise(TimeoutError)", "shop:rows = hang; shop:* = null"}


def test_a_suite_replaces_the_rules_of_the_table(shop):
    """``--chaos-suite`` takes the place of the default suite; options come on top."""
    shop.write("pyproject.toml", TABLE)

    suite = shop.run("--chaos-suite=nightly")
    both = shop.run("--chaos-suite=nightly", "--chaos-rule=shop:charge = null")

    suite.result.stdout.fnmatch_lines(["chaos: explores ordinary tests under 1 rule"])
    both.result.stdout.fnmatch_lines(["chaos: explores ordinary tests under 2 rules"])
    assert scenarios(suite) == set()  # no test calls what its rule is on
    assert scenarios(both) == {"shop:charge = null"}


def test_the_contract_of_the_suite_judges_fault_tests(shop):
    """A suite's contract holds for fault tests too, over the table's."""
    shop.write("pyproject.toml", TABLE + "\n    [tool.pytest_chaos.contract]\n    status = [503]\n")
    shop.write(
        "test_it.py",
        """
        import httpx, pytest, shop
        from pytest_chaos import Null

        @pytest.mark.chaos("shop:charge", Null)
        def test_it():
            transport = httpx.MockTransport(lambda request: httpx.Response(503 if shop.charge() is None else 200))
            assert httpx.Client(transport=transport).get("http://shop/").status_code == 503
        """,
    )

    assert shop.run().only["verdict"] == "resilient"
    assert shop.run("--chaos-suite=nightly").only["verdict"] == "wrong error"


@pytest.mark.parametrize("option", ["--chaos-shards=2"])
def test_options_of_later_versions_say_so(shop, option):
    """An option of the design that this version does not have is refused by name, and not ignored."""
    done = shop.run(option)

    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert f"{option.partition('=')[0]} belongs to " in done.text
    assert "which is not in this version of pytest-chaos yet" in done.text


WRONG = {
    "--chaos-target=shop.chrge": ("has no attribute 'chrge'", "Did you mean 'charge'?"),
    "--chaos-target=shpo:charge": ("there is no module 'shpo'", "Did you mean 'shop'?"),
    "--chaos-target=shop:chrge": ("has no attribute 'chrge'", "Did you mean 'charge'?"),
    "--chaos-target=shop :charge": ("a target ends here", ""),
    "--chaos-target=": ("--chaos-target", ""),
    "--chaos-target=shop:charge[api:443]": ("--chaos-target: ", "limits are only allowed in rules"),
    "--chaos-target=shop:charge@shop:pay": ("limits are only allowed in rules", "Write 'shop:charge', or a rule."),
    "--chaos-target=redis[cache:6379]": ("limits are only allowed in rules", "Write 'redis', or a rule."),
    "--chaos-rule=shop:charge[] = null": ("--chaos-rule: ", "the name of the dependency is empty"),
    "--chaos-fault=hagn": ("unknown fault 'hagn'", "Did you mean 'hang'?"),
    "--chaos-fault=20%hang": ("expected a single fault, got '20%hang'", "Rules go to --chaos-rule."),
    "--chaos-runs=0": ("--chaos-runs: expected a whole number of at least 1, got '0'", ""),
    "--chaos-max=many": ("--chaos-max: expected a whole number of at least 1, got 'many'", ""),
    "--chaos-budget=10": ("--chaos-budget: expected a duration, got '10'", "Write, for example, '90s'"),
    "--chaos-scope=suit": ("the scope must be 'suite' or 'test', got 'suit'", "Did you mean 'suite'?"),
    "--chaos-replay=c1:abc": ("cannot read a scenario from 'c1:abc'", "Copy the whole text"),
    "--chaos-replay=shop:charge = null": ("cannot read a scenario from", "Copy the whole text"),
}


@pytest.mark.parametrize(("option", "words"), WRONG.items())
def test_a_wrong_option_is_refused_before_anything_runs(shop, option, words):
    """Exit code 4, what is wrong with which value, and what to write instead."""
    done = shop.run(option)

    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert all(word in done.text for word in words), done.text
    assert " passed" not in done.text


@pytest.mark.parametrize("option", ["--chaos-target=shop:charge", "--chaos-rule=shop:charge = null", "--chaos-plan"])
def test_an_option_that_disturbs_needs_the_switch(shop, option):
    """Without ``--chaos`` nothing is disturbed, and asking for it is an error."""
    done = shop.run(option, chaos=False)

    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert "needs --chaos" in done.text


def test_no_sweep_can_be_asked_for_in_the_ini_file(shop):
    """``--chaos-target none`` may stand in ``addopts``: it does nothing without the switch."""
    assert shop.run("--chaos-target=none", chaos=False).outcomes == {"passed": 1}
    assert shop.run("--chaos-target=none").outcomes == {"passed": 1}


def test_undisturbed_tests_print_nothing(shop):
    """Where there is nothing to say, there is no summary."""
    done = shop.run()

    assert done.outcomes == {"passed": 1}
    assert not any(line.strip("= ") == "chaos" for line in done.lines)


def test_help_shows_what_there_is(shop):
    """``--help`` lists the options of this version and its ini keys, and none of later ones."""
    text = shop.run("--help", chaos=False).text

    for option in (
        "--chaos-rule=RULE",
        "--chaos-suite=NAME",
        "--chaos-seed=N",
        "--chaos-report=FILE",
        "--chaos-require",
        "--chaos-target=TARGET",
        "--chaos-plan",
        "--chaos-replay=TEXT",
    ):
        assert option in text
    for key in ("chaos_seed", "chaos_hang_budget", "chaos_leaks", "chaos_packages"):
        assert key in text
    assert "--chaos-shards" not in text


def test_packages_say_whose_code_it_is(shop):
    """``chaos_packages`` names the project; then calls through other code under rootdir are the test's own."""
    shop.write(
        "client.py", "import httpx\ndef get(app): return httpx.Client(transport=app).get('http://shop/').status_code\n"
    )
    shop.write(
        "test_it.py",
        """
        import httpx, pytest, shop, client
        from pytest_chaos import Null

        @pytest.mark.chaos_contract(status=[200])
        @pytest.mark.chaos("shop:charge", Null)
        def test_it():
            app = httpx.MockTransport(lambda request: httpx.Response(503 if shop.charge() is None else 200))
            assert client.get(app) == 503
        """,
    )

    assert shop.run().only["verdict"] == "resilient"
    assert shop.run("-o", "chaos_packages=shop").only["verdict"] == "wrong error"
