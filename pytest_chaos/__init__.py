"""pytest-chaos: what happens when this call fails?

The package is a river; each stage imports only from stages before it::

    rule text / marker / suite -> scenario -> schedule -> injector -> (test body)
        -> journal + leftovers -> observation -> oracles -> verdict -> report

Start reading at :mod:`pytest_chaos.experiment`: one run, on one page.
What a user imports is listed in ``__all__`` and handed out lazily, because pytest loads this package in every run
of everybody who has it installed, and most of those runs do not ask for chaos.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_chaos.control import Chaos as Chaos
    from pytest_chaos.control import Injection as Injection
    from pytest_chaos.errors import ChaosError as ChaosError
    from pytest_chaos.errors import MisuseError as MisuseError
    from pytest_chaos.errors import NotationError as NotationError
    from pytest_chaos.errors import NotRecoveredError as NotRecoveredError
    from pytest_chaos.errors import SpecificationError as SpecificationError
    from pytest_chaos.errors import TargetError as TargetError
    from pytest_chaos.explorer import Scenario as Scenario
    from pytest_chaos.faults.alternating import Either as Either
    from pytest_chaos.faults.answering import HttpAnswer as HttpAnswer
    from pytest_chaos.faults.base import Fault as Fault
    from pytest_chaos.faults.cancelling import Cancel as Cancel
    from pytest_chaos.faults.corrupting import Corrupt as Corrupt
    from pytest_chaos.faults.delaying import Delay as Delay
    from pytest_chaos.faults.filling import DiskFull as DiskFull
    from pytest_chaos.faults.hanging import Hang as Hang
    from pytest_chaos.faults.raising import Raise as Raise
    from pytest_chaos.faults.replying import Duplicate as Duplicate
    from pytest_chaos.faults.replying import LoseReply as LoseReply
    from pytest_chaos.faults.replying import Stale as Stale
    from pytest_chaos.faults.returning import Null as Null
    from pytest_chaos.faults.returning import Return as Return
    from pytest_chaos.notation import format_rule as format_rule
    from pytest_chaos.notation import format_scenario as format_scenario
    from pytest_chaos.notation import parse as parse
    from pytest_chaos.scenario import Rule as Rule
    from pytest_chaos.triggers import Call as Call
    from pytest_chaos.triggers import Trigger as Trigger
    from pytest_chaos.verdict import Evidence as Evidence
    from pytest_chaos.verdict import Verdict as Verdict

__version__ = "0.1.0"

_HOME = {
    "Call": "triggers",
    "Cancel": "faults.cancelling",
    "Chaos": "control",
    "ChaosError": "errors",
    "Corrupt": "faults.corrupting",
    "Delay": "faults.delaying",
    "DiskFull": "faults.filling",
    "Duplicate": "faults.replying",
    "Either": "faults.alternating",
    "Evidence": "verdict",
    "Fault": "faults.base",
    "Hang": "faults.hanging",
    "HttpAnswer": "faults.answering",
    "Injection": "control",
    "LoseReply": "faults.replying",
    "MisuseError": "errors",
    "NotRecoveredError": "errors",
    "NotationError": "errors",
    "Null": "faults.returning",
    "Raise": "faults.raising",
    "Return": "faults.returning",
    "Rule": "scenario",
    "Scenario": "explorer",
    "SpecificationError": "errors",
    "Stale": "faults.replying",
    "TargetError": "errors",
    "Trigger": "triggers",
    "Verdict": "verdict",
    "format_rule": "notation",
    "format_scenario": "notation",
    "parse": "notation",
}

__all__ = [
    "Call",
    "Cancel",
    "Chaos",
    "ChaosError",
    "Corrupt",
    "Delay",
    "DiskFull",
    "Duplicate",
    "Either",
    "Evidence",
    "Fault",
    "Hang",
    "HttpAnswer",
    "Injection",
    "LoseReply",
    "MisuseError",
    "NotRecoveredError",
    "NotationError",
    "Null",
    "Raise",
    "Return",
    "Rule",
    "Scenario",
    "SpecificationError",
    "Stale",
    "TargetError",
    "Trigger",
    "Verdict",
    "__version__",
    "format_rule",
    "format_scenario",
    "parse",
]


if not TYPE_CHECKING:  # a checker would take it for a promise that every name is there

    def __getattr__(name: str) -> object:
        if name in _HOME:
            value: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
            globals()[name] = value
            return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
