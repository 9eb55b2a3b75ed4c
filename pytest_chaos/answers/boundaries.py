"""Applications that answer: asked where no client that is known has received anything."""

from __future__ import annotations

import sys
from typing import Any

from pytest_chaos.answers.watching import Client, Seen


def _flask(response: Any, app: Any, *args: Any, **named: Any) -> Seen:
    request = sys.modules["flask"].request
    body = response.get_data() if response.is_sequence and not response.direct_passthrough else None
    return Seen(request.method, request.path, response.status_code, tuple(response.headers.items()), body)


def _django(response: Any, handler: Any, request: Any) -> Seen:
    body = None if response.streaming else response.content
    return Seen(request.method, request.path, response.status_code, tuple(response.items()), body)


def _starlette(sent: Any, response: Any, scope: Any, *args: Any, **named: Any) -> Seen | None:
    if scope["type"] != "http":
        return None
    body = getattr(response, "body", None)
    return Seen(
        scope["method"], scope["path"], response.status_code, tuple(response.headers.items()), body if body else None
    )


def _aiohttp(finished: Any, protocol: Any, request: Any, response: Any, *args: Any, **named: Any) -> Seen:
    body = getattr(response, "body", None)
    known = body if isinstance(body, bytes) else None
    return Seen(request.method, request.path, response.status, tuple(response.headers.items()), known)


BOUNDARIES: tuple[Client, ...] = (
    Client("Flask", "flask.app", "Flask.finalize_request", _flask),
    Client("Django", "django.core.handlers.base", "BaseHandler.get_response", _django),
    Client("Django", "django.core.handlers.base", "BaseHandler.get_response_async", _django, is_async=True),
    *(
        Client("Starlette", "starlette.responses", f"{kind}.__call__", _starlette, is_async=True)
        for kind in ("Response", "StreamingResponse", "FileResponse")
    ),
    Client("aiohttp", "aiohttp.web_protocol", "RequestHandler.finish_response", _aiohttp, is_async=True),
)
