"""Messages of configuration errors: what, where, seen, remedy."""

from __future__ import annotations

import pytest

from pytest_chaos.errors import NotationError, SpecificationError, TargetError, near_misses


def test_message_names_place_value_and_remedy_in_this_order() -> None:
    error = SpecificationError("rate must lie in [0, 1], got 20", remedy="Did you mean 0.2?", place="marker at t.py:3")

    assert "marker at t.py:3: rate must lie in [0, 1], got 20\n  Did you mean 0.2?" == str(error)


def test_message_without_place_and_remedy_is_one_line() -> None:
    assert "no" == str(SpecificationError("no"))


def test_nearer_place_is_kept() -> None:
    error = SpecificationError("no").at("").at("ini key chaos_seed").at("pyproject.toml")

    assert "ini key chaos_seed" == error.place


@pytest.mark.parametrize("kind", [NotationError, TargetError])
def test_every_kind_is_a_specification_error(kind: type[Exception]) -> None:
    assert issubclass(kind, SpecificationError)


def test_caret_stands_under_the_column() -> None:
    lines = str(NotationError("no", text="m:f = hang(", column=12)).splitlines()

    assert ["cannot read the rule text at column 12: no", "  m:f = hang(", "             ^"] == lines
    assert lines[2].index("^") - 2 == 12 - 1


@pytest.mark.parametrize("char", ["\n", "\t", "\r", "\x00", "\u2028"])
def test_unprintable_characters_do_not_move_the_caret(char: str) -> None:
    lines = str(NotationError("no", text=f"a{char}b", column=3)).splitlines()

    assert ["  a b", "    ^"] == lines[1:]


@pytest.mark.parametrize(
    ("wrong", "known", "expected"),
    [
        ("tims", ["times", "rate"], "Did you mean 'times'?"),
        ("Raise", ["raise", "hang"], "Did you mean 'raise'?"),
        ("HANG", ["raise", "hang"], "Did you mean 'hang'?"),
        ("zzz", ["raise", "hang"], ""),
        ("", ["raise"], ""),
        ("aab", ["aaa", "aac"], "Did you mean 'aac' or 'aaa'?"),
    ],
)
def test_near_misses_are_offered(wrong: str, known: list[str], expected: str) -> None:
    assert expected == near_misses(wrong, known)
