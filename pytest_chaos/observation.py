"""All that was seen in one run, as one frozen value: what the oracles judge, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pytest_chaos.absorption import Absorption
from pytest_chaos.contract import Contract
from pytest_chaos.journal import Activation
from pytest_chaos.resources.leftovers import Leftover

RunKind = Literal["fault", "explored", "recovery", "session"]


@dataclass(frozen=True)
class RuleSeen:
    """What one rule did.

    Attributes:
        text: Canonical text.
        source: Where it was written.
        calls: Matching calls.
        fired: Calls on which a fault acted.
        is_sure: Whether it had to fire once enough calls were made.
        points: Names of the injection points it stood on.
        target: Text of its target.
        fault: Text of its faults and triggers.
        filtered: Calls that its filters refused.
        shadowed: Calls on which it wanted to act, and another rule did.
        unreached: If it met no call: references to its C functions that are out of its reach.
    """

    text: str
    source: str
    calls: int
    fired: int
    is_sure: bool
    points: tuple[str, ...]
    target: str
    fault: str
    filtered: int = 0
    shadowed: int = 0
    unreached: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failure:
    """How the test's body ended, where it did not pass.

    Attributes:
        text: Type and message.
        place: Innermost frame of the test or project, ``path:line in function``.
        is_injected: It is an error of ours, or a group of nothing else.
        is_caused_by_fault: An error of ours is in its chain of causes and contexts.
        is_declared: It is one of the contract's domain errors.
        is_assertion: It is the test's own assertion.
        is_release: It is the end of an injected hang that we released.
        is_injected_interrupt: It is a ``KeyboardInterrupt`` that a rule asked for.
    """

    text: str
    place: str = ""
    is_injected: bool = False
    is_caused_by_fault: bool = False
    is_declared: bool = False
    is_assertion: bool = False
    is_release: bool = False
    is_injected_interrupt: bool = False


@dataclass(frozen=True)
class Answer:
    """An answer that the system gave to the test.

    Attributes:
        request: Method and URL.
        status: Status code.
        is_to_driver: Whether the test itself received it, and not the system from a dependency.
        elapsed_s: Seconds since the body began.
    """

    request: str
    status: int
    is_to_driver: bool
    elapsed_s: float


@dataclass(frozen=True)
class ParkedSeen:
    """A call that was parked in an injected hang, and how that ended; outcomes as in :mod:`pytest_chaos.hang`."""

    label: str
    thread: str
    outcome: str
    reason: str
    stacks: tuple[str, ...]
    blocks_loop: bool

    @property
    def was_released(self) -> bool:
        """Whether we ended it while the test was waiting for it."""
        return self.outcome in ("hung", "inconclusive")


@dataclass(frozen=True)
class Observation:
    """One run of one test body.

    Attributes:
        test: Plain id of the test.
        kind: What sort of run it was.
        seed: The seed.
        scenario: Canonical text of the rules, joined by ``; ``.
        rules: What each rule did.
        activations: Calls on which faults acted, in order.
        injected_errors: How many errors were injected; the other faults raise none.
        absorptions: What became of them, in the order of injection; errors that went the same way are one.
        failure: How the body ended, or ``None`` if it passed.
        answers: Answers seen while a contract judges them.
        parked: Parked calls.
        leftovers: What was left after teardown and grace.
        recovery: Why recovery failed, or an empty text.
        problems: Parts of the specification that failed while the body ran.
        contract: What was promised.
        children: Process ids of children that were started meanwhile.
        duration_s: Seconds the body took.
    """

    test: str
    kind: RunKind
    seed: int
    scenario: str
    contract: Contract
    rules: tuple[RuleSeen, ...] = ()
    activations: tuple[Activation, ...] = ()
    injected_errors: int = 0
    absorptions: tuple[Absorption, ...] = ()
    failure: Failure | None = None
    answers: tuple[Answer, ...] = ()
    parked: tuple[ParkedSeen, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    recovery: str = ""
    problems: tuple[str, ...] = ()
    teardown_error: str = ""
    children: tuple[int, ...] = ()
    duration_s: float = field(default=0.0, compare=False)

    @property
    def fired(self) -> int:
        """How many calls a fault acted on."""
        return sum(rule.fired for rule in self.rules)

    @property
    def caught(self) -> tuple[str, ...]:
        """Where injected errors were absorbed, ``path:line function``, each place once."""
        return tuple(dict.fromkeys(way.caught for way in self.absorptions if way.caught))

    @property
    def handlers(self) -> tuple[str, ...]:
        """The clauses that surely took an injected error, ``path:line``, each once."""
        return tuple(dict.fromkeys(way.handler for way in self.absorptions if way.handler))

    @property
    def is_sure(self) -> bool:
        """Whether some rule had to fire."""
        return any(rule.is_sure for rule in self.rules)
