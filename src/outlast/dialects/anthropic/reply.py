"""Messages, whole: out of Anthropic's JSON into a `Reply`, and back.

Anthropic counts input tokens without the cached ones; ours count all of them.
"""

from __future__ import annotations

from hashlib import blake2s
from typing import Any

import msgspec
from msgspec import Raw, Struct

from outlast.dialects import wire
from outlast.dialects.anthropic.blocks import tool_id
from outlast.dialects.arguments import as_object
from outlast.dialects.classify import in_band
from outlast.dialects.wire import Count
from outlast.model import estimate
from outlast.model.errors import BadResponse, ContextLength
from outlast.model.messages import Part, Reasoning, Refusal, Reply, Request, Text, ToolCall, Usage
from outlast.model.target import Target


class _OutputDetails(Struct, gc=False):
    thinking_tokens: Count | None = None


class WireUsage(Struct):
    """What Anthropic says of an answer's tokens. In a stream each event overwrites what it names."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    output_tokens_details: _OutputDetails | None = None


class Block(Struct):
    """A piece of an answer. Kinds that we do not know have none of these fields."""

    type: str
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = Raw()
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None


class _Answer(Struct):
    content: list[Block]
    type: str = "message"
    id: str = ""
    model: str = ""
    stop_reason: str | None = None
    usage: WireUsage | None = None
    error: Any = None


class _LooseAnswer(Struct):
    content: list[Block] | None = None
    type: str = "message"
    stop_reason: str | None = None
    usage: Raw = Raw()
    error: Any = None


_ANSWER = msgspec.json.Decoder(_Answer)
_LOOSE = msgspec.json.Decoder(_LooseAnswer)
_USAGE = msgspec.json.Decoder(WireUsage)
WINDOW = "model_context_window_exceeded"
_READ = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls"}
_TOLD = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


def decode(body: bytes, request: Request, target: Target, dialect: str) -> Reply:
    """The answer in these bytes. Raises `BadResponse`, `ContextLength`, or what an error envelope means."""
    wire.demand_utf8(body)
    try:
        said = _ANSWER.decode(body)
    except wire.BROKEN:
        said = _tolerantly(body, target)
    if said.error or said.type == "error":
        raise in_band(said.error, target)
    if said.stop_reason == WINDOW:
        raise ContextLength("prompt is too long: prompt and answer do not fit into the model's window")
    blocks = said.content
    return Reply(
        id=said.id,
        model=said.model or target.model,
        finish=finish_read(said.stop_reason or "end_turn"),
        usage=usage_of(said.usage) or _counted(blocks, request, target),
        raw=body,
        dialect=dialect,
        read=lambda: _parts(blocks),
    )


def finish_read(reason: str) -> str:
    """The stop reason in our words; an unknown one as it is."""
    return _READ.get(reason, reason)


def finish_told(finish: str) -> str:
    """The stop reason in Anthropic's words; an unknown one as it is."""
    return _TOLD.get(finish, finish)


def usage_of(usage: WireUsage | None) -> Usage | None:
    """The usage in our words; None when it says nothing usable."""
    if usage is None or (usage.input_tokens is None and usage.output_tokens is None):
        return None
    cached, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    made = usage.output_tokens_details
    return Usage(
        (usage.input_tokens or 0) + cached + written,
        usage.output_tokens or 0,
        cached,
        written,
        (made.thinking_tokens or 0) if made is not None else 0,
    )


def usage_in(raw: Raw) -> WireUsage | None:
    """A usage that may be anything; None when it is not usable."""
    try:
        return _USAGE.decode(raw)
    except wire.BROKEN:
        return None


def usage_told(usage: Usage) -> dict[str, object]:
    """The usage in Anthropic's words."""
    told: dict[str, object] = {
        "input_tokens": max(0, usage.input - usage.cached - usage.cache_write),
        "output_tokens": usage.output,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
    }
    if usage.reasoning:
        told["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return told


def _counted(blocks: list[Block], request: Request, target: Target) -> Usage:
    said = ((block.text or "") + (block.thinking or "") + bytes(block.input).decode() for block in blocks)
    return estimate.of_answer(said, request, target)


def _tolerantly(body: bytes, target: Target) -> _Answer:
    loose = wire.answer(_LOOSE, body)
    if loose.error or loose.type == "error":
        raise in_band(loose.error, target)
    if loose.content is None:
        raise BadResponse("an answer without content")
    return _Answer(loose.content, loose.type, stop_reason=loose.stop_reason, usage=usage_in(loose.usage))


def _parts(blocks: list[Block]) -> tuple[Part, ...]:
    parts: list[Part] = []
    for block in blocks:
        if block.type == "text":
            parts.append(Text(block.text or ""))
        elif block.type == "thinking":
            parts.append(Reasoning(block.thinking or "", block.signature or ""))
        elif block.type == "redacted_thinking":
            parts.append(Reasoning(data=block.data or ""))
        elif block.type == "tool_use":
            parts.append(ToolCall(block.id or "", block.name or "", bytes(block.input).decode() or "{}"))
    return tuple(parts)


def render(reply: Reply) -> bytes:
    """A message that says what the reply says."""
    refused = any(isinstance(part, Refusal) for part in reply.parts)
    blocks = [block for part in reply.parts if (block := _told(part)) is not None]
    return wire.dumps(
        {
            "id": answer_id(reply.id, reply.raw),
            "type": "message",
            "role": "assistant",
            "model": reply.model,
            "content": blocks,
            "stop_reason": "refusal" if refused and reply.finish == "stop" else finish_told(reply.finish),
            "stop_sequence": None,
            "usage": usage_told(reply.usage),
        }
    )


def answer_id(id_: str, seed: bytes) -> str:
    """An id as Anthropic's look, the same each time for the same answer."""
    if id_.startswith("msg_"):
        return id_
    own = id_.rpartition("-")[2] or blake2s(seed, digest_size=12).hexdigest()
    return f"msg_{own}"


def _told(part: Part) -> dict[str, object] | None:
    if isinstance(part, (Text, Refusal)):
        return {"type": "text", "text": part.text} if part.text else None
    if isinstance(part, ToolCall):
        return {"type": "tool_use", "id": tool_id(part.id), "name": part.name, "input": as_object(part, [])}
    if isinstance(part, Reasoning):
        if part.data:
            return {"type": "redacted_thinking", "data": part.data}
        return {"type": "thinking", "thinking": part.text, "signature": part.signature}
    return None
