"""Answers of a server as faults, in whole runs: what a sweep tries, what it tells, and how a user asks for one."""

from __future__ import annotations

import textwrap

import pytest

SERVICES = """
    import http.server, json, threading
    import pytest

    class Service(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps({"sku": "mug", "price": 250, "stars": 5, "stock": 3}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args): pass

    @pytest.fixture(scope="session")
    def services():
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()
            thread.join()
"""
TEST = """
    import pytest, shop

    def test_page(services, monkeypatch):
        monkeypatch.setattr(shop, "SERVICES", services)
        assert shop.status_of("/articles/mug") in (200, 503)
"""

FLASK = """
    import logging
    import flask, requests

    SERVICES = ""
    app = flask.Flask(__name__)
    DOWN = (requests.ConnectionError, requests.Timeout)

    def status_of(path):
        return app.test_client().get(path).status_code

    def down():
        return {"code": "down"}, 503
"""
STARLETTE = """
    import httpx
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route
    from starlette.testclient import TestClient

    SERVICES = ""

    def status_of(path):
        app = Starlette(routes=[Route("/articles/{sku}", article)])
        with TestClient(app, raise_server_exceptions=False) as client:
            return client.get(path).status_code

    def down():
        return JSONResponse({"code": "down"}, 503)

    async def get(path):
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            return await client.get(f"{SERVICES}{path}")
"""

# Each once with and once without its weakness.
SYSTEMS = {
    "the page of a gateway is read as JSON": (
        FLASK,
        """
    @app.get("/articles/<sku>")
    def article(sku):
        try:
            found = requests.get(f"{SERVICES}/stock/{sku}", timeout=2)
        except DOWN:
            return down()
        return {"stock": found.json()["stock"]}
""",
        """
    @app.get("/articles/<sku>")
    def article(sku):
        try:
            found = requests.get(f"{SERVICES}/stock/{sku}", timeout=2)
            found.raise_for_status()
        except (*DOWN, requests.HTTPError):
            return down()
        return {"stock": found.json()["stock"]}
""",
        "wrong error: article breaks with JSONDecodeError when requests localhost/shop:article fails",
    ),
    "an answer that is none is used": (
        FLASK,
        """
    def stars(sku):
        found = requests.get(f"{SERVICES}/stars/{sku}", timeout=2)
        return found.json() if found.status_code == 200 else None

    @app.get("/articles/<sku>")
    def article(sku):
        try:
            return {"sku": sku, "stars": stars(sku)["stars"]}
        except DOWN:
            return down()
""",
        """
    def stars(sku):
        found = requests.get(f"{SERVICES}/stars/{sku}", timeout=2)
        return found.json() if found.status_code == 200 else None

    @app.get("/articles/<sku>")
    def article(sku):
        try:
            found = stars(sku)
        except DOWN:
            found = None
        if found is None:
            logging.warning("no stars")
            return down()
        return {"sku": sku, "stars": found["stars"]}
""",
        "wrong error: article breaks with TypeError when requests localhost/shop:stars fails",
    ),
    "the page of a gateway is read as JSON by a coroutine": (
        STARLETTE,
        """
    async def article(request):
        try:
            return JSONResponse((await get("/price")).json())
        except (httpx.TransportError, httpx.HTTPStatusError):
            return down()
""",
        """
    async def article(request):
        try:
            return JSONResponse((await get("/price")).raise_for_status().json())
        except (httpx.TransportError, httpx.HTTPStatusError):
            return down()
""",
        "wrong error: article breaks with JSONDecodeError when httpx localhost/shop:get fails",
    ),
}


@pytest.fixture
def project(inner):
    """What nobody asked for is swept here; a conftest starts the services."""
    inner.sweeps = True
    inner.write("pytest.ini", "[pytest]\npythonpath = . env/site-packages\n")
    inner.write("tests/conftest.py", SERVICES)
    inner.write("tests/test_shop.py", TEST)
    return inner


@pytest.mark.parametrize("is_broken", [True, False], ids=["broken", "right"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_sweep_finds_what_breaks_over_the_page_of_a_gateway(project, system, is_broken):
    frame, broken, right, title = SYSTEMS[system]
    project.write("shop.py", frame + (broken if is_broken else right))
    done = project.run()

    found = [f"{one['verdict']}: {one['title']}" for one in done.document["findings"] if one["fails"]]
    assert found == ([title] if is_broken else [])
    assert any("answer(502" in one["scenario"] for one in done.document["results"])


def test_error_that_the_project_asks_for_is_told_as_one_of_a_connection_is(project):
    """Who asks for the error of a status and handles neither has one gap, and not two."""
    project.write(
        "shop.py",
        FLASK
        + """
    @app.get("/articles/<sku>")
    def article(sku):
        found = requests.get(f"{SERVICES}/stock/{sku}", timeout=2)
        found.raise_for_status()
        return {"stock": found.json()["stock"]}
""",
    )
    done = project.run()

    assert [(one["verdict"], one["kind"], len(one["results"])) for one in done.document["findings"]] == [
        ("escaped", "unhandled", 3)
    ]
    assert "answer(502, '<html>')" in done.document["findings"][0]["faults"]


def test_status_that_the_code_tells_apart_is_tried_too(project):
    project.write(
        "shop.py",
        FLASK
        + """
    @app.get("/articles/<sku>")
    def article(sku):
        try:
            for _ in range(3):
                found = requests.get(f"{SERVICES}/stock/{sku}", timeout=2)
                if found.status_code != requests.codes.too_many_requests:
                    break
        except DOWN:
            return down()
        return {"stock": 3} if found.ok else down()
""",
    )
    done = project.run()

    answers = {one["scenario"].partition(" = ")[2] for one in done.document["results"] if "answer(" in one["scenario"]}
    assert "answer(429, headers={'Retry-After': '0'})" in answers
    assert not any("answer(503" in text for text in answers)


def test_library_that_asks_for_the_project_meets_no_page_of_a_gateway(project):
    project.write("shop.py", "import client\nSERVICES = ''\ndef status_of(path): return client.ask(SERVICES)\n")
    project.write(
        "env/site-packages/client.py",
        "import requests\ndef ask(url): return requests.get(url, timeout=2).status_code\n",
    )
    done = project.run()

    assert {one["scenario"] for one in done.document["results"]}
    assert not any("answer(" in one["scenario"] for one in done.document["results"])


# --- asked for by the user


WAYS = {
    "rule": "def test_it(services): assert shop.ask(services) in (200, 503)\n",
    "marker": """
        @pytest.mark.chaos("requests.sessions:Session.request", HttpAnswer(503))
        def test_it(services): assert shop.ask(services) == 503
    """,
    "fixture": """
        def test_it(services, chaos):
            with chaos.inject("requests.sessions:Session.request", HttpAnswer(503)):
                assert shop.ask(services) == 503
    """,
}


@pytest.mark.parametrize("way", WAYS)
def test_one_is_asked_for_in_each_of_three_ways(project, way):
    project.sweeps = False
    project.write("shop.py", "import requests\ndef ask(url): return requests.get(url, timeout=2).status_code\n")
    source = "import pytest, shop\nfrom pytest_chaos import HttpAnswer\n" + textwrap.dedent(WAYS[way])
    project.write("tests/test_shop.py", source)
    rule = "requests.sessions:Session.request = answer(503)"
    done = project.run(*([f"--chaos-rule={rule}"] if way == "rule" else []))

    (result,) = [one for one in done.document["results"] if one["kind"] != "recovery"]
    assert (result["scenario"], result["verdict"], result["activations"]) == (rule, "resilient", 1)


GATE = """
    import requests
    import flask

    SERVICES = ""
    app = flask.Flask(__name__)

    @app.get("/articles/<sku>")
    def article(sku):
        try:
            found = requests.get(f"{SERVICES}/stock/{sku}", timeout=2)
        except requests.RequestException:
            return {"code": "down"}, 503
        ANSWER
"""


@pytest.mark.parametrize(
    ("answer", "is_forwarded"),
    [
        ("return found.content, found.status_code", True),
        ("return (found.content, 200) if found.ok else ({'code': 'down'}, 502)", False),
    ],
    ids=["forwards", "answers for itself"],
)
def test_answer_that_is_handed_on_as_it_came_is_reported(project, answer, is_forwarded):
    """A gateway may mean it; everybody else's callers read the page of somebody whom they have not asked."""
    project.write("shop.py", GATE.replace("ANSWER", answer))
    project.write("pyproject.toml", "[tool.pytest_chaos.contract]\nstatus = [200, 502, 503]\n")
    project.write(
        "tests/test_shop.py",
        """
        import shop

        def test_page(services, monkeypatch):
            monkeypatch.setattr(shop, "SERVICES", services)
            assert shop.app.test_client().get("/articles/mug").status_code in (200, 502, 503)
        """,
    )
    done = project.run()

    found = [one for one in done.document["findings"] if one["kind"] == "forwarded"]
    assert bool(found) is is_forwarded
    assert all((one["verdict"], one["fails"]) == ("escaped", False) for one in found)
    assert not [one for one in done.document["findings"] if one["fails"]]
