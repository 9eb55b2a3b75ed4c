"""The last resort: what a framework answers for an error that no function of the project has handled.

Watched is, for each framework, the function that it calls only then: not the one that takes the error, for that one
asks the project's own handlers first.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pytest_chaos import compat
from pytest_chaos.injector.importing import Imports
from pytest_chaos.observation import LastAnswer
from pytest_chaos.provenance import frames_from
from pytest_chaos.resources import tap


@dataclass(frozen=True)
class LastResort:
    """How a framework answers for an error that nobody handled.

    Attributes:
        framework: What people call it.
        module: The module that holds the function.
        function: Its name there, with its class.
        error: From the arguments of a call to the error that it answers for, or ``None`` if this call is not the last
            resort: a handler of the project answers, or the error is an answer itself.
        answered: What it does about the error, from the arguments of the call.
    """

    framework: str
    module: str
    function: str
    error: Callable[..., Any]
    answered: Callable[..., LastAnswer]


def _handled(*args: Any, **named: Any) -> BaseException | None:
    """Return the error that is being handled."""
    return sys.exc_info()[1]


def _with(status: int) -> Callable[..., LastAnswer]:
    answered = LastAnswer("answered", status)
    return lambda *args, **named: answered


def _starlette_answered(*args: Any, **named: Any) -> LastAnswer:
    """Return what comes of the answer that is made: none, where another one has begun, which only the caller knows."""
    for frame in frames_from(compat.get_frame(1)):
        if "response_started" in frame.f_code.co_varnames + frame.f_code.co_cellvars:
            return LastAnswer("broken off" if frame.f_locals["response_started"] else "answered", 500)
    return LastAnswer("answered", 500)


def _debugging(*args: Any, **named: Any) -> LastAnswer:
    return LastAnswer("answered", 500, is_debugging=True)


def _failing(*args: Any, **named: Any) -> LastAnswer:
    return LastAnswer("failed")


def _closing(*args: Any, **named: Any) -> LastAnswer:
    return LastAnswer("closed")


# --- Flask and Quart: the answer is the error of ours that nobody made another answer of


def _flask_error(app: Any, answer: Any, from_error_handler: bool = False) -> Any:
    return getattr(answer, "original_exception", None) if from_error_handler else None


# --- Django


def _django_error(request: Any, resolver: Any, exc_info: Any) -> Any:
    settings = sys.modules["django.conf"].settings
    if settings.DEBUG_PROPAGATE_EXCEPTIONS:
        return None
    handler = None if settings.DEBUG else resolver.resolve_error_handler(500)
    is_own = handler is not None and not str(handler.__module__).startswith("django.")
    return None if is_own else exc_info[1]


def _django_answered(*args: Any, **named: Any) -> LastAnswer:
    return LastAnswer("answered", 500, is_debugging=bool(sys.modules["django.conf"].settings.DEBUG))


# --- aiohttp


def _aiohttp_error(protocol: Any, request: Any, status: int = 500, exc: Any = None, message: Any = None) -> Any:
    return exc or _handled() if status in (500, 504) else None


def _aiohttp_answered(
    protocol: Any, request: Any, status: int = 500, exc: Any = None, message: Any = None
) -> LastAnswer:
    if request.writer.output_size > 0:
        return LastAnswer("broken off")
    return LastAnswer("answered", status, is_debugging=bool(protocol.debug))


# --- others


def _sanic_error(handler: Any, request: Any, exception: Any) -> Any:
    return None if getattr(exception, "status_code", 500) < 500 else exception


def _sanic_answered(handler: Any, request: Any, exception: Any) -> LastAnswer:
    return LastAnswer("answered", getattr(exception, "status_code", 500), is_debugging=bool(handler.debug))


def _falcon_error(app: Any, req: Any, resp: Any, error: Any) -> Any:
    handled = _handled()
    is_own = handled is error or type(error).__name__ != "HTTPInternalServerError"
    return None if is_own else handled


def _bottle_error(answer: Any, status: Any = None, body: Any = None, exception: Any = None, *more: Any) -> Any:
    return exception if status == 500 else None


def _tornado_error(handler: Any, status_code: int, **named: Any) -> Any:
    error = named.get("exc_info", (None, None))[1]
    return None if status_code != 500 or hasattr(error, "status_code") else error


def _tornado_answered(handler: Any, status_code: int, **named: Any) -> LastAnswer:
    return LastAnswer("answered", status_code, is_debugging=bool(handler.settings.get("serve_traceback")))


def _waitress_error(error: Any, *args: Any) -> Any:
    return _handled() if error.code == 500 else None


def _wsgiref_answered(handler: Any) -> LastAnswer:
    return LastAnswer("broken off") if handler.headers_sent else LastAnswer("answered", 500)


def _celery_error(info: Any, *args: Any, **named: Any) -> Any:
    return info.retval


def _rq_error(worker: Any, job: Any, *exc_info: Any) -> Any:
    return exc_info[1]


def _huey_error(huey: Any, signal: Any, task: Any, *args: Any) -> Any:
    return args[0] if signal == "error" and args and not task.retries else None


LAST_RESORTS: tuple[LastResort, ...] = (
    LastResort(
        "Starlette",
        "starlette.middleware.errors",
        "ServerErrorMiddleware.error_response",
        lambda middleware, request, exc: exc,
        _starlette_answered,
    ),
    LastResort(
        "Starlette",
        "starlette.middleware.errors",
        "ServerErrorMiddleware.debug_response",
        lambda middleware, request, exc: exc,
        _debugging,
    ),
    LastResort("Flask", "flask.app", "Flask.finalize_request", _flask_error, _with(500)),
    LastResort("Quart", "quart.app", "Quart.finalize_request", _flask_error, _with(500)),
    LastResort(
        "Django", "django.core.handlers.exception", "handle_uncaught_exception", _django_error, _django_answered
    ),
    LastResort("aiohttp", "aiohttp.web_protocol", "RequestHandler.handle_error", _aiohttp_error, _aiohttp_answered),
    LastResort("Sanic", "sanic.handlers.error", "ErrorHandler.default", _sanic_error, _sanic_answered),
    LastResort("Falcon", "falcon.app", "App._compose_error_response", _falcon_error, _with(500)),
    LastResort("Bottle", "bottle", "HTTPError.__init__", _bottle_error, _with(500)),
    LastResort("Tornado", "tornado.web", "RequestHandler.write_error", _tornado_error, _tornado_answered),
    LastResort(
        "uvicorn", "uvicorn.protocols.http.h11_impl", "RequestResponseCycle.send_500_response", _handled, _with(500)
    ),
    LastResort(
        "uvicorn",
        "uvicorn.protocols.http.httptools_impl",
        "RequestResponseCycle.send_500_response",
        _handled,
        _with(500),
    ),
    LastResort("waitress", "waitress.utilities", "Error.__init__", _waitress_error, _with(500)),
    LastResort("wsgiref", "wsgiref.handlers", "BaseHandler.handle_error", _handled, _wsgiref_answered),
    LastResort("socketserver", "socketserver", "BaseServer.handle_error", _handled, _closing),
    LastResort("Celery", "celery.app.trace", "TraceInfo.handle_failure", _celery_error, _failing),
    LastResort("RQ", "rq.worker", "Worker.handle_exception", _rq_error, _failing),
    LastResort("RQ", "rq.worker.base", "BaseWorker.handle_exception", _rq_error, _failing),
    LastResort("huey", "huey.api", "Huey._emit", _huey_error, _failing),
)

_BY_MODULE = {
    module: tuple(one for one in LAST_RESORTS if one.module == module)
    for module in dict.fromkeys(one.module for one in LAST_RESORTS)
}

Told = Callable[[str, BaseException, LastAnswer], None]


@contextlib.contextmanager
def watched_last_resorts(told: Told, imports: Imports) -> Iterator[None]:
    """Tell of each error for which a framework answers, while the context lasts.

    Args:
        told: Called with the framework, the error and what is done about it, from any thread.
        imports: Tells of frameworks that are imported meanwhile.
    """
    with contextlib.ExitStack() as stack:

        def watch(module: str) -> None:
            for one in _BY_MODULE[module]:
                loaded = sys.modules.get(module)
                owner, _, name = one.function.rpartition(".")
                place = getattr(loaded, owner, None) if owner else loaded
                if place is not None and name in vars(place):
                    stack.callback(tap.before(place, name, _listener(one, told)))

        with imports.as_loaded(_BY_MODULE, watch):
            yield


def _listener(one: LastResort, told: Told) -> Callable[..., None]:
    def called(*args: Any, **named: Any) -> None:
        error = one.error(*args, **named)
        if isinstance(error, BaseException):
            told(one.framework, error, one.answered(*args, **named))

    return called
