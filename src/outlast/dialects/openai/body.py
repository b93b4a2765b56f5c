"""Chat completion requests, ready to be sent: the caller's own fields where they are OpenAI's, else written anew."""

from __future__ import annotations

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from outlast.dialects import bodies, going_on, wire
from outlast.dialects.media import data_url
from outlast.dialects.openai import accent as openai_accent
from outlast.model.messages import (
    Chat,
    Document,
    Image,
    Message,
    Reasoning,
    Refusal,
    Request,
    Schema,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from outlast.model.target import Quirks, Target

_USAGE = Raw(b'{"include_usage":true}')
_ENCODER = msgspec.json.Encoder()
_OPTIONS = msgspec.json.Decoder(dict[str, Raw])
_MOST_STOPS = 4

_SHARED = frozenset({
    "audio", "frequency_penalty", "logit_bias", "logprobs", "modalities", "n", "prediction", "presence_penalty",
    "prompt_cache_key", "store", "top_logprobs", "verbosity",
})  # fmt: skip
"""Fields without a place in `Chat` that mean the same here, whichever dialect they were asked in."""
_OF_RESPONSES = _SHARED | {
    "metadata", "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "service_tier",
}  # fmt: skip
"""Those that mean the same in OpenAI's other dialect."""


def passed_on(request: Request, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """The caller's own body for this target, and the names of what had to be taken out."""
    quirks = target.provider.quirks
    dropped: list[str] = []
    fields = bodies.opened(request, target, dropped)
    if not target.sampling:
        wire.take_out(fields, frozenset({"temperature", "top_p"}), dropped)
    if bodies.too_many(request, target):
        _cap(fields, target.max_output, dropped)
    if request.begun is not None:
        _pass_on_begun(fields, request, target, dropped)
    openai_accent.adapt(fields, quirks, dropped)
    if request.stream:
        _stream(fields, request, quirks.stream_options, dropped)
    else:
        bodies.streamed(fields, request)
    return _ENCODER.encode(fields), tuple(dropped)


def _pass_on_begun(fields: dict[str, Raw], request: Request, target: Target, dropped: list[str]) -> None:
    """Ask for the rest of an answer; what holds it to JSON would hold the rest to a whole JSON."""
    begun, prefill = request.begun, going_on.prefills(request.begun, target)
    if begun is None:
        return
    on_turn, beside = _marks(target) if prefill else ({}, {})
    fields["messages"] = going_on.with_raw_turns(fields["messages"], begun, prefill=prefill, marked=on_turn)
    fields.update((name, Raw(_ENCODER.encode(value))) for name, value in beside.items())
    for name in ("max_completion_tokens", "max_tokens"):
        if name in fields and request.max_tokens:
            fields[name] = Raw(b"%d" % request.max_tokens)
    if prefill:
        wire.take_out(fields, frozenset({"response_format"}), dropped)


def _marks(target: Target) -> tuple[dict[str, object], dict[str, object]]:
    """Fields of the last turn, and of the body, that say that the answer goes on from that turn."""
    how = target.provider.quirks.prefill
    on_turn: dict[str, object] = {"prefix": True} if how == "prefix" else {}
    return on_turn, {"continue_final_message": True, "add_generation_prompt": False} if how == "continue" else {}


def _cap(fields: dict[str, Raw], most: int, dropped: list[str]) -> None:
    for name in ("max_completion_tokens", "max_tokens"):
        if name in fields:
            fields[name] = Raw(b"%d" % most)
            dropped.append(f"{name} above {most}")


def _stream(fields: dict[str, Raw], request: Request, options: bool, dropped: list[str]) -> None:
    fields["stream"] = wire.TRUE
    if not options:
        if fields.pop("stream_options", None) is not None and request.usage_wanted:
            dropped.append("stream_options")
    elif not request.usage_wanted:
        given = fields.get("stream_options")
        if given is None or bytes(given) == b"null":
            fields["stream_options"] = _USAGE
        else:
            more = wire.ask(_OPTIONS, bytes(given))
            more["include_usage"] = wire.TRUE
            fields["stream_options"] = Raw(_ENCODER.encode(more))


def written(request: Request, target: Target, own: bool) -> tuple[bytes, tuple[str, ...]]:
    """A body made from `Chat`, and the names of what OpenAI's words cannot say.

    `own` says that the extra fields are the caller's for this dialect, to be written whatever they are.
    """
    chat = bodies.asked(request)
    dropped: list[str] = []
    turns = _messages(chat, target, dropped)
    body: dict[str, object] = {"model": target.model, "messages": turns}
    prefill = going_on.prefills(request.begun, target)
    if request.begun is not None:
        on_turn, beside = _marks(target) if prefill else ({}, {})
        body["messages"] = going_on.with_turns(turns, request.begun, prefill=prefill, marked=on_turn)
        body |= beside
        chat = replace(chat, max_tokens=request.max_tokens, schema=None if prefill else chat.schema)
    _options(body, chat, target, dropped)
    _tools(body, chat)
    if chat.schema is not None:
        body["response_format"] = _format(chat.schema)
    if request.stream:
        body["stream"] = True
        if target.provider.quirks.stream_options:
            body["stream_options"] = {"include_usage": True}
    _extra(body, chat, own, _OF_RESPONSES if request.dialect == "responses" else _SHARED, dropped)
    bodies.refuse(body, target, dropped)
    openai_accent.rename(body, target.provider.quirks)
    return bodies.closed(body, dropped)


def _options(body: dict[str, object], chat: Chat, target: Target, dropped: list[str]) -> None:
    quirks = target.provider.quirks
    limit = bodies.limit(chat, target, dropped)
    sampling = bodies.sampling(target, dropped, temperature=chat.temperature, top_p=chat.top_p)
    if len(chat.stop) > _MOST_STOPS:
        dropped.append(f"stop sequences after the {_MOST_STOPS}th")
    effort = chat.effort
    if effort is not None and not target.reasoning:
        dropped.append("reasoning_effort")
        effort = None
    said = {quirks.max_tokens_name: limit, **sampling, "seed": chat.seed, "user": chat.user, "reasoning_effort": effort}
    body.update((name, value) for name, value in said.items() if value is not None)
    if chat.stop:
        body["stop"] = list(chat.stop[:_MOST_STOPS])


def _tools(body: dict[str, object], chat: Chat) -> None:
    if not chat.tools:
        return
    body["tools"] = [{"type": "function", "function": _definition(tool)} for tool in chat.tools]
    if chat.tool_choice is not None:
        body["tool_choice"] = _choice(chat.tool_choice)
    if chat.parallel_tools is not None:
        body["parallel_tool_calls"] = chat.parallel_tools


def _definition(tool: Tool) -> dict[str, object]:
    told: dict[str, object] = {"name": tool.name}
    if tool.description:
        told["description"] = tool.description
    if tool.parameters:
        told["parameters"] = tool.parameters
    if tool.strict is not None:
        told["strict"] = tool.strict
    return told


def _choice(choice: str) -> object:
    if choice in {"auto", "none"}:
        return choice
    return "required" if choice == "any" else {"type": "function", "function": {"name": choice}}


def _format(schema: Schema) -> dict[str, object]:
    if not schema.schema:
        return {"type": "json_object"}
    told: dict[str, object] = {"name": schema.name, "schema": schema.schema}
    if schema.strict is not None:
        told["strict"] = schema.strict
    return {"type": "json_schema", "json_schema": told}


def _extra(body: dict[str, object], chat: Chat, own: bool, shared: frozenset[str], dropped: list[str]) -> None:
    for name, value in chat.extra.items():
        if name in body or wire.says_nothing(value):
            continue
        if "." in name or name in wire.ADDRESSES or not (own or name in shared):
            dropped.append(name)
        else:
            body[name] = value


def _messages(chat: Chat, target: Target, dropped: list[str]) -> list[dict[str, object]]:
    quirks = target.provider.quirks
    system = "developer" if quirks.developer_role else "system"
    written: list[dict[str, object]] = []
    for message in chat.messages:
        if message.role == "tool":
            written.extend(_result(part, dropped) for part in message.parts if isinstance(part, ToolResult))
        else:
            written.append(_turn(message, system if message.role == "system" else message.role, quirks, dropped))
    return written


def _turn(message: Message, role: str, quirks: Quirks, dropped: list[str]) -> dict[str, object]:
    turn: dict[str, object] = {"role": role}
    content = _content(message, dropped)
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    thoughts = [part for part in message.parts if isinstance(part, Reasoning)]
    if calls and quirks.thoughts == "with_calls":
        turn["reasoning_content"] = "".join(part.text for part in thoughts)
    elif thoughts:
        dropped.append("messages.reasoning")
    turn["content"] = content if content or not calls else None
    if calls:
        turn["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in calls
        ]
    refusal = "".join(part.text for part in message.parts if isinstance(part, Refusal))
    if refusal:
        turn["refusal"] = refusal
    if message.name and "name" in openai_accent.of_turns(quirks):
        dropped.append("messages.name")
    elif message.name:
        turn["name"] = message.name
    return turn


def _content(message: Message, dropped: list[str]) -> str | list[dict[str, object]]:
    """One text as a string, everything else as a list of parts."""
    parts = [part for part in message.parts if isinstance(part, (Text, Image, Document))]
    if not parts:
        return ""
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text
    return [piece for part in parts if (piece := _piece(part, dropped)) is not None]


def _piece(part: Text | Image | Document, dropped: list[str]) -> dict[str, object] | None:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Image):
        image = {"url": part.url or data_url(part.media_type, part.data)}
        if part.detail:
            image["detail"] = part.detail
        return {"type": "image_url", "image_url": image}
    if not part.data:
        dropped.append("messages.document.url")
        return None
    file = {"file_data": data_url(part.media_type, part.data), "filename": part.name or "document"}
    return {"type": "file", "file": file}


def _result(result: ToolResult, dropped: list[str]) -> dict[str, object]:
    texts = [part.text for part in result.parts if isinstance(part, Text)]
    if len(texts) < len(result.parts):
        dropped.append("messages.tool_result.media")
    if result.error:
        dropped.append("messages.tool_result.is_error")
    content = texts[0] if len(texts) == 1 else [{"type": "text", "text": text} for text in texts]
    return {"role": "tool", "tool_call_id": result.id, "content": content or ""}
