"""Gates: planned ahead they let exactly those calls pass that would have passed one by one, and lose no count."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_chaos import Null, Raise, parse
from pytest_chaos.injector.bytecode import ask, entry_over
from pytest_chaos.injector.gate import Gate, Gates
from pytest_chaos.scenario import Term
from pytest_chaos.schedule import Cursor, Window
from pytest_chaos.triggers import Hits, Trigger

EVERY = Trigger()


def one_by_one(chain: tuple[Term, ...], calls: list[str]) -> list[bool]:
    cursor = Cursor(chain, 0, "test")
    fired = []
    for actor in calls:
        fault = cursor.count("m:f", actor, 0.0)
        cursor.settle(fault is not None)
        fired.append(fault is not None)
    return fired


def through_gates(chain: tuple[Term, ...], calls: list[str], retire_at: int = -1) -> tuple[list[bool], int, int]:
    """Do what the injector does, on one thread; return what fired, and how many calls were asked and counted."""
    cursor = Cursor(chain, 0, "test")
    gates = Gates(cursor)
    fired, asked = [], 0
    for index, actor in enumerate(calls):
        if index == retire_at:
            gates.retire()
        way = gates.way_for("m:f", actor)
        if not ask(way.entry):
            fired.append(False)
            continue
        asked += 1
        number = gates.arrive(way)
        fault = cursor.count("m:f", actor, 0.0)
        term = cursor.term_number
        cursor.settle(fault is not None)
        fired.append(fault is not None)
        if cursor.term_number != term and not cursor.is_counted:
            gates.retire()
        else:
            if number >= way.gate.tail:
                way.gate.extend()
    return fired, asked, cursor.calls + gates.passed


def hits() -> st.SearchStrategy[Hits]:
    numbers = st.integers(1, 40)
    return st.one_of(
        st.builds(lambda first, step: Hits(first=first, step=step), numbers, st.integers(1, 9)),
        st.builds(lambda first, more: Hits(first=first, last=first + more), numbers, st.integers(0, 30)),
        st.builds(Hits.listed, st.lists(numbers, min_size=1, max_size=6)),
    )


def times() -> st.SearchStrategy[int | None]:
    return st.none() | st.integers(1, 30)


counted = st.builds(lambda hits, times: Trigger(hits=hits, times=times), hits(), times())
drawn = st.builds(lambda rate, times: Trigger(rate=rate, times=times), st.sampled_from([0.0, 0.01, 0.3, 0.9]), times())


def chains() -> st.SearchStrategy[tuple[Term, ...]]:
    def finite(triggers: list[Trigger]) -> bool:
        return all(trigger.is_finite for trigger in triggers[:-1])

    kinds = st.lists(counted, min_size=1, max_size=3) | st.lists(drawn, min_size=1, max_size=3)
    return kinds.filter(finite).map(lambda triggers: tuple(Term(Null(), trigger) for trigger in triggers))


@given(chains(), st.lists(st.sampled_from(["main", "main/1", "main/2"]), max_size=300))
def test_the_same_calls_fire_as_when_each_is_decided(chain: Any, calls: list[str]) -> None:
    fired, _, counted = through_gates(chain, calls)
    assert (one_by_one(chain, calls), len(calls)) == (fired, counted)


@given(chains(), st.lists(st.sampled_from(["main", "main/1"]), max_size=200), st.integers(0, 199))
def test_retiring_the_gates_at_any_call_changes_nothing(chain: Any, calls: list[str], at: int) -> None:
    fired, _, counted = through_gates(chain, calls, retire_at=at)
    assert (one_by_one(chain, calls), len(calls)) == (fired, counted)


@pytest.mark.parametrize(("text", "most"), [("m:f = #5000 null", 200), ("m:f = 1*null", 200), ("m:f = 0.01%null", 300)])
def test_few_calls_are_decided_where_few_fire(text: str, most: int) -> None:
    (rule,) = parse(text)
    fired, asked, _ = through_gates(rule.chain, ["main"] * 20_000)
    assert 0 < sum(fired) < 20
    assert asked < most


def test_a_long_run_crosses_windows_of_any_size() -> None:
    chain = (Term(Null(), Trigger(hits=Hits(first=300_000))),)
    cursor = Cursor(chain, 0, "test")
    gates = Gates(cursor)
    way = gates.way_for("m:f", "main")
    fired = 0
    for _ in range(300_500):
        if ask(way.entry):
            number = gates.arrive(way)
            fault = cursor.count("m:f", "main", 0.0)
            cursor.settle(fault is not None)
            if number >= way.gate.tail:
                way.gate.extend()
            fired += fault is not None
    assert (501, 300_500, 300_500) == (fired, cursor.calls, way.calls)


def test_an_actor_is_told_how_many_calls_it_made_among_others() -> None:
    cursor = Cursor((Term(Null(), Trigger(hits=Hits(first=1000))),), 0, "test")
    gates = Gates(cursor)
    alone = gates.way_for("m:f", "main")
    for _ in range(7):
        ask(alone.entry)
    assert 7 == alone.calls
    other = gates.way_for("m:f", "main/1")
    mine = gates.way_for("m:f", "main")
    for way in (other, mine, other, mine, other):
        ask(way.entry)
    assert (9, 3, 12) == (mine.calls, other.calls, cursor.calls + gates.passed)


def test_a_retired_gate_asks_for_ever() -> None:
    gates = Gates(Cursor((Term(Null(), Trigger(hits=Hits(first=1000))),), 0, "test"))
    way = gates.way_for("m:f", "main")
    gates.retire()
    assert [1] * 10_000 == [ask(way.entry) for _ in range(10_000)]
    assert gates.way_behind(way.entry) is None


def test_a_call_that_waits_for_its_decision_when_the_gate_is_retired_is_counted_once() -> None:
    cursor = Cursor((Term(Null(), Trigger(hits=Hits(first=3, step=3))),), 0, "test")
    gates = Gates(cursor)
    way = gates.way_for("m:f", "main")
    assert [0, 0, 1] == [ask(way.entry) for _ in range(3)]  # the third asks, and another thread is faster than it
    gates.retire()
    assert 2 == cursor.calls
    again = gates.way_for("m:f", "main")
    assert 1 == ask(again.entry)
    gates.arrive(again)
    assert Null() == cursor.count("m:f", "main", 0.0)
    assert 3 == cursor.calls


def test_threads_that_share_a_gate_ask_exactly_as_often_as_planned() -> None:
    """A generator as the source of such an iterator crashed the interpreter here."""
    gate = Gate(lambda start: Window(1000, range(0, 1000, 10)))
    shared = entry_over(gate.reader)
    asked: list[int] = []
    lock = threading.Lock()

    def hammer() -> None:
        mine = 0
        for _ in range(20_000):
            if ask(shared):
                mine += 1
                with lock:
                    if gate.take() >= gate.tail:
                        gate.extend()
        asked.append(mine)

    threads = [threading.Thread(target=hammer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    length = 1000 + 64
    full, rest = divmod(80_000, length)
    expected = full * (100 + 64) + sum(call % 10 == 0 or call >= 1000 for call in range(rest))
    assert (80_000, expected) == (gate.calls, sum(asked))


def test_a_fault_that_was_none_is_taken_back_and_may_come_again() -> None:
    chain = (Term(Raise(OSError), Trigger(times=1)), Term(Null()))
    cursor = Cursor(chain, 0, "test")
    cursor.count("m:f", "main", 0.0)
    cursor.settle(True)
    cursor.withdraw(0)
    assert (0, 0) == (cursor.firings, cursor.term_number)
    assert Raise(OSError) == cursor.count("m:f", "main", 0.0)
