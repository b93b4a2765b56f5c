"""Messages requests, from Anthropic's words into ours.

`parse` looks only at what the engine must know before it chooses a target, and checks the types of all known fields;
`chat` takes the whole request apart, and runs only where another dialect must be written.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta, Raw, Struct

from outlast.dialects import wire
from outlast.model import estimate
from outlast.model.messages import (
    NOTHING_SPECIAL,
    Chat,
    Document,
    Image,
    Message,
    Needs,
    Part,
    Reasoning,
    Request,
    Schema,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)

_Name = Annotated[str, Meta(min_length=1)]


class _Source(Struct, gc=False):
    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None


class _Block(Struct):
    type: str
    text: str | None = None
    source: _Source | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = Raw()
    tool_use_id: str | None = None
    content: Raw = Raw()
    is_error: bool | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    title: str | None = None
    context: str | None = None
    citations: Raw = Raw()
    cache_control: Raw = Raw()


class _Turn(Struct):
    role: Literal["user", "assistant", "system"]
    content: str | list[_Block]


class _Tool(Struct):
    name: str
    description: str | None = None
    input_schema: Raw = Raw()
    type: str | None = None
    strict: bool | None = None
    cache_control: Raw = Raw()


class _Choice(Struct):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _Metadata(Struct):
    user_id: str | None = None


class _Thinking(Struct):
    type: str
    budget_tokens: wire.Limit | None = None


class _Format(Struct):
    type: str
    schema: Raw = Raw()


class _OutputConfig(Struct):
    effort: str | None = None
    format: _Format | None = None


class Ask(Struct):
    """The fields of a messages request that we know. All others pass through unseen."""

    model: _Name
    max_tokens: Annotated[int, Meta(ge=0, le=2**31)]
    messages: Annotated[list[_Turn], Meta(min_length=1)]
    system: str | list[_Block] | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: wire.Whole | None = None
    stop_sequences: list[str] | None = None
    tools: list[_Tool] | None = None
    tool_choice: _Choice | None = None
    metadata: _Metadata | None = None
    thinking: _Thinking | None = None
    output_config: _OutputConfig | None = None


_CARRIED = frozenset(get_type_hints(Ask)) - {"top_k"}
_NESTED = {
    "messages": frozenset(_Turn.__struct_fields__),
    "tools": frozenset(_Tool.__struct_fields__),
    "metadata": frozenset(_Metadata.__struct_fields__),
    "thinking": frozenset(_Thinking.__struct_fields__),
    "output_config": frozenset(_OutputConfig.__struct_fields__),
}
"""What we know of the fields that are objects or lists of them; what else is in them is named."""

_ASK = msgspec.json.Decoder(Ask)
_PARAMETERS = msgspec.json.Decoder(dict[str, Any])
_CONTENT = msgspec.json.Decoder(str | list[_Block] | None)
_LOW, _MEDIUM = 4096, 16384
"""Up to so many tokens of thinking are a low, and a medium, effort."""


def parse(body: bytes, dialect: str) -> Request:
    """The request in these bytes. Raises `Caller`."""
    return request_of(wire.ask(_ASK, body), body, dialect)


def request_of(ask: Ask, body: bytes, dialect: str) -> Request:
    """The request that these fields make."""
    seen = _Seen()
    for turn in ask.messages:
        if type(turn.content) is list:
            seen.look(turn.content)
    return Request(
        model=ask.model,
        stream=ask.stream is True,
        dialect=dialect,
        body=body,
        tokens=estimate.of_body(body, seen.inline, seen.pictures),
        max_tokens=ask.max_tokens,
        needs=(needs := _needs(ask, seen)),
        json=needs.schema,
        read=_read,  # an open stream has its prompt in memory once, not twice
    )


def _read(body: bytes) -> Chat:
    return chat(wire.ask(_ASK, body), body)


class _Seen:
    """Pictures and files in the blocks, those inside tool results included, and their bytes."""

    __slots__ = ("files", "inline", "pictures")

    def __init__(self) -> None:
        self.pictures = 0
        self.files = False
        self.inline = 0

    def look(self, blocks: list[_Block]) -> None:
        for block in blocks:
            if block.type == "tool_result" and bytes(block.content)[:1] == b"[":
                self.look(_inner(block))
            elif block.source is not None:
                self.pictures += block.type == "image"
                self.files = self.files or block.type == "document"
                if block.source.type == "base64" and block.type == "image":
                    self.inline += len(block.source.data or "")


def _inner(block: _Block) -> list[_Block]:
    """The blocks of a tool result."""
    if not bytes(block.content):
        return []
    content = wire.ask(_CONTENT, bytes(block.content))
    return [_Block("text", content)] if isinstance(content, str) else content or []


def _needs(ask: Ask, seen: _Seen) -> Needs:
    schema = ask.output_config is not None and ask.output_config.format is not None
    if not (ask.tools or seen.pictures or seen.files or schema):
        return NOTHING_SPECIAL
    return Needs(tools=bool(ask.tools), vision=seen.pictures > 0, schema=schema, documents=seen.files)


def chat(ask: Ask, body: bytes) -> Chat:
    """The whole request in our words. Raises `Caller`."""
    fields = wire.fields(body)
    extra = {name: wire.value(raw) for name, raw in fields.items() if name not in _CARRIED}
    for name, known in _NESTED.items():
        if name in fields:
            wire.name_unknown(wire.value(fields[name]), known, name, extra)
    messages = [*_system(ask.system, extra)]
    for turn in ask.messages:
        messages.extend(_turn(turn, extra))
    choice = ask.tool_choice
    return Chat(
        messages=tuple(messages),
        tools=_tools(ask, extra),
        tool_choice=(choice.name if choice.type == "tool" else choice.type) if choice is not None else None,
        parallel_tools=_parallel(choice),
        max_tokens=ask.max_tokens,
        temperature=ask.temperature,
        top_p=ask.top_p,
        stop=tuple(ask.stop_sequences or ()),
        schema=_schema(ask.output_config, extra),
        effort=_effort(ask, extra),
        user=ask.metadata.user_id if ask.metadata is not None else None,
        extra=extra,
    )


def _parallel(choice: _Choice | None) -> bool | None:
    if choice is None or choice.disable_parallel_tool_use is None:
        return None
    return not choice.disable_parallel_tool_use


def _schema(config: _OutputConfig | None, extra: dict[str, object]) -> Schema | None:
    if config is None or config.format is None:
        return None
    if config.format.type == "json_schema" and bytes(config.format.schema):
        return Schema(wire.ask(_PARAMETERS, bytes(config.format.schema)))
    extra[f"output_config.format.{config.format.type}"] = True
    return None


def _effort(ask: Ask, extra: dict[str, object]) -> str | None:
    if ask.output_config is not None and ask.output_config.effort is not None:
        return ask.output_config.effort
    thinking = ask.thinking
    if thinking is None:
        return None
    if thinking.type == "disabled":
        return "none"
    if thinking.budget_tokens is None:
        extra[f"thinking.{thinking.type}"] = True
        return None
    return "low" if thinking.budget_tokens <= _LOW else "medium" if thinking.budget_tokens <= _MEDIUM else "high"


def _tools(ask: Ask, extra: dict[str, object]) -> tuple[Tool, ...]:
    tools = []
    for tool in ask.tools or ():
        if tool.type not in {None, "custom"}:
            extra[f"tools.{tool.type}"] = True
            continue
        _note(tool.cache_control, "tools.cache_control", extra)
        schema = wire.ask(_PARAMETERS, bytes(tool.input_schema)) if bytes(tool.input_schema) else {}
        tools.append(Tool(tool.name, tool.description or "", schema, tool.strict))
    return tuple(tools)


def _note(raw: Raw, name: str, extra: dict[str, object]) -> None:
    """Name in `extra` what a part has beside what ours can hold."""
    if bytes(raw) not in {b"", b"null", b"[]"}:
        extra[name] = True


def _system(system: str | list[_Block] | None, extra: dict[str, object]) -> list[Message]:
    if isinstance(system, str):
        return [Message("system", (Text(system),))] if system else []
    parts = _parts(system or [], extra)
    return [Message("system", parts)] if parts else []


def _turn(turn: _Turn, extra: dict[str, object]) -> list[Message]:
    """One turn as messages of ours: each tool result is a message of its own, before what else was said."""
    if isinstance(turn.content, str):
        return [Message(turn.role, (Text(turn.content),))]
    parts = _parts(turn.content, extra)
    messages = [Message("tool", (part,)) for part in parts if isinstance(part, ToolResult)]
    rest = tuple(part for part in parts if not isinstance(part, ToolResult))
    return [*messages, Message(turn.role, rest)] if rest or not messages else messages


def _parts(blocks: list[_Block], extra: dict[str, object]) -> tuple[Part, ...]:
    parts = [_part(block, extra) for block in blocks]
    return tuple(part for part in parts if part is not None)


def _part(block: _Block, extra: dict[str, object]) -> Part | None:
    """The part, or None for a kind that no other dialect knows, which is then named in `extra`."""
    _note(block.cache_control, "messages.cache_control", extra)
    _note(block.citations, "messages.citations", extra)
    part = _MAKERS[block.type](block, extra) if block.type in _MAKERS else None
    if part is None:
        extra[f"messages.content.{block.type}"] = True
    return part


def _text(block: _Block, _: dict[str, object]) -> Part | None:
    return Text(block.text or "")


def _image(block: _Block, _: dict[str, object]) -> Part | None:
    source = block.source
    if source is None or not (source.url or source.data):
        return None
    return Image(url=source.url or "", data=source.data or "", media_type=source.media_type or "")


def _document(block: _Block, extra: dict[str, object]) -> Part | None:
    source = block.source
    if source is None or not (source.url or source.data):
        return None
    if block.context:
        extra["messages.document.context"] = True
    data = source.data or ""
    if source.type == "text":
        data = b64encode(data.encode()).decode()
    return Document(url=source.url or "", data=data, media_type=source.media_type or "", name=block.title or "")


def _thinking(block: _Block, _: dict[str, object]) -> Part | None:
    return Reasoning(block.thinking or "", block.signature or "")


def _redacted(block: _Block, _: dict[str, object]) -> Part | None:
    return Reasoning(data=block.data or "")


def _tool_use(block: _Block, _: dict[str, object]) -> Part | None:
    return ToolCall(block.id or "", block.name or "", bytes(block.input).decode() or "{}")


def _tool_result(block: _Block, extra: dict[str, object]) -> Part | None:
    parts = _parts(_inner(block), extra)
    kept = tuple(part for part in parts if isinstance(part, (Text, Image, Document)))
    return ToolResult(block.tool_use_id or "", kept, block.is_error is True)


_MAKERS = {
    "text": _text,
    "image": _image,
    "document": _document,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
}
