"""What faults did in one body run, append-only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from pytest_chaos.absorption import Absorption
from pytest_chaos.custody import Custody
from pytest_chaos.faults.base import Fault
from pytest_chaos.faults.instances import MARK
from pytest_chaos.notation import format_fault


@dataclass(slots=True)
class Activation:
    """One call on which a fault fired.

    Attributes:
        rule: Canonical text of the rule.
        point: The injection point, ``module:Qual.name``.
        fault: The fault; of several that are drawn from, the one that acted.
        number: Number of the call for the rule, over all actors, from 1.
        actor: Which thread or task called, such as ``main`` or ``main/2``.
        index: Number of the call among this actor's calls, from 1.
        elapsed_s: Seconds since the body began.
        thread: Name of the thread.
        token: Short token that also stands in the message of an injected error.
        term: Which term of the rule fired, from 0.
    """

    rule: str
    point: str
    fault: Fault
    number: int
    actor: str
    index: int
    elapsed_s: float
    thread: str
    token: str
    term: int = 0

    def choose(self, fault: Fault) -> None:
        """Say which of several faults acts."""
        self.fault = fault

    @property
    def label(self) -> str:
        """Where and which call, with the token that marks what is injected there."""
        return label_of(self.point, self.number, self.token)

    @property
    def text(self) -> str:
        """One line that names the activation, for who looks at it in a test."""
        return f"{format_fault(self.fault)} at {self.point}, call {self.number} ({self.actor}, {self.elapsed_s:.3f} s)"


def label_of(point: str, number: int, token: str) -> str:
    """Return the label of an activation."""
    return f"{point}, call {number} [{token}]"


def token_in(message: str) -> str:
    """Return the token with which an activation marked a message; an empty text if none did.

    A message is all that comes through a pickle, so here a text of ours is read on purpose.
    """
    match = _MARKED.fullmatch(message)
    return "" if match is None else match[1]


_MARKED = re.compile(r"chaos: .*\[([0-9a-f]+)\]", re.DOTALL)


Row = tuple[str, str, Fault, int, str, int, float, str, str, int]
"""The fields of an :class:`Activation` in their order: all that a loop which tries on in vain leaves of each."""


def activations_of(rows: Iterable[Row | Activation]) -> list[Activation]:
    """Return activations of which some are only rows yet."""
    return [row if isinstance(row, Activation) else Activation(*row) for row in list(rows)]


@dataclass
class Journal:
    """The activations of one body run, in the order in which they fired, and the errors they injected.

    Attributes:
        rows: The firings. Those on which nothing more can change are rows.
        problems: Parts of the specification that failed.
        injected_errors: How many errors were injected.
        injected_types: Their classes.
        custody: Holds the errors while somebody may ask for them.
    """

    rows: list[Row | Activation] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    injected_errors: int = 0
    injected_types: set[type[BaseException]] = field(default_factory=set)
    custody: Custody = field(default_factory=Custody)

    @property
    def activations(self) -> list[Activation]:
        """The firings."""
        return activations_of(self.rows)

    def withdrawn(self, activation: Activation) -> None:
        """Take an activation out that turned out to be none."""
        for index in range(len(self.rows) - 1, -1, -1):  # it is one of the last
            if self.rows[index] is activation:
                del self.rows[index]
                return

    def injected(self, error: BaseException, point: str, label: str, token: str) -> None:
        """Count an injected error, remember it by identity, and mark it where its arguments do not.

        Args:
            error: The error, about to be raised.
            point: The injection point that raises it, ``module:Qual.name``.
            label: Label of the activation.
            token: Token of the activation.
        """
        args = error.args
        if not (len(args) == 1 and type(args[0]) is str and token in args[0]) and not any(
            token in str(argument) for argument in args
        ):
            error.add_note(MARK + label)
        self.injected_errors += 1
        if type(error) not in self.injected_types:
            self.injected_types.add(type(error))
        self.custody.take(error, point)

    def failed(self, problem: str) -> None:
        """Note that something of the specification failed while the body ran, such as a ``when`` that raised."""
        if problem not in self.problems:
            self.problems.append(problem)

    def is_injected(self, error: BaseException | None) -> bool:
        """Tell whether an error is one of ours, by identity."""
        return self.custody.holds(error)

    def forget_errors(self) -> None:
        """Let go of the errors, and of the frames they hold; what became of them stays."""
        self.custody.release()

    @property
    def absorptions(self) -> tuple[Absorption, ...]:
        """What became of the errors that were let go, in the order of injection; equal ways are counted."""
        return self.custody.absorptions
