"""Lets go of what the errors of a run keep alive."""

from __future__ import annotations

import inspect
import warnings
from contextlib import suppress
from traceback import walk_tb

_RESUMABLE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_ITERABLE_COROUTINE


def forget(errors: list[BaseException]) -> None:
    """Let go of what errors keep: it is no leak of the system's, and the next run must not meet it.

    pytest holds a failure in a cycle with the frames that it passed, and with them every socket and file in their
    variables, until somebody collects it. Frames of generators and coroutines may be suspended, and are left alone.
    """
    if not errors:
        return
    seen: set[int] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a socket that is dropped here would be an error of the next test's set-up
        while errors:
            error = errors.pop()
            if id(error) in seen:
                continue
            seen.add(id(error))
            errors += [one for one in (error.__cause__, error.__context__) if one is not None]
            errors += error.exceptions if isinstance(error, BaseExceptionGroup) else ()
            for frame, _ in walk_tb(error.__traceback__):
                if not frame.f_code.co_flags & _RESUMABLE:
                    with suppress(RuntimeError):  # it is still running
                        frame.clear()
                        _ = frame.f_locals  # before CPython 3.13 a copy that was made for pytest is brought up to date
