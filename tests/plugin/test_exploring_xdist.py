"""Explored tests spread over workers: same outcomes, one summary, and what a dying worker takes with it."""

from __future__ import annotations

import copy
import re

import pytest

SHOP = """
    import logging

    def charge():
        return "receipt"

    def stock():
        return 3

    def checkout():
        try:
            return charge()
        except TimeoutError:
            logging.warning("the bank is late")
            return "later"

    def left():
        try:
            return stock()
        except TimeoutError as error:
            return error.nothing
"""
TESTS = """
    import pytest, shop

    @pytest.mark.parametrize("x", [1, 2, 3])
    def test_checkout(x):
        assert shop.checkout() == "receipt"

    @pytest.mark.xdist_group("till")
    @pytest.mark.parametrize("x", [1, 2])
    def test_left(x):
        assert shop.left() == 3

    class TestBoth:
        def test_first(self):
            assert shop.checkout() and shop.left()

        def test_second(self):
            shop.left(); shop.left()

    def test_own():
        shop.stock()
"""
MORE = """
    import pytest, shop

    def test_fails():
        assert shop.checkout() == "nothing"

    @pytest.mark.skip
    def test_skipped():
        shop.checkout()
"""
SUBTESTS = """
    def test_subtests(subtests):
        with subtests.test("a"):
            assert shop.checkout() == "receipt"
"""
WITHOUT = """
    def test_without_subtests():
        assert shop.checkout() == "receipt"
"""
SWEEP = (
    *("--chaos-target=shop:charge", "--chaos-target=shop:stock", "--chaos-fault=raise(TimeoutError)"),
    "--chaos-clones-fail",  # runs are counted here, and not what they find
)
EACH = "--chaos-scope=test"
CHARGE, STOCK = "[chaos: shop:charge raise TimeoutError all]", "[chaos: shop:stock raise TimeoutError all]"


@pytest.fixture
def shop(inner):
    inner.write("shop.py", SHOP)
    inner.write("test_it.py", TESTS)
    inner.write("test_more.py", MORE + (SUBTESTS if hasattr(pytest, "Subtests") else WITHOUT))
    return inner


def comparable(document: dict) -> dict:
    document = copy.deepcopy(document)
    for result in document["results"]:
        del result["duration_s"]
        result["id"] = result["id"].replace("@till", "")
    document["exploration"].pop("spent_s", None)
    document["exploration"].get("checks", {}).pop("confirmation", None)  # each worker confirms what it fails for
    return document


def spread(shop, *options, workers=2):
    return shop.run_apart(*SWEEP, "-n", str(workers), *options, plugins=("xdist",), timeout_s=120)


@pytest.mark.parametrize("dist", ["load", "loadscope", "loadgroup", "worksteal"])
def test_outcomes_are_the_same_serially_and_spread(shop, dist):
    """However tests are handed out: results, summary, totals and exit code."""
    serial = shop.run_apart(*SWEEP, EACH)
    done = spread(shop, EACH, "--dist", dist)

    assert comparable(done.document) == comparable(serial.document)
    counts = re.compile(r"\d+ confirmations?")
    told = [[counts.sub("<confirmations>", line) for line in one.section("chaos")] for one in (done, serial)]
    assert told[0] == told[1]
    assert done.outcomes == serial.outcomes
    assert done.code == serial.code == 1
    assert len(serial.by_id) > 15


@pytest.mark.parametrize(("dist", "scope"), [("load", EACH), ("loadgroup", EACH), ("load", "--chaos-scope=suite")])
def test_progress_never_shows_more_than_all(shop, dist, scope):
    """The controller counts scenarios when it first hears of them."""
    text = spread(shop, scope, "--dist", dist, "-v").text
    shares = [int(share) for share in re.findall(r"\[ *(\d+)%\]", text)]

    assert len(shares) > (25 if scope == EACH else 10)
    assert max(shares) == 100
    assert "INTERNALERROR" not in text


def test_ids_are_the_same_for_every_worker(shop):
    """A replay line of a spread run holds anywhere."""
    done = spread(shop, "-k", "test_left", "--dist", "loadgroup")
    again = shop.again(done.replay)

    (result,) = [result for result in again.by_id.values() if result["fails"]]
    assert result["verdict"] == "wrong error"
    assert "@till" not in done.replay


def test_scenarios_are_chosen_by_their_ids(shop):
    """The workers take them off the ids, too."""
    done = spread(shop, f"test_it.py::TestBoth::test_first{STOCK}", "-v")

    assert set(done.scenarios) == {f"TestBoth::test_first{STOCK}", "TestBoth::test_first[chaos: recovery]"}


def test_last_failed_runs_the_scenarios_that_failed(shop):
    """As in one process."""
    spread(shop, EACH)
    done = spread(shop, EACH, "--lf")

    assert {name for name, verdict in done.scenarios.items() if verdict == "wrong error"} == {
        f"test_left[1]{STOCK}",
        f"test_left[2]{STOCK}",
        f"TestBoth::test_first{STOCK}",
        f"TestBoth::test_second{STOCK}",
    }
    assert not any(CHARGE in name for name in done.scenarios)
    assert done.outcomes["failed"] == 5


def test_last_failed_runs_the_scenario_that_failed_once_for_the_suite(shop):
    """The test that it failed on is the one that it is run on again, on whichever worker."""
    first = spread(shop)
    done = spread(shop, "--lf")

    (failed,) = [name for name, verdict in first.scenarios.items() if verdict == "wrong error"]
    assert done.scenarios == {failed: "wrong error", failed.replace(STOCK, "[chaos: recovery]"): "resilient"}
    assert done.outcomes["failed"] == first.outcomes["failed"] == 2


def test_the_first_failure_ends_the_run(shop):
    """With ``-x`` nothing is lost and nothing hangs."""
    done = spread(shop, "-x", "-k", "test_left")

    assert done.code == pytest.ExitCode.INTERRUPTED
    assert done.outcomes["failed"] >= 1
    assert "INTERNALERROR" not in done.text


def test_a_worker_that_dies_names_the_scenario(shop):
    """And says what was not run; all other tests are run by another worker."""
    shop.write(
        "test_crash.py",
        """
        import os, shop

        def test_crash():
            if shop.checkout() == "later":
                os._exit(3)
        """,
    )
    done = spread(shop, EACH)

    crashed = f"test_crash.py::test_crash{CHARGE}"
    assert f"FAILED {crashed}" in done.text
    assert f"chaos: it died in {crashed}; later scenarios of this test, and its recovery run, did not run" in done.text
    assert {name for name in done.scenarios if "test_checkout" in name and "recovery" in name} == {
        f"test_checkout[{x}][chaos: recovery]" for x in (1, 2, 3)
    }
    assert len([name for name in done.scenarios if STOCK in name]) == 4


def test_a_worker_that_dies_once_all_plain_runs_are_over_names_the_scenario(shop):
    """xdist knows of no test that it was running then, and would say nothing."""
    shop.write("shop.py", SHOP + "\n    def audit():\n        return check()\n\n    def check():\n        return 1\n")
    shop.write(
        "test_crash.py",
        """
        import os, shop

        def test_crash():
            try:
                shop.audit()
            except TimeoutError:
                os._exit(3)
        """,
    )
    done = spread(shop, "--chaos-target=shop:check")

    crashed = "test_crash.py::test_crash[chaos: shop:check raise TimeoutError all]"
    assert f"FAILED {crashed}" in done.text
    assert "chaos: it died in that scenario; its remaining scenarios did not run" in done.text
    assert done.code == 1
    assert "INTERNALERROR" not in done.text


def test_a_worker_that_dies_in_the_plain_run_is_the_plain_tests_failure(shop):
    """No scenario is named, for none was running."""
    shop.write("test_crash.py", "import os, shop\n\ndef test_crash():\n    shop.checkout()\n    os._exit(3)\n")
    done = spread(shop, "test_crash.py", "test_it.py")

    assert "FAILED test_crash.py::test_crash" in done.text
    assert "chaos: it died in" not in done.text


def test_a_sure_rule_that_never_fired_is_judged_on_the_sum(shop):
    """It may have fired on another worker."""
    shop.write("shop.py", SHOP + "\n    def nobody():\n        return 1\n")
    (shop.path / "test_more.py").unlink()
    fired = shop.run_apart("-n", "2", "--chaos-rule=shop:stock = return(3)", plugins=("xdist",))
    never = shop.run_apart("-n", "2", "--chaos-rule=shop:nobody = null", plugins=("xdist",))

    assert fired.code == 0
    assert never.code == 1
    assert "chaos: inconclusive: rule never fired: shop:nobody = null (--chaos-rule)" in never.text


def test_only_that_matches_nothing_is_judged_on_the_sum(shop):
    """A usage error where no worker found a scenario."""
    assert spread(shop, "--chaos-only=*charge*").code == 1
    nothing = spread(shop, "--chaos-only=*nothing*")

    assert nothing.code == pytest.ExitCode.USAGE_ERROR
    assert "no scenario matches *nothing*" in nothing.text


def test_the_plan_of_all_workers_is_printed(shop):
    """No fault acts on any of them."""
    (shop.path / "test_more.py").unlink()
    done = spread(shop, EACH, "--chaos-plan")
    serial = shop.run_apart(*SWEEP, EACH, "--chaos-plan")

    time = re.compile(r", (?:about|less than) \d[^,;]* s\b")
    without_time = [sorted(time.sub("", line) for line in one.section("chaos")) for one in (done, serial)]
    assert without_time[0] == without_time[1]
    assert done.code == 0


def test_the_plan_of_all_workers_names_each_key_once(shop):
    """What one of them would run no other one lists."""
    (shop.path / "test_more.py").unlink()
    plans = [shop.run_apart(*SWEEP, "--chaos-plan"), spread(shop, "--chaos-plan")]

    for plan in plans:
        lines = [line for line in plan.section("chaos") if line.startswith("  ")]
        assert sorted(line.partition(" = ")[2] for line in lines) == ["raise(TimeoutError)"] * len(lines)
        assert len({line.partition("    ")[2] for line in lines}) == len(lines) > 1


def test_a_wrong_marker_is_told_once(shop):
    """Every worker finds it; the controller says it."""
    shop.write("test_wrong.py", "import pytest\n\n@pytest.mark.chaos_explore('shop:chagre')\ndef test_wrong(): pass\n")
    done = spread(shop)

    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert done.text.count("ERROR: marker at test_wrong.py:3") == 1


def test_pollution_is_found_on_a_worker(shop):
    """Who is to blame is asked of a fresh process there, too."""
    shop.write(
        "shop.py",
        """
        is_open = False

        def stock():
            return 1

        def charge():
            return "receipt"

        def checkout():
            global is_open
            if is_open:
                return "later"
            try:
                return charge()
            except TimeoutError:
                is_open = True
                return "later"
        """,
    )
    (shop.path / "test_more.py").unlink()
    shop.write("test_it.py", "import shop\n\ndef test_it():\n    assert shop.checkout() == 'receipt'\n")
    done = spread(shop)

    assert done.scenarios["test_it[chaos: recovery]"] == "not recovered"
    (evidence, *_) = done.by_id["test_it[chaos: recovery]"]["evidence"]
    assert "after shop:charge raise TimeoutError all" in evidence["text"]


def test_no_key_runs_on_two_workers(shop):
    """Whoever asks first gets it; nothing is lost by that, and nothing of it stays on the disk."""
    (shop.path / "test_more.py").unlink()
    shop.write("temporary/keep", "")
    shop.write("conftest.py", f"import tempfile\n\ntempfile.tempdir = {str(shop.path / 'temporary')!r}\n")
    serial = shop.run_apart(*SWEEP)
    done = spread(shop, "-v", "--dist=loadgroup")

    runs = [sorted(one["scenario"] for one in run.by_id.values() if one["scenario"]) for run in (serial, done)]
    assert runs[0] == runs[1]
    assert len({name.partition("[chaos: ")[2] for name in done.scenarios if "recovery" not in name}) == len(runs[1])
    assert [file.name for file in (shop.path / "temporary").iterdir()] == ["keep"]
    assert "INTERNALERROR" not in done.text


def test_ctrl_c_leaves_nothing_of_what_workers_share(shop):
    """Their folder is removed however the session ends."""
    shop.write("temporary/keep", "")
    shop.write(
        "conftest.py",
        f"""
        import tempfile

        tempfile.tempdir = {str(shop.path / "temporary")!r}
        """,
    )
    shop.write(
        "test_it.py",
        """
        import pathlib, shop, time

        def test_it():
            if shop.checkout() == "later":
                pathlib.Path("reached").touch()
                time.sleep(30)  # until Ctrl-C ends it
        """,
    )
    (shop.path / "test_more.py").unlink()
    code, text, _ = shop.interrupt(*SWEEP, "-n", "2", until=shop.path / "reached", plugins=("xdist",))

    assert code == pytest.ExitCode.INTERRUPTED, text
    assert [file.name for file in (shop.path / "temporary").iterdir()] == ["keep"]
