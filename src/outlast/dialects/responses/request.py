"""Requests to the Responses API, from OpenAI's words into ours.

`parse` looks only at what the engine must know before it chooses a target, and checks the types of the fields that we
know; `chat` takes the whole request apart, and runs only where another dialect must be written.

What refers to something that one account keeps (an earlier answer, a conversation, a stored prompt or file) is for
targets that keep such things; what asks for a provider's own tools is for targets of this dialect.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta, Raw, Struct

from outlast.dialects import wire
from outlast.dialects.responses.input import KNOWN, PASSING, Item, Piece, messages
from outlast.model import estimate
from outlast.model.errors import Caller
from outlast.model.messages import NOTHING_SPECIAL, Chat, Message, Needs, Request, Schema, Text, Tool

_Name = Annotated[str, Meta(min_length=1)]


class _Tool(Struct):
    type: str
    name: str | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class _Choice(Struct):
    type: str
    name: str | None = None
    mode: str = "auto"
    tools: list[_Tool] | None = None


class _Format(Struct):
    type: str
    name: str = "answer"
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class _TextConfig(Struct):
    format: _Format | None = None
    verbosity: str | None = None


class _Reasoning(Struct):
    effort: str | None = None


class Ask(Struct):
    """The fields of a request that we know. All others pass through unseen."""

    model: _Name
    input: str | list[Item] | None = None
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: wire.Limit | None = None
    temperature: float | None = None
    top_p: float | None = None
    tools: list[_Tool] | None = None
    tool_choice: str | _Choice | None = None
    parallel_tool_calls: bool | None = None
    text: _TextConfig | None = None
    reasoning: _Reasoning | None = None
    user: str | None = None
    truncation: str | None = None
    previous_response_id: str | None = None
    conversation: Any = None
    prompt: Any = None
    background: bool | None = None
    stream_options: Any = None


_CARRIED = frozenset(get_type_hints(Ask))
"""Fields that have a place in `Chat`, are set anew for each target, or never cross."""

_INSIDE = {
    "reasoning": frozenset({"effort"}),
    "text": frozenset(_TextConfig.__struct_fields__),
    "tools": frozenset(_Tool.__struct_fields__),
}
_FORMAT = frozenset(_Format.__struct_fields__)
"""What we know inside of fields."""
_ALLOWED = "allowed_tools"

_ASK = msgspec.json.Decoder(Ask)
_USUAL = {"truncation": "disabled"}


def parse(body: bytes, dialect: str) -> Request:
    """The request in these bytes. Raises `Caller`."""
    ask = wire.ask(_ASK, body)
    state = _refers(ask)
    if not ask.input and not state:
        raise Caller("input is required: a text, or a list of items that is not empty")
    pieces = list(_pieces(ask.input))
    pictures = [piece for piece in pieces if piece.type == "input_image"]
    wanted = ask.text.format if ask.text is not None else None
    return Request(  # keeps the bytes alone: an open stream has its prompt in memory once, not twice
        model=ask.model,
        stream=ask.stream is True,
        dialect=dialect,
        body=body,
        tokens=estimate.of_body(body, sum(map(_inline, pictures)), len(pictures)),
        max_tokens=ask.max_output_tokens,
        needs=_needs(ask, pieces, state=state),
        json=wanted is not None and wanted.type != "text",
        read=_read,
    )


def _read(body: bytes) -> Chat:
    return chat(wire.ask(_ASK, body), body)


def _refers(ask: Ask) -> bool:
    """Does it refer to what an account keeps?"""
    if ask.previous_response_id or ask.conversation or ask.prompt or ask.background:
        return True
    items = ask.input if isinstance(ask.input, list) else []
    return any(item.type == "item_reference" for item in items) or any(piece.file_id for piece in _pieces(ask.input))


def _pieces(given: str | list[Item] | None) -> Iterator[Piece]:
    """The parts of all items, those of tools' results included."""
    for item in given if isinstance(given, list) else ():
        if isinstance(item.content, list):
            yield from item.content
        if item.type == "function_call_output" and isinstance(item.output, list):
            yield from item.pieces()


def _inline(piece: Piece) -> int:
    """Bytes of base64 that are no words."""
    return len(piece.image_url) if piece.image_url and piece.image_url.startswith("data:") else 0


def _needs(ask: Ask, pieces: list[Piece], *, state: bool) -> Needs:
    tools = ask.tools or ()
    items = ask.input if isinstance(ask.input, list) else ()
    wanted = ask.text.format if ask.text is not None else None
    needs = Needs(
        tools=bool(tools),
        vision=any(piece.type == "input_image" for piece in pieces),
        schema=wanted is not None and wanted.type == "json_schema",
        documents=any(piece.type == "input_file" for piece in pieces),
        native=any(tool.type != "function" for tool in tools)
        or any(item.type not in KNOWN and item.type not in PASSING for item in items),
        state=state,
    )
    return NOTHING_SPECIAL if needs == NOTHING_SPECIAL else needs


def chat(ask: Ask, body: bytes) -> Chat:
    """The whole request in our words. Raises `Caller`."""
    fields = wire.fields(body)
    extra = {name: wire.value(raw) for name, raw in fields.items() if name not in _CARRIED}
    for name in ("previous_response_id", "conversation", "prompt", "background", "truncation"):
        value = getattr(ask, name)
        if value and value != _USUAL.get(name):
            extra[name] = value
    if "top_logprobs" in extra:
        extra["text.top_logprobs"] = extra.pop("top_logprobs")  # no words of other dialects mean quite the same
    if ask.text is not None and ask.text.verbosity is not None:
        extra["verbosity"] = ask.text.verbosity
    _name_unknown(fields, extra)
    said = messages(ask.input, fields.get("input", Raw(b"null")), extra)
    system = (Message("system", (Text(ask.instructions),)),) if ask.instructions else ()
    return Chat(
        messages=(*system, *said),
        tools=_tools(ask, extra),
        tool_choice=_tool_choice(ask.tool_choice, extra),
        parallel_tools=ask.parallel_tool_calls,
        max_tokens=ask.max_output_tokens,
        temperature=ask.temperature,
        top_p=ask.top_p,
        schema=_schema(ask.text.format if ask.text is not None else None, extra),
        effort=ask.reasoning.effort if ask.reasoning is not None else None,
        user=ask.user,
        extra=extra,
    )


def _name_unknown(fields: dict[str, Raw], extra: dict[str, object]) -> None:
    """Name what stands inside of known fields and is not known."""
    values = {name: wire.value(fields[name]) for name in _INSIDE if name in fields}
    for name, value in values.items():
        wire.name_unknown(value, _INSIDE[name], name, extra)
    text = values.get("text")
    wire.name_unknown(text.get("format") if isinstance(text, dict) else None, _FORMAT, "text.format", extra)


def _tools(ask: Ask, extra: dict[str, object]) -> tuple[Tool, ...]:
    """The functions that may be called: where the choice allows only some, those."""
    choice = ask.tool_choice
    allowed = choice.tools if isinstance(choice, _Choice) and choice.type == _ALLOWED else None
    names = None if allowed is None else {tool.name for tool in allowed if tool.type == "function"}
    tools = []
    for tool in ask.tools or ():
        if tool.type == "function" and names is not None and tool.name not in names:
            continue
        if tool.type != "function":
            extra[f"tools.{tool.type}"] = True
        elif not tool.name:
            raise Caller("a tool of type function must have a name, beside its type and not in a field `function`")
        else:
            tools.append(Tool(tool.name, tool.description or "", tool.parameters or {}, tool.strict or None))
    return tuple(tools)


def _tool_choice(choice: str | _Choice | None, extra: dict[str, object]) -> str | None:
    if choice is None or isinstance(choice, str):
        return "any" if choice == "required" else choice
    if choice.type == "function" and choice.name:
        return choice.name
    if choice.type == _ALLOWED:
        return "any" if choice.mode == "required" else "auto"
    extra[f"tool_choice.{choice.type}"] = True
    return None


def _schema(wanted: _Format | None, extra: dict[str, object]) -> Schema | None:
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return Schema()
    if wanted.type == "json_schema":
        return Schema(wanted.schema or {}, wanted.name, wanted.strict)
    extra[f"text.format.{wanted.type}"] = True
    return None
