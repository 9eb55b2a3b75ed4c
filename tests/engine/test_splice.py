"""The splice: every reference is reached, what passes is as without it, and nothing of it stays."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import inspect
import os
import sys
import threading
import types
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_chaos import Delay, Null
from pytest_chaos.errors import TargetError
from pytest_chaos.injector import trial
from pytest_chaos.injector.bytecode import CannotSplice, spliced
from pytest_chaos.injector.mechanisms import Armory
from pytest_chaos.injector.splicing import Twins
from pytest_chaos.notation import rule_from

REFERENCES = """
import dataclasses, functools, sys

def pay(a=1): return ("paid", a)

from_import = pay
class Attribute: it = staticmethod(pay)
class Plain: it = pay
def default(f=pay): return f()
def keyword(*, f=pay): return f()
def closing():
    f = pay
    return lambda: f()
closed = closing()
def captured(f):
    @functools.wraps(f)
    def outer(*a): return f(*a)
    return outer
decorated = captured(pay)
listed = [pay]
mapped = {"pay": pay}
partial = functools.partial(pay)
@dataclasses.dataclass
class Data: f: object = pay
in_tuple = (pay,)
in_frozenset = frozenset([pay])
class Instance: pass
instance = Instance(); instance.f = pay
class Slotted: __slots__ = ("f",)
slotted = Slotted(); slotted.f = pay
data = Data()
def suspend():
    f = pay
    while True: yield f()
suspended = suspend(); next(suspended)
cached = functools.lru_cache(pay)
"""

WAYS = {
    "module attribute": lambda m: m.pay(),
    "from-import": lambda m: m.from_import(),
    "another module": lambda m: sys.modules["elsewhere"].pay(),
    "late global": lambda m: m.late(),
    "class attribute": lambda m: m.Plain.it(),
    "static method": lambda m: m.Attribute().it(),
    "default argument": lambda m: m.default(),
    "keyword-only default": lambda m: m.keyword(),
    "closure cell": lambda m: m.closed(),
    "decorator": lambda m: m.decorated(),
    "list": lambda m: m.listed[0](),
    "dict": lambda m: m.mapped["pay"](),
    "partial": lambda m: m.partial(),
    "dataclass default": lambda m: m.Data().f(),
    "tuple": lambda m: m.in_tuple[0](),
    "frozenset": lambda m: next(iter(m.in_frozenset))(),
    "instance attribute": lambda m: m.instance.f(),
    "slot": lambda m: m.slotted.f(),
    "dataclass instance": lambda m: m.data.f(),
    "local of a suspended frame": lambda m: next(m.suspended),
    "lru_cache": lambda m: m.cached(),
}


@pytest.fixture
def shop(lab: Any) -> Any:
    shop = lab.module("shop", REFERENCES)
    lab.module("elsewhere", "from shop import pay")
    return shop


def rule(target: Any, fault: Any, **trigger: Any) -> Any:
    return rule_from(target, fault, "here", **trigger)


@pytest.mark.parametrize("way", WAYS)
def test_every_kind_of_reference_is_reached(shop: Any, lab: Any, way: str) -> None:
    with lab.window("shop:pay = return('fault')") as chaos:
        shop.late = shop.pay
        assert WAYS[way](shop) == "fault"
        assert 1 == chaos.calls("shop:pay")
    shop.cached.cache_clear()
    assert WAYS[way](shop) == ("paid", 1)


def test_the_table_of_references_has_all_21_kinds() -> None:
    assert 21 == len(WAYS)


def test_the_function_stays_the_same_object_and_looks_the_same(shop: Any, lab: Any) -> None:
    before, code = (inspect.signature(shop.pay), shop.pay.__name__, inspect.getsource(shop.pay)), shop.pay.__code__
    function = shop.pay
    with lab.window("shop:pay = #9 null"):
        assert shop.pay is function
        assert before == (inspect.signature(shop.pay), shop.pay.__name__, inspect.getsource(shop.pay))
        assert shop.pay.__code__ is not code
    assert shop.pay.__code__ is code


def test_code_that_somebody_else_put_there_is_left_alone(shop: Any, lab: Any) -> None:
    other = (lambda a=1: "theirs").__code__
    with lab.window("shop:pay = null"):
        ours = shop.pay.__code__
        shop.pay.__code__ = other
    assert shop.pay.__code__ is other

    shop.pay.__code__ = ours  # and what they put back later passes every call
    assert shop.pay() == ("paid", 1)


def test_a_child_is_hit_and_its_base_and_siblings_are_spared(lab: Any) -> None:
    zoo = lab.module(
        "zoo",
        """
        class Base:
            def go(self): return type(self).__name__
            @classmethod
            def make(cls): return cls.__name__
            @property
            def name(self): return type(self).__name__
            @staticmethod
            def plain(): return "plain"
        class Child(Base): ...
        class Grandchild(Child): ...
        class Sibling(Base): ...
        """,
    )
    for step in ("go", "make", "name", "plain"):
        with lab.window(f"zoo:Child.{step} = null") as chaos:
            got = [getattr(kind(), step) for kind in (zoo.Child, zoo.Grandchild, zoo.Base, zoo.Sibling)]
            answers = [answer() if callable(answer) else answer for answer in got]
            assert [None, None] == answers[:2]
            assert None not in answers[2:]
            assert 2 == chaos.calls(f"zoo:Child.{step}")


def test_rules_on_a_base_and_on_its_child_share_a_function_and_count_apart(lab: Any) -> None:
    zoo = lab.module("zoo", "class Base:\n    def go(self): return 1\nclass Child(Base): ...")
    with lab.window("zoo:Base.go = #2 return('base')", "zoo:Child.go = return('child')") as chaos:
        assert [1, "child", 1, "child"] == [kind().go() for kind in (zoo.Base, zoo.Child, zoo.Base, zoo.Child)]
        assert (4, 2) == (chaos.calls("zoo:Base.go"), chaos.calls("zoo:Child.go"))


def test_one_instance_is_hit(lab: Any) -> None:
    zoo = lab.module("zoo", "class Base:\n    def go(self): return 1")
    mine, other = zoo.Base(), zoo.Base()
    with lab.window(rule(mine.go, Null())):
        kept = mine.go
        assert (None, None, 1) == (mine.go(), kept(), other.go())


SLOTTED = """
class Base:
    __slots__ = ("price",)
    def go(self): return 1
class Child(Base):
    __slots__ = ()
class Point(tuple):
    __slots__ = ()
    def go(self): return 1
"""


@pytest.mark.parametrize("kind", ["Base", "Child", "Point"])
def test_one_instance_without_a_dict_is_hit(lab: Any, kind: str) -> None:
    cls = getattr(lab.module("slotted", SLOTTED), kind)
    mine, other = cls(), cls()
    kept, code = mine.go, cls.go.__code__
    with lab.window(rule(mine.go, Null())) as chaos:
        assert (None, None, 1) == (mine.go(), kept(), other.go())
        assert 2 == chaos._experiment.injector.injections[0].calls
    assert (1, code) == (mine.go(), cls.go.__code__)


def test_one_instance_without_a_dict_is_refused_where_functions_are_not_spliced(lab: Any) -> None:
    mine = lab.module("slotted", SLOTTED).Base()
    lab.laboratory = lab.laboratory.__class__(
        lab.laboratory.provenance, lab.laboratory.census, Armory(can_splice=False)
    )
    with pytest.raises(TargetError, match="attributes of this Base cannot be replaced"):
        lab.experiment(rule(mine.go, Null()))


def test_a_rule_armed_and_lifted_between_calls_loses_no_count(shop: Any, lab: Any) -> None:
    with lab.window("shop:pay = #5 return('fault')") as chaos:
        answers = [shop.pay(), shop.pay()]
        with chaos.inject("shop:pay", Null(), nth=2) as second:
            answers += [shop.pay(), shop.pay()]
        assert (2, 1) == (second.calls, second.fired)
        answers += [shop.pay(), shop.pay()]
        assert 6 == chaos.calls("shop:pay")
    assert [*[("paid", 1)] * 3, None, "fault", ("paid", 1)] == answers


def test_every_thread_of_many_is_counted_and_the_number_of_firings_is_exact(shop: Any, lab: Any) -> None:
    fired: list[int] = []

    def hammer() -> None:
        mine = 0
        for _ in range(12_500):
            mine += shop.pay() is None
        fired.append(mine)

    with lab.window("shop:pay = #10+100 null") as chaos:
        threads = [threading.Thread(target=hammer) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (injection,) = chaos._experiment.injector.injections
        assert (100_000, 1000, 1000) == (injection.calls, injection.fired, sum(fired))


def test_each_task_draws_from_a_stream_of_its_own(shop: Any, lab: Any) -> None:
    def run(order: list[int]) -> dict[int, list[bool]]:
        seen: dict[int, list[bool]] = {}

        async def work(number: int) -> None:
            seen[number] = []
            for _ in range(60):
                seen[number].append(shop.pay() is None)
                await asyncio.sleep(0)  # a turn of the loop, not a wait

        async def body() -> None:
            shop.pay()
            tasks = [asyncio.ensure_future(work(number)) for number in range(3)]
            for number in order:
                await tasks[number]

        with lab.window("shop:pay = 20%null"):
            asyncio.run(body())
        return seen

    first = run([0, 1, 2])
    assert first == run([2, 1, 0])
    assert 3 == len({tuple(one) for one in first.values()})


def test_a_thread_older_than_the_test_does_not_follow_the_plan_of_an_earlier_one(shop: Any, lab: Any) -> None:
    go, done, stop = threading.Event(), threading.Event(), threading.Event()
    answers: list[Any] = []

    def serve() -> None:
        while True:
            go.wait()
            go.clear()
            if stop.is_set():
                return
            answers.append(shop.pay())
            done.set()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        for text in ("shop:pay = #100 null", "shop:pay = 0.1%null", "shop:pay = return('fault')"):
            with lab.window(text):
                go.set()
                done.wait()
                done.clear()
    finally:
        stop.set()
        go.set()
        thread.join()
    assert answers == [("paid", 1), ("paid", 1), "fault"]


def test_calls_of_the_runner_are_looked_for_once_one_was_seen(shop: Any, lab: Any) -> None:
    """A function of the project that pytest's side calls: that call is not counted, and meets no fault."""
    namespace = {"pay": shop.pay}
    plugin = os.path.join(os.path.dirname(pytest.__file__), "plugin.py")
    exec(compile("def call(): return pay()", plugin, "exec"), namespace)
    with lab.window("shop:pay = #2 return('fault')") as chaos:
        assert ("paid", 1) == shop.pay()
        for _ in range(3):
            assert ("paid", 1) == namespace["call"]()
    with lab.window("shop:pay = 2*return('fault')") as chaos:
        assert [("paid", 1), "fault", ("paid", 1), "fault"] == [
            call() for call in (namespace["call"], shop.pay, namespace["call"], shop.pay)
        ]
        assert 2 == chaos.calls("shop:pay")


def test_a_fault_lifted_while_its_call_waits_makes_the_real_call(shop: Any, lab: Any) -> None:
    got: list[Any] = []
    with lab.window(rule("shop:pay", Delay(30))) as chaos:
        thread = threading.Thread(target=lambda: got.append(shop.pay(7)))
        thread.start()
        while not chaos.journal.activations:
            threading.Event().wait(0.001)  # until the other thread is in the delay
        chaos.lift()
    thread.join()
    assert got == [("paid", 7)]


def test_a_forked_child_is_not_disturbed(shop: Any, lab: Any) -> None:
    with lab.window("shop:pay = null"):
        child = os.fork()
        if child == 0:
            os._exit(0 if shop.pay() == ("paid", 1) else 1)
        _, status = os.waitpid(child, 0)
        assert shop.pay() is None
    assert 0 == os.waitstatus_to_exitcode(status)


def test_functions_with_very_many_constants_are_replaced_by_name(lab: Any) -> None:
    lines = "\n".join(f"    x = {number}.5" for number in range(300))
    big = lab.module("big", f"def pay():\n{lines}\n    return x")
    with pytest.raises(CannotSplice, match="constants"):
        spliced(big.pay.__code__, int, bool, int)
    with lab.window("big:pay = null"):
        assert big.pay() is None
    assert big.pay() == 299.5


def test_where_the_trial_fails_names_are_replaced(shop: Any, lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_chaos.injector.splicing.why_not_here", lambda: "not today")
    with lab.window("shop:pay = null"):
        assert type(shop.pay) is not types.FunctionType
        assert shop.from_import() is None


TRACERS = [sys.settrace, threading.settrace, sys.setprofile, threading.setprofile]
SHOWS_PROLOGUE = sys.version_info < (3, 12)  # to profilers, which are told of its C call


@contextlib.contextmanager
def traced(switch: Any) -> Iterator[None]:
    """Trace or profile with a function that looks at nothing."""

    def ignore(*event: Any) -> Any:
        return ignore

    before = sys.gettrace(), sys.getprofile()
    switch(ignore)
    try:
        yield
    finally:
        switch(None)
        sys.settrace(before[0])
        sys.setprofile(before[1])


@pytest.mark.parametrize("switch", TRACERS if not SHOWS_PROLOGUE else TRACERS[:2])
def test_where_a_tracer_is_on_every_reference_is_reached_all_the_same(shop: Any, lab: Any, switch: Any) -> None:
    with traced(switch), lab.window("shop:pay = return('fault')"):
        shop.late = shop.pay
        assert dict.fromkeys(WAYS, "fault") == {name: way(shop) for name, way in WAYS.items()}


@pytest.mark.skipif(not SHOWS_PROLOGUE, reason="a profiler sees no prologue here")
@pytest.mark.parametrize("switch", TRACERS[2:])
def test_where_a_profiler_is_on_that_sees_prologues_names_are_replaced(shop: Any, lab: Any, switch: Any) -> None:
    with traced(switch), lab.window("shop:pay = null"):
        assert type(shop.pay) is not types.FunctionType
        assert shop.from_import() is None


def test_the_trial_finds_code_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trial.trial() == ""
    monkeypatch.setattr(trial, "spliced", lambda code, *calls: code)
    assert "the prologue saw []" in trial.trial()


def test_the_trial_finds_answers_without_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trial.traced() == ""

    monkeypatch.setattr(trial, "spliced", lambda code, get, fire, take: spliced(code, get, lambda *slots: take(), take))
    assert "an error came from somewhere else" in trial._try_error(trial._SAMPLES[0][0])
    assert "a tracer is told []" in trial.traced()


@pytest.mark.parametrize("splices", [True, False])
def test_a_predicate_sees_the_same_however_the_call_is_written(shop: Any, lab: Any, splices: bool) -> None:
    seen: list[Any] = []
    lab.laboratory = lab.laboratory.__class__(
        lab.laboratory.provenance, lab.laboratory.census, Armory(can_splice=splices)
    )
    with lab.window(rule("shop:pay", Null(), when=lambda call: seen.append((call.args, dict(call.kwargs))))):
        shop.pay(3)
        shop.pay(a=3)
        shop.pay()
    assert [((3,), {"a": 3}), ((3,), {"a": 3}), ((1,), {"a": 1})] == seen


def test_depth_of_recursion_is_nearly_that_of_the_bare_function(lab: Any) -> None:
    deep = lab.module("deep", "def down(n):\n    global reached\n    reached = n\n    down(n + 1)")

    def depth() -> int:
        with contextlib.suppress(RecursionError):
            deep.down(1)
        return deep.reached

    limit = sys.getrecursionlimit()
    bare = depth()
    with lab.window("deep:down = #999999 null"):
        armed = depth()
    assert limit == sys.getrecursionlimit()
    assert bare - armed <= 3


def test_partial_of_a_method_and_wrapped_functions_keep_their_shape(shop: Any, lab: Any) -> None:
    with lab.window("shop:pay = #9 null"):
        assert functools.partial(shop.pay, 4)() == ("paid", 4)
        assert not inspect.iscoroutinefunction(shop.pay)


# --- many functions, and experiments inside each other


def test_the_collector_is_left_as_it_was(lab: Any) -> None:
    many = "\n".join(f"def pay_{number}(): return {number}" for number in range(3000))
    lab.module("many", many)
    gc.collect()
    before = gc.isenabled(), gc.get_freeze_count(), gc.get_threshold()
    with lab.window("many:* = #2 null") as chaos:
        assert before == (gc.isenabled(), gc.get_freeze_count(), gc.get_threshold())
        assert 0 == chaos.calls("many:*")


def test_what_somebody_froze_stays_frozen(lab: Any) -> None:
    lab.module("many", "\n".join(f"def pay_{number}(): return {number}" for number in range(3000)))
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with lab.window("many:* = #2 null"):
            assert 0 < gc.get_freeze_count() <= frozen
    finally:
        gc.unfreeze()


def test_a_glob_takes_a_function_once_that_is_a_method_too(lab: Any) -> None:
    lab.module("both", "def pay(): return 1\nclass Shop:\n    pay = staticmethod(pay)\n    take = pay")
    with lab.window("both:* = #3 null") as chaos:
        both = sys.modules["both"]
        assert [1, 1, None] == [both.pay(), both.Shop.pay(), both.pay()]
        assert 3 == chaos.calls("both:*")


@pytest.mark.parametrize("first_out", ["inner", "outer"])
def test_an_experiment_inside_another_takes_over_and_gives_back(shop: Any, lab: Any, first_out: str) -> None:
    code = shop.pay.__code__
    outer = lab.experiment("shop:pay = return('outer')")
    inner = lab.experiment("shop:pay = return('inner')")
    with contextlib.ExitStack() as stack:
        stack.callback(outer.close)
        stack.callback(inner.close)
        outer.injector.open()
        assert "outer" == shop.pay()
        inner.injector.open()
        assert "inner" == shop.pay()
        if first_out == "inner":
            inner.injector.close()
            assert "outer" == shop.pay()
            outer.injector.close()
        else:
            outer.injector.close()
            assert "inner" == shop.pay()
            inner.injector.close()
        assert ("paid", 1) == shop.pay()
    assert code is shop.pay.__code__


def test_twins_of_functions_that_died_are_swept_away(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_chaos.injector.splicing._FEW", 10)
    twins = Twins()
    kept = lab.module("kept", "def pay(): return 1").pay
    twin = twins.twin_of(kept)
    for _ in range(100):
        assert twins.twin_of(types.FunctionType(kept.__code__, {})) is not None
    assert twins.twin_of(kept) is twin
    assert len(twins._twins) <= 23
