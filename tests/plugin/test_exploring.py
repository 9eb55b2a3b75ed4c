"""Explored tests: the plain run, one clone for each scenario, and the recovery run; what each is and is called."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

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
TESTS = """
    import shop

    def test_checkout():
        assert shop.checkout() in ("receipt", "later")

    def test_left():
        assert shop.left() == 3
"""
LATE = "--chaos-fault=raise(TimeoutError)"
SWEEP = ("--chaos-target=shop:*", LATE)
EACH = "--chaos-scope=test"


@pytest.fixture
def shop(inner):
    inner.write("shop.py", SHOP)
    inner.write("test_it.py", TESTS)
    return inner


# --- which runs there are, and what they are called


def test_a_test_is_run_plainly_then_under_each_scenario_then_once_more(shop):
    """The plain run keeps its id; each scenario has one of its own; the recovery run comes last."""
    done = shop.run(*SWEEP, EACH, "-v")

    assert done.shown == [
        ("test_checkout", "PASSED"),
        ("test_checkout[chaos: shop:charge raise TimeoutError all]", "RESILIENT"),
        ("test_checkout[chaos: recovery]", "RESILIENT"),
        ("test_left", "PASSED"),
        ("test_left[chaos: shop:stock raise TimeoutError all]", "ESCAPED"),
        ("test_left[chaos: recovery]", "RESILIENT"),
    ]
    assert (done.code, done.outcomes) == (0, {"passed": 6})


def test_by_itself_scenarios_come_after_all_plain_runs(shop):
    """Then each test that has some is run under those, and once more."""
    done = shop.run(*SWEEP, "-v")

    assert done.shown == [
        ("test_checkout", "PASSED"),
        ("test_left", "PASSED"),
        ("test_checkout[chaos: shop:charge raise TimeoutError all]", "RESILIENT"),
        ("test_checkout[chaos: recovery]", "RESILIENT"),
        ("test_left[chaos: shop:stock raise TimeoutError all]", "ESCAPED"),
        ("test_left[chaos: recovery]", "RESILIENT"),
    ]
    assert (done.code, done.outcomes) == (0, {"passed": 6})


def test_plain_outcomes_are_what_they_are_without_chaos(shop):
    """Whatever came of it without chaos comes of it beside the scenarios."""
    shop.write(
        "test_more.py",
        """
        import pytest, shop

        def test_passes(): shop.checkout()
        def test_fails(): assert shop.checkout() == "nothing"
        @pytest.mark.skip(reason="not today")
        def test_skipped(): shop.checkout()
        def test_skips(): shop.checkout(); pytest.skip("not here")
        @pytest.mark.xfail
        def test_xfails(): shop.checkout(); assert False
        @pytest.mark.xfail
        def test_xpasses(): shop.checkout()
        def test_xfails_inside(): shop.checkout(); pytest.xfail("known")
        @pytest.fixture
        def broken(): raise OSError("no disk")
        def test_set_up_fails(broken): shop.checkout()
        @pytest.fixture
        def breaking():
            yield
            raise OSError("no disk")
        def test_teardown_fails(breaking): shop.checkout()
        """,
    )
    plain = shop.run("-v", "test_more.py", chaos=False)
    done = shop.run(*SWEEP, EACH, "-v", "test_more.py")

    assert [one for one in done.shown if "[chaos: " not in one[0]] == plain.shown
    assert [one for one in done.shown if "[chaos: " in one[0]] == [
        ("test_passes[chaos: shop:charge raise TimeoutError all]", "RESILIENT"),
        ("test_passes[chaos: recovery]", "RESILIENT"),
        ("test_teardown_fails[chaos: recovery]", "SKIPPED"),
    ]
    text = shop.run(*SWEEP, EACH, "-rs", "test_more.py").text
    assert "not explored: the teardown of the plain run failed" in text
    once = shop.run(*SWEEP, "-v", "test_more.py")
    assert once.shown[: len(plain.shown)] == plain.shown
    assert [one for one, _ in once.shown[len(plain.shown) :]] == [
        "test_passes[chaos: shop:charge raise TimeoutError all]",
        "test_passes[chaos: recovery]",
    ]
    assert once.code == done.code == plain.code == 1


def test_a_fault_that_fires_often_is_tried_once_too(shop):
    """All calls of a line fail, then only the first, then only the second."""
    shop.write(
        "shop.py",
        """
        def charge():
            return 1

        def twice():
            total = 0
            for _ in range(2):
                try:
                    total += charge()
                except TimeoutError:
                    total += 1
            return total
        """,
    )
    shop.write("test_it.py", "import shop\n\ndef test_it():\n    assert shop.twice() == 2\n")
    done = shop.run(*SWEEP)

    assert {name: result["scenario"] for name, result in done.by_id.items()} == {
        "test_it[chaos: shop:charge raise TimeoutError all]": "shop:charge = raise(TimeoutError)",
        "test_it[chaos: shop:charge raise TimeoutError first]": "shop:charge = #1 raise(TimeoutError)",
        "test_it[chaos: shop:charge raise TimeoutError second]": "shop:charge = #2 raise(TimeoutError)",
        "test_it[chaos: recovery]": "",
    }
    assert "explored 1 test: 1 key, 3 scenarios run (1 all, 1 first, 1 second)" in done.totals


def test_lines_that_call_the_same_are_told_apart_by_function_and_distance(shop):
    """Another line of code is another key; where there are several, the label says which."""
    shop.write(
        "shop.py",
        """
        def charge():
            return 1

        def first():
            try:
                return charge()
            except TimeoutError:
                return 0

        class Till:
            def second(self):
                return charge()
        """,
    )
    shop.write("test_it.py", "import shop\n\ndef test_it():\n    shop.first()\n    shop.Till().second()\n")
    done = shop.run("--chaos-target=shop:charge", LATE)

    assert set(done.scenarios) == {
        "test_it[chaos: recovery]",
        "test_it[chaos: shop:charge raise TimeoutError all@first+2]",
        "test_it[chaos: shop:charge raise TimeoutError first@first+2]",
        "test_it[chaos: shop:charge raise TimeoutError all@Till.second+1]",
    }
    assert done.by_id["test_it[chaos: shop:charge raise TimeoutError all@Till.second+1]"]["scenario"] == (
        "shop:charge = #2.. raise(TimeoutError)"
    )


def test_a_call_that_only_a_fault_brings_is_made_to_fail_together_with_it(shop):
    """A fallback is reached under a fault alone, so it is explored under that fault."""
    shop.write(
        "shop.py",
        """
        import logging

        def charge():
            return "receipt"

        def note():
            return "noted"

        def checkout():
            try:
                return charge()
            except TimeoutError:
                logging.warning("the bank is late")
                return note()
        """,
    )
    shop.write("test_it.py", "import shop\n\ndef test_it():\n    assert shop.checkout()\n")
    done = shop.run(*SWEEP)

    pair = "test_it[chaos: shop:charge raise TimeoutError all + shop:note raise TimeoutError]"
    assert done.scenarios == {
        "test_it[chaos: recovery]": "resilient",
        "test_it[chaos: shop:charge raise TimeoutError all]": "resilient",
        pair: "escaped",
    }
    assert done.by_id[pair]["scenario"] == "shop:charge = raise(TimeoutError); shop:note = raise(TimeoutError)"


def test_labels_fit_ids(shop):
    """No ``::``, no ``;``, no line break, at most eighty characters, and never the same twice."""
    long = "a" * 90
    done = shop.run(
        "-v",
        "--chaos-rule=shop:charge = return('a::b;c\\n')",
        f"--chaos-rule=shop:charge = return('{long}1')",
        f"--chaos-rule=shop:charge = return('{long}2')",
        "--chaos-rule=shop:charge = return(1); shop:stock = null",
        "--chaos-rule=shop:charge = return(1); shop:stock = null",
        "test_it.py::test_checkout",
    )
    labels = [result["label"] for result in done.by_id.values()]

    assert len(labels) == len(set(labels)) == 6
    assert all(len(label) <= 84 and not re.search(r"::|;|\n|@$", label) for label in labels)
    assert {"shop:charge return 1 + shop:stock null", "shop:charge return 1 + shop:stock null (2)"} <= set(labels)
    assert sum(label.startswith("shop:charge return 'aaaa") for label in labels) == 2


# --- two identities


def test_inside_a_clone_everybody_sees_the_id_of_the_plain_test(shop):
    """Outside is the scenario's id; inside is the plain one, so that chances seeded by it stay what they are."""
    shop.write(
        "test_it.py",
        """
        import os, pytest, shop

        seen = []

        @pytest.fixture
        def asking(request):
            seen.append(("setup", request.node.nodeid, os.environ["PYTEST_CURRENT_TEST"]))
            yield request
            seen.append(("teardown", request.node.nodeid, os.environ["PYTEST_CURRENT_TEST"]))

        def test_it(asking):
            seen.append(("call", asking.node.nodeid, os.environ["PYTEST_CURRENT_TEST"], asking.node.name))
            shop.checkout()

        def test_what_was_seen():
            plain = "test_it.py::test_it"
            assert seen == 3 * [
                ("setup", plain, f"{plain} (setup)"),
                ("call", plain, f"{plain} (call)", "test_it"),
                ("teardown", plain, f"{plain} (teardown)"),
            ]
        """,
    )
    shop.write(
        "conftest.py",
        """
        outside = []

        def pytest_runtest_logstart(nodeid, location):
            outside.append(nodeid)

        def pytest_runtest_logfinish(nodeid, location):
            outside.append(nodeid)

        def pytest_runtest_logreport(report):
            outside.append(report.nodeid)

        def pytest_unconfigure():
            print("outside", sorted(set(outside)), len(outside))
        """,
    )
    done = shop.run(*SWEEP, EACH)

    assert done.outcomes == {"passed": 4}
    ids = [
        f"test_it.py::test_it{end}" for end in ("", "[chaos: recovery]", "[chaos: shop:charge raise TimeoutError all]")
    ]
    assert f"outside {sorted([*ids, 'test_it.py::test_what_was_seen'])} 20" in done.text


def test_chances_are_the_same_in_every_run_of_a_test(shop):
    """pytest-randomly seeds them with the id of the test, and that is the plain one."""
    shop.write(
        "test_it.py",
        """
        import random, shop

        def test_it():
            print("drew", random.random())
            shop.checkout()
        """,
    )
    done = shop.run_apart(*SWEEP, "-s", "-p", "randomly")
    draws = re.findall(r"drew (\S+)", done.text)

    assert len(draws) == 3
    assert len(set(draws)) == 1


# --- fixtures


def test_function_fixtures_are_fresh_and_wider_ones_are_set_up_once(shop):
    """Each clone is a real item; nothing that is shared with the next run is torn down in between.

    Where the suite is explored once that begins after the plain runs, whose fixtures are gone by then.
    """
    shop.write(
        "test_it.py",
        """
        import pytest, shop

        log = []

        @pytest.fixture(scope="session")
        def whole():
            log.append("+session")
            yield
            log.append("-session")
            print("log", " ".join(log))

        @pytest.fixture(scope="module")
        def module(whole):
            log.append("+module")
            yield
            log.append("-module")

        @pytest.fixture(scope="class")
        def group(module):
            log.append("+class")
            yield
            log.append("-class")

        @pytest.fixture
        def one(group, tmp_path, monkeypatch):
            assert not list(tmp_path.iterdir())
            (tmp_path / "mine").touch()
            log.append("+f")
            yield
            log.append("-f")

        class TestIt:
            def test_a(self, one):
                assert not hasattr(self, "mark")
                self.mark = True
                shop.checkout()

            def test_b(self, one):
                shop.left()
        """,
    )
    each, once = shop.run(*SWEEP, EACH, "-s"), shop.run(*SWEEP, "-s")

    assert each.code == once.code == 0
    functions = " ".join(["+f -f"] * 6)
    assert f"log +session +module +class {functions} -class -module -session" in each.text
    plain, disturbed = " ".join(["+f -f"] * 2), " ".join(["+f -f"] * 4)
    first = f"+session +module +class {plain} -class -module"
    assert f"log {first} +module +class {disturbed} -class -module -session" in once.text


def test_an_error_in_the_teardown_of_a_wider_fixture_belongs_to_the_last_run(shop):
    """The module's fixture goes down with the recovery run of its last test, and its error is shown there."""
    shop.write(
        "test_it.py",
        """
        import pytest, shop

        @pytest.fixture(scope="module")
        def module():
            yield
            raise OSError("no disk")

        def test_it(module):
            shop.checkout()
        """,
    )
    done = shop.run(*SWEEP, EACH, "-v", "-rE")

    assert done.outcomes == {"passed": 3, "errors": 1}
    assert "ERROR test_it.py::test_it[chaos: recovery] - OSError: no disk" in done.text


def test_a_test_whose_teardown_failed_is_not_explored_later(shop):
    """Its error stands once, as without chaos; faults would tell nothing that is not wrong already."""
    shop.write(
        "test_it.py",
        """
        import pytest, shop

        @pytest.fixture(scope="module")
        def module():
            yield
            raise OSError("no disk")

        def test_it(module):
            shop.checkout()
        """,
    )
    done = shop.run(*SWEEP, "-v", "-rE")

    assert done.outcomes == {"passed": 1, "errors": 1}
    assert "ERROR test_it.py::test_it - OSError: no disk" in done.text
    assert "chaos: shop:charge" not in done.text


def test_faults_act_in_the_body_only(shop):
    """Set-up, teardown and fixtures asked for late are not disturbed."""
    shop.write(
        "test_it.py",
        """
        import pytest, shop

        @pytest.fixture
        def around():
            assert shop.checkout() == "receipt"
            yield
            assert shop.checkout() == "receipt"

        @pytest.fixture
        def late():
            return shop.checkout()

        def test_it(around, request):
            shop.checkout()
            assert request.getfixturevalue("late") == "receipt"
        """,
    )
    done = shop.run(*SWEEP)

    assert done.outcomes == {"passed": 3}
    assert done.by_id["test_it[chaos: shop:charge raise TimeoutError all]"]["calls"] == 1


def test_fixtures_of_pytest_work_in_every_run(shop):
    """Captured output, logs, warnings, environment and properties are those of one run."""
    shop.write(
        "test_it.py",
        """
        import logging, os, warnings
        import shop

        def test_it(capsys, caplog, recwarn, monkeypatch, tmp_path, record_property, request):
            print("said")
            logging.getLogger("till").warning("logged")
            warnings.warn("warned")
            assert capsys.readouterr().out == "said\\n"
            assert [record.getMessage() for record in caplog.records if record.name == "till"] == ["logged"]
            assert [str(one.message) for one in recwarn if one.category is UserWarning] == ["warned"]
            assert "TILL" not in os.environ
            monkeypatch.setenv("TILL", "1")
            assert tmp_path.name.startswith("test_it")
            (tmp_path / "file").touch(exist_ok=False)
            record_property("key", "value")
            shop.checkout()
        """,
    )
    done = shop.run(*SWEEP, "--junitxml=junit.xml")

    assert done.outcomes == {"passed": 3}
    cases = ET.parse(shop.path / "junit.xml").getroot().iter("testcase")
    assert [
        [found.get("value") for found in case.iter("property") if found.get("name") == "key"] for case in cases
    ] == [["value"]] * 3


# --- outcomes and verdicts

VERDICTS = """
    import logging
    import threading

    def charge():
        return {"paid": True}

    def resilient():
        try:
            charge()
        except TimeoutError:
            pass

    def escaped():
        charge()

    def changed():
        try:
            return charge()["paid"]
        except TimeoutError:
            logging.warning("the bank is late")
            return False

    def swallowed():
        try:
            return charge()["paid"]
        except (TimeoutError, Exception):
            return False

    def wrong():
        try:
            charge()
        except TimeoutError as error:
            raise KeyError(error.nothing)

    def leaked():
        try:
            charge()
        except TimeoutError:
            ended = threading.Event()
            thread = threading.Thread(target=ended.wait, daemon=True, args=(30,))
            thread.start()
            FORGOTTEN.append(ended)

    def lost():
        thread = threading.Thread(target=charge)
        thread.start()
        thread.join()

    FORGOTTEN = []
"""


@pytest.mark.parametrize(
    ("how", "word", "fails"),
    [
        ("resilient()", "resilient", False),
        ("escaped()", "escaped", False),
        ("changed()", "changed", False),
        ("swallowed()", "lost", False),
        ("wrong()", "wrong error", True),
        ("leaked()", "leaked", True),
        ("lost()", "lost", True),
    ],
)
def test_a_scenario_fails_exactly_when_its_verdict_does(inner, how, word, fails):
    """The test's own failure under a fault is an observation; the verdict is the outcome and the word shown."""
    inner.write("shop.py", VERDICTS)
    inner.write(
        "test_it.py",
        f"""
        import pytest, shop

        @pytest.fixture(scope="session")
        def clean():
            yield
            for event in shop.FORGOTTEN:
                event.set()

        @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
        def test_it(clean):
            assert shop.{how} in (None, True)
        """,
    )
    done = inner.run(*SWEEP, "-v")

    name = "test_it[chaos: shop:charge raise TimeoutError all]"
    assert (done.scenarios[name], done.by_id[name]["fails"]) == (word, fails)
    assert (name, "FAILED" if fails else word.upper()) in done.shown
    assert done.code == int(fails)
    if fails:
        assert f"chaos: {word}: " in done.text
        assert done.by_id[name]["replay"] == done.replay


def test_letters_of_a_quiet_run_say_what_needs_a_look(inner):
    """A dot is content; what is reported and does not fail shows its letter."""
    inner.write("shop.py", VERDICTS)
    inner.write(
        "test_it.py",
        """
        import shop

        def test_resilient(): shop.resilient()
        def test_escaped(): shop.escaped()
        def test_changed(): assert shop.changed()
        """,
    )

    assert "test_it.py ....e..c. " in inner.run(*SWEEP, EACH).text
    shown = inner.run(*SWEEP).text.partition("collected 3 items")[2].partition("=====")[0]
    assert re.sub(r"test_it\.py|\[ *\d+%\]|\s", "", shown) == "....." + "e.c."  # how far it is differs by pytest


def test_what_is_reported_and_does_not_fail_can_be_read(inner):
    """With ``-rP`` the text of the verdict is a section of the passed run."""
    inner.write("shop.py", VERDICTS)
    inner.write("test_it.py", "import shop\n\ndef test_it():\n    shop.escaped()\n")
    text = inner.run(*SWEEP, "-rP").text

    assert "chaos: escaped: the test ended with TimeoutError: " in text
    assert "run again: pytest --chaos --chaos-replay=c1:" in text


def test_a_failure_shows_the_line_of_the_user_and_its_scenario(inner):
    """The heading has the scenario; the traceback ends where the error was raised."""
    inner.write("shop.py", VERDICTS)
    inner.write("test_it.py", "import shop\n\ndef test_it():\n    shop.wrong()\n")
    done = inner.run(*SWEEP)

    assert "_ test_it[chaos: shop:charge raise TimeoutError all] _" in done.text
    assert "shop.py:34: AttributeError" in done.text
    assert not any("pytest_chaos/" in line for line in done.lines)


def test_captured_output_is_of_one_run(inner):
    """Output does not pile up from clone to clone."""
    inner.write("shop.py", VERDICTS)
    inner.write("test_it.py", "import shop\n\ndef test_it():\n    print('said once')\n    shop.wrong()\n")
    done = inner.run(*SWEEP)

    assert done.outcomes == {"passed": 2, "failed": 1}
    assert done.text.count("said once") == 2  # in the source and in the captured output


def test_a_test_that_skips_itself_under_a_fault_has_no_result(shop):
    """It says that it cannot tell."""
    shop.write(
        "test_it.py",
        """
        import pytest, shop

        def test_it():
            if shop.checkout() == "later":
                pytest.skip("no bank today")
        """,
    )
    done = shop.run(*SWEEP, "-v")

    assert done.shown[1] == ("test_it[chaos: shop:charge raise TimeoutError all]", "SKIPPED")
    assert list(done.scenarios) == ["test_it[chaos: recovery]"]
    assert done.code == 0


def test_an_error_of_the_teardown_under_a_fault_stays_one(shop):
    """The verdict of the body is shown beside it."""
    shop.write(
        "test_it.py",
        """
        import pytest, shop

        @pytest.fixture
        def till():
            answers = []
            yield answers
            assert "later" not in answers

        def test_it(till):
            till.append(shop.checkout())
        """,
    )
    done = shop.run(*SWEEP, "-v")

    assert done.outcomes == {"passed": 3, "errors": 1}
    assert done.scenarios["test_it[chaos: recovery]"] == "resilient"
    assert "ERROR at teardown of test_it[chaos: shop:charge raise TimeoutError all]" in done.text


def test_a_hook_leaves_scenarios_out(shop):
    """A conftest may say which scenarios are not worth a run."""
    shop.write(
        "conftest.py",
        """
        from pytest_chaos import Scenario

        def pytest_chaos_keep_scenario(config, test, scenario):
            assert type(scenario) is Scenario
            return not ("test_left" in test and "stock" in scenario.label)
        """,
    )
    done = shop.run(*SWEEP, "-v")

    assert {result["test"] for result in done.by_id.values()} == {"test_it.py::test_checkout"}
    assert "excluded by a predicate (1)" in done.text


# --- files


def test_each_run_is_a_case_of_junit(inner):
    """A case for each, with the verdict as a property of those that were disturbed."""
    inner.write("shop.py", VERDICTS)
    inner.write("test_it.py", "import shop\n\ndef test_it():\n    shop.wrong()\n")
    inner.run(*SWEEP, "--junitxml=junit.xml")
    suite = ET.parse(inner.path / "junit.xml").getroot().find("testsuite")
    cases = {case.get("name"): case for case in suite.iter("testcase")}

    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "0")
    name = "test_it[chaos: shop:charge raise TimeoutError all]"
    assert list(cases) == ["test_it", name, "test_it[chaos: recovery]"]
    assert (
        cases[name].find("failure").get("message").startswith("chaos: wrong error: the test ended with AttributeError")
    )
    assert cases["test_it"].find("properties") is None
    for one, word in ((name, "wrong error"), ("test_it[chaos: recovery]", "resilient")):
        properties = [(found.get("name"), found.get("value")) for found in cases[one].iter("property")]
        assert set(properties) == {("chaos", word)}


def test_the_fields_of_a_result(shop):
    """Plain runs have no result; scenarios and recovery runs have the fields that other tools read."""
    document = shop.run(*SWEEP, "test_it.py::test_checkout").document

    recovery, explored = document["results"]
    assert document["summary"] == {"resilient": 2}
    assert (recovery["kind"], recovery["scenario"], recovery["verdict"]) == ("recovery", "", "resilient")
    assert (recovery["calls"], recovery["activations"], recovery["rules"]) == (0, 0, [])
    assert explored["test"] == recovery["test"] == "test_it.py::test_checkout"
    assert explored["id"] == "test_it.py::test_checkout[chaos: shop:charge raise TimeoutError all]"
    assert explored["label"] == "shop:charge raise TimeoutError all"
    assert (explored["kind"], explored["scenario"]) == ("explored", "shop:charge = raise(TimeoutError)")
    assert (explored["verdict"], explored["fails"], explored["evidence"]) == ("resilient", False, [])
    assert (explored["calls"], explored["activations"]) == (1, 1)
    assert explored["caught"] == ["shop.py:11 checkout"]
    assert isinstance(explored["duration_s"], float)
    assert explored["replay"].startswith("pytest --chaos --chaos-replay=c1:")
    assert explored["replay"].endswith(" test_it.py::test_checkout  # shop:charge = raise(TimeoutError)")
    assert document["rules"] == [
        {
            "text": "shop:charge = raise(TimeoutError)",
            "source": "exploration",
            "calls": 1,
            "activations": 1,
            "target": "shop:charge",
            "fault": "raise(TimeoutError)",
            "doubles": [],
        }
    ]


def test_the_summary_tells_what_was_run_and_what_was_not(shop):
    """A table of verdicts, totals, and how much of what was planned was run, and why the rest was not."""
    shop.write("test_more.py", "import shop\n\ndef test_nothing(): pass\n\ndef test_driver(): shop.charge()\n")
    done = shop.run(*SWEEP, "-v")
    lines = done.section("chaos")
    words = [line.split() for line in lines]

    assert ["resilient", "1/1", "test_checkout", "shop:charge", "raise(TimeoutError)"] in words
    assert ["escaped", "1/1", "test_left", "shop:stock", "raise(TimeoutError)"] in words
    begin, *rest = done.totals
    assert begin == "4 chaos runs of 2 tests in <time>: 3 resilient, 1 escaped"
    assert rest == ["0 failing", "explored 2 tests: 2 keys, 2 scenarios run (2 all)", "2 more tests reached no target"]
    assert any("made by the tests themselves" in line for line in lines if line.startswith("pruned "))


@pytest.mark.parametrize("options", [(), ("-x",), ("-q",)])
def test_progress_never_shows_more_than_all(shop, options):
    """Scenarios are counted when they are first heard of."""
    shares = [int(share) for share in re.findall(r"\[ *(\d+)%\]", shop.run(*SWEEP, "-v", *options).text)]

    assert shares[-1] == max(shares) == 100


# --- whose calls


def test_the_tests_own_calls_are_never_swept(shop):
    """A fault on the call that the test itself makes would say nothing of the system."""
    shop.write(
        "test_it.py",
        """
        import shop

        def own():
            return shop.charge()

        def test_it():
            shop.charge()
            own()
            assert shop.checkout()
            shop.charge()
        """,
    )
    done = shop.run(*SWEEP)

    name = "test_it[chaos: shop:charge raise TimeoutError all]"
    assert done.scenarios == {name: "resilient", "test_it[chaos: recovery]": "resilient"}
    (fired,) = done.by_id[name]["fired"]
    assert fired["call"] == 3


def test_a_rule_that_a_user_wrote_acts_on_the_tests_own_calls(shop):
    """What is named is taken at its word."""
    shop.write("test_it.py", "import shop\n\ndef test_it():\n    shop.charge()\n")
    done = shop.run("--chaos-rule=shop:charge = raise(TimeoutError)")

    assert done.scenarios == {
        "test_it[chaos: shop:charge raise TimeoutError]": "escaped",
        "test_it[chaos: recovery]": "resilient",
    }


def test_a_module_that_is_imported_in_the_body_is_swept_too(shop):
    """A glob stands for what is loaded later."""
    shop.write("till.py", "import shop\n\ndef pay():\n    return fee()\n\ndef fee():\n    return 1\n")
    shop.write("test_it.py", "def test_it():\n    import till\n    till.pay()\n")
    done = shop.run("--chaos-target=till:*", LATE)

    assert "test_it[chaos: till:fee raise TimeoutError all]" in done.scenarios


def test_tests_that_are_collected_twice_are_explored(shop):
    shop.write(
        "conftest.py",
        """
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_collection(session):
            result = yield
            session.perform_collect()
            return result
        """,
    )
    shop.write("test_it.py", "import shop\n\ndef test_it(): shop.checkout()\n")

    done = shop.run(*SWEEP, "test_it.py", "-v")

    assert "test_it[chaos: recovery]" in done.text


def test_rule_acts_on_a_module_that_an_earlier_test_imports_first(inner):
    """Nobody has to import it at the top of a file; the test in whose set-up it was imported is over by then."""
    inner.write("shop.py", SHOP)
    inner.write(
        "test_it.py",
        """
        import importlib, pytest

        @pytest.fixture(scope="session")
        def shop(): return importlib.import_module("shop")

        def test_first(shop): assert shop.checkout()
        def test_second(shop): assert shop.checkout()
        """,
    )
    done = inner.run_apart("--chaos-rule=shop:charge = raise(TimeoutError)")

    assert {name: verdict for name, verdict in done.scenarios.items() if "recovery" not in name} == {
        "test_second[chaos: shop:charge raise TimeoutError]": "resilient"
    }
    assert "1 more test reached no target" in done.text


def test_target_that_a_late_module_does_not_have_is_told_once(inner):
    inner.write("shop.py", SHOP)
    inner.write("test_it.py", "def test_it():\n    import shop\n    assert shop.stock()\n")
    done = inner.run_apart("--chaos-rule=shop:chrage = raise(TimeoutError)", report=False)

    assert done.text.count("module 'shop' has no attribute 'chrage'") == 1
    assert done.outcomes["passed"] == 1
