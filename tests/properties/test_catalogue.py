"""Whatever stands in the file of a library, it is read, or refused by name."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pytest_chaos.catalogue.boundary import Library
from pytest_chaos.catalogue.reader import read_library
from pytest_chaos.errors import SpecificationError

KEYS = ("target", "aliases", "releases", "faults", "late", "waits", "limit", "own_limit_s", "dependency", "limits")
TEXTS = st.one_of(
    st.sampled_from(["bank:pay", "bank:*", "raise(OSError)", "hang", "timeout", "self.x", ">=3", ""]),
    st.text(st.characters(max_codepoint=0x7E), max_size=12),
)
VALUES = st.recursive(
    st.one_of(TEXTS, st.booleans(), st.integers(-(2**60), 2**60), st.floats()),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.sampled_from(["path", "port", "x"]), values),
    max_leaves=4,
)
RIGHT: dict[str, Any] = {
    "target": "bank:pay",
    "faults": ["raise(ConnectionError)"],
    "late": ["raise(TimeoutError)"],
    "waits": True,
    "limit": ["timeout"],
    "dependency": {"path": ["0"]},
}


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return repr(value) if isinstance(value, float) else json.dumps(value)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3), st.sets(st.sampled_from(list(RIGHT)), max_size=1))
def test_entry_is_read_or_refused_with_its_place(changed: dict[str, Any], dropped: set[str]) -> None:
    entry = {key: value for key, value in {**RIGHT, **changed}.items() if key not in dropped}
    text = "\n".join(["[[boundary]]", *(f"{key} = {toml(value)}" for key, value in entry.items())])
    try:
        library = read_library("bank", text, "bank.toml", ["bank"], ["bank"])
    except SpecificationError as error:
        assert error.place.startswith("bank.toml, boundary ")
        assert error.place.rpartition(", ")[2] in {*KEYS, "path", "port", "x"}
    else:
        assert isinstance(library, Library)
        (boundary,) = library.boundaries
        assert boundary.target == entry["target"]
        assert boundary.waits is entry["waits"]
        assert list(boundary.limit) == entry.get("limit", [])


@given(st.text(max_size=40))
def test_any_other_text_is_refused_with_its_file(text: str) -> None:
    """Nothing but TOML with a table ``boundary`` is the file of a library."""
    try:
        read_library("bank", text, "bank.toml", ["bank"], ["bank"])
    except SpecificationError as error:
        assert error.place.startswith("bank.toml")
    else:
        raise AssertionError(text)
