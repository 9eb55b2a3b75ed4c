"""Filters of leftovers: how a text becomes one, and what it means."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

from pytest_chaos.errors import NotationError
from pytest_chaos.provenance import Provenance
from pytest_chaos.resources.filters import KEYS, Filter, FilterKey, Filters, LoadedModules, read_filter
from pytest_chaos.resources.leftovers import Leftover

FILES = {"/p/shop/work.py": ["shop.work"], "/p/shop/api.py": ["shop.api", "__main__"]}


def code(file: str, name: str) -> CodeType:
    """Return the code of a function with a qualified name in a file."""
    return (lambda: None).__code__.replace(co_filename=file, co_qualname=name)


POLL, SERVE, START = (
    code("/p/shop/work.py", "Poller._poll"),
    code("/p/shop/api.py", "serve"),
    code("/p/shop/work.py", "start.<locals>.begin"),
)
WAIT = code(__import__("threading").__file__, "Event.wait")
LEFT = Leftover("thread", "a thread", "thread x", stack=(WAIT, POLL, SERVE), made_in=(START,))


@pytest.fixture
def keeps(tmp_path: Path) -> Callable[..., bool]:
    """Tell whether a leftover is kept under filters, given as key and text."""

    def kept(*filters: tuple[FilterKey, str], leftover: Leftover = LEFT) -> bool:
        modules = {**FILES, WAIT.co_filename: ["threading"]}
        found = Filters([read_filter(*one) for one in filters], lambda file: modules.get(file, ()))
        return found.sift([leftover], Provenance(tmp_path))[0] == [leftover]

    return kept


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("ignore_top", "threading:Event.wait", True),
        ("ignore_top", "shop.work:Poller._poll", True),
        ("ignore_top", "shop.api:serve", False),
        ("ignore_top", "shop.work:Poller", False),
        ("ignore_any", "shop.api:serve", True),
        ("ignore_any", "__main__:serve", True),
        ("ignore_any", "shop.work:start.*", False),
        ("ignore_created_by", "shop.work:start.*", True),
        ("ignore_created_by", "shop.work:*begin", True),
        ("ignore_created_by", "shop.work:Poller._poll", False),
        ("ignore_any", "shop.*:*", True),
        ("ignore_any", "*:Event.wait", True),
        ("ignore_any", "shop:*", False),
        ("ignore_any", "**:serv?", True),
        ("ignore_any", "**:serv", False),
        ("ignore_any", "shop.**:*", True),
        ("ignore_top", "shop.work:*", True),
    ],
)
def test_filter_looks_at_the_functions_of_its_key(keeps: Any, key: FilterKey, text: str, expected: bool) -> None:
    assert expected == (not keeps((key, text)))


@pytest.mark.parametrize("key", KEYS)
def test_what_runs_no_code_and_was_made_unseen_fits_nothing(keeps: Any, key: FilterKey) -> None:
    assert keeps((key, "**:*"), leftover=Leftover("file-descriptor", "a file", "x"))


def test_every_filter_that_fits_is_used_and_the_others_are_told(tmp_path: Path) -> None:
    filters = Filters(
        [read_filter(key, text) for key in KEYS for text in ("shop.work:*", "shop.none:*")],
        lambda file: FILES.get(file, ()),
    )
    other = Leftover("lock", "a lock", "lock y")
    kept, used = filters.sift([LEFT, other, LEFT], Provenance(tmp_path))

    assert [other] == kept
    assert [f"{key} shop.work:*" for key in KEYS] == used
    assert [f"{key} shop.none:*" for key in KEYS] == filters.unused(used)


def test_no_filter_keeps_all(tmp_path: Path) -> None:
    assert ([LEFT], []) == Filters().sift([LEFT], Provenance(tmp_path))


@pytest.mark.parametrize(
    ("text", "column", "remedy"),
    [
        ("shop.work", 10, "Did you mean 'shop:work'?"),
        ("shop", 5, "Write 'shop:*'."),
        ("redis/poll", 6, "Did you mean 'redis:poll'?"),
        ("shop :poll", 6, "no spaces"),
        ("shop:", 6, "'package.module:Qual.name'"),
        ("", 1, "'package.module:Qual.name'"),
        ("shop:po-ll", 8, "'_'"),
        ("shop:**", 6, ""),
    ],
)
@pytest.mark.parametrize("key", KEYS)
def test_malformed_filter_is_refused_at_its_column(key: FilterKey, text: str, column: int, remedy: str) -> None:
    with pytest.raises(NotationError) as refusal:
        read_filter(key, text)

    assert column == refusal.value.column
    assert remedy in refusal.value.remedy


def test_filter_reads_back_as_it_is_reported() -> None:
    assert Filter("ignore_top", "shop.*", "Poller._poll") == read_filter("ignore_top", " shop.*:Poller._poll ")
    assert "ignore_top shop.*:Poller._poll" == read_filter("ignore_top", "shop.*:Poller._poll").text


def test_modules_are_found_by_their_file_also_those_loaded_later(tmp_path: Path, monkeypatch: Any) -> None:
    modules = LoadedModules()
    path = tmp_path / "late.py"
    assert ["threading"] == list(modules(WAIT.co_filename))
    assert [] == list(modules(str(path)))
    late = ModuleType("late")
    late.__file__ = str(path)
    monkeypatch.setitem(sys.modules, "late", late)
    link = tmp_path / "link.py"
    path.touch()
    link.symlink_to(path)

    assert ["late"] == list(modules(str(path))) == list(modules(str(link)))
    assert [] == list(modules("<string>"))


def test_a_real_leftover_is_filtered_by_each_key(lab: Any) -> None:
    shop = lab.module(
        "shop",
        """
        import threading
        ended = threading.Event()
        def poll(): ended.wait()
        def pay(): ...
        def start():
            threading.Thread(target=poll).start()
            pay()
        """,
    )
    for kind in lab.laboratory.census.kinds:
        kind.grace_s = 0.02
    try:
        found = lab.run(lambda: shop.start(), "shop:pay = null").observation.leftovers
    finally:
        shop.ended.set()
    provenance = lab.laboratory.provenance

    assert ["thread"] == [one.kind for one in found]
    for filter_ in ("ignore_top", "shop:poll"), ("ignore_any", "shop:poll"), ("ignore_created_by", "shop:start"):
        assert [] == Filters([read_filter(*filter_)]).sift(found, provenance)[0]
