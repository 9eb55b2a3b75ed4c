"""Leaks judged where nothing is disturbed: the marker, the ini key, wider fixtures, filters, and other runners."""

import pytest

SHOP = """
    import threading

    go_on = threading.Event()

    def poll():
        go_on.wait()

    def start(name="poller"):
        threading.Thread(target=poll, name=name).start()

    class Server:
        def __enter__(self):
            self.ended = threading.Event()
            self.thread = threading.Thread(target=self.serve, name="server")
            self.thread.start()
            return self

        def serve(self):
            self.ended.wait()

        def __exit__(self, *details):
            self.ended.set()
            self.thread.join()
"""
CONFTEST = """
    import shop

    def pytest_unconfigure():
        shop.go_on.set()
"""
STARTED = "started at shop.py:10 in start, by"


@pytest.fixture
def shop(inner):
    """A project whose threads end with the inner run."""
    inner.write("shop.py", SHOP)
    inner.write("conftest.py", CONFTEST)
    return inner


def messages(done):
    """Return the verdicts in the failures' texts."""
    return [line for line in done.lines if line.startswith("chaos: leaked:")]


# --- which tests


@pytest.mark.parametrize(
    ("source", "hooks"),
    [
        ("def test_it(): pass", []),
        ("def test_it(chaos): pass", ["pytest-chaos wider fixtures"]),
        (
            "import pytest\n@pytest.mark.no_leaks\ndef test_it(): pass",
            ["pytest-chaos leaks", "pytest-chaos wider fixtures"],
        ),
    ],
)
def test_who_judges_nothing_pays_nothing(shop, source, hooks):
    """The hooks are there only where something is judged."""
    shop.write("test_it.py", source)
    shop.write(
        "conftest.py",
        """
        def pytest_sessionfinish(session):
            names = [name for name, _ in session.config.pluginmanager.list_name_plugin()]
            found = sorted(name for name in names if name in ("pytest-chaos leaks", "pytest-chaos wider fixtures"))
            print("hooks:", found)
        """,
    )

    assert f"hooks: {hooks}" in shop.run("-s").text


LEVELS = """
    import pytest, shop
    from pytest_chaos import Null

    def test_ordinary():
        shop.start("ordinary")

    @pytest.mark.no_leaks
    def test_marked():
        shop.start("marked")

    @pytest.mark.no_leaks("off")
    def test_spared():
        shop.start("spared")

    @pytest.mark.no_leaks
    def test_clean():
        pass
"""


def failed(done):
    """Return the names of the tests that failed."""
    return {line.split("::")[1].split()[0] for line in done.lines if line.startswith("FAILED")}


def test_chaos_alone_never_reddens_an_undisturbed_test(shop):
    """The switch judges fault tests, and nothing else, unless it is asked to."""
    shop.write("test_it.py", "import shop\ndef test_it(): shop.start()\n")
    done = shop.run()

    assert done.outcomes == {"passed": 1}
    assert done.document["results"] == []


def test_the_marker_judges_its_test(shop):
    """A text that begins as every verdict does, with the maker, and the line that runs it again."""
    shop.write("test_it.py", LEVELS)
    done = shop.run()

    assert done.outcomes == {"failed": 1, "passed": 3}
    (message,) = messages(done)
    assert message == (f"chaos: leaked: thread 'marked' {STARTED} test_it.py::test_marked; now at shop.py:7 in poll")
    assert done.replay == "pytest --chaos --chaos-seed=0 test_it.py::test_marked"


def test_the_line_that_runs_it_again_does(shop):
    """It carries the level where only the command line had it."""
    shop.write("test_it.py", LEVELS)
    shop.write("conftest.py", CONFTEST.replace("unconfigure", "sessionfinish"))
    done = shop.run("-k", "ordinary", "-o", "chaos_leaks=on")

    assert done.replay == "pytest -o chaos_leaks=on --chaos --chaos-seed=0 test_it.py::test_ordinary"
    assert shop.again(done.replay).verdicts == {"test_ordinary": "leaked"}


@pytest.mark.parametrize("level", ["on", "strict"])
def test_the_key_judges_every_test(shop, level):
    """The marker can take one test out."""
    shop.write("test_it.py", LEVELS)

    assert failed(shop.run("-o", f"chaos_leaks={level}")) == {"test_ordinary", "test_marked"}


def test_without_the_switch_nothing_is_judged(shop):
    """Marker and key do nothing then."""
    shop.write("test_it.py", LEVELS)

    assert shop.run("-o", "chaos_leaks=strict", chaos=False).outcomes == {"passed": 4}


NOTE = """
    import asyncio, pytest, client

    @pytest.mark.no_leaks
    def test_noted():
        client.fetch()

    @pytest.mark.no_leaks("strict")
    def test_strict():
        client.fetch()
"""
CLIENT = """
    import asyncio

    async def forever():
        await asyncio.Event().wait()

    async def main():
        asyncio.get_running_loop().kept = asyncio.create_task(forever())
        await asyncio.sleep(0)

    def fetch():
        asyncio.run(main())
"""


def test_a_note_is_printed_and_fails_where_strict(shop):
    """What the project's own ``asyncio.run`` cancels is a note."""
    shop.write("client.py", CLIENT)
    shop.write("test_it.py", NOTE)
    done = shop.run("-rfP")

    assert failed(done) == {"test_strict"}
    assert done.verdicts == {"test_noted": "resilient", "test_strict": "leaked"}
    assert "cancelled by the project's own asyncio.run" in done.results["test_noted"]["evidence"][0]["text"]
    assert "leaks without faults: 2 tests checked; 1 failing, 1 with notes only" in done.lines
    assert failed(shop.run("-o", "chaos_leaks=strict")) == {"test_noted", "test_strict"}


def test_marker_and_fault_are_no_contradiction(shop):
    """The run of a fault test is judged by its contract; one in which nothing was injected, by the marker."""
    shop.write(
        "test_it.py",
        """
        import pytest, shop
        from pytest_chaos import Null

        @pytest.mark.no_leaks
        @pytest.mark.chaos("shop:Server", Null)
        def test_refused(): ...
        """,
    )
    assert shop.run().code == pytest.ExitCode.USAGE_ERROR
    shop.write(
        "test_it.py",
        """
        import pytest, shop
        from pytest_chaos import Null

        @pytest.mark.no_leaks
        @pytest.mark.chaos("shop:poll", Null)
        def test_disturbed():
            shop.poll()
            shop.go_on.clear()
            shop.threading.Thread(target=shop.go_on.wait).start()

        @pytest.mark.no_leaks
        def test_nothing_injected(chaos):
            shop.start()

        def test_not_asked(chaos):
            shop.start()

        @pytest.mark.no_chaos
        @pytest.mark.no_leaks
        @pytest.mark.chaos("shop:poll", Null)
        def test_never_disturbed():
            shop.start()
        """,
    )
    done = shop.run()

    assert failed(done) == {"test_disturbed", "test_nothing_injected", "test_never_disturbed"}
    assert {name: result["kind"] for name, result in done.results.items()} == {
        "test_disturbed": "fault",
        "test_nothing_injected": "session",
        "test_never_disturbed": "session",
    }
    assert "leaks without faults: 2 tests checked; 2 failing" in done.lines


def test_a_fault_test_is_judged_for_leaks_once_and_by_its_contract(shop):
    shop.write(
        "test_it.py",
        """
        import pytest, shop
        from pytest_chaos import Null

        @pytest.mark.chaos_contract(leaks="off")
        @pytest.mark.chaos("shop:poll", Null)
        def test_disturbed():
            shop.poll()
            shop.go_on.clear()
            shop.threading.Thread(target=shop.go_on.wait).start()
        """,
    )
    done = shop.run("-o", "chaos_leaks=on")

    assert {"passed": 1} == done.outcomes


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        ("no_leaks('strikt')", "marker at test_it.py:2: leaks must be 'off', 'on' or 'strict', got 'strikt'"),
        ("no_leaks(1, 2)", "marker at test_it.py:2: the marker no_leaks takes a level and nothing else"),
        ("no_leaks(kind='thread')", "marker at test_it.py:2: the marker no_leaks takes a level and nothing else"),
    ],
)
def test_a_wrong_marker_is_refused(shop, mark, words):
    """With its line, before anything runs."""
    shop.write("test_it.py", f"import pytest\n@pytest.mark.{mark}\ndef test_it(): pass\n")
    done = shop.run()

    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert words in done.text


def test_a_wrong_key_is_refused(shop):
    """With what was meant."""
    done = shop.run("-o", "chaos_leaks=strickt")

    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert "ini chaos_leaks: leaks must be 'off', 'on' or 'strict', got 'strickt'" in done.text
    assert "Did you mean 'strict'?" in done.text


# --- how it is told


def test_the_document_and_the_summary(shop):
    """A result for what leaked and none for what is clean; a line of the table; a count."""
    shop.write("test_it.py", LEVELS)
    done = shop.run()

    result = done.only
    assert (result["kind"], result["verdict"], result["fails"]) == ("session", "leaked", True)
    assert (result["scenario"], result["rules"], result["calls"]) == ("", [], 0)
    assert [one["kind"] for one in result["evidence"]] == ["thread"]
    assert done.document["summary"] == {"leaked": 1}
    words = [line.split() for line in done.section("chaos")]
    assert ["leaked", "-", "test_marked", "-", "none"] in words
    assert "leaks without faults: 2 tests checked; 1 failing" in done.lines
    assert not any("chaos run" in line for line in done.lines)


def test_a_failing_test_keeps_its_error(shop):
    """What it left is a section of its report."""
    shop.write(
        "test_it.py",
        """
        import pytest, shop
        pytestmark = pytest.mark.no_leaks

        def test_body():
            shop.start()
            assert 1 == 2

        @pytest.fixture
        def broken():
            shop.start()
            raise OSError("no room")

        def test_set_up(broken):
            pass

        @pytest.fixture
        def ends_badly():
            yield
            raise OSError("no way back")

        def test_teardown(ends_badly):
            shop.start()
        """,
    )
    done = shop.run()

    assert done.outcomes == {"failed": 1, "passed": 1, "errors": 2}
    assert "E       assert 1 == 2" in done.lines
    assert "E       OSError: no room" in done.lines
    assert len(messages(done)) == 3
    assert set(done.verdicts.values()) == {"leaked"}


def test_marks_of_pytest(shop):
    """A skipped test has no result; an xfail mark covers the verdict, and a strict one wants it."""
    shop.write(
        "test_it.py",
        """
        import pytest, shop
        pytestmark = pytest.mark.no_leaks

        def test_skipped():
            shop.start()
            pytest.skip("later")

        @pytest.mark.skip
        def test_never(): ...

        @pytest.mark.xfail(strict=True)
        def test_expected():
            shop.start()

        @pytest.mark.xfail(raises=OSError)
        def test_another():
            shop.start()

        @pytest.mark.xfail
        def test_fails_as_expected():
            shop.start()
            assert False

        @pytest.mark.xfail(strict=True)
        def test_not_as_expected(): ...

        @pytest.mark.parametrize("number", [1, pytest.param(2, marks=pytest.mark.xfail)])
        def test_each(number):
            shop.start()
        """,
    )
    done = shop.run()

    assert done.outcomes == {"skipped": 2, "xfailed": 3, "failed": 3}
    assert failed(done) == {"test_another", "test_not_as_expected", "test_each[1]"}
    assert set(done.results) == {
        "test_expected", "test_another", "test_fails_as_expected", "test_each[1]", "test_each[2]"
    }  # fmt: skip


def test_a_test_case(shop):
    """What setUp made and tearDown ended is not left."""
    shop.write(
        "test_it.py",
        """
        import pytest, shop, unittest

        @pytest.mark.no_leaks
        class TestIt(unittest.TestCase):
            def setUp(self):
                self.server = shop.Server()
                self.server.__enter__()

            def tearDown(self):
                self.server.__exit__()

            def test_clean(self):
                pass

            def test_leaks(self):
                shop.start()

            def test_subtests(self):
                for number in range(2):
                    with self.subTest(number):
                        shop.start(f"poller {number}")
        """,
    )
    done = shop.run()

    assert done.verdicts == {"test_leaks": "leaked", "test_subtests": "leaked"}
    assert len(done.results["test_subtests"]["evidence"]) == 2


def test_a_coroutine_test(shop):
    """The task that the test's loop would cancel without a word."""
    shop.write("client.py", CLIENT)
    shop.write(
        "test_it.py",
        """
        import pytest, client

        @pytest.mark.no_leaks
        @pytest.mark.asyncio
        async def test_leaks():
            await client.main()

        @pytest.mark.no_leaks
        @pytest.mark.asyncio
        async def test_clean():
            pass
        """,
    )
    done = shop.run(plugins=("asyncio",))

    assert done.verdicts == {"test_leaks": "leaked"}
    assert [one["kind"] for one in done.only["evidence"]] == ["task"]


def test_the_same_spread_over_workers(shop):
    """Results, counts and exit code are those of one process."""
    shop.write("test_it.py", LEVELS)
    serial = shop.run_apart()
    spread = shop.run_apart("-n", "2", plugins=("xdist",))

    assert spread.section("chaos") == serial.section("chaos")
    assert spread.document["summary"] == serial.document["summary"] == {"leaked": 1}
    assert spread.code == serial.code == 1


RERUNS = """
    import pytest, shop
    from _pytest.runner import runtestprotocol

    def pytest_unconfigure():
        shop.go_on.set()

    def pytest_runtest_protocol(item, nextitem):
        if item.get_closest_marker("again") is None:
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for left in (2, 1, 0):
            reports = runtestprotocol(item, nextitem=nextitem, log=False)
            for report in reports:
                if report.failed and left:
                    report.outcome = "rerun"
                    item.ihook.pytest_runtest_logreport(report=report)
                    break
                item.ihook.pytest_runtest_logreport(report=report)
            else:
                break
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def pytest_report_teststatus(report):
        return ("rerun", "R", "RERUN") if report.outcome == "rerun" else None

    def pytest_configure(config):
        config.addinivalue_line("markers", "again: run again until it passes")
"""


@pytest.fixture
def reruns(shop):
    """A plugin that runs failing tests again as pytest-rerunfailures does, loaded as an installed one is."""
    shop.write("again.py", RERUNS)
    shop.pytester.syspathinsert()
    return shop


def test_a_plugin_that_runs_tests_again(reruns):
    """Each attempt is judged; only the last one is a result."""
    reruns.write(
        "test_it.py",
        """
        import pytest, shop
        pytestmark = [pytest.mark.no_leaks, pytest.mark.again]
        attempts = []

        def test_once():
            attempts.append(1)
            if len(attempts) == 1:
                shop.start()

        def test_always():
            shop.start()

        def test_clean():
            pass
        """,
    )
    done = reruns.run("-p", "again")

    assert done.outcomes == {"failed": 1, "passed": 2, "rerun": 3}
    assert done.verdicts == {"test_always": "leaked"}


def test_a_plugin_that_tells_at_once(shop):
    """Where the body's report is told before the teardown, as flaky does it, the teardown's carries the verdict."""
    shop.write(
        "conftest.py",
        CONFTEST
        + """
    from _pytest import runner

    def pytest_runtest_protocol(item, nextitem):
        return runner.pytest_runtest_protocol(item, nextitem)
""",
    )
    shop.write("test_it.py", LEVELS)
    done = shop.run()

    assert done.outcomes == {"passed": 4, "errors": 1}
    assert done.verdicts == {"test_marked": "leaked"}


def test_what_fixtures_handed_out_is_let_go_before_it_is_judged(reruns):
    """Also where another plugin runs the test: an object that ends its thread when it is dropped is not left."""
    reruns.write(
        "test_it.py",
        """
        import pytest, shop, threading, weakref

        class Client:
            def __init__(self):
                ended = threading.Event()
                threading.Thread(target=ended.wait).start()
                weakref.finalize(self, ended.set)

        @pytest.fixture
        def client():
            return Client()

        @pytest.mark.no_leaks
        def test_here(client): ...

        @pytest.mark.again
        @pytest.mark.no_leaks
        def test_there(client): ...
        """,
    )

    assert reruns.run("-p", "again").outcomes == {"passed": 2}


# --- wider fixtures


@pytest.mark.parametrize("scope", ["class", "module", "package", "session"])
def test_a_wider_fixture_is_judged_when_it_ends(shop, scope):
    """Once, on the test that ends it, by name; what its thread starts for a test is its own."""
    shop.write(
        "test_it.py",
        f"""
        import pytest, shop

        @pytest.fixture(scope="{scope}")
        def forgetful():
            shop.start()

        @pytest.fixture(scope="{scope}")
        def server():
            with shop.Server() as server:
                yield server

        @pytest.mark.no_leaks
        class TestIt:
            def test_one(self, forgetful, server): ...
            def test_two(self, forgetful, server): ...
            def test_three(self): ...
        """,
    )
    done = shop.run()

    assert failed(done) == {"TestIt"}
    assert set(done.verdicts) == {"test_three"}
    (message,) = messages(done)
    assert f"{STARTED} the {scope} fixture 'forgetful'; now at" in message


def test_fixtures_of_one_name_are_two(shop):
    """In two modules, and once for each parameter."""
    for name in ("one", "two"):
        shop.write(
            f"test_{name}.py",
            f"""
            import pytest, shop

            @pytest.fixture(scope="module", params=["a", "b"])
            def service(request):
                shop.start("{name} " + request.param)

            @pytest.fixture(scope="session")
            def lasting():
                return None

            @pytest.mark.no_leaks
            def test_{name}(service, lasting): ...
            """,
        )
    done = shop.run()

    named = {name: [one["text"].split("'")[1] for one in result["evidence"]] for name, result in done.results.items()}
    # pytest ends the fixture of a parameter when the next one is set up.
    assert named == {"test_one[b]": ["one a", "one b"], "test_two[b]": ["two a", "two b"]}


ASYNC_SHOP = """
    import asyncio

    kept = []

    async def forever():
        await asyncio.Event().wait()

    def forget(name):
        kept.append(asyncio.create_task(forever(), name=name))

    class Server:
        async def __aenter__(self):
            self.calls, self.tasks = asyncio.Queue(), []
            self.tasks.append(asyncio.create_task(self.serve()))
            return self

        async def serve(self):
            while True:
                await self.calls.get()
                self.tasks.append(asyncio.create_task(forever()))

        async def __aexit__(self, *details):
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)
"""
ASYNC_TESTS = """
    import asyncio, pytest, clerks
    {imports}

    pytestmark = [pytest.mark.no_leaks, {mark}]

    @pytest.fixture(scope="module")
    def anyio_backend():
        return "asyncio"

    @{fixture}
    async def server({backend}):
        async with clerks.Server() as server:
            yield server

    @{fixture}
    async def forgetful({backend}):
        clerks.forget("of the fixture")

    async def test_calls(server, forgetful):
        server.calls.put_nowait("a call")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(server.tasks) == 2

    async def test_forgets(server):
        clerks.forget("of the test")

    async def test_clean(server):
        asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(asyncio.sleep(0)))
        await asyncio.sleep(0)
"""


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        (
            "asyncio",
            {
                "imports": "import pytest_asyncio",
                "mark": "pytest.mark.asyncio(loop_scope='module')",
                "fixture": "pytest_asyncio.fixture(scope='module', loop_scope='module')",
                "backend": "",
            },
        ),
        (
            "anyio",
            {
                "imports": "",
                "mark": "pytest.mark.anyio",
                "fixture": "pytest.fixture(scope='module')",
                "backend": "anyio_backend",
            },
        ),
    ],
)
def test_a_wider_fixture_with_tasks(inner, plugin, words):
    """What its task starts for a test is its own; what it forgets is told once, by its name."""
    inner.write("clerks.py", ASYNC_SHOP)
    inner.write("test_it.py", ASYNC_TESTS.format(**words))
    done = inner.run(plugins=(plugin,))

    told = {name: [one["text"].split("'")[1] for one in result["evidence"]] for name, result in done.results.items()}
    assert told == {"test_forgets": ["of the test"], "test_clean": ["of the fixture"]}


def test_a_wider_fixture_whose_own_loop_closes(inner):
    """Its tasks were there before the last test, and nobody else will look at them."""
    inner.write("clerks.py", ASYNC_SHOP)
    inner.write(
        "test_it.py",
        """
        import asyncio, pytest, clerks
        pytestmark = pytest.mark.no_leaks

        @pytest.fixture(scope="module")
        def runner():
            async def start():
                clerks.forget("of the fixture")

            with asyncio.Runner() as runner:
                runner.run(start())
                yield runner

        def test_one(runner): ...
        def test_two(runner): ...
        """,
    )
    done = inner.run()

    assert set(done.results) == {"test_two"}
    assert "by the module fixture 'runner'" in done.only["evidence"][0]["text"]


def test_files_of_a_wider_fixture(inner):
    """They are its own, and open until it ends."""
    inner.write(
        "test_it.py",
        """
        import pytest
        pytestmark = pytest.mark.no_leaks
        kept = []

        @pytest.fixture(scope="module")
        def tidy():
            with open(__file__) as file:
                yield file

        @pytest.fixture(scope="module")
        def untidy():
            kept.append(open(__file__))

        @pytest.fixture
        def dropped():
            return open(__file__)

        def test_one(tidy, untidy): ...
        def test_two(tidy): ...

        def test_three(tidy):
            pass

        @pytest.fixture(scope="session", autouse=True)
        def ends_last():
            yield
            for file in kept:
                file.close()
        """,
    )
    done = inner.run()

    (evidence,) = done.only["evidence"]
    assert (done.only["test"], evidence["kind"]) == ("test_it.py::test_three", "file-descriptor")
    assert "for the module fixture 'untidy'" in evidence["text"]


def test_a_fixture_that_an_undisturbed_test_ends_reddens_nothing(shop):
    """Only where the test that ends it is judged."""
    shop.write(
        "test_it.py",
        """
        import pytest, shop

        @pytest.fixture(scope="module")
        def forgetful():
            shop.start()

        @pytest.mark.no_leaks
        def test_judged(forgetful): ...

        def test_ordinary(forgetful): ...
        """,
    )

    assert shop.run().outcomes == {"passed": 2}


@pytest.mark.parametrize(("leaks", "outcomes"), [("on", {"passed": 1, "failed": 1}), ("off", {"passed": 2})])
def test_a_fault_test_tells_what_ends_with_it(shop, leaks, outcomes):
    """Where its contract judges leaks."""
    shop.write(
        "test_it.py",
        f"""
        import pytest, shop
        from pytest_chaos import Null

        @pytest.fixture(scope="module")
        def forgetful():
            shop.start()

        def test_ordinary(forgetful): ...

        @pytest.mark.chaos_contract(leaks="{leaks}")
        @pytest.mark.chaos("shop:start", Null)
        def test_disturbed(forgetful):
            shop.start()
        """,
    )
    done = shop.run()

    assert done.outcomes == outcomes
    assert done.only["kind"] == "fault"


def test_a_skipped_test_tells_what_ends_with_it(shop):
    """It has no result of its own, so it is an error of its teardown."""
    shop.write(
        "test_it.py",
        """
        import pytest, shop

        @pytest.fixture(scope="module")
        def forgetful():
            shop.start("of the fixture")

        pytestmark = pytest.mark.no_leaks

        def test_one(forgetful): ...

        def test_skipped():
            shop.start("of the test")
            pytest.skip("later")
        """,
    )
    done = shop.run()

    assert done.outcomes == {"passed": 1, "skipped": 1, "errors": 1}
    assert "'of the fixture'" in done.only["evidence"][0]["text"]


# --- filters


def table(keys):
    """Return a pyproject.toml with a table of filters."""
    return "[tool.pytest]\nminversion = '9.0'\n[tool.pytest_chaos.leaks]\n" + keys


@pytest.mark.parametrize(
    "keys",
    [
        "ignore_top = ['shop:poll']",
        "ignore_top = ['threading:*.wait']",
        "ignore_any = ['threading:Thread.run']",
        "ignore_any = ['sh*:p?ll']",
        "ignore_created_by = ['shop:start']",
    ],
)
def test_a_filter_takes_out_what_it_means(shop, keys):
    """By where a thing stands, by all functions around that, and by who made it."""
    shop.write("pyproject.toml", table(keys))
    shop.write("test_it.py", LEVELS)
    done = shop.run()

    assert done.outcomes == {"passed": 4}
    assert not any(line.startswith("matched nothing") for line in done.lines)


def test_a_filter_that_matches_nothing_is_reported(shop):
    """Serial and spread; where no leak was judged nothing is said."""
    keys = "ignore_top = ['shop:poll', 'shop:push']\nignore_any = ['shop:start']\nignore_created_by = ['sho:start']"
    shop.write("pyproject.toml", table(keys))
    shop.write("test_it.py", LEVELS)
    expected = [
        "matched nothing: ignore_top shop:push",
        "matched nothing: ignore_any shop:start",
        "matched nothing: ignore_created_by sho:start",
    ]

    def told(done):
        return [line for line in done.lines if line.startswith("matched nothing")]

    assert told(shop.run()) == expected
    assert told(shop.run_apart("-n", "2", plugins=("xdist",))) == expected
    assert told(shop.run("-k", "ordinary")) == []


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("ignore_tops = ['a:b']", ["unknown key 'ignore_tops'", "Did you mean 'ignore_top'"]),
        ("ignore_top = 'a:b'", ["it must be a list of strings, got 'a:b'"]),
        (
            "ignore_any = ['a:b', 'shop.work.poll']",
            ["ignore_any number 2: ", "  shop.work.poll\n                ^", "Did you mean 'shop.work:poll'?"],
        ),
        ("ignore_any = ['shop: poll']", ["  shop: poll\n       ^"]),
        ("ignore_any = ['redis/poll']", ["  redis/poll\n       ^", "Did you mean 'redis:poll'?"]),
        ("ignore_current = 'yes'", ["ignore_current must be true or false, got 'yes'"]),
    ],
)
def test_a_wrong_filter_is_refused(shop, keys, words):
    """With its place, a caret where it has a column, and what was meant."""
    shop.write("pyproject.toml", table(keys))
    done = shop.run()

    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert "[tool.pytest_chaos] in pyproject.toml, leaks" in done.text
    for part in words:
        assert part in done.text


def test_what_the_session_found_may_make_threads_later(shop):
    """``ignore_current`` gives threads that were there at the start, and theirs, to the session."""
    shop.write(
        "ticker.py",
        """
        import queue, shop, threading

        asked, answered = queue.Queue(), queue.Queue()

        def serve():
            while (name := asked.get()) is not None:
                shop.start(name)
                answered.put(name)

        thread = threading.Thread(target=serve)
        thread.start()

        def pytest_unconfigure():
            asked.put(None)
            thread.join()
        """,
    )
    shop.write(
        "test_it.py",
        """
        import pytest, shop, ticker

        @pytest.mark.no_leaks
        def test_asks():
            ticker.asked.put("of the ticker")
            ticker.answered.get()

        @pytest.mark.no_leaks
        def test_leaks():
            shop.start()
        """,
    )
    shop.pytester.syspathinsert()
    assert failed(shop.run("-p", "ticker")) == {"test_asks", "test_leaks"}
    for name in ("ticker", "shop"):
        __import__("sys").modules.pop(name, None)
    shop.write("pyproject.toml", table("ignore_current = true"))

    assert failed(shop.run("-p", "ticker")) == {"test_leaks"}
