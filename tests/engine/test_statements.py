"""Statements: what stands at a line, told in a way that stays the same when lines move."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_chaos.clauses import Sources
from pytest_chaos.statements import Statement, Statements

SHOP = """
    import bank

    def pay(order):
        with bank.open() as account:
            account.charge(
                order,
                amount=1,  # in cents
            )
            bank.log(order)  # twice
        bank.log(order)

        def later():
            bank.log(order)

        for _ in range(3):
            bank.log(order)
        return later
"""


def written(path: Path, text: str = SHOP, above: int = 0) -> str:
    file = path / "shop.py"
    file.write_text("# more\n" * above + textwrap.dedent(text), encoding="utf-8")
    return str(file)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (5, Statement("with bank.open() as account:", 0)),
        (6, Statement("account.charge(order, amount=1)", 0)),
        (8, Statement("account.charge(order, amount=1)", 0)),
        (10, Statement("bank.log(order)", 0)),
        (11, Statement("bank.log(order)", 1)),
        (14, Statement("bank.log(order)", 0)),
        (16, Statement("for _ in range(3):", 0)),
        (17, Statement("bank.log(order)", 2)),
        (2, Statement("import bank", 0)),
    ],
)
def test_a_line_is_told_by_its_statement_and_which_of_its_like_it_is(
    tmp_path: Path, line: int, told: Statement
) -> None:
    assert told == Statements(Sources()).at(written(tmp_path), line)


@given(above=st.integers(1, 40), line=st.integers(2, 18))
def test_lines_above_change_nothing(tmp_path_factory: pytest.TempPathFactory, above: int, line: int) -> None:
    before = written(tmp_path_factory.mktemp("before"))
    after = written(tmp_path_factory.mktemp("after"), above=above)

    assert Statements(Sources()).at(before, line) == Statements(Sources()).at(after, line + above)


LAYOUTS = [
    ("pay(order, 1)", ("pay(\n    order, 1\n)", "pay(\n    order,\n    1,  # cent\n)", "pay( order,1, )")),
    ("done = [one, two]", ("done = [\n    one,\n\n    two,\n]", "done = [ one, two ]")),
    ("rows = ask(sql, (key,))", ("rows = ask(\n    sql,\n    (\n        key,\n    ),\n)",)),
    ("rows = ask((key,))", ("rows = ask(\n    (key,),\n)",)),
    ("rows = rows.of(1).last()", ("rows = rows.of(\n    1\n).last()", "rows = rows.of(\n    1,\n) \\\n  .last()")),
    (
        'text = f"{one + 1} of {two!r:>{wide}}" "é" + three',
        ('text = f"{one + 1} of {two!r:>{wide}}" \\\n  "é" + three',),
    ),
    ("sums = {one: [two, 3]}", ("sums = {\n  one: [\n    two,\n    3,\n  ],\n}",)),
]


@pytest.mark.parametrize(("text", "others"), LAYOUTS)
def test_the_layout_of_a_statement_changes_nothing(tmp_path: Path, text: str, others: tuple[str, ...]) -> None:
    for other in (text, *others):
        file = written(tmp_path, f"def f():\n{textwrap.indent(other, '    ')}\n    return 1\n")

        assert Statement(text, 0) == Statements(Sources()).at(file, 2), other


@pytest.mark.parametrize(
    "other", ["pay(order)", "pay((order,))", "pay(order,), 1", "pay(order, 1)", "pay[order]", "pay('order')"]
)
def test_another_statement_is_told_in_another_way(tmp_path: Path, other: str) -> None:
    told = {Statements(Sources()).at(written(tmp_path, f"def f():\n    {one}\n"), 2) for one in ("pay((order))", other)}

    assert 2 == len(told)


NAMESAKES = """
    import functools

    @functools.singledispatch
    def book(one): ...

    @book.register
    def _(one: int):
        charge(one)

    @book.register
    def _(one: str):
        charge(one)

    class Order:
        @property
        def total(self):
            charge(self)

        @total.setter
        def total(self, value):
            charge(self)

    def total(self):
        charge(self)

    if book:
        def late():
            charge(1)
    else:
        def late():
            charge(1)
"""


@pytest.mark.parametrize(
    ("lines", "ordinals"), [((9, 13), [0, 1]), ((18, 22), [0, 1]), ((25,), [0]), ((29, 32), [0, 1])]
)
def test_functions_of_one_name_are_told_apart_by_their_order(
    tmp_path: Path, lines: tuple[int, ...], ordinals: list[int]
) -> None:
    statements = Statements(Sources())
    file = written(tmp_path, NAMESAKES)

    assert ordinals == [statements.at(file, line).ordinal for line in lines]


def test_no_two_statements_of_a_function_are_told_the_same(tmp_path: Path) -> None:
    statements = Statements(Sources())
    file = written(tmp_path)

    assert len({statements.at(file, line) for line in (10, 11, 17)}) == 3


def test_a_file_that_cannot_be_read_gives_the_bare_line(tmp_path: Path) -> None:
    statements = Statements(Sources())

    assert Statement("", 0) == statements.at(str(tmp_path / "nothing.py"), 3)
    assert Statement("def broken(:", 0) == statements.at(written(tmp_path, "def  broken(:"), 1)


def test_a_module_is_named_as_it_is_imported_from_wherever_that_is(tmp_path: Path) -> None:
    package = tmp_path / "src" / "shop" / "bank"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    statements = Statements(Sources())

    assert "shop.bank.cards" == statements.module(str(package / "cards.py"))
    assert "shop.bank" == statements.module(str(package / "__init__.py"))
    assert "alone" == statements.module(str(tmp_path / "alone.py"))
