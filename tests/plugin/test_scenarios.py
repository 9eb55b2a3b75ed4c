"""Several markers on one test, and the kinds of test they may stand on."""

from __future__ import annotations

import textwrap

import pytest

needs_subtests = pytest.mark.skipif(not hasattr(pytest, "Subtests"), reason="pytest 9 brought them")

SHOP = """
    import asyncio

    def charge(currency="EUR"):
        return "receipt"

    def total():
        return 7

    def reserve():
        return "reserved"

    async def charge_soon():
        return "receipt"
"""
HEAD = """
    import asyncio
    import pytest
    from pytest_chaos import Null, Raise, Return
    import shop
"""


@pytest.fixture
def run(inner):
    inner.write("shop.py", SHOP)

    def run(test: str, *args: str, apart: bool = False, **options):
        inner.write("test_it.py", textwrap.dedent(HEAD) + textwrap.dedent(test))
        return (inner.run_apart if apart else inner.run)(*args, **options)

    return run


def test_markers_of_function_class_module_and_param_are_one_scenario(run):
    """All markers of an item are armed together: one body, one result."""
    done = run("""
        pytestmark = pytest.mark.chaos("shop:total", Return("module"))

        @pytest.mark.chaos("shop:reserve", Return("class"))
        class TestPay:
            @pytest.mark.parametrize(
                "x", [pytest.param(1, marks=pytest.mark.chaos("shop:charge", Return("param"))), 2]
            )
            def test_it(self, x):
                assert (shop.total(), shop.reserve()) == ("module", "class")
                assert shop.charge() == ("param" if x == 1 else "receipt")
    """)

    assert done.outcomes == {"passed": 2}
    assert done.results["test_it[1]"]["scenario"] == (
        "shop:charge = return('param'); shop:reserve = return('class'); shop:total = return('module')"
    )
    assert done.results["test_it[2]"]["scenario"] == "shop:reserve = return('class'); shop:total = return('module')"
    assert len(done.results["test_it[1]"]["rules"]) == 3


def test_the_nearest_marker_acts(run):
    """If two rules want one call the nearest acts; every rule counts it, only the acting one records a firing."""
    done = run("""
        pytestmark = pytest.mark.chaos("shop:charge", Return("module"))

        @pytest.mark.chaos("shop:charge", Return("class"))
        class TestPay:
            @pytest.mark.chaos("shop:charge", Return("upper"), nth=1)
            @pytest.mark.chaos("shop:charge", Return("lower"), nth=[1, 2])
            def test_it(self, chaos):
                answers = [shop.charge() for _ in range(3)]
                with chaos.inject("shop:charge", Return("by hand")) as inner:
                    answers.append(shop.charge())
                assert answers == ["lower", "lower", "class", "by hand"]
                assert (inner.calls, inner.fired) == (1, 1)
    """)

    assert done.outcomes == {"failed": 1}, "two rules never got a call"
    assert [(rule["fault"], rule["calls"], rule["activations"]) for rule in done.only["rules"]] == [
        ("#1,2 return('lower')", 4, 2),
        ("#1 return('upper')", 4, 0),
        ("return('class')", 4, 1),
        ("return('module')", 4, 0),
        ("return('by hand')", 1, 1),
    ]


def test_alternatives_are_parametrized(run):
    """Each param carries a scenario of its own, and a result of its own."""
    done = run("""
        @pytest.mark.parametrize("outage", [
            pytest.param("null", marks=pytest.mark.chaos("shop:charge", Null)),
            pytest.param("down", marks=pytest.mark.chaos("shop:charge", Raise(ConnectionError))),
        ])
        def test_it(outage):
            try:
                assert shop.charge() is None
            except ConnectionError:
                assert outage == "down"
    """)

    assert done.outcomes == {"passed": 2}
    assert {name: result["scenario"] for name, result in done.results.items()} == {
        "test_it[null]": "shop:charge = null",
        "test_it[down]": "shop:charge = raise(ConnectionError)",
    }


def test_a_marker_takes_objects_and_whole_rules(run):
    """A target is text or the object itself; a marker may hold a whole rule text; keywords are triggers."""
    done = run("""
        @pytest.mark.chaos(shop.charge, Null, args={"currency": "EUR"})
        @pytest.mark.chaos("shop:total = #2 raise(OSError); shop:reserve = null")
        @pytest.mark.chaos(target="shop.charge", fault=Return(3), when=lambda call: call.args == ("USD",))
        def test_it():
            assert (shop.charge(), shop.charge("GBP"), shop.charge("USD")) == (None, "receipt", 3)
            assert (shop.total(), shop.reserve()) == (7, None)
            with pytest.raises(OSError):
                shop.total()
    """)

    assert done.outcomes == {"passed": 1}
    assert done.only["verdict"] == "resilient"
    assert "‹when=" in done.only["scenario"]


def test_chaos_and_chaos_explore_exclude_each_other(run):
    """A fault test is never explored: both on one item is a usage error."""
    done = run("""
        @pytest.mark.chaos_explore("shop:*")
        class TestPay:
            @pytest.mark.chaos("shop:charge", Null)
            def test_it(self): pass
    """)

    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert "the markers chaos and chaos_explore cannot be combined" in done.text


def test_no_chaos_is_never_disturbed(run):
    """``no_chaos`` wins over a marker from further out: the test runs, plain."""
    done = run("""
        pytestmark = pytest.mark.chaos("shop:charge", Null)

        @pytest.mark.no_chaos
        def test_plain():
            assert shop.charge() == "receipt"

        @pytest.mark.no_chaos
        def test_asks(chaos): pass
    """)

    assert done.outcomes == {"passed": 1, "errors": 1}
    assert done.document["results"] == []
    assert "this test is marked no_chaos, so it is never disturbed" in done.text


def test_unittest_cases(run):
    """In a ``TestCase`` the window is the test method: setUp, tearDown and cleanups are outside."""
    done = run("""
        import unittest

        class TestPay(unittest.TestCase):
            def setUp(self):
                assert shop.charge() == "receipt"
                self.addCleanup(self.check)

            def check(self):
                assert shop.charge() == "receipt"

            def tearDown(self):
                assert shop.charge() == "receipt"

            @pytest.mark.chaos("shop:charge", Null)
            def test_it(self):
                assert shop.charge() is None

            @pytest.mark.chaos("shop:charge", Null)
            def test_unreached(self):
                pass

            @pytest.mark.chaos("shop:charge", Raise(OSError))
            def test_escapes(self):
                shop.charge()

        class TestAsync(unittest.IsolatedAsyncioTestCase):
            async def asyncSetUp(self):
                assert await shop.charge_soon() == "receipt"

            async def asyncTearDown(self):
                assert await shop.charge_soon() == "receipt"

            @pytest.mark.chaos("shop:charge_soon", Null)
            async def test_async(self):
                assert await shop.charge_soon() is None

            @pytest.mark.chaos("shop:charge_soon", Null)
            async def test_leaves_a_task(self):
                await shop.charge_soon()
                self.task = asyncio.create_task(asyncio.sleep(60))
    """)

    assert done.verdicts == {
        "test_it": "resilient",
        "test_unreached": "inconclusive",
        "test_escapes": "escaped",
        "test_async": "resilient",
        "test_leaves_a_task": "leaked",
    }
    assert done.outcomes == {"passed": 2, "failed": 3}
    assert done.results["test_it"]["calls"] == 1
    assert done.results["test_async"]["calls"] == 1


def test_hypothesis_examples_count_afresh(run):
    """Counters restart with each example, so the second call of every example meets the fault."""
    done = run(
        """
        from hypothesis import given, settings, strategies as st

        @settings(max_examples=10, database=None, derandomize=True)
        @given(st.integers())
        @pytest.mark.chaos("shop:charge", Null, nth=2)
        def test_it(number):
            assert (shop.charge(), shop.charge(), shop.charge()) == ("receipt", None, "receipt")
        """,
        plugins=("hypothesispytest",),
        apart=True,
    )

    assert done.outcomes == {"passed": 1}
    assert done.only["activations"] == 10
    assert {call for _, call, _, _ in done.fired["test_it"]} == {2}


def test_xfail_covers_the_verdict(run):
    """A failing verdict of an xfail test is xfailed; ``strict`` with a passing verdict fails; ``run=False`` is not
    armed.
    """
    done = run(
        """
        known = pytest.mark.xfail(reason="known")

        @known
        @pytest.mark.chaos("shop:charge", Null)
        def test_verdict_fails(): pass

        @known
        @pytest.mark.chaos("shop:charge", Null)
        def test_body_fails():
            assert shop.charge()

        @pytest.mark.xfail(strict=True)
        @pytest.mark.chaos("shop:charge", Null)
        def test_strict_and_resilient(): shop.charge()

        @pytest.mark.xfail(strict=True)
        @pytest.mark.chaos("shop:charge", Null)
        def test_strict_and_verdict_fails(): pass

        @known
        @pytest.mark.chaos("shop:charge", Null)
        def test_resilient(): shop.charge()

        @pytest.mark.xfail(run=False)
        @pytest.mark.chaos("shop:charge", Null)
        def test_not_run(): shop.charge()

        @pytest.mark.xfail(raises=OSError)
        @pytest.mark.chaos("shop:charge", Null)
        def test_expects_an_error(): pass
        """,
        "-rA",
    )

    assert done.outcomes == {"xfailed": 4, "failed": 2, "xpassed": 1}
    for line in ("XFAIL test_it.py::test_verdict_fails - known", "XFAIL test_it.py::test_strict_and_verdict_fails*"):
        done.result.stdout.fnmatch_lines([line])
    assert done.tells_failure("test_it.py::test_strict_and_resilient", "[XPASS(strict)]")
    assert done.tells_failure("test_it.py::test_expects_an_error", "chaos: inconclusive: ")
    assert "test_not_run" not in done.verdicts
    assert done.results["test_verdict_fails"]["fails"]


def test_skipped_tests_have_no_result(run):
    """Skip markers are never armed; a skip in the body leaves no verdict either."""
    done = run("""
        @pytest.mark.skip(reason="not today")
        @pytest.mark.chaos("shop:charge", Null)
        def test_marked(): pass

        @pytest.mark.skipif(True, reason="never")
        @pytest.mark.chaos("shop:charge", Null)
        def test_conditional(): pass

        @pytest.mark.chaos("shop:charge", Null)
        def test_in_the_body():
            pytest.skip("changed my mind")
    """)

    assert done.outcomes == {"skipped": 3}
    assert done.document["results"] == []


def test_an_error_in_set_up_stays_an_error(run):
    """The body never ran, so there is nothing to judge."""
    done = run("""
        @pytest.fixture
        def broken():
            raise LookupError("no fixture today")

        @pytest.mark.chaos("shop:charge", Null)
        def test_it(broken): pass
    """)

    assert done.outcomes == {"errors": 1}
    assert done.code == 1
    assert "LookupError: no fixture today" in done.text
    assert "chaos: inconclusive" not in done.text


def test_an_error_in_teardown_stays_an_error(run):
    """The body's verdict and the teardown's error stand side by side."""
    done = run("""
        @pytest.fixture
        def broken():
            yield
            raise LookupError("no end")

        @pytest.mark.chaos("shop:charge", Null)
        def test_it(broken): shop.charge()
    """)

    assert done.outcomes == {"passed": 1, "errors": 1}
    assert done.only["verdict"] == "resilient"


def test_an_injected_error_kept_for_the_teardown_is_named(run):
    """If the injected error comes out of a fixture's teardown, the verdict's evidence says so."""
    done = run("""
        @pytest.fixture
        def kept():
            errors = []
            yield errors
            raise errors[0]

        @pytest.mark.chaos("shop:charge", Raise(OSError))
        def test_it(kept):
            try:
                shop.charge()
            except OSError as error:
                kept.append(error)
    """)

    assert done.outcomes == {"passed": 1, "errors": 1}
    assert [evidence["kind"] for evidence in done.only["evidence"]] == ["teardown"]


@needs_subtests
def test_subtests(run):
    """pytest's ``subtests`` fixture works in a fault test: one verdict for the whole body."""
    done = run("""
        @pytest.mark.chaos("shop:charge", Null)
        def test_right(subtests):
            for number in range(3):
                with subtests.test(number=number):
                    assert shop.charge() is None

        @pytest.mark.chaos("shop:charge", Null)
        def test_one_fails(subtests):
            for number in range(3):
                with subtests.test(number=number):
                    assert (shop.charge(), number) != (None, 1)
    """)

    assert done.results["test_right"]["activations"] == 3
    assert done.verdicts["test_right"] == "resilient"
    assert done.results["test_one_fails"]["activations"] == 3
    assert "FAILED test_it.py::test_one_fails" in done.text or "SUBFAILED" in done.text
    assert "test_right" not in "".join(line for line in done.lines if "FAILED" in line)


def test_an_async_test_without_a_plugin_stays_pytests_failure(run):
    """pytest says that it cannot run coroutines, and we do not hide it."""
    done = run("""
        @pytest.mark.chaos("shop:charge", Null)
        async def test_it():
            shop.charge()
    """)

    assert done.outcomes == {"failed": 1}
    assert "async def functions are not natively supported" in done.text


def test_same_scenario_on_every_kind_of_callable(run):
    """Methods, class- and staticmethods, properties, generators and inherited methods, end to end."""
    done = run("""
        class Bank:
            def charge(self): return 1
            @classmethod
            def open(cls): return 1
            @staticmethod
            def fee(): return 1
            @property
            def balance(self): return 1
            def rows(self): yield 1

        class Branch(Bank): pass

        class Other(Bank): pass

        @pytest.mark.chaos(Branch.charge, Null)
        @pytest.mark.chaos("test_it:Bank.open", Null)
        @pytest.mark.chaos("test_it:Bank.fee", Null)
        @pytest.mark.chaos("test_it:Bank.balance", Null)
        @pytest.mark.chaos("test_it:Bank.rows", Null)
        def test_it():
            bank = Bank()
            assert (bank.open(), bank.fee(), bank.balance, list(bank.rows())) == (None, None, None, [])

        @pytest.mark.chaos("test_it:Branch.charge", Null)
        def test_child():
            assert (Branch().charge(), Bank().charge(), Other().charge()) == (None, 1, 1)
    """)

    assert done.results["test_child"]["verdict"] == "resilient"
    assert [rule["text"] for rule in done.results["test_it"]["rules"] if not rule["activations"]] == [
        "test_it:Bank.charge = null"
    ]


def test_the_contract_of_the_nearest_marker_wins(run):
    """Keys of a nearer ``chaos_contract`` win, key by key, over those of further markers."""
    done = run("""
        class Down(Exception): pass

        @pytest.mark.chaos_contract(errors=[Down], leaks="strict")
        class TestPay:
            @pytest.mark.chaos_contract(leaks="off")
            @pytest.mark.chaos("shop:charge", Raise(OSError))
            def test_it(self):
                try:
                    shop.charge()
                except OSError as error:
                    raise Down from error
    """)

    assert done.only["verdict"] == "escaped"


def test_a_function_the_test_kept_can_be_injected_while_a_fault_stands_on_it(run):
    """The object leads to its own place, also while something else stands there."""
    done = run(
        """
        from shop import charge as kept

        def test_it(chaos):
            with chaos.inject(kept, Raise(KeyError), nth=2), chaos.inject(kept, Null, nth=1):
                assert shop.charge() is None
                with pytest.raises(KeyError):
                    shop.charge()
            assert shop.charge is kept
        """
    )

    assert done.only["verdict"] == "resilient"
    assert [rule["activations"] for rule in done.only["rules"]] == [1, 1]


def test_a_rule_that_another_one_covered_says_so(run):
    """It wanted to act, and is not blamed on its trigger."""
    done = run(
        """
        def test_it(chaos):
            with chaos.inject("shop:charge", Raise(KeyError)), chaos.inject("shop:charge", Null):
                assert shop.charge() is None
        """
    )

    assert done.only["verdict"] == "inconclusive"
    assert "1 matching call, but another rule acted on those that its trigger picked" in done.text
