"""Turns of loops: which frame the loop is, and whether it reads a clock."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from pytest_chaos.turns import Turn


@pytest.fixture(autouse=True)
def nobody_listens() -> Iterator[None]:
    before = sys.getprofile()
    sys.setprofile(None)
    yield
    assert sys.getprofile() is None
    sys.setprofile(before)


def stack() -> list[FrameType]:
    found, frame = [], sys._getframe(1)
    while frame is not None and frame.f_code.co_name not in ("watched", "run"):
        found.append(frame)
        frame = frame.f_back  # type: ignore[assignment]  # it ends where there is none
    return found


def watched(loop: Callable[[Callable[[], None]], None], counts: bool = True) -> tuple[str, bool]:
    """Return the name of the function that a loop is, and whether it reads a clock in one turn."""
    turns: list[Turn] = []
    told: list[tuple[str, bool]] = []

    def call() -> None:
        if turns:
            turn = turns.pop()
            found = turn.loop(stack())
            told.append(("" if found is None else found.f_code.co_name, turn.reads_clock))
        elif not told:
            turns.append(Turn(stack(), lambda frame: counts))

    loop(call)
    return told[0]


def retries(call: Callable[[], None]) -> None:
    for _ in range(3):
        call()


def retries_until(call: Callable[[], None]) -> None:
    end = time.monotonic() + 60
    for _ in range(3):
        if time.monotonic() < end:
            call()


def retries_by_another(call: Callable[[], None]) -> None:
    def once() -> None:
        call()

    for _ in range(3):
        once()


def could_read(call: Callable[[], None]) -> None:
    deadline: float | None = None
    for _ in range(3):
        if deadline is not None and time.monotonic() > deadline:
            return
        call()


@pytest.mark.parametrize(
    ("loop", "told"),
    [
        (retries, ("retries", False)),
        (retries_until, ("retries_until", True)),
        (retries_by_another, ("retries_by_another", False)),
        (could_read, ("could_read", False)),
    ],
)
def test_a_loop_is_the_frame_that_stays_and_reads_what_it_reads(loop: Any, told: tuple[str, bool]) -> None:
    assert watched(loop) == told


def test_a_clock_that_is_not_the_systems_does_not_count() -> None:
    assert watched(retries_until, counts=False) == ("retries_until", False)


def test_calls_of_two_threads_are_no_turn() -> None:
    turns: list[Turn] = []
    thread = threading.Thread(target=lambda: turns.append(Turn(stack(), lambda frame: True)))
    thread.start()
    thread.join()

    assert turns[0].loop(stack()) is None


def test_nobody_is_listened_to_where_a_profiler_is_at_work() -> None:
    def profiler(frame: FrameType, event: str, what: Any) -> None: ...

    sys.setprofile(profiler)
    turn = Turn(stack(), lambda frame: True)
    assert (turn.is_heard, sys.getprofile()) == (False, profiler)
    turn.end()
    assert sys.getprofile() is profiler
    sys.setprofile(None)


def test_a_turn_that_another_thread_ends_is_not_listened_to_any_more() -> None:
    turn = Turn(stack(), lambda frame: True)
    thread = threading.Thread(target=turn.end)
    thread.start()
    thread.join()
    time.monotonic()

    assert not turn.reads_clock
