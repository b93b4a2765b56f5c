"""A schema made of a type, in the form that providers hold models to: its root an object, its objects closed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_REF = "#/$defs/"
_STRICT = frozenset({
    "type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "$ref", "$defs",
    "title", "description",
})  # fmt: skip
"""Keywords that every provider's strict mode takes."""


def closed(schema: dict[str, Any]) -> dict[str, object]:
    """The same schema with what its root refers to in its place, and no fields in its objects but those it names."""
    ref = schema.get("$ref")
    defs = schema.get("$defs", {})
    if isinstance(ref, str) and ref.removeprefix(_REF) in defs:
        name = ref.removeprefix(_REF)
        rest = {key: value for key, value in defs.items() if key != name or _refers(defs, ref)}
        schema = {**defs[name], **({"$defs": rest} if rest else {})}
    made = _closed(schema)
    return made if isinstance(made, dict) else {}


def is_strict(schema: dict[str, object]) -> bool:
    """Does it keep the rules of the providers' strict modes? Every object closed, every field required."""
    if schema.get("type") != "object":
        return False
    return all(_keeps(part) for part in _parts(schema))


def _keeps(part: dict[str, Any]) -> bool:
    if not part.keys() <= _STRICT:
        return False
    if part.get("type") != "object":
        return True
    names = part.get("properties", {})
    return part.get("additionalProperties") is False and set(part.get("required", ())) == set(names)


def _parts(schema: object) -> Iterator[dict[str, Any]]:
    """Every schema in this one."""
    if not isinstance(schema, dict):
        return
    yield schema
    for name in ("properties", "$defs"):
        for inner in schema.get(name, {}).values():
            yield from _parts(inner)
    yield from _parts(schema.get("items"))
    for inner in schema.get("anyOf", ()):
        yield from _parts(inner)


def _closed(schema: object) -> object:
    if isinstance(schema, list):
        return [_closed(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        key: {name: _closed(inner) for name, inner in value.items()}
        if key in {"properties", "$defs"}
        else _closed(value)
        for key, value in schema.items()
        if key not in {"default", "examples", "enum", "const"}
    }
    made |= {key: schema[key] for key in ("default", "examples", "enum", "const") if key in schema}
    if schema.get("type") == "object" and "properties" in schema:
        made.setdefault("additionalProperties", False)
    return made


def _refers(schema: object, ref: str) -> bool:
    if isinstance(schema, dict):
        return schema.get("$ref") == ref or any(_refers(inner, ref) for inner in schema.values())
    return isinstance(schema, list) and any(_refers(inner, ref) for inner in schema)
