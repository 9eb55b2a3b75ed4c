"""What one run of an explored test leaves to the next: watches and the points of globs, and nothing that is stale."""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import sys
import weakref
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any
from unittest import mock

import pytest

from pytest_chaos.experiment import Experiment
from pytest_chaos.injector import injector as injectors
from pytest_chaos.injector.injector import Patience
from pytest_chaos.injector.mechanisms import Armory
from pytest_chaos.notation import parse, parse_target
from pytest_chaos.plan import Plain, PlannedRule, Reaching, RunPlan
from pytest_chaos.target import Positions, resolve

SHOP = """
class Till:
    limit = 10

    def __init__(self):
        self.paid = 0

    def pay(self, amount=1):
        self.paid += amount
        return charge(amount)

    @classmethod
    def make(cls):
        return cls()

class Child(Till):
    pass

def charge(amount=1):
    return amount

def sell():
    return Till().pay()

calls = 0
"""
TARGET = "shop:*"
REACHING = Reaching({"shop:Till", "shop:Till.pay", "shop:charge"}, {})


@pytest.fixture(scope="module", params=[True, False], ids=["spliced", "replaced"])
def armory(request: pytest.FixtureRequest) -> Armory:
    """Every test of this file, with Python functions spliced and with their names replaced."""
    return Armory(can_splice=request.param)


class Runs:
    """The runs of one explored test."""

    def __init__(self, lab: Any, target: str = TARGET) -> None:
        self.lab = lab
        # Of the targets alone: what else a plain run watches is another list.
        lab.laboratory = replace(lab.laboratory, opening=[])
        self.target = parse_target(target)
        self.points = lab.laboratory.armory.globs.points(self.target)
        self.plain: Plain | None = None

    def run(self, body: Callable[[], Any], *rules: str, put: Any = None) -> tuple[dict[str, int], list[int], list[int]]:
        """Return how often each point was called, and how often each rule's calls were counted and it fired."""
        kind = "session" if self.plain is None else "explored" if rules else "recovery"
        planned = tuple(PlannedRule(parse(rule)[0], patience=Patience(100, 10.0)) for rule in rules)
        watched = [(self.target, self.points)]
        plan = RunPlan("test", kind=kind, rules=planned, watched=watched, reaching=REACHING, plain=self.plain)
        experiment = Experiment(self.lab.laboratory, plan)
        experiment.begin()
        try:
            with put or mock.patch.dict({}):
                experiment.prepare()
                with experiment.body():
                    with contextlib.suppress(OSError):
                        body()
            seen, _ = experiment.conclude()
            trace = experiment.trace
            assert trace is not None
            assert experiment.reach is not None
            if self.plain is None:
                self.plain = Plain.of(seen, trace, experiment.reach, experiment.sites)
            counts = {point: trace.count(point, with_driver=True) for point, _ in trace.spots}
            return counts, [rule.calls for rule in seen.rules], [rule.fired for rule in seen.rules]
        finally:
            experiment.close()


@pytest.fixture
def shop(lab: Any) -> ModuleType:
    module: ModuleType = lab.module("shop", SHOP)
    return module


@pytest.fixture
def runs(lab: Any, shop: ModuleType) -> Runs:
    return Runs(lab)


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The points for which it was looked up how they are replaced, one by one."""
    texts: list[str] = []
    site = injectors.Injector._site

    def noted(self: injectors.Injector, point: Any) -> Any:
        texts.append(point.text)
        return site(self, point)

    monkeypatch.setattr(injectors.Injector, "_site", noted)
    return texts


SOLD = {"shop:sell": 1, "shop:Till": 1, "shop:Till.pay": 1, "shop:charge": 1}
RULE = "shop:* = #100 raise(OSError)"


def test_counts_are_the_same_in_each_run(runs: Runs, shop: Any) -> None:
    assert runs.run(lambda: shop.sell()) == (SOLD, [], [])
    assert runs.run(lambda: shop.sell(), RULE) == (SOLD, [4], [0])
    assert runs.run(lambda: shop.sell(), "shop:* = #2 raise(OSError)") == ({"shop:sell": 1, "shop:Till": 1}, [2], [1])
    assert runs.run(lambda: shop.sell(), RULE, "shop:charge = #1 raise(OSError)") == (SOLD, [4, 1], [0, 1])
    assert runs.run(lambda: (shop.sell(), shop.sell())) == (dict.fromkeys(SOLD, 2), [], [])
    assert runs.run(lambda: shop.sell()) == (SOLD, [], [])


def test_the_watches_of_a_run_serve_the_next_one(runs: Runs, shop: Any, looked_up: list[str]) -> None:
    runs.run(lambda: shop.sell())
    assert len(looked_up) == len(runs.points)
    looked_up.clear()
    runs.run(lambda: shop.sell())
    assert looked_up == []


def test_the_watches_of_a_plain_run_serve_that_of_the_next_test(
    runs: Runs, lab: Any, shop: Any, looked_up: list[str]
) -> None:
    """Also those of which only the reach is told."""
    beneath = parse_target("json:*")
    points = lab.laboratory.armory.globs.points(beneath)
    reaching = REACHING._replace(points={"shop:Till", "shop:charge", "json:dumps"}, beneath=[(beneath, points)])

    def reached() -> list[tuple[str, int]]:
        watched = [(runs.target, runs.points)]
        experiment = Experiment(lab.laboratory, RunPlan("test", kind="session", watched=watched, reaching=reaching))
        experiment.begin()
        try:
            experiment.prepare()
            with experiment.body():
                shop.sell()
                json.dumps([])
            experiment.conclude()
            assert experiment.reach is not None
            return [(way.point, way.count) for way in experiment.reach.ways(lambda step: False)]
        finally:
            experiment.close()

    first = reached()
    assert {"shop:charge", "json:dumps"} < {point for point, _ in first}
    assert len(looked_up) == len(runs.points) + len(points)
    looked_up.clear()
    assert reached() == first
    assert looked_up == []


def test_functions_are_themselves_between_two_runs(runs: Runs, shop: Any) -> None:
    before = dict(vars(shop)), dict(vars(shop.Till)), shop.charge.__code__, shop.Till.pay.__code__
    for rules in ((), (RULE,), ()):
        runs.run(lambda: shop.sell(), *rules)
        assert (dict(vars(shop)), dict(vars(shop.Till)), shop.charge.__code__, shop.Till.pay.__code__) == before


@pytest.mark.parametrize("name", ["charge", "Till.pay"])
def test_a_mock_that_stands_in_one_run_only_is_called_in_that_one(runs: Runs, shop: Any, name: str) -> None:
    double = mock.patch(f"shop.{name}", return_value=0)
    runs.run(lambda: shop.sell())
    with_mock = {point: calls for point, calls in SOLD.items() if name == "charge" or point != "shop:charge"}
    for rules in ((RULE,), ()):
        counted = [len(with_mock)] if rules else []
        assert runs.run(lambda: shop.sell(), *rules, put=double) == (with_mock, counted, [0] if rules else [])
        assert runs.run(lambda: shop.sell(), *rules) == (SOLD, [4] if rules else [], [0] if rules else [])


def test_a_fault_acts_in_front_of_a_mock_of_the_second_run(runs: Runs, shop: Any) -> None:
    runs.run(lambda: shop.sell())
    with mock.patch("shop.charge", return_value=0) as charge:
        *_, fired = runs.run(lambda: shop.sell(), "shop:charge = #1 raise(OSError)", put=mock.patch.dict({}))
        assert (fired, charge.call_count) == ([1], 0)
        runs.run(lambda: shop.sell())
        assert charge.call_count == 1


def test_a_function_with_other_code_than_in_the_last_run_runs_that(runs: Runs, shop: Any) -> None:
    got: list[Any] = []

    def other(amount: int = 1) -> str:
        return "other"

    runs.run(lambda: got.append(shop.charge()))
    own, shop.charge.__code__ = shop.charge.__code__, other.__code__
    counts, *_ = runs.run(lambda: got.append(shop.charge()))
    assert shop.charge.__code__ is other.__code__
    shop.charge.__code__ = own
    runs.run(lambda: got.append(shop.charge()))
    assert (got, counts) == ([1, "other", 1], {"shop:charge": 1})


def test_a_module_that_the_body_loads_again_is_met_in_the_next_run(runs: Runs, shop: Any) -> None:
    runs.run(lambda: shop.sell())
    runs.run(lambda: importlib.reload(shop), RULE)
    assert runs.run(lambda: shop.sell(), RULE) == (SOLD, [4], [0])
    assert runs.run(lambda: shop.sell()) == (SOLD, [], [])


def test_a_module_that_takes_the_place_of_another_is_met_in_the_next_run(runs: Runs, lab: Any, shop: Any) -> None:
    runs.run(lambda: shop.sell())
    del sys.modules["shop"]
    new = importlib.import_module("shop")
    found = runs.lab.laboratory.armory.globs.points(runs.target)
    assert [point.raw for point in found if point.text == "shop:charge"] == [new.charge]
    assert runs.run(lambda: new.sell(), RULE) == (SOLD, [4], [0])


def test_a_glob_means_what_came_to_its_module_and_its_classes_since(runs: Runs, shop: Any) -> None:
    runs.run(lambda: shop.sell())
    exec("def refund():\n    return Till().give()\n", vars(shop))
    shop.Till.give = shop.charge
    assert runs.run(lambda: shop.refund(), "shop:refund* = #1 raise(OSError)")[2] == [1]
    *_, calls, _ = runs.run(lambda: shop.refund(), RULE)
    assert calls == [3]  # refund, the constructor, and give, which is charge


def test_a_glob_does_not_mean_what_was_taken_away(runs: Runs, shop: Any) -> None:
    runs.run(lambda: shop.sell())
    del shop.Till.make
    with runs.lab.window(RULE) as chaos:
        shop.sell()
    texts = [point.text for injection in chaos._experiment.injector.injections for point in injection.points]
    assert "shop:Till.pay" in texts
    assert "shop:Till.make" not in texts


def test_data_that_changes_does_not_let_a_glob_be_looked_up_again(runs: Runs, shop: Any) -> None:
    globs, target = runs.lab.laboratory.armory.globs, runs.target
    shop.calls, shop.Till.limit = 7, 99
    assert list(map(id, globs.points(target))) == list(map(id, runs.points))
    shop.sell = shop.charge
    assert list(map(id, globs.points(target))) != list(map(id, runs.points))


def test_a_name_that_is_no_point_lets_a_glob_be_looked_up_once(runs: Runs, shop: Any) -> None:
    """A warning puts a register of its own into the module whose line it is about."""
    globs, target = runs.lab.laboratory.armory.globs, runs.target
    shop.__warningregistry__ = {}
    for _ in range(2):
        assert list(map(id, globs.points(target))) == list(map(id, runs.points))


def test_a_list_of_points_belongs_to_who_asked(runs: Runs) -> None:
    globs, target = runs.lab.laboratory.armory.globs, runs.target
    globs.points(target).clear()
    assert globs.points(target) == resolve_as_before(runs)


def resolve_as_before(runs: Runs) -> list[Any]:
    assert [point.text for point in resolve(runs.target)] == [point.text for point in runs.points]
    return runs.points


# Names that are replaced are kept by what looks after these tests.
@pytest.mark.parametrize("armory", [True], ids=["spliced"], indirect=True)
def test_a_double_that_a_watch_has_met_is_not_kept_alive(runs: Runs, shop: Any) -> None:
    def double(amount: int = 1) -> int:
        return amount

    alive = weakref.ref(double)
    runs.run(lambda: shop.sell(), put=mock.patch.object(shop, "charge", double))
    del double
    gc.collect()
    assert alive() is None


def test_a_double_is_not_kept_alive(runs: Runs, shop: Any) -> None:
    def double(amount: int = 1) -> int:
        return amount

    alive = weakref.ref(double)
    shop.charge, own = double, shop.charge
    met = {point.text: point.raw for point in runs.lab.laboratory.armory.globs.points(runs.target)}
    assert met.pop("shop:charge") is double
    shop.charge = own
    del double
    gc.collect()
    assert alive() is None


def test_nothing_of_a_run_is_kept_alive_by_its_watches(runs: Runs, shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[Any]] = []
    begin = injectors.Injector.watch_all

    def noted(self: injectors.Injector, *args: Any) -> None:
        made.append(weakref.ref(self))
        begin(self, *args)

    monkeypatch.setattr(injectors.Injector, "watch_all", noted)
    runs.run(lambda: shop.sell())
    runs.run(lambda: shop.sell(), RULE)
    gc.collect()
    assert [one() for one in made] == [None, None]


def test_a_run_inside_another_ones_window_has_watches_of_its_own(runs: Runs, shop: Any) -> None:
    runs.run(lambda: shop.sell())
    inner: list[dict[str, int]] = []

    def both() -> None:
        shop.sell()
        inner.append(runs.run(lambda: shop.sell())[0])

    runs.run(both)
    assert inner == [SOLD]
    assert runs.run(lambda: shop.sell()) == (SOLD, [], [])


def test_under_a_profiler_names_are_replaced_and_afterwards_code_is_spliced_again(runs: Runs, shop: Any) -> None:
    """From CPython 3.12 on it is spliced all the time."""
    own = shop.charge.__code__
    codes: list[Any] = []

    def body() -> None:
        codes.append(getattr(shop.charge, "__wrapped__", shop.charge).__code__)
        shop.sell()

    for profiler in (None, lambda *args: None, None):
        sys.setprofile(profiler)
        try:
            assert runs.run(body, *([RULE] if runs.plain else [])) == (
                SOLD,
                [4] if codes[1:] else [],
                [0] * len(codes[1:2]),
            )
        finally:
            sys.setprofile(None)
    is_hidden = sys.version_info >= (3, 12)
    assert [code is own for code in codes] == [
        not runs.lab.splices,
        not (runs.lab.splices and is_hidden),
        not runs.lab.splices,
    ]


def test_a_profiler_that_comes_on_in_the_body_is_met_by_no_spliced_code_in_the_next_run(runs: Runs, shop: Any) -> None:
    own = shop.charge.__code__
    codes: list[Any] = []

    def body() -> None:
        codes.append(getattr(shop.charge, "__wrapped__", shop.charge).__code__)
        shop.sell()
        sys.setprofile(lambda *args: None)

    try:
        for _ in range(2):
            runs.run(body)
    finally:
        sys.setprofile(None)
    is_hidden = sys.version_info >= (3, 12)

    assert [code is own for code in codes] == [not runs.lab.splices, not (runs.lab.splices and is_hidden)]


ALIASES = "from math import lgamma\n\ndef use():\n    return lgamma(3)\n"


def test_an_alias_in_a_module_that_took_the_place_of_another_is_reached(lab: Any) -> None:
    first = lab.module("calculator", ALIASES)
    with lab.window("math:lgamma = return(7)"):
        assert first.use() == 7
    del sys.modules["calculator"]
    second = importlib.import_module("calculator")
    with lab.window("math:lgamma = return(7)"):
        assert second.use() == 7


def test_an_alias_that_came_to_a_module_since_is_reached(lab: Any) -> None:
    calculator = lab.module("calculator", ALIASES)
    with lab.window("math:lgamma = return(7)"):
        pass
    calculator.other = calculator.lgamma
    with lab.window("math:lgamma = return(7)", "math:gamma = return(8)"):
        assert (calculator.other(3), calculator.use()) == (7, 7)


def test_an_alias_that_came_to_a_module_in_the_body_is_reached_by_what_is_armed_there(lab: Any) -> None:
    calculator = lab.module("calculator", ALIASES)
    with lab.window("math:gamma = return(8)") as chaos:
        calculator.other = calculator.lgamma
        with chaos.inject("math:lgamma = return(7)"):
            assert calculator.other(3) == 7


def test_watches_go_on_after_a_module_took_the_place_of_another(runs: Runs, shop: Any, looked_up: list[str]) -> None:
    runs.run(lambda: shop.sell())
    del sys.modules["shop"]
    new = importlib.import_module("shop")
    assert runs.run(lambda: new.sell()) == (SOLD, [], [])
    looked_up.clear()
    assert runs.run(lambda: new.sell()) == (SOLD, [], [])
    assert looked_up == []


def test_a_watch_that_met_a_double_leaves_that_one_alone(runs: Runs, shop: Any, looked_up: list[str]) -> None:
    runs.run(lambda: shop.sell())
    runs.run(lambda: shop.sell(), put=mock.patch("shop.charge"))
    looked_up.clear()
    assert runs.run(lambda: shop.sell()) == (SOLD, [], [])
    assert looked_up == []


MANY = 60  # so many that a rule over them rests between two runs
MALL = (
    "import contextlib\n\n@contextlib.contextmanager\ndef opened():\n    yield\n"  # which is looked up each time
    + "\n".join(f"def shop{number}():\n    return {number}\n" for number in range(MANY))
    + """
def visit():
    return sum(function() for name, function in sorted(globals().items()) if name.startswith("shop"))
"""
)
VISITED = {f"mall:shop{number}": 1 for number in range(MANY)} | {"mall:visit": 1}
MALL_RULE = "mall:* = #1000 raise(OSError)"


@pytest.fixture
def mall(lab: Any) -> ModuleType:
    module: ModuleType = lab.module("mall", MALL)
    return module


@pytest.fixture
def visits(lab: Any, mall: ModuleType) -> Runs:
    return Runs(lab, "mall:*")


def test_a_rule_over_many_functions_takes_the_place_of_the_last_one(
    visits: Runs, mall: Any, looked_up: list[str]
) -> None:
    visits.run(lambda: mall.visit())
    visits.run(lambda: mall.visit(), MALL_RULE)
    looked_up.clear()
    for rule, calls, fired in (
        (MALL_RULE, MANY + 1, 0),
        ("mall:* = #3 raise(OSError)", 3, 1),
        (MALL_RULE, MANY + 1, 0),
    ):
        assert visits.run(lambda: mall.visit(), rule)[1:] == ([calls], [fired])
        assert visits.run(lambda: mall.visit()) == (VISITED, [], [])
    assert looked_up == []


def test_each_of_two_rules_over_many_functions_counts_for_itself(visits: Runs, mall: Any) -> None:
    other = "mall:* = #7 raise(OSError)"
    visits.run(lambda: mall.visit(), MALL_RULE)
    for _ in range(2):
        assert visits.run(lambda: mall.visit(), MALL_RULE, other)[1:] == ([7, 7], [0, 1])
        assert visits.run(lambda: mall.visit(), other, MALL_RULE)[1:] == ([7, 7], [1, 0])
        assert visits.run(lambda: mall.visit(), "mall:shop1 = #1 raise(OSError)")[1:] == ([1], [1])
        assert visits.run(lambda: mall.visit(), MALL_RULE, "mall:shop1 = #1 return(1)")[1:] == ([MANY + 1, 1], [0, 1])


@pytest.mark.parametrize("is_disturbed", [True, False], ids=["in a chaos run", "in a plain run"])
def test_a_mock_where_a_rule_rests_is_called_and_gone_in_the_next_run(
    visits: Runs, mall: Any, is_disturbed: bool
) -> None:
    double = mock.patch("mall.shop1", return_value=0)
    rules = (MALL_RULE,) if is_disturbed else ()
    visits.run(lambda: mall.visit(), MALL_RULE)
    for _ in range(2):
        assert visits.run(lambda: mall.visit(), *rules, put=double)[1:] == ([MANY + 1] * len(rules), [0] * len(rules))
        assert visits.run(lambda: mall.visit()) == (VISITED, [], [])
        assert visits.run(lambda: mall.visit(), MALL_RULE) == (VISITED, [MANY + 1], [0])


@pytest.mark.parametrize("ends", ["in the body", "after the body"])
def test_a_mock_that_a_body_puts_where_a_rule_rests_is_met_and_gone_in_the_next_run(
    visits: Runs, mall: Any, ends: str
) -> None:
    shop1 = mall.shop1
    doubles = []

    def visit() -> None:
        double = mock.patch("mall.shop1", return_value=0)
        doubles.append(double.start())
        mall.visit()
        if ends == "in the body":
            double.stop()
            mall.visit()

    rounds = 2 if ends == "in the body" else 1
    visits.run(lambda: mall.visit(), MALL_RULE)
    for rules in ((MALL_RULE,), (), (MALL_RULE,)):
        counts, calls, _ = visits.run(visit, *rules)
        mock.patch.stopall()
        assert (set(counts.values()), calls) == ({rounds}, [rounds * (MANY + 1)] * len(rules))
        assert mall.shop1 is shop1
        assert visits.run(lambda: mall.visit(), MALL_RULE) == (VISITED, [MANY + 1], [0])
    assert [double.call_count for double in doubles] == [1, 1, 1]


@pytest.mark.parametrize("armory", [True], ids=["spliced"], indirect=True)  # as above
def test_a_double_that_a_body_puts_there_and_takes_away_is_not_kept_alive(runs: Runs, shop: Any) -> None:
    def double(amount: int = 1) -> int:
        return amount

    def body() -> None:
        with mock.patch.object(shop, "charge", alive()):
            shop.sell()
        seen.append(shop.sell())

    seen: list[int] = []
    alive = weakref.ref(double)
    assert runs.run(body)[0]["shop:charge"] == 2
    assert runs.run(body, "shop:charge = #100 null")[1] == [2]
    del double
    gc.collect()
    assert (alive(), seen) == (None, [1, 1])


def test_a_rule_that_rests_stands_nowhere_once_others_are_watched(lab: Any, visits: Runs, mall: Any, shop: Any) -> None:
    before = {name: value.__code__ for name, value in vars(mall).items() if name in ("visit", "shop1")}
    visits.run(lambda: mall.visit(), MALL_RULE)
    assert Runs(lab).run(lambda: (shop.sell(), mall.visit()))[0] == SOLD
    assert {name: vars(mall)[name].__code__ for name in before} == before
    assert visits.run(lambda: mall.visit(), MALL_RULE) == (VISITED, [MANY + 1], [0])


def test_a_function_that_comes_to_a_glob_is_met_although_its_rule_rests(visits: Runs, mall: Any) -> None:
    visits.run(lambda: mall.visit(), MALL_RULE)
    visits.run(lambda: mall.visit(), MALL_RULE)
    exec("def shop_new():\n    return 1\n", vars(mall))
    assert visits.run(lambda: mall.visit(), MALL_RULE)[1:] == ([MANY + 2], [0])
    del mall.shop_new
    assert visits.run(lambda: mall.visit(), MALL_RULE)[1:] == ([MANY + 1], [0])


def test_where_points_stand_is_put_together_once_although_a_double_comes_and_goes(
    visits: Runs, mall: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    class Counted(Positions):
        def __init__(self, points: Any) -> None:
            super().__init__(points)
            made.append(len(self.points))

    monkeypatch.setattr(injectors, "Positions", Counted)
    for _ in range(3):
        visits.run(lambda: mall.visit(), put=mock.patch("mall.shop1", return_value=0))
    assert made == [MANY + 2]
