"""The plan: (seed, test, rule, point, actor, call number) -> fire or pass.

Everything drawn comes from one keyed hash per actor, so the same seed gives the same firings alone, in the whole suite,
shuffled, and on any worker. Counts are kept per rule, over all actors, by a :class:`Cursor`; it also tells ahead which
calls need no decision, so that those can pass without being counted one by one.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from pytest_chaos.faults.base import Fault
from pytest_chaos.scenario import Term
from pytest_chaos.triggers import ALL_CALLS, NEVER_ENDING, Trigger


def stream(*key: object) -> random.Random:
    """Return the random stream of a key; equal keys give equal streams on every machine and in every process."""
    digest = hashlib.blake2b("\x1f".join(map(str, key)).encode(), digest_size=16).digest()
    return random.Random(int.from_bytes(digest, "big"))


def firing_indexes(rate: float, *key: object) -> Iterator[int]:
    """Yield the indexes, from 0, of the hits that fire at a rate.

    The gaps between firings are drawn ahead by the geometric law, ``floor(log(u) / log(1 - rate))``, so a hit that
    does not fire costs a comparison and no draw.
    """
    if rate <= 0:
        return
    index = -1
    if rate >= 1:
        while True:
            index += 1
            yield index
    draws = stream(*key)
    denominator = math.log1p(-rate)
    while True:
        # 1 - random() lies in (0, 1], where log is finite.
        gap = math.log(1.0 - draws.random()) / denominator
        if gap == math.inf:  # rates below 1e-306: no program makes so many calls
            return
        index += 1 + int(gap)
        yield index


class Window(NamedTuple):
    """What is planned for the next calls of one stream.

    Attributes:
        length: For how many calls.
        asked: Which of them must be decided when they come, from 0, in rising order; all others pass.
    """

    length: int
    asked: Sequence[int]


# A window with no firing in sight is long, for each one ends with calls that are decided although they pass; the first
# is shorter, for most tests make few calls.
_FIRST_WINDOW = 2**15
_LONGEST_WINDOW = 2**20
_ASKED_PER_WINDOW = 32


def _quiet(start: int) -> int:
    return min(_LONGEST_WINDOW, max(_FIRST_WINDOW, 16 * start))


class _ActorStream:
    """Which of one actor's hits fire."""

    def __init__(self, rate: float, *key: object) -> None:
        self.rate = rate
        self._firings = firing_indexes(rate, *key)
        self._ahead: deque[int] = deque()
        self._index = 0
        self._is_over = False

    def fires(self) -> bool:
        """Tell whether the next hit fires, and go past it."""
        firing = self._draw_to(self._index)
        self._index += 1
        return firing

    def skip(self, hits: int) -> None:
        """Go past hits that were let pass."""
        self._index += hits

    def plan(self, start: int, *, is_exhausted: bool) -> Window:
        """Return which of the hits after the next ``start`` ones fire."""
        if is_exhausted or self.rate <= 0:
            return Window(_quiet(start), ())
        length = min(_quiet(start), max(64, int(_ASKED_PER_WINDOW / self.rate)))
        first = self._index + start
        self._draw_to(first + length)
        return Window(length, [index - first for index in self._ahead if first <= index < first + length])

    def _draw_to(self, index: int) -> bool:
        """Draw the firings up to an index, forget those before the next hit, and tell whether the index fires."""
        ahead = self._ahead
        while ahead and ahead[0] < self._index:
            ahead.popleft()
        while not self._is_over and not (ahead and ahead[-1] >= index):
            firing = next(self._firings, None)
            if firing is None:
                self._is_over = True
            elif firing >= self._index:
                ahead.append(firing)
        return index in ahead if len(ahead) > 1 else bool(ahead) and ahead[0] == index


_EVERY_CALL = Trigger()


class Cursor:
    """How far one rule has come in one body run: the only state of the schedule.

    Not safe for concurrent use; the injector holds a lock around each call of a method.

    Args:
        chain: The rule's terms.
        *key: Seed, test and rule, from which every draw is derived.

    Attributes:
        calls: How many matching calls were counted.
        index: How many of them the actor of the last one had made.
        firings: On how many of them a fault acted.
        term_number: Which term decides over the next call, from 0.
        is_counted: Whether every term is decided by the number of the call alone, over all actors.
        is_drawn: Whether every term is decided by chance alone, per point and actor.
        is_separate: Whether what one point and actor meets does not depend on the calls of others.
    """

    def __init__(self, chain: tuple[Term, ...], *key: object) -> None:
        self._chain = chain
        self._key = key
        self.term_number = 0
        self._term_calls = 0
        self._term_firings = 0
        self._before_drain: tuple[int, int] | None = None
        self._streams: dict[tuple[int, str, str], _ActorStream] = {}
        self._actor_calls: dict[str, int] = {}
        self.calls = 0
        self.index = 0
        self.firings = 0
        self._matches = [None if term.trigger.hits == ALL_CALLS else term.trigger.hits.match for term in chain]
        # The fault of a rule that acts on every call, as most do: there is nothing to look at.
        first = chain[0]
        self._always = first.fault if len(chain) == 1 and first.trigger == _EVERY_CALL else None
        self.is_counted = all(term.trigger.rate >= 1 for term in chain)
        self.is_separate = len(chain) == 1 and chain[0].trigger.rate < 1 and chain[0].trigger.times is None
        self.is_drawn = all(term.trigger.rate < 1 and term.trigger.hits == ALL_CALLS for term in chain)

    @property
    def term(self) -> Term:
        """The term that decides over the next call."""
        return self._chain[self.term_number]

    def actor_calls(self, actor: str) -> int:
        """Return how many matching calls an actor has made."""
        return self._actor_calls.get(actor, 0)

    def count(self, point: str, actor: str, elapsed_s: float) -> Fault | None:
        """Count one matching call and return the fault that wants it, or ``None``.

        Must be followed by :meth:`settle`.
        """
        self.calls += 1
        self._term_calls += 1
        self.index = self._actor_calls[actor] = self._actor_calls.get(actor, 0) + 1
        term = self._chain[self.term_number]
        matches = self._matches[self.term_number]
        if matches is not None and not matches(self._term_calls):
            return None
        trigger = term.trigger
        if trigger.rate < 1 and not self._stream(self.term_number, point, actor).fires():
            return None
        if trigger.times is not None and self._term_firings >= trigger.times:
            return None
        if trigger.for_s is not None and elapsed_s > trigger.for_s:
            return None
        return term.fault

    def settle(self, fired: bool) -> None:
        """Record whether the fault acted on the call just counted, and go on to the next term where one drained."""
        if fired:
            self.firings += 1
            self._term_firings += 1
        if self.term_number + 1 == len(self._chain):
            return
        trigger = self._chain[self.term_number].trigger
        if self._term_calls >= trigger.hits.end or (trigger.times is not None and self._term_firings >= trigger.times):
            self._before_drain = self._term_calls, self._term_firings
            self.term_number += 1
            self._term_calls = self._term_firings = 0

    def decide(self, point: str, actor: str, elapsed_s: float) -> Fault | None:
        """Count one matching call, let the fault act that wants it, and return it, or ``None``.

        As :meth:`count` and :meth:`settle` do, where no other rule can want the call.
        """
        fault = self._always
        if fault is None:
            fault = self.count(point, actor, elapsed_s)
            self.settle(fault is not None)
            return fault
        self.calls += 1
        self._term_calls += 1
        self.index = self._actor_calls[actor] = self._actor_calls.get(actor, 0) + 1
        self.firings += 1
        self._term_firings += 1
        return fault

    def withdraw(self, term_number: int) -> None:
        """Take a firing back that turned out to be none; the next call of that term may fire in its place.

        Args:
            term_number: The term whose fault it was. A term that only this firing drained goes on.
        """
        self.firings -= 1
        if self.term_number == term_number:
            self._term_firings -= 1
        elif self.term_number == term_number + 1 and not self._term_calls and self._before_drain is not None:
            calls, firings = self._before_drain
            if calls < self._chain[term_number].trigger.hits.end:
                self.term_number, self._term_calls, self._term_firings = term_number, calls, firings - 1

    # --- planning ahead, for calls that are let pass without being counted one by one

    def skip(self, calls: int) -> None:
        """Count calls that were let pass, as planned."""
        self.calls += calls
        self._term_calls += calls

    def skip_of(self, term: int, point: str, actor: str, calls: int) -> None:
        """Count calls of one stream that were let pass, as planned while ``term`` decided."""
        self.calls += calls
        if term == self.term_number:
            self._term_calls += calls
        self._stream(term, point, actor).skip(calls)
        self._actor_calls[actor] = self._actor_calls.get(actor, 0) + calls

    def set_actor_calls(self, actor: str, calls: int) -> None:
        """Say how many calls an actor has made, where that is known better than from the calls counted here."""
        self._actor_calls[actor] = calls

    def plan(self, start: int) -> Window:
        """Return which calls after the next ``start`` ones must be decided, for a rule that :attr:`is_counted`.

        Only as far as it is certain: where the term may drain, the window ends.
        """
        trigger = self.term.trigger
        is_last = self.term_number + 1 == len(self._chain)
        number = self._term_calls + start  # of the last call before the window, in this term
        left: float = NEVER_ENDING
        if trigger.times is not None:
            left = trigger.times - self._term_firings
            if left <= 0:  # only the last term stays when it is used up
                return Window(_quiet(start), ())
            left -= trigger.hits.count_between(self._term_calls, number)
        if number >= trigger.hits.end or left <= 0:
            return Window(_quiet(start) if is_last and number >= trigger.hits.end else 0, ())
        length = int(min(_quiet(start), trigger.hits.end - number))
        asked = trigger.hits.between(number, number + length, at_most=int(min(_ASKED_PER_WINDOW, left)))
        if len(asked) == min(_ASKED_PER_WINDOW, left):
            length = asked[-1] - number
        return Window(length, [hit - number - 1 for hit in asked])

    def plan_of(self, point: str, actor: str) -> Callable[[int], Window]:
        """Return the same for one stream of a rule that :attr:`is_drawn`."""
        drawn = self._stream(self.term_number, point, actor)

        def plan(start: int) -> Window:
            times = self.term.trigger.times
            return drawn.plan(start, is_exhausted=times is not None and self._term_firings >= times)

        return plan

    def _stream(self, term: int, point: str, actor: str) -> _ActorStream:
        known = self._streams.get((term, point, actor))
        if known is None:
            rate = self._chain[term].trigger.rate
            known = self._streams[term, point, actor] = _ActorStream(rate, *self._key, term, point, actor)
        return known
