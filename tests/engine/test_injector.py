"""HOW: every kind of callable under every fault, the copies, exact restoration, counting, re-entrancy and threads."""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import copy
import dis
import functools
import importlib
import inspect
import itertools
import json
import logging
import os
import pickle
import sys
import threading
import time
import types
from collections.abc import Callable
from types import ModuleType
from typing import Any
from unittest import mock

import pytest

from pytest_chaos import (
    Delay,
    Fault,
    Hang,
    MisuseError,
    Null,
    Raise,
    Return,
    Rule,
    SpecificationError,
    TargetError,
    compat,
)
from pytest_chaos.injector.injector import Injector
from pytest_chaos.injector.mechanisms import Armory
from pytest_chaos.notation import rule_from


@pytest.fixture(scope="module", params=[True, False], ids=["spliced", "replaced"])
def armory(request: pytest.FixtureRequest) -> Armory:
    """Every test of this file, with Python functions spliced and with their names replaced."""
    return Armory(can_splice=request.param)


SHOP = '''
"""A shop."""
import contextlib, functools

def pay(a=1, *, b=2):
    """Pay."""
    return ("paid", a, b)
async def pay_later(a=1):
    return ("paid", a)
def bills(a=1):
    got = yield a
    yield got
    return "end"
async def bills_later(a=1):
    got = yield a
    yield got
@contextlib.contextmanager
def account(a=1):
    try:
        yield a
    except KeyError:
        pass
@contextlib.asynccontextmanager
async def account_later(a=1):
    try:
        yield a
    except KeyError:
        pass

class Base:
    def charge(self, a=1):
        return (type(self).__name__, a)
    async def charge_later(self, a=1):
        return (type(self).__name__, a)
    @classmethod
    def make(cls, a=1):
        return (cls.__name__, a)
    @staticmethod
    def check(a=1):
        return ("checked", a)
    @property
    def balance(self):
        return 5
    @balance.setter
    def balance(self, value):
        self.set_to = value
    @functools.cached_property
    def history(self):
        return ["h"]
    partly = functools.partialmethod(charge, 7)

class Child(Base): ...
class Sibling(Base): ...
class Grandchild(Child): ...

class Ledger:
    def __init__(self, a=1):
        self.a = a
class Tuned(Ledger): ...
class Plain: ...
class Built(dict): ...
class Point(tuple):
    def __new__(cls, a=1):
        return super().__new__(cls, (a,))

class Called:
    def __call__(self, a=1):
        return ("called", a)
class CalledLater:
    async def __call__(self, a=1):
        return ("called", a)

called, called_later, shared = Called(), CalledLater(), Base()
partial = functools.partial(pay, 3)

@functools.lru_cache
def cached(a=1):
    return ("cached", a)

def use(name, *args):
    return globals()[name](*args)
'''


@pytest.fixture
def shop(lab: Any) -> Any:
    return lab.module("shop", SHOP)


def rule(target: str, fault: Fault, **trigger: Any) -> Rule:
    return rule_from(target, fault, **trigger)


def awaited(awaitable: Any) -> Any:
    async def main() -> Any:
        return await awaitable

    return asyncio.run(main())


def entered(manager: Any) -> Any:
    with manager as value:
        return value


def entered_later(manager: Any) -> Any:
    async def main() -> Any:
        async with manager as value:
            return value

    return asyncio.run(main())


def listed_later(items: Any) -> list[Any]:
    async def main() -> list[Any]:
        return [item async for item in items]

    return asyncio.run(main())


# target, how it is called, what it answers without a fault, what null is
KINDS: dict[str, tuple[str, Callable[[Any], Any], Any, Any]] = {
    "function": ("shop:pay", lambda s: s.pay(1, b=2), ("paid", 1, 2), None),
    "coroutine function": ("shop:pay_later", lambda s: awaited(s.pay_later()), ("paid", 1), None),
    "generator": ("shop:bills", lambda s: list(s.bills()), [1, None], []),
    "async generator": ("shop:bills_later", lambda s: listed_later(s.bills_later()), [1, None], []),
    "method": ("shop:Base.charge", lambda s: s.Base().charge(), ("Base", 1), None),
    "coroutine method": ("shop:Base.charge_later", lambda s: awaited(s.Base().charge_later()), ("Base", 1), None),
    "inherited method": ("shop:Child.charge", lambda s: s.Child().charge(), ("Child", 1), None),
    "inherited coroutine": ("shop:Child.charge_later", lambda s: awaited(s.Child().charge_later()), ("Child", 1), None),
    "classmethod": ("shop:Base.make", lambda s: s.Base.make(), ("Base", 1), None),
    "classmethod of an instance": ("shop:Base.make", lambda s: s.Base().make(), ("Base", 1), None),
    "inherited classmethod": ("shop:Child.make", lambda s: s.Child.make(), ("Child", 1), None),
    "staticmethod": ("shop:Base.check", lambda s: s.Base.check(), ("checked", 1), None),
    "staticmethod of an instance": ("shop:Base.check", lambda s: s.Base().check(), ("checked", 1), None),
    "inherited staticmethod": ("shop:Child.check", lambda s: s.Child().check(), ("checked", 1), None),
    "property": ("shop:Base.balance", lambda s: s.Base().balance, 5, None),
    "inherited property": ("shop:Child.balance", lambda s: s.Child().balance, 5, None),
    "cached property": ("shop:Base.history", lambda s: s.Base().history, ["h"], None),
    "partial method": ("shop:Base.partly", lambda s: s.Base().partly(), ("Base", 7), None),
    "callable instance": ("shop:called", lambda s: s.called(), ("called", 1), None),
    "async callable instance": ("shop:called_later", lambda s: awaited(s.called_later()), ("called", 1), None),
    "__call__": ("shop:Called.__call__", lambda s: s.called(), ("called", 1), None),
    "partial": ("shop:partial", lambda s: s.partial(), ("paid", 3, 2), None),
    "cached function": ("shop:cached", lambda s: s.cached(), ("cached", 1), None),
    "method of one instance": ("shop:shared.charge", lambda s: s.shared.charge(), ("Base", 1), None),
    "C function": ("math:hypot", lambda s: sys.modules["math"].hypot(3, 4), 5.0, None),
}
MANAGERS: dict[str, tuple[str, Callable[[Any], Any], Any]] = {
    "context manager": ("shop:account", lambda s: entered(s.account()), 1),
    "async context manager": ("shop:account_later", lambda s: entered_later(s.account_later()), 1),
}
CONSTRUCTORS: dict[str, tuple[str, Callable[[Any], Any], Any]] = {
    "constructor": ("shop:Ledger", lambda s: s.Ledger(2).a, 2),
    "inherited constructor": ("shop:Tuned", lambda s: s.Tuned(2).a, 2),
    "constructor of a plain class": ("shop:Plain", lambda s: type(s.Plain()).__name__, "Plain"),
    "constructor of a dict": ("shop:Built", lambda s: s.Built(a=1), {"a": 1}),
    "constructor with __new__": ("shop:Point", lambda s: s.Point(2), (2,)),
}
EVERY = {
    **{name: row[:3] for name, row in KINDS.items()},
    **MANAGERS,
    **CONSTRUCTORS,
}


def each(table: dict[str, Any]) -> Any:
    return pytest.mark.parametrize("name", list(table))


# --- kind x fault


@each(EVERY)
def test_without_a_fault_every_kind_answers_as_ever(shop: Any, name: str) -> None:
    _, call, plain = EVERY[name]

    assert plain == call(shop)


@each(EVERY)
@pytest.mark.parametrize("trigger", [{"rate": 1e-300}, {"nth": 99}])
def test_armed_and_not_firing_every_kind_answers_as_ever(shop: Any, lab: Any, name: str, trigger: Any) -> None:
    target, call, plain = EVERY[name]
    with lab.window(rule(target, Raise(OSError), **trigger)) as chaos:
        assert plain == call(shop)
        assert 1 == chaos.calls(target)


@each(EVERY)
def test_rate_of_zero_is_no_rule(shop: Any, lab: Any, name: str) -> None:
    target, call, plain = EVERY[name]
    before = stock(shop, sys.modules["math"])
    with lab.window() as chaos:
        with chaos.inject(rule(target, Raise(OSError)).target.text, Raise(OSError), rate=0) as injection:
            assert before == stock(shop, sys.modules["math"])
            assert plain == call(shop)
    assert (0, 0) == (injection.calls, injection.fired)


@each(EVERY)
def test_raise_raises(shop: Any, lab: Any, name: str) -> None:
    target, call, _ = EVERY[name]
    with lab.window(rule(target, Raise(OSError))) as chaos:
        with pytest.raises(OSError, match=r"^chaos: injected at .*, call 1 \[[0-9a-f]{6}\]$"):
            call(shop)
    assert [(target.replace("math", "math"), 1)] == [(one.point, one.number) for one in chaos.journal.activations]


@each(EVERY)
def test_hang_with_seconds_raises_timeout_error(shop: Any, lab: Any, name: str) -> None:
    target, call, _ = EVERY[name]
    with lab.window(rule(target, Hang(0.001))):
        with pytest.raises(TimeoutError, match=r"no answer within 0\.001 s"):
            call(shop)


@each(EVERY)
def test_delay_makes_the_call(shop: Any, lab: Any, name: str) -> None:
    target, call, plain = EVERY[name]
    with lab.window(rule(target, Delay(0.001))) as chaos:
        assert plain == call(shop)
        assert 1 == len(chaos.journal.activations)


@each(KINDS)
def test_null_answers_with_nothing(shop: Any, lab: Any, name: str) -> None:
    target, call, _, null = KINDS[name]
    with lab.window(rule(target, Null())):
        assert null == call(shop)


@each({**KINDS, **MANAGERS})
def test_return_answers_with_the_value(shop: Any, lab: Any, name: str) -> None:
    target, call, _ = EVERY[name]
    with lab.window(rule(target, Return([8, 9]))):
        assert [8, 9] == call(shop)


@each(CONSTRUCTORS)
@pytest.mark.parametrize("fault", [Null(), Return(1)])
def test_constructor_refuses_to_answer_with_something_else(shop: Any, lab: Any, name: str, fault: Fault) -> None:
    with pytest.raises(TargetError, match="put the fault on the function that calls it"):
        lab.run(lambda: None, rule(CONSTRUCTORS[name][0], fault))


@each(MANAGERS)
def test_context_manager_refuses_null(shop: Any, lab: Any, name: str) -> None:
    with pytest.raises(TargetError, match=r"Return\(None\) makes it enter to None"):
        lab.run(lambda: None, rule(MANAGERS[name][0], Null()))


@pytest.mark.parametrize("target", ["shop:bills", "shop:bills_later"])
def test_generator_refuses_a_value_without_items(shop: Any, lab: Any, target: str) -> None:
    with pytest.raises(TargetError, match="give a list"):
        lab.run(lambda: None, rule(target, Return(3)))


@each(EVERY)
def test_everything_is_as_before_after_the_window(shop: Any, lab: Any, name: str) -> None:
    target, call, plain = EVERY[name]
    before = stock(shop, sys.modules["math"])
    with lab.window(rule(target, Raise(OSError))):
        with contextlib.suppress(OSError):
            call(shop)

    assert before == stock(shop, sys.modules["math"])
    assert plain == call(shop)


def stock(*modules: ModuleType) -> list[tuple[str, list[tuple[str, int]]]]:
    """Return names, order and identity of everything that modules, their classes and their instances hold."""
    owners: list[tuple[str, Any]] = [(module.__name__, module) for module in modules]
    for module in modules:
        for name, value in vars(module).items():
            if isinstance(value, type) or (hasattr(value, "__dict__") and type(value).__module__ == module.__name__):
                owners.append((f"{module.__name__}.{name}", value))
    return [(name, [(key, id(value)) for key, value in vars(owner).items()]) for name, owner in owners]


# --- when a fault acts


def test_coroutine_goes_wrong_at_await_and_not_at_call(shop: Any, lab: Any) -> None:
    with lab.window("shop:pay_later = raise(OSError)"):
        coroutine = shop.pay_later()

        assert inspect.iscoroutine(coroutine)
        assert "pay_later" == coroutine.__name__ == coroutine.__qualname__
        with pytest.raises(OSError):
            awaited(coroutine)


@pytest.mark.parametrize("name", ["pay_later", "called_later", "Base.charge_later", "Child.charge_later"])
def test_coroutine_function_stays_one(shop: Any, lab: Any, name: str) -> None:
    def found() -> Any:
        return functools.reduce(getattr, name.split("."), shop)

    before = inspect.iscoroutinefunction(found())
    with lab.window(f"shop:{name} = raise(OSError)"):
        assert before == inspect.iscoroutinefunction(found())


@pytest.mark.parametrize("fault", ["raise(OSError)", "null", "return([3])", "delay(0.001)", "hang(0.001)"])
def test_generator_goes_wrong_at_the_first_next_and_not_at_call(shop: Any, lab: Any, fault: str) -> None:
    with lab.window(f"shop:bills = {fault}"):
        generator = shop.bills()

        assert inspect.isgenerator(generator)
        assert inspect.isgeneratorfunction(shop.bills)
        assert "bills" == generator.__name__
        with contextlib.suppress(OSError, StopIteration):
            next(generator)
        generator.close()


def test_async_generator_goes_wrong_at_the_first_anext(shop: Any, lab: Any) -> None:
    with lab.window("shop:bills_later = raise(OSError)"):
        generator = shop.bills_later()

        assert inspect.isasyncgen(generator)
        assert inspect.isasyncgenfunction(shop.bills_later)
        with pytest.raises(OSError):
            awaited(anext(generator))


def test_context_manager_goes_wrong_on_entering(shop: Any, lab: Any) -> None:
    with lab.window("shop:account = raise(OSError)"):
        manager = shop.account()

        with pytest.raises(OSError), manager:
            raise AssertionError("entered")


@pytest.mark.parametrize("fault", ["hang", "delay(1000)"])
def test_waiting_coroutine_lets_other_tasks_run(shop: Any, lab: Any, fault: str) -> None:
    async def main() -> str:
        waiting = asyncio.create_task(shop.pay_later())
        await asyncio.sleep(0)
        assert "went on" == await asyncio.create_task(other())
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return "ended"

    async def other() -> str:
        return "went on"

    with lab.window(f"shop:pay_later = {fault}", budget_s=60):
        assert "ended" == asyncio.run(main())


def test_delayed_generator_hands_on_what_is_sent_thrown_and_returned(shop: Any, lab: Any) -> None:
    with lab.window("shop:bills = delay(0.001)"):
        generator = shop.bills()

        assert [1, "sent"] == [next(generator), generator.send("sent")]
        with pytest.raises(StopIteration) as ended:
            next(generator)
        assert "end" == ended.value.value

        thrown = shop.bills()
        next(thrown)
        with pytest.raises(KeyError):
            thrown.throw(KeyError())


def test_delayed_async_generator_hands_on_what_is_sent_thrown_and_closed(shop: Any, lab: Any) -> None:
    async def main() -> list[Any]:
        generator = shop.bills_later()
        items = [await anext(generator), await generator.asend("sent")]
        thrown = shop.bills_later()
        await anext(thrown)
        with pytest.raises(KeyError):
            await thrown.athrow(KeyError())
        closed = shop.bills_later()
        await anext(closed)
        await closed.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(generator)
        return items

    with lab.window("shop:bills_later = delay(0.001)"):
        assert [1, "sent"] == asyncio.run(main())


@pytest.mark.parametrize("error", [KeyError, ValueError])
def test_delayed_context_manager_treats_errors_as_the_real_one(shop: Any, lab: Any, error: type[Exception]) -> None:
    expected = pytest.raises(ValueError) if error is ValueError else contextlib.nullcontext()

    async def main() -> None:
        with expected:
            async with shop.account_later():
                raise error

    with lab.window("shop:account = delay(0.001)", "shop:account_later = delay(0.001)"):
        with pytest.raises(ValueError) if error is ValueError else contextlib.nullcontext():
            with shop.account():
                raise error
        asyncio.run(main())


def test_trio_task_hangs_until_it_is_cancelled(shop: Any, lab: Any) -> None:
    import trio

    async def main() -> bool:
        with trio.move_on_after(0.01) as scope:
            await shop.pay_later()
        return scope.cancelled_caught

    with lab.window("shop:pay_later = hang", budget_s=60):
        assert trio.run(main)
    with lab.window("shop:pay_later = delay(0.001)"):
        assert ("paid", 1) == trio.run(shop.pay_later)


# --- what a wrapper looks like


@pytest.mark.parametrize(
    "name", ["pay", "pay_later", "bills", "account", "Base.charge", "Base.make", "Base.check", "cached"]
)
def test_name_signature_and_doc_are_kept(shop: Any, lab: Any, name: str) -> None:
    def look() -> tuple[Any, ...]:
        found = functools.reduce(getattr, name.split("."), shop)
        return found.__name__, found.__qualname__, found.__module__, found.__doc__, inspect.signature(found)

    before = look()
    with lab.window(f"shop:{name} = raise(OSError)"):
        assert before == look()


@pytest.mark.parametrize("name", ["pay", "Base.make", "Base.check", "shared.charge"])
def test_replaced_function_pickles_as_ever(shop: Any, lab: Any, name: str) -> None:
    def found() -> Any:
        return functools.reduce(getattr, name.split("."), shop)

    with lab.window(f"shop:{name.replace('shared', 'Base')} = null"):
        pickled = pickle.dumps(found())

        assert pickle.loads(pickled)() is None
    assert found()() == pickle.loads(pickled)()


def test_attributes_of_a_function_are_reached(shop: Any, lab: Any) -> None:
    with lab.window("shop:cached = null"):
        assert shop.cached.cache_info().hits == 0
        shop.cached.cache_clear()


def test_property_keeps_its_setter(shop: Any, lab: Any) -> None:
    with lab.window("shop:Base.balance = null"):
        one = shop.Base()
        one.balance = 3

        assert (None, 3) == (one.balance, one.set_to)


def test_cached_property_caches_what_the_fault_returned(shop: Any, lab: Any) -> None:
    with lab.window("shop:Base.history = return(['x'])") as chaos:
        one = shop.Base()

        assert ["x"] == one.history == one.history
        assert 1 == chaos.calls("shop:Base.history")


def test_class_that_takes_no_arguments_still_takes_none(shop: Any, lab: Any) -> None:
    with lab.window("shop:Plain = #9 raise(OSError)"):
        with pytest.raises(TypeError, match="takes no arguments"):
            shop.Plain(1)


# --- whom a fault hits


def test_fault_on_a_child_spares_its_base_and_siblings(shop: Any, lab: Any) -> None:
    with lab.window("shop:Child.charge = null"):
        assert [None, None] == [shop.Child().charge(), shop.Grandchild().charge()]
        assert [("Base", 1), ("Sibling", 1)] == [shop.Base().charge(), shop.Sibling().charge()]


def test_fault_on_a_base_hits_those_that_inherit(shop: Any, lab: Any) -> None:
    with lab.window("shop:Base.charge = null"):
        assert [None] * 4 == [kind().charge() for kind in (shop.Base, shop.Child, shop.Sibling, shop.Grandchild)]


def test_fault_on_one_instance_spares_the_others(shop: Any, lab: Any) -> None:
    with lab.window(rule_from(shop.shared.charge, Null())):
        assert (None, ("Base", 1)) == (shop.shared.charge(), shop.Base().charge())


def test_constructor_fault_on_a_class_spares_its_base(shop: Any, lab: Any) -> None:
    with lab.window("shop:Tuned = raise(OSError)"):
        assert 1 == shop.Ledger().a
        with pytest.raises(OSError):
            shop.Tuned()


@pytest.mark.parametrize("target", ["shop:pay", "copies:pay", "copies:renamed"])
def test_copies_in_modules_and_classes_are_hit(shop: Any, lab: Any, target: str) -> None:
    copies = lab.module(
        "copies",
        """
        from shop import pay, pay as renamed
        class Counter:
            pay = staticmethod(pay)
        """,
    )
    before = stock(shop, copies)
    with lab.window(f"{target} = null") as chaos:
        calls = [shop.pay, copies.pay, copies.renamed, copies.Counter.pay, copies.Counter().pay]
        assert [None] * 5 == [call() for call in calls]
        assert 5 == chaos.calls(target)

    assert before == stock(shop, copies)
    assert [("paid", 1, 2)] * 5 == [call() for call in calls], "what was copied meanwhile passes calls through"


def test_copy_made_before_by_a_class_body_is_hit(shop: Any, lab: Any) -> None:
    copies = lab.module("copies", "from shop import pay_later\nclass C:\n    later = pay_later")
    with lab.window("shop:pay_later = null"):
        assert awaited(copies.C().later()) is None


def test_module_imported_meanwhile_gets_the_original_afterwards(shop: Any, lab: Any) -> None:
    original = shop.pay
    lab.write("latecomer", "from shop import pay, pay as other\nclass C:\n    check = staticmethod(pay)")
    with lab.window("shop:pay = null"):
        latecomer = importlib.import_module("latecomer")
        assert [None, None, None] == [latecomer.pay(), latecomer.other(), latecomer.C.check()]

    assert original is latecomer.pay is latecomer.other
    assert ("paid", 1, 2) == latecomer.C.check()


def test_module_imported_meanwhile_is_hit_in_later_runs(shop: Any, lab: Any) -> None:
    lab.write("latecomer", "from shop import pay")
    with lab.window("shop:pay = null"):
        latecomer = importlib.import_module("latecomer")
        with lab.window("shop:bills = null"):
            pass
    with lab.window("shop:pay = null"):
        assert latecomer.pay() is None
    with lab.window("latecomer:pay = null"):
        assert shop.pay() is None


def test_every_name_of_a_function_is_hit_whichever_is_named_first(shop: Any, lab: Any) -> None:
    copies = lab.module("copies", "from shop import pay")
    for target in ("shop:pay", "copies:pay", "shop:pay"):
        with lab.window(f"{target} = null"):
            assert [None, None] == [shop.pay(), copies.pay()]


def test_function_below_a_decorator_of_somebody_else_is_reached_where_it_is_spliced(lab: Any) -> None:
    decorated = lab.module(
        "decorated",
        """
        import wrapt
        def plain(): return "plain"
        @wrapt.decorator
        def loud(wrapped, instance, args, kwargs): return wrapped(*args, **kwargs).upper()
        noisy = loud(plain)
        """,
    )
    with lab.window("decorated:plain = return('fault')"):
        # The function itself is spliced, whoever holds it; a name that is replaced is only a name.
        assert ["fault", "FAULT" if lab.splices else "PLAIN"] == [decorated.plain(), decorated.noisy()]


def test_module_imported_between_two_runs_is_found(shop: Any, lab: Any) -> None:
    with lab.window("shop:pay = null"):
        pass
    latecomer = lab.module("latecomer", "from shop import pay")
    with lab.window("shop:pay = null"):
        assert latecomer.pay() is None


@pytest.mark.parametrize(
    ("target", "call"),
    [
        ("time:sleep", lambda: time.sleep(0)),  # the target, not a wait
        ("os:read", lambda: os.read(0, 0)),
        ("json:loads", lambda: json.loads("1")),
        ("json.scanner:make_scanner", lambda: json.JSONDecoder()),
        ("builtins:open", lambda: open(os.devnull)),  # noqa: SIM115  # it does not open
        ("builtins:print", lambda: print("x")),  # noqa: T201  # it does not print
        ("threading:get_ident", lambda: threading.get_ident()),
        ("random:random", lambda: importlib.import_module("random").random()),
        ("_json:encode_basestring_ascii", lambda: importlib.import_module("json.encoder").encode_basestring_ascii("x")),
    ],
)
def test_c_function_of_a_module_raises(lab: Any, target: str, call: Any) -> None:
    with lab.window(f"{target} = raise(OSError)"):
        with pytest.raises(OSError, match="chaos: injected"):
            call()


@pytest.mark.parametrize("target", ["threading:Lock", "builtins:open", "time:sleep", "os:read", "logging:Handler.emit"])
def test_fault_at_rate_one_on_what_everybody_needs_acts_or_is_refused_by_name(lab: Any, target: str) -> None:
    """``threading.Lock`` is a function before Python 3.13, and an immutable type since."""
    try:
        with lab.window(f"{target} = raise(OSError)") as chaos:
            assert [] == chaos.journal.activations
    except TargetError as error:
        assert f"target {target}: " in str(error)


def test_run_that_cannot_be_armed_leaves_nothing(shop: Any, lab: Any) -> None:
    before = (stock(shop), threading.excepthook)
    with pytest.raises(TargetError):
        lab.run(lambda: None, "shop:pay = null", "shop:nonesuch = null")

    assert before == (stock(shop), threading.excepthook)


def test_mock_that_stands_there_is_disturbed_like_any_function(shop: Any, lab: Any) -> None:
    with mock.patch.object(shop, "pay", return_value="mocked") as pay:
        with lab.window("shop:pay = #2 null"):
            assert ["mocked", None] == [shop.pay(), shop.pay()]
        assert shop.pay is pay
        pay.assert_called_once_with()


# --- restoration, in any order


def test_lifting_twice_is_harmless(shop: Any, lab: Any) -> None:
    before = stock(shop)
    with lab.window("shop:pay = null") as chaos:
        chaos.lift()
        chaos.lift()
        assert before == stock(shop)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1)])
@pytest.mark.parametrize(
    "target", ["shop:pay", "shop:Child.charge", "shop:Base.make", "shop:Base.balance", "shop:Plain"]
)
def test_overlapping_injections_lift_in_any_order(shop: Any, lab: Any, target: str, order: tuple[int, ...]) -> None:
    before = stock(shop)
    with lab.window() as chaos:
        injections = [chaos.inject(target, Raise(error)) for error in (OSError, KeyError, ValueError)]
        for index in order:
            injections[index].lift()
        assert before == stock(shop)


@pytest.mark.parametrize("injection_first", [True, False])
@pytest.mark.parametrize("lift_first", [True, False])
@pytest.mark.parametrize("name", ["pay", "Base.charge", "Child.charge", "Base.check", "Base.make"])
def test_mock_patch_and_injection_interleave(
    shop: Any, lab: Any, name: str, injection_first: bool, lift_first: bool
) -> None:
    """Whoever ends last, the calls then reach the original."""
    before = stock(shop)

    def call() -> Any:
        owner, _, attribute = f"shop.{name}".rpartition(".")
        found = functools.reduce(getattr, owner.split(".")[1:], shop)
        return getattr(found() if isinstance(found, type) else found, attribute)()

    plain = call()
    with lab.window() as chaos:
        patch = mock.patch(f"shop.{name}", return_value="mocked")
        if injection_first:
            injection = chaos.inject(f"shop:{name}", Return("fault"))
            patch.start()
        else:
            patch.start()
            injection = chaos.inject(f"shop:{name}", Return("fault"))
        for end in (injection.lift, patch.stop) if lift_first else (patch.stop, injection.lift):
            end()

        assert plain == call()
    if injection_first != lift_first:
        assert before == stock(shop), "properly nested, nothing of ours stays"


def test_monkeypatch_undone_after_the_window_leaves_a_wrapper_that_only_passes(
    shop: Any, lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lab.window("shop:pay = raise(OSError)") as chaos:
        monkeypatch.setattr(shop, "pay", lambda: "patched")
        assert "patched" == shop.pay()
    monkeypatch.undo()

    assert ("paid", 1, 2) == shop.pay()
    assert [] == chaos.journal.activations


def test_left_wrapper_can_be_disturbed_again(shop: Any, lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    original = shop.pay
    with lab.window("shop:pay = null"):
        monkeypatch.setattr(shop, "pay", lambda: "patched")
    monkeypatch.undo()
    with lab.window("shop:pay = 2*null") as chaos:
        assert [None, None, ("paid", 1, 2)] == [shop.pay() for _ in range(3)]
        assert 3 == chaos.calls("shop:pay")
    shop.pay = original


def test_rule_armed_after_a_patch_acts_on_what_the_patch_put_there(shop: Any, lab: Any) -> None:
    with lab.window("shop:pay = raise(OSError)") as chaos:
        with mock.patch.object(shop, "pay", lambda: "patched"):
            chaos.inject("shop:pay", Return("second"))
            assert "second" == shop.pay()
            chaos.lift()
            assert "patched" == shop.pay()


def test_what_cannot_be_put_back_does_not_keep_the_rest_in_place(
    shop: Any, lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stock(shop)
    experiment = lab.experiment("shop:pay = null", "shop:cached = null", "shop:use = null")
    second = experiment.injector.injections[1].sites[0].mechanism
    remove = type(second).remove
    told: list[str] = []

    def fails_once(mechanism: Any) -> None:
        remove(mechanism)
        if mechanism is second and not told:
            told.append("failed")
            raise OSError("stuck")

    monkeypatch.setattr(type(second), "remove", fails_once)
    experiment.injector.open()
    assert (shop.pay(), shop.use("pay")) == (None, None)
    with pytest.raises(OSError, match="stuck"):
        experiment.injector.close()
    assert before == stock(shop)
    experiment.close()


def test_everything_is_put_back_when_the_body_raises(shop: Any, lab: Any) -> None:
    before = stock(shop)
    for error in (ValueError, KeyboardInterrupt, SystemExit, GeneratorExit):
        with contextlib.suppress(error), lab.window("shop:pay = null", "shop:Child.charge = null"):
            raise error

        assert before == stock(shop)


def test_nothing_is_put_in_place_if_one_point_cannot_be_replaced(shop: Any, lab: Any) -> None:
    lab.module(
        "frozen",
        """
        class Meta(type):
            def __setattr__(cls, name, value): raise TypeError("frozen")
        class Closed(metaclass=Meta):
            go = len
        """,
    )
    before = stock(shop, sys.modules["frozen"])
    experiment = lab.experiment("shop:pay = null", "frozen:Closed.go = null")
    with pytest.raises((TypeError, SpecificationError), match="frozen"), experiment.body():
        raise AssertionError("the body ran")

    assert before == stock(shop, sys.modules["frozen"])
    experiment.close()


def test_injection_that_cannot_be_put_in_place_leaves_nothing(shop: Any, lab: Any) -> None:
    lab.module(
        "frozen",
        "class Meta(type):\n    def __setattr__(cls, name, value): raise TypeError('frozen')\n"
        "class Closed(metaclass=Meta):\n    go = len",
    )
    with lab.window() as chaos:
        with pytest.raises((TypeError, SpecificationError), match="frozen"):
            chaos.inject("frozen:Closed.go", Null())
        with pytest.raises(MisuseError):
            chaos.calls("frozen:Closed.go")


def test_calls_of_a_rule_with_limits_are_told_under_the_same_limits_only(shop: Any, lab: Any) -> None:
    with lab.window() as chaos:
        limited = chaos.inject("shop:pay[api:443]@shop:bills", Null())
        shop.pay()

        assert limited.calls == chaos.calls("shop:pay['api:443']@shop:bills")
        for other in ("shop:pay", "shop:pay[api:443]", "shop:pay[api:80]@shop:bills"):
            with pytest.raises(MisuseError, match=r"nothing is injected at shop:pay"):
                chaos.calls(other)


def test_rules_are_in_place_only_inside_the_window(shop: Any, lab: Any) -> None:
    original = shop.pay
    experiment = lab.experiment("shop:pay = null")
    assert shop.pay is original
    with experiment.body():
        assert shop.pay() is None
    assert shop.pay is original
    experiment.close()


def test_window_can_be_suspended(shop: Any, lab: Any) -> None:
    experiment = lab.experiment("shop:pay = null")
    with experiment.body():
        with experiment.injector.suspended():
            assert ("paid", 1, 2) == shop.pay()
        assert shop.pay() is None
    assert [1] == [injection.calls for injection in experiment.injector.injections]
    experiment.close()


# --- overlapping rules


@pytest.mark.parametrize("armed_open", [True, False])
def test_last_armed_acts_and_every_rule_counts(shop: Any, lab: Any, armed_open: bool) -> None:
    first, second = rule("shop:pay", Return("first")), rule("shop:pay", Return("second"), every=2)
    with lab.window(*(() if armed_open else (first, second))) as chaos:
        if armed_open:
            chaos.inject("shop:pay", Return("first"))
            chaos.inject("shop:pay", Return("second"), every=2)
        assert ["first", "second", "first", "second"] == [shop.pay() for _ in range(4)]
    injections = chaos._experiment.injector.injections

    assert [(4, 2), (4, 2)] == [(one.calls, one.fired) for one in injections]
    assert [[1, 3], [2, 4]] == [[activation.number for activation in one.activations] for one in injections]


def test_rules_on_two_names_of_one_function_overlap(shop: Any, lab: Any) -> None:
    lab.module("copies", "from shop import pay")
    with lab.window("shop:pay = return('first')") as chaos:
        with chaos.inject("copies:pay", Return("second")):
            assert "second" == shop.pay()
        assert "first" == shop.pay()
        assert 2 == chaos.calls("shop:pay")


def test_inner_injection_gives_way_when_it_is_lifted(shop: Any, lab: Any) -> None:
    with lab.window("shop:pay = return('outer')") as chaos:
        with chaos.inject("shop:pay", Return("inner")) as inner:
            assert "inner" == shop.pay()
        assert "outer" == shop.pay()

    assert (1, 1) == (inner.calls, inner.fired)


def test_rule_armed_below_gives_way(shop: Any, lab: Any) -> None:
    experiment = lab.experiment("shop:pay = return('above')")
    experiment.injector.arm(rule("shop:pay", Return("below")), below=True)
    with experiment.body():
        assert "above" == shop.pay()
    experiment.close()


def test_same_rule_twice_draws_twice(shop: Any, lab: Any) -> None:
    with lab.window(*["shop:pay = 50%null"] * 2):
        pattern = [shop.pay() is None for _ in range(200)]

    assert 110 < sum(pattern) < 190, "one rule alone would fire on about 100, both on about 150"


# --- counting


def test_rates_are_the_same_in_every_run_with_one_seed(shop: Any, lab: Any) -> None:
    def pattern(seed: int, test: str = "t") -> list[bool]:
        with lab.window("shop:pay = 30%null", seed=seed, test=test):
            return [shop.pay() is None for _ in range(100)]

    assert pattern(1) == pattern(1)
    assert pattern(1) != pattern(2)
    assert pattern(1) != pattern(1, "other test")


def test_counters_restart_with_each_round(shop: Any, lab: Any) -> None:
    experiment = lab.experiment("shop:pay = #1null")
    with experiment.body():
        answers = []
        for _ in range(2):
            experiment.new_round()
            answers.append([shop.pay(), shop.pay()])
        (injection,) = experiment.injector.injections
    experiment.close()

    assert [[None, ("paid", 1, 2)]] * 2 == answers
    assert (4, 2) == (injection.calls, injection.fired)


@pytest.mark.parametrize(
    ("trigger", "firing"),
    [
        ({"args": {"a": 5}}, [1, 2]),
        ({"args": {0: 5}}, [1, 2]),
        ({"args": {"b": 2}}, [0, 1, 2]),
        ({"args": {"b": 9}}, [3]),
        ({"args": {"nonesuch": 1}}, []),
        ({"args": (5,)}, [1, 2]),
        ({"when": lambda call: call.kwargs.get("a") == 5}, [1, 2]),
        ({"when": lambda call: call.number == 1}, [0]),
        ({"caller": "shop"}, []),
        ({"caller": "*test_injector"}, [0, 1, 2, 3]),
    ],
)
def test_filter_decides_which_calls_count(shop: Any, lab: Any, trigger: dict[str, Any], firing: list[int]) -> None:
    with lab.window(rule("shop:pay", Null(), **trigger)) as chaos:
        answers = [shop.pay(), shop.pay(5), shop.pay(a=5), shop.pay(b=9)]
        (injection,) = chaos._experiment.injector.injections

    assert firing == [index for index, answer in enumerate(answers) if answer is None]
    assert len(firing) == injection.calls


def test_match_comes_first_and_count_second(shop: Any, lab: Any) -> None:
    with lab.window(rule("shop:pay", Null(), args={"a": 5}, nth=2)):
        assert [("paid", 5, 2), ("paid", 1, 2), None] == [shop.pay(5), shop.pay(), shop.pay(5)]


def test_caller_is_the_module_that_calls(shop: Any, lab: Any) -> None:
    with lab.window(rule("shop:pay", Null(), caller="sho?")):
        assert [None, ("paid", 1, 2)] == [shop.use("pay"), shop.pay()]


def test_predicate_sees_the_call_without_self(shop: Any, lab: Any) -> None:
    seen: list[Any] = []
    with lab.window(rule("shop:Base.charge", Null(), when=seen.append)):
        shop.Base().charge(3)
        shop.Base().charge(a=4)

    assert [("shop:Base.charge", (3,), {"a": 3}, "main", 1), ("shop:Base.charge", (4,), {"a": 4}, "main", 1)] == [
        (call.target, call.args, call.kwargs, call.actor, call.number) for call in seen
    ]


def test_predicate_that_raises_is_reported_and_not_raised_into_the_system(shop: Any, lab: Any) -> None:
    seen = lab.run(lambda: shop.pay(), rule("shop:pay", Null(), when=lambda call: 1 / 0))

    assert ("inconclusive", True) == (seen.verdict, seen.fails)
    assert "ZeroDivisionError" in seen.texts[0]


def test_predicate_may_call_the_target(shop: Any, lab: Any) -> None:
    with lab.window(rule("shop:pay", Null(), when=lambda call: shop.pay() is not None)) as chaos:
        assert shop.pay() is None
        assert 1 == chaos.calls("shop:pay")


@pytest.mark.parametrize("folder", [pytest.__file__, importlib.__file__, inspect.getfile(Fault)])
def test_calls_of_pytest_of_imports_and_of_ours_pass_uncounted(shop: Any, lab: Any, folder: str) -> None:
    """Code that says it stands in the file of pytest, importlib or pytest_chaos."""
    namespace: dict[str, Any] = {}
    filename = folder if "pytest_chaos" not in folder else folder.replace("faults/base.py", "journal.py")
    exec(compile("def call(f): return f()", filename, "exec"), namespace)
    with lab.window("shop:pay = null") as chaos:
        assert ("paid", 1, 2) == namespace["call"](shop.pay)
        assert 0 == chaos.calls("shop:pay")


def test_call_of_the_standard_library_is_its_callers(shop: Any, lab: Any) -> None:
    with lab.window("json.encoder:JSONEncoder.encode = return('x')"):
        assert "x" == json.dumps({}, sort_keys=True)


def test_activation_names_who_called_what(shop: Any, lab: Any) -> None:
    def body() -> None:
        shop.pay()
        thread = threading.Thread(target=shop.pay, name="worker")
        thread.start()
        thread.join()

    seen = lab.run(body, "shop:pay = null")

    assert [
        ("shop:pay = null", "shop:pay", Null(), 1, "main", 1),
        ("shop:pay = null", "shop:pay", Null(), 2, "main/1", 1),
    ] == [(one.rule, one.point, one.fault, one.number, one.actor, one.index) for one in seen.observation.activations]
    assert "worker" == seen.observation.activations[1].thread
    assert seen.observation.activations[1].text.startswith("null at shop:pay, call 2 (main/1, 0.")


def test_tokens_differ_from_call_to_call_and_not_from_run_to_run(shop: Any, lab: Any) -> None:
    def tokens() -> list[str]:
        with lab.window("shop:pay = null") as chaos:
            for _ in range(3):
                shop.pay()
            return [activation.token for activation in chaos.journal.activations]

    assert tokens() == tokens()
    assert 3 == len(set(tokens()))


# --- what is injected


def test_each_activation_raises_an_instance_of_its_own(shop: Any, lab: Any) -> None:
    given = ConnectionError("given")
    caught: list[BaseException] = []
    with lab.window(rule("shop:pay", Raise(given))) as chaos:
        for _ in range(2):
            try:
                shop.pay()
            except ConnectionError as error:
                caught.append(error)
        assert all(chaos.journal.is_injected(error) for error in caught)

    assert 3 == len({id(error) for error in (given, *caught)})
    assert given.__traceback__ is None


def test_error_with_a_message_of_its_own_carries_a_note(shop: Any, lab: Any) -> None:
    with lab.window("shop:pay = raise(OSError, 'given')"):
        with pytest.raises(OSError) as caught:
            shop.pay()

    assert "given" == str(caught.value)
    (note,) = caught.value.__notes__
    assert note.startswith("chaos: injected at shop:pay, call 1 [")


def test_returned_containers_are_copied_and_objects_are_not(shop: Any, lab: Any) -> None:
    value: dict[str, list[int]] = {"a": []}
    marker = object()
    with lab.window(rule("shop:pay", Return(value), nth=[1, 2]), rule("shop:pay", Return(marker), nth=3)):
        first = shop.pay()
        first["a"].append(1)

        assert {"a": []} == shop.pay() == value
        assert shop.pay() is marker


def test_jitter_comes_from_the_seed(shop: Any, lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_chaos.hang import Ward

    def pauses(seed: int) -> list[float]:
        found: list[float] = []
        monkeypatch.setattr(Ward, "pause", lambda self, seconds: found.append(seconds))
        with lab.window("shop:pay = delay(10, 2)", seed=seed):
            for _ in range(20):
                shop.pay()
        return found

    assert pauses(1) == pauses(1)
    assert pauses(1) != pauses(2)
    assert 20 == len(set(pauses(1)))
    assert 8 <= min(pauses(1)) < 9 and 11 < max(pauses(1)) <= 12


# --- re-entrancy: a fault on what we use ourselves


@pytest.mark.parametrize(
    ("target", "fault", "call"),
    [
        ("copy:deepcopy", Return([1]), lambda: copy.deepcopy({})),
        ("copy:copy", Raise(OSError("x")), lambda: copy.copy(3)),
        ("threading:Event", Raise(OSError), lambda: threading.Event()),
        ("threading:get_ident", Raise(OSError), lambda: threading.get_ident()),
        ("threading:current_thread", Null(), lambda: threading.current_thread()),
        ("threading:Thread.start", Raise(OSError), lambda: threading.Thread().start()),
        ("time:monotonic", Raise(OSError), lambda: time.monotonic()),
        ("time:monotonic", Hang(0.001), lambda: time.monotonic()),
        ("time:sleep", Delay(0.001), lambda: time.sleep(0)),  # the target, not a wait
        ("random:Random.random", Raise(OSError), lambda: importlib.import_module("random").Random(0).random()),
        ("inspect:signature", Raise(OSError), lambda: inspect.signature(len)),
        ("logging:Handler.emit", Raise(OSError), None),
        ("builtins:repr", Return("x"), lambda: repr(3)),
        ("builtins:isinstance", Return(False), lambda: isinstance(3, int)),
        ("builtins:len", Return(0), lambda: len("abc")),
        ("os:getpid", Raise(OSError), lambda: os.getpid()),
    ],
)
def test_fault_on_what_the_engine_uses_fires_once(lab: Any, target: str, fault: Fault, call: Any) -> None:
    def emit() -> None:
        handler = logging.Handler()
        handler.emit(logging.LogRecord("n", 10, "p", 1, "m", (), None))

    with lab.window(rule(target, fault)) as chaos:
        with contextlib.suppress(OSError):
            (call or emit)()
    assert [1] == [activation.number for activation in chaos.journal.activations]


def test_fault_on_what_an_async_fault_uses_is_not_met_by_the_engine(shop: Any, lab: Any) -> None:
    async def main() -> Any:
        return await shop.pay_later()

    with lab.window(rule("copy:copy", Null()), rule("copy:deepcopy", Null())) as chaos:
        chaos.inject("shop:pay_later", Raise(KeyError("given")), nth=1)
        chaos.inject("shop:pay_later", Return([1, 2]), nth=2)
        with pytest.raises(KeyError, match="given"):
            asyncio.run(main())
        assert [1, 2] == asyncio.run(main())
        assert (0, 0) == (chaos.calls("copy:copy"), chaos.calls("copy:deepcopy"))


def test_fault_on_random_is_not_met_by_a_delay_of_ours(shop: Any, lab: Any) -> None:
    with lab.window("shop:pay_later = delay(0.001, 0.001)", "random:Random.random = raise(OSError)"):
        assert ("paid", 1) == awaited(shop.pay_later())


def test_delayed_call_of_the_standard_library_lets_faults_inside_it_act(lab: Any) -> None:
    with lab.window("json:dumps = delay(0.001)", "json.encoder:JSONEncoder.encode = return('x')"):
        assert "x" == json.dumps({}, sort_keys=True)


def test_delayed_call_inside_a_delayed_call_meets_its_fault(shop: Any, lab: Any) -> None:
    with lab.window("shop:use = delay(0.001)", "shop:pay = null"):
        assert shop.use("pay") is None


def test_factory_may_call_the_target(shop: Any, lab: Any) -> None:
    def factory() -> Exception:
        return OSError(shop.pay())

    with lab.window(rule("shop:pay", Raise(factory))) as chaos:
        with pytest.raises(OSError, match="paid"):
            shop.pay()
        assert 1 == chaos.calls("shop:pay")


def test_recursive_function_counts_every_call(lab: Any) -> None:
    deep = lab.module("deep", "def down(n): return n if n == 0 else down(n - 1)")
    with lab.window("deep:down = #4 return('floor')") as chaos:
        assert "floor" == deep.down(10)
        assert 4 == chaos.calls("deep:down")


# --- threads


@pytest.mark.parametrize(
    ("trigger", "fired"),
    [("#1,77,5000 ", 3), ("#7+7 ", 1428), ("#9001.. ", 1000), ("250*", 250), ("#2+2 100*", 100)],
)
def test_ten_threads_fire_exactly_as_often_as_counted(shop: Any, lab: Any, trigger: str, fired: int) -> None:
    nulls: list[int] = []

    def work() -> None:
        nulls.append(sum(shop.pay() is None for _ in range(1000)))

    with lab.window(f"shop:pay = {trigger}null") as chaos:
        threads = [threading.Thread(target=work) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (injection,) = chaos._experiment.injector.injections

    assert (10_000, fired, fired, fired) == (injection.calls, injection.fired, sum(nulls), len(injection.activations))
    assert sorted(one.number for one in injection.activations) == [one.number for one in injection.activations]


def test_rate_of_each_thread_is_its_own_whatever_the_others_do(shop: Any, lab: Any) -> None:
    def pattern(count: int) -> list[list[bool]]:
        found: list[list[bool]] = [[] for _ in range(count)]

        def work(index: int) -> None:
            found[index].extend(shop.pay() is None for _ in range(200))

        with lab.window("shop:pay = 20%null"):
            threads = [threading.Thread(target=work, args=(index,)) for index in range(count)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        return found

    assert pattern(2) == pattern(4)[:2]


def test_rate_of_each_task_is_its_own_whatever_the_others_do(shop: Any, lab: Any) -> None:
    def pattern(count: int) -> list[list[bool]]:
        async def work() -> list[bool]:
            found = []
            for _ in range(50):
                found.append(await shop.pay_later() is None)
                await asyncio.sleep(0)
            return found

        async def main() -> list[list[bool]]:
            return await asyncio.gather(*[work() for _ in range(count)])

        with lab.window("shop:pay_later = 20%null"):
            return asyncio.run(main())

    assert pattern(2) == pattern(5)[:2]


def test_thread_older_than_the_body_is_hit(shop: Any, lab: Any) -> None:
    go, done = threading.Event(), threading.Event()
    answers: list[Any] = []

    def work() -> None:
        go.wait()
        answers.append(shop.pay())
        done.set()

    server = threading.Thread(target=work)
    server.start()
    with lab.window("shop:pay = null") as chaos:
        go.set()
        done.wait()
        server.join()

    assert ([None], ["older-1"]) == (answers, [one.actor for one in chaos.journal.activations])


# --- the object of the fixture


def test_rule_text_can_be_injected(shop: Any, lab: Any) -> None:
    with lab.window() as chaos:
        with chaos.inject("shop:pay = 2*raise(OSError)->null") as outage:
            for _ in range(2):
                with pytest.raises(OSError):
                    shop.pay()
            assert shop.pay() is None
    assert (3, 3, "shop:pay = 2*raise(OSError)->null") == (outage.calls, outage.fired, outage.text)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("shop:pay",), "no fault given for 'shop:pay'"),
        (("shop:pay = null; shop:bills = null",), "one rule at a time, got 2"),
        (("shop:pya", Null()), "Did you mean 'pay'"),
        (("shop:LIMIT", Null()), "has no attribute"),
        ((3, Null()), "is not callable"),
        (("shop:pay", OSError), "Write Raise(OSError)"),
        (("shop:pay = nul",), "Did you mean 'null'"),
        (("builtins:dict.get", Null()), "immutable C type"),
        (("shop:Plain", Null()), "a constructor has no null"),
    ],
)
def test_wrong_injection_is_refused_with_its_place(shop: Any, lab: Any, args: Any, words: str) -> None:
    before = stock(shop)
    with lab.window(test="t.py::test_pay") as chaos, pytest.raises(SpecificationError) as caught:
        chaos.inject(*args)

    assert words in str(caught.value)
    assert str(caught.value).startswith("chaos.inject in t.py::test_pay: ")
    assert before == stock(shop)


def test_object_can_be_injected_twice(shop: Any, lab: Any) -> None:
    with lab.window() as chaos:
        with chaos.inject(shop.pay, Return(1)), chaos.inject(shop.pay, Return(2)) as inner:
            assert 2 == shop.pay()
        assert ("shop:pay = return(2)", 1) == (inner.text, inner.calls)


def test_calls_are_told_by_name_and_object_and_only_where_they_are_counted(shop: Any, lab: Any) -> None:
    with lab.window("shop:pay = #9 null") as chaos:
        shop.pay()

        assert 1 == chaos.calls("shop:pay")
        with pytest.raises(MisuseError, match="nothing is injected at shop:bills"):
            chaos.calls("shop:bills")


def test_lift_releases_and_restores_everything(shop: Any, lab: Any) -> None:
    before = stock(shop)
    with lab.window("shop:pay = null", "shop:Base.charge = null") as chaos:
        chaos.lift()

        assert before == stock(shop)
        assert ("paid", 1, 2) == shop.pay()


# --- what other people's own suites have shown


STRANGE = """
import functools

class remembered(property):
    def __init__(self, fget, name=None):
        super().__init__(fget)
        self.label = name

class lazy:
    def __init__(self, function): self.function = function
    def __get__(self, receiver, owner=None): return self if receiver is None else self.function(receiver)

class Mixin: pass

class Base:
    def __init__(self, x): self.x = x

class Both(Mixin, Base): pass

class Shop:
    @remembered
    def price(self): return 42
    @lazy
    def mode(self): return None
    def pay(self, much=False): return much
    pay_much = functools.partialmethod(pay, much=True)

def first(): return 1
def second(): return 2
"""


def test_property_of_a_class_with_a_constructor_of_its_own_meets_the_fault(lab: Any) -> None:
    strange = lab.module("strange", STRANGE)
    raw = vars(strange.Shop)["price"]
    with lab.window("strange:Shop.price = #1 return(0)"):
        assert (0, 42) == (strange.Shop().price, strange.Shop().price)
    assert vars(strange.Shop)["price"] is raw


def test_fault_on_a_class_without_a_constructor_leaves_its_siblings_theirs(lab: Any) -> None:
    """The class gets one of its own meanwhile, which stands before that of the next base."""
    strange = lab.module("strange", STRANGE)
    with lab.window("strange:Mixin = #2 raise(OSError)"):
        assert 1 == strange.Both(1).x
        with pytest.raises(OSError, match="injected"):
            strange.Both(1)
        assert 2 == strange.Both(2).x
        with pytest.raises(TypeError, match="takes no arguments"):
            strange.Mixin(1)
    assert "__init__" not in vars(strange.Mixin)


def test_descriptor_that_hands_out_no_method_is_no_target(lab: Any) -> None:
    strange = lab.module("strange", STRANGE)
    with pytest.raises(TargetError, match="not callable"):
        lab.window("strange:Shop.mode = raise(OSError)").__enter__()
    with lab.window("strange:Shop.* = 0.001%raise(OSError)"):
        assert strange.Shop().mode is None


def test_partial_method_meets_the_fault(lab: Any) -> None:
    strange = lab.module("strange", STRANGE)
    with lab.window("strange:Shop.pay_much = #1 return('nothing')"):
        assert ("nothing", True) == (strange.Shop().pay_much(), strange.Shop().pay_much())


def test_point_that_is_decided_call_by_call_leaves_the_others_their_gates(lab: Any) -> None:
    """What a rate draws at one point does not depend on the calls at others, so only that one is looked at."""
    strange = lab.module("strange", STRANGE)

    def fired(*calls: Callable[[], object]) -> tuple[set[str], list[int]]:
        with lab.window("strange:* = 10%raise(OSError)", seed=3) as chaos:
            for _ in range(200):
                for call in calls:
                    with contextlib.suppress(OSError):
                        call()
            (injection,) = chaos._experiment.injector.injections
            assert 200 * len(calls) == injection.calls
            gated = {site.point.name for site in injection.sites if site.planned}
            activations = chaos._experiment.journal.activations
        numbers = [one.number for one in activations]
        assert sorted(set(numbers)) == numbers and numbers[-1] <= 200 * len(calls)
        return gated, [number for number, one in enumerate(activations) if one.point == "strange:first"]

    alone, few = fired(lambda: strange.first())
    beside, many = fired(lambda: strange.first(), strange.Mixin, lambda: strange.second())
    assert len(few) == len(many) > 0
    if lab.laboratory.armory.twins is not None:
        assert {"first", "second"} <= alone == beside


def test_no_jump_back_leaves_what_releases_a_lock() -> None:
    """Ctrl-C is heard at jumps back: one that is outside of its ``with`` would leave the lock taken for ever."""
    outside = []
    for function in [one for one in vars(Injector).values() if isinstance(one, types.FunctionType)]:
        instructions = list(dis.get_instructions(function))
        following = itertools.pairwise(instructions)
        releases = {one.offset for one, after in following if after.opname == "WITH_EXCEPT_START"}
        held = [entry for entry in dis.Bytecode(function).exception_entries if entry.target in releases]
        for one in instructions:
            if one.opname.startswith("JUMP_BACKWARD"):
                around = {entry.target for entry in held if entry.start <= one.argval < entry.end}
                if around - {entry.target for entry in held if entry.start <= one.offset < entry.end}:
                    outside.append(f"{function.__qualname__}, line {function.__code__.co_firstlineno}")

    assert [] == outside


def test_what_a_raw_thread_begins_with_has_no_caller() -> None:
    """A greenlet begins so, too; a function that is called there first must not fail for that."""
    found: list[types.FrameType | None] = []
    told = threading.Lock()
    told.acquire()

    def first() -> None:
        found.extend((compat.caller(0), compat.caller(1)))
        told.release()

    _thread.start_new_thread(first, ())
    assert told.acquire(timeout=10), "it was not run"

    assert [frame and frame.f_code for frame in found] == [first.__code__, None]
