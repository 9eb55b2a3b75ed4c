"""How a body ended: from an exception to the facts about it, so that no report holds on to frames."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import TracebackType

from pytest_chaos.absorption import entries
from pytest_chaos.faults.answering import HttpAnswer
from pytest_chaos.hang import HangReleased
from pytest_chaos.journal import Journal, token_in
from pytest_chaos.observation import Failure
from pytest_chaos.provenance import Origin, Provenance
from pytest_chaos.replies.of_clients import is_over_body
from pytest_chaos.resources.births import Entry

_OWN_ASSERTIONS = ("Failed",)  # pytest.fail and pytest.raises end so; the engine does not import pytest


def failure_from(
    error: BaseException, journal: Journal, domain: tuple[type[BaseException], ...], provenance: Provenance
) -> Failure:
    """Return the facts about the exception that ended a body.

    Args:
        error: The exception.
        journal: Knows which errors are ours.
        domain: The contract's declared domain errors.
        provenance: Tells where it was raised.
    """
    parts = list(leaves(error))
    name, message = _words(error)
    nearest, origin = _nearest(error, provenance)
    is_caused = is_caused_by_ours(error, journal)
    return Failure(
        error=name,
        message=message,
        place=None if nearest is None else provenance.place(nearest.tb_frame.f_code, nearest.tb_lineno),
        is_injected=all(is_ours(part, journal) for part in parts),
        is_caused_by_fault=is_caused,
        is_declared=bool(domain) and all(isinstance(part, domain) for part in parts),
        is_meant=_is_meant(error, journal, provenance),
        module=type(error).__module__,
        is_of_project=provenance.of_class(type(error)) == "project",
        is_of_library=_is_of_library(error, provenance),
        is_over_body=_is_over_answer(error, journal, provenance) and is_over_body(error),
        is_assertion=_is_assertion(error, origin),
        # What a library that the test calls makes of an error of ours is the library's.
        is_in_test=nearest is not None and origin == "test" and (nearest.tb_next is None or not is_caused),
        is_release=any(isinstance(part, HangReleased) for part in parts),
        is_timeout=all(isinstance(part, TimeoutError) for part in parts),
        is_injected_interrupt=isinstance(error, KeyboardInterrupt) and is_ours(error, journal),
        entry=_entry(error, provenance),
    )


def mistake_in(
    error: object, journal: Journal, domain: tuple[type[BaseException], ...], provenance: Provenance
) -> Failure | None:
    """Return the facts about an error that a framework took and logged, if it is one that nobody meant.

    That is one which arose in the project by itself, or over the body of an answer that the project read, and that no
    function of the project took.

    Args:
        error: What was logged.
        journal: Knows which errors are ours.
        domain: The contract's declared domain errors.
        provenance: Tells whose code it came through.
    """
    trace = [*entries(error.__traceback__)] if isinstance(error, Exception) else []
    if not isinstance(error, Exception) or not trace:
        return None
    outermost, innermost = provenance.of_frame(trace[0].tb_frame), provenance.of_frame(trace[-1].tb_frame)
    is_of_body = _is_over_answer(error, journal, provenance) and is_over_body(error) and _nearest(error, provenance)[0]
    if outermost != "installed" or not (innermost == "project" or is_of_body):
        return None
    found = failure_from(error, journal, domain, provenance)
    return None if found.is_injected or found.is_declared or found.is_meant or found.is_release else found


def is_ours(error: BaseException, journal: Journal) -> bool:
    """Tell whether an error was injected: by identity, or by type and token where a copy came through a pickle.

    The token also helps where so many errors were injected that the first are not held any more.

    The token alone does not make it ours: an error of the system may quote the message of the one that caused it.
    """
    if journal.is_injected(error):
        return True
    if type(error) not in journal.injected_types:
        return False
    marks = [mark for mark in (*error.args, *getattr(error, "__notes__", ())) if isinstance(mark, str)]
    tokens = {activation.token for activation in journal.activations}
    return any(token_in(mark) in tokens for mark in marks)


def is_caused_by_ours(error: BaseException, journal: Journal) -> bool:
    """Tell whether an injected error is in the chain of an error."""
    return any(is_ours(link, journal) for link in chain(error))


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all its causes and contexts, nearest first."""
    waiting, seen = [error], set()
    while waiting:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting.extend(further for further in (link.__cause__, link.__context__) if further is not None)
        if isinstance(link, BaseExceptionGroup):
            waiting.extend(link.exceptions)


def describe(error: BaseException) -> str:
    """Return type and first line of the message."""
    name, message = _words(error)
    return f"{name}: {message}" if message else name


def _words(error: BaseException) -> tuple[str, str]:
    """Return the name of an error's type, and the first line of its message."""
    try:
        lines = str(error).splitlines()
    except Exception:  # noqa: BLE001  # an error of the project whose own words fail
        lines = ["?"]
    return type(error).__qualname__, lines[0] if lines else ""


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors inside a group of groups, or the error itself where it is no group."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from leaves(part)
    else:
        yield error


def _nearest(error: BaseException, provenance: Provenance) -> tuple[TracebackType | None, Origin | None]:
    """Return the innermost entry of the test or the project in a traceback, and whose it is.

    What a library raises, or the interpreter on its way out of a coroutine, from an error that came out of the project
    is the project's.
    """
    entry, origin = _nearest_of(error, provenance)
    cause = error.__cause__
    if cause is not None and origin != "project" and not (entry is not None and entry.tb_next is None):
        inner = _nearest(cause, provenance)
        return inner if inner[1] == "project" else (entry, origin)
    return entry, origin


def _nearest_of(error: BaseException, provenance: Provenance) -> tuple[TracebackType | None, Origin | None]:
    for entry in reversed([*entries(error.__traceback__)]):
        origin = provenance.of_frame(entry.tb_frame)
        if origin in ("project", "test"):
            return entry, origin
    return None, None


def _entry(error: BaseException, provenance: Provenance) -> Entry | None:
    """Return the test's call that raised an error."""
    tests: TracebackType | None = None
    for step in entries(error.__traceback__):
        origin = provenance.of_frame(step.tb_frame)
        if tests is None and origin == "test":
            tests = step
        elif tests is not None and origin not in ("passage", "chaos"):
            return _entry_of(tests, step.tb_frame.f_code.co_qualname)
    return None if tests is None else _entry_of(tests, "")


def _entry_of(step: TracebackType, called: str) -> Entry:
    code = step.tb_frame.f_code
    return Entry(code.co_filename, code.co_qualname, step.tb_lineno, called)


def _is_assertion(error: BaseException, origin: Origin | None) -> bool:
    if type(error).__name__ in _OWN_ASSERTIONS and type(error).__module__ in ("Failed", "_pytest.outcomes", "builtins"):
        return True
    return isinstance(error, AssertionError) and origin == "test"


# --- who meant it


def _is_meant(error: BaseException, journal: Journal, provenance: Provenance) -> bool:
    """Tell whether somebody decided that this error comes of the fault, see :class:`Failure`; of a group each part."""
    if _is_written(error, journal, provenance):
        return True
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return bool(parts) and all(is_ours(part, journal) or _is_meant(part, journal, provenance) for part in parts)


def _is_written(error: BaseException, journal: Journal, provenance: Provenance) -> bool:
    trace = [*entries(error.__traceback__)]
    is_raised = bool(trace) and _raises(error, trace[-1])
    origin = provenance.of_frame(trace[-1].tb_frame) if trace else None
    if is_raised and origin in ("project", "test"):
        return origin == "project"
    if provenance.of_class(type(error)) == "project":
        return True  # whoever hands it on, such as a future: the interpreter makes none of these
    if is_raised and origin == "installed" and _is_answered(journal) and not is_over_body(error):
        return True  # what a client, or a library above it, says of an answer
    return is_raised and _is_translation(error, journal, provenance)


def _is_answered(journal: Journal) -> bool:
    return any(isinstance(activation.fault, HttpAnswer) for activation in journal.activations)


def _is_over_answer(error: BaseException, journal: Journal, provenance: Provenance) -> bool:
    """Tell whether a library raised an error where a server of HTTP gave an answer that is ours."""
    return _is_answered(journal) and _is_of_library(error, provenance)


def _is_of_library(error: BaseException, provenance: Provenance) -> bool:
    trace = [*entries(error.__traceback__)]
    is_raised = bool(trace) and _raises(error, trace[-1])
    return is_raised and provenance.of_frame(trace[-1].tb_frame) in ("installed", "stdlib")


def _raises(error: BaseException, entry: TracebackType) -> bool:
    """Tell whether a statement at this entry raised an error: a ``raise``, or what ends the process; no ``assert``."""
    if isinstance(error, SystemExit):
        return True  # by a function in C: nobody exits by mistake
    # A failed assert ends in the same instruction, and nobody else raises this class on purpose.
    return not isinstance(error, AssertionError) and entry.tb_frame.f_code.co_code[entry.tb_lasti] == _RAISE


_RAISE = dis.opmap["RAISE_VARARGS"]


def _is_translation(error: BaseException, journal: Journal, provenance: Provenance) -> bool:
    """Tell whether a library made its error of an injected one: as the cause, or in a handler of the library's own."""
    if error.__cause__ is not None and is_caused_by_ours(error.__cause__, journal):
        return True
    handled = error.__context__
    if handled is None or not is_caused_by_ours(handled, journal):
        return False
    # A traceback begins where the error was taken. A handler of the project that calls what fails then hides the first.
    taken_in = next(entries(handled.__traceback__), None)
    return taken_in is None or provenance.of_frame(taken_in.tb_frame) != "project"
