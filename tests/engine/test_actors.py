"""Names of threads and tasks: the same in every run of the same program."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_chaos.resources.actors import Actors


@pytest.fixture
def actors(lab: Any) -> Iterator[Actors]:
    named = Actors(threading.get_ident())
    with lab.laboratory.census.heard_by(SimpleNamespace(born=named.born, task_context=lambda chosen: None)):
        yield named


def test_body_is_main(actors: Actors) -> None:
    assert "main" == actors.current()


def test_threads_are_named_after_parent_and_order(actors: Actors) -> None:
    names: dict[str, str] = {}

    def child(label: str, depth: int) -> None:
        names[label] = actors.current()
        for index in range(depth):
            in_thread(child, f"{label}.{index}", depth - 1)

    for index in range(2):
        in_thread(child, str(index), 1)

    assert {"0": "main/1", "0.0": "main/1/1", "1": "main/2", "1.0": "main/2/1"} == names


def in_thread(function: Any, *args: Any) -> None:
    thread = threading.Thread(target=function, args=args)
    thread.start()
    thread.join()


def test_thread_names_do_not_depend_on_who_runs_first(actors: Actors) -> None:
    names: list[str] = []
    gates = [threading.Event() for _ in range(2)]

    def child(index: int) -> None:
        gates[index].wait()
        names.append(actors.current())

    threads = [threading.Thread(target=child, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for index in (1, 0):
        gates[index].set()
        threads[index].join()

    assert ["main/2", "main/1"] == names


def test_tasks_are_named_after_parent_and_order(actors: Actors) -> None:
    async def child() -> str:
        return actors.current()

    async def main() -> list[str]:
        return [actors.current(), *await asyncio.gather(child(), child()), await child()]

    first, second = asyncio.run(main()), asyncio.run(main())

    assert ["main/1", "main/1/1", "main/1/2", "main/1"] == first
    assert "main/2" == second[0] or second[0].startswith("main/")


def test_task_in_a_copied_context_is_its_makers(actors: Actors) -> None:
    async def child() -> str:
        return actors.current()

    async def main() -> str:
        return await asyncio.create_task(child(), context=contextvars.copy_context())

    assert "main/1/1" == asyncio.run(main())


def test_what_is_older_is_named_as_it_turns_up(lab: Any) -> None:
    gates = [threading.Event() for _ in range(2)]
    names: list[str] = []
    made: list[Actors] = []

    def child(index: int) -> None:
        gates[index].wait()
        names.append(made[0].current())

    threads = [threading.Thread(target=child, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    made.append(Actors(threading.get_ident()))
    for index in (1, 0):
        gates[index].set()
        threads[index].join()

    assert ["older-1", "older-2"] == names


def test_worker_is_named_by_its_pool_and_place(actors: Actors) -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as first, concurrent.futures.ThreadPoolExecutor(1) as second:
        names = [pool.submit(actors.current).result() for pool in (first, second, first)]

    assert ["pool-1/0", "pool-2/0", "pool-1/0"] == names


def test_names_are_dropped_with_their_actors(actors: Actors) -> None:
    in_thread(actors.current)
    threading.Thread(target=int).start()

    assert len(actors._names) <= 2
