"""Options and tables for explored tests: read, checked and announced, though such tests come in a later version."""

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


def waiting(done) -> list[str]:
    """The rules that the summary says are waiting, by their sources."""
    return [line.partition(": ")[2] for line in done.lines if line.startswith("waits for explored tests")]


def test_rules_of_options_wait(shop):
    """The header counts the rules; they act on nothing yet, and the test passes undisturbed."""
    one = shop.run("--chaos-rule=shop:charge = null")
    two = shop.run("--chaos-rule=shop:charge = null", "--chaos-rule=shop:rows = hang; shop:charge = hang")

    one.result.stdout.fnmatch_lines(["chaos: 1 rule waits for explored tests, which are not in this version yet"])
    two.result.stdout.fnmatch_lines(["chaos: 3 rules wait for explored tests, which are not in this version yet"])
    assert one.outcomes == two.outcomes == {"passed": 1}
    assert len(waiting(two)) == 3
    assert one.document["results"] == []


def test_rules_of_the_table_wait(shop):
    """``[tool.pytest_chaos] rules`` is the default suite."""
    shop.write("pyproject.toml", TABLE)

    done = shop.run()

    done.result.stdout.fnmatch_lines(["chaos: 3 rules wait for explored tests*"])
    assert done.outcomes == {"passed": 1}


def test_a_suite_replaces_the_rules_of_the_table(shop):
    """``--chaos-suite`` takes the place of the default suite; options come on top."""
    shop.write("pyproject.toml", TABLE)

    suite = shop.run("--chaos-suite=nightly")
    both = shop.run("--chaos-suite=nightly", "--chaos-rule=shop:rows = null")

    suite.result.stdout.fnmatch_lines(["chaos: 1 rule waits for explored tests*"])
    both.result.stdout.fnmatch_lines(["chaos: 2 rules wait for explored tests*"])
    assert any("nightly" in source for source in waiting(both))
    assert any("--chaos-rule" in source for source in waiting(both))


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


@pytest.mark.parametrize(
    "option",
    [
        "--chaos-target=shop:*",
        "--chaos-fault=null",
        "--chaos-runs=3",
        "--chaos-only=x",
        "--chaos-plan",
        "--chaos-budget=10m",
        "--chaos-max=3",
        "--chaos-shards=2",
        "--chaos-replay=c1:abc",
        "--chaos-fail-on=changed",
        "--chaos-baseline=b.json",
    ],
)
def test_options_of_later_versions_say_so(shop, option):
    """An option of the design that this version does not have is refused by name, and not ignored."""
    done = shop.run(option)

    assert done.code == pytest.ExitCode.USAGE_ERROR
    name = option.partition("=")[0]
    assert f"{name} belongs to explored tests, which are not in this version of pytest-chaos yet" in done.text


def test_no_sweep_can_be_asked_for_already(shop):
    """``--chaos-target none`` asks for what this version does anyway."""
    assert shop.run("--chaos-target=none").outcomes == {"passed": 1}


def test_later_markers_are_counted(shop):
    """``chaos_explore`` runs plain; the summary says that it acts later."""
    shop.write(
        "test_it.py",
        """
        import pytest

        @pytest.mark.chaos_explore("shop:*", faults=["null"])
        def test_explored(): pass

        @pytest.mark.no_leaks
        @pytest.mark.chaos_explore("shop:*")
        def test_both(): pass
        """,
    )

    done = shop.run()

    assert done.outcomes == {"passed": 2}
    assert "2 tests have a marker chaos_explore, which acts in a later version" in done.lines


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
    ):
        assert option in text
    for key in ("chaos_seed", "chaos_hang_budget", "chaos_leaks", "chaos_packages"):
        assert key in text
    assert "--chaos-target" not in text


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
