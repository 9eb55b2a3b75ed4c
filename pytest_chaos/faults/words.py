"""The words of the rule text for faults."""

from __future__ import annotations

from pytest_chaos.faults.answering import HttpAnswer
from pytest_chaos.faults.base import Fault
from pytest_chaos.faults.cancelling import Cancel
from pytest_chaos.faults.corrupting import Corrupt
from pytest_chaos.faults.delaying import Delay
from pytest_chaos.faults.filling import DiskFull
from pytest_chaos.faults.hanging import Hang
from pytest_chaos.faults.raising import Raise
from pytest_chaos.faults.replying import Duplicate, LoseReply, Stale
from pytest_chaos.faults.returning import Null, Return

FAULT_WORDS: dict[str, type[Fault]] = {
    kind.word: kind
    for kind in (Raise, Hang, Null, Return, Delay, Corrupt, Cancel, LoseReply, Duplicate, Stale, DiskFull, HttpAnswer)
}
