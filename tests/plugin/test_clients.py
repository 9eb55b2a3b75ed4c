"""Contracts on what is received through the test clients of frameworks, in whole runs."""

from __future__ import annotations

import textwrap

import pytest

DJANGO = """
    import django, shop
    from django.conf import settings
    from django.http import JsonResponse
    from django.urls import path

    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="k")
    django.setup()

    def pay(request):
        try:
            return JsonResponse({"receipt": shop.charge()})
        except ConnectionError:
            return JsonResponse({"code": "down"}, status=STATUS)

    urlpatterns = [path("pay", pay)]
"""
FLASK = """
    import flask, shop
    app = flask.Flask(__name__)

    @app.get("/pay")
    def pay():
        try:
            return {"receipt": shop.charge()}
        except ConnectionError:
            return {"code": "down"}, STATUS
"""
CASES = {
    "django": ("django", DJANGO, "from django.test import Client\n    assert Client().get('/pay')"),
    "django async": (
        "django",
        DJANGO,
        "import asyncio\n    from django.test import AsyncClient\n    assert asyncio.run(AsyncClient().get('/pay'))",
    ),
    "flask": ("flask", FLASK, "assert app.app.test_client().get('/pay')"),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("status", "fails"), [(500, True), (503, False)])
def test_a_status_is_judged_through_each_test_client(inner, name, status, fails):
    """The test is content with any answer; the contract is not."""
    needs, app, ask = CASES[name]
    pytest.importorskip(needs)
    inner.write("shop.py", "def charge():\n    return 'receipt'\n")
    inner.write("app.py", app.replace("STATUS", str(status)))
    inner.write("pyproject.toml", "[tool.pytest_chaos.contract]\nstatus = [200, 503]\n")
    inner.write("test_it.py", f"import app\n\ndef test_it():\n    {ask}\n")
    findings = inner.run_apart("--chaos-target=shop:charge", "--chaos-fault=raise(ConnectionError)").document[
        "findings"
    ]

    found = [(one["verdict"], one["kind"], one["fails"], one["place"].split()[-1]) for one in findings]
    assert found == ([("wrong error", "status", True, "pay")] if fails else [])


@pytest.mark.parametrize("is_seen", [True, False])
def test_a_contract_that_judged_nothing_says_so(inner, is_seen):
    """Who believes that answers are judged is told that none was seen."""
    inner.write("shop.py", "def charge():\n    return 'receipt'\n")
    inner.write(
        "test_it.py",
        """
        import httpx, pytest, shop
        from pytest_chaos import Raise

        @pytest.mark.chaos_contract(status=[200, 503])
        @pytest.mark.chaos("shop:charge", Raise(ConnectionError))
        def test_it():
            try:
                shop.charge()
            except ConnectionError:
                transport = httpx.MockTransport(lambda request: httpx.Response(503))
                with httpx.Client(transport=transport) as client:
                    ASK("http://shop/pay")
        """.replace("ASK", "client.get" if is_seen else "str"),
    )
    done = inner.run()

    assert done.verdicts == {"test_it": "resilient"}
    assert done.only["answers"] == is_seen
    line = "the contract judges answers, and none was seen in 1 chaos run of test_it.py::test_it: let the test ask"
    assert is_seen is (line not in done.text)


LATE = {
    "client": """
        def test_it():
            import httpx
            import app
            with httpx.Client(transport=httpx.WSGITransport(app.application)) as client:
                assert client.get("http://shop/pay")
    """,
    "application": """
        def test_it():
            import app
            body, status = [], []
            app.bank.wsgi_app({**app.ENVIRON}, lambda told, headers: status.append(told))
            assert status
    """,
}
APP = """
    import shop

    def application(environ, start_response):
        try:
            shop.charge()
            start_response("200 OK", [])
        except ConnectionError:
            start_response("STATUS", [])
        return [b""]

    def flask_app():
        import flask
        bank = flask.Flask("bank")

        @bank.get("/pay")
        def pay():
            try:
                return shop.charge()
            except ConnectionError:
                return "down", int("STATUS"[:3])

        return bank

    ENVIRON = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/pay", "SERVER_NAME": "shop", "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http", "wsgi.input": None, "wsgi.errors": None,
    }

    def __getattr__(name):
        if name == "bank":
            return flask_app()
        raise AttributeError(name)
"""


@pytest.mark.parametrize("which", LATE)
@pytest.mark.parametrize(("status", "fails"), [("500 Oops", True), ("503 Down", False)])
def test_what_is_imported_in_the_body_is_watched_too(inner, which, status, fails):
    """A test that imports its client or its application late is judged like any other."""
    inner.write("shop.py", "def charge():\n    return 'receipt'\n")
    inner.write("app.py", APP.replace("STATUS", status))
    inner.write("pyproject.toml", "[tool.pytest_chaos.contract]\nstatus = [200, 503]\n")
    mark = "@pytest.mark.chaos('shop:charge', Raise(ConnectionError))\n"
    head = "import pytest, shop\nfrom pytest_chaos import Raise\n\n"
    inner.write("test_it.py", head + mark + textwrap.dedent(LATE[which]).lstrip())
    done = inner.run_apart()

    found = [(one["verdict"], one["kind"]) for one in done.document["findings"] if one["fails"]]
    assert found == ([("wrong error", "status")] if fails else [])
    assert done.only["answers"] == 1
