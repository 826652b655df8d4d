"""Pydantic models to structural OpenAPI schemas, as the API server wants them.

Only what the contract's models use is known here; anything else is an error at generation time,
not a schema that accepts everything. ``tests/unit/operator`` shows the traps avoided.
"""

from __future__ import annotations

import types
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

__all__ = ["schema_of_model"]

_SIMPLE = {bool: "boolean", int: "integer", Decimal: "number", str: "string"}


def schema_of_model(model: type[BaseModel]) -> dict[str, Any]:
    """The object schema of ``model``, every field described, bounded and defaulted."""
    properties: dict[str, Any] = {}
    required = []
    for name, field in model.model_fields.items():
        properties[name] = _field(field)
        if field.is_required():
            required.append(name)
    schema: dict[str, Any] = {"type": "object"}
    if required:
        schema["required"] = required
    return schema | {"properties": properties}


def _field(field: FieldInfo) -> dict[str, Any]:
    schema = _annotation(field.annotation)
    description = field.description or ""
    places = _bounds(schema, field.metadata)
    if schema.get("type") == "number" and places is not None:
        description = f"{description.rstrip('.')}. At most {places} decimal places."
    extra = field.json_schema_extra
    if isinstance(extra, dict):
        schema |= extra
    default = _default(field)
    if default is not None:
        schema["default"] = default
    return {"description": description} | schema


def _annotation(kind: Any) -> dict[str, Any]:
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *metadata = get_args(kind)
        schema = _annotation(inner)
        for one in metadata:
            if isinstance(one, FieldInfo):
                _bounds(schema, one.metadata)
                schema |= one.json_schema_extra if isinstance(one.json_schema_extra, dict) else {}
        return schema
    if origin in (Union, types.UnionType):
        (inner,) = [part for part in get_args(kind) if part is not type(None)]
        return _annotation(inner)
    if origin is Literal:
        return {"type": "string", "enum": list(get_args(kind))}
    if origin is list:
        return {"type": "array", "items": _annotation(get_args(kind)[0])}
    if origin is dict:
        return _mapping(get_args(kind)[1])
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return schema_of_model(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"type": "string", "enum": [member.value for member in kind]}
    return {"type": _SIMPLE[kind]}


def _mapping(value: Any) -> dict[str, Any]:
    if value is Any:
        # Kubernetes' own types: the API server checks them when the pod is made.
        return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {"type": "object", "additionalProperties": _annotation(value)}


def _bounds(schema: dict[str, Any], metadata: list[Any]) -> int | None:
    """Write the bounds into ``schema``; gives back the decimal places, which no schema can say."""
    places = None
    for bound in metadata:
        match bound:
            case Ge():
                schema["minimum"] = _number(bound.ge)
            case Gt():
                schema |= {"minimum": _number(bound.gt), "exclusiveMinimum": True}
            case Le():
                schema["maximum"] = _number(bound.le)
            case Lt():
                schema |= {"maximum": _number(bound.lt), "exclusiveMaximum": True}
            case MaxLen():
                schema[_length_word(schema)] = bound.max_length
            case _:
                if getattr(bound, "pattern", None) is not None:
                    schema["pattern"] = bound.pattern
                places = getattr(bound, "decimal_places", places)
    return places


def _length_word(schema: dict[str, Any]) -> str:
    return {"array": "maxItems", "object": "maxProperties"}.get(schema["type"], "maxLength")


def _default(field: FieldInfo) -> Any:
    if field.default_factory is not None:
        made = field.default_factory()  # type: ignore[call-arg]  # the contract's factories take nothing
        return {} if isinstance(made, BaseModel) else made
    value = field.default
    if value is PydanticUndefined or value is None or value == "":
        return None  # an API server of 1.20 takes an empty string for null, and refuses it
    if isinstance(value, Enum):
        return value.value
    return _number(value) if isinstance(value, (Decimal, int)) and not isinstance(value, bool) else value


def _number(value: Any) -> int | float:
    number = Decimal(str(value))
    return int(number) if number == number.to_integral_value() else float(number)
