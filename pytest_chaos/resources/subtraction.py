"""Subtraction: what a fault left behind is what the plain run does not leave anyway."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from pytest_chaos.resources.leftovers import Leftover


class Difference(NamedTuple):
    """The leftovers of a run under a fault, parted by whether the plain run leaves them too.

    Attributes:
        caused: What the fault is blamed for.
        pre_existing: What leaks anyway: printed, and not blamed on the fault.
    """

    caused: tuple[Leftover, ...]
    pre_existing: tuple[Leftover, ...]


_NOTHING = Difference((), ())


def subtract(faulty: Iterable[Leftover], plain: Iterable[Leftover]) -> Difference:
    """Part the leftovers of a run under a fault by what the plain run left, as often as it left it.

    Things are told by kind and creation site, because names carry counters and identities differ from run to run: two
    threads of one line under the fault and one without are one that was caused. A leak of the plain run stands for a
    leak or a note; a note stands for a note only, for a thing that got worse under the fault is the fault's.

    Args:
        faulty: What the run under the fault left.
        plain: What the run without it left.
    """
    faulty = list(faulty)
    if not faulty:
        return _NOTHING
    leaks: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    for one in plain:
        (notes if one.is_note else leaks)[one.fingerprint] += 1
    anyway: set[int] = set()
    for is_note, stocks in ((False, (leaks,)), (True, (notes, leaks))):
        for index, one in enumerate(faulty):
            if one.is_note is not is_note:
                continue
            stock = next((stock for stock in stocks if stock[one.fingerprint]), None)
            if stock is not None:
                stock[one.fingerprint] -= 1
                anyway.add(index)
    return Difference(
        tuple(one for index, one in enumerate(faulty) if index not in anyway),
        tuple(one for index, one in enumerate(faulty) if index in anyway),
    )
