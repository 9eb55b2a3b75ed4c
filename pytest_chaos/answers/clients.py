"""Clients that send requests over a network, and those of tests that call an application as if there were one."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

from pytest_chaos.answers.watching import Client, Seen, pairs

# --- httpx, and what is built on it: the test clients of Starlette and FastAPI


def _httpx(response: Any, client: Any, request: Any, *args: Any, **named: Any) -> Seen:
    body = None
    with contextlib.suppress(Exception):  # it has not been read: who wants to stream it still can
        body = response.content
    headers = tuple(response.headers.multi_items())
    return Seen(str(request.method), str(request.url), response.status_code, headers, body)


def _httpx_raised(error: Exception, client: Any, request: Any, *args: Any, **named: Any) -> Seen:
    return Seen(str(request.method), str(request.url), 500, is_raised=True)


# --- requests, urllib3, urllib


def _requests(response: Any, session: Any, request: Any, **named: Any) -> Seen:
    body = None if named.get("stream") else response.content
    return Seen(request.method, request.url, response.status_code, pairs(response.headers), body)


def _urllib3(response: Any, pool: Any, method: str, url: str, *args: Any, **named: Any) -> Seen:
    body = response.data if named.get("preload_content", True) else None
    port = f":{pool.port}" if pool.port else ""
    return Seen(
        method, f"{pool.scheme}://{pool.host}{port}{url}", response.status, tuple(response.headers.items()), body
    )


def _urllib(response: Any, opener: Any, fullurl: Any, data: Any = None, *args: Any, **named: Any) -> Seen | None:
    if not isinstance(response.status, int):
        return None  # a file, or FTP
    method = fullurl.get_method() if hasattr(fullurl, "get_method") else "GET" if data is None else "POST"
    return Seen(method, response.url, response.status, pairs(response.headers))


def _urllib_raised(error: Any, opener: Any, fullurl: Any, data: Any = None, *args: Any, **named: Any) -> Seen | None:
    return _urllib(error, opener, fullurl, data) if hasattr(error, "status") else None


# --- aiohttp: the body is read later


def _aiohttp(response: Any, *args: Any, **named: Any) -> Seen:
    return Seen(response.method, str(response.url), response.status, pairs(response.headers))


def _aiohttp_raised(error: Any, *args: Any, **named: Any) -> Seen | None:
    asked = getattr(error, "request_info", None)  # a session may raise over each status by itself
    if asked is None or not error.status:
        return None
    return Seen(asked.method, str(asked.real_url), error.status, pairs(error.headers or {}))


# --- test clients


def _werkzeug(response: Any, *args: Any, **named: Any) -> Seen:
    request = response.request  # the body is a stream here, even of a text: the application tells it
    return Seen(request.method, request.url, response.status_code, tuple(response.headers.items()))


def _werkzeug_raised(error: Exception, client: Any, *args: Any, **named: Any) -> Seen:
    asked = args[0] if args else named.get("path", "")
    request = getattr(asked, "request", asked)
    method = getattr(request, "method", named.get("method") or "GET")
    return Seen(method, str(getattr(request, "path", request)), 500, is_raised=True)


def _django(response: Any, client: Any, *args: Any, **request: Any) -> Seen:
    method, path = _django_asked(*args, **request)
    body = None if response.streaming else response.content
    return Seen(method, path, response.status_code, tuple(response.items()), body)


def _django_raised(error: Exception, client: Any, *args: Any, **request: Any) -> Seen:
    return Seen(*_django_asked(*args, **request), 500, is_raised=True)


def _django_asked(*args: Any, **request: Any) -> tuple[str, str]:
    method = request.get("REQUEST_METHOD") or request.get("method") or "GET"
    return method, request.get("PATH_INFO") or request.get("path") or "/"


def _falcon(result: Any, *args: Any, **named: Any) -> Seen:
    method, path = _falcon_asked(*args, **named)
    return Seen(method, path, result.status_code, pairs(result.headers), result.content)


def _falcon_raised(error: Exception, *args: Any, **named: Any) -> Seen:
    return Seen(*_falcon_asked(*args, **named), 500, is_raised=True)


def _falcon_asked(app: Any = None, method: str = "GET", path: str = "/", *args: Any, **named: Any) -> tuple[str, str]:
    return method, path


# --- gRPC: one message for one message, in sync code


def _grpc(response: Any, called: Any, *args: Any, **named: Any) -> Seen:
    return Seen("call", _grpc_method(called), 0)


def _grpc_raised(error: Any, called: Any, *args: Any, **named: Any) -> Seen | None:
    if not hasattr(error, "code"):
        return None  # it has not been sent
    number, _ = error.code().value
    return Seen("call", _grpc_method(called), number, body=str(error.details() or "").encode())


def _grpc_method(called: Any) -> str:
    return os.fsdecode(called._method)


CLIENTS: tuple[Client, ...] = (
    *(
        client
        for module in ("httpx", "httpx2")
        for client in (
            Client(module, module, "Client.send", _httpx, _httpx_raised),
            Client(module, module, "AsyncClient.send", _httpx, _httpx_raised, is_async=True),
        )
    ),
    Client("requests", "requests.sessions", "Session.send", _requests),
    Client("urllib3", "urllib3.connectionpool", "HTTPConnectionPool.urlopen", _urllib3),
    Client("urllib", "urllib.request", "OpenerDirector.open", _urllib, _urllib_raised),
    Client("aiohttp", "aiohttp.client", "ClientSession._request", _aiohttp, _aiohttp_raised, is_async=True),
    Client("Werkzeug's test client", "werkzeug.test", "Client.open", _werkzeug, _werkzeug_raised, is_direct=True),
    Client("Django's test client", "django.test.client", "Client.request", _django, _django_raised),
    Client("Django's test client", "django.test.client", "AsyncClient.request", _django, _django_raised, is_async=True),
    Client("gRPC", "grpc._channel", "_UnaryUnaryMultiCallable.__call__", _grpc, _grpc_raised, kind="grpc"),
    Client("Falcon's test client", "falcon.testing.client", "simulate_request", _falcon, _falcon_raised),
)


def is_client_loaded() -> bool:
    """Tell whether an HTTP client that is watched has been imported; that of urllib is in most processes."""
    return any(client.module in sys.modules for client in CLIENTS if client.module != "urllib.request")
