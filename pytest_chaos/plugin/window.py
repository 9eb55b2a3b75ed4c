"""The hooks that a chaos run passes: its faults are put in place, act in the body, and nowhere around it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from pytest_chaos.control import Chaos
from pytest_chaos.ending import is_ours
from pytest_chaos.errors import MisuseError, SpecificationError
from pytest_chaos.experiment import Experiment
from pytest_chaos.guard import Guard
from pytest_chaos.plugin import compat
from pytest_chaos.plugin.marker import NamedProbe
from pytest_chaos.plugin.one_run import RUN, experiment_of
from pytest_chaos.plugin.running import Running


class Window:
    """The hooks.

    Args:
        running: What runs now.
        guard: Ends parts of runs that never end by themselves.
    """

    def __init__(self, running: Running, guard: Guard) -> None:
        self._running = running
        self._guard = guard

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Put what is planned in place once the fixtures are set up; an unknown attribute is an error of the set-up."""
        experiment = experiment_of(item)
        if experiment is None:
            return (yield)
        with experiment.during("set-up"):
            result = yield
        self._running.may_leave_threads(item)
        try:
            experiment.prepare()
            for probe, _ in experiment.plan.recovers:
                if isinstance(probe, NamedProbe):
                    probe.check()  # its module may have been imported since collection
        except SpecificationError as error:
            pytest.fail(f"chaos: {error}", pytrace=False)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """Faults act in the body, and in nothing around it."""
        __tracebackhide__ = True
        experiment = experiment_of(pyfuncitem)
        if experiment is None:
            return (yield)
        with _body(pyfuncitem, experiment):
            result = yield
            _recover(experiment)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """The body of a ``TestCase``, whose setUp and tearDown run inside the call."""
        experiment = experiment_of(item)
        case = compat.unittest_case(item)
        if experiment is None or case is None:
            return (yield)

        def around(method: Any) -> Any:
            __tracebackhide__ = True
            with _body(item, experiment):
                result = method()
                _recover(experiment)
            return result

        # Around its body, which is a part of its own, are its setUp and tearDown.
        with compat.around_test_method(case, around), experiment.during("setUp or tearDown"):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """What a fault has left may keep a fixture's teardown waiting; what only the failure has left must not."""
        run = item.stash.get(RUN, None)
        if run is not None:
            run.forget_errors()
        experiment = experiment_of(item)
        with contextlib.nullcontext() if experiment is None else experiment.during("teardown"):
            return (yield)

    def pytest_enter_pdb(self) -> None:
        """Nobody is in a hurry at a prompt."""
        self._guard.pause()

    def pytest_leave_pdb(self) -> None:
        """The run goes on."""
        self._guard.resume()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note how each part has ended, and what a subtest ended with."""
        report = yield
        error = call.excinfo.value if call.excinfo is not None else None
        run = item.stash.get(RUN, None)
        if run is not None:
            run.ended_a_part(report, error)
        experiment = experiment_of(item)
        if experiment is not None and experiment.injector.is_open and report.failed and error is not None:
            # A subtest, reported while the body runs; like the body's own failure, a clone's is an observation.
            if experiment.failure is None:
                experiment.ended_with(error)
            if experiment.plan.kind in ("explored", "recovery"):
                report.outcome, report.longrepr = "passed", None
        return report


def chaos_of(item: pytest.Item) -> Chaos:
    """Return the object of the ``chaos`` fixture.

    Raises:
        MisuseError: The test is never disturbed, or asked for the fixture too late to be judged.
    """
    experiment = experiment_of(item)
    if experiment is None and item.get_closest_marker("no_chaos") is not None:
        raise MisuseError("this test is marked no_chaos, so it is never disturbed; remove the marker or the fixture")
    if experiment is None or experiment.plan.kind != "fault":
        raise MisuseError(
            "ask for the chaos fixture as an argument of the test or of a fixture: with getfixturevalue it comes "
            "too late to see what was there before the test"
        )
    return Chaos(experiment)


@contextlib.contextmanager
def _body(item: pytest.Item, experiment: Experiment) -> Iterator[None]:
    __tracebackhide__ = True
    if compat.is_property_test(item):
        experiment.injector.decide_each_call()
    with experiment.body(compat.test_code(item)), compat.each_example(item, experiment.new_round):
        try:
            yield
        except (pytest.skip.Exception, pytest.xfail.Exception):
            raise
        except BaseException as error:
            experiment.ended_with(error)
            if isinstance(error, KeyboardInterrupt) and is_ours(error, experiment.journal):
                # A KeyboardInterrupt that a rule asked for is a fault that escaped, and not the user's Ctrl-C.
                pytest.fail("chaos: an injected KeyboardInterrupt reached the test", pytrace=False)
            if experiment.ward.interrupted and not isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt from None
            raise
    if experiment.ward.interrupted:
        raise KeyboardInterrupt


def _recover(experiment: Experiment) -> None:
    __tracebackhide__ = True
    for probe, within in experiment.plan.recovers:
        outcome = Chaos(experiment).recovers(probe, within)
        if asyncio.iscoroutine(outcome):
            outcome.close()
            raise MisuseError("recovers= cannot be awaited inside a running event loop")
