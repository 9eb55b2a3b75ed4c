"""Connections and servers of asyncio that nobody closed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_chaos.provenance import Provenance
from pytest_chaos.resources.births import Owner
from pytest_chaos.resources.census import Census

SHOP = """
import asyncio, contextlib

kept = []

async def pay(): return "paid"

async def keeps_a_connection(port):
    kept.append(await asyncio.open_connection("127.0.0.1", port))
    await pay()

async def closes_its_connection(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        await pay()
    finally:
        writer.close()

async def closes_and_waits(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    await writer.wait_closed()

async def serve(reader, writer):
    writer.close()

async def keeps_a_server(port):
    kept.append(await asyncio.start_server(serve, "127.0.0.1", 0))

async def closes_its_server(port):
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.close()
    await server.wait_closed()

async def answers_and_forgets(reader, writer):
    kept.append(writer)

async def serves_a_client_for_ever(port):
    server = await asyncio.start_server(answers_and_forgets, "127.0.0.1", 0)
    number = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", number)
    while not any(hasattr(one, "write") for one in kept): await asyncio.sleep(0)
    server.close()
    writer.close()

async def watches_a_socket(sock):
    asyncio.get_running_loop().add_reader(sock, on_readable)

def on_readable(): pass

# Has no code of the project, as if a library had made it.
class Librarys(asyncio.Protocol): pass

async def is_served_by_a_library(port):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Librarys(), "127.0.0.1", 0)
    number = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", number)
    while not [one for one in loop._transports.values() if type(one.get_protocol()) is Librarys]:
        await asyncio.sleep(0)
    server.close()
    kept.extend(loop._transports.values())
    writer.close()

def runs_a_loop_of_its_own(port):
    asyncio.run(keeps_a_connection(port))
"""


@pytest.fixture
def port() -> Iterator[int]:
    """A port where a connection is accepted by the kernel and nobody ever says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def shop(lab: Any) -> Iterator[Any]:
    shop = lab.module("shop", SHOP)
    for kind in lab.laboratory.census.kinds:
        kind.grace_s = 0.05
    yield shop
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # what was leaked on purpose
        shop.kept.clear()
        gc.collect()


def left(lab: Any, body: Callable[[], Any], fault: str = "null") -> list[tuple[str, str]]:
    """Return kind and text of what a chaos run leaves on its loops; sockets have a kind of their own."""
    seen = lab.run(body, f"shop:pay = {fault}")
    found = seen.observation.leftovers
    return [(one.kind, one.text) for one in found if one.kind != "file-descriptor"]


def run_of(make: Callable[[], Any]) -> Callable[[], None]:
    return lambda: asyncio.run(make())


@contextlib.contextmanager
def kept_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    try:
        yield loop
    finally:
        for transport in list(loop._transports.values()):  # type: ignore[attr-defined]  # to clean up after the shop
            transport.abort()
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


@pytest.mark.no_leaks("off")  # what the inner census must find is there for an outer one too
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("keeps_a_connection", "transport to 127.0.0.1:"),
        ("keeps_a_server", "listening server made at shop.py:28 in keeps_a_server, by the test"),
        ("serves_a_client_for_ever", "transport to 127.0.0.1:"),
    ],
)
def test_what_stays_open_is_found(shop: Any, lab: Any, port: int, name: str, words: str) -> None:
    ((kind, text),) = left(lab, run_of(lambda: getattr(shop, name)(port)))

    assert "transport" == kind
    assert text.startswith(words)


def test_connection_is_told_with_who_made_it(shop: Any, lab: Any, port: int) -> None:
    ((_, text),) = left(lab, run_of(lambda: shop.keeps_a_connection(port)))

    assert f"transport to 127.0.0.1:{port} made at shop.py:9 in keeps_a_connection, by the test" == text


def test_file_that_a_loop_waits_for_is_found(shop: Any, lab: Any) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ((kind, text),) = left(lab, run_of(lambda: shop.watches_a_socket(ours)))

    words = "reader of a file, on_readable made at shop.py:47 in watches_a_socket, by the test"
    assert ("transport", words) == (kind, text)


@pytest.mark.parametrize("name", ["closes_its_connection", "closes_and_waits", "closes_its_server"])
def test_right_twin_leaves_none(shop: Any, lab: Any, port: int, name: str) -> None:
    """A closed transport needs a turn of its loop to go."""
    assert [] == left(lab, run_of(lambda: getattr(shop, name)(port)))
    with kept_loop() as loop:
        assert [] == left(lab, lambda: loop.run_until_complete(getattr(shop, name)(port)))


def test_connection_on_a_kept_loop_is_found(shop: Any, lab: Any, port: int) -> None:
    with kept_loop() as loop:
        found = left(lab, lambda: loop.run_until_complete(shop.keeps_a_connection(port)))

    assert ["transport"] == [kind for kind, _ in found]


def test_connection_on_a_loop_of_another_thread_is_found(shop: Any, lab: Any, port: int) -> None:
    with kept_loop() as loop:
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            found = left(lab, lambda: asyncio.run_coroutine_threadsafe(shop.keeps_a_connection(port), loop).result())
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    assert ["transport"] == [kind for kind, _ in found]


def test_connection_that_the_projects_own_asyncio_run_leaves_is_a_note(shop: Any, lab: Any, port: int) -> None:
    seen = lab.run(lambda: shop.runs_a_loop_of_its_own(port), "shop:pay = null")
    notes = [one for one in seen.observation.leftovers if one.kind == "transport"]

    assert [True] == [one.is_note for one in notes]
    assert "left to the project's own event loop" in notes[0].text


def test_connection_of_a_wider_fixture_or_from_before_is_not_the_tests(shop: Any, lab: Any, port: int) -> None:
    census = lab.laboratory.census

    async def main() -> None:
        before = census.work_for(Owner("the session fixture 'line'", "session"))
        await shop.keeps_a_connection(port)
        await shop.keeps_a_server(port)
        census.work_for(before)

    with kept_loop() as loop:
        loop.run_until_complete(shop.keeps_a_connection(port))

        assert [] == left(lab, lambda: loop.run_until_complete(main()))


def test_connection_of_a_librarys_pool_is_the_librarys(shop: Any, lab: Any, port: int) -> None:
    source = "import asyncio\nasync def connect(port): return await asyncio.open_connection('127.0.0.1', port)"
    library: dict[str, Any] = {}
    exec(compile(source, "/opt/site-packages/library.py", "exec"), library)  # a library's file need not be there

    async def main() -> None:
        shop.kept.append(await library["connect"](port))

    assert [] == left(lab, run_of(main))


def test_accepted_connection_of_a_library_is_the_librarys(shop: Any, lab: Any, port: int) -> None:
    """That the test runs the loop does not make it the test's."""
    assert [] == left(lab, run_of(lambda: shop.is_served_by_a_library(port)))


def test_tap_is_taken_out(tmp_path: Any) -> None:
    from asyncio.selector_events import _SelectorTransport

    before = vars(_SelectorTransport)["__init__"]
    census = Census(Provenance(tmp_path))
    census.open()
    assert before is not vars(_SelectorTransport)["__init__"]
    census.close()

    assert before is vars(_SelectorTransport)["__init__"]
