"""Modules that are imported, or imported again, after a rule was armed."""

from __future__ import annotations

import importlib
import sys
import threading
from typing import Any

import pytest

from pytest_chaos.injector.importing import Imports, not_yet_imported
from pytest_chaos.notation import parse_target

LATE = "def pay(): return 'paid'\ndef _private(): return 'private'"


@pytest.fixture
def shop(lab: Any) -> Any:
    lab.write("late.inner.pay", LATE)
    lab.write("late.other", LATE)
    return lab.module("late.early", LATE)


def test_a_glob_reaches_a_module_imported_in_the_body(shop: Any, lab: Any) -> None:
    with lab.window("late.**:pay = null") as chaos:
        assert "late.inner.pay" not in sys.modules
        inner = importlib.import_module("late.inner.pay")
        assert (None, None, "private") == (shop.pay(), inner.pay(), inner._private())
        assert 2 == chaos.calls("late.**:pay")
    assert ("paid", "paid") == (shop.pay(), inner.pay())


def test_a_module_that_was_written_after_the_last_body_is_reached(shop: Any, lab: Any) -> None:
    for number in range(2):
        with lab.window("late.**:pay = null"):
            name = lab.write(f"late.inner.new{number}", LATE)
        with lab.window("late.**:pay = null"):
            assert importlib.import_module(name).pay() is None


def test_a_module_that_does_not_match_is_left_alone(shop: Any, lab: Any) -> None:
    with lab.window("late.i*.*:pay = null"):
        assert "paid" == importlib.import_module("late.other").pay()
        assert importlib.import_module("late.inner.pay").pay() is None


def test_a_module_imported_after_the_body_is_left_alone(shop: Any, lab: Any) -> None:
    with lab.window("late.**:pay = null"):
        pass
    assert "paid" == importlib.import_module("late.other").pay()


def test_a_module_imported_by_another_thread_is_reached(shop: Any, lab: Any) -> None:
    got: list[Any] = []
    with lab.window("late.**:pay = null"):
        thread = threading.Thread(target=lambda: got.append(importlib.import_module("late.other").pay()))
        thread.start()
        thread.join()
    assert [None] == got


def test_an_import_does_not_fail_for_our_sake(shop: Any, lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with lab.window("late.**:pay = null") as chaos:

        def broken(*args: Any, **kwargs: Any) -> None:
            raise OSError("disk full")

        monkeypatch.setattr(chaos._experiment.injector, "_attach", broken)
        assert "paid" == importlib.import_module("late.other").pay()
        assert "disk full" in chaos.journal.problems[0]


def test_a_module_whose_body_raises_raises_its_own_error(shop: Any, lab: Any) -> None:
    lab.write("late.broken", "raise ValueError('mine')")
    with lab.window("late.**:pay = null"), pytest.raises(ValueError, match="mine"):
        importlib.import_module("late.broken")


def test_a_reloaded_module_is_noticed_by_the_next_test(shop: Any, lab: Any) -> None:
    with lab.window("late.early:pay = null"):
        assert shop.pay() is None
    importlib.reload(shop)
    with lab.window("late.early:pay = null"):
        assert shop.pay() is None


def test_a_module_imported_again_is_noticed_by_the_next_test(shop: Any, lab: Any) -> None:
    with lab.window("late.early:pay = null"):
        pass
    del sys.modules["late.early"]
    again = importlib.import_module("late.early")
    with lab.window("late.early:pay = null"):
        assert (None, "paid") == (again.pay(), shop.pay())


def test_who_is_forgotten_is_told_nothing(shop: Any) -> None:
    told: list[str] = []
    imports = Imports()
    imports.listen(["late.other"], told.append)
    imports.forget(told.append)
    importlib.import_module("late.other")
    assert [] == told


def test_a_folder_that_becomes_a_package_is_listed_anew(lab: Any) -> None:
    lab.module("pkg.core", "def base(): pass\n")
    folder = lab.root / "pkg" / "sub"
    folder.mkdir()
    before = not_yet_imported(parse_target("pkg.**:*"))
    (folder / "__init__.py").touch()
    (folder / "deep.py").touch()

    assert "pkg.sub.deep" not in before
    assert "pkg.sub.deep" in not_yet_imported(parse_target("pkg.**:*"))
