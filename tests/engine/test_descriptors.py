"""Descriptors that are left open or dropped open, and those that nobody need be told of."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import io
import logging
import multiprocessing
import os
import socket
import sqlite3
import sys
import tempfile
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_chaos.contract import Contract
from pytest_chaos.resources import tap
from pytest_chaos.resources.births import Birth, Owner, is_of
from pytest_chaos.resources.descriptors import Described

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="only Linux lists descriptors")

SHOP = """
import gc, multiprocessing, os, socket, sqlite3

kept = []

def pay(): return "paid"

def forgets_a_socket():
    kept.append(socket.socket())
    pay()

def forgets_a_server():
    kept.append(socket.create_server(("127.0.0.1", 0)))
    pay()

def forgets_a_connection():
    server = socket.create_server(("127.0.0.1", 0))
    kept.append(socket.create_connection(server.getsockname()))
    server.close()
    pay()

def forgets_what_it_accepted():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()):
            kept.append(server.accept()[0])
    pay()

def forgets_a_file(path):
    kept.append(open(path, "w"))
    pay()

def forgets_a_number(path):
    kept.append(os.open(path, os.O_RDWR | os.O_CREAT))
    pay()

def forgets_a_pipe():
    kept.extend(os.pipe())
    pay()

def forgets_a_database(path):
    kept.append(sqlite3.connect(path))
    kept[0].execute("create table orders (id)")
    pay()

def forgets_a_channel():
    kept.extend(multiprocessing.Pipe(duplex=False))
    pay()

def drops_a_file(path):
    open(path, "w")
    pay()

def drops_a_socket():
    socket.socket()
    pay()

def drops_a_cycle(path):
    circle = [open(path, "w")]
    circle.append(circle)
    del circle
    pay()

def drops_an_old_cycle(path):
    circle = [open(path, "w")]
    circle.append(circle)
    gc.collect()

class Client:
    def __init__(self): self.socket = None
    def connect(self): self.socket = socket.socket()
"""


@pytest.fixture
def shop(lab: Any) -> Iterator[Any]:
    shop = lab.module("shop", SHOP)
    for kind in lab.laboratory.census.kinds:
        kind.grace_s = 0.06
    yield shop
    for one in shop.kept:
        if isinstance(one, int):
            with contextlib.suppress(OSError):
                os.close(one)
        else:
            one.close()


@pytest.fixture
def unclosed_is_no_error() -> Iterator[None]:
    """What is dropped open on purpose is no error of this suite's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield


def left(lab: Any, body: Callable[[], Any], **options: Any) -> list[tuple[str, str, bool]]:
    seen = lab.run(body, "shop:pay = null", **options)
    return [(one.kind, one.text, one.is_note) for one in seen.observation.leftovers]


# --- sockets


def test_socket_that_is_left_open_is_found_with_who_made_it(shop: Any, lab: Any) -> None:
    ((kind, text, is_note),) = left(lab, lambda: shop.forgets_a_socket())

    assert ("file-descriptor", False) == (kind, is_note)
    assert f"descriptor {shop.kept[0].fileno()}, made at shop.py:9 in forgets_a_socket, by the test; still open" in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("forgets_a_server", "(listening), descriptor"),
        ("forgets_a_connection", "(not connected), descriptor"),
        ("forgets_what_it_accepted", "(closed by the other side), descriptor"),
    ],
)
def test_text_tells_addresses_and_state(shop: Any, lab: Any, name: str, words: str) -> None:
    ((_, text, _),) = left(lab, lambda: getattr(shop, name)())

    assert text.startswith("socket 127.0.0.1:")
    assert words in text
    assert f"in {name}, by the test" in text


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (("file", "/tmp/run-1/orders.db"), ("file", "/tmp/run-2/orders.db"), True),
        (("file", "/tmp/a/tmpk3j2h1a_"), ("file", "/tmp/a/tmp9x8y7z6w"), True),
        (("file", "/tmp/a/orders.db"), ("file", "/tmp/a/prices.db"), False),
        (("file", "/tmp/a/x"), ("directory", "/tmp/a/x"), False),
        (("socket", "127.0.0.1:41234", "127.0.0.1:80", ""), ("socket", "127.0.0.1:45678", "127.0.0.1:80", ""), True),
        (("socket", "127.0.0.1:1", "", "listening"), ("socket", "127.0.0.1:1", "", "established"), False),
        (("socket", "/tmp/run-1/redis", "", ""), ("socket", "/tmp/run-2/redis", "", ""), True),
        (("pipe", "read"), ("pipe", "write"), False),
    ],
)
def test_fingerprint_of_what_nobody_saw_made_is_its_name(one: Any, other: Any, is_same: bool) -> None:
    """Without folders, numbers and names that are drawn, which differ from run to run."""
    prints = [Described(form, "as told", tuple(names)).fingerprint for form, *names in (one, other)]

    assert is_same is (prints[0] == prints[1])


def test_files_of_one_name_are_the_same_in_two_runs(shop: Any, lab: Any) -> None:
    def print_of(folder: str) -> str:
        path = lab.root / folder / "orders.txt"
        path.parent.mkdir()
        seen = lab.run(lambda: (shop.pay(), shop.kept.append(path.open("w"))), "shop:pay = null")
        shop.kept.pop().close()
        (one,) = seen.observation.leftovers
        assert str(path) in one.text
        return str(one.fingerprint)

    assert "file-descriptor file orders.txt" == print_of("one") == print_of("two")


def test_fingerprint_is_the_making_and_no_number(shop: Any, lab: Any) -> None:
    fingerprints = set()
    for _ in range(2):
        seen = lab.run(lambda: shop.forgets_a_server(), "shop:pay = null")
        fingerprints |= {one.fingerprint for one in seen.observation.leftovers}

    assert {"file-descriptor shop.py:13 in forgets_a_server"} == fingerprints


def test_number_that_was_closed_and_given_out_again_is_new(shop: Any, lab: Any) -> None:
    with socket.socket() as early:
        number = early.fileno()

        def body() -> None:
            early.close()
            shop.forgets_a_socket()

        found = left(lab, body)

        assert number == shop.kept[0].fileno()
        assert ["file-descriptor"] == [kind for kind, _, _ in found]


def test_it_is_told_once(shop: Any, lab: Any) -> None:
    assert 1 == len(left(lab, lambda: shop.forgets_a_socket()))
    assert [] == left(lab, lambda: shop.pay())


# --- files and pipes


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("forgets_a_file", "file '{path}' open for writing, descriptor"),
        ("forgets_a_number", "file '{path}', descriptor"),
        ("forgets_a_database", "file '{path}', descriptor"),
    ],
)
def test_file_that_is_left_open_is_found(shop: Any, lab: Any, tmp_path: Path, name: str, words: str) -> None:
    path = tmp_path / "orders"

    ((kind, text, is_note),) = left(lab, lambda: getattr(shop, name)(path))

    assert ("file-descriptor", False) == (kind, is_note)
    assert text.startswith(words.format(path=path))
    assert text.endswith("; still open")


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that does not lie in the project."""
    path = tmp_path_factory.mktemp("outside") / "orders"
    path.touch()
    return path


@pytest.mark.parametrize("doubles", [False, True])
def test_number_is_whose_who_opened_it_wherever_the_file_lies(
    shop: Any, lab: Any, outside: Path, doubles: bool
) -> None:
    def body() -> None:
        shop.forgets_a_number(outside)
        if doubles:
            shop.kept.append(os.dup(shop.kept[0]))
            os.close(shop.kept.pop(0))

    ((kind, text, is_note),) = left(lab, body)

    assert ("file-descriptor", False) == (kind, is_note)
    assert text.startswith(f"file '{outside}', descriptor {shop.kept[0]}, ")
    assert doubles or "opened at shop.py:33 in forgets_a_number, by the test; still open" in text


def test_temporary_file_is_whose_who_asked_for_it(shop: Any, lab: Any) -> None:
    ((kind, text, _),) = left(lab, lambda: (shop.pay(), shop.kept.append(tempfile.mkstemp()[0])))

    assert "file-descriptor" == kind
    assert "by the test; still open" in text


def test_numbers_that_are_closed_again_are_not_remembered_for_ever(lab: Any, tmp_path: Path) -> None:
    """Also where leaks are not judged, and nobody asks what is open."""
    owner = Owner("who opens and closes", "test")
    lab.laboratory.census.work_for(owner)

    for number in range(100):
        os.close(os.open(tmp_path / str(number), os.O_RDWR | os.O_CREAT))

    assert 1 == sum(type(one) is Birth and one.owner is owner for one in gc.get_objects())


@pytest.mark.parametrize("name", ["forgets_a_pipe", "forgets_a_channel"])
def test_both_ends_of_a_pipe_are_found(shop: Any, lab: Any, name: str) -> None:
    found = left(lab, lambda: getattr(shop, name)())

    assert ["file-descriptor"] * 2 == [kind for kind, _, _ in found]
    assert ["read end of a pipe", "write end of a pipe"] == sorted(text.partition(",")[0] for _, text, _ in found)


# --- what is dropped open


def test_file_that_is_dropped_open_is_a_note_where_it_was_dropped(
    shop: Any, lab: Any, tmp_path: Path, unclosed_is_no_error: None
) -> None:
    ((kind, text, is_note),) = left(lab, lambda: shop.drops_a_file(tmp_path / "orders"))

    assert ("file-descriptor", True) == (kind, is_note)
    assert f"file '{tmp_path / 'orders'}' dropped open at shop.py:50 in drops_a_file, by the test" == text


def test_socket_that_is_dropped_open_is_a_note_with_who_made_it(
    shop: Any, lab: Any, unclosed_is_no_error: None
) -> None:
    assert [
        ("file-descriptor", "socket dropped open, made at shop.py:54 in drops_a_socket, by the test", True)
    ] == left(lab, lambda: shop.drops_a_socket())


def test_file_that_is_dropped_in_a_cycle_is_a_note(
    shop: Any, lab: Any, tmp_path: Path, unclosed_is_no_error: None
) -> None:
    gc.disable()  # or it may come by early, and then nobody knows whose the file was
    try:
        ((_, text, is_note),) = left(lab, lambda: shop.drops_a_cycle(tmp_path / "orders"))
    finally:
        gc.enable()

    assert is_note
    assert text == f"file '{tmp_path / 'orders'}' dropped open, in a cycle"


@pytest.fixture
def collections() -> Iterator[list[int]]:
    """The generations that the collector has searched, without those that it chose by itself."""
    generations: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            generations.append(info["generation"])

    gc.collect()
    gc.disable()
    gc.callbacks.append(note)
    yield generations
    gc.callbacks.remove(note)
    gc.enable()


def test_a_young_cycle_is_looked_for_among_young_objects_alone(
    shop: Any, lab: Any, tmp_path: Path, unclosed_is_no_error: None, collections: list[int]
) -> None:
    ((_, text, _),) = left(lab, lambda: shop.drops_a_cycle(tmp_path / "orders"))

    assert text.endswith("dropped open, in a cycle")
    assert collections == [1]


def test_an_old_cycle_is_found_as_well(
    shop: Any, lab: Any, tmp_path: Path, unclosed_is_no_error: None, collections: list[int]
) -> None:
    ((_, text, _),) = left(lab, lambda: shop.drops_an_old_cycle(tmp_path / "orders"))

    assert text.endswith("dropped open, in a cycle")
    assert collections[-1] == 2


def test_strict_contract_makes_it_a_leak(shop: Any, lab: Any, tmp_path: Path, unclosed_is_no_error: None) -> None:
    seen = lab.run(lambda: shop.drops_a_file(tmp_path / "x"), "shop:pay = null", contract=Contract(leaks="strict"))

    assert ("leaked", ["file-descriptor"]) == (seen.verdict, seen.kinds)


def test_filters_of_warnings_do_what_they_did(shop: Any, lab: Any, tmp_path: Path) -> None:
    def body() -> None:
        with pytest.warns(ResourceWarning, match="unclosed file"):
            shop.drops_a_file(tmp_path / "x")
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            warnings.warn("unclosed file", ResourceWarning, stacklevel=1)
            warnings.warn("anything", UserWarning, stacklevel=1)
        assert 2 == len(told)

    left(lab, body)


# --- what must stay silent


def test_what_is_closed_is_not_left(shop: Any, lab: Any, tmp_path: Path) -> None:
    def body() -> None:
        shop.pay()
        with (tmp_path / "x").open("w"), tempfile.TemporaryFile(), tempfile.NamedTemporaryFile(), socket.socket():
            pass
        for number in os.pipe():
            os.close(number)
        with contextlib.closing(sqlite3.connect(tmp_path / "orders")) as database:
            database.execute("create table orders (id)")
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            pool.apply(abs, (-1,))

    assert [] == left(lab, body)


def test_what_an_asyncio_run_opens_for_itself_is_not_left(shop: Any, lab: Any) -> None:
    async def main() -> None:
        await asyncio.to_thread(shop.pay)

    assert [] == left(lab, lambda: asyncio.run(main()))


def test_loop_that_is_kept_is_not_left(shop: Any, lab: Any) -> None:
    loops = []

    def body() -> None:
        loops.append(asyncio.new_event_loop())
        loops[0].run_until_complete(asyncio.sleep(0))
        shop.pay()

    try:
        assert [] == left(lab, body)
    finally:
        loops[0].close()


def test_handler_of_logging_is_not_left(shop: Any, lab: Any, tmp_path: Path) -> None:
    handlers: list[logging.Handler] = []

    def body() -> None:
        handlers.append(logging.FileHandler(tmp_path / "log"))
        shop.pay()

    try:
        assert [] == left(lab, body)
    finally:
        handlers[0].close()


def test_queue_that_is_kept_is_not_left(shop: Any, lab: Any) -> None:
    queues: list[Any] = []

    def body() -> None:
        queues.append(multiprocessing.get_context("spawn").Queue())
        queues[0].put(1)
        assert queues[0].get() == 1
        shop.pay()

    try:
        assert [] == left(lab, body)
    finally:
        queues[0].close()
        queues[0].join_thread()


def test_what_a_library_keeps_is_not_left(shop: Any, lab: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """A pool's connection, and a file in a library's object."""
    library = types.ModuleType("library")
    folder = Path(pytest.__file__).parents[1] / "library.py"
    source = """
import socket
class Pool:
    def connect(self): self.socket = socket.socket()
    def open(self, path): self.file = open(path, "w")
"""
    exec(compile(source, str(folder), "exec"), vars(library))
    library.__file__ = str(folder)
    monkeypatch.setitem(sys.modules, "library", library)
    pool = library.Pool()

    def body() -> None:
        pool.connect()
        pool.open(tmp_path / "x")
        shop.pay()

    try:
        assert [] == left(lab, body)
    finally:
        pool.socket.close()
        pool.file.close()


def test_number_that_a_library_opens_is_its_own(
    shop: Any, lab: Any, tmp_path: Path, outside: Path, monkeypatch: Any
) -> None:
    """Also a cache in the project's own folder; and a number that a library opens in the place of one of ours."""
    library = types.ModuleType("library")
    folder = Path(pytest.__file__).parents[1] / "library.py"
    exec(compile("import os\ndef load(path): return os.open(path, os.O_RDONLY)", str(folder), "exec"), vars(library))
    library.__file__ = str(folder)
    monkeypatch.setitem(sys.modules, "library", library)
    inside = tmp_path / "cache"
    inside.touch()
    numbers = []

    def body() -> None:
        shop.forgets_a_number(tmp_path / "closed")
        os.close(shop.kept[0])
        numbers.extend(map(library.load, [inside, outside]))
        shop.pay()

    try:
        assert [] == left(lab, body)
        assert shop.kept[0] == numbers[0]
    finally:
        shop.kept.clear()
        for number in numbers:
            os.close(number)


def test_number_that_nobody_saw_come_is_told_in_the_project_only(
    shop: Any, lab: Any, tmp_path: Path, outside: Path
) -> None:
    """What C code opens, such as a library for its data, passes no tap of ours."""
    unseen: Any = os.open.__wrapped__  # type: ignore[attr-defined]  # it is a tap here

    def body() -> None:
        shop.kept += [unseen(outside, os.O_RDONLY), unseen(tmp_path / "orders", os.O_RDWR | os.O_CREAT)]
        shop.pay()

    ((_, text, _),) = left(lab, body)

    assert text.startswith(f"file '{tmp_path / 'orders'}'")


# --- owners


def test_what_a_wider_fixture_opened_is_judged_with_it(shop: Any, lab: Any, tmp_path: Path) -> None:
    census = lab.laboratory.census
    owner = Owner("the module fixture 'store'", "module", 1)
    baseline = census.baseline()

    def body() -> None:
        before = census.work_for(owner)
        shop.forgets_a_file(tmp_path / "a")
        shop.forgets_a_socket()
        census.work_for(before)
        shop.pay()

    assert [] == left(lab, body)
    assert [] == left(lab, lambda: shop.pay())
    found = census.leftovers(baseline, is_of(owner))
    assert ["file-descriptor"] * 2 == [one.kind for one in found]
    assert "opened for the module fixture 'store'; still open" in found[0].text
    assert "in forgets_a_socket, by the module fixture 'store'; still open" in found[1].text


@pytest.fixture(scope="module")
def clients() -> Iterator[list[Any]]:
    clients: list[Any] = []
    yield clients
    for client in clients:
        client.socket.close()


def test_socket_that_a_wider_fixture_keeps_is_its_own(shop: Any, lab: Any, clients: list[Any]) -> None:
    """Its client connects where it is first used."""

    def body() -> None:
        clients.append(shop.Client())
        clients[0].connect()
        shop.pay()

    assert [] == left(lab, body)


# --- taps


def test_taps_leave_classes_and_filters_as_they_were(lab: Any) -> None:
    census = lab.laboratory.census
    census.close()
    plain, filters, callbacks = socket.socket.__init__, list(warnings.filters), list(gc.callbacks)
    signature = inspect.signature(socket.socket)
    census.open()
    census.forget(census.baseline())

    assert plain is not socket.socket.__init__
    assert str(signature).replace("=None", "").count(",") == str(inspect.signature(socket.socket)).count(",")
    census.close()
    assert plain is socket.socket.__init__
    assert filters == list(warnings.filters)
    assert callbacks == list(gc.callbacks)


def test_functions_that_open_are_what_they_were_to_who_asks(lab: Any, tmp_path: Path) -> None:
    """Such as ``shutil``, which asks whether ``os.open`` takes a folder's descriptor."""
    assert tap.is_tap(os.open) and tap.is_tap(os.dup)
    assert os.open in os.supports_dir_fd
    folder = os.open(tmp_path, os.O_RDONLY)
    number = os.open("x", os.O_CREAT | os.O_WRONLY, dir_fd=folder)
    os.close(number)
    os.close(folder)
    assert (tmp_path / "x").exists()
    with pytest.raises(FileNotFoundError):
        os.open(tmp_path / "missing", os.O_RDONLY)


def test_kind_of_file_does_not_matter(shop: Any, lab: Any, tmp_path: Path) -> None:
    def body() -> None:
        shop.kept.append(io.FileIO(tmp_path / "x", "w"))
        shop.pay()

    assert ["file-descriptor"] == [kind for kind, _, _ in left(lab, body)]
