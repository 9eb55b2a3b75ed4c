"""Garbage: another value of the right type and shape, from a real value or from an annotation alone."""

from __future__ import annotations

import collections
import collections.abc
import contextlib
import copy
import dataclasses
import datetime
import decimal
import enum
import functools
import math
import pathlib
import re
import subprocess
import sys
import typing
import uuid
from typing import Any

import attrs
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_chaos.faults.annotations import answer_hint
from pytest_chaos.faults.garbage import Garbage, UnknownTypeError
from pytest_chaos.faults.texts import Texts


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Only(enum.Enum):
    ONE = 1


@dataclasses.dataclass(frozen=True)
class Line:
    sku: str
    count: int = 1
    total: int = dataclasses.field(init=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", self.count * 2)


@dataclasses.dataclass
class Order:
    number: str
    lines: list[Line]
    note: str | None = None


@dataclasses.dataclass(slots=True)
class Positive:
    amount: int

    def __post_init__(self) -> None:
        if self.amount <= 0:
            raise ValueError("not positive")


@dataclasses.dataclass
class Stubborn:
    name: str

    def __post_init__(self) -> None:
        if self.name != "the only one":
            raise ValueError("I want no other")


class Place(typing.NamedTuple):
    row: int
    seat: str


class Row(typing.TypedDict):
    state: typing.Literal["open", "closed"]
    count: int


class Receipt(pydantic.BaseModel):
    number: str
    paid: bool


@attrs.frozen
class Parcel:
    weight: float
    _secret: str


class Money(int):
    pass


class Name(str):
    pass


class Rows(list[int]):
    pass


class Gateway:
    def __repr__(self) -> str:
        return "Gateway()"


CustomerId = typing.NewType("CustomerId", str)
GATEWAY = Gateway()

CHANGEABLE: list[Any] = [
    *[0, 1, -7, 10**40, True, 0.0, 9.99, -0.5, 1e-9, 1e308, math.nan, math.inf, 2j],
    *["", "  ", "paid", "r-1", "---", "x", "Ünïcode", "a\nb c", b"", b"abc", bytearray(b"abc")],
    *[decimal.Decimal("12.50"), decimal.Decimal(0), decimal.Decimal("NaN"), decimal.Decimal("1E+9")],
    *[datetime.date.max, datetime.date.min, datetime.datetime(2024, 1, 31, tzinfo=datetime.UTC), datetime.time(1, 2)],
    *[datetime.timedelta(days=1), datetime.timedelta.max, uuid.UUID(int=2**127 + 3), uuid.UUID(int=0)],
    *[pathlib.Path("a/b.txt"), pathlib.PurePosixPath("/"), Colour.RED, Level.LOW, Money(5), Name("Ada")],
    *[[1, "a"], (1, 2), {1, 2}, frozenset({"a"}), {"a": 1}, {"a": {"b": [1.5, None]}}, Rows([1, 2])],
    *[collections.OrderedDict(a=1), collections.Counter("aab"), collections.defaultdict(list, a=[1])],
    *[Line("x-1", 2), Order("o-1", [Line("x-1")]), Place(1, "b"), Receipt(number="r-1", paid=True)],
    *[Parcel(1.5, "s"), Positive(5), [GATEWAY, 1]],
]
UNCHANGEABLE: list[Any] = [None, Only.ONE, [], (), {}, set(), frozenset({True, False}), {"a": None}, [[]]]


# --- from a real value


@pytest.mark.parametrize("value", CHANGEABLE, ids=repr)
@pytest.mark.parametrize("seed", [0.0, 0.3, 0.999])
def test_garbage_differs_and_has_the_type_of_the_value_which_stays_as_it_was(value: Any, seed: float) -> None:
    before = copy.deepcopy(value) if GATEWAY not in (value if isinstance(value, list) else []) else list(value)

    made = Garbage(seed).like(value)

    assert made is not value
    assert type(made) is type(value)
    assert made != value
    assert repr(before) == repr(value)


@pytest.mark.parametrize("value", UNCHANGEABLE, ids=repr)
def test_value_without_another_is_handed_back(value: Any) -> None:
    garbage = Garbage(0.3)

    assert garbage.like(value) is value
    assert set() == garbage.unknown


@pytest.mark.parametrize("value", [GATEWAY, [GATEWAY], print, object(), iter([]), memoryview(b"a"), Gateway])
def test_value_of_an_unknown_class_is_handed_back_and_named(value: Any) -> None:
    garbage = Garbage(0.3)

    assert garbage.like(value) is value
    assert 1 == len(garbage.unknown)


def test_class_that_refuses_every_draw_is_named() -> None:
    garbage, value = Garbage(0.3), Stubborn("the only one")

    assert garbage.like(value) is value
    assert {"Stubborn"} == garbage.unknown


@pytest.mark.parametrize("seed", [number / 20 for number in range(20)])
def test_class_that_refuses_some_draws_gets_another(seed: float) -> None:
    assert Garbage(seed).like(Positive(5)).amount > 0


def test_shape_is_kept() -> None:
    value = {"id": "r-1", "lines": [{"sku": "a"}, {"sku": "b"}], "none": None, 5: (1, "x")}

    made = Garbage(0.3).like(value)

    assert list(value) == list(made)
    assert (2, None, 2) == (len(made["lines"]), made["none"], len(made[5]))
    assert [["sku"], ["sku"]] == [list(line) for line in made["lines"]]


def test_fields_that_are_computed_follow() -> None:
    made = Garbage(0.3).like(Line("x-1", 2))

    assert 2 * made.count == made.total


def test_attributes_of_ordered_and_default_dicts_are_kept() -> None:
    made = Garbage(0.3).like(collections.defaultdict(list, a=[1]))

    assert list is made.default_factory
    assert ["a", "b"] == list(Garbage(0.3).like(collections.OrderedDict(a=1, b=2)))


def test_decimals_and_zones_are_kept() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=3))
    price, moment = Garbage(0.3).like(decimal.Decimal("12.50")), Garbage(0.3).like(datetime.datetime.now(zone))

    assert -2 == price.as_tuple().exponent
    assert Garbage(0.3).like(9.99) == round(Garbage(0.3).like(9.99), 2)
    assert zone is moment.tzinfo
    assert ".txt" == Garbage(0.3).like(pathlib.Path("a/b.txt")).suffix


def test_value_that_holds_itself_is_no_endless_work() -> None:
    value: list[Any] = [1, {}]
    value.append(value)
    value[1]["up"] = value

    assert 1 != Garbage(0.3).like(value)[0]


def test_huge_value_costs_no_more_than_a_large_one() -> None:
    value = ["paid"] * 200_000

    made = Garbage(0.3).like(value)

    assert len(value) == len(made)
    assert "paid" != made[0]
    assert "paid" == made[-1]


def test_same_seed_makes_the_same_garbage_in_every_process() -> None:
    source = (
        "from pytest_chaos.faults.garbage import Garbage; "
        "print(Garbage(0.25).like([{'a', 'b', 'c'}, 'paid', 1, 'ada@example.org', 1.5]))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {source}"],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env={"PYTHONHASHSEED": seed},
        ).stdout.rpartition("}")[2]
        for seed in ("1", "2", "3")
    }

    assert 1 == len(seen)
    assert Garbage(0.25).like("paid") != Garbage(0.5).like("paid")


def test_global_generators_are_left_alone() -> None:
    import random

    import faker.generator

    random.seed(1)
    before = random.getstate(), faker.generator.random.getstate()
    Garbage(0.3).like({"a": "ada@example.org", "b": [1.5, "Ada Lovelace"]})

    assert before == (random.getstate(), faker.generator.random.getstate())


values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text()
    | st.binary()
    | st.dates()
    | st.datetimes(timezones=st.none() | st.just(datetime.UTC))
    | st.times()
    | st.timedeltas()
    | st.decimals()
    | st.uuids()
    | st.sampled_from([Colour.RED, Level.HIGH]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.builds(Order, st.text(), st.lists(st.builds(Line, st.text(), st.integers())), st.none() | st.text())
    ),
    max_leaves=10,
)


@given(values, st.floats(0, 1, exclude_max=True))
def test_any_value_is_changed_within_its_type_or_handed_back(value: Any, seed: float) -> None:
    before = repr(value)

    made = Garbage(seed).like(value)

    assert type(made) is type(value)
    assert before == repr(value)
    assert repr(made) == repr(Garbage(seed).like(value))
    if made is not value:
        assert made != value


# --- with an annotation


@pytest.mark.parametrize(
    ("value", "hint", "possible"),
    [
        ("a", typing.Literal["a", "b"], {"b"}),
        ("a", typing.Literal["a"] | typing.Literal["b"] | None, {"b"}),
        ("a", typing.Literal["a"], {"a"}),
        (True, bool, {False}),
        (None, Colour | None, {Colour.RED, Colour.BLUE}),
        (None, typing.Annotated[typing.Literal[7] | None, "x"], {7}),
        (None, None, {None}),
        (None, Gateway | None, {None}),
    ],
)
@pytest.mark.parametrize("seed", [0.1, 0.9])
def test_type_tells_what_else_the_value_may_be(value: Any, hint: Any, possible: set[Any], seed: float) -> None:
    assert Garbage(seed).like(value, hint) in possible


@pytest.mark.parametrize(
    ("value", "hint", "kind"),
    [
        (None, int | None, int),
        (None, typing.Optional[Order], Order),  # noqa: UP045  # this spelling must work too
        (None, CustomerId | None, str),
        ([], list[Place], list),
        ({}, dict[str, int], dict),
        (set(), set[uuid.UUID], set),
        ((), tuple[int, ...], tuple),
        ("text", int, str),
        (5, int | str, int),
        ("5", int | str, str),
        ([1], collections.abc.Sequence[int], list),
        ({"state": "open", "count": 1}, Row, dict),
    ],
)
def test_value_stays_of_its_type_and_gets_something_where_nothing_was(value: Any, hint: Any, kind: type) -> None:
    made = Garbage(0.3).like(value, hint)

    assert type(made) is kind
    assert made or value, "nothing is no garbage for nothing"
    assert made != value


def test_typed_dict_keeps_to_its_literals() -> None:
    assert "closed" == Garbage(0.3).like({"state": "open", "count": 1}, Row)["state"]


def test_nothing_inside_an_answer_stays_nothing() -> None:
    made = Garbage(0.3).like(Order("o-1", [], None), Order)

    assert ([], None) == (made.lines, made.note)


OF: list[tuple[Any, type]] = [
    *[(kind, kind) for kind in (bool, int, float, complex, str, bytes, bytearray, decimal.Decimal, uuid.UUID)],
    *[(kind, kind) for kind in (datetime.date, datetime.datetime, datetime.time, datetime.timedelta)],
    *[(kind, kind) for kind in (Order, Line, Place, Receipt, Colour)],
    *[(Row, dict), (CustomerId, str), (typing.Annotated[int, "x"], int), (typing.Literal["a"], str)],
    *[(list[int], list), (dict[str, list[int]], dict), (tuple[int, str], tuple), (frozenset[str], frozenset)],
    *[(collections.abc.Mapping[str, int], dict), (typing.Iterable[str], list), (None, type(None))],
    *[(pathlib.Path, type(pathlib.Path())), (int | None, int), (typing.Union[None, str], str)],  # noqa: UP007  # as above
]


@pytest.mark.parametrize(("hint", "kind"), OF, ids=repr)
def test_value_is_made_of_a_type_alone(hint: Any, kind: type) -> None:
    assert type(Garbage(0.3).of(hint)) is kind


@pytest.mark.parametrize("hint", [Any, object, Gateway, list, dict, list[Gateway], "Order", 5, type[int], typing.Self])
def test_what_no_type_tells_is_not_guessed(hint: Any) -> None:
    with pytest.raises(UnknownTypeError):
        Garbage(0.3).of(hint)


@dataclasses.dataclass
class Tree:
    left: Tree
    right: Tree


@dataclasses.dataclass
class Branch:
    children: list[Branch]
    parent: Branch | None = None


def test_type_that_contains_itself_ends() -> None:
    assert Branch is type(Garbage(0.3).of(Branch))
    with pytest.raises(UnknownTypeError):
        Garbage(0.3).of(Tree)


# --- texts

FLAVOURS = {
    "ada@example.org": r"[^@\s]+@[^@\s]+\.[a-z]+",
    "https://api.example.com/v1/orders?page=1": r"https://[\w.-]+(/\w+){2}",
    "s3://bucket/key": r"s3://[\w.-]+/\w+",
    "0190b4c4-1f3a-7b1e-8c5d-0123456789ab": r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "2024-01-31": r"\d{4}-\d\d-\d\d",
    "2024-01-31T10:00:00Z": r"\d{4}-\d\d-\d\dT10:00:00Z",
    "192.168.0.1": r"\d+\.\d+\.\d+\.\d+",
    "12.50": r"[1-9]\d\.\d\d",
    "-7": r"-[1-9]",
    "007": r"\d{3}",
    "5f3a9bc1": r"[0-9a-f]{8}",
    "5F3A9BC1": r"[0-9A-F]{8}",
    "paid": r"[a-z]+",
    "Ada": r"[A-Z][a-z]+",
    "Ada Lovelace": r"[A-Z]\w+ [A-Z]\w+",
    "ORDER-7b": r"[A-Z]{5}-\d[a-z]",
    "EUR": r"[A-Z]{3}",
    "the bank is down": r"[a-z]+( \w+){3}",
    "The bank is down.": r"[A-Z]\w+( \w+){3}\.",
    "": r"\w+",
    "---": r"---[a-z]",
}


@pytest.mark.parametrize("text", list(FLAVOURS))
@pytest.mark.parametrize("seed", range(5))
def test_text_keeps_its_flavour(text: str, seed: int) -> None:
    made = Texts(seed).like(text)

    assert text != made
    assert re.fullmatch(FLAVOURS[text], made), made


def test_dates_in_texts_are_dates() -> None:
    texts = Texts(3)
    assert all(datetime.date.fromisoformat(texts.like("2024-01-31")) for _ in range(50))


# --- annotations of callables


def plain() -> int: ...  # type: ignore[empty-body]  # only its annotation is read
def silent(): ...  # type: ignore[no-untyped-def]  # no annotation on purpose
def unknown_parameter(a: Nowhere) -> int: ...  # type: ignore[name-defined,empty-body]  # noqa: F821  # on purpose
def unknown() -> Nowhere: ...  # type: ignore[name-defined]  # noqa: F821  # on purpose
async def later() -> int: ...  # type: ignore[empty-body]  # as above
def awaitable() -> collections.abc.Awaitable[int]: ...  # type: ignore[empty-body]  # as above
def items() -> collections.abc.Iterator[int]: ...  # type: ignore[empty-body]  # as above
def generated() -> typing.Generator[int, str, None]: ...  # type: ignore[empty-body]  # as above
def async_items() -> collections.abc.AsyncIterator[int]: ...  # type: ignore[empty-body]  # as above
@contextlib.contextmanager
def manager() -> collections.abc.Iterator[int]: ...  # type: ignore[empty-body]  # as above
@functools.lru_cache
def cached() -> int: ...  # type: ignore[empty-body]  # as above


class Holder:
    def __call__(self) -> int: ...  # type: ignore[empty-body]  # as above
    def method(self) -> int: ...  # type: ignore[empty-body]  # as above
    @property
    def read(self) -> int: ...  # type: ignore[empty-body]  # as above
    @functools.cached_property
    def once(self) -> int: ...  # type: ignore[empty-body]  # as above


@pytest.mark.parametrize(
    ("function", "kind", "expected"),
    [
        (plain, "function", int),
        (silent, "function", Any),
        (unknown_parameter, "function", int),
        (unknown, "function", Any),
        (print, "function", Any),
        (later, "coroutine", int),
        (awaitable, "coroutine", int),
        (items, "generator", int),
        (items, "function", collections.abc.Iterator[int]),
        (generated, "generator", int),
        (async_items, "async generator", int),
        (manager, "context manager", int),
        (cached, "function", int),
        (functools.partial(plain), "function", int),
        (Holder(), "function", int),
        (Holder().method, "function", int),
        (Holder.read, "property", int),
        (vars(Holder)["once"], "property", int),
        (None, "function", Any),
    ],
)
def test_type_of_the_answer_is_read_from_the_annotation(function: Any, kind: Any, expected: Any) -> None:
    assert expected == answer_hint(function, kind)
