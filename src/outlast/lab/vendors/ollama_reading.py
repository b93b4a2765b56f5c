"""What a request to Ollama asks for, in words of a chat completion, which the simulated model reads."""

from __future__ import annotations

from typing import cast

Json = dict[str, object]


def as_chat(body: Json) -> Json:
    """The same request as a chat completion, as far as a simulated model cares."""
    wanted, limit = body.get("format"), cast("Json", body.get("options") or {}).get("num_predict")
    chat = dict(body)
    if isinstance(limit, int) and limit > 0:
        chat["max_tokens"] = limit
    if wanted == "json":
        chat["response_format"] = {"type": "json_object"}
    elif isinstance(wanted, dict):
        chat["response_format"] = {"type": "json_schema", "schema": wanted}
    return chat
