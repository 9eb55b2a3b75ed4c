"""Leaks and lost errors beside the ways in which async tests are run: the same findings under each."""

from __future__ import annotations

import pytest

SHOP = """
    import asyncio, contextlib

    kept = []

    async def charge():
        return "receipt"

    async def rows():
        yield 1
        yield 2

    async def forever():
        await asyncio.Event().wait()

    async def dies():
        asyncio.create_task(charge())
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def opens():
        found = rows()
        kept.append(found)
        await anext(found)
        with contextlib.suppress(ConnectionError):
            await charge()

    async def forgets():
        kept.append(asyncio.create_task(forever()))
        with contextlib.suppress(ConnectionError):
            await charge()

    async def is_clean():
        task = asyncio.create_task(charge())
        async with contextlib.aclosing(rows()) as found:
            async for row in found:
                with contextlib.suppress(ConnectionError):
                    await charge()
        with contextlib.suppress(ConnectionError):
            await task
"""

WAYS = ("dies", "opens", "forgets", "is_clean")
EXPECTED = {
    "test_dies": ("lost", ["task-error"]),
    "test_opens": ("leaked", ["async-generator"]),
    "test_forgets": ("leaked", ["task"]),
    "test_is_clean": ("resilient", []),
}

HEAD = """
    import asyncio, unittest, pytest, shop
    from pytest_chaos import Raise

    chaos = pytest.mark.chaos("shop:charge", Raise(ConnectionError))
"""
AWAITED = "".join(f"\n    @chaos\n    async def test_{way}():\n        await shop.{way}()\n" for way in WAYS)
SYNC = "".join(f"\n    @chaos\n    def test_{way}():\n        asyncio.run(shop.{way}())\n" for way in WAYS)
CASE = "\n    class TestShop(unittest.IsolatedAsyncioTestCase):\n" + "".join(
    f"        @chaos\n        async def test_{way}(self):\n            await shop.{way}()\n\n" for way in WAYS
)
ON_ASYNCIO = "\n    anyio_backend = pytest.fixture(lambda: 'asyncio', name='anyio_backend')\n"

STARLETTE = """
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route
    from starlette.testclient import TestClient

    def route(name):
        async def answer(request):
            await getattr(shop, name)()
            return PlainTextResponse("paid")
        return Route("/" + name, answer)

    app = Starlette(routes=[route(name) for name in ("dies", "opens", "forgets", "is_clean")])
"""
FASTAPI = """
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    app = FastAPI()

    @app.get("/{name}")
    async def answer(name: str):
        await getattr(shop, name)()
        return "paid"
"""
CLIENT = """
    @pytest.fixture
    def client():
        with TestClient(app) as client:
            yield client
""" + "".join(
    f"\n    @chaos\n    def test_{way}(client):\n        assert client.get('/{way}').status_code == 200\n"
    for way in WAYS
)


@pytest.mark.parametrize("spread", [(), ("-n", "2")], ids=["one process", "two workers"])
@pytest.mark.parametrize(
    ("source", "plugin", "options"),
    [
        (AWAITED, "asyncio", ("--asyncio-mode=auto",)),
        (AWAITED, "asyncio", ("--asyncio-mode=auto", "-o", "asyncio_default_test_loop_scope=session")),
        (ON_ASYNCIO + AWAITED, "anyio", ("-o", "anyio_mode=auto")),
        (CASE, "", ()),
        (SYNC, "", ()),
        (STARLETTE + CLIENT, "", ()),
        (FASTAPI + CLIENT, "", ()),
    ],
    ids=[
        "pytest-asyncio",
        "pytest-asyncio, loop of the session",
        "anyio",
        "IsolatedAsyncioTestCase",
        "asyncio.run",
        "Starlette",
        "FastAPI",
    ],
)
def test_findings_are_the_same(inner, source, plugin, options, spread):
    """A dead task, an open generator and a forgotten task are found on their test, and the clean twin is clean."""
    inner.write("shop.py", SHOP)
    inner.write("test_it.py", HEAD + source)

    plugins = [name for name in (plugin, "xdist" if spread else "") if name]
    done = inner.run_apart(*options, *spread, "-W", "error", plugins=plugins)

    # anyio also raises in the test what a task died of; the verdict is the same.
    found = {
        name.removeprefix("TestShop::"): (one["verdict"], [fact["kind"] for fact in one["evidence"][:1]])
        for name, one in done.results.items()
    }
    assert found == EXPECTED, done.text


TRIO = """
    import trio, contextlib

    async def charge():
        return "receipt"

    async def rows():
        yield 1
        yield 2

    async def pay():
        async with contextlib.aclosing(rows()) as found:
            async for row in found:
                with contextlib.suppress(ConnectionError):
                    await charge()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 0.001)
            await trio.to_thread.run_sync(int)
        with trio.move_on_after(10):
            await trio.sleep(0)
"""
ANYIO = """
    import anyio, contextlib

    async def charge():
        return "receipt"

    async def pay():
        with contextlib.suppress(ConnectionError):
            await charge()
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 0.001)
            await anyio.to_thread.run_sync(int)
        with anyio.move_on_after(10):
            await anyio.sleep(0)
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        async with listener:
            number = listener.extra(anyio.abc.SocketAttribute.local_port)
            async with await anyio.connect_tcp("127.0.0.1", number):
                pass
        with anyio.from_thread.start_blocking_portal() as portal:
            portal.start_task_soon(anyio.sleep, 0).result()
"""


@pytest.mark.parametrize(
    ("shop", "backends"), [(TRIO, "['trio']"), (ANYIO, "['asyncio', 'trio']")], ids=["trio", "anyio on both"]
)
def test_no_false_alarm_of_trio_and_anyio(inner, shop, backends):
    """What they keep for later is not left by the test."""
    inner.write("shop.py", shop)
    inner.write(
        "test_it.py",
        f"""
        import pytest, shop
        from pytest_chaos import Raise

        @pytest.fixture(params={backends})
        def anyio_backend(request):
            return request.param

        @pytest.mark.anyio
        @pytest.mark.chaos("shop:charge", Raise(ConnectionError))
        async def test_it(anyio_backend):
            await shop.pay()
        """,
    )
    done = inner.run_apart("-W", "error", plugins=("anyio",))

    assert {"resilient"} == set(done.verdicts.values()), done.text
    assert [[] for _ in done.results] == [one["evidence"] for one in done.results.values()]
