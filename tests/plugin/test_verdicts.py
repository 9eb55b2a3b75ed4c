"""Verdicts of fault tests, end to end: each a broken specimen that must be found, and its right twin that must pass."""

from __future__ import annotations

import re
import textwrap

import pytest

HEAD = """
    import asyncio
    import threading
    import pytest
    from pytest_chaos import Delay, Hang, Null, Raise, Return
    import shop
"""


def judged(inner, shop: str, test: str, *args: str, plugins: tuple[str, ...] = ()):
    """Run one specimen and return its outcome."""
    inner.write("shop.py", shop)
    inner.write("test_it.py", textwrap.dedent(HEAD) + textwrap.dedent(test))
    return inner.run(*args, plugins=plugins)


def assert_fails(done, verdict: str) -> None:
    """A verdict that fails a passing body: failed, and it says so in its first line."""
    assert done.outcomes == {"failed": 1}
    assert done.code == pytest.ExitCode.TESTS_FAILED
    assert (done.only["verdict"], done.only["fails"]) == (verdict, True)
    assert any(line.startswith(f"chaos: {verdict}: ") for line in done.lines), done.text
    assert done.replay == done.only["replay"]


def assert_passes(done, verdict: str = "resilient") -> None:
    """A verdict that leaves the outcome alone."""
    assert done.outcomes == {"passed": 1}
    assert done.code == 0
    assert (done.only["verdict"], done.only["fails"]) == (verdict, False)


BANK = """
    class BankDown(Exception):
        pass

    class Refused(Exception):
        pass

    def charge():
        return "receipt"

    def pay():
        return charge()

    def pay_or_wait():
        try:
            return charge()
        except TimeoutError:
            return "later"

    def pay_or_tell():
        try:
            return charge()
        except TimeoutError as error:
            raise BankDown("no bank") from error

    def pay_and_lose_the_cause():
        failed = False
        try:
            charge()
        except TimeoutError:
            failed = True
        if failed:
            raise BankDown("no bank")

    def pay_and_stumble():
        try:
            return charge()
        except TimeoutError as error:
            return error.no_such_name

    def length():
        return len(charge())

    def careful_length():
        receipt = charge()
        return 0 if receipt is None else len(receipt)
"""


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ("assert shop.pay() == 'receipt'", "escaped"),
        ("assert shop.pay_or_wait() == 'receipt'", "changed"),
        ("shop.pay_and_stumble()", "wrong error"),
        ("shop.pay_or_tell()", "escaped"),
        ("with pytest.raises(ValueError): shop.pay_or_wait()", "changed"),
    ],
)
def test_the_authors_failure_stays_the_error(inner, body, verdict):
    """When the body itself fails, its own error is what the report shows, and the verdict is a section of it."""
    done = judged(
        inner,
        BANK,
        f"""
        @pytest.mark.chaos("shop:charge", Raise(TimeoutError))
        def test_it():
            {body}
        """,
    )

    assert done.outcomes == {"failed": 1}
    assert (done.only["verdict"], done.only["fails"]) == (verdict, True)
    heading = next(index for index, line in enumerate(done.lines) if line.strip("- ") == "chaos")
    assert done.lines[heading + 1].startswith(f"chaos: {verdict}: the test ended with ")
    assert any(line.startswith(">") for line in done.lines[:heading]), "the source line of the author's error"


@pytest.mark.parametrize(
    ("body", "contract"),
    [
        ("assert shop.pay_or_wait() == 'later'", ""),
        ("with pytest.raises(TimeoutError): shop.pay()", ""),
        ("with pytest.raises(shop.BankDown): shop.pay_or_tell()", ""),
        ("with pytest.raises(shop.BankDown): shop.pay_or_tell()", "errors=['shop:BankDown']"),
    ],
)
def test_an_expected_answer_is_resilient(inner, body, contract):
    """A body that passes while the fault acts is resilient; ``pytest.raises`` that catches the error is no escape."""
    done = judged(
        inner,
        BANK,
        f"""
        @pytest.mark.chaos_contract({contract})
        @pytest.mark.chaos("shop:charge", Raise(TimeoutError))
        def test_it():
            {body}
        """,
    )

    assert_passes(done)


@pytest.mark.parametrize(
    ("body", "contract", "verdict"),
    [
        ("shop.pay_or_tell()", "errors=['shop:BankDown']", "escaped"),
        ("shop.pay_or_tell()", "errors=[shop.BankDown]", "escaped"),
        ("shop.pay_or_tell()", "errors=['shop:Refused']", "escaped"),
        ("shop.pay_and_lose_the_cause()", "errors=['shop:BankDown']", "escaped"),
    ],
)
def test_declared_domain_errors(inner, body, contract, verdict):
    """A declared error that the fault caused is an escape; an undeclared one, or one that lost its cause, is wrong."""
    done = judged(
        inner,
        BANK,
        f"""
        @pytest.mark.chaos_contract({contract})
        @pytest.mark.chaos("shop:charge", Raise(TimeoutError))
        def test_it():
            {body}
        """,
    )

    assert done.outcomes == {"failed": 1}
    assert done.only["verdict"] == verdict


def test_null_dereference(inner):
    """Code that takes the answer for granted ends with another error; its twin asks first."""
    test = """
        @pytest.mark.chaos("shop:charge", Null)
        def test_it():
            assert shop.{name}() == 0
    """
    broken = judged(inner, BANK, test.format(name="length"))
    assert broken.outcomes == {"failed": 1}
    assert broken.only["verdict"] == "wrong error"
    assert "TypeError" in broken.only["evidence"][0]["text"]
    assert "shop.py" in broken.only["evidence"][0]["text"]

    assert_passes(judged(inner, BANK, test.format(name="careful_length")))


GATEWAY = """
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    def charge():
        return "receipt"

    def raw(request):
        return JSONResponse({{"receipt": charge()}})

    def careful(request):
        try:
            return JSONResponse({{"receipt": charge()}})
        except TimeoutError:
            return JSONResponse({{"code": "bank-down"}}, 503)

    app = Starlette(routes=[Route("/pay", {handler})])
"""
GATEWAY_TEST = """
    from starlette.testclient import TestClient

    @pytest.mark.chaos_contract(status=[200, "503"])
    @pytest.mark.chaos("shop:charge", Raise(TimeoutError))
    def test_it():
        client = TestClient(shop.app, raise_server_exceptions=False)
        assert client.get("/pay").status_code >= 200
""".replace('"503"', "503")


def test_status_outside_the_contract_through_starlette(inner):
    """A raw 500 fails a test whose own asserts were content; the twin answers 503 as promised."""
    broken = judged(inner, GATEWAY.format(handler="raw"), GATEWAY_TEST)
    assert_fails(broken, "wrong error")
    (evidence,) = broken.only["evidence"]
    assert evidence["kind"] == "status"
    assert evidence["text"] == (
        "GET http://testserver/pay was answered 500 by Starlette's last resort, for TimeoutError; "
        "the contract allows 200, 503"
    )

    assert_passes(judged(inner, GATEWAY.format(handler="careful"), GATEWAY_TEST))


def test_status_outside_the_contract_through_fastapi(inner):
    """The same through FastAPI, with a class of codes, and the contract from the table."""
    inner.write("pyproject.toml", '[tool.pytest_chaos.contract]\nstatus = [200, "4xx"]\n')
    shop = """
        from fastapi import FastAPI, HTTPException

        app = FastAPI()

        def charge():
            return "receipt"

        @app.get("/pay")
        def pay():
            try:
                return charge()
            except TimeoutError:
                raise HTTPException({code})
    """
    test = """
        from fastapi.testclient import TestClient

        @pytest.mark.chaos("shop:charge", Raise(TimeoutError))
        def test_it():
            assert TestClient(shop.app).get("/pay").is_error
    """
    assert_fails(judged(inner, shop.format(code=502), test), "wrong error")
    assert_passes(judged(inner, shop.format(code=429), test))


def test_a_dependencys_status_is_not_the_tests_answer(inner):
    """Answers that the system itself receives are no answers to the test: only driver calls are judged."""
    shop = """
        import httpx

        def handler(request):
            return httpx.Response(503 if charge() is None else 200)

        def charge():
            return "receipt"

        def client():
            return httpx.Client(transport=httpx.MockTransport(handler))

        def is_bank_up():
            with client() as http:
                return http.get("http://bank/").status_code == 200
    """
    test = """
        @pytest.mark.chaos_contract(status=[200])
        @pytest.mark.chaos("shop:charge", Null)
        def test_it():
            {body}
    """
    assert_passes(judged(inner, shop, test.format(body="assert not shop.is_bank_up()")))
    broken = judged(inner, shop, test.format(body="assert shop.client().get('http://bank/').status_code == 503"))
    assert_fails(broken, "wrong error")


def test_status_through_an_async_client(inner):
    """``httpx.AsyncClient`` is watched as well."""
    shop = """
        import httpx

        def charge():
            return "receipt"

        async def app(scope, receive, send):
            code = 500 if charge() is None else 200
            await send({"type": "http.response.start", "status": code, "headers": []})
            await send({"type": "http.response.body", "body": b""})
    """
    test = """
        import httpx

        async def get():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(shop.app), base_url="http://x") as http:
                return (await http.get("/")).status_code

        @pytest.mark.chaos_contract(status=[200])
        @pytest.mark.chaos("shop:charge", Null)
        def test_it():
            assert asyncio.run(get()) == 500
    """
    assert_fails(judged(inner, shop, test), "wrong error")


# --- left behind


def test_forgotten_thread(inner):
    """A thread forgotten on the error path is found with the line that started it; the twin joins it."""
    shop = """
        import threading

        stop = threading.Event()

        def charge():
            return "receipt"

        def pay():
            worker = threading.Thread(target=stop.wait, name="notifier", daemon=True)
            worker.start()
            try:
                charge()
            except TimeoutError:
                {on_error}
                return
            stop.set()
    """
    test = """
        @pytest.mark.chaos("shop:charge", Raise(TimeoutError))
        def test_it():
            shop.pay()

        def test_end():
            shop.stop.set()
    """
    broken = judged(inner, shop.format(on_error="pass"), test)
    assert broken.outcomes == {"failed": 1, "passed": 1}
    assert broken.only["verdict"] == "leaked"
    (evidence,) = broken.only["evidence"]
    assert evidence["kind"] == "thread"
    assert "notifier" in evidence["text"]
    assert "started at shop.py:11 in pay" in evidence["text"]

    right = judged(inner, shop.format(on_error="stop.set(); worker.join()"), test)
    assert right.outcomes == {"passed": 2}
    assert right.only["verdict"] == "resilient"


ASYNC_SHOP = """
    import asyncio

    tasks = set()

    async def charge():
        return "receipt"

    async def notify():
        await asyncio.sleep(60)

    async def pay():
        task = asyncio.create_task(notify(), name="notify")
        tasks.add(task)
        try:
            return await charge()
        except TimeoutError:
            {on_error}
        task.cancel()
"""
FORGOTTEN, CANCELLED = "return 'forgotten'", "task.cancel()"


@pytest.mark.parametrize(
    ("plugin", "args", "test"),
    [
        (
            (),
            (),
            """
            @pytest.mark.chaos("shop:charge", Raise(TimeoutError))
            def test_it():
                asyncio.run(shop.pay())
            """,
        ),
        (
            ("asyncio",),
            ("--asyncio-mode=strict",),
            """
            @pytest.mark.asyncio
            @pytest.mark.chaos("shop:charge", Raise(TimeoutError))
            async def test_it():
                await shop.pay()
            """,
        ),
        (
            ("anyio",),
            (),
            """
            @pytest.fixture
            def anyio_backend():
                return "asyncio"

            @pytest.mark.anyio
            @pytest.mark.chaos("shop:charge", Raise(TimeoutError))
            async def test_it():
                await shop.pay()
            """,
        ),
    ],
    ids=["asyncio.run", "pytest-asyncio", "anyio"],
)
def test_forgotten_task(inner, plugin, args, test):
    """A task nobody awaits is found before the loop's end cancels it without a word; the twin cancels it itself."""
    broken = judged(inner, ASYNC_SHOP.format(on_error=FORGOTTEN), test, *args, plugins=plugin)
    assert_fails(broken, "leaked")
    (evidence,) = broken.only["evidence"]
    assert evidence["kind"] == "task"
    assert "shop.py:13 in pay" in evidence["text"]

    assert_passes(judged(inner, ASYNC_SHOP.format(on_error=CANCELLED), test, *args, plugins=plugin))


@pytest.mark.parametrize(("level", "verdict"), [("on", "leaked"), ("off", "resilient")])
def test_leaks_can_be_switched_off(inner, level, verdict):
    """The contract key ``leaks`` says how strictly leftovers are judged."""
    done = judged(
        inner,
        ASYNC_SHOP.format(on_error=FORGOTTEN),
        f"""
        @pytest.mark.chaos_contract(leaks={level!r})
        @pytest.mark.chaos("shop:charge", Raise(TimeoutError))
        def test_it():
            asyncio.run(shop.pay())
        """,
    )
    assert done.only["verdict"] == verdict


def test_what_a_wider_fixture_starts_is_not_the_tests_leak(inner):
    """A live server of a session fixture is judged when its scope ends, and not by the test that used it first."""
    done = judged(
        inner,
        BANK,
        """
        @pytest.fixture(scope="session")
        def server():
            stop = threading.Event()
            thread = threading.Thread(target=stop.wait)
            thread.start()
            yield
            stop.set()
            thread.join()

        @pytest.mark.chaos("shop:charge", Raise(TimeoutError))
        def test_it(server):
            assert shop.pay_or_wait() == "later"
        """,
    )
    assert_passes(done)


# --- recovery


BREAKER = """
    calls = 0
    failures = 0

    def charge():
        return "receipt"

    def pay():
        global failures
        if failures >= {limit}:
            return "open"
        try:
            return charge()
        except TimeoutError:
            failures += 1
            return "failed"

    def is_well():
        return pay() == "receipt"

    async def is_well_async():
        return is_well()
"""
STUCK, HALF_OPEN = "1", "10**9"


@pytest.mark.parametrize(
    ("marker", "body"),
    [
        ("recovers=shop.is_well, within=0.05", "shop.pay()"),
        ("recovers='shop:is_well', within=0.05", "shop.pay()"),
        ("recovers=shop.is_well_async, within=0.05", "shop.pay()"),
        ("", "shop.pay(); assert chaos.recovers(shop.is_well, within=0.05) < 0.05"),
    ],
    ids=["callable", "by name", "coroutine", "in the body"],
)
def test_not_recovered(inner, marker, body):
    """A breaker that never closes again is found once the fault is lifted; the twin answers again."""
    test = f"""
        @pytest.mark.chaos("shop:charge", Raise(TimeoutError), {marker})
        def test_it(chaos):
            {body}
    """
    broken = judged(inner, BREAKER.format(limit=STUCK), test)
    assert_fails(broken, "not recovered")
    assert "the probe was not true within 0.05 s after all faults were lifted; it returned False" in broken.text

    assert_passes(judged(inner, BREAKER.format(limit=HALF_OPEN), test))


RECOVERING = """
    import httpx

    def charge(): return "receipt"

    class App:
        def __init__(self): self.looks = 0

        def __call__(self, environ, start_response):
            try:
                charge()
                self.looks += 1
                status = "200 OK" if self.looks in (1, 4) else "503 Down"
            except TimeoutError:
                status = "503 Down"
            start_response(status, [])
            return [b""]

    def client():
        return httpx.Client(transport=httpx.WSGITransport(App()), base_url="http://shop")
"""


def test_recovery_is_measured(inner):
    """How often the probe was asked, and what was answered before, during and after."""
    inner.write("shop.py", RECOVERING)
    inner.write(
        "test_it.py",
        """
        import pytest, shop
        from pytest_chaos import Raise

        @pytest.mark.chaos_contract(status=[200, 503])
        def test_it(chaos):
            with shop.client() as client:
                assert client.get("/").status_code == 200
                with chaos.inject("shop:charge", Raise(TimeoutError)):
                    assert client.get("/").status_code == 503
                    assert client.get("/").status_code == 503
                chaos.recovers(lambda: client.get("/").status_code == 200)
        """,
    )
    done = inner.run()

    (recovered,) = done.only["recovered"]
    assert recovered["took_s"] > 0
    assert {key: value for key, value in recovered.items() if key != "took_s"} == {
        "probes": 3,
        "dependencies": ["shop:charge"],
        "answers": {"before": {"200": 1}, "during": {"503": 2}, "after": {"503": 2, "200": 1}},
    }
    assert any(line.startswith("recovered: test_it.py::test_it from shop:charge in ") for line in done.lines)
    assert any(line.endswith(" s, after 3 probes") for line in done.lines)


def test_recovery_at_once_is_no_line(inner):
    done = judged(
        inner,
        BREAKER.format(limit=HALF_OPEN),
        """
        @pytest.mark.chaos("shop:charge", Raise(TimeoutError))
        def test_it(chaos):
            shop.charged = shop.charge
            with pytest.raises(TimeoutError):
                shop.charge()
            chaos.recovers(shop.charge)
        """,
    )

    assert [one["probes"] for one in done.only["recovered"]] == [1]
    assert done.only["recovered"][0]["answers"] is None
    assert "recovered:" not in done.text


def test_not_recovered_in_a_running_loop(inner):
    """In a coroutine ``chaos.recovers`` is awaited."""
    test = """
        @pytest.mark.asyncio
        @pytest.mark.chaos("shop:charge", Raise(TimeoutError))
        async def test_it(chaos):
            shop.pay()
            assert await chaos.recovers(shop.is_well_async, within=0.05) >= 0
    """
    assert_fails(judged(inner, BREAKER.format(limit=STUCK), test, plugins=("asyncio",)), "not recovered")
    assert_passes(judged(inner, BREAKER.format(limit=HALF_OPEN), test, plugins=("asyncio",)))


def test_a_probe_that_raises_is_not_yet(inner):
    """The last error of the probe is part of the verdict."""
    broken = judged(
        inner,
        BREAKER.format(limit=STUCK),
        """
        def probe():
            raise LookupError("still dark")

        @pytest.mark.chaos("shop:charge", Raise(TimeoutError), recovers=probe, within=0.03)
        def test_it():
            shop.pay()
        """,
    )
    assert_fails(broken, "not recovered")
    assert "it raised LookupError: still dark" in broken.text


# --- did it fire at all?


def test_a_sure_fault_that_never_fired_fails(inner):
    """A fault test that never reaches its target proves nothing, so it fails; the twin reaches it."""
    test = """
        @pytest.mark.chaos("shop:charge", Raise(TimeoutError))
        def test_it():
            {body}
    """
    broken = judged(inner, BANK, test.format(body="pass"))
    assert_fails(broken, "inconclusive")
    assert "rule never fired: shop:charge = raise(TimeoutError) (marker at test_it.py:8)" in broken.text
    assert "the test never called it" in broken.text

    assert_passes(judged(inner, BANK, test.format(body="shop.pay_or_wait()")))


def test_a_trigger_that_came_too_late_says_how_many_calls_there_were(inner):
    """Calls that the trigger did not pick are told apart from no call at all."""
    broken = judged(
        inner,
        BANK,
        """
        @pytest.mark.chaos("shop:charge", Raise(TimeoutError), nth=3)
        def test_it():
            shop.pay()
            shop.pay()
        """,
    )
    assert_fails(broken, "inconclusive")
    assert "2 matching calls, but its trigger picked none" in broken.text


def test_a_rate_that_never_fired_is_listed_and_passes(inner):
    """Chance may spare a test: it passes, and the summary lists the rule."""
    done = judged(
        inner,
        BANK,
        """
        @pytest.mark.chaos("shop:charge", Raise(TimeoutError), rate=0.000001)
        def test_it():
            assert shop.pay() == "receipt"
        """,
    )
    assert_passes(done, "inconclusive")
    assert "never fired: shop:charge = 0.0001%raise(TimeoutError) (marker at test_it.py:8): 1 call" in done.lines


def test_a_filter_that_lets_no_call_through_says_who_called(inner):
    """Also where it passes: the reason stands in the terminal, once, and a typo has its near miss."""
    done = judged(
        inner,
        BANK,
        """
        @pytest.mark.chaos("shop:charge", Raise(TimeoutError), caller="shpo")
        def test_it():
            assert shop.pay() == "receipt"
        """,
    )
    assert_passes(done, "inconclusive")
    (told,) = [line for line in done.lines if "never fired: " in line]
    assert told.startswith("never fired: ")
    assert re.search(
        r"0 calls; its filters excluded calls from shop at shop.py:\d+ in pay. Did you mean 'shop'\?$", told
    )


def test_an_unrelated_failure_is_inconclusive(inner):
    """A test that fails before any fault acted says nothing of the fault; its own error stays."""
    done = judged(
        inner,
        BANK,
        """
        @pytest.mark.chaos("shop:charge", Raise(TimeoutError))
        def test_it():
            assert shop.length() == 0 if False else shop.BankDown is None
        """,
    )
    assert done.outcomes == {"failed": 1}
    assert done.only["verdict"] == "inconclusive"
    assert "the test failed before any fault fired" in done.text


def test_a_when_predicate_that_raises_fails_the_test(inner):
    """A broken filter is told, and is not raised into the system under test."""
    done = judged(
        inner,
        BANK,
        """
        @pytest.mark.chaos("shop:charge", Raise(TimeoutError), when=lambda call: call.args[7])
        def test_it():
            assert shop.pay() == "receipt"
        """,
    )
    assert_fails(done, "inconclusive")
    assert "raised IndexError" in done.text


# --- what of a verdict a reader can act on


@pytest.mark.parametrize(
    ("shop", "test", "verdict"),
    [
        (BANK, '@pytest.mark.chaos("shop:charge", Null)\ndef test_it(): pass\n', "inconclusive"),
        (
            BREAKER.format(limit=STUCK),
            '@pytest.mark.chaos("shop:charge", Raise(TimeoutError), recovers=shop.is_well, within=0.02)\n'
            '@pytest.mark.parametrize("who", ["o\'hara; rm", "a b::c"])\n'
            "def test_it(who): shop.pay()\n",
            "not recovered",
        ),
        (
            ASYNC_SHOP.format(on_error=FORGOTTEN),
            'class TestPay:\n    @pytest.mark.chaos("shop:charge", Raise(TimeoutError))\n'
            "    def test_it(self): asyncio.run(shop.pay())\n",
            "leaked",
        ),
        (GATEWAY.format(handler="raw"), GATEWAY_TEST, "wrong error"),
        (BANK, '@pytest.mark.chaos("shop:charge", Raise(OSError))\ndef test_it(): shop.pay()\n', "escaped"),
        (
            BANK,
            '@pytest.mark.chaos("shop:charge", Null)\ndef test_it(): assert shop.pay() == "receipt"\n',
            "changed",
        ),
    ],
    ids=["inconclusive", "not recovered", "leaked", "wrong error", "escaped", "changed"],
)
def test_the_last_line_runs_exactly_this_again(inner, shop, test, verdict):
    """Every red ends with the command that shows the same verdict, here as it stands in the terminal."""
    first = judged(inner, shop, test, "--chaos-seed=5")
    line = next(line for line in first.lines if line.startswith("run again: ")).removeprefix("run again: ")
    named = next(result for result in first.document["results"] if result["replay"] == line)
    assert line.endswith(f"  # {named['scenario']}")
    assert "--chaos-seed=5" in line

    second = inner.again_here(line)

    again = second.only
    assert (again["test"], again["scenario"]) == (named["test"], named["scenario"])
    assert (again["verdict"], again["fails"], again["fired"]) == (verdict, True, named["fired"])
    assert again["replay"] == line


def test_the_failure_text_is_short_and_ends_with_the_way_back(inner):
    """What a newcomer reads: verdict, rule with its place, what fired, and how to run it again."""
    done = judged(
        inner,
        BREAKER.format(limit=STUCK),
        """
        @pytest.mark.chaos("shop:charge", Raise(TimeoutError), nth=1, recovers=shop.is_well, within=0.02)
        def test_it():
            shop.pay()
        """,
    )
    heading = next(index for index, line in enumerate(done.lines) if line.strip("_ ") == "test_it")
    end = next(index for index, line in enumerate(done.lines) if line.startswith("run again"))
    assert done.lines[heading + 1 : end + 1] == [
        "chaos: not recovered: the probe was not true within 0.02 s after all faults were lifted; it returned False",
        "  rule: shop:charge = #1 raise(TimeoutError) (marker at test_it.py:8): fired on 1 of 1 call",
        "  fired: raise(TimeoutError) at shop:charge, call 1 (main)",
        "  raised in shop:charge → caught in shop.py:14 pay (except TimeoutError)",
        f"  finding: {done.document['findings'][0]['id']}",
        "run again: pytest --chaos --chaos-seed=0 test_it.py::test_it  # shop:charge = #1 raise(TimeoutError)",
    ]
    assert done.tells_failure("test_it.py::test_it", "chaos: not recovered: the probe")


def test_the_way_back_from_another_folder(inner, monkeypatch):
    """The line is typed where pytest was started, so it names the test from there."""
    inner.write("pytest.ini", "[pytest]\npythonpath = .\n")
    inner.write("shop.py", BANK)
    inner.write(
        "tests/unit/test_it.py",
        """
        import pytest

        @pytest.mark.chaos("shop:charge = null")
        def test_it(): pass
        """,
    )
    monkeypatch.chdir(inner.path / "tests")
    result = inner.pytester.runpytest_inprocess("-p", "chaos", "--chaos")

    assert (
        "run again: pytest -p chaos --chaos --chaos-seed=0 unit/test_it.py::test_it  # shop:charge = null"
        in result.outlines
    )
