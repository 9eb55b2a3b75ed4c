"""What scenarios leave behind in the process: who is to blame, what is not, and that the run goes on."""

from __future__ import annotations

import shlex

import pytest

LATE = "--chaos-fault=raise(TimeoutError)"
EACH = "--chaos-scope=test"
RECOVERY = "test_it[chaos: recovery]"
STOCK = "test_it[chaos: shop:stock raise TimeoutError all]"
CHARGE = "test_it[chaos: shop:charge raise TimeoutError all]"
TEST = """
    import shop

    def test_it():
        shop.look()
        assert shop.checkout() == "receipt"
"""
BEGINNING = """
    import logging

    log = logging.getLogger(__name__)

    def charge():
        return "receipt"

    def stock():
        return 3

    def look():
        try:
            return stock()
        except TimeoutError:
            log.warning("no stock")
"""

BREAKER = """
    is_open = False

    def checkout():
        global is_open
        if is_open:
            return "later"
        try:
            return charge()
        except TimeoutError:
            log.warning("the bank is late")
            is_open = True
            return "later"
"""
CACHE = """
    answers = {}

    def checkout():
        if "receipt" not in answers:
            try:
                answers["receipt"] = charge()
            except TimeoutError:
                log.warning("the bank is late")
                answers["receipt"] = None
        answer = answers["receipt"]
        if answer:
            del answers["receipt"]  # receipts are not kept
        return answer
"""
LEAK = """
    retries = 0

    def checkout():
        global retries
        for _ in range(retries):
            stock()
        try:
            return charge()
        except TimeoutError:
            log.warning("the bank is late")
            retries += 2
            return "receipt"
"""


def evidence(done, name: str) -> str:
    return "\n".join(one["text"] for one in done.by_id[name]["evidence"])


@pytest.mark.parametrize(
    ("system", "trouble"),
    [
        pytest.param(BREAKER, "the test fails with AssertionError: assert 'later' == 'receipt'", id="breaker"),
        pytest.param(CACHE, "the test fails with AssertionError: assert None == 'receipt'", id="cache"),
        pytest.param(LEAK, "calls shop:stock 2 times instead of 0", id="cost"),
    ],
)
def test_a_system_that_does_not_recover_is_found_and_its_scenario_blamed(inner, system, trouble):
    """The recovery run fails, or costs more than the plain run; a fresh process tells since when."""
    inner.write("shop.py", BEGINNING + system)
    inner.write("test_it.py", TEST)
    done = inner.run_apart("--chaos-target=shop:stock", "--chaos-target=shop:charge", LATE)

    assert done.code == 1
    assert (done.scenarios[RECOVERY], done.by_id[RECOVERY]["fails"]) == ("not recovered", True)
    assert "after shop:charge raise TimeoutError all, with all faults lifted, " in evidence(done, RECOVERY)
    assert trouble in evidence(done, RECOVERY)
    assert "in a fresh process it does not" in evidence(done, RECOVERY)
    assert done.scenarios[STOCK] == "resilient"


def test_a_scenario_is_blamed_whatever_the_strings_in_its_rule_hold(inner):
    """Marks that stand for what has no text, too: inside a string they are text."""
    inner.write("shop.py", BEGINNING + BREAKER)
    inner.write("test_it.py", TEST)
    done = inner.run_apart("--chaos-rule", "shop:charge = raise(TimeoutError, '‹late›')")

    assert done.scenarios[RECOVERY] == "not recovered"
    assert "after shop:charge raise TimeoutError, with all faults lifted, " in evidence(done, RECOVERY)


def test_what_a_polluted_process_shows_is_no_finding(inner):
    """A scenario that fails only because an earlier one left something behind is inconclusive."""
    inner.write(
        "shop.py",
        BEGINNING
        + """
    is_open = False

    def checkout():
        global is_open
        if is_open:
            raise RuntimeError("the breaker is open")
        try:
            return charge()
        except TimeoutError:
            log.warning("the bank is late")
            is_open = True
            return "receipt"
""",
    )
    inner.write(
        "test_it.py",
        TEST.replace("shop.look()\n        assert shop.checkout()", "assert shop.checkout()").replace(
            '"receipt"', '"receipt"\n        shop.look()'
        ),
    )
    done = inner.run_apart("--chaos-target=shop:charge", "--chaos-target=shop:stock", LATE)

    assert done.scenarios[CHARGE] == "resilient"
    assert (done.scenarios[STOCK], done.by_id[STOCK]["fails"]) == ("inconclusive", False)
    assert "this process has not recovered from an earlier scenario: shop:charge raise TimeoutError all" in evidence(
        done, STOCK
    )
    assert done.scenarios[RECOVERY] == "not recovered"


def test_a_polluted_process_ends_the_exploring_of_the_test(inner):
    """What could not be said any more is left out, and that is said."""
    inner.write("shop.py", BEGINNING + BREAKER)
    inner.write("test_it.py", TEST)
    done = inner.run_apart(
        "--chaos-target=shop:charge", LATE, "--chaos-fault=null", "--chaos-fault=raise(TimeoutError, 2)"
    )

    (line,) = [line for line in done.totals if line.startswith("left out")]
    assert line == "left out 1: the plain test no longer passes in this process (1)"


def test_a_later_test_that_fails_is_told_of_the_pollution(inner):
    """Its plain failure stays one; a section says why it may have failed."""
    inner.write("shop.py", BEGINNING + BREAKER)
    inner.write("test_it.py", TEST + "\n    def test_later():\n        assert shop.checkout() == 'receipt'\n")
    done = inner.run_apart("--chaos-target=shop:charge", LATE, EACH)

    assert "chaos: the process has not recovered from the faults in test_it.py::test_it; this may be why" in done.text
    assert done.outcomes["failed"] == 2


def test_where_the_suite_is_explored_once_no_plain_run_meets_pollution(inner):
    """All plain runs are over before the first fault."""
    inner.write("shop.py", BEGINNING + BREAKER)
    inner.write(
        "test_it.py",
        TEST + "\n    def test_later():\n        shop.look()\n        assert shop.checkout() == 'receipt'\n",
    )
    done = inner.run_apart("--chaos-target=shop:charge", LATE, "-v")

    assert done.shown[:2] == [("test_it", "PASSED"), ("test_later", "PASSED")]
    assert [verdict for name, verdict in done.scenarios.items() if "recovery" in name] == ["not recovered"]
    assert done.outcomes["failed"] == 1


SERVER = """
    import http.server
    import threading
    import urllib.error
    import urllib.request

    class Handler(http.server.BaseHTTPRequestHandler):
        is_broken = False

        def do_GET(self):
            if not Handler.is_broken:
                try:
                    charge()
                except TimeoutError:
                    log.warning("the bank is late")
                    Handler.is_broken = True
            self.send_response(503 if Handler.is_broken else 200)
            self.end_headers()

        def log_message(self, *args):
            pass

    def serve():
        Handler.is_broken = False
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        return server

    def ask(port):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code
"""


def test_a_server_of_the_whole_session_that_stays_broken_is_blamed(inner):
    """Faults reach its threads; it lives in a fixture that is set up once, so nothing resets it."""
    inner.write("shop.py", BEGINNING + SERVER)
    inner.write(
        "test_it.py",
        """
        import pytest, shop

        @pytest.fixture(scope="session")
        def port():
            server = shop.serve()
            yield server.server_address[1]
            server.shutdown()
            server.server_close()

        def test_it(port):
            shop.look()
            assert shop.ask(port) == 200
        """,
    )
    done = inner.run_apart("--chaos-target=shop:stock", "--chaos-target=shop:charge", LATE)

    assert done.scenarios[STOCK] == "resilient"
    assert done.by_id[CHARGE]["activations"] == 1
    assert done.scenarios[RECOVERY] == "not recovered"
    assert "after shop:charge raise TimeoutError all" in evidence(done, RECOVERY)


def test_a_test_that_remembers_by_itself_is_not_blamed_on_faults(inner):
    """A cache that is filled by the first run makes the second one cheaper, faults or not."""
    inner.write(
        "shop.py",
        """
        import functools

        def charge():
            return "receipt"

        @functools.cache
        def price():
            return charge()

        def checkout():
            return price()
        """,
    )
    inner.write("test_it.py", "import shop\n\ndef test_it():\n    assert shop.checkout()\n")
    done = inner.run_apart("--chaos-target=shop:charge", LATE)

    assert done.code == 0
    assert done.scenarios == {CHARGE: "escaped", RECOVERY: "resilient"}
    assert "only the first run in a process calls shop:charge" in evidence(done, CHARGE)


def test_a_test_that_fails_its_second_run_anyway_is_inconclusive(inner):
    """Where no fault ever acted it does the same, so nothing is said of faults."""
    inner.write("shop.py", "def charge():\n    return 1\n\ndef checkout():\n    return charge()\n")
    inner.write(
        "test_it.py",
        """
        import shop

        runs = []

        def test_it():
            shop.checkout()
            runs.append(1)
            assert len(runs) == 1
        """,
    )
    done = inner.run_apart("--chaos-target=shop:charge", LATE)

    assert (done.scenarios[RECOVERY], done.by_id[RECOVERY]["fails"]) == ("inconclusive", False)
    assert "unstable" in evidence(done, RECOVERY)
    assert done.code == 0


def test_calls_whose_number_varies_by_itself_are_no_trouble_of_the_faults(inner):
    """As of a socket that is read until an answer is whole; what is not so twice was not caused."""
    inner.write(
        "shop.py",
        """
        import itertools

        pieces = itertools.cycle([2, 2, 1, 2])

        def charge():
            return "receipt"

        def read():
            return ""

        def checkout():
            for _ in range(next(pieces)):
                read()
            try:
                return charge()
            except TimeoutError:
                return "later"
        """,
    )
    inner.write("test_it.py", "import shop\n\ndef test_it():\n    shop.checkout()\n")
    done = inner.run_apart("--chaos-target=shop:charge", "--chaos-target=shop:read", LATE, "--chaos-only=*charge*")

    assert (done.scenarios[RECOVERY], done.code) == ("inconclusive", 0)
    assert "calls shop:read once instead of 2, but not when it was run again" in evidence(done, RECOVERY)


def test_answer_that_arrives_in_fewer_pieces_later_is_as_it_was(inner):
    """How often a socket is read is chance, in the plain run as in any other."""
    inner.write(
        "shop.py",
        """
        import socket

        def ask(bank, more):
            answer = bank.recv(4)
            while len(answer) < 4:
                more()
                answer += bank.recv(4)
            return answer
        """,
    )
    inner.write(
        "test_it.py",
        """
        import itertools
        import socket

        import pytest
        import shop

        whole, halved = [b"paid"], [b"pa", b"id"]
        answers = itertools.cycle([halved, halved, whole, halved])

        @pytest.fixture
        def line():
            with socket.create_server(("127.0.0.1", 0)) as server:
                with socket.create_connection(server.getsockname(), timeout=5) as bank:
                    peer, _ = server.accept()
                    with peer:
                        yield bank, peer

        def test_it(line):
            bank, peer = line
            pieces = iter(next(answers))
            peer.sendall(next(pieces))
            assert shop.ask(bank, lambda: peer.sendall(next(pieces))) == b"paid"
        """,
    )
    done = inner.run_apart("--chaos-target=socket:socket.recv", "--chaos-max=1")

    assert (done.scenarios[RECOVERY], len(done.scenarios)) == ("resilient", 2)
    assert done.code == 0


def test_a_failure_that_does_not_come_again_is_inconclusive(inner):
    """Every failing verdict is confirmed by the same faults once more."""
    inner.write(
        "shop.py",
        """
        import itertools

        failures = itertools.count()

        def charge():
            return 1

        def checkout():
            try:
                return charge()
            except TimeoutError as error:
                if next(failures) == 0:
                    return {}["once"]
                return 2
        """,
    )
    inner.write("test_it.py", "import shop\n\ndef test_it():\n    shop.checkout()\n")
    done = inner.run_apart("--chaos-target=shop:charge", LATE)

    assert (done.scenarios[CHARGE], done.by_id[CHARGE]["fails"]) == ("inconclusive", False)
    assert "unstable: wrong error did not occur again" in evidence(done, CHARGE)
    assert done.code == 0


def test_a_lock_that_a_fault_leaves_held_does_not_freeze_the_run(inner):
    """The next run would wait for it for ever; it is proved that it does, and the run goes on."""
    inner.write(
        "shop.py",
        BEGINNING
        + """
    import threading

    lock = threading.Lock()

    def checkout():
        lock.acquire()
        answer = charge()
        lock.release()
        return answer
""",
    )
    inner.write("test_it.py", TEST + "\n    def test_more():\n        pass\n")
    done = inner.run_apart("--chaos-target=shop:stock", "--chaos-target=shop:charge", LATE, EACH, "-v")

    assert done.scenarios[CHARGE] == "leaked"
    assert done.by_id[CHARGE]["evidence"][0]["kind"] == "lock"
    assert done.scenarios[RECOVERY] == "not recovered"
    assert "the body never ends" in evidence(done, RECOVERY)
    assert "held: lock lock, made at shop.py:" in evidence(done, RECOVERY)
    assert done.shown[-1] == ("test_more", "PASSED")


def test_a_retry_without_a_cap_ends(inner):
    """The fault is lifted after a while, and the storm fails, for nothing there looks at a clock."""
    inner.write(
        "shop.py",
        """
        def charge():
            return "receipt"

        def checkout():
            while True:
                try:
                    return charge()
                except TimeoutError:
                    continue
        """,
    )
    inner.write(
        "test_it.py",
        """
        import pytest, shop

        def test_it():
            assert shop.checkout() == "receipt"

        @pytest.mark.chaos_contract(amplification=3)
        def test_budget():
            assert shop.checkout() == "receipt"
        """,
    )
    done = inner.run_apart("--chaos-target=shop:charge", LATE, EACH)

    assert (done.scenarios[CHARGE], done.by_id[CHARGE]["fails"]) == ("storm", True)
    assert "it retries without a limit" in evidence(done, CHARGE)
    budget = CHARGE.replace("test_it", "test_budget")
    assert (done.scenarios[budget], done.by_id[budget]["fails"]) == ("storm", True)
    assert "the contract allows 3" in evidence(done, budget)
    assert done.scenarios[RECOVERY] == "resilient"


def test_a_hang_is_swept_and_ends(inner):
    """A call without a timeout hangs for ever: hung; one that is bounded is resilient."""
    inner.write(
        "shop.py",
        """
        import queue
        import threading

        def charge():
            return "receipt"

        def checkout():
            return charge()

        def bounded():
            answers = queue.Queue()
            threading.Thread(target=lambda: answers.put(charge()), daemon=True).start()
            try:
                return answers.get(timeout=0.05)
            except queue.Empty:
                return "later"
        """,
    )
    inner.write(
        "test_it.py",
        """
        import shop

        def test_unbounded():
            assert shop.checkout() == "receipt"

        def test_bounded():
            assert shop.bounded()
        """,
    )
    done = inner.run_apart("--chaos-target=shop:charge", "--chaos-fault=hang")

    assert done.scenarios["test_unbounded[chaos: shop:charge hang all]"] == "hung"
    assert done.scenarios["test_bounded[chaos: shop:charge hang all]"] == "resilient"
    assert done.scenarios["test_bounded[chaos: recovery]"] == "resilient"


def test_ctrl_c_shows_what_is_known(inner):
    """The table of the runs that are over, and pytest's own exit code for an interrupt."""
    inner.write(
        "shop.py",
        """
        import pathlib
        import time

        def charge():
            return "receipt"

        def checkout():
            try:
                return charge()
            except TimeoutError:
                return "later"
            except OSError:
                pathlib.Path("reached").touch()
                time.sleep(60)  # longer than anybody waits
        """,
    )
    inner.write("test_it.py", "import shop\n\ndef test_it():\n    shop.checkout()\n")
    code, output, _ = inner.interrupt(
        "--chaos-target=shop:charge", LATE, "--chaos-fault=raise(OSError)", until=inner.path / "reached"
    )

    assert code == pytest.ExitCode.INTERRUPTED
    assert "resilient  1/1    test_it  shop:charge  raise(TimeoutError)" in output
    assert "explored 1 test: 2 keys" in output


def test_a_thread_that_a_fault_has_left_does_not_keep_the_run_from_ending(inner):
    """The interpreter would wait for it; what is registered for its end still runs."""
    inner.write(
        "shop.py",
        """
        import threading

        def connect(): return 1

        def work():
            stop = threading.Event()
            threading.Thread(target=stop.wait).start()
            connect()
            stop.set()
            return 1
        """,
    )
    inner.write(
        "test_it.py",
        """
        import atexit, pathlib, shop

        def test_it():
            atexit.register(pathlib.Path("ended").touch)
            assert shop.work() == 1
        """,
    )

    done = inner.run_apart("--chaos-target=shop:connect", "--chaos-fault=raise(OSError)")

    assert done.code == pytest.ExitCode.TESTS_FAILED
    assert [result["verdict"] for result in done.document["results"] if result["kind"] == "explored"] == ["leaked"]
    assert (done.path / "ended").exists()


def test_a_recovery_is_run_again_with_the_options_that_say_what_is_explored(inner):
    """As they were given, also those that choose and limit."""
    inner.write("shop.py", BEGINNING + BREAKER)
    inner.write("test_it.py", TEST)
    given = (LATE, EACH, "--chaos-max=5", "--chaos-target=shop:stock", "--chaos-target=shop:charge")
    done = inner.run_apart(*given)

    assert set(given) <= set(shlex.split(done.replay))
    again = inner.again(done.replay)
    assert (done.code, done.scenarios) == (again.code, again.scenarios)


def test_a_fresh_process_gets_the_files_that_options_of_other_plugins_name(inner):
    """Such a file is no test to run, and its option would be wrong without it."""
    inner.write("shop.py", BEGINNING + BREAKER)
    inner.write("test_it.py", TEST)
    inner.write("notes.txt", "")
    inner.write("conftest.py", 'def pytest_addoption(parser):\n    parser.addoption("--notes", required=True)\n')
    sweep = (LATE, "--chaos-target=shop:stock", "--chaos-target=shop:charge")

    for given in (("--notes", "notes.txt", "test_it.py"), ("test_it.py", "--notes", "notes.txt")):
        assert "in a fresh process it does not" in evidence(inner.run_apart(*sweep, *given), RECOVERY)


FIRES = "--chaos-rule=shop:stock = raise(TimeoutError)"
NEVER = "--chaos-rule=shop:stock = #100 raise(TimeoutError)"


@pytest.mark.parametrize(
    ("rules", "runs"), [((NEVER,), 3), ((FIRES, NEVER), 5)], ids=["before any fault", "after a fault"]
)
def test_a_rule_that_did_not_fire_lets_the_process_be_probed_only_if_a_fault_has_acted_in_it(inner, rules, runs):
    """The plain run, each scenario, the probe after the one that did not fire, and the recovery run."""
    inner.write("shop.py", BEGINNING)
    inner.write("counted.py", "runs = []\n")
    inner.write("test_it.py", "import counted, shop\n\ndef test_it():\n    counted.runs.append(shop.look())\n")
    inner.write("test_later.py", "import counted\n\ndef test_all():\n    print('runs:', len(counted.runs))\n")
    done = inner.run(*rules, "-s", "-p", "no:randomly")

    assert f"runs: {runs}\n" in done.text
    assert ("1 probe" in done.text) == (runs > 3)


@pytest.mark.parametrize("options", [["--chaos-target=shop:charge"], []], ids=["swept", "by itself"])
def test_tests_that_a_stopped_session_does_not_explore_are_told(inner, options):
    """They wait for the end of all plain runs, and with -x that does not come."""
    inner.write("shop.py", "def charge(path):\n    return open(path).close()\n")
    inner.write(
        "test_it.py",
        """
        import shop

        def test_it():
            shop.charge(__file__)

        def test_fails():
            assert False
        """,
    )
    inner.sweeps = not options
    done = inner.run_apart("-x", *options)

    assert "left out 1: tests not explored: the session was stopped (1)" in done.lines
    assert done.code == 1
