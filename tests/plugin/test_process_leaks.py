"""Descriptors and child processes in whole runs: what fixtures keep and put away is silent, and the rest is told."""

import concurrent.futures.process  # noqa: F401  # an inner run would load it anew, and children know only one
import os

import pytest

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="only Linux tells of descriptors")

SHOP = """
    import socket, subprocess, sys

    READS = [sys.executable, "-S", "-c", "import sys; sys.stdin.read()"]
    kept = []

    class Client:
        line = None

        def ask(self):
            if self.line is None:
                self.line = socket.socket()

        def close(self):
            self.line.close()
"""
QUIET = """
    import asyncio, logging, multiprocessing, os, socket, sqlite3, subprocess, tempfile
    import concurrent.futures
    import pytest, shop

    @pytest.fixture
    def line():
        line = socket.socket()
        yield line
        line.close()

    @pytest.fixture(scope="module")
    def database(tmp_path_factory):
        database = sqlite3.connect(tmp_path_factory.mktemp("db") / "orders")
        database.execute("pragma journal_mode=wal")
        yield database
        database.close()

    @pytest.fixture
    def log(tmp_path):
        handler = logging.FileHandler(tmp_path / "log")
        logging.getLogger("shop").addHandler(handler)
        yield
        logging.getLogger("shop").removeHandler(handler)
        handler.close()

    @pytest.fixture(scope="session")
    def pool():
        with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            assert pool.submit(abs, -1).result() == 1
            yield pool

    @pytest.fixture(scope="module")
    def client():
        client = shop.Client()
        yield client
        client.close()

    @pytest.fixture(scope="module")
    def child():
        child = subprocess.Popen(shop.READS, stdin=subprocess.PIPE)
        yield child
        child.communicate()

    def test_line(line): ...

    @pytest.mark.parametrize("time", [1, 2])
    def test_database(database, time):
        database.execute(f"create table t{time} (id)")
        database.commit()

    def test_log(log):
        logging.getLogger("shop").warning("x")

    @pytest.mark.parametrize("time", [1, 2])
    def test_pool(pool, time):
        assert pool.submit(abs, -1).result() == 1

    @pytest.mark.parametrize("time", [1, 2])
    def test_client(client, time):
        client.ask()

    def test_child(child): ...

    def test_capture(capfd):
        os.write(1, b"x")

    def test_files(tmp_path):
        path = tempfile.mkstemp(dir=tmp_path)[0]
        os.close(path)
        with tempfile.NamedTemporaryFile(), tempfile.TemporaryDirectory():
            pass

    def test_children():
        subprocess.run(shop.READS, stdin=subprocess.DEVNULL, check=True)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            assert pool.apply(abs, (-1,)) == 1

    def test_asyncio():
        async def main():
            child = await asyncio.create_subprocess_exec(*shop.READS, stdin=asyncio.subprocess.PIPE)
            await child.communicate(b"")
        asyncio.run(main())
"""
LOUD = """
    import socket, subprocess
    import pytest, shop

    @pytest.fixture(scope="module")
    def store(tmp_path_factory):
        shop.kept.append(open(tmp_path_factory.mktemp("store") / "orders", "w"))

    def test_socket():
        shop.kept.append(socket.socket())

    def test_child():
        shop.kept.append(subprocess.Popen(shop.READS, stdin=subprocess.PIPE))

    def test_first(store): ...

    def test_last(store): ...
"""
CONFTEST = """
    import subprocess
    import shop

    def pytest_unconfigure():
        for one in shop.kept:
            one.communicate() if isinstance(one, subprocess.Popen) else one.close()
"""


@pytest.fixture
def shop(inner):
    """A project that puts away what its tests leave when the inner run ends."""
    inner.write("shop.py", SHOP)
    inner.write("conftest.py", CONFTEST)
    return inner


@pytest.mark.parametrize("options", [(), ("-s",)], ids=["captured", "not captured"])
def test_what_fixtures_keep_and_tests_put_away_is_silent(shop, options):
    shop.write("test_it.py", QUIET)
    done = shop.run("-o", "chaos_leaks=strict", *options)

    assert [] == [line for line in done.lines if line.startswith("chaos: leaked")]
    assert done.outcomes == {"passed": 13}
    assert done.document["results"] == []


def test_what_is_left_is_told_on_the_right_test(shop):
    shop.write("test_it.py", LOUD)
    done = shop.run("-o", "chaos_leaks=on")

    told = [line for line in done.lines if line.startswith("chaos: leaked:")]
    assert done.outcomes == {"failed": 3, "passed": 1}
    assert "made at test_it.py:10 in test_socket, by test_it.py::test_socket; still open" in told[0]
    assert "started at test_it.py:13 in test_child, by test_it.py::test_child; it still runs" in told[1]
    assert "opened for the module fixture 'store'; still open" in told[2]
