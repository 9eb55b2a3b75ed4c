"""``--chaos-runs``: fault tests in which chance decides are run with several seeds."""

from __future__ import annotations

import re

import pytest


@pytest.fixture
def shop(inner):
    inner.write("shop.py", "def charge(): return 1\ndef pay(): return [charge() for _ in range(8)]\n")
    inner.write(
        "test_it.py",
        """
        import pytest, shop
        from pytest_chaos import Null

        @pytest.fixture
        def till(tmp_path):
            (tmp_path / "till").touch(exist_ok=False)

        @pytest.mark.chaos("shop:charge", Null, rate=0.5)
        def test_by_chance(till, request):
            assert request.node.nodeid == "test_it.py::test_by_chance"
            shop.pay()

        @pytest.mark.chaos("shop:charge", Null, nth=2)
        def test_by_number():
            shop.pay()
        """,
    )
    return inner


def fired(done) -> dict[int, list[int]]:
    """The calls on which the fault fired, by seed."""
    return {result["seed"]: [one["call"] for one in result["fired"]] for result in done.document["results"]}


def test_a_rate_is_run_with_each_seed_and_a_number_once(shop):
    """Each run is an outcome of its own, whose id ends in its seed; what no seed decides over is run once."""
    done = shop.run("-v", "--chaos-runs=3")

    assert done.outcomes == {"passed": 4}
    assert "test_it.py::test_by_chance[chaos: seed=0] PASSED" in done.text
    assert len(re.findall(r"test_by_chance\[chaos: seed=\d+\] PASSED", done.text)) == 3
    assert len({result["seed"] for result in done.document["results"]}) == 3
    assert max(int(share) for share in re.findall(r"\[ *(\d+)%\]", done.text)) == 100


def test_the_seeds_are_the_same_each_time_and_on_each_worker(shop):
    """They are derived from the session's seed."""
    first, again = fired(shop.run("--chaos-runs=4", "-k", "chance")), fired(shop.run("--chaos-runs=4", "-k", "chance"))
    spread = fired(shop.run_apart("--chaos-runs=4", "-k", "chance", "-n", "2", plugins=("xdist",)))
    other = fired(shop.run("--chaos-runs=4", "--chaos-seed=7", "-k", "chance"))

    assert first == again == spread
    assert len(first) == 4 and len(set(map(tuple, first.values()))) > 1
    assert not first.keys() & other.keys()


def test_a_run_is_run_again_by_its_seed(shop):
    """The line names the seed, and the plain id of the test."""
    results = shop.run("--chaos-runs=3", "-k", "chance").document["results"]
    result = results[-1]

    again = shop.again_here(result["replay"])

    assert f"--chaos-seed={result['seed']} test_it.py::test_by_chance" in result["replay"]
    assert [one["call"] for one in again.only["fired"]] == [one["call"] for one in result["fired"]]
