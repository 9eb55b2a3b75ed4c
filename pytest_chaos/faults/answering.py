"""HttpAnswer: whoever is asked by HTTP answers with an error, or with something that is no answer at all."""

from __future__ import annotations

import http
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pytest_chaos.errors import SpecificationError
from pytest_chaos.faults.base import Fault, FaultyCall, Kind

_LOWEST, _HIGHEST = 200, 599
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token, as RFC 9110 has it
_VALUE = re.compile(r"[^\0\r\n]*")
_WITHOUT_BODY = frozenset({204, 205, 304})
_FRAMING = frozenset({"content-length", "transfer-encoding"})
_HTML, _JSON, _TEXT = "text/html; charset=utf-8", "application/json", "text/plain; charset=utf-8"
_EXAMPLE = "Write, for example, HttpAnswer(503), or answer(503) in a rule."

Body = str | bytes | dict[str, Any] | list[Any]


@dataclass(frozen=True, init=False)
class HttpAnswer(Fault):
    """Answer each request that the call makes by HTTP; none of them is sent.

    The client gets what it would make of the same answer from a server: its own response, redirects, retries, hooks and
    errors. That holds for requests, urllib3, ``urllib.request``, httpx and aiohttp, in the thread or task of the call.
    A call that makes no request by one of these passes, and is no activation.

    The header ``Content-Length`` is that of the body, unless one is given: with a larger one the answer breaks off.

    Args:
        status: Status code, 200 to 599.
        body: A text, bytes, or a dict or list that is sent as JSON.
        headers: Names and values; by default the type of the body alone.

    Raises:
        SpecificationError: The status, the body or a header is none.
    """

    status: int
    body: Body
    headers: tuple[tuple[str, str], ...]

    word: ClassVar[str] = "answer"
    acts_on_any_call = False
    why_it_passes: ClassVar[str] = "made no request by HTTP"

    def __init__(self, status: int, body: Body = "", *, headers: Mapping[str, str] | None = None) -> None:
        object.__setattr__(self, "status", _checked_status(status))
        object.__setattr__(self, "body", _checked_body(body))
        object.__setattr__(self, "headers", _checked_headers(headers))

    def act(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        with call.replied(self):
            return call.proceed()

    async def act_async(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        with call.replied(self):
            return await call.proceed_async()

    def refusal(self, kind: Kind) -> str:
        if kind in ("function", "coroutine", "property", "constructor"):
            return ""
        a = "an" if kind.startswith("a") else "a"
        return (
            f"{a} {kind} makes its requests later; put the fault on the function that uses it, or on httpx:Client.send"
        )

    def raw(self, method: str) -> bytes:
        """Return the bytes of the answer to a request.

        Args:
            method: Method of the request; ``HEAD`` is answered without a body.
        """
        body = self.content
        headers = dict(self.headers)
        names = {name.lower() for name in headers}
        has_body = self.status not in _WITHOUT_BODY
        if has_body and body and "content-type" not in names:
            headers["Content-Type"] = self._type()
        if has_body and names.isdisjoint(_FRAMING):
            headers["Content-Length"] = str(len(body))
        lines = [f"HTTP/1.1 {self.status} {_reason(self.status)}", *(f"{name}: {headers[name]}" for name in headers)]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return head + body if has_body and method.upper() != "HEAD" else head

    @property
    def content(self) -> bytes:
        """The bytes of the body."""
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()

    def _type(self) -> str:
        if isinstance(self.body, dict | list):
            return _JSON
        return _HTML if self.content.lstrip()[:1] == b"<" else _TEXT

    def text_arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        args = (self.status,) if self.body == "" else (self.status, self.body)
        return args, {"headers": dict(self.headers)} if self.headers else {}


def _reason(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:  # such as those of Cloudflare
        return ""


def _checked_status(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not _LOWEST <= value <= _HIGHEST:
        raise SpecificationError(
            f"HttpAnswer: the status must be a number from {_LOWEST} to {_HIGHEST}, got {value!r}", remedy=_EXAMPLE
        )
    return int(value)


def _checked_body(value: object) -> Body:
    if isinstance(value, str | bytes):
        return value
    if isinstance(value, dict | list):
        try:
            json.dumps(value)
        except (TypeError, ValueError) as error:
            raise SpecificationError(f"HttpAnswer: the body cannot be sent as JSON: {error}") from None
        return value
    raise SpecificationError(
        f"HttpAnswer: the body must be a text, bytes, or a dict or list that is sent as JSON, got {value!r}",
        remedy="Leave it out for an empty one.",
    )


def _checked_headers(value: object) -> tuple[tuple[str, str], ...]:
    if value is None:
        return ()
    if not isinstance(value, Mapping):
        raise SpecificationError(
            f"HttpAnswer: headers must be a dict of names and values, got {value!r}",
            remedy="Write, for example, headers={'Retry-After': '1'}.",
        )
    for name, content in value.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise SpecificationError(f"HttpAnswer: {name!r} is not the name of a header")
        is_text = isinstance(content, str) and _VALUE.fullmatch(content) and content.isascii()
        if not is_text:
            raise SpecificationError(
                f"HttpAnswer: the header {name} must be an ASCII text on one line, got {content!r}",
                remedy=f"Write {str(content)!r}." if isinstance(content, int) else "",
            )
    return tuple(value.items())
