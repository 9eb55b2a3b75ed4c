"""Clients of real libraries that whoever needs them first makes, and that stay; see clean.py.

What is a library's alone, such as a connection, is not spoken of; threads and tasks are, in a note that names the
variable that keeps them.
"""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import system

from pytest_chaos import Raise

pytestmark = pytest.mark.chaos("system:fetch", Raise(ConnectionError), nth=1)
REDIS, POSTGRES = os.environ.get("SOFT_REDIS", ""), os.environ.get("SOFT_POSTGRES", "")
needs_redis = pytest.mark.skipif(not REDIS, reason="no Redis server is installed")
needs_postgres = pytest.mark.skipif(not POSTGRES, reason="no PostgreSQL server is installed")


def ask() -> Any:
    """Call twice: the first call fails."""
    try:
        return system.fetch()
    except ConnectionError:
        return system.fetch()


@pytest.fixture(scope="session", autouse=True)
def runner() -> Iterator[asyncio.Runner]:
    """A loop of the session; at its end all clients go."""
    with asyncio.Runner() as runner:
        yield runner
        for make in reversed(MADE):
            if make.cache_info().currsize:
                ended = getattr(make(), "aclose", None) or getattr(make(), "close", None) or make().dispose
                ended = ended()
                if asyncio.iscoroutine(ended):
                    runner.run(ended)


@pytest.fixture(scope="session")
def address(runner: object) -> Iterator[str]:
    """An HTTP server of the session that keeps connections alive, until all clients are gone."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    if http.cache_info().currsize:
        http().close()
    if async_http.cache_info().currsize:
        runner.run(async_http().aclose())  # type: ignore[attr-defined]  # it is the fixture above
    server.shutdown()
    thread.join()
    server.server_close()


@functools.cache
def http() -> Any:
    import httpx

    return httpx.Client(timeout=10)


@functools.cache
def async_http() -> Any:
    import httpx

    return httpx.AsyncClient(timeout=10)


@functools.cache
def store() -> Any:
    import redis

    return redis.Redis.from_url(REDIS)


@functools.cache
def async_store() -> Any:
    import redis.asyncio

    return redis.asyncio.Redis.from_url(REDIS)


@functools.cache
def engine() -> Any:
    import psycopg2
    import sqlalchemy

    return sqlalchemy.create_engine("postgresql+psycopg2://", creator=lambda: psycopg2.connect(POSTGRES))


@functools.cache
def file_engine(path: str) -> Any:
    import sqlalchemy

    return sqlalchemy.create_engine(f"sqlite:///{path}")


@functools.cache
def pool() -> Any:
    import psycopg_pool

    return psycopg_pool.ConnectionPool(POSTGRES, min_size=1, max_size=2, open=True)


@functools.cache
def async_pool() -> Any:
    import psycopg_pool

    return psycopg_pool.AsyncConnectionPool(POSTGRES, min_size=1, max_size=2, open=False)


@functools.cache
def channel() -> Any:
    import grpc

    return grpc.insecure_channel("127.0.0.1:1")


@functools.cache
def async_channel() -> Any:
    import grpc.aio

    return grpc.aio.insecure_channel("127.0.0.1:1")


MADE = (store, async_store, engine, pool, async_pool, channel, async_channel)


@pytest.mark.parametrize("time", [1, 2])
def test_client_of_httpx(address: str, time: int) -> None:
    assert http().get(address).text == "ok"
    assert ask() == 1


@pytest.mark.parametrize("time", [1, 2])
def test_async_client_of_httpx(runner: asyncio.Runner, address: str, time: int) -> None:
    async def main() -> str:
        return str((await async_http().get(address)).text)

    assert runner.run(main()) == "ok"
    assert ask() == 1


@needs_redis
@pytest.mark.parametrize("time", [1, 2])
def test_client_of_redis(time: int) -> None:
    store().set("c", time)
    assert ask() == 1


@needs_redis
@pytest.mark.parametrize("time", [1, 2])
def test_async_client_of_redis(runner: asyncio.Runner, time: int) -> None:
    async def main() -> None:
        await async_store().set("d", time)

    runner.run(main())
    assert ask() == 1


@needs_postgres
@pytest.mark.parametrize("time", [1, 2])
def test_engine_of_sqlalchemy(time: int) -> None:
    import sqlalchemy

    with engine().connect() as connection:
        assert connection.execute(sqlalchemy.text("select 1")).scalar() == 1
    assert ask() == 1


def test_engine_of_sqlalchemy_on_a_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    import sqlalchemy

    with file_engine(str(tmp_path_factory.mktemp("lazy") / "x.db")).connect() as connection:
        assert connection.execute(sqlalchemy.text("select 1")).scalar() == 1
    assert ask() == 1


@needs_postgres
@pytest.mark.parametrize("time", [1, 2])
def test_pool_of_psycopg(time: int) -> None:
    with pool().connection() as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert ask() == 1


@needs_postgres
@pytest.mark.parametrize("time", [1, 2])
def test_async_pool_of_psycopg(runner: asyncio.Runner, time: int) -> None:
    async def main() -> Any:
        await async_pool().open()
        async with async_pool().connection() as connection:
            return await (await connection.execute("select 1")).fetchone()

    assert runner.run(main()) == (1,)
    assert ask() == 1


@pytest.mark.parametrize("time", [1, 2])
def test_channel_of_grpc(time: int) -> None:
    import grpc

    with pytest.raises(grpc.RpcError):
        channel().unary_unary("/soft/echo")(b"x", timeout=5)
    assert ask() == 1


@pytest.mark.parametrize("time", [1, 2])
def test_async_channel_of_grpc(runner: asyncio.Runner, time: int) -> None:
    import grpc

    async def main() -> None:
        with pytest.raises(grpc.RpcError):
            await async_channel().unary_unary("/soft/echo")(b"x", timeout=5)

    runner.run(main())
    assert ask() == 1
