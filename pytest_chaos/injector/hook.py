"""What a prologue calls: whether a call passes, whether a fault acts, and what the fault does.

A hook belongs to one replaced function for the whole session, and is idle whenever no fault stands there. Its context
variable leads each thread and task to the verdicts planned for it, see ``gate``.
"""

from __future__ import annotations

import copyreg
import functools
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextvars import ContextVar
from types import CodeType
from typing import Any

from pytest_chaos.injector.bytecode import STEPS, Entry
from pytest_chaos.injector.call import Layout, SplicedCall
from pytest_chaos.injector.gate import ALWAYS, Entries
from pytest_chaos.injector.passage import Passage
from pytest_chaos.injector.strike import Strike


class _Handover(threading.local):
    """From ``fire`` to ``take``, of the same call: nested calls come and go in between, so it is a stack."""

    def __init__(self) -> None:
        self.acts: list[Any] = []  # what to call; or an error and then None, if raising that is all there is to do


_HANDOVER = _Handover()


if sys.version_info >= (3, 12):

    def take() -> Any:
        """Let the fault act for which ``fire`` said yes just now."""
        __tracebackhide__ = True
        acts = _HANDOVER.acts
        act = acts.pop()
        if act is None:
            # By no name: a frame that holds what it raised keeps both alive, with all the frames above; and to delete a
            # name afterwards takes a handler, in which the error would be seen to stop.
            raise acts.pop()
        return act()

else:

    def take() -> Any:
        """Let the fault act for which ``fire`` said yes just now."""
        __tracebackhide__ = True
        acts = _HANDOVER.acts
        act = acts.pop()
        if act is None:
            error = acts.pop()
            try:
                raise error
            finally:
                # This handler is what gives the error a traceback: what C code swallows has none else, before 3.12.
                del error
        return act()


class Called(functools.partial[Any]):
    """What a prologue calls, as a constant of the code; pickled by value it is nothing, for there nobody calls it."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return bool, ()


TAKE = Called(take)
_NAME = "pytest-chaos"


def _reduced(variable: ContextVar[Any]) -> Any:
    """Return of what a context variable is made again where a function is shipped to, as cloudpickle and dill do.

    Ours gives each call there an entry that lets it pass, and takes nothing of ours to be made.
    """
    if variable.name != _NAME:
        return object.__reduce_ex__(variable, 2) if _others is None else _others(variable)
    entry = iter(int, 1) if STEPS else int  # int() is 0, over and over
    return functools.partial(ContextVar, _NAME, default=entry), ()


_others = copyreg.dispatch_table.get(ContextVar)
# A bound method in C pickles as the object that it belongs to and its name; to stand before it would cost every call.
copyreg.pickle(ContextVar, _reduced)


class Hook(ABC):
    """What the prologue of one function calls.

    Attributes:
        entries: The entry that each running thread or task asks.
        passage: What decides, or ``None`` while no fault stands here.
        has_receiver: Whether the first slot is ``self`` or ``cls``.
        held: What :meth:`real` needs, while a fault stands here.
    """

    __slots__ = ("_layout", "entries", "has_receiver", "held", "passage")

    _layout: Layout

    def __init__(self) -> None:
        self.entries: Entries = ContextVar(_NAME, default=ALWAYS)
        self.passage: Passage | None = None
        self.has_receiver = False
        self.held: Any = None

    def attach(self, passage: Passage | None) -> None:
        """Let a passage decide over calls from now on, or nobody."""
        self.passage = passage

    @property
    def layout(self) -> Layout:
        """The parameter slots of the function."""
        try:
            return self._layout
        except AttributeError:  # not asked for yet
            self._layout = layout = Layout(self.called_by)
            return layout

    @property
    @abstractmethod
    def called_by(self) -> CodeType:
        """The code in which the prologue stands, or will."""

    def fire(self, *slots: Any) -> bool:
        """Tell whether a fault acts on the call with these parameter slots."""
        held = self.held
        passage = self.passage
        if passage is None or held is None:
            return False
        if passage.receivers and self.layout.has_positional and not passage.means(slots[0]):
            return False
        decision = passage.decide(passage.place, SplicedCall, (self, slots, held), self.entries)
        if decision is None:
            return False
        acts = _HANDOVER.acts
        if type(decision) is Strike:  # and not by isinstance, on which a fault may stand
            acts.append(passage.act_of(decision))
        else:
            acts.append(decision)
            acts.append(None)
        return True

    @abstractmethod
    def real(self, held: Any) -> Callable[..., Any]:
        """Return the function as it is without the prologue; also when the fault is lifted since."""


class LoneHook(Hook):
    """A hook whose callers need not be told apart while there is only one.

    Attributes:
        alone: The entry over the verdicts that all ask then, or ``None`` while each asks its own.
    """

    __slots__ = ("alone",)

    def __init__(self) -> None:
        super().__init__()
        self.alone: Entry | None = None

    def fire_alone(self, *slots: Any) -> bool:
        """Do as :meth:`fire` where the entry that was asked is the one of all."""
        alone = self.alone
        if alone is not None:
            self.entries.set(alone)  # also in a context in which nothing was asked yet
        return self.fire(*slots)
