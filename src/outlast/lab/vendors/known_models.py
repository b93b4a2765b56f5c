"""What a vendor knows of its own models: how long a prompt may be, how long an answer, and what they do not take.

Only models of the catalog have limits; a name that nobody knows, such as "sim-ok", takes everything.
"""

from __future__ import annotations

from outlast.catalog import ModelRow, builtin
from outlast.lab.answer import Asked, dumps

_BLOBS = ("data:", "http:", "https:")
_IMAGE = 1_000
"""Tokens of an image, about."""


def known(asked: Asked) -> ModelRow | None:
    """The row of the model that is asked for: at this vendor, by its own name, or wherever it is listed."""
    catalog = builtin()
    places = [asked.vendor, *catalog.providers]
    family = next((found for place in places if (found := catalog.family(place, asked.model))), asked.model)
    return catalog.models.get(family)


def prompt_tokens(asked: Asked) -> int:
    """How long the prompt is. Counted as answers count it, but for images, whose bytes are no words."""
    parts = [asked.body.get(name) for name in ("messages", "system", "tools", "documents", "input", "texts")]
    blobs = list(_blobs(parts))
    return max(1, (len(dumps(parts)) - sum(map(len, blobs))) // 4 + _IMAGE * len(blobs))


def allowed_tokens(asked: Asked) -> int | None:
    """How long the caller lets the answer be."""
    limit = asked.body.get("max_completion_tokens") or asked.body.get("max_tokens")
    return limit if isinstance(limit, int) else None


def _blobs(value: object) -> list[str]:
    """Images and files within it, by their text."""
    if isinstance(value, list):
        return [blob for item in value for blob in _blobs(item)]
    if not isinstance(value, dict):
        return []
    pictures = value.get("images")
    given = [inner for inner in pictures if isinstance(inner, str)] if isinstance(pictures, list) else []
    own = [inner for name, inner in value.items() if name in {"url", "data", "file_data"} and _is_blob(name, inner)]
    return [*given, *own, *(blob for inner in value.values() for blob in _blobs(inner))]


def _is_blob(name: str, value: object) -> bool:
    return isinstance(value, str) and (name != "url" or value.startswith(_BLOBS))
