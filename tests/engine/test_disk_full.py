"""DiskFull: what a program sees of a file that is opened on a full disk, and when it sees the error."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import Any

import pytest

from pytest_chaos import DiskFull, parse

SHOP = """
def opens(*args, **named):
    return open(*args, **named)

def writes(path, text, mode="w"):
    with open(path, mode) as file:
        file.write(text)

def adds_lines(path, *lines):
    with open(path, "a", buffering=1) as file:
        for line in lines:
            file.write(line)
"""
RULE = "builtins:open = disk-full"


@pytest.fixture
def shop(lab: Any) -> Any:
    return lab.module("shop", SHOP)


@pytest.mark.parametrize(
    ("mode", "buffering", "types"),
    [
        ("w", -1, ["TextIOWrapper", "BufferedWriter", "FileIO"]),
        ("w+", -1, ["TextIOWrapper", "BufferedRandom", "FileIO"]),
        ("xb", 100, ["BufferedWriter", "FileIO"]),
        ("ab+", -1, ["BufferedRandom", "FileIO"]),
        ("wb", 0, ["FileIO"]),
    ],
)
def test_file_is_what_open_returns_layer_by_layer(
    shop: Any, lab: Any, tmp_path: Path, mode: str, buffering: int, types: list[str]
) -> None:
    def told(file: Any) -> dict[str, Any]:
        layers = [file]
        while (inner := getattr(layers[-1], "buffer", None) or getattr(layers[-1], "raw", None)) is not None:
            layers.append(inner)
        assert isinstance(layers[-1], io.FileIO)
        names = ("mode", "name", "encoding", "errors", "newlines", "line_buffering", "closed")
        return {
            "types": [type(one).__name__ for one in layers],
            "can": [[one.readable(), one.writable(), one.seekable(), one.isatty()] for one in layers],
            **{name: [getattr(one, name, None) for one in layers] for name in names},
            "tell": file.tell(),
        }

    path = tmp_path / "orders"
    with shop.opens(path, mode, buffering) as file:
        plain = told(file)
    path.unlink()
    with lab.window(RULE) as chaos, shop.opens(path, mode, buffering) as file:
        full = told(file)

    assert types == full["types"]
    assert plain == full
    assert [DiskFull()] == [one.fault for one in chaos.journal.activations]


@pytest.mark.parametrize(("mode", "text"), [("w", "new"), ("wb", b"new"), ("w", "new" * 100_000)])
def test_what_was_there_is_gone_and_nothing_new_is_written(
    shop: Any, lab: Any, tmp_path: Path, mode: str, text: Any
) -> None:
    path = tmp_path / "orders"
    path.write_text("old")

    with lab.window(RULE) as chaos, pytest.raises(OSError, match="No space left on device") as caught:
        shop.writes(path, text, mode)

    assert b"" == path.read_bytes()
    assert errno.ENOSPC == caught.value.errno
    assert 1 == chaos.journal.injected_errors


def test_error_comes_when_the_disk_is_called_and_once(shop: Any, lab: Any, tmp_path: Path) -> None:
    with lab.window(RULE):
        file = shop.opens(tmp_path / "orders", "w")
        file.write("stays in the buffer")
        with pytest.raises(OSError, match="No space left"):
            file.flush()
        file.flush()
        file.close()
    assert file.closed
    assert "" == (tmp_path / "orders").read_text()


def test_file_that_is_added_to_keeps_what_it_had(shop: Any, lab: Any, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("begins\n")

    with lab.window(RULE), pytest.raises(OSError, match="No space left"):
        shop.adds_lines(path, "goes on\n")

    assert "begins\n" == path.read_text()


def test_disk_has_room_again_once_the_body_has_ended(shop: Any, lab: Any, tmp_path: Path) -> None:
    with lab.window(RULE):
        file = shop.opens(tmp_path / "log", "w")
    file.write("after")
    file.close()

    assert "after" == (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("orders", "r"), "old"),
        (("orders", "x"), FileExistsError),
        (("orders", "ww"), ValueError),
        (("orders", "w", 0), ValueError),
        (("orders", "wb", -1, "utf-8"), ValueError),
        (("orders", "w", -1, "no such encoding"), LookupError),
        (("missing/orders", "w"), FileNotFoundError),
        ((None, "w"), TypeError),
    ],
)
def test_call_that_opens_nothing_for_writing_comes_out_as_ever(
    shop: Any, lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: Any, expected: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("orders").write_text("old")

    with lab.window(RULE) as chaos:
        if isinstance(expected, str):
            with shop.opens(*args) as file:
                assert expected == file.read()
        else:
            with pytest.raises(expected):
                shop.opens(*args)

    assert [] == chaos.journal.activations


def test_double_of_open_is_left_alone(shop: Any, lab: Any) -> None:
    shop.open = lambda *args: io.StringIO()

    with lab.window("shop:open = disk-full") as chaos:
        assert io.StringIO is type(shop.opens("orders", "w"))

    assert [] == chaos.journal.activations


def test_rule_text_is_a_word() -> None:
    assert DiskFull() == parse(RULE)[0].chain[0].fault
