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
from pytest_chaos.observation import Answer
from pytest_chaos.provenance import Provenance

_LIBRARIES = ("httpx", "httpx2")


@contextlib.contextmanager
def watched_answers(provenance: Provenance, record: Callable[[Answer], None]) -> Iterator[None]:
    """Report each answer to an httpx client while the context lasts.

    Args:
        provenance: Tells whether the test itself sent the request.
        record: Called with each answer, from any thread.
    """
    began = monotonic()

    def seen(request: Any, response: Any, is_to_driver: bool) -> None:
        text = f"{request.method} {request.url}"
        record(Answer(text, int(response.status_code), is_to_driver, monotonic() - began))

    with contextlib.ExitStack() as stack:
        for name in _LIBRARIES:
            if importlib.util.find_spec(name) is not None:
                library = importlib.import_module(name)
                stack.callback(_replace(library.Client, _sync_send, provenance, seen))
                stack.callback(_replace(library.AsyncClient, _async_send, provenance, seen))
        yield


def is_client_loaded() -> bool:
    """Tell whether an HTTP client that is watched has been imported, so that watching it imports nothing."""
    return any(name in sys.modules for name in _LIBRARIES)


def _replace(
    client: type, make: Callable[..., Any], provenance: Provenance, seen: Callable[..., None]
) -> Callable[[], None]:
    original = vars(client)["send"]
    replacement = make(original, provenance, seen)
    client.send = replacement  # type: ignore[attr-defined]  # httpx is optional, so its classes have no types here

    def undo() -> None:
        if vars(client).get("send") is replacement:
            client.send = original  # type: ignore[attr-defined]  # as above

    return undo


def _sync_send(original: Any, provenance: Provenance, seen: Callable[..., None]) -> Any:
    def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        is_to_driver = provenance.is_driver_call(compat.get_frame(1))
        response = original(self, request, *args, **kwargs)
        seen(request, response, is_to_driver)
        return response

    return send


def _async_send(original: Any, provenance: Provenance, seen: Callable[..., None]) -> Any:
    async def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        is_to_driver = provenance.is_driver_call(compat.get_frame(1))
        response = await original(self, request, *args, **kwargs)
        seen(request, response, is_to_driver)
        return response

    return send
