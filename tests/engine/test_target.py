"""WHERE: names, dotted paths, globs and objects to injection points; what is refused, and with which way out."""

from __future__ import annotations

import functools
import json
import sqlite3
import sys
from typing import Any
from unittest import mock

import pytest

from pytest_chaos import TargetError
from pytest_chaos.notation import parse_target
from pytest_chaos.target import Positions, Target, check, kind_of, module_matcher, resolve, target_of

SHOP = """
import contextlib, functools, json
from json import dumps
from collections import OrderedDict

LIMIT = 3
table = {"a": 1}
clean = functools.partial(int, base=2)
double = lambda x: 2 * x

def pay(): return "paid"
async def pay_later(): return "later"
def bills(): yield 1
async def bills_later(): yield 1
def _secret(): ...
def __dunder__(): ...
@contextlib.contextmanager
def account(): yield 1
@contextlib.asynccontextmanager
async def account_later(): yield 1

class Error(Exception): ...

class Bank:
    rate = 0.1
    def __init__(self): self.open = True
    def charge(self): return "charged"
    async def charge_later(self): ...
    def _audit(self): ...
    def __len__(self): return 0
    @classmethod
    def make(cls): return cls()
    @staticmethod
    def check(): return True
    @property
    def balance(self): return 5
    @functools.cached_property
    def history(self): return []
    class Desk:
        def greet(self): ...

class Branch(Bank):
    def charge(self): return "charged here"

class Plain: ...
class Called:
    def __call__(self): return "called"
class CalledLater:
    async def __call__(self): return "later"
class Slots:
    __slots__ = ()
    def go(self): ...

called, called_later = Called(), CalledLater()
bank, slots = Bank(), Slots()
alias = pay
"""


@pytest.fixture
def shop(lab: Any) -> Any:
    return lab.module("shop", SHOP)


def texts(target: str) -> list[str]:
    return [point.text for point in resolve(parse_target(target))]


# --- exact names


@pytest.mark.parametrize(
    ("target", "kind", "inherited"),
    [
        ("shop:pay", "function", False),
        ("shop:alias", "function", False),
        ("shop:double", "function", False),
        ("shop:clean", "function", False),
        ("shop:dumps", "function", False),
        ("shop:pay_later", "coroutine", False),
        ("shop:bills", "generator", False),
        ("shop:bills_later", "async generator", False),
        ("shop:account", "context manager", False),
        ("shop:account_later", "async context manager", False),
        ("shop:_secret", "function", False),
        ("shop:called", "function", False),
        ("shop:called_later", "coroutine", False),
        ("shop:Bank", "constructor", False),
        ("shop:Branch", "constructor", True),
        ("shop:Plain", "constructor", True),
        ("shop:Bank.Desk", "constructor", True),
        ("shop:Bank.Desk.greet", "function", False),
        ("shop:Bank.charge", "function", False),
        ("shop:Bank.charge_later", "coroutine", False),
        ("shop:Branch.charge", "function", False),
        ("shop:Branch.charge_later", "coroutine", True),
        ("shop:Bank.make", "function", False),
        ("shop:Branch.make", "function", True),
        ("shop:Bank.check", "function", False),
        ("shop:Bank.balance", "property", False),
        ("shop:Branch.balance", "property", True),
        ("shop:Bank.history", "property", False),
        ("shop:Bank.__len__", "function", False),
        ("shop:bank.charge", "function", True),
        ("shop:bank.charge_later", "coroutine", True),
        ("shop:Called.__call__", "function", False),
        ("shop:Slots.go", "function", False),
        ("time:sleep", "function", False),
        ("json.encoder:JSONEncoder.encode", "function", False),
        ("os:read", "function", False),
    ],
)
def test_name_leads_to_one_point(shop: Any, target: str, kind: str, inherited: bool) -> None:
    (point,) = resolve(parse_target(target))

    assert (target, kind, inherited) == (point.text, point.kind, point.inherited)


@pytest.mark.parametrize(
    ("dotted", "expected"),
    [
        ("shop.pay", "shop:pay"),
        ("shop.Bank.charge", "shop:Bank.charge"),
        ("json.dumps", "json:dumps"),
        ("json.encoder.JSONEncoder.encode", "json.encoder:JSONEncoder.encode"),
        ("os.path.join", "os.path:join"),
        ("json:dumps", "json:dumps"),
    ],
)
def test_longest_importable_module_of_a_dotted_path_wins(shop: Any, dotted: str, expected: str) -> None:
    assert expected == check(parse_target(dotted)).text


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("no_such_module:f", "there is no module 'no_such_module'"),
        ("jsn:dumps", "Did you mean 'json'"),
        ("json.encodr:JSONEncoder", "Did you mean 'encoder'"),
        ("json.encodr.JSONEncoder", "has no attribute 'encodr'"),
        ("nowhere.at.all", "there is no module 'nowhere'"),
        ("json", "names a module, not something in it"),
        ("json.encoder", "names a module"),
        ("json:dumsp", "Did you mean 'dump' or 'dumps'"),
        ("shop:Bank.charg", "Did you mean 'charge'"),
        ("shop:Bnk.charge", "Did you mean 'Bank'"),
        ("shop:pay.__len__", "__len__ of what shop:pay returns cannot be watched"),
        ("shop:called.anything", "'called' has no attribute 'anything'"),
        ("shop:Bank.no.anything", "'Bank' has no attribute 'no'"),
        ("shop:LIMIT", "shop:LIMIT is not callable: 3"),
        ("shop:table", "is not callable"),
        ("shop:Bank.rate", "is not callable: 0.1"),
        ("shop:bank.open", "is not callable: True"),
        ("shop:json", "is not callable"),
        ("shop:table.get", "attributes of this dict cannot be replaced"),
        ("builtins:dict.get", "immutable C type"),
        ("builtins:str", "immutable C type"),
        ("sqlite3:Blob", "immutable C type"),
        ("io:FileIO", "'builtins:open'"),
        ("datetime:datetime.now", "Put the fault on your own function"),
        ("redis/timeout", "catalogue"),
        ("httpx", "Write 'httpx:name' for one function, or 'httpx:*' for all."),
        ("json*", "no ':'"),
    ],
)
def test_wrong_target_is_refused_with_a_way_out(shop: Any, target: str, words: str) -> None:
    with pytest.raises(TargetError) as caught:
        check(parse_target(target))

    assert words in str(caught.value)


def test_leaf_module_is_not_imported_by_a_check(lab: Any) -> None:
    lab.write("lazy", "raise RuntimeError('imported')")

    assert Target("lazy", "f") == check(parse_target("lazy:f"))
    assert "lazy" not in sys.modules


def test_leaf_module_is_imported_when_its_points_are_needed(lab: Any) -> None:
    lab.write("lazy", "def f(): ...")

    assert ["lazy:f"] == texts("lazy:f")


def test_module_that_cannot_be_imported_is_a_target_error(lab: Any) -> None:
    lab.write("broken", "1 / 0")

    with pytest.raises(TargetError, match="ZeroDivisionError"):
        resolve(parse_target("broken:f"))


def test_package_that_cannot_be_imported_is_a_target_error(lab: Any) -> None:
    lab.write("broken.leaf", "")
    (lab.root / "broken" / "__init__.py").write_text("1 / 0")

    with pytest.raises(TargetError, match="ZeroDivisionError"):
        check(parse_target("broken.leaf:f"))


def test_lazy_attribute_of_a_module_is_found(lab: Any) -> None:
    lab.module("lazy", "def __getattr__(name):\n    if name == 'late': return len\n    raise AttributeError(name)")

    assert ["lazy:late"] == texts("lazy:late")
    with pytest.raises(TargetError, match="has no attribute 'later'"):
        resolve(parse_target("lazy:later"))


def test_class_without_an_init_of_its_own_is_replaced_on_itself(shop: Any) -> None:
    (point,) = resolve(parse_target("shop:Branch"))

    assert (shop.Branch, "__init__") == (point.owner, point.name)


# --- what a function returned


@pytest.mark.parametrize(
    ("target", "owner", "name", "through"),
    [
        ("shop:pay.refund", "shop", "pay", ("refund",)),
        ("shop:pay.a.b", "shop", "pay", ("a", "b")),
        ("shop:pay_later.refund", "shop", "pay_later", ("refund",)),
        ("shop:account.refund", "shop", "account", ("refund",)),
        ("shop:dumps.upper", "shop", "dumps", ("upper",)),
        ("shop:clean.real", "shop", "clean", ("real",)),
        ("shop:Bank.charge.refund", "shop.Bank", "charge", ("refund",)),
        ("shop:Bank.make.refund", "shop.Bank", "make", ("refund",)),
        ("shop:Bank.check.refund", "shop.Bank", "check", ("refund",)),
        ("shop:Bank.balance.real", "shop.Bank", "balance", ("real",)),
        ("shop:Branch.make.refund", "shop.Branch", "make", ("refund",)),
        ("shop:bank.charge.refund", "shop.bank", "charge", ("refund",)),
        ("builtins:open.read", "sys.modules['builtins']", "open", ("read",)),
        ("sqlite3:connect.cursor.execute", "sys.modules['sqlite3']", "connect", ("cursor", "execute")),
    ],
)
def test_name_leads_through_a_function(shop: Any, target: str, owner: str, name: str, through: tuple[str, ...]) -> None:
    (point,) = resolve(parse_target(target))

    assert (target, name, through, "function") == (point.text, point.name, point.through, point.kind)
    assert eval(owner, {"shop": shop, "sys": sys}) is point.owner


def test_attribute_of_a_function_object_is_not_of_what_it_returns(lab: Any) -> None:
    module = lab.module("attributes", "def f(): ...\ndef g(): ...\nf.retry = g")
    (point,) = resolve(parse_target("attributes:f.retry"))

    assert (module.f, "retry", ()) == (point.owner, point.name, point.through)


def test_points_on_what_a_function_returns_differ_by_their_names(shop: Any) -> None:
    identities = [
        resolve(parse_target(target))[0].identity
        for target in ("shop:pay", "shop:pay.refund", "shop:alias.refund", "shop:pay.cancel", "shop:pay.refund.cancel")
    ]

    assert identities[1] == identities[2]
    assert 4 == len(set(identities))


# --- identity


def test_aliases_of_a_function_are_one_point(shop: Any) -> None:
    (pay,), (alias,) = resolve(parse_target("shop:pay")), resolve(parse_target("shop:alias"))

    assert pay.identity == alias.identity


def test_inherited_method_is_another_point_than_its_origin(shop: Any) -> None:
    (own,), (inherited,) = (
        resolve(parse_target("shop:Bank.charge_later")),
        resolve(parse_target("shop:Branch.charge_later")),
    )

    assert own.identity != inherited.identity


# --- objects


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("shop.pay", "shop:pay"),
        ("shop.pay_later", "shop:pay_later"),
        ("shop.Bank", "shop:Bank"),
        ("shop.Bank.Desk", "shop:Bank.Desk"),
        ("shop.Bank.charge", "shop:Bank.charge"),
        ("shop.Bank.make", "shop:Bank.make"),
        ("shop.Branch.make", "shop:Branch.make"),
        ("shop.Bank.check", "shop:Bank.check"),
        ("vars(shop.Bank)['make']", "shop:Bank.make"),
        ("vars(shop.Bank)['check']", "shop:Bank.check"),
        ("vars(shop.Bank)['balance']", "shop:Bank.balance"),
        ("shop.account", "shop:account"),
        ("shop.dumps", "json:dumps"),
        ("sys.modules['time'].sleep", "time:sleep"),
        ("sys.modules['sqlite3'].Cursor.execute", "sqlite3:Cursor.execute"),
    ],
)
def test_object_is_named_where_its_name_leads_back_to_it(shop: Any, expression: str, expected: str) -> None:
    obj = eval(expression, {"shop": shop, "sys": sys})

    assert expected == target_of(obj).text
    assert [expected] == [point.text for point in resolve(target_of(obj))]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("double", "shop:double"),
        ("clean", "shop:clean"),
        ("called", "shop:called"),
        ("called_later", "shop:called_later"),
    ],
)
def test_nameless_object_is_found_where_a_module_holds_it(shop: Any, name: str, expected: str) -> None:
    (point,) = resolve(target_of(getattr(shop, name)))

    assert (expected, True) == (point.text, target_of(getattr(shop, name)).is_object)


def test_bound_method_means_this_instance_only(shop: Any) -> None:
    (point,) = resolve(target_of(shop.bank.charge))

    assert (shop.bank, "charge", True) == (point.owner, point.name, point.inherited)


@pytest.mark.parametrize("obj", [3, "text", None, [], {}])
def test_object_that_is_not_callable_is_refused(obj: Any) -> None:
    with pytest.raises(TargetError, match="is not callable"):
        target_of(obj)


class Handler:
    def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("obj", "remedy"),
    [
        (functools.partial(int), "the function that makes it or calls it, or give it a name"),
        (functools.partial(lambda: 1), "the function that it calls, ‹<lambda>›, which is its 'func'"),
        (functools.partial(json.dumps), "the function that it calls, json:dumps, which is its 'func'"),
        (functools.lru_cache(lambda: 1), "the function that it calls, ‹<lambda>›, which is its '__wrapped__'"),
        (Handler(), rf"the method that is called: '{__name__}:Handler.__call__'"),
        (mock.Mock(), "by its side_effect, or put the fault on the name"),
    ],
    ids=["partial of a class", "partial", "partial of a named function", "cached", "callable", "mock"],
)
def test_object_with_neither_name_nor_code_is_refused_and_told_what_to_do(obj: Any, remedy: str) -> None:
    with pytest.raises(TargetError, match=f"(?s)is not an attribute of a module or class.*{remedy}"):
        resolve(target_of(obj))


def test_function_without_a_name_is_a_point_by_itself() -> None:
    def nested() -> None: ...

    async def awaited() -> None: ...

    for obj, kind in ((lambda: 1, "function"), (nested, "function"), (awaited, "coroutine")):
        (point,) = resolve(target_of(obj))
        assert (point.raw, point.kind, point.is_nameless) == (obj, kind, True)


def test_method_of_an_immutable_instance_is_refused() -> None:
    connection = sqlite3.connect(":memory:")
    try:
        with pytest.raises(TargetError, match=r"Name the method of all of them: 'sqlite3:Connection\.execute'"):
            resolve(target_of(connection.execute))
    finally:
        connection.close()
    with pytest.raises(TargetError, match="your own function"):
        resolve(target_of({}.get))


def test_targets_of_objects_compare_by_identity(shop: Any) -> None:
    def one() -> None: ...

    def two() -> None: ...

    assert target_of(one) == target_of(one)
    assert target_of(one) != target_of(two)
    assert Target("a", "b") != "a:b"
    assert 2 == len({target_of(one), target_of(two), target_of(one)})


# --- globs


def test_glob_takes_the_callables_defined_in_the_module(shop: Any) -> None:
    assert [
        "shop:double",
        "shop:pay",
        "shop:pay_later",
        "shop:bills",
        "shop:bills_later",
        "shop:account",
        "shop:account_later",
        "shop:Bank",
        "shop:Bank.charge",
        "shop:Bank.charge_later",
        "shop:Bank.make",
        "shop:Bank.check",
        "shop:Branch",
        "shop:Branch.charge",
        "shop:Plain",
        "shop:Called",
        "shop:CalledLater",
        "shop:Slots",
        "shop:Slots.go",
        "shop:called",
        "shop:called_later",
    ] == texts("shop:*")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("shop:pay*", ["shop:pay", "shop:pay_later"]),
        ("shop:p?y", ["shop:pay"]),
        ("shop:*charge*", ["shop:Bank.charge", "shop:Bank.charge_later", "shop:Branch.charge"]),
        ("shop:Bank.*", ["shop:Bank.charge", "shop:Bank.charge_later", "shop:Bank.make", "shop:Bank.check"]),
        ("shop:_s*", ["shop:_secret"]),
        ("shop:*._a*", ["shop:Bank._audit"]),
        ("shop:Bank.__len*", ["shop:Bank.__len__"]),
        ("shop:nothing*", []),
        ("shop:LIM*", []),
        ("sho*:p?y", ["shop:pay"]),
        ("**:bills_lat*", ["shop:bills_later"]),
    ],
)
def test_glob_over_names(shop: Any, target: str, expected: list[str]) -> None:
    assert expected == texts(target)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("shop:*.balance", ["shop:Bank.balance"]),
        ("shop:B*.history", ["shop:Bank.history"]),
        ("sh?p:Bank.balance", ["shop:Bank.balance"]),
        ("shop:Bank.bal*", []),
        ("shop:*history", []),
    ],
)
def test_glob_takes_a_property_only_where_its_name_is_written(shop: Any, target: str, expected: list[str]) -> None:
    assert expected == texts(target)


def test_glob_over_modules(lab: Any) -> None:
    for name in ("store.a.one", "store.b.two", "store.top", "storefront"):
        lab.module(name, "def fetch_it(): ...")
    lab.module("store.test_it", "def fetch_it(): ...")
    lab.module("store.conftest", "def fetch_it(): ...")

    assert ["store.a.one:fetch_it", "store.b.two:fetch_it", "store.top:fetch_it"] == texts("store.**:fetch_*")
    assert ["store.top:fetch_it"] == texts("store.*:fetch_*")
    assert ["store.a.one:fetch_it", "store.b.two:fetch_it"] == texts("store.?.*:fetch_*")
    assert ["store.test_it:fetch_it"] == texts("store.test_it:fetch_*")


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("a.*", ["a.b"], ["a", "a.b.c", "ab"]),
        ("a.**", ["a", "a.b", "a.b.c"], ["ab", "b.a"]),
        ("**.db", ["db", "a.db", "a.b.db"], ["db.a", "mydb"]),
        ("a.**.z", ["a.z", "a.b.z", "a.b.c.z"], ["a", "z"]),
        ("a?", ["ab"], ["a", "abc", "a.b"]),
        ("**", ["a", "a.b"], []),
        ("*", ["a"], ["a.b"]),
    ],
)
def test_module_part_of_a_glob(pattern: str, matching: list[str], other: list[str]) -> None:
    matches = module_matcher(pattern)

    assert (matching, []) == ([name for name in matching if matches(name)], [name for name in other if matches(name)])


def test_glob_takes_each_function_once(lab: Any) -> None:
    lab.module("twice", "def f(): ...\ng = f\nclass C:\n    h = f")

    assert ["twice:f", "twice:C"] == texts("twice:*")


def test_glob_takes_what_says_that_it_is_of_the_package_above(lab: Any) -> None:
    behind = lab.module(
        "facade.behind",
        """
        class Client:
            def send(self): ...
        class Empty: ...
        def get(): ...
        """,
    )
    for public in (behind.Client, behind.Empty, behind.get):
        public.__module__ = "facade"

    assert ["facade.behind:Client", "facade.behind:Client.send", "facade.behind:get"] == texts("facade.behind:*")
    vars(sys.modules["facade"]).update(Client=behind.Client, get=behind.get)
    assert ["facade:Client", "facade:Client.send", "facade:get"] == texts("facade.**:*")


def test_glob_on_a_missing_module_is_refused() -> None:
    with pytest.raises(TargetError, match="there is no module"):
        resolve(parse_target("no_such_module:*"))


def test_glob_survives_objects_that_answer_strangely(lab: Any) -> None:
    lab.module(
        "strange",
        """
        class Proxy:
            def __getattr__(self, name): raise RuntimeError(name)
            @property
            def __class__(self): raise RuntimeError("class")
        proxy = Proxy()
        def f(): ...
        """,
    )

    assert "strange:f" in texts("strange:*")


# --- kinds


@pytest.mark.parametrize("value", [3, "x", None, [], property(fset=lambda self, value: None)])
def test_what_is_not_called_has_no_kind(value: Any) -> None:
    assert kind_of(value) is None


def test_kind_of_a_partial_is_that_of_its_function(shop: Any) -> None:
    partial = functools.partial

    assert ["coroutine", "generator", "async generator", "coroutine"] == [
        kind_of(partial(function))
        for function in (shop.pay_later, shop.bills, shop.bills_later, partial(shop.pay_later))
    ]


def test_kind_looks_through_class_and_static_methods(shop: Any) -> None:
    assert ("coroutine", "generator") == (kind_of(staticmethod(shop.pay_later)), kind_of(classmethod(shop.bills)))


PLACES = """
def first():
    pass

def second():
    pass

class Outer:
    def method(self):
        pass

    def other(self):
        pass

    class Inner:
        def deep(self):
            pass
"""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("pass", []),
        ("data = 1", []),
        ("def second(): pass", ["second"]),
        ("del first", ["first"]),
        ("Outer.other = first", ["Outer.other"]),
        ("Outer.Inner = type('Inner', (), {})", ["Outer.Inner.deep"]),
        ("Outer = type('Outer', (), dict(vars(Outer)))", ["Outer.method", "Outer.other"]),
        (
            "import sys, types; sys.modules[__name__] = types.ModuleType(__name__)",
            ["first", "second", "Outer.method", "Outer.other", "Outer.Inner.deep"],
        ),
    ],
)
def test_positions_tell_each_time_what_has_moved(lab: Any, change: str, expected: list[str]) -> None:
    module = lab.module("places", PLACES)
    names = ["first", "second", "Outer.method", "Outer.other", "Outer.Inner.deep"]
    positions = Positions([point for name in names for point in resolve(parse_target(f"places:{name}"))])
    assert positions.moved({}) == []
    exec(change, vars(module))
    for _ in range(2):
        assert [point.text.partition(":")[2] for point in positions.moved({})] == expected


def test_positions_ask_only_of_classes_and_strangers_whether_they_belong_there(lab: Any) -> None:
    lab.module("places", PLACES + "\nfrom json import dumps\n")
    names = ["first", "dumps", "Outer", "Outer.method"]
    positions = Positions([point for name in names for point in resolve(parse_target(f"places:{name}"))])
    assert [point.text for point in positions.in_question] == ["places:dumps", "places:Outer"]
