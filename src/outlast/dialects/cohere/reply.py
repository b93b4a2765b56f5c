"""Chat answers, whole: out of Cohere's JSON into a `Reply`, and back.

Cohere counts tokens twice, as floats: those that the model saw, and those that are billed. Ours are the billed ones,
for money and allowances are reckoned with them; the others stand in where these are missing.
"""

from __future__ import annotations

from hashlib import blake2s
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from outlast.dialects import wire
from outlast.dialects.classify import in_band
from outlast.model import estimate
from outlast.model.errors import BadResponse
from outlast.model.messages import Part, Reasoning, Refusal, Reply, Request, Text, ToolCall, Usage
from outlast.model.target import Target

_Count = Annotated[float, Meta(ge=0, le=10**12)]


class _Tokens(Struct, gc=False):
    input_tokens: _Count | None = None
    output_tokens: _Count | None = None


class WireUsage(Struct):
    """What Cohere says of an answer's tokens."""

    billed_units: _Tokens | None = None
    tokens: _Tokens | None = None
    cached_tokens: _Count | None = None


class WireFunction(Struct, gc=False):
    """The function of a tool call, or a piece of one."""

    name: str | None = None
    arguments: str | None = None


class WireCall(Struct):
    """A tool call, or a piece of one."""

    id: str | None = None
    function: WireFunction | None = None


class WireBlock(Struct, gc=False):
    """A block of content, or a piece of one. Kinds that we do not know have none of these fields."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None


class _Message(Struct):
    content: list[WireBlock] | None = None
    tool_plan: str | None = None
    tool_calls: list[WireCall] | None = None


class _Answer(Struct):
    message: _Message
    finish_reason: str
    id: Any = ""
    usage: Raw = Raw()


class _LooseAnswer(Struct):
    message: Any = None
    error: Any = None


_ANSWER = msgspec.json.Decoder(_Answer)
_LOOSE = msgspec.json.Decoder(_LooseAnswer)
_USAGE = msgspec.json.Decoder(WireUsage)
_TOXIC = "ERROR_TOXIC"
"""An older word of Cohere's for what the newer ones have none for."""
_READ = {
    "COMPLETE": "stop", "STOP_SEQUENCE": "stop", "MAX_TOKENS": "length", "TOOL_CALL": "tool_calls",
    _TOXIC: "content_filter",
}  # fmt: skip
_TOLD = {
    "stop": "COMPLETE",
    "length": "MAX_TOKENS",
    "tool_calls": "TOOL_CALL",
    "content_filter": _TOXIC,
    "refusal": _TOXIC,
}
_GIVEN_UP = {"ERROR": "", "TIMEOUT": "timeout_error"}
"""Finish reasons of an answer that is none, and what kind of error each is."""


def decode(body: bytes, request: Request, target: Target, dialect: str) -> Reply:
    """The answer in these bytes. Raises `BadResponse`, or what an error means."""
    wire.demand_utf8(body)
    try:
        said = _ANSWER.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except wire.BROKEN:
        raise _no_answer(body, target) from None
    demand_success(said.finish_reason, "", target)
    message = said.message
    if message.content is None and not message.tool_calls:
        raise BadResponse("an answer without content")
    return Reply(
        id=said.id if isinstance(said.id, str) else "",
        model=target.model,
        finish=finish_read(said.finish_reason),
        usage=usage_in(said.usage) or _counted(message, request, target),
        raw=body,
        dialect=dialect,
        read=lambda: _parts(message),
    )


def _no_answer(body: bytes, target: Target) -> Exception:
    """What a 200 is that is no answer: an error in an envelope, or something else."""
    loose = wire.answer(_LOOSE, body)
    if isinstance(loose.message, str) or loose.error:
        return in_band(loose.error or {"message": loose.message}, target)
    return BadResponse("the answer is not what the provider's protocol says")


def demand_success(finish: str, error: str, target: Target) -> None:
    """Raises what the finish reason of an answer that was given up means."""
    if finish in _GIVEN_UP:
        raise in_band({"message": error, "type": _GIVEN_UP[finish]}, target)


def finish_read(reason: str) -> str:
    """The finish reason in our words; an unknown one as it is."""
    return _READ.get(reason, reason)


def finish_told(finish: str) -> str:
    """The finish reason in Cohere's words; what it has no word for is complete, or the word as it is."""
    return _TOLD.get(finish, finish.upper())


def usage_in(raw: Raw | bytes) -> Usage | None:
    """The usage in our words; None when it says nothing usable."""
    try:
        said = _USAGE.decode(raw)
    except wire.BROKEN:
        return None
    counted = next((one for one in (said.billed_units, said.tokens) if one and one.input_tokens is not None), None)
    if counted is None:
        return None
    asked = int(counted.input_tokens or 0)
    return Usage(asked, int(counted.output_tokens or 0), min(asked, int(said.cached_tokens or 0)))


def usage_told(usage: Usage) -> dict[str, object]:
    """The usage in Cohere's words."""
    counted = {"input_tokens": float(usage.input), "output_tokens": float(usage.output)}
    return {"billed_units": counted, "tokens": counted, "cached_tokens": float(usage.cached)}


def _counted(message: _Message, request: Request, target: Target) -> Usage:
    said = [(block.text or "") + (block.thinking or "") for block in message.content or ()]
    said.extend(call.function.arguments or "" for call in message.tool_calls or () if call.function is not None)
    return estimate.of_answer([*said, message.tool_plan or ""], request, target)


def _parts(message: _Message) -> tuple[Part, ...]:
    parts: list[Part] = [Reasoning(message.tool_plan)] if message.tool_plan else []
    for block in message.content or ():
        if block.type == "text":
            parts.append(Text(block.text or ""))
        elif block.type == "thinking":
            parts.append(Reasoning(block.thinking or ""))
    for call in message.tool_calls or ():
        function = call.function or WireFunction()
        parts.append(ToolCall(call.id or "", function.name or "", function.arguments or "{}"))
    return tuple(parts)


def render(reply: Reply) -> bytes:
    """An answer of Cohere's that says what the reply says."""
    blocks = [block for part in reply.parts if (block := _told(part)) is not None]
    calls = [
        {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": part.arguments}}
        for part in reply.parts
        if isinstance(part, ToolCall)
    ]
    message: dict[str, object] = {"role": "assistant"}
    if blocks or not calls:
        message["content"] = blocks
    if calls:
        message["tool_calls"] = calls
    return wire.dumps(
        {
            "id": answer_id(reply.id, reply.raw),
            "message": message,
            "finish_reason": finish_told(reply.finish),
            "usage": usage_told(reply.usage),
        }
    )


def answer_id(id_: str, seed: bytes) -> str:
    """An id as Cohere's look, the same each time for the same answer."""
    if len(id_) == 36 and id_.count("-") == 4:
        return id_
    plain = blake2s(id_.encode() or seed, digest_size=16).hexdigest()
    return f"{plain[:8]}-{plain[8:12]}-{plain[12:16]}-{plain[16:20]}-{plain[20:]}"


def _told(part: Part) -> dict[str, object] | None:
    if isinstance(part, (Text, Refusal)):
        return {"type": "text", "text": part.text} if part.text else None
    if isinstance(part, Reasoning):
        return {"type": "thinking", "thinking": part.text} if part.text else None
    return None
