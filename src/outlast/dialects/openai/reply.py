"""Chat completions, whole: out of OpenAI's JSON into a `Reply`, and back.

Decoding is one typed pass over what the engine needs. Providers that differ in unimportant places (a usage with
nonsense in it, content as a list, an id that is a number) take a second, tolerant pass.
"""

from __future__ import annotations

from hashlib import blake2s
from typing import Any

import msgspec
from msgspec import Raw, Struct

from outlast.dialects import wire
from outlast.dialects.classify import in_band
from outlast.dialects.wire import Count
from outlast.model import estimate
from outlast.model.errors import BadResponse
from outlast.model.messages import Part, Reasoning, Refusal, Reply, Request, Text, ToolCall, Usage
from outlast.model.target import Target


class _InputDetails(Struct, gc=False):
    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None


class _OutputDetails(Struct, gc=False):
    reasoning_tokens: Count | None = None


class WireUsage(Struct):
    """What OpenAI says of an answer's tokens."""

    prompt_tokens: Count
    completion_tokens: Count = 0
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None
    prompt_cache_hit_tokens: Count | None = None


class WireFunction(Struct, gc=False):
    """The function of a tool call, or a piece of one; a few providers give the arguments as an object."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None

    def text(self) -> str:
        """The arguments as JSON text."""
        arguments = self.arguments
        return arguments if isinstance(arguments, str) else wire.dumps(arguments).decode() if arguments else ""


class _Call(Struct):
    id: str | None = None
    function: WireFunction | None = None


class _Message(Struct):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None
    function_call: WireFunction | None = None


class _Choice(Struct):
    message: _Message
    index: int = 0
    finish_reason: str | None = None
    error: Any = None


class _Answer(Struct):
    choices: list[_Choice]
    id: str = ""
    model: str = ""
    created: int = 0
    usage: WireUsage | None = None
    error: Any = None


class _LooseMessage(Struct):
    content: Any = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    tool_calls: list[_Call] | None = None


class _LooseChoice(Struct):
    message: _LooseMessage
    index: Any = 0
    finish_reason: Any = None
    error: Any = None


class _LooseAnswer(Struct):
    choices: list[_LooseChoice] | None = None
    id: Raw = Raw()
    model: Raw = Raw()
    created: Raw = Raw()
    usage: Raw = Raw()
    error: Any = None
    object: Any = None


_ANSWER = msgspec.json.Decoder(_Answer)
_LOOSE = msgspec.json.Decoder(_LooseAnswer)
_USAGE = msgspec.json.Decoder(WireUsage)
_FINISH = {"function_call": "tool_calls", "eos": "stop", "model_length": "length"}
GIVEN_UP: dict[str, object] = {
    "error": "the answer was given up",
    "insufficient_system_resource": {"type": "overloaded_error"},
}
"""Finish reasons of an answer that is none, and what error each is."""
_FINISH_WRITTEN = {"refusal": "content_filter"}


def decode(body: bytes, request: Request, target: Target, dialect: str) -> Reply:
    """The answer in these bytes. Raises `BadResponse`, or what an error envelope means."""
    wire.demand_utf8(body)
    try:
        said = _ANSWER.decode(body)
    except wire.BROKEN:
        said = _tolerantly(body, target)
    if said.error:
        raise in_band(said.error, target)
    if not said.choices:
        raise BadResponse("an answer without choices")
    choice = said.choices[0]
    if choice.error or choice.finish_reason in GIVEN_UP:
        raise in_band(choice.error or GIVEN_UP[choice.finish_reason or ""], target)
    message = choice.message
    finish = choice.finish_reason or ("tool_calls" if message.tool_calls else "stop")
    return Reply(
        id=said.id,
        model=said.model or target.model,
        finish=_FINISH.get(finish, finish),
        usage=usage_of(said.usage) if said.usage is not None else _counted(message, request, target),
        created=said.created,
        raw=body,
        dialect=dialect,
        read=lambda: _parts(message),
    )


def usage_of(usage: WireUsage) -> Usage:
    """The usage in our words."""
    told, made = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        usage.prompt_tokens,
        usage.completion_tokens,
        ((told.cached_tokens if told is not None else 0) or usage.prompt_cache_hit_tokens or 0),
        (told.cache_write_tokens or 0) if told is not None else 0,
        (made.reasoning_tokens or 0) if made is not None else 0,
    )


def usage_in(raw: Raw | bytes) -> WireUsage | None:
    """A usage that may be anything; None when it is not usable."""
    try:
        return _USAGE.decode(raw)
    except wire.BROKEN:
        return None


def _counted(message: _Message, request: Request, target: Target) -> Usage:
    texts = [message.content or "", message.reasoning_content or message.reasoning or "", message.refusal or ""]
    texts.extend(call.function.text() for call in message.tool_calls or () if call.function is not None)
    return estimate.of_answer(texts, request, target)


def _tolerantly(body: bytes, target: Target) -> _Answer:
    loose = wire.answer(_LOOSE, body)
    if loose.error:
        raise in_band(loose.error, target)
    if loose.object == "error":  # vLLM's envelope
        raise in_band(wire.said(body), target)
    if not loose.choices:
        raise BadResponse("an answer without choices")
    return _Answer(
        choices=[_strict(choice) for choice in loose.choices],
        id=_word(loose.id),
        model=_word(loose.model),
        created=_moment(loose.created),
        usage=usage_in(loose.usage),
    )


def _strict(choice: _LooseChoice) -> _Choice:
    loose = choice.message
    message = _Message(
        content=text_of(loose.content),
        refusal=text_of(loose.refusal),
        reasoning_content=text_of(loose.reasoning_content) or text_of(loose.reasoning) or thought_in(loose.content),
        tool_calls=loose.tool_calls,
    )
    finish = choice.finish_reason
    return _Choice(message, finish_reason=finish if isinstance(finish, str) else None, error=choice.error)


def text_of(content: object) -> str | None:
    """The words in a content that some providers give as a list of parts."""
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise BadResponse("an answer whose words are neither text nor parts")
    texts = [part.get("text") for part in content if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))


def thought_in(content: object) -> str | None:
    """What the model thought, where a provider (Mistral) has it as parts among the words."""
    parts = content if isinstance(content, list) else []
    thoughts = [part["thinking"] for part in parts if isinstance(part, dict) and "thinking" in part]
    return "".join(text_of(thought) or "" for thought in thoughts) or None


def _word(raw: Raw) -> str:
    return bytes(raw)[1:-1].decode("utf-8", "replace") if bytes(raw)[:1] == b'"' else ""


def _moment(raw: Raw) -> int:
    text = bytes(raw).split(b".")[0]
    return int(text) if text.isdigit() and len(text) < 12 else 0


def _parts(message: _Message) -> tuple[Part, ...]:
    parts: list[Part] = []
    if thought := message.reasoning_content or message.reasoning:
        parts.append(Reasoning(thought))
    if message.content:
        parts.append(Text(message.content))
    if message.refusal:
        parts.append(Refusal(message.refusal))
    parts.extend(
        ToolCall(call.id or "", call.function.name or "", call.function.text())
        for call in message.tool_calls or ()
        if call.function is not None
    )
    if (legacy := message.function_call) is not None:
        parts.append(ToolCall(f"call_{legacy.name}", legacy.name or "", legacy.text()))
    return tuple(parts)


def render(reply: Reply) -> bytes:
    """A chat completion that says what the reply says."""
    usage = reply.usage
    choice = {
        "index": 0,
        "message": _told(reply.parts),
        "logprobs": None,
        "finish_reason": _FINISH_WRITTEN.get(reply.finish, reply.finish),
    }
    return wire.dumps(
        {
            "id": answer_id(reply.id, reply.raw),
            "object": "chat.completion",
            "created": reply.created,
            "model": reply.model,
            "choices": [choice],
            "usage": usage_told(usage),
        }
    )


def answer_id(id_: str, seed: bytes) -> str:
    """An id as OpenAI's look, the same each time for the same answer."""
    if id_.startswith("chatcmpl-"):
        return id_
    own = id_.rpartition("_")[2] or blake2s(seed, digest_size=12).hexdigest()
    return f"chatcmpl-{own}"


def finish_told(finish: str) -> str:
    """The finish reason in OpenAI's words; an unknown one as it is."""
    return _FINISH_WRITTEN.get(finish, finish)


def finish_read(finish: str) -> str:
    """The finish reason in our words; an unknown one as it is."""
    return _FINISH.get(finish, finish)


def usage_told(usage: Usage) -> dict[str, object]:
    """The usage in OpenAI's words."""
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _told(parts: tuple[Part, ...]) -> dict[str, object]:
    text = "".join(part.text for part in parts if isinstance(part, Text))
    refusal = "".join(part.text for part in parts if isinstance(part, Refusal))
    thought = "".join(part.text for part in parts if isinstance(part, Reasoning))
    calls = [
        {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": part.arguments}}
        for part in parts
        if isinstance(part, ToolCall)
    ]
    message: dict[str, object] = {
        "role": "assistant",
        "content": text if text or not (refusal or calls) else None,
        "refusal": refusal or None,
    }
    if thought:
        message["reasoning_content"] = thought
    if calls:
        message["tool_calls"] = calls
    return message
