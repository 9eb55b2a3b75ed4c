"""Faults on what pytest itself stands on: the run goes on, and only the system under test meets them."""

from __future__ import annotations

import sys

import pytest

SHOP = """
    import builtins
    import logging
    import os
    import threading
    import time

    log = logging.getLogger("shop")

    def read():
        with open(__file__) as file:
            return file.read(1)

    def wait():
        time.sleep(0)  # the target, not a wait

    def drain():
        reading, writing = os.pipe()
        os.write(writing, b"x")
        try:
            return os.read(reading, 1)
        finally:
            os.close(reading)
            os.close(writing)

    def tell():
        log.warning("something happened")

    def lock():
        with threading.Lock():
            return True
"""
TARGETS = {
    "builtins:open": "read",
    "time:sleep": "wait",
    "os:read": "drain",
    "logging:StreamHandler.emit": "tell",
    "logging:Handler.handle": "tell",
}
TESTS = """
    import logging, sys, pytest, shop
    from pytest_chaos import Raise, Null

    shop.log.addHandler(logging.StreamHandler(sys.stderr))

    @pytest.mark.chaos({target!r}, Raise(OSError, "disturbed"))
    def test_disturbed(capfd, caplog, tmp_path):
        print("to stdout")
        with pytest.raises(OSError, match="disturbed"):
            shop.{function}()
        assert capfd.readouterr().out == "to stdout\\n"

    def test_plain(capsys, caplog):
        print("plain")
        for name in ("read", "wait", "drain", "tell", "lock"):
            getattr(shop, name)()
        assert "plain" in capsys.readouterr().out
        assert "something happened" in caplog.text

    @pytest.mark.chaos({target!r}, Raise(OSError, "disturbed"))
    def test_fails_while_disturbed():
        print("some output")
        shop.log.error if {function!r} == "tell" else shop.tell()
        assert 1 == 2, "its own failure"
"""


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("args", "plugins"),
    [((), ("timeout",)), (("-n", "2"), ("xdist",))],
    ids=["capture and timeout", "xdist"],
)
def test_pytest_survives(inner, target, args, plugins):
    """At rate 1 the fault reaches the system's call; capture, reports, timeouts and workers go on."""
    inner.write("shop.py", SHOP)
    inner.write("test_it.py", TESTS.format(target=target, function=TARGETS[target]))
    words = ("--timeout=30", "--log-level=INFO") if "timeout" in plugins else args

    done = inner.run_apart(*words, plugins=plugins)

    assert done.results["test_disturbed"]["verdict"] == "resilient", done.text
    assert done.results["test_disturbed"]["activations"] == 1
    assert done.outcomes == {"passed": 2, "failed": 1}
    assert "AssertionError: its own failure" in done.text
    assert "INTERNALERROR" not in done.text


def test_logging_handlers_of_pytest_are_spared(inner):
    """``logging:Handler.emit`` at rate 1: records still reach pytest's own handlers."""
    inner.write("shop.py", SHOP)
    inner.write(
        "test_it.py",
        """
        import logging, pytest, shop
        from pytest_chaos import Raise

        class Own(logging.Handler):
            pass

        @pytest.mark.chaos("logging:Handler.emit", Raise(OSError))
        def test_disturbed(caplog):
            shop.tell()
            assert "something happened" in caplog.text
            with pytest.raises(OSError):
                Own().emit(None)
        """,
    )

    done = inner.run_apart("--log-cli-level=INFO", "--log-file=log.txt")

    assert done.outcomes == {"passed": 1}, done.text


def test_locks(inner):
    """``threading:Lock`` at rate 1: a function that can be replaced acts, an immutable C type is refused by name."""
    inner.write("shop.py", SHOP)
    inner.write("test_it.py", TESTS.format(target="threading:Lock", function="lock"))

    done = inner.run_apart("--timeout=30", plugins=("timeout",))

    if sys.version_info >= (3, 13):
        assert done.code == pytest.ExitCode.USAGE_ERROR
        assert "_thread.lock is an immutable C type" in done.text
    else:
        assert done.results["test_disturbed"]["verdict"] == "resilient", done.text
        assert done.outcomes == {"passed": 2, "failed": 1}


@pytest.mark.parametrize("error", ["SystemExit", "KeyboardInterrupt"])
def test_injected_exits_do_not_end_the_session(inner, error):
    """``raise(SystemExit)`` and ``raise(KeyboardInterrupt)`` are faults like others: caught or escaped, the run goes
    on.
    """
    inner.write("shop.py", SHOP + "\n    def charge(): return 'receipt'\n")
    inner.write(
        "test_it.py",
        f"""
        import asyncio, threading, pytest, shop

        disturbed = pytest.mark.chaos("shop:charge = raise({error})")

        @disturbed
        def test_escapes():
            shop.charge()

        @disturbed
        def test_caught():
            with pytest.raises({error}):
                shop.charge()

        @disturbed
        def test_in_a_coroutine():
            async def main():
                shop.charge()
            asyncio.run(main())

        def test_last(): pass
        """,
    )

    done = inner.run_apart()

    assert done.code == 1
    assert done.verdicts == {"test_escapes": "escaped", "test_caught": "resilient", "test_in_a_coroutine": "escaped"}
    assert done.outcomes == {"passed": 2, "failed": 2}


def test_an_injected_interrupt_in_a_thread(inner):
    """In a worker thread it ends that thread."""
    inner.write("shop.py", SHOP + "\n    def charge(): return 'receipt'\n")
    inner.write(
        "test_it.py",
        """
        import threading, pytest, shop

        @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
        @pytest.mark.chaos("shop:charge = raise(KeyboardInterrupt)")
        def test_thread():
            thread = threading.Thread(target=shop.charge)
            thread.start()
            thread.join()

        def test_last(): pass
        """,
    )

    done = inner.run_apart()

    assert done.outcomes == {"passed": 2}


STANDS_ON = """
    builtins:len builtins:isinstance builtins:print builtins:getattr builtins:hasattr builtins:repr builtins:sorted
    builtins:iter builtins:next builtins:vars builtins:setattr builtins:__import__ builtins:compile builtins:exec
    threading:Event.wait threading:Event.set threading:current_thread threading:enumerate threading:Thread.start
    threading:Thread.join threading:Condition.wait threading:RLock time:monotonic time:perf_counter time:time
    os:getpid os:fspath os:listdir os:write os:stat os.path:join os:close os:dup2 inspect:signature inspect:unwrap
    sys:_getframe sys:_current_frames sys:exc_info contextlib:ExitStack.__exit__ contextlib:contextmanager
    asyncio:run asyncio:get_running_loop asyncio:all_tasks json:dumps io:open logging:Logger.handle
    logging:Handler.acquire random:Random.random queue:Queue.get re:match linecache:getline signal:signal
    gc:collect functools:wraps subprocess:Popen tempfile:mkdtemp pathlib:Path.exists copy:copy ast:parse
    warnings:warn math:log1p fnmatch:fnmatchcase
"""


@pytest.mark.parametrize(
    ("args", "plugins"),
    [(("--timeout=30",), ("timeout", "asyncio")), (("-n", "2"), ("xdist",))],
    ids=["timeout", "xdist"],
)
def test_nothing_that_pytest_or_we_stand_on_breaks_the_run(inner, args, plugins):
    """Sixty functions of the standard library, each disturbed while a test passes and while one fails: every test gets
    its own result, and afterwards all is as before.
    """
    inner.write(
        "test_it.py",
        f"""
        import pytest
        from pytest_chaos import Raise

        disturbed = pytest.mark.parametrize("target", [
            pytest.param(target, marks=pytest.mark.chaos(target, Raise(OSError, "disturbed")))
            for target in {STANDS_ON!r}.split()
        ])

        @disturbed
        def test_passes(target, capsys, caplog, tmp_path):
            try:
                print(len([1]))
            except OSError:
                pass

        @disturbed
        def test_fails(target, capsys, caplog, tmp_path):
            assert [1] == [2]

        def test_plain(capsys):
            print("plain")
            assert capsys.readouterr().out == "plain\\n"
        """,
    )

    done = inner.run_apart(*args, plugins=plugins)

    assert len(done.results) == 2 * len(STANDS_ON.split()), done.text
    fired = {name for name, result in done.results.items() if result["activations"] and "passes" in name}
    assert fired == {"test_passes[builtins:len]", "test_passes[builtins:print]"}
    assert all(result["fails"] for name, result in done.results.items() if "fails" in name)
    assert done.outcomes["passed"] == 1 + len(fired)
    assert "errors" not in done.outcomes
    assert "INTERNALERROR" not in done.text


def test_error_whose_own_words_fail_ends_its_run_and_not_the_session(inner):
    inner.write("bank.py", "def charge(): return 1")
    inner.write(
        "shop.py",
        """
        import bank

        class Refused(Exception):
            def __str__(self):
                return self.args[0].reason

        def pay():
            try:
                return bank.charge()
            except OSError as error:
                raise Refused("no reply") from error
        """,
    )
    inner.write("test_shop.py", "import shop\n\ndef test_pay(): assert shop.pay() == 1\n\ndef test_another(): pass")

    done = inner.run_apart("--chaos-target=bank:charge", "--chaos-fault=raise(OSError)")

    assert "INTERNALERROR" not in done.text
    assert done.outcomes == {"passed": 4}, done.text  # two plain runs, the one under the fault, and the recovery run
