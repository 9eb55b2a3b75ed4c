"""Explored tests of every kind: unittest, async plugins, property tests, parameters, subtests, classes, doctests."""

from __future__ import annotations

import re

import pytest

needs_subtests = pytest.mark.skipif(not hasattr(pytest, "Subtests"), reason="pytest 9 brought them")

SHOP = """
    import asyncio

    def charge():
        return "receipt"

    async def charge_soon():
        await asyncio.sleep(0)
        return "receipt"

    def checkout():
        try:
            return charge()
        except TimeoutError:
            return "later"

    async def checkout_soon():
        try:
            return await charge_soon()
        except TimeoutError:
            return "later"
"""
SWEEP = ("--chaos-target=shop:*", "--chaos-fault=raise(TimeoutError)")
EACH = "--chaos-scope=test"  # so that a later test can see what came of the runs of an earlier one
LATE = "[chaos: shop:charge raise TimeoutError all]"
LATE_SOON = "[chaos: shop:charge_soon raise TimeoutError all]"
RECOVERY = "[chaos: recovery]"


@pytest.fixture
def shop(inner):
    inner.write("shop.py", SHOP)
    return inner


def test_a_test_case_of_unittest(shop):
    """Each run has its own instance, with setUp and tearDown around it, which are not disturbed."""
    shop.write(
        "test_it.py",
        """
        import unittest, shop

        log = []

        class TestShop(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                log.append("class")

            def setUp(self):
                assert not hasattr(self, "used")
                self.used = True
                log.append(shop.checkout())
                self.addCleanup(lambda: log.append("clean"))

            def tearDown(self):
                log.append(shop.checkout())

            def test_it(self):
                log.append(shop.checkout())

        def test_log():
            undisturbed = ["receipt", "receipt", "receipt", "clean"]
            disturbed = ["receipt", "later", "receipt", "clean"]
            assert log == ["class", *undisturbed, *disturbed, *undisturbed]
        """,
    )
    done = shop.run(*SWEEP, EACH, "-v")

    assert done.shown == [
        ("TestShop::test_it", "PASSED"),
        (f"TestShop::test_it{LATE}", "RESILIENT"),
        (f"TestShop::test_it{RECOVERY}", "RESILIENT"),
        ("test_log", "PASSED"),
    ]


def test_an_isolated_asyncio_test_case(shop):
    """Its coroutine runs inside the window, its asyncSetUp does not."""
    shop.write(
        "test_it.py",
        """
        import unittest, shop

        log = []

        class TestShop(unittest.IsolatedAsyncioTestCase):
            async def asyncSetUp(self):
                assert await shop.checkout_soon() == "receipt"

            async def test_it(self):
                log.append(await shop.checkout_soon())

        def test_log():
            assert log == ["receipt", "later", "receipt"]
        """,
    )
    done = shop.run(*SWEEP, EACH)

    assert done.outcomes == {"passed": 4}
    assert done.scenarios == {f"TestShop::test_it{LATE_SOON}": "resilient", f"TestShop::test_it{RECOVERY}": "resilient"}


@pytest.mark.parametrize(
    ("plugin", "mark"),
    [
        ("asyncio", "@pytest.mark.asyncio"),
        ("anyio", "@pytest.mark.anyio"),
    ],
)
def test_tests_of_async_plugins(shop, plugin, mark):
    """The whole coroutine is the body; async fixtures are fresh in each run, and not disturbed."""
    fixture = "@pytest_asyncio.fixture" if plugin == "asyncio" else "@pytest.fixture"
    shop.write(
        "test_it.py",
        f"""
        import asyncio, pytest, shop
        {"import pytest_asyncio" if plugin == "asyncio" else ""}

        log = []

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        {fixture}
        async def till():
            log.append(await shop.checkout_soon())
            yield asyncio.Event()
            log.append("closed")

        {mark}
        async def test_it(till):
            assert not till.is_set()
            till.set()
            log.append(await shop.checkout_soon())

        def test_log():
            assert log == ["receipt", "receipt", "closed", "receipt", "later", "closed", "receipt", "receipt", "closed"]
        """,
    )
    done = shop.run_apart(*SWEEP, EACH, plugins=(plugin,))

    assert done.outcomes == {"passed": 4}
    assert done.scenarios == {f"test_it{LATE_SOON}": "resilient", f"test_it{RECOVERY}": "resilient"}


def test_a_test_on_trio(shop):
    """Another event loop is no obstacle."""
    shop.write(
        "test_it.py",
        """
        import trio, shop

        def charge(): return 1

        async def soon():
            await trio.sleep(0)
            return shop.checkout()

        def test_it():
            assert trio.run(soon) in ("receipt", "later")
        """,
    )
    done = shop.run_apart(*SWEEP)

    assert done.scenarios == {f"test_it{LATE}": "resilient", f"test_it{RECOVERY}": "resilient"}


def test_parameters_are_explored_each_for_itself(shop):
    """Each set of parameters is a test with a plain run, scenarios and a recovery run."""
    shop.write(
        "test_it.py",
        """
        import pytest, shop

        @pytest.mark.parametrize("word", ["a", "b[c]", "d e::f"])
        def test_it(word):
            shop.checkout()
        """,
    )
    done = shop.run(*SWEEP, EACH, "-v")

    assert [name for name, _ in done.shown] == [
        f"test_it[{word}]{end}" for word in ("a", "b[c]", "d e::f") for end in ("", LATE, RECOVERY)
    ]
    assert done.code == 0


def test_of_several_sets_of_parameters_the_quickest_one_is_explored(shop):
    """They reach the same call by the same way."""
    shop.write(
        "test_it.py",
        """
        import pytest, shop

        @pytest.mark.parametrize("word", ["a", "b", "c"])
        def test_it(word):
            shop.checkout()
        """,
    )
    done = shop.run(*SWEEP, "-v")

    assert done.outcomes == {"passed": 5}
    assert "1 key, 1 scenario run (1 all)" in done.text
    assert "explored by another test (2)" in done.text


def test_parametrised_fixtures_of_a_module_are_set_up_once_for_each_parameter(shop):
    """What the next run still needs stays, and what it does not need goes."""
    shop.write(
        "test_it.py",
        """
        import pytest, shop

        log = []

        @pytest.fixture(scope="module", params=[1, 2])
        def number(request):
            log.append(f"+{request.param}")
            yield request.param
            log.append(f"-{request.param}")
            print("log", *log)

        def test_it(number):
            log.append("body")
            shop.checkout()
        """,
    )

    assert "log +1 body body body -1 +2 body body body -2" in shop.run(*SWEEP, EACH, "-s").text
    once = re.search(r"log \+1 body -1 \+2 body -2 \+([12]) body body -\1$", shop.run(*SWEEP, "-s").text, re.MULTILINE)
    assert once


def test_methods_of_classes(shop):
    """Every run has an instance of its own."""
    shop.write(
        "test_it.py",
        """
        import shop

        class TestShop:
            count = 0

            def setup_method(self):
                assert self.count == 0

            def test_it(self):
                self.count += 1
                shop.checkout()

        class TestOuter:
            class TestInside:
                def test_it(self):
                    shop.checkout()
        """,
    )
    done = shop.run(*SWEEP, EACH)

    assert done.outcomes == {"passed": 6}
    assert f"TestOuter::TestInside::test_it{LATE}" in done.scenarios


@needs_subtests
def test_a_failed_subtest_counts_for_the_verdict(shop):
    """Under a fault it is an observation like any other failure; in the plain run nothing is explored after it."""
    shop.write(
        "test_it.py",
        """
        import shop

        def test_it(subtests):
            with subtests.test("checkout"):
                assert shop.checkout() == "receipt"
            with subtests.test("other"):
                pass

        def test_fails(subtests):
            with subtests.test("wrong"):
                assert shop.checkout() == "nothing"
        """,
    )
    done = shop.run(*SWEEP, "-v")

    assert done.scenarios == {f"test_it{LATE}": "changed", f"test_it{RECOVERY}": "resilient"}
    (failed,) = [line for line in done.lines if line.startswith("SUBFAILED")]
    assert failed.startswith("SUBFAILED[wrong] test_it.py::test_fails - AssertionError: assert 'receipt'")
    assert "test ended with" in done.by_id[f"test_it{LATE}"]["evidence"][0]["text"]


@needs_subtests
def test_what_is_run_again_to_be_sure_is_not_reported(shop):
    """Neither are its subtests, nor its warnings; and no debugger stops in it."""
    shop.write("till.py", "import shop\n\ndef print_receipt():\n    return {'receipt': 1}[shop.checkout()]\n")
    shop.write(
        "test_it.py",
        """
        import till, warnings

        def test_it(subtests):
            with subtests.test("checkout"):
                warnings.warn("watch out")
                till.print_receipt()
        """,
    )
    done = shop.run_apart(*SWEEP, "-vv")

    assert done.scenarios[f"test_it{LATE}"] == "wrong error"
    assert "[chaos: probe]" not in done.text
    assert done.outcomes["failed"] == 1


@needs_subtests
def test_subtests_are_reported_under_the_id_of_the_run(shop):
    """What passes inside a scenario is shown below the scenario."""
    shop.write(
        "test_it.py",
        """
        import shop

        def test_it(subtests):
            with subtests.test("checkout"):
                shop.checkout()
        """,
    )
    done = shop.run(*SWEEP, "-vv")

    assert done.code == 0
    shares = [int(share) for share in re.findall(r"\[ *(\d+)%\]", done.text)]
    assert max(shares) == 100
    assert any(line.startswith(f"test_it.py::test_it{LATE} SUBPASSED[checkout]") for line in done.lines)


PROPERTY = """
    import pytest, shop
    from hypothesis import given, settings, strategies as st

    runs = []

    @settings(max_examples=EXAMPLES, database=None)
    @given(st.integers(0, 1000))
    def test_it(number):
        if not runs or runs[-1] is None:
            runs.append([])
        runs[-1].append(number)
        assert shop.checkout() in ("receipt", "later")

    @pytest.fixture(autouse=True)
    def _next():
        yield
        runs.append(None)
"""


def test_a_property_test_has_the_same_examples_in_every_run(shop):
    """So the n-th call of an example is the n-th call of the same example."""
    shop.write("test_it.py", PROPERTY.replace("EXAMPLES", "12"))
    shop.write(
        "conftest.py",
        """
        import sys

        def pytest_unconfigure():
            runs = [tuple(run) for run in sys.modules["test_it"].runs if run]
            print("runs", len(runs), "different", len(set(runs)), "examples", *map(len, runs))
        """,
    )
    done = shop.run_apart(*SWEEP)

    assert done.scenarios == {f"test_it{LATE}": "resilient", f"test_it{RECOVERY}": "resilient"}
    assert "runs 3 different 1 examples 12 12 12" in done.text


def test_a_property_test_has_fewer_examples_in_a_scenario(shop):
    """Each is a prefix of the plain run's, at most 25; the plain run has all."""
    shop.write("test_it.py", PROPERTY.replace("EXAMPLES", "60"))
    shop.write(
        "conftest.py",
        """
        import sys

        def pytest_unconfigure():
            print("examples", *(len(run) for run in sys.modules["test_it"].runs if run))
        """,
    )
    done = shop.run_apart(*SWEEP)

    assert done.scenarios == {f"test_it{LATE}": "resilient", f"test_it{RECOVERY}": "resilient"}
    assert "examples 60 25 25" in done.text


def test_a_property_that_breaks_under_a_fault_leaves_no_example_behind(shop):
    """Hypothesis remembers examples of failures; those of scenarios are none of the plain test's."""
    shop.write(
        "test_it.py",
        """
        import shop
        from hypothesis import given, strategies as st

        @given(st.integers(0, 1000))
        def test_it(number):
            if shop.checkout() == "later":
                assert number < 500
        """,
    )
    done = shop.run_apart(*SWEEP)

    assert done.outcomes.get("passed", 0) >= 2
    assert done.scenarios[f"test_it{LATE}"] in ("changed", "lost", "wrong error")
    assert done.scenarios[f"test_it{RECOVERY}"] == "resilient"
    assert not list(shop.path.glob(".hypothesis/examples/**/*"))


def test_doctests_are_run_as_ever(shop):
    """They have no function of the user's to disturb."""
    shop.write(
        "till.py",
        "import shop\n\ndef pay():\n    '''\n    >>> pay()\n    'receipt'\n    '''\n    return shop.checkout()\n",
    )
    done = shop.run(*SWEEP, "--doctest-modules", "till.py")

    assert done.outcomes == {"passed": 1}
    assert done.document["results"] == []
