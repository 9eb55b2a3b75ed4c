"""Who is to blame for what an explored test meets: each rule with a system that breaks it, and one that does not."""

import textwrap

import pytest

BANK = """
import asyncio, contextlib, logging, queue, threading, time

BOOKED = []

class BankDown(Exception):
    pass

def charge():
    return 1

def ask_replica():
    return 1

def book():
    BOOKED.append(1)
"""
SWEEP = ("--chaos-target=shop:charge", "--chaos-target=shop:book", "--chaos-target=shop:ask_replica")
FAULT = "--chaos-only=*shop:charge raise ConnectionError all*"
PASSES = "assert shop.pay() == 1"
ANY = "shop.pay()"

SYSTEMS = {
    # What a deliberate error is.
    "translated": (
        """
        def pay():
            try: return charge()
            except ConnectionError as error: raise BankDown from error
        """,
        ANY,
        ("escaped", "translated", False),
    ),
    "a mistake in the handler": (
        """
        def pay():
            try: return charge()
            except ConnectionError as error: return error.no_such_name
        """,
        ANY,
        ("wrong error", "error-in-handler", True),
    ),
    "meant over a thread": (
        """
        def serve(requests):
            answer = requests.get()
            try: answer.put(charge())
            except ConnectionError: answer.put(None)
        def pay():
            requests, answer = queue.Queue(), queue.Queue()
            thread = threading.Thread(target=serve, args=(requests,))
            thread.start()
            requests.put(answer)
            value = answer.get()
            thread.join()
            if value is None: raise RuntimeError("no bank")
            return value
        """,
        ANY,
        ("escaped", "translated-cause-lost", False),
    ),
    "a mistake over a thread": (
        """
        def serve(answer):
            try: answer.put(charge())
            except ConnectionError: answer.put(None)
        def pay():
            answer = queue.Queue()
            thread = threading.Thread(target=serve, args=(answer,))
            thread.start()
            thread.join()
            return answer.get() + 1
        """,
        ANY,
        ("wrong error", "no-cause", True),
    ),
    # Whose client catches everything.
    "a client of the test": (
        "def pay(): return charge()",
        """
        def get():
            try: return 200, shop.pay()
            except Exception: return 500, None
        assert get() == (200, 1)
        """,
        ("escaped", "taken-outside", False),
    ),
    "a thread of the test": (
        "def pay(): return charge()",
        """
        import threading
        paid = []
        thread = threading.Thread(target=lambda: paid.append(shop.pay()))
        thread.start()
        thread.join()
        assert paid == [1]
        """,
        ("escaped", "taken-outside", False),
    ),
    "a thread of the system": (
        """
        def serve(paid): paid.append(charge())
        def pay():
            paid = []
            thread = threading.Thread(target=serve, args=(paid,))
            thread.start()
            thread.join()
            return paid and paid[0]
        """,
        PASSES,
        ("lost", "thread-error", True),
    ),
    "a client of the system": (
        """
        def pay():
            try: return charge()
            except Exception: return None
        """,
        PASSES,
        ("lost", "swallowed", True),
    ),
    # Who lets through what it could be expected to handle.
    "a handler for another error of the family": (
        """
        def pay():
            try: return charge()
            except TimeoutError: return None
        """,
        ANY,
        ("escaped", "missed-by-handler", False),
    ),
    "a handler that asks how things are": (
        """
        def pay():
            try: return charge()
            except FileNotFoundError: return None
        """,
        ANY,
        ("escaped", "injected-error", False),
    ),
    "a handler that passes this very error on": (
        """
        def pay():
            try:
                try: return charge()
                except TimeoutError: return None
            except ConnectionError:
                raise
        """,
        ANY,
        ("escaped", "injected-error", False),
    ),
    # Who swallows.
    "finally: return": (
        """
        def pay():
            try: return charge()
            finally: return
        """,
        "shop.pay(); assert True",
        None,
    ),
    "finally: return, and nothing is booked": (
        """
        def order():
            if pay() is not None: book()
        def pay():
            paid = None
            try: paid = charge()
            finally: return paid
        """,
        "shop.order()",
        ("lost", "swallowed", True),
    ),
    "a call after the statement is missing": (
        """
        def pay():
            for _ in range(2):
                try: charge()
                except Exception: continue
                book()
        """,
        ANY,
        ("lost", "swallowed", True),
    ),
    "a call of the statement is skipped": (
        """
        def note(): book()
        def pay():
            with contextlib.suppress(Exception):
                charge()
                note()
        """,
        ANY,
        None,
    ),
    "gathered, and nobody looks": (
        """
        async def one(paid): paid.append(charge())
        async def all_of(paid):
            await asyncio.gather(
                one(paid),
                return_exceptions=True,
            )
        def pay():
            paid = []
            asyncio.run(all_of(paid))
            return sum(paid)
        """,
        PASSES,
        ("lost", "swallowed", True),
    ),
    "gathered, and somebody looks": (
        """
        async def one(paid): paid.append(charge())
        async def all_of(paid):
            results = await asyncio.gather(one(paid), return_exceptions=True)
            if any(isinstance(result, Exception) for result in results):
                paid.append(-1)
        def pay():
            paid = []
            asyncio.run(all_of(paid))
            return sum(paid)
        """,
        PASSES,
        ("changed", "assertion", False),
    ),
    "gathered, and only answers are looked at": (
        """
        async def one(): return charge()
        async def all_of():
            results = await asyncio.gather(one(), return_exceptions=True)
            return [result for result in results if isinstance(result, int)]
        def pay():
            return sum(asyncio.run(all_of()))
        """,
        PASSES,
        ("lost", "swallowed", False),
    ),
    "a context manager that swallows": (
        """
        class Quietly:
            def __enter__(self): pass
            def __exit__(self, *error): return True
        def pay():
            with Quietly():
                return charge()
        """,
        PASSES,
        ("lost", "swallowed", True),
    ),
    "a context manager that swallows what it names": (
        """
        class Quietly:
            def __enter__(self): pass
            def __exit__(self, kind, *error): return kind is not None and issubclass(kind, OSError)
        def pay():
            with Quietly():
                return charge()
        """,
        PASSES,
        ("lost", "swallowed", False),
    ),
    "a context manager that tells somebody": (
        """
        class Loudly:
            def __enter__(self): pass
            def __exit__(self, *error):
                BOOKED.append(error)
                return True
        def pay():
            with Loudly():
                return charge()
        """,
        PASSES,
        ("changed", "assertion", False),
    ),
    "the error is named": (
        """
        def pay():
            try: return charge()
            except ConnectionError: return None
        """,
        PASSES,
        ("lost", "swallowed", False),
    ),
    "the error is logged": (
        """
        def pay():
            try: return charge()
            except Exception:
                logging.getLogger("shop").warning("no bank")
        """,
        PASSES,
        ("changed", "answered", False),
    ),
    "an answer for a named error": (
        """
        def pay():
            try: return charge()
            except ConnectionError: return 0
        """,
        PASSES,
        ("changed", "assertion", False),
    ),
    "an answer for every error": (
        """
        def pay():
            try: return charge()
            except Exception: return 0
        """,
        PASSES,
        ("lost", "quiet-fallback", False),
    ),
    "a fallback beside the swallowing": (
        """
        def pay():
            with contextlib.suppress(ConnectionError):
                return charge()
            return ask_replica() - 1
        """,
        PASSES,
        ("changed", "assertion", False),
    ),
    # What ends a retry.
    "no cap": (
        """
        def pay():
            while True:
                try: return charge()
                except ConnectionError: pass
        """,
        ANY,
        ("storm", "no-cap", True),
    ),
    "a clock": (
        """
        def pay():
            end = time.monotonic() + 5
            while time.monotonic() < end:
                try: return charge()
                except ConnectionError: pass
        """,
        ANY,
        ("storm", "no-cap", False),
    ),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_blame_goes_where_it_belongs(inner, name):
    """Verdict, kind and whether it fails, under the outage of a bank; nothing is said where nothing differs."""
    system, body, expected = SYSTEMS[name]
    inner.write("shop.py", BANK + textwrap.dedent(system))
    inner.write("test_it.py", "import shop\n\ndef test_it():\n" + textwrap.indent(textwrap.dedent(body), "    "))
    done = inner.run(*SWEEP, "--chaos-fault=raise(ConnectionError)", FAULT)

    (result,) = [one for one in done.document["results"] if one["kind"] == "explored" and "; " not in one["scenario"]]
    first = result["evidence"][0]["kind"] if result["evidence"] else ""
    found = (result["verdict"], first, result["fails"])
    assert found == (expected or ("resilient", "", False))


WEB = """
import functools
import click, flask
import shop

app = flask.Flask("web")
app.testing = TESTING

def guarded(view):
    @functools.wraps(view)
    def wrapped(**arguments):
        return view(**arguments)
    return wrapped

@app.get("/pay")
@guarded
def pay():
    return str(shop.charge())

@app.get("/safe")
@guarded
def safe():
    try:
        return str(shop.charge())
    except ConnectionError:
        return "later", 503

@app.get("/broken")
def broken():
    try:
        return str(shop.charge())
    except ConnectionError as error:
        return error.no_such_name

@app.get("/unbound")
def unbound():
    try:
        paid = shop.charge()
    except ConnectionError:
        pass
    return str(paid)

@app.get("/meant")
def meant():
    try:
        return str(shop.charge())
    except ConnectionError as error:
        raise shop.BankDown from error

@app.get("/logged")
def logged():
    try:
        return broken()
    except AttributeError:
        app.logger.exception("no bank")
        return "later", 503

@app.get("/always")
def always():
    try:
        shop.charge()
    except ConnectionError:
        pass
    return None.no_such_name

@click.command()
def command():
    click.echo(shop.charge())
"""
BODIES = {
    "request": "assert web.app.test_client().get('/pay').text == '1'",
    "command": "assert CliRunner().invoke(web.command).output == '1\\n'",
}


@pytest.mark.parametrize(
    ("body", "testing", "function"), [("request", True, "pay"), ("request", False, "pay"), ("command", True, "command")]
)
def test_an_error_that_leaves_what_a_framework_calls_is_a_finding(inner, body, testing, function):
    """Of the function behind its decorators, whether the test's client raises the error again or takes it."""
    pytest.importorskip("flask")
    inner.write("shop.py", BANK)
    inner.write("web.py", WEB.replace("TESTING", str(testing)))
    inner.write(
        "test_it.py", f"import web\nfrom click.testing import CliRunner\n\ndef test_it():\n    {BODIES[body]}\n"
    )
    (found,) = inner.run_apart(*SWEEP, "--chaos-fault=raise(ConnectionError)", FAULT).document["findings"]

    end = {
        ("request", True): "would be answered 500 by Flask's last resort",
        ("request", False): "are answered 500 by Flask's last resort",
        ("command", True): "end with its error",
    }[body, testing]
    assert found["title"] == f"unhandled: {body}s such as {function} {end} when shop:charge fails"
    assert (found["verdict"], found["kind"], found["fails"]) == ("escaped", "unhandled", False)
    assert found["place"].rpartition(" ")[2] == function


def test_all_requests_that_one_library_breaks_are_one_finding(inner):
    """One handler of errors mends them."""
    pytest.importorskip("flask")
    inner.write("shop.py", BANK)
    inner.write(
        "web.py", WEB.replace("TESTING", "True") + "\n@app.get('/more')\ndef more():\n    return str(shop.charge())\n"
    )
    body = "    client = web.app.test_client()\n    client.get('/PATH')\n"
    tests = "".join(f"\ndef test_{path}():\n{body.replace('PATH', path)}" for path in ("pay", "more"))
    inner.write("test_it.py", f"import web\n{tests}")
    each = (*SWEEP, "--chaos-fault=raise(ConnectionError)", "--chaos-scope=test")
    (found,) = inner.run_apart(*each, FAULT).document["findings"]

    assert found["tests"] == ["test_it.py::test_more", "test_it.py::test_pay"]


def test_a_request_that_is_answered_with_an_error_has_let_nothing_through(inner):
    """Nor is what the test calls itself an entry point."""
    pytest.importorskip("flask")
    inner.write("shop.py", BANK)
    inner.write("web.py", WEB.replace("TESTING", "True"))
    inner.write(
        "test_it.py",
        """
        import web

        def test_safe():
            web.app.test_client().get("/safe")

        def test_called():
            web.pay()
        """,
    )
    document = inner.run_apart(*SWEEP, "--chaos-fault=raise(ConnectionError)", FAULT).document

    assert document["findings"] == []
    assert [one["kind"] for one in document["passed_on"]] == ["injected-error"]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("broken", [("wrong error", "logged-error", True, "broken")]),
        ("unbound", [("wrong error", "logged-error", True, "unbound")]),
        ("meant", [("escaped", "unhandled", False, "meant")]),
        ("logged", []),
        ("always", []),
        ("safe", []),
    ],
)
def test_a_mistake_that_a_framework_takes_and_logs_is_a_wrong_error(inner, path, found):
    """As if it had reached the test; what was meant, what the project logs, and what is there anyway is none."""
    pytest.importorskip("flask")
    inner.write("shop.py", BANK)
    inner.write("web.py", WEB.replace("TESTING", "False"))
    inner.write("test_it.py", f"import web\n\ndef test_it():\n    web.app.test_client().get('/{path}')\n")
    document = inner.run_apart(*SWEEP, "--chaos-fault=raise(ConnectionError)", FAULT).document

    assert [
        (one["verdict"], one["kind"], one["fails"], one["place"].rpartition(" ")[2]) for one in document["findings"]
    ] == found


# --- a fixture that asserts once the body is over

ASKED = """
    import pytest, shop

    @pytest.fixture
    def asked():
        shop.asked.clear()
        yield shop.asked
        CHECK

    def test_sale(asked):
        BODY
"""
CHARGING = """
    asked = []

    def charge():
        return "receipt"

    def book():
        asked.append("book")

    def sale():
        try:
            receipt = charge()
        except ConnectionError:
            return "later"
        book()
        return receipt
"""


@pytest.mark.parametrize(
    ("body", "outcomes"),
    [("assert shop.sale() == 'receipt'", {"passed": 3}), ("assert shop.sale()", {"passed": 3, "errors": 1})],
    ids=["body fails too", "body passes"],
)
def test_fixture_that_misses_what_an_ended_body_did_not_do_is_no_error(inner, body, outcomes):
    """What it asks for was left undone by a body that a fault has ended; after one that passed it is an error."""
    inner.write("shop.py", CHARGING)
    inner.write("test_shop.py", ASKED.replace("CHECK", "assert shop.asked == ['book']").replace("BODY", body))
    done = inner.run("--chaos-target=shop:charge", "--chaos-fault=raise(ConnectionError)")

    (result,) = [one for one in done.document["results"] if one["kind"] == "explored"]
    assert "teardown-failed" in [one["kind"] for one in result["evidence"]]
    assert done.outcomes == outcomes
