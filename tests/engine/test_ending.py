"""From the exception that ended a body to facts about it; and the verdicts that follow, on whole runs."""

from __future__ import annotations

import json
import pickle
import sys
from typing import Any

import pytest

from pytest_chaos.contract import Contract
from pytest_chaos.ending import chain, describe, is_caused_by_ours
from pytest_chaos.journal import token_in

SHOP = """
import asyncio, queue, sys, threading

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
def late_assertion():
    try: pay()
    except OSError: pass
    assert False, "of the project"
def from_none():
    try: return pay()
    except OSError: raise BankDown from None
def in_finally():
    try: pay()
    finally: {}["key"]
class Door:
    def __enter__(self): return self
    def __exit__(self, *of): self.no_such_name
def leaving():
    with Door(): pay()
def unbound():
    try: receipt = pay()
    except OSError: pass
    return receipt
def over_a_thread():
    answers = queue.Queue()
    def work():
        try: answers.put(pay())
        except OSError: answers.put(None)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if answers.get() is None: raise BankDown
def over_a_future():
    async def main():
        future = asyncio.get_running_loop().create_future()
        try: pay()
        except OSError: pass
        future.set_exception(BankDown())
        await future
    asyncio.run(main())
def exhausted():
    async def main():
        lines = iter([])
        try: pay()
        except OSError: pass
        next(lines)
    asyncio.run(main())
def exits():
    try: pay()
    except OSError as error: sys.exit(f"no bank: {error}")
async def charge(then):
    try: pay()
    except OSError as error: then(error)
async def both(then):
    async with asyncio.TaskGroup() as group:
        group.create_task(charge(tell))
        group.create_task(charge(then))
def tell(error): raise BankDown from error
def in_a_task_group(): asyncio.run(both(tell))
def beside_a_mistake(): asyncio.run(both(lambda error: error.no_such_name))
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
        ("wrapped", Contract(), "escaped", "translated"),
        ("wrapped", DECLARED, "escaped", "declared-error"),
        ("hidden", Contract(), "escaped", "translated-cause-lost"),
        ("hidden", DECLARED, "escaped", "translated-cause-lost"),
        ("in_handler", Contract(), "wrong error", "error-in-handler"),
        ("in_handler", DECLARED, "wrong error", "error-in-handler"),
        ("grouped_with_another", Contract(), "escaped", "translated"),
        ("group_caused", Contract(), "escaped", "translated"),
        ("own_assertion", Contract(), "wrong error", "error-in-handler"),
        ("late_assertion", Contract(), "wrong error", "other-error"),
        ("unrelated", Contract(), "escaped", "translated-cause-lost"),
        ("from_none", Contract(), "escaped", "translated"),
        ("in_finally", Contract(), "wrong error", "error-in-handler"),
        ("leaving", Contract(), "wrong error", "error-in-handler"),
        ("unbound", Contract(), "wrong error", "other-error"),
        ("over_a_thread", Contract(), "escaped", "translated-cause-lost"),
        ("over_a_future", Contract(), "escaped", "translated-cause-lost"),
        ("exits", Contract(), "escaped", "translated"),
        ("exhausted", Contract(), "wrong error", "other-error"),
        ("in_a_task_group", Contract(), "escaped", "translated"),
        ("beside_a_mistake", Contract(), "wrong error", "error-in-handler"),
        ("before", Contract(), "inconclusive", "unrelated"),
        ("interrupted", Contract(), "inconclusive", "unrelated"),
    ],
)
def test_ending_is_classified(shop: Any, lab: Any, name: str, contract: Contract, verdict: str, kind: str) -> None:
    rule = "shop:pay = raise(OSError)"
    seen = lab.run(lambda: getattr(shop, name)(), rule, contract=contract)

    assert (verdict, True, True) == (seen.verdict, seen.fails, kind in seen.kinds)


LIBRARY = """
class PoolError(Exception): ...
def raise_from(work):
    try: work()
    except OSError as error: raise PoolError from error
def raise_in_handler(work):
    try: work()
    except OSError: raise PoolError
def raise_after(work):
    try: work()
    except OSError: pass
    raise PoolError
def stumble_after(work):
    try: work()
    except OSError: pass
    {}["key"]
def stumble_in_handler(work):
    try: work()
    except OSError: {}["key"]
def refuse(answer=None):
    if answer is None: raise TypeError("an answer, please")
"""
CLIENT = """
import library
def pay(): return "paid"
def through(how): getattr(library, how)(lambda: pay())
def in_own_handler():
    try: pay()
    except OSError: library.refuse()
def after_own_handler():
    try: answer = pay()
    except OSError: answer = None
    library.refuse(answer)
"""


@pytest.fixture
def client(lab: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of the project that calls an installed library."""
    lab.write("site-packages.library", LIBRARY)
    monkeypatch.syspath_prepend(str(lab.root / "site-packages"))
    lab.written.add("library")
    return lab.module("client", CLIENT)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (lambda client: client.through("raise_from"), ("escaped", ["translated"])),
        (lambda client: client.through("raise_in_handler"), ("escaped", ["translated"])),
        (lambda client: client.through("raise_after"), ("escaped", ["translated"])),
        (lambda client: client.through("stumble_after"), ("wrong error", ["other-error"])),
        (lambda client: client.through("stumble_in_handler"), ("wrong error", ["error-in-handler"])),
        (lambda client: client.in_own_handler(), ("wrong error", ["error-in-handler"])),
        (lambda client: client.after_own_handler(), ("wrong error", ["other-error"])),
    ],
)
def test_error_of_a_library_is_meant_where_it_makes_it_of_the_injected_one(
    client: Any, lab: Any, body: Any, expected: Any
) -> None:
    """Also later. What it refuses while a handler of the project runs hides the first error."""
    seen = lab.run(lambda: body(client), "client:pay = raise(OSError)")

    assert (seen.verdict, seen.kinds) == expected


def test_answer_that_the_test_cannot_read_is_a_change(client: Any, lab: Any) -> None:
    """Whether its own line stumbles over it, or a library that it calls."""

    def subscript() -> None:
        assert client.pay()[0] == "p"

    def read() -> None:
        assert json.loads(client.pay() or "no json") == "paid"

    for body in (subscript, read):
        seen = lab.run(body, "client:pay = null")
        assert (seen.verdict, seen.fails, seen.kinds) == ("changed", True, ["test-error"])


def test_library_that_the_test_calls_may_have_a_handler_that_stumbles(client: Any, lab: Any) -> None:
    library = sys.modules["library"]
    seen = lab.run(lambda: library.stumble_in_handler(client.pay), "client:pay = raise(OSError)")

    assert (seen.verdict, seen.kinds) == ("wrong error", ["error-in-handler"])


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

    seen = lab.run(body, "shop:pay = raise(OSError)")

    assert ("changed", ["test-error"]) == (seen.verdict, seen.kinds)


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


class Speechless(Exception):
    def __str__(self) -> str:
        raise KeyError("words")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("a\nb"), "ValueError: a"),
        (ValueError(), "ValueError"),
        (KeyError("k"), "KeyError: 'k'"),
        (Speechless(), "Speechless: ?"),
    ],
)
def test_error_is_described_in_one_line(error: BaseException, expected: str) -> None:
    assert expected == describe(error)
