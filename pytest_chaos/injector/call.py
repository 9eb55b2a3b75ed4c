"""A call as it reached us: what would really be called, and with which arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import CodeType, ModuleType
from typing import Any, Protocol

from pytest_chaos.injector.bytecode import CO_VARARGS, CO_VARKEYWORDS


class RealCall:
    """A call that came through a wrapper.

    Args:
        function: What is really called, bound where it is a method.
        args: Positional arguments, as they were passed.
        kwargs: Keyword arguments, as they were passed.
        instance: The object whose method is called, also where that is called by the name of its class.
    """

    def __init__(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], instance: Any = None
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self._instance = instance

    def make(self) -> Any:
        """Make the call."""
        __tracebackhide__ = True
        return self.function(*self.args, **self.kwargs)

    @property
    def receiver(self) -> Any:
        """The object whose method is called; ``None`` for a function."""
        receiver = getattr(self.function, "__self__", self._instance)
        return None if isinstance(receiver, ModuleType) else receiver  # which C gives its functions

    def is_on(self, is_receiver: Callable[[Any], bool]) -> bool:
        """Tell whether the receiver is one that is meant; a wrapper stands only where it is."""
        return True

    def shown(self) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Return positional arguments without the receiver, and all arguments by name where the names are known.

        The same whether the caller wrote ``f(1)`` or ``f(a=1)``.
        """
        if isinstance(getattr(self.function, "__code__", None), CodeType):
            return self.told()
        return self.args, self.kwargs

    def told(self) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Return the arguments as :meth:`shown` does, also where only a signature tells their names."""
        try:
            bound = inspect.signature(self.function).bind(*self.args, **self.kwargs)
        except (TypeError, ValueError):  # no signature, or the call does not fit it and will say so itself
            return self.args, self.kwargs
        bound.apply_defaults()
        named = dict(bound.arguments)
        for name, parameter in bound.signature.parameters.items():
            if parameter.kind is parameter.VAR_POSITIONAL:
                named.pop(name, None)
            elif parameter.kind is parameter.VAR_KEYWORD:
                named.update(named.pop(name, {}))
        return bound.args, named


class Layout:
    """How the parameter slots of a function are made of the arguments of a call.

    Args:
        code: The function's code.
    """

    def __init__(self, code: CodeType) -> None:
        self._positional = code.co_argcount
        self.has_positional = code.co_argcount > 0
        self._named = code.co_argcount + code.co_kwonlyargcount
        self._names = code.co_varnames[: self._named]
        self._args = self._named if code.co_flags & CO_VARARGS else None
        rest = self._named + (self._args is not None)
        self._kwargs = rest if code.co_flags & CO_VARKEYWORDS else None

    def arguments(self, slots: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return arguments that fill the slots in this way again."""
        args = slots[: self._positional]
        if self._args is not None:
            args += slots[self._args]
        kwargs = dict(zip(self._names[self._positional :], slots[self._positional : self._named], strict=True))
        if self._kwargs is not None:
            kwargs.update(slots[self._kwargs])
        return args, kwargs

    def named(self, slots: tuple[Any, ...]) -> dict[str, Any]:
        """Return all arguments by name, except those of ``*args``."""
        named = dict(zip(self._names, slots, strict=False))
        if self._kwargs is not None:
            named.update(slots[self._kwargs])
        return named


class Held(Protocol):
    """What a call that came through a prologue asks of its hook."""

    has_receiver: bool

    @property
    def layout(self) -> Layout:
        """The parameter slots of the function."""

    def real(self, held: Any) -> Callable[..., Any]:
        """Return the function as it is without the prologue."""


class SplicedCall:
    """A call that came through a prologue: its parameter slots are filled, defaults included.

    Args:
        hook: What the prologue called.
        slots: The values of the parameter slots.
        held: What the hook held then; it may be lifted since.
    """

    __slots__ = ("_held", "_hook", "_slots")

    def __init__(self, hook: Held, slots: tuple[Any, ...], held: Any) -> None:
        self._hook = hook
        self._slots = slots
        self._held = held

    @property
    def function(self) -> Callable[..., Any]:
        """What is really called."""
        return self._hook.real(self._held)

    def make(self) -> Any:
        """Make the call."""
        __tracebackhide__ = True
        args, kwargs = self._hook.layout.arguments(self._slots)
        return self.function(*args, **kwargs)

    @property
    def receiver(self) -> Any:
        """The object whose method is called; ``None`` for a function."""
        args, _ = self._hook.layout.arguments(self._slots)
        return args[0] if self._hook.has_receiver and args else None

    def is_on(self, is_receiver: Callable[[Any], bool]) -> bool:
        """Tell whether the receiver is one that is meant."""
        args, _ = self._hook.layout.arguments(self._slots)
        return bool(args) and is_receiver(args[0])

    def shown(self) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Return positional arguments without the receiver, and all arguments by name."""
        args, _ = self._hook.layout.arguments(self._slots)
        named = self._hook.layout.named(self._slots)
        if self._hook.has_receiver and args:
            for name, value in list(named.items())[:1]:
                if value is args[0]:
                    del named[name]
            args = args[1:]
        return args, named

    def told(self) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Return the arguments as :meth:`shown` does."""
        return self.shown()


AnyCall = RealCall | SplicedCall
