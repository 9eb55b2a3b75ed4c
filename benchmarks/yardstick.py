"""How fast this machine is just now, beside the one on which the bars in microseconds were set.

A shared machine runs at half its speed for minutes, and another one is another one, so microseconds say little by
themselves. The same call of a mock was measured when the bars were set; what it takes now, in turns with what is
measured, tells how many times longer everything takes that is made of calls in Python. Of three such calls this is the
one that says least against us: by a wrapt pass-through, or a mock with a specification, the same machines are slower
still.
"""

from __future__ import annotations

import statistics
import sys
from time import thread_time
from unittest import mock

_WHEN_BARS_WERE_SET_US = {(3, 11): 4.353, (3, 12): 5.113, (3, 13): 4.492}
WHEN_BARS_WERE_SET_US = _WHEN_BARS_WERE_SET_US[min(sys.version_info[:2], max(_WHEN_BARS_WERE_SET_US))]
"""What a call of :func:`called_mock` took then, in microseconds."""
_CALLS = 300


def called_mock() -> mock.MagicMock:
    """Return the mock, to be called with two arguments."""
    return mock.MagicMock(wraps=_wrapped)


def slowness(rounds: int = 5) -> float:
    """Return how many times longer a call of a mock takes now, the median of some rounds."""
    return statistics.median(_us_of_a_mock() for _ in range(rounds)) / WHEN_BARS_WERE_SET_US


def _us_of_a_mock() -> float:
    called = called_mock()
    began = thread_time()
    for _ in range(_CALLS):
        called(1, 2)
    return (thread_time() - began) * 1e6 / _CALLS


def _wrapped(a: int, b: int) -> int:
    return a
