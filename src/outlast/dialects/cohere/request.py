"""Chat requests of Cohere's second version, from its words into ours.

`parse` looks only at what the engine must know before it chooses a target, and checks the types of all known fields;
`chat` takes the whole request apart, and runs only where another dialect must be written.

Documents, beside the turns or inside one, are pieces of text that the answer may cite: for others they become words
of the user's turn. What they do not become is citations, which nobody else makes; that is named.
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


class _ImageUrl(Struct, gc=False):
    url: str
    detail: str | None = None


class _Document(Struct):
    data: str | dict[str, Any]
    id: str | None = None


class _Block(Struct):
    type: str
    text: str | None = None
    thinking: str | None = None
    image_url: _ImageUrl | None = None
    document: _Document | None = None


class _Function(Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class _Call(Struct):
    id: str = ""
    function: _Function | None = None


class _Turn(Struct):
    role: Literal["user", "assistant", "system", "tool"]
    content: str | list[_Block] | None = None
    tool_calls: list[_Call] | None = None
    tool_plan: str | None = None
    tool_call_id: str | None = None
    citations: list[Raw] | None = None


class _Definition(Struct):
    name: _Name
    description: str | None = None
    parameters: dict[str, Any] | None = None


class _Tool(Struct):
    type: str = "function"
    function: _Definition | None = None


class _Format(Struct):
    type: str
    json_schema: dict[str, Any] | None = None


class _Thinking(Struct):
    type: str
    token_budget: wire.Limit | None = None


class Ask(Struct):
    """The fields of a chat request that we know. All others pass through unseen."""

    model: _Name
    messages: Annotated[list[_Turn], Meta(min_length=1)]
    stream: bool | None = None
    tools: list[_Tool] | None = None
    strict_tools: bool | None = None
    tool_choice: Literal["REQUIRED", "NONE"] | None = None
    documents: list[str | _Document] | None = None
    response_format: _Format | None = None
    thinking: _Thinking | None = None
    max_tokens: wire.Limit | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    p: float | None = None
    k: wire.Whole | None = None
    seed: wire.Whole | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logprobs: bool | None = None


LOGPROBS = "answer.logprobs"
"""Not under its own name, which means something else in other dialects, and whose answer nobody else can give."""

_CARRIED = frozenset(get_type_hints(Ask)) - {"frequency_penalty", "presence_penalty"}
"""Fields that have a place in `Chat`, or are set anew for each target."""
_NESTED = {
    "messages": frozenset(_Turn.__struct_fields__),
    "response_format": frozenset(_Format.__struct_fields__),
    "thinking": frozenset(_Thinking.__struct_fields__),
    "tools": frozenset(_Tool.__struct_fields__),
}
_CHOICES = {"REQUIRED": "any", "NONE": "none"}
_LOW, _MEDIUM = 4096, 16384
"""Up to so many tokens of thinking are a low, and a medium, effort."""

_ASK = msgspec.json.Decoder(Ask)


def parse(body: bytes, dialect: str) -> Request:
    """The request in these bytes. Raises `Caller`."""
    ask = wire.ask(_ASK, body)
    pictures, inline = _pictures(ask.messages)
    wanted = ask.response_format
    json = wanted is not None and wanted.type == "json_object"
    return Request(  # keeps the bytes alone: an open stream has its prompt in memory once, not twice
        model=ask.model,
        stream=ask.stream is True,
        dialect=dialect,
        body=body,
        tokens=estimate.of_body(body, inline, pictures),
        max_tokens=ask.max_tokens,
        needs=_needs(ask, pictures > 0),
        json=json,
        read=_read,
    )


def _read(body: bytes) -> Chat:
    return chat(wire.ask(_ASK, body), body)


def _pictures(turns: list[_Turn]) -> tuple[int, int]:
    """How many pictures there are, and how many bytes they take inline."""
    urls = [
        block.image_url.url
        for turn in turns
        if type(turn.content) is list
        for block in turn.content
        if block.image_url is not None
    ]
    return len(urls), sum(len(url) for url in urls if url.startswith("data:"))


def _needs(ask: Ask, vision: bool) -> Needs:
    schema = ask.response_format is not None and ask.response_format.json_schema is not None
    if not (ask.tools or vision or schema):
        return NOTHING_SPECIAL
    return Needs(tools=bool(ask.tools), vision=vision, schema=schema)


def chat(ask: Ask, body: bytes) -> Chat:
    """The whole request in our words. Raises `Caller`."""
    fields = wire.fields(body)
    extra = {name: wire.value(raw) for name, raw in fields.items() if name not in _CARRIED}
    for name, known in _NESTED.items():
        if name in fields:
            wire.name_unknown(wire.value(fields[name]), known, name, extra)
    if ask.k is not None:
        extra["top_k"] = ask.k
    if ask.logprobs:
        extra[LOGPROBS] = True
    return Chat(
        messages=_messages(ask, extra),
        tools=_tools(ask, extra),
        tool_choice=_CHOICES[ask.tool_choice] if ask.tool_choice is not None else None,
        max_tokens=ask.max_tokens,
        temperature=ask.temperature,
        top_p=ask.p,
        stop=tuple(ask.stop_sequences or ()),
        seed=ask.seed,
        schema=_schema(ask.response_format, extra),
        effort=_effort(ask.thinking),
        extra=extra,
    )


def _messages(ask: Ask, extra: dict[str, object]) -> tuple[Message, ...]:
    messages = [_message(turn, extra) for turn in ask.messages]
    if not ask.documents:
        return tuple(messages)
    extra["documents.citations"] = True
    told = tuple(_cited(one if isinstance(one, _Document) else _Document(one)) for one in ask.documents)
    places = [place for place, message in enumerate(messages) if message.role == "user"]
    if not places:
        return (*messages, Message("user", told))
    last = messages[places[-1]]
    messages[places[-1]] = Message("user", (*told, *last.parts))
    return tuple(messages)


def _cited(document: _Document) -> Text:
    """A document as words that a model without citations takes for one."""
    data = document.data
    words = data if isinstance(data, str) else "\n".join(f"{key}: {_word(value)}" for key, value in data.items())
    name = f' id="{document.id}"' if document.id else ""
    return Text(f"<document{name}>\n{words}\n</document>")


def _word(value: object) -> str:
    return value if isinstance(value, str) else wire.dumps(value).decode()


def _message(turn: _Turn, extra: dict[str, object]) -> Message:
    if turn.citations:
        extra["messages.citations"] = True
    parts: list[Part] = [Reasoning(turn.tool_plan)] if turn.tool_plan else []
    if isinstance(turn.content, str):
        parts.append(Text(turn.content))
    else:
        parts.extend(part for block in turn.content or () if (part := _part(block, extra)) is not None)
    if turn.role == "tool":
        return Message("tool", (_result(turn, parts),))
    for call in turn.tool_calls or ():
        function = call.function or _Function()
        parts.append(ToolCall(call.id, function.name or "", function.arguments or "{}"))
    return Message(turn.role, tuple(parts))


def _result(turn: _Turn, parts: list[Part]) -> ToolResult:
    if not turn.tool_call_id:
        raise Caller("a message of role tool must have a tool_call_id")
    return ToolResult(turn.tool_call_id, tuple(part for part in parts if isinstance(part, (Text, Image))))


def _part(block: _Block, extra: dict[str, object]) -> Part | None:
    """The part, or None for a kind that no other dialect knows, which is then named in `extra`."""
    if block.type == "text" and block.text is not None:
        return Text(block.text)
    if block.type == "thinking" and block.thinking is not None:
        return Reasoning(block.thinking)
    if block.type == "image_url" and block.image_url is not None:
        media_type, data = split_data_url(block.image_url.url)
        url = "" if data else block.image_url.url
        return Image(url=url, data=data, media_type=media_type, detail=block.image_url.detail or "")
    if block.type == "document" and block.document is not None:
        extra["documents.citations"] = True
        return _cited(block.document)
    extra[f"messages.content.{block.type}"] = True
    return None


def _tools(ask: Ask, extra: dict[str, object]) -> tuple[Tool, ...]:
    tools = []
    for tool in ask.tools or ():
        if tool.function is None:
            extra[f"tools.{tool.type}"] = True
            continue
        function = tool.function
        tools.append(Tool(function.name, function.description or "", function.parameters or {}, ask.strict_tools))
    return tuple(tools)


def _schema(wanted: _Format | None, extra: dict[str, object]) -> Schema | None:
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return Schema(wanted.json_schema or {})
    extra[f"response_format.{wanted.type}"] = True
    return None


def _effort(thinking: _Thinking | None) -> str | None:
    if thinking is None:
        return None
    if thinking.type == "disabled":
        return "none"
    if thinking.token_budget is None:
        return None
    return "low" if thinking.token_budget <= _LOW else "medium" if thinking.token_budget <= _MEDIUM else "high"
