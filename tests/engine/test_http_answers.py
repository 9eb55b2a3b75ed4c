"""HttpAnswer: what each client makes of it is what it makes of a server that answers the same."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socketserver
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest
import requests
import requests.adapters
import urllib3
import urllib3.util

from pytest_chaos import HttpAnswer, SpecificationError
from pytest_chaos.notation import rule_from

Outcome = dict[str, Any]
HTML = "<html><body>Bad Gateway</body></html>"

ANSWERS = {
    "empty": HttpAnswer(503),
    "limited": HttpAnswer(429, {"code": "slow_down"}, headers={"Retry-After": "0", "Set-Cookie": "seen=1; Path=/"}),
    "html": HttpAnswer(502, HTML),
    "html as json": HttpAnswer(200, HTML, headers={"Content-Type": "application/json"}),
    "text": HttpAnswer(404, "nothing here"),
    "json": HttpAnswer(200, {"paid": True}),
    "long": HttpAnswer(200, "x" * 300_000),
    "truncated": HttpAnswer(200, '{"paid": tr', headers={"Content-Type": "application/json", "Content-Length": "99"}),
    "no length": HttpAnswer(500, "boom", headers={"Connection": "close", "Transfer-Encoding": "identity"}),
    "chunked": HttpAnswer(200, "4\r\npaid\r\n0\r\n\r\n", headers={"Transfer-Encoding": "chunked"}),
    "chunks that break off": HttpAnswer(200, "9\r\npaid", headers={"Transfer-Encoding": "chunked"}),
    "no content": HttpAnswer(204),
    "unknown status": HttpAnswer(520, "unknown"),
    "elsewhere": HttpAnswer(302, headers={"Location": "/next"}),
    "not packed": HttpAnswer(200, "plain", headers={"Content-Encoding": "gzip"}),
}

BROKEN_OFF = [ANSWERS[name] for name in ("truncated", "no length", "chunks that break off")]


class Asked(socketserver.StreamRequestHandler):
    """Answers each request with the bytes of a fault, and hangs up after one that says less than it should."""

    server: Server

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            while first := self.rfile.readline():
                length = 0
                while (line := self.rfile.readline()).strip():
                    name, _, value = line.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                self.rfile.read(length)
                self.server.asked += 1
                self.wfile.write(self.server.answer.raw(first.partition(b" ")[0].decode()))
                if self.server.answer in BROKEN_OFF:
                    return


class Server(socketserver.ThreadingTCPServer):
    """Is asked, on loopback."""

    daemon_threads = True
    answer = HttpAnswer(200)
    asked = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/pay"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Asked) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def told(error: BaseException) -> str:
    """Return what an error says, but for what is of this very object."""
    text = f"{type(error).__module__}.{type(error).__qualname__}: {error}"
    return " ".join(word for word in text.split() if "0x" not in word)


def tried(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except Exception as error:  # what the client makes of it
        return told(error)


def checked(response: Any) -> Any:
    return tried(lambda: response.raise_for_status() and None)


def response_of_requests(response: requests.Response) -> Outcome:
    return {
        "type": type(response),
        "status": response.status_code,
        "reason": response.reason,
        "headers": dict(response.headers),
        "body": tried(lambda: response.content),
        "json": tried(response.json),
        "check": checked(response),
        "encoding": response.encoding,
        "cookies": response.cookies.get_dict(),
        "history": [one.status_code for one in response.history],
        "raw": (type(response.raw), response.raw.closed, response.raw.version),
        "url": response.url,
    }


def by_requests(url: str, method: str) -> Outcome:
    with requests.Session() as session:
        session.trust_env = False
        response = session.request(method, url, data="a=1" if method == "POST" else None)
        return {**response_of_requests(response), "jar": session.cookies.get_dict()}


def by_requests_streaming(url: str, method: str) -> Outcome:
    with requests.Session() as session:
        session.trust_env = False
        with session.request(method, url, stream=True) as response:
            chunks = tried(lambda: list(response.iter_content(1000)))
            return {"chunks": chunks, "check": checked(response)}


def by_requests_with_retries(url: str, method: str) -> Outcome:
    retries = urllib3.util.Retry(2, backoff_factor=0, status_forcelist=[429, 502, 503, 520], allowed_methods=None)
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
        return response_of_requests(session.request(method, url, hooks={"response": lambda r, **_: None}))


def by_urllib3(url: str, method: str) -> Outcome:
    with urllib3.PoolManager(retries=urllib3.util.Retry(2, backoff_factor=0, status_forcelist=[503])) as pool:
        response = pool.request(method, url)
        return {
            "type": type(response),
            "status": response.status,
            "reason": response.reason,
            "headers": dict(response.headers),
            "body": response.data,
            "retries": None if response.retries is None else response.retries.total,
            "closed": response.closed,
        }


def by_urllib3_streaming(url: str, method: str) -> Outcome:
    with urllib3.PoolManager() as pool:
        response = pool.request(method, url, preload_content=False, retries=False)
        chunks = tried(lambda: list(response.stream(1000)))
        response.release_conn()
        return {"status": response.status, "chunks": chunks, "closed": response.closed}


def by_urllib(url: str, method: str) -> Outcome:
    request = urllib.request.Request(url, data=b"a=1" if method == "POST" else None, method=method)
    try:
        with urllib.request.urlopen(request) as response:
            return {"status": response.status, "headers": response.getheaders(), "body": tried(response.read)}
    except urllib.error.HTTPError as error:
        with error:
            return {"status": error.code, "text": str(error), "headers": error.headers.items(), "body": error.read()}


def response_of_httpx(response: Any) -> Outcome:
    return {
        "type": type(response),
        "status": response.status_code,
        "reason": response.reason_phrase,
        "version": response.http_version,
        "headers": response.headers.multi_items(),
        "json": tried(response.json),
        "check": checked(response),
        "cookies": dict(response.cookies),
        "closed": response.is_closed,
        "history": [one.status_code for one in response.history],
        "url": str(response.url),
        "body": response.content,
    }


def by_httpx(url: str, method: str, library: Any = httpx) -> Outcome:
    heard: list[int] = []
    hooks = {"response": [lambda response: heard.append(response.status_code)]}
    with library.Client(trust_env=False, event_hooks=hooks) as client:
        response = client.request(method, url, content=b"a=1" if method == "POST" else None)
        return {**response_of_httpx(response), "heard": heard, "jar": dict(client.cookies)}


def by_httpx_that_follows(url: str, method: str) -> Outcome:
    with httpx.Client(trust_env=False, follow_redirects=True) as client:
        return response_of_httpx(client.request(method, url))


def by_httpx_streaming(url: str, method: str) -> Outcome:
    with httpx.Client(trust_env=False) as client, client.stream(method, url) as response:
        return {"chunks": tried(lambda: b"".join(response.iter_raw())), "closed": response.is_closed}


def by_httpx2(url: str, method: str) -> Outcome:
    return by_httpx(url, method, httpx2)


def by_httpx_async(url: str, method: str, library: Any = httpx) -> Outcome:
    async def ask() -> Outcome:
        async with library.AsyncClient(trust_env=False) as client:
            return response_of_httpx(await client.request(method, url))

    return asyncio.run(ask())


def by_httpx2_async(url: str, method: str) -> Outcome:
    return by_httpx_async(url, method, httpx2)


def by_aiohttp(url: str, method: str, *, is_checked: bool = False) -> Outcome:
    async def ask() -> Outcome:
        async with aiohttp.ClientSession(raise_for_status=is_checked) as session:
            data = b"a=1" if method == "POST" else None
            async with session.request(method, url, data=data) as response:
                try:
                    body: Any = await response.read()
                except Exception as error:
                    body = told(error)
                try:
                    json: Any = await response.json()
                except Exception as error:
                    json = told(error)
                return {
                    "type": type(response),
                    "status": response.status,
                    "reason": response.reason,
                    "headers": list(response.headers.items()),
                    "body": body,
                    "json": json,
                    "check": checked(response),
                    "cookies": {name: one.value for name, one in response.cookies.items()},
                    "history": [one.status for one in response.history],
                    "closed": response.closed,
                }

    return asyncio.run(ask())


def by_aiohttp_that_checks(url: str, method: str) -> Outcome:
    return by_aiohttp(url, method, is_checked=True)


CLIENTS: dict[str, tuple[Callable[[str, str], Outcome], str]] = {
    "requests": (by_requests, "requests.sessions:Session.request"),
    "requests, streaming": (by_requests_streaming, "requests.sessions:Session.request"),
    "requests, with retries": (by_requests_with_retries, "requests.sessions:Session.request"),
    "urllib3": (by_urllib3, "urllib3.connectionpool:HTTPConnectionPool.urlopen"),
    "urllib3, streaming": (by_urllib3_streaming, "urllib3.connectionpool:HTTPConnectionPool.urlopen"),
    "urllib": (by_urllib, "urllib.request:urlopen"),
    "httpx": (by_httpx, "httpx:Client.send"),
    "httpx, following": (by_httpx_that_follows, "httpx:Client.send"),
    "httpx, streaming": (by_httpx_streaming, "httpx:Client.send"),
    "httpx, async": (by_httpx_async, "httpx:AsyncClient.send"),
    "httpx2": (by_httpx2, "httpx2:Client.send"),
    "httpx2, async": (by_httpx2_async, "httpx2:AsyncClient.send"),
    "aiohttp": (by_aiohttp, "aiohttp.client:ClientSession._request"),
    "aiohttp, checking": (by_aiohttp_that_checks, "aiohttp.client:ClientSession._request"),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("client", CLIENTS)
def test_client_makes_of_it_what_it_makes_of_a_server(
    client: str, answer: HttpAnswer, server: Server, lab: Any
) -> None:
    ask, target = CLIENTS[client]
    for method in ("GET", "POST", "HEAD"):
        server.answer, server.asked = answer, 0
        real = tried(lambda method=method: ask(server.url, method))
        assert server.asked
        server.asked = 0
        found: list[Any] = []
        seen = lab.run(
            lambda method=method, found=found: found.append(tried(lambda: ask(server.url, method))),
            rule_from(target, answer),
        )
        assert found == [real]
        assert server.asked == 0
        assert seen.fired[0] >= 1


# --- which calls are answered


def ask_bank(url: str) -> int:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url).status_code


BANK = """
import requests

session = requests.Session()
session.trust_env = False

def charge(url):
    return session.get(url).status_code

def count():
    return 1

def settle(url):
    response = session.get(url)
    response.raise_for_status()

def charge_all(*urls):
    return [charge(url) for url in urls]
"""


def test_function_of_the_project_has_all_its_requests_answered(server: Server, lab: Any) -> None:
    bank = lab.module("bank", BANK)
    server.answer, server.asked = HttpAnswer(200), 0
    found: list[Any] = []
    with bank.session:
        seen = lab.run(lambda: found.append(bank.charge_all(server.url, server.url)), "bank:charge_all = answer(503)")
    assert (found, seen.fired, server.asked) == ([[503, 503]], [1], 0)


def test_call_without_a_request_is_no_activation(lab: Any) -> None:
    bank = lab.module("bank", BANK)
    found: list[int] = []
    seen = lab.run(lambda: found.append(bank.count()), "bank:count = answer(503)")
    assert (found, seen.calls, seen.fired) == ([1], [1], [0])
    assert "1 matching call, but those that its trigger picked made no request by HTTP" in seen.texts[0]


def test_kept_connection_is_not_asked_and_the_next_request_reaches_the_server(server: Server, lab: Any) -> None:
    bank = lab.module("bank", BANK)
    server.answer, server.asked = HttpAnswer(200), 0
    found: list[int] = []
    with bank.session:
        lab.run(lambda: found.extend(bank.charge(server.url) for _ in range(3)), "bank:charge = #2 answer(502)")
    assert (found, server.asked) == ([200, 502, 200], 2)


def test_secure_server_that_is_not_there_is_answered_for(lab: Any) -> None:
    def body() -> list[int]:
        with httpx.Client() as client, requests.Session() as session:
            with pytest.raises(urllib.error.HTTPError, match="503"):
                urllib.request.urlopen("https://bank.invalid/")
            return [
                client.get("https://bank.invalid/").status_code,
                session.get("https://bank.invalid/").status_code,
            ]

    rules = [
        f"{target} = answer(503)"
        for target in ("httpx:Client.send", "requests.sessions:Session.request", "urllib.request:urlopen")
    ]
    found: list[list[int]] = []
    seen = lab.run(lambda: found.append(body()), *rules)
    assert (found, seen.fired) == ([[503, 503]], [1, 1, 1])


def test_request_through_a_double_is_answered_too(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Adapter(requests.adapters.BaseAdapter):
        def send(self, *args: Any, **named: Any) -> Any:
            raise AssertionError("nobody asks it")

        def close(self) -> None: ...

    def body() -> list[Any]:
        double = httpx.MockTransport(lambda request: httpx.Response(200))
        with httpx.Client(transport=double) as client, requests.Session() as session:
            session.mount("http://double", Adapter())
            monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", Adapter.send)
            mounted = session.get("http://double/")
            patched = session.get("http://bank.invalid/", stream=True)
            return [
                client.get("http://bank.invalid/").json(),
                (mounted.status_code, mounted.json(), mounted.url),
                (patched.status_code, b"".join(patched.iter_content(3)), told_by_check(patched)),
            ]

    found: list[Any] = []
    rules = ("httpx:Client.send = answer(503, {'a': 1})", "requests.sessions:Session.request = answer(503, {'a': 1})")
    seen = lab.run(lambda: found.append(body()), *rules)
    assert seen.failure == ""
    error = "requests.exceptions.HTTPError: 503 Server Error: Service Unavailable for url: http://bank.invalid/"
    assert found == [[{"a": 1}, (503, {"a": 1}, "http://double/"), (503, b'{"a": 1}', error)]]


def told_by_check(response: Any) -> str:
    return str(checked(response))


def test_other_tasks_and_threads_ask_the_server_meanwhile(server: Server, lab: Any) -> None:
    bank = lab.module(
        "bank",
        """
        import asyncio, threading
        import httpx

        async def charge(client, url):
            started.set()
            response = await client.get(url)
            await asyncio.sleep(0)
            return response.status_code

        async def look(client, url):
            await started.wait()
            return (await client.get(url)).status_code

        async def both(url):
            global started
            started = asyncio.Event()
            async with httpx.AsyncClient(trust_env=False) as client:
                return await asyncio.gather(charge(client, url), look(client, url))
        """,
    )
    server.answer, server.asked = HttpAnswer(200), 0
    found: list[Any] = []
    lab.run(lambda: found.append(asyncio.run(bank.both(server.url))), "bank:charge = answer(503)")
    assert (found, server.asked) == ([[503, 200]], 1)


def test_what_the_call_leaves_running_asks_the_server(server: Server, lab: Any) -> None:
    bank = lab.module(
        "bank",
        """
        import asyncio
        import httpx

        async def charge(client, url):
            global later
            later = asyncio.create_task(look(client, url))
            return (await client.get(url)).status_code

        async def look(client, url):
            await leave.wait()
            return (await client.get(url)).status_code

        async def both(url):
            global leave
            leave = asyncio.Event()
            async with httpx.AsyncClient(trust_env=False) as client:
                first = await charge(client, url)
                leave.set()
                return [first, await later]
        """,
    )
    server.answer, server.asked = HttpAnswer(200), 0
    found: list[Any] = []
    lab.run(lambda: found.append(asyncio.run(bank.both(server.url))), "bank:charge = answer(503)")
    assert (found, server.asked) == ([[503, 200]], 1)


def test_clients_are_as_they_were_afterwards(server: Server, lab: Any) -> None:
    def state() -> list[Any]:
        owners = (requests.Session, requests.Response, requests.adapters.HTTPAdapter, httpx.HTTPTransport)
        owners += (httpx.Response, aiohttp.BaseConnector, aiohttp.ClientResponse, urllib3.HTTPConnectionPool)
        return [dict(vars(owner)) for owner in owners]

    before = state()
    lab.run(lambda: ask_bank(server.url), "requests.sessions:Session.request = answer(503)")
    assert state() == before


# --- the errors that clients make of it


@pytest.mark.parametrize("client", ["requests", "httpx", "aiohttp", "urllib", "urllib3"])
def test_error_of_a_client_over_the_status_is_an_injected_error(client: str, lab: Any) -> None:
    bodies = {
        "requests": ("requests.sessions:Session.request", "requests.get(url).raise_for_status()"),
        "httpx": ("httpx:Client.send", "httpx.get(url).raise_for_status()"),
        "aiohttp": ("aiohttp.client:ClientSession._request", "asyncio.run(ask(url))"),
        "urllib": ("urllib.request:urlopen", "urllib.request.urlopen(url)"),
        "urllib3": (
            "urllib3.connectionpool:HTTPConnectionPool.urlopen",
            "urllib3.PoolManager(retries=urllib3.Retry(0, status_forcelist=[503])).request('GET', url)",
        ),
    }
    target, ask = bodies[client]
    bank = lab.module(
        "bank",
        f"""
        import asyncio, urllib.request
        import aiohttp, httpx, requests, urllib3

        async def ask(url):
            async with aiohttp.ClientSession(raise_for_status=True) as session:
                await session.get(url)

        def charge(url):
            {ask}
        """,
    )
    seen = lab.run(lambda: bank.charge("http://bank.invalid/"), f"{target} = answer(503)")
    assert (seen.verdict, seen.kinds, seen.observation.injected_errors) == ("escaped", ["injected-error"], 1)


@pytest.mark.parametrize("client", ["requests", "httpx"])
def test_body_that_is_no_json_is_an_error_that_nobody_meant(client: str, lab: Any) -> None:
    bank = lab.module("bank", f"import {client} as client\ndef charge(url):\n    return client.get(url).json()\n")
    target = {"requests": "requests.sessions:Session.request", "httpx": "httpx:Client.send"}[client]
    seen = lab.run(lambda: bank.charge("http://bank.invalid/"), f"{target} = answer(502, '<html>')")
    assert (seen.verdict, seen.kinds, seen.observation.injected_errors) == ("wrong error", ["unexpected-body"], 0)


# --- what is refused


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: HttpAnswer(99), "the status must be a number from 200 to 599, got 99"),
        (lambda: HttpAnswer("503"), "the status must be a number from 200 to 599, got '503'"),  # type: ignore[arg-type]
        (lambda: HttpAnswer(True), "got True"),
        (lambda: HttpAnswer(503, 7), "the body must be a text, bytes, or a dict or list"),  # type: ignore[arg-type]
        (lambda: HttpAnswer(503, {"a": {1}}), "the body cannot be sent as JSON: Object of type set"),
        (lambda: HttpAnswer(503, headers={"a b": "c"}), "'a b' is not the name of a header"),
        (lambda: HttpAnswer(503, headers={"Retry-After": 1}), "the header Retry-After must be"),  # type: ignore[dict-item]
        (lambda: HttpAnswer(503, headers={"A": "b\r\nC: d"}), "an ASCII text on one line"),
        (lambda: HttpAnswer(503, headers="x"), "headers must be a dict"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_answer_is_refused(make: Callable[[], HttpAnswer], said: str) -> None:
    with pytest.raises(SpecificationError, match=re.escape(said)):
        make()
