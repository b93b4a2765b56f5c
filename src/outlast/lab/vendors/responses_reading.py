"""What a request to OpenAI's Responses API asks for, in words of a chat completion, which the simulated model reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

Json = dict[str, object]


def as_chat(body: Json) -> Json:
    """The same request as a chat completion, as far as a simulated model cares."""
    text = cast("Json", body.get("text") or {})
    chat: Json = {
        "model": body.get("model"),
        "stream": body.get("stream"),
        "messages": list(_messages(body)),
        "tools": [tool for tool in cast("list[Json]", body.get("tools") or []) if tool.get("type") == "function"],
        "max_completion_tokens": body.get("max_output_tokens"),
        "tool_choice": body.get("tool_choice"),
        "response_format": text.get("format"),
    }
    return {name: value for name, value in chat.items() if value is not None}


def _messages(body: Json) -> Iterator[Json]:
    if body.get("instructions"):
        yield {"role": "system", "content": body["instructions"]}
    given = body.get("input")
    if isinstance(given, str):
        yield {"role": "user", "content": given}
        return
    for item in cast("list[Json]", given or []):
        kind = item.get("type") or "message"
        if kind == "message":
            yield {"role": item.get("role"), "content": item.get("content")}
        elif kind == "function_call":
            yield {"role": "assistant", "content": None, "tool_calls": [item]}
        elif kind == "function_call_output":
            yield {"role": "tool", "content": item.get("output"), "tool_call_id": item.get("call_id")}
