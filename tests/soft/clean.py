"""What must stay silent: systems that leave something for a while, or for good, and leak nothing.

Run by test_soft.py and by benchmarks/false_alarms.py, under ``--chaos``; each test meets a fault that it recovers from,
or with SOFT_ALONE none, and is judged strictly.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import multiprocessing
import os
import queue
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import system

from pytest_chaos import Raise

pytestmark = (
    pytest.mark.no_leaks("strict")
    if os.environ.get("SOFT_ALONE")
    else pytest.mark.chaos("system:fetch", Raise(ConnectionError), nth=1)
)
POOL = concurrent.futures.ThreadPoolExecutor(2)  # of the module: lives until the process ends


def ask() -> Any:
    """Call twice: the first call fails."""
    try:
        return system.fetch()
    except ConnectionError:
        return system.fetch()


def test_nothing() -> None:
    assert ask() == 1


def test_thread_that_ends_soon() -> None:
    threading.Thread(target=threading.Event().wait, args=(0.02,)).start()
    assert ask() == 1


def test_worker_that_is_still_busy_for_a_moment() -> None:
    pool = concurrent.futures.ThreadPoolExecutor(1)
    pool.submit(threading.Event().wait, 0.02)
    pool.shutdown(wait=False)
    assert ask() == 1


def test_lost_idle_pool() -> None:
    assert concurrent.futures.ThreadPoolExecutor(1).submit(ask).result() == 1


def test_idle_pool_of_the_module() -> None:
    assert POOL.submit(ask).result() == 1


@functools.cache
def lazy_pool() -> concurrent.futures.ThreadPoolExecutor:
    """A singleton that is made by whoever needs it first."""
    return concurrent.futures.ThreadPoolExecutor(1)


@functools.cache
def lazy_database() -> sqlite3.Connection:
    """Another; it stays open."""
    return sqlite3.connect(":memory:", check_same_thread=False)


def test_lazy_singletons() -> None:
    lazy_database().execute("select 1")
    assert lazy_pool().submit(ask).result() == 1


@pytest.fixture(scope="module")
def server() -> Iterator[queue.Queue[Any]]:
    """A thread of the module, which starts a thread for each job."""
    jobs: queue.Queue[Any] = queue.Queue()

    def serve() -> None:
        while (job := jobs.get()) is not None:
            threading.Thread(target=job, daemon=True).start()

    thread = threading.Thread(target=serve)
    thread.start()
    yield jobs
    jobs.put(None)
    thread.join()


def test_thread_of_a_module_fixture(server: queue.Queue[Any]) -> None:
    done = threading.Event()
    server.put(done.set)
    done.wait()
    assert ask() == 1


def test_thread_of_a_function_fixture(request: pytest.FixtureRequest) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    request.addfinalizer(lambda: (stop.set(), thread.join()))
    assert ask() == 1


def test_timer_that_is_cancelled() -> None:
    timer = threading.Timer(100, ask)
    timer.start()
    assert ask() == 1
    timer.cancel()


def test_asyncio_run() -> None:
    async def main() -> int:
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(asyncio.to_thread(ask))
        return answer.result()

    assert asyncio.run(main()) == 1


def test_streams_of_asyncio() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello\n")
            assert await reader.readline() == b"hello\n"
            writer.close()
            await writer.wait_closed()

    asyncio.run(main())
    assert ask() == 1


def test_generator_that_is_closed() -> None:
    async def numbers() -> Any:
        try:
            for number in range(10):
                yield number
        finally:
            await asyncio.sleep(0)  # a turn of the loop, not a wait

    async def main() -> None:
        async for number in numbers():
            if number == 3:
                break

    asyncio.run(main())
    assert ask() == 1


def test_child_that_is_waited_for() -> None:
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    assert ask() == 1


def test_child_of_asyncio_that_is_waited_for() -> None:
    async def main() -> int:
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", "pass")
        return await child.wait()

    assert asyncio.run(main()) == 0
    assert ask() == 1


def test_pool_of_processes() -> None:
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(abs, -1).result() == 1
    assert ask() == 1


KEPT: list[Any] = []


def test_feeder_of_a_queue() -> None:
    """The queue of the module keeps a thread and two descriptors until the process ends."""
    if not KEPT:
        KEPT.append(multiprocessing.get_context("spawn").Queue())
    KEPT[0].put(1)
    assert KEPT[0].get() == 1
    assert ask() == 1


def test_files_and_locks(tmp_path: Path) -> None:
    lock = threading.RLock()
    with lock, tempfile.TemporaryFile() as file, (tmp_path / "x").open("w") as other:
        file.write(b"x")
        other.write("x")
        assert ask() == 1
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)


def test_error_of_a_task_that_is_asked_for() -> None:
    async def main() -> None:
        task = asyncio.get_running_loop().run_in_executor(None, int, "x")
        with pytest.raises(ValueError, match="invalid literal"):
            await task

    asyncio.run(main())
    assert ask() == 1


def test_pairs_and_slots() -> None:
    slots, condition = threading.BoundedSemaphore(2), threading.Condition()
    here, there = socket.socketpair()
    with here, there, slots, condition:
        here.send(b"x")
        assert there.recv(1) == b"x"
        assert ask() == 1


def test_waits_of_asyncio_that_are_given_up() -> None:
    async def work(jobs: asyncio.Queue[int], lock: asyncio.Lock) -> None:
        while True:
            await jobs.get()
            async with lock:
                jobs.task_done()

    async def main() -> None:
        jobs: asyncio.Queue[int] = asyncio.Queue()
        lock, slots = asyncio.Lock(), asyncio.Semaphore(1)
        workers = [asyncio.create_task(work(jobs, lock)) for _ in range(2)]
        for number in range(4):
            jobs.put_nowait(number)
        await jobs.join()
        async with slots:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.001)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        alarm = asyncio.get_running_loop().call_later(1000, ask)
        alarm.cancel()
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    asyncio.run(main())
    assert ask() == 1


def test_loop_that_is_closed_by_hand() -> None:
    loop = asyncio.new_event_loop()
    task = loop.create_task(asyncio.Event().wait())
    loop.run_until_complete(asyncio.sleep(0))
    task.cancel()
    loop.run_until_complete(asyncio.wait([task]))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    assert ask() == 1


LOOP = asyncio.new_event_loop()
threading.Thread(target=LOOP.run_forever, daemon=True).start()


@pytest.mark.parametrize("time", [1, 2])
def test_loop_of_the_module_in_a_thread_of_its_own(time: int) -> None:
    async def main() -> int:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.to_thread(int)) for _ in range(3)]
        return sum(task.result() for task in tasks)

    assert asyncio.run_coroutine_threadsafe(main(), LOOP).result() == 0
    assert ask() == 1
