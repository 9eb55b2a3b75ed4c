"""Errors that nobody in the project handled, and for which a framework's last resort answers."""

from __future__ import annotations

from typing import NamedTuple

import pytest

BANK = """
    class BankDown(Exception): pass

    def charge():
        return "receipt"
"""
FAULT = ("--chaos-target=shop:charge", "--chaos-fault=raise(ConnectionError)")


class App(NamedTuple):
    """An application: its source with a handler of errors of the project's own, and a test's way to call it."""

    needs: str
    source: str
    handler: str
    client: str


STARLETTE = """
    import shop
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def pay(request):
        return PlainTextResponse(shop.charge())

    async def down(request, error):
        return PlainTextResponse("down", 503)

    app = Starlette(routes=[Route("/pay", pay)], exception_handlers={HANDLERS})
"""
FLASK = """
    import flask, shop
    app = flask.Flask(__name__)

    @app.get("/pay")
    def pay():
        return shop.charge()

    HANDLERS
    def down(error):
        return "down", 503
"""
DJANGO = """
    import django, shop
    from django.conf import settings
    from django.http import HttpResponse
    from django.urls import path

    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="k")
    django.setup()

    def pay(request):
        return HttpResponse(shop.charge())

    def down(request):
        return HttpResponse("down", status=503)

    urlpatterns = [path("pay", pay)]
    HANDLERS
"""
AIOHTTP = """
    import asyncio, shop
    from aiohttp import ClientSession, web
    from aiohttp.test_utils import TestServer

    async def pay(request):
        return web.Response(text=shop.charge())

    @web.middleware
    async def down(request, handler):
        try:
            return await handler(request)
        except ConnectionError:
            return web.Response(text="down", status=503)

    def get():
        async def ask():
            app = web.Application(middlewares=[HANDLERS])
            app.router.add_get("/pay", pay)
            async with TestServer(app) as server, ClientSession() as session:
                async with session.get(server.make_url("/pay")) as answer:
                    return answer.status
        return asyncio.run(ask())
"""
WSGIREF = """
    import io, shop
    from wsgiref.handlers import SimpleHandler

    def pay(environ, start_response):
        HANDLERS
        start_response("200 OK", [])
        return [text.encode()]

    def get():
        out = io.BytesIO()
        environ = {"REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.0"}
        SimpleHandler(io.BytesIO(), out, io.StringIO(), environ).run(pay)
        return int(out.getvalue().split()[1])
"""
WITHOUT_HANDLER = "text = shop.charge()"
WITH_HANDLER = """try:
            text = shop.charge()
        except ConnectionError:
            start_response("503 Down", [])
            return [b"down"]"""
APPS = {
    "Starlette": App(
        "starlette",
        STARLETTE,
        "{ConnectionError: down}",
        "from starlette.testclient import TestClient\n"
        "    TestClient(app.app, raise_server_exceptions=False).get('/pay')",
    ),
    "Starlette, for all": App(
        "starlette",
        STARLETTE,
        "{500: down}",
        "from starlette.testclient import TestClient\n"
        "    TestClient(app.app, raise_server_exceptions=False).get('/pay')",
    ),
    "Flask": App("flask", FLASK, "@app.errorhandler(ConnectionError)", "app.app.test_client().get('/pay')"),
    "Flask, for all": App("flask", FLASK, "@app.errorhandler(500)", "app.app.test_client().get('/pay')"),
    "Django": App(
        "django",
        DJANGO,
        "handler500 = down",
        "from django.test import Client\n    Client(raise_request_exception=False).get('/pay')",
    ),
    "aiohttp": App("aiohttp", AIOHTTP, "down", "app.get()"),
    "wsgiref": App("wsgiref", WSGIREF, WITH_HANDLER, "app.get()"),
}
NONE = {STARLETTE: "{}", WSGIREF: WITHOUT_HANDLER}


def explored(inner, app: App, handler: str, *args: str):
    pytest.importorskip(app.needs)
    inner.write("shop.py", BANK)
    inner.write("app.py", app.source.replace("exception_handlers={HANDLERS}", "exception_handlers=HANDLERS"))
    source = (inner.path / "app.py").read_text(encoding="utf-8").replace("HANDLERS", handler)
    (inner.path / "app.py").write_text(source, encoding="utf-8")
    inner.write("test_it.py", f"import app\n\ndef test_it():\n    {app.client}\n")
    return inner.run_apart(*FAULT, *args).document["findings"]


@pytest.mark.parametrize("name", APPS)
def test_what_a_last_resort_answers_for_is_a_finding_and_what_the_project_answers_is_none(inner, name):
    """Though the test is content with both answers; who has a handler of errors has handled it."""
    app = APPS[name]
    framework = name.partition(",")[0]
    (found,) = explored(inner, app, NONE.get(app.source, ""))

    title = f"unhandled: requests such as pay are answered 500 by {framework}'s last resort when shop:charge fails"
    assert found["title"] == title
    assert (found["verdict"], found["kind"], found["fails"]) == ("escaped", "unhandled", False)
    assert found["place"].startswith("app.py:") and found["place"].endswith(" pay")

    assert explored(inner, app, app.handler) == []


def test_a_client_that_raises_the_error_again_gives_the_same_finding(inner):
    """As one that is answered."""
    app = APPS["Starlette"]
    (answered,) = explored(inner, app, "{}")
    (raised,) = explored(inner, app._replace(client=app.client.replace("False", "True")), "{}")

    assert raised["id"] == answered["id"]
    assert raised["title"] == (
        "unhandled: requests such as pay are answered 500 by Starlette's last resort when shop:charge fails"
    )


@pytest.mark.parametrize("raises", [True, False])
@pytest.mark.parametrize(("status", "fails"), [("[200, 503]", True), ("[200, 500]", False)])
def test_what_a_last_resort_answers_is_judged_by_the_contract(inner, raises, status, fails):
    """Also where the test's client raises the error again: somebody else would get the answer. It is one finding."""
    app = APPS["Starlette"]
    inner.write("pyproject.toml", f"[tool.pytest_chaos.contract]\nstatus = {status}\n")
    (found,) = explored(inner, app._replace(client=app.client.replace("False", str(raises))), "{}")

    assert (found["verdict"], found["fails"]) == (("wrong error", True) if fails else ("escaped", False))
    assert "by Starlette's last resort" in found["title"]
    assert found["place"].endswith(" pay")


def test_a_connection_that_is_closed_without_an_answer_fails(inner):
    """Whoever waits for the answer is told nothing; a server that answers is right."""
    server = """
        import http.client, http.server, shop, threading

        class Pay(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args): pass
            def do_GET(self):
                BODY

        def get():
            with http.server.HTTPServer(("127.0.0.1", 0), Pay) as server:
                thread = threading.Thread(target=server.handle_request)
                thread.start()
                connection = http.client.HTTPConnection(*server.server_address)
                connection.request("GET", "/")
                try:
                    return connection.getresponse().status
                except http.client.HTTPException:
                    return 0
                finally:
                    connection.close()
                    thread.join()
    """
    right = """try:
                    text = shop.charge()
                except ConnectionError:
                    self.send_response(503); self.end_headers(); return
                self.send_response(200); self.end_headers(); self.wfile.write(text.encode())"""
    broken = "text = shop.charge(); self.send_response(200); self.end_headers(); self.wfile.write(text.encode())"
    inner.write("shop.py", BANK)
    inner.write("test_it.py", "import app\n\ndef test_it():\n    app.get()\n")
    inner.write("app.py", server.replace("BODY", broken))
    (found,) = inner.run_apart(*FAULT).document["findings"]

    title = "unhandled: requests such as Pay.do_GET get no whole answer from socketserver when shop:charge fails"
    assert (found["title"], found["verdict"], found["fails"]) == (title, "wrong error", True)

    inner.write("app.py", server.replace("BODY", right))
    assert inner.run_apart(*FAULT).document["findings"] == []


def test_what_is_answered_so_without_a_fault_is_no_finding(inner):
    """A test of the page for errors."""
    app = APPS["Starlette"]
    source = app.source.replace("PlainTextResponse(shop.charge())", "PlainTextResponse(shop.charge() + 1)")
    found = explored(inner, app._replace(source=source), "{}")

    assert [one for one in found if one["fails"]] == []


def test_a_job_that_fails_is_a_finding(inner):
    """A worker that goes on has handled nothing."""
    celery = App(
        "celery",
        """
            import celery, shop
            app = celery.Celery(broker="memory://", backend="cache+memory://", set_as_current=False)
            app.conf.task_always_eager = True

            @app.task
            def pay():
                return shop.charge()
        """,
        "",
        "app.pay.delay()",
    )
    (found,) = explored(inner, celery, "")

    assert found["title"] == "unhandled: jobs such as pay end with its error when shop:charge fails"
    assert (found["verdict"], found["fails"]) == ("escaped", False)


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ("PlainTextResponse(traceback.format_exc(), 503)", "the answer to GET http://testserver/pay shows a traceback"),
        (
            "Response('<h1>down</h1>', 503, media_type='application/json')",
            "the answer to GET http://testserver/pay is not application/json, as its header says,",
        ),
        ("PlainTextResponse('down', 503)", None),
    ],
)
def test_an_answer_that_shows_the_inside_or_is_of_another_type_fails(inner, answer, title):
    """Without any contract; an answer in words of its own is right."""
    app = APPS["Starlette"]
    source = app.source.replace("import shop", "import shop, traceback").replace(
        "import PlainTextResponse", "import PlainTextResponse, Response"
    )
    source = source.replace("PlainTextResponse('down', 503)", "").replace('PlainTextResponse("down", 503)', answer)
    findings = explored(inner, app._replace(source=source), "{ConnectionError: down}")

    found = [(one["title"], one["verdict"], one["fails"]) for one in findings]
    assert found == ([] if title is None else [(f"{title} when shop:charge fails", "wrong error", True)])
