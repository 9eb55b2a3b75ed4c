"""Answers that the test receives through each client that is watched, as that client gives them."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_chaos.answers.all_clients import watched_answers
from pytest_chaos.observation import Answer


class Paying(http.server.BaseHTTPRequestHandler):
    """Answers 503 with JSON, and sends /moved elsewhere."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/pay")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = b'{"code": "down"}'
        self.send_response(503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Paying) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def with_httpx(url: str) -> None:
    import httpx

    with httpx.Client(follow_redirects=False, trust_env=False) as client:
        client.get(url)


def with_httpx_async(url: str) -> None:
    import httpx

    async def ask() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.get(url)

    asyncio.run(ask())


def with_requests(url: str) -> None:
    import requests

    with requests.Session() as session:
        session.get(url)


def with_urllib3(url: str) -> None:
    urllib3 = pytest.importorskip("urllib3")
    with urllib3.PoolManager() as pool:
        pool.request("GET", url, redirect=False)


def with_urllib(url: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url)
    with caught.value as error:
        error.read()


def with_aiohttp(url: str) -> None:
    import aiohttp

    async def ask() -> None:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            await answer.read()

    asyncio.run(ask())


SENDERS: dict[str, tuple[str, Callable[[str], None], bool]] = {
    "httpx": ("httpx", with_httpx, True),
    "httpx async": ("httpx", with_httpx_async, True),
    "requests": ("requests", with_requests, True),
    "urllib3": ("urllib3", with_urllib3, True),
    "urllib": ("", with_urllib, True),
    "aiohttp": ("aiohttp", with_aiohttp, True),
}


@contextlib.contextmanager
def heard(lab: Any) -> Iterator[list[Answer]]:
    seen: list[Answer] = []
    with watched_answers(lab.laboratory.provenance, seen.append):
        yield seen


@pytest.mark.parametrize("name", SENDERS)
def test_an_answer_of_a_server_is_seen_once_by_each_client(lab: Any, url: str, name: str) -> None:
    library, send, knows_body = SENDERS[name]
    if library:
        pytest.importorskip(library)
    with heard(lab) as seen:
        send(f"{url}/pay")

    (answer,) = seen
    assert (answer.status, answer.method, answer.kind, answer.is_to_driver) == (503, "GET", "http", True)
    assert answer.request == f"GET {url}/pay"
    assert answer.client == name.split()[0]
    assert dict(answer.headers)["content-type"] == "application/json"
    assert answer.body == (b'{"code": "down"}' if knows_body else None)
    assert answer.took_s is not None and not answer.is_raised


@pytest.mark.parametrize("name", ["requests", "urllib", "aiohttp"])
def test_an_answer_that_sends_the_client_elsewhere_is_none(lab: Any, url: str, name: str) -> None:
    """The test receives the last one."""
    library, send, _ = SENDERS[name]
    if library:
        pytest.importorskip(library)
    with heard(lab) as seen:
        send(f"{url}/moved")

    assert [one.status for one in seen] == [503]


@pytest.mark.parametrize("name", SENDERS)
def test_a_client_is_as_before_afterwards(lab: Any, url: str, name: str) -> None:
    library, send, _ = SENDERS[name]
    if library:
        pytest.importorskip(library)
    with heard(lab) as seen:
        pass
    send(f"{url}/pay")

    assert seen == []


def test_a_stream_is_left_to_who_reads_it(lab: Any, url: str) -> None:
    requests = pytest.importorskip("requests")
    with heard(lab) as seen, requests.Session() as session:
        with session.get(f"{url}/pay", stream=True) as response:
            assert b"".join(response.iter_content(4)) == b'{"code": "down"}'

    assert [(one.status, one.body) for one in seen] == [(503, None)]


# --- test clients


def flask_app(**config: Any) -> Any:
    flask = pytest.importorskip("flask")
    app = flask.Flask("shop")
    app.config.update(config)

    @app.get("/pay")
    def pay() -> Any:
        return {"code": "down"}, 503

    @app.get("/fails")
    def fails() -> Any:
        raise KeyError("bank")

    return app


def test_flask_s_test_client_is_watched(lab: Any) -> None:
    client = flask_app().test_client()
    with heard(lab) as seen:
        client.get("/pay")
        client.get("/fails")

    assert [(one.method, one.request.rpartition("/")[2], one.status, one.is_raised) for one in seen] == [
        ("GET", "pay", 503, False),
        ("GET", "fails", 500, False),
    ]
    assert b"down" in (seen[0].body or b"")


def test_an_error_that_a_test_client_hands_on_is_an_answer_500(lab: Any) -> None:
    client = flask_app(TESTING=True).test_client()
    with heard(lab) as seen, pytest.raises(KeyError):
        client.get("/fails")

    assert [(one.request, one.status, one.is_raised) for one in seen] == [("GET /fails", 500, True)]


def test_starlette_s_test_client_is_watched(lab: Any) -> None:
    from starlette.applications import Starlette
    from starlette.routing import Route
    from starlette.testclient import TestClient

    def fails(request: Any) -> Any:
        raise KeyError("bank")

    client = TestClient(Starlette(routes=[Route("/fails", fails)]))
    with heard(lab) as seen, pytest.raises(KeyError):
        client.get("/fails")
    with heard(lab) as missing:
        client.get("/nowhere")

    assert [(one.request, one.status, one.is_raised) for one in seen] == [("GET http://testserver/fails", 500, True)]
    assert [(one.status, one.is_raised) for one in missing] == [(404, False)]


def test_an_error_of_the_client_itself_is_no_answer(lab: Any) -> None:
    """Nobody was asked anything."""
    import httpx

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no", request=request)

    client = flask_app(TESTING=True).test_client()
    with heard(lab) as seen:
        with httpx.Client(transport=httpx.MockTransport(refuse)) as sender, pytest.raises(httpx.ConnectError):
            sender.get("http://x/")
        with pytest.raises(TypeError):
            client.get("/pay", no_such_argument=1)

    assert seen == []


def test_falcon_s_test_client_is_watched(lab: Any) -> None:
    falcon = pytest.importorskip("falcon")
    from falcon import testing

    class Pay:
        def on_get(self, request: Any, response: Any) -> None:
            response.status = 503
            response.media = {"code": "down"}

    app = falcon.App()
    app.add_route("/pay", Pay())
    client = testing.TestClient(app)
    with heard(lab) as seen:
        client.simulate_get("/pay")

    assert [(one.request, one.status, one.body) for one in seen] == [("GET /pay", 503, b'{"code": "down"}')]


def test_an_application_is_watched_for_a_client_that_nobody_knows(lab: Any) -> None:
    """Only where no other client has received anything."""
    app = flask_app()
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/pay", "SERVER_NAME": "x", "SERVER_PORT": "80"}
    environ |= {"wsgi.url_scheme": "http", "SERVER_PROTOCOL": "HTTP/1.1"}
    with heard(lab) as seen:
        b"".join(app(environ, lambda *head: None))

    assert [(one.request, one.status, one.client) for one in seen] == [("GET /pay", 503, "Flask")]

    with heard(lab) as seen:
        app.test_client().get("/pay")
    assert [one.client for one in seen] == ["Werkzeug's test client"]


# --- commands


def test_exit_codes_of_commands_are_answers(lab: Any) -> None:
    click = pytest.importorskip("click")
    from click.testing import CliRunner

    @click.command("pay")
    @click.argument("amount")
    def pay(amount: str) -> None:
        click.echo("no bank", err=True)
        sys.exit(3)

    with heard(lab) as seen:
        CliRunner().invoke(pay, ["7"])
        subprocess.run([sys.executable, "-c", "raise SystemExit(4)"], check=False)
        with pytest.raises(subprocess.CalledProcessError):
            subprocess.run([sys.executable, "-c", "raise SystemExit(5)"], check=True)

    assert [(one.kind, one.status) for one in seen] == [("exit", 3), ("exit", 4), ("exit", 5)]
    assert seen[0].request == "run pay 7"
    assert b"no bank" in (seen[0].body or b"")


# --- what may be taken for an answer, and is none


def test_error_of_a_client_s_own_parts_is_no_answer(lab: Any) -> None:
    """A transport or a hook of the project fails as the network does: there is no application behind it."""
    own = lab.module(
        "own",
        """
        import httpx

        class Retrying(httpx.BaseTransport):
            def handle_request(self, request):
                raise httpx.ConnectError("refused")

        def hook(request):
            raise httpx.ConnectError("refused")
        """,
    )
    httpx = pytest.importorskip("httpx")
    with heard(lab) as seen:
        for parts in ({"transport": own.Retrying()}, {"event_hooks": {"request": [own.hook]}}):
            with httpx.Client(**parts) as client, pytest.raises(httpx.ConnectError):
                client.get("http://bank.invalid/")

    assert seen == []


def test_error_of_a_bare_application_is_an_answer_500(lab: Any) -> None:
    """One that no framework is behind, asked as a server asks it."""
    own = lab.module(
        "own",
        """
        def application(environ, start_response):
            raise KeyError("bank")

        async def later(scope, receive, send):
            raise KeyError("bank")
        """,
    )
    httpx = pytest.importorskip("httpx")
    from starlette.testclient import TestClient

    async def ask() -> None:
        transport = httpx.ASGITransport(own.later)
        async with httpx.AsyncClient(transport=transport) as client:
            await client.get("http://shop/pay")

    with heard(lab) as seen:
        with httpx.Client(transport=httpx.WSGITransport(own.application)) as client, pytest.raises(KeyError):
            client.get("http://shop/pay")
        with pytest.raises(KeyError):
            asyncio.run(ask())
        with pytest.raises(KeyError):
            TestClient(own.later).get("/pay")

    assert [(one.status, one.is_raised) for one in seen] == [(500, True)] * 3


def test_redirect_that_is_not_followed_is_the_answer(lab: Any, url: str) -> None:
    import aiohttp

    async def ask() -> None:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/moved", allow_redirects=False) as answer:
            await answer.read()

    with heard(lab) as seen:
        asyncio.run(ask())

    assert [one.status for one in seen] == [302]


def test_answer_whose_status_the_client_raises_is_one(lab: Any, url: str) -> None:
    import aiohttp

    async def ask() -> None:
        async with aiohttp.ClientSession(raise_for_status=True) as session:
            await session.get(f"{url}/pay")

    with heard(lab) as seen, pytest.raises(aiohttp.ClientResponseError):
        asyncio.run(ask())

    assert [(one.status, one.is_raised) for one in seen] == [(503, False)]


ENDS = "import sys; sys.exit(3)"


@pytest.mark.parametrize(
    "run",
    [
        lambda: subprocess.run([sys.executable, "-c", ENDS]),
        lambda: subprocess.run(Path("/bin/false")),
        lambda: subprocess.call([sys.executable, "-c", ENDS]),
        lambda: subprocess.check_output([sys.executable, "-c", ENDS]),
        lambda: subprocess.check_call([sys.executable, "-c", ENDS]),
        lambda: subprocess.Popen([sys.executable, "-c", ENDS]).wait(),
        lambda: subprocess.Popen([sys.executable, "-c", ENDS], stdout=subprocess.PIPE).communicate(),
        lambda: _left([sys.executable, "-c", ENDS]),
    ],
    ids=["run", "run of a path", "call", "check_output", "check_call", "wait", "communicate", "with"],
)
def test_exit_code_of_a_program_is_seen_once_however_it_is_run(lab: Any, run: Callable[[], Any]) -> None:
    with heard(lab) as seen, contextlib.suppress(subprocess.CalledProcessError):
        run()

    assert [(one.kind, one.status > 0, one.is_to_driver) for one in seen] == [("exit", True, True)]
    assert seen[0].request.startswith("run /")


def _left(command: list[str]) -> None:
    with subprocess.Popen(command) as process:
        process.wait()


def test_program_that_the_test_ends_has_no_exit_code(lab: Any) -> None:
    with heard(lab) as seen, subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        process.terminate()

    assert seen == []


def test_stream_and_file_of_starlette_are_answers_of_the_application(lab: Any, tmp_path: Path) -> None:
    from starlette.responses import FileResponse, StreamingResponse

    file = tmp_path / "page.html"
    file.write_text("page")

    async def answer(response: Any) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None: ...

        scope = {"type": "http", "method": "GET", "path": "/page", "headers": [], "asgi": {"spec_version": "2.4"}}
        await response({**scope, "extensions": {}}, receive, send)

    with heard(lab) as seen:
        asyncio.run(answer(StreamingResponse(iter([b"page"]), 503)))
        asyncio.run(answer(FileResponse(file, 404)))

    assert [(one.client, one.status, one.body) for one in seen] == [("Starlette", 503, None), ("Starlette", 404, None)]
