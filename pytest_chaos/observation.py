"""All that was seen in one run, as one frozen value: what the oracles judge, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pytest_chaos.absorption import Absorption
from pytest_chaos.contract import Contract
from pytest_chaos.doubles import Double
from pytest_chaos.faults.base import Limit
from pytest_chaos.gaps import Gap
from pytest_chaos.journal import Activation
from pytest_chaos.provenance import Place
from pytest_chaos.resources.births import Entry
from pytest_chaos.resources.ends import End, Key
from pytest_chaos.resources.files import FileSeen
from pytest_chaos.resources.leftovers import Leftover
from pytest_chaos.resources.standstill import StandstillSeen
from pytest_chaos.resources.subtraction import Difference, subtract
from pytest_chaos.resources.waits import Wait
from pytest_chaos.trace import Loop

AnswerKind = Literal["http", "exit", "grpc"]
LONGEST_BODY = 65_536  # bytes of an answer that are kept
RunKind = Literal["fault", "explored", "recovery", "session"]
Fresh = Literal["", "passes", "fails", "varies", "unknown", "unsteady", "before"]


@dataclass(frozen=True)
class Refused:
    """Calls of one line that the filters of a rule refused.

    Attributes:
        module: Module name of the caller.
        place: The line.
        calls: How many there were.
    """

    module: str
    place: Place
    calls: int


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
        target: Text of its target, with what it is limited to.
        fault: Text of its faults and triggers.
        filtered: Calls that its filters refused.
        shadowed: Calls on which it wanted to act, and another rule did.
        unreached: If it met no call: references to its C functions that are out of its reach.
        doubles: The test doubles in front of which it stood.
        refused: Who made the calls that its filters refused; the first lines only, if there are many.
        caller: The glob that it holds against the module of the caller; empty for none.
        wanted: The parameters that it asks for by name.
        parameters: Those that the calls had which were refused for their arguments.
        dependency: The one dependency whose calls it means; empty for all.
        why_passed: What the calls have in common that its trigger picked, and that its fault let pass.
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
    doubles: tuple[Double, ...] = ()
    refused: tuple[Refused, ...] = ()
    caller: str = ""
    wanted: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    dependency: str = ""
    why_passed: str = ""


@dataclass(frozen=True)
class Failure:
    """How the test's body ended, where it did not pass.

    Attributes:
        error: Name of its type.
        place: Innermost frame of the test or project; ``None`` if none of theirs is known.
        module: The module of its type.
        is_of_project: Its type belongs to the project.
        is_injected: It is an error of ours, or a group of nothing else.
        is_caused_by_fault: An error of ours is in its chain of causes and contexts.
        is_declared: It is one of the contract's domain errors.
        is_meant: Somebody wrote that it be raised: it comes from a ``raise`` of the project, or is of a class of the
            project, or a library made it of an injected error. What the interpreter raises and a failed ``assert``
            are not meant, nor is what a library refuses. Of a group all parts are, beside those of ours.
        is_of_library: A statement of a library raised it.
        is_over_body: A library says that the body of an injected answer of HTTP is not what it was read as.
        is_assertion: It is the test's own assertion.
        is_in_test: The test's own code raised it, or a library that it called, over an answer that neither expected.
        is_release: It is the end of an injected hang that we released.
        is_timeout: It is a ``TimeoutError``, as limits around a call raise it.
        is_injected_interrupt: It is a ``KeyboardInterrupt`` that a rule asked for.
        message: First line of its message.
        entry: The test's call that raised it; ``None`` if that is not known.
        gap: Where it left the project, if somebody there could be expected to handle it.
    """

    error: str
    place: Place | None = None
    is_injected: bool = False
    is_caused_by_fault: bool = False
    is_declared: bool = False
    is_assertion: bool = False
    is_in_test: bool = False
    is_release: bool = False
    is_injected_interrupt: bool = False
    message: str = field(default="", kw_only=True)
    is_timeout: bool = field(default=False, kw_only=True)
    entry: Entry | None = field(default=None, kw_only=True)
    gap: Gap | None = field(default=None, kw_only=True)
    is_meant: bool = field(default=False, kw_only=True)
    is_of_library: bool = field(default=False, kw_only=True)
    is_over_body: bool = field(default=False, kw_only=True)
    module: str = field(default="", kw_only=True)
    is_of_project: bool = field(default=False, kw_only=True)

    @property
    def text(self) -> str:
        """Type and message."""
        return f"{self.error}: {self.message}" if self.message else self.error


@dataclass(frozen=True)
class Answer:
    """An answer that the system gave to the test.

    Attributes:
        request: Method and URL; of a command its name and arguments, of a remote call its full method.
        status: Status code of HTTP; of a command its exit code, of a remote call the number of its gRPC code.
        is_to_driver: Whether the test itself received it, and not the system from a dependency.
        elapsed_s: Seconds since the body began.
        method: The method alone; by default the first word of ``request``.
        kind: What sort of answer it is, and so what ``status`` means.
        client: What the test received it with, such as ``httpx`` or ``Flask's test client``.
        headers: Names in lower case and values, in order; of HTTP alone.
        body: The first 64 KiB of what was received, where it has been read without disturbing who reads it; of a
            command what it wrote to stderr. ``None`` where that is not known.
        took_s: Seconds from the request to the answer; ``None`` where that is not known.
        is_raised: There was no answer: the client handed on the error that the framework's last resort would have
            answered with ``status``.
    """

    request: str
    status: int
    is_to_driver: bool
    elapsed_s: float
    method: str = field(default="", kw_only=True)
    kind: AnswerKind = field(default="http", kw_only=True)
    client: str = field(default="", kw_only=True)
    headers: tuple[tuple[str, str], ...] = field(default=(), kw_only=True)
    body: bytes | None = field(default=None, kw_only=True)
    took_s: float | None = field(default=None, kw_only=True)
    is_raised: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if not self.method:  # what a watcher of a third party saw, in one text
            object.__setattr__(self, "method", self.request.partition(" ")[0])


@dataclass(frozen=True)
class LastAnswer:
    """What a framework did about an error that nobody handled.

    Attributes:
        how: What it did: answered with a status, let a job fail, closed the connection, or broke off an answer.
        status: The status code, if it answered.
        has_foreign_errors: Whether an injected error is of a class of a library or the system: who wrote its text did
            not write it for those whom the project answers.
        is_debugging: Whether a mode for developers was on, in which answers show the inside of the system.
    """

    how: Literal["answered", "failed", "closed", "broken off"]
    status: int | None = None
    is_debugging: bool = False


@dataclass(frozen=True)
class Unhandled:
    """An error that came to the last resort of a framework.

    Attributes:
        failure: The error.
        gap: Where the error left the project.
        framework: Whose last resort it was.
        answer: What was done about it.
    """

    failure: Failure
    gap: Gap
    framework: str
    answer: LastAnswer


@dataclass(frozen=True)
class Recovered:
    """How a probe came true after all faults were lifted.

    Attributes:
        took_s: Seconds from lifting the faults.
        probes: How often the probe was asked.
        lifted_s: When the faults were lifted, in seconds since the body began.
    """

    took_s: float = field(compare=False)
    probes: int
    lifted_s: float = field(compare=False)


@dataclass(frozen=True)
class ParkedSeen:
    """A call that was parked in an injected hang, and how that ended.

    Attributes:
        activation: The call.
        thread: Name of the thread.
        outcome: As in :mod:`pytest_chaos.hang`.
        blocks_loop: Whether it was sync code on the thread of a running event loop.
        waits: Who waited where when it was decided.
        limit: How long the call was told to wait, or could have been told; ``None`` if it takes no such word.
        without: Where it was called without a limit of its own.
        budget_s: The hang budget, in seconds.
        meaning: Where it was proved that nothing would have ended it, what that means in words.
        timed: The wait with an end of its own that may have ended it.
        still_at: If the test had to be interrupted after the release, where it stood then, innermost first.
        was_closing: Whether the event loop whose worker made the call was being closed.
        ended_by: The type of the error with which the system left it, or with which the user did.
    """

    activation: Activation
    thread: str
    outcome: str
    blocks_loop: bool = False
    waits: tuple[Wait, ...] = ()
    limit: Limit | None = None
    without: Place | None = None
    budget_s: float = 0.0
    meaning: str = ""
    timed: Place | None = None
    still_at: tuple[Place, ...] | None = None
    was_closing: bool = False
    ended_by: str = ""

    @property
    def was_given_up(self) -> bool:
        """Whether the system cancelled it, as a limit around the call does when it is over."""
        return self.outcome == "left" and self.ended_by == "CancelledError"

    @property
    def was_released(self) -> bool:
        """Whether we ended it while the test was waiting for it."""
        return self.outcome in ("hung", "inconclusive")


@dataclass(frozen=True)
class SpotSeen:
    """The watched calls that one line of the system made at one point.

    Attributes:
        point: The injection point.
        place: The line.
        calls: How many there were.
        plain_calls: How many the plain run made there.
        gap_s: Median time between two calls of one actor, in seconds; ``None`` where there were none.
        loop: The loop in which it has called so often that it has no cap, if that was found.
        in_pieces: Whether each call takes as much as is there just then, so that how many there are is chance.
        is_local: Whether it is answered by this machine, and at once, as of files: there is nobody to be spared.
        is_inner: Whether nothing that it leads to leaves the process, as far as that was looked at.
        above: Where calls of the plain run are missing: the lines of the project that led to the first of those,
            innermost first; empty where that is not known.
        actor: The thread or task that made it.
    """

    point: str
    place: Place
    calls: int
    plain_calls: int
    gap_s: float | None = None
    loop: Loop | None = None
    in_pieces: bool = False
    is_local: bool = False
    is_inner: bool = field(default=False, kw_only=True)
    above: tuple[Place, ...] = ()
    actor: str = ""

    @property
    def more(self) -> int:
        """How many calls more than the plain run made there."""
        return max(0, self.calls - self.plain_calls)


@dataclass(frozen=True)
class Steady:
    """What a test does when nothing is wrong: the plain run, with which runs under faults are compared.

    Attributes:
        calls: Calls that the system made, by injection point.
        leftovers: What it leaves anyway.
        answers: Answers that the test received.
        duration_s: Seconds the body took.
        ends: Who ended what it made.
        files: The files that the system opened for writing.
        logged: Errors that nobody meant and that a framework logged: of which type, and where they arose.
        unhandled: The same of errors that came to the last resort of a framework.
    """

    calls: Mapping[str, int] = field(default_factory=dict)
    leftovers: tuple[Leftover, ...] = ()
    answers: tuple[Answer, ...] = ()
    duration_s: float = field(default=0.0, compare=False)
    ends: Mapping[Key, tuple[End, ...]] = field(default_factory=dict)
    files: tuple[FileSeen, ...] = ()
    logged: frozenset[tuple[str, Place]] = frozenset()
    unhandled: frozenset[tuple[str, Place]] = frozenset()


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
        standstills: Parts of the run that did not end by themselves.
        leftovers: What was left after teardown and grace.
        recovery: Why recovery failed, or an empty text.
        problems: Parts of the specification that failed while the body ran.
        contract: What was promised.
        children: Process ids of children that were started meanwhile.
        duration_s: Seconds the body took.
        steady: The plain run of the same test; fault tests have none.
        spots: The watched calls of an explored test, by the lines of the system that made them.
        loud_logs: How many log records of level WARNING and above were made.
        logged: Errors that nobody meant, that no function of the project took, and that a framework logged.
        unhandled: Other errors that came to the last resort of a framework.
        is_debugging: Whether a mode for developers was on in a framework that answered.
        is_transient: Whether the fault was meant to fire once, so that a retry gets the plain answer.
        let_through: Why a fault was lifted before the body ended, or an empty text.
        fresh: For a recovery run: what a process in which no fault ever acted says of the plain test, or that this
            process never ran it before the fault, and the plain run of another one passed.
        polluter: For a recovery run: the scenario after which the plain test fails, where that was found.
        recovered: The probes that came true, in order.
        teardown: How the teardown ended, where it failed under a fault, and not with an injected error.
        ends: Of a plain run: who ended what it made.
        files: The files that the system opened for writing, where the run is compared or compared with.
        spared_s: Seconds that calls would have waited whose timeout was raised at once, as far as is known.
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
    standstills: tuple[StandstillSeen, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    recovery: str = ""
    problems: tuple[str, ...] = ()
    teardown_error: str = ""
    children: tuple[int, ...] = ()
    duration_s: float = field(default=0.0, compare=False)
    steady: Steady | None = None
    spots: tuple[SpotSeen, ...] = ()
    loud_logs: int = 0
    logged: tuple[Failure, ...] = ()
    unhandled: tuple[Unhandled, ...] = ()
    has_foreign_errors: bool = False
    is_debugging: bool = False
    is_transient: bool = False
    let_through: str = ""
    fresh: Fresh = ""
    polluter: str = ""
    ends: Mapping[Key, tuple[End, ...]] = field(default_factory=dict)
    files: tuple[FileSeen, ...] = ()
    spared_s: float = field(default=0.0, kw_only=True)
    teardown: Failure | None = field(default=None, kw_only=True)
    recovered: tuple[Recovered, ...] = field(default=(), kw_only=True)

    @property
    def is_compared(self) -> bool:
        """Whether there is a plain run to compare with: then the test's own failure is a fact, and no judgement."""
        return self.steady is not None

    @property
    def blamed(self) -> Difference:
        """The leftovers, parted by whether the plain run leaves them too; without one all are the fault's."""
        return subtract(self.leftovers, self.steady.leftovers if self.steady is not None else ())

    @property
    def fired(self) -> int:
        """How many calls a fault acted on."""
        return sum(rule.fired for rule in self.rules)

    @property
    def caught(self) -> tuple[Place, ...]:
        """Where injected errors were absorbed, each place once."""
        return tuple(dict.fromkeys(way.caught for way in self.absorptions if way.caught))

    @property
    def handlers(self) -> tuple[Place, ...]:
        """The clauses that surely took an injected error, each once."""
        return tuple(dict.fromkeys(way.handler for way in self.absorptions if way.handler))

    @property
    def is_sure(self) -> bool:
        """Whether some rule had to fire."""
        return any(rule.is_sure for rule in self.rules)
