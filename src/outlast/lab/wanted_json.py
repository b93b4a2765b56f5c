"""Which JSON a request asks its simulated model for: in the vendor's fields, or in words that stand in its messages."""

from __future__ import annotations

import json
import re

from outlast.lab.going_on import text_of

_IN_WORDS = re.compile(r"<json_schema>(.*?)</json_schema>", re.DOTALL)
_ANY = re.compile(r"\bone JSON object\b")


def schema_in(body: dict[str, object], vendor: str) -> object | None:
    """The schema that the answer is to match; None where words are wanted."""
    told = _in_fields(body, vendor)
    return told if told is not None else _in_words(body)


def _in_fields(body: dict[str, object], vendor: str) -> object | None:
    wanted = body.get("response_format")
    if vendor == "anthropic":
        config = body.get("output_config")
        wanted = config.get("format") if isinstance(config, dict) else body.get("output_format")
    if not isinstance(wanted, dict):
        return None
    if wanted.get("type") == "json_object":
        return wanted.get("json_schema") or {"type": "object"}  # Cohere has the schema beside it
    if wanted.get("type") != "json_schema":
        return None
    inner = wanted.get("json_schema")
    found: object = inner.get("schema") if isinstance(inner, dict) else wanted.get("schema")
    return found if found is not None else {"type": "object"}


def _in_words(body: dict[str, object]) -> object | None:
    said = _system(body)
    found = _IN_WORDS.search(said)
    if found is None:
        return {"type": "object"} if _ANY.search(said) else None
    try:
        schema: object = json.loads(found[1])
    except ValueError:
        return None
    return schema


def _system(body: dict[str, object]) -> str:
    """What the system says, in its own field or in messages."""
    messages = body.get("messages")
    turns = [turn for turn in messages if isinstance(turn, dict)] if isinstance(messages, list) else []
    said = [text_of(turn) for turn in turns if turn.get("role") in {"system", "developer"}]
    return "\n".join([text_of({"content": body.get("system")}), *said])
