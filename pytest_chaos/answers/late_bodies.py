"""Bodies that a client's caller reads later, after it has received the answer: they are added to what was seen.

Nothing is read for that: who reads a body whole lets us know it, and one that nobody reads stays unknown.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pytest_chaos.by_identity import ByIdentity
from pytest_chaos.observation import LONGEST_BODY, Answer
from pytest_chaos.resources import tap
from pytest_chaos.resources.tap import Ear


@dataclass(frozen=True)
class Reader:
    """A function that reads a body.

    Attributes:
        client: Whose answers are read by it.
        module: The module that holds it.
        function: Its name there, with its class.
        is_async: Whether it is a coroutine function.
    """

    client: str
    module: str
    function: str
    is_async: bool = False


READERS = (
    Reader("aiohttp", "aiohttp.client_reqrep", "ClientResponse.read", is_async=True),
    Reader("urllib", "http.client", "HTTPResponse.read"),
)


class LateBodies:
    """Answers whose bodies may still be read."""

    def __init__(self) -> None:
        self._answers: list[Answer] = []
        self._of: ByIdentity[int] = ByIdentity()

    def waits_for(self, answer: Answer, response: Any) -> bool:
        """Keep an answer until its body has been read, if its caller does so later.

        Args:
            answer: What was seen.
            response: What came, also an error that is one.
        """
        if answer.body is not None or all(one.client != answer.client for one in READERS):
            return False
        source = getattr(response, "fp", None) if isinstance(response, Exception) else response
        if source is None:
            return False
        self._of[source] = len(self._answers)
        self._answers.append(answer)
        return True

    def watch(self, reader: Reader) -> Callable[[], None] | None:
        """Watch one function if it is there, and return what ends that."""
        owner, _, name = reader.function.rpartition(".")
        place = getattr(sys.modules.get(reader.module), owner, None)
        if place is None or not hasattr(place, name):
            return None
        if reader.is_async:
            return tap.replace(place, name, _reading, self._read)
        return tap.after(place, name, self._read)

    def taken(self) -> list[Answer]:
        """Return all answers, with what is known of their bodies."""
        found, self._answers = self._answers, []
        return found

    def _read(self, body: Any, response: Any, amount: int | None = None, *more: Any) -> None:
        index = self._of.get(response)
        if index is not None and amount is None and isinstance(body, bytes) and self._answers[index].body is None:
            self._answers[index] = replace(self._answers[index], body=body[:LONGEST_BODY])


def _reading(original: Callable[..., Any], ear: Ear) -> Callable[..., Any]:
    async def reading(*args: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        body = await original(*args, **named)
        ear(body, *args, **named)
        return body

    return reading
