"""What faults did in one body run, append-only."""

from __future__ import annotations

from dataclasses import dataclass, field

# Strong references to injected errors keep the frames of the system under test alive, so only so many are kept.
KEPT_ERRORS = 1000


@dataclass(frozen=True)
class Activation:
    """One call on which a fault fired.

    Attributes:
        rule: Canonical text of the rule.
        point: The injection point, ``module:Qual.name``.
        fault: Text of the fault.
        number: Number of the call for the rule, over all actors, from 1.
        actor: Which thread or task called, such as ``main`` or ``main/2``.
        index: Number of the call among this actor's calls, from 1.
        elapsed_s: Seconds since the body began.
        thread: Name of the thread.
        token: Short token that also stands in the message of an injected error.
    """

    rule: str
    point: str
    fault: str
    number: int
    actor: str
    index: int
    elapsed_s: float
    thread: str
    token: str

    @property
    def text(self) -> str:
        """One line that names the activation."""
        return f"{self.fault} at {self.point}, call {self.number} ({self.actor}, {self.elapsed_s:.3f} s)"


@dataclass
class Journal:
    """The activations of one body run, in the order in which they fired, and the errors they injected."""

    activations: list[Activation] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    injected_errors: int = 0

    def activated(self, activation: Activation) -> None:
        """Append an activation."""
        self.activations.append(activation)

    def injected(self, error: BaseException) -> None:
        """Count an injected error, and remember it by identity."""
        self.injected_errors += 1
        if len(self.errors) < KEPT_ERRORS:
            self.errors.append(error)

    def failed(self, problem: str) -> None:
        """Note that something of the specification failed while the body ran, such as a ``when`` that raised."""
        if problem not in self.problems:
            self.problems.append(problem)

    def is_injected(self, error: BaseException | None) -> bool:
        """Tell whether an error is one of ours, by identity."""
        return any(error is ours for ours in self.errors)

    def forget_errors(self) -> None:
        """Let go of the errors, and of the frames they hold."""
        self.errors.clear()
