"""From the exception that ended a body to facts about it; and the verdicts that follow, on whole runs."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from pytest_chaos.contract import Contract
from pytest_chaos.ending import chain, describe, is_caused_by_ours
from pytest_chaos.journal import token_in

SHOP = """
class BankDown(Exception): ...
class Unrelated(Exception): ...
def pay(): return "paid"

def bare(): return pay()
def wrapped():
    try: return pay()
    except OSError as error: raise BankDown(f"bank: {error}") from error
def hidden():
    try: return pay()
    except OSError as error: message = str(error)
    raise BankDown(message)
def in_handler():
    try: return pay()
    except OSError: return {}["key"]
def null_dereference(): return pay().upper()
def grouped():
    try: pay()
    except OSError as error: raise ExceptionGroup("g", [error, ExceptionGroup("h", [error])])
def grouped_with_another():
    try: pay()
    except OSError as error: raise ExceptionGroup("g", [error, KeyError("k")])
def group_caused():
    try: pay()
    except OSError as error: raise ExceptionGroup("g", [KeyError("k")]) from error
def reraised():
    try: pay()
    except OSError as error: raise error.with_traceback(None)
def copied():
    import pickle
    try: pay()
    except OSError as error: message = pickle.dumps(error)
    raise pickle.loads(message)
def own_assertion():
    try: pay()
    except OSError: assert False, "of the project"
def unrelated():
    try: pay()
    except OSError: pass
    raise Unrelated("late")
def before():
    raise Unrelated("early")
def interrupted():
    raise SystemExit(3)
"""


@pytest.fixture
def shop(lab: Any) -> Any:
    return lab.module("shop", SHOP)


DECLARED = Contract(errors=("shop:BankDown",))


@pytest.mark.parametrize(
    ("name", "contract", "verdict", "kind"),
    [
        ("bare", Contract(), "escaped", "injected-error"),
        ("bare", DECLARED, "escaped", "injected-error"),
        ("reraised", Contract(), "escaped", "injected-error"),
        ("copied", Contract(), "escaped", "injected-error"),
        ("grouped", Contract(), "escaped", "injected-error"),
        ("wrapped", Contract(), "wrong error", "error-in-handler"),
        ("wrapped", DECLARED, "escaped", "declared-error"),
        ("hidden", Contract(), "wrong error", "other-error"),
        ("hidden", DECLARED, "wrong error", "lost-cause"),
        ("in_handler", Contract(), "wrong error", "error-in-handler"),
        ("in_handler", DECLARED, "wrong error", "error-in-handler"),
        ("grouped_with_another", Contract(), "wrong error", "error-in-handler"),
        ("group_caused", Contract(), "wrong error", "error-in-handler"),
        ("own_assertion", Contract(), "wrong error", "error-in-handler"),
        ("unrelated", Contract(), "wrong error", "other-error"),
        ("before", Contract(), "inconclusive", "unrelated"),
        ("interrupted", Contract(), "inconclusive", "unrelated"),
    ],
)
def test_ending_is_classified(shop: Any, lab: Any, name: str, contract: Contract, verdict: str, kind: str) -> None:
    rule = "shop:pay = raise(OSError)"
    seen = lab.run(lambda: getattr(shop, name)(), rule, contract=contract)

    assert (verdict, True, True) == (seen.verdict, seen.fails, kind in seen.kinds)


def test_null_dereference_is_a_wrong_error_at_its_place(shop: Any, lab: Any) -> None:
    seen = lab.run(lambda: shop.null_dereference(), "shop:pay = null")

    assert "wrong error" == seen.verdict
    assert "AttributeError: 'NoneType' object has no attribute 'upper' at shop.py:" in seen.texts[0]
    assert seen.texts[0].endswith("in null_dereference")


def test_own_assertion_of_the_test_is_a_change(shop: Any, lab: Any) -> None:
    def body() -> None:
        assert shop.pay() == "paid"

    seen = lab.run(body, "shop:pay = null")

    assert ("changed", True, ["assertion"]) == (seen.verdict, seen.fails, seen.kinds)


def test_failed_raises_is_the_tests_own_assertion(shop: Any, lab: Any) -> None:
    def body() -> None:
        with pytest.raises(KeyError):
            shop.pay()

    assert "changed" == lab.run(body, "shop:pay = null").verdict


def test_caught_error_is_resilient(shop: Any, lab: Any) -> None:
    def body() -> None:
        with pytest.raises(OSError):
            shop.pay()

    seen = lab.run(body, "shop:pay = raise(OSError)")

    assert ("resilient", False, []) == (seen.verdict, seen.fails, seen.kinds)


@pytest.mark.parametrize("error", ["SystemExit", "KeyboardInterrupt", "GeneratorExit"])
def test_injected_exit_is_an_escape(shop: Any, lab: Any, error: str) -> None:
    seen = lab.run(lambda: shop.bare(), f"shop:pay = raise({error})")

    assert "escaped" == seen.verdict
    assert (error == "KeyboardInterrupt") == seen.observation.failure.is_injected_interrupt


def test_facts_hold_no_frames(shop: Any, lab: Any) -> None:
    """They travel between processes."""
    seen = lab.run(lambda: shop.wrapped(), "shop:pay = raise(OSError)")

    assert seen.observation == pickle.loads(pickle.dumps(seen.observation))


def test_facts_about_a_hang_travel_too(lab: Any) -> None:
    """Without the code of the function whose limit was not given."""
    shop = lab.module("shop", "def pay(timeout=None): ...")
    seen = lab.run(lambda: shop.pay(), "shop:pay = hang", budget_s=0.05).observation

    assert ("hung", "timeout") == (seen.parked[0].outcome, seen.parked[0].limit.parameter)
    assert seen == pickle.loads(pickle.dumps(seen))


@pytest.mark.parametrize(
    ("message", "token"),
    [
        ("chaos: injected at m:f, call 1 [c0ffee]", "c0ffee"),
        ("chaos: the reply was lost\nat m:f, call 1 [c0ffee]", "c0ffee"),
        ("chaos: injected at ‹a [b]›, call 1 [c0ffee]", "c0ffee"),
        ("bank: chaos: injected at m:f, call 1 [c0ffee]", ""),
        ("chaos: injected at m:f, call 1 [c0ffee]!", ""),
        ("chaos: injected at m:f, call 1 []", ""),
        ("[c0ffee]", ""),
        ("", ""),
    ],
)
def test_token_is_read_from_a_message_that_an_activation_marked(message: str, token: str) -> None:
    assert token == token_in(message)


def test_error_of_another_run_is_not_ours(shop: Any, lab: Any) -> None:
    """It has the type and a mark of ours, and a token that no activation has."""
    old = OSError("chaos: injected at shop:pay, call 1 [000000]")

    def body() -> None:
        with pytest.raises(OSError):
            shop.pay()
        raise old

    assert ("wrong error", ["other-error"]) == (
        (seen := lab.run(body, "shop:pay = raise(OSError)")).verdict,
        seen.kinds,
    )


def test_injected_error_in_a_chain_is_recognised(shop: Any, lab: Any) -> None:
    experiment = lab.experiment("shop:pay = raise(OSError)")
    errors: list[BaseException] = []
    with experiment.body():
        for name in ("wrapped", "group_caused", "unrelated", "before"):
            try:
                getattr(shop, name)()
            except Exception as error:
                errors.append(error)
        assert [True, True, False, False] == [is_caused_by_ours(error, experiment.journal) for error in errors]
    experiment.close()


def test_chain_follows_causes_contexts_and_groups_once() -> None:
    first, second, third = KeyError(1), KeyError(2), KeyError(3)
    group = ExceptionGroup("g", [first])
    group.__cause__, group.__context__ = second, third
    first.__context__ = group

    assert {id(group), id(first), id(second), id(third)} == {id(link) for link in chain(group)}
    assert 4 == len(list(chain(group)))


@pytest.mark.parametrize(
    ("error", "expected"),
    [(ValueError("a\nb"), "ValueError: a"), (ValueError(), "ValueError"), (KeyError("k"), "KeyError: 'k'")],
)
def test_error_is_described_in_one_line(error: BaseException, expected: str) -> None:
    assert expected == describe(error)
