"""Clocks: whether code looks at the time, read without running anything."""

from __future__ import annotations

import time
from typing import Any

from pytest_chaos.clocks import reads_clock


class Proxy:
    """Stands for what there is not yet, as one of Django's settings does."""

    @property  # type: ignore[misc]  # as proxies do
    def __class__(self) -> type:
        raise RuntimeError("it was made")


def functions_of(source: str, **names: Any) -> list[tuple[Any, dict[str, Any]]]:
    module: dict[str, Any] = {"__name__": "shop", **names}
    exec(source, module)
    return [(module["ask"].__code__, module)]


def test_object_that_stands_for_another_is_not_asked_what_it_is() -> None:
    """What it would make for the answer, or raise, is the user's."""
    assert not reads_clock(functions_of("def ask(bank): return bank.ask(settings)", settings=Proxy()))
    assert reads_clock(functions_of("def ask(): return settings, clock()", settings=Proxy(), clock=time.monotonic))
