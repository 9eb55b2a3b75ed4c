"""A gate: the verdicts over coming calls, planned ahead and read by one C call each.

A gate's ``entry`` gives 0 for a call that passes and 1 for a call that must be decided. It reads byte arrays, window
after window, through ``itertools.chain``; how many calls it has let in is told by how much is left to read. Nothing of
it needs a lock while nothing fires: under the GIL a C call is one step.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from operator import length_hint

from pytest_chaos.injector.bytecode import Entry, entry_over
from pytest_chaos.schedule import Cursor, Window

# So many threads may ask at once without one of them running past the end of what is planned. Where each actor has a
# gate of its own, only those meet there to whom it handed its context on, as ``asyncio.to_thread`` does.
_SLACK_OF_ALL = 64
_SLACK_OF_ONE = 16
_UNCOUNTABLE = 2**62

ALWAYS: Entry = entry_over(itertools.repeat(1))
"""The entry that asks over every call."""

Entries = ContextVar[Entry]


class Gate:
    """The verdicts over the calls of one stream.

    Args:
        plan: Returns what is planned after so many calls from now. It is asked again while calls that must be decided
            are left over, so that the plan always runs ahead.
        slack: How many of these end each window.

    Attributes:
        take: Returns which call, from 0, is the next one to be decided; each 1 of ``entry`` pays for one.
        decided: How many calls its owner has counted.
        tail: From this call on the last window is used up, but for its slack: plan on.
    """

    def __init__(self, plan: Callable[[int], Window], slack: int = _SLACK_OF_ALL) -> None:
        self._plan = plan
        self._slack = slack
        self._planned = 0
        self.tail = 0
        self._windows: list[tuple[bytearray, Iterator[int]]] = []
        self._asked: deque[int] = deque()
        # A list, never a generator: a generator shared by threads crashed the interpreter (mechanics, section 4).
        self._segments: list[Iterator[int]] = []
        self.take = self._asked.popleft
        self.decided = 0
        self.extend()
        self.reader: Iterator[int] = itertools.chain.from_iterable(self._segments)

    def extend(self) -> None:
        """Append another window."""
        start = self._planned
        window = self._plan(start - self.decided)
        buffer = bytearray(window.length + self._slack)
        for call in window.asked:
            buffer[call] = 1
        buffer[window.length :] = b"\x01" * self._slack
        self._asked.extend(start + call for call in window.asked)
        self.tail = start + window.length
        self._planned = self.tail + self._slack
        self._asked.extend(range(self.tail, self._planned))
        reader = iter(buffer)
        self._windows = [known for known in self._windows if length_hint(known[1])]
        self._windows.append((buffer, reader))
        self._segments.append(reader)

    @property
    def calls(self) -> int:
        """How many calls have been let in."""
        return self._planned - sum(length_hint(reader) for _, reader in self._windows)

    def retire(self) -> int:
        """Plan no more, ask over every call that still comes here, and return how many calls were let in before.

        A call that asked and waits for its decision is not one of them: it will come again, to whatever gate is there
        then. Threads and contexts may hold on to the entry for ever, so it must never come to an end.
        """
        self._segments.append(itertools.repeat(1))
        unread = 0
        for buffer, reader in self._windows:
            unread += length_hint(reader)  # and at once, before other threads read on
            buffer.clear()
        calls = self._planned - unread
        calls -= sum(1 for _ in itertools.takewhile(calls.__gt__, self._asked))
        self._planned = calls
        self._windows.clear()
        return calls


class Way:
    """One actor's way through a gate, to one point or, through a gate that all share, to any of the rule's points.

    Args:
        term: Which term of the rule decides.
        point: The point, or an empty text for all.
        actor: The actor.
        gate: The gate.
        earlier: How many calls this actor made before it came this way.
        is_shared: Whether other actors go through the same gate.

    Attributes:
        verdicts: What its calls read.
        entry: Asked by the prologue at each call: the same.
        uncounted: How many calls came this way that do not count.
    """

    def __init__(
        self, term: int, point: str, actor: str, gate: Gate, earlier: int = 0, *, is_shared: bool = False
    ) -> None:
        self.term = term
        self.point = point
        self.actor = actor
        self.gate = gate
        self.uncounted = 0
        self._earlier = earlier
        reader = gate.reader
        self._counter: Iterator[bool] | None = None
        if is_shared:
            # Counts this actor's calls beside the shared ones, in the same C call.
            self._counter = itertools.repeat(True, _UNCOUNTABLE)
            reader = itertools.compress(reader, self._counter)
        self.verdicts = reader
        self.entry: Entry = entry_over(reader)

    @property
    def calls(self) -> int:
        """How many calls this actor has made here."""
        passed = self.gate.calls if self._counter is None else _UNCOUNTABLE - length_hint(self._counter)
        return self._earlier + passed - self.uncounted

    def calls_before(self, call: int) -> int:
        """Return how many of them came before a call of the gate that this actor makes just now."""
        passed = call if self._counter is None else _UNCOUNTABLE - length_hint(self._counter) - 1
        return self._earlier + passed - self.uncounted


class Gates:
    """The gates of one rule, and the ways through them.

    One gate for all actors and points where the number of the call decides; one for each point and actor where chance
    does. Its methods are called under the injector's lock.

    Args:
        cursor: How far the rule has come. It is told of the calls that passed when it must decide, or is asked.
    """

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._shared: Gate | None = None
        self._has_many = False
        self._ways: dict[tuple[str, str], Way] = {}
        self._by_entry: dict[int, Way] = {}

    def way_behind(self, entry: Entry) -> Way | None:
        """Return the way that an entry belongs to, or ``None`` if it is not one of these."""
        way = self._by_entry.get(id(entry))
        return way if way is not None and way.entry is entry else None

    def way_for(self, point: str, actor: str) -> Way:
        """Return the way of an actor to a point, made where it is not there yet."""
        if self._cursor.is_counted:
            point = ""
        way = self._ways.get((point, actor))
        if way is None:
            if self._shared is not None and not self._has_many:
                # Up to now one actor was alone here, and every call that passed was its own.
                self.retire()
                self._has_many = True
            way = self._ways[point, actor] = self._new_way(point, actor)
            self._by_entry[id(way.entry)] = way
        return way

    def arrive(self, way: Way) -> int:
        """Let the cursor know of all calls before one that must be decided; return how many its actor has made."""
        gate = way.gate
        call = gate.take()
        passed = call - gate.decided
        gate.decided = call + 1
        if gate is self._shared:
            if passed:
                self._cursor.skip(passed)
            if passed or self._has_many:  # else the one actor made no call that is not counted yet
                self._cursor.set_actor_calls(way.actor, way.calls_before(call))
        elif passed:
            self._cursor.skip_of(way.term, way.point, way.actor, passed)
        return call

    def decline(self, way: Way) -> None:
        """Let a call go that asked, and is not to be counted."""
        self.arrive(way)
        way.uncounted += 1

    @property
    def passed(self) -> int:
        """How many calls passed that the cursor does not know of yet."""
        return sum(gate.calls - gate.decided for gate in self._gates())

    def passed_of(self, actor: str) -> int:
        """Return how many of these an actor made, where each actor has gates of its own."""
        if self._shared is not None:
            return 0
        return sum(way.gate.calls - way.gate.decided for way in self._ways.values() if way.actor == actor)

    def retire(self) -> None:
        """Tell the cursor of all calls, and ask over every one that still comes through these gates."""
        for way in self._ways.values():
            if way.gate is not self._shared:
                passed = way.gate.retire() - way.gate.decided
                self._cursor.skip_of(way.term, way.point, way.actor, passed)
            else:
                self._cursor.set_actor_calls(way.actor, way.calls)
        if self._shared is not None:
            self._cursor.skip(self._shared.retire() - self._shared.decided)
        self._shared = None
        self._ways.clear()
        self._by_entry.clear()

    def _gates(self) -> list[Gate]:
        return [self._shared] if self._shared is not None else [way.gate for way in self._ways.values()]

    def _new_way(self, point: str, actor: str) -> Way:
        cursor = self._cursor
        if not cursor.is_counted:
            gate = Gate(cursor.plan_of(point, actor), _SLACK_OF_ONE)
            return Way(cursor.term_number, point, actor, gate)
        if self._shared is None:
            self._shared = Gate(cursor.plan)
        earlier = cursor.actor_calls(actor)
        return Way(cursor.term_number, point, actor, self._shared, earlier, is_shared=self._has_many)
