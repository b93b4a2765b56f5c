"""Requests to the Responses API, ready to be sent: the caller's own fields where they are of it, else written anew."""

from __future__ import annotations

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from outlast.dialects import bodies, going_on, wire
from outlast.dialects.responses.input import REDACTED, SIGNED
from outlast.dialects.responses.items import items_of
from outlast.model.messages import Chat, Request, Schema, Tool
from outlast.model.target import Target

_ENCODER = msgspec.json.Encoder()
_LEAST_TOKENS = 16
"""A lower limit is refused."""
_ITEMS = msgspec.json.Decoder(list[Raw])
_FOREIGN = (SIGNED.encode(), REDACTED.encode())

_SHARED = frozenset({
    "metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier", "store", "verbosity",
})  # fmt: skip
"""Fields without a place in `Chat` that mean the same in both of OpenAI's dialects."""


def passed_on(request: Request, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """The caller's own body for this target, and the names of what had to be taken out."""
    dropped: list[str] = []
    fields = bodies.opened(request, target, dropped)
    if not target.sampling:
        wire.take_out(fields, frozenset({"temperature", "top_p"}), dropped)
    if bodies.too_many(request, target):
        fields["max_output_tokens"] = Raw(b"%d" % target.max_output)
        dropped.append(f"max_output_tokens above {target.max_output}")
    if any(mark in request.body for mark in _FOREIGN):
        _leave_foreign(fields, dropped)
    if request.begun is not None:
        _pass_on_begun(fields, request, target, dropped)
    bodies.streamed(fields, request)
    return _ENCODER.encode(fields), tuple(dropped)


def _leave_foreign(fields: dict[str, Raw], dropped: list[str]) -> None:
    """Leave out reasoning that another vendor has signed, which this one would refuse."""
    given = bytes(fields.get("input", Raw(b"null")))
    if not given.startswith(b"["):
        return
    items = wire.ask(_ITEMS, given)
    own = [item for item in items if not _foreign(wire.value(item))]
    if len(own) < len(items):
        fields["input"] = Raw(_ENCODER.encode(own))
        dropped.append("input.reasoning")


def _foreign(item: object) -> bool:
    sealed = item.get("encrypted_content") if isinstance(item, dict) and item.get("type") == "reasoning" else None
    return isinstance(sealed, str) and sealed.startswith((SIGNED, REDACTED))


def _pass_on_begun(fields: dict[str, Raw], request: Request, target: Target, dropped: list[str]) -> None:
    """Ask for the rest of an answer; what holds it to JSON would hold the rest to a whole JSON."""
    begun, prefill = request.begun, going_on.prefills(request.begun, target)
    if begun is None:
        return
    given = bytes(fields.get("input", b""))
    if not given.startswith(b"["):
        words = given if given.startswith(b'"') else b'""'
        given = b'[{"role":"user","content":%b}]' % words
    fields["input"] = going_on.with_raw_turns(Raw(given), begun, prefill=prefill)
    if "max_output_tokens" in fields and request.max_tokens:
        fields["max_output_tokens"] = Raw(b"%d" % max(_LEAST_TOKENS, request.max_tokens))
    if prefill:
        wire.take_out(fields, frozenset({"text"}), dropped)


def written(request: Request, target: Target, own: bool) -> tuple[bytes, tuple[str, ...]]:
    """A body made from `Chat`, and the names of what these words cannot say.

    `own` says that the extra fields are the caller's for this dialect, to be written whatever they are.
    """
    chat = bodies.asked(request)
    dropped: list[str] = []
    instructions, items = items_of(chat.messages, target, dropped)
    body: dict[str, object] = {"model": target.model, "input": items}
    if instructions:
        body["instructions"] = instructions
    if request.begun is not None:
        prefill = going_on.prefills(request.begun, target)
        body["input"] = going_on.with_turns(items or [{"role": "user", "content": ""}], request.begun, prefill=prefill)
        chat = replace(chat, max_tokens=request.max_tokens, schema=None if prefill else chat.schema)
    _options(body, chat, target, dropped)
    _tools(body, chat)
    _text(body, chat)
    if request.stream:
        body["stream"] = True
    _extra(body, chat, own, dropped)
    if request.dialect != "responses":
        body.setdefault("store", False)  # who asks in another dialect expects nothing to be kept
    bodies.refuse(body, target, dropped)
    return bodies.closed(body, dropped)


def _options(body: dict[str, object], chat: Chat, target: Target, dropped: list[str]) -> None:
    limit = bodies.limit(chat, target, dropped)
    if limit and limit < _LEAST_TOKENS:
        limit = _LEAST_TOKENS
        dropped.append(f"max_tokens below {limit}")
    sampling = bodies.sampling(target, dropped, temperature=chat.temperature, top_p=chat.top_p)
    said = {"max_output_tokens": limit, **sampling, "user": chat.user}
    body.update((name, value) for name, value in said.items() if value is not None)
    if chat.effort is not None:
        if target.reasoning:
            body["reasoning"] = {"effort": chat.effort}
        else:
            dropped.append("reasoning_effort")
    if chat.stop:
        dropped.append("stop")
    if chat.seed is not None:
        dropped.append("seed")


def _tools(body: dict[str, object], chat: Chat) -> None:
    if not chat.tools:
        return
    body["tools"] = [_definition(tool) for tool in chat.tools]
    if chat.tool_choice is not None:
        body["tool_choice"] = _choice(chat.tool_choice)
    if chat.parallel_tools is not None:
        body["parallel_tool_calls"] = chat.parallel_tools


def _definition(tool: Tool) -> dict[str, object]:
    """A tool; unless it is asked for, strictness is refused: here it would be what is meant by saying nothing."""
    told: dict[str, object] = {"type": "function", "name": tool.name, "strict": tool.strict is True}
    if tool.description:
        told["description"] = tool.description
    told["parameters"] = tool.parameters or {"type": "object", "properties": {}}
    return told


def _choice(choice: str) -> object:
    if choice in {"auto", "none"}:
        return choice
    return "required" if choice == "any" else {"type": "function", "name": choice}


def _text(body: dict[str, object], chat: Chat) -> None:
    told: dict[str, object] = {}
    if chat.schema is not None:
        told["format"] = _format(chat.schema)
    if chat.extra.get("verbosity"):
        told["verbosity"] = chat.extra["verbosity"]
    if told:
        body["text"] = told


def _format(schema: Schema) -> dict[str, object]:
    if not schema.schema:
        return {"type": "json_object"}
    told: dict[str, object] = {"type": "json_schema", "name": schema.name, "schema": schema.schema}
    if schema.strict is not None:
        told["strict"] = schema.strict
    return told


def _extra(body: dict[str, object], chat: Chat, own: bool, dropped: list[str]) -> None:
    for name, value in chat.extra.items():
        if name in body or name == "verbosity" or wire.says_nothing(value):
            continue
        if "." in name or name in wire.ADDRESSES or not (own or name in _SHARED):
            dropped.append(name)
        else:
            body[name] = value
