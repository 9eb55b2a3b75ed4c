"""Raise: the call ends with a chosen error instead of an answer."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from pytest_chaos.errors import SpecificationError
from pytest_chaos.faults.base import Fault, FaultyCall

ErrorSource = type[BaseException] | BaseException | Callable[..., BaseException]


@dataclass(frozen=True, init=False)
class Raise(Fault):
    """Raise an error; each activation gets an instance of its own.

    Args:
        exc: An exception class, an instance (copied for each activation), or a factory called with ``args``.
        *args: Arguments of the class or factory. A class without arguments is given a message that names the
            injection point, the call number and a token, so that the error can be recognised wherever it turns up.
        **kwargs: Keyword arguments of the class or factory.

    Raises:
        SpecificationError: ``exc`` is nothing that can be raised, or cannot be built from these arguments.
    """

    exc: ErrorSource
    args: tuple[Any, ...]
    kwargs: tuple[tuple[str, Any], ...]

    word: ClassVar[str] = "raise"

    def __init__(self, exc: ErrorSource, *args: Any, **kwargs: Any) -> None:
        object.__setattr__(self, "exc", exc)
        object.__setattr__(self, "args", args)
        object.__setattr__(self, "kwargs", tuple(sorted(kwargs.items())))
        if isinstance(exc, BaseException):
            if args or kwargs:
                raise SpecificationError(
                    f"Raise({exc!r}, ...): an instance takes no further arguments",
                    remedy=f"Write Raise({type(exc).__name__}, ...) or Raise({exc!r}).",
                )
            self._copy(exc)
        elif isinstance(exc, type):
            if not issubclass(exc, BaseException):
                raise SpecificationError(
                    f"{exc.__name__} is not an exception class",
                    remedy="Raise takes an exception class, an instance or a factory.",
                )
            self._build("pytest-chaos checks that this can be built")
        elif not callable(exc):
            raise SpecificationError(
                f"{exc!r} is not an exception",
                remedy="Raise takes an exception class, an instance or a factory.",
            )

    def act(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        raise call.injected(self.error(call.label))

    def error(self, label: str) -> BaseException:
        """Return a new error for one activation."""
        if isinstance(self.exc, BaseException):
            return self._copy(self.exc)
        return self._build(f"chaos: injected at {label}")

    def _build(self, message: str) -> BaseException:
        source: Callable[..., Any] = self.exc  # type: ignore[assignment]  # instances are copied, never built
        keywords = dict(self.kwargs)
        is_class = isinstance(source, type)
        if self.args or keywords or not is_class:
            error = self._attempt(source, self.args, keywords)
        else:
            try:
                error = source(message)
            except Exception:  # noqa: BLE001  # a constructor with a signature of its own: try it bare
                error = self._attempt(source, (), {})
        if not isinstance(error, BaseException):
            raise SpecificationError(
                f"Raise: {_name(source)} made {error!r}, which is not an exception",
                remedy="A factory must return a new exception instance.",
            )
        return error

    @staticmethod
    def _attempt(source: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        try:
            return source(*args, **keywords)
        except Exception as error:
            if not isinstance(source, type):
                raise
            raise SpecificationError(
                f"Raise: {_name(source)} cannot be built from the arguments {args!r}: {error}",
                remedy=f"Write Raise({_name(source)}, ...) with the arguments it needs, "
                "or give an instance or a factory.",
            ) from error

    @staticmethod
    def _copy(error: BaseException) -> BaseException:
        try:
            twin = copy.copy(error)
        except Exception as problem:
            raise SpecificationError(
                f"Raise: {error!r} cannot be copied: {problem}",
                remedy="Give a factory instead: Raise(lambda: ...).",
            ) from problem
        if type(twin) is not type(error) or twin is error:
            raise SpecificationError(
                f"Raise: copying {error!r} gave {twin!r}",
                remedy="Give a factory instead: Raise(lambda: ...).",
            )
        twin.__traceback__ = twin.__cause__ = twin.__context__ = None
        return twin

    def text_arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.exc, *self.args), dict(self.kwargs)


def _name(source: object) -> str:
    return getattr(source, "__qualname__", None) or repr(source)
