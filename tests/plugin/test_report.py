"""What is written at the end: the JSON report, the table, the totals, JUnit."""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ET

import pytest

SHOP = """
    def charge():
        return "receipt"

    def total():
        return 7
"""
TESTS = """
    import pytest
    from pytest_chaos import Null, Raise
    import shop

    @pytest.mark.chaos("shop:charge", Raise(TimeoutError), nth=1)
    @pytest.mark.chaos("shop:total", Null, rate=0.000001)
    def test_b_two_rules():
        with pytest.raises(TimeoutError):
            shop.charge()
        assert shop.total() == 7

    @pytest.mark.chaos("shop:charge", Null)
    def test_a_unreached():
        pass

    @pytest.mark.chaos("shop:charge", Null)
    def test_c_changed():
        print("some output")
        assert shop.charge() == "receipt"

    @pytest.mark.parametrize("x", [2, 1])
    @pytest.mark.chaos("shop:charge", Null)
    def test_d(x):
        assert shop.charge() is None

    def test_plain():
        assert shop.charge() == "receipt"
"""


@pytest.fixture
def shop(inner):
    inner.write("shop.py", SHOP)
    inner.write("test_it.py", TESTS)
    return inner


def test_the_fields_of_the_document(shop):
    """The fields that other tools read, with their types."""
    document = shop.run("--chaos-seed=4").document

    assert (document["version"], document["seed"]) == (1, 4)
    assert document["summary"] == {"resilient": 3, "inconclusive": 1, "changed": 1}
    result = document["results"][1]
    assert result["test"] == "test_it.py::test_b_two_rules"
    assert result["scenario"] == "shop:total = 0.0001%null; shop:charge = #1 raise(TimeoutError)"
    assert result["kind"] == "fault"
    assert (result["calls"], result["activations"]) == (2, 1)
    assert result["fails"] is False
    assert result["caught"] == ["test_it.py:9 test_b_two_rules"]
    assert isinstance(result["duration_s"], float)
    assert result["replay"].startswith("pytest --chaos --chaos-seed=4 test_it.py::test_b_two_rules  # ")
    assert result["fired"] == [
        {"point": "shop:charge", "fault": "raise(TimeoutError)", "call": 1, "actor": "main", "index": 1}
    ]
    assert [rule["source"] for rule in result["rules"]] == ["marker at test_it.py:7", "marker at test_it.py:6"]
    changed = document["results"][2]
    assert (changed["verdict"], changed["fails"]) == ("changed", True)
    for evidence in changed["evidence"]:
        assert evidence.keys() == {"oracle", "kind", "text"}
    assert {"text", "source", "calls", "activations"} <= document["rules"][0].keys()


def test_results_are_sorted(shop):
    """By test, then by scenario, whatever the order of the run."""
    tests = [result["test"].rpartition("::")[2] for result in shop.run().document["results"]]

    assert tests == ["test_a_unreached", "test_b_two_rules", "test_c_changed", "test_d[1]", "test_d[2]"]


def comparable(document: dict) -> dict:
    document = copy.deepcopy(document)
    for result in document["results"]:
        del result["duration_s"]
    return document


def test_the_same_document_serial_and_spread(shop):
    """Only durations differ between one process and two workers."""
    serial = shop.run_apart()
    spread = shop.run_apart("-n", "2", plugins=("xdist",))

    assert comparable(spread.document) == comparable(serial.document)
    assert spread.section("chaos") == serial.section("chaos")
    assert spread.code == serial.code == 1


def test_the_summary(shop):
    """A table of test, target, fault and verdict; totals; and the rules that never fired."""
    shop.run()
    lines = shop.run().section("chaos")
    words = [line.split() for line in lines]

    assert ["verdict", "fired", "test", "target", "fault"] in words
    assert ["inconclusive", "0/0", "test_a_unreached", "shop:charge", "null"] in words
    assert ["resilient", "1/1", "test_d[1]", "shop:charge", "null"] in words
    assert ["changed", "1/1", "test_c_changed", "shop:charge", "null"] in words
    assert ["1/1", "shop:charge", "#1", "raise(TimeoutError)"] in words
    totals = "5 chaos runs of 5 tests in <time>: 3 resilient, 1 inconclusive, 1 changed; 2 failing"
    assert totals in lines
    assert "never fired: shop:charge = null (marker at test_it.py:13): 0 calls" in lines
    assert "never fired: shop:total = 0.0001%null (marker at test_it.py:7): 1 call" in lines


def test_what_was_found_stands_below_the_list_of_failures(shop):
    """There may be hundreds of those, and what is last is read."""
    heads = [line.strip("= ") for line in shop.run().lines if line.startswith("===")]

    assert heads.index("chaos") == heads.index("short test summary info") + 1 == len(heads) - 2


def test_passing_verdicts_are_not_shown_as_failures(shop):
    """Every failing line of the short summary begins with its verdict, or is the author's own."""
    done = shop.run("-k", "unreached or test_d")

    failed = [line for line in done.lines if line.startswith("FAILED")]
    assert len(failed) == 1
    assert done.tells_failure("test_it.py::test_a_unreached", "chaos: inconclusive: rule never fired")


def test_junit(shop):
    """JUnit's message is the verdict, and each disturbed test has it as a property."""
    shop.run("--junitxml=junit.xml")

    cases = {case.get("name"): case for case in ET.parse(shop.path / "junit.xml").iter("testcase")}
    failure = cases["test_a_unreached"].find("failure")
    assert failure.get("message").startswith("chaos: inconclusive: rule never fired: shop:charge = null")
    assert failure.text.splitlines()[-1].startswith("run again: pytest --chaos")
    assert cases["test_c_changed"].find("failure").get("message").startswith("AssertionError")
    properties = [(one.get("name"), one.get("value")) for one in cases["test_d[1]"].iter("property")]
    assert properties == [("chaos", "resilient")]
    assert list(cases["test_plain"].iter("property")) == []


def test_several_reports(shop):
    """The option is repeatable, and paths are taken from where pytest was started."""
    (shop.path / "out").mkdir()
    shop.run("--chaos-report=a.json", "--chaos-report=out/b.json")

    assert (shop.path / "a.json").read_text() == (shop.path / "out" / "b.json").read_text()


def test_a_report_without_results(shop):
    """A run without disturbed tests writes an empty report, and does not keep an old one."""
    shop.write("old.json", "{}")
    done = shop.run("-k", "plain", "--chaos-report=old.json")

    assert done.document == {
        "version": 1,
        "seed": 0,
        "results": [],
        "findings": [],
        "passed_on": [],
        "rules": [],
        "summary": {},
        "exploration": {},
    }
    assert (shop.path / "old.json").read_text() != "{}"


def test_a_report_that_fails_at_the_end(shop):
    """The tests' work is done by then: exit code 1 and a line that says so."""
    shop.write(
        "conftest.py",
        """
        import os

        def pytest_sessionstart():
            os.mkdir("late.json")
        """,
    )
    done = shop.run("-k", "plain", "--chaos-report=late.json")

    assert done.outcomes["passed"] == 1
    assert done.code == 1
    assert "ERROR: --chaos-report: cannot write" in done.text
    assert "late.json" in done.text


def test_long_evidence_is_cut_in_the_text_and_whole_in_the_report(inner):
    """A storm of findings does not bury the line that runs it again."""
    inner.write("shop.py", SHOP)
    inner.write(
        "test_it.py",
        """
        import pytest, httpx, shop
        from pytest_chaos import Null

        @pytest.mark.chaos_contract(status=[200])
        @pytest.mark.chaos("shop:charge", Null)
        def test_it():
            transport = httpx.MockTransport(lambda request: httpx.Response(500 if shop.charge() is None else 200))
            client = httpx.Client(transport=transport)
            for number in range(20):
                client.get(f"http://shop/{number}")
        """,
    )
    done = inner.run()

    assert len(done.only["evidence"]) == 20
    start = done.lines.index(next(line for line in done.lines if line.startswith("chaos: wrong error: ")))
    end = next(index for index, line in enumerate(done.lines) if line.startswith("run again: "))
    assert end - start < 16
    assert "  also: 12 more, see --chaos-report" in done.lines


def test_who_absorbed_the_error(inner):
    """The text and the report tell where an error was raised, what it passed, and which clause took it."""
    inner.write("shop/__init__.py", "")
    inner.write("shop/payments.py", "def charge(): ...\n")
    inner.write(
        "shop/gateway.py",
        """
        from shop import payments

        class Gateway:
            def pay(self):
                return payments.charge()
        """,
    )
    inner.write(
        "shop/api.py",
        """
        from shop.gateway import Gateway

        def checkout():
            try:
                return Gateway().pay()
            except ValueError:
                return "no"
            except Exception:
                return "sorry"
        """,
    )
    inner.write(
        "test_it.py",
        """
        import pytest
        from pytest_chaos import Raise
        from shop.api import checkout
        from shop.gateway import Gateway

        @pytest.mark.chaos("shop.payments:charge", Raise(TimeoutError))
        def test_caught():
            for _ in range(3):
                assert checkout() == "paid"

        @pytest.mark.chaos("shop.payments:charge", Raise(TimeoutError))
        def test_escaped():
            assert checkout() == "sorry"
            assert checkout() == "sorry"
            Gateway().pay()
        """,
    )
    done = inner.run()

    way = "raised in shop.payments:charge → passed Gateway.pay → "
    caught = "caught in shop/api.py:9 checkout (except Exception)"
    assert f"  {way}{caught}" in done.lines
    assert f"  {way}{caught} (2 times)" in done.lines
    assert f"  {way}escaped to the test" in done.lines
    assert done.results["test_caught"]["caught"] == ["shop/api.py:9 checkout"]
    assert done.results["test_escaped"]["caught"] == ["shop/api.py:9 checkout"]
    assert done.results["test_escaped"]["ways"] == [
        {"text": f"{way}{caught}", "end": "except", "errors": 2},
        {"text": f"{way}escaped to the test", "end": "escaped", "errors": 1},
    ]


def test_a_worker_that_dies_loses_only_its_own_results(shop):
    """A crashed worker is pytest's failure; what the others found is in the report."""
    shop.write(
        "test_crash.py",
        """
        import os, pytest, shop
        from pytest_chaos import Null

        @pytest.mark.chaos("shop:charge", Null)
        def test_crash():
            shop.charge()
            os._exit(3)
        """,
    )
    done = shop.run_apart("-n", "2", plugins=("xdist",))

    assert "worker 'gw" in done.text
    assert {"test_d[1]", "test_d[2]", "test_a_unreached"} <= done.verdicts.keys()
    assert "test_crash" not in done.verdicts


def test_collecting_keeps_the_report_of_the_last_run(shop):
    """``--collect-only`` runs nothing, so it overwrites nothing."""
    shop.write("old.json", "{}")
    done = shop.run("--collect-only", "--chaos-report=old.json", report=False)

    assert done.code == 0
    assert (shop.path / "old.json").read_text() == "{}"


def test_an_assertion_shows_the_function_and_not_our_wrapper(shop):
    """pytest's explanation of a failed assertion names what the author wrote."""
    text = shop.run("-k", "changed").text

    assert "where None = <function charge at 0x" in text
    assert "Wrapper" not in text


def test_a_wrong_injection_shows_the_line_of_the_test(shop):
    """The traceback of a mistake in ``chaos.inject`` ends in the test, and not inside pytest-chaos."""
    shop.write(
        "test_it.py",
        """
        from pytest_chaos import Null

        def test_it(chaos):
            chaos.inject("shop:chagre", Null)
        """,
    )
    done = shop.run()

    assert done.outcomes == {"failed": 1}
    assert "test_it.py:5: TargetError" in done.lines
    assert "Did you mean 'charge'?" in done.text
    assert not any("pytest_chaos/" in line for line in done.lines)


@pytest.mark.parametrize("wrong", ["def test_broken(:", "import nowhere_at_all"])
def test_nothing_is_said_to_be_gone_where_nothing_ran(shop, wrong):
    """A file that cannot be collected ends the session before any test could show what the baseline accepts."""
    shop.run("--chaos-write-baseline=known.json")
    shop.write("test_wrong.py", wrong + "\n")
    done = shop.run("--chaos-baseline=known.json")

    assert done.code == pytest.ExitCode.INTERRUPTED
    assert "did not occur" not in done.text


@pytest.mark.parametrize(("options", "is_whole"), [((), False), (("-v",), True)])
def test_what_is_printed_does_not_grow_with_the_session(inner, options, is_whole):
    """The table and the reasons of many runs are there with -v; findings and totals are there without it."""
    inner.write("shop.py", SHOP)
    inner.write(
        "test_it.py",
        """
        import pytest, shop

        def test_first():
            assert shop.charge() == "receipt"

        @pytest.mark.parametrize("number", range(30))
        def test_it(number, chaos):
            chaos.inject("shop:total", f"#{number + 2} null") if number % 2 else chaos.inject("shop:charge", "null")
            assert shop.charge() is not None
        """.replace('f"#{number + 2} null"', "pytest_chaos.Null, nth=number + 2")
        .replace('"null"', "pytest_chaos.Null")
        .replace("import pytest, shop", "import pytest, pytest_chaos, shop"),
    )
    lines = inner.run("--tb=no", *options).section("chaos")

    assert "1 finding fails:" in lines or any(line.endswith(" findings fail:") for line in lines)
    assert any(line.startswith("30 chaos runs of 30 tests in <time>: ") for line in lines)
    assert any("test_it[7]" in line and line.startswith("  inconclusive") for line in lines) == is_whole
    assert ("-v shows the table of all runs" in lines) != is_whole
    assert is_whole or len(lines) < 80


def test_nothing_of_a_traceback_is_printed_for_a_scenario_that_passes(inner):
    """What was found is told on the last screen; -rP shows the sections."""
    inner.write("shop.py", SHOP)
    inner.write("till.py", "import shop\n\ndef pay():\n    return shop.charge()\n")
    inner.write("test_it.py", "import till\n\ndef test_it():\n    assert till.pay() == 'receipt'\n")
    done = inner.run("--chaos-target=shop:charge", "--chaos-fault=null")

    assert done.code == 0
    assert any("changed: the test sees a different answer when shop:charge fails" in line for line in done.lines)
    assert not any(line.startswith(("E  ", ">  ", "run again: ")) for line in done.lines)
