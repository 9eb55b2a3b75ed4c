"""What is seen on the loops of uvloop, which are made in C: all but their connections and servers."""

from __future__ import annotations

import pytest

pytest.importorskip("uvloop", reason="uvloop is not installed")

SHOP = """
    import asyncio, contextlib

    kept = []

    async def charge():
        return "receipt"

    def pay():
        return "receipt"

    async def ask():
        with contextlib.suppress(ConnectionError):
            await charge()

    async def rows():
        yield 1
        yield 2

    async def forever():
        await asyncio.Event().wait()

    async def forgets():
        kept.append(asyncio.create_task(forever()))
        await ask()

    async def dies():
        asyncio.create_task(charge())
        await asyncio.sleep(0.001)

    def breaks():
        raise OSError("no route")

    async def breaks_in_a_callback():
        asyncio.get_running_loop().call_soon(breaks)
        await ask()
        await asyncio.sleep(0.001)

    async def opens():
        found = rows()
        kept.append(found)
        await anext(found)
        await ask()

    async def sets_a_timer():
        kept.append(asyncio.get_running_loop().call_later(1000, ask))
        await ask()

    async def is_clean():
        task = asyncio.create_task(charge())
        await ask()
        await asyncio.gather(task, return_exceptions=True)
        asyncio.get_running_loop().call_later(1000, ask).cancel()
        async with asyncio.timeout(100), contextlib.aclosing(rows()) as found:
            async for row in found:
                await asyncio.sleep(0.001)
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            await reader.read()
            writer.close()
            await writer.wait_closed()
        child = await asyncio.create_subprocess_exec("true")
        await child.wait()
        await asyncio.to_thread(int)

    async def waits(seconds):
        try:
            return await asyncio.wait_for(charge(), seconds)
        except TimeoutError:
            return "fallback"

    async def waits_for_a_thread():
        try:
            return await asyncio.wait_for(asyncio.to_thread(pay), 0.05)
        except TimeoutError:
            return "fallback"
"""
HEAD = """
    import asyncio, pytest, shop, uvloop
    from pytest_chaos import Hang, Raise
"""
OF_ITS_OWN = """
    @pytest.fixture
    def runner():
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            yield runner
"""
WAYS = {
    "forgets": ("leaked", ["task"]),
    "dies": ("lost", ["task-error"]),
    "breaks_in_a_callback": ("lost", ["task-error"]),
    "opens": ("leaked", ["async-generator"]),
    "sets_a_timer": ("leaked", ["timer"]),
    "is_clean": ("resilient", []),
}
LEAKS = f"""
    @pytest.mark.parametrize("way", {list(WAYS)})
    @pytest.mark.chaos("shop:charge", Raise(ConnectionError))
    def test_it(way, runner):
        runner.run(getattr(shop, way)())
"""


@pytest.mark.parametrize("scope", ["function", "module"], ids=["a loop that closes", "a kept loop"])
def test_leftovers_on_a_loop_of_uvloop(inner, scope):
    """Each on its test, with its maker; the first loop opens a pipe for the whole process, which is nobody's."""
    inner.write("shop.py", SHOP)
    inner.write("test_it.py", HEAD + OF_ITS_OWN.replace("fixture", f"fixture(scope='{scope}')") + LEAKS)
    done = inner.run_apart("-W", "error")

    found = {
        name.removeprefix("test_it[").removesuffix("]"): (one["verdict"], [fact["kind"] for fact in one["evidence"]])
        for name, one in done.results.items()
    }
    assert found == WAYS, done.text
    assert "created at shop.py:" in done.results["test_it[forgets]"]["evidence"][0]["text"]


def test_hangs_on_a_loop_of_uvloop(inner):
    """A pending timeout is seen, and a worker that nobody waits for any more does not hold the loop's end up."""
    inner.write("shop.py", SHOP)
    inner.write(
        "test_it.py",
        HEAD
        + OF_ITS_OWN
        + """
    @pytest.mark.chaos("shop:charge", Hang(), hang_budget=0.3)
    @pytest.mark.parametrize("seconds", [0.01, 1000, None])
    def test_waits(seconds, runner):
        runner.run(shop.waits(seconds))

    @pytest.mark.chaos("shop:pay", Hang(), hang_budget=30)
    def test_thread():
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            assert runner.run(shop.waits_for_a_thread()) == "fallback"
""",
    )
    done = inner.run_apart()

    assert done.verdicts == {
        "test_waits[0.01]": "resilient",
        "test_waits[1000]": "inconclusive",
        "test_waits[None]": "hung",
        "test_thread": "resilient",
    }, done.text
    assert [one["kind"] for one in done.results["test_thread"]["evidence"]] == ["abandoned"]


def test_first_loop_of_uvloop_may_be_made_anywhere(inner):
    """In a wider fixture or a test, which imports it; a pipe of their own is still theirs."""
    inner.write(
        "test_it.py",
        """
        import os, pytest
        pytestmark = pytest.mark.no_leaks

        @pytest.fixture(scope="module")
        def loop():
            import uvloop
            loop = uvloop.new_event_loop()
            yield loop
            loop.close()

        def test_first(loop): ...

        def test_leaks(loop):
            os.pipe()
        """,
    )
    done = inner.run_apart()

    assert done.verdicts == {"test_leaks": "leaked"}, done.text
    assert len(done.only["evidence"]) == 2


def test_methods_of_uvloop_are_put_back(inner):
    """Nothing of ours stays on its class."""
    inner.write(
        "test_it.py",
        """
        import uvloop
        before = set(vars(uvloop.Loop))

        def test_it(chaos):
            assert set(vars(uvloop.Loop)) > before

        def pytest_unconfigure():
            print("put back:", set(vars(uvloop.Loop)) == before)
        """,
    )
    inner.write("conftest.py", "from test_it import pytest_unconfigure")

    assert "put back: True" in inner.run_apart("-s").text
