"""The window: faults act in the body, on calls from any thread, in nothing around it; and everything is put back."""

from __future__ import annotations

import pytest

SHOP = """
    import threading

    class Bank:
        def charge(self):
            return "receipt"

        @classmethod
        def open(cls):
            return cls()

        @staticmethod
        def fee():
            return 3

        @property
        def balance(self):
            return 100

    class Branch(Bank):
        pass

    def charge():
        return "receipt"

    def total():
        return 7

    def pay():
        return charge()
"""
HEAD = """
    import threading
    import pytest
    from pytest_chaos import Null, Raise, Return
    import shop
"""
ORIGINALS = """
    import shop

    NAMES = ("charge", "total")
    METHODS = ("charge", "open", "fee", "balance")
    ORIGINALS = {name: vars(shop)[name] for name in NAMES}
    RAW = {name: vars(shop.Bank)[name] for name in METHODS}

    def untouched():
        return (
            all(vars(shop)[name] is original for name, original in ORIGINALS.items())
            and all(vars(shop.Bank)[name] is raw for name, raw in RAW.items())
            and not METHODS_OF_BRANCH & vars(shop.Branch).keys()
        )

    METHODS_OF_BRANCH = set(METHODS) | {"__init__"}
"""


@pytest.fixture
def shop(inner):
    import textwrap

    inner.write("shop.py", SHOP)
    inner.write("originals.py", ORIGINALS)
    inner.write("conftest.py", "import originals\n")

    def run(test: str, *args: str, apart: bool = False, **options):
        inner.write("test_it.py", textwrap.dedent(HEAD) + textwrap.dedent(test))
        return (inner.run_apart if apart else inner.run)(*args, **options)

    return run


def test_fixtures_are_outside(shop):
    """Set-up and teardown of fixtures of every scope meet no fault, and their calls are not counted."""
    done = shop("""
        @pytest.fixture(params=["function"])
        def wallet():
            assert shop.pay() == "receipt"
            yield
            assert shop.pay() == "receipt"

        @pytest.fixture(scope="module", autouse=True)
        def market():
            assert shop.pay() == "receipt"
            yield
            assert shop.pay() == "receipt"

        def setup_function():
            assert shop.pay() == "receipt"

        def teardown_function():
            assert shop.pay() == "receipt"

        @pytest.mark.chaos("shop:charge", Null)
        def test_it(wallet):
            assert shop.pay() is None
    """)

    assert done.outcomes == {"passed": 1}
    assert done.only["calls"] == 1


@pytest.mark.parametrize("scope", ["function", "module", "session"])
def test_threads_of_fixtures_are_inside(shop, scope):
    """A live server of any scope sees the fault while the body runs, and only then."""
    done = shop(f"""
        import queue

        class Server:
            def __init__(self):
                self.requests, self.answers = queue.Queue(), queue.Queue()
                self.thread = threading.Thread(target=self.serve)
                self.thread.start()

            def serve(self):
                while self.requests.get():
                    self.answers.put(shop.pay())

            def ask(self):
                self.requests.put(True)
                return self.answers.get(timeout=10)

        @pytest.fixture(scope={scope!r})
        def server():
            server = Server()
            assert server.ask() == "receipt"
            yield server
            assert server.ask() == "receipt"
            server.requests.put(False)
            server.thread.join()

        @pytest.mark.chaos("shop:charge", Null)
        def test_it(server):
            assert server.ask() is None

        def test_plain(server):
            assert server.ask() == "receipt"
    """)

    assert done.outcomes == {"passed": 2}
    assert done.only["calls"] == 1


def test_getfixturevalue_closes_the_window_meanwhile(shop):
    """A fixture that the body asks for late is set up without faults; then they act again."""
    done = shop("""
        @pytest.fixture
        def wallet():
            assert shop.pay() == "receipt"
            return "wallet"

        @pytest.mark.chaos("shop:charge", Null)
        def test_it(request):
            assert shop.pay() is None
            assert request.getfixturevalue("wallet") == "wallet"
            assert shop.pay() is None
    """)

    assert done.outcomes == {"passed": 1}
    assert done.only["calls"] == 2


def test_inject_in_a_fixture_acts_from_body_start(shop):
    """What a function fixture injects is armed when the body starts, until that fixture lifts it."""
    done = shop("""
        @pytest.fixture
        def outage(chaos):
            with chaos.inject("shop:charge", Null) as outage:
                assert shop.pay() == "receipt"
                yield outage
            assert shop.pay() == "receipt"

        def test_it(outage):
            assert (outage.calls, outage.fired) == (0, 0)
            assert shop.pay() is None
            assert (outage.calls, outage.fired) == (1, 1)
    """)

    assert done.outcomes == {"passed": 1}
    assert done.only["verdict"] == "resilient"


def test_inject_acts_inside_its_with_block_only(shop):
    """Leaving the block lifts the fault, in any order of exits."""
    done = shop("""
        def test_it(chaos):
            with chaos.inject(shop.charge, Null) as first:
                assert shop.pay() is None
                second = chaos.inject("shop:charge", Return(2))
                assert shop.pay() == 2
            assert shop.pay() == 2
            second.lift()
            second.lift()
            assert shop.pay() == "receipt"
            assert (first.fired, second.fired) == (1, 2)
            assert first.calls == 2
    """)

    assert done.outcomes == {"passed": 1}


BODIES = {
    "passing": "shop.pay()",
    "failing": "shop.pay(); assert False",
    "skipping": "shop.pay(); pytest.skip('enough')",
    "xfailing": "shop.pay(); pytest.xfail('known')",
    "leaving by the fault": "shop.Bank().charge()",
    "system exit": "raise SystemExit(3)",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_the_next_test_sees_the_originals(shop, body):
    """However the body ends, the following test sees what stood there before, by identity."""
    done = shop(f"""
        from originals import untouched

        @pytest.mark.chaos("shop:charge", Null)
        @pytest.mark.chaos("shop:total", Raise(OSError))
        @pytest.mark.chaos("shop:Bank.charge", Raise(OSError))
        @pytest.mark.chaos("shop:Branch.charge", Null)
        @pytest.mark.chaos("shop:Branch", Raise(OSError))
        @pytest.mark.chaos("shop:Bank.open", Null)
        @pytest.mark.chaos("shop:Bank.fee", Null)
        @pytest.mark.chaos("shop:Bank.balance", Null)
        def test_disturbed():
            assert not untouched()
            {body}

        def test_plain():
            assert untouched()
            assert (shop.pay(), shop.Branch().charge(), shop.Branch().balance) == ("receipt", "receipt", 100)
    """)

    assert done.result.parseoutcomes().get("passed", 0) >= 1
    assert "test_plain" not in "\n".join(line for line in done.lines if line.startswith("FAILED"))


@pytest.mark.parametrize("where", ["set-up", "teardown"])
def test_restored_after_a_failing_fixture(shop, where):
    """An error in set-up or teardown leaves nothing patched."""
    done = shop(f"""
        from originals import untouched

        @pytest.fixture
        def broken(chaos):
            chaos.inject("shop:charge", Null)
            assert {where!r} != "set-up"
            yield
            assert False

        @pytest.mark.chaos("shop:total", Null)
        def test_disturbed(broken):
            shop.pay(), shop.total()

        def test_plain():
            assert untouched()
    """)

    assert done.outcomes["errors"] == 1
    assert done.outcomes["passed"] == (1 if where == "set-up" else 2)


@pytest.mark.parametrize("leaving", ["pytest.exit('enough', 7)", "raise KeyboardInterrupt"])
def test_restored_when_the_session_ends_in_the_body(shop, inner, leaving):
    """``pytest.exit`` and a ``KeyboardInterrupt`` in the body end the session, restored."""
    inner.write(
        "conftest.py",
        """
        import originals

        def pytest_unconfigure():
            print("restored:", originals.untouched())
        """,
    )
    done = shop(
        f"""
        @pytest.mark.chaos("shop:charge", Null)
        def test_disturbed():
            shop.pay()
            {leaving}
        """,
        "-s",
        apart=True,
        report=False,
    )

    assert done.code == (7 if "exit" in leaving else 2)
    assert "restored: True" in done.lines


def test_copies_are_reached_and_restored(shop, inner):
    """``from shop import charge`` in another module is disturbed too, and put back."""
    inner.write(
        "gateway.py",
        """
        from shop import charge

        class Gateway:
            pay = staticmethod(charge)

        def pay():
            return charge()
        """,
    )
    done = shop("""
        import gateway

        original = gateway.charge

        @pytest.mark.chaos("shop:charge", Null)
        def test_disturbed():
            assert gateway.pay() is None
            assert gateway.Gateway.pay() is None

        def test_plain():
            assert gateway.charge is original
            assert gateway.Gateway.pay is original
            assert isinstance(vars(gateway.Gateway)["pay"], staticmethod)
    """)

    assert done.outcomes == {"passed": 2}


def test_pytest_itself_is_outside(shop):
    """Calls that pytest makes during the body pass and are not counted."""
    done = shop("""
        import os

        @pytest.mark.chaos("os:getpid", Return(-1))
        def test_it(tmp_path_factory, request):
            tmp_path_factory.mktemp("x")
            assert os.getpid() == -1
    """)

    assert done.outcomes == {"passed": 1}
    assert done.only["calls"] == 1


def test_what_monkeypatch_puts_back_is_the_original(shop):
    """A body that patches a name never finds ours there, and the fault acts in front of what it puts there."""
    done = shop("""
        from unittest import mock
        from originals import untouched

        @pytest.mark.chaos("shop:charge", Null)
        @pytest.mark.chaos("shop:Branch.charge", Null)
        def test_marker(monkeypatch):
            assert (shop.pay(), shop.Branch().charge()) == (None, None)
            monkeypatch.setattr(shop, "charge", lambda: "fake")
            monkeypatch.setattr(shop.Branch, "charge", lambda self: "fake")
            assert (shop.pay(), shop.Branch().charge()) == (None, None)

        def test_after_marker():
            assert untouched()

        def test_by_hand(chaos, monkeypatch):
            with chaos.inject("shop:charge", Null):
                assert shop.pay() is None
                monkeypatch.setattr(shop, "charge", lambda: "fake")
            with chaos.inject("shop:charge", Return(2)):
                assert shop.pay() == 2
            assert shop.pay() == "fake"

        def test_after_by_hand():
            assert untouched()

        def test_mock(chaos):
            with chaos.inject("shop:charge", Null) as outage:
                with mock.patch("shop.charge", return_value="mocked") as charge:
                    assert shop.pay() is None
                    assert not charge.called
                assert shop.pay() is None
            assert outage.fired == 2

        def test_after_mock():
            assert untouched()
    """)

    assert done.outcomes == {"passed": 6}
