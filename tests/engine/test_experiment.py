"""One run on one page: stages in order, everything put back, recovery, and what the observation holds."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from pytest_chaos import MisuseError, NotRecoveredError, Null, SpecificationError, parse
from pytest_chaos.contract import Contract
from pytest_chaos.control import Chaos
from pytest_chaos.injector.injector import Patience
from pytest_chaos.observation import Observation
from pytest_chaos.oracles import ORACLES
from pytest_chaos.plan import PlannedRule
from pytest_chaos.verdict import Evidence, Finding, Verdict

BREAKER = """
class Breaker:
    failures, closes_after = 0, 0
    def call(self):
        try:
            answer = bank()
        except OSError:
            self.failures = 3
            return "open"
        if self.failures > self.closes_after:
            self.failures -= 1
            return "open"
        return answer
def bank(): return "paid"
"""


@pytest.fixture
def shop(lab: Any) -> Any:
    return lab.module("shop", BREAKER)


def test_a_rule_alone_at_its_point_spares_the_test_and_is_lifted_when_its_patience_ends(lab: Any) -> None:
    """Nobody watches that point, so nothing but the rule itself makes that each of its calls is decided."""
    shop = lab.module("shop", "def bank(): return 'paid'\n\ndef system(): return bank()\n")
    rule = PlannedRule(parse("shop:bank = raise(OSError)")[0], spares_driver=True, patience=Patience(2, 60))
    experiment = lab.experiment(rules=(rule,), watched=[])
    (injection,) = experiment.injector.injections
    with experiment.body():
        for _ in range(2):
            assert shop.bank() == "paid"  # the test's own call
            with pytest.raises(OSError, match="injected"):
                shop.system()
        assert shop.system() == "paid"
    seen, _ = experiment.conclude()

    assert (injection.calls, injection.fired) == (5, 2)
    assert seen.let_through == "after 2 activations shop:bank = raise(OSError) was lifted, so that the test ends"


def test_observation_says_what_was_asked_and_what_happened(shop: Any, lab: Any) -> None:
    rules = ("shop:bank = #2 null", "shop:Breaker.call = 50%#9 null")
    seen = lab.run(lambda: [shop.bank() for _ in range(3)], *rules, seed=5, test="t.py::test").observation

    assert ("t.py::test", "fault", 5, "; ".join(rules)) == (seen.test, seen.kind, seen.seed, seen.scenario)
    assert [(rules[0], 3, 1, True, ("shop:bank",)), (rules[1], 0, 0, False, ("shop:Breaker.call",))] == [
        (rule.text, rule.calls, rule.fired, rule.is_sure, rule.points) for rule in seen.rules
    ]
    assert (1, True) == (seen.fired, seen.is_sure)
    assert [("shop:bank", Null(), 2)] == [(one.point, one.fault, one.number) for one in seen.activations]
    assert [("shop:bank", "#2 null"), ("shop:Breaker.call", "50%#9 null")] == [(r.target, r.fault) for r in seen.rules]


def test_run_without_a_rule_is_resilient(shop: Any, lab: Any) -> None:
    seen = lab.run(lambda: shop.bank())

    assert ("resilient", False, "") == (seen.verdict, seen.fails, seen.observation.scenario)


@pytest.mark.parametrize(
    ("rule", "verdict", "fails"),
    [
        ("shop:bank = #9 null", "inconclusive", True),
        ("shop:bank = 0.0001%null", "inconclusive", False),
        ("shop:bank = null", "resilient", False),
    ],
)
def test_sure_rule_that_never_fired_fails(shop: Any, lab: Any, rule: str, verdict: str, fails: bool) -> None:
    seen = lab.run(lambda: shop.bank(), rule)

    assert (verdict, fails) == (seen.verdict, seen.fails)


def test_glob_that_matches_nothing_is_a_rule_that_never_fired(shop: Any, lab: Any) -> None:
    seen = lab.run(lambda: shop.bank(), "shop:nothing_* = null")

    assert ("inconclusive", True) == (seen.verdict, seen.fails)
    assert "its target matched nothing" in seen.texts[0]


def test_glob_is_one_rule_with_one_count(shop: Any, lab: Any) -> None:
    seen = lab.run(lambda: (shop.bank(), shop.Breaker().call()), "shop:b* = #2 null")

    assert ([2], [2]) == (seen.calls, seen.numbers)


def test_third_partys_oracle_is_asked(shop: Any, lab: Any) -> None:
    def grumpy(seen: Observation) -> Any:
        yield Finding(Verdict.STORM, Evidence("grumpy", "mood", "no"), fails=True)

    lab.laboratory = replace(lab.laboratory, oracles=(*ORACLES, grumpy))
    seen = lab.run(lambda: shop.bank(), "shop:bank = null")

    assert ("storm", True, ["mood"]) == (seen.verdict, seen.fails, seen.kinds)


def test_experiment_closes_twice_without_harm(shop: Any, lab: Any) -> None:
    original = shop.bank
    experiment = lab.experiment("shop:bank = null")
    experiment.close()
    experiment.close()

    assert shop.bank is original


# --- recovery


def recovering(shop: Any, lab: Any, body: Any) -> Any:
    experiment = lab.experiment("shop:bank = raise(OSError)")
    error: BaseException | None = None
    with experiment.body():
        try:
            body(Chaos(experiment))
        except BaseException as caught:
            error = caught
    experiment.ended_with(error)
    return experiment.conclude()


def test_probe_that_comes_true_is_a_recovery(shop: Any, lab: Any) -> None:
    breaker = shop.Breaker()
    taken: list[float] = []

    def body(chaos: Chaos) -> None:
        assert "open" == breaker.call()
        taken.append(chaos.recovers(lambda: breaker.call() == "paid"))

    _, judgement = recovering(shop, lab, body)

    assert ("resilient", False) == (judgement.verdict.value, judgement.fails)
    assert 0 < taken[0] < 5


def test_breaker_that_never_closes_is_not_recovered(shop: Any, lab: Any) -> None:
    breaker = shop.Breaker()
    breaker.closes_after = -1

    def body(chaos: Chaos) -> None:
        breaker.call()
        chaos.recovers(lambda: breaker.call() == "paid", within=0.05)

    seen, judgement = recovering(shop, lab, body)

    assert ("not recovered", True) == (judgement.verdict.value, judgement.fails)
    assert "the probe was not true within 0.05 s after all faults were lifted; it returned False" == seen.recovery


def test_error_of_a_probe_counts_as_not_yet_and_the_last_is_shown(shop: Any, lab: Any) -> None:
    answers = iter([OSError("first"), OSError("second"), True])

    def probe() -> bool:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    with lab.window() as chaos:
        chaos.recovers(probe)
        with pytest.raises(NotRecoveredError, match="it raised StopIteration"):
            chaos.recovers(probe, within=0.02)


def test_probe_may_be_a_coroutine_function(shop: Any, lab: Any) -> None:
    async def probe() -> bool:
        await asyncio.sleep(0)
        return True

    with lab.window() as chaos:
        assert chaos.recovers(probe) >= 0


def test_recovery_inside_a_running_loop_is_awaited(shop: Any, lab: Any) -> None:
    tries = iter([False, True, True])

    async def main(chaos: Chaos) -> list[float]:
        async def later() -> bool:
            return next(tries)

        return [await chaos.recovers(later), await chaos.recovers(lambda: next(tries))]

    with lab.window("shop:bank = null") as chaos:
        assert all(seconds >= 0 for seconds in asyncio.run(main(chaos)))
        assert "paid" == shop.bank()


def test_recovery_lifts_every_fault_first(shop: Any, lab: Any) -> None:
    with lab.window("shop:bank = null") as chaos:
        chaos.recovers(lambda: shop.bank() == "paid", within=0.01)


@pytest.mark.parametrize("probe", [None, True, "shop:probe"])
def test_probe_that_cannot_be_called_is_refused(shop: Any, lab: Any, probe: Any) -> None:
    with lab.window() as chaos, pytest.raises(SpecificationError, match="must be callable"):
        chaos.recovers(probe)


@pytest.mark.parametrize("within", [-1, "5", None, float("nan")])
def test_time_for_a_recovery_is_a_number_of_seconds(shop: Any, lab: Any, within: Any) -> None:
    with lab.window() as chaos, pytest.raises(SpecificationError, match="within"):
        chaos.recovers(lambda: True, within=within)


# --- the rest of the fixture


def test_amplification_needs_a_plain_run(shop: Any, lab: Any) -> None:
    with lab.window() as chaos, pytest.raises(MisuseError, match="a fault test has none"):
        chaos.amplification("shop:bank")


def test_expectation_replaces_keys_of_the_contract(shop: Any, lab: Any) -> None:
    experiment = lab.experiment(contract=Contract(errors=("OSError",)))
    Chaos(experiment).expect(leaks="strict")
    with pytest.raises(SpecificationError, match="Did you mean 'leaks'"):
        Chaos(experiment).expect(leak="off")
    experiment.close()

    assert Contract(None, ("OSError",), "strict") == experiment.contract


def test_objects_say_what_they_are(shop: Any, lab: Any) -> None:
    with lab.window(test="t.py::test") as chaos:
        injection = chaos.inject("shop:bank = null")
        shop.bank()

        assert "<Injection shop:bank = null: 1 of 1 calls>" == repr(injection)
        assert repr(chaos).startswith("<Chaos of t.py::test: [<Injection shop:bank")
