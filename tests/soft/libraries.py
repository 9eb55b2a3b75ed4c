"""Real libraries whose pools, monitors and servers must stay silent; see clean.py."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import system

from pytest_chaos import Raise

pytestmark = (
    pytest.mark.no_leaks("strict")
    if os.environ.get("SOFT_ALONE")
    else pytest.mark.chaos("system:fetch", Raise(ConnectionError), nth=1)
)
REDIS, POSTGRES = os.environ.get("SOFT_REDIS", ""), os.environ.get("SOFT_POSTGRES", "")
needs_redis = pytest.mark.skipif(not REDIS, reason="no Redis server is installed")
needs_postgres = pytest.mark.skipif(not POSTGRES, reason="no PostgreSQL server is installed")


def ask() -> Any:
    """Call twice: the first call fails."""
    try:
        return system.fetch()
    except ConnectionError:
        return system.fetch()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """An HTTP server of the module that keeps connections alive."""
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
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[Any]:
    """A client of the module, which ends before its server: its connections stay open from test to test."""
    import httpx

    with httpx.Client(timeout=10) as client:
        yield client


@pytest.mark.parametrize("time", [1, 2])
def test_kept_connections_of_httpx(client: Any, address: str, time: int) -> None:
    assert client.get(address).text == "ok"
    assert ask() == 1


def test_async_client_of_httpx(address: str) -> None:
    import httpx

    async def main() -> str:
        async with httpx.AsyncClient(timeout=10) as client:
            return (await client.get(address)).text

    assert asyncio.run(main()) == "ok"
    assert ask() == 1


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    """A pool of SQLAlchemy on PostgreSQL."""
    import psycopg2
    import sqlalchemy

    engine = sqlalchemy.create_engine("postgresql+psycopg2://", creator=lambda: psycopg2.connect(POSTGRES))
    yield engine
    engine.dispose()


@needs_postgres
@pytest.mark.parametrize("time", [1, 2])
def test_pool_of_sqlalchemy(engine: Any, time: int) -> None:
    import sqlalchemy

    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("select 1")).scalar() == 1
    assert ask() == 1


@pytest.fixture(scope="module")
def psycopg_pool() -> Iterator[Any]:
    """A pool of psycopg, which keeps worker threads and a scheduler."""
    import psycopg_pool

    with psycopg_pool.ConnectionPool(POSTGRES, min_size=1, max_size=2, open=True) as pool:
        pool.wait()
        yield pool


@needs_postgres
@pytest.mark.parametrize("time", [1, 2])
def test_pool_of_psycopg(psycopg_pool: Any, time: int) -> None:
    with psycopg_pool.connection() as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert ask() == 1


@pytest.fixture(scope="module")
def redis_client() -> Iterator[Any]:
    """A client of Redis with its pool."""
    import redis

    with redis.Redis.from_url(REDIS) as client:
        yield client


@needs_redis
@pytest.mark.parametrize("time", [1, 2])
def test_pool_of_redis(redis_client: Any, time: int) -> None:
    redis_client.set("a", time)
    assert int(redis_client.get("a")) == time
    assert ask() == 1


@pytest.fixture(scope="module")
def channel() -> Iterator[Any]:
    """A channel of grpc to a server of grpc, both of the module, with threads that Python does not know."""
    from concurrent.futures import ThreadPoolExecutor

    import grpc

    def echo(request: bytes, context: Any) -> bytes:
        return request

    handler = grpc.method_handlers_generic_handler("soft", {"echo": grpc.unary_unary_rpc_method_handler(echo)})
    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool)
        server.add_generic_rpc_handlers((handler,))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
        server.stop(None).wait()


@pytest.mark.parametrize("time", [1, 2])
def test_channel_of_grpc(channel: Any, time: int) -> None:
    assert channel.unary_unary("/soft/echo")(b"x", timeout=10) == b"x"
    assert ask() == 1


def test_monitor_of_tqdm() -> None:
    import tqdm

    for _ in tqdm.tqdm(range(3), disable=False):
        pass
    assert ask() == 1


def test_portal_of_a_test_client() -> None:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route
    from starlette.testclient import TestClient

    def hello(request: object) -> PlainTextResponse:
        return PlainTextResponse(str(ask()))

    with TestClient(Starlette(routes=[Route("/", hello)])) as client:
        assert client.get("/").text == "1"


def test_threads_of_anyio() -> None:
    import anyio

    async def main() -> Any:
        return await anyio.to_thread.run_sync(ask)

    assert anyio.run(main) == 1


def test_threads_of_trio() -> None:
    import trio

    async def main() -> Any:
        return await trio.to_thread.run_sync(ask)

    assert trio.run(main) == 1


# --- asyncio, on a loop of the module


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """A loop that is kept from test to test."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def async_client(runner: asyncio.Runner, address: str) -> Iterator[Any]:
    """A client whose connections stay open from test to test."""
    import httpx

    client = httpx.AsyncClient(timeout=10)
    yield client
    runner.run(client.aclose())


@pytest.mark.parametrize("time", [1, 2])
def test_kept_connections_of_httpx_on_a_kept_loop(
    runner: asyncio.Runner, async_client: Any, address: str, time: int
) -> None:
    async def main() -> str:
        answers = await asyncio.gather(*(async_client.get(address) for _ in range(3)))
        return "".join(answer.text for answer in answers)

    assert runner.run(main()) == "okokok"
    assert ask() == 1


@pytest.fixture(scope="module")
def async_redis(runner: asyncio.Runner) -> Iterator[Any]:
    """A client of Redis with its pool."""
    import redis.asyncio

    client = redis.asyncio.Redis.from_url(REDIS)
    yield client
    runner.run(client.aclose())


@needs_redis
@pytest.mark.parametrize("time", [1, 2])
def test_pool_of_async_redis(runner: asyncio.Runner, async_redis: Any, time: int) -> None:
    async def main() -> None:
        await asyncio.gather(*(async_redis.incr("b") for _ in range(3)))

    runner.run(main())
    assert ask() == 1


@needs_redis
def test_subscription_of_redis(redis_client: Any) -> None:
    """Its thread is stopped and joined."""
    heard = threading.Event()
    with redis_client.pubsub() as subscription:
        subscription.subscribe(news=lambda message: heard.set())
        thread = subscription.run_in_thread(sleep_time=0.01)
        redis_client.publish("news", "x")
        heard.wait()
        assert ask() == 1
        thread.stop()
        thread.join()


@pytest.fixture(scope="module")
def async_pool(runner: asyncio.Runner) -> Iterator[Any]:
    """A pool of psycopg, which keeps worker tasks and a scheduler, and grows under load."""
    import psycopg_pool

    pool = psycopg_pool.AsyncConnectionPool(POSTGRES, min_size=1, max_size=3, open=False)
    runner.run(pool.open())
    yield pool
    runner.run(pool.close())


@needs_postgres
@pytest.mark.parametrize("time", [1, 2])
def test_pool_of_async_psycopg(runner: asyncio.Runner, async_pool: Any, time: int) -> None:
    async def use() -> None:
        async with async_pool.connection() as connection:
            await connection.execute("select pg_sleep(0.05)")

    async def main() -> None:
        await asyncio.gather(*(use() for _ in range(3)))

    runner.run(main())
    assert ask() == 1


@needs_postgres
def test_pool_of_async_psycopg_in_a_run_of_its_own() -> None:
    import psycopg_pool

    async def main() -> Any:
        async with psycopg_pool.AsyncConnectionPool(POSTGRES, min_size=1, max_size=3, open=False) as pool:
            async with pool.connection() as connection:
                return await (await connection.execute("select 1")).fetchone()

    assert asyncio.run(main()) == (1,)
    assert ask() == 1


@pytest.fixture(scope="module")
def async_channel(runner: asyncio.Runner) -> Iterator[Any]:
    """A channel of asyncio's grpc to a server of asyncio's grpc; a thread of grpc polls for both."""
    import grpc.aio

    async def echo(request: bytes, context: Any) -> bytes:
        return request

    async def begin() -> tuple[Any, Any]:
        server = grpc.aio.server()
        echoes = grpc.unary_unary_rpc_method_handler(echo)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("soft", {"echo": echoes}),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server, grpc.aio.insecure_channel(f"127.0.0.1:{port}")

    async def end() -> None:
        await channel.close()
        await server.stop(None)

    server, channel = runner.run(begin())
    yield channel
    runner.run(end())


@pytest.mark.parametrize("time", [1, 2])
def test_channel_of_async_grpc(runner: asyncio.Runner, async_channel: Any, time: int) -> None:
    async def main() -> bytes:
        answer: bytes = await async_channel.unary_unary("/soft/echo")(b"x", timeout=10)
        return answer

    assert runner.run(main()) == b"x"
    assert ask() == 1


@pytest.fixture(scope="module")
def live_server() -> Iterator[str]:
    """uvicorn in a thread of the module."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def hello(request: object) -> PlainTextResponse:
        return PlainTextResponse(str(ask()))

    began = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            began.set()

    server = Server(uvicorn.Config(Starlette(routes=[Route("/", hello)]), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    began.wait()
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("time", [1, 2])
def test_live_server_of_uvicorn(live_server: str, time: int) -> None:
    import httpx

    with httpx.Client(timeout=10) as client:
        assert [client.get(live_server).text for _ in range(2)] == ["1", "1"]
