"""The markers of explored tests: ``chaos_explore``, ``chaos_contract`` and ``no_chaos``; fault tests beside them."""

from __future__ import annotations

import pytest

SHOP = """
    def charge():
        return "receipt"

    def stock():
        return 3

    def checkout():
        try:
            return charge()
        except TimeoutError:
            return "later"

    def left():
        return stock()
"""
LATE = "--chaos-fault=raise(TimeoutError)"
SWEEP = ("--chaos-target=shop:*", LATE)


@pytest.fixture
def shop(inner):
    inner.write("shop.py", SHOP)
    return inner


def marked(shop, marker: str, body: str = "shop.checkout(); shop.left()") -> None:
    shop.write(
        "test_it.py",
        f"""
        import pytest, shop
        from pytest_chaos import Hang, Null, Raise

        @pytest.mark.{marker}
        def test_it():
            {body}

        def test_other():
            shop.checkout()
        """,
    )


def labels(done) -> set[str]:
    return {name.partition("[chaos: ")[2].removesuffix("]") for name in done.scenarios}


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        ("chaos_explore('shop:charge', faults='null')", {"shop:charge null all"}),
        (
            "chaos_explore(shop.charge, faults=[Null, 'raise(OSError)'])",
            {"charge null all", "charge raise OSError all"},
        ),
        (
            "chaos_explore('shop:charge', 'shop:stock', faults=[Raise(KeyError)])",
            {"charge raise KeyError all", "stock raise KeyError all"},
        ),
        (
            "chaos_explore('shop:*', faults=[Raise(TimeoutError, 'text')])",
            {"charge raise TimeoutError all", "stock raise TimeoutError all"},
        ),
    ],
)
def test_a_marker_says_what_is_swept_and_with_which_faults(shop, marker, expected):
    """Only the marked test is explored; the marker's targets and faults are taken at their word."""
    marked(shop, marker)
    done = shop.run()

    expected = {label if label.startswith("shop:") else f"shop:{label}" for label in expected}
    assert labels(done) == {*expected, "recovery"}
    assert {result["test"] for result in done.by_id.values()} == {"test_it.py::test_it"}


def test_a_marker_wins_over_options(shop):
    """The other tests are swept over the option's targets and with its faults."""
    marked(shop, "chaos_explore('shop:stock', faults='null')")
    done = shop.run("--chaos-target=shop:charge", LATE)

    assert set(done.scenarios) == {
        "test_it[chaos: shop:stock null all]",
        "test_it[chaos: recovery]",
        "test_other[chaos: shop:charge raise TimeoutError all]",
        "test_other[chaos: recovery]",
    }


def test_a_marker_without_targets_takes_those_of_the_session(shop):
    """Its faults are its own."""
    marked(shop, "chaos_explore(faults='null')")
    done = shop.run("--chaos-target=shop:charge", LATE)

    assert "test_it[chaos: shop:charge null all]" in done.scenarios
    assert "test_other[chaos: shop:charge raise TimeoutError all]" in done.scenarios


def test_the_tests_own_calls_are_swept_where_the_marker_says_so(shop):
    """``driver=True`` explores the calls of the test itself, too."""
    marked(shop, "chaos_explore('shop:charge', faults='raise(TimeoutError)', driver=True)", "shop.charge()")
    done = shop.run()

    assert done.scenarios["test_it[chaos: shop:charge raise TimeoutError all]"] == "escaped"
    marked(shop, "chaos_explore('shop:charge', faults='raise(TimeoutError)')", "shop.charge()")
    assert shop.run().document["results"] == []


def test_a_system_may_be_given_time_to_recover(shop):
    """A breaker that closes again after a while has recovered, if the marker allows that while."""
    shop.write(
        "shop.py",
        """
        import time

        OPEN_S = 0.3
        opened_at = None

        def charge():
            return "receipt"

        def checkout():
            global opened_at
            if opened_at is not None and time.monotonic() - opened_at < OPEN_S:
                return "later"
            try:
                return charge()
            except TimeoutError:
                opened_at = time.monotonic()
                return "later"
        """,
    )
    marker = "chaos_explore('shop:charge', faults='raise(TimeoutError)'"
    marked(shop, f"{marker}, recovery_within=5)", "assert shop.checkout() == 'receipt'")
    patient = shop.run_apart("test_it.py::test_it")
    marked(shop, f"{marker})", "assert shop.checkout() == 'receipt'")
    impatient = shop.run_apart("test_it.py::test_it")

    assert patient.scenarios["test_it[chaos: recovery]"] == "resilient"
    assert impatient.scenarios["test_it[chaos: recovery]"] == "not recovered"


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        ("chaos_explore('shop:chagre')", ["test_it.py:5", "'chagre'", "Did you mean 'charge'?"]),
        (
            "chaos_explore('shop:charge', fault='null')",
            ["marker at test_it.py:5", "fault='null'", "Did you mean 'faults'?"],
        ),
        ("chaos_explore('shop:charge', faults=[])", ["marker at test_it.py:5", "faults=[] leaves nothing"]),
        ("chaos_explore('shop:charge', faults='#2 null')", ["marker at test_it.py:5", "expected a single fault"]),
        ("chaos_explore('shop:charge', faults='nul')", ["marker at test_it.py:5", "nul", "null"]),
        ("chaos_explore('shop:charge', driver=1)", ["marker at test_it.py:5", "driver must be True or False, got 1"]),
        ("chaos_explore('shop:charge', recovery_within=-1)", ["marker at test_it.py:5", "recovery_within"]),
        ("chaos_explore('shop charge')", ["marker at test_it.py:5"]),
        ("chaos_explore('shop:charge[api:443]')", ["marker at test_it.py:5", "limits are only allowed in rules"]),
        ("chaos_explore('shop:charge@shop:pay')", ["marker at test_it.py:5", "limits are only allowed in rules"]),
        ("chaos_explore(3)", ["marker at test_it.py:5"]),
    ],
)
def test_a_wrong_marker_is_refused_before_anything_runs(shop, marker, words):
    """With its line, the value, and what to write instead."""
    marked(shop, marker)
    done = shop.run()

    assert done.code == pytest.ExitCode.USAGE_ERROR
    for word in words:
        assert word in done.text
    assert "passed" not in done.text


def test_all_wrong_markers_are_told_at_once(shop):
    """One error for each, and none twice for a parametrised test."""
    shop.write(
        "test_it.py",
        """
        import pytest, shop

        @pytest.mark.parametrize("x", [1, 2])
        @pytest.mark.chaos_explore("shop:chagre")
        def test_a(x): pass

        @pytest.mark.chaos_explore("shop:stocks")
        def test_b(): pass
        """,
    )
    done = shop.run()

    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert done.text.count("'chagre'") == 1
    assert "'stocks'" in done.text


def test_both_markers_on_one_test_are_an_error(shop):
    """A fault test is never explored."""
    shop.write(
        "test_it.py",
        """
        import pytest
        from pytest_chaos import Null

        @pytest.mark.chaos("shop:charge", Null)
        @pytest.mark.chaos_explore("shop:charge")
        def test_it(): pass
        """,
    )
    done = shop.run()

    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert "the markers chaos and chaos_explore cannot be combined" in done.text


def test_fault_tests_are_never_explored(shop):
    """Neither by marker nor by fixture; targets and rules skip them."""
    shop.write(
        "test_it.py",
        """
        import pytest, shop
        from pytest_chaos import Null

        @pytest.mark.chaos("shop:stock", Null)
        def test_marked():
            assert shop.left() is None
            assert shop.checkout() == "receipt"

        def test_asks(chaos):
            with chaos.inject("shop:stock", Null):
                shop.left()
            assert shop.checkout() == "receipt"

        def test_plain():
            shop.checkout()
        """,
    )
    done = shop.run(*SWEEP, "--chaos-rule=shop:charge = null")

    kinds = [(result["test"].rpartition("::")[2], result["kind"]) for result in done.document["results"]]
    assert sorted(kinds) == [
        ("test_asks", "fault"),
        ("test_marked", "fault"),
        ("test_plain", "explored"),
        ("test_plain", "explored"),
        ("test_plain", "recovery"),
    ]
    assert done.code == 0


def test_no_chaos_keeps_a_test_as_it_is(shop):
    """Neither swept nor under a rule, on a function, a class or a module."""
    shop.write(
        "test_module.py", "import pytest, shop\npytestmark = pytest.mark.no_chaos\ndef test_m(): shop.checkout()\n"
    )
    marked(shop, "no_chaos")
    done = shop.run(*SWEEP, "--chaos-rule=shop:charge = null")

    assert {result["test"] for result in done.by_id.values()} == {"test_it.py::test_other"}


def test_a_contract_says_what_may_come_out(shop):
    """A domain error is an escape, declared or not, and with a budget of calls a storm fails."""
    shop.write(
        "shop.py",
        """
        class BankDown(Exception): pass

        def charge():
            return 1

        def checkout():
            try:
                return charge()
            except TimeoutError as error:
                raise BankDown("try later") from error

        def stubborn():
            for _ in range(4):
                try:
                    return charge()
                except TimeoutError:
                    pass
            return 0
        """,
    )
    shop.write(
        "test_it.py",
        """
        import pytest, shop

        @pytest.mark.chaos_contract(errors=["shop.BankDown"])
        def test_declared(): shop.checkout()

        def test_undeclared(): shop.checkout()

        @pytest.mark.chaos_contract(amplification=3)
        def test_over(): shop.stubborn()

        @pytest.mark.chaos_contract(amplification=4)
        def test_within(): shop.stubborn()
        """,
    )
    done = shop.run(*SWEEP, "--chaos-scope=test")

    late = "[chaos: shop:charge raise TimeoutError all]"
    assert {name: done.scenarios[f"test_{name}{late}"] for name in ("declared", "undeclared", "over", "within")} == {
        "declared": "escaped",
        "undeclared": "escaped",
        "over": "storm",
        "within": "resilient",
    }


def test_without_the_switch_the_markers_do_nothing(shop):
    """Tests that are marked for exploring run as ever."""
    marked(shop, "chaos_explore('shop:charge')")
    done = shop.run(chaos=False)

    assert done.outcomes == {"passed": 2}


def test_a_module_that_only_a_test_imports_is_not_imported_for_it(inner):
    """An exact target in it is met once the test has imported it, and plain outcomes stay what they are."""
    inner.write("lazy.py", "def rate(): return 3\ndef price(): return rate()\n")
    inner.write(
        "test_it.py",
        """
        import sys

        def test_it_is_not_loaded():
            assert "lazy" not in sys.modules

        def test_it_is_used():
            import lazy
            assert lazy.price() == 3
        """,
    )

    done = inner.run_apart("--chaos-target=lazy:rate", "--chaos-fault=raise(OSError)")

    assert done.outcomes == {"passed": 4}
    assert [result["scenario"] for result in done.document["results"] if result["kind"] == "explored"] == [
        "lazy:rate = raise(OSError)"
    ]


def test_a_wrong_name_in_a_module_that_only_a_test_imports_is_told_at_the_end(inner):
    """Nobody can know before; it is no reason to say nothing."""
    inner.write("lazy.py", "def rate(): return 3\n")
    inner.write("test_it.py", "def test_it():\n    import lazy\n    assert lazy.rate() == 3\n")

    done = inner.run_apart("--chaos-target=lazy:rat")

    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert "'rat'" in done.text and "Did you mean 'rate'?" in done.text
