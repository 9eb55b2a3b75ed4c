"""The switch: what ``--chaos`` turns on, and that nothing at all happens without it."""

from __future__ import annotations

import pytest

SHOP = """
    def pay():
        return "paid"
"""

FAULT_TESTS = """
    import pytest
    import shop

    @pytest.fixture
    def outage(chaos):
        return chaos

    @pytest.mark.chaos("shop:pay = raise(TimeoutError)")
    def test_marked():
        with pytest.raises(TimeoutError):
            shop.pay()

    def test_own_argument(chaos):
        with chaos.inject("shop:pay = null"):
            assert shop.pay() is None

    def test_through_a_fixture(outage):
        with outage.inject("shop:pay = null"):
            assert shop.pay() is None

    @pytest.mark.usefixtures("outage")
    def test_uses_fixtures():
        assert shop.pay() == "paid"
"""


@pytest.fixture
def shop(inner):
    inner.write("shop.py", SHOP)
    return inner


def test_fault_tests_are_skipped_without_chaos(shop):
    """Marked tests and tests that ask for ``chaos``, directly or through a fixture, say what they need."""
    shop.write("test_it.py", FAULT_TESTS)

    done = shop.run("-rs", chaos=False)

    assert done.outcomes == {"skipped": 4}
    assert done.code == 0
    done.result.stdout.fnmatch_lines(["SKIPPED*needs --chaos"])


def test_fault_tests_run_with_chaos(shop):
    """The same tests run with the switch; one that only asks for the fixture and injects nothing just passes."""
    shop.write("test_it.py", FAULT_TESTS)

    done = shop.run()

    assert done.outcomes == {"passed": 4}
    assert done.verdicts == {
        "test_marked": "resilient",
        "test_own_argument": "resilient",
        "test_through_a_fixture": "resilient",
    }


def test_an_autouse_fixture_gets_an_inert_object(shop):
    """No suite vanishes because a conftest's autouse fixture asks for ``chaos``."""
    shop.write(
        "conftest.py",
        """
        import pytest

        @pytest.fixture(autouse=True)
        def outage(chaos):
            with chaos.inject("shop:pay", None) as injection:
                yield
            assert (injection.calls, injection.fired, injection.activations) == (0, 0, [])
            assert chaos.recovers(lambda: False) == 0
            assert chaos.calls("shop:pay") == 0
            assert chaos.journal == []
            chaos.lift()
        """,
    )
    shop.write(
        "test_it.py",
        """
        import shop

        def test_plain():
            assert shop.pay() == "paid"
        """,
    )

    done = shop.run(chaos=False)

    assert done.outcomes == {"passed": 1}


def test_other_markers_never_skip(shop):
    """``chaos_explore``, ``chaos_contract``, ``no_chaos`` and ``no_leaks`` do nothing without the switch."""
    shop.write(
        "test_it.py",
        """
        import pytest

        @pytest.mark.chaos_explore("shop:pay")
        def test_explored(): pass

        @pytest.mark.chaos_contract(status=[200])
        def test_contract(): pass

        @pytest.mark.no_chaos
        def test_never(): pass

        @pytest.mark.no_leaks
        def test_leaks(): pass
        """,
    )

    done = shop.run("--strict-markers", chaos=False)

    assert done.outcomes == {"passed": 4}


def test_the_ini_key_switches_on(shop):
    """``chaos = true`` does what ``--chaos`` does."""
    shop.write("test_it.py", FAULT_TESTS)
    shop.write("pytest.ini", "[pytest]\nchaos = true\n")

    done = shop.run(chaos=False)

    assert done.outcomes == {"passed": 4}
    done.result.stdout.fnmatch_lines(["chaos: on, seed 0, *"])


def test_require_makes_a_skip_an_error(shop):
    """CI asks for ``--chaos-require``: then nobody loses fault tests in silence."""
    shop.write("test_it.py", FAULT_TESTS)

    refused = shop.run("--chaos-require", chaos=False)
    granted = shop.run("--chaos-require")
    nothing_lost = shop.run("--chaos-require", "--ignore=test_it.py", chaos=False)

    assert refused.code == pytest.ExitCode.USAGE_ERROR
    assert "--chaos-require: 4 tests need --chaos and would be skipped; add --chaos" in refused.text
    assert granted.code == 0
    assert nothing_lost.code == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_path_after_the_switch_is_a_path(shop):
    """``pytest --chaos test_one.py`` runs that file, and no value is taken by the switch."""
    shop.write("test_one.py", "def test_one(): pass\n")
    shop.write("test_two.py", "def test_two(): pass\n")

    done = shop.run("-v", "--chaos", "test_one.py", chaos=False)

    assert done.outcomes == {"passed": 1}
    done.result.stdout.fnmatch_lines(["chaos: on, *", "test_one.py::test_one PASSED*"])


def test_strict_markers_config_and_warnings(shop):
    """The plugin registers all it uses, and warns of nothing."""
    shop.write("test_it.py", FAULT_TESTS)
    shop.write(
        "pyproject.toml",
        """
        [tool.pytest.ini_options]
        chaos_seed = 3
        chaos_hang_budget = 2
        chaos_packages = ["shop"]
        """,
    )
    strict = ("--strict-markers", "--strict-config", "-W", "error")

    assert shop.run(*strict).outcomes == {"passed": 4}
    assert shop.run(*strict, chaos=False).outcomes == {"skipped": 4}


def test_without_the_plugin_marker_lines_keep_a_suite_collecting(shop):
    """With ``-p no:chaos`` a strict suite runs once it registers the markers by hand."""
    shop.write(
        "pyproject.toml",
        """
        [tool.pytest.ini_options]
        markers = [
          "chaos: fault test", "chaos_explore: explored", "chaos_contract: promised",
          "no_chaos: never disturbed", "no_leaks: judged for leaks",
        ]
        """,
    )
    shop.write(
        "test_it.py",
        """
        import pytest
        from pytest_chaos import Raise
        import shop

        @pytest.mark.chaos("shop:pay", Raise(TimeoutError))
        @pytest.mark.chaos_contract(status=[200])
        def test_marked():
            assert shop.pay() == "paid"

        @pytest.mark.no_chaos
        def test_plain(): pass
        """,
    )

    result = shop.pytester.runpytest_subprocess("-p", "no:chaos", "--strict-markers", "--strict-config", "-W", "error")

    result.assert_outcomes(passed=2)


def test_beside_a_plugin_that_owns_the_switch(shop):
    """If another plugin owns ``--chaos``, the same flag switches ours on, and so does ``--pytest-chaos``.

    Its ``--chaos-seed`` is ours as well.
    """
    shop.write(
        "rival.py",
        """
        def pytest_addoption(parser):
            group = parser.getgroup("rival")
            group.addoption("--chaos", action="store_true")
            group.addoption("--chaos-seed", type=int, default=None)
        """,
    )
    shop.write("test_it.py", FAULT_TESTS)

    for flag in ("--chaos", "--pytest-chaos"):
        done = shop.pytester.runpytest_subprocess("-p", "rival", "-p", "chaos", flag, "--chaos-seed=7")
        done.assert_outcomes(passed=4)
        done.stdout.fnmatch_lines(["chaos: on, seed 7, *"])
    shop.pytester.runpytest_subprocess("-p", "rival", "-p", "chaos").assert_outcomes(skipped=4)


def test_foreign_markers_are_left_alone(shop):
    """Beside a plugin that owns ``--chaos``, markers we cannot read are its own: one warning, no error."""
    shop.write("rival.py", "def pytest_addoption(parser): parser.addoption('--chaos', action='store_true')\n")
    shop.write(
        "test_it.py",
        """
        import pytest

        @pytest.mark.chaos
        def test_bare(): pass

        @pytest.mark.chaos(latency_ms=200)
        def test_keywords(): pass
        """,
    )

    done = shop.pytester.runpytest_subprocess("-p", "rival", "-p", "chaos", "--chaos")

    done.assert_outcomes(passed=2, warnings=1)
    done.stdout.fnmatch_lines(
        ["*ignored chaos markers that belong to another plugin, the first on test_it.py::test_bare*"]
    )


def test_nothing_is_imported_without_the_switch(shop):
    """Who has pytest-chaos installed and does not use it pays for one small module, and nothing is patched."""
    shop.write(
        "test_it.py",
        """
        import sys
        import threading
        import asyncio.base_events

        def test_modules():
            ours = {name for name in sys.modules if name.startswith("pytest_chaos")}
            plugin = {"pytest_chaos.plugin", "pytest_chaos.plugin.entry"}
            assert ours == {"pytest_chaos", "pytest_chaos.hookspecs"} | plugin
            assert not {"wrapt", "faker"} & sys.modules.keys()

        def test_taps():
            assert threading.Thread.start.__code__.co_filename == threading.__file__
            loop = asyncio.base_events.BaseEventLoop
            assert loop.create_task.__code__.co_filename == asyncio.base_events.__file__
        """,
    )

    assert shop.run_apart(chaos=False).outcomes == {"passed": 2}


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--chaos-rule=shop:pay = hang", "--chaos-rule needs --chaos"),
        ("--chaos-suite=nightly", "--chaos-suite needs --chaos"),
    ],
)
def test_a_rule_without_the_switch_is_an_error(shop, option, text):
    """A rule that would disturb nothing is refused, for its author believes it does."""
    shop.write("test_it.py", "def test_one(): pass\n")

    done = shop.run(option, chaos=False)

    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert text in done.text


def test_the_fixture_is_asked_for_too_late(shop):
    """``getfixturevalue("chaos")`` in a test that is no fault test says why it cannot work, and what to do."""
    shop.write(
        "test_it.py",
        """
        def test_late(request):
            request.getfixturevalue("chaos")
        """,
    )

    on, off = shop.run("-rs"), shop.run("-rs", chaos=False)

    assert on.outcomes == {"failed": 1}
    assert "ask for the chaos fixture as an argument" in on.text
    assert off.outcomes == {"skipped": 1}
    assert "needs --chaos" in off.text


OWN_FIXTURE = """
    import pytest

    @pytest.fixture
    def chaos():
        return "mine"

    def test_own(chaos):
        assert chaos == "mine"

    class TestParameter:
        @pytest.mark.parametrize("chaos", [1, 2])
        def test_it(self, chaos):
            assert chaos in (1, 2)
"""


@pytest.mark.parametrize("switch", [True, False], ids=["on", "off"])
def test_somebody_elses_fixture_of_that_name(shop, switch):
    """A suite that has a fixture or parameter called ``chaos`` of its own loses no test."""
    shop.write("test_it.py", OWN_FIXTURE)

    assert shop.run(chaos=switch).outcomes == {"passed": 3}


def test_a_fixture_that_extends_ours(shop):
    """A fixture that overrides ``chaos`` and asks for it makes fault tests all the same."""
    shop.write(
        "test_it.py",
        """
        import pytest, shop

        @pytest.fixture
        def chaos(chaos):
            chaos.inject("shop:pay = null")
            return chaos

        def test_it(chaos):
            assert shop.pay() is None
        """,
    )

    assert shop.run().outcomes == {"passed": 1}
    assert shop.run(chaos=False).outcomes == {"skipped": 1}


@pytest.mark.parametrize("switch", [True, False], ids=["on", "off"])
def test_doctests_of_a_marked_module_run_plain(shop, switch):
    """A module's marker is for its test functions; a doctest has no body that could be disturbed."""
    shop.write(
        "test_it.py",
        """
        '''
        >>> import shop
        >>> shop.pay()
        'paid'
        '''
        import pytest, shop

        pytestmark = pytest.mark.chaos("shop:pay = null")

        def test_it():
            assert shop.pay() is None
        """,
    )

    done = shop.run("--doctest-modules", chaos=switch)

    assert done.outcomes == ({"passed": 2} if switch else {"passed": 1, "skipped": 1})


def test_with_plugins_loaded_as_usual(shop, monkeypatch):
    """With autoload, as everybody runs it, the plugin is there without ``-p``; with ``-p chaos`` it is there once."""
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    shop.write("test_it.py", FAULT_TESTS)
    shop.write("pytest.ini", "[pytest]\nasyncio_default_fixture_loop_scope = function\n")

    for words in (["--chaos"], ["-p", "chaos", "--chaos"]):
        result = shop.pytester.runpytest_subprocess(*words)
        result.assert_outcomes(passed=4)
    shop.pytester.runpytest_subprocess("-p", "no:chaos", "-k", "nothing").assert_outcomes(deselected=4)


def test_a_session_inside_the_process_of_another(shop):
    """State is a session's: pytest called twice in one process gives the same results twice."""
    shop.write("test_it.py", FAULT_TESTS)
    shop.write(
        "twice.py",
        """
        import pytest
        codes = [pytest.main(["-q", "-p", "chaos", "--chaos", "test_it.py"]) for _ in range(2)]
        off = pytest.main(["-q", "-p", "chaos", "test_it.py", "-rs"])
        print([int(code) for code in codes], int(off))
        """,
    )
    result = shop.pytester.runpython(shop.path / "twice.py")

    assert result.outlines[-1] == "[0, 0] 0"
    assert sum("needs --chaos" in line for line in result.outlines) >= 1
