"""What is known of frameworks: who calls a function of the project for somebody outside, and what for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

Called = Literal["request", "command", "job"]


class Framework(NamedTuple):
    """What calls functions of the project for somebody outside.

    Attributes:
        name: What people call it.
        calls_for: What it calls them for.
    """

    name: str
    calls_for: Called


SERVER = "the server"

_CALLERS: Mapping[tuple[str, Called], tuple[str, ...]] = {
    ("Flask", "request"): ("flask.app", "flask.views"),
    ("Quart", "request"): ("quart.app",),
    ("Bottle", "request"): ("bottle",),
    ("Falcon", "request"): ("falcon.app", "falcon.asgi.app"),
    ("Django", "request"): ("django.core.handlers.base", "django.core.handlers.exception"),
    ("Django", "command"): ("django.core.management.base",),
    ("Sanic", "request"): ("sanic.app",),
    ("Starlette", "request"): ("starlette.routing", "starlette.endpoints", "starlette.middleware.errors"),
    ("FastAPI", "request"): ("fastapi.routing",),
    ("Tornado", "request"): ("tornado.web",),
    ("aiohttp", "request"): ("aiohttp.web_protocol", "aiohttp.web_app", "aiohttp.web_urldispatcher"),
    ("Werkzeug", "request"): ("werkzeug.serving",),
    # Clients of tests that call an application as a server does.
    (SERVER, "request"): (
        *("werkzeug.test", "webtest.app", "starlette.testclient", "falcon.testing.client"),
        *(f"{client}._transports.{kind}" for client in ("httpx", "httpx2") for kind in ("asgi", "wsgi")),
    ),
    ("wsgiref", "request"): ("wsgiref.handlers",),
    ("waitress", "request"): ("waitress.task",),
    ("uvicorn", "request"): ("uvicorn.protocols.http.h11_impl", "uvicorn.protocols.http.httptools_impl"),
    ("socketserver", "request"): ("socketserver", "http.server"),
    ("Click", "command"): ("click.core",),
    ("Typer", "command"): ("typer.core", "typer.main"),
    ("Celery", "job"): ("celery.app.trace", "celery.app.task"),
    ("RQ", "job"): ("rq.job",),
    ("huey", "job"): ("huey.api",),
    ("Dramatiq", "job"): ("dramatiq.worker",),
    ("APScheduler", "job"): ("apscheduler.executors.base", "apscheduler.executors.base_py3"),
}
CALLERS: Mapping[str, Framework] = MappingProxyType(
    {module: Framework(*framework) for framework, modules in _CALLERS.items() for module in modules}
)
"""By the module that calls."""
