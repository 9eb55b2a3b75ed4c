"""Shapes of error bodies: a JSON Schema, or names of required fields with the types of their values."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_chaos.errors import SpecificationError, near_misses

_TYPES: Mapping[str, tuple[type, ...]] = {
    "any": (object,),
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
}
_FORM = "Write body = {code = 'str', message = 'str'}, a list of required fields, or a JSON Schema."
_OF_SCHEMA = frozenset({"$schema", "$ref", "properties", "required", "allOf", "anyOf", "oneOf"})
"""Keys of which one tells a schema from a mapping of fields, if its value is none that a field can have."""


@dataclass(frozen=True)
class Shape:
    """What the JSON of an error body looks like.

    Attributes:
        fields: Required fields, each with the name of the type of its value.
        schema: A JSON Schema instead; ``None`` for none.
    """

    fields: tuple[tuple[str, str], ...] = ()
    schema: Mapping[str, Any] | None = field(default=None, hash=False)

    def wrong(self, value: Any) -> str:
        """Return what is wrong with a value that was read from JSON; an empty text if nothing is."""
        if self.schema is not None:
            error = next(_validator(self.schema).iter_errors(value), None)
            return "" if error is None else f"{error.json_path} {error.message}"
        if not isinstance(value, dict):
            return f"it is no object but {type(value).__name__}"
        for name, type_name in self.fields:
            if name not in value:
                return f"it has no {name!r}"
            found, types = value[name], _TYPES[type_name]
            is_other = isinstance(found, bool) and bool not in types and object not in types
            if is_other or not isinstance(found, types):
                return f"{name!r} is {type(found).__name__} and not {type_name}"
        return ""


def shape_of(value: Any) -> Shape:
    """Return the shape that a contract writes.

    Args:
        value: A list of field names, a mapping from them to types, names of types or ``None`` for any, or a schema.

    Raises:
        SpecificationError: It is none of these, or a schema and ``jsonschema`` is missing or refuses it.
    """
    if isinstance(value, Mapping) and _is_schema(value):
        _validator(value)
        return Shape(schema=value)
    if isinstance(value, Mapping):
        fields = [(name, _type_name(name, wanted)) for name, wanted in value.items()]
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        fields = [(name, "any") for name in value]
    else:
        raise SpecificationError(f"contract body: {value!r} is no shape of a body", remedy=_FORM)
    if not fields or not all(isinstance(name, str) and name for name, _ in fields):
        raise SpecificationError(f"contract body: {value!r} names no fields", remedy=_FORM)
    return Shape(tuple(fields))


def _is_schema(value: Mapping[str, Any]) -> bool:
    is_typed = value.get("type") in ("object", "array", "string", "number", "integer", "boolean", "null")
    return is_typed or any(isinstance(value.get(key), list | Mapping) or key[0] == "$" for key in _OF_SCHEMA & {*value})


def _type_name(name: object, wanted: object) -> str:
    told = "any" if wanted is None else wanted.__name__ if isinstance(wanted, type) else wanted
    if isinstance(told, str) and told in _TYPES:
        return told
    raise SpecificationError(
        f"contract body: field {name!r}: {wanted!r} is not a type",
        remedy=(near_misses(told, _TYPES) if isinstance(told, str) else "") or f"Types are {', '.join(_TYPES)}.",
    )


def _validator(schema: Mapping[str, Any]) -> Any:
    if importlib.util.find_spec("jsonschema") is None:
        raise SpecificationError(
            "contract body: a JSON Schema needs the package jsonschema, which is not installed",
            remedy="Run pip install 'pytest-chaos[contract]', or write the required fields instead.",
        )
    validators: Any = importlib.import_module("jsonschema.validators")
    try:
        kind = validators.validator_for(schema)
        kind.check_schema(schema)
    except importlib.import_module("jsonschema.exceptions").SchemaError as error:
        raise SpecificationError(
            f"contract body: {error.json_path} is no JSON Schema: {error.message}", remedy=_FORM
        ) from None
    return kind(schema)
