"""Beside other plugins: pytest-asyncio, anyio on asyncio and trio, xdist, randomly, timeout, and all at once."""

from __future__ import annotations

import pytest

SHOP = """
    async def charge():
        return "receipt"

    async def rows():
        yield 1
        yield 2

    async def pay():
        return await charge()

    async def pay_or_wait():
        try:
            return await charge()
        except ConnectionError:
            return "later"

    def total():
        return 7
"""


@pytest.fixture
def shop(inner):
    inner.write("shop.py", SHOP)
    return inner


ASYNC_TESTS = """
    import asyncio, time
    import pytest
    from pytest_chaos import Delay, Hang, Null, Raise, Return
    import shop

    {mark}

    @pytest.fixture
    async def receipt():
        assert await shop.pay() == "receipt"
        yield
        assert await shop.pay() == "receipt"

    @pytest.mark.chaos("shop:charge", Raise(ConnectionError))
    async def test_raise(receipt):
        assert await shop.pay_or_wait() == "later"

    @pytest.mark.chaos("shop:charge", Null)
    async def test_null(receipt):
        assert await shop.pay() is None

    @pytest.mark.chaos("shop:rows", Return([3]))
    async def test_rows():
        assert [row async for row in shop.rows()] == [3]

    @pytest.mark.chaos("shop:charge", Delay(0.05))
    async def test_delay_does_not_block():
        ticks = 0
        task = asyncio.create_task(shop.pay())
        while not task.done():
            await asyncio.sleep(0)
            ticks += 1
        assert ticks > 5
        assert await task == "receipt"

    @pytest.mark.chaos("shop:charge", Hang)
    async def test_hang_is_left():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await shop.pay()

    async def test_by_hand(chaos):
        with chaos.inject(shop.charge, Raise(ConnectionError)) as outage:
            assert await shop.pay_or_wait() == "later"
        assert await shop.pay() == "receipt"
        assert outage.fired == 1
        assert await chaos.recovers(lambda: shop.total() == 7) >= 0

    @pytest.mark.chaos("shop:charge", Raise(ConnectionError))
    async def test_escapes():
        await shop.pay()

    async def test_plain():
        assert await shop.pay() == "receipt"
"""
ON_ASYNCIO = "anyio_backend = pytest.fixture(lambda: 'asyncio', name='anyio_backend')"
EXPECTED = {
    "test_raise": "resilient",
    "test_null": "resilient",
    "test_rows": "resilient",
    "test_delay_does_not_block": "resilient",
    "test_hang_is_left": "resilient",
    "test_by_hand": "resilient",
    "test_escapes": "escaped",
}


@pytest.mark.parametrize(
    ("plugin", "mode", "mark"),
    [
        ("asyncio", ("--asyncio-mode=auto",), ""),
        ("asyncio", ("--asyncio-mode=strict",), "pytestmark = pytest.mark.asyncio"),
        ("anyio", ("-o", "anyio_mode=auto"), ON_ASYNCIO),
        (
            "anyio",
            (),
            f"pytestmark = pytest.mark.anyio\n    {ON_ASYNCIO}",
        ),
    ],
    ids=["asyncio auto", "asyncio strict", "anyio auto", "anyio marked"],
)
def test_async_tests(shop, plugin, mode, mark):
    """Fixtures are outside the window, coroutines and async generators inside, and the loop is never blocked."""
    source = ASYNC_TESTS.format(mark=mark)
    if "strict" in "".join(mode):
        source = source.replace("@pytest.fixture\n", "@__import__('pytest_asyncio').fixture\n")
    shop.write("test_it.py", source)

    done = shop.run_apart(*mode, plugins=(plugin,))

    assert done.verdicts == EXPECTED, done.text
    assert done.outcomes == {"passed": 7, "failed": 1}


def test_trio(shop):
    """Under trio, faults on coroutines raise, answer, wait without blocking, and are cancelled."""
    shop.write(
        "test_it.py",
        """
        import pytest, trio
        from pytest_chaos import Delay, Hang, Null, Raise
        import shop

        pytestmark = pytest.mark.anyio

        @pytest.fixture
        def anyio_backend():
            return "trio"

        @pytest.mark.chaos("shop:charge", Raise(ConnectionError))
        async def test_raise():
            assert await shop.pay_or_wait() == "later"

        @pytest.mark.chaos("shop:charge", Null)
        async def test_null():
            assert await shop.pay() is None

        @pytest.mark.chaos("shop:charge", Delay(0.05))
        async def test_delay():
            began = trio.current_time()
            ticks = []

            async def tick():
                while True:
                    await trio.sleep(0)
                    ticks.append(1)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(tick)
                assert await shop.pay() == "receipt"
                nursery.cancel_scope.cancel()
            assert len(ticks) > 5
            assert trio.current_time() - began >= 0.05

        @pytest.mark.chaos("shop:charge", Hang)
        async def test_hang_is_left():
            with trio.move_on_after(0.02) as scope:
                await shop.pay()
            assert scope.cancelled_caught

        @pytest.mark.chaos("shop:charge", Hang, hang_budget=0.1)
        async def test_hung():
            await shop.pay()

        async def test_recovers(chaos):
            chaos.inject(shop.charge, Null)
            assert await shop.pay() is None
            assert await chaos.recovers(shop.pay) >= 0

        async def test_plain():
            assert await shop.pay() == "receipt"
        """,
    )

    done = shop.run_apart(plugins=("anyio",))

    assert done.verdicts == {
        "test_raise": "resilient",
        "test_null": "resilient",
        "test_delay": "resilient",
        "test_hang_is_left": "resilient",
        "test_hung": "hung",
        "test_recovers": "resilient",
    }, done.text
    assert done.outcomes == {"passed": 6, "failed": 1}


ALL = ("asyncio", "anyio", "xdist", "randomly", "timeout", "hypothesispytest")


def test_all_at_once(shop):
    """All plugins together, on two workers, shuffled, with a timeout: the same verdicts."""
    shop.write("test_it.py", ASYNC_TESTS.format(mark=""))
    shop.write(
        "test_more.py",
        """
        import pytest, shop
        from hypothesis import given, strategies as st
        from pytest_chaos import Null, Raise

        @pytest.fixture(params=["asyncio", "trio"])
        def anyio_backend(request):
            return request.param

        @pytest.mark.anyio
        @pytest.mark.chaos("shop:charge", Null)
        async def test_anyio(anyio_backend):
            assert await shop.pay() is None

        @pytest.mark.chaos("shop:total", Null, rate=0.5)
        def test_rate():
            assert {shop.total() for _ in range(40)} == {None, 7}

        @given(st.integers(0, 3))
        def test_given(number): pass
        """,
    )

    done = shop.run_apart("-n2", "--asyncio-mode=auto", "--timeout=50", "--randomly-seed=5", "-W", "error", plugins=ALL)

    assert done.verdicts == {
        **EXPECTED,
        "test_anyio[asyncio]": "resilient",
        "test_anyio[trio]": "resilient",
        "test_rate": "resilient",
    }, done.text
    assert done.outcomes == {"passed": 11, "failed": 1}


@pytest.mark.parametrize("method", ["signal", "thread"])
def test_timeout_in_a_hang(shop, method):
    """A timeout shorter than the budget is the user's: it ends the test, and the call is not left parked."""
    shop.write(
        "test_it.py",
        """
        import pytest, shop

        @pytest.mark.chaos("shop:total = hang")
        def test_it():
            shop.total()
        """,
    )
    done = shop.run_apart(
        "--timeout=0.5", f"--timeout-method={method}", "--chaos-hang-budget=20", plugins=("timeout",), report=False
    )

    assert done.code != 0
    assert "Timeout" in done.text
    assert done.result.duration < 10


def test_a_hang_on_a_worker(shop):
    """A hang under xdist is found as in one process, also where the main thread's own wait must be broken."""
    shop.write(
        "test_it.py",
        """
        import queue, threading, pytest, shop

        @pytest.mark.chaos("shop:total = hang")
        @pytest.mark.parametrize("x", range(2))
        def test_main(x):
            shop.total()

        @pytest.mark.chaos("shop:total = hang")
        def test_thread():
            answers = queue.Queue()
            threading.Thread(target=lambda: answers.put(shop.total()), daemon=True).start()
            answers.get()

        def test_plain():
            assert shop.total() == 7
        """,
    )
    done = shop.run_apart("-n", "2", "--chaos-hang-budget=0.2", plugins=("xdist",))

    assert done.verdicts == {"test_main[0]": "hung", "test_main[1]": "hung", "test_thread": "hung"}, done.text
    assert done.outcomes == {"passed": 1, "failed": 3}


@pytest.mark.parametrize("dist", ["load", "loadgroup", "worksteal"])
def test_distribution_keeps_plain_ids(shop, dist):
    """The group that xdist hangs on an id is no part of a test's name, its draws or its run-again line."""
    shop.write(
        "test_it.py",
        """
        import pytest, shop
        from pytest_chaos import Null

        @pytest.mark.xdist_group("bank")
        @pytest.mark.chaos("shop:total", Null, rate=0.5)
        def test_it():
            for _ in range(20):
                shop.total()
        """,
    )
    serial = shop.run_apart(plugins=("xdist",))
    spread = shop.run_apart("-n", "2", f"--dist={dist}", plugins=("xdist",))

    assert spread.only["test"] == "test_it.py::test_it"
    assert spread.only["fired"] == serial.only["fired"]
    assert spread.only["replay"] == serial.only["replay"]
