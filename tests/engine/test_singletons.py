"""What a library began for an object that is made once and kept: only a note; what it began for a lost one is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_chaos.contract import Contract

LIBRARY = """
import asyncio, queue, threading

running = []

class Pool:
    def __init__(self, *given):
        self.jobs = queue.Queue()
        self.workers = [threading.Thread(target=self.work, args=(self.jobs, *given), name="worker", daemon=True)]
        self.workers[0].start()
        running.append(self.workers[0])
        queues.append(self.jobs)

    @classmethod
    def work(cls, jobs, *given):
        jobs.get()

class State:
    def __init__(self):
        self.jobs = queue.Queue()

class Server:
    "Keeps no thread, but what its thread works with."
    def __init__(self):
        self.state = State()
        thread = threading.Thread(target=serve, args=(self.state,), name="server", daemon=True)
        thread.start()
        running.append(thread)
        queues.append(self.state.jobs)

def serve(state):
    state.jobs.get()

class Client:
    def __init__(self):
        self.tasks = {asyncio.create_task(self.poll(), name="poller")}

    async def poll(self):
        await asyncio.create_task(asyncio.Event().wait(), name="waiter")

queues = []
"""
SHOP = """
import functools
import heart

def pay(): return "paid"

VARIABLE, REGISTRY, MANY, SETTINGS = None, {}, [], {}

def keeps_it_in_a_variable(make):
    global VARIABLE
    VARIABLE = make()
    pay()

class App:
    def __init__(self):
        self.state = {}

APP = App()

def keeps_it_in_an_application(make):
    APP.state["pool"] = make()
    pay()

def keeps_it_by_name(make):
    REGISTRY["a"] = make()
    pay()

@functools.cache
def pool(make):
    return make()

def keeps_it_in_a_cache(make):
    pool(make)
    pay()

@functools.lru_cache(maxsize=1)
def last(make):
    return make()

def keeps_it_in_a_small_cache(make):
    last(make)
    pay()

def adds_it_to_a_list(make):
    MANY.append(make())
    pay()

def adds_its_threads_to_a_list(make):
    MANY.extend(make().workers)
    pay()

def loses_it(make):
    make()
    pay()

def gives_away_what_everybody_has(make):
    make(SETTINGS)
    pay()

def clears():
    global VARIABLE
    VARIABLE = None
    APP.state.clear()
    REGISTRY.clear()
    MANY.clear()
    pool.cache_clear()
    last.cache_clear()
"""
KEPT = {
    "keeps_it_in_a_variable": "shop.VARIABLE",
    "keeps_it_in_an_application": "shop.APP",
    "keeps_it_by_name": "shop.REGISTRY",
    "keeps_it_in_a_cache": "shop.pool",
    "keeps_it_in_a_small_cache": "shop.last",
}
LOST = ["adds_it_to_a_list", "loses_it"]


@pytest.fixture
def shop(lab: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "heart.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(str(folder))
    lab.written.add("heart")
    shop = lab.module("shop", SHOP)
    for kind in lab.laboratory.census.kinds:
        kind.grace_s = 0.02
    yield shop
    shop.clears()
    for queue in shop.heart.queues:
        queue.put(None)
    for thread in shop.heart.running:
        thread.join()


def left(lab: Any, body: Callable[[], Any], **options: Any) -> list[tuple[str, str, bool]]:
    """Return kind, text and level of what a chaos run leaves."""
    seen = lab.run(body, "shop:pay = null", **options)
    return [(one.kind, one.text, one.is_note) for one in seen.observation.leftovers]


@pytest.mark.parametrize("library", ["Pool", "Server"])
@pytest.mark.parametrize("name", KEPT)
def test_thread_of_something_that_is_kept_is_a_note_that_says_where(
    shop: Any, lab: Any, name: str, library: str
) -> None:
    ((kind, text, is_note),) = left(lab, lambda: getattr(shop, name)(getattr(shop.heart, library)))

    assert ("thread", True) == (kind, is_note)
    assert text.endswith(f"; kept by {KEPT[name]}")


@pytest.mark.parametrize("library", ["Pool", "Server"])
@pytest.mark.parametrize("name", LOST)
def test_thread_of_something_that_is_lost_or_one_of_many_is_a_leak(
    shop: Any, lab: Any, name: str, library: str
) -> None:
    ((kind, text, is_note),) = left(lab, lambda: getattr(shop, name)(getattr(shop.heart, library)))

    assert ("thread", False) == (kind, is_note), text


def test_what_the_thread_was_given_keeps_it_only_if_it_is_the_librarys(shop: Any, lab: Any) -> None:
    ((_, text, is_note),) = left(lab, lambda: shop.gives_away_what_everybody_has(shop.heart.Pool))

    assert not is_note, text


def test_thread_of_the_projects_own_is_a_leak_wherever_it_is_kept(shop: Any, lab: Any) -> None:
    queue = shop.heart.State().jobs
    shop.heart.queues.append(queue)

    def make() -> Any:
        thread = shop.heart.threading.Thread(target=queue.get, daemon=True)
        shop.heart.running.append(thread)
        thread.start()
        return thread

    ((_, text, is_note),) = left(lab, lambda: shop.keeps_it_in_a_variable(make))

    assert not is_note, text


def test_librarys_threads_in_a_list_of_the_project_are_leaks(shop: Any, lab: Any) -> None:
    ((_, text, is_note),) = left(lab, lambda: shop.adds_its_threads_to_a_list(shop.heart.Pool))

    assert not is_note, text


def test_strict_contract_makes_it_a_leak(shop: Any, lab: Any) -> None:
    seen = lab.run(
        lambda: shop.keeps_it_in_a_variable(shop.heart.Pool), "shop:pay = null", contract=Contract(leaks="strict")
    )

    assert "leaked" == seen.verdict


@pytest.mark.parametrize("name", [*KEPT, *LOST])
def test_tasks_are_told_as_threads_are(shop: Any, lab: Any, name: str) -> None:
    """Also one that such a task made, and waits for."""
    loop = asyncio.new_event_loop()

    async def main() -> None:
        getattr(shop, name)(shop.heart.Client)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    try:
        found = left(lab, lambda: loop.run_until_complete(main()))
    finally:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.close()

    assert {("task", name in KEPT)} == {(kind, is_note) for kind, _, is_note in found}, found
    assert 2 == len(found)
