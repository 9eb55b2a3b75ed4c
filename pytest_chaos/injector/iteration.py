"""Iteration as a row of calls: each step of ``for row in cursor`` is a fetch, of ``for line in file`` a readline."""

from __future__ import annotations

from typing import Any

from pytest_chaos.injector.sources import PassThrough


def steps_of(passage: PassThrough) -> PassThrough:
    """Return the wrapper of a ``__next__`` whose steps go through the passage of the call they stand for.

    A fault that answers with nothing ends the iteration, as nothing ends a loop of such calls.
    """

    def step(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        is_made = is_over = False

        def call() -> Any:
            nonlocal is_made, is_over
            __tracebackhide__ = True
            is_made = True
            try:
                return wrapped()
            except StopIteration:
                is_over = True
                return None

        item = passage(call, instance, (), {})
        if is_over or (not is_made and not item):
            raise StopIteration
        return item

    return step
