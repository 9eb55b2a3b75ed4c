"""Choosing explored tests and their scenarios: ids, ``-k``, ``-m``, ``--lf``, ``-x``, ``--chaos-only``, replays."""

from __future__ import annotations

import re
import sys

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
        try:
            return stock()
        except TimeoutError as error:
            return error.nothing

    def both():
        checkout()
        left()
"""
TESTS = """
    import pytest, shop

    def test_a():
        shop.checkout()

    @pytest.mark.slow
    def test_b():
        shop.both()

    def test_c():
        shop.left()
"""
SWEEP = (
    *("--chaos-target=shop:charge", "--chaos-target=shop:stock", "--chaos-fault=raise(TimeoutError)"),
    "--chaos-clones-fail",  # runs are counted here, and not what they find
)
CHARGE, STOCK = "[chaos: shop:charge raise TimeoutError all]", "[chaos: shop:stock raise TimeoutError all]"
RECOVERY = "[chaos: recovery]"
A = ["test_a", f"test_a{CHARGE}", f"test_a{RECOVERY}"]
B = ["test_b", f"test_b{CHARGE}", f"test_b{STOCK}", f"test_b{RECOVERY}"]
C = ["test_c", f"test_c{STOCK}", f"test_c{RECOVERY}"]
MARKER = ("-o", "markers=slow: takes its time")


@pytest.fixture
def shop(inner):
    inner.write("shop.py", SHOP)
    inner.write("test_it.py", TESTS)
    return inner


def run(shop, *args):
    """Run with every scenario on each test that it can reach, in the order of the tests."""
    return shop.run(*SWEEP, *MARKER, "--chaos-scope=test", "-v", *args)


ONCE = """
    import pytest, shop

    def test_a():
        shop.checkout()

    @pytest.mark.slow
    def test_c():
        shop.left()

    def test_d():
        shop.price()
"""
PRICE = """
    def tax():
        return 1

    def price():
        try:
            return tax()
        except TimeoutError as error:
            return error.nothing
"""
TAX = "[chaos: shop:tax raise TimeoutError all]"
D = ["test_d", f"test_d{TAX}", f"test_d{RECOVERY}"]


@pytest.fixture
def once(shop):
    """Each test reaches a call that no other one reaches, so it is plain on which one that is explored."""
    shop.write("shop.py", SHOP + PRICE)
    shop.write("test_it.py", ONCE)
    return lambda *args: shop.run(*SWEEP, "--chaos-target=shop:tax", *MARKER, "-v", *args)


def names(done) -> list[str]:
    return [name for name, _ in done.shown]


def test_what_there_is_to_choose_from(shop):
    """Both tests that read the stock break when that fails."""
    done = run(shop)

    assert names(done) == [*A, *B, *C]
    assert [name for name, word in done.shown if word == "FAILED"] == [f"test_b{STOCK}", f"test_c{STOCK}"]


def test_by_itself_the_suite_is_explored_once_after_all_plain_runs(once):
    """Plain runs first, in order; then each key on one test."""
    done = once()

    assert names(done) == [A[0], C[0], D[0], *A[1:], *C[1:], *D[1:]]
    assert [name for name, word in done.shown if word == "FAILED"] == [C[1], D[1]]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("-k", "test_a or test_c"), [A[0], C[0], *A[1:], *C[1:]]),
        (("-m", "slow"), C),
        (("--deselect", "test_it.py::test_c"), [A[0], D[0], *A[1:], *D[1:]]),
        (("test_it.py::test_d", "test_it.py::test_a"), [D[0], A[0], *D[1:], *A[1:]]),
        ((f"test_it.py::test_c{STOCK}", "test_it.py::test_a"), [*C, *A]),
        (("--chaos-only=*tax*",), [A[0], C[0], *D]),
        (("-x",), [A[0], C[0], D[0], *A[1:], C[1]]),
        (("--maxfail=1",), [A[0], C[0], D[0], *A[1:], C[1]]),
        (("--maxfail=2",), [A[0], C[0], D[0], *A[1:], *C[1:], D[1]]),
        (("--sw",), [A[0], C[0], D[0], *A[1:], C[1]]),
    ],
)
def test_tests_are_chosen_as_ever_where_the_suite_is_explored_once(once, options, expected):
    """What is asked for by its id is run at once; the run stops where it always does."""
    done = once(*options)

    assert names(done) == expected
    assert ("stopping after 1 failures" in done.text) is (options in [("-x",), ("--maxfail=1",)])
    stops = options == ("--sw",)
    assert done.code == (pytest.ExitCode.INTERRUPTED if stops else int("FAILED" in [word for _, word in done.shown]))


def test_last_failed_runs_what_failed_once_for_the_suite(once):
    """With the plain run before and the recovery run after; failed first runs all."""
    once()

    assert names(once("--ff")) == [C[0], D[0], A[0], *C[1:], *D[1:], *A[1:]]
    assert names(once("--lf")) == [*C, *D]


def test_stepwise_goes_on_where_it_stopped_in_a_suite_explored_once(once):
    """With the test of the scenario that failed; those before it are not run again."""
    once("--sw")

    assert names(once("--sw")) == [C[0], D[0], C[1]]


def test_where_the_suite_is_explored_once_the_first_failure_tears_fixtures_down(once, shop):
    """Those of wider scope, too, each as often as it was set up."""
    shop.write(
        "conftest.py",
        """
        import pytest

        @pytest.fixture(scope="session", autouse=True)
        def whole():
            print("set up")
            yield
            print("torn down")
        """,
    )
    done = once("-s", "-x")

    assert done.text.count("set up") == done.text.count("torn down") == 1
    assert done.outcomes == {"passed": 5, "failed": 1}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("-k", "test_a or test_c"), [*A, *C]),  # pytest 8 looks for it in the name of the project's folder, too
        (("-k", "not test_a"), [*B, *C]),
        (("-m", "slow"), B),
        (("-m", "not slow"), [*A, *C]),
        (("--deselect", "test_it.py::test_b"), [*A, *C]),
        (("test_it.py::test_a", "test_it.py::test_c"), [*A, *C]),
    ],
)
def test_tests_are_chosen_as_ever(shop, options, expected):
    """A test that is chosen comes with all of its scenarios."""
    assert names(run(shop, *options)) == expected


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([f"test_b{STOCK}"], ["test_b", f"test_b{STOCK}", f"test_b{RECOVERY}"]),
        ([f"test_b{CHARGE}", f"test_c{STOCK}"], ["test_b", f"test_b{CHARGE}", f"test_b{RECOVERY}", *C]),
        ([f"test_b{CHARGE}", f"test_b{STOCK}"], B),
        ([f"test_b{RECOVERY}"], B),
    ],
)
def test_scenarios_are_chosen_by_their_ids(shop, ids, expected):
    """An id as it was printed; the plain run comes before, and the recovery run after."""
    assert names(run(shop, *(f"test_it.py::{one}" for one in ids))) == expected


def test_an_id_that_no_scenario_has_is_a_usage_error(shop):
    """As for any id that is not found; a label changes with the code."""
    done = run(shop, "test_it.py::test_b[chaos: shop:charge hang all]")

    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert "no scenario has the id 'test_it.py::test_b[chaos: shop:charge hang all]'" in done.text
    assert run(shop, "test_it.py::test_b[chaos: shop:charge hang all]", f"test_it.py::test_b{CHARGE}").code == 0


def test_an_id_is_found_from_another_folder(shop):
    """Where pytest is started, ids are typed relative to that."""
    shop.write("tests/test_more.py", TESTS)
    shop.write("pytest.ini", "[pytest]\npythonpath = .\nmarkers = slow: takes its time\n")
    shop.write("tests/run.py", "import pytest, sys\nsys.exit(pytest.main(sys.argv[1:]))\n")
    done = shop.pytester.run(
        *("sh", "-c", 'cd tests && "$0" run.py "$@"', sys.executable),
        *("-p", "chaos", "--chaos", *SWEEP, "-v", f"test_more.py::test_b{STOCK}"),
    )
    shown = re.findall(r"test_more\.py::(.+?) [A-Z]+ +\[", "\n".join(done.outlines))

    assert shown == ["test_b", f"test_b{STOCK}", f"test_b{RECOVERY}"]


def test_only_scenarios_whose_labels_match_are_run(shop):
    """A test none of whose scenarios matches is run plainly."""
    done = run(shop, "--chaos-only=*charge*")

    assert names(done) == [*A, "test_b", f"test_b{CHARGE}", f"test_b{RECOVERY}", "test_c"]


def test_a_shape_that_waits_for_another_can_be_chosen_alone(shop):
    """What would be run after another scenario does not wait for that where it is asked for."""
    shop.write("test_it.py", "import shop\n\ndef test_it():\n    shop.checkout()\n    shop.checkout()\n")
    done = run(shop, "--chaos-only=* second*")

    assert names(done) == ["test_it", "test_it[chaos: shop:charge raise TimeoutError second]", f"test_it{RECOVERY}"]


def test_only_that_matches_nothing_is_a_usage_error(shop):
    """And says where labels are listed."""
    done = run(shop, "--chaos-only=*nothing*")

    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert "chaos: --chaos-only: no scenario matches *nothing*; --chaos-plan lists their labels" in done.text or (
        "--chaos-only: no scenario matches *nothing*; --chaos-plan lists their labels" in done.text
    )


PAIRED = """
    def charge():
        return 1

    def note():
        return 2

    def log():
        return 3

    def checkout():
        try:
            return charge() + log()
        except TimeoutError:
            return note()
"""


def test_a_pair_is_chosen_by_its_label(shop):
    """With the scenario that leads to it, and no other."""
    shop.write("shop.py", PAIRED)
    shop.write("test_it.py", "import shop\n\ndef test_it():\n    shop.checkout()\n")
    sweep = ("--chaos-target=shop:charge", "--chaos-target=shop:note", "--chaos-target=shop:log", *SWEEP[2:])
    everything = names(shop.run("-v", *sweep))
    done = names(shop.run("-v", *sweep, "--chaos-only=shop:charge * + shop:note *"))

    pair = "test_it[chaos: shop:charge raise TimeoutError all + shop:note raise TimeoutError]"
    assert pair in everything and "test_it[chaos: shop:log raise TimeoutError all]" in everything
    assert done == ["test_it", f"test_it{CHARGE}", pair, f"test_it{RECOVERY}"]


def test_last_failed_runs_the_scenarios_that_failed(shop):
    """With the plain run before and the recovery run after; what passed is not run again."""
    run(shop)
    again = run(shop, "--lf")

    assert names(again) == ["test_b", f"test_b{STOCK}", f"test_b{RECOVERY}", *C]
    assert again.code == 1


def test_last_failed_forgets_what_was_mended(shop):
    """A scenario that passes is no failure any more, and everything is run again."""
    run(shop)
    shop.write("shop.py", SHOP.replace("return error.nothing", "return 0"))
    mended = run(shop, "--lf")
    everything = run(shop, "--lf")

    assert names(mended) == ["test_b", f"test_b{STOCK}", f"test_b{RECOVERY}", *C]
    assert mended.code == 0
    assert names(everything) == [*A, *B, *C]


def test_last_failed_runs_a_plain_test_that_failed_with_all_scenarios(shop):
    """A plain failure asks for the whole test."""
    shop.write("test_it.py", TESTS.replace("shop.checkout()", "assert not shop.checkout()"))
    run(shop)
    shop.write("test_it.py", TESTS)

    assert names(run(shop, "--lf")) == [*A, "test_b", f"test_b{STOCK}", f"test_b{RECOVERY}", *C]


def test_failed_first_runs_the_tests_that_failed_before_the_others(shop):
    """All tests are run, those with failed scenarios first."""
    run(shop)
    done = run(shop, "--ff")

    assert names(done) == [*B, *C, *A]


def test_stepwise_stops_at_the_first_scenario_that_fails_and_goes_on_there(shop):
    """The next run begins with the test of that scenario, and with all of its scenarios, for some were not reached."""
    first = run(shop, "--sw")
    second = run(shop, "--sw")

    assert names(first) == [*A, "test_b", f"test_b{CHARGE}", f"test_b{STOCK}"]
    assert names(second) == ["test_b", f"test_b{CHARGE}", f"test_b{STOCK}"]
    shop.write("shop.py", SHOP.replace("return error.nothing", "return 0"))
    assert names(run(shop, "--sw")) == [*B, *C]


@pytest.mark.parametrize("options", [("-x",), ("--maxfail=1",)])
def test_the_run_stops_at_the_first_failure(shop, options):
    """Nothing is run after it, and fixtures are torn down."""
    shop.write(
        "conftest.py",
        """
        import pytest

        @pytest.fixture(scope="session", autouse=True)
        def whole():
            yield
            print("torn down")
        """,
    )
    done = run(shop, "-s", *options)

    assert f"test_it.py::test_b{STOCK} FAILEDtorn down" in done.lines
    assert done.outcomes == {"passed": 5, "failed": 1}
    assert "torn down" in done.text
    assert "stopping after 1 failures" in done.text


def test_maxfail_counts_scenarios(shop):
    """Two scenarios that fail are two failures."""
    done = run(shop, "--maxfail=2")

    assert done.outcomes["failed"] == 2
    assert "test_c" in names(done)


def test_the_slowest_durations_name_scenarios(shop):
    """Each run has a line of its own."""
    text = run(shop, "--durations=0", "-vv").text

    for name in B:
        assert re.search(rf"s call +test_it\.py::{re.escape(name)}$", text, re.MULTILINE)


def test_collecting_shows_tests_and_runs_nothing(shop):
    """Scenarios are known once a test has run."""
    done = shop.run(*SWEEP, *MARKER, "--collect-only", "-q")

    assert [line for line in done.lines if "::" in line] == [f"test_it.py::test_{one}" for one in "abc"]
    assert "[chaos:" not in done.text


@pytest.mark.parametrize("option", ["--setup-plan", "--setup-only"])
def test_where_only_fixtures_are_shown_nothing_is_explored(shop, option):
    """Each test is shown once."""
    assert "[chaos:" not in shop.run(*SWEEP, *MARKER, option).text


# --- the debugger


def test_the_debugger_stops_where_the_scenario_breaks(shop):
    """In the user's code, once for the scenario; the run goes on after it."""
    done = debugged(shop, "test_it.py::test_c")

    assert done.outlines.count(">>> PDB post_mortem >>>".center(80, ">")) <= 1
    assert sum("(Pdb)" in line for line in done.outlines) >= 1
    assert any(re.search(r"shop\.py\(\d+\)left\(\)", line) for line in done.outlines)
    assert done.parseoutcomes() == {"passed": 2, "failed": 1}


def test_the_debugger_stops_in_a_plain_failure_as_ever(shop):
    """And nowhere else."""
    shop.write("test_it.py", TESTS.replace("shop.checkout()", "assert not shop.checkout()"))
    done = debugged(shop, "test_it.py::test_a")

    assert any("test_it.py(5)test_a()" in line for line in done.outlines)
    assert done.parseoutcomes() == {"failed": 1}


def debugged(shop, *args):
    """Run with ``--pdb``; where it stops, say where that is, and go on."""
    return shop.pytester.run(
        *(sys.executable, "-m", "pytest", *shop.arguments((*SWEEP, *MARKER, "--pdb", *args), True, (), False)),
        stdin=b"w\nc\n",
    )


# --- replays


def replay_option(done) -> str:
    """The option of the last line that says how to run a scenario again."""
    return re.search(r"--chaos-replay=c1:\S+", done.replay)[0]


def test_a_replay_runs_exactly_the_faults_of_a_failure(shop):
    """The line is run as it was printed: the plain run, that scenario, the recovery run."""
    failed = shop.run(*SWEEP, *MARKER, "-k", "test_c")
    again = shop.again(failed.replay)

    (first,) = [result for result in failed.by_id.values() if result["fails"]]
    (second,) = [result for result in again.by_id.values() if result["fails"]]
    assert again.code == failed.code == 1
    for field in (
        "id",
        "label",
        "test",
        "scenario",
        "verdict",
        "fired",
        "calls",
        "activations",
        "evidence",
        "caught",
        "seed",
    ):
        assert second[field] == first[field], field
    assert again.outcomes == {"passed": 2, "failed": 1}


def test_a_replay_keeps_the_faults_of_a_rate(shop):
    """Rule, seed and test decide over chances, whatever else is run."""
    shop.write("test_it.py", "import shop\n\ndef test_it():\n    for _ in range(20):\n        shop.left()\n")
    failed = shop.run("--chaos-rule=shop:stock = 30%raise(TimeoutError)", "--chaos-seed=7")
    again = shop.again_here(failed.replay)

    (first,) = [result for result in failed.by_id.values() if result["fails"]]
    (second,) = [result for result in again.by_id.values() if result["fails"]]
    assert (second["fired"], second["seed"]) == (first["fired"], 7)


def test_a_replay_of_two_faults(shop):
    """A pair is one scenario."""
    shop.write(
        "shop.py",
        """
        def charge():
            return 1

        def note():
            return 2

        def checkout():
            try:
                return charge()
            except TimeoutError:
                try:
                    return note()
                except TimeoutError as error:
                    return error.nothing
        """,
    )
    shop.write("test_it.py", "import shop\n\ndef test_it():\n    shop.checkout()\n")
    failed = shop.run("--chaos-target=shop:*", "--chaos-fault=raise(TimeoutError)")
    again = shop.again_here(failed.replay)

    (result,) = [result for result in again.by_id.values() if result["fails"]]
    assert result["scenario"] == "shop:charge = raise(TimeoutError); shop:note = raise(TimeoutError)"
    assert result["verdict"] == "wrong error"
    assert len(again.by_id) == 2


def test_only_the_test_of_a_replay_is_explored(shop):
    """Others are run plainly, even if options ask for more; the scenario has the id that it had."""
    option = replay_option(shop.run(*SWEEP, *MARKER, "-k", "test_c"))
    done = run(shop, option)

    assert names(done) == [
        "test_a",
        "test_b",
        "test_c",
        f"test_c{STOCK}",
        f"test_c{RECOVERY}",
    ]


def test_a_replay_of_a_test_that_is_gone_is_a_usage_error(shop):
    """Renamed, perhaps."""
    option = replay_option(shop.run(*SWEEP, *MARKER, "-k", "test_c"))
    shop.write("test_it.py", TESTS.replace("test_c", "test_d"))
    done = run(shop, option)

    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert "--chaos-replay: there is no test 'test_it.py::test_c' to replay" in done.text


def test_a_replay_of_a_target_that_is_gone_says_so(shop):
    """Nothing is run."""
    option = replay_option(shop.run(*SWEEP, *MARKER, "-k", "test_c"))
    shop.write("shop.py", SHOP.replace("stock", "stocks"))
    done = run(shop, option)

    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert "--chaos-replay: target shop:stock: module 'shop' has no attribute 'stock'" in done.text


def test_several_replays(shop):
    """The option may be given more than once."""
    one = replay_option(shop.run(*SWEEP, *MARKER, "-k", "test_b"))
    two = replay_option(shop.run(*SWEEP, *MARKER, "-k", "test_c"))
    done = run(shop, one, two)

    assert [result["test"] for result in done.by_id.values() if result["fails"]] == [
        "test_it.py::test_b",
        "test_it.py::test_c",
    ]


LOOKALIKES = """
    import pytest, shop

    @pytest.mark.parametrize("pay", [shop.left, shop.checkout], ids=["chaos: left", "chaos: rest"])
    def test_it(pay):
        pay()
"""


def test_a_parameter_may_look_like_a_scenario(inner):
    """Its test keeps its id, in reports and for who asks for it by that or by one of its scenarios."""
    inner.write("shop.py", SHOP)
    inner.write("test_it.py", LOOKALIKES)
    sweep = ("--chaos-target=shop:stock", "--chaos-target=shop:charge", "--chaos-fault=raise(TimeoutError)")
    left = "test_it.py::test_it[chaos: left]"
    whole = inner.run_apart(*sweep)
    alone = inner.run_apart(*sweep, left)
    scenario = next(one["id"] for one in whole.document["results"] if one["fails"])
    one = inner.run_apart(*sweep, scenario)

    assert {result["test"] for result in whole.document["results"]} == {left, "test_it.py::test_it[chaos: rest]"}
    assert {result["test"] for result in alone.document["results"]} == {left}
    assert (whole.code, alone.code, one.code) == (1, 1, 1)
    assert scenario.startswith(f"{left}[chaos: shop:stock ")
    assert {result["test"] for result in one.document["results"]} == {left}


SALE = "def charge():\n    return 5\n\ndef unused(): pass\n\ndef sell():\n    return charge()\n"
LAST = {
    "explored": "",
    "without a call": "def test_z(): pass\n",
    "fault test": "@pytest.mark.chaos('bank:charge', Null)\ndef test_z(): bank.sell()\n",
    "skipped": "@pytest.mark.skip\ndef test_z(): pass\n",
    "failing": "def test_z(): assert not bank.sell()\n",
}


@pytest.mark.parametrize("last", LAST)
@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_fixtures_of_the_session_are_set_up_once(inner, last, workers):
    """Though tests are explored after all plain runs: some can be set up no second time."""
    inner.write("bank.py", SALE)
    inner.write(
        "conftest.py",
        """
        import pytest
        registered = []

        @pytest.fixture(scope="session", autouse=True)
        def once():
            if registered:
                raise ValueError("already registered")
            registered.append(1)
            yield
            with open("ended", "a") as file:
                file.write("ended ")
        """,
    )
    inner.write(
        "test_it.py",
        "import bank, pytest\nfrom pytest_chaos import Null\n\ndef test_a(): bank.sell()\n\n" + LAST[last],
    )
    plugins = ("xdist",) if workers else ()
    done = inner.run_apart("--chaos-target=bank:charge", "--chaos-fault=null", *workers, plugins=plugins)

    assert "errors" not in done.outcomes
    assert "resilient" in done.scenarios.values(), done.text
    assert (inner.path / "ended").read_text(encoding="utf-8") == "ended "


@pytest.mark.parametrize("target", ["bank:charge", "bank:unused"])
def test_what_ends_the_fixtures_of_the_session_is_reported_once(inner, target):
    """Whether or not anything was explored after the last test."""
    inner.write("bank.py", SALE)
    inner.write(
        "conftest.py",
        """
        import pytest

        @pytest.fixture(scope="session", autouse=True)
        def once():
            yield
            raise ValueError("cannot end")
        """,
    )
    inner.write("test_it.py", "import bank\n\ndef test_a(): bank.sell()\n")
    done = inner.run_apart(f"--chaos-target={target}", "--chaos-fault=null")

    assert done.code == 1
    assert done.outcomes["errors"] == 1
