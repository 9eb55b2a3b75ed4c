"""What an error body looks like: required fields with types, or a JSON Schema."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from pytest_chaos import SpecificationError
from pytest_chaos.shapes import shape_of

ARTICLE = {"code": "str", "message": str, "timestamp": None}


@pytest.mark.parametrize(
    ("wanted", "value", "why"),
    [
        (ARTICLE, {"code": "a", "message": "b", "timestamp": 3}, ""),
        (ARTICLE, {"code": "a", "message": "b", "timestamp": None, "more": 1}, ""),
        (ARTICLE, {"code": "a", "message": "b"}, "it has no 'timestamp'"),
        (ARTICLE, {"code": 3, "message": "b", "timestamp": 3}, "'code' is int and not str"),
        (ARTICLE, ["code", "message", "timestamp"], "it is no object but list"),
        (["code"], {"code": None}, ""),
        (["code"], {}, "it has no 'code'"),
        ({"n": float}, {"n": 3}, ""),
        ({"n": "int"}, {"n": True}, "'n' is bool and not int"),
        ({"n": "bool"}, {"n": True}, ""),
        ({"type": "str", "title": "str"}, {"type": "about:blank", "title": "x"}, ""),
    ],
)
def test_fields_are_there_and_of_their_types(wanted: Any, value: Any, why: str) -> None:
    assert shape_of(wanted).wrong(value) == why


@pytest.mark.parametrize(
    ("value", "why"), [({"code": "a"}, ""), ({}, "$ 'code' is a required property"), ({"code": 3}, "$.code 3 is not")]
)
def test_schema_judges_with_the_place_in_the_body(value: Any, why: str) -> None:
    pytest.importorskip("jsonschema")
    shape = shape_of({"type": "object", "required": ["code"], "properties": {"code": {"type": "string"}}})

    assert shape.wrong(value).startswith(why)
    assert bool(shape.wrong(value)) is bool(why)


def test_what_is_no_schema_is_refused_with_the_place_in_it() -> None:
    pytest.importorskip("jsonschema")
    with pytest.raises(SpecificationError, match=r"\$\.required is no JSON Schema"):
        shape_of({"type": "object", "required": "code"})


def test_schema_without_the_package_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(SpecificationError, match=r"pip install 'pytest-chaos\[contract\]'"):
        shape_of({"type": "object"})
