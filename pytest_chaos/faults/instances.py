"""A new instance of a chosen error for each activation: what the faults share that raise one."""

from __future__ import annotations

import copy
import errno
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_chaos.errors import SpecificationError
from pytest_chaos.faults.base import Fault, FaultyCall, give_up
from pytest_chaos.faults.drivers import with_driver
from pytest_chaos.faults.programs import with_output

ErrorSource = type[BaseException] | BaseException | Callable[..., BaseException]


@dataclass(frozen=True, init=False)
class RaisingFault(Fault):
    """A fault that raises an error, and is written with it; the classes made of this one say how."""

    exc: ErrorSource
    args: tuple[Any, ...]
    kwargs: tuple[tuple[str, Any], ...]

    def __init__(self, exc: ErrorSource, *args: Any, **kwargs: Any) -> None:
        object.__setattr__(self, "exc", exc)
        object.__setattr__(self, "args", args)
        object.__setattr__(self, "kwargs", tuple(sorted(kwargs.items())))
        me = type(self).__name__
        if isinstance(exc, BaseException):
            if args or kwargs:
                raise SpecificationError(
                    f"{me}({exc!r}, ...): an instance takes no further arguments",
                    remedy=f"Write {me}({type(exc).__name__}, ...) or {me}({exc!r}).",
                )
            self._copy(exc)
        elif isinstance(exc, type):
            if not issubclass(exc, BaseException):
                raise SpecificationError(
                    f"{exc.__name__} is not an exception class",
                    remedy=f"{me} takes an exception class, an instance or a factory.",
                )
            self._build("pytest-chaos checks that this can be built")
        elif not callable(exc) or inspect.iscoroutinefunction(exc):
            raise SpecificationError(
                f"{exc!r} is not an exception",
                remedy=f"{me} takes an exception class, an instance or a factory, which is a sync function.",
            )

    def error(self, label: str) -> BaseException:
        """Return a new error for one activation.

        Raises:
            SpecificationError: The factory made none, or the class can no longer be built.
        """
        if isinstance(self.exc, BaseException):
            return self._copy(self.exc)
        return self._build(self.message(label))

    @staticmethod
    def message(label: str) -> str:
        """Return the message of an error whose arguments nobody chose."""
        return MARK + label

    def error_for(self, call: FaultyCall) -> BaseException | None:
        """Return a new error for a call, or ``None`` after the activation was given up because there is none."""
        try:
            error: BaseException = with_output(with_driver(self.error(call.label), call), call)
        except SpecificationError as problem:
            give_up(call, problem.what)
            return None
        return error

    def _build(self, message: str) -> BaseException:
        source: Callable[..., Any] = self.exc  # type: ignore[assignment]  # instances are copied, never built
        keywords = dict(self.kwargs)
        if not isinstance(source, type):
            return self._of_factory(source, keywords)
        error: Any
        if self.args or keywords:
            error = self._attempt(source, self.args, keywords)
        else:
            try:
                error = source(message)
                str(error)
                _give_number(error)
            except Exception:  # noqa: BLE001  # a constructor with a signature of its own: try it bare
                error = self._attempt(source, (), {})
        return self._checked(source, error)

    def _of_factory(self, factory: Callable[..., Any], keywords: dict[str, Any]) -> BaseException:
        me, name = type(self).__name__, _name(factory)
        try:
            error = factory(*self.args, **keywords)
        except Exception as problem:
            raise SpecificationError(
                f"{me}: {name} raised {problem!r} instead of returning an error",
                remedy="A factory must return a new exception instance.",
            ) from problem
        error = self._checked(factory, error)
        if any(note.startswith(MARK) for note in getattr(error, "__notes__", ())):
            raise SpecificationError(
                f"{me}: {name} returned an error that was injected before: {error!r}",
                remedy=f"A factory must return a new instance each time; {me}(instance) makes copies of one.",
            )
        return error

    def _checked(self, source: object, error: object) -> BaseException:
        if isinstance(error, BaseException):
            return error
        raise SpecificationError(
            f"{type(self).__name__}: {_name(source)} made {error!r}, which is not an exception"
            + (" but a class" if isinstance(error, type) else ""),
            remedy="A factory must return a new exception instance.",
        )

    def _attempt(self, source: type[Any], args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        try:
            return source(*args, **keywords)
        except Exception as error:
            me = type(self).__name__
            raise SpecificationError(
                f"{me}: {_name(source)} cannot be built from the arguments {args!r}: {error}",
                remedy=f"Write {me}({_name(source)}, ...) with the arguments it needs, "
                "or give an instance or a factory.",
            ) from error

    def _copy(self, error: BaseException) -> BaseException:
        me = type(self).__name__
        try:
            twin = copy.copy(error)
        except Exception as problem:
            raise SpecificationError(
                f"{me}: {error!r} cannot be copied: {problem}",
                remedy=f"Give a factory instead: {me}(lambda: ...).",
            ) from problem
        if type(twin) is not type(error) or twin is error:
            raise SpecificationError(
                f"{me}: copying {error!r} gave {twin!r}",
                remedy=f"Give a factory instead: {me}(lambda: ...).",
            )
        twin.__traceback__ = twin.__cause__ = twin.__context__ = None
        return twin

    def text_arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.exc, *self.args), dict(self.kwargs)


# What the system says for its errors: who handles them asks for the number, where one class stands for several.
_NUMBERS: Mapping[type[OSError], int] = {
    BlockingIOError: errno.EAGAIN,
    BrokenPipeError: errno.EPIPE,
    ChildProcessError: errno.ECHILD,
    ConnectionAbortedError: errno.ECONNABORTED,
    ConnectionRefusedError: errno.ECONNREFUSED,
    ConnectionResetError: errno.ECONNRESET,
    FileExistsError: errno.EEXIST,
    FileNotFoundError: errno.ENOENT,
    InterruptedError: errno.EINTR,
    IsADirectoryError: errno.EISDIR,
    NotADirectoryError: errno.ENOTDIR,
    PermissionError: errno.EACCES,
    ProcessLookupError: errno.ESRCH,
}


def _give_number(error: object) -> None:
    if isinstance(error, OSError) and error.errno is None:
        error.errno = _NUMBERS.get(type(error))


MARK = "chaos: injected at "
"""How the message or note begins that marks an error as ours."""


def _name(source: object) -> str:
    return getattr(source, "__qualname__", None) or repr(source)
