"""The JSON schema of `outlast.toml`, for editors that complete and check as one types."""

from __future__ import annotations

from typing import Any

import msgspec

from outlast.config.schema import File
from outlast.model.target import Secret


def schema() -> bytes:
    """The schema as JSON, the same bytes each time; `docs/outlast.schema.json` is a copy of it."""
    made = msgspec.json.schema(File, schema_hook=_described)
    heads = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "outlast.toml"}
    return msgspec.json.format(msgspec.json.encode(_without_null(heads | made), order="sorted"), indent=2) + b"\n"


def _described(of: type) -> dict[str, Any]:
    if of is Secret:
        return {"type": "string", "description": 'A secret, best written as "${NAME}".'}
    raise NotImplementedError(of)


def _without_null(said: Any) -> Any:  # noqa: ANN401  (JSON)
    """The same without null, which TOML does not have, and without structs' names as titles."""
    if isinstance(said, list):
        return [_without_null(item) for item in said]
    if not isinstance(said, dict):
        return said
    made = {name: _without_null(item) for name, item in said.items() if item is not None}
    choices = [item for item in made.get("anyOf", ()) if item != {"type": "null"}]
    if len(choices) == 1:
        del made["anyOf"]
        made = choices[0] | made
    return made
