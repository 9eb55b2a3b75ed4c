"""Where threads and tasks stand, and which waits of the project end by themselves."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

import pytest

from pytest_chaos import compat
from pytest_chaos.provenance import Place, Provenance
from pytest_chaos.resources import stacks
from pytest_chaos.resources.waits import waits

SHOP = """
import asyncio, threading, time
gate = threading.Event()
def waits(): gate.wait()
def waits_with_a_timeout(): gate.wait(100)
async def sleeps(): await asyncio.sleep(100)
async def has_a_timeout():
    async with asyncio.timeout(100):
        await asyncio.Event().wait()
async def waits_for_ever(): await asyncio.Event().wait()
async def outer(inner): await inner
lock = threading.Lock()
def joins(thread): thread.join()
def acquires():
    with lock: pass
"""


@pytest.fixture
def shop(lab: Any) -> Any:
    shop = lab.module("shop", SHOP)
    yield shop
    shop.gate.set()


@pytest.fixture
def provenance(lab: Any) -> Provenance:
    found: Provenance = lab.laboratory.provenance
    return found


def parked_thread(target: Any) -> threading.Thread:
    """Start a thread, and return it once it waits."""
    thread = threading.Thread(target=target)
    thread.start()
    while "wait" not in sys._current_frames()[thread.ident or 0].f_code.co_name or not compat_waits(thread):
        pass
    return thread


def compat_waits(thread: threading.Thread) -> bool:
    """Tell whether a thread is in a system call, where that can be told."""
    return compat.in_timed_wait(thread.native_id) is not None or not sys.platform.startswith("linux")


@pytest.mark.parametrize(("name", "expected"), [("waits", []), ("waits_with_a_timeout", ["waits_with_a_timeout"])])
def test_only_a_wait_with_a_timeout_ends_by_itself(shop: Any, provenance: Provenance, name: str, expected: Any) -> None:
    parked_thread(getattr(shop, name))

    assert expected == [one.function for one in stacks.pending_timed_waits(provenance, [], [])]


def test_wait_of_a_parked_thread_is_ours(shop: Any, provenance: Provenance) -> None:
    thread = parked_thread(shop.waits_with_a_timeout)

    assert [] == stacks.pending_timed_waits(provenance, [], [thread.ident or 0])


@pytest.mark.parametrize(
    ("name", "expected"),
    [("sleeps", ["sleeps"]), ("has_a_timeout", ["has_a_timeout"]), ("waits_for_ever", [])],
)
def test_only_a_timer_of_the_project_ends_a_task(shop: Any, provenance: Provenance, name: str, expected: Any) -> None:
    async def main() -> list[str]:
        task = asyncio.create_task(shop.outer(getattr(shop, name)()))
        for _ in range(3):
            await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        found = await asyncio.to_thread(stacks.pending_timed_waits, provenance, [loop], [])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return [one.function for one in found]

    assert expected == asyncio.run(main())


def test_timer_of_a_loop_that_does_not_run_ends_nothing(shop: Any, provenance: Provenance) -> None:
    loop = asyncio.new_event_loop()
    task = loop.create_task(shop.outer(shop.sleeps()))
    for _ in range(3):
        loop.run_until_complete(asyncio.sleep(0))
    found = stacks.pending_timed_waits(provenance, [loop], [])
    task.cancel()
    loop.run_until_complete(asyncio.wait([task]))
    loop.close()

    assert [] == found


def test_task_stands_at_its_innermost_frame_of_the_project(shop: Any, provenance: Provenance) -> None:
    async def main() -> list[str]:
        task = asyncio.create_task(shop.outer(shop.sleeps()))
        places = [stacks.place_of_task(task, provenance)]
        for _ in range(3):
            await asyncio.sleep(0)
        places.append(stacks.place_of_task(task, provenance))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return places

    first, second = asyncio.run(main())

    assert first.endswith("in outer")
    assert second.startswith("shop.py:6 in sleeps")


def test_thread_stands_at_its_innermost_frame_of_the_project(shop: Any, provenance: Provenance) -> None:
    thread = parked_thread(shop.waits)
    frame = sys._current_frames()[thread.ident or 0]

    assert "shop.py:4 in waits" == stacks.place_of(frame, provenance)
    assert [Place("shop.py", 4, "waits")] == stacks.places_in(frame, provenance)
    assert "no Python frame" == stacks.place_of(None, provenance)


def test_only_who_may_wait_for_a_lock_is_taken_for_that(shop: Any, provenance: Provenance) -> None:
    """And not who waits for a thread that is called like it."""
    waiting = parked_thread(shop.waits)
    waiting.name = "acquirer"
    joining = threading.Thread(target=shop.joins, args=(waiting,), name="joins")
    locked = threading.Thread(target=shop.acquires, name="acquires")
    with shop.lock:
        joining.start()
        locked.start()
        found: dict[str, Any] = {}
        while {"joins", "acquires"} - found.keys() or not found["joins"].what.endswith("of acquirer"):
            found = {one.who: one for one in waits(provenance, [])}
    shop.gate.set()
    for thread in (waiting, joining, locked):
        thread.join()

    assert {"joins": False, "acquires": True, "acquirer": False} == {
        name: found[name].is_for_lock for name in ("joins", "acquires", "acquirer")
    }
