"""Stand-ins for C functions: who asks, alone and among others, and how many calls are counted."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import os
import pickle
import threading
import types
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_chaos import compat
from pytest_chaos.provenance import Provenance
from pytest_chaos.resources.census import Census

LONG = 40_000  # calls; more than the first window of a plan has


class _EveryoneCounts(Provenance):
    """Takes functions of the standard library for a package's: the C functions of those pass gates that are planned."""

    def may_serve_the_runner(self, filename: str, name: str) -> bool:
        return False


@pytest.fixture
def lenient(lab: Any, tmp_path: Any) -> Iterator[Any]:
    laboratory = lab.laboratory
    provenance = _EveryoneCounts(lab.root)
    census = Census(provenance)
    census.open()
    lab.laboratory = laboratory.__class__(provenance, census, laboratory.armory)
    yield lab
    lab.laboratory = laboratory
    census.close()


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process without other threads; a test runner may have some."""
    monkeypatch.setattr(compat, "is_only_thread", lambda: threading.active_count() == _AT_FIRST)


_AT_FIRST = threading.active_count()


@pytest.fixture
def maths(lab: Any) -> Any:
    return lab.module(
        "maths",
        """
        import operator
        def ask(n): return operator.index(n)
        def many(n):
            for i in range(n): operator.index(i)
        """,
    )


def _asks_alone() -> bool:
    import operator

    return next in operator.index.__code__.co_consts and not any(
        isinstance(constant, types.BuiltinFunctionType) and constant.__name__ == "get"
        for constant in operator.index.__code__.co_consts
    )


def test_one_actor_asks_alone_and_every_call_counts(lenient: Any, maths: Any, alone: None) -> None:
    with lenient.window(f"operator:index = #{LONG}..{LONG + 1} null") as chaos:
        maths.many(LONG - 1)
        assert _asks_alone()
        assert LONG - 1 == chaos.calls("operator:index")
        assert [None, None, 7] == [maths.ask(7) for _ in range(3)]
        assert LONG + 2 == chaos.calls("operator:index")
        assert [LONG, LONG + 1] == [activation.index for activation in chaos.journal.activations]
    assert isinstance(maths.operator.index, types.BuiltinFunctionType)


def test_a_thread_that_is_born_asks_for_itself(lenient: Any, maths: Any, alone: None) -> None:
    with lenient.window("operator:index = #6+2 null") as chaos:
        assert [0, 1, 2] == [maths.ask(n) for n in range(3)]
        assert _asks_alone()
        got: list[Any] = []
        thread = threading.Thread(target=lambda: got.extend(maths.ask(n) for n in range(2)))
        thread.start()
        assert not _asks_alone()
        thread.join()
        assert [0, 1] == got
        assert [None, 1, None] == [maths.ask(n) for n in range(3)]
        assert 8 == chaos.calls("operator:index")
        assert [("main", 4), ("main", 6)] == [(one.actor, one.index) for one in chaos.journal.activations]


def test_a_task_that_is_born_asks_for_itself(lenient: Any, maths: Any, alone: None) -> None:
    async def ask(n: int) -> Any:
        return maths.ask(n)

    async def both() -> list[Any]:
        return await asyncio.gather(ask(1), ask(2))

    with lenient.window("operator:index = #3 null") as chaos:
        maths.ask(0)
        assert _asks_alone()
        assert [1, None] == asyncio.run(both())
        assert not _asks_alone()
        (activation,) = chaos.journal.activations
        assert (3, 1) == (activation.number, activation.index)
        assert "main" != activation.actor


def test_a_call_in_another_context_is_the_same_actors(lenient: Any, maths: Any, alone: None) -> None:
    with lenient.window("operator:index = #3+2 null") as chaos:
        maths.ask(0)
        run = contextvars.Context().run
        assert [1, None, 3, None] == [run(maths.ask, n) for n in range(1, 5)]
        assert 5 == chaos.calls("operator:index")
        assert [3, 5] == [activation.index for activation in chaos.journal.activations]


def test_another_round_counts_from_the_first_call(lenient: Any, maths: Any, alone: None) -> None:
    experiment = lenient.experiment("operator:index = #2 null")
    with experiment.body():
        for _ in range(3):
            experiment.new_round()
            assert [0, None, 2] == [maths.ask(n) for n in range(3)]
    assert [9] == [injection.calls for injection in experiment.injector.injections]
    experiment.close()


def test_a_rate_is_drawn_alone_as_among_others(lenient: Any, maths: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    for is_alone in (True, False):
        monkeypatch.setattr(compat, "is_only_thread", lambda is_alone=is_alone: is_alone)
        with lenient.window("operator:index = 5%null") as chaos:
            maths.many(2000)
            assert _asks_alone() == is_alone
            drawn.append([activation.index for activation in chaos.journal.activations])
    assert drawn[0] == drawn[1]
    assert 60 < len(drawn[0]) < 140


def test_a_stand_in_looks_like_its_function(lenient: Any, maths: Any, alone: None) -> None:
    real = maths.operator.index
    with lenient.window("operator:index = #9 null"):
        for _ in range(2):  # among others, and then alone
            stand_in = maths.operator.index
            assert (real.__name__, real.__doc__, real.__module__) == (
                stand_in.__name__,
                stand_in.__doc__,
                stand_in.__module__,
            )
            assert inspect.signature(real) == inspect.signature(stand_in)
            assert pickle.loads(pickle.dumps(stand_in)) is stand_in
            maths.ask(1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_of_one_that_asks_alone_is_not_disturbed(lenient: Any, maths: Any, alone: None) -> None:
    with lenient.window("operator:index = #3 null"):
        maths.ask(0)
        child = os.fork()
        if child == 0:
            os._exit(0 if [1, 2, 3, 4] == [maths.ask(n) for n in range(1, 5)] else 1)
        _, status = os.waitpid(child, 0)
        assert [1, None] == [maths.ask(n) for n in (1, 2)]
    assert 0 == os.waitstatus_to_exitcode(status)


def test_an_experiment_inside_another_leaves_the_functions_as_they_were(lenient: Any, maths: Any, alone: None) -> None:
    real = maths.operator.index
    with lenient.window("operator:index = #2 return('outer')"):
        assert 0 == maths.ask(0)
        with lenient.window("operator:index = return('inner')"):
            assert "inner" == maths.ask(1)
        maths.ask(2)
    assert maths.operator.index is real
