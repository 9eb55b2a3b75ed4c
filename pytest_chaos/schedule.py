"""The plan: (seed, test, rule, point, actor, call number) -> fire or pass.

Everything drawn comes from one keyed hash per actor, so the same seed gives the same firings alone, in the whole suite,
shuffled, and on any worker. Counts are kept per rule, over all actors, by a :class:`Cursor`.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterator

from pytest_chaos.faults.base import Fault
from pytest_chaos.scenario import Term


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


class _ActorStream:
    """Which of one actor's hits fire."""

    def __init__(self, rate: float, *key: object) -> None:
        self._firings = firing_indexes(rate, *key)
        self._next = next(self._firings, -1)
        self._index = -1

    def fires(self) -> bool:
        self._index += 1
        if self._index != self._next:
            return False
        self._next = next(self._firings, -1)
        return True


class Cursor:
    """How far one rule has come in one body run: the only state of the schedule.

    Not safe for concurrent use; the injector holds a lock around each call of a method.

    Args:
        chain: The rule's terms.
        *key: Seed, test and rule, from which every draw is derived.
    """

    def __init__(self, chain: tuple[Term, ...], *key: object) -> None:
        self._chain = chain
        self._key = key
        self._term = 0
        self._term_calls = 0
        self._term_firings = 0
        self._streams: dict[tuple[int, str, str], _ActorStream] = {}
        self._actor_calls: dict[str, int] = {}
        self.calls = 0
        self.firings = 0

    @property
    def term(self) -> Term:
        """The term that decides over the next call."""
        return self._chain[self._term]

    def actor_calls(self, actor: str) -> int:
        """Return how many matching calls an actor has made."""
        return self._actor_calls.get(actor, 0)

    def count(self, point: str, actor: str, elapsed_s: float) -> Fault | None:
        """Count one matching call and return the fault that wants it, or ``None``.

        Must be followed by :meth:`settle`.
        """
        self.calls += 1
        self._term_calls += 1
        self._actor_calls[actor] = self._actor_calls.get(actor, 0) + 1
        term = self.term
        trigger = term.trigger
        if not trigger.hits.match(self._term_calls):
            return None
        if not self._draws(term, point, actor):
            return None
        if trigger.times is not None and self._term_firings >= trigger.times:
            return None
        if trigger.for_s is not None and elapsed_s > trigger.for_s:
            return None
        return term.fault

    def settle(self, fired: bool) -> None:
        """Record whether the fault acted on the call just counted, and go on to the next term where one drained."""
        trigger = self.term.trigger
        if fired:
            self.firings += 1
            self._term_firings += 1
        drained = self._term_calls >= trigger.hits.end or (
            trigger.times is not None and self._term_firings >= trigger.times
        )
        if drained and self._term + 1 < len(self._chain):
            self._term += 1
            self._term_calls = self._term_firings = 0

    def _draws(self, term: Term, point: str, actor: str) -> bool:
        if term.trigger.rate >= 1:
            return True
        key = (self._term, point, actor)
        known = self._streams.get(key)
        if known is None:
            known = self._streams[key] = _ActorStream(term.trigger.rate, *self._key, self._term, point, actor)
        return known.fires()
