"""Test doubles: what stands in a name is what is called, whoever put it there and when, and faults act in front."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import inspect
import os
import pkgutil
import sqlite3
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest

from pytest_chaos import Raise, TargetError, parse
from pytest_chaos.catalogue.catalogue import Catalogue
from pytest_chaos.doubles import Double
from pytest_chaos.faults.base import Limit
from pytest_chaos.injector.attribute import is_ours
from pytest_chaos.injector.mechanisms import Armory
from pytest_chaos.injector.patching import BY_MOCK
from pytest_chaos.notation import format_fault, parse_target, rule_from
from pytest_chaos.offers import Called, Offers
from pytest_chaos.plugin.compat import BY_MONKEYPATCH
from pytest_chaos.reach import Step, Way
from pytest_chaos.target import check, resolve
from pytest_chaos.trace import CallSite

pytestmark = pytest.mark.usefixtures("nothing_survives")

BANK = """
import os
from os import rmdir

def remove(path): return os.unlink(path)
def remove_folder(path): return rmdir(path)
def rate(): return "real"
async def rate_later(): return "real"

class Account:
    def __init__(self, owner="real"): self.owner = owner
    def balance(self): return "real"
    @classmethod
    def open(cls): return "real"
    @staticmethod
    def check(): return "real"
    @property
    def limit(self): return "real"

class Savings(Account): ...
"""


def bank_now() -> Any:
    return importlib.import_module("bank")


CALLS: dict[str, Callable[[], Any]] = {
    "os:unlink": lambda: os.unlink("no such file"),
    "bank:rate": lambda: bank_now().rate(),
    "bank:Account.balance": lambda: bank_now().Account().balance(),
    "bank:Savings.balance": lambda: bank_now().Savings().balance(),
    "bank:Account.open": lambda: bank_now().Account.open(),
    "bank:Account.check": lambda: bank_now().Account.check(),
    "bank:Account": lambda: bank_now().Account(),
}
ORDERS = pytest.mark.parametrize("armed_first", [True, False], ids=["rule first", "double first"])


@pytest.fixture(params=[True, False], ids=["spliced", "replaced"])
def armory(request: pytest.FixtureRequest) -> Armory:
    """With Python functions spliced, and with their names replaced."""
    return Armory(can_splice=request.param, patching=(*BY_MOCK, *BY_MONKEYPATCH))


@pytest.fixture(autouse=True)
def bank(lab: Any) -> types.ModuleType:
    return lab.module("bank", BANK)


@contextlib.contextmanager
def body(lab: Any, rule: str, put: Any, *, armed_first: bool) -> Iterator[Any]:
    """Open a body under a rule; a double is put in place before or after the rule is armed, and taken away later."""
    with contextlib.ExitStack() as stack:
        if not armed_first:
            stack.enter_context(put)
        experiment = lab.experiment(rule)
        stack.callback(experiment.close)
        if armed_first:
            stack.enter_context(put)
        with experiment.body():
            yield experiment


@contextlib.contextmanager
def set_to(owner: Any, name: str, value: Any) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, value)
        yield


class Noted:
    """What a plain run sees of calls."""

    def __init__(self) -> None:
        self.points: list[str] = []

    def __call__(self, point: str, frame: Any, actor: str, call: Any) -> None:
        self.points.append(point)


def plainly(lab: Any, target: str, put: Any, call: Callable[[], Any]) -> tuple[list[str], Any]:
    """Return the points whose calls a plain run sees, and what a call gave; points are known before the double is."""
    noted = Noted()
    points = resolve(parse_target(target))
    experiment = lab.experiment()
    try:
        experiment.injector.watch(parse_target(target), noted, points)
        with put, experiment.body():
            return noted.points, call()
    finally:
        experiment.close()


# --- what is called


@ORDERS
@pytest.mark.parametrize("spec", [{}, {"autospec": True}], ids=["mock", "autospec"])
@pytest.mark.parametrize("target", CALLS)
def test_a_fault_acts_in_front_of_a_mock_which_answers_when_it_passes(lab, target, spec, armed_first):
    patch = mock.patch(target.replace(":", "."), **spec)
    doubles = []

    @contextlib.contextmanager
    def put():
        with patch as double:
            double.return_value = "mocked"
            doubles.append(double)
            yield

    with body(lab, f"{target} = #1 raise(OSError)", put(), armed_first=armed_first) as experiment:
        with pytest.raises(OSError, match="injected"):
            CALLS[target]()
        assert CALLS[target]() == "mocked"

    (injection,) = experiment.injector.injections
    assert (injection.calls, injection.fired, doubles[0].call_count) == (2, 1, 1)


@pytest.mark.parametrize("target", CALLS)
def test_a_plain_run_calls_the_mock_and_sees_the_call(lab, target):
    """Its points are known since collection, so it would have put the real function there again."""
    put = mock.patch(target.replace(":", "."), return_value="mocked")

    assert plainly(lab, target, put, CALLS[target]) == ([target], "mocked")


def test_a_real_file_is_safe_behind_a_mock(lab, bank, tmp_path):
    victim = tmp_path / "precious"
    victim.write_text("x")

    seen, _ = plainly(lab, "os:unlink", mock.patch("os.unlink"), lambda: bank.remove(str(victim)))

    assert (seen, victim.exists()) == (["os:unlink"], True)


@ORDERS
def test_a_stub_is_called_in_the_place_of_a_c_function(lab, bank, armed_first):
    with body(lab, "os:unlink = #1 raise(OSError)", set_to(os, "unlink", str.upper), armed_first=armed_first):
        with pytest.raises(OSError, match="injected"):
            bank.remove("a")
        assert bank.remove("a") == "A"


@ORDERS
def test_a_wrapper_of_somebody_else_wraps_what_it_wraps(lab, bank, armed_first):
    seen = []

    @functools.wraps(bank.rate)
    def wrapper():
        seen.append("called")
        return inner()

    inner = bank.rate
    with body(lab, "bank:rate = #1 raise(OSError)", set_to(bank, "rate", wrapper), armed_first=armed_first):
        with pytest.raises(OSError, match="injected"):
            bank.rate()
        assert (bank.rate(), seen) == ("real", ["called"])


def test_an_alias_that_is_mocked_is_not_replaced(lab, bank):
    with mock.patch("bank.rmdir", return_value="mocked"), lab.window("os:rmdir = raise(OSError)"):
        assert bank.remove_folder("no such folder") == "mocked"


def test_one_mock_in_two_names_is_two_points(lab, bank):
    double = mock.Mock(return_value="mocked")
    with mock.patch("bank.rmdir", double), mock.patch("os.unlink", double):
        with lab.window("os:unlink = raise(OSError)", "bank:rmdir = raise(KeyError)"):
            with pytest.raises(OSError, match="injected"):
                bank.remove("a")
            with pytest.raises(KeyError, match="injected"):
                bank.remove_folder("a")
    assert not double.called


@ORDERS
def test_a_function_of_two_names_is_met_by_that_in_which_it_still_stands(lab, bank, armed_first):
    bank.price = bank.rate
    put = mock.patch("bank.price", return_value="mocked")
    with body(lab, "bank:rate = #1 raise(OSError); bank:price = #1 raise(KeyError)", put, armed_first=armed_first):
        with pytest.raises(KeyError, match="injected"):
            bank.price()
        assert bank.price() == "mocked"
        with pytest.raises(OSError, match="injected"):
            bank.rate()
        assert bank.rate() == "real"


def test_a_double_of_an_asynchronous_function_fails_when_it_is_awaited(lab, bank):
    """autospec makes a plain function of it before 3.13; null would be None, and nobody can await that."""
    for spec in ({}, {"autospec": True}):
        with mock.patch("bank.rate_later", **spec), lab.window("bank:rate_later = null"):
            assert asyncio.run(bank.rate_later()) is None


@pytest.mark.parametrize("spec", [{}, {"autospec": True}, {"spec": True}], ids=["mock", "autospec", "spec"])
@pytest.mark.parametrize(
    ("fault", "answers"),
    [
        ("delay(0.001)", [7, 7]),
        ("duplicate", [7, 7]),
        ("stale", [7, 7]),
        ("null", [None, None]),
        ("return(5)", [5, 5]),
        ("corrupt", [int, int]),
        ("lose-reply(OSError)", [OSError, OSError]),
        ("hang(0.001)", [TimeoutError, TimeoutError]),
    ],
)
@pytest.mark.parametrize("target", ["os:unlink", "bank:rate", "bank:Account.balance", "bank:rate_later"])
def test_every_fault_acts_in_front_of_a_mock(lab, bank, target, fault, answers, spec):
    """A mock answers to whatever it is asked, also for its timeout or its annotations."""
    seen = []

    def call() -> Any:
        if target == "bank:rate_later":
            return asyncio.run(bank.rate_later())
        return bank.Account().balance() if target == "bank:Account.balance" else CALLS[target]()

    def twice() -> None:
        for _ in range(2):
            try:
                answer = call()
            except (OSError, TimeoutError) as error:
                answer = type(error)
            seen.append(int if fault == "corrupt" and type(answer) is int else answer)

    with mock.patch(target.replace(":", "."), **spec) as double:
        double.return_value = 7
        done = lab.run(twice, f"{target} = {fault}")

    assert (seen, done.observation.problems, done.failure) == (answers, (), "")


def test_a_module_that_is_replaced_as_a_whole_is_what_is_called(lab, bank, monkeypatch):
    stub = types.ModuleType("bank")
    stub.rate = lambda: "stub"
    experiment = lab.experiment("bank:rate = #1 raise(OSError)")
    monkeypatch.setitem(importlib.import_module("sys").modules, "bank", stub)
    with experiment.body():
        with pytest.raises(OSError, match="injected"):
            bank_now().rate()
        assert bank_now().rate() == "stub"
    experiment.close()


def test_a_double_that_cannot_be_called_leaves_the_rule_without_a_place(lab, bank):
    experiment = lab.experiment("bank:rate = raise(OSError)")
    with set_to(bank, "rate", 42), experiment.body():
        assert bank.rate == 42
    assert ["is not callable: 42" in text for text in experiment.conclude()[0].problems] == [True]


def test_a_glob_means_what_its_module_defines_also_while_a_mock_stands_there(lab, bank):
    check(parse_target("bank:ra*"))  # as a session does after collection
    with mock.patch("bank.rate", return_value="mocked"), lab.window("bank:ra* = #1 raise(OSError)"):
        with pytest.raises(OSError, match="injected"):
            bank.rate()
        assert bank.rate() == "mocked"


def test_a_glob_does_not_mean_a_mock_of_what_its_module_imported(lab, bank):
    check(parse_target("bank:*"))
    with mock.patch("bank.rmdir", return_value="mocked"), lab.window("bank:* = raise(OSError)"):
        assert bank.rmdir("a") == "mocked"


def test_rules_act_in_the_order_of_their_arming_though_they_move_to_a_double(lab, bank):
    experiment = lab.experiment("bank:rate = raise(OSError)")
    experiment.arm(parse("bank:rate = raise(KeyError)")[0])
    experiment.injector.arm(parse("bank:rate = raise(ValueError)")[0], below=True)
    with mock.patch("bank.rate"), experiment.body(), pytest.raises(KeyError, match="injected"):
        bank.rate()
    experiment.close()


@pytest.mark.parametrize("target", ["sqlite3:Cursor.execute", "sqlite3:connect.cursor"])
def test_a_factory_that_is_mocked_gets_the_arguments_that_it_was_given(lab, target):
    """The adapter asks the real factory for connections of ours; a mock would be called with what nobody wrote."""
    with mock.patch("sqlite3.connect") as connect, lab.window(f"{target} = raise(OSError)"):
        sqlite3.connect("a.db")
    assert connect.mock_calls == [mock.call("a.db")]


@ORDERS
def test_a_mock_on_one_instance_is_met(lab, bank, armed_first):
    bank.account = bank.Account()
    put = mock.patch.object(bank.account, "balance", return_value="mocked")
    with body(lab, "bank:account.balance = #1 raise(OSError)", put, armed_first=armed_first):
        with pytest.raises(OSError, match="injected"):
            bank.account.balance()
        assert bank.account.balance() == "mocked"
        assert bank.Account().balance() == "real"
    assert "balance" not in vars(bank.account)


def test_a_rule_on_an_object_meets_the_mock_that_is_put_over_it(lab, bank):
    """A bound method, of an instance or of a class without a name; a mock that is given itself has no place."""

    class Local(bank.Account): ...

    account = bank.Account()
    for owner, name in ((account, "balance"), (Local, "open")):
        experiment = lab.experiment(rule_from(getattr(owner, name), Raise(OSError), nth=1))
        with mock.patch.object(owner, name, return_value="mocked"), experiment.body():
            with pytest.raises(OSError, match="injected"):
                getattr(owner, name)()
            assert getattr(owner, name)() == "mocked"
            with pytest.raises(TargetError, match="It is a mock"):
                experiment.arm(rule_from(mock.Mock(), Raise(OSError)))
        experiment.close()
        assert name not in vars(owner)


# --- what stands there afterwards


@pytest.mark.parametrize("ends_inside", [True, False], ids=["ends in the body", "outlives the body"])
@pytest.mark.parametrize("spec", [{}, {"autospec": True}], ids=["mock", "autospec"])
@pytest.mark.parametrize("target", CALLS)
def test_a_mock_of_the_body_may_end_in_it_or_long_after_it(lab, target, spec, ends_inside):
    name = target.replace(":", ".")
    owner, _, attribute = name.rpartition(".")
    place = pkgutil.resolve_name(owner)
    original = vars(place).get(attribute)
    patch = mock.patch(name, **spec)
    with lab.window(f"{target} = #2..3 raise(OSError)") as chaos:
        double = patch.start()
        double.return_value = "mocked"
        assert CALLS[target]() == "mocked"
        with pytest.raises(OSError, match="injected"):
            CALLS[target]()
        if ends_inside:
            patch.stop()
            with pytest.raises(OSError, match="injected"):
                CALLS[target]()
        assert chaos.calls(target) == 2 + ends_inside
    double.assert_called_once()
    if not ends_inside:
        assert CALLS[target]() == "mocked"
        patch.stop()
    assert vars(place).get(attribute) is original


def test_a_mock_that_outlives_bodies_puts_back_what_belongs_there(lab, bank):
    """Started in one body, it stands in the next ones and ends in between; each rule acts in front of what is there."""
    original = os.unlink
    patch = mock.patch("os.unlink", return_value="mocked")
    with lab.window("os:unlink = #2 raise(OSError)"):
        patch.start()
    with lab.window("os:unlink = #1 raise(OSError)"):
        with pytest.raises(OSError, match="injected"):
            bank.remove("a")
        assert bank.remove("a") == "mocked"
    patch.stop()
    assert os.unlink is original


def test_what_a_body_assigned_by_hand_puts_nothing_of_ours_back_for_ever(lab, bank):
    """Nobody tells of that, so it may find ours, and put that back: it is inert, and gone when the next body begins."""
    original = os.unlink
    with lab.window("os:unlink = raise(OSError)"):
        found = os.unlink
        os.unlink = lambda path: "by hand"
        assert bank.remove("a") == "by hand"
    os.unlink = found
    assert is_ours(os.unlink)
    with lab.window("os:unlink = #1 raise(KeyError)"), pytest.raises(KeyError, match="injected"):
        bank.remove("a")
    assert os.unlink is original


def test_a_mock_of_a_fixture_that_ends_in_the_body_uncovers_what_is_met_then(lab, bank):
    original = os.unlink
    patch = mock.patch("os.unlink", return_value="mocked")
    patch.start()
    with lab.window("os:unlink = #2 raise(OSError)"):
        assert bank.remove("a") == "mocked"
        patch.stop()
        with pytest.raises(OSError, match="injected"):
            bank.remove("a")
    assert os.unlink is original


# --- what a body puts there


def by_start(call):
    patch = mock.patch("bank.rate", return_value="mocked")
    patch.start()
    try:
        call()
    finally:
        patch.stop()


def by_context(call):
    with mock.patch("bank.rate", return_value="mocked"):
        call()


def by_object(call):
    with mock.patch.object(bank_now(), "rate", new=lambda: "mocked"):
        call()


def by_multiple(call):
    with mock.patch.multiple("bank", Account=mock.DEFAULT, rate=mock.Mock(return_value="mocked")):
        call()


def by_decorator(call):
    mock.patch("bank.rate", lambda: "mocked")(call)()


def by_async_decorator(call):
    @mock.patch("bank.rate", return_value="mocked")
    async def body(rate):
        call()

    asyncio.run(body())


def by_monkeypatch(call):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bank_now(), "rate", lambda: "mocked")
        call()


def by_text(call):
    patch = pytest.MonkeyPatch()
    patch.setattr("bank.rate", mock.Mock(return_value="mocked"))
    try:
        call()
    finally:
        patch.undo()


def by_namespace(call):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(vars(bank_now()), "rate", lambda: "mocked")
        call()


def by_module(call):
    stub = types.ModuleType("bank")
    stub.rate = lambda: "mocked"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "bank", stub)
        call()


PUTTING = pytest.mark.parametrize(
    "put",
    [
        *(by_start, by_context, by_object, by_multiple, by_decorator, by_async_decorator),
        *(by_monkeypatch, by_text, by_namespace, by_module),
    ],
)


@PUTTING
@pytest.mark.parametrize("target", ["bank:rate", "bank:r*"])
def test_what_a_body_puts_in_a_name_is_followed_and_what_comes_back_too(lab, bank, put, target):
    original = bank.rate
    seen = []

    def call():
        for _ in range(2):
            try:
                seen.append(bank_now().rate())
            except (OSError, KeyError) as error:
                seen.append(type(error))

    experiment = lab.experiment(f"{target} = #2 raise(OSError) -> #1 raise(KeyError)")
    with experiment.body():
        put(call)
        call()
        put(call)
    call()

    (rule,) = experiment.conclude()[0].rules
    assert seen == ["mocked", OSError, KeyError, "real", "mocked", "mocked", "real", "real"]
    assert (rule.calls, rule.points.count("bank:rate"), experiment.injector.journal.problems) == (6, 1, [])
    assert bank.rate is original


@PUTTING
def test_a_plain_run_counts_the_calls_of_what_its_body_puts_there(lab, bank, put):
    noted = Noted()
    points = resolve(parse_target("bank:rate"))
    experiment = lab.experiment()
    experiment.injector.watch(parse_target("bank:rate"), noted, points)
    with experiment.body():
        put(lambda: bank_now().rate())
        bank_now().rate()
    experiment.close()
    assert noted.points == ["bank:rate"] * 2


@PUTTING
def test_a_double_in_whose_body_an_error_is_raised_is_taken_away(lab, bank, put):
    original = bank.rate
    with lab.window("bank:rate = raise(OSError)"):
        with pytest.raises(OSError, match="injected"):
            put(lambda: bank_now().rate())
        with pytest.raises(OSError, match="injected"):
            bank.rate()
    assert bank.rate is original and bank.rate() == "real"


def test_doubles_over_doubles_are_each_met_and_told(lab, bank):
    def outer():
        return "outer"

    original = bank.rate
    seen = []
    experiment = lab.experiment("bank:rate = #100 null")
    with experiment.body():
        with mock.patch("bank.rate", outer), mock.patch("bank.rate", return_value="inner"):
            seen.append(bank.rate())
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(bank, "rate", os.getcwd)
                bank.rate()
            seen.append(bank.rate())
        seen.append(bank.rate())
        with mock.patch("bank.rate", outer):
            seen.append(bank.rate())
    (rule,) = experiment.conclude()[0].rules
    name = "test_doubles_over_doubles_are_each_met_and_told.<locals>.outer"
    assert (seen, rule.calls) == (["inner", "inner", "real", "outer"], 5)
    assert [double.what for double in rule.doubles] == [name, "MagicMock", "getcwd"]
    assert bank.rate is original


def test_what_comes_back_to_a_name_is_no_double(lab, bank):
    """A C function has no file that says so."""
    experiment = lab.experiment("os:unlink = #100 null", "bank:rate = #100 null")
    with experiment.body(), mock.patch("os.unlink"), mock.patch("bank.rate"):
        pass
    assert [[double.what for double in rule.doubles] for rule in experiment.conclude()[0].rules] == [["MagicMock"]] * 2


def test_a_mock_tells_of_its_calls_also_by_its_name(lab, bank):
    with lab.window("bank:rate = #2 raise(OSError)"), mock.patch("bank.rate") as double:
        bank.rate.return_value = "mocked"
        assert bank.rate() == "mocked"
        with pytest.raises(OSError, match="injected"):
            bank.rate()
        bank.rate.assert_called_once_with()
        double.assert_called_once_with()
        assert (bank.rate.call_count, bank.rate.mock_calls, isinstance(bank.rate, mock.Mock)) == (
            1,
            [mock.call()],
            True,
        )


@pytest.mark.parametrize("target", ["bank:rate", "os:unlink"])
def test_a_rule_and_a_watch_stand_in_front_of_the_same_mock(lab, bank, target):
    noted = Noted()
    experiment = lab.experiment(f"{target} = #1 raise(OSError)")
    experiment.injector.watch(parse_target(target), noted)
    with experiment.body(), mock.patch(target.replace(":", "."), return_value="mocked") as double:
        with pytest.raises(OSError, match="injected"):
            CALLS[target]()
        assert CALLS[target]() == "mocked"
        (replaced,) = (site for site in experiment.injector.injections[0].sites if site.mechanism.installed)
        assert replaced.point.raw is double
    (rule,) = experiment.conclude()[0].rules
    assert (noted.points, [one.what for one in rule.doubles]) == ([target] * 2, ["MagicMock"])


def test_a_patch_that_fails_leaves_the_fault_in_place(lab, bank):
    original = os.unlink
    with lab.window("os:unlink = raise(OSError)"):
        with pytest.raises(ZeroDivisionError), mock.patch("os.unlink", new_callable=lambda: 1 / 0):
            pass
        with pytest.raises(AttributeError), mock.patch("bank.unlink"):
            pass
        with pytest.raises(RuntimeError), mock.patch("bank.rate") as patch:
            assert patch
            raise RuntimeError
        with pytest.raises(OSError, match="injected"):
            bank.remove("a")
    assert os.unlink is original


def test_a_patch_that_never_began_says_so_as_ever(lab, bank):
    with lab.window("bank:rate = null"), pytest.raises(AttributeError):
        mock.patch("bank.rate").__exit__(None, None, None)


def test_a_name_that_is_gone_for_a_while_is_met_again(lab, bank):
    for value in (42, None):
        with lab.window("bank:rate = raise(OSError)") as chaos:
            with pytest.MonkeyPatch.context() as patch:
                if value is None:
                    patch.delattr(bank, "rate")
                    assert not hasattr(bank, "rate")
                else:
                    patch.setattr(bank, "rate", value)
                    assert bank.rate == 42
            with pytest.raises(OSError, match="injected"):
                bank.rate()
            assert chaos.journal.problems == []
    assert bank.rate() == "real"


def test_an_alias_is_met_again_once_its_mock_is_gone(lab, bank):
    bank.drop_folder = os.rmdir
    with lab.window("os:rmdir = raise(OSError)"):
        with mock.patch("bank.drop_folder", return_value="mocked"):
            assert bank.drop_folder("no such folder") == "mocked"
            with pytest.raises(OSError, match="injected"):
                bank.remove_folder("no such folder")
        with pytest.raises(OSError, match="injected"):
            bank.drop_folder("no such folder")
    assert bank.drop_folder is os.rmdir and not is_ours(os.rmdir)


def test_a_method_is_met_in_front_of_what_its_class_inherits_meanwhile(lab, bank):
    with lab.window("bank:Savings.balance = raise(OSError)"):
        with mock.patch("bank.Account.balance", return_value="mocked"):
            with pytest.raises(OSError, match="injected"):
                bank.Savings().balance()
            assert bank.Account().balance() == "mocked"
        with pytest.raises(OSError, match="injected"):
            bank.Savings().balance()
        assert bank.Account().balance() == "real"
    assert bank.Savings().balance() == "real" and "balance" not in vars(bank.Savings)


def test_a_method_of_a_class_that_the_body_replaces_is_met_at_the_new_class(lab, bank):
    with lab.window("bank:Account.balance = raise(OSError)"):
        account = bank.Account()
        with mock.patch("bank.Account", FakeAccount):
            with pytest.raises(OSError, match="injected"):
                bank.Account().balance()
            assert account.balance() == "real"
        with pytest.raises(OSError, match="injected"):
            account.balance()
    assert (account.balance(), FakeAccount().balance()) == ("real", "fake")


def test_a_mock_that_the_body_puts_on_one_instance_is_met(lab, bank):
    bank.account = bank.Account()
    with lab.window("bank:account.balance = #1 raise(OSError)"):
        with mock.patch.object(bank.account, "balance", return_value="mocked"):
            with pytest.raises(OSError, match="injected"):
                bank.account.balance()
            assert bank.account.balance() == "mocked"
        assert bank.account.balance() == "real"
    assert "balance" not in vars(bank.account)


def test_rules_keep_their_order_though_the_body_puts_a_double_there(lab, bank):
    experiment = lab.experiment("bank:rate = raise(OSError)")
    experiment.arm(parse("bank:rate = raise(KeyError)")[0])
    with experiment.body(), mock.patch("bank.rate"), pytest.raises(KeyError, match="injected"):
        bank.rate()
    experiment.close()


def test_a_rule_that_the_body_arms_over_its_mock_acts_also_when_that_is_gone(lab, bank):
    with lab.window() as chaos:
        with mock.patch("bank.rate", return_value="mocked"):
            chaos.inject("bank:rate", Raise(OSError), nth=[1, 3])
            with pytest.raises(OSError, match="injected"):
                bank.rate()
            assert bank.rate() == "mocked"
        with pytest.raises(OSError, match="injected"):
            bank.rate()


@pytest.mark.parametrize("inner", ["bank:rate", "os:unlink"])
def test_windows_in_windows_follow_the_same_mock(lab, bank, inner):
    before = (bank.rate, os.unlink)
    with lab.window("bank:rate = #2 raise(OSError); os:unlink = #2 raise(OSError)"):
        with lab.window(f"{inner} = #1 raise(KeyError)"):
            with mock.patch(inner.replace(":", "."), return_value="mocked"):
                with pytest.raises(KeyError, match="injected"):
                    CALLS[inner]()
                assert CALLS[inner]() == "mocked"
        with pytest.raises(OSError, match="injected"):
            CALLS[inner]()
    assert (bank.rate, os.unlink) == before


def test_outside_of_windows_nobody_hears_of_patches(lab, bank):
    held = [vars(one.owner)[one.method] for one in (*BY_MOCK, *BY_MONKEYPATCH)]
    experiment = lab.experiment("bank:rate = raise(OSError)")
    with experiment.body():
        assert all(
            vars(one.owner)[one.method] is not was for one, was in zip((*BY_MOCK, *BY_MONKEYPATCH), held, strict=True)
        )
    assert [vars(one.owner)[one.method] for one in (*BY_MOCK, *BY_MONKEYPATCH)] == held
    with mock.patch("bank.rate", return_value="mocked"):
        assert bank.rate() == "mocked"
    experiment.close()


CLIENT = """
class Client:
    is_closed = False
    asked = ()
    def __getattribute__(self, name):
        if Client.is_closed:
            raise RuntimeError("closed")
        Client.asked += (name,)
        return object.__getattribute__(self, name)
    def send(self): return "sent"
    def __eq__(self, other): raise RuntimeError("not to be compared")
    __hash__ = None

client = Client()
client.post = client.send
"""


@pytest.mark.parametrize(
    ("name", "is_named"), [("send", True), ("post", True), ("send", False)], ids=["method", "attribute", "object"]
)
def test_an_object_that_answers_nothing_once_closed_keeps_no_fault_in_place(lab, bank, name, is_named):
    module = lab.module("client", CLIENT)
    target = f"client:client.{name}" if is_named else getattr(module.client, name)
    experiment = lab.experiment("bank:rate = raise(OSError)", rule_from(target, Raise(OSError)))
    with experiment.body():
        with pytest.raises(OSError, match="injected"):
            getattr(module.client, name)()
        module.Client.is_closed = True
    module.Client.is_closed = False
    assert (getattr(module.client, name)(), bank.rate()) == ("sent", "real")
    assert experiment.conclude()[0].problems == ()


def test_objects_that_refuse_to_be_restored_keep_no_other_fault_in_place(lab, bank):
    module = lab.module(
        "client",
        """
        import functools
        class Client:
            is_frozen = False
            def __setattr__(self, name, value):
                if Client.is_frozen:
                    raise RuntimeError("frozen")
                object.__setattr__(self, name, value)
        one, two, three = Client(), Client(), Client()
        one.send, two.send, three.send = (functools.partial(int, "7") for _ in range(3))
        """,
    )
    clients = [module.one, module.two, module.three]
    rules = [f"client:{name}.send = null" for name in ("one", "two", "three")]
    experiment = lab.experiment("os:unlink = raise(OSError)", "bank:rate = raise(OSError)", *rules)
    original = os.unlink
    with pytest.raises(RuntimeError, match="frozen"), experiment.body():
        assert [client.send() for client in clients] == [None] * 3
        module.Client.is_frozen = True
    module.Client.is_frozen = False
    assert (os.unlink, bank.rate(), *(client.send() for client in clients)) == (original, "real", 7, 7, 7)
    experiment.close()


def test_an_object_is_not_asked_where_its_class_tells_what_stands_there(lab):
    module = lab.module("client", CLIENT)
    experiment = lab.experiment(rule_from(module.client.send, Raise(OSError)))
    with experiment.body():
        module.Client.asked = ()
    assert "send" not in module.Client.asked
    experiment.close()


def test_an_object_that_answers_nothing_yet_leaves_the_rule_without_a_place(lab):
    module = lab.module("client", CLIENT)
    module.client.late = module.client.send
    experiment = lab.experiment(rule_from("client:client.late", Raise(OSError)))
    del module.client.late
    module.Client.is_closed = True
    with experiment.body():
        pass
    module.Client.is_closed = False
    assert ["could not be put in its place: closed" in text for text in experiment.conclude()[0].problems] == [True]


@pytest.mark.parametrize("is_gone_before", [True, False], ids=["before the body", "in the body"])
def test_a_module_that_is_gone_is_not_imported_again(lab, bank, monkeypatch, is_gone_before):
    experiment = lab.experiment("bank:rate = raise(OSError)")
    if is_gone_before:
        monkeypatch.delitem(sys.modules, "bank")
    with experiment.body():
        monkeypatch.delitem(sys.modules, "bank", raising=False)
    assert "bank" not in sys.modules
    problems = experiment.conclude()[0].problems
    assert ["the module 'bank' is no longer in sys.modules" in text for text in problems] == [True] * is_gone_before


# --- what is told


def test_an_observation_tells_where_a_rule_met_a_double(lab, bank):
    def fake():
        return "fake"

    line = fake.__code__.co_firstlineno
    seen = []
    for put in (mock.patch("bank.rate"), mock.patch("bank.rate", autospec=True), set_to(bank, "rate", fake)):
        with body(lab, "bank:rate = raise(OSError)", put, armed_first=True) as experiment:
            pass
        (rule,) = experiment.conclude()[0].rules
        seen += rule.doubles

    name = f"{test_an_observation_tells_where_a_rule_met_a_double.__name__}.<locals>.fake"
    assert [(one.point, one.what, one.place.rpartition("/")[2]) for one in seen] == [
        ("bank:rate", "MagicMock", ""),
        ("bank:rate", "MagicMock", ""),
        ("bank:rate", name, f"test_doubles.py:{line}"),
    ]


class FakeAccount:
    def balance(self):
        return "fake"


@ORDERS
def test_a_class_of_the_tests_is_met_in_the_place_of_the_real_one(lab, bank, armed_first):
    account = bank.Account
    rule = "bank:Account = #1 raise(OSError); bank:Account.balance = #1 raise(KeyError)"
    with body(lab, rule, set_to(bank, "Account", FakeAccount), armed_first=armed_first) as experiment:
        with pytest.raises(OSError, match="injected"):
            bank.Account()
        with pytest.raises(KeyError, match="injected"):
            bank.Account().balance()
        assert bank.Account().balance() == "fake"
        assert account().balance() == "real"
    seen = [(one.point, one.what) for rule in experiment.conclude()[0].rules for one in rule.doubles]
    assert seen == [("bank:Account", "FakeAccount"), ("bank:Account.balance", "FakeAccount.balance")]


@pytest.fixture
def nobody_asks_who_refers(monkeypatch):
    """Of a rule that met no call it is told who holds its function; in a full suite that takes seconds."""
    monkeypatch.setattr("pytest_chaos.injector.injector.unreached", lambda function: [])


@pytest.mark.usefixtures("nobody_asks_who_refers")
def test_what_belongs_there_is_no_double(lab, bank):
    """Nor is a new function of a module that was loaded again, nor what the tests' own modules hold."""
    experiment = lab.experiment("bank:* = raise(OSError)", "os:unlink = raise(OSError)", f"{__name__}:bank_now = hang")
    importlib.reload(bank)
    with experiment.body():
        pass
    assert [rule.doubles for rule in experiment.conclude()[0].rules] == [(), (), ()]


def test_what_somebody_put_there_since_is_a_double_whoever_wrote_it(lab, bank):
    with body(
        lab, "bank:rate = raise(OSError)", set_to(bank, "rate", os.path.basename), armed_first=True
    ) as experiment:
        pass
    (double,) = experiment.conclude()[0].rules[0].doubles
    assert (double.point, double.what) == ("bank:rate", "basename")
    assert isinstance(double, Double)


@pytest.mark.usefixtures("nobody_asks_who_refers")
def test_what_is_ours_is_no_double_when_the_body_ends(lab, bank):
    lab.module("lazy", "import functools\n\nclass Lazy:\n    @functools.cached_property\n    def it(self): return 1\n")
    targets = [*CALLS, "bank:Account.limit", "lazy:Lazy.it", "os:rmdir"]
    experiment = lab.experiment(*(f"{target} = raise(OSError)" for target in targets))
    with experiment.body():
        pass
    assert [rule.doubles for rule in experiment.conclude()[0].rules] == [()] * len(targets)


# --- what may happen in front of a double


SHOP = """
import datetime
import random
import time
import uuid
import bank
import httpx
from typing import Optional

class BankDown(Exception): ...

def pay():
    raise BankDown

def plain(): return 1
def optional() -> Optional[int]: return 1
def now(): return time.time()

class Client:
    def __call__(self): return 1
    def send(self): return 1

def careful():
    try:
        return plain()
    except LookupError:
        return 2

def guarded():
    try:
        return careful()
    except (OSError, Exception):
        return 3
"""


@pytest.fixture
def offered(lab):
    """Return the faults that a double at a point is offered, by their texts."""
    shop = lab.module("shop", SHOP)
    httpx = importlib.import_module("httpx")
    offers = Offers(lab.laboratory.sources, Catalogue())

    def step(function):
        lines, start = inspect.getsourcelines(function)
        line = next(start + number for number, text in enumerate(lines) if text.lstrip().startswith("return"))
        return Step(f"shop:{function.__name__}", line, function.__code__, vars(shop))

    def texts(target, named, *, is_double=True, below=(), limit=None, beneath=()):
        (point,) = resolve(parse_target(target))
        site = CallSite("shop.py", 1, "careful", 1, is_driver=False)
        steps = tuple(step(getattr(shop, name)) for name in below)
        way = Way(target, site, steps, limits=(limit,), is_double=is_double)
        return [format_fault(fault) for fault in offers.of(Called(point, way, named, beneath))]

    assert httpx.Client
    return texts


NAMED = ("exactly", "by its module", "by its package")


def test_a_double_raises_what_it_stands_for_can_raise(offered):
    assert offered("shop:pay", "by its package") == ["raise(shop:BankDown)"]
    assert offered("shop:pay", "by its module") == ["raise(shop:BankDown)"]


def test_a_double_fails_as_what_is_beneath_and_hangs_only_where_the_user_named_it(offered):
    reached = Way("socket:socket.recv", CallSite("shop.py", 1, "pay", 1, False), limits=(Limit("", None),))
    faults = ["raise(shop:BankDown)", "raise(ConnectionResetError)"]
    assert [offered("shop:pay", named, beneath=[reached]) for named in NAMED] == [[*faults, "hang"], faults, faults]
    assert offered("shop:pay", "by its module", is_double=False, beneath=[reached]) == [*faults, "hang"]


def test_a_double_meets_the_errors_that_any_caller_catches_by_name(offered):
    for named in NAMED[1:]:
        assert offered("shop:plain", named, below=["careful", "guarded"]) == ["raise(LookupError)", "raise(OSError)"]


def test_a_double_that_says_nothing_fails_as_a_dependency_does_where_the_user_named_it(offered):
    usual = ["raise(ConnectionError)", "raise(TimeoutError)"]
    assert [offered("shop:plain", named) for named in NAMED] == [[*usual, "hang"], usual, []]


def test_null_of_a_double_needs_an_annotation_that_allows_it(offered):
    assert "null" in offered("shop:optional", "by its module")
    assert "null" not in offered("shop:plain", "by its module")


@pytest.mark.parametrize(
    "target",
    [
        *("time:time", "time:sleep", "random:random", "uuid:uuid4", "os:getenv", "os:urandom", "logging:getLogger"),
        *("shop:now", "shop:Client", "shop:Client.__call__"),
    ],
)
@pytest.mark.parametrize("named", NAMED)
def test_a_double_of_what_cannot_fail_is_offered_nothing(offered, target, named):
    assert offered(target, named, below=["careful"]) == []


def test_the_double_of_a_boundary_fails_as_the_boundary_and_hangs_only_where_it_was_named(offered):
    endless = Limit("timeout", None)
    for named in ("by nobody", "by its package", "by its module", "exactly"):
        faults = offered("httpx:Client.send", named, limit=endless)
        assert faults == ["raise(httpx:ConnectError)"] + ["hang"] * (named == "exactly")
    assert offered("httpx:Client.send", "by nobody", limit=endless, is_double=False)[-1] == "hang"
