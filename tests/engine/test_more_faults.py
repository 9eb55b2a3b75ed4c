"""Corrupt, Cancel, LoseReply, Duplicate, Stale, Either and factories, end to end, on every kind of callable."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
from typing import Any

import pytest

from pytest_chaos import (
    Cancel,
    Corrupt,
    DiskFull,
    Duplicate,
    Either,
    Fault,
    Hang,
    LoseReply,
    Null,
    Raise,
    Return,
    Rule,
    Stale,
    TargetError,
    parse,
)
from pytest_chaos.notation import rule_from

SHOP = '''
import asyncio, contextlib, dataclasses, functools
from typing import Literal

calls = []

def note(name):
    calls.append(name)
    return len(calls)

def pay(a=1):
    return note("pay") + a
async def pay_later(a=1):
    await asyncio.sleep(0)  # a turn of the loop, not a wait
    return note("pay_later") + a
def bills():
    note("bills")
    got = yield 10
    yield got or 20
    return "end"
async def bills_later():
    note("bills_later")
    got = yield 10
    yield got or 20
@contextlib.contextmanager
def account():
    note("account")
    try:
        yield 30
    finally:
        note("left")
@contextlib.asynccontextmanager
async def account_later():
    note("account_later")
    try:
        yield 30
    finally:
        note("left")

class Bank:
    def __init__(self):
        self.number = note("Bank")
    def charge(self, a=1):
        return note("charge") + a
    @classmethod
    def make(cls, a=1):
        return note("make") + a
    @staticmethod
    def check(a=1):
        return note("check") + a
    @property
    def balance(self):
        return note("balance")
    @functools.cached_property
    def history(self):
        return [note("history")]
class Branch(Bank): ...

@functools.lru_cache
def cached(a=1):
    return note("cached") + a
partial = functools.partial(pay, 3)
bank = Bank()
calls.clear()

@dataclasses.dataclass
class Receipt:
    number: str
    amount: int
    def __post_init__(self):
        note("Receipt")

def receipt():
    return Receipt("r-1", 5)
async def receipt_later():
    return Receipt("r-1", 5)
def row():
    return {"id": "r-1", "paid": True, "mail": "ada@example.org"}
def state() -> Literal["open"] | None:
    return None
def gateway():
    return Bank()
def nothing():
    return None
def declines(times=[0]):
    times[0] += 1
    raise LookupError(f"declined {times[0]}")
async def declines_later():
    raise LookupError("declined")
def later():
    return pay_later()
def pays_again():
    """Pay, and again where the answer was lost."""
    try:
        return pay()
    except ConnectionError:
        return pay()
async def handles():
    return await pay_later()
'''


@pytest.fixture
def shop(lab: Any) -> Any:
    return lab.module("shop", SHOP)


def rule(target: str, fault: Any, **trigger: Any) -> Rule:
    return rule_from(target, fault, **trigger)


def numbers(chaos: Any) -> list[int]:
    return [activation.number for activation in chaos.journal.activations]


# target, how it is called, what its body notes
FUNCTIONS: dict[str, tuple[str, Any, str]] = {
    "function": ("shop:pay", lambda s: s.pay(), "pay"),
    "coroutine": ("shop:pay_later", lambda s: asyncio.run(s.pay_later()), "pay_later"),
    "method": ("shop:Bank.charge", lambda s: s.bank.charge(), "charge"),
    "inherited method": ("shop:Branch.charge", lambda s: object.__new__(s.Branch).charge(), "charge"),
    "class method": ("shop:Bank.make", lambda s: s.Bank.make(), "make"),
    "static method": ("shop:Bank.check", lambda s: s.Bank.check(), "check"),
    "partial": ("shop:partial", lambda s: s.partial(), "pay"),
    "method of one instance": ("shop:bank.charge", lambda s: s.bank.charge(), "charge"),
}
PROPERTIES: dict[str, tuple[str, Any, str]] = {
    "property": ("shop:Bank.balance", lambda s: s.bank.balance, "balance"),
    "cached property": ("shop:Bank.history", lambda s: s.bank.history, "history"),
}
CONSTRUCTORS: dict[str, tuple[str, Any, str]] = {
    "constructor": ("shop:Bank", lambda s: s.Bank(), "Bank"),
    "inherited constructor": ("shop:Branch", lambda s: s.Branch(), "Bank"),
}


def each(*tables: dict[str, Any]) -> Any:
    return pytest.mark.parametrize(
        ("target", "call", "noted"), [pytest.param(*row, id=name) for table in tables for name, row in table.items()]
    )


# --- LoseReply


@each(FUNCTIONS, PROPERTIES, CONSTRUCTORS)
def test_lost_reply_does_the_work_and_raises(shop: Any, lab: Any, target: str, call: Any, noted: str) -> None:
    with lab.window(rule(target, LoseReply(ConnectionError))) as chaos:
        with pytest.raises(ConnectionError, match=r"^chaos: injected at .*, call 1 \[[0-9a-f]{6}\]$") as caught:
            call(shop)
        assert chaos.journal.is_injected(caught.value)
    assert [noted] == shop.calls
    assert [1] == numbers(chaos)


def test_retry_after_a_lost_reply_doubles_the_effect(shop: Any, lab: Any) -> None:
    with lab.window("shop:pay = #1lose-reply(ConnectionError)"):
        shop.pays_again()

    assert ["pay", "pay"] == shop.calls


@pytest.mark.parametrize("fault", [LoseReply(ConnectionError), Duplicate(), Corrupt()])
@pytest.mark.parametrize("name", ["declines", "declines_later"])
def test_error_of_the_call_itself_stands_and_is_no_activation(shop: Any, lab: Any, fault: Fault, name: str) -> None:
    def body() -> None:
        with pytest.raises(LookupError, match="declined"):
            answer = getattr(shop, name)()
            asyncio.run(answer)

    seen = lab.run(body, rule(f"shop:{name}", fault))

    assert ([1], [0], []) == (seen.calls, seen.fired, seen.numbers)
    assert "inconclusive" == seen.verdict


def test_withdrawn_activation_does_not_use_up_a_count(shop: Any, lab: Any) -> None:
    answers: list[Any] = []
    with lab.window("shop:pay = 1*stale->null") as chaos:
        answers += [shop.pay(), shop.pay(), shop.pay()]

    assert [2, 2, None] == answers
    assert [2, 3] == numbers(chaos)


# --- Duplicate


@each(FUNCTIONS)
def test_duplicate_calls_twice_and_hands_on_the_second_answer(
    shop: Any, lab: Any, target: str, call: Any, noted: str
) -> None:
    with lab.window(rule(target, Duplicate)) as chaos:
        answer = call(shop)
        assert 1 == chaos.calls(target)
    assert [noted, noted] == shop.calls
    assert call(shop) == answer + 1


def test_duplicate_of_a_c_function_calls_twice(shop: Any, lab: Any) -> None:
    items = iter([1, 2, 3])
    counter = lab.module("counter", "import time\ndef read(): return time.monotonic()")
    with lab.window("builtins:next = duplicate"):
        assert 2 == next(items)
    with lab.window("time:monotonic = duplicate") as chaos:
        assert counter.read() > 0
        assert 1 == chaos.calls("time:monotonic")


# --- Stale


@each(FUNCTIONS, {"property": PROPERTIES["property"]})
def test_stale_answers_as_before_without_calling(shop: Any, lab: Any, target: str, call: Any, noted: str) -> None:
    with lab.window(rule(target, Stale)) as chaos:
        answers = [call(shop), call(shop), call(shop)]
    assert 1 == len(set(answers))
    assert [noted] == shop.calls
    assert [2, 3] == numbers(chaos)


def test_calls_that_pass_are_remembered(shop: Any, lab: Any) -> None:
    with lab.window("shop:pay = #3stale") as chaos:
        assert [2, 3, 3, 4] == [shop.pay() for _ in range(4)]
        assert [3] == numbers(chaos)


def test_answer_of_another_thread_is_remembered(shop: Any, lab: Any) -> None:
    with lab.window("shop:pay = #2..stale"):
        thread = threading.Thread(target=shop.pay, args=(50,))
        thread.start()
        thread.join()
        assert 51 == shop.pay()


def test_answers_are_forgotten_after_the_window(shop: Any, lab: Any) -> None:
    with lab.window("shop:pay = stale"):
        shop.pay()
    with lab.window("shop:pay = stale") as chaos:
        shop.pay()
    assert [] == numbers(chaos)
    assert ["pay", "pay"] == shop.calls


def test_call_that_raises_leaves_the_answer_before_it(shop: Any, lab: Any) -> None:
    fails = lab.module("fails", "def f(n):\n    if n == 2: raise LookupError\n    return n")
    with lab.window("fails:f = #3stale"):
        assert 1 == fails.f(1)
        with pytest.raises(LookupError):
            fails.f(2)
        assert 1 == fails.f(3)


def test_stale_that_never_had_an_answer_is_inconclusive(shop: Any, lab: Any) -> None:
    seen = lab.run(lambda: shop.pay(), "shop:pay = stale")

    assert ("inconclusive", [1], [0]) == (seen.verdict, seen.calls, seen.fired)


# --- Corrupt


@each(FUNCTIONS, PROPERTIES)
def test_corrupt_calls_and_spoils_the_answer(shop: Any, lab: Any, target: str, call: Any, noted: str) -> None:
    with lab.window(rule(target, Corrupt)) as chaos:
        answer = call(shop)
    assert [noted] == shop.calls
    assert [1] == numbers(chaos)
    assert type(answer) in (int, list)
    plain = 2 if target not in ("shop:Bank.balance", "shop:Bank.history") else 1
    assert (plain if target != "shop:partial" else 4) != answer != [1]


def test_corrupt_keeps_the_shape(shop: Any, lab: Any) -> None:
    with lab.window("shop:row = corrupt", "shop:receipt = corrupt", "shop:state = corrupt"):
        answer, receipt, state = shop.row(), shop.receipt(), shop.state()

    assert (["id", "paid", "mail"], False) == (list(answer), answer["paid"])
    assert "@" in answer["mail"]
    assert (shop.Receipt, "open") == (type(receipt), state)
    assert 5 != receipt.amount
    assert {"id": "r-1", "paid": True, "mail": "ada@example.org"} == shop.row()


def test_corrupt_spoils_items_and_what_is_entered_to(shop: Any, lab: Any) -> None:
    async def main() -> list[Any]:
        async with shop.account_later() as value:
            return [value, *[item async for item in shop.bills_later()]]

    names = ("bills", "account", "bills_later", "account_later")
    with lab.window(*(f"shop:{name} = corrupt" for name in names)) as chaos:
        with shop.account() as value:
            entered = value
        one, two = shop.bills()
        later = asyncio.run(main())
    assert 4 == len(numbers(chaos))
    assert 30 not in (entered, later[0])
    assert 10 not in (one, later[1])
    assert 20 not in (two, later[2])
    assert 2 == shop.calls.count("left")


def test_same_seed_makes_the_same_garbage(shop: Any, lab: Any) -> None:
    def answers(seed: int) -> list[Any]:
        with lab.window("shop:row = corrupt", seed=seed):
            return [shop.row(), shop.row()]

    first = answers(1)
    assert first == answers(1) != answers(2)
    assert first[0] != first[1]


@pytest.mark.parametrize("name", ["receipt", "receipt_later"])
def test_garbage_is_made_unseen(shop: Any, lab: Any, name: str) -> None:
    """Faults on what the class of the answer calls, on its constructor and on what faker uses are not met by us."""
    rules = [f"shop:{name} = corrupt", "shop:note = #2..raise(OSError)", "random:Random.random = raise(OSError)"]
    with lab.window(*rules) as chaos:
        receipt = getattr(shop, name)()
        if asyncio.iscoroutine(receipt):
            receipt = asyncio.run(receipt)
        assert 5 != receipt.amount
        assert 1 == chaos.calls("shop:note")


def test_corrupt_call_of_the_standard_library_lets_faults_inside_it_act(lab: Any) -> None:
    with lab.window("json:dumps = corrupt", "json.encoder:JSONEncoder.encode = return('paid')") as chaos:
        assert json.dumps({}, sort_keys=True) not in ("paid", "{}")
    assert 2 == len(numbers(chaos))


def test_unknown_class_makes_the_run_inconclusive_and_says_so(shop: Any, lab: Any) -> None:
    banks: list[Any] = []
    seen = lab.run(lambda: banks.append(shop.gateway()), "shop:gateway = corrupt")

    assert shop.Bank is type(banks[0])
    assert ("inconclusive", [0]) == (seen.verdict, seen.fired)
    assert any("at shop:gateway: corrupt: nothing tells how to make another Bank" in text for text in seen.texts)


def test_answer_of_nothing_is_no_activation(shop: Any, lab: Any) -> None:
    seen = lab.run(lambda: shop.nothing(), "shop:nothing = corrupt")

    assert ("inconclusive", [1], [0]) == (seen.verdict, seen.calls, seen.fired)
    assert not any("nothing tells" in text for text in seen.texts)


# --- Cancel


def test_cancelled_call_ends_the_task_and_is_never_made(shop: Any, lab: Any) -> None:
    async def main() -> Any:
        task = asyncio.create_task(shop.handles())
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert task.cancelled()
        return caught.value

    with lab.window("shop:pay_later = cancel") as chaos:
        error = asyncio.run(main())
        assert chaos.journal.is_injected(error)
    assert [] == shop.calls
    assert [1] == numbers(chaos)


def test_own_task_of_the_test_is_cancelled(shop: Any, lab: Any) -> None:
    seen = lab.run(lambda: asyncio.run(shop.handles()), "shop:pay_later = cancel")

    assert ([1], "CancelledError") == (seen.fired, seen.failure.partition(":")[0].rpartition(".")[2])


def test_swallowed_cancellation_is_counted_until_it_is_taken_back(shop: Any, lab: Any) -> None:
    async def main() -> list[int]:
        task: Any = asyncio.current_task()
        with contextlib.suppress(asyncio.CancelledError):
            await shop.pay_later()
        seen = [task.cancelling()]
        await asyncio.sleep(0)  # delivered once, and not again
        seen.append(task.uncancel())
        seen.append(await shop.pay_later())
        return seen

    with lab.window("shop:pay_later = #1cancel"):
        assert [1, 0, 2] == asyncio.run(main())


def test_timeout_does_not_take_the_cancellation_for_its_own(shop: Any, lab: Any) -> None:
    async def main() -> str:
        try:
            async with asyncio.timeout(60):
                await shop.pay_later()
        except TimeoutError:
            return "timeout"
        except asyncio.CancelledError:
            return "cancelled"
        return "answer"

    with lab.window("shop:pay_later = cancel"):
        assert "cancelled" == asyncio.run(main())


def test_timeout_still_ends_a_task_that_swallowed_the_cancellation(shop: Any, lab: Any) -> None:
    async def main() -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await shop.pay_later()
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            return "timeout"
        return "no timeout"

    with lab.window("shop:pay_later = cancel"):
        assert "timeout" == asyncio.run(main())


def test_wait_for_ends_cancelled(shop: Any, lab: Any) -> None:
    async def main() -> None:
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(shop.pay_later(), 60)

    with lab.window("shop:pay_later = cancel"):
        asyncio.run(main())


def test_task_group_lets_a_cancelled_child_go_and_waits_for_the_others(shop: Any, lab: Any) -> None:
    async def main() -> list[Any]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(shop.pay_later(amount)) for amount in (1, 2, 3)]
        return [None if task.cancelled() else task.result() for task in tasks]

    with lab.window("shop:pay_later = #2cancel"):
        assert [2, None, 5] == asyncio.run(main())


def test_task_group_whose_own_task_is_cancelled_cancels_its_children(shop: Any, lab: Any) -> None:
    async def main() -> list[bool]:
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.TaskGroup() as group:
                child = group.create_task(asyncio.Event().wait())
                await shop.pay_later()
        return [child.cancelled()]

    with lab.window("shop:pay_later = cancel"):
        assert [True] == asyncio.run(main())


def test_gather_of_cancelled_calls_collects_the_cancellation(shop: Any, lab: Any) -> None:
    async def main() -> list[str]:
        found = await asyncio.gather(shop.pay_later(), shop.pay_later(), return_exceptions=True)
        return [type(one).__name__ for one in found]

    with lab.window("shop:pay_later = #1cancel"):
        assert ["CancelledError", "int"] == asyncio.run(main())


def test_async_generator_and_manager_are_cancelled_where_they_begin(shop: Any, lab: Any) -> None:
    async def iterate() -> None:
        async for _ in shop.bills_later():
            raise AssertionError("an item")

    async def enter() -> None:
        async with shop.account_later():
            raise AssertionError("entered")

    async def main() -> list[bool]:
        tasks = [asyncio.create_task(iterate()), asyncio.create_task(enter())]
        await asyncio.wait(tasks)
        return [task.cancelled() for task in tasks]

    with lab.window("shop:bills_later = cancel", "shop:account_later = cancel"):
        assert [True, True] == asyncio.run(main())
    assert [] == shop.calls


def test_cancel_under_trio_passes_and_says_so(shop: Any, lab: Any) -> None:
    import trio

    trio_shop = lab.module("trio_shop", "async def pay_later(): return 'paid'")
    answers: list[Any] = []
    seen = lab.run(lambda: answers.append(trio.run(trio_shop.pay_later)), "trio_shop:pay_later = cancel")

    assert ["paid"] == answers
    assert ("inconclusive", [0]) == (seen.verdict, seen.fired)
    assert any("no asyncio task runs here" in text and "trio" in text for text in seen.texts)


def test_cancellation_meets_no_fault_on_what_it_waits_with(shop: Any, lab: Any) -> None:
    with lab.window(
        "shop:pay_later = cancel", "asyncio:sleep = raise(OSError)", "asyncio:current_task = null"
    ) as chaos:
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(shop.handles())
        assert 0 == chaos.calls("asyncio:sleep")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_eager_task_is_cancelled(shop: Any, lab: Any) -> None:
    async def main() -> bool:
        loop: Any = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]  # since Python 3.12
        task = asyncio.create_task(shop.pay_later())
        await asyncio.wait([task])
        return task.cancelled()

    with lab.window("shop:pay_later = cancel"):
        assert asyncio.run(main())


# --- Either


def test_either_draws_each_time_and_names_what_acts(shop: Any, lab: Any) -> None:
    fault = Either(Raise(TimeoutError), Return("other"), weights=(3, 1))

    def drawn(seed: int) -> list[Fault]:
        with lab.window(rule("shop:pay", fault), seed=seed) as chaos:
            for _ in range(100):
                with contextlib.suppress(TimeoutError):
                    assert "other" == shop.pay()
            return [activation.fault for activation in chaos.journal.activations]

    first = drawn(1)
    assert {Raise(TimeoutError), Return("other")} == set(first)
    assert 60 <= first.count(Raise(TimeoutError)) <= 90
    assert first == drawn(1) != drawn(2)


def test_either_names_the_innermost_that_acts(shop: Any, lab: Any) -> None:
    with lab.window(rule("shop:pay", Either(Null, Either(Null, Null)))) as chaos:
        assert shop.pay() is None
    assert [Null()] == [activation.fault for activation in chaos.journal.activations]


def test_either_with_stale_remembers_and_withdraws(shop: Any, lab: Any) -> None:
    with lab.window(rule("shop:pay", Either(Stale, Stale))) as chaos:
        assert [2, 2, 2] == [shop.pay() for _ in range(3)]
    assert [2, 3] == numbers(chaos)


def test_either_acts_on_coroutines(shop: Any, lab: Any) -> None:
    with lab.window(rule("shop:pay_later", Either(LoseReply(ConnectionError), Cancel))):
        with pytest.raises((ConnectionError, asyncio.CancelledError)):
            asyncio.run(shop.pay_later())


def test_either_is_shown_in_the_scenario(shop: Any, lab: Any) -> None:
    seen = lab.run(lambda: shop.pay(), rule("shop:pay", Either(Null, Return(1))))

    assert "shop:pay = ‹either(null, return(1))›" == seen.observation.scenario


# --- factories


def test_factory_that_fails_makes_the_run_inconclusive_and_is_not_raised_into_the_system(shop: Any, lab: Any) -> None:
    def factory() -> Exception:
        raise OSError("my own mistake")

    answers: list[Any] = []
    seen = lab.run(lambda: answers.append(shop.pay()), rule("shop:pay", Raise(factory)))

    assert [2] == answers
    assert ("inconclusive", [0]) == (seen.verdict, seen.fired)
    assert any("my own mistake" in text for text in seen.texts)


def test_factory_that_returns_one_instance_again_is_found_out(shop: Any, lab: Any) -> None:
    one = OSError("one")

    def body() -> None:
        with pytest.raises(OSError, match="one"):
            shop.pay()
        assert 2 == shop.pay()

    seen = lab.run(body, rule("shop:pay", Raise(lambda: one)))

    assert ("inconclusive", [1]) == (seen.verdict, seen.fired)
    assert any("injected before" in text for text in seen.texts)


def test_passing_call_of_the_standard_library_lets_faults_inside_it_act(lab: Any) -> None:
    def factory() -> Exception:
        raise OSError

    with lab.window(rule("json:dumps", Raise(factory)), *parse("json.encoder:JSONEncoder.encode = return('x')")):
        assert "x" == json.dumps({}, sort_keys=True)


# --- chains and refusals


def test_chain_of_new_faults_drains_in_order(shop: Any, lab: Any) -> None:
    with lab.window("shop:pay = 1*duplicate->1*lose-reply(ConnectionError)->1*stale->null") as chaos:
        answers: list[Any] = [shop.pay()]
        with pytest.raises(ConnectionError):
            shop.pay()
        answers += [shop.pay(), shop.pay()]
    assert [3, 4, None] == answers
    assert [Duplicate(), LoseReply(ConnectionError), Stale(), Null()] == [
        activation.fault for activation in chaos.journal.activations
    ]


@pytest.mark.parametrize(
    ("target", "fault", "words"),
    [
        ("shop:pay", Cancel(), "only async code can be cancelled"),
        ("shop:bills", Cancel(), "only async code can be cancelled"),
        ("shop:bills", LoseReply(OSError), "item by item"),
        ("shop:bills_later", Duplicate(), "put the fault on the function that uses it"),
        ("shop:bills", Stale(), "no items left"),
        ("shop:bills", DiskFull(), "a generator opens no file"),
        ("shop:account", LoseReply(OSError), "never left"),
        ("shop:account_later", Stale(), "put the fault on what it calls"),
        ("shop:Bank.balance", Duplicate(), "put the fault on what it calls"),
        ("shop:Bank", Duplicate(), "put the fault on the function that calls it"),
        ("shop:Bank", Corrupt(), "put the fault on the function that calls it"),
        ("shop:Bank", Stale(), "put the fault on the function that calls it"),
        ("shop:pay", Either(Hang, Cancel), "cancel: only async code can be cancelled"),
    ],
)
def test_kinds_without_a_meaning_are_refused(shop: Any, lab: Any, target: str, fault: Fault, words: str) -> None:
    with pytest.raises(TargetError, match=words):
        lab.run(lambda: None, rule(target, fault))


@pytest.mark.parametrize("name", ["duplicate", "stale", "lose-reply(OSError)"])
def test_plain_function_that_answers_with_a_coroutine_passes_and_says_so(shop: Any, lab: Any, name: str) -> None:
    answers: list[Any] = []

    def body() -> None:
        answers.extend(asyncio.run(shop.later()) for _ in range(2))

    seen = lab.run(body, f"shop:later = {name}")

    assert [2, 3] == answers
    assert ("inconclusive", [0]) == (seen.verdict, seen.fired)
    assert any("a coroutine" in text for text in seen.texts)
