"""The guard: ends the body of an explored test that will never end by itself.

Nobody chose the fault that an exploration injects, and nobody sits beside it: a lock that an error left held must not
freeze the run. One thread for a session looks, and only while a body lasts; where a hang is injected the ward looks.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from pytest_chaos.hang import BUDGET_S, Ward
from pytest_chaos.resources.standstill import MEANING, Standstill

_TICK_S = 0.25
_BETWEEN_SAMPLES_S = 0.02


class Guard:
    """Watches one body at a time.

    Args:
        bystanders: Threads of the test runner, by native id, that end no wait.
    """

    def __init__(self, bystanders: frozenset[int] = frozenset()) -> None:
        self._standstill = Standstill(bystanders, lambda: False)
        self._changed = threading.Condition(threading.Lock())
        self._watched: tuple[Ward, float, float] | None = None
        self._is_idle = False
        self._is_closed = False
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def watching(self, ward: Ward, limit_s: float) -> Iterator[None]:
        """Look after a body: it is interrupted once it stands still for ever, at the latest after the limit.

        Args:
            ward: The ward of its run.
            limit_s: In seconds.
        """
        with self._changed:
            self._watched = (ward, time.monotonic(), limit_s)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="pytest-chaos guard", daemon=True)
                self._thread.start()
            elif self._is_idle:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._watched = None

    def close(self) -> None:
        """End the thread. Harmless when done twice."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _watch(self) -> None:
        while True:
            with self._changed:
                if self._is_closed:
                    return
                # Without an end while there is nothing to watch: a timed wait of ours would spoil the proof of a hang.
                self._is_idle = self._watched is None
                self._changed.wait(None if self._is_idle else _TICK_S)
                watched = self._watched
            if watched is not None:
                self._look(*watched)

    def _look(self, ward: Ward, began: float, limit_s: float) -> None:
        age = time.monotonic() - began
        if age < BUDGET_S:
            return
        if age >= limit_s:
            ward.interrupt(f"chaos: the test did not end within {limit_s:.0f} s")
            return
        before = self._standstill.sample()
        if before is None:
            return
        time.sleep(_BETWEEN_SAMPLES_S)  # between two looks at the process
        if self._standstill.sample() == before and self._watched is not None and self._watched[0] is ward:
            ward.interrupt(f"chaos: proved that the test never ends: {MEANING}")
