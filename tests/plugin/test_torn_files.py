"""Files that an error leaves half written, or keeps from being removed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SHOP = """
    import bank, os, tempfile

    def writes_in_place(path):
        with open(path, "w") as file:
            for number in (1, 2, 3):
                file.write(f"{bank.pay(number)};")

    def writes_through_pathlib(path):
        with path.open("w") as file:
            file.write(bank.pay(1))

    def writes_what_it_has(path):
        rows = [bank.pay(number) for number in (1, 2, 3)]
        with open(path, "w") as file:
            file.write(";".join(rows))

    def leaves_out_what_fails(path):
        with open(path, "w") as file:
            for number in (1, 2, 3):
                try:
                    file.write(f"{bank.pay(number)};")
                except OSError:
                    continue

    def adds_to_a_log(path):
        with open(path, "a") as file:
            file.write("begins;")
            file.write(bank.pay(1))

    def forgets_its_copy(path):
        with open(f"{path}.new", "w") as file:
            file.write("a receipt: ")
            file.write(bank.pay(1))
        os.replace(f"{path}.new", path)

    def forgets_its_temporary_file(path):
        number, name = tempfile.mkstemp(dir=os.path.dirname(path))
        with os.fdopen(number, "w") as file:
            file.write("a receipt: ")
            file.write(bank.pay(1))
        os.replace(name, path)

    def removes_its_copy(path):
        try:
            forgets_its_copy(path)
        except OSError:
            os.remove(f"{path}.new")
            raise
"""


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def told(pytester: Any, function: str, *, before: str = "") -> set[tuple[bool, str, str]]:
    """Explore a test under errors; return whether it fails, the kind and the text of each evidence of leaks."""
    pytester.makepyfile(
        bank='def pay(number): return f"paid {number}"',
        shop=SHOP,
        test_shop=f"""
            import shop

            def test_it(tmp_path):
                path = tmp_path / "receipts.txt"
                if {before!r}:
                    path.write_text({before!r})
                shop.{function}(path)
                assert path.exists()
        """,
    )
    pytester.runpytest_subprocess(
        *("-p", "chaos", "--chaos", "--chaos-target=bank:pay", "--chaos-fault=raise(OSError)"),
        "--chaos-report=chaos.json",
    )
    results = json.loads(Path(pytester.path, "chaos.json").read_text())["results"]
    explored = [one for one in results if one["kind"] == "explored"]
    assert explored
    assert all(one["activations"] for one in explored)
    return {
        (one["fails"], evidence["kind"], evidence["text"])
        for one in explored
        for evidence in one["evidence"]
        if evidence["oracle"] == "leaks"
    }


@pytest.mark.parametrize("before", ["", "all receipts of last year"])
def test_file_that_an_error_leaves_half_written_is_torn(pytester: Any, before: str) -> None:
    whole = max(len(before), len("paid 1;paid 2;paid 3;"))
    where = f"{whole} bytes; opened for writing at shop.py:4 in writes_in_place"

    found = told(pytester, "writes_in_place", before=before)

    assert (True, "torn-file", f"file <tmp>/receipts.txt was left empty instead of {where}") in found
    assert {"torn-file"} == {kind for _, kind, _ in found}


def test_what_pathlib_opens_is_followed_too(pytester: Any) -> None:
    ((fails, kind, text),) = told(pytester, "writes_through_pathlib")

    assert (True, "torn-file") == (fails, kind)
    assert "opened for writing at shop.py:9 in writes_through_pathlib" in text


@pytest.mark.parametrize("function", ["forgets_its_copy", "forgets_its_temporary_file"])
def test_file_that_the_plain_run_removes_and_an_error_leaves_is_told(pytester: Any, function: str) -> None:
    ((fails, kind, text),) = told(pytester, function)

    assert (False, "file-left") == (fails, kind)
    assert f"in {function}" in text


def test_file_of_a_call_that_succeeded_is_removed_by_the_test_and_not_left(pytester: Any) -> None:
    """Where a later call failed: that kept the test from it."""
    pytester.makepyfile(
        bank='def pay(number): return f"paid {number}"',
        shop="""
            import bank

            def stores(path):
                paid = bank.pay(1)
                with open(path, "w") as file:
                    file.write(paid)
        """,
        test_shop="""
            import os, shop

            def test_it(tmp_path):
                first, second = tmp_path / "first", tmp_path / "second"
                shop.stores(first)
                shop.stores(second)
                os.remove(first)
                os.remove(second)
        """,
    )
    pytester.runpytest_subprocess(
        *("-p", "chaos", "--chaos", "--chaos-rule=bank:pay = #2 raise(OSError)", "--chaos-report=chaos.json"),
    )
    results = json.loads(Path(pytester.path, "chaos.json").read_text())["results"]
    (result,) = [one for one in results if one["kind"] == "explored"]

    assert (result["verdict"], result["fails"]) == ("escaped", False)
    assert "file-left" in [one["kind"] for one in result["evidence"]]


@pytest.mark.parametrize(
    "function", ["writes_what_it_has", "leaves_out_what_fails", "adds_to_a_log", "removes_its_copy"]
)
def test_file_that_is_as_the_system_wants_it_is_not_torn(pytester: Any, function: str) -> None:
    assert set() == told(pytester, function)


# --- a full disk

WRITERS = """
    import json, os

    def saves(path, what):
        with open(path, "w") as file:
            json.dump(what, file)

    def loads(path):
        with open(path) as file:
            return json.load(file)

    def saves_aside(path, what):
        with open(f"{path}.new", "w") as file:
            json.dump(what, file)
        os.replace(f"{path}.new", path)

    def saves_or_tells(path, what):
        try:
            saves(path, what)
        except OSError as error:
            print(error)
"""


def told_of_a_full_disk(pytester: Any, body: str) -> list[tuple[str, bool, str, str]]:
    """Explore a test as a newcomer does; return what findings there are of runs on a full disk."""
    pytester.makepyfile(shop=WRITERS, test_shop=f"import shop\n\ndef test_it(tmp_path):\n    {body}\n")
    pytester.runpytest_subprocess("-p", "chaos", "--chaos", "--chaos-report=chaos.json")
    report = json.loads(Path(pytester.path, "chaos.json").read_text())
    assert [one for one in report["results"] if "disk-full" in one["scenario"] and one["activations"]]
    return [
        (one["verdict"], one["fails"], one["kind"], one["place"])
        for one in report["findings"]
        if "disk-full" in one["faults"]
    ]


BEFORE = "path = tmp_path / 'state'; path.write_text('[1, 2, 3]'); "
AFRESH = "path = tmp_path / 'state'; "


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"{BEFORE}shop.saves(path, [1])", [("leaked", True, "torn-file", "shop.py:4 saves")]),
        (f"{AFRESH}shop.saves(path, [1])", [("leaked", False, "torn-file", "shop.py:4 saves")]),
        (
            f"{AFRESH}shop.saves_or_tells(path, [1]); assert shop.loads(path) == [1]",
            [("leaked", True, "torn-file", "shop.py:4 saves")],
        ),
        (f"{BEFORE}shop.saves_aside(path, [1])", [("leaked", False, "file-left", "shop.py:12 saves_aside")]),
    ],
)
def test_full_disk_tears_a_file_that_is_written_in_place(pytester: Any, body: str, expected: Any) -> None:
    """It fails where something was there before, and where the system breaks over what is left."""
    assert expected == told_of_a_full_disk(pytester, body)
