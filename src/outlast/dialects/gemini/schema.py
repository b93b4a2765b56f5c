"""Google's own schemas, a part of OpenAPI's, as JSON schemas: `{"type": "STRING", "nullable": true}`.

Only what callers send is of that kind; providers are given the JSON schema itself, in the fields that take one. There
a `const` becomes an `enum` of one, since Google knows no `const` and would pass it over.
"""

from __future__ import annotations

from outlast.dialects import wire
from outlast.dialects.gemini.spelling import camel

Schema = dict[str, object]

_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_OURS = frozenset({"propertyOrdering", "nullable", "example"})
_UNSAID = "TYPE_UNSPECIFIED"


def read(schema: Schema) -> Schema:
    """The JSON schema that one of Google's means. Raises `Caller` where it is too deep."""
    return wire.nested(_meant, schema)


def told(schema: Schema) -> Schema:
    """The JSON schema as Google heeds all of it. Raises `Caller` where it is too deep."""
    return wire.nested(_heeded, schema)


def _meant(schema: Schema) -> Schema:
    said = {camel(name): value for name, value in schema.items()}
    told = {name: _read(name, value) for name, value in said.items() if name not in _OURS and value != _UNSAID}
    if said.get("nullable") is True and isinstance(told.get("type"), str):
        told["type"] = [told["type"], "null"]
    if "example" in said:
        told["examples"] = [said["example"]]
    return told


def _read(name: str, value: object) -> object:
    if name == "type" and isinstance(value, str):
        return value.lower()
    if name == "properties" and isinstance(value, dict):
        return {key: _meant(inner) if isinstance(inner, dict) else inner for key, inner in value.items()}
    if name == "items" and isinstance(value, dict):
        return _meant(value)
    if name == "anyOf" and isinstance(value, list):
        return [_meant(inner) if isinstance(inner, dict) else inner for inner in value]
    if name in _COUNTS and isinstance(value, str) and value.isdigit():
        return int(value)  # 64 bits are a string in Google's JSON
    return value


def _heeded(schema: Schema) -> Schema:
    return {name: inner for key, value in schema.items() for name, inner in _told(key, value)}


def _told(name: str, value: object) -> list[tuple[str, object]]:
    if name == "const":
        return [("enum", [value])]
    if name in {"properties", "$defs", "definitions"} and isinstance(value, dict):
        return [(name, {key: _heeded(inner) if isinstance(inner, dict) else inner for key, inner in value.items()})]
    if isinstance(value, dict) and name in {"items", "additionalProperties", "not"}:
        return [(name, _heeded(value))]
    if isinstance(value, list) and name in {"anyOf", "oneOf", "allOf", "prefixItems"}:
        return [(name, [_heeded(inner) if isinstance(inner, dict) else inner for inner in value])]
    return [(name, value)]
