"""Answers: what the test receives through httpx, seen where every client sends its requests.

Starlette's and FastAPI's test clients are httpx clients, of ``httpx2`` in newer releases; both are watched.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

from pytest_chaos import compat
from pytest_chaos.observation import LONGEST_BODY, Answer
from pytest_chaos.provenance import Provenance
from pytest_chaos.resources import tap
from pytest_chaos.resources.tap import Ear

_LIBRARIES = ("httpx", "httpx2")


@contextlib.contextmanager
def watched_answers(provenance: Provenance, record: Callable[[Answer], None]) -> Iterator[None]:
    """Report each answer to an httpx client while the context lasts.

    Args:
        provenance: Tells whether the test itself sent the request.
        record: Called with each answer, from any thread.
    """
    began = monotonic()

    def is_to_driver(*args: Any, **named: Any) -> bool:
        return provenance.is_driver_call(compat.get_frame(1))

    def heard(response: Any, is_to_driver: bool, client: Any, request: Any, *args: Any, **named: Any) -> None:
        method = str(request.method)
        request_line = f"{method} {request.url}"
        told = Answer(
            request_line,
            int(response.status_code),
            is_to_driver,
            monotonic() - began,
            method=method,
            headers=tuple((name.lower(), value) for name, value in response.headers.multi_items()),
            body=_body(response),
        )
        record(told)

    asks = Ear(is_to_driver)

    def sync_send(original: Any, hear: Ear) -> Any:
        def send(*args: Any, **named: Any) -> Any:
            __tracebackhide__ = True
            is_drivers = asks(*args, **named)
            response = original(*args, **named)
            hear(response, is_drivers, *args, **named)
            return response

        return send

    def async_send(original: Any, hear: Ear) -> Any:
        async def send(*args: Any, **named: Any) -> Any:
            __tracebackhide__ = True
            is_drivers = asks(*args, **named)
            response = await original(*args, **named)
            hear(response, is_drivers, *args, **named)
            return response

        return send

    with contextlib.ExitStack() as stack:
        for name in _LIBRARIES:
            if importlib.util.find_spec(name) is not None:
                library = importlib.import_module(name)
                stack.callback(tap.replace(library.Client, "send", sync_send, heard))
                stack.callback(tap.replace(library.AsyncClient, "send", async_send, heard))
        yield


def _body(response: Any) -> bytes | None:
    with contextlib.suppress(Exception):  # it has not been read: who wants to stream it still can
        return bytes(response.content[:LONGEST_BODY])
    return None


def is_client_loaded() -> bool:
    """Tell whether an HTTP client that is watched has been imported, so that watching it imports nothing."""
    return any(name in sys.modules for name in _LIBRARIES)
