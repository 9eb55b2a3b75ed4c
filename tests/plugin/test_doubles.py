"""Mocks and stubs that tests put in names: what stands there when the body begins is what is called, and it is told."""

from __future__ import annotations

import os

import pytest

SYSTEM = """
    import os
    import bank

    def remove(path):
        os.unlink(path)

    def price():
        return 3 * bank.rate()
"""
BANK = """
    def rate():
        raise RuntimeError("never call the real bank from tests")
"""
LATE = "--chaos-fault=raise(TimeoutError)"


@pytest.fixture
def project(inner):
    inner.write("system.py", SYSTEM)
    inner.write("bank.py", BANK)
    return inner


def by_fixtures(scope: str) -> str:
    return f"""
    import pytest
    import system
    from unittest import mock

    @pytest.fixture(scope="session")
    def victim(tmp_path_factory):
        path = tmp_path_factory.mktemp("victim") / "precious"
        path.write_text("x")
        return path

    @pytest.fixture(scope="{scope}")
    def no_deletes(victim):
        with mock.patch("os.unlink") as unlink:
            yield unlink

    @pytest.fixture(scope="{scope}")
    def no_bank():
        with mock.patch("bank.rate", return_value=2) as rate:
            yield rate

    def test_delete(no_deletes, victim):
        system.remove(str(victim))
        assert no_deletes.called and victim.exists()

    def test_price(no_bank):
        assert system.price() == 6
    """


@pytest.mark.parametrize("scope", ["function", "module", "session"])
def test_an_explored_test_meets_its_fixtures_mocks_in_every_run(project, scope):
    """Behind the mock a real file would be deleted, in the plain run already."""
    unlink = os.unlink
    project.write("test_it.py", by_fixtures(scope))
    done = project.run("--chaos-target=os:unlink", "--chaos-target=bank:rate", LATE)

    assert done.outcomes == {"passed": 6}
    assert done.scenarios == {
        "test_delete[chaos: os:unlink raise TimeoutError all]": "escaped",
        "test_delete[chaos: recovery]": "resilient",
        "test_price[chaos: bank:rate raise TimeoutError all]": "escaped",
        "test_price[chaos: recovery]": "resilient",
    }
    assert os.unlink is unlink


def test_the_mocks_of_setUp_are_met_too(project):
    project.write(
        "test_it.py",
        """
        import system, unittest
        from unittest import mock

        class TestIt(unittest.TestCase):
            def setUp(self):
                for name, value in (("bank.rate", 2), ("os.unlink", None)):
                    patch = mock.patch(name, return_value=value)
                    patch.start()
                    self.addCleanup(patch.stop)

            def test_it(self):
                system.remove("no such file")
                self.assertEqual(system.price(), 6)
        """,
    )
    done = project.run("--chaos-target=os:unlink", "--chaos-target=bank:rate", LATE)

    assert {name: verdict for name, verdict in done.scenarios.items() if "recovery" not in name} == {
        "TestIt::test_it[chaos: os:unlink raise TimeoutError all]": "escaped",
        "TestIt::test_it[chaos: bank:rate raise TimeoutError all]": "escaped",
    }


def test_a_rule_for_ordinary_tests_meets_the_double(project):
    project.write("test_it.py", by_fixtures("function"))
    done = project.run("--chaos-rule=os:unlink = raise(TimeoutError)", "-k", "test_delete")

    assert done.scenarios["test_delete[chaos: os:unlink raise TimeoutError]"] == "escaped"


def test_it_is_told_where_a_rule_met_a_double(project):
    project.write(
        "test_it.py",
        """
        import pytest, system
        from pytest_chaos import Raise
        from unittest import mock

        @pytest.fixture
        def no_deletes():
            with mock.patch("os.unlink") as unlink:
                yield unlink

        def fake_rate():
            return 2

        @pytest.mark.chaos("os:unlink", Raise(OSError))
        def test_mock(no_deletes):
            system.remove("no such file")

        @pytest.fixture
        def stub(monkeypatch):
            monkeypatch.setattr("bank.rate", fake_rate)

        @pytest.mark.chaos("bank:rate", Raise(OSError))
        def test_stub(stub):
            system.price()
        """,
    )
    done = project.run()

    assert {name: result["rules"][0]["doubles"] for name, result in done.results.items()} == {
        "test_mock": [{"point": "os:unlink", "what": "MagicMock", "place": ""}],
        "test_stub": [{"point": "bank:rate", "what": "fake_rate", "place": "test_it.py:11"}],
    }
    assert [rule["doubles"] for rule in done.document["rules"]] == [
        [{"point": "bank:rate", "what": "fake_rate", "place": "test_it.py:11"}],
        [{"point": "os:unlink", "what": "MagicMock", "place": ""}],
    ]
    assert "  test double: os:unlink is MagicMock" in done.lines
    assert [line for line in done.section("chaos") if line.startswith("test double: ")] == [
        "test double: bank:rate is fake_rate (test_it.py:11)",
        "test double: os:unlink is MagicMock",
    ]


def test_it_is_told_that_a_body_put_a_double_over_a_rule(project):
    """By hand, of which nobody tells: then the rule never fires, and that is why."""
    project.write(
        "test_it.py",
        """
        import os
        import bank, pytest, system
        from pytest_chaos import Raise

        @pytest.fixture
        def by_hand():
            rate, unlink = bank.rate, os.unlink
            yield
            bank.rate, os.unlink = rate, unlink

        @pytest.mark.chaos("bank:rate", Raise(OSError))
        @pytest.mark.chaos("os:unlink", Raise(OSError))
        def test_it(by_hand):
            bank.rate = lambda: 2
            os.unlink = print
            assert system.price() == 6
            system.remove("no such file")
        """,
    )
    done = project.run()

    assert done.only["verdict"] == "inconclusive"
    assert {rule["target"]: rule["doubles"] for rule in done.only["rules"]} == {
        "bank:rate": [{"point": "bank:rate", "what": "test_it.<locals>.<lambda>", "place": "test_it.py:15"}],
        "os:unlink": [{"point": "os:unlink", "what": "print", "place": ""}],
    }


BODIES = """
    from unittest import mock

    import bank
    import system

    def test_patch():
        with mock.patch("bank.rate", return_value=2) as rate:
            assert system.price() == 6
        rate.assert_called_once_with()

    @mock.patch("bank.rate", return_value=2)
    def test_decorator(rate):
        assert system.price() == 6
        bank.rate.assert_called_once_with()

    def test_monkeypatch(monkeypatch):
        monkeypatch.setattr(bank, "rate", lambda: 2)
        assert system.price() == 6
"""


@pytest.mark.parametrize("target", ["bank:rate", "bank:*"])
def test_what_the_bodies_of_explored_tests_replace_fails_in_its_place(project, target):
    """The dependency itself is never called, and the double raises what that says it can raise."""
    project.write("test_it.py", BODIES)
    done = project.run(f"--chaos-target={target}", "--chaos-scope=test", "--chaos-fault=raise(RuntimeError)")

    tests = ("test_patch", "test_decorator", "test_monkeypatch")
    assert done.outcomes == {"passed": 9}
    assert done.scenarios == {
        f"{test}[chaos: {label}]": verdict
        for test in tests
        for label, verdict in (("bank:rate raise RuntimeError all", "escaped"), ("recovery", "resilient"))
    }
    assert [line for line in done.section("chaos") if line.startswith("test double: ")] == [
        "test double: bank:rate is MagicMock",
        "test double: bank:rate is test_monkeypatch.<locals>.<lambda> (test_it.py:18)",
    ]


def test_a_fault_test_may_replace_what_it_disturbs_in_its_body(project):
    project.write(
        "test_it.py",
        """
        import bank, pytest, system
        from pytest_chaos import Raise

        @pytest.mark.chaos("bank:rate", Raise(OSError), nth=2)
        def test_it(monkeypatch, mocked):
            assert system.price() == 9
            mocked.undo()
            monkeypatch.setattr(bank, "rate", lambda: 2)
            with pytest.raises(OSError):
                system.price()
            assert system.price() == 6

        @pytest.fixture
        def mocked():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(bank, "rate", lambda: 3)
                yield patch
        """,
    )
    done = project.run()

    assert (done.only["verdict"], done.only["calls"], done.only["activations"]) == ("resilient", 3, 1)
    assert [double["place"] for double in done.only["rules"][0]["doubles"]] == ["test_it.py:17", "test_it.py:9"]


def test_no_double_is_told_of_where_there_is_none(project):
    project.write(
        "test_it.py",
        """
        import pytest, system
        from pytest_chaos import Raise

        @pytest.mark.chaos("os:unlink", Raise(OSError))
        @pytest.mark.chaos("system:remove", Raise(OSError), nth=2)
        def test_it():
            with pytest.raises(OSError):
                system.remove("no such file")
        """,
    )
    done = project.run()

    assert [rule["doubles"] for rule in done.only["rules"]] == [[], []]
    assert "test double" not in done.text


def test_a_mock_that_a_body_starts_and_the_session_ends_puts_nothing_of_ours_back(project):
    """It found our stand-in, and puts that back when nobody of ours stands there any more."""
    unlink = os.unlink
    project.write(
        "test_it.py",
        """
        import os, pytest, system
        from pytest_chaos import Raise
        from unittest import mock

        @pytest.fixture(scope="session")
        def patches():
            found = []
            yield found
            for patch in found:
                patch.stop()

        @pytest.mark.chaos("os:unlink", Raise(OSError))
        def test_starts(patches):
            with pytest.raises(OSError, match="injected"):
                os.unlink("no such file")
            patches.append(mock.patch("os.unlink", return_value="mocked"))
            patches[0].start()

        def test_stands():
            assert os.unlink("no such file") == "mocked"
        """,
    )
    done = project.run("-p", "no:randomly")

    assert done.outcomes == {"passed": 2}
    assert os.unlink is unlink


NEVER = "--chaos-rule=bank:* = #100 raise(TimeoutError)"


def test_a_mock_that_a_fixture_puts_there_in_one_run_only_is_called_in_that_run(project):
    """The runs of a test share what they are watched at; what stands in a name is what is called all the same."""
    project.write("bank.py", "def rate():\n    return 1\n")
    project.write(
        "test_it.py",
        """
        import pytest
        import system
        from unittest import mock

        runs = []

        @pytest.fixture
        def rate():
            runs.append(1)
            if len(runs) != 2:  # the plain run, and the recovery run
                yield 1
                return
            with mock.patch("bank.rate", return_value=2) as double:
                yield 2
            assert double.call_count == 1

        def test_price(rate):
            assert system.price() == 3 * rate
            assert len(runs) < 4
        """,
    )
    done = project.run(NEVER)

    assert done.outcomes == {"passed": 3}
    assert {one["kind"]: (one["verdict"], one["calls"]) for one in done.document["results"]} == {
        "explored": ("inconclusive", 1),
        "recovery": ("resilient", 0),
    }


def test_a_module_that_each_body_loads_again_is_met_in_each_run(project):
    project.write("bank.py", "def rate():\n    return 1\n")
    project.write(
        "test_it.py",
        """
        import importlib
        import bank, system

        def test_price():
            assert system.price() == 3
            importlib.reload(bank)
        """,
    )
    done = project.run(NEVER)

    assert done.outcomes == {"passed": 3}
    assert {one["kind"]: (one["verdict"], one["calls"]) for one in done.document["results"]} == {
        "explored": ("inconclusive", 1),
        "recovery": ("resilient", 0),
    }


# --- what a sweep tries in front of them


def faults_of(done) -> set[str]:
    return {rule["fault"] for one in done.document["results"] if one["kind"] == "explored" for rule in one["rules"]}


@pytest.mark.parametrize(
    ("target", "faults"),
    [
        ("bank:rate", {"raise(RuntimeError)", "hang"}),
        ("bank:*", {"raise(RuntimeError)"}),
        ("ban*:*", {"raise(RuntimeError)"}),
    ],
)
def test_a_double_meets_what_it_stands_for_raises_and_hangs_where_it_is_named(project, target, faults):
    project.write("test_it.py", BODIES)
    done = project.run(f"--chaos-target={target}")

    assert faults_of(done) == faults
    assert "no test reached a target" not in done.text


def test_a_clock_that_is_replaced_meets_nothing(project):
    project.write("clock.py", "import time\n\ndef now():\n    return time.time()\n")
    project.write("system.py", "import clock\n\ndef is_late():\n    return clock.now() > 5\n")
    project.write(
        "test_it.py",
        """
        import clock, system

        def test_it(monkeypatch):
            monkeypatch.setattr(clock, "now", lambda: 7)
            assert system.is_late()
        """,
    )
    done = project.run("--chaos-target=clock:*")

    assert faults_of(done) == set()
    assert done.outcomes == {"passed": 1}


@pytest.mark.parametrize("arguments", [(), ("--chaos-target=s*:*",)], ids=["nothing named", "package"])
def test_the_double_of_a_boundary_is_met_as_that_boundary(project, arguments):
    """And it does not hang, for what it was given limits no call."""
    project.write(
        "system.py",
        """
        import urllib.request

        def price():
            with urllib.request.urlopen("http://bank.invalid/rate") as answer:
                return 3 * int(answer.read())
        """,
    )
    project.write(
        "test_it.py",
        """
        import io
        from unittest import mock

        import system

        def test_it():
            with mock.patch("urllib.request.urlopen", return_value=io.BytesIO(b"2")):
                assert system.price() == 6
        """,
    )
    project.sweeps = True
    done = project.run(*arguments)

    assert faults_of(done) == {"raise(urllib.error:URLError, 'connection refused')"}
    assert [line for line in done.section("chaos") if line.startswith("test double: ")] == [
        "test double: urllib.request:urlopen is MagicMock"
    ]


@pytest.mark.parametrize("where", ["body", "fixture", "body, after a call"])
def test_a_function_that_is_replaced_is_a_boundary_in_a_sweep_of_its_package(project, where):
    """It raises nothing by itself; who calls it asks for an error by name. What is not replaced meets nothing."""
    project.write("shop/__init__.py", "")
    project.write("shop/bank.py", "def rate():\n    return 1\n\ndef fee():\n    return 1\n")
    project.write(
        "shop/desk.py",
        """
        from shop import bank

        def price():
            try:
                return 3 * bank.rate() + bank.fee()
            except LookupError:
                return 0
        """,
    )
    project.write(
        "test_it.py",
        f"""
        import pytest
        from shop import desk

        def replace(monkeypatch):
            monkeypatch.setattr("shop.bank.rate", lambda: 2)

        @pytest.fixture
        def replaced(monkeypatch):
            if {where == "fixture"}:
                replace(monkeypatch)

        def test_it(replaced, monkeypatch):
            if {where == "body, after a call"}:
                assert desk.price() == 4
            if {where != "fixture"}:
                replace(monkeypatch)
            assert desk.price() == 7
        """,
    )
    done = project.run("--chaos-target=shop.**:*")

    assert {(rule["target"], rule["fault"]) for one in done.document["results"] for rule in one["rules"]} == (
        {("shop.bank:rate", "raise(LookupError)")} if where != "body, after a call" else set()
    )
