"""Chat completion requests, from OpenAI's words into ours.

`parse` looks only at what the engine must know before it chooses a target, and checks the types of all known fields;
`chat` takes the whole request apart, and runs only where another dialect must be written.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta, Raw, Struct

from outlast.dialects import wire
from outlast.dialects.media import split_data_url
from outlast.model import estimate
from outlast.model.errors import Caller
from outlast.model.messages import (
    NOTHING_SPECIAL,
    Chat,
    Document,
    Image,
    Message,
    Needs,
    Part,
    Reasoning,
    Refusal,
    Request,
    Role,
    Schema,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)

_Name = Annotated[str, Meta(min_length=1)]


class _ImageUrl(Struct, gc=False):
    url: str
    detail: str | None = None


class _File(Struct, gc=False):
    file_data: str | None = None
    filename: str | None = None
    file_id: str | None = None


class _Part(Struct):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: _ImageUrl | None = None
    file: _File | None = None


class _Function(Struct, gc=False):
    name: str
    arguments: str = ""


class _Call(Struct):
    id: str = ""
    function: _Function | None = None


class _Turn(Struct):
    role: Literal["developer", "system", "user", "assistant", "tool", "function"]
    content: str | list[_Part] | None = None
    name: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    function_call: _Function | None = None


class _Definition(Struct):
    name: _Name
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class _Tool(Struct):
    type: str = "function"
    function: Raw = Raw()


class _Named(Struct):
    name: str


class _Choice(Struct):
    type: str = "function"
    function: _Named | None = None
    name: str | None = None


class _JsonSchema(Struct):
    name: str = "answer"
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class _Format(Struct):
    type: str
    json_schema: Raw = Raw()


class _StreamOptions(Struct):
    include_usage: bool | None = None


class Ask(Struct):
    """The fields of a chat completion request that we know. All others pass through unseen."""

    model: _Name
    messages: Annotated[list[_Turn], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_completion_tokens: wire.Limit | None = None
    max_tokens: wire.Limit | None = None
    temperature: float | None = None
    top_p: float | None = None
    n: wire.Limit | None = None
    stop: str | list[str] | None = None
    seed: wire.Whole | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    top_logprobs: wire.Whole | None = None
    tools: list[_Tool] | None = None
    tool_choice: str | _Choice | None = None
    parallel_tool_calls: bool | None = None
    response_format: _Format | None = None
    reasoning_effort: str | None = None
    user: str | None = None
    functions: list[Raw] | None = None
    function_call: str | _Named | None = None


_CARRIED = frozenset(get_type_hints(Ask)) - {"n", "frequency_penalty", "presence_penalty", "top_logprobs"}
"""Fields that have a place in `Chat`, or are set anew for each target."""

_TURN_KEYS = frozenset(_Turn.__struct_fields__)
_PART_KEYS = frozenset(_Part.__struct_fields__) | {"input_audio"}

_ASK = msgspec.json.Decoder(Ask)
_DEFINITION = msgspec.json.Decoder(_Definition)
_SCHEMA = msgspec.json.Decoder(_JsonSchema)


def parse(body: bytes, dialect: str) -> Request:
    """The request in these bytes. Raises `Caller`."""
    ask = wire.ask(_ASK, body)
    pictures, files, inline = _media(ask.messages)
    options = ask.stream_options
    return Request(  # keeps the bytes alone: an open stream has its prompt in memory once, not twice
        model=ask.model,
        stream=ask.stream is True,
        dialect=dialect,
        body=body,
        tokens=estimate.of_body(body, inline, pictures),
        max_tokens=ask.max_completion_tokens or ask.max_tokens,
        needs=_needs(ask, pictures > 0, files),
        usage_wanted=options is not None and options.include_usage is True,
        choices=ask.n or 1,
        json=ask.response_format is not None and ask.response_format.type != "text",
        read=_read,
    )


def _read(body: bytes) -> Chat:
    return chat(wire.ask(_ASK, body), body)


def _media(turns: list[_Turn]) -> tuple[int, bool, int]:
    """How many pictures there are, whether there are files, and how many bytes they take inline."""
    pictures, files, inline = 0, False, 0
    for turn in turns:
        if type(turn.content) is not list:
            continue
        for part in turn.content:
            if part.image_url is not None:
                pictures += 1
                inline += len(part.image_url.url) if part.image_url.url.startswith("data:") else 0
            elif part.file is not None:
                files = True
    return pictures, files, inline


def _needs(ask: Ask, vision: bool, documents: bool) -> Needs:
    tools = bool(ask.tools or ask.functions)
    schema = ask.response_format is not None and ask.response_format.type == "json_schema"
    if not (tools or vision or documents or schema):
        return NOTHING_SPECIAL
    return Needs(tools=tools, vision=vision, schema=schema, documents=documents)


def chat(ask: Ask, body: bytes) -> Chat:
    """The whole request in our words. Raises `Caller`."""
    fields = wire.fields(body)
    extra = {name: wire.value(raw) for name, raw in fields.items() if name not in _CARRIED}
    _name_unknown(wire.value(fields["messages"]), extra)
    messages = tuple(_message(turn, extra) for turn in ask.messages)
    stop = ask.stop
    return Chat(
        messages=messages,
        tools=_tools(ask, extra),
        tool_choice=_tool_choice(ask, extra),
        parallel_tools=ask.parallel_tool_calls,
        max_tokens=ask.max_completion_tokens or ask.max_tokens,
        temperature=ask.temperature,
        top_p=ask.top_p,
        stop=(stop,) if isinstance(stop, str) else tuple(stop or ()),
        seed=ask.seed,
        schema=_schema(ask.response_format, extra),
        effort=ask.reasoning_effort,
        user=ask.user,
        extra=extra,
    )


def _name_unknown(turns: object, extra: dict[str, object]) -> None:
    """Name what turns and their parts have beside what we know."""
    wire.name_unknown(turns, _TURN_KEYS, "messages", extra)
    for turn in turns if isinstance(turns, list) else ():
        content = turn.get("content")
        if isinstance(content, list):
            wire.name_unknown(content, _PART_KEYS, "messages.content", extra)


_ROLES: dict[str, Role] = {
    "developer": "system", "system": "system", "user": "user", "assistant": "assistant", "tool": "tool",
    "function": "tool",
}  # fmt: skip


def _message(turn: _Turn, extra: dict[str, object]) -> Message:
    parts: list[Part] = []
    if turn.reasoning_content:
        parts.append(Reasoning(turn.reasoning_content))
    content = turn.content
    if isinstance(content, str):
        parts.append(Text(content))
    elif content is not None:
        parts.extend(part for piece in content if (part := _part(piece, extra)) is not None)
    if turn.refusal:
        parts.append(Refusal(turn.refusal))
    if turn.role in {"tool", "function"}:
        return Message("tool", (_result(turn, parts),))
    parts.extend(_calls(turn))
    return Message(_ROLES[turn.role], tuple(parts), turn.name or "")


def _result(turn: _Turn, parts: list[Part]) -> ToolResult:
    id_ = turn.tool_call_id if turn.role == "tool" else f"call_{turn.name or ''}"
    if not id_:
        raise Caller("a message of role tool must have a tool_call_id")
    return ToolResult(id_, tuple(part for part in parts if isinstance(part, (Text, Image, Document))))


def _calls(turn: _Turn) -> list[ToolCall]:
    calls = [
        ToolCall(call.id, call.function.name, call.function.arguments)
        for call in turn.tool_calls or ()
        if call.function is not None
    ]
    if turn.function_call is not None:
        calls.append(ToolCall(f"call_{turn.function_call.name}", turn.function_call.name, turn.function_call.arguments))
    return calls


def _part(piece: _Part, extra: dict[str, object]) -> Part | None:
    """The part, or None for a kind that no other dialect knows, which is then named in `extra`."""
    if piece.type == "text" and piece.text is not None:
        return Text(piece.text)
    if piece.type == "image_url" and piece.image_url is not None:
        media_type, data = split_data_url(piece.image_url.url)
        url = "" if data else piece.image_url.url
        return Image(url=url, data=data, media_type=media_type, detail=piece.image_url.detail or "")
    if piece.type == "file" and piece.file is not None and piece.file.file_data:
        media_type, data = split_data_url(piece.file.file_data)
        data = data or piece.file.file_data
        return Document(data=data, media_type=media_type or "application/pdf", name=piece.file.filename or "")
    if piece.type == "refusal" and piece.refusal is not None:
        return Refusal(piece.refusal)
    extra[f"messages.content.{piece.type}"] = True
    return None


def _tools(ask: Ask, extra: dict[str, object]) -> tuple[Tool, ...]:
    tools = []
    for tool in ask.tools or ():
        if tool.type == "function":
            tools.append(_tool(tool.function))
        else:
            extra[f"tools.{tool.type}"] = True
    tools.extend(_tool(raw) for raw in ask.functions or ())
    return tuple(tools)


def _tool(raw: Raw) -> Tool:
    if not bytes(raw):
        raise Caller("a tool of type function must have a function")
    it = wire.ask(_DEFINITION, bytes(raw))
    return Tool(it.name, it.description or "", it.parameters or {}, it.strict)


def _tool_choice(ask: Ask, extra: dict[str, object]) -> str | None:
    choice = ask.tool_choice if ask.tool_choice is not None else ask.function_call
    if choice is None:
        return None
    if isinstance(choice, str):
        return "any" if choice == "required" else choice
    if isinstance(choice, _Named):
        return choice.name
    if choice.function is not None:
        return choice.function.name
    extra[f"tool_choice.{choice.type}"] = True
    return None


def _schema(wanted: _Format | None, extra: dict[str, object]) -> Schema | None:
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return Schema()
    if wanted.type == "json_schema" and bytes(wanted.json_schema):
        it = wire.ask(_SCHEMA, bytes(wanted.json_schema))
        return Schema(it.schema or {}, it.name, it.strict)
    extra[f"response_format.{wanted.type}"] = True
    return None
