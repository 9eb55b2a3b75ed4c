"""One tap: a function of somebody else's makes room for one that tells us, and then does what was there before.

Nobody who calls can tell: whatever a tap is handed, the call gives what it gives without us, the same result or the
same error. Arguments are passed on as they came, and what goes wrong while we listen goes no further than our ear.
"""

from __future__ import annotations

import functools
import operator
import sys
from collections.abc import Callable
from types import BuiltinFunctionType, CellType, FunctionType
from typing import Any

Function = Callable[..., Any]


class Ear:
    """A listener that never raises into the code it listens to, and that can be sent away.

    What it is told of is a stranger's: its classes may raise wherever they are asked, and then that thing is not
    followed. Only what is no ``Exception`` goes on, such as the user's Ctrl-C.

    Args:
        listener: What hears, or ``None`` for nobody. Names that somebody imported while a tap was in place stay, and
            tell nobody later.
    """

    __slots__ = ("_listener",)

    def __init__(self, listener: Function | None) -> None:
        self._listener = listener

    def __call__(self, /, *args: Any, **named: Any) -> Any:
        """Return what the listener answers; ``None`` if it raises, or is not there any more."""
        __tracebackhide__ = True
        listener = self._listener
        if listener is None:
            return None
        try:
            return listener(*args, **named)
        except Exception:  # noqa: BLE001  # a stranger's object, or a mistake of ours: not the caller's affair
            return None

    def leave(self) -> None:
        """Hear nothing any more."""
        self._listener = None

    @property
    def has_left(self) -> bool:
        """Whether it hears nothing any more."""
        return self._listener is None


def before(owner: Any, name: str, listener: Function) -> Callable[[], None]:
    """Tell a listener what a function is about to be called with, and return what undoes it.

    Args:
        owner: The module or class that holds the function.
        name: The name under which it does.
        listener: Is called with the same arguments.
    """

    def wrap(original: Function, ear: Ear) -> Function:
        def tapped(*args: Any, **named: Any) -> Any:
            __tracebackhide__ = True
            ear(*args, **named)
            return original(*args, **named)

        return tapped

    return replace(owner, name, wrap, listener)


def after(owner: Any, name: str, listener: Function) -> Callable[[], None]:
    """Tell a listener what a function returned; as :func:`before`, but called with the result and the arguments."""

    def wrap(original: Function, ear: Ear) -> Function:
        def tapped(*args: Any, **named: Any) -> Any:
            __tracebackhide__ = True
            result = original(*args, **named)
            ear(result, *args, **named)
            return result

        return tapped

    return replace(owner, name, wrap, listener)


def around(owner: Any, name: str, listener: Function) -> Callable[[], None]:
    """Tell a listener what a function is about to be called with, and call what it returns once that call has ended.

    As :func:`before`; the listener may return ``None`` if it does not want to know the end.
    """

    def wrap(original: Function, ear: Ear) -> Function:
        def tapped(*args: Any, **named: Any) -> Any:
            __tracebackhide__ = True
            ended = Ear(ear(*args, **named))
            try:
                return original(*args, **named)
            finally:
                ended()

        return tapped

    return replace(owner, name, wrap, listener)


def replace(owner: Any, name: str, wrap: Callable[[Function, Ear], Any], listener: Function) -> Callable[[], None]:
    """Put a tap in the place of a function, and return what undoes it.

    Also one that a class inherits may be meant; then the class has one of its own meanwhile.

    Args:
        owner: The module or class that holds the function.
        name: The name under which it does.
        wrap: Makes the tap, of the function and the ear.
        listener: What is at the ear.
    """
    ear = Ear(listener)
    is_inherited = name not in vars(owner)
    original = getattr(owner, name) if is_inherited else vars(owner)[name]
    replacement = wrap(original, ear)
    if type(original) in (BuiltinFunctionType, StandIn):  # a second one stands for the first
        replacement = StandIn(original, replacement)
    elif not isinstance(replacement, type):
        # Its name and its signature: an error that names it, and who asks for its parameters, are the same.
        functools.update_wrapper(replacement, original)
    setattr(owner, name, replacement)

    def undo() -> None:
        ear.leave()
        # Somebody who tapped after us and is still there keeps a reference to ours, which then only passes through.
        if vars(owner).get(name) is replacement:
            if is_inherited:
                delattr(owner, name)
            else:
                setattr(owner, name, _heard(original))

    return undo


def _heard(function: Any) -> Any:
    """Return what is behind taps that tell nobody any more: one that was taken away first was still covered then."""
    while (ear := _ear_of(function)) is not None and ear.has_left:
        function = function.__wrapped__
    return function


def is_tap(value: object) -> bool:
    """Tell whether something is a tap; what it stands for is its ``__wrapped__``."""
    return type(value) is StandIn or _ear_of(value) is not None


def behind(function: Any) -> Any:
    """Return the Python function behind taps, which has its own parameters; or the function itself if it is no tap."""
    while _ear_of(function) is not None and type(function.__wrapped__) is FunctionType:
        function = function.__wrapped__
    return function


def _ear_of(value: object) -> Ear | None:
    """Return the ear of a tap that is a Python function, or ``None``."""
    cells = (value.__closure__ or ()) if type(value) is FunctionType else ()
    found = (cell.cell_contents for cell in cells if cell != _EMPTY)
    return next((one for one in found if type(one) is Ear), None)


_EMPTY = CellType()  # a variable that has no value yet


class StandIn:
    """Stands for a built-in function: not a Python function, which would become a method in the body of a class.

    Args:
        original: The built-in function.
        call: What is called in its place.
    """

    def __init__(self, original: Function, call: Function) -> None:
        self.__wrapped__ = original
        self.__module__, self.__name__ = original.__module__, original.__name__
        self.__qualname__, self.__doc__ = original.__qualname__, original.__doc__
        self._call = call

    def __call__(self, /, *args: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        return self._call(*args, **named)

    def __getattr__(self, name: str) -> Any:
        if name == "__wrapped__":  # not there yet, while a copy is made
            raise AttributeError(name)
        return getattr(self.__wrapped__, name)

    def __reduce__(self) -> Any:
        home = sys.modules.get(self.__module__)
        return self.__name__ if getattr(home, self.__name__, None) is self else reduced(self)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __eq__(self, other: object) -> bool:
        return other is self or other == self.__wrapped__

    def __hash__(self) -> int:
        return hash(self.__wrapped__)


def reduced(stand_in: Any) -> Any:
    """Return how a stand-in is pickled: as what it stands for, in the words for "that object", with nothing of ours."""
    return operator.itemgetter(0), ((stand_in.__wrapped__,),)


def all_of(*undo: Callable[[], None]) -> Callable[[], None]:
    """Return one function that undoes several taps, the last first."""
    left = list(undo)

    def undo_all() -> None:
        while left:
            left.pop()()

    return undo_all
