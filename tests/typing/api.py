"""What type checkers must make of the public names. Checked by mypy in strict mode, never run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, assert_type

import pytest_chaos
from pytest_chaos import (
    Call,
    Cancel,
    Chaos,
    ChaosError,
    Corrupt,
    Delay,
    DiskFull,
    Duplicate,
    Either,
    Evidence,
    Fault,
    Hang,
    HttpAnswer,
    Injection,
    LoseReply,
    MisuseError,
    NotationError,
    NotRecoveredError,
    Null,
    Raise,
    Return,
    Rule,
    Scenario,
    SpecificationError,
    Stale,
    TargetError,
    Trigger,
    Verdict,
    format_rule,
    format_scenario,
    parse,
)

assert_type(pytest_chaos.__version__, str)


class BankDown(Exception):
    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code, reason)


def charge(amount: int) -> str:
    return str(amount)


def factory(code: int) -> BankDown:
    return BankDown(code)


faults: list[Fault] = [
    Raise(TimeoutError),
    Raise(BankDown, 503, reason="maintenance"),
    Raise(BankDown(503)),
    Raise(factory, 503),
    Raise(lambda: BankDown(503)),
    Hang(),
    Hang(2),
    Hang(seconds=None),
    Return(42),
    Return({"a": [1]}),
    Null(),
    Delay(0.2),
    Delay(0.2, jitter=0.05),
    Corrupt(),
    Cancel(),
    LoseReply(ConnectionError),
    LoseReply(BankDown, 503, reason="maintenance"),
    LoseReply(factory, 503),
    Duplicate(),
    Stale(),
    DiskFull(),
    HttpAnswer(503),
    HttpAnswer(429, {"code": 1}, headers={"Retry-After": "1"}),
    Either(Raise(TimeoutError), Null),
    Either(Null, Corrupt, Either(Hang, Stale()), weights=(3, 1, 0.5)),
]
assert_type(Either(Null, Hang).weights, tuple[float, ...])
assert_type(Stale().needs_answers, bool)
assert_type(Hang().seconds, float | None)
assert_type(Delay(1).jitter, float)


def test_by_hand(chaos: Chaos) -> None:
    with chaos.inject("shop.payments:charge", Raise(ConnectionError)) as outage:
        assert_type(outage, Injection)
        assert_type(outage.fired, int)
        assert_type(outage.calls, int)
        assert_type(outage.text, str)
        for activation in outage.activations:
            assert_type(activation.number, int)
            assert_type(activation.point, str)
    assert_type(outage.lift(), None)
    chaos.inject(charge, Null, nth=[1, 3], times=2)
    chaos.inject(charge, Hang(), rate=0.2, after=3, for_s=1.5)
    chaos.inject("shop.db:query = 2*raise(ConnectionError)->null")
    chaos.inject(charge, Stale, after=1)
    chaos.inject(charge, Either(Corrupt, LoseReply(ConnectionError)), rate=0.5)
    chaos.inject(charge, Null, when=lambda call: call.args[0] == 5, caller="shop.*", args={"amount": 5})
    seconds: float = chaos.recovers(lambda: True, within=5.0)
    assert_type(chaos.calls("shop.payments:charge"), int)
    assert_type(chaos.amplification(charge), float)
    assert_type(chaos.lift(), None)
    chaos.expect(status=[200, "4xx"], leaks="strict")
    assert_type(len(chaos.journal.activations), int)
    assert seconds >= 0


def predicate(call: Call) -> bool:
    assert_type(call.args, tuple[Any, ...])
    assert_type(call.kwargs, Mapping[str, Any])
    assert_type(call.number, int)
    return call.caller == "shop.api"


condition: Callable[[Call], object] = predicate
trigger = Trigger(rate=0.5, when=predicate)
assert_type(trigger.is_sure, bool)

rules = parse("m:f = hang; m:g = null", "option")
assert_type(rules, list[Rule])
assert_type(format_rule(rules[0]), str)
assert_type(format_scenario(rules), str)


def pytest_chaos_keep_scenario(test: str, scenario: Scenario) -> bool | None:
    """What a hook is asked about."""
    assert_type(scenario.rules, tuple[Rule, ...])
    assert_type(scenario.label + scenario.text + scenario.lane, str)
    assert_type(scenario.seed, int | None)
    return True if scenario.shape == "all" else None


assert_type(Verdict.HUNG < Verdict.LOST, bool)
assert_type(Verdict.from_word("not-recovered"), Verdict)
assert_type(Evidence("leaks", "thread", "x").text, str)

try:
    parse("m:f = what")
except NotationError as error:
    assert_type(error.column, int)
    assert_type(error.at("option"), NotationError)
    specification: SpecificationError = error
except TargetError as error:
    assert_type(error.what, str)

roots: list[type[ChaosError]] = [SpecificationError, NotationError, TargetError, MisuseError, NotRecoveredError]
assertion: type[AssertionError] = NotRecoveredError

# Refused by a checker. mypy in strict mode complains about an ignore that ignores nothing.
Raise(42)  # type: ignore[arg-type]  # a checker must refuse it
Raise("TimeoutError")  # type: ignore[arg-type]  # a checker must refuse it
Hang("2")  # type: ignore[arg-type]  # a checker must refuse it
Delay()  # type: ignore[call-arg]  # a checker must refuse it
Return()  # type: ignore[call-arg]  # a checker must refuse it
Hang().seconds = 3  # type: ignore[misc]  # a checker must refuse it
explode = pytest_chaos.Explode  # type: ignore[attr-defined]  # a checker must refuse it
