"""Hangs: what nothing ended is found and released, and what the system left by itself is not judged."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from pytest_chaos import compat


def _neighbour(name):
    """Import a module of the folder above, which is no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


scenarios = _neighbour("hang_scenarios")

SHOP = """
    import asyncio
    import queue
    import threading
    from concurrent.futures import ThreadPoolExecutor, TimeoutError as LateError

    def charge():
        return "receipt"

    async def charge_soon():
        return "receipt"

    def pay():
        return charge()

    def pay_in_a_thread():
        answers = queue.Queue()
        threading.Thread(target=lambda: answers.put(charge()), daemon=True).start()
        return answers.get()

    def pay_in_a_thread_with_a_timeout():
        answers = queue.Queue()
        thread = threading.Thread(target=lambda: answers.put(charge()), daemon=True)
        thread.start()
        try:
            return answers.get(timeout=0.05)
        except queue.Empty:
            return "later"

    def pay_and_swallow():
        try:
            charge()
        except:
            pass
        return "swallowed"

    def pay_and_retry_for_ever():
        for attempt in range(10**6):
            try:
                return charge()
            except:
                continue

    async def pay_soon():
        return await charge_soon()

    async def pay_soon_with_a_timeout():
        try:
            return await asyncio.wait_for(charge_soon(), 0.05)
        except TimeoutError:
            return "later"

    async def pay_sync_in_a_loop():
        return charge()
"""

TESTS = """
    import asyncio
    import pytest
    from pytest_chaos import Hang
    import shop

    charge_hangs = pytest.mark.chaos("shop:charge", Hang)
    soon_hangs = pytest.mark.chaos("shop:charge_soon", Hang())

    @charge_hangs
    def test_main_thread():
        shop.pay()

    @charge_hangs
    def test_worker_thread():
        shop.pay_in_a_thread()

    @charge_hangs
    def test_swallowed():
        assert shop.pay_and_swallow() == "swallowed"

    @charge_hangs
    def test_retried_for_ever():
        shop.pay_and_retry_for_ever()

    @soon_hangs
    def test_coroutine():
        asyncio.run(shop.pay_soon())

    @charge_hangs
    def test_sync_in_a_loop():
        asyncio.run(shop.pay_sync_in_a_loop())

    @charge_hangs
    def test_left_by_a_thread():
        assert shop.pay_in_a_thread_with_a_timeout() == "later"

    @soon_hangs
    def test_left_by_a_coroutine():
        assert asyncio.run(shop.pay_soon_with_a_timeout()) == "later"

    @pytest.mark.chaos("shop:charge", Hang(0.02))
    def test_with_an_end():
        with pytest.raises(TimeoutError):
            shop.pay()

    @pytest.mark.chaos("shop:charge_soon", Hang, hang_budget=0.05)
    def test_own_budget():
        async def beside_a_timer():
            asyncio.get_running_loop().call_later(60, print)  # so that nothing is proved
            await shop.pay_soon()

        asyncio.run(beside_a_timer())
"""


@pytest.fixture(scope="module")
def hangs(tmp_path_factory):
    """The outcome of one run of all specimens, in a process of its own."""
    import json
    import os
    import subprocess
    import sys
    import textwrap

    folder = tmp_path_factory.mktemp("hangs")
    (folder / "shop.py").write_text(textwrap.dedent(SHOP))
    (folder / "test_it.py").write_text(textwrap.dedent(TESTS))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "chaos", "--chaos", "--chaos-hang-budget=0.2", "--chaos-report=c.json"],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    results = json.loads((folder / "c.json").read_text())["results"]
    return done, {result["test"].rpartition("::")[2]: result for result in results}


@pytest.mark.parametrize(
    "test",
    [
        "test_main_thread",
        "test_worker_thread",
        "test_swallowed",
        "test_retried_for_ever",
        "test_coroutine",
        "test_sync_in_a_loop",
    ],
)
def test_what_nothing_ended_is_hung(hangs, test):
    """A call that never came back is a hang, also when the system swallows the release, calls again for ever, or waits
    for the answer of a thread that died of it: the run goes on in each case.
    """
    done, results = hangs

    assert (results[test]["verdict"], results[test]["fails"]) == ("hung", True)
    assert f"FAILED test_it.py::{test}" in done.stdout
    assert "\nchaos: hung: " in done.stdout.partition(f"_ {test} _")[2].partition("\n____")[0]
    why = "proved: " if compat.CAN_PROVE_HANGS else "nothing ended it within the hang budget of 0.2 s"
    assert why in results[test]["evidence"][0]["text"]


@pytest.mark.parametrize("test", ["test_left_by_a_thread", "test_left_by_a_coroutine", "test_with_an_end"])
def test_what_the_system_left_is_not_hung(hangs, test):
    """A timeout of the system ends a hang; one with an end of its own is not judged against the budget."""
    _, results = hangs

    assert (results[test]["verdict"], results[test]["fails"]) == ("resilient", False)


def test_a_marker_has_a_budget_of_its_own(hangs):
    """``hang_budget=`` on the marker wins over the option."""
    _, results = hangs

    assert "within the hang budget of 0.05 s" in results["test_own_budget"]["evidence"][0]["text"]
    assert results["test_own_budget"]["duration_s"] < 0.2


def test_a_blocked_loop_is_evidence(hangs):
    """Sync code that hangs on an event loop's thread stops everything else there: it is said."""
    _, results = hangs

    kinds = [evidence["kind"] for evidence in results["test_sync_in_a_loop"]["evidence"]]
    assert kinds == ["hang", "loop-blocked"]


def test_the_run_again_line_names_the_budget(hangs):
    """A budget that was given stands in the command that runs this again."""
    _, results = hangs

    assert results["test_main_thread"]["replay"].endswith(
        " --chaos --chaos-seed=0 --chaos-hang-budget=0.2 test_it.py::test_main_thread  # shop:charge = hang"
    )


def run(inner, test: str, *args: str, plugins: tuple[str, ...] = ()):
    inner.write("shop.py", SHOP)
    inner.write("test_it.py", test)
    return inner.run_apart("--chaos-hang-budget=0.2", *args, plugins=plugins)


def test_a_hang_runs_again_in_a_shell(inner):
    """The last line of a hang, typed into a shell, shows the same hang."""
    first = run(
        inner,
        """
        import pytest, shop

        @pytest.mark.chaos("shop:charge = #2 hang")
        def test_it():
            shop.pay()
            shop.pay()
        """,
    )
    assert first.only["verdict"] == "hung"

    second = inner.again(first.replay)

    assert second.code == 1
    assert second.only["replay"] == second.replay
    as_module = " -m pytest "  # by another name of the interpreter, for that shell finds it by itself
    assert first.replay.partition(as_module)[2] == second.replay.partition(as_module)[2] != ""
    assert (second.only["verdict"], second.fired) == ("hung", first.fired)


def test_a_worker_thread_without_a_timeout(inner):
    """The main thread waits for a worker that hangs: released, the worker's error is not the test's answer."""
    done = run(
        inner,
        """
        import pytest, shop
        from concurrent.futures import ThreadPoolExecutor

        @pytest.mark.chaos("shop:charge", __import__("pytest_chaos").Hang)
        def test_pool():
            with ThreadPoolExecutor(1) as pool:
                pool.submit(shop.pay).result()
        """,
    )
    assert done.outcomes == {"failed": 1}
    assert done.only["verdict"] == "hung"
    assert "ThreadPoolExecutor" in done.only["evidence"][0]["text"]
    assert "test_it.py:8 in test_pool" in done.only["evidence"][0]["text"], "who waited for it"


def test_under_pytest_asyncio(inner):
    """An async test that hangs is hung; with a timeout it is not; the loop goes on meanwhile."""
    done = run(
        inner,
        """
        import asyncio, pytest, shop
        from pytest_chaos import Hang

        @pytest.mark.chaos("shop:charge_soon", Hang)
        async def test_hung():
            await shop.pay_soon()

        @pytest.mark.chaos("shop:charge_soon", Hang)
        async def test_swallowed():
            try:
                await shop.pay_soon()
            except BaseException:
                pass

        @pytest.mark.chaos("shop:charge_soon", Hang)
        async def test_left():
            assert await shop.pay_soon_with_a_timeout() == "later"

        @pytest.mark.chaos("shop:charge_soon", Hang)
        async def test_cancelled():
            task = asyncio.create_task(shop.pay_soon())
            ticks = 0
            while ticks < 5:
                await asyncio.sleep(0)
                ticks += 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        """,
        "--asyncio-mode=auto",
        plugins=("asyncio",),
    )
    assert done.verdicts == {
        "test_hung": "hung",
        "test_swallowed": "hung",
        "test_left": "resilient",
        "test_cancelled": "resilient",
    }
    assert done.outcomes == {"failed": 2, "passed": 2}


def test_a_pending_timed_wait_is_sat_through_and_said(inner):
    """A timed wait of the project that is longer than the budget ends the hang: what comes after it is judged."""
    inner.write(
        "pool.py",
        """
        import queue
        import threading
        import shop

        def pay():
            answers = queue.Queue()
            threading.Thread(target=lambda: answers.put(shop.charge()), daemon=True).start()
            try:
                return answers.get(timeout=0.5)
            except queue.Empty:
                return "later"
        """,
    )
    test = """
        import pytest, pool

        @pytest.mark.chaos("shop:charge = hang")
        def test_it():
            assert pool.pay() in ("later", "receipt")
    """
    done = run(inner, test)

    assert done.only["verdict"] == "resilient"
    assert "chaos: waiting up to 30 s for a timed wait at pool.py:10 in pay" in done.text


def test_lifting_by_hand_releases(inner):
    """``chaos.lift()`` lets parked calls go, and nobody is judged for them."""
    done = run(
        inner,
        """
        import threading, pytest, shop
        from pytest_chaos import Hang

        def test_it(chaos):
            injection = chaos.inject(shop.charge, Hang)
            thread = threading.Thread(target=shop.pay_and_swallow)
            thread.start()
            while not injection.fired:
                pass
            chaos.lift()
            thread.join(10)
            assert not thread.is_alive()
            assert shop.pay() == "receipt"
        """,
    )
    assert done.outcomes == {"passed": 1}
    assert done.only["verdict"] == "resilient"


def test_a_thread_that_parks_while_it_is_started_is_judged_as_any_other(inner):
    """Whether the call parks before or after ``start()`` returns does not change the verdict."""
    done = run(
        inner,
        """
        import threading, pytest, shop
        from pytest_chaos import Hang

        @pytest.mark.parametrize("attempt", range(5))
        @pytest.mark.chaos("shop:charge", Hang, hang_budget=0.2)
        def test_joined(attempt):
            thread = threading.Thread(target=shop.charge)
            thread.start()
            thread.join(20)

        @pytest.mark.chaos("shop:charge", Hang, hang_budget=0.2)
        def test_given_up():
            thread = threading.Thread(target=shop.charge)
            thread.start()
            thread.join(0.05)
            threading.Event().wait(0.5)
        """,
    )

    verdicts = {result["test"].rpartition("::")[2]: result["verdict"] for result in done.document["results"]}
    assert verdicts == {**{f"test_joined[{attempt}]": "hung" for attempt in range(5)}, "test_given_up": "resilient"}


@pytest.mark.skipif(not compat.CAN_PROVE_HANGS, reason="hangs are proved on Linux only")
@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["here", "in a worker of xdist"])
def test_the_eight_scenarios_get_their_verdicts_without_the_budget(inner, workers):
    """What hangs for ever is proved to, what has a way out takes it, and nothing waits for the budget of an hour."""
    inner.write("system.py", scenarios.SOURCE)
    tests = ["import pytest, system\n"]
    for scenario in scenarios.EIGHT:
        name = scenario.name
        tests.append(f"@pytest.mark.chaos('system:pay = hang')\ndef test_{name}(): assert system.{name}()\n")
    inner.write("test_it.py", "".join(tests))

    done = inner.run_apart("--chaos-hang-budget=3600", *workers, plugins=("xdist",) if workers else ())

    assert done.verdicts == {f"test_{scenario.name}": scenario.verdict for scenario in scenarios.EIGHT}
    for scenario in scenarios.EIGHT:
        evidence = done.results[f"test_{scenario.name}"]["evidence"]
        assert tuple(one["kind"] for one in evidence) == scenario.kinds
        assert scenario.is_proved == any(": proved: " in one["text"] for one in evidence)


def test_a_test_that_waits_on_in_c_is_interrupted_and_the_run_goes_on(inner):
    """The answer that the test waits for died with the released call. The text says where it stood; nothing freezes."""
    inner.write(
        "waits.py",
        """
        import os, subprocess, threading, time

        def on(wait):
            threading.Thread(target=__import__("shop").charge, daemon=True).start()
            wait()

        def lock():
            held = threading.Lock()
            held.acquire()
            held.acquire()

        def pipe():
            os.read(os.pipe()[0], 1)

        def child():
            subprocess.run(["sleep", "3600"])

        def sleep():
            time.sleep(3600)
        """,
    )
    done = run(
        inner,
        """
        import pytest, waits

        @pytest.mark.parametrize("wait", ["lock", "pipe", "child", "sleep"])
        @pytest.mark.chaos("shop:charge = hang")
        def test_waits(wait):
            waits.on(getattr(waits, wait))

        def test_after_them():
            pass
        """,
    )

    assert done.outcomes == {"failed": 4, "passed": 1}
    for wait in ("lock", "pipe", "child", "sleep"):
        result = done.results[f"test_waits[{wait}]"]
        assert result["verdict"] == ("inconclusive" if wait == "sleep" else "hung")
        assert "after its release the test still waited and was interrupted, at waits.py:" in done.text
        assert f"in {wait} < waits.py:6 in on < test_it.py:" in result["evidence"][0]["text"]


def test_a_call_without_a_timeout_is_named(inner):
    """Where the function takes a timeout and got none, the verdict says who forgot it."""
    inner.write("bank.py", "def charge(amount, timeout=None): return 'receipt'\ndef pay(): return charge(5)\n")
    done = run(
        inner,
        """
        import pytest, bank

        @pytest.mark.chaos("bank:charge = hang")
        def test_forgotten():
            bank.pay()

        @pytest.mark.chaos("bank:charge = hang")
        def test_given():
            with pytest.raises(TimeoutError):
                bank.charge(5, timeout=0.01)
        """,
    )

    assert done.verdicts == {"test_forgotten": "hung", "test_given": "resilient"}
    assert "called without a timeout at bank.py:2 in pay" in done.text
