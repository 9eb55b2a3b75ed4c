"""Chance: the same seed gives the same faults at the same calls, alone, in company, shuffled, spread and repeated."""

from __future__ import annotations

import pytest

SHOP = """
    import asyncio
    import threading
    from concurrent.futures import ThreadPoolExecutor

    def charge():
        return "receipt"

    async def charge_soon():
        return "receipt"

    def try_charge(times=1):
        for _ in range(times):
            try:
                charge()
            except OSError:
                pass

    async def try_charge_soon(times=1):
        for _ in range(times):
            try:
                await charge_soon()
            except OSError:
                pass
            await asyncio.sleep(0)

    async def in_tasks():
        await asyncio.gather(*(try_charge_soon(10) for _ in range(4)))

    def in_threads():
        threads = [threading.Thread(target=try_charge, args=(20,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
"""
TESTS = """
    import asyncio
    import pytest
    from pytest_chaos import Delay, Raise
    import shop

    flaky = pytest.mark.chaos("shop:charge", Raise(OSError), rate=0.3)

    @flaky
    @pytest.mark.parametrize("who", ["ann", "bob"])
    def test_serial(who):
        shop.try_charge(40)

    @flaky
    def test_threads():
        shop.in_threads()

    @pytest.mark.chaos("shop:charge_soon", Raise(OSError), rate=0.3)
    def test_tasks():
        asyncio.run(shop.in_tasks())

    @flaky
    @pytest.mark.chaos("shop:charge", Delay(0.0001, 0.0001), rate=0.5, times=3)
    def test_two_rules():
        shop.try_charge(20)

    @pytest.mark.chaos("shop:charge = 50%#1+2 2*raise(OSError)->25%raise(OSError)")
    class TestChain:
        def test_chain(self):
            shop.try_charge(30)

    def test_plain():
        shop.try_charge(5)
"""


def firings(done) -> dict[str, list[tuple[str, str, int]]]:
    """What fired, by test, without the order among actors, which threads are free to change."""
    return {
        name: sorted((one["fault"], one["actor"], one["index"]) for one in result["fired"])
        for name, result in done.results.items()
    }


@pytest.fixture
def shop(inner):
    inner.write("shop.py", SHOP)
    inner.write("test_it.py", TESTS)
    inner.write("test_other.py", TESTS.replace("test_tasks", "test_other_tasks"))
    return inner


def test_the_same_firings_however_it_is_run(shop):
    """Alone, in the suite, repeated, shuffled with two seeds, and on two workers: the same ``fired`` lists."""
    expected = firings(shop.run("test_it.py"))
    assert expected.keys() == {
        "test_serial[ann]",
        "test_serial[bob]",
        "test_threads",
        "test_tasks",
        "test_two_rules",
        "test_chain",
    }
    assert all(expected.values())
    assert expected["test_serial[ann]"] != expected["test_serial[bob]"], "each test has its own draws"
    assert len({actor for _, actor, _ in expected["test_threads"]}) > 1, "each actor has its own"

    for name in expected:
        node = f"TestChain::{name}" if name == "test_chain" else name
        alone = firings(shop.run(f"test_it.py::{node}"))
        assert alone == {name: expected[name]}
    assert firings(shop.run("test_it.py")) == expected, "repeated"


def test_shuffled_and_spread(shop):
    """pytest-randomly and xdist change the order and the process, and no fault."""
    whole = shop.run()
    expected = {
        result["test"]: result["fired"] for result in whole.document["results"] if "thread" not in result["test"]
    }

    for words, plugins in [
        (("-p", "randomly", "-p", "no:cacheprovider", "-p", "randomly", "--randomly-seed=1"), ("randomly",)),
        (("--randomly-seed=2",), ("randomly",)),
        (("-n", "2"), ("xdist",)),
        (("-n", "2", "--randomly-seed=3"), ("xdist", "randomly")),
    ]:
        done = shop.run_apart(*words, plugins=plugins)
        assert done.code == 0, done.text
        found = {
            result["test"]: result["fired"] for result in done.document["results"] if "thread" not in result["test"]
        }
        assert found == expected, words


def test_the_order_really_changes(shop):
    """The shuffled runs above did run in another order."""
    orders = {
        tuple(
            line.split(" ")[0]
            for line in shop.run_apart("-v", f"--randomly-seed={seed}", plugins=("randomly",)).lines
            if " PASSED" in line
        )
        for seed in (1, 2)
    }
    assert len(orders) == 2


def test_another_seed_gives_other_firings(shop):
    """``--chaos-seed`` and the ini key move rates; the seed is printed and stands in the report."""
    first, second = shop.run("test_it.py"), shop.run("test_it.py", "--chaos-seed=1")
    shop.write("pytest.ini", "[pytest]\nchaos_seed = 1\n")
    third = shop.run("test_it.py")

    assert (first.document["seed"], second.document["seed"], third.document["seed"]) == (0, 1, 1)
    assert firings(first)["test_serial[ann]"] != firings(second)["test_serial[ann]"]
    assert firings(second) == firings(third)
    second.result.stdout.fnmatch_lines(["chaos: on, seed 1, *"])


def test_the_seed_does_not_move_counts(inner):
    """``nth``, ``every``, ``after`` and ``times`` fire at the same calls whatever the seed."""
    inner.write("shop.py", SHOP)
    inner.write(
        "test_it.py",
        """
        import pytest, shop
        from pytest_chaos import Raise

        @pytest.mark.parametrize("trigger, calls", [
            pytest.param(trigger, calls, marks=pytest.mark.chaos("shop:charge", Raise(OSError), **trigger))
            for trigger, calls in [
                ({"nth": 3}, [3]),
                ({"nth": [5, 2]}, [2, 5]),
                ({"every": 4}, [4, 8]),
                ({"after": 8}, [9, 10]),
                ({"times": 2}, [1, 2]),
                ({"after": 3, "every": 3, "times": 2}, [6, 9]),
            ]
        ])
        def test_it(trigger, calls, chaos):
            shop.try_charge(10)
            assert [activation.number for activation in chaos.journal.activations] == calls
        """,
    )
    assert inner.run().outcomes == {"passed": 6}
    assert inner.run("--chaos-seed=99").outcomes == {"passed": 6}


def test_a_random_seed_is_printed_and_shared(shop):
    """``--chaos-seed random`` draws one seed for all workers; the run-again line holds the number."""
    done = shop.run_apart("-n", "2", "--chaos-seed=random", plugins=("xdist",))

    seed = done.document["seed"]
    done.result.stdout.fnmatch_lines([f"chaos: on, seed {seed}, *"])
    assert {result["seed"] for result in done.document["results"]} == {seed}
    assert all(f"--chaos-seed={seed} " in result["replay"] for result in done.document["results"])
    again = shop.run(f"--chaos-seed={seed}")
    serial = {result["test"]: result["fired"] for result in again.document["results"] if "thread" not in result["test"]}
    assert serial == {
        result["test"]: result["fired"] for result in done.document["results"] if "thread" not in result["test"]
    }
