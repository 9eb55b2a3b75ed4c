"""Each plugin beside explored tests: the same runs and verdicts as without it, and its own work done on each run."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import pytest

PLUGINS = {
    # module to be installed: names to be loaded, and options
    "pytest_html": (("metadata", "html"), ("--html=report.html", "--self-contained-html")),
    "pytest_jsonreport": (("metadata", "pytest_jsonreport"), ("--json-report", "--json-report-file=report.json")),
    "pytest_reportlog": (("pytest_reportlog",), ("--report-log=report.log",)),
    "pytest_rerunfailures": (("rerunfailures",), ("--reruns=2",)),
    "pytest_timeout": (("timeout",), ("--timeout=60",)),
    "pytest_randomly": (("randomly",), ("-prandomly", "--randomly-dont-reorganize")),
    "pytest_asyncio": (("asyncio",), ()),
    "anyio": (("anyio",), ()),
    "pytest_trio": (("trio",), ()),
    "hypothesis": (("hypothesispytest",), ()),
    "syrupy": (("syrupy",), ()),
    "pytest_regressions": (("pytest-datadir", "regressions"), ()),
    "pytest_bdd": (("pytest-bdd",), ()),
    "pytest_repeat": (("repeat",), ()),
    "pytest_flakefinder": (("flakefinder",), ()),
    "pytest_run_parallel": (("run-parallel",), ()),
    "faker": (("faker",), ()),
}


@pytest.mark.parametrize("module", PLUGINS)
def test_runs_and_verdicts_are_what_they_are_without_the_plugin(beside, needs, module):
    """Its mere presence, and its usual options, change nothing."""
    needs(module)
    plugins, options = PLUGINS[module]
    done = beside.explore(*options, plugins=plugins)

    assert done.shown == beside.shown
    assert done.scenarios == beside.verdicts
    assert done.code == 1


@pytest.mark.parametrize("module", ["pytest_html", "pytest_jsonreport", "pytest_rerunfailures", "pytest_timeout"])
def test_verdicts_are_the_same_on_two_workers(beside, needs, module):
    """With xdist between them."""
    needs(module)
    plugins, options = PLUGINS[module]
    done = beside.explore(*options, "-n", "2", plugins=(*plugins, "xdist"))

    assert done.scenarios == beside.verdicts
    assert done.outcomes == {"passed": 5, "failed": 1}


def test_all_of_them_at_once(beside, needs):
    """Those that change how tests are run, in one run."""
    modules = ["pytest_html", "pytest_reportlog", "pytest_rerunfailures", "pytest_timeout", "syrupy", "pytest_bdd"]
    for module in modules:
        needs(module)
    plugins = tuple(dict.fromkeys(name for module in modules for name in PLUGINS[module][0]))
    options = [option for module in modules for option in PLUGINS[module][1]]

    assert beside.explore(*options, plugins=plugins).shown == beside.shown


# --- reports


def test_html_has_a_row_for_each_run(beside, needs):
    """With the id of the scenario, and the verdict's text in the row of the one that failed."""
    needs("pytest_html")
    beside.explore("--html=report.html", "--self-contained-html", plugins=("metadata", "html"))
    text = (beside.path / "report.html").read_text()

    for name, _ in beside.shown:
        assert f"test_it.py::{name}" in text
    assert "chaos: wrong error" in text


def test_json_report_has_an_entry_for_each_run(beside, needs):
    """And counts them."""
    needs("pytest_jsonreport")
    plugins, options = PLUGINS["pytest_jsonreport"]
    beside.explore(*options, plugins=plugins)
    document = json.loads((beside.path / "report.json").read_text())

    assert [test["nodeid"].partition("::")[2] for test in document["tests"]] == [name for name, _ in beside.shown]
    assert document["summary"]["passed"] == 5
    assert document["summary"]["failed"] == 1


def test_report_log_has_the_record_of_each_disturbed_run(beside, needs):
    """The extra field of a report is written as it is."""
    needs("pytest_reportlog")
    plugins, options = PLUGINS["pytest_reportlog"]
    beside.explore(*options, plugins=plugins)
    entries = [json.loads(line) for line in (beside.path / "report.log").read_text().splitlines()]
    calls = [entry for entry in entries if entry.get("when") == "call"]

    assert [entry["nodeid"].partition("::")[2] for entry in calls] == [name for name, _ in beside.shown]
    recorded = {entry["nodeid"].partition("::")[2]: entry["chaos"]["verdict"] for entry in calls if "chaos" in entry}
    assert recorded == beside.verdicts


def test_junit_beside_them(beside, needs):
    """A case for each run, whoever else writes."""
    needs("pytest_rerunfailures")
    beside.explore("--reruns=1", "--junitxml=junit.xml", plugins=("rerunfailures",))
    cases = ET.parse(beside.path / "junit.xml").getroot().iter("testcase")

    assert [case.get("name") for case in cases] == [name for name, _ in beside.shown]


def test_sugar_shows_each_scenario_and_never_more_than_all(beside, needs):
    """Its bar is a share of what there is to run, scenarios with it."""
    needs("pytest_sugar")
    done = beside.explore("--force-sugar", "--color=no", plugins=("sugar",))
    shares = [int(share) for share in re.findall(r"(\d+)% *█", done.text)]

    assert done.scenarios == beside.verdicts
    assert shares
    assert max(shares) <= 100
    assert f"test_b{beside.late}" in done.text


# --- those that run tests in a way of their own


def test_a_scenario_that_fails_is_not_run_again(beside, needs):
    """Its faults come again as they were, so a rerun says nothing; it was confirmed already."""
    needs("pytest_rerunfailures")
    done = beside.explore("--reruns=3", plugins=("rerunfailures",))

    assert "RERUN" not in done.text
    assert done.outcomes == {"passed": 5, "failed": 1}


def test_a_plain_test_that_fails_is_run_again_as_ever(beside, needs):
    """The plugin decides what becomes of a plain failure."""
    needs("pytest_rerunfailures")
    beside.write(
        "test_it.py",
        """
        import shop

        runs = []

        def test_flaky():
            shop.checkout()
            runs.append(1)
            assert len(runs) > 1
        """,
    )
    done = beside.explore("--reruns=3", plugins=("rerunfailures",))

    assert done.code == 0
    assert done.outcomes["rerun"] == 1


@pytest.mark.parametrize("method", ["signal", "thread"])
def test_a_timeout_holds_for_each_run_and_not_for_all_together(beside, needs, method):
    """Each clone has a timer of its own, and the first one's is stopped."""
    needs("pytest_timeout")
    beside.write(
        "test_it.py",
        """
        import time, shop

        def test_a():
            time.sleep(0.4)  # three runs take more than the limit, one does not
            shop.checkout()
        """,
    )
    done = beside.explore("--timeout=1", f"--timeout-method={method}", plugins=("timeout",))

    assert [word for _, word in done.shown] == ["PASSED", "RESILIENT", "RESILIENT"]


def test_a_timeout_in_a_scenario_is_its_failure(beside, needs):
    """And the recovery run is not touched by it."""
    needs("pytest_timeout")
    beside.write(
        "test_it.py",
        """
        import time, shop

        def test_a():
            if shop.checkout() == "later":
                time.sleep(30)  # until the timer ends it
        """,
    )
    done = beside.explore("--timeout=0.3", "--timeout-method=signal", plugins=("timeout",))

    assert done.scenarios[f"test_a{beside.late}"] != "resilient"
    assert done.scenarios[f"test_a{beside.recovery}"] == "resilient"


def test_random_order_keeps_clones_together_and_chances_equal(beside, needs):
    """The order of tests is shuffled, that of a test's runs is not; all of them draw the same."""
    needs("pytest_randomly")
    beside.write(
        "test_it.py",
        """
        import random, pytest, shop

        @pytest.mark.parametrize("x", range(4))
        def test_it(x):
            print("drew", x, random.random())
            shop.checkout()
        """,
    )
    done = beside.explore("-s", "-p", "randomly", "-p", "no:faker", "--randomly-seed=3")
    draws = re.findall(r"drew (\d) (\S+)", done.text)

    assert len(draws) == 12
    assert [x for x, _ in draws] == [x for x, _ in draws[::3] for _ in range(3)]
    assert len(set(draws)) == 4


def test_repeated_tests_are_explored_each(beside, needs):
    """pytest-repeat makes parameters of repetitions."""
    needs("pytest_repeat")
    done = beside.explore("--count=2", "-k", "test_a", plugins=("repeat",))

    assert [name for name, _ in done.shown] == [
        f"test_a[{number}-2]{end}" for number in (1, 2) for end in ("", beside.late, beside.recovery)
    ]


def test_copies_of_the_flake_finder_are_explored_each(beside, needs):
    """Each of its copies is an item."""
    needs("pytest_flakefinder")
    done = beside.explore("--flake-finder", "--flake-runs=2", "-k", "test_a", plugins=("flakefinder",))

    assert [name for name, _ in done.shown] == [
        f"test_a[{number}]{end}" for number in (0, 1) for end in ("", beside.late, beside.recovery)
    ]


def test_threads_that_run_one_test_at_once_are_refused_by_name(beside, needs):
    """Nobody could tell whose call it is."""
    needs("pytest_run_parallel")
    done = beside.explore("--parallel-threads=2", plugins=("run-parallel",))

    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert "pytest-chaos cannot attribute faults under pytest-run-parallel: run with one thread" in done.text


# --- async


@pytest.mark.parametrize(
    ("module", "plugin", "mark", "sleep"),
    [
        ("pytest_asyncio", "asyncio", "asyncio", "asyncio.sleep(0)"),
        ("anyio", "anyio", "anyio", "anyio.sleep(0)"),
        ("pytest_trio", "trio", "trio", "trio.sleep(0)"),
    ],
)
def test_coroutines_are_bodies(beside, needs, module, plugin, mark, sleep):
    """Whoever runs the loop."""
    needs(module)
    library = sleep.partition(".")[0]
    beside.write(
        "test_it.py",
        f"""
        import {library}, pytest, shop

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        log = []

        @pytest.mark.{mark}
        async def test_a():
            await {sleep}
            log.append(shop.checkout())

        def test_log():
            assert log == ["receipt", "later", "receipt"]
        """,
    )
    done = beside.explore(plugins=(plugin,))

    assert done.scenarios == {f"test_a{beside.late}": "resilient", f"test_a{beside.recovery}": "resilient"}
    assert done.code == 0


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_backends_of_anyio(beside, needs, backend):
    """Both are explored under its plugin."""
    needs("anyio"), needs("trio")
    beside.write(
        "test_it.py",
        f"""
        import anyio, pytest, shop

        @pytest.fixture
        def anyio_backend():
            return "{backend}"

        @pytest.mark.anyio
        async def test_a():
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep, 0)
            shop.checkout()
        """,
    )

    assert beside.explore(plugins=("anyio",)).scenarios == {
        f"test_a{beside.late}": "resilient",
        f"test_a{beside.recovery}": "resilient",
    }


@pytest.mark.parametrize("plugin", ["anyio", "pytest_trio"])
def test_a_run_of_trio_that_never_ends_is_hung_and_the_next_one_begins(beside, needs, plugin):
    """In a loop of its own, or as the guest of anyio's runner: what is interrupted there is cancelled."""
    needs(plugin), needs("anyio"), needs("trio")
    beside.write("conftest.py", "import pytest_chaos.plugin.one_test as one\n\none._PATIENCE_S = 0.5\n")
    beside.write(
        "shop.py",
        """
        import anyio

        async def charge():
            await anyio.sleep(0)

        async def checkout():
            paid = anyio.Event()

            async def work():
                try:
                    await charge()
                except TimeoutError:
                    return
                paid.set()

            async with anyio.create_task_group() as group:
                group.start_soon(work)
                await paid.wait()
        """,
    )
    beside.write(
        "test_it.py",
        f"""
        import pytest, shop

        @pytest.fixture
        def anyio_backend():
            return "trio"

        @pytest.mark.{plugin.removeprefix("pytest_")}
        async def test_a():
            await shop.checkout()
        """,
    )
    done = beside.explore(plugins=(*PLUGINS[plugin][0],))

    assert done.scenarios == {f"test_a{beside.late}": "hung", f"test_a{beside.recovery}": "resilient"}
    assert "must be called from async context" not in done.text


def test_fixtures_of_trio_run_in_the_body(beside, needs):
    """pytest-trio sets its async fixtures up where the test runs, so faults act on what they call, too."""
    needs("pytest_trio")
    beside.write(
        "test_it.py",
        """
        import pytest, shop, trio

        @pytest.fixture
        async def till():
            await trio.sleep(0)
            return shop.checkout()

        @pytest.mark.trio
        async def test_a(till):
            print("till", till)
        """,
    )
    text = beside.explore("-s", plugins=("trio",)).text

    assert re.findall(r"till (\w+)", text) == ["receipt", "later", "receipt"]


# --- examples, snapshots, features


def test_a_property_test_beside_the_plugin_of_hypothesis(beside, needs):
    """Its own plugin is loaded; examples of scenarios are not kept."""
    needs("hypothesis")
    beside.write(
        "test_it.py",
        """
        import shop
        from hypothesis import given, strategies as st

        @given(st.integers(0, 9))
        def test_a(number):
            assert shop.checkout()
        """,
    )
    done = beside.explore("--hypothesis-show-statistics", plugins=("hypothesispytest",))

    assert done.scenarios == {f"test_a{beside.late}": "resilient", f"test_a{beside.recovery}": "resilient"}


SNAPSHOTS = [
    ("syrupy", "def test_a(snapshot):\n    assert shop.checkout() == snapshot\n", "--snapshot-update"),
    (
        "pytest_regressions",
        "def test_a(data_regression):\n    data_regression.check({'answer': shop.checkout()})\n",
        "--regen-all",
    ),
]


@pytest.mark.parametrize(("module", "test", "update"), SNAPSHOTS, ids=[module for module, _, _ in SNAPSHOTS])
def test_every_run_is_compared_with_the_snapshot_of_the_plain_test(beside, needs, module, test, update):
    """Names are those of the plain test; and while snapshots are written no fault acts, so that none is kept."""
    needs(module)
    beside.write("test_it.py", f"import shop\n\n{test}")
    written = beside.explore(update, plugins=PLUGINS[module][0])
    compared = beside.explore(plugins=PLUGINS[module][0])

    assert [name for name, _ in written.shown] == ["test_a"]
    assert "tests run while snapshots are written" in written.text
    assert compared.shown[0] == ("test_a", "PASSED")
    assert compared.scenarios == {f"test_a{beside.late}": "changed", f"test_a{beside.recovery}": "resilient"}
    assert compared.code == 0
    texts = [path.read_text() for folder in ("__snapshots__", "test_it") for path in beside.path.glob(f"{folder}/*")]
    assert len(texts) == 1
    assert "receipt" in texts[0]
    assert "later" not in texts[0]


def test_scenarios_of_a_feature_file(beside, needs):
    """Steps are fixtures and calls of the body."""
    needs("pytest_bdd")
    beside.write(
        "shop.feature",
        """
        Feature: shop
          Scenario: pay
            Given a till
            When I pay
            Then there is a receipt
        """,
    )
    beside.write(
        "test_it.py",
        """
        import shop
        from pytest_bdd import given, scenarios, then, when

        scenarios("shop.feature")

        @given("a till", target_fixture="till")
        def till():
            return []

        @when("I pay")
        def pay(till):
            till.append(shop.checkout())

        @then("there is a receipt")
        def receipt(till):
            assert till in (["receipt"], ["later"])
        """,
    )
    done = beside.explore(plugins=("pytest-bdd",))

    assert done.scenarios == {f"test_pay{beside.late}": "resilient", f"test_pay{beside.recovery}": "resilient"}


# --- Django


def test_a_django_project(beside, needs):
    """Every run has its own transaction, its database is made once, and views see faults."""
    needs("pytest_django")
    beside.write(
        "settings.py",
        """
        SECRET_KEY = "secret"
        DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
        INSTALLED_APPS = ["orders"]
        ROOT_URLCONF = "urls"
        USE_TZ = True
        """,
    )
    beside.write("orders/__init__.py", "")
    beside.write(
        "orders/models.py",
        """
        from django.db import models

        class Order(models.Model):
            id = models.BigAutoField(primary_key=True)
            text = models.CharField(max_length=20)
        """,
    )
    beside.write(
        "urls.py",
        """
        import shop
        from django.http import HttpResponse
        from django.urls import path

        def view(request):
            answer = shop.checkout()
            return HttpResponse(answer, status=200 if answer == "receipt" else 503)

        urlpatterns = [path("", view)]
        """,
    )
    beside.write(
        "test_it.py",
        """
        import pytest, shop
        from django.test import TestCase

        def order():
            from orders.models import Order
            assert Order.objects.count() == 0
            Order.objects.create(text=shop.checkout())
            assert Order.objects.count() == 1

        @pytest.mark.django_db
        def test_function():
            order()

        class TestOrders(TestCase):
            def test_method(self):
                order()

        @pytest.mark.chaos_contract(status=[200, 503])
        def test_view(client):
            assert client.get("/").status_code == 200
        """,
    )
    done = beside.explore("--ds=settings", plugins=("django",))

    disturbed = {name: verdict for name, verdict in done.scenarios.items() if beside.late in name}
    assert disturbed.keys() == {
        f"{name}{beside.late}" for name in ("test_function", "TestOrders::test_method", "test_view")
    }
    assert disturbed[f"test_function{beside.late}"] == disturbed[f"TestOrders::test_method{beside.late}"] == "resilient"
    assert disturbed[f"test_view{beside.late}"] in ("changed", "degraded", "lost")
    assert {verdict for name, verdict in done.scenarios.items() if beside.recovery in name} == {"resilient"}
    assert done.code == 0
