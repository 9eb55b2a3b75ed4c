"""Arms and lifts rules, and decides over each call that reaches an injection point."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import inspect
import threading
from collections.abc import Callable, Iterator
from os import getpid
from time import monotonic
from types import FrameType, TracebackType
from typing import Any, Self

from pytest_chaos import compat
from pytest_chaos.faults.base import Fault
from pytest_chaos.hang import Ward
from pytest_chaos.injector.aliases import AliasIndex
from pytest_chaos.injector.attribute import AttributeMechanism, Covered, uncovered
from pytest_chaos.injector.mechanisms import mechanism_for
from pytest_chaos.injector.passage import passage
from pytest_chaos.injector.strike import GUARD, RealCall, Strike
from pytest_chaos.journal import Activation, Journal
from pytest_chaos.notation import format_fault, format_rule
from pytest_chaos.provenance import Provenance, caller_module
from pytest_chaos.resources.actors import Actors
from pytest_chaos.scenario import Rule
from pytest_chaos.schedule import Cursor, stream
from pytest_chaos.target import Point
from pytest_chaos.triggers import Call, Trigger


class Injection:
    """One armed rule. As a context manager it lifts on exit.

    Attributes:
        rule: What was asked for.
        text: Canonical text of the rule.
        points: The injection points it acts on.
        filtered: How many calls its filters refused; these are not counted.
        shadowed: On how many calls it wanted to act, and another rule did.
    """

    def __init__(self, rule: Rule, points: list[Point], injector: Injector, ordinal: int) -> None:
        self.rule = rule
        self.text = format_rule(rule)
        self.points = points
        self.is_lifted = False
        self._injector = injector
        self._ordinal = ordinal
        self._earlier_calls = 0
        self.filtered = 0
        self.shadowed = 0
        self._earlier_fired = 0
        self._activations: list[Activation] = []
        self.cursor = self._new_cursor()

    @property
    def calls(self) -> int:
        """How many matching calls were counted."""
        return self._earlier_calls + self.cursor.calls

    @property
    def fired(self) -> int:
        """On how many calls a fault of this rule acted."""
        return self._earlier_fired + self.cursor.firings

    @property
    def activations(self) -> list[Activation]:
        """The calls on which a fault acted, in order."""
        return list(self._activations)

    def lift(self) -> None:
        """End the fault. Harmless when done twice."""
        self._injector.lift(self)

    def restart(self) -> None:
        """Count from the first call again; totals go on."""
        self._earlier_calls, self._earlier_fired = self.calls, self.fired
        self.cursor = self._new_cursor()

    def record(self, activation: Activation) -> None:
        """Append an activation."""
        self._activations.append(activation)

    def _new_cursor(self) -> Cursor:
        return Cursor(self.rule.chain, *self._injector.key, self.text, self._ordinal)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lift()

    def __repr__(self) -> str:
        return f"<Injection {self.text}: {self.fired} of {self.calls} calls>"


class _Site:
    """One injection point with the rules that act on it; the last one wins."""

    def __init__(self, point: Point, mechanism: AttributeMechanism) -> None:
        self.point = point
        self.mechanism = mechanism
        self.injections: list[Injection] = []


class Injector:
    """Puts the rules of one body run in place, and takes them away on every path.

    Args:
        test: Plain id of the test, part of every draw's key.
        seed: The seed.
        provenance: Tells whose calls may be disturbed.
        aliases: The session's alias index.
        journal: Where activations are written.
        ward: Where hanging calls are parked.
        actors: Names the threads and tasks that call.
    """

    def __init__(
        self,
        test: str,
        seed: int,
        provenance: Provenance,
        aliases: AliasIndex,
        journal: Journal,
        ward: Ward,
        actors: Actors,
    ) -> None:
        self.key = (seed, test)
        self.injections: list[Injection] = []
        self._provenance = provenance
        self._aliases = aliases
        self._journal = journal
        self._ward = ward
        self.actors = actors
        self._sites: dict[tuple[int, str], _Site] = {}
        self._covered: Covered = {}
        self._shadowed: list[AttributeMechanism] = []
        self._lock = threading.Lock()
        self._is_open = False
        self._suspensions = 0
        self._began = 0.0
        self._process = getpid()

    # --- rules

    def arm(self, rule: Rule, *, below: bool = False) -> Injection:
        """Arm a rule; it acts once the window is open.

        Args:
            rule: What goes wrong.
            below: Whether rules that are armed already win over it, as if they had been armed later.

        Raises:
            SpecificationError: Its target cannot be resolved or replaced; then nothing has changed.
        """
        ordinal = sum(rule == other.rule for other in self.injections)
        points = [uncovered(point, self._covered) for point in rule.points()]
        injection = Injection(rule, points, self, ordinal)
        if not rule.can_fire:
            return injection  # rate 0 is the same as no rule: nothing is replaced, nothing is counted
        sites = [self._site(point) for point in injection.points]
        try:
            for site in sites:
                site.injections.insert(0 if below else len(site.injections), injection)
                if self._is_open:
                    self._install(site)
        except BaseException:
            self._detach(injection)
            raise
        self.injections.append(injection)
        return injection

    def name_of(self, obj: object) -> str:
        """Return the text of the point where this very object stood before it was replaced, or an empty text."""
        return next((site.point.text for site in self._sites.values() if site.point.raw is obj), "")

    def lift(self, injection: Injection) -> None:
        """Lift one rule. Harmless when done twice, and in any order."""
        injection.is_lifted = True
        self._detach(injection)

    def lift_all(self) -> None:
        """Lift every rule, the one armed last first; also where somebody has put one of ours back meanwhile."""
        for injection in reversed(self.injections):
            self.lift(injection)
        for mechanism in reversed(self._shadowed):
            mechanism.remove()

    def restart(self, actors: Actors) -> None:
        """Count every rule from its first call again, as for another run of the body."""
        self.actors = actors
        self._began = monotonic()
        for injection in self.injections:
            injection.restart()

    def _site(self, point: Point) -> _Site:
        site = self._sites.get(point.identity)
        if site is None:
            site = self._sites[point.identity] = _Site(point, mechanism_for(point, self._aliases, self._covered))
        return site

    def _install(self, site: _Site) -> None:
        if not site.mechanism.installed:

            def decide(wrapped: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Strike | None:
                return self._decide(site, wrapped, args, kwargs)

            site.mechanism.install(passage(site.point.kind, decide))

    def _detach(self, injection: Injection) -> None:
        for point in reversed(injection.points):
            site = self._sites.get(point.identity)
            if site is None or injection not in site.injections:
                continue
            site.injections.remove(injection)
            if not site.injections:
                site.mechanism.remove()
                if site.mechanism.is_shadowed:
                    self._shadowed.append(site.mechanism)
                del self._sites[point.identity]

    # --- the window

    def open(self) -> None:
        """Let armed rules act from now on.

        Raises:
            SpecificationError: A point cannot be replaced; then none is.
        """
        self._began = monotonic()
        try:
            for site in list(self._sites.values()):
                self._install(site)
        except BaseException:
            self.close()
            raise
        self._is_open = True

    def close(self) -> None:
        """Let no rule act any more, and put everything back. Harmless when done twice."""
        self._is_open = False
        for site in reversed(list(self._sites.values())):
            site.mechanism.remove()

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """Let every call pass, uncounted, for a while."""
        self._suspensions += 1
        try:
            yield
        finally:
            self._suspensions -= 1

    @property
    def elapsed_s(self) -> float:
        """Seconds since the window opened."""
        return monotonic() - self._began

    # --- one call

    def _decide(
        self, site: _Site, wrapped: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Strike | None:
        if not self._is_open or self._suspensions or GUARD.inside or getpid() != self._process:
            return None
        GUARD.inside = True
        try:
            frame = compat.frame_above(3)
            if not self._provenance.is_disturbable(frame):
                return None
            return self._count(site, frame, (wrapped, args, kwargs))
        finally:
            GUARD.inside = False

    def _count(
        self,
        site: _Site,
        frame: FrameType | None,
        call: RealCall,
    ) -> Strike | None:
        point = site.point
        actor = self.actors.current()
        elapsed_s = self.elapsed_s
        # The one armed last acts. Predicates are the user's code and run before the lock is taken.
        matching: list[Injection] = []
        for injection in reversed(site.injections):
            if injection.is_lifted:
                continue
            if self._matches(injection, point, actor, frame, call):
                matching.append(injection)
            else:
                injection.filtered += 1
        winner: tuple[Injection, Fault] | None = None
        with self._lock:
            for injection in matching:
                cursor = injection.cursor
                fault = cursor.count(point.text, actor, elapsed_s)
                acts = fault is not None and winner is None
                cursor.settle(acts)
                injection.shadowed += fault is not None and not acts
                if acts and fault is not None:
                    winner = injection, fault
                    activation = self._activation(injection, fault, point, actor, elapsed_s)
                    injection.record(activation)
                    self._journal.activated(activation)
        if winner is None:
            return None
        return Strike(
            winner[1],
            point.kind,
            f"{point.text}, call {activation.number}",
            activation.token,
            call,
            self._ward,
            self._journal,
            stream(*self.key, activation.rule, point.text, actor, activation.number, "draw").random,
        )

    def _activation(self, injection: Injection, fault: Fault, point: Point, actor: str, elapsed_s: float) -> Activation:
        cursor = injection.cursor
        digest = hashlib.blake2b(repr((self.key, injection.text, cursor.calls)).encode(), digest_size=3)
        return Activation(
            rule=injection.text,
            point=point.text,
            fault=format_fault(fault),
            number=cursor.calls,
            actor=actor,
            index=cursor.actor_calls(actor),
            elapsed_s=elapsed_s,
            thread=threading.current_thread().name,
            token=digest.hexdigest(),
        )

    def _matches(
        self,
        injection: Injection,
        point: Point,
        actor: str,
        frame: FrameType | None,
        call: RealCall,
    ) -> bool:
        trigger = injection.cursor.term.trigger
        if not trigger.has_filter:
            return True
        wrapped, args, kwargs = call
        caller = caller_module(frame)
        if trigger.caller is not None and not fnmatch.fnmatchcase(caller, trigger.caller):
            return False
        if trigger.args and not _arguments_match(trigger, wrapped, args, kwargs):
            return False
        if trigger.when is None:
            return True
        try:
            return bool(trigger.when(Call(point.text, args, kwargs, caller, actor, injection.cursor.calls + 1)))
        except Exception as error:  # noqa: BLE001  # raised into the system it could be swallowed; noted it cannot
            self._journal.failed(f"the when predicate of {injection.text} raised {error!r}")
            return False


def _arguments_match(
    trigger: Trigger, wrapped: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> bool:
    named: dict[str | int, Any] = dict(enumerate(args))
    named.update(kwargs)
    if any(isinstance(name, str) and name not in named for name, _ in trigger.args):
        with contextlib.suppress(TypeError, ValueError):  # no signature known, or the call does not fit it
            bound = inspect.signature(wrapped).bind(*args, **kwargs)
            bound.apply_defaults()
            named.update(bound.arguments)
    return all(name in named and bool(named[name] == value) for name, value in trigger.args)
