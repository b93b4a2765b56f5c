"""The list of models, as OpenAI's, Anthropic's or Google's clients expect it: the routes first, then every target."""

from __future__ import annotations

import msgspec

from outlast.config import Routes

METHODS = ("generateContent", "streamGenerateContent", "embedContent", "batchEmbedContents")
"""What Google's callers may ask of a model."""


def listed(routes: Routes, vendor: str) -> bytes:
    """Everything that callers may ask for as `model`."""
    rows = [_row(name, vendor) for name in routes.models()]
    if vendor == "anthropic":
        ids = [row["id"] for row in rows]
        edges = {"first_id": ids[0] if ids else None, "last_id": ids[-1] if ids else None}
        return msgspec.json.encode({"data": rows, "has_more": False} | edges)
    if vendor == "gemini":
        return msgspec.json.encode({"models": rows})
    return msgspec.json.encode({"object": "list", "data": rows})


def one(routes: Routes, name: str, vendor: str) -> bytes:
    """One of them. Raises `Caller` with status 404 when there is none of that name."""
    routes.find(name)
    return msgspec.json.encode(_row(name, vendor))


def _row(name: str, vendor: str) -> dict[str, object]:
    if vendor == "anthropic":
        return {
            "type": "model",
            "id": name,
            "display_name": name,
            "created_at": "1970-01-01T00:00:00Z",
            "lifecycle": "active",
        }
    if vendor == "gemini":
        return {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": METHODS}
    provider, slash, _ = name.partition("/")
    return {"id": name, "object": "model", "created": 0, "owned_by": provider if slash else "outlast"}
