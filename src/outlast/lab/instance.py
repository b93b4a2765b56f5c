"""A smallest value that a JSON schema accepts; what a simulated model answers when a schema is asked for."""

from __future__ import annotations

from typing import cast

Schema = dict[str, object]

_FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "email": "a@example.org",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
}
_DEEP = 32


def instance(schema: object, root: Schema | None = None, depth: int = 0) -> object:
    """Gives a minimal valid value for `schema`; None where the schema cannot be understood.

    Knows what models are asked for: types, const, enum, required, items, anyOf/oneOf/allOf, local `$ref`s and bounds.
    """
    if not isinstance(schema, dict) or depth > _DEEP:
        return {} if schema is True else None
    top = root if root is not None else schema
    literals = [schema[key] for key in ("const", "default") if key in schema] + cast(
        "list[object]", schema.get("enum", [])
    )
    if literals:
        return literals[0]
    inner = _inner(schema, top)
    return _typed(schema, top, depth) if inner is None else instance(inner, top, depth + 1)


def _inner(schema: Schema, top: Schema) -> object | None:
    """The schema that this one stands for, if it only points to others."""
    if "$ref" in schema:
        return _resolve(str(schema["$ref"]), top)
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return cast("list[object]", options)[0]
    if parts := schema.get("allOf"):
        return _merged(schema, cast("list[Schema]", parts), top)
    return None


def _typed(schema: Schema, top: Schema, depth: int) -> object:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object" or (kind is None and "properties" in schema):
        return _object(schema, top, depth)
    if kind == "array":
        return [instance(schema.get("items", {}), top, depth + 1) for _ in range(_whole(schema, "minItems"))]
    if kind == "string":
        text = _FORMATS.get(str(schema.get("format")), "text")
        return text.ljust(_whole(schema, "minLength"), "x")[: _whole(schema, "maxLength", len(text) + 4096)]
    if kind in {"integer", "number"}:
        return _number(schema)
    return {"boolean": False, "null": None}.get(str(kind), {} if kind is None else None)


def _object(schema: Schema, top: Schema, depth: int) -> dict[str, object]:
    properties = cast("Schema", schema.get("properties") or {})
    required = cast("list[str]", schema.get("required") or [])
    return {name: instance(properties.get(name, True), top, depth + 1) for name in required}


def _number(schema: Schema) -> int | float:
    step = cast("float", schema.get("multipleOf", 1))
    low = cast("float", schema.get("minimum", 0))
    if "exclusiveMinimum" in schema:
        low = max(low, cast("float", schema["exclusiveMinimum"]) + step)
    if "minimum" not in schema and "maximum" in schema:
        low = min(low, cast("float", schema["maximum"]))
    number = -(-low // step) * step
    return int(number) if number == int(number) else number


def _whole(schema: Schema, key: str, default: int = 0) -> int:
    value = schema.get(key, default)
    return value if isinstance(value, int) else default


def _resolve(ref: str, top: Schema) -> object:
    found: object = top
    for step in ref.removeprefix("#").strip("/").split("/"):
        if step:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found


def _merged(schema: Schema, parts: list[Schema], top: Schema) -> Schema:
    merged: Schema = {key: value for key, value in schema.items() if key != "allOf"}
    properties: Schema = dict(cast("Schema", merged.get("properties") or {}))
    required: list[object] = list(cast("list[object]", merged.get("required") or []))
    for part in parts:
        whole = cast("Schema", _resolve(str(part["$ref"]), top)) if "$ref" in part else part
        merged.update(whole)
        properties.update(cast("Schema", whole.get("properties") or {}))
        required.extend(cast("list[object]", whole.get("required") or []))
    if properties:
        merged |= {"properties": properties, "required": required}
    return merged
