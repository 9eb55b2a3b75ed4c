"""The object behind the ``chaos`` fixture: faults by hand, recovery, counts."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any

from pytest_chaos import compat
from pytest_chaos.ending import describe
from pytest_chaos.errors import MisuseError, NotRecoveredError, SpecificationError
from pytest_chaos.experiment import Experiment
from pytest_chaos.faults.base import checked_seconds
from pytest_chaos.injector.injector import Injection
from pytest_chaos.journal import Journal
from pytest_chaos.notation import left_of, parse, rule_from

__all__ = ["Chaos", "Injection"]

_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.25


class Chaos:
    """Faults by hand, in one test. What the ``chaos`` fixture hands out.

    Args:
        experiment: The run it acts in.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment

    def inject(self, target: Any, fault: Any = None, **trigger: Any) -> Injection:
        """Arm a fault until it is lifted or the test's body ends.

        Args:
            target: Text such as ``package.module:Qual.name``, the object itself, or, without ``fault``, a rule text.
            fault: A fault.
            **trigger: ``rate``, ``nth``, ``every``, ``after``, ``times``, ``for_s``, ``when``, ``caller``, ``args``.

        Returns:
            The injection, also a context manager that lifts on exit.

        Raises:
            SpecificationError: Any of them is wrong.
        """
        __tracebackhide__ = True
        source = f"chaos.inject in {self._experiment.plan.test}"
        try:
            return self._inject(source, target, fault, trigger)
        except SpecificationError as error:
            # What is wrong stands in the test's own line, and not where we found it out.
            raise error.at(source).with_traceback(None) from None

    def _inject(self, source: str, target: Any, fault: Any, trigger: dict[str, Any]) -> Injection:
        if fault is None and isinstance(target, str) and "=" in target and not trigger:
            rules = parse(target, source)
            if len(rules) != 1:
                raise SpecificationError(f"one rule at a time, got {len(rules)}")
            rule = rules[0]
        elif fault is None:
            raise SpecificationError(
                f"no fault given for {target!r}", remedy="Write chaos.inject(target, Raise(TimeoutError))."
            )
        else:
            # A function that the test kept is not where its name leads while a fault stands there.
            rule = rule_from(self._experiment.injector.name_of(target) or target, fault, source, **trigger)
        return self._experiment.arm(rule.checked())

    def lift(self) -> None:
        """Lift every fault of this test, the marker's too, and release what is parked in one."""
        experiment = self._experiment
        experiment.injector.lift_all()
        experiment.ward.release()

    def recovers(self, probe: Callable[[], Any], within: float = 5.0) -> Any:
        """Lift everything, and wait until a probe is true.

        The probe is called at once, then after 10 ms, doubling to 250 ms. An error in it counts as not yet.

        Args:
            probe: A function or coroutine function without arguments.
            within: For how long to try, in seconds; 0 asks once.

        Returns:
            The seconds it took; inside a running event loop, an awaitable of them.

        Raises:
            NotRecoveredError: The probe was not true in time.
        """
        if not callable(probe):
            raise SpecificationError(
                f"chaos.recovers: the probe must be callable, got {probe!r}",
                remedy="Write chaos.recovers(lambda: client.get('/').status_code == 200).",
            )
        checked_seconds(within, "within", "chaos.recovers", zero_allowed=True)
        self.lift()
        sleep = compat.async_sleep()
        attempts = _Attempts(within, self._experiment.recovered)
        if sleep is not None:
            return _probe_async(probe, attempts, sleep)
        return _probe(probe, attempts)

    def calls(self, target: Any) -> int:
        """Return how many calls were counted at a target that has an injection.

        A rule with limits counts the calls that it means, and only under its target with the same limits.

        Raises:
            MisuseError: Nothing is injected there, so nobody counts.
        """
        wanted = left_of(target)
        found = [
            one
            for one in self._experiment.injector.injections
            if (one.rule.target, one.rule.dependency, one.rule.below) == wanted
        ]
        if not found:
            shown = target if isinstance(target, str) else wanted[0].text
            raise MisuseError(f"chaos.calls: nothing is injected at {shown}, so its calls are not counted")
        return max(injection.calls for injection in found)

    def amplification(self, target: Any) -> float:
        """Calls under fault over calls of the plain run: known for explored tests only.

        Raises:
            MisuseError: Always, in a fault test, which has no plain run to compare with.
        """
        raise MisuseError(
            f"chaos.amplification({target!r}) compares with a plain run, and a fault test has none; "
            "count with chaos.calls(target) and assert a bound"
        )

    def expect(self, **keys: Any) -> None:
        """Replace keys of the contract for this test, as the marker ``chaos_contract`` does.

        Answers are judged from then on; those before were not watched, unless a marker or the table judges some.

        Raises:
            SpecificationError: An unknown key or a wrong value.
        """
        self._experiment.expect(keys)

    @property
    def journal(self) -> Journal:
        """What faults did so far."""
        return self._experiment.journal

    def __repr__(self) -> str:
        return f"<Chaos of {self._experiment.plan.test}: {self._experiment.injector.injections}>"


class _Attempts:
    """How often and how long a probe is asked.

    Args:
        within: For how long, in seconds.
        recovered: Called with the seconds it took and how often it was asked, once it is true.
    """

    def __init__(self, within: float, recovered: Callable[[float, int], None]) -> None:
        self._within = within
        self._recovered = recovered
        self._probes = 1
        self._began = time.monotonic()
        self._pause = _FIRST_PAUSE_S
        self.seen = ""

    @property
    def taken_s(self) -> float:
        return time.monotonic() - self._began

    def next_pause(self) -> float:
        """Return how long to wait before the next attempt, or raise if there is no time for one."""
        if self.taken_s + self._pause > self._within:
            raise NotRecoveredError(
                f"the probe was not true within {self._within:g} s after all faults were lifted; {self.seen}"
            )
        self._probes += 1
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE_S)
        return pause

    def sees(self, value: object) -> bool:
        """Note what the probe returned, and tell whether that ends the waiting."""
        self.seen = f"it returned {value!r}"
        return bool(value)

    def end(self) -> float:
        """Say that the probe is true, and return how long it took."""
        taken_s = self.taken_s
        self._recovered(taken_s, self._probes)
        return taken_s

    def missed(self, error: Exception) -> None:
        """Note what the probe raised; an error counts as not yet."""
        self.seen = f"it raised {describe(error)}"


def _probe(probe: Callable[[], Any], attempts: _Attempts) -> float:
    while True:
        try:
            value = probe()
            if attempts.sees(asyncio.run(_value_of(value)) if inspect.isawaitable(value) else value):
                return attempts.end()
        except Exception as error:  # noqa: BLE001  # whatever the probe raises
            attempts.missed(error)
        time.sleep(attempts.next_pause())  # between two looks of the probe


async def _probe_async(
    probe: Callable[[], Any], attempts: _Attempts, sleep: Callable[[float], Awaitable[None]]
) -> float:
    while True:
        try:
            value = probe()
            if attempts.sees(await value if inspect.isawaitable(value) else value):
                return attempts.end()
        except Exception as error:  # noqa: BLE001  # whatever the probe raises
            attempts.missed(error)
        await sleep(attempts.next_pause())


async def _value_of(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
