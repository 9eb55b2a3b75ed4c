"""Runs that would never end: each ends, its verdict says who waits where for what, and the session goes on."""

from __future__ import annotations

import pytest

from pytest_chaos import compat

pytestmark = pytest.mark.skipif(not compat.CAN_PROVE_HANGS, reason="nothing can be proved on this system")

# The thread that dies of the fault is told by its own verdict.
QUIETLY = "-Wignore::pytest.PytestUnhandledThreadExceptionWarning"
JOBS = """
    import queue, threading

    def send(job):
        return job

    class Worker:
        def __init__(self):
            self.queue = queue.Queue()
            self.was_sent = threading.Event()
            threading.Thread(target=self.run, daemon=True, name="the worker").start()

        def run(self):
            while True:
                job = self.queue.get()
                try:
                    send(job)
                finally:
                    self.was_sent.set()
                self.queue.task_done()
"""

SYSTEM = """
    import threading

    _lock = threading.Lock()

    def fetch():
        return 1

    def work():
        _lock.acquire()
        answer = fetch()
        _lock.release()
        return answer
"""


def text_of(done, name):
    return "\n".join(evidence["text"] for evidence in done.results[name]["evidence"])


def test_a_fault_test_whose_body_waits_for_ever_is_hung(inner):
    inner.write("jobs.py", JOBS)
    inner.write(
        "test_it.py",
        """
        import jobs, pytest

        @pytest.mark.chaos("jobs:send = raise(OSError)")
        def test_it():
            worker = jobs.Worker()
            worker.queue.put(1)
            worker.queue.join()

        def test_more():
            pass
        """,
    )
    done = inner.run_apart(QUIETLY)

    assert done.outcomes == {"failed": 1, "passed": 1}
    assert done.verdicts == {"test_it": "hung"}
    assert "the body never ends: " in text_of(done, "test_it")
    assert "waiting: MainThread at test_it.py:8 in test_it, in queue.Queue.join" in text_of(done, "test_it")


@pytest.mark.parametrize("kind", ["fault", "explored"])
def test_a_teardown_that_waits_for_ever_is_hung_and_the_next_fixture_is_torn_down(inner, kind):
    marker = '@pytest.mark.chaos("jobs:send = raise(OSError)")' if kind == "fault" else ""
    inner.write("jobs.py", JOBS)
    inner.write(
        "test_it.py",
        f"""
        import jobs, pytest

        @pytest.fixture
        def outer():
            yield
            print("the outer fixture is torn down")

        @pytest.fixture
        def worker(outer):
            worker = jobs.Worker()
            yield worker
            worker.queue.join()

        {marker}
        def test_it(worker):
            worker.queue.put(1)
            worker.was_sent.wait(10)

        def test_more():
            pass
        """,
    )
    arguments = ["--chaos-target=jobs:send", "--chaos-fault=raise(OSError)"] if kind == "explored" else []
    done = inner.run_apart(QUIETLY, "-s", *arguments)

    assert "failed" in done.outcomes and "errors" not in done.outcomes
    hung = [result for result in done.document["results"] if result["verdict"] == "hung"]
    assert [result["test"] for result in hung] == ["test_it.py::test_it"]
    assert hung[0]["evidence"][0]["text"].startswith("the teardown never ends: ")
    assert "in worker, in queue.Queue.join" in hung[0]["evidence"][0]["text"]
    assert done.text.count("the outer fixture is torn down") >= 1


def test_the_teardown_of_a_test_case_that_waits_for_ever_is_hung(inner):
    inner.write("jobs.py", JOBS)
    inner.write(
        "test_it.py",
        """
        import jobs, pytest, unittest

        class TestIt(unittest.TestCase):
            def setUp(self):
                self.worker = jobs.Worker()

            def tearDown(self):
                self.worker.queue.join()

            @pytest.mark.chaos("jobs:send = raise(OSError)")
            def test_it(self):
                self.worker.queue.put(1)
                self.worker.was_sent.wait(10)
        """,
    )
    done = inner.run_apart(QUIETLY)

    assert done.verdicts == {"test_it": "hung"}
    assert "the setUp or tearDown never ends: " in text_of(done, "test_it")


def test_a_pool_that_a_held_lock_blocks_freezes_neither_the_probe_nor_its_teardown(inner):
    inner.write("system.py", SYSTEM)
    inner.write(
        "test_it.py",
        """
        from concurrent.futures import ThreadPoolExecutor
        import pytest, system

        @pytest.fixture
        def pool():
            with ThreadPoolExecutor(1) as pool:
                yield pool

        def test_it(pool):
            assert pool.submit(system.work).result() == 1

        def test_ordinary_that_waits_for_the_same_lock():
            assert system.work() == 1
        """,
    )
    done = inner.run_apart("--chaos-target=system:fetch", "--chaos-fault=raise(OSError)", "--chaos-scope=test")

    assert set(done.scenarios.values()) == {"leaked", "not recovered"}
    told = {result["verdict"]: str(result["evidence"]) for result in done.document["results"]}
    assert "held lock _lock made at system.py:4 in <module>" in told["leaked"]
    assert "held: lock _lock, made at system.py:4 in <module>" in told["not recovered"]
    assert "the teardown never ends" in told["not recovered"]


def test_an_ordinary_test_that_waits_for_what_a_fault_has_left_is_ended_and_says_why(inner):
    """And the thread that it leaves does not hold the end of the run."""
    inner.write("system.py", SYSTEM)
    inner.write(
        "test_it.py",
        """
        from concurrent.futures import ThreadPoolExecutor
        import pytest, system

        @pytest.mark.chaos("system:fetch = raise(OSError)")
        def test_disturbed():
            system.work()

        def test_ordinary():
            system.work()

        def test_ordinary_with_a_pool():
            ThreadPoolExecutor(1).submit(system.work).result()

        def test_more():
            pass
        """,
    )
    done = inner.run_apart()

    assert done.outcomes == {"failed": 3, "passed": 1}
    assert "WaitEnded: chaos: the body never ends: nothing else runs that could end it" in done.text
    assert "the last fault in this process acted on test_it.py::test_disturbed" in done.text


def test_tasks_that_wait_for_one_another_are_told_beside_a_server(inner):
    inner.write(
        "work.py",
        """
        import asyncio

        async def fetch():
            return 1

        async def work(queue):
            while True:
                await queue.get()
                try:
                    await fetch()
                except Exception:
                    continue
                queue.task_done()

        async def run():
            queue = asyncio.Queue()
            queue.put_nowait(1)
            task = asyncio.create_task(work(queue))
            await queue.join()
            task.cancel()
        """,
    )
    inner.write(
        "test_it.py",
        """
        import asyncio, pytest, socketserver, threading, work

        @pytest.fixture(scope="session", autouse=True)
        def server():
            with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
                thread = threading.Thread(target=server.serve_forever, args=(0.05,))
                thread.start()
                yield
                server.shutdown()
                thread.join()

        def test_it():
            asyncio.run(work.run())
        """,
    )
    done = inner.run_apart("--chaos-target=work:fetch", "--chaos-fault=raise(OSError)")

    hung = [result for result in done.document["results"] if result["verdict"] == "hung"]
    assert len(hung) == 1
    text = hung[0]["evidence"][0]["text"]
    assert "every thread and task is waiting for another, with no timeout; " in text
    assert "; the other threads only do background work" in text
    assert "at work.py:9 in work, in asyncio.queues.Queue.get" in text


def test_what_cannot_be_proved_is_ended_at_the_markers_limit(inner):
    inner.write("shop.py", "def pay(): return 1\n")
    inner.write(
        "test_it.py",
        """
        import contextlib, os, pytest, shop

        @pytest.mark.chaos("shop:pay = raise(OSError)", limit=0.5)
        def test_it():
            here, there = os.pipe()
            with contextlib.suppress(OSError):
                shop.pay()
            os.read(here, 1)
        """,
    )
    done = inner.run_apart()

    assert done.verdicts == {"test_it": "hung"}
    assert "the body stalled: no line of the project or the tests ran for 0.5 s" in text_of(done, "test_it")


@pytest.mark.parametrize(("marker", "value"), [("chaos('shop:pay = null', ", "0"), ("chaos_explore(", "'long'")])
def test_a_limit_that_is_no_time_is_refused(inner, marker, value):
    inner.write("shop.py", "def pay(): return 1\n")
    inner.write("test_it.py", f"import pytest\n\n@pytest.mark.{marker}limit={value})\ndef test_it(): pass\n")
    done = inner.run()

    assert done.code == 4
    assert "limit" in done.text and "marker at test_it.py:3" in done.text


def test_place_of_a_standstill_is_where_the_test_waits_and_not_an_idle_worker(inner):
    """Other threads wait too: for work that nobody gives them any more."""
    inner.write("bank.py", "def pay(): return 1\n")
    inner.write(
        "shop.py",
        """
        import bank, queue, threading

        class Till:
            def __init__(self):
                self.jobs, self.answers = queue.Queue(), queue.Queue()
                threading.Thread(target=self.works, daemon=True).start()

            def works(self):
                while True:
                    if not self.jobs.get():
                        return
                    try:
                        self.answers.put(bank.pay())
                    except OSError:
                        pass

            def sell(self):
                self.jobs.put(1)
                return self.answers.get()
        """,
    )
    inner.write(
        "test_it.py",
        """
        import shop

        def test_it():
            idle, till = shop.Till(), shop.Till()
            assert till.sell() == 1
            till.jobs.put(0)
            idle.jobs.put(0)
        """,
    )
    done = inner.run_apart("--chaos-target=bank:pay", "--chaos-fault=raise(OSError)")

    (found,) = [one for one in done.document["findings"] if one["fails"]]
    assert ("hung", "Till.sell") == (found["verdict"], found["place"].rpartition(" ")[2]), done.text


def test_ctrl_c_says_what_was_running_and_shows_what_was_found_so_far(inner):
    inner.write("dependency.py", "def pay(): return 1\ndef ship(): return 1\n")
    inner.write(
        "shop.py",
        """
        import dependency, pathlib, time

        def sell():
            dependency.pay()
            try:
                dependency.ship()
            except OSError:
                pathlib.Path("here").touch()
                while True:
                    time.sleep(0.01)
        """,
    )
    inner.write("test_it.py", "import shop\n\ndef test_it():\n    shop.sell()\n")
    code, output, _ = inner.interrupt(
        "--chaos-target=dependency:*", "--chaos-fault=raise(OSError)", until=inner.path / "here"
    )

    assert code == 2
    lines = output.splitlines()
    assert [line for line in lines if line.split()[:1] == ["escaped"] and "dependency:pay" in line]
    start = next(index for index, line in enumerate(lines) if line.startswith("interrupted in test_it.py::test_it"))
    assert "[chaos: dependency:ship raise OSError all]" in lines[start]
    assert lines[start + 1] == "  rules: dependency:ship = raise(OSError)"
    assert "waiting: MainThread at shop.py:" in lines[start + 2]


@pytest.mark.parametrize(
    ("marker", "body"),
    [
        ('@pytest.mark.chaos("system:fetch = 0%raise(OSError)")', "pass"),
        ('@pytest.mark.chaos("system:fetch = raise(OSError)")', 'pytest.skip("not today")'),
    ],
    ids=["no fault", "skipped"],
)
def test_a_teardown_that_is_ended_where_no_verdict_tells_of_it_is_an_error(inner, marker, body):
    inner.write("system.py", "def fetch(): return 1\n")
    inner.write(
        "test_it.py",
        f"""
        import pytest, system, threading

        @pytest.fixture
        def held():
            yield
            lock = threading.Lock()
            lock.acquire()
            lock.acquire()

        {marker}
        def test_it(held):
            {body}
        """,
    )
    done = inner.run_apart()

    assert done.outcomes.get("errors") == 1
    assert "WaitEnded: chaos: the teardown never ends: nothing else runs that could end it" in done.text


def test_a_near_markers_limit_wins(inner):
    inner.write("shop.py", "def pay(): return 1\n")
    inner.write(
        "test_it.py",
        """
        import os, pytest, shop

        @pytest.mark.chaos("shop:pay = raise(OSError)", limit=0.5)
        class TestIt:
            @pytest.mark.chaos("shop:pay = null", limit=30)
            def test_it(self):
                pytest.importorskip("chaos_is_read")
        """,
    )
    inner.write(
        "conftest.py",
        """
        from pytest_chaos.plugin.fault_test import SPECIFICATION

        def pytest_runtest_logreport(report): pass

        def pytest_runtest_setup(item):
            print("limit is", item.stash[SPECIFICATION].limit_s)
        """,
    )
    done = inner.run("-s")

    assert "limit is 30" in done.text


def test_a_wider_fixture_that_waits_for_ever_once_the_last_test_is_over_is_ended(inner):
    """Its teardown belongs to an ordinary test, and no verdict has failed."""
    inner.write(
        "jobs.py",
        """
        import queue, threading

        def send(job):
            return job

        class Worker:
            def __init__(self):
                self.queue = queue.Queue()
                self.was_sent = threading.Event()
                threading.Thread(target=self.run, daemon=True).start()

            def run(self):
                while True:
                    job = self.queue.get()
                    try:
                        send(job)
                        self.queue.task_done()
                    except OSError:
                        pass
                    self.was_sent.set()
        """,
    )
    inner.write(
        "test_it.py",
        """
        import jobs, pytest

        @pytest.fixture(scope="module")
        def worker():
            worker = jobs.Worker()
            yield worker
            worker.queue.join()

        @pytest.mark.chaos("jobs:send = raise(OSError)")
        def test_disturbed(worker):
            worker.queue.put(1)
            worker.was_sent.wait(10)

        def test_ordinary(worker):
            pass
        """,
    )
    done = inner.run_apart()

    assert done.verdicts == {"test_disturbed": "resilient"}
    assert done.outcomes == {"passed": 2, "errors": 1}
    assert "WaitEnded: chaos: the teardown never ends" in done.text
    assert "the last fault in this process acted on test_it.py::test_disturbed" in done.text


def test_nobody_is_ended_at_the_prompt_of_a_debugger(inner):
    inner.write("shop.py", "def pay(): return 1\n")
    inner.write(
        "test_it.py",
        """
        import pytest, shop, time

        @pytest.mark.chaos("shop:pay = null", limit=0.3)
        def test_it(pytestconfig):
            shop.pay()
            pytestconfig.hook.pytest_enter_pdb(config=pytestconfig, pdb=None)
            time.sleep(1)  # the user reads
            pytestconfig.hook.pytest_leave_pdb(config=pytestconfig, pdb=None)
        """,
    )
    done = inner.run()

    assert done.verdicts == {"test_it": "resilient"}


def test_runs_of_one_fault_test_with_several_seeds_are_looked_after_after_a_fault(inner):
    """They run inside of the protocol of their test, which is looked after too."""
    inner.write("shop.py", "def pay(): return 1\n")
    inner.write(
        "test_it.py",
        """
        import pytest, shop

        @pytest.mark.chaos("shop:pay = null")
        def test_first(): shop.pay()

        @pytest.mark.chaos("shop:pay = 50%null")
        def test_second():
            for _ in range(20): shop.pay()
        """,
    )
    done = inner.run("--chaos-runs=3")

    assert {"passed": 4} == done.outcomes
