"""Child processes that are left, and those that nobody need be told of."""

from __future__ import annotations

import asyncio
import concurrent.futures
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_chaos import compat
from pytest_chaos.resources.births import Owner

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="only Linux tells of children")

SHOP = """
import multiprocessing, os, subprocess, sys

READS = [sys.executable, "-S", "-c", "import sys; sys.stdin.read()"]
kept = []

def pay(): return "paid"

def forgets_a_child():
    kept.append(subprocess.Popen(READS, stdin=subprocess.PIPE))
    pay()

def forgets_to_wait():
    child = subprocess.Popen(READS, stdin=subprocess.DEVNULL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    kept.append(child)
    pay()

def forks():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    kept.append(pid)
    pay()

def runs_a_child():
    subprocess.run(READS, stdin=subprocess.DEVNULL, check=True)
    pay()

def uses_a_pool():
    with multiprocessing.get_context("fork").Pool(1) as pool:
        pool.apply(abs, (-1,))
    pay()

def joins_a_process():
    process = multiprocessing.get_context("fork").Process(target=pay)
    process.start()
    process.join()
    kept.append(process)
    pay()
"""


@pytest.fixture
def shop(lab: Any) -> Iterator[Any]:
    shop = lab.module("shop", SHOP)
    for kind in lab.laboratory.census.kinds:
        kind.grace_s = 0.06
    yield shop
    for child in shop.kept:
        if isinstance(child, subprocess.Popen):
            child.communicate()
        elif isinstance(child, int):
            os.waitpid(child, 0)
        else:
            child.close()


def left(lab: Any, body: Any, **options: Any) -> list[tuple[str, str]]:
    seen = lab.run(body, "shop:pay = null", **options)
    return [(one.kind, one.text) for one in seen.observation.leftovers]


def test_child_that_still_runs_is_found_with_who_started_it(shop: Any, lab: Any) -> None:
    ((kind, text),) = left(lab, lambda: shop.forgets_a_child())

    assert "child-process" == kind
    assert f"child process {shop.kept[0].pid} ({sys.executable} -S -c import sys; sys.stdin.read()) started at" in text
    assert text.endswith("started at shop.py:10 in forgets_a_child, by the test; it still runs")


def test_child_that_nobody_waited_for_is_told_apart(shop: Any, lab: Any) -> None:
    ((kind, text),) = left(lab, lambda: shop.forgets_to_wait())

    assert "child-process" == kind
    assert text.endswith("in forgets_to_wait, by the test; it has ended, and nobody waited for it")


# From 3.12 on the interpreter warns of a fork where other threads run, such as those of a plugin.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(("name", "count"), [("forks", 1), ("uses_a_pool", 0), ("joins_a_process", 0)])
def test_child_of_a_fork_is_found_without_its_maker_and_one_that_is_joined_is_not(
    shop: Any, lab: Any, name: str, count: int
) -> None:
    found = left(lab, lambda: getattr(shop, name)())

    assert ["child-process"] * count == [kind for kind, _ in found]
    assert all("it has ended, and nobody waited for it" in text for _, text in found)


def test_child_that_is_waited_for_is_not_left(shop: Any, lab: Any) -> None:
    assert [] == left(lab, lambda: shop.runs_a_child())


def test_it_is_told_once(shop: Any, lab: Any) -> None:
    assert 1 == len(left(lab, lambda: shop.forgets_a_child()))
    assert [] == left(lab, lambda: shop.pay())


def test_one_that_ends_hides_none_that_begins(shop: Any, lab: Any) -> None:
    early = subprocess.Popen(shop.READS, stdin=subprocess.PIPE)

    def body() -> None:
        early.communicate()
        shop.forgets_a_child()

    assert ["child-process"] == [kind for kind, _ in left(lab, body)]


def test_child_of_asyncio_that_is_waited_for_is_not_left(shop: Any, lab: Any) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_exec(*shop.READS, stdin=subprocess.DEVNULL)
        await child.wait()
        shop.pay()

    assert [] == left(lab, lambda: asyncio.run(main()))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("is_seen", [True, False])
def test_child_of_a_wider_fixture_is_not_the_tests(shop: Any, lab: Any, is_seen: bool) -> None:
    census = lab.laboratory.census

    def body() -> None:
        before = census.work_for(Owner("the session fixture 'server'", "session"))
        (shop.forgets_a_child if is_seen else shop.forks)()
        census.work_for(before)
        shop.pay()

    assert [] == left(lab, body)


def test_idle_workers_of_a_live_executor_are_not_left(shop: Any, lab: Any) -> None:
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:

        def body() -> None:
            assert pool.submit(abs, -1).result() == 1
            shop.pay()

        assert [] == [kind for kind, _ in left(lab, body) if kind != "thread"]
        assert 1 == len(compat.idle_process_workers())


def test_child_that_a_signal_stops_is_seen(shop: Any, lab: Any) -> None:
    def body() -> None:
        shop.forgets_a_child()
        os.kill(shop.kept[0].pid, signal.SIGSTOP)

    try:
        assert "it still runs" in left(lab, body)[0][1]
    finally:
        os.kill(shop.kept[0].pid, signal.SIGCONT)
