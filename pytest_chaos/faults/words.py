"""The words of the rule text for faults, and which of them wait for a later version."""

from __future__ import annotations

from pytest_chaos.faults.base import Fault
from pytest_chaos.faults.delaying import Delay
from pytest_chaos.faults.hanging import Hang
from pytest_chaos.faults.raising import Raise
from pytest_chaos.faults.returning import Null, Return

FAULT_WORDS: dict[str, type[Fault]] = {kind.word: kind for kind in (Raise, Hang, Null, Return, Delay)}

LATER_WORDS = frozenset({"cancel", "corrupt", "duplicate", "lose-reply", "stale"})
"""Words of the design that this version knows, and refuses by name."""
